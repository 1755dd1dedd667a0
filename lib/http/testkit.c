/* The kit for tests over sockets: see testkit.h. */
#include "http/testkit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"

static void on_drained(void *arg)
{
    ((struct world *)arg)->drained = 1;
}

static void on_poke(uv_async_t *poke)
{
    struct world *w = poke->data;
    if (w->want == 1) {
        w->want = 0;
        http_drain(w->server, w->drain_ms, on_drained, w);
    } else if (w->want == 2) {
        http_server_free(&w->server);
        uv_close((uv_handle_t *)&w->poke, NULL);
    }
}

static void *world_main(void *arg)
{
    struct world *w = arg;
    uv_run(&w->loop, UV_RUN_DEFAULT);
    return NULL;
}

void world_start(struct world *w, const struct http_route *routes, size_t count)
{
    struct http_config *config = &w->config;
    if (!config->listen)
        config->listen = "127.0.0.1:0";
    for (unsigned i = 0; i < HTTP_LANE__COUNT; i++)
        if (config->lanes[i] == 0)
            config->lanes[i] = 2;
    assert_int_equal(uv_loop_init(&w->loop), 0);
    struct problem *p = http_server_new(&w->loop, config, &w->server);
    if (p)
        fail_msg("%s", p->detail);
    assert_null(http_routes_add(w->server, routes, count));
    if (w->static_dir)
        assert_null(http_static_add(w->server, "/", w->static_dir, true));
    p = http_start(w->server);
    if (p)
        fail_msg("%s", p->detail);
    w->port = http_port(w->server);
    w->poke.data = w;
    uv_async_init(&w->loop, &w->poke, on_poke);
    pthread_create(&w->thread, NULL, world_main, w);
}

void world_drain(struct world *w, unsigned deadline_ms)
{
    w->drain_ms = deadline_ms;
    w->want = 1;
    uv_async_send(&w->poke);
}

void world_stop(struct world *w)
{
    w->want = 2;
    uv_async_send(&w->poke);
    pthread_join(w->thread, NULL);
    assert_int_equal(uv_loop_close(&w->loop), 0);
}

/* ---- the client ------------------------------------------------------------------------------ */

int client_open(const struct world *w)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval timeout = {.tv_sec = 5};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)w->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

void client_send(int fd, struct str bytes)
{
    while (bytes.n > 0) {
        ssize_t n = send(fd, bytes.p, bytes.n, MSG_NOSIGNAL);
        if (n <= 0)
            return; /* the server closed: the test sees it when it reads */
        bytes.p += n;
        bytes.n -= (size_t)n;
    }
}

void client_send_z(int fd, const char *text)
{
    client_send(fd, str_of(text));
}

static bool more(int fd, struct buf *in)
{
    char *room = buf_room(in, 65536);
    ssize_t n = room ? recv(fd, room, 65536, 0) : -1;
    if (n > 0)
        in->len += (size_t)n;
    return n > 0;
}

static const char *header_find(const struct answer *a, const char *name)
{
    return a->head.data ? strcasestr(a->head.data, name) : NULL;
}

bool answer_has(const struct answer *a, const char *header_line)
{
    return header_find(a, header_line) != NULL;
}

static bool chunks_read(int fd, struct buf *in, struct buf *body)
{
    for (;;) {
        char *end;
        while (!(end = in->len ? memmem(in->data, in->len, "\r\n", 2) : NULL))
            if (!more(fd, in))
                return false;
        size_t size = strtoul(in->data, NULL, 16);
        buf_shift(in, (size_t)(end - in->data) + 2);
        while (in->len < size + 2)
            if (!more(fd, in))
                return false;
        buf_add(body, in->data, size);
        buf_shift(in, size + 2);
        if (size == 0)
            return true;
    }
}

static void body_read(int fd, struct answer *a, bool no_body)
{
    const char *length = header_find(a, "\r\nContent-Length: ");
    if (no_body || a->status == 204 || a->status == 304 || a->status < 200)
        return;
    if (header_find(a, "\r\nTransfer-Encoding: chunked")) {
        if (!chunks_read(fd, &a->rest, &a->body))
            a->status = 0;
        return;
    }
    size_t size = length ? strtoul(length + 18, NULL, 10) : SIZE_MAX;
    while (a->rest.len < size)
        if (!more(fd, &a->rest))
            break;
    size_t n = a->rest.len < size ? a->rest.len : size;
    if (n > 0) {
        buf_add(&a->body, a->rest.data, n);
        buf_shift(&a->rest, n);
    }
}

static struct answer read_from(int fd, struct buf rest, bool no_body)
{
    struct answer a = {.head = BUF_MAX(1 << 16), .body = BUF_MAX(1 << 28), .rest = rest};
    char *end;
    while (!(end = a.rest.len ? memmem(a.rest.data, a.rest.len, "\r\n\r\n", 4) : NULL))
        if (!more(fd, &a.rest))
            return a;
    size_t n = (size_t)(end - a.rest.data) + 4;
    buf_add(&a.head, a.rest.data, n);
    buf_shift(&a.rest, n);
    a.status = (int)strtol(a.head.data + 9, NULL, 10);
    body_read(fd, &a, no_body);
    return a;
}

struct answer client_read(int fd, bool no_body)
{
    return read_from(fd, BUF_MAX(1 << 28), no_body);
}

struct answer client_read_next(int fd, struct answer *previous, bool no_body)
{
    struct buf rest = previous->rest;
    previous->rest = (struct buf){0};
    answer_free(previous);
    return read_from(fd, rest, no_body);
}

void answer_free(struct answer *a)
{
    buf_free(&a->head);
    buf_free(&a->body);
    buf_free(&a->rest);
}

struct answer client_once(const struct world *w, struct str request)
{
    int fd = client_open(w);
    client_send(fd, request);
    struct answer a = client_read(fd, false);
    close(fd);
    return a;
}

bool client_closed(int fd)
{
    char byte[4096];
    for (;;) {
        ssize_t n = recv(fd, byte, sizeof(byte), 0);
        if (n <= 0)
            return n == 0 || errno == ECONNRESET;
    }
}
