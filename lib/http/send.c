/* From a response to the socket: one writev where the socket takes it, uv_write for the rest.
 *
 * The rule not to break: what is being written stays alive until the write's callback; the exchange
 * is freed only after it. */
#include "base/log.h"
#include "http/internal.h"

enum { BUFS_MAX = 3 };

static void written(struct http_connection *conn);

static void on_written(uv_write_t *write, int status)
{
    struct http_connection *conn = write->data;
    if (conn->state == CONN_GONE)
        return;
    if (status != 0) {
        http_conn_abort(conn);
        return;
    }
    written(conn);
    http_conn_run(conn, STR_NONE);
}

/* What of `s` the socket has not taken yet. */
static struct str unsent(struct str s, size_t *sent)
{
    size_t n = *sent < s.n ? *sent : s.n;
    *sent -= n;
    return (struct str){s.p + n, s.n - n};
}

static unsigned bufs_fill(uv_buf_t bufs[BUFS_MAX], const struct str parts[BUFS_MAX])
{
    unsigned count = 0;
    for (unsigned i = 0; i < BUFS_MAX; i++)
        if (parts[i].n > 0)
            bufs[count++] = uv_buf_init((char *)parts[i].p, (unsigned)parts[i].n);
    return count;
}

/* Sends a head in the server's scratch buffer, a body that the exchange keeps, a literal tail. */
static void conn_write(struct http_connection *conn, struct str head, struct str body,
                       struct str tail)
{
    struct str parts[BUFS_MAX] = {head, body, tail};
    uv_buf_t bufs[BUFS_MAX];
    size_t total = head.n + body.n + tail.n;
    uv_stream_t *stream = (uv_stream_t *)&conn->tcp->tcp;
    http_conn_enter(conn, CONN_WRITE);
    int result = uv_try_write(stream, bufs, bufs_fill(bufs, parts));
    if (result < 0 && result != UV_EAGAIN) {
        http_conn_abort(conn);
        return;
    }
    atomic_fetch_add_explicit(&conn->server->stats.bytes_out, total, memory_order_relaxed);
    size_t sent = result > 0 ? (size_t)result : 0;
    if (sent == total) {
        written(conn);
        return;
    }
    for (unsigned i = 0; i < BUFS_MAX; i++)
        parts[i] = unsent(parts[i], &sent);
    conn->out = BUF_MAX(parts[0].n + 1);
    buf_add_str(&conn->out, parts[0]);
    parts[0] = buf_str(&conn->out);
    conn->write.data = conn;
    conn->write_queued = total;
    if (uv_write(&conn->write, stream, bufs, bufs_fill(bufs, parts), on_written) != 0)
        http_conn_abort(conn);
}

static bool has_no_body(int status)
{
    return status == 204 || status == 304 || status < 200;
}

void http_send_response(struct http_connection *conn)
{
    struct http_exchange *ex = conn->ex;
    struct http_server *server = conn->server;
    struct http_response *rs = &ex->rs;
    bool stream = rs->stream && ex->rq.method != HTTP_HEAD && ex->rq.route->lane != HTTP_ON_LOOP;
    conn->last = rs->close || ex->client_close || server->draining || (stream && ex->http10);
    ex->chunked = stream && !ex->http10;
    ex->more = stream;
    if (server->config.decorate)
        server->config.decorate(&ex->rq, rs);

    struct str body = ex->fixed.p ? ex->fixed : buf_str(&rs->body);
    size_t body_len = rs->stream || has_no_body(rs->status) ? SIZE_MAX : body.n;
    if (stream || has_no_body(rs->status) || ex->rq.method == HTTP_HEAD)
        body = STR_NONE;
    unsigned class = (unsigned)rs->status / 100;
    atomic_fetch_add_explicit(&server->stats.responses[class < 6 ? class : 5], 1,
                              memory_order_relaxed);
    buf_clear(&server->scratch);
    http_response_head(ex, http_date(server), body_len, conn->last, &server->scratch);
    conn_write(conn, buf_str(&server->scratch), body, STR_NONE);
}

void http_send_problem(struct http_connection *conn, struct problem *p)
{
    log_request_set(conn->ex->rq.id);
    http_problem_log(p);
    log_request_set(NULL);
    http_response_problem(&conn->ex->rq, &conn->ex->rs, p);
    http_send_response(conn);
}

/* ---- long answers ---------------------------------------------------------------------------- */

static void piece_wanted(struct http_connection *conn)
{
    struct http_exchange *ex = conn->ex;
    buf_clear(&ex->piece);
    ex->job = JOB_STREAM;
    http_conn_enter(conn, CONN_HANDLE);
    http_lanes_add(conn->server->lanes, ex->rq.route->lane, ex, true);
}

/* A piece that passed its limit cannot be sent in part: the client sees a broken answer. */
void http_send_piece(struct http_connection *conn)
{
    struct http_exchange *ex = conn->ex;
    if (ex->piece.overflowed) {
        http_conn_abort(conn);
        return;
    }
    struct str body = buf_str(&ex->piece);
    if (body.n == 0 && ex->more) {
        piece_wanted(conn);
        return;
    }
    struct buf *head = &conn->server->scratch;
    buf_clear(head);
    if (ex->chunked && body.n > 0)
        buf_addf(head, "%zx\r\n", body.n);
    struct str tail = STR_NONE;
    if (ex->chunked)
        tail = body.n == 0 ? STR("0\r\n\r\n") : ex->more ? STR("\r\n") : STR("\r\n0\r\n\r\n");
    if (head->len + body.n + tail.n == 0)
        written(conn);
    else
        conn_write(conn, buf_str(head), body, tail);
}

/* ---- after the last byte --------------------------------------------------------------------- */

static void written(struct http_connection *conn)
{
    struct http_exchange *ex = conn->ex;
    buf_free(&conn->out);
    if (ex->more) {
        piece_wanted(conn);
        return;
    }
    http_exchange_free(ex);
    conn->ex = NULL;
    if (conn->last)
        http_conn_finish(conn);
    else
        http_conn_enter(conn, CONN_IDLE);
}
