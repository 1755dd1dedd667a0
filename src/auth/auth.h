/* Who is calling: bearer token -> verified claims -> active user -> struct ctx (SPEC 1). */
#ifndef NEXACORE_AUTH_H
#define NEXACORE_AUTH_H

#include "http/http.h"
#include "tenancy/ctx.h"

/* Route flags of the application. */
enum {
    ROUTE_PUBLIC = 1,       /* no token: provider webhooks, openapi */
    ROUTE_NEEDS_CLINIC = 2, /* CORPORATE_ADMIN must name one with X-Clinic-Id, else 400 */
    ROUTE_PHI_READ = 4,     /* its read event must be durable before the response leaves */
};

/* The http_config.before hook: token, user, role, X-Clinic-Id; sets rq->user to a struct ctx. */
struct problem *auth_before(struct http_request *rq, struct http_response *rs);

/* The context auth_before made, with the connection of the lane thread that asks: an upload is
 * admitted on one lane and handled on another, and a connection belongs to one thread. */
static inline struct ctx *ctx_of(struct http_request *rq)
{
    struct ctx *cx = rq->user;
    const struct lane *lane = rq->lane;
    if (cx && lane)
        cx->db = lane->db;
    return cx;
}

struct auth; /* JWKS, caches; one a process, thread safe */

struct auth_claims {
    struct uuid clinic_id, user_id;
    enum role role;
    char subject[256]; /* users.auth_id */
    char session[64];
    int64_t expires_us; /* wall, as the token says: requests have 60 s of leeway, sockets none */
};

/* Reads the settings; the first token fetches the keys, so this works while the issuer is down. */
struct problem *auth_new(struct app *app, struct auth **ret);
void auth_free(struct auth **auth);

/* What to do about a token whose key is not in memory. */
enum auth_patience {
    AUTH_ASK, /* ask the issuer when that is due (3 s at most); while another thread does, wait only
                 if there are no keys at all: for lanes, which must not all be parked */
    AUTH_WAIT, /* the same, and wait for another's answer too */
    AUTH_NOW,  /* wait for nobody: PROBLEM_UNAVAILABLE says to try again with AUTH_WAIT, aside */
};

/* Verifies signature, issuer, audience, times and claims of a compact JWS (no database). Not on the
 * loop. PROBLEM_UNAUTHENTICATED, or PROBLEM_UNAVAILABLE while its key cannot be asked for. */
struct problem *auth_token_verify(struct auth *auth, struct arena *arena, struct str token,
                                  enum auth_patience patience, struct auth_claims *ret);

/* The users row must match the claims, be active, and its clinic active; cached at most 4 s. */
struct problem *auth_user_check(struct auth *auth, struct arena *arena, struct pg_conn *db,
                                const struct auth_claims *claims);

#endif
