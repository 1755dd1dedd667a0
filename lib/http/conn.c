/* One client's connection: an explicit state machine on the loop thread (RFC 9112 section 9).
 *
 * The rule not to break: http_conn_run is the only place that consumes what was read, and it does
 * so one request at a time; what belongs to the next request waits in `in`. */
#include <arpa/inet.h>

#include "base/log.h"
#include "http/internal.h"

/* ---- states ---------------------------------------------------------------------------------- */

static void list_remove(struct http_connection *conn)
{
    struct conn_list *list = &conn->server->lists[conn->state];
    *(conn->prev ? &conn->prev->next : &list->oldest) = conn->next;
    *(conn->next ? &conn->next->prev : &list->newest) = conn->prev;
    conn->prev = conn->next = NULL;
}

static void list_append(struct http_connection *conn)
{
    struct conn_list *list = &conn->server->lists[conn->state];
    conn->prev = list->newest;
    *(list->newest ? &list->newest->next : &list->oldest) = conn;
    list->newest = conn;
}

static unsigned timeout_ms(const struct http_connection *conn)
{
    const struct http_config *config = &conn->server->config;
    switch (conn->state) {
    case CONN_IDLE:
        return config->idle_timeout_ms;
    case CONN_HEAD:
        return config->header_timeout_ms;
    case CONN_BODY:
    case CONN_WRITE:
        return config->body_timeout_ms;
    case CONN_LINGER:
        return LINGER_MS;
    default:
        return 0;
    }
}

void http_conn_enter(struct http_connection *conn, enum conn_state state)
{
    list_remove(conn);
    conn->state = state;
    list_append(conn);
    unsigned ms = timeout_ms(conn);
    conn->deadline_ms = ms ? uv_now(conn->server->loop) + ms : 0;
    conn->mark = conn->progress;
}

/* ---- the end of a connection ----------------------------------------------------------------- */

static void conn_free(struct http_connection *conn)
{
    struct http_server *server = conn->server;
    list_remove(conn);
    if (conn->ex)
        http_exchange_free(conn->ex);
    buf_free(&conn->in);
    buf_free(&conn->out);
    http_object_free(conn, sizeof(*conn));
    server->connections--;
    atomic_store_explicit(&server->stats.connections, server->connections, memory_order_relaxed);
    http_drain_check(server);
}

void http_tcp_free(uv_tcp_t *tcp)
{
    struct http_tcp *own = (struct http_tcp *)tcp;
    struct http_server *server = own->server;
    http_object_free(own, sizeof(*own));
    http_server_unref(server);
}

static void on_closed(uv_handle_t *handle)
{
    struct http_connection *conn = handle->data;
    uv_tcp_t *tcp = (uv_tcp_t *)handle;
    conn_free(conn);
    http_tcp_free(tcp);
}

/* Nobody but the connection holds the exchange? Else it is let go and freed when it comes back. */
static void exchange_leave(struct http_connection *conn)
{
    struct http_exchange *ex = conn->ex;
    if (!ex || (conn->state != CONN_ADMIT && conn->state != CONN_HANDLE))
        return;
    bool on_loop = ex->rq.route && ex->rq.route->lane == HTTP_ON_LOOP;
    if (on_loop && ex->on_abort) {
        ex->on_abort(ex->abort_arg);
        return;
    }
    ex->conn = NULL;
    conn->ex = NULL;
}

void http_conn_abort(struct http_connection *conn)
{
    if (conn->state == CONN_GONE)
        return;
    exchange_leave(conn);
    http_conn_enter(conn, CONN_GONE);
    uv_close((uv_handle_t *)&conn->tcp->tcp, on_closed);
}

static void on_shutdown(uv_shutdown_t *request, int status)
{
    struct http_connection *conn = request->data;
    if (status != 0 && status != UV_ECANCELED)
        http_conn_abort(conn);
}

/* Says "no more from us" and reads on for a while: closing with unread bytes would reset the
 * connection and could destroy the response under way (RFC 9112 section 9.6). */
void http_conn_finish(struct http_connection *conn)
{
    conn->lingers_left = 10;
    conn->shutdown.data = conn;
    if (conn->eof ||
        uv_shutdown(&conn->shutdown, (uv_stream_t *)&conn->tcp->tcp, on_shutdown) != 0) {
        http_conn_abort(conn);
        return;
    }
    http_conn_enter(conn, CONN_LINGER);
    http_conn_read_more(conn);
}

/* ---- reading --------------------------------------------------------------------------------- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
    (void)suggested;
    struct http_connection *conn = handle->data;
    *ret = uv_buf_init(conn->server->read_buffer, READ_SIZE);
}

static void read_stop(struct http_connection *conn)
{
    if (conn->reading)
        uv_read_stop((uv_stream_t *)&conn->tcp->tcp);
    conn->reading = false;
}

static bool kept_on_loop(const struct http_connection *conn)
{
    return conn->state == CONN_HANDLE && conn->ex && conn->ex->rq.route->lane == HTTP_ON_LOOP &&
           conn->ex->on_abort;
}

static void on_eof(struct http_connection *conn)
{
    conn->eof = true;
    read_stop(conn);
    if (conn->state == CONN_HEAD || conn->state == CONN_BODY)
        http_conn_run(conn, STR_NONE);
    else if (conn->state == CONN_IDLE || conn->state == CONN_LINGER || kept_on_loop(conn))
        http_conn_abort(conn);
}

/* While a request is handled, one read is kept for later and then reading stops: the kernel's
 * window closes and the client waits. Where protocol code holds the request for long, reading goes
 * on, to hear of the client's end; who sends much more behind such a request is let go. */
static void read_ahead(struct http_connection *conn, struct str fresh)
{
    buf_add_str(&conn->in, fresh);
    if (conn->in.overflowed || (kept_on_loop(conn) && conn->in.len >= READ_SIZE))
        http_conn_abort(conn);
    else if (!kept_on_loop(conn))
        read_stop(conn);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct http_connection *conn = stream->data;
    if (n == 0)
        return;
    if (n == UV_EOF) {
        on_eof(conn);
        return;
    }
    if (n < 0) {
        http_conn_abort(conn);
        return;
    }
    atomic_fetch_add_explicit(&conn->server->stats.bytes_in, (uint64_t)n, memory_order_relaxed);
    conn->progress += (uint64_t)n;
    struct str fresh = {buf->base, (size_t)n};
    if (conn->state == CONN_ADMIT || conn->state == CONN_HANDLE || conn->state == CONN_WRITE)
        read_ahead(conn, fresh);
    else
        http_conn_run(conn, fresh);
}

void http_conn_read_more(struct http_connection *conn)
{
    if (conn->reading || conn->eof || conn->state == CONN_GONE)
        return;
    conn->reading = uv_read_start((uv_stream_t *)&conn->tcp->tcp, on_alloc, on_read) == 0;
}

/* ---- the machine ----------------------------------------------------------------------------- */

static bool head_step(struct http_connection *conn)
{
    size_t len = 0;
    switch (http_scan_step(&conn->scan, conn->view, conn->server->config.header_max, &len)) {
    case HTTP_SCAN_MORE:
        if (!conn->eof)
            return false;
        http_receive_broken(conn, PROBLEM_BAD_REQUEST, "the request ends early");
        return true;
    case HTTP_SCAN_BAD:
        http_receive_broken(conn, PROBLEM_BAD_REQUEST, "this is no HTTP/1.1 request");
        return true;
    case HTTP_SCAN_TOO_LARGE:
        http_receive_broken(conn, PROBLEM_HEADERS_TOO_LARGE,
                            "the request line and headers are too large");
        return true;
    case HTTP_SCAN_DONE:
        http_receive_head(conn, len);
        return true;
    }
    return false;
}

/* One step; true while there may be another. */
static bool conn_step(struct http_connection *conn)
{
    switch (conn->state) {
    case CONN_IDLE:
        if (conn->server->draining || (conn->eof && conn->view.n == 0)) {
            http_conn_abort(conn);
            return false;
        }
        if (conn->view.n == 0)
            return false;
        conn->scan = (struct http_scan){0};
        http_conn_enter(conn, CONN_HEAD);
        return true;
    case CONN_HEAD:
        return head_step(conn);
    case CONN_BODY:
        return http_receive_body(conn);
    case CONN_LINGER:
        conn->view = STR_NONE;
        return false;
    default:
        return false;
    }
}

static void rest_keep(struct http_connection *conn)
{
    if (conn->view_is_in)
        buf_shift(&conn->in, conn->in.len - conn->view.n);
    else
        buf_add_str(&conn->in, conn->view);
    conn->view = STR_NONE;
    if (conn->in.overflowed)
        http_conn_abort(conn);
    else if (conn->in.len == 0)
        buf_free(&conn->in);
}

void http_conn_run(struct http_connection *conn, struct str fresh)
{
    if (conn->running || conn->state == CONN_GONE)
        return;
    conn->view_is_in = conn->in.len > 0;
    if (conn->view_is_in)
        buf_add_str(&conn->in, fresh);
    conn->view = conn->view_is_in ? buf_str(&conn->in) : fresh;
    conn->running = true;
    while (conn_step(conn))
        ;
    conn->running = false;
    if (!conn->tcp) {
        conn_free(conn);
        return;
    }
    if (conn->state == CONN_GONE)
        return;
    rest_keep(conn);
    if (conn->eof && kept_on_loop(conn)) { /* it left before its turn came */
        http_conn_abort(conn);
        return;
    }
    if (conn->state == CONN_IDLE || conn->state == CONN_HEAD || conn->state == CONN_LINGER ||
        (conn->state == CONN_BODY && !conn->spool_full && !conn->body_ended))
        http_conn_read_more(conn);
    else if (conn->state == CONN_BODY)
        read_stop(conn);
}

/* ---- deadlines ------------------------------------------------------------------------------- */

static bool still_moving(struct http_connection *conn)
{
    switch (conn->state) {
    case CONN_BODY:
        return conn->spool_full || conn->body_ended || conn->progress - conn->mark >= BODY_PROGRESS;
    case CONN_WRITE: {
        size_t queued = uv_stream_get_write_queue_size((uv_stream_t *)&conn->tcp->tcp);
        bool moving = queued < conn->write_queued;
        conn->write_queued = queued;
        return moving;
    }
    case CONN_LINGER:
        return conn->progress != conn->mark && conn->lingers_left-- > 0;
    default:
        return false;
    }
}

void http_conn_expired(struct http_connection *conn)
{
    if (still_moving(conn)) {
        http_conn_enter(conn, conn->state);
        return;
    }
    if (conn->state != CONN_HEAD && conn->state != CONN_BODY) {
        http_conn_abort(conn);
        return;
    }
    http_receive_broken(conn, PROBLEM_TIMEOUT, "the request took too long to arrive");
    http_conn_run(conn, STR_NONE);
}

/* ---- beginning ------------------------------------------------------------------------------- */

static void on_refused(uv_handle_t *handle)
{
    http_tcp_free((uv_tcp_t *)handle);
}

static void peer_fill(struct http_connection *conn)
{
    struct sockaddr_storage address;
    int n = sizeof(address);
    if (uv_tcp_getpeername(&conn->tcp->tcp, (struct sockaddr *)&address, &n) != 0)
        return;
    if (address.ss_family == AF_INET) {
        uv_ip4_name((struct sockaddr_in *)&address, conn->peer, sizeof(conn->peer));
        return;
    }
    uv_ip6_name((struct sockaddr_in6 *)&address, conn->peer, sizeof(conn->peer));
    if (strncmp(conn->peer, "::ffff:", 7) == 0 && strchr(conn->peer, '.'))
        memmove(conn->peer, conn->peer + 7, strlen(conn->peer + 7) + 1);
}

/* A full house lets the longest idle connection go; without one the newcomer is turned away. */
static bool has_room(struct http_server *server)
{
    if (server->connections < server->config.connections_max)
        return true;
    if (!server->lists[CONN_IDLE].oldest)
        return false;
    http_conn_abort(server->lists[CONN_IDLE].oldest);
    return true;
}

void http_conn_accept(struct http_server *server)
{
    struct http_tcp *tcp = http_object_new(sizeof(*tcp));
    tcp->server = server;
    http_server_ref(server);
    uv_tcp_init(server->loop, &tcp->tcp);
    bool room = has_room(server);
    if (uv_accept((uv_stream_t *)&server->listener, (uv_stream_t *)&tcp->tcp) != 0 || !room) {
        atomic_fetch_add_explicit(&server->stats.shed, 1, memory_order_relaxed);
        uv_close((uv_handle_t *)&tcp->tcp, on_refused);
        return;
    }
    uv_tcp_nodelay(&tcp->tcp, 1);

    struct http_connection *conn = http_object_new(sizeof(*conn));
    conn->server = server;
    conn->tcp = tcp;
    tcp->tcp.data = conn;
    conn->in = BUF_SECRET(server->config.header_max + 4 * READ_SIZE);
    peer_fill(conn);
    list_append(conn);
    http_conn_enter(conn, CONN_IDLE);
    server->connections++;
    atomic_store_explicit(&server->stats.connections, server->connections, memory_order_relaxed);
    http_conn_read_more(conn);
}

void http_conn_handed_back(struct http_exchange *ex)
{
    struct http_connection *conn = ex->conn;
    if (!conn) {
        http_exchange_free(ex);
        return;
    }
    if (ex->job == JOB_STREAM) {
        http_send_piece(conn);
    } else if (ex->answered) {
        ex->rs.close = ex->rs.close || conn->body.state != HTTP_BODY_AT_END;
        http_send_response(conn);
    } else {
        http_receive_admitted(conn);
    }
    http_conn_run(conn, STR_NONE);
}

/* ---- protocol code on the loop --------------------------------------------------------------- */

static struct http_exchange *exchange_of(struct http_request *rq)
{
    return (struct http_exchange *)rq;
}

void http_on_abort(struct http_request *rq, void (*on_abort)(void *arg), void *arg)
{
    struct http_exchange *ex = exchange_of(rq);
    ex->on_abort = on_abort;
    ex->abort_arg = arg;
    if (ex->conn)
        http_conn_read_more(ex->conn);
}

struct http_response *http_response_of(struct http_request *rq)
{
    return &exchange_of(rq)->rs;
}

void http_reply(struct http_request *rq, struct http_response *rs)
{
    struct http_exchange *ex = exchange_of(rq);
    struct http_connection *conn = ex->conn;
    if (!conn) {
        http_exchange_free(ex);
        return;
    }
    ex->on_abort = NULL;
    if (rs != &ex->rs)
        ex->rs = *rs;
    if (ex->rs.body.overflowed)
        http_response_problem(rq, &ex->rs,
                              problem_new(rq->arena, PROBLEM_INTERNAL, "the answer is too large"));
    http_send_response(conn);
    http_conn_run(conn, STR_NONE);
}

struct takeover_write {
    uv_write_t write;
    struct buf head;
};

static void on_head_written(uv_write_t *write, int status)
{
    (void)status;
    struct takeover_write *own = write->data;
    buf_free(&own->head);
    http_object_free(own, sizeof(*own));
}

/* The head nearly always fits the socket's empty buffer; if not, the rest is queued. */
static void takeover_head(uv_stream_t *stream, struct str head)
{
    uv_buf_t buf = uv_buf_init((char *)head.p, (unsigned)head.n);
    int sent = head.n > 0 ? uv_try_write(stream, &buf, 1) : 0;
    if (sent < 0 && sent != UV_EAGAIN)
        return;
    size_t done = sent > 0 ? (size_t)sent : 0;
    if (done == head.n)
        return;
    struct takeover_write *own = http_object_new(sizeof(*own));
    own->write.data = own;
    own->head = BUF_MAX(head.n);
    buf_add(&own->head, head.p + done, head.n - done);
    buf = uv_buf_init(own->head.data, (unsigned)own->head.len);
    if (uv_write(&own->write, stream, &buf, 1, on_head_written) != 0)
        on_head_written(&own->write, 0);
}

uv_tcp_t *http_takeover(struct http_request *rq, struct str head, struct buf *ret_leftover)
{
    struct http_exchange *ex = exchange_of(rq);
    struct http_connection *conn = ex->conn;
    uv_tcp_t *tcp = &conn->tcp->tcp;
    read_stop(conn);
    takeover_head((uv_stream_t *)tcp, head);
    buf_add_str(ret_leftover, conn->running ? conn->view : buf_str(&conn->in));
    atomic_fetch_add_explicit(&conn->server->stats.responses[1], 1, memory_order_relaxed);
    tcp->data = NULL;
    conn->tcp = NULL;
    http_exchange_free(ex);
    conn->ex = NULL;
    http_conn_enter(conn, CONN_GONE);
    if (!conn->running)
        conn_free(conn);
    return tcp;
}
