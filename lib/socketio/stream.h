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
    STREAM_FETCH,
    STREAM_FETCH_ANSWER,
    STREAM_SERVER_EMIT,
    STREAM_SERVER_EMIT_ANSWER,
    STREAM_CLIENT_COUNT,
    STREAM_CLIENT_ANSWER,
};

struct stream_message {
    struct sio_target to;
    struct str json; /* BROADCAST, SERVER_EMIT: the array ["name",...] */
    struct str name; /* the same: its decoded name */
    struct str args; /* the same: the other elements as an array */
    struct sio_attachments binary;
    const struct str *rooms; /* JOIN, LEAVE */
    size_t room_count;
    bool close;          /* DISCONNECT */
    struct str request;  /* id of the question this is or answers; p NULL: none */
    unsigned timeout_ms; /* BROADCAST with a question */
    struct str value;    /* answers: the sockets, or the one value, as JSON */
    uint64_t count;      /* CLIENT_COUNT */
};

/* Reads the data field; everything lives in `arena`. False when it is not what it says. */
bool stream_read(struct arena *arena, enum stream_type type, struct str data,
                 struct stream_message *ret);

/* The same from the JSON it stands for. */
bool stream_read_json(struct arena *arena, enum stream_type type, struct str json,
                      struct sio_attachments binary, struct stream_message *ret);

/* Appends the JSON of a broadcast; `json` is the array ["name",...]; with `request` it asks the
 * clients. */
void stream_write_broadcast(struct buf *out, const struct sio_target *to, struct str json,
                            const char *request, unsigned timeout_ms);
/* Appends `"opts":{...}`. */
void stream_write_opts(struct buf *out, const struct sio_target *to, unsigned timeout_ms);

/* Appends the data field for that JSON: itself, or base64 of MessagePack where bytes go along. */
void stream_write(struct buf *out, struct str json, struct sio_attachments binary);

/* Appends a JSON array of texts. */
void stream_write_texts(struct buf *out, const struct str *texts, size_t count);

#endif
