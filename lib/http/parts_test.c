/* The parts that need no socket: static files, queries and forms, response headers. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "http/internal.h"
#include "http/static.h"
#include "http/testkit.h"

#define H "Host: a\r\n"

/* ---- static files ---------------------------------------------------------------------------- */

static const struct {
    const char *name, *bytes;
} files[] = {
    {"index.html", "<html>home"},      {"app-1a2b3c4d.js", "js"}, {"service-worker.js", "sw"},
    {"docs/index.html", "<html>docs"}, {".secret", "never"},
};

static char dir[64];

static int dir_make(void **state)
{
    (void)state;
    char path[128];
    snprintf(dir, sizeof(dir), "/tmp/http-static-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof(path), "%s/docs", dir);
    mkdir(path, 0700);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, files[i].name);
        FILE *f = fopen(path, "we");
        fputs(files[i].bytes, f);
        fclose(f);
    }
    snprintf(path, sizeof(path), "%s/outside.txt", dir);
    return symlink("/etc/passwd", path);
}

static int dir_remove(void **state)
{
    (void)state;
    char path[128];
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, files[i].name);
        unlink(path);
    }
    snprintf(path, sizeof(path), "%s/outside.txt", dir);
    unlink(path);
    snprintf(path, sizeof(path), "%s/docs", dir);
    rmdir(path);
    return rmdir(dir);
}

static struct problem *api(struct http_request *rq, struct http_response *rs)
{
    (void)rq;
    buf_add_z(&rs->body, "{}");
    return NULL;
}

static const struct http_route routes[] = {
    {HTTP_GET, "/api/v1/thing", api, .lane = HTTP_FAST},
};

static void static_world(struct world *w)
{
    w->static_dir = dir;
    world_start(w, routes, ARRAY_LEN(routes));
}

static void test_static_files_and_the_index_for_unknown_pages(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        int status;
        const char *has, *body;
    } cases[] = {
        {"GET / HTTP/1.1\r\n" H "\r\n", 200, "Content-Type: text/html; charset=utf-8\r\n",
         "<html>home"},
        {"GET /docs HTTP/1.1\r\n" H "\r\n", 200, "Cache-Control: no-cache\r\n", "<html>docs"},
        {"GET /docs/ HTTP/1.1\r\n" H "\r\n", 200, "ETag: \"", "<html>docs"},
        {"GET /app-1a2b3c4d.js HTTP/1.1\r\n" H "\r\n", 200,
         "Cache-Control: public, max-age=31536000, immutable\r\n", "js"},
        {"GET /service-worker.js HTTP/1.1\r\n" H "\r\n", 200, "Cache-Control: no-cache\r\n", "sw"},
        {"GET /alerts/7?x=1 HTTP/1.1\r\n" H "\r\n", 200, "text/html", "<html>home"},
        {"GET /gone.js HTTP/1.1\r\n" H "\r\n", 404, "problem+json", NULL},
        {"GET /.secret HTTP/1.1\r\n" H "\r\n", 404, "problem+json", NULL},
        {"GET /outside.txt HTTP/1.1\r\n" H "\r\n", 404, "problem+json", NULL},
        {"GET /api/v1/nothing HTTP/1.1\r\n" H "\r\n", 404, "problem+json", NULL},
        {"GET /api/v1/thing HTTP/1.1\r\n" H "\r\n", 200, "application/json", "{}"},
        {"POST /index.html HTTP/1.1\r\n" H "\r\n", 405, "Allow: GET, HEAD, OPTIONS\r\n", NULL},
    };
    struct world w = {0};
    static_world(&w);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct answer a = client_once(&w, str_of(cases[i].request));
        assert_int_equal(a.status, cases[i].status);
        assert_true(answer_has(&a, cases[i].has));
        if (cases[i].body)
            assert_string_equal(a.body.data, cases[i].body);
        answer_free(&a);
    }
    world_stop(&w);
}

static void test_an_unchanged_file_is_304(void **state)
{
    (void)state;
    struct world w = {0};
    static_world(&w);
    struct answer a = client_once(&w, STR("GET / HTTP/1.1\r\n" H "\r\n"));
    const char *etag = strstr(a.head.data, "ETag: ") + 6;
    struct buf request = {0};
    buf_addf(&request, "GET / HTTP/1.1\r\n" H "If-None-Match: \"x\", %.34s\r\n\r\n", etag);
    answer_free(&a);
    a = client_once(&w, buf_str(&request));
    assert_int_equal(a.status, 304);
    assert_int_equal(a.rest.len, 0);
    answer_free(&a);
    buf_free(&request);
    world_stop(&w);
}

/* ---- queries and forms ----------------------------------------------------------------------- */

static void test_query_values_are_decoded_once(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1 << 16);
    struct http_request rq = {.arena = arena, .query = STR("a=1%2B1+x&&empty=&bare&n%61me=v")};
    assert_string_equal(http_query_get(&rq, "a").p, "1+1 x");
    assert_string_equal(http_query_get(&rq, "name").p, "v");
    assert_int_equal(http_query_get(&rq, "empty").n, 0);
    assert_non_null(http_query_get(&rq, "empty").p);
    assert_non_null(http_query_get(&rq, "bare").p);
    assert_null(http_query_get(&rq, "absent").p);
    arena_free(&arena);
}

static void test_unknown_and_double_query_parameters_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"limit", "cursor", NULL};
    struct arena *arena = arena_new(1 << 16);
    struct http_request rq = {.arena = arena, .query = STR("limit=1&cursor=x")};
    assert_null(http_query_check(&rq, names));
    rq.query = STR("limit=1&lim%69t=2");
    assert_int_equal(http_query_check(&rq, names)->kind, PROBLEM_BAD_REQUEST);
    rq.query = STR("limits=1");
    assert_int_equal(http_query_check(&rq, names)->kind, PROBLEM_BAD_REQUEST);
    rq.query = STR_NONE;
    assert_null(http_query_check(&rq, names));
    arena_free(&arena);
}

static void test_form_values_are_decoded_and_wrong_ones_refused(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1 << 16);
    struct http_request rq = {.arena = arena, .body = STR("From=%2B1555&Body=s%C3%AD+1")};
    struct str value;
    assert_null(http_form_get(&rq, "From", &value));
    assert_string_equal(value.p, "+1555");
    assert_null(http_form_get(&rq, "Body", &value));
    assert_string_equal(value.p, "s\xc3\xad 1");
    assert_null(http_form_get(&rq, "To", &value));
    assert_null(value.p);
    static const char *const wrong[] = {"a=%zz", "a=%ff", "From=1&From=2"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        rq.body = str_of(wrong[i]);
        assert_non_null(http_form_get(&rq, "From", &value));
    }
    arena_free(&arena);
}

/* ---- response headers ------------------------------------------------------------------------ */

static void test_setting_a_header_again_replaces_it_and_cookies_are_added(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1 << 16);
    struct http_response rs = {.arena = arena};
    http_header_set(&rs, "ETag", "\"%d\"", 1);
    http_header_set(&rs, "etag", "\"%d\"", 2);
    http_header_set(&rs, "Set-Cookie", "a=1");
    http_header_set(&rs, "Set-Cookie", "b=2");
    http_header_set(&rs, "Content-Type", "text/csv");
    assert_int_equal(rs.header_count, 3);
    assert_string_equal(rs.headers[0].value.p, "\"2\"");
    assert_string_equal(rs.content_type, "text/csv");
    arena_free(&arena);
}

static bool short_id(struct str id)
{
    return id.n < 4;
}

static const char *id_of(struct http_request *rq, const char *sent)
{
    static const struct http_config config = {.id_allowed = short_id};
    struct http_header header = {STR("x-request-id"), str_of(sent)};
    struct http_head head = {.headers = &header, .header_count = 1};
    http_request_fill(rq, &head, "127.0.0.1", &config);
    return rq->id;
}

static void test_a_request_id_the_application_does_not_allow_is_replaced(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1 << 16);
    struct http_request rq = {.arena = arena};
    assert_string_equal(id_of(&rq, "abc"), "abc");
    assert_string_not_equal(id_of(&rq, "abcd"), "abcd");
    assert_int_equal(strlen(rq.id), 36);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_static_files_and_the_index_for_unknown_pages, dir_make,
                                        dir_remove),
        cmocka_unit_test_setup_teardown(test_an_unchanged_file_is_304, dir_make, dir_remove),
        cmocka_unit_test(test_query_values_are_decoded_once),
        cmocka_unit_test(test_unknown_and_double_query_parameters_are_refused),
        cmocka_unit_test(test_form_values_are_decoded_and_wrong_ones_refused),
        cmocka_unit_test(test_setting_a_header_again_replaces_it_and_cookies_are_added),
        cmocka_unit_test(test_a_request_id_the_application_does_not_allow_is_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
