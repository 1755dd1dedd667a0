/* Finding the borders of JSON values without building them: events travel as text.
 *
 * The rule not to break: whatever came from outside goes through sio_json_value once before any
 * byte of it is sent on, so that a client never receives broken JSON from another client.
 * RFC 8259; nesting up to SIO_JSON_DEPTH_MAX; the bytes must be valid UTF-8 already. */
#ifndef SOCKETIO_JSON_SCAN_H
#define SOCKETIO_JSON_SCAN_H

#include "base/buf.h"

#define SIO_JSON_DEPTH_MAX 64

/* Takes one value (and spaces around it) off the front of `*rest`; `*ret` is the value alone. False
 * when there is none, or when a placeholder object {"_placeholder":true,"num":n} in it does not
 * satisfy n < attachments. */
bool sio_json_value(struct str *rest, size_t attachments, struct str *ret);

/* True when all of `text` is one JSON value that begins with `first` ('[', '{'). */
bool sio_json_is(struct str text, char first, size_t attachments);

/* Walks the elements of an array: *rest starts as the array's text, and false is the end. */
bool sio_json_next(struct str *rest, struct str *ret);

/* The decoded characters of a string literal with its quotes. False when it is none or holds a
 * lone surrogate. */
bool sio_json_text(struct str literal, struct buf *out);

#endif
