/* Inside the Redis adapter: shared by adapter.c (broadcasts) and recovery.c (sessions).
 *
 * The rule not to break: `last` is the entry whose effects all local sockets have seen; whoever
 * compares with it does so in the turn in which it acts. */
#ifndef SOCKETIO_ADAPTER_H
#define SOCKETIO_ADAPTER_H

#include "socketio/redis_link.h"
#include "socketio/server.h"
#include "socketio/stream.h"

struct sio_adapter {
    struct sio_server *server;
    struct redis_address address;
    struct redis_link reader, writer;
    struct arena *arena; /* of the entry at hand */
    struct sio_pool restores, kept;
    struct sio_adapter_stats stats;
    const char *stream;
    unsigned max_length;
    void (*missed)(void *user);
    void *user; /* of `missed` */
    char uid[17];
    bool is_lost;  /* `last` is not in the stream, and that was told */
    bool waiting;  /* the entry after `last` is to be asked for again by sio_adapter_resume */
    char last[48]; /* id of the last entry handled; "" until known */
};

#define SIO_DATA_MAX ((size_t)16 << 20) /* bytes of one entry's data */

struct stream_entry {
    struct str id, uid, nsp, type, data;
};

/* One element of an XREAD or XRANGE answer; false when it is none. */
bool stream_entry_of(const redisReply *pair, struct stream_entry *ret);

/* The packet a broadcast makes: after the namespace's `rewrite`, and with the entry's id as last
 * argument where clients may recover. */
enum sio_packet_fate { SIO_PACKET_SEND, SIO_PACKET_DROP, SIO_PACKET_LATER };
enum sio_packet_fate sio_adapter_packet(struct sio_namespace *nsp,
                                        const struct stream_message *message, struct str id,
                                        struct buf *json);

/* Entry ids are "milliseconds-number"; unreadable ones are 0. */
struct sio_stream_id sio_stream_id_of(struct str text);
bool sio_stream_id_after(struct sio_stream_id a, struct sio_stream_id b);

/* A missed packet that waits for the end of the restoration. */
struct sio_kept {
    uint64_t serial;
    struct sio_kept *next;
    struct sio_frames frames;
};

struct sio_restore {
    uint64_t serial;
    struct sio_adapter *adapter;
    struct sio_ref socket;
    struct arena *arena; /* of the session */
    struct str sid, pid; /* of the session, once read */
    const struct str *rooms;
    size_t room_count;
    struct str session; /* as Redis keeps it */
    char offset[48];    /* the last entry looked at */
    unsigned calls;
    size_t bytes; /* of what is kept */
    struct sio_kept *first, *last;
};

/* recovery.c: true when the decision is taken over; sio_accept_now is called later. */
bool sio_restore_begin(struct sio_socket *socket);
void sio_session_save(struct sio_socket *socket, enum sio_reason reason);

#endif
