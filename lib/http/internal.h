/* The server's own structs, shared by its files and nobody else.
 *
 * The rule not to break: a connection belongs to the loop thread. An exchange (one request and its
 * response) belongs to whoever holds it: the loop, or one lane thread between http_lanes_add and
 * the hand-back. A lane never looks at `conn`, the loop never looks at what a lane holds. */
#ifndef NEXACORE_HTTP_INTERNAL_H
#define NEXACORE_HTTP_INTERNAL_H

#include <stdatomic.h>

#include "http/http.h"
#include "http/lane.h"
#include "http/parse.h"
#include "http/route.h"
#include "http/static.h"

enum {
    READ_SIZE = 65536,           /* one read from a socket */
    ARENAS_KEPT = 64,            /* reset arenas waiting for the next request */
    REQUEST_ARENA_MAX = 1 << 28, /* a handler's memory */
    STREAM_CHUNK = 256 * 1024,   /* what a lane makes of a long answer before the client takes it */
    STREAM_CHUNK_MAX = 8 << 20,  /* the most one call of a stream function may append */
    LINGER_MS = 3000,
    SWEEP_MS = 200,
    BODY_PROGRESS = 65536, /* body bytes that must arrive in each body_timeout_ms */
    SPOOLS_MAX = 512       /* uploads being received at one time */
};

/* What a lane is asked to do with an exchange. */
enum http_job {
    JOB_ADMIT,  /* `before` only: the body is not read yet */
    JOB_WHOLE,  /* `before`, handler, `after` */
    JOB_HANDLE, /* handler, `after`: it was admitted */
    JOB_STREAM, /* the next piece of a long answer */
    JOB__COUNT
};

struct http_exchange {
    struct http_request rq; /* first: a request is its exchange */
    struct http_response rs;
    struct http_server *server;
    struct http_connection *conn; /* loop only; NULL once the client went away */
    struct http_exchange *next;   /* in a lane's queue or among the finished */
    enum http_job job;
    struct problem *problem; /* answer this instead of `rs` */
    struct buf body;         /* in-memory request bodies */
    struct str fixed;        /* a response body that outlives the exchange (static files) */
    struct buf piece;        /* JOB_STREAM: what was made */
    bool more;               /* JOB_STREAM: and there is more to come */
    _Atomic unsigned holds;  /* who must let go before it is handed back: its lane, http_hold */
    struct problem *late;    /* what http_release gave: answer this instead */
    bool answered;           /* rs is final (set on the lane) */
    bool admitted;           /* `before` let it pass */
    bool chunked;            /* the response is being sent in chunks */
    bool http10;
    bool client_close; /* the client asked for it */
    bool expects_continue;
    void (*on_abort)(void *arg);
    void *abort_arg;
};

enum conn_state {
    CONN_IDLE,   /* no byte of a next request */
    CONN_HEAD,   /* part of a head */
    CONN_ADMIT,  /* `before` of an upload runs on its lane */
    CONN_BODY,   /* the body arrives */
    CONN_HANDLE, /* a lane or protocol code has the request */
    CONN_WRITE,  /* the response leaves */
    CONN_LINGER, /* our side is shut; what still comes is thrown away */
    CONN_GONE,   /* closing, or handed over */
    CONN_STATE__COUNT
};

struct http_tcp {
    uv_tcp_t tcp; /* first: a handle is its http_tcp */
    struct http_server *server;
};

struct http_connection {
    struct http_server *server;
    struct http_tcp *tcp;
    struct http_connection *prev, *next; /* among those of its state, the oldest first */
    enum conn_state state;
    uint64_t deadline_ms; /* of uv_now; 0: none */
    bool reading;
    bool running; /* conn_run is on the stack */
    bool eof;
    bool body_ended;
    bool spool_full; /* reading waits for the disk */
    bool view_is_in; /* `view` points into `in` */
    bool last;       /* the connection ends after this response */
    struct buf in;   /* bytes read and not consumed */
    struct str view; /* the same while conn_run works on them */
    struct http_scan scan;
    struct http_body_reader body;
    uint64_t body_bytes; /* of the body, so far */
    uint64_t progress;   /* bytes read in all */
    uint64_t mark;       /* progress when the present deadline was set */
    size_t write_queued; /* bytes waiting to leave at the last deadline */
    unsigned lingers_left;
    struct http_exchange *ex;
    struct buf out; /* what of a response head the socket did not take at once */
    uv_write_t write;
    uv_shutdown_t shutdown;
    char peer[46];
};

struct conn_list {
    struct http_connection *oldest, *newest;
};

struct http_server {
    struct arena *arena;
    uv_loop_t *loop;
    struct http_config config;
    struct http_router *router;
    struct http_lanes *lanes;
    struct http_static *statics;
    uv_tcp_t listener;
    uv_async_t wake;  /* a lane finished something */
    uv_timer_t sweep; /* deadlines */
    unsigned port;
    unsigned refs; /* open handles of ours, taken-over sockets, spool writes under way */
    bool started, draining, freed, listening;
    uint64_t drain_deadline_ms;
    void (*on_drained)(void *arg);
    void *drained_arg;
    struct conn_list lists[CONN_STATE__COUNT];
    unsigned connections;
    unsigned spools;
    struct arena *arenas[ARENAS_KEPT];
    unsigned arena_count;
    struct buf scratch; /* where response heads are written before they are sent */
    char *read_buffer;  /* READ_SIZE bytes shared by all sockets: consumed before the next read */
    time_t date_at, shed_logged_at;
    char date[32];
    struct {
        _Atomic uint64_t requests, responses[6], shed, bytes_in, bytes_out, connections;
    } stats;
};

/* Objects that outlive a request and are no arena's: zeroed, never NULL. */
void *http_object_new(size_t size);
void http_object_free(void *object, size_t size);

/* ---- server.c */
void http_server_ref(struct http_server *server);
void http_server_unref(struct http_server *server);
struct http_exchange *http_exchange_new(struct http_server *server);
void http_exchange_free(struct http_exchange *ex);
const char *http_date(struct http_server *server);
/* Calls on_drained when draining is over. */
void http_drain_check(struct http_server *server);

/* ---- conn.c */
void http_conn_accept(struct http_server *server);
void http_conn_enter(struct http_connection *conn, enum conn_state state);
/* Closes without an answer. */
void http_conn_abort(struct http_connection *conn);
/* Closes after the response that was just written, so that the client can read it. */
void http_conn_finish(struct http_connection *conn);
void http_conn_expired(struct http_connection *conn);
/* Works on what was read, as far as the state allows. */
void http_conn_run(struct http_connection *conn, struct str fresh);
void http_conn_read_more(struct http_connection *conn);
/* A lane gave `ex` back. */
void http_conn_handed_back(struct http_exchange *ex);

/* ---- receive.c: from a parsed head to a handler */
void http_receive_head(struct http_connection *conn, size_t len);
/* Answers and closes: the request cannot be read to its end. */
void http_receive_broken(struct http_connection *conn, enum problem_kind kind, const char *what);
/* Takes body bytes from the view; false: wait for more. */
bool http_receive_body(struct http_connection *conn);
/* `before` let an upload pass: its body is read now. */
void http_receive_admitted(struct http_connection *conn);

/* ---- send.c: from a response to the socket */
void http_send_response(struct http_connection *conn);
void http_send_problem(struct http_connection *conn, struct problem *p);
void http_send_piece(struct http_connection *conn);

/* ---- response.c */
/* Turns `p` into the response: body, status, Retry-After, WWW-Authenticate. */
void http_response_problem(struct http_request *rq, struct http_response *rs, struct problem *p);
/* One line in the log: the outermost caller's duty. */
void http_problem_log(const struct problem *p);
/* Status line and headers, ready to send. `body_len` SIZE_MAX: no Content-Length. */
void http_response_head(const struct http_exchange *ex, const char *date, size_t body_len,
                        bool close, struct buf *out);

/* ---- request.c */
/* The request as handlers see it. `peer` is the socket's; trusted proxies may name better ones. */
void http_request_fill(struct http_request *rq, const struct http_head *head, const char *peer,
                       const struct http_config *config);
/* A request id where none was sent, or none that is well-formed. */
void http_request_id(struct http_request *rq, struct str wanted);

/* ---- spool.c */
struct http_spool *http_spool_new(struct http_server *server);
void http_spool_free(struct http_spool **spool);
/* Takes body bytes; false: a write is under way, offer the rest again after the callback. *in is
 * advanced past what was taken. */
bool http_spool_add(struct http_spool *spool, struct str *in);
/* Called on the loop each time a write ended; `on_written` NULL: nobody listens any more. */
void http_spool_listen(struct http_spool *spool, void (*on_written)(void *arg), void *arg);
bool http_spool_busy(const struct http_spool *spool);
bool http_spool_failed(const struct http_spool *spool);

#endif
