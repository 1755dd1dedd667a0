/* Shared by the files of src/auth only. */
#ifndef NEXACORE_AUTH_INTERNAL_H
#define NEXACORE_AUTH_INTERNAL_H

#include <pthread.h>

#include "auth/auth.h"
#include "auth/jwks.h"
#include "base/crypt.h"

enum { TOKEN_SLOTS = 4096, USER_SLOTS = 4096, USER_TTL_US = 4000000, LEEWAY_S = 60 };

/* Verified tokens by SHA-256, one slot a hash: a newcomer takes the place of what was there. */
struct token_slot {
    uint8_t digest[SHA256_LEN];
    unsigned generation; /* of the key set it was verified with; 0: empty */
    struct auth_claims claims;
};

/* Users found active a moment ago, by digest of all that was compared. */
struct user_slot {
    uint8_t digest[SHA256_LEN];
    int64_t until_us; /* monotonic; 0: empty */
};

struct auth {
    struct jwks *jwks;
    const char *issuer;
    const char *audience;
    const char *claim_prefix; /* NULL: none */
    pthread_mutex_t lock;
    struct token_slot *tokens;
    struct user_slot *users;
};

/* Everything about a token without the caches. */
struct problem *auth_token_read(struct auth *auth, struct arena *arena, struct str token,
                                enum auth_patience patience, struct auth_claims *ret);

#endif
