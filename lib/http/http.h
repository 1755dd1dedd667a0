/* An HTTP/1.1 server: one libuv loop for the wire, lane threads for the handlers.
 *
 * The loop thread reads, parses and writes and never blocks; a handler is straight-line code on a
 * lane thread, which owns what the application gave it (a database connection) and the request's
 * arena. Reading from a connection stops while its request is handled (no pipelined work ahead).
 * The parser is as strict as if no proxy stood in front (RFC 9112): two Host or Authorization or
 * Content-Length headers, Transfer-Encoding with Content-Length, absolute-form, bare LF, obs-fold,
 * control bytes are refused with 400 and the connection closed.
 *
 * Limits answered: request line + headers 431, body 413 (before reading it where Content-Length
 * says so), 415, 405 with Allow, 408 for a slow client, 503 with Retry-After for a full lane. */
#ifndef NEXACORE_HTTP_H
#define NEXACORE_HTTP_H

#include <uv.h>

#include "base/problem.h"
#include "base/uuid.h"

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_METHOD__COUNT
};

/* "GET"; HTTP_METHOD__COUNT gives "TRACE", the one other method that is known and never served. */
const char *http_method_name(enum http_method method);

/* Where a handler runs. Full lanes answer 503; classes do not starve each other. */
enum http_lane {
    HTTP_FAST,   /* a few milliseconds: reads, small writes */
    HTTP_SLOW,   /* reports, exports */
    HTTP_UPLOAD, /* large bodies */
    HTTP_LANE__COUNT,
    HTTP_ON_LOOP /* protocol code (Socket.IO): called on the loop thread, may answer later */
};

enum http_body {
    HTTP_BODY_NONE, /* a body other than an empty one is 400 */
    HTTP_BODY_JSON, /* application/json in memory; else 415; an empty body is passed as empty */
    HTTP_BODY_FORM, /* application/x-www-form-urlencoded in memory; else 415 */
    HTTP_BODY_RAW,  /* any type in memory (webhooks, engine.io payloads) */
    HTTP_BODY_SPOOL /* any type, kept in an encrypted unnamed temporary file: http_spool_* */
};

/* A handler: straight-line code, NULL or a problem, which becomes the response. */
struct http_request;
struct http_response;
typedef struct problem *http_handler(struct http_request *rq, struct http_response *rs);

/* One row of a route table. Paths are "/api/v1/alerts/:id/acknowledge"; `:name` segments match one
 * non-empty segment (http_path_arg); a last segment "*" matches the rest. */
struct http_route {
    enum http_method method;
    const char *path;
    http_handler *handler;
    unsigned roles;    /* the application's access mask; this library only carries it */
    const char *audit; /* the application's audit action; only carried */
    enum http_lane lane;
    enum http_body body;
    size_t body_max; /* bytes; 0: 64 KiB */
    unsigned flags;  /* the application's; only carried */
    void *data;      /* the module's own: which instance of it this row serves; only carried */
};

struct http_header {
    struct str name; /* lower case in requests */
    struct str value;
};

struct http_request {
    struct arena *arena; /* dies with the response */
    const struct http_route *route;
    enum http_method method;
    struct str path;  /* percent-decoded once; no query */
    struct str query; /* raw, without '?' */
    const struct http_header *headers;
    size_t header_count;
    struct str body;          /* in-memory kinds; empty otherwise */
    struct http_spool *spool; /* HTTP_BODY_SPOOL, once the body is in */
    struct str peer; /* the client's address as text (X-Forwarded-For only from trusted proxies) */
    char id[40];     /* X-Request-Id: echoed when well-formed, else made (UUIDv7) */
    int64_t started_us;           /* monotonic */
    void *lane;                   /* what lane_open returned for this thread */
    void *app;                    /* http_config.app */
    void *user;                   /* the application's principal, set by its `before` hook */
    struct http_connection *conn; /* private, for HTTP_ON_LOOP */
    struct str args[8];           /* matched :segments in order */
    const char *arg_names[8];
    unsigned arg_count;
};

struct http_response {
    struct arena *arena;
    int status;               /* 200 unless set */
    struct buf body;          /* up to http_config.response_max */
    const char *content_type; /* default application/json when the body is not empty */
    struct http_header headers[24];
    size_t header_count;
    bool close; /* close the connection after this response */
    /* Set by a handler for long answers (exports): called on a lane until it returns false; each
     * call appends to `out` (at most 8 MiB a call). The response is then sent chunked. A lane never
     * waits for the client: about 256 KiB are made, sent, and only then more is asked for, perhaps
     * on another thread of the same class. So `stream_state` (in the arena) holds a position, never
     * an open cursor, and rq->lane is that of the present thread. */
    bool (*stream)(struct http_request *rq, struct buf *out, void *state);
    void *stream_state;
};

/* The first header of that name (lower case), or an empty str. */
struct str http_header_get(const struct http_request *rq, const char *name);

/* A path argument by name ("id"), or an empty str. */
struct str http_path_arg(const struct http_request *rq, const char *name);
/* The same as a UUID; anything else is PROBLEM_NOT_FOUND, as an unknown id would be. */
struct problem *http_path_uuid(const struct http_request *rq, const char *name, struct uuid *ret);

/* A query parameter, percent-decoded into the arena; p NULL when absent. Twice the same is 400
 * through http_query_check, which also refuses names not in the NULL-terminated list. */
struct str http_query_get(const struct http_request *rq, const char *name);
struct problem *http_query_check(const struct http_request *rq, const char *const *names);
/* Percent-decoding of application/x-www-form-urlencoded pairs, for webhooks and forms. */
struct problem *http_form_get(const struct http_request *rq, const char *name, struct str *ret);

/* Walks the raw pairs of a query or form, for signatures over all of them: *rest begins as the
 * whole and is advanced. Nothing is decoded. False at the end. */
bool http_pairs_next(struct str *rest, struct str *ret_name, struct str *ret_value);

/* Sets a header (a second Set-Cookie is added, others replace); name and value are copied into the
 * arena; CR, LF, NUL in them end the process. */
void http_header_set(struct http_response *rs, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The same without a copy: name and value live as long as the process. */
void http_header_const(struct http_response *rs, const char *name, const char *value);

/* ---- bodies that are not kept in memory -------------------------------------------------------
 * While it arrives, the body goes to an unnamed temporary file (O_TMPFILE in http_config.spool_dir)
 * encrypted with a key that lives only in this request (AES-256-GCM, 64 KiB chunks): nothing of it
 * is readable on disk and nothing is left after a crash. */
struct http_spool;
size_t http_spool_size(const struct http_spool *spool);
/* Reads up to n bytes at the read position; 0 at the end. Fails only on a damaged file. */
struct problem *http_spool_read(struct http_spool *spool, struct arena *arena, void *ret, size_t n,
                                size_t *ret_n);
void http_spool_rewind(struct http_spool *spool);

/* multipart/form-data (RFC 7578) read from the spool, one part after the other, limits first:
 * at most 16 parts, 8 KiB of headers a part. */
struct http_part {
    struct str name;         /* of Content-Disposition */
    struct str filename;     /* p NULL when absent; never used as a path */
    struct str content_type; /* as declared: not to be trusted */
};
struct http_multipart;
struct problem *http_multipart_open(struct http_request *rq, struct http_multipart **ret);
/* The next part, or *ret_more false at the closing delimiter. A body that ends before the closing
 * delimiter is PROBLEM_BAD_REQUEST. */
struct problem *http_multipart_next(struct http_multipart *m, struct http_part *ret,
                                    bool *ret_more);
/* Bytes of the current part; *ret_n 0 at its end. */
struct problem *http_multipart_read(struct http_multipart *m, void *ret, size_t n, size_t *ret_n);

/* ---- the server ------------------------------------------------------------------------------ */
struct http_config {
    const char *listen;               /* "127.0.0.1:8080"; port 0 picks a free one, see http_port */
    unsigned lanes[HTTP_LANE__COUNT]; /* threads of each class */
    unsigned lane_queue[HTTP_LANE__COUNT]; /* waiting requests before 503 */
    size_t header_max;                     /* request line and headers, bytes; 0: 16 KiB */
    size_t response_max;                   /* 0: 32 MiB */
    unsigned header_timeout_ms, body_timeout_ms, idle_timeout_ms; /* 0: 10 s, 60 s, 60 s */
    unsigned connections_max;                                     /* 0: 20000 */
    const char *spool_dir;
    const char *const
        *trusted_proxies; /* addresses whose X-Forwarded-For counts; NULL-terminated */
    /* On the loop: may this client's X-Request-Id (its characters are checked already) be used as
     * the request's id, which is logged and answered? Else one is made. NULL: any may. */
    bool (*id_allowed)(struct str id);
    void *app;
    /* On each lane thread, at start and end: what rq->lane is. */
    void *(*lane_open)(void *app, enum http_lane lane);
    void (*lane_close)(void *app, void *lane);
    /* On the lane, before the body is read for HTTP_BODY_SPOOL routes and before the handler for
     * all: authentication and authorisation. A problem answers at once. */
    struct problem *(*before)(struct http_request *rq, struct http_response *rs);
    /* On the lane, after the handler (also when it failed: p is its problem), before the response
     * is sent: audit, metrics, headers. May replace the outcome by returning a problem; NULL leaves
     * it. Not called where no handler was reached: 404, 413, 408, a full lane, a client that left.
     */
    struct problem *(*after)(struct http_request *rq, struct http_response *rs, struct problem *p);
    /* On the lane, in place of calling the handler: calls it, or answers in its stead (a request
     * that was answered before). NULL: the handler is called. */
    struct problem *(*around)(struct http_request *rq, struct http_response *rs,
                              http_handler *handler);
    /* Headers on every response, also those the loop makes itself (404, 413 ...). */
    void (*decorate)(struct http_request *rq, struct http_response *rs);
};

struct http_server;

/* Called in `after`: the response is kept until http_release was called too, so that the lane can
 * go on while something (a disk) is waited for. From then on `rq` belongs to who will release it as
 * soon as `after` has returned. */
void http_hold(struct http_request *rq);
/* Exactly once for each http_hold, on any thread. A problem is answered in place of the response;
 * it must stay valid for ever, and is not changed. The server waits for it before it ends. */
void http_release(struct http_request *rq, const struct problem *problem);

/* Creates on `loop` and binds (so the port is known); serves after http_start. Tables are static;
 * they may be added before start. A route that repeats another is PROBLEM_INTERNAL. */
struct problem *http_server_new(uv_loop_t *loop, const struct http_config *config,
                                struct http_server **ret);
struct problem *http_routes_add(struct http_server *server, const struct http_route *routes,
                                size_t count);
/* Static files: `dir` below `prefix` ("/"), content types by suffix, ETag, immutable caching for
 * hashed names (-[hash].js), "index.html" for unknown paths without a dot when `spa`. Read at
 * start into memory (bounded), so no path from a client ever reaches the file system. */
struct problem *http_static_add(struct http_server *server, const char *prefix, const char *dir,
                                bool spa);
struct problem *http_start(struct http_server *server);
unsigned http_port(const struct http_server *server);
/* Every route of every table, for tests and documentation. */
size_t http_routes_all(const struct http_server *server, const struct http_route **ret, size_t max);

/* Graceful drain: stops accepting, answers what runs with Connection: close, closes idle
 * connections, then calls `done` on the loop (at the latest after `deadline_ms`). */
void http_drain(struct http_server *server, unsigned deadline_ms, void (*done)(void *), void *arg);

/* Ends what is left: waits for running handlers, closes every connection (on_abort is called) and
 * every handle. Memory goes when the loop has run the close callbacks and taken-over sockets were
 * given back by http_tcp_free: run the loop until it returns before uv_loop_close. */
void http_server_free(struct http_server **server);

/* Counters for /metrics, readable from any thread; `connections` is how many are open now. */
struct http_stats {
    uint64_t requests, responses[6]; /* by status / 100 */
    uint64_t connections, shed, bytes_in, bytes_out;
};
struct http_stats http_server_stats(const struct http_server *server);

/* ---- HTTP_ON_LOOP routes: for protocols on top of HTTP -----------------------------------------
 * The handler runs on the loop thread once the body (if any) is in. Returning a problem answers
 * it. Otherwise it either filled `rs` and calls http_reply at once, or keeps `rq` and calls
 * http_reply later from the loop thread; until then `on_abort` tells that the client went away
 * (then rq must not be used again); set it in the handler. Without an on_abort a client that left
 * is noticed only by http_reply. `before` and `after` are not called for these routes, `decorate`
 * is. */
void http_on_abort(struct http_request *rq, void (*on_abort)(void *arg), void *arg);
void http_reply(struct http_request *rq, struct http_response *rs);
/* The response object of a request kept for later. */
struct http_response *http_response_of(struct http_request *rq);

/* Hands the connection over after a 101 (or whatever `head` says): writes `head`, gives the TCP
 * handle with no callbacks set and the bytes already read past the request. The caller owns the
 * handle (uv_close, then free via http_tcp_free in the close callback). rq is dead afterwards. */
uv_tcp_t *http_takeover(struct http_request *rq, struct str head, struct buf *ret_leftover);
void http_tcp_free(uv_tcp_t *tcp);

#endif
