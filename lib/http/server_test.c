/* The server over real sockets: what a client sees of routing, lanes, hooks and the loop. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <sys/socket.h>
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

static struct problem *slow(struct http_request *rq, struct http_response *rs)
{
    usleep(50000);
    return hello(rq, rs);
}

static struct problem *echo(struct http_request *rq, struct http_response *rs)
{
    rs->status = 201;
    rs->content_type = "text/plain";
    buf_add_str(&rs->body, rq->body);
    return NULL;
}

static struct problem *peer(struct http_request *rq, struct http_response *rs)
{
    buf_add_str(&rs->body, rq->peer);
    return NULL;
}

static struct problem *broken(struct http_request *rq, struct http_response *rs)
{
    (void)rs;
    return problem_cause(problem_new(rq->arena, PROBLEM_UNAVAILABLE, "the store is down"), "EIO");
}

static struct problem *by_id(struct http_request *rq, struct http_response *rs)
{
    struct uuid id;
    TRY(http_path_uuid(rq, "id", &id));
    buf_addf(&rs->body, "\"%s\"", uuid_z(id));
    return NULL;
}

static struct problem *large(struct http_request *rq, struct http_response *rs)
{
    (void)rq;
    char *room = buf_room(&rs->body, 8 << 20);
    memset(room, 'x', 8 << 20);
    rs->body.len = 8 << 20;
    return NULL;
}

static struct problem *too_much(struct http_request *rq, struct http_response *rs)
{
    (void)rq;
    static const char block[1 << 20];
    while (!rs->body.overflowed)
        buf_add(&rs->body, block, sizeof(block));
    return NULL;
}

/* Twelve pieces of 100,000 bytes. */
static bool pieces(struct http_request *rq, struct buf *out, void *state)
{
    (void)rq;
    unsigned *n = state;
    for (int i = 0; i < 1000; i++)
        buf_addf(out, "%08u %90s\n", *n, "row");
    return ++*n < 12;
}

static struct problem *streamed(struct http_request *rq, struct http_response *rs)
{
    rs->content_type = "text/csv";
    rs->stream = pieces;
    rs->stream_state = arena_make(rq->arena, unsigned);
    return NULL;
}

static struct problem *loop_hello(struct http_request *rq, struct http_response *rs)
{
    buf_add_z(&rs->body, "{\"on\":\"loop\"}");
    http_reply(rq, rs);
    return NULL;
}

static const struct http_route routes[] = {
    {HTTP_GET, "/hello/:name", hello, .lane = HTTP_FAST},
    {HTTP_GET, "/hello/world", echo, .lane = HTTP_FAST},
    {HTTP_GET, "/slow/:name", slow, .lane = HTTP_FAST},
    {HTTP_POST, "/json", echo, .lane = HTTP_FAST, .body = HTTP_BODY_JSON, .body_max = 1000},
    {HTTP_PUT, "/json", echo, .lane = HTTP_FAST, .body = HTTP_BODY_JSON},
    {HTTP_POST, "/form", echo, .lane = HTTP_FAST, .body = HTTP_BODY_FORM},
    {HTTP_POST, "/raw", echo, .lane = HTTP_FAST, .body = HTTP_BODY_RAW, .body_max = 100000},
    {HTTP_GET, "/peer", peer, .lane = HTTP_FAST},
    {HTTP_GET, "/broken", broken, .lane = HTTP_FAST},
    {HTTP_GET, "/id/:id", by_id, .lane = HTTP_FAST},
    {HTTP_GET, "/large", large, .lane = HTTP_SLOW},
    {HTTP_GET, "/too-much", too_much, .lane = HTTP_SLOW},
    {HTTP_GET, "/streamed", streamed, .lane = HTTP_SLOW},
    {HTTP_GET, "/loop", loop_hello, .lane = HTTP_ON_LOOP},
};

/* A server of its own for each test: `world` is what it needs set. */
static struct answer ask_of(struct world *w, const char *request)
{
    world_start(w, routes, ARRAY_LEN(routes));
    struct answer a = client_once(w, str_of(request));
    world_stop(w);
    return a;
}

static struct answer ask(const char *request)
{
    struct world w = {0};
    return ask_of(&w, request);
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
    assert_false(answer_has(&a, "\r\nConnection:"));
    answer_free(&a);
}

static void test_bodies_reach_the_handler(void **state)
{
    (void)state;
    static const char *const requests[] = {
        "POST /json HTTP/1.1\r\n" H "Content-Type: application/json; charset=utf-8\r\n"
        "Content-Length: 7\r\n\r\n{\"a\":1}",
        "POST /form HTTP/1.1\r\n" H "Content-Type: application/x-www-form-urlencoded\r\n"
        "Content-Length: 7\r\n\r\n{\"a\":1}",
        "POST /raw HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
        "3\r\n{\"a\r\n4\r\n\":1}\r\n0\r\n\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        struct answer a = ask(requests[i]);
        assert_int_equal(a.status, 201);
        assert_body(&a, "{\"a\":1}");
        answer_free(&a);
    }
}

static void test_one_connection_serves_many_requests(void **state)
{
    (void)state;
    struct world w = {0};
    world_start(&w, routes, ARRAY_LEN(routes));
    int fd = client_open(&w);
    for (int i = 0; i < 20; i++) {
        client_send_z(fd, i % 2 ? "GET /hello/b HTTP/1.1\r\n" H "\r\n"
                                : "POST /json HTTP/1.1\r\n" H "Content-Type: application/json\r\n"
                                  "Content-Length: 2\r\n\r\n{}");
        struct answer a = client_read(fd, false);
        assert_int_equal(a.status, i % 2 ? 200 : 201);
        answer_free(&a);
    }
    close(fd);
    struct http_stats stats = http_server_stats(w.server);
    assert_int_equal(stats.requests, 20);
    assert_int_equal(stats.responses[2], 20);
    world_stop(&w);
}

static void test_pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    struct world w = {0};
    world_start(&w, routes, ARRAY_LEN(routes));
    int fd = client_open(&w);
    client_send_z(fd, "GET /slow/1 HTTP/1.1\r\n" H "\r\nGET /loop HTTP/1.1\r\n" H "\r\n"
                      "POST /raw HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\n333"
                      "GET /hello/4 HTTP/1.1\r\n" H "Connection: close\r\n\r\nGET /never");
    struct answer a = client_read(fd, false);
    assert_body(&a, "{\"hello\":\"1\"}");
    a = client_read_next(fd, &a, false);
    assert_body(&a, "{\"on\":\"loop\"}");
    a = client_read_next(fd, &a, false);
    assert_body(&a, "333");
    a = client_read_next(fd, &a, false);
    assert_body(&a, "{\"hello\":\"4\"}");
    assert_true(answer_has(&a, "\r\nConnection: close\r\n"));
    assert_true(client_closed(fd));
    answer_free(&a);
    close(fd);
    world_stop(&w);
}

static void test_a_client_that_shut_its_side_still_gets_its_answers(void **state)
{
    (void)state;
    struct world w = {0};
    world_start(&w, routes, ARRAY_LEN(routes));
    int fd = client_open(&w);
    client_send_z(fd, "GET /slow/1 HTTP/1.1\r\n" H "\r\nGET /slow/2 HTTP/1.1\r\n" H "\r\n");
    shutdown(fd, SHUT_WR);
    struct answer a = client_read(fd, false);
    assert_body(&a, "{\"hello\":\"1\"}");
    a = client_read_next(fd, &a, false);
    assert_body(&a, "{\"hello\":\"2\"}");
    assert_true(client_closed(fd));
    answer_free(&a);
    close(fd);
    world_stop(&w);
}

static void test_the_literal_route_wins_and_wrong_ids_are_not_found(void **state)
{
    (void)state;
    struct answer a = ask("GET /hello/world HTTP/1.1\r\n" H "\r\n");
    assert_int_equal(a.status, 201);
    answer_free(&a);
    a = ask("GET /id/0190a0b0-1111-7222-8333-444455556666 HTTP/1.1\r\n" H "\r\n");
    assert_body(&a, "\"0190a0b0-1111-7222-8333-444455556666\"");
    answer_free(&a);
    a = ask("GET /id/7 HTTP/1.1\r\n" H "\r\n");
    assert_int_equal(a.status, 404);
    answer_free(&a);
}

static void test_a_problem_is_problem_json_with_the_request_id(void **state)
{
    (void)state;
    struct answer a = ask("GET /nothing HTTP/1.1\r\n" H "X-Request-Id: abc\r\n\r\n");
    assert_int_equal(a.status, 404);
    assert_true(answer_has(&a, "\r\nContent-Type: application/problem+json\r\n"));
    assert_body(&a, "{\"type\":\"/problems/not-found\",\"title\":\"There is no such thing\","
                    "\"status\":404,\"detail\":\"nothing is served here\",\"instance\":\"abc\"}");
    answer_free(&a);
    a = ask("GET /broken HTTP/1.1\r\n" H "X-Request-Id: <script>\r\n\r\n");
    assert_int_equal(a.status, 503);
    assert_true(answer_has(&a, "\r\nRetry-After: 1\r\n"));
    assert_null(strstr(a.body.data, "EIO"));
    assert_null(strstr(a.body.data, "script"));
    answer_free(&a);
}

static void test_another_method_is_405_with_allow_and_options_is_answered(void **state)
{
    (void)state;
    struct answer a = ask("DELETE /json HTTP/1.1\r\n" H "\r\n");
    assert_int_equal(a.status, 405);
    assert_true(answer_has(&a, "\r\nAllow: POST, PUT, OPTIONS\r\n"));
    answer_free(&a);
    a = ask("TRACE /peer HTTP/1.1\r\n" H "\r\n");
    assert_int_equal(a.status, 405);
    answer_free(&a);
    a = ask("OPTIONS /peer HTTP/1.1\r\n" H "\r\n");
    assert_int_equal(a.status, 204);
    assert_true(answer_has(&a, "\r\nAllow: GET, HEAD, OPTIONS\r\n"));
    assert_false(answer_has(&a, "\r\nContent-Length:"));
    answer_free(&a);
    a = ask("OPTIONS * HTTP/1.1\r\n" H "\r\n");
    assert_int_equal(a.status, 204);
    answer_free(&a);
}

static void test_head_has_the_headers_of_get_and_no_body(void **state)
{
    (void)state;
    struct world w = {0};
    world_start(&w, routes, ARRAY_LEN(routes));
    int fd = client_open(&w);
    client_send_z(fd, "HEAD /hello/ana HTTP/1.1\r\n" H "\r\nHEAD /streamed HTTP/1.1\r\n" H
                      "\r\nGET /loop HTTP/1.1\r\n" H "\r\n");
    struct answer a = client_read(fd, true);
    assert_int_equal(a.status, 200);
    assert_true(answer_has(&a, "\r\nContent-Length: 15\r\n"));
    a = client_read_next(fd, &a, true);
    assert_int_equal(a.status, 200);
    assert_true(answer_has(&a, "\r\nContent-Type: text/csv\r\n"));
    a = client_read_next(fd, &a, false);
    assert_body(&a, "{\"on\":\"loop\"}");
    answer_free(&a);
    close(fd);
    world_stop(&w);
}

static void test_wrong_media_types_are_415_and_unwanted_bodies_400(void **state)
{
    (void)state;
    struct answer a = ask("POST /json HTTP/1.1\r\n" H "Content-Type: text/plain\r\n"
                          "Content-Length: 2\r\n\r\n{}");
    assert_int_equal(a.status, 415);
    assert_false(answer_has(&a, "\r\nConnection: close"));
    answer_free(&a);
    a = ask("POST /form HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\na=");
    assert_int_equal(a.status, 415);
    answer_free(&a);
    a = ask("GET /peer HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\n{}");
    assert_int_equal(a.status, 400);
    answer_free(&a);
    a = ask("GET /peer HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n");
    assert_int_equal(a.status, 400);
    answer_free(&a);
    a = ask("POST /json HTTP/1.1\r\n" H "\r\n");
    assert_int_equal(a.status, 201);
    assert_body(&a, "");
    answer_free(&a);
}

static void test_http_1_0_is_answered_and_closed(void **state)
{
    (void)state;
    struct world w = {0};
    world_start(&w, routes, ARRAY_LEN(routes));
    int fd = client_open(&w);
    client_send_z(fd, "GET /streamed HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    struct answer a = client_read(fd, false);
    assert_int_equal(a.status, 200);
    assert_false(answer_has(&a, "chunked"));
    assert_int_equal(a.body.len, 12 * 100000);
    assert_true(client_closed(fd));
    answer_free(&a);
    close(fd);
    world_stop(&w);
}

static void test_a_streamed_answer_arrives_whole_and_the_connection_goes_on(void **state)
{
    (void)state;
    struct world w = {0};
    world_start(&w, routes, ARRAY_LEN(routes));
    int fd = client_open(&w);
    client_send_z(fd, "GET /streamed HTTP/1.1\r\n" H "\r\n");
    usleep(100000); /* longer than the socket's buffers take without a reader */
    struct answer a = client_read(fd, false);
    assert_int_equal(a.status, 200);
    assert_true(answer_has(&a, "\r\nTransfer-Encoding: chunked\r\n"));
    assert_false(answer_has(&a, "\r\nContent-Length"));
    assert_int_equal(a.body.len, 12 * 100000);
    assert_memory_equal(a.body.data + 11 * 100000, "00000011 ", 9);
    answer_free(&a);
    client_send_z(fd, "GET /loop HTTP/1.1\r\n" H "\r\n");
    a = client_read(fd, false);
    assert_int_equal(a.status, 200);
    answer_free(&a);
    close(fd);
    world_stop(&w);
}

static void test_a_large_answer_waits_for_a_slow_reader(void **state)
{
    (void)state;
    struct world w = {0};
    world_start(&w, routes, ARRAY_LEN(routes));
    int fd = client_open(&w);
    client_send_z(fd, "GET /large HTTP/1.1\r\n" H "\r\n");
    usleep(100000);
    struct answer a = client_read(fd, false);
    assert_int_equal(a.body.len, 8 << 20);
    answer_free(&a);
    a = client_once(&w, STR("GET /too-much HTTP/1.1\r\n" H "\r\n"));
    assert_int_equal(a.status, 500);
    answer_free(&a);
    close(fd);
    world_stop(&w);
}

static void test_clients_that_leave_at_once_leave_nothing_behind(void **state)
{
    (void)state;
    struct world w = {0};
    world_start(&w, routes, ARRAY_LEN(routes));
    static const char *const requests[] = {
        "GET /slow/1 HTTP/1.1\r\n" H "\r\n",
        "GET /large HTTP/1.1\r\n" H "\r\n",
        "GET /streamed HTTP/1.1\r\n" H "\r\n",
        "POST /raw HTTP/1.1\r\n" H "Content-Length: 50000\r\n\r\nhalf",
        "GET /hel",
    };
    for (size_t i = 0; i < 40; i++) {
        int fd = client_open(&w);
        client_send_z(fd, requests[i % ARRAY_LEN(requests)]);
        struct linger hard = {.l_onoff = 1};
        if (i % 2)
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
        close(fd);
    }
    for (int i = 0; i < 3000 && http_server_stats(w.server).connections > 0; i++)
        usleep(20000);
    assert_int_equal(http_server_stats(w.server).connections, 0);
    struct answer a = client_once(&w, STR("GET /loop HTTP/1.1\r\n" H "\r\n"));
    assert_int_equal(a.status, 200);
    answer_free(&a);
    world_stop(&w);
}

static void test_forwarded_addresses_count_only_from_trusted_proxies(void **state)
{
    (void)state;
    const char *request = "GET /peer HTTP/1.1\r\n" H "X-Forwarded-For: 6.6.6.6, 1.2.3.4\r\n"
                          "X-Forwarded-For: 10.0.0.9\r\n\r\n";
    struct answer a = ask(request);
    assert_body(&a, "127.0.0.1");
    answer_free(&a);
    static const char *const trusted[] = {"127.0.0.1", "10.0.0.9", NULL};
    struct world w = {.config.trusted_proxies = trusted};
    a = ask_of(&w, request);
    assert_body(&a, "1.2.3.4");
    answer_free(&a);
}

/* ---- hooks ----------------------------------------------------------------------------------- */

static struct problem *hook_before(struct http_request *rq, struct http_response *rs)
{
    (void)rs;
    if (!http_header_get(rq, "authorization").p)
        return problem_new(rq->arena, PROBLEM_UNAUTHENTICATED, "no token");
    rq->user = arena_cstr(rq->arena, STR("ana"));
    return NULL;
}

static struct problem *hook_after(struct http_request *rq, struct http_response *rs,
                                  struct problem *p)
{
    http_header_set(rs, "X-Seen", "%s %d %s", rq->user ? (char *)rq->user : "nobody",
                    p ? problem_status(p->kind) : rs->status, (const char *)rq->lane);
    if (str_eq(http_header_get(rq, "x-fail"), STR("yes")))
        return problem_new(rq->arena, PROBLEM_UNAVAILABLE, "no audit");
    return NULL;
}

static void hook_decorate(struct http_request *rq, struct http_response *rs)
{
    http_header_set(rs, "X-Path", STR_FMT, STR_ARG(rq->path));
}

static void *hook_open(void *app, enum http_lane lane)
{
    static char fast[] = "fast", other[] = "other";
    atomic_fetch_add((_Atomic int *)app, 1);
    return lane == HTTP_FAST ? fast : other;
}

static void hook_close(void *app, void *lane)
{
    assert_non_null(lane);
    atomic_fetch_sub((_Atomic int *)app, 1);
}

static void test_hooks_see_every_request_and_may_refuse_it(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        int status;
        const char *seen;
    } cases[] = {
        {"GET /loop/x HTTP/1.1\r\n" H "\r\n", 404, "X-Path: /loop/x\r\n"},
        {"GET /hello/a HTTP/1.1\r\n" H "\r\n", 401, "X-Seen: nobody 401 fast\r\n"},
        {"GET /hello/a HTTP/1.1\r\n" H "\r\n", 401, "WWW-Authenticate: Bearer\r\n"},
        {"GET /hello/a HTTP/1.1\r\n" H "Authorization: x\r\n\r\n", 200, "X-Seen: ana 200 fast\r\n"},
        {"GET /broken HTTP/1.1\r\n" H "Authorization: x\r\n\r\n", 503, "X-Seen: ana 503 fast\r\n"},
        {"GET /hello/a HTTP/1.1\r\n" H "Authorization: x\r\nX-Fail: yes\r\n\r\n", 503,
         "X-Path: /hello/a\r\n"},
        {"GET /loop HTTP/1.1\r\n" H "\r\n", 200, "X-Path: /loop\r\n"},
        {"nonsense\r\n\r\n", 400, "X-Path: \r\n"},
    };
    _Atomic int lanes = 0;
    struct world w = {.config = {.app = &lanes,
                                 .before = hook_before,
                                 .after = hook_after,
                                 .decorate = hook_decorate,
                                 .lane_open = hook_open,
                                 .lane_close = hook_close}};
    world_start(&w, routes, ARRAY_LEN(routes));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct answer a = client_once(&w, str_of(cases[i].request));
        assert_int_equal(a.status, cases[i].status);
        assert_true(answer_has(&a, cases[i].seen));
        answer_free(&a);
    }
    world_stop(&w);
    assert_int_equal(lanes, 0);
}

static _Atomic int held;
static const struct problem disk_full = {.kind = PROBLEM_UNAVAILABLE, .detail = "the disk is full"};

/* Lets go only when two requests are held at the same time. */
static void *release_late(void *arg)
{
    struct http_request *rq = arg;
    while (atomic_load(&held) < 2)
        usleep(1000);
    http_release(rq, rq->query.n > 0 ? &disk_full : NULL);
    return NULL;
}

static struct problem *hold_after(struct http_request *rq, struct http_response *rs,
                                  struct problem *p)
{
    (void)rs;
    pthread_t thread;
    http_hold(rq);
    atomic_fetch_add(&held, 1);
    assert_int_equal(pthread_create(&thread, NULL, release_late, rq), 0);
    pthread_detach(thread);
    return p;
}

static void test_a_held_response_waits_while_its_lane_goes_on(void **state)
{
    (void)state;
    struct world w = {.config = {.after = hold_after, .lanes = {1, 1, 1}}};
    atomic_store(&held, 0);
    world_start(&w, routes, ARRAY_LEN(routes));
    int good = client_open(&w), bad = client_open(&w);
    client_send_z(good, "GET /hello/a HTTP/1.1\r\n" H "\r\n");
    client_send_z(bad, "GET /hello/b?lost HTTP/1.1\r\n" H "\r\n");
    struct answer a = client_read(good, false), b = client_read(bad, false);
    assert_int_equal(a.status, 200);
    assert_body(&a, "{\"hello\":\"a\"}");
    assert_int_equal(b.status, 503);
    assert_non_null(strstr(b.body.data, "the disk is full"));
    answer_free(&a);
    answer_free(&b);
    close(good);
    close(bad);
    world_stop(&w);
}

static void test_a_route_that_is_there_twice_does_not_start(void **state)
{
    (void)state;
    uv_loop_t loop;
    uv_loop_init(&loop);
    struct http_config config = {.listen = "127.0.0.1:0"};
    struct http_server *server;
    assert_null(http_server_new(&loop, &config, &server));
    assert_null(http_routes_add(server, routes, 1));
    assert_non_null(http_routes_add(server, routes, 1));
    assert_non_null(http_start(server)); /* and a lane without threads neither */
    const struct http_route *all[4];
    assert_int_equal(http_routes_all(server, all, ARRAY_LEN(all)), 1);
    assert_ptr_equal(all[0], &routes[0]);
    http_server_free(&server);
    assert_null(server);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_get_is_answered_by_its_handler),
        cmocka_unit_test(test_bodies_reach_the_handler),
        cmocka_unit_test(test_one_connection_serves_many_requests),
        cmocka_unit_test(test_pipelined_requests_are_answered_in_order),
        cmocka_unit_test(test_a_client_that_shut_its_side_still_gets_its_answers),
        cmocka_unit_test(test_the_literal_route_wins_and_wrong_ids_are_not_found),
        cmocka_unit_test(test_a_problem_is_problem_json_with_the_request_id),
        cmocka_unit_test(test_another_method_is_405_with_allow_and_options_is_answered),
        cmocka_unit_test(test_head_has_the_headers_of_get_and_no_body),
        cmocka_unit_test(test_wrong_media_types_are_415_and_unwanted_bodies_400),
        cmocka_unit_test(test_http_1_0_is_answered_and_closed),
        cmocka_unit_test(test_a_streamed_answer_arrives_whole_and_the_connection_goes_on),
        cmocka_unit_test(test_a_large_answer_waits_for_a_slow_reader),
        cmocka_unit_test(test_clients_that_leave_at_once_leave_nothing_behind),
        cmocka_unit_test(test_forwarded_addresses_count_only_from_trusted_proxies),
        cmocka_unit_test(test_hooks_see_every_request_and_may_refuse_it),
        cmocka_unit_test(test_a_held_response_waits_while_its_lane_goes_on),
        cmocka_unit_test(test_a_route_that_is_there_twice_does_not_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
