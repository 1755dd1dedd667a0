/* A real server on its own thread and a blocking client, for the tests of this library.
 *
 * The rule not to break: tests talk to the server through sockets only; what a handler saw is
 * asked through world_ counters that are atomic. */
#ifndef NEXACORE_HTTP_TESTKIT_H
#define NEXACORE_HTTP_TESTKIT_H

#include <pthread.h>
#include <stdatomic.h>

#include "http/http.h"

struct world {
    uv_loop_t loop;
    uv_async_t poke;
    pthread_t thread;
    struct http_server *server;
    struct http_config config;
    _Atomic int want; /* 1: drain, 2: stop */
    _Atomic int drained;
    const char *static_dir; /* served below "/" as a single-page application, when set */
    unsigned drain_ms;
    unsigned port;
};

/* Fills what a test left 0 in w->config, adds the routes and serves. */
void world_start(struct world *w, const struct http_route *routes, size_t count);
void world_drain(struct world *w, unsigned deadline_ms); /* asks; see w->drained */
void world_stop(struct world *w);

/* A connected socket with a 5 s receive timeout. */
int client_open(const struct world *w);
void client_send(int fd, struct str bytes);
void client_send_z(int fd, const char *text);

struct answer {
    int status;      /* 0: the connection ended without one */
    struct buf head; /* with its empty line */
    struct buf body; /* chunks joined */
    struct buf rest; /* bytes behind it */
};
/* Reads one response; `no_body` after HEAD. The caller frees. */
struct answer client_read(int fd, bool no_body);
/* The same, with bytes of an earlier answer's `rest` first. */
struct answer client_read_next(int fd, struct answer *previous, bool no_body);
void answer_free(struct answer *a);
bool answer_has(const struct answer *a, const char *header_line);
/* One request on a fresh connection. */
struct answer client_once(const struct world *w, struct str request);
/* True when the peer closes within the timeout. */
bool client_closed(int fd);

#endif
