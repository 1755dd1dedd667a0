/* Inside the Redis adapter: what its files share.
 *
 * adapter.c reads the streams, posts.c writes to them, channels.c hears publish/subscribe,
 * cluster.c asks other servers and answers them, recovery.c keeps sessions, recent.c entries.
 *
 * The rule not to break: `last` of a stream is the entry whose effects all local sockets have seen;
 * whoever compares with it does so in the turn in which it acts. */
#ifndef SOCKETIO_ADAPTER_H
#define SOCKETIO_ADAPTER_H

#include "socketio/redis_link.h"
#include "socketio/server.h"
#include "socketio/stream.h"

#define SIO_ENTRY_ID_MAX 48
#define SIO_STREAMS_MAX  64 /* with namespaces of ours on them */

struct sio_stream {
    const char *name;
    char last[SIO_ENTRY_ID_MAX];   /* id of the last entry handled; "" until known */
    char posted[SIO_ENTRY_ID_MAX]; /* up to here it is known what of ours is in it */
    bool waiting; /* the entry after `last` is to be asked for again by sio_adapter_resume */
    bool is_lost; /* `last` is not in the stream, and that was told */
    bool sound;   /* since this connection stands, `last` was seen in the stream, or one after it */
    struct sio_recent *recent; /* recent.c: a ring */
    size_t recent_first, recent_count, recent_bytes;
    struct sio_adapter *adapter;
};

/* What a subscription is for. */
enum sio_channel_kind { SIO_CHANNEL_SERVERS, SIO_CHANNEL_ROOMS, SIO_CHANNEL_CLASSIC };
struct sio_channel {
    struct sio_adapter *adapter;
    struct sio_namespace *nsp;
    enum sio_channel_kind kind;
    struct str name; /* of SERVERS: the channel; else the pattern */
};

struct sio_adapter {
    struct sio_server *server;
    struct sio_adapter_options options; /* filled */
    struct redis_address address;
    struct redis_link reader, writer, channel;
    struct arena *arena; /* of the entry at hand */
    struct sio_pool restores, kept, posts;
    struct sio_adapter_stats stats;
    struct sio_stream *streams;
    size_t stream_count, unlocated;
    struct sio_channel *channels;
    size_t channel_count, unsubscribed;
    struct eio_deadline resubscribe, sessions;
    struct {
        struct sio_post *first, *last, *unsent;
        size_t bytes, count;
        uint64_t n;
        bool open;   /* what is added is sent at once */
        bool broken; /* Redis refuses for now: waits for the next connection */
    } queue;
    char uid[17];
    bool reading, subscribed, closed;
};

#define SIO_DATA_MAX ((size_t)16 << 20) /* bytes of one entry's data */

/* ---- adapter.c: streams in ------------------------------------------------------------------- */

struct stream_entry {
    struct str id, uid, nsp, type, data, n;
};

/* One element of an XREAD or XRANGE answer; false when it is none. */
bool stream_entry_of(const redisReply *pair, struct stream_entry *ret);

/* The packet an event from elsewhere makes: after the namespace's `rewrite`, and, where clients may
 * recover, with `id` (none: p NULL) as last argument. */
enum sio_packet_fate { SIO_PACKET_SEND, SIO_PACKET_DROP, SIO_PACKET_LATER };
enum sio_packet_fate sio_adapter_packet(struct sio_namespace *nsp,
                                        const struct stream_message *message, struct str id,
                                        struct buf *json);

/* Entry ids are "milliseconds-number"; unreadable ones are 0. */
struct sio_stream_id sio_stream_id_of(struct str text);
bool sio_stream_id_after(struct sio_stream_id a, struct sio_stream_id b);
bool sio_entry_id_copy(char to[SIO_ENTRY_ID_MAX], struct str id); /* false: too long, not done */
void sio_adapter_told(struct sio_adapter *adapter);               /* `connected` anew */

/* ---- recent.c: entries kept in memory ---------------------------------------------------------
 */

struct sio_recent {
    struct sio_stream_id id;
    char text[SIO_ENTRY_ID_MAX]; /* the same as text */
    struct arena *arena;         /* of what follows; NULL: not a broadcast */
    struct str nsp, data;
    struct stream_message message; /* where is_event */
    bool is_read, is_event;
};

/* Keeps an entry just handled. Does nothing where clients may not recover. */
void sio_recent_add(struct sio_stream *stream, const struct stream_entry *entry);
/* What follows is not known to follow what is kept. */
void sio_recent_forget(struct sio_stream *stream);
/* Whether everything after `id` is here (true also where nothing is after it), and from which
 * number on: up to stream->recent_count. */
bool sio_recent_after(const struct sio_stream *stream, struct sio_stream_id id, size_t *ret_first);
/* The i-th, read; good until the next is added. */
const struct sio_recent *sio_recent_at(struct sio_stream *stream, size_t i);

/* ---- posts.c: streams out -------------------------------------------------------------------- */

/* Queues an entry until Redis has confirmed it; sent when the connection stands. False when the
 * queue is full. Each entry gets into the stream once, also across a lost connection. */
bool sio_post(struct sio_namespace *nsp, enum stream_type type, struct str json,
              struct sio_attachments binary);
void sio_posts_init(struct sio_adapter *adapter);
void sio_posts_up(struct sio_adapter *adapter);
void sio_posts_down(struct sio_adapter *adapter);
void sio_posts_free(struct sio_adapter *adapter);

/* ---- channels.c: publish/subscribe ----------------------------------------------------------- */

void sio_channels_init(struct sio_adapter *adapter);
void sio_channels_up(struct sio_adapter *adapter);
void sio_channels_down(struct sio_adapter *adapter);
void sio_resubscribe_fire(struct eio *eio, struct eio_deadline *deadline);
/* Sends a message to all servers of the namespace (uid NULL), or to one. `json` is the value of
 * "data". False when Redis is away. */
bool sio_channel_send(struct sio_namespace *nsp, const char *uid, enum stream_type type,
                      struct str json, struct sio_attachments binary);

/* ---- cluster.c: questions and answers between servers ---------------------------------------- */

#define SIO_PEER_MAX 32 /* bytes of a server's name and of a question's id */

/* A message of another server, and how it came. */
struct sio_letter {
    struct sio_namespace *nsp;
    struct str uid;
    enum stream_type type;
    bool by_stream; /* servers of older adapters ask and are answered there */
    const struct stream_message *message;
};
/* Does what it wants; a broadcast without a question is not for here. */
void sio_letter_in(struct sio_server *server, const struct sio_letter *letter);
/* Joins, leaves or disconnects the local sockets of the message's target. */
void sio_change(struct sio_namespace *nsp, enum stream_type type,
                const struct stream_message *message);
/* Of questions of ours, which need no adapter. */
void sio_cluster_memory(struct sio_server *server);
void sio_request_fire(struct eio *eio, struct eio_deadline *deadline);
void sio_requests_end(struct sio_server *server); /* unanswered */

/* ---- recovery.c ------------------------------------------------------------------------------ */

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
    struct eio_deadline due; /* while it waits for Redis */
    struct arena *arena;     /* of the session */
    struct str sid, pid;     /* of the session; sid once read */
    const struct str *rooms;
    size_t room_count;
    struct str since;              /* see struct sio_socket */
    struct str session;            /* as Redis keeps it */
    char offset[SIO_ENTRY_ID_MAX]; /* the last entry looked at */
    unsigned calls;
    size_t bytes; /* of what is kept */
    struct sio_kept *first, *last;
};

/* True when the decision is taken over; sio_accept_now is called later. */
bool sio_restore_begin(struct sio_socket *socket);
/* Those who wait for Redis: it may be there now; it was not in time; it never will be. */
void sio_restores_go(struct sio_adapter *adapter);
void sio_restore_fire(struct eio *eio, struct eio_deadline *deadline);
void sio_restores_end(struct sio_adapter *adapter);
/* The socket may be restored from now on: its session is kept in Redis while it lives. */
void sio_session_begin(struct sio_socket *socket);
void sio_session_changed(struct sio_socket *socket); /* its rooms did */
/* The socket is gone: its session waits for it, or is forgotten. */
void sio_session_end(struct sio_socket *socket, enum sio_reason reason);
void sio_sessions_fire(struct eio *eio, struct eio_deadline *deadline);
void sio_sessions_stale(struct sio_adapter *adapter); /* Redis may have lost them */
/* Whether one more step of restoring may be done for this socket; then it is counted. */
bool sio_effort_take(const struct sio_socket *socket, struct str pid);
void sio_effort_init(struct sio_server *server);

/* ---- memory.c: the same without an adapter --------------------------------------------------- */

void sio_memory_init(struct sio_server *server);
void sio_memory_free(struct sio_server *server);
/* Keeps a broadcast, and adds its offset to `json`. */
void sio_memory_add(struct sio_namespace *nsp, const struct sio_target *to, struct buf *json,
                    struct sio_attachments binary);
struct str sio_memory_offset(const struct sio_memory *memory, char text[SIO_ENTRY_ID_MAX]);
void sio_memory_keep(struct sio_socket *socket); /* its session, for a while */
/* At once: true when the socket has its old name and rooms and was sent what it missed. */
bool sio_memory_restore(struct sio_socket *socket, struct str pid, struct sio_stream_id offset);

#endif
