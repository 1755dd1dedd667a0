/* Keys by kid over cjose. One mutex guards the set: a verification takes 30 us and its result is
 * cached by the caller, so nobody queues here for long. The issuer is asked without the mutex, by
 * one thread: tokens with an unknown key wait for its answer only while there is no set at all.
 * With one they are refused at once, or a hanging issuer and a few made-up tokens would park every
 * lane. Who asks from outside the lanes may wait always, or never (AUTH_WAIT, AUTH_NOW). */
#include "auth/jwks.h"

#include <cjose/cjose.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "fetch/fetch.h"
#include "json/json_in.h"

enum { KEYS_MAX = 32, KID_MAX = 256, REFRESH_PAUSE_US = 5000000 };

struct verify_key {
    char kid[KID_MAX];
    cjose_jwk_t *jwk;
    bool rsa; /* else EC P-256 */
};

struct jwks {
    pthread_mutex_t lock;
    const char *url;
    struct verify_key keys[KEYS_MAX];
    size_t count;
    bool fetched;
    bool asking;          /* one thread asks the issuer */
    pthread_cond_t asked; /* it has its answer */
    int64_t tried_us;     /* last fetch, monotonic */
    unsigned generation;
};

struct jwks *jwks_new(const char *url)
{
    struct jwks *set = mem_new(struct jwks);
    pthread_mutex_init(&set->lock, NULL);
    pthread_cond_init(&set->asked, NULL);
    set->url = url;
    return set;
}

static void keys_release(struct verify_key *keys, size_t count)
{
    for (size_t i = 0; i < count; i++)
        cjose_jwk_release(keys[i].jwk);
}

void jwks_free(struct jwks **set)
{
    if (!*set)
        return;
    keys_release((*set)->keys, (*set)->count);
    pthread_cond_destroy(&(*set)->asked);
    pthread_mutex_destroy(&(*set)->lock);
    free(*set);
    *set = NULL;
}

unsigned jwks_generation(struct jwks *set)
{
    pthread_mutex_lock(&set->lock);
    unsigned generation = set->generation;
    pthread_mutex_unlock(&set->lock);
    return generation;
}

static bool text_is(const json_t *object, const char *key, const char *want)
{
    const char *have = json_string_value(json_object_get(object, key));
    return have && strcmp(have, want) == 0;
}

/* Signing keys of the two algorithms we speak; anything else in the set is passed over. */
static bool key_read(const json_t *entry, struct verify_key *ret)
{
    const char *kid = json_string_value(json_object_get(entry, "kid"));
    bool rsa = text_is(entry, "kty", "RSA");
    bool ec = text_is(entry, "kty", "EC") && text_is(entry, "crv", "P-256");
    if (!kid || strlen(kid) >= KID_MAX || (!rsa && !ec))
        return false;
    if (json_object_get(entry, "use") && !text_is(entry, "use", "sig"))
        return false;
    char *text = json_dumps(entry, JSON_COMPACT);
    cjose_err error;
    cjose_jwk_t *jwk = text ? cjose_jwk_import(text, strlen(text), &error) : NULL;
    free(text);
    if (!jwk || (rsa && cjose_jwk_get_keysize(jwk, &error) < 2048)) {
        cjose_jwk_release(jwk);
        return false;
    }
    memcpy(ret->kid, kid, strlen(kid) + 1);
    ret->jwk = jwk;
    ret->rsa = rsa;
    return true;
}

/* What the issuer says now; false when it says nothing usable. */
static bool keys_fetch(const struct jwks *set, struct arena *arena,
                       struct verify_key fresh[KEYS_MAX], size_t *ret_count)
{
    struct fetch_request rq = {
        .method = "GET", .url = set->url, .timeout_ms = 3000, .answer_max = 256 * 1024};
    struct fetch_answer answer;
    const char *why = "";
    if (fetch(arena, &rq, &answer, &why) != FETCH_ANSWERED || answer.status != 200) {
        log_warn("the identity provider's keys could not be fetched: %s", why);
        return false;
    }
    CLEANUP(json_done) json_t *root = NULL;
    if (json_read(arena, answer.body, &root) || !json_is_array(json_object_get(root, "keys"))) {
        log_warn("the identity provider's key set is not a JWKS");
        return false;
    }
    size_t i;
    json_t *entry;
    *ret_count = 0;
    json_array_foreach (json_object_get(root, "keys"), i, entry)
        if (*ret_count < KEYS_MAX && key_read(entry, &fresh[*ret_count]))
            (*ret_count)++;
    return true;
}

/* Replaces the set by what the issuer says now; a failure leaves it as it is. Called and left with
 * the mutex held, which is free meanwhile. */
static void refresh(struct jwks *set, struct arena *arena)
{
    struct verify_key fresh[KEYS_MAX] = {0};
    size_t count = 0;
    set->tried_us = clock_mono_us();
    set->asking = true;
    pthread_mutex_unlock(&set->lock);
    bool got = keys_fetch(set, arena, fresh, &count);
    pthread_mutex_lock(&set->lock);
    set->asking = false;
    pthread_cond_broadcast(&set->asked);
    if (!got)
        return;
    keys_release(set->keys, set->count);
    memcpy(set->keys, fresh, sizeof(fresh));
    set->count = count;
    set->fetched = true;
    set->generation++;
}

static const struct verify_key *find(const struct jwks *set, struct str kid, bool rsa)
{
    for (size_t i = 0; i < set->count; i++)
        if (set->keys[i].rsa == rsa && str_eq(str_of(set->keys[i].kid), kid))
            return &set->keys[i];
    return NULL;
}

static bool signature_right(struct str token, const struct verify_key *key)
{
    cjose_err error;
    cjose_jws_t *jws = cjose_jws_import(token.p, token.n, &error);
    if (!jws)
        return false;
    bool right = cjose_jws_verify(jws, key->jwk, &error);
    cjose_jws_release(jws);
    return right;
}

static struct problem *verify_locked(struct jwks *set, struct arena *arena, struct str token,
                                     struct str kid, bool rsa, enum auth_patience patience)
{
    const struct verify_key *key = find(set, kid, rsa);
    while (!key && set->asking && patience != AUTH_NOW &&
           (patience == AUTH_WAIT || !set->fetched)) {
        pthread_cond_wait(&set->asked, &set->lock);
        key = find(set, kid, rsa);
    }
    bool due = set->tried_us == 0 || clock_mono_us() - set->tried_us > REFRESH_PAUSE_US;
    bool later = !key && patience == AUTH_NOW && (set->asking || due);
    if (!key && due && !set->asking && !later) {
        refresh(set, arena);
        key = find(set, kid, rsa);
    }
    if (later || (!key && !set->fetched)) {
        struct problem *p =
            problem_new(arena, PROBLEM_UNAVAILABLE, "the identity provider does not answer");
        p->retry_after_s = 5;
        return p;
    }
    if (!key)
        return problem_new(arena, PROBLEM_UNAUTHENTICATED, "the token's key is not known");
    if (!signature_right(token, key))
        return problem_new(arena, PROBLEM_UNAUTHENTICATED, "the token's signature is wrong");
    return NULL;
}

struct problem *jwks_verify(struct jwks *set, struct arena *arena, struct str token, struct str kid,
                            struct str alg, enum auth_patience patience)
{
    bool rsa = str_eq(alg, STR("RS256"));
    if (!rsa && !str_eq(alg, STR("ES256")))
        return problem_new(arena, PROBLEM_UNAUTHENTICATED, "the token's algorithm is not accepted");
    pthread_mutex_lock(&set->lock);
    struct problem *p = verify_locked(set, arena, token, kid, rsa, patience);
    pthread_mutex_unlock(&set->lock);
    return p;
}
