/* WebSocket (RFC 6455), server side: the opening handshake, frames in, frame heads out.
 *
 * The rule not to break: what comes in is checked as strictly as the RFC allows (masked, no
 * reserved bits, whole UTF-8), and no length is believed before the limit. Frames are read by
 * wslay; its state (4 KiB) is held only while a frame is half read, so an idle connection
 * has none. */
#ifndef SOCKETIO_WS_H
#define SOCKETIO_WS_H

#include "base/buf.h"

struct http_request;

/* The reply to an upgrade request: NULL and the Sec-WebSocket-Accept value (28 characters and a
 * NUL), or what is wrong with it (section 4.2.1). */
const char *ws_handshake(const struct http_request *rq, char ret_accept[32]);
void ws_accept_key(struct str key, char ret_accept[32]); /* for the handshake; section 4.2.2 */

enum ws_kind { WS_TEXT = 1, WS_BINARY = 2, WS_CLOSE = 8, WS_PING = 9, WS_PONG = 10 };

/* Close codes (section 7.4.1). */
enum ws_code {
    WS_OK = 0, /* not a code: nothing is wrong */
    WS_NORMAL = 1000,
    WS_GOING_AWAY = 1001,
    WS_PROTOCOL_ERROR = 1002,
    WS_BAD_TEXT = 1007,
    WS_POLICY = 1008,
    WS_TOO_BIG = 1009,
};

#define WS_FRAGMENTS_MAX 4096 /* of one message */

struct ws_in {
    struct ws_frames *frames; /* NULL between frames */
    struct buf message;       /* fragments so far */
    size_t message_max;
    unsigned fragments;
    uint8_t kind; /* of the message being put together; 0: none */
};

/* Reads bytes of the peer; `on_message` gets every whole message and control frame and returns
 * false to stop. Result: WS_OK, or the code to close with. */
enum ws_code ws_in_feed(struct ws_in *in, struct str bytes,
                        bool (*on_message)(enum ws_kind kind, struct str data, void *arg),
                        void *arg);
void ws_in_free(struct ws_in *in);
void ws_stock_free(void); /* this thread's spare readers */

/* The head of an unmasked, final frame, written so that it ends at `end`; returns its length,
 * at most WS_HEAD_MAX. */
#define WS_HEAD_MAX 10
size_t ws_head(enum ws_kind kind, size_t payload, uint8_t *end);

#endif
