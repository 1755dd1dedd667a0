/* A server on somebody else's loop: libuv inside, three callbacks outside. See sio_loop in
 * socketio.h.
 *
 * libuv waits on one descriptor (epoll's), which another loop can watch. What is added while
 * callbacks run is told to that descriptor by the next uv_run only. The rule not to break: so a
 * turn goes on until QUIET rounds in a row had nothing to do, and the host is asked to come back
 * within WAKE_MAX_MS in any case. */
#include <poll.h>
#include <stdlib.h>

#include "base/mem.h"
#include "socketio/socketio.h"

enum { QUIET = 3, ROUNDS_MAX = 64, WAKE_MAX_MS = 100 };

struct sio_loop {
    uv_loop_t uv;
    struct sio_loop_host host;
};

struct problem *sio_loop_new(const struct sio_loop_host *host, struct sio_loop **ret)
{
    struct sio_loop *loop = mem_new(struct sio_loop);
    if (uv_loop_init(&loop->uv) != 0) {
        free(loop);
        return problem_new(NULL, PROBLEM_INTERNAL, "no loop: too few descriptors");
    }
    loop->host = *host;
    loop->host.watch(uv_backend_fd(&loop->uv), loop->host.user);
    loop->host.wake(0, loop->host.user);
    *ret = loop;
    return NULL;
}

uv_loop_t *sio_loop_uv(struct sio_loop *loop)
{
    return &loop->uv;
}

static bool is_ready(const struct sio_loop *loop)
{
    struct pollfd fd = {.fd = uv_backend_fd(&loop->uv), .events = POLLIN};
    return uv_backend_timeout(&loop->uv) == 0 || poll(&fd, 1, 0) > 0;
}

void sio_loop_turn(struct sio_loop *loop)
{
    int quiet = 0;
    for (int i = 0; i < ROUNDS_MAX && quiet < QUIET; i++) {
        quiet = is_ready(loop) ? 0 : quiet + 1;
        uv_run(&loop->uv, UV_RUN_NOWAIT);
    }
    int wait_ms = uv_backend_timeout(&loop->uv);
    if (quiet < QUIET)
        wait_ms = 0;
    bool late = wait_ms < 0 || wait_ms > WAKE_MAX_MS;
    loop->host.wake(late ? WAKE_MAX_MS : (unsigned)wait_ms, loop->host.user);
}

void sio_loop_free(struct sio_loop **loop_at)
{
    struct sio_loop *loop = *loop_at;
    if (!loop)
        return;
    *loop_at = NULL;
    uv_run(&loop->uv, UV_RUN_DEFAULT); /* closing handles */
    loop->host.unwatch(uv_backend_fd(&loop->uv), loop->host.user);
    if (uv_loop_close(&loop->uv) == 0)
        free(loop);
}
