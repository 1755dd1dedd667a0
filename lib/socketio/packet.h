/* The two packet formats, without any I/O: Engine.IO v4 payloads and Socket.IO v5 packets.
 *
 * The rule not to break: decoding never trusts a number or a length before its limit was checked,
 * and gives slices of the input: nothing is allocated. Text must be valid UTF-8 before it comes
 * here (str_utf8_valid). */
#ifndef SOCKETIO_PACKET_H
#define SOCKETIO_PACKET_H

#include "base/buf.h"

/* ---- Engine.IO v4 ---------------------------------------------------------------------------- */

enum eio_type {
    EIO_OPEN = '0',
    EIO_CLOSE = '1',
    EIO_PING = '2',
    EIO_PONG = '3',
    EIO_MESSAGE = '4',
    EIO_UPGRADE = '5',
    EIO_NOOP = '6',
    EIO_BINARY = 'b' /* polling only: base64 of a binary message */
};

#define EIO_SEPARATOR '\x1e'

/* Takes the next packet off a polling payload: its type and what follows the type. False at the
 * end (`*ret_bad` false) or at something that is no packet (`*ret_bad` true). */
bool eio_payload_next(struct str *rest, enum eio_type *ret_type, struct str *ret_data,
                      bool *ret_bad);

/* One packet of a text frame. */
bool eio_packet_read(struct str text, enum eio_type *ret_type, struct str *ret_data);

/* ---- Socket.IO v5 ---------------------------------------------------------------------------- */

enum sio_type {
    SIO_CONNECT,
    SIO_DISCONNECT,
    SIO_EVENT,
    SIO_ACK,
    SIO_CONNECT_ERROR,
    SIO_BINARY_EVENT,
    SIO_BINARY_ACK,
};

#define SIO_NAMESPACE_MAX   128               /* bytes of a namespace name */
#define SIO_ATTACHMENTS_MAX 64                /* binary frames of one packet */
#define SIO_ACK_ID_MAX      9007199254740991U /* 2^53 - 1: what JavaScript counts */

struct sio_packet {
    enum sio_type type;
    size_t attachments;
    struct str nsp; /* "/" when the packet names none */
    bool has_id;
    uint64_t id;
    struct str data; /* JSON, validated, of the kind its type wants; empty when there is none */
    struct str name; /* EVENT: the first element as JSON text (a string or a number) */
    struct str args; /* EVENT: what follows it, without the leading comma and with the final ']' */
};

/* Reads `<type>[<n>-][/nsp,][id][json]` in full. False when it is no packet a client may send
 * (docs/socket.io-protocol/v5). */
bool sio_packet_read(struct str text, struct sio_packet *ret);

/* Appends the head `<type>[<n>-][/nsp,][id]`; the caller appends the JSON. `nsp` "/" is left out.
 */
void sio_packet_head(struct buf *out, enum sio_type type, size_t attachments, struct str nsp,
                     const uint64_t *id);

/* Names that mean something to the client library itself: a client that receives an event with one
 * closes its connection ("parse error"). Without the quotes of JSON. */
bool sio_name_is_reserved(struct str name);

/* Appends `["name",args...]` from an array of arguments. */
void sio_packet_event(struct buf *out, struct str name, struct str args);

#endif
