/* The server object: listening, deadlines, drain, and what outlives a connection.
 *
 * The rule not to break: everything here runs on the loop thread. Memory of the server goes when
 * its last handle, taken-over socket and spool write are gone (`refs`). */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "http/internal.h"

void *http_object_new(size_t size)
{
    struct buf b = BUF_MAX(size);
    char *object = buf_room(&b, size);
    if (!object) {
        fprintf(stderr, "nexacore: out of memory\n");
        abort();
    }
    memset(object, 0, size);
    return object;
}

void http_object_free(void *object, size_t size)
{
    struct buf b = {.data = object, .cap = size, .secret = true};
    buf_free(&b);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void server_release(struct http_server *server)
{
    for (unsigned i = 0; i < server->arena_count; i++)
        arena_free(&server->arenas[i]);
    buf_free(&server->scratch);
    struct arena *arena = server->arena;
    arena_free(&arena);
}

void http_server_ref(struct http_server *server)
{
    server->refs++;
}

void http_server_unref(struct http_server *server)
{
    if (--server->refs == 0)
        server_release(server);
}

static void on_handle_closed(uv_handle_t *handle)
{
    http_server_unref(handle->data);
}

static void handle_close(struct http_server *server, uv_handle_t *handle)
{
    handle->data = server;
    uv_close(handle, on_handle_closed);
}

static void listener_close(struct http_server *server)
{
    if (server->listening)
        handle_close(server, (uv_handle_t *)&server->listener);
    server->listening = false;
}

static void abort_all(struct http_server *server)
{
    for (unsigned i = 0; i < CONN_GONE; i++)
        while (server->lists[i].oldest)
            http_conn_abort(server->lists[i].oldest);
}

void http_server_free(struct http_server **at)
{
    struct http_server *server = *at;
    if (!server)
        return;
    *at = NULL;
    if (server->lanes) {
        http_lanes_stop(server->lanes);
        for (struct http_exchange *ex = http_lanes_finished(server->lanes); ex;) {
            struct http_exchange *next = ex->next;
            if (ex->conn)
                ex->conn->ex = NULL;
            http_exchange_free(ex);
            ex = next;
        }
    }
    server->on_drained = NULL;
    abort_all(server);
    listener_close(server);
    uv_timer_stop(&server->sweep);
    handle_close(server, (uv_handle_t *)&server->sweep);
    handle_close(server, (uv_handle_t *)&server->wake);
}

/* ---- exchanges ------------------------------------------------------------------------------- */

struct http_exchange *http_exchange_new(struct http_server *server)
{
    struct arena *arena = server->arena_count > 0 ? server->arenas[--server->arena_count]
                                                  : arena_new(REQUEST_ARENA_MAX);
    struct http_exchange *ex = arena_make(arena, struct http_exchange);
    ex->server = server;
    ex->rq.arena = ex->rs.arena = arena;
    ex->rq.app = server->config.app;
    ex->rq.started_us = clock_mono_us();
    ex->rs.status = 200;
    ex->rs.body = BUF_SECRET(server->config.response_max);
    ex->body.secret = true;
    return ex;
}

void http_exchange_free(struct http_exchange *ex)
{
    struct http_server *server = ex->server;
    if (ex->rq.spool)
        server->spools--;
    http_spool_free(&ex->rq.spool);
    buf_free(&ex->body);
    buf_free(&ex->rs.body);
    buf_free(&ex->piece);
    struct arena *arena = ex->rq.arena;
    if (server->arena_count == ARENAS_KEPT) {
        arena_free(&arena);
        return;
    }
    arena_reset(arena);
    server->arenas[server->arena_count++] = arena;
}

const char *http_date(struct http_server *server)
{
    time_t now = time(NULL);
    if (now != server->date_at) {
        struct tm tm;
        gmtime_r(&now, &tm);
        strftime(server->date, sizeof(server->date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
        server->date_at = now;
    }
    return server->date;
}

/* ---- events ---------------------------------------------------------------------------------- */

static void on_connection(uv_stream_t *listener, int status)
{
    if (status == 0)
        http_conn_accept(listener->data);
}

static void on_wake(uv_async_t *wake)
{
    struct http_server *server = wake->data;
    for (struct http_exchange *ex = http_lanes_finished(server->lanes); ex;) {
        struct http_exchange *next = ex->next;
        ex->next = NULL;
        http_conn_handed_back(ex);
        ex = next;
    }
}

void http_drain_check(struct http_server *server)
{
    if (!server->draining || server->connections > 0 || !server->on_drained)
        return;
    void (*done)(void *) = TAKE(server->on_drained);
    done(server->drained_arg);
}

/* Each state has one timeout, so its list is in order of deadlines and only its front is looked
 * at. http_conn_expired moves the connection or gives it a later deadline. */
static void on_sweep(uv_timer_t *timer)
{
    struct http_server *server = timer->data;
    uint64_t now = uv_now(server->loop);
    for (unsigned i = 0; i < CONN_GONE; i++) {
        struct http_connection *conn = server->lists[i].oldest;
        while (conn && conn->deadline_ms != 0 && conn->deadline_ms <= now) {
            http_conn_expired(conn);
            conn = server->lists[i].oldest;
        }
    }
    if (server->draining && now >= server->drain_deadline_ms)
        abort_all(server);
    http_drain_check(server);
}

void http_drain(struct http_server *server, unsigned deadline_ms, void (*done)(void *), void *arg)
{
    server->draining = true;
    server->on_drained = done;
    server->drained_arg = arg;
    server->drain_deadline_ms = uv_now(server->loop) + deadline_ms;
    listener_close(server);
    while (server->lists[CONN_IDLE].oldest)
        http_conn_abort(server->lists[CONN_IDLE].oldest);
    uv_timer_start(&server->sweep, on_sweep, 0, SWEEP_MS);
}

/* ---- setting up ------------------------------------------------------------------------------ */

static void defaults_fill(struct http_config *config)
{
    config->header_max = config->header_max ? config->header_max : 16 * 1024;
    config->response_max = config->response_max ? config->response_max : 32 << 20;
    config->header_timeout_ms = config->header_timeout_ms ? config->header_timeout_ms : 10000;
    config->body_timeout_ms = config->body_timeout_ms ? config->body_timeout_ms : 60000;
    config->idle_timeout_ms = config->idle_timeout_ms ? config->idle_timeout_ms : 60000;
    config->connections_max = config->connections_max ? config->connections_max : 20000;
    config->spool_dir = config->spool_dir ? config->spool_dir : "/tmp";
    for (unsigned i = 0; i < HTTP_LANE__COUNT; i++)
        config->lane_queue[i] = config->lane_queue[i] ? config->lane_queue[i] : 128;
}

/* "127.0.0.1:8080" or "[::1]:8080". */
static bool address_parse(const char *text, struct sockaddr_storage *ret)
{
    char host[64];
    const char *colon = strrchr(text, ':');
    uint64_t port;
    if (!colon || !str_u64(str_of(colon + 1), 65535, &port))
        return false;
    struct str name = {text, (size_t)(colon - text)};
    if (name.n > 2 && name.p[0] == '[' && name.p[name.n - 1] == ']')
        name = (struct str){name.p + 1, name.n - 2};
    if (name.n == 0 || name.n >= sizeof(host))
        return false;
    snprintf(host, sizeof(host), STR_FMT, STR_ARG(name));
    if (strcmp(host, "localhost") == 0)
        snprintf(host, sizeof(host), "127.0.0.1");
    return uv_ip4_addr(host, (int)port, (struct sockaddr_in *)ret) == 0 ||
           uv_ip6_addr(host, (int)port, (struct sockaddr_in6 *)ret) == 0;
}

static struct problem *listener_bind(struct http_server *server)
{
    struct sockaddr_storage address = {0};
    const char *text = server->config.listen;
    if (!text || !address_parse(text, &address))
        return problem_new(NULL, PROBLEM_INTERNAL, "%s is no address to listen on",
                           text ? text : "(none)");
    int error = uv_tcp_bind(&server->listener, (struct sockaddr *)&address, 0);
    int n = sizeof(address);
    if (error == 0)
        error = uv_tcp_getsockname(&server->listener, (struct sockaddr *)&address, &n);
    if (error != 0)
        return problem_new(NULL, PROBLEM_INTERNAL, "cannot listen on %s: %s", text,
                           uv_strerror(error));
    in_port_t port = address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                                   : ((struct sockaddr_in *)&address)->sin_port;
    server->port = ntohs(port);
    return NULL;
}

struct problem *http_server_new(uv_loop_t *loop, const struct http_config *config,
                                struct http_server **ret)
{
    signal(SIGPIPE, SIG_IGN); /* a client that left is an error of the write, not the end of us */
    struct arena *arena = arena_new(256 << 20);
    struct http_server *server = arena_make(arena, struct http_server);
    server->arena = arena;
    server->loop = loop;
    server->config = *config;
    defaults_fill(&server->config);
    server->router = http_router_new(arena);
    server->read_buffer = arena_alloc(arena, READ_SIZE);
    server->scratch = BUF_MAX(1 << 20);
    server->listener.data = server->wake.data = server->sweep.data = server;
    uv_tcp_init(loop, &server->listener);
    uv_timer_init(loop, &server->sweep);
    uv_async_init(loop, &server->wake, on_wake);
    server->refs = 3;
    server->listening = true;
    struct problem *p = listener_bind(server);
    if (p) {
        http_server_free(&server);
        return p;
    }
    *ret = server;
    return NULL;
}

struct problem *http_routes_add(struct http_server *server, const struct http_route *routes,
                                size_t count)
{
    for (size_t i = 0; i < count; i++)
        TRY(http_router_add(server->router, &routes[i]));
    return NULL;
}

struct problem *http_static_add(struct http_server *server, const char *prefix, const char *dir,
                                bool spa)
{
    return http_static_load(server->arena, prefix, dir, spa, &server->statics);
}

static struct problem *lanes_check(const struct http_server *server)
{
    const struct http_route *routes[512];
    size_t count = http_router_all(server->router, routes, ARRAY_LEN(routes));
    for (size_t i = 0; i < count && i < ARRAY_LEN(routes); i++)
        if (routes[i]->lane < HTTP_LANE__COUNT && server->config.lanes[routes[i]->lane] == 0)
            return problem_new(NULL, PROBLEM_INTERNAL, "the lane of %s has no threads",
                               routes[i]->path);
    return NULL;
}

struct problem *http_start(struct http_server *server)
{
    TRY(lanes_check(server));
    TRY(http_lanes_start(server->arena, &server->config, &server->wake, &server->lanes));
    int error = uv_listen((uv_stream_t *)&server->listener, 1024, on_connection);
    if (error != 0)
        return problem_new(NULL, PROBLEM_INTERNAL, "cannot listen on %s: %s", server->config.listen,
                           uv_strerror(error));
    uv_timer_start(&server->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
    return NULL;
}

unsigned http_port(const struct http_server *server)
{
    return server->port;
}

size_t http_routes_all(const struct http_server *server, const struct http_route **ret, size_t max)
{
    return http_router_all(server->router, ret, max);
}

struct http_stats http_server_stats(const struct http_server *server)
{
    struct http_stats stats = {
        .requests = atomic_load_explicit(&server->stats.requests, memory_order_relaxed),
        .connections = atomic_load_explicit(&server->stats.connections, memory_order_relaxed),
        .shed = atomic_load_explicit(&server->stats.shed, memory_order_relaxed),
        .bytes_in = atomic_load_explicit(&server->stats.bytes_in, memory_order_relaxed),
        .bytes_out = atomic_load_explicit(&server->stats.bytes_out, memory_order_relaxed),
    };
    for (unsigned i = 0; i < ARRAY_LEN(stats.responses); i++)
        stats.responses[i] =
            atomic_load_explicit(&server->stats.responses[i], memory_order_relaxed);
    return stats;
}
