/* Engine.IO v4: the lower half. Sessions over HTTP long-polling and WebSocket, heartbeats, upgrade.
 *
 * The rule not to break: nothing is freed inside a callback. A closed session or connection is
 * unlinked at once and swept just before the loop sleeps, so a pointer stays good for the rest of
 * the turn. What is sent is a struct eio_bytes, encoded once and shared by reference count.
 *
 * Programs that want messages without namespaces and events use this header alone (sio_echo
 * --engine-only); everybody else reads socketio.h. */
#ifndef SOCKETIO_ENGINE_H
#define SOCKETIO_ENGINE_H

#include "socketio/pool.h"
#include "socketio/socketio.h"
#include "socketio/ws.h"

struct eio;
struct eio_session;

/* ---- what a user of the engine needs --------------------------------------------------------- */

struct eio_hooks {
    void (*open)(struct eio_session *session, void *user);
    void (*text)(struct eio_session *session, struct str text, void *user);
    void (*binary)(struct eio_session *session, struct str bytes, void *user);
    void (*close)(struct eio_session *session, enum sio_reason reason, void *user); /* once */
};

/* Options as in sio_server_new; those of Socket.IO alone are ignored. */
struct problem *eio_new(uv_loop_t *loop, struct http_server *http,
                        const struct sio_options *options, const struct eio_hooks *hooks,
                        void *user, struct eio **ret);
void eio_close(struct eio *eio, void (*done)(void *arg), void *arg);
void eio_free(struct eio **eio);

/* Sends a message; queued, never waits. */
void eio_send_text(struct eio_session *session, struct str text);
void eio_send_binary(struct eio_session *session, struct str bytes);

/* Ends the session: what is queued is still sent when the reason is the server's own. */
void eio_end(struct eio_session *session, enum sio_reason reason);

/* ---- shared bytes ---------------------------------------------------------------------------- */

struct eio_bytes {
    uint64_t serial;
    uint32_t refs;
    uint8_t head;   /* bytes of WebSocket frame head right before the packet */
    bool binary;    /* a binary message: polling sends it as base64 */
    struct buf buf; /* WS_HEAD_MAX bytes of room, then the packet */
};

/* Begins a packet with one reference; write into `buf`, then eio_bytes_end before sending. A text
 * packet starts with its Engine.IO type, which the caller writes ('4' for a message). */
struct eio_bytes *eio_bytes_new(struct eio *eio, bool binary, size_t max);
void eio_bytes_end(struct eio_bytes *bytes);
void eio_bytes_unref(struct eio *eio, struct eio_bytes *bytes);

/* Queues one more reference. False when the session is closed, was dropped for its byte cap, or
 * (volatile) cannot take it now. */
bool eio_send(struct eio_session *session, struct eio_bytes *bytes, bool is_volatile);

/* ---- deadlines: sorted lists, one a kind, driven by one timer ----------------------------------
 */

struct eio_deadline {
    struct sio_list link;
    int64_t at_us; /* monotonic */
};

enum eio_due {
    DUE_PING,
    DUE_PONG,
    DUE_UPGRADE,
    DUE_NOOP,
    DUE_LINGER,
    DUE_WS_LINGER,
    DUE_CONNECT,
    DUE_ASK,
    DUE_REQUEST,
    DUE_RESUBSCRIBE,
    DUE_SESSIONS,
    DUE_RESTORE,
    DUE_OPEN,
    DUE_DOOMED,
    DUE__COUNT
};

/* Deadlines of one kind mostly come in order, so insertion looks from the end. */
void eio_due_set(struct eio *eio, enum eio_due kind, struct eio_deadline *deadline, int64_t at_us);
static inline void eio_due_clear(struct eio_deadline *deadline)
{
    sio_list_del(&deadline->link);
}

/* ---- inside the engine ------------------------------------------------------------------------
 */

struct eio_queue_node {
    uint64_t serial;
    struct eio_queue_node *next;
    struct eio_bytes *bytes;
};

struct eio_queue {
    struct eio_queue_node *first, *last;
    size_t bytes;
};

enum eio_ws_state {
    EIO_WS_PROBE,  /* of a polling session: "2probe" is awaited */
    EIO_WS_PROBED, /* "5" is awaited; see eio_noop_fire */
    EIO_WS_LIVE,   /* carries the session */
    EIO_WS_ENDING, /* our close frame is queued; reads until the peer closes */
    EIO_WS_DEAD,   /* uv_close was called */
};

struct eio_ws {
    uint64_t serial;
    struct eio *eio;
    struct eio_session *session; /* NULL once ending */
    uv_tcp_t *tcp;
    struct ws_in in;
    struct eio_queue queue;
    size_t written; /* bytes of the first packet already sent */
    struct sio_list dirty;
    struct eio_deadline due;
    int64_t upgrade_by_us; /* of a probe */
    enum eio_ws_state state;
    unsigned pings; /* of the peer since our last heartbeat */
    int fd;         /* of `tcp`, which closes it */
    bool writing;
    bool shut;
    bool lost; /* the peer is gone: nothing more is read or said */
};

enum eio_state { EIO_STATE_OPEN, EIO_STATE_LINGERING, EIO_STATE_CLOSED };

struct eio_session {
    uint64_t serial;
    struct eio *eio;
    void *user; /* the upper half's */
    struct sio_map_node by_sid;
    struct sio_list all, dirty, dead;
    enum sio_reason doom; /* when on the list of the doomed, linked by `dead` */
    struct eio_deadline beat;
    int64_t opened_us;         /* wall clock */
    struct eio_ws *ws;         /* the transport, NULL while polling */
    struct eio_ws *probe;      /* a transport that would like to be */
    struct http_request *poll; /* the waiting GET */
    struct eio_queue queue;    /* while polling */
    struct buf query;
    enum eio_state state;
    bool doomed;
    bool pinged; /* a pong is awaited: beat is in DUE_PONG */
    char sid[21];
    char peer[46];
};

/* A handshake that waits its turn. */
struct eio_waiter {
    uint64_t serial;
    struct sio_list line;
    struct eio *eio;
    struct http_request *rq;
    const char *cors; /* of the request */
    bool websocket;
};

struct eio {
    uv_loop_t *loop;
    struct sio_options options;
    struct eio_hooks hooks;
    void *user; /* of the hooks */
    struct arena *arena;
    struct sio_pool sessions, sockets, nodes, bytes, writes, waiters;
    struct sio_map by_sid;
    struct sio_list all, dirty_polls, dirty_sockets, doomed, dead;
    struct {
        struct sio_list list;
        void (*fire)(struct eio *eio, struct eio_deadline *deadline);
    } due[DUE__COUNT];
    struct sio_list line; /* handshakes that wait their turn */
    size_t in_line;
    struct eio_deadline line_due, doomed_due;
    int64_t opened_until_us;   /* the time of those opened is used up to here */
    void (*sweep)(void *user); /* the upper half's, before the loop sleeps */
    uv_timer_t timer;
    uv_prepare_t prepare;
    int64_t armed_us;
    unsigned handles; /* of ours still open: timer, prepare, connections */
    struct eio_bytes *ping, *pong_probe, *noop;
    struct sio_stats stats;
    struct http_route routes[5];
    char *read_room; /* shared by all connections: a read is handled before the next */
    void (*done)(void *arg);
    void *done_arg;
    bool closing;
};

#define EIO_READ_ROOM 65536

/* engine.c */
struct eio_session *eio_session_new(struct eio *eio, const struct http_request *rq);
struct eio_session *eio_session_find(struct eio *eio, struct str sid);
void eio_open_packet(struct eio_session *session, bool websocket, struct buf *out);
/* Closes now; `last` (may be NULL) is the packet a waiting GET gets. */
void eio_session_close(struct eio_session *session, enum sio_reason reason, const char *last);
/* Closes before the loop sleeps: for places from which no callback may be called. */
void eio_doom(struct eio_session *session, enum sio_reason reason);
/* One decoded packet from the client. */
void eio_packet_in(struct eio_session *session, int type, struct str data);
void eio_queue_add(struct eio *eio, struct eio_queue *queue, struct eio_bytes *bytes);
void eio_queue_drop(struct eio *eio, struct eio_queue *queue); /* its first packet */
void eio_queue_clear(struct eio *eio, struct eio_queue *queue);
static inline struct str eio_bytes_packet(const struct eio_bytes *b)
{
    return (struct str){b->buf.data + WS_HEAD_MAX, b->buf.len - WS_HEAD_MAX};
}
static inline struct str eio_bytes_frame(const struct eio_bytes *b)
{
    return (struct str){b->buf.data + WS_HEAD_MAX - b->head, b->buf.len - WS_HEAD_MAX + b->head};
}
void eio_handle_closed(struct eio *eio);

/* engine_http.c */
struct problem *eio_routes_add(struct eio *eio, struct http_server *http);
void eio_poll_flush(struct eio_session *session, const char *last);
struct problem *eio_open(struct eio *eio, struct http_request *rq, struct http_response *rs,
                         bool websocket, const char *cors);

/* engine_line.c */
/* True: the request waits its turn, and eio_open is called for it then. */
bool eio_line_wait(struct eio *eio, struct http_request *rq, bool websocket, const char *cors);
void eio_line_fire(struct eio *eio, struct eio_deadline *deadline);
void eio_line_close(struct eio *eio);

/* engine_ws.c */
struct problem *eio_upgrade(struct eio *eio, struct http_request *rq, struct http_response *rs,
                            struct eio_session *session, const char *cors);
void eio_ws_send(struct eio_ws *ws, struct eio_bytes *bytes);
void eio_ws_flush(struct eio_ws *ws);
void eio_ws_end(struct eio_ws *ws, enum ws_code code);
void eio_ws_kill(struct eio_ws *ws);
/* A client upgrades when its GET is answered: with a noop, looked for every 100 ms, as Node does (a
 * noop at once would be seen by clients that count packets). */
void eio_noop_fire(struct eio *eio, struct eio_deadline *deadline);

#endif
