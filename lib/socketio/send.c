/* Packets out: encoded once, shared, queued for one socket or for the sockets of rooms. See
 * server.h for the rule. */
#include "socketio/server.h"

#include "base/cleanup.h"
#include "socketio/adapter.h"

struct sio_frames sio_frames_of(struct sio_server *server, enum sio_type type, struct str nsp,
                                const uint64_t *id, struct str json, struct sio_attachments binary)
{
    struct sio_frames frames = {0};
    if (binary.count > SIO_ATTACHMENTS_MAX)
        binary.count = SIO_ATTACHMENTS_MAX;
    if (binary.count && type == SIO_EVENT)
        type = SIO_BINARY_EVENT;
    if (binary.count && type == SIO_ACK)
        type = SIO_BINARY_ACK;
    frames.text = eio_bytes_new(server->eio, false, json.n + nsp.n + 64);
    buf_add_c(&frames.text->buf, EIO_MESSAGE);
    sio_packet_head(&frames.text->buf, type, binary.count, nsp, id);
    buf_add_str(&frames.text->buf, json);
    eio_bytes_end(frames.text);
    for (size_t i = 0; i < binary.count; i++) {
        struct eio_bytes *blob = eio_bytes_new(server->eio, true, binary.items[i].n);
        buf_add_str(&blob->buf, binary.items[i]);
        eio_bytes_end(blob);
        frames.blobs[frames.count++] = blob;
    }
    return frames;
}

void sio_frames_free(struct sio_server *server, struct sio_frames *frames)
{
    eio_bytes_unref(server->eio, frames->text);
    for (size_t i = 0; i < frames->count; i++)
        eio_bytes_unref(server->eio, frames->blobs[i]);
    *frames = (struct sio_frames){0};
}

bool sio_frames_send(struct sio_conn *conn, const struct sio_frames *frames, bool is_volatile)
{
    bool sent = eio_send(conn->session, frames->text, is_volatile);
    for (size_t i = 0; sent && i < frames->count; i++)
        eio_send(conn->session, frames->blobs[i], false);
    return sent;
}

void sio_packet_send(struct sio_conn *conn, enum sio_type type, struct str nsp, struct str json)
{
    struct sio_frames frames =
        sio_frames_of(conn->server, type, nsp, NULL, json, (struct sio_attachments){0});
    sio_frames_send(conn, &frames, false);
    sio_frames_free(conn->server, &frames);
}

/* ---- one socket ------------------------------------------------------------------------------ */

void sio_offset_add(struct buf *json, struct str id)
{
    if (json->len == 0 || !id.p)
        return;
    json->len--; /* the closing bracket */
    buf_addf(json, ",\"" STR_FMT "\"]", STR_ARG(id));
}

/* `json` is the array ["name",...]; with `id` the client is to answer. */
static bool event_send(struct sio_socket *socket, const uint64_t *id, struct str json,
                       struct sio_attachments binary, bool is_volatile)
{
    struct sio_server *server = socket->nsp->server;
    struct sio_frames frames =
        sio_frames_of(server, SIO_EVENT, socket->nsp->name, id, json, binary);
    bool sent = sio_frames_send(socket->conn, &frames, is_volatile);
    sio_frames_free(server, &frames);
    return sent;
}

static bool may_send(struct sio_server *server, struct str name)
{
    if (!sio_name_is_reserved(name))
        return true;
    server->names_refused++;
    return false;
}

/* Where clients may recover, the client takes a last argument that is a text for the offset of what
 * it has seen: so it gets one, as from Node; that of the last broadcast before this event. */
static bool emit(struct sio_socket *socket, const char *event, struct str args,
                 struct sio_attachments binary, bool is_volatile)
{
    struct str name = str_of(event);
    if (socket->state != SIO_STATE_CONNECTED || !may_send(socket->nsp->server, name))
        return false;
    CLEANUP(buf_free) struct buf json = BUF_MAX(args.n + name.n * 6 + 128);
    sio_packet_event(&json, name, args);
    char text[48];
    if (!is_volatile)
        sio_offset_add(&json, sio_adapter_offset(socket, text));
    return event_send(socket, NULL, buf_str(&json), binary, is_volatile);
}

void sio_emit_binary(struct sio_socket *socket, const char *event, struct str args,
                     struct sio_attachments binary)
{
    emit(socket, event, args, binary, false);
}

void sio_emit(struct sio_socket *socket, const char *event, struct str args)
{
    emit(socket, event, args, (struct sio_attachments){0}, false);
}

bool sio_emit_volatile(struct sio_socket *socket, const char *event, struct str args)
{
    return emit(socket, event, args, (struct sio_attachments){0}, true);
}

void sio_answer_binary(struct sio_ack ack, struct str args, struct sio_attachments binary)
{
    struct sio_socket *socket = sio_get((struct sio_ref){ack.socket, ack.serial});
    if (!socket || socket->state != SIO_STATE_CONNECTED)
        return;
    struct sio_server *server = socket->nsp->server;
    struct sio_frames frames =
        sio_frames_of(server, SIO_ACK, socket->nsp->name, &ack.id, args, binary);
    sio_frames_send(socket->conn, &frames, false);
    sio_frames_free(server, &frames);
}

void sio_answer(struct sio_ack ack, struct str args)
{
    sio_answer_binary(ack, args, (struct sio_attachments){0});
}

void sio_ask_json(struct sio_socket *socket, struct str json, struct sio_attachments binary,
                  unsigned timeout_ms, sio_answered *answered, void *arg)
{
    if (socket->state != SIO_STATE_CONNECTED) {
        answered(socket, false, STR("[]"), (struct sio_attachments){0}, arg);
        return;
    }
    struct sio_ask *ask = sio_ask_begin(socket, timeout_ms, answered, arg);
    event_send(socket, &ask->id, json, binary, false);
}

void sio_ask_binary(struct sio_socket *socket, const char *event, struct str args,
                    struct sio_attachments binary, unsigned timeout_ms, sio_answered *answered,
                    void *arg)
{
    struct str name = str_of(event);
    if (!may_send(socket->nsp->server, name)) {
        answered(socket, false, STR("[]"), (struct sio_attachments){0}, arg);
        return;
    }
    CLEANUP(buf_free) struct buf json = BUF_MAX(args.n + name.n * 6 + 64);
    sio_packet_event(&json, name, args);
    sio_ask_json(socket, buf_str(&json), binary, timeout_ms, answered, arg);
}

void sio_ask(struct sio_socket *socket, const char *event, struct str args, unsigned timeout_ms,
             sio_answered *answered, void *arg)
{
    sio_ask_binary(socket, event, args, (struct sio_attachments){0}, timeout_ms, answered, arg);
}

/* ---- many sockets ---------------------------------------------------------------------------- */

struct delivery {
    const struct sio_frames *frames;
    struct buf *refs; /* instead of delivering: who would get it */
    uint64_t mark;    /* sockets that carry it were served, or are excepted */
    size_t count;
    bool is_volatile;
    struct sio_stream_id id; /* {0}: of no stream */
};

static void deliver_to(struct sio_socket *socket, struct delivery *d)
{
    if (socket->mark == d->mark || socket->state != SIO_STATE_CONNECTED)
        return;
    socket->mark = d->mark;
    if (d->refs) {
        struct sio_ref ref = sio_ref(socket);
        buf_add(d->refs, &ref, sizeof(ref));
        d->count++;
        return;
    }
    if (d->id.ms && !sio_stream_id_after(d->id, socket->seen))
        return;
    d->count += sio_frames_send(socket->conn, d->frames, d->is_volatile);
}

/* A room is one of the rooms, or the socket whose id it is. */
static void each_in_room(struct sio_namespace *nsp, struct str name, struct delivery *d,
                         void (*visit)(struct sio_socket *, struct delivery *))
{
    struct sio_map_node *node = sio_map_get(&nsp->by_sid, name);
    if (node)
        visit(SIO_OF(node, struct sio_socket, by_sid), d);
    node = sio_map_get(&nsp->rooms, name);
    if (!node)
        return;
    struct sio_room *room = SIO_OF(node, struct sio_room, by_name);
    for (struct sio_list *n = room->members.next; n != &room->members; n = n->next)
        visit(SIO_OF(n, struct sio_member, in_room)->socket, d);
}

static void except(struct sio_socket *socket, struct delivery *d)
{
    socket->mark = d->mark;
}

static void each_of_target(struct sio_namespace *nsp, const struct sio_target *to,
                           struct delivery *d)
{
    d->mark = ++nsp->server->mark;
    for (size_t i = 0; i < to->except_count; i++)
        each_in_room(nsp, to->except[i], d, except);
    for (size_t i = 0; i < to->room_count; i++)
        each_in_room(nsp, to->rooms[i], d, deliver_to);
    if (to->room_count == 0)
        for (struct sio_list *n = nsp->sockets.next; n != &nsp->sockets; n = n->next)
            deliver_to(SIO_OF(n, struct sio_socket, in_nsp), d);
}

size_t sio_target_refs(struct sio_namespace *nsp, const struct sio_target *to, struct buf *refs)
{
    struct delivery d = {.refs = refs};
    each_of_target(nsp, to, &d);
    return refs->len / sizeof(struct sio_ref);
}

struct sio_socket *sio_ref_at(const struct buf *refs, size_t i)
{
    struct sio_ref ref;
    memcpy(&ref, refs->data + i * sizeof(ref), sizeof(ref));
    return sio_get(ref);
}

size_t sio_deliver(struct sio_namespace *nsp, const struct sio_target *to, struct str json,
                   struct sio_attachments binary)
{
    return sio_deliver_entry(nsp, to, json, binary, (struct sio_stream_id){0});
}

size_t sio_deliver_entry(struct sio_namespace *nsp, const struct sio_target *to, struct str json,
                         struct sio_attachments binary, struct sio_stream_id id)
{
    struct sio_server *server = nsp->server;
    struct sio_frames frames = sio_frames_of(server, SIO_EVENT, nsp->name, NULL, json, binary);
    struct delivery d = {.frames = &frames, .is_volatile = to->is_volatile, .id = id};
    each_of_target(nsp, to, &d);
    sio_frames_free(server, &frames);
    server->deliveries += d.count;
    return d.count;
}

size_t sio_broadcast_binary(struct sio_namespace *nsp, const struct sio_target *to,
                            const char *event, struct str args, struct sio_attachments binary)
{
    struct str name = str_of(event);
    if (!may_send(nsp->server, name))
        return 0;
    CLEANUP(buf_free) struct buf json = BUF_MAX(args.n + name.n * 6 + 128);
    sio_packet_event(&json, name, args);
    if (nsp->server->memory && !to->is_volatile)
        sio_memory_add(nsp, to, &json, binary);
    if (nsp->server->adapter && !to->local && sio_adapter_publish(nsp, to, buf_str(&json), binary))
        return 0;
    return sio_deliver(nsp, to, buf_str(&json), binary);
}

size_t sio_broadcast(struct sio_namespace *nsp, const struct sio_target *to, const char *event,
                     struct str args)
{
    return sio_broadcast_binary(nsp, to, event, args, (struct sio_attachments){0});
}
