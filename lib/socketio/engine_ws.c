/* Engine.IO over WebSocket: connections handed over by lib/http, the upgrade of a polling session,
 * output by gathered writes. See engine.h for the rule.
 *
 * A write takes up to WRITE_MAX packets at once straight from the queue; what the kernel does not
 * take at once is left to one uv_write at a time, and the queue behind it is what the byte cap
 * counts. */
#include "socketio/engine.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/cleanup.h"
#include "socketio/packet.h"

enum { WRITE_MAX = 64, PINGS_MAX = 100 };
#define WS_LINGER_US  2000000L /* for the peer's answer to our close frame */
#define NOOP_EVERY_US 100000L

struct write {
    uint64_t serial;
    struct eio_ws *ws;
    size_t bytes;
    uv_write_t rq;
};

/* Output failed: the session is closed before the loop sleeps, not here, because the caller may be
 * in the middle of a broadcast. */
static void output_failed(struct eio_ws *ws)
{
    if (ws->state == EIO_WS_LIVE)
        eio_doom(ws->session, SIO_TRANSPORT_CLOSE);
    else if (ws->state != EIO_WS_DEAD)
        eio_due_set(ws->eio, ws->session ? DUE_UPGRADE : DUE_WS_LINGER, &ws->due, clock_mono_us());
}

/* ---- out ------------------------------------------------------------------------------------- */

static void written(struct eio_ws *ws, size_t n)
{
    struct eio *eio = ws->eio;
    eio->stats.bytes_out += n;
    n += ws->written;
    while (ws->queue.first) {
        size_t frame = eio_bytes_frame(ws->queue.first->bytes).n;
        if (n < frame)
            break;
        n -= frame;
        eio_queue_drop(eio, &ws->queue);
    }
    ws->written = n;
}

static unsigned gather(struct eio_ws *ws, uv_buf_t bufs[WRITE_MAX], size_t *ret_bytes)
{
    unsigned count = 0;
    size_t skip = ws->written, bytes = 0;
    for (struct eio_queue_node *n = ws->queue.first; n && count < WRITE_MAX; n = n->next) {
        struct str frame = eio_bytes_frame(n->bytes);
        bufs[count++] = uv_buf_init((char *)frame.p + skip, (unsigned)(frame.n - skip));
        bytes += frame.n - skip;
        skip = 0;
    }
    *ret_bytes = bytes;
    return count;
}

static void write_done(uv_write_t *rq, int status)
{
    struct write *write = rq->data;
    struct eio_ws *ws = write->ws;
    size_t bytes = write->bytes;
    sio_pool_give(&ws->eio->writes, write);
    ws->writing = false;
    if (ws->state == EIO_WS_DEAD)
        return;
    if (status < 0) {
        output_failed(ws);
        return;
    }
    written(ws, bytes);
    eio_ws_flush(ws);
}

static void write_rest(struct eio_ws *ws)
{
    uv_buf_t bufs[WRITE_MAX];
    struct write *write = sio_pool_take(&ws->eio->writes);
    unsigned count = gather(ws, bufs, &write->bytes);
    write->ws = ws;
    write->rq.data = write;
    if (uv_write(&write->rq, (uv_stream_t *)ws->tcp, bufs, count, write_done) < 0) {
        sio_pool_give(&ws->eio->writes, write);
        output_failed(ws);
        return;
    }
    ws->writing = true;
}

/* Our close frame is out: half-close, so that the peer sees the end and what it sent late does not
 * reset what we sent last. */
static void shut(struct eio_ws *ws)
{
    if (ws->shut)
        return;
    ws->shut = true;
    shutdown(ws->fd, SHUT_WR);
}

/* Straight to the kernel: libuv has nothing queued while `writing` is false, and of a delivery
 * hardly anything but this call is left. send() spares the file layer that write() passes. */
static ssize_t send_now(const struct eio_ws *ws, uv_buf_t *bufs, unsigned count)
{
    ssize_t n;
    do {
        if (count == 1) {
            n = send(ws->fd, bufs[0].base, bufs[0].len, MSG_DONTWAIT | MSG_NOSIGNAL);
        } else { /* a uv_buf_t is a struct iovec (docs.libuv.org, uv_buf_t) */
            struct msghdr message = {.msg_iov = (struct iovec *)bufs, .msg_iovlen = count};
            n = sendmsg(ws->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        }
    } while (n < 0 && errno == EINTR);
    return n;
}

void eio_ws_flush(struct eio_ws *ws)
{
    uv_buf_t bufs[WRITE_MAX];
    while (ws->queue.first && !ws->writing && ws->state != EIO_WS_DEAD) {
        size_t bytes;
        unsigned count = gather(ws, bufs, &bytes);
        ssize_t n = send_now(ws, bufs, count);
        if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
            output_failed(ws);
            return;
        }
        if (n > 0)
            written(ws, (size_t)n);
        if (n < 0 || (size_t)n < bytes) {
            write_rest(ws);
            return;
        }
    }
    if (ws->state == EIO_WS_ENDING && !ws->queue.first)
        shut(ws);
}

/* Queues a packet; sent together with its neighbours before the loop sleeps. */
void eio_ws_send(struct eio_ws *ws, struct eio_bytes *bytes)
{
    if (ws->state >= EIO_WS_ENDING)
        return;
    eio_queue_add(ws->eio, &ws->queue, bytes);
    if (!sio_list_linked(&ws->dirty))
        sio_list_add(&ws->eio->dirty_sockets, &ws->dirty);
}

/* A control frame (section 5.5): its packet is its own frame. */
static void send_control(struct eio_ws *ws, enum ws_kind kind, struct str payload)
{
    struct eio_bytes *bytes = eio_bytes_new(ws->eio, true, payload.n);
    buf_add_str(&bytes->buf, payload);
    bytes->head = (uint8_t)ws_head(kind, payload.n, (uint8_t *)bytes->buf.data + WS_HEAD_MAX);
    eio_ws_send(ws, bytes);
    eio_bytes_unref(ws->eio, bytes);
}

/* ---- end ------------------------------------------------------------------------------------- */

static void ws_closed(uv_handle_t *handle)
{
    struct eio_ws *ws = handle->data;
    struct eio *eio = ws->eio;
    http_tcp_free((uv_tcp_t *)handle);
    eio_queue_clear(eio, &ws->queue);
    ws_in_free(&ws->in);
    sio_pool_give(&eio->sockets, ws);
    eio_handle_closed(eio);
}

void eio_ws_kill(struct eio_ws *ws)
{
    if (ws->state == EIO_WS_DEAD)
        return;
    ws->state = EIO_WS_DEAD;
    ws->session = NULL;
    sio_list_del(&ws->dirty);
    eio_due_clear(&ws->due);
    uv_close((uv_handle_t *)ws->tcp, ws_closed);
}

void eio_ws_end(struct eio_ws *ws, enum ws_code code)
{
    if (ws->state >= EIO_WS_ENDING)
        return;
    char payload[2] = {(char)(code >> 8), (char)code};
    send_control(ws, WS_CLOSE, (struct str){payload, 2});
    ws->state = EIO_WS_ENDING;
    ws->session = NULL;
    eio_due_set(ws->eio, DUE_WS_LINGER, &ws->due, clock_mono_us() + WS_LINGER_US);
}

/* The connection is of no more use. Thousands may be lost at once, and the kernel's part of closing
 * one is the dearest: it is closed with its session, when the loop comes to it. */
static void ws_lost(struct eio_ws *ws, enum sio_reason reason)
{
    struct eio_session *session = ws->session;
    if (ws->state == EIO_WS_LIVE) {
        ws->lost = true;
        uv_read_stop((uv_stream_t *)ws->tcp);
        eio_doom(session, reason);
        return;
    }
    eio_ws_kill(ws);
    if (session)
        session->probe = NULL; /* the polling session goes on */
}

/* The peer broke a rule, or said goodbye: says why (section 7.4.1) and ends. */
static void ws_refused(struct eio_ws *ws, enum ws_code code)
{
    enum sio_reason reason = code == WS_NORMAL ? SIO_TRANSPORT_CLOSE : SIO_TRANSPORT_ERROR;
    struct eio_session *session = ws->session;
    bool carries = ws->state == EIO_WS_LIVE;
    eio_ws_end(ws, code);
    if (session && carries)
        eio_session_close(session, reason, NULL);
    else if (session)
        session->probe = NULL;
}

/* ---- in -------------------------------------------------------------------------------------- */

/* The session leaves polling: "5" came. What was queued follows on the new transport. */
static void take_over(struct eio_ws *ws)
{
    struct eio_session *session = ws->session;
    struct eio *eio = ws->eio;
    eio_due_clear(&ws->due);
    ws->state = EIO_WS_LIVE;
    session->probe = NULL;
    session->ws = ws;
    eio->stats.websockets++;
    if (session->poll)
        eio_poll_flush(session, "6");
    while (session->queue.first) {
        eio_ws_send(ws, session->queue.first->bytes);
        eio_queue_drop(eio, &session->queue);
    }
}

static void noop_later(struct eio_ws *ws)
{
    int64_t at_us = clock_mono_us() + NOOP_EVERY_US;
    bool is_over = at_us > ws->upgrade_by_us;
    eio_due_set(ws->eio, is_over ? DUE_UPGRADE : DUE_NOOP, &ws->due,
                is_over ? ws->upgrade_by_us : at_us);
}

void eio_noop_fire(struct eio *eio, struct eio_deadline *deadline)
{
    (void)eio;
    struct eio_ws *ws = SIO_OF(deadline, struct eio_ws, due);
    if (ws->session->poll)
        eio_poll_flush(ws->session, "6");
    noop_later(ws);
}

static void probe_packet(struct eio_ws *ws, struct str text)
{
    if (ws->state == EIO_WS_PROBE && str_eq(text, STR("2probe"))) {
        ws->state = EIO_WS_PROBED;
        eio_ws_send(ws, ws->eio->pong_probe);
        noop_later(ws);
    } else if (ws->state == EIO_WS_PROBED && str_eq(text, STR("5"))) {
        take_over(ws);
    } else {
        ws_refused(ws, WS_POLICY);
    }
}

static void text_in(struct eio_ws *ws, struct str text)
{
    enum eio_type type;
    struct str data;
    if (ws->state != EIO_WS_LIVE)
        probe_packet(ws, text);
    else if (eio_packet_read(text, &type, &data))
        eio_packet_in(ws->session, type, data);
    else
        eio_session_close(ws->session, SIO_PARSE_ERROR, NULL);
}

static bool message_in(enum ws_kind kind, struct str data, void *arg)
{
    struct eio_ws *ws = arg;
    switch (kind) {
    case WS_TEXT:
        text_in(ws, data);
        break;
    case WS_BINARY:
        if (ws->state == EIO_WS_LIVE)
            eio_packet_in(ws->session, EIO_BINARY, data);
        else
            ws_refused(ws, WS_POLICY);
        break;
    case WS_PING:
        if (++ws->pings > PINGS_MAX)
            ws_refused(ws, WS_POLICY);
        else
            send_control(ws, WS_PONG, data);
        break;
    case WS_PONG:
        break;
    case WS_CLOSE:
        ws_refused(ws, WS_NORMAL);
        break;
    }
    return ws->state < EIO_WS_ENDING;
}

static void bytes_in(struct eio_ws *ws, struct str bytes)
{
    if (ws->state >= EIO_WS_ENDING)
        return; /* only the end is awaited */
    enum ws_code wrong = ws_in_feed(&ws->in, bytes, message_in, ws);
    if (wrong)
        ws_refused(ws, wrong);
}

static void read_room(uv_handle_t *handle, size_t hint, uv_buf_t *ret)
{
    (void)hint;
    struct eio_ws *ws = handle->data;
    *ret = uv_buf_init(ws->eio->read_room, EIO_READ_ROOM);
}

static void read_some(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct eio_ws *ws = stream->data;
    if (n > 0)
        bytes_in(ws, (struct str){buf->base, (size_t)n});
    else if (n < 0)
        ws_lost(ws, n == UV_EOF ? SIO_TRANSPORT_CLOSE : SIO_TRANSPORT_ERROR);
}

/* ---- beginning ------------------------------------------------------------------------------- */

static struct problem *upgrade_refused(struct http_request *rq, struct http_response *rs,
                                       const char *why)
{
    rs->status = 400;
    rs->content_type = "text/html";
    rs->close = true;
    buf_add_z(&rs->body, why);
    http_reply(rq, rs);
    return NULL;
}

static void ws_begin(struct eio_ws *ws, struct eio_session *session)
{
    struct eio *eio = ws->eio;
    if (ws->state == EIO_WS_PROBE) {
        session->probe = ws;
        ws->upgrade_by_us = clock_mono_us() + (int64_t)eio->options.upgrade_timeout_ms * 1000;
        eio_due_set(eio, DUE_UPGRADE, &ws->due, ws->upgrade_by_us);
        return;
    }
    session->ws = ws;
    eio->stats.websockets++;
    struct eio_bytes *open = eio_bytes_new(eio, false, 512);
    eio_open_packet(session, true, &open->buf);
    eio_bytes_end(open);
    eio_ws_send(ws, open);
    eio_bytes_unref(eio, open);
    eio->hooks.open(session, eio->user);
}

/* Takes the connection: as the transport of a new session (`session` NULL), or as a probe; of a
 * session that has one already it is opened and closed again, as Node does. */
struct problem *eio_upgrade(struct eio *eio, struct http_request *rq, struct http_response *rs,
                            struct eio_session *session, const char *cors)
{
    char accept[32];
    const char *wrong = ws_handshake(rq, accept);
    if (wrong)
        return upgrade_refused(rq, rs, wrong);
    struct eio_ws *ws = sio_pool_take(&eio->sockets);
    ws->eio = eio;
    ws->state = session ? EIO_WS_PROBE : EIO_WS_LIVE;
    bool taken = session && (session->ws || session->probe);
    ws->in.message_max = eio->options.payload_max_bytes;
    ws->in.message.secret = true; /* CONNECT carries tokens */
    if (!session)
        session = eio_session_new(eio, rq);
    ws->session = taken ? NULL : session;
    CLEANUP(buf_free) struct buf head = BUF_MAX(2048);
    buf_addf(&head,
             "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Accept: %s\r\n",
             accept);
    if (*cors)
        buf_addf(&head, "Access-Control-Allow-Origin: %s\r\n", cors);
    buf_add_z(&head, "\r\n");
    CLEANUP(buf_free) struct buf early = BUF_MAX(1U << 20);
    ws->tcp = http_takeover(rq, buf_str(&head), &early);
    ws->tcp->data = ws;
    if (uv_fileno((uv_handle_t *)ws->tcp, &ws->fd) != 0)
        ws->fd = -1; /* closed already: the first read or write says so */
    eio->handles++;
    uv_tcp_nodelay(ws->tcp, 1);
    uv_read_start((uv_stream_t *)ws->tcp, read_room, read_some);
    if (taken) {
        eio_ws_end(ws, WS_POLICY);
        return NULL;
    }
    ws_begin(ws, session);
    if (early.len)
        bytes_in(ws, buf_str(&early));
    return NULL;
}
