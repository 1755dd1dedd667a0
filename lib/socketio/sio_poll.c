/* sio_poll: a Socket.IO server on a loop that is not libuv's, here the barest one, poll(2).
 *
 * An example to copy from: a program that has a loop of its own (glib, libevent, a game's) gives
 * the library three callbacks and calls sio_loop_turn when it is told to. Prints {"port":N}; event
 * `echo` answers its arguments, `rooms` makes the client join a room and speaks to it. SIGTERM ends
 * it in order. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "socketio/socketio.h"

/* ---- the foreign loop ------------------------------------------------------------------------ */

struct host {
    int fd;          /* the library's: call it when readable */
    int64_t wake_us; /* and not later than this */
    bool closed;
};

static void watch(int fd, void *user)
{
    ((struct host *)user)->fd = fd;
}

static void wake(unsigned ms, void *user)
{
    ((struct host *)user)->wake_us = clock_mono_us() + (int64_t)ms * 1000;
}

static void unwatch(int fd, void *user)
{
    (void)fd;
    ((struct host *)user)->fd = -1;
}

static volatile sig_atomic_t ending;

static void on_signal(int number)
{
    (void)number;
    ending = 1;
}

static void turn(struct host *host, struct sio_loop *loop)
{
    struct pollfd fds[] = {
        {.fd = host->fd, .events = POLLIN}}; /* a real program has more of them */
    int64_t wait_us = host->wake_us - clock_mono_us();
    int ready = poll(fds, 1, wait_us > 0 ? (int)((wait_us + 999) / 1000) : 0);
    if (ready > 0 || clock_mono_us() >= host->wake_us)
        sio_loop_turn(loop);
}

/* ---- the application ------------------------------------------------------------------------- */

static void on_echo(struct sio_socket *socket, const struct sio_event *event, void *user)
{
    (void)socket, (void)user;
    sio_answer_binary(event->ack, event->args, event->binary);
}

static void on_rooms(struct sio_socket *socket, const struct sio_event *event, void *user)
{
    (void)user;
    struct str room = STR("everybody");
    sio_join(socket, room);
    sio_broadcast(sio_namespace_of(socket), &(struct sio_target){.rooms = &room, .room_count = 1},
                  "news", event->args);
}

static struct problem *serve(struct sio_loop *loop, struct http_server **http,
                             struct sio_server **server)
{
    static const struct sio_on events[] = {{"echo", on_echo}, {"rooms", on_rooms}, {NULL, NULL}};
    static const char *const any[] = {"*", NULL};
    struct http_config config = {.listen = "127.0.0.1:0", .spool_dir = "/tmp"};
    TRY(http_server_new(sio_loop_uv(loop), &config, http));
    TRY(sio_server_new(sio_loop_uv(loop), *http, &(struct sio_options){.origins = any}, server));
    TRY(sio_namespace_add(*server, &(struct sio_namespace_config){.name = "/", .events = events},
                          NULL));
    return http_start(*http);
}

static void closed(void *arg)
{
    ((struct host *)arg)->closed = true;
}

int main(void)
{
    struct host host = {.fd = -1};
    struct sio_loop_host callbacks = {watch, wake, unwatch, &host};
    struct sio_loop *loop = NULL;
    struct http_server *http = NULL;
    struct sio_server *server = NULL;
    log_setup(LOG_INFO, "sio_poll");
    struct problem *p = sio_loop_new(&callbacks, &loop);
    if (!p)
        p = serve(loop, &http, &server);
    if (p) {
        fprintf(stderr, "sio_poll: %s\n", p->detail);
        return 1;
    }
    signal(SIGTERM, on_signal);
    printf("{\"port\":%u}\n", http_port(http));
    fflush(stdout);
    while (!ending)
        turn(&host, loop);
    sio_server_close(server, closed, &host);
    while (!host.closed)
        turn(&host, loop);
    sio_server_free(&server);
    http_server_free(&http);
    sio_loop_free(&loop);
    return 0;
}
