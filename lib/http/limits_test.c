/* The server over real sockets: limits, deadlines, drain, and protocol code on the loop. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "http/testkit.h"

#define H "Host: a\r\n"

static _Atomic int entered, released, aborted, taken;

static struct problem *ok(struct http_request *rq, struct http_response *rs)
{
    buf_addf(&rs->body, "%zu", rq->body.n);
    return NULL;
}

/* Waits until the test lets it go. */
static struct problem *held(struct http_request *rq, struct http_response *rs)
{
    entered++;
    while (!released)
        usleep(1000);
    return ok(rq, rs);
}

/* ---- protocol code ---- */

static struct http_request *kept;

static void on_abort(void *arg)
{
    assert_ptr_equal(arg, &kept);
    kept = NULL;
    aborted++;
}

static struct problem *keep(struct http_request *rq, struct http_response *rs)
{
    (void)rs;
    kept = rq;
    http_on_abort(rq, on_abort, &kept);
    entered++;
    return NULL;
}

static struct problem *let_go(struct http_request *rq, struct http_response *rs)
{
    if (!kept)
        return problem_new(rq->arena, PROBLEM_CONFLICT, "nothing is kept");
    struct http_response *theirs = http_response_of(kept);
    buf_add_str(&theirs->body, rq->body);
    struct http_request *theirs_rq = kept;
    kept = NULL;
    http_reply(theirs_rq, theirs);
    rs->status = 204;
    http_reply(rq, rs);
    return NULL;
}

struct tunnel {
    char bytes[256];
};

static struct tunnel tunnel;

static void tunnel_closed(uv_handle_t *handle)
{
    taken--;
    http_tcp_free((uv_tcp_t *)handle);
}

static void tunnel_alloc(uv_handle_t *handle, size_t size, uv_buf_t *ret)
{
    (void)handle, (void)size;
    *ret = uv_buf_init(tunnel.bytes, sizeof(tunnel.bytes));
}

static void tunnel_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    uv_buf_t out = uv_buf_init(buf->base, n > 0 ? (unsigned)n : 0);
    if (n > 0)
        uv_try_write(stream, &out, 1);
    else if (n < 0)
        uv_close((uv_handle_t *)stream, tunnel_closed);
}

static struct problem *take_over(struct http_request *rq, struct http_response *rs)
{
    (void)rs;
    struct buf leftover = {0};
    uv_tcp_t *tcp = http_takeover(rq,
                                  STR("HTTP/1.1 101 Switching Protocols\r\n"
                                      "Connection: Upgrade\r\nUpgrade: echo\r\n\r\n"),
                                  &leftover);
    taken++;
    uv_buf_t out = uv_buf_init(leftover.data, (unsigned)leftover.len);
    if (leftover.len > 0)
        uv_try_write((uv_stream_t *)tcp, &out, 1);
    buf_free(&leftover);
    uv_read_start((uv_stream_t *)tcp, tunnel_alloc, tunnel_read);
    return NULL;
}

static const struct http_route routes[] = {
    {HTTP_GET, "/ok", ok, .lane = HTTP_FAST},
    {HTTP_GET, "/slow/ok", ok, .lane = HTTP_SLOW},
    {HTTP_GET, "/held", held, .lane = HTTP_FAST},
    {HTTP_POST, "/raw", ok, .lane = HTTP_FAST, .body = HTTP_BODY_RAW, .body_max = 1000},
    {HTTP_GET, "/keep", keep, .lane = HTTP_ON_LOOP},
    {HTTP_POST, "/let-go", let_go, .lane = HTTP_ON_LOOP, .body = HTTP_BODY_RAW},
    {HTTP_GET, "/tunnel", take_over, .lane = HTTP_ON_LOOP},
};

static int setup(void **state)
{
    (void)state;
    entered = released = aborted = taken = 0;
    kept = NULL;
    return 0;
}

static void wait_for(_Atomic int *value, int wanted)
{
    for (int i = 0; i < 60000 && *value != wanted; i++)
        usleep(1000);
    assert_int_equal(*value, wanted);
}

static void assert_status(int fd, int status)
{
    struct answer a = client_read(fd, false);
    assert_int_equal(a.status, status);
    answer_free(&a);
}

/* ---- size limits ----------------------------------------------------------------------------- */

static void test_a_body_too_large_is_refused_before_it_is_sent(void **state)
{
    (void)state;
    struct world w = {0};
    world_start(&w, routes, ARRAY_LEN(routes));
    int fd = client_open(&w);
    client_send_z(fd, "POST /raw HTTP/1.1\r\n" H "Content-Length: 1001\r\n\r\n");
    struct answer a = client_read(fd, false);
    assert_int_equal(a.status, 413);
    assert_true(answer_has(&a, "\r\nConnection: close\r\n"));
    assert_true(client_closed(fd));
    answer_free(&a);
    close(fd);

    fd = client_open(&w);
    client_send_z(fd, "POST /raw HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3e9\r\n.");
    assert_status(fd, 413);
    close(fd);
    world_stop(&w);
}

static void test_a_head_too_large_is_431(void **state)
{
    (void)state;
    struct world w = {.config.header_max = 2000};
    world_start(&w, routes, ARRAY_LEN(routes));
    struct buf request = {0};
    buf_addf(&request, "GET /ok HTTP/1.1\r\n" H "X: %02000d\r\n\r\n", 1);
    struct answer a = client_once(&w, buf_str(&request));
    assert_int_equal(a.status, 431);
    assert_true(answer_has(&a, "\r\nX-Request-Id: "));
    answer_free(&a);
    buf_free(&request);
    world_stop(&w);
}

/* The refusal must not be lost to a reset while the client is still sending. */
static void test_a_client_that_goes_on_sending_can_read_the_refusal(void **state)
{
    (void)state;
    struct world w = {0};
    world_start(&w, routes, ARRAY_LEN(routes));
    int fd = client_open(&w);
    client_send_z(fd, "POST /raw HTTP/1.1\r\n" H "Content-Length: 4000000\r\n\r\n");
    static const char block[100000];
    for (int i = 0; i < 40; i++)
        client_send(fd, (struct str){block, sizeof(block)});
    assert_status(fd, 413);
    close(fd);
    world_stop(&w);
}

static void test_expect_100_is_answered_when_the_body_is_wanted(void **state)
{
    (void)state;
    struct world w = {0};
    world_start(&w, routes, ARRAY_LEN(routes));
    int fd = client_open(&w);
    client_send_z(fd, "POST /raw HTTP/1.1\r\n" H "Expect: 100-continue\r\n"
                      "Content-Length: 3\r\n\r\n");
    struct answer a = client_read(fd, false);
    assert_int_equal(a.status, 100);
    client_send_z(fd, "abc");
    a = client_read_next(fd, &a, false);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body.data, "3");
    answer_free(&a);
    client_send_z(fd, "POST /raw HTTP/1.1\r\n" H "Expect: 100-continue\r\n"
                      "Content-Length: 3000\r\n\r\n");
    assert_status(fd, 413);
    close(fd);
    world_stop(&w);
}

/* ---- deadlines ------------------------------------------------------------------------------- */

static void test_slow_clients_get_408(void **state)
{
    (void)state;
    struct world w = {.config = {.header_timeout_ms = 300, .body_timeout_ms = 300}};
    world_start(&w, routes, ARRAY_LEN(routes));
    int head = client_open(&w), body = client_open(&w);
    client_send_z(body, "POST /raw HTTP/1.1\r\n" H "Content-Length: 9\r\n\r\nha");
    for (int i = 0; i < 8; i++) { /* a byte now and then does not help */
        char byte = "GET /ok HTTP/1.1"[i];
        client_send(head, (struct str){&byte, 1});
        client_send_z(body, i < 4 ? "l" : "");
        usleep(50000);
    }
    assert_status(head, 408);
    assert_status(body, 408);
    assert_true(client_closed(head));
    close(head);
    close(body);
    world_stop(&w);
}

static void test_an_idle_connection_is_closed_without_a_word(void **state)
{
    (void)state;
    struct world w = {.config.idle_timeout_ms = 1500}; /* the request must come before */
    world_start(&w, routes, ARRAY_LEN(routes));
    int fresh = client_open(&w), used = client_open(&w);
    client_send_z(used, "GET /ok HTTP/1.1\r\n" H "\r\n");
    assert_status(used, 200);
    char byte;
    assert_int_equal(recv(used, &byte, 1, 0), 0);
    assert_int_equal(recv(fresh, &byte, 1, 0), 0);
    close(fresh);
    close(used);
    world_stop(&w);
}

/* ---- overload -------------------------------------------------------------------------------- */

static void test_a_full_lane_is_503_and_other_lanes_go_on(void **state)
{
    (void)state;
    struct world w = {.config = {.lanes = {1, 1, 1}, .lane_queue = {1, 1, 1}}};
    world_start(&w, routes, ARRAY_LEN(routes));
    int running = client_open(&w), waiting = client_open(&w), shed = client_open(&w);
    client_send_z(running, "GET /held HTTP/1.1\r\n" H "\r\n");
    wait_for(&entered, 1);
    client_send_z(waiting, "GET /ok HTTP/1.1\r\n" H "\r\n");
    usleep(50000);
    client_send_z(shed, "GET /ok HTTP/1.1\r\n" H "\r\n");
    struct answer a = client_read(shed, false);
    assert_int_equal(a.status, 503);
    assert_true(answer_has(&a, "\r\nRetry-After: 1\r\n"));
    assert_false(answer_has(&a, "\r\nConnection: close"));
    answer_free(&a);
    client_send_z(shed, "GET /slow/ok HTTP/1.1\r\n" H "\r\n");
    assert_status(shed, 200);
    assert_int_equal(http_server_stats(w.server).shed, 1);
    released = 1;
    assert_status(running, 200);
    assert_status(waiting, 200);
    close(running);
    close(waiting);
    close(shed);
    world_stop(&w);
}

static void test_a_full_house_lets_the_longest_idle_connection_go(void **state)
{
    (void)state;
    struct world w = {.config.connections_max = 2};
    world_start(&w, routes, ARRAY_LEN(routes));
    int oldest = client_open(&w), busy = client_open(&w);
    client_send_z(busy, "GET /held HTTP/1.1\r\n" H "\r\n");
    wait_for(&entered, 1);
    int newest = client_open(&w);
    assert_true(client_closed(oldest));
    client_send_z(newest, "GET /slow/ok HTTP/1.1\r\n" H "\r\n");
    assert_status(newest, 200);
    released = 1;
    assert_status(busy, 200);
    close(oldest);
    close(busy);
    close(newest);
    world_stop(&w);
}

/* ---- drain ----------------------------------------------------------------------------------- */

static void test_drain_answers_what_runs_and_closes_the_rest(void **state)
{
    (void)state;
    struct world w = {0};
    world_start(&w, routes, ARRAY_LEN(routes));
    int running = client_open(&w), idle = client_open(&w), begun = client_open(&w);
    client_send_z(idle, "GET /ok HTTP/1.1\r\n" H "\r\n");
    assert_status(idle, 200);
    client_send_z(begun, "GET /ok HT"); /* sent first, so it is read when the other has entered */
    client_send_z(running, "GET /held HTTP/1.1\r\n" H "\r\n");
    wait_for(&entered, 1);
    usleep(50000);
    world_drain(&w, 60000);
    assert_true(client_closed(idle));
    client_send_z(begun, "TP/1.1\r\n" H "\r\n");
    struct answer a = client_read(begun, false);
    assert_int_equal(a.status, 200);
    assert_true(answer_has(&a, "\r\nConnection: close\r\n"));
    answer_free(&a);
    assert_int_equal(w.drained, 0);
    released = 1;
    a = client_read(running, false);
    assert_int_equal(a.status, 200);
    assert_true(answer_has(&a, "\r\nConnection: close\r\n"));
    answer_free(&a);
    close(running);
    close(begun);
    close(idle);
    wait_for(&w.drained, 1);
    int late = socket(AF_INET, SOCK_STREAM, 0);
    close(late);
    world_stop(&w);
}

static void test_drain_ends_at_its_deadline(void **state)
{
    (void)state;
    struct world w = {0};
    world_start(&w, routes, ARRAY_LEN(routes));
    int lane = client_open(&w), loop = client_open(&w);
    client_send_z(lane, "GET /held HTTP/1.1\r\n" H "\r\n");
    client_send_z(loop, "GET /keep HTTP/1.1\r\n" H "\r\n");
    wait_for(&entered, 2);
    int64_t begin = clock_mono_us();
    world_drain(&w, 300);
    wait_for(&w.drained, 1);
    assert_true(clock_mono_us() - begin < 20000000); /* /held would take for ever */
    assert_int_equal(aborted, 1);
    assert_true(client_closed(lane));
    released = 1;
    close(lane);
    close(loop);
    world_stop(&w);
}

/* ---- protocol code on the loop --------------------------------------------------------------- */

static void test_a_kept_request_is_answered_later(void **state)
{
    (void)state;
    struct world w = {0};
    world_start(&w, routes, ARRAY_LEN(routes));
    int poll = client_open(&w), post = client_open(&w);
    client_send_z(poll, "GET /keep HTTP/1.1\r\n" H "\r\nGET /ok HTTP/1.1\r\n" H "\r\n");
    wait_for(&entered, 1);
    client_send_z(post, "POST /let-go HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello");
    assert_status(post, 204);
    struct answer a = client_read(poll, false);
    assert_string_equal(a.body.data, "hello");
    a = client_read_next(poll, &a, false);
    assert_string_equal(a.body.data, "0");
    answer_free(&a);
    close(poll);
    close(post);
    world_stop(&w);
    assert_int_equal(aborted, 0);
}

static void test_protocol_code_hears_when_its_client_leaves(void **state)
{
    (void)state;
    struct world w = {0};
    world_start(&w, routes, ARRAY_LEN(routes));
    int poll = client_open(&w);
    client_send_z(poll, "GET /keep HTTP/1.1\r\n" H "\r\n");
    wait_for(&entered, 1);
    close(poll);
    wait_for(&aborted, 1);
    struct answer a =
        client_once(&w, STR("POST /let-go HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n"));
    assert_int_equal(a.status, 409);
    answer_free(&a);
    world_stop(&w);
}

static void test_a_client_that_left_before_its_turn_is_not_kept(void **state)
{
    (void)state;
    struct world w = {0};
    world_start(&w, routes, ARRAY_LEN(routes));
    int fd = client_open(&w);
    client_send_z(fd, "GET /held HTTP/1.1\r\n" H "\r\nGET /keep HTTP/1.1\r\n" H "\r\n");
    wait_for(&entered, 1);
    shutdown(fd, SHUT_WR);
    usleep(50000);
    released = 1;
    wait_for(&aborted, 1);
    close(fd);
    world_stop(&w);
}

static void test_a_taken_over_connection_is_its_takers_with_the_bytes_already_read(void **state)
{
    (void)state;
    struct world w = {0};
    world_start(&w, routes, ARRAY_LEN(routes));
    int fd = client_open(&w);
    client_send_z(fd, "GET /tunnel HTTP/1.1\r\n" H "Connection: Upgrade\r\n\r\nearly");
    struct answer a = client_read(fd, false);
    assert_int_equal(a.status, 101);
    char bytes[16];
    size_t n = a.rest.len;
    memcpy(bytes, a.rest.data, n);
    while (n < 5)
        n += (size_t)recv(fd, bytes + n, sizeof(bytes) - n, 0);
    assert_memory_equal(bytes, "early", 5);
    answer_free(&a);
    client_send_z(fd, "late");
    assert_int_equal(recv(fd, bytes, sizeof(bytes), 0), 4);
    assert_memory_equal(bytes, "late", 4);
    assert_int_equal(http_server_stats(w.server).connections, 0);
    close(fd);
    wait_for(&taken, 0);
    world_stop(&w);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup(test, setup)
    const struct CMUnitTest tests[] = {
        T(test_a_body_too_large_is_refused_before_it_is_sent),
        T(test_a_head_too_large_is_431),
        T(test_a_client_that_goes_on_sending_can_read_the_refusal),
        T(test_expect_100_is_answered_when_the_body_is_wanted),
        T(test_slow_clients_get_408),
        T(test_an_idle_connection_is_closed_without_a_word),
        T(test_a_full_lane_is_503_and_other_lanes_go_on),
        T(test_a_full_house_lets_the_longest_idle_connection_go),
        T(test_drain_answers_what_runs_and_closes_the_rest),
        T(test_drain_ends_at_its_deadline),
        T(test_a_kept_request_is_answered_later),
        T(test_a_client_that_left_before_its_turn_is_not_kept),
        T(test_protocol_code_hears_when_its_client_leaves),
        T(test_a_taken_over_connection_is_its_takers_with_the_bytes_already_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
