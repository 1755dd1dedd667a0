/* RFC 6455 for a server. See ws.h for the rule. */
#include "socketio/ws.h"

#include <openssl/evp.h>
#include <wslay/wslay.h>

#include "base/cleanup.h"
#include "base/crypt.h"
#include "http/http.h"

void ws_accept_key(struct str key, char ret_accept[32])
{
    static const char magic[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    uint8_t digest[20];
    CLEANUP(buf_free) struct buf text = BUF_MAX(256);
    buf_add_str(&text, key);
    buf_add_z(&text, magic);
    if (!EVP_Digest(text.data, text.len, digest, NULL, EVP_sha1(), NULL))
        memset(digest, 0, sizeof(digest)); /* no SHA-1 in this OpenSSL: clients will refuse */
    CLEANUP(buf_free) struct buf out = BUF_MAX(32);
    base64_add(&out, (struct str){(char *)digest, sizeof(digest)});
    memcpy(ret_accept, out.data, out.len + 1);
}

/* 16 bytes in base64: 22 characters and "==". */
static bool key_is_right(struct str key)
{
    CLEANUP(buf_free) struct buf raw = BUF_MAX(32);
    return key.n == 24 && key.p[22] == '=' && key.p[23] == '=' && base64_add_decoded(&raw, key) &&
           raw.len == 16;
}

const char *ws_handshake(const struct http_request *rq, char ret_accept[32])
{
    if (rq->method != HTTP_GET)
        return "Invalid HTTP method";
    if (!str_eq_nocase(http_header_get(rq, "upgrade"), STR("websocket")))
        return "Invalid Upgrade header";
    struct str key = http_header_get(rq, "sec-websocket-key");
    if (!key_is_right(key))
        return "Missing or invalid Sec-WebSocket-Key header";
    if (!str_eq(http_header_get(rq, "sec-websocket-version"), STR("13")))
        return "Missing or invalid Sec-WebSocket-Version header";
    ws_accept_key(key, ret_accept);
    return NULL;
}

size_t ws_head(enum ws_kind kind, size_t payload, uint8_t *end)
{
    size_t head = payload < 126 ? 2 : payload < 65536 ? 4 : 10;
    uint8_t *at = end - head;
    at[0] = (uint8_t)(0x80 | kind);
    at[1] = (uint8_t)(head == 2 ? payload : head == 4 ? 126 : 127);
    for (size_t i = head; i-- > 2; payload >>= 8)
        at[i] = (uint8_t)payload;
    return head;
}

/* ---- frames in ------------------------------------------------------------------------------- */

/* What reading one frame needs; handed from connection to connection through a small stock. */
struct ws_frames {
    struct ws_frames *next;
    wslay_frame_context_ptr wslay;
    struct buf self;   /* owns this memory */
    struct str feed;   /* bytes wslay has not taken yet */
    uint64_t taken;    /* bytes it took */
    uint64_t framed;   /* bytes of whole frames among them */
    uint64_t payload;  /* of the current frame, so far */
    char control[125]; /* payload of a control frame */
};

static _Thread_local struct ws_frames *stock;
static _Thread_local unsigned stock_count;
enum { STOCK_MAX = 64 };

static ssize_t take_bytes(uint8_t *out, size_t n, int flags, void *user)
{
    (void)flags;
    struct ws_frames *f = user;
    if (f->feed.n == 0)
        return -1;
    if (n > f->feed.n)
        n = f->feed.n;
    memcpy(out, f->feed.p, n);
    f->feed.p += n, f->feed.n -= n;
    f->taken += n;
    return (ssize_t)n;
}

static void frames_free(struct ws_frames **frames)
{
    if (!*frames)
        return;
    wslay_frame_context_free((*frames)->wslay);
    struct buf self = (*frames)->self;
    *frames = NULL;
    buf_free(&self);
}

static struct ws_frames *frames_new(void)
{
    struct buf self = BUF_MAX(sizeof(struct ws_frames));
    struct ws_frames *f = (struct ws_frames *)(void *)buf_room(&self, sizeof(*f));
    memset(f, 0, sizeof(*f));
    f->self = self;
    struct wslay_frame_callbacks callbacks = {.recv_callback = take_bytes};
    if (wslay_frame_context_init(&f->wslay, &callbacks, f) != 0)
        frames_free(&f);
    return f;
}

static struct ws_frames *frames_take(void)
{
    struct ws_frames *f = stock;
    if (!f)
        return frames_new();
    stock = f->next;
    stock_count--;
    f->taken = f->framed = f->payload = 0;
    return f;
}

/* Only a reader at a frame's border may be used again. */
static void frames_give(struct ws_frames **frames)
{
    if (stock_count >= STOCK_MAX) {
        frames_free(frames);
        return;
    }
    (*frames)->next = stock;
    stock = *frames;
    stock_count++;
    *frames = NULL;
}

void ws_stock_free(void)
{
    while (stock) {
        struct ws_frames *f = stock;
        stock = f->next;
        frames_free(&f);
    }
    stock_count = 0;
}

static enum ws_code data_frame(struct ws_in *in, const struct wslay_frame_iocb *io, bool first)
{
    if (first) {
        bool goes_on = io->opcode == WSLAY_CONTINUATION_FRAME;
        if (goes_on != (in->kind != 0))
            return WS_PROTOCOL_ERROR;
        if (!goes_on)
            in->kind = io->opcode;
        if (++in->fragments > WS_FRAGMENTS_MAX)
            return WS_POLICY;
        if (io->payload_length > in->message_max - in->message.len)
            return WS_TOO_BIG;
        in->message.max = in->message_max;
    }
    buf_add(&in->message, io->data, io->data_length);
    return in->message.overflowed ? WS_TOO_BIG : WS_OK;
}

/* One piece of a frame's payload, as wslay gives it. `first` is true for the frame's first. */
static enum ws_code piece_add(struct ws_in *in, const struct wslay_frame_iocb *io, bool first)
{
    struct ws_frames *f = in->frames;
    if (first) {
        bool known = io->opcode <= WSLAY_BINARY_FRAME ||
                     (io->opcode >= WSLAY_CONNECTION_CLOSE && io->opcode <= WSLAY_PONG);
        if (!known || io->rsv || !io->mask)
            return WS_PROTOCOL_ERROR;
    }
    if (!wslay_is_ctrl_frame(io->opcode))
        return data_frame(in, io, first);
    memcpy(f->control + f->payload, io->data, io->data_length); /* wslay: at most 125 in all */
    return WS_OK;
}

/* The frame is whole: hands on a control frame, or the message that it ends. */
static enum ws_code frame_end(struct ws_in *in, const struct wslay_frame_iocb *io,
                              bool (*on_message)(enum ws_kind, struct str, void *), void *arg,
                              bool *ret_more)
{
    if (wslay_is_ctrl_frame(io->opcode)) {
        *ret_more = on_message((enum ws_kind)io->opcode,
                               (struct str){in->frames->control, io->payload_length}, arg);
        return WS_OK;
    }
    if (!io->fin)
        return WS_OK;
    if (in->kind == WS_TEXT && !str_utf8_valid(buf_str(&in->message)))
        return WS_BAD_TEXT;
    *ret_more = on_message((enum ws_kind)in->kind, buf_str(&in->message), arg);
    buf_free(&in->message);
    in->kind = 0;
    in->fragments = 0;
    return WS_OK;
}

static uint64_t head_length(const struct wslay_frame_iocb *io)
{
    return 2 + 4 + (io->payload_length < 126 ? 0 : io->payload_length < 65536 ? 2 : 8);
}

enum ws_code ws_in_feed(struct ws_in *in, struct str bytes,
                        bool (*on_message)(enum ws_kind, struct str, void *), void *arg)
{
    if (!in->frames && !(in->frames = frames_take()))
        return WS_POLICY;
    struct ws_frames *f = in->frames;
    f->feed = bytes;
    bool more = true;
    while (more) {
        struct wslay_frame_iocb io = {0};
        ssize_t n = wslay_frame_recv(f->wslay, &io);
        if (n == WSLAY_ERR_WANT_READ)
            break;
        if (n < 0)
            return WS_PROTOCOL_ERROR;
        enum ws_code wrong = piece_add(in, &io, f->payload == 0);
        if (wrong)
            return wrong;
        f->payload += (uint64_t)n;
        if (f->payload < io.payload_length)
            continue;
        f->payload = 0;
        f->framed += head_length(&io) + io.payload_length;
        wrong = frame_end(in, &io, on_message, arg, &more);
        if (wrong)
            return wrong;
    }
    if (more && f->taken == f->framed)
        frames_give(&in->frames);
    return WS_OK;
}

void ws_in_free(struct ws_in *in)
{
    frames_free(&in->frames);
    buf_free(&in->message);
}
