/* Inside Socket.IO: clients, namespaces, sockets, rooms.
 *
 * The rule not to break: sending never calls the application back (a client over its cap is closed
 * before the loop sleeps), so lists may be walked while sending; only closing calls back. */
#ifndef SOCKETIO_SERVER_H
#define SOCKETIO_SERVER_H

#include "socketio/engine.h"
#include "socketio/packet.h"

/* A binary packet whose attachments are still arriving. */
struct sio_partial {
    uint64_t serial;
    struct buf text;
    struct buf blobs;
    size_t wanted, count;
    size_t ends[SIO_ATTACHMENTS_MAX]; /* of each attachment in `blobs` */
};

/* One client's connection: an engine session and its sockets, one a namespace at most. */
struct sio_conn {
    uint64_t serial;
    struct sio_server *server;
    struct eio_session *session;
    struct sio_list sockets;
    struct sio_list dead;
    struct eio_deadline connect;
    struct sio_partial *partial;
};

enum sio_state {
    SIO_STATE_CONNECTING, /* the application has not decided */
    SIO_STATE_RESTORING,  /* accepted; Redis is asked for what it missed */
    SIO_STATE_CONNECTED,
    SIO_STATE_GONE
};

/* Of an entry in a Redis stream. */
struct sio_stream_id {
    uint64_t ms, seq;
};

struct sio_socket {
    uint64_t serial;
    struct sio_conn *conn;
    struct sio_namespace *nsp;
    struct sio_map_node by_sid;
    struct sio_list in_conn, in_nsp, dead;
    struct sio_list rooms; /* sio_member.in_socket */
    struct sio_list asks;
    void *data;
    uint64_t mark; /* of the last broadcast that saw it */
    uint64_t ask_id;
    int64_t kept_us;            /* when its session was last written; see recovery.c */
    struct sio_stream_id seen;  /* up to here it got everything by restoration */
    struct sio_stream_id since; /* its session began after this entry; {0}: not known */
    struct buf identity;        /* the application's; a session is restored for the same one only */
    struct buf wish;            /* the client's auth, when it asks for its old session */
    enum sio_state state;
    bool recovered;
    char sid[21];
    char pid[21]; /* the session's secret name; "" where recovery is off */
};

struct sio_room {
    uint64_t serial;
    struct sio_map_node by_name;
    struct sio_namespace *nsp;
    struct sio_list members;
    size_t count, connected; /* members; of them not waiting for a decision */
    struct buf name;
};

struct sio_member {
    uint64_t serial;
    struct sio_list in_room, in_socket;
    struct sio_room *room;
    struct sio_socket *socket;
};

struct sio_ask {
    uint64_t serial;
    struct sio_list in_socket;
    struct eio_deadline due;
    struct sio_socket *socket;
    uint64_t id;
    sio_answered *answered;
    void *arg;
};

struct sio_namespace {
    struct sio_list all;
    struct sio_server *server;
    struct sio_namespace_config config;
    struct str name;
    struct sio_map by_sid, rooms;
    struct sio_list sockets;
    size_t count;
    struct sio_stream *stream; /* the adapter's, of this namespace; NULL without one */
};

struct sio_adapter;
struct sio_memory;
struct sio_effort;
struct sio_stream;

struct sio_server {
    struct eio *eio;
    struct arena *arena; /* the engine's */
    struct sio_pool conns, sockets, rooms, members, asks, partials, requests, polls;
    struct sio_list namespaces;
    struct sio_list dead_conns, dead_sockets;
    struct sio_list asking; /* struct sio_request: our questions to all servers */
    struct sio_adapter *adapter;
    struct sio_memory *memory; /* recovery without an adapter; NULL where it is off */
    struct sio_effort *effort; /* spent on restorations; NULL where they are off */
    uint64_t mark;
    uint64_t sockets_now, deliveries, events_ignored, names_refused;
};

/* A packet encoded once: its text and its attachments. */
struct sio_frames {
    struct eio_bytes *text;
    struct eio_bytes *blobs[SIO_ATTACHMENTS_MAX];
    size_t count;
};

/* server.c */
struct sio_namespace *sio_namespace_find(struct sio_server *server, struct str name);

/* socket.c */
struct sio_socket *sio_socket_new(struct sio_conn *conn, struct sio_namespace *nsp);
void sio_accept_now(struct sio_socket *socket);
void sio_sid_fill(char ret[21]);
void sio_socket_close(struct sio_socket *socket, enum sio_reason reason);
/* An event with the ask's id must be sent next. */
struct sio_ask *sio_ask_begin(struct sio_socket *socket, unsigned timeout_ms,
                              sio_answered *answered, void *arg);
void sio_answer_in(struct sio_socket *socket, uint64_t id, struct str args,
                   struct sio_attachments binary);
void sio_ask_fire(struct eio *eio, struct eio_deadline *deadline);

/* send.c */
struct sio_frames sio_frames_of(struct sio_server *server, enum sio_type type, struct str nsp,
                                const uint64_t *id, struct str json, struct sio_attachments binary);
void sio_frames_free(struct sio_server *server, struct sio_frames *frames);
bool sio_frames_send(struct sio_conn *conn, const struct sio_frames *frames, bool is_volatile);
void sio_packet_send(struct sio_conn *conn, enum sio_type type, struct str nsp, struct str json);
/* Makes `id` the last element of the array in `json`; nothing when it is p NULL. */
void sio_offset_add(struct buf *json, struct str id);
/* To local sockets; `json` is the whole array `["name",...]`. */
size_t sio_deliver(struct sio_namespace *nsp, const struct sio_target *to, struct str json,
                   struct sio_attachments binary);

/* Appends a struct sio_ref for each connected local socket of the target, each once. */
size_t sio_target_refs(struct sio_namespace *nsp, const struct sio_target *to, struct buf *refs);
struct sio_socket *sio_ref_at(const struct buf *refs, size_t i); /* NULL: gone meanwhile */
/* sio_ask with the whole array ["name",...]. */
void sio_ask_json(struct sio_socket *socket, struct str json, struct sio_attachments binary,
                  unsigned timeout_ms, sio_answered *answered, void *arg);

/* room.c */
void sio_leave_all(struct sio_socket *socket);
/* It was CONNECTING until now and counts in its rooms from now on. */
void sio_rooms_connected(struct sio_socket *socket);

/* The same for an entry of the stream: not to sockets that saw it by restoration. */
size_t sio_deliver_entry(struct sio_namespace *nsp, const struct sio_target *to, struct str json,
                         struct sio_attachments binary, struct sio_stream_id id);

/* adapter.c */
/* True when it comes back through the stream and must not be delivered now. */
bool sio_adapter_publish(struct sio_namespace *nsp, const struct sio_target *to, struct str json,
                         struct sio_attachments binary);
/* What a client of this socket may give back as the offset of what it has seen, perhaps in `text`;
 * p NULL: none. */
struct str sio_adapter_offset(const struct sio_socket *socket, char text[48]);
void sio_adapter_close(struct sio_server *server);
void sio_adapter_free(struct sio_server *server);

#endif
