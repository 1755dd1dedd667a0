/* The server over real sockets: what a client sees. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "http/testkit.h"

#define H "Host: a\r\n"

static struct problem *hello(struct http_request *rq, struct http_response *rs)
{
    buf_addf(&rs->body, "{\"hello\":\"" STR_FMT "\"}", STR_ARG(http_path_arg(rq, "name")));
    return NULL;
}

static struct problem *echo(struct http_request *rq, struct http_response *rs)
{
    rs->status = 201;
    rs->content_type = "text/plain";
    buf_add_str(&rs->body, rq->body);
    return NULL;
}

static struct problem *loop_hello(struct http_request *rq, struct http_response *rs)
{
    buf_add_z(&rs->body, "{}");
    http_reply(rq, rs);
    return NULL;
}

static const struct http_route routes[] = {
    {HTTP_GET, "/hello/:name", hello, .lane = HTTP_FAST},
    {HTTP_POST, "/echo", echo, .lane = HTTP_FAST, .body = HTTP_BODY_JSON, .body_max = 1000},
    {HTTP_POST, "/raw", echo, .lane = HTTP_FAST, .body = HTTP_BODY_RAW, .body_max = 100000},
    {HTTP_GET, "/loop", loop_hello, .lane = HTTP_ON_LOOP},
};

static struct answer ask(const char *request)
{
    struct world w = {0};
    world_start(&w, routes, ARRAY_LEN(routes));
    struct answer a = client_once(&w, str_of(request));
    world_stop(&w);
    return a;
}

static void assert_body(const struct answer *a, const char *text)
{
    assert_string_equal(a->body.data ? a->body.data : "", text);
}

static void test_a_get_is_answered_by_its_handler(void **state)
{
    (void)state;
    struct answer a = ask("GET /hello/ana HTTP/1.1\r\n" H "X-Request-Id: r-1\r\n\r\n");
    assert_int_equal(a.status, 200);
    assert_body(&a, "{\"hello\":\"ana\"}");
    assert_true(answer_has(&a, "\r\nContent-Type: application/json\r\n"));
    assert_true(answer_has(&a, "\r\nX-Request-Id: r-1\r\n"));
    assert_true(answer_has(&a, "\r\nDate: "));
    answer_free(&a);
}

static void test_a_json_body_reaches_the_handler(void **state)
{
    (void)state;
    struct answer a = ask("POST /echo HTTP/1.1\r\n" H "Content-Type: application/json\r\n"
                          "Content-Length: 7\r\n\r\n{\"a\":1}");
    assert_int_equal(a.status, 201);
    assert_body(&a, "{\"a\":1}");
    answer_free(&a);
}

static void test_protocol_code_answers_on_the_loop(void **state)
{
    (void)state;
    struct answer a = ask("GET /loop HTTP/1.1\r\n" H "\r\n");
    assert_int_equal(a.status, 200);
    assert_body(&a, "{}");
    answer_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_get_is_answered_by_its_handler),
        cmocka_unit_test(test_a_json_body_reaches_the_handler),
        cmocka_unit_test(test_protocol_code_answers_on_the_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
