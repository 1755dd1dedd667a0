/* Clients that behave in every wrong way at once: the server stays whole and forgets them. */
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

enum { CLIENTS = 4, ROUNDS = 150 };

static struct problem *echo(struct http_request *rq, struct http_response *rs)
{
    usleep(rq->body.n % 3 * 500);
    buf_add_str(&rs->body, rq->body);
    return NULL;
}

static struct problem *large(struct http_request *rq, struct http_response *rs)
{
    (void)rq;
    static const char block[300000];
    buf_add(&rs->body, block, sizeof(block));
    return NULL;
}

static struct problem *upload(struct http_request *rq, struct http_response *rs)
{
    struct http_multipart *m;
    struct http_part part;
    bool more = true;
    TRY(http_multipart_open(rq, &m));
    while (more)
        TRY(http_multipart_next(m, &part, &more));
    rs->status = 202;
    return NULL;
}

static bool rows(struct http_request *rq, struct buf *out, void *state)
{
    (void)rq;
    unsigned *n = state;
    for (unsigned i = 0; i < 4000; i++)
        buf_addf(out, "row %u %u\n", *n, i);
    return ++*n < 20;
}

static struct problem *stream(struct http_request *rq, struct http_response *rs)
{
    rs->stream = rows;
    rs->stream_state = arena_make(rq->arena, unsigned);
    return NULL;
}

/* ---- protocol code that keeps up to four requests and answers the oldest ---- */

static struct http_request *kept[4];

static void kept_gone(void *at)
{
    *(struct http_request **)at = NULL;
}

static struct problem *keep(struct http_request *rq, struct http_response *rs)
{
    (void)rs;
    static unsigned turn;
    struct http_request **at = &kept[turn++ % ARRAY_LEN(kept)];
    struct http_request *before = *at;
    *at = rq;
    http_on_abort(rq, kept_gone, at);
    if (before) {
        http_on_abort(before, NULL, NULL);
        http_reply(before, http_response_of(before));
    }
    return NULL;
}

static const struct http_route routes[] = {
    {HTTP_POST, "/echo", echo, .lane = HTTP_FAST, .body = HTTP_BODY_RAW},
    {HTTP_GET, "/large", large, .lane = HTTP_SLOW},
    {HTTP_POST, "/upload", upload, .lane = HTTP_UPLOAD, .body = HTTP_BODY_SPOOL,
     .body_max = 1 << 20},
    {HTTP_GET, "/stream", stream, .lane = HTTP_SLOW},
    {HTTP_GET, "/keep", keep, .lane = HTTP_ON_LOOP},
};

static const struct str requests[] = {
    STR("POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello"),
    STR("POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n"),
    STR("POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n4\r\nabcdX"),
    STR("GET /large HTTP/1.1\r\n" H "\r\n"),
    STR("GET /stream HTTP/1.1\r\n" H "\r\n"),
    STR("GET /keep HTTP/1.1\r\n" H "\r\n"),
    STR("GET /none HTTP/1.0\r\n\r\n"),
    STR("POST /upload HTTP/1.1\r\n" H "Content-Type: multipart/form-data; boundary=b\r\n"
        "Content-Length: 200000\r\n\r\n--b\r\nContent-Disposition: form-data; name=a\r\n\r\n"),
    STR("POST /upload HTTP/1.1\r\n" H "Content-Type: multipart/form-data; boundary=b\r\n"
        "Content-Length: 7\r\n\r\n--b--\r\n"),
    STR("GET / HTTP/1.1\r\n\r\n"),
};

/* A small generator of our own, so that a failing run can be had again. */
static unsigned next(unsigned *seed)
{
    *seed = *seed * 1664525U + 1013904223U;
    return *seed >> 8;
}

struct client {
    const struct world *world;
    unsigned seed;
};

static void misbehave(const struct world *w, unsigned *seed)
{
    static const char block[70000];
    char answer[5000];
    int fd = client_open(w);
    for (unsigned n = next(seed) % 4; n-- > 0;) {
        struct str request = requests[next(seed) % ARRAY_LEN(requests)];
        if (next(seed) % 3 == 0)
            request.n = next(seed) % request.n;
        client_send(fd, request);
        if (next(seed) % 4 == 0)
            client_send(fd, (struct str){block, next(seed) % sizeof(block)});
        if (next(seed) % 2)
            recv(fd, answer, sizeof(answer), MSG_DONTWAIT);
        if (next(seed) % 4 == 0)
            usleep(next(seed) % 2000);
    }
    struct linger hard = {.l_onoff = 1};
    if (next(seed) % 3 == 0)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    else if (next(seed) % 3 == 0)
        shutdown(fd, SHUT_WR);
    close(fd);
}

static bool heard_enough(const struct world *w)
{
    struct http_stats stats = http_server_stats(w->server);
    return stats.requests > 50 && stats.responses[2] > 20 && stats.responses[4] > 20;
}

/* On a busy machine most clients are gone before the server hears them: then it goes on, slower. */
static void *client_main(void *arg)
{
    struct client *client = arg;
    for (int i = 0; i < ROUNDS; i++)
        misbehave(client->world, &client->seed);
    for (int i = 0; i < ROUNDS * 100 && !heard_enough(client->world); i++) {
        misbehave(client->world, &client->seed);
        usleep(2000);
    }
    return NULL;
}

static void test_misbehaving_clients_leave_the_server_whole_and_empty(void **state)
{
    (void)state;
    struct world w = {.config = {.header_timeout_ms = 500,
                                 .body_timeout_ms = 500,
                                 .idle_timeout_ms = 500,
                                 .connections_max = 64}};
    world_start(&w, routes, ARRAY_LEN(routes));
    pthread_t threads[CLIENTS];
    struct client clients[CLIENTS];
    for (unsigned i = 0; i < CLIENTS; i++) {
        clients[i] = (struct client){&w, i + 1};
        pthread_create(&threads[i], NULL, client_main, &clients[i]);
    }
    for (unsigned i = 0; i < CLIENTS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 500 && http_server_stats(w.server).connections > 0; i++)
        usleep(20000);
    assert_int_equal(http_server_stats(w.server).connections, 0);
    struct http_stats stats = http_server_stats(w.server);
    print_message("%lu requests: %lu good, %lu refused\n", stats.requests, stats.responses[2],
                  stats.responses[4]);
    assert_true(heard_enough(&w));
    struct answer a =
        client_once(&w, STR("POST /echo HTTP/1.1\r\n" H "Content-Length: 4\r\n\r\nfine"));
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body.data, "fine");
    answer_free(&a);
    world_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_misbehaving_clients_leave_the_server_whole_and_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
