/* MessagePack <-> JSON with attachments: how Node's adapters pack events that carry bytes.
 *
 * The rule not to break: bin values become attachments and their placeholders in the JSON, so the
 * rest of the library knows one form of an event only. */
#ifndef SOCKETIO_MSGPACK_JSON_H
#define SOCKETIO_MSGPACK_JSON_H

#include "socketio/socketio.h"

/* Decodes one MessagePack value. Timestamps (extension -1) become the text JSON gives a Date; other
 * extensions and NaN become null. */
bool msgpack_to_json(struct arena *arena, struct str bytes, struct str *ret_json,
                     struct sio_attachments *ret_binary);
/* The same of base64 text. */
bool msgpack64_to_json(struct arena *arena, struct str base64, struct str *ret_json,
                       struct sio_attachments *ret_binary);

/* Appends MessagePack of a JSON text in which placeholders stand for attachments. */
bool json_to_msgpack(struct str json, struct sio_attachments binary, struct buf *out);

#endif
