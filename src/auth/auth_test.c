/* Tokens verified by many threads at once: each gets the claims of its own token, whatever the
 * caches and the key set do meanwhile. The issuer is a socket in this process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cjose/cjose.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/app.h"
#include "auth/auth_internal.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "json/json_in.h"

enum { TOKENS = 12, THREADS = 6, ROUNDS = 150 };

static cjose_jwk_t *key;
static char *public_key;
static struct auth *auth;
static struct uuid users[TOKENS];
static char tokens[TOKENS][2048];
static char stranger[2048]; /* well signed, its kid unknown to the issuer */

/* ---- the issuer -------------------------------------------------------------------------------*/

static int listener;
static pthread_t issuer;
static _Atomic int answers, asked, held; /* while held, whoever asks gets no answer */

static void *issuer_main(void *arg)
{
    (void)arg;
    for (int fd; (fd = accept(listener, NULL, NULL)) >= 0; close(fd)) {
        char request[4096], head[128];
        if (read(fd, request, sizeof(request)) <= 0)
            continue;
        atomic_fetch_add(&asked, 1);
        while (atomic_load(&held))
            usleep(1000);
        CLEANUP(buf_free) struct buf body = BUF_MAX(8192);
        buf_addf(&body, "{\"keys\":[%s]}", public_key);
        int n = snprintf(head, sizeof(head),
                         "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
                         body.len);
        atomic_fetch_add(&answers, 1);
        if (write(fd, head, (size_t)n) < 0 || write(fd, body.data, body.len) < 0)
            continue;
    }
    return NULL;
}

static unsigned issuer_start(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(at);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&at, n), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &n), 0);
    assert_int_equal(pthread_create(&issuer, NULL, issuer_main, NULL), 0);
    return ntohs(at.sin_port);
}

/* ---- tokens -----------------------------------------------------------------------------------*/

static void token_make(const char *kid, struct uuid user, char out[2048])
{
    cjose_err error;
    CLEANUP(buf_free) struct buf claims = BUF_MAX(1024);
    buf_addf(&claims,
             "{\"iss\":\"https://issuer\",\"aud\":\"api\",\"sub\":\"u\",\"role\":\"DOCTOR\","
             "\"exp\":%lld,\"user_id\":\"%s\",\"clinic_id\":\"%s\"}",
             (long long)(clock_wall_us() / 1000000 + 600), uuid_z(user), uuid_z(user));
    cjose_header_t *header = cjose_header_new(&error);
    assert_true(cjose_header_set(header, CJOSE_HDR_ALG, CJOSE_HDR_ALG_RS256, &error));
    assert_true(cjose_header_set(header, CJOSE_HDR_KID, kid, &error));
    cjose_jws_t *jws =
        cjose_jws_sign(key, header, (const uint8_t *)claims.data, claims.len, &error);
    const char *compact;
    assert_non_null(jws);
    assert_true(cjose_jws_export(jws, &compact, &error));
    snprintf(out, 2048, "%s", compact);
    cjose_jws_release(jws);
    cjose_header_release(header);
}

static int setup(void **state)
{
    (void)state;
    cjose_err error;
    const uint8_t exponent[] = {1, 0, 1};
    char url[64];
    key = cjose_jwk_create_RSA_random(2048, exponent, sizeof(exponent), &error);
    assert_non_null(key);
    assert_true(cjose_jwk_set_kid(key, "known", 5, &error));
    public_key = cjose_jwk_to_json(key, false, &error);
    assert_non_null(public_key);
    for (size_t i = 0; i < TOKENS; i++) {
        users[i] = uuid_v7();
        token_make("known", users[i], tokens[i]);
    }
    token_make("unknown", users[0], stranger);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/", issuer_start());
    setenv("NEXACORE_JWT_ISSUER", "https://issuer", 1);
    setenv("NEXACORE_JWT_AUDIENCE", "api", 1);
    setenv("NEXACORE_JWT_JWKS_URL", url, 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    shutdown(listener, SHUT_RDWR);
    pthread_join(issuer, NULL);
    close(listener);
    free(public_key);
    cjose_jwk_release(key);
    return 0;
}

static struct conf *conf;

static int fresh_auth(void **state)
{
    (void)state;
    static struct app app;
    atomic_store(&answers, 0);
    atomic_store(&asked, 0);
    atomic_store(&held, 0);
    assert_null(conf_load(app_settings, app_settings_count, 0, &conf));
    app.conf = conf;
    return auth_new(&app, &auth) != NULL;
}

static int drop_auth(void **state)
{
    (void)state;
    auth_free(&auth);
    conf_free(&conf);
    return 0;
}

/* ---- tests ------------------------------------------------------------------------------------*/

static bool verify(const char *token, struct auth_claims *ret)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(1 << 20);
    return auth_token_verify(auth, arena, str_of(token), AUTH_ASK, ret) == NULL;
}

/* Counts what was wrong: asserts of cmocka belong to the main thread. */
static void *verify_many(void *arg)
{
    size_t wrong = 0, at = (size_t)(uintptr_t)arg;
    for (size_t i = 0; i < ROUNDS; i++) {
        struct auth_claims claims;
        at = (at * 5 + 7) % TOKENS;
        wrong += !verify(tokens[at], &claims) || !uuid_eq(claims.user_id, users[at]);
        wrong += i % 16 == 0 && verify(stranger, &claims);
    }
    return (void *)(uintptr_t)wrong;
}

static void
test_each_thread_gets_the_claims_of_its_token_and_the_keys_are_fetched_once(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, verify_many, (void *)(uintptr_t)i), 0);
    for (size_t i = 0; i < THREADS; i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        assert_int_equal((uintptr_t)wrong, 0);
    }
    assert_int_equal(answers, 1);
}

/* Two tokens of one slot take turns; neither gets the other's claims. */
static void test_tokens_of_the_same_slot_are_told_apart(void **state)
{
    (void)state;
    uint8_t digest[SHA256_LEN];
    struct auth_claims claims;
    assert_true(verify(tokens[0], &claims));
    assert_true(verify(tokens[0], &claims)); /* now it is kept */
    sha256(str_of(tokens[0]), digest);
    uint32_t at;
    memcpy(&at, digest, sizeof(at));
    struct token_slot *slot = &auth->tokens[at & (TOKEN_SLOTS - 1)];
    assert_memory_equal(slot->digest, digest, SHA256_LEN);
    slot->digest[SHA256_LEN - 1] ^= 1; /* as another token would have it */
    slot->claims.user_id = users[1];
    assert_true(verify(tokens[0], &claims));
    assert_true(uuid_eq(claims.user_id, users[0]));
}

static void *verify_first(void *arg)
{
    struct auth_claims claims;
    return (void *)(uintptr_t)verify(arg, &claims);
}

static void test_while_the_keys_are_fetched_others_wait_only_for_a_missing_key(void **state)
{
    (void)state;
    pthread_t one, two;
    void *first, *second;
    atomic_store(&held, 1);
    assert_int_equal(pthread_create(&one, NULL, verify_first, tokens[1]), 0);
    assert_int_equal(pthread_create(&two, NULL, verify_first, tokens[2]), 0);
    for (int i = 0; i < 60000 && atomic_load(&asked) == 0; i++)
        usleep(1000);
    assert_int_equal(atomic_load(&asked), 1);
    usleep(100000); /* the second one has come too */
    /* Every request asks for this; waiting for the keys, it would find them: generation 1. */
    assert_int_equal(jwks_generation(auth->jwks), 0);
    atomic_store(&held, 0);
    pthread_join(one, &first);
    pthread_join(two, &second);
    assert_true(first && second); /* the second waited for the same fetch */
    assert_int_equal(answers, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_each_thread_gets_the_claims_of_its_token_and_the_keys_are_fetched_once, fresh_auth,
            drop_auth),
        cmocka_unit_test_setup_teardown(test_tokens_of_the_same_slot_are_told_apart, fresh_auth,
                                        drop_auth),
        cmocka_unit_test_setup_teardown(
            test_while_the_keys_are_fetched_others_wait_only_for_a_missing_key, fresh_auth,
            drop_auth),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
