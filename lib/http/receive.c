/* From a complete head to a handler: routing, limits, the body.
 *
 * The rule not to break: whatever can be refused by the head alone is refused before a byte of the
 * body is read, and a connection whose body was not read to its end is closed. */
#include "base/cleanup.h"
#include "base/log.h"
#include "http/internal.h"

enum { BODY_DEFAULT_MAX = 64 * 1024 };

static size_t body_max(const struct http_route *route)
{
    return route->body_max ? route->body_max : BODY_DEFAULT_MAX;
}

static bool body_complete(const struct http_connection *conn)
{
    return conn->body.state == HTTP_BODY_AT_END;
}

/* A problem for the request as it stands. A small body that is already here is stepped over, so
 * that an ordinary mistake does not cost the client its connection. */
static void refuse(struct http_connection *conn, struct problem *p)
{
    if (conn->body.state == HTTP_BODY_AT_DATA && conn->body.left <= conn->view.n) {
        conn->view.p += conn->body.left;
        conn->view.n -= conn->body.left;
        conn->body.state = HTTP_BODY_AT_END;
    }
    if (!body_complete(conn))
        conn->ex->rs.close = true;
    http_send_problem(conn, p);
}

void http_receive_broken(struct http_connection *conn, enum problem_kind kind, const char *what)
{
    if (!conn->ex) {
        conn->ex = http_exchange_new(conn->server);
        conn->ex->conn = conn;
        http_request_id(&conn->ex->rq, STR_NONE);
        conn->ex->rq.peer = str_of(conn->peer);
    }
    conn->ex->rs.close = true;
    http_send_problem(conn, problem_new(conn->ex->rq.arena, kind, "%s", what));
}

/* ---- dispatch -------------------------------------------------------------------------------- */

/* Overload must not flood the log too: one line a second, the counter has the rest. */
static void shed(struct http_connection *conn, const char *what)
{
    struct http_server *server = conn->server;
    struct http_exchange *ex = conn->ex;
    atomic_fetch_add_explicit(&server->stats.shed, 1, memory_order_relaxed);
    time_t now = time(NULL);
    if (now != server->shed_logged_at)
        log_warn("turning requests away: %s", what);
    server->shed_logged_at = now;
    ex->rs.close = ex->rs.close || !body_complete(conn);
    http_response_problem(&ex->rq, &ex->rs,
                          problem_new(ex->rq.arena, PROBLEM_UNAVAILABLE, "%s", what));
    http_send_response(conn);
}

static void lane_add(struct http_connection *conn, enum conn_state state, enum http_job job)
{
    struct http_exchange *ex = conn->ex;
    ex->job = job;
    http_conn_enter(conn, state);
    if (!http_lanes_add(conn->server->lanes, ex->rq.route->lane, ex, ex->admitted))
        shed(conn, "the server is busy");
}

/* The body is in. */
static void dispatch(struct http_connection *conn)
{
    struct http_exchange *ex = conn->ex;
    ex->rq.body = buf_str(&ex->body);
    if (ex->rq.route->lane != HTTP_ON_LOOP) {
        lane_add(conn, CONN_HANDLE, ex->admitted ? JOB_HANDLE : JOB_WHOLE);
        return;
    }
    http_conn_enter(conn, CONN_HANDLE);
    struct problem *p = ex->rq.route->handler(&ex->rq, &ex->rs);
    if (p)
        http_send_problem(conn, p);
}

/* ---- the body -------------------------------------------------------------------------------- */

static void too_large(struct http_connection *conn)
{
    struct http_exchange *ex = conn->ex;
    if (ex->rq.route->body == HTTP_BODY_NONE)
        refuse(conn, problem_new(ex->rq.arena, PROBLEM_BAD_REQUEST, "this request has no body"));
    else
        refuse(conn, problem_new(ex->rq.arena, PROBLEM_TOO_LARGE, "the most is %zu bytes",
                                 body_max(ex->rq.route)));
}

static size_t limit_of(const struct http_route *route)
{
    return route->body == HTTP_BODY_NONE ? 0 : body_max(route);
}

static bool media_type_is(struct str value, struct str wanted)
{
    struct str type = str_trim(str_cut(&value, ';'));
    return str_eq_nocase(type, wanted);
}

/* What the head says about the body, against what the route takes. */
static struct problem *body_check(struct arena *arena, const struct http_route *route,
                                  const struct http_head *head)
{
    if (!head->chunked && head->content_length == 0)
        return NULL;
    struct str type = http_head_get(head, STR("content-type"));
    if (route->body == HTTP_BODY_NONE && !head->chunked)
        return problem_new(arena, PROBLEM_BAD_REQUEST, "this request has no body");
    if (route->body == HTTP_BODY_JSON && !media_type_is(type, STR("application/json")))
        return problem_new(arena, PROBLEM_UNSUPPORTED_MEDIA, "the body must be application/json");
    if (route->body == HTTP_BODY_FORM &&
        !media_type_is(type, STR("application/x-www-form-urlencoded")))
        return problem_new(arena, PROBLEM_UNSUPPORTED_MEDIA,
                           "the body must be application/x-www-form-urlencoded");
    if (head->content_length > limit_of(route))
        return problem_new(arena, PROBLEM_TOO_LARGE, "the most is %zu bytes", body_max(route));
    return NULL;
}

static void on_spool_written(void *arg)
{
    struct http_connection *conn = arg;
    conn->spool_full = false;
    http_conn_run(conn, STR_NONE);
}

static bool spool_begin(struct http_connection *conn)
{
    struct http_server *server = conn->server;
    if (server->spools >= SPOOLS_MAX) {
        shed(conn, "too many uploads at one time");
        return false;
    }
    server->spools++;
    conn->ex->rq.spool = http_spool_new(server);
    http_spool_listen(conn->ex->rq.spool, on_spool_written, conn);
    return true;
}

static void body_begin(struct http_connection *conn)
{
    struct http_exchange *ex = conn->ex;
    if (ex->rq.route->body == HTTP_BODY_SPOOL && !spool_begin(conn))
        return;
    ex->body.max = limit_of(ex->rq.route) + 1;
    conn->body_bytes = 0;
    conn->body_ended = conn->spool_full = false;
    http_conn_enter(conn, CONN_BODY);
    if (!ex->expects_continue || conn->view.n > 0 || conn->in.len > 0 || body_complete(conn))
        return;
    static char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    uv_buf_t buf = uv_buf_init(go_on, sizeof(go_on) - 1);
    if (uv_try_write((uv_stream_t *)&conn->tcp->tcp, &buf, 1) != (int)buf.len)
        http_conn_abort(conn);
}

/* One run of body bytes; false when the disk must catch up first. */
static bool bytes_take(struct http_connection *conn, struct str bytes)
{
    struct http_exchange *ex = conn->ex;
    size_t offered = bytes.n;
    if (!ex->rq.spool) {
        buf_add_str(&ex->body, bytes);
        bytes.n = 0;
    } else {
        conn->spool_full = !http_spool_add(ex->rq.spool, &bytes);
    }
    conn->body_bytes += offered - bytes.n;
    if (bytes.n > 0)
        http_body_give_back(&conn->body, &conn->view, bytes.n);
    return bytes.n == 0;
}

static void body_end(struct http_connection *conn)
{
    struct http_exchange *ex = conn->ex;
    if (ex->rq.spool)
        http_spool_listen(ex->rq.spool, NULL, NULL);
    if (ex->rq.spool && http_spool_failed(ex->rq.spool))
        refuse(conn, problem_new(ex->rq.arena, PROBLEM_UNAVAILABLE, "the upload was not stored"));
    else
        dispatch(conn);
}

bool http_receive_body(struct http_connection *conn)
{
    while (!conn->body_ended) {
        struct str bytes;
        if (conn->spool_full)
            return false;
        switch (http_body_next(&conn->body, &conn->view, &bytes)) {
        case HTTP_BODY_MORE:
            if (!conn->eof)
                return false;
            http_receive_broken(conn, PROBLEM_BAD_REQUEST, "the body ends early");
            return true;
        case HTTP_BODY_BAD:
            http_receive_broken(conn, PROBLEM_BAD_REQUEST, "the chunked body is malformed");
            return true;
        case HTTP_BODY_BYTES: {
            size_t limit = limit_of(conn->ex->rq.route);
            if (conn->body_bytes + bytes.n + conn->body.left > limit) {
                too_large(conn);
                return true;
            }
            if (!bytes_take(conn, bytes))
                return false;
            break;
        }
        case HTTP_BODY_END:
            conn->body_ended = true;
            break;
        }
    }
    if (conn->ex->rq.spool && http_spool_busy(conn->ex->rq.spool))
        return false;
    body_end(conn);
    return true;
}

void http_receive_admitted(struct http_connection *conn)
{
    conn->ex->admitted = true;
    body_begin(conn);
}

/* ---- the head -------------------------------------------------------------------------------- */

static void static_send(struct http_connection *conn, const struct http_file *file)
{
    struct http_exchange *ex = conn->ex;
    ex->rs.close = !body_complete(conn);
    http_header_set(&ex->rs, "ETag", "%s", file->etag);
    http_header_set(&ex->rs, "Cache-Control", "%s", file->cache_control);
    ex->rs.content_type = file->content_type;
    struct str wanted = http_header_get(&ex->rq, "if-none-match");
    struct str weak = str_of(arena_fmt(ex->rq.arena, "W/%s", file->etag));
    if (http_list_has(wanted, str_of(file->etag)) || http_list_has(wanted, weak))
        ex->rs.status = 304;
    else
        ex->fixed = file->bytes;
    http_send_response(conn);
}

/* No route serves this: a static file, OPTIONS, 405 or 404. */
static void unrouted(struct http_connection *conn, unsigned allow)
{
    struct http_exchange *ex = conn->ex;
    struct http_request *rq = &ex->rq;
    struct http_server *server = conn->server;
    if (str_eq(rq->path, STR("*"))) {
        allow = ~0U;
    } else if (allow == 0) {
        bool unowned = !http_router_owns(server->router, rq->path);
        const struct http_file *file = http_static_find(server->statics, rq->path, unowned);
        if (file && (rq->method == HTTP_GET || rq->method == HTTP_HEAD)) {
            static_send(conn, file);
            return;
        }
        allow = file ? BIT(HTTP_GET) : 0;
    }
    if (allow == 0) {
        refuse(conn, problem_new(rq->arena, PROBLEM_NOT_FOUND, "nothing is served here"));
        return;
    }
    http_header_set(&ex->rs, "Allow", "%s", http_allow_text(rq->arena, allow));
    if (rq->method != HTTP_OPTIONS) {
        refuse(conn, problem_new(rq->arena, PROBLEM_METHOD_NOT_ALLOWED,
                                 "the Allow header says which methods are"));
        return;
    }
    ex->rs.status = 204;
    ex->rs.close = !body_complete(conn);
    http_send_response(conn);
}

static void routed(struct http_connection *conn, const struct http_head *head)
{
    struct http_exchange *ex = conn->ex;
    const struct http_route *route = ex->rq.route;
    struct problem *p = body_check(ex->rq.arena, route, head);
    if (p)
        refuse(conn, p);
    else if (route->body == HTTP_BODY_SPOOL && route->lane != HTTP_ON_LOOP)
        lane_add(conn, CONN_ADMIT, JOB_ADMIT);
    else if (body_complete(conn))
        dispatch(conn);
    else
        body_begin(conn);
}

void http_receive_head(struct http_connection *conn, size_t len)
{
    struct http_exchange *ex = http_exchange_new(conn->server);
    conn->ex = ex;
    ex->conn = conn;
    ex->rq.conn = conn;
    atomic_fetch_add_explicit(&conn->server->stats.requests, 1, memory_order_relaxed);

    struct http_head head;
    struct problem *p = http_head_parse(ex->rq.arena, (struct str){conn->view.p, len}, &head);
    conn->view.p += len;
    conn->view.n -= len;
    if (p) {
        ex->rs.close = true;
        ex->rq.peer = str_of(conn->peer);
        http_request_id(&ex->rq, STR_NONE);
        http_send_problem(conn, p);
        return;
    }
    http_request_fill(&ex->rq, &head, conn->peer, &conn->server->config);
    ex->http10 = head.http10;
    ex->client_close = head.close;
    ex->expects_continue = head.expect_continue;
    conn->body = http_body_reader_of(&head);

    struct http_match match;
    http_router_match(conn->server->router, head.method, head.path, &match);
    ex->rq.route = match.route;
    ex->rq.arg_count = match.arg_count;
    memcpy(ex->rq.args, match.args, sizeof(match.args));
    memcpy(ex->rq.arg_names, match.arg_names, sizeof(match.arg_names));
    if (match.route)
        routed(conn, &head);
    else
        unrouted(conn, match.allow);
}
