/* Engine.IO over HTTP: who may ask what, the long-polling transport, errors as Node words them. See
 * engine.h for the rule; docs/engine.io-protocol/v4. */
#include "socketio/engine.h"

#include "base/cleanup.h"
#include "base/crypt.h"
#include "socketio/packet.h"

/* The codes of Node's engine.io; the text is part of the protocol in practice. */
enum refusal { TRANSPORT_UNKNOWN, SID_UNKNOWN, BAD_METHOD, BAD_REQUEST, FORBIDDEN, BAD_VERSION };

static const char *const refusal_texts[] = {
    [TRANSPORT_UNKNOWN] = "Transport unknown",
    [SID_UNKNOWN] = "Session ID unknown",
    [BAD_METHOD] = "Bad handshake method",
    [BAD_REQUEST] = "Bad request",
    [FORBIDDEN] = "Forbidden",
    [BAD_VERSION] = "Unsupported protocol version",
};

static struct problem *refuse(struct eio *eio, struct http_request *rq, struct http_response *rs,
                              enum refusal why)
{
    eio->stats.refused++;
    rs->status = why == FORBIDDEN ? 403 : 400;
    if (http_header_get(rq, "upgrade").n) { /* as Node answers a WebSocket client */
        rs->content_type = "text/html";
        buf_add_z(&rs->body, refusal_texts[why]);
        rs->close = true;
    } else {
        rs->content_type = "application/json";
        buf_addf(&rs->body, "{\"code\":%d,\"message\":\"%s\"}", (int)why, refusal_texts[why]);
    }
    http_reply(rq, rs);
    return NULL;
}

/* ---- origins --------------------------------------------------------------------------------- */

/* "https://clinic.example:8443" is of the host "clinic.example:8443". */
static bool is_own_host(struct str origin, struct str host)
{
    for (size_t i = 0; i + 3 <= origin.n; i++) {
        if (memcmp(origin.p + i, "://", 3) == 0)
            return str_eq_nocase((struct str){origin.p + i + 3, origin.n - i - 3}, host);
    }
    return false;
}

static bool header_text_is_clean(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || (unsigned char)s.p[i] >= 0x7f)
            return false;
    return true;
}

/* What Access-Control-Allow-Origin says ("" for no header), or NULL when the origin may not come
 * in. The value lives in the request's arena. */
static const char *origin_allowed(const struct eio *eio, const struct http_request *rq)
{
    struct str origin = http_header_get(rq, "origin");
    const char *const *allowed = eio->options.origins;
    if (allowed && allowed[0] && strcmp(allowed[0], "*") == 0)
        return "*";
    if (origin.n == 0 || is_own_host(origin, http_header_get(rq, "host")))
        return "";
    for (; allowed && *allowed; allowed++)
        if (str_eq(origin, str_of(*allowed)) && header_text_is_clean(origin))
            return arena_cstr(rq->arena, origin);
    return NULL;
}

static void cors_set(struct http_response *rs, const char *origin)
{
    if (!*origin)
        return;
    http_header_set(rs, "access-control-allow-origin", "%s", origin);
    if (*origin != '*')
        http_header_set(rs, "vary", "Origin");
}

/* ---- the polling transport ------------------------------------------------------------------- */

static void packet_add(struct buf *out, const struct eio_bytes *bytes)
{
    if (out->len)
        buf_add_c(out, EIO_SEPARATOR);
    if (bytes->binary) {
        buf_add_c(out, EIO_BINARY);
        base64_add(out, eio_bytes_packet(bytes));
    } else {
        buf_add_str(out, eio_bytes_packet(bytes));
    }
}

static void payload_headers(struct http_response *rs)
{
    rs->status = 200;
    rs->content_type = "text/plain; charset=UTF-8";
    http_header_set(rs, "cache-control", "no-store");
}

/* Answers the waiting GET with what is queued, then `last` (may be NULL). */
void eio_poll_flush(struct eio_session *session, const char *last)
{
    struct http_request *rq = TAKE(session->poll);
    struct http_response *rs = http_response_of(rq);
    struct eio_queue *queue = &session->queue;
    payload_headers(rs);
    while (queue->first) {
        packet_add(&rs->body, queue->first->bytes);
        session->eio->stats.bytes_out += queue->first->bytes->buf.len - WS_HEAD_MAX;
        eio_queue_drop(session->eio, queue);
    }
    if (last && rs->body.len)
        buf_add_c(&rs->body, EIO_SEPARATOR);
    if (last)
        buf_add_z(&rs->body, last);
    sio_list_del(&session->dirty);
    http_reply(rq, rs);
}

/* The waiting GET was aborted: so is the session (the client would not know what it missed). */
static void poll_aborted(void *arg)
{
    struct eio_session *session = arg;
    session->poll = NULL;
    eio_session_close(session, SIO_TRANSPORT_CLOSE, NULL);
}

static struct problem *poll_get(struct eio_session *session, struct http_request *rq,
                                struct http_response *rs)
{
    struct eio *eio = session->eio;
    if (session->poll) {
        eio_session_close(session, SIO_TRANSPORT_ERROR, "1");
        return refuse(eio, rq, rs, BAD_REQUEST);
    }
    session->poll = rq;
    http_on_abort(rq, poll_aborted, session);
    if (session->queue.first)
        eio_poll_flush(session, NULL);
    else if (session->state == EIO_STATE_LINGERING)
        eio_session_close(session, SIO_SERVER_LEFT, "1");
    return NULL;
}

/* One packet of a POST; false when the session is over. */
static bool post_packet(struct eio_session *session, enum eio_type type, struct str data)
{
    if (type != EIO_BINARY) {
        eio_packet_in(session, type, data);
        return session->state == EIO_STATE_OPEN && !session->doomed;
    }
    CLEANUP(buf_free) struct buf raw = BUF_MAX(session->eio->options.payload_max_bytes);
    if (!base64_add_decoded(&raw, data)) {
        eio_session_close(session, SIO_PARSE_ERROR, NULL);
        return false;
    }
    eio_packet_in(session, EIO_BINARY, buf_str(&raw));
    return session->state == EIO_STATE_OPEN;
}

static struct problem *poll_post(struct eio_session *session, struct http_request *rq,
                                 struct http_response *rs)
{
    struct str body = rq->body, data;
    if (session->state != EIO_STATE_OPEN)
        return refuse(session->eio, rq, rs, SID_UNKNOWN);
    if (str_starts(http_header_get(rq, "content-type"), STR("application/octet-stream")) ||
        !str_utf8_valid(body)) {
        struct eio *eio = session->eio;
        eio_session_close(session, SIO_PARSE_ERROR, NULL);
        return refuse(eio, rq, rs, BAD_REQUEST);
    }
    enum eio_type type;
    bool bad = false, goes_on = true;
    while (goes_on && eio_payload_next(&body, &type, &data, &bad))
        goes_on = post_packet(session, type, data);
    if (bad)
        eio_session_close(session, SIO_PARSE_ERROR, NULL);
    rs->status = 200;
    rs->content_type = "text/html";
    http_header_set(rs, "cache-control", "no-store");
    buf_add_z(&rs->body, "ok");
    http_reply(rq, rs);
    return NULL;
}

static struct problem *poll_open(struct eio *eio, struct http_request *rq, struct http_response *rs)
{
    struct eio_session *session = eio_session_new(eio, rq);
    payload_headers(rs);
    eio_open_packet(session, false, &rs->body);
    eio->hooks.open(session, eio->user);
    http_reply(rq, rs);
    return NULL;
}

struct problem *eio_open(struct eio *eio, struct http_request *rq, struct http_response *rs,
                         bool websocket, const char *cors)
{
    if (websocket)
        return eio_upgrade(eio, rq, rs, NULL, cors);
    return poll_open(eio, rq, rs);
}

/* ---- every request --------------------------------------------------------------------------- */

static struct problem *new_session(struct eio *eio, struct http_request *rq,
                                   struct http_response *rs, bool websocket, const char *cors)
{
    if (rq->method != HTTP_GET)
        return refuse(eio, rq, rs, BAD_METHOD);
    if (eio->closing || eio->stats.connections + eio->in_line >= eio->options.connections_max) {
        struct problem *p = problem_new(rq->arena, PROBLEM_UNAVAILABLE, "too many connections");
        p->retry_after_s = 5;
        return p;
    }
    if (eio->options.allow)
        TRY(eio->options.allow(rq, eio->options.user));
    return eio_line_wait(eio, rq, websocket, cors) ? NULL : eio_open(eio, rq, rs, websocket, cors);
}

static struct problem *known_session(struct eio_session *session, struct http_request *rq,
                                     struct http_response *rs, bool websocket, const char *cors)
{
    if (session->doomed)
        return refuse(session->eio, rq, rs, SID_UNKNOWN);
    if (websocket) {
        if (session->state != EIO_STATE_OPEN)
            return refuse(session->eio, rq, rs, BAD_REQUEST);
        return eio_upgrade(session->eio, rq, rs, session, cors);
    }
    if (session->ws)
        return refuse(session->eio, rq, rs, BAD_REQUEST);
    if (rq->method == HTTP_GET)
        return poll_get(session, rq, rs);
    if (rq->method == HTTP_POST)
        return poll_post(session, rq, rs);
    return refuse(session->eio, rq, rs, BAD_REQUEST);
}

static struct problem *on_request(struct http_request *rq, struct http_response *rs)
{
    struct eio *eio = rq->route->data;
    const char *cors = origin_allowed(eio, rq);
    if (!cors)
        return refuse(eio, rq, rs, FORBIDDEN);
    cors_set(rs, cors);
    if (!str_eq(http_query_get(rq, "EIO"), STR("4")))
        return refuse(eio, rq, rs, BAD_VERSION);
    struct str transport = http_query_get(rq, "transport");
    bool websocket = str_eq(transport, STR("websocket"));
    if (!websocket && !str_eq(transport, STR("polling")))
        return refuse(eio, rq, rs, TRANSPORT_UNKNOWN);
    if (websocket != (http_header_get(rq, "upgrade").n > 0))
        return refuse(eio, rq, rs, BAD_REQUEST);
    struct str sid = http_query_get(rq, "sid");
    if (sid.n == 0) /* "sid=" too, as in Node */
        return new_session(eio, rq, rs, websocket, cors);
    struct eio_session *session = eio_session_find(eio, sid);
    if (!session)
        return refuse(eio, rq, rs, SID_UNKNOWN);
    return known_session(session, rq, rs, websocket, cors);
}

/* A browser asks whether it may (Fetch standard, CORS-preflight). */
static struct problem *on_preflight(struct http_request *rq, struct http_response *rs)
{
    struct eio *eio = rq->route->data;
    const char *cors = origin_allowed(eio, rq);
    if (!cors)
        return refuse(eio, rq, rs, FORBIDDEN);
    cors_set(rs, cors);
    struct str asked = http_header_get(rq, "access-control-request-headers");
    if (*cors) {
        http_header_set(rs, "access-control-allow-methods", "GET, POST");
        if (asked.n && asked.n < 256 && header_text_is_clean(asked))
            http_header_set(rs, "access-control-allow-headers", STR_FMT, STR_ARG(asked));
    }
    rs->status = 204;
    http_reply(rq, rs);
    return NULL;
}

struct problem *eio_routes_add(struct eio *eio, struct http_server *http)
{
    static const enum http_method methods[] = {HTTP_GET, HTTP_POST, HTTP_PUT, HTTP_OPTIONS};
    const struct sio_options *options = &eio->options;
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        eio->routes[i] = (struct http_route){
            .method = methods[i],
            .path = options->path,
            .handler = methods[i] == HTTP_OPTIONS ? on_preflight : on_request,
            .roles = options->route_roles,
            .audit = options->route_audit,
            .lane = HTTP_ON_LOOP,
            .body = HTTP_BODY_RAW,
            .body_max = options->payload_max_bytes,
            .flags = options->route_flags,
            .data = eio,
        };
    }
    return http_routes_add(http, eio->routes, ARRAY_LEN(methods));
}
