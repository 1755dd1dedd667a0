/* Entries of the Redis stream that @socket.io/redis-streams-adapter writes and reads.
 *
 * The rule not to break: an entry comes from another process and is checked like a client's
 * packet before a byte of it is sent on. An entry has the fields uid, nsp, type and data; data is
 * JSON, or base64 of MessagePack where the event carries bytes. */
#ifndef SOCKETIO_STREAM_H
#define SOCKETIO_STREAM_H

#include "socketio/packet.h"
#include "socketio/socketio.h"

enum stream_type {
    STREAM_INITIAL_HEARTBEAT = 1,
    STREAM_HEARTBEAT,
    STREAM_BROADCAST,
    STREAM_JOIN,
    STREAM_LEAVE,
    STREAM_DISCONNECT,
};

struct stream_message {
    struct sio_target to;
    struct str json; /* BROADCAST: the array ["name",...] */
    struct str name; /* BROADCAST: its decoded name */
    struct str args; /* BROADCAST: the other elements as an array */
    struct sio_attachments binary;
    const struct str *rooms; /* JOIN, LEAVE */
    size_t room_count;
    bool close; /* DISCONNECT */
};

/* Reads the data field; everything lives in `arena`. False when it is not what it says. */
bool stream_read(struct arena *arena, enum stream_type type, struct str data,
                 struct stream_message *ret);

/* Appends the data field of a broadcast; `json` is the array ["name",...]. */
void stream_write(struct buf *out, const struct sio_target *to, struct str json,
                  struct sio_attachments binary);

#endif
