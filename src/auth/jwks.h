/* The issuer's signing keys (RFC 7517), fetched, cached and used to check one signature. */
#ifndef NEXACORE_AUTH_JWKS_H
#define NEXACORE_AUTH_JWKS_H

#include "auth/auth.h"

struct jwks;

/* `url` is borrowed for the life of the set. Fetches nothing yet. */
struct jwks *jwks_new(const char *url);
void jwks_free(struct jwks **set);

/* Checks a compact JWS (RFC 7515) by the key `kid` and `alg` ("RS256" or "ES256") its header named.
 * An unknown kid fetches the set once, at most every 5 s; a fetch that fails keeps the old set.
 * Thread safe; waits for the fetch (3 s) as `patience` says. PROBLEM_UNAUTHENTICATED, or
 * PROBLEM_UNAVAILABLE: no set was ever fetched, or AUTH_NOW and it has to be fetched first. */
struct problem *jwks_verify(struct jwks *set, struct arena *arena, struct str token, struct str kid,
                            struct str alg, enum auth_patience patience);

/* Grows by one whenever the set changes: caches of verified tokens are dropped then. */
unsigned jwks_generation(struct jwks *set);

#endif
