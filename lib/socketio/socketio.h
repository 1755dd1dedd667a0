/* A Socket.IO v5 server over Engine.IO v4 that stock clients and servers cannot tell from Node's.
 *
 * Read it like a small book. A SERVER lives on one libuv loop and one struct http_server. It has
 * NAMESPACES ("/", "/doctor"); a client CONNECTs to a namespace and is a SOCKET there, once the
 * application has accepted it, at once or later. Sockets send and receive EVENTS: a name and
 * arguments, which are JSON text here, always one array: `[1,{"a":true}]`. An event may ask for an
 * ANSWER (acknowledgement). Sockets sit in ROOMS; a BROADCAST goes to the sockets of rooms. An
 * ADAPTER joins several servers over Redis.
 *
 * The rules not to break: everything here is called on the loop's thread; and a struct sio_socket
 * is valid inside the callback that gave it, no longer: keep a struct sio_ref across turns.
 * Arguments handed in must be valid JSON in UTF-8: they are sent as they are.
 *
 * Words of lib/base. A struct str is bytes and their number (p, n), not ended by 0: STR("x") makes
 * one of a literal, str_of() of a C string, STR_NONE is none. A struct buf grows: BUF_MAX(n) is an
 * empty one of at most n bytes, buf_add_z() appends, buf_str() looks at it, buf_free() ends it. A
 * function that can fail returns a struct problem (its `detail` says why) or NULL; TRY(f()) returns
 * a problem on to the caller. An `arena` is memory that is freed at once.
 *
 * A whole program, which ends on SIGTERM:
 *
 *     #include <signal.h>
 *     #include <stdio.h>
 *
 *     #include "socketio/socketio.h"
 *
 *     struct program {
 *         struct http_server *http;
 *         struct sio_server *server;
 *         uv_signal_t end;
 *     };
 *
 *     static void on_hello(struct sio_socket *socket, const struct sio_event *event, void *user)
 *     {
 *         (void)user;
 *         sio_emit(socket, "hello back", event->args);
 *     }
 *
 *     static void closed(void *arg)
 *     {
 *         struct program *program = arg;
 *         sio_server_free(&program->server);
 *         http_server_free(&program->http);
 *     }
 *
 *     static void on_end(uv_signal_t *end, int number)
 *     {
 *         (void)number;
 *         uv_close((uv_handle_t *)end, NULL);
 *         sio_server_close(((struct program *)end->data)->server, closed, end->data);
 *     }
 *
 *     static struct problem *begin(uv_loop_t *loop, struct program *program)
 *     {
 *         static const struct sio_on events[] = {{"hello", on_hello}, {NULL, NULL}};
 *         struct sio_namespace_config root = {.name = "/", .events = events};
 *         struct http_config config = {.listen = "127.0.0.1:3000", .spool_dir = "/tmp"};
 *         TRY(http_server_new(loop, &config, &program->http));
 *         TRY(sio_server_new(loop, program->http, &(struct sio_options){0}, &program->server));
 *         TRY(sio_namespace_add(program->server, &root, NULL));
 *         return http_start(program->http);
 *     }
 *
 *     int main(void)
 *     {
 *         struct program program = {0};
 *         uv_loop_t *loop = uv_default_loop();
 *         struct problem *p = begin(loop, &program);
 *         if (p) {
 *             fprintf(stderr, "%s\n", p->detail);
 *             return 1;
 *         }
 *         uv_signal_init(loop, &program.end);
 *         program.end.data = &program;
 *         uv_signal_start(&program.end, on_end, SIGTERM);
 *         return uv_run(loop, UV_RUN_DEFAULT);
 *     }
 *
 * Chapters: a loop of your own; the server; events; namespaces; sockets; recovery; rooms; several
 * servers; between servers; without a server. Whole programs: sio_poll.c, sio_echo.c.
 *
 * Protocols: github.com/socketio/socket.io docs/engine.io-protocol (v4), docs/socket.io-protocol
 * (v5); WebSocket frames RFC 6455. */
#ifndef SOCKETIO_SOCKETIO_H
#define SOCKETIO_SOCKETIO_H

#include <uv.h>

#include "base/problem.h"
#include "http/http.h"

struct sio_server;
struct sio_namespace;
struct sio_socket;

/* Why a connection or a socket ended; names are those of Node where it has them. */
enum sio_reason {
    SIO_TRANSPORT_CLOSE, /* the client went away */
    SIO_TRANSPORT_ERROR, /* it broke the transport's rules */
    SIO_PING_TIMEOUT,    /* no pong in time */
    SIO_PARSE_ERROR,     /* a packet that is none */
    SIO_FORCED_CLOSE,    /* a packet out of order: CONNECT twice, an event before CONNECT */
    SIO_CLIENT_LEFT,     /* the client disconnected from the namespace */
    SIO_SERVER_LEFT,     /* sio_disconnect */
    SIO_SLOW_CONSUMER,   /* it did not read: the byte cap was reached */
    SIO_CONNECT_TIMEOUT, /* connected to no namespace in time */
    SIO_SHUTDOWN,        /* sio_server_close */
    SIO_REASON__COUNT
};
const char *sio_reason_name(enum sio_reason reason); /* "transport close", "ping timeout", ... */

/* ---- a loop of your own ------------------------------------------------------------------------
 * A program on libuv passes its loop to sio_server_new and skips this part. Any other loop gives
 * three callbacks and gets a libuv loop that lives inside it; example: sio_poll.c. */

struct sio_loop;

struct sio_loop_host {
    void (*watch)(int fd, void *user);     /* from now on: sio_loop_turn whenever it is readable */
    void (*wake)(unsigned ms, void *user); /* sio_loop_turn after `ms`, even if nothing is readable;
                                              each call replaces the one before */
    void (*unwatch)(int fd, void *user);   /* the end of `watch` */
    void *user;
};

/* Calls `watch` and `wake` at once. */
struct problem *sio_loop_new(const struct sio_loop_host *host, struct sio_loop **ret);
uv_loop_t *sio_loop_uv(struct sio_loop *loop); /* for http_server_new and sio_server_new */
void sio_loop_turn(struct sio_loop *loop);     /* does what is due, never waits; calls `wake` */
/* After server and HTTP server were freed. Accepts NULL. */
void sio_loop_free(struct sio_loop **loop);

/* ---- the server ------------------------------------------------------------------------------ */

struct sio_options {
    const char *path;            /* NULL: "/socket.io/"; gets a '/' where it ends in none */
    unsigned ping_interval_ms;   /* 0: 25000 */
    unsigned ping_timeout_ms;    /* 0: 20000 */
    unsigned connect_timeout_ms; /* 0: 45000; to the first accepted namespace */
    unsigned upgrade_timeout_ms; /* 0: 10000; from the probe to the upgrade */
    size_t payload_max_bytes;    /* 0: 1000000; of one message or one POST from a client */
    size_t queue_max_bytes;      /* 0: 4 MiB; waiting for one client before it is dropped */
    unsigned connections_max;    /* 0: 20000; beyond it a handshake is answered 503 */
    unsigned opens_per_s;        /* 0: no limit; new connections beyond it wait their turn */
    const char *const *origins;  /* NULL-terminated browser origins that may connect, {"*"} any;
                                    NULL: the page's own host alone. No Origin header: allowed */
    unsigned recovery_ms;        /* how long a lost session can be restored; 0: not at all. Node's
                                    default is 120000. With an adapter any server restores it; alone
                                    this one does, from the last 10000 events and 16 MiB */
    /* Asked for every new connection before it opens; a problem answers it. NULL: all may. */
    struct problem *(*allow)(const struct http_request *rq, void *user);
    void *user;
    /* Carried on the routes for the application's `before` and `after` hooks. */
    unsigned route_roles, route_flags;
    const char *route_audit;
};

/* Adds the routes at options->path to `http`, which must not have started, and serves from then
 * on. Options are copied, except the strings. */
struct problem *sio_server_new(uv_loop_t *loop, struct http_server *http,
                               const struct sio_options *options, struct sio_server **ret);

/* Disconnects everybody (reason SIO_SHUTDOWN), then calls `done` on the loop when nothing is left
 * in flight; only then may sio_server_free be called. New connections get 503. */
void sio_server_close(struct sio_server *server, void (*done)(void *arg), void *arg);

/* Releases a closed server, or one whose loop never ran. Accepts NULL. */
void sio_server_free(struct sio_server **server);

struct sio_stats {
    uint64_t connections; /* now */
    uint64_t websockets;  /* of them, now */
    uint64_t sockets;     /* accepted, now, over all namespaces */
    uint64_t opened;      /* connections ever */
    uint64_t refused;     /* handshakes answered with an error */
    uint64_t delayed;     /* handshakes that had to wait their turn */
    uint64_t packets_in;  /* Engine.IO packets */
    uint64_t packets_out;
    uint64_t bytes_in; /* payload bytes */
    uint64_t bytes_out;
    uint64_t deliveries;       /* packets put in a client's queue by broadcasts */
    uint64_t events_ignored;   /* no handler */
    uint64_t names_refused;    /* events of ours that were not sent for their reserved names */
    uint64_t volatile_dropped; /* volatile packets that a client could not take */
    uint64_t closed[SIO_REASON__COUNT];
};
struct sio_stats sio_server_stats(const struct sio_server *server);

/* ---- events ---------------------------------------------------------------------------------- */

/* The right to answer an event, once; it may be kept (it is a value) and used later. */
struct sio_ack {
    struct sio_socket *socket; /* private */
    uint64_t serial;           /* private; 0: the client wants no answer */
    uint64_t id;
};

/* Bytes that travel beside the arguments. In the arguments attachment i is the object
 * {"_placeholder":true,"num":i}; numbers out of range never get here. */
struct sio_attachments {
    const struct str *items;
    size_t count;
};

struct sio_event {
    struct str name;               /* decoded UTF-8; or the digits of a numeric name */
    struct str args;               /* a JSON array, without the name; dies with the callback */
    struct sio_attachments binary; /* dies with the callback */
    struct sio_ack ack;
};

/* Handles one event; arguments and attachments die with the call. */
typedef void sio_event_handler(struct sio_socket *socket, const struct sio_event *event,
                               void *user);

/* A table row; tables end with {NULL, NULL}. */
struct sio_on {
    const char *name;
    sio_event_handler *handler;
};

static inline bool sio_wants_answer(const struct sio_event *event)
{
    return event->ack.serial != 0;
}

/* Answers; without effect when the socket is gone or no answer is wanted. */
void sio_answer(struct sio_ack ack, struct str args);
void sio_answer_binary(struct sio_ack ack, struct str args, struct sio_attachments binary);

/* The i-th element of a JSON array as text, for arguments read without a JSON library. */
bool sio_arg(struct str args, size_t i, struct str *ret);
/* The same as an unsigned number, or as a string whose escapes are decoded into `out`. */
bool sio_arg_u64(struct str args, size_t i, uint64_t *ret);
bool sio_arg_text(struct str args, size_t i, struct buf *out);
/* The value of a key in a JSON object (the first of that name), as text. */
bool sio_member(struct str object, const char *key, struct str *ret);
/* Appends a JSON string literal (RFC 8259 section 7); invalid UTF-8 becomes U+FFFD. */
void sio_quote(struct buf *out, struct str text);

/* ---- namespaces ------------------------------------------------------------------------------ */

/* What became of an event from another server: see sio_namespace_config.rewrite. */
enum sio_rewrite {
    SIO_AS_IT_IS,
    SIO_REWRITTEN, /* the arguments are in `out`; empty: nobody gets it */
    SIO_LATER, /* that cannot be said without waiting: nothing after it is delivered either until
                * sio_adapter_resume(), and then it is asked again */
};

struct sio_server_event;

struct sio_namespace_config {
    const char *name; /* "/", "/doctor" */
    /* A client asks to connect. `auth` is its JSON object, "{}" when it sent none. Decide by
     * sio_accept or sio_refuse, now or later through a sio_ref; while undecided the socket can
     * neither send nor be reached by broadcasts. NULL: everybody is accepted. */
    void (*connect)(struct sio_socket *socket, struct str auth, void *user);
    /* Right after the client was told that it is connected. May be NULL. */
    void (*connected)(struct sio_socket *socket, void *user);
    const struct sio_on *events; /* may be NULL */
    sio_event_handler *other;    /* events not in the table; NULL: ignored and counted */
    /* Once for every socket `connect` was called for and that was not refused, also when it went
     * away undecided. Rooms are already left; sio_data still works. */
    void (*disconnect)(struct sio_socket *socket, enum sio_reason reason, void *user);
    /* A broadcast from another server is about to be delivered here. May write new arguments into
     * `out`. For a client that is being restored SIO_LATER means that it begins anew. */
    enum sio_rewrite (*rewrite)(struct str event, struct str args, struct buf *out, void *user);
    /* Another server calls (see "between servers"); NULL: it is answered with null. */
    bool (*server_event)(struct sio_namespace *nsp, const struct sio_server_event *event,
                         void *user);
    /* What other servers may see of a socket (Node's socket.data): writes one JSON value. NULL: {}.
     */
    void (*describe)(const struct sio_socket *socket, struct buf *json, void *user);
    bool binary_refused; /* binary events from clients close the connection (parse error) */
    void *user;          /* given to the callbacks */
};

/* Copies the config; names and tables must outlive the server. A name twice is
 * PROBLEM_INTERNAL. */
struct problem *sio_namespace_add(struct sio_server *server,
                                  const struct sio_namespace_config *config,
                                  struct sio_namespace **ret);

/* ---- sockets --------------------------------------------------------------------------------- */

/* Survives turns of the loop: sio_get gives the socket, or NULL once it is gone. */
struct sio_ref {
    struct sio_socket *socket; /* private */
    uint64_t serial;           /* private */
};
struct sio_ref sio_ref(struct sio_socket *socket);
struct sio_socket *sio_get(struct sio_ref ref);

/* The decision on a connecting socket. Refusal sends connect_error with `message` (plain text) and
 * `data` (JSON, or empty for none); the connection stays and may try again. Deciding a socket that
 * is already decided is without effect. */
void sio_accept(struct sio_socket *socket);
void sio_refuse(struct sio_socket *socket, const char *message, struct str data);

const char *sio_id(const struct sio_socket *socket); /* 20 characters, public */
struct sio_namespace *sio_namespace_of(const struct sio_socket *socket);
struct str sio_peer(const struct sio_socket *socket);  /* the client's address at the handshake */
struct str sio_query(const struct sio_socket *socket); /* the handshake's raw query */
bool sio_is_connected(const struct sio_socket *socket);

/* The application's pointer on a socket, NULL at first. */
void sio_data_set(struct sio_socket *socket, void *data);
void *sio_data(const struct sio_socket *socket);

/* Sends an event. Order is kept; delivery is not promised. A socket that is not connected drops it.
 * "connect", "connect_error", "disconnect", "disconnecting", "newListener" and "removeListener" are
 * the client library's own: an event of such a name is counted and sent to nobody, here and in
 * everything below, because a stock client closes its connection over it. */
void sio_emit(struct sio_socket *socket, const char *event, struct str args);
void sio_emit_binary(struct sio_socket *socket, const char *event, struct str args,
                     struct sio_attachments binary);

/* The same, unless the client cannot take it right now (it has not read what was written, or no GET
 * of it waits): true when it was sent, else it is counted. A client is never dropped for it. */
bool sio_emit_volatile(struct sio_socket *socket, const char *event, struct str args);

/* Sends an event that wants an answer. `answered` is called exactly once: with the arguments (and
 * ok), or with ok false after `timeout_ms` or when the socket ended first. */
typedef void sio_answered(struct sio_socket *socket, bool ok, struct str args,
                          struct sio_attachments binary, void *arg);
void sio_ask(struct sio_socket *socket, const char *event, struct str args, unsigned timeout_ms,
             sio_answered *answered, void *arg);
void sio_ask_binary(struct sio_socket *socket, const char *event, struct str args,
                    struct sio_attachments binary, unsigned timeout_ms, sio_answered *answered,
                    void *arg);

/* Ends the socket (reason SIO_SERVER_LEFT); with `close` the whole connection of the client. */
void sio_disconnect(struct sio_socket *socket, bool close);

/* ---- recovery -------------------------------------------------------------------------------- */

/* Connection state recovery: a client that lost its connection comes back with its session's name
 * and the offset of the last event it got. Once the application accepts it (it is asked again, so
 * the token is verified again), its id, its rooms and the broadcasts it missed are restored, in
 * order and once, before it hears that it is connected. The session is restored for the same
 * identity only (any bytes; more than SIO_IDENTITY_MAX, or no text, are kept as their SHA-256; set
 * before sio_accept): put into it everything rooms depend on, and in the same namespace. With
 * sio_adapter_redis sessions and events live in Redis and any server on it may restore them; with
 * recovery_ms alone they live in this server's memory and end with it. An offset is the client's
 * word: what came before its session is not sent, and one identity (without one, one session) gets
 * 240 steps of restoring at once and two a second on each server; a step is a restoration, or 200
 * entries read from Redis for it. Beyond that its clients begin anew. */
#define SIO_IDENTITY_MAX 512
void sio_identity_set(struct sio_socket *socket, struct str identity);
bool sio_is_recovered(const struct sio_socket *socket);

/* ---- rooms ----------------------------------------------------------------------------------- */

/* Rooms exist while somebody is in them. Every socket is in the room named by its id. Joining
 * twice is the same as once; joining before the decision counts from the acceptance on. Names are
 * any bytes, at most SIO_ROOM_MAX. */
#define SIO_ROOM_MAX 256
void sio_join(struct sio_socket *socket, struct str room);
void sio_leave(struct sio_socket *socket, struct str room);
bool sio_is_in(const struct sio_socket *socket, struct str room);
size_t sio_room_count(const struct sio_namespace *nsp, struct str room);
/* Whether anybody is in it, those too who wait for the decision or are being restored: what
 * `rewrite` has to ask, which is called for them as well. */
bool sio_room_exists(const struct sio_namespace *nsp, struct str room);
size_t sio_socket_count(const struct sio_namespace *nsp);

/* Calls `visit` for every socket of a room (room.p NULL: of the namespace); it may disconnect. */
void sio_each(struct sio_namespace *nsp, struct str room,
              void (*visit)(struct sio_socket *socket, void *arg), void *arg);

/* Who gets a broadcast: sockets in any of `rooms` (none: all) that are in none of `except`. */
struct sio_target {
    const struct str *rooms;
    size_t room_count;
    const struct str *except;
    size_t except_count;
    bool is_volatile; /* skip clients that cannot take it right now */
    bool local;       /* not to other servers */
};

/* Sends to all of the target, here and, with an adapter, on the other servers. The packet is
 * encoded once and its bytes shared. Returns the local receivers; 0 with an adapter and
 * recovery_ms once Redis was found, because then the event is delivered here too when the stream
 * has given it an offset (a `local` one, and one without an adapter, at once). */
size_t sio_broadcast(struct sio_namespace *nsp, const struct sio_target *to, const char *event,
                     struct str args);
size_t sio_broadcast_binary(struct sio_namespace *nsp, const struct sio_target *to,
                            const char *event, struct str args, struct sio_attachments binary);

/* ---- several servers --------------------------------------------------------------------------
 * Servers on one Redis act as one: broadcasts and everything under "between servers" reach all of
 * them, Node's with @socket.io/redis-streams-adapter 0.3 among them. They hear each other's
 * broadcasts in the order in which Redis got them, each once: the connection comes back by itself
 * (100 ms doubling to 5 s), reading goes on after the last entry read, and what could not be sent
 * waits (at most 20000 entries, 32 MB). From @socket.io/redis-emitter and servers with the classic
 * @socket.io/redis-adapter come broadcasts, joins, leaves, disconnects and server events; Redis
 * keeps no copy of those, so a client that is away misses them. */

#define SIO_STREAM_KEY    "socket.io"
#define SIO_STREAM_MAXLEN 10000

/* The same values as at the Node servers, where they are called as at the right. */
struct sio_adapter_options {
    const char *stream;    /* streamName; NULL: SIO_STREAM_KEY */
    const char *channel;   /* channelPrefix, and `key` of the emitter; NULL: SIO_STREAM_KEY */
    unsigned max_length;   /* maxLen; 0: SIO_STREAM_MAXLEN. Approximate, when we add */
    unsigned stream_count; /* streamCount; 0: 1. More: a namespace has one of <stream>-<i> */
    /* Entries may have been lost before they were read here: the last one read is no longer in the
     * stream, which was trimmed faster than this server reads, or emptied; or sockets were accepted
     * before Redis first said where the stream ends. On the loop, once each time; clients should
     * fetch afresh. May be NULL. */
    void (*missed)(void *user);
    void *user; /* given to `missed` */
};

/* `url`: redis://[[user]:password@]host[:port][/db]. Call it once, after all namespaces were added;
 * reading starts with what is added to the stream after the connection stands. */
struct problem *sio_adapter_redis(struct sio_server *server, const char *url,
                                  const struct sio_adapter_options *options);

/* After a `rewrite` said SIO_LATER: goes on with that event. Otherwise without effect. */
void sio_adapter_resume(struct sio_server *server);

struct sio_adapter_stats {
    bool connected; /* reads the stream and listens to the channels */
    uint64_t reconnects;
    uint64_t entries;   /* read from the stream */
    uint64_t delivered; /* broadcasts given to local sockets */
    uint64_t ignored;   /* our own, other types, unknown namespaces */
    uint64_t malformed;
    uint64_t unsent;   /* entries of ours thrown away: the queue was full, or Redis refused */
    uint64_t missed;   /* times entries may have been lost unread */
    uint64_t classic;  /* broadcasts of emitters and classic servers */
    uint64_t answered; /* questions of other servers, counting each answer of a client */
    uint64_t saved;    /* sessions of lost connections */
    uint64_t restored;
    uint64_t not_restored; /* asked for in vain: too late, another identity, Redis down */
    uint64_t limited;      /* of these: the identity had asked for too much */
};
struct sio_adapter_stats sio_adapter_stats(const struct sio_server *server);

/* ---- between servers --------------------------------------------------------------------------
 * What Node calls socketsJoin, socketsLeave, disconnectSockets, fetchSockets, serverSideEmit and
 * emitWithAck on a broadcast. Node servers ask this one the same; it answers by itself. Without an
 * adapter, or with who->local, these are about this server alone. */

/* Here at once, on the others when the stream brings it to them. */
void sio_sockets_join(struct sio_namespace *nsp, const struct sio_target *who, struct str room);
void sio_sockets_leave(struct sio_namespace *nsp, const struct sio_target *who, struct str room);
void sio_sockets_disconnect(struct sio_namespace *nsp, const struct sio_target *who, bool close);

/* Called once with a JSON array of all that was answered; `complete` is false when somebody did not
 * answer before `timeout_ms`, or Redis is away. Bytes in answers are not given. */
typedef void sio_gathered(struct sio_namespace *nsp, bool complete, struct str array, void *arg);

/* The sockets of all servers: {"id","handshake","rooms","data"} each. */
void sio_sockets_fetch(struct sio_namespace *nsp, const struct sio_target *who, unsigned timeout_ms,
                       sio_gathered *gathered, void *arg);

/* A broadcast whose clients answer: the first argument of each answer. */
void sio_broadcast_ask(struct sio_namespace *nsp, const struct sio_target *to, const char *event,
                       struct str args, unsigned timeout_ms, sio_gathered *gathered, void *arg);

/* Calls the other servers (not this one): `server_event` of each namespace config there. With
 * `gathered` NULL no answers are wanted. */
void sio_server_emit(struct sio_namespace *nsp, const char *event, struct str args,
                     unsigned timeout_ms, sio_gathered *gathered, void *arg);

/* The right to answer another server, once; a value that may be kept. */
struct sio_server_ack {
    struct sio_namespace *nsp; /* private */
    char peer[33], request[33];
    bool by_stream;
};

/* What `server_event` is given; it dies with the call. The callback returns true when it has
 * answered or will; false answers null, so that nobody waits in vain. */
struct sio_server_event {
    struct str name, args;
    struct sio_attachments binary;
    struct sio_server_ack ack;
};
bool sio_server_wants_answer(const struct sio_server_event *event);
void sio_server_answer(const struct sio_server_ack *ack, struct str value); /* one JSON value */

/* ---- without a server -------------------------------------------------------------------------
 */

/* For a process without a server (an outbox relay): the arguments of the XADD that makes every
 * server on the stream broadcast this. `uid` names the sender (any text no server uses as its
 * own). The stream is SIO_STREAM_KEY. Strings are made in the arena. Send them with
 * redisAppendCommandArgv. */
#define SIO_XADD_ARGC 14
struct sio_xadd {
    const char *argv[SIO_XADD_ARGC];
    size_t argvlen[SIO_XADD_ARGC];
};
void sio_stream_broadcast(struct arena *arena, const char *uid, const char *nsp,
                          const struct sio_target *to, const char *event, struct str args,
                          struct sio_xadd *ret);

#endif
