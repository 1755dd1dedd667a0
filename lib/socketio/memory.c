/* Connection state recovery of one server alone: sessions and the last events in memory.
 *
 * Not one store with recent.c: that keeps entries of others as they came, read when somebody asks,
 * and nothing where it may have missed one; here are our own events as they were sent, which
 * restoring only sends once more, and the numbers are ours too. What they share is small: to find
 * an id, and to compare rooms, which stand here as texts and there as what the entry says.
 *
 * The rule not to break: everything here has a limit: events by count, bytes and age, sessions by
 * count and age. What fell out cannot be restored, and the client is told so by a new session. */
#include "socketio/adapter.h"

#include "base/clock.h"
#include "base/crypt.h"

enum { EVENTS_MAX = 10000, SESSIONS_MAX = 20000 };
#define BYTES_MAX ((size_t)16 << 20)

/* Texts one after the other, each behind its length. */
struct texts {
    struct buf all;
};

struct event {
    uint64_t serial;
    struct sio_list link;
    struct sio_namespace *nsp;
    int64_t at_us;
    struct sio_stream_id id;
    size_t bytes;
    struct sio_frames frames;
    struct texts rooms, except;
};

struct session {
    uint64_t serial;
    struct sio_list link;
    struct sio_map_node by_pid;
    struct sio_namespace *nsp;
    int64_t at_us;
    struct sio_stream_id since;
    struct texts rooms;
    struct buf identity;
    char sid[21], pid[21];
};

struct sio_memory {
    struct sio_server *server;
    struct sio_pool events, sessions;
    struct sio_list all_events, all_sessions; /* the oldest first */
    struct sio_map by_pid;
    size_t bytes;
    struct sio_stream_id last;
};

/* ---- texts ----------------------------------------------------------------------------------- */

static void texts_add(struct texts *texts, struct str text)
{
    texts->all.max = BYTES_MAX;
    buf_add(&texts->all, &text.n, sizeof(text.n));
    buf_add_str(&texts->all, text);
}

static bool texts_next(const struct texts *texts, size_t *at, struct str *ret)
{
    if (*at + sizeof(size_t) > texts->all.len)
        return false;
    size_t n;
    memcpy(&n, texts->all.data + *at, sizeof(n));
    *ret = (struct str){texts->all.data + *at + sizeof(n), n};
    *at += sizeof(n) + n;
    return *at <= texts->all.len;
}

static bool texts_has(const struct texts *texts, struct str text)
{
    struct str one;
    for (size_t at = 0; texts_next(texts, &at, &one);)
        if (str_eq(one, text))
            return true;
    return false;
}

static bool texts_meet(const struct texts *a, const struct texts *b)
{
    struct str one;
    for (size_t at = 0; texts_next(a, &at, &one);)
        if (texts_has(b, one))
            return true;
    return false;
}

/* ---- events ---------------------------------------------------------------------------------- */

static void event_drop(struct sio_memory *memory, struct event *event)
{
    memory->bytes -= event->bytes;
    sio_list_del(&event->link);
    sio_frames_free(memory->server, &event->frames);
    buf_free(&event->rooms.all);
    buf_free(&event->except.all);
    sio_pool_give(&memory->events, event);
}

static void session_drop(struct sio_memory *memory, struct session *session)
{
    sio_list_del(&session->link);
    sio_map_del(&memory->by_pid, &session->by_pid);
    buf_free(&session->rooms.all);
    buf_free(&session->identity);
    sio_pool_give(&memory->sessions, session);
}

static struct event *oldest_event(const struct sio_memory *memory)
{
    return SIO_OF(memory->all_events.next, struct event, link);
}

static struct session *oldest_session(const struct sio_memory *memory)
{
    return SIO_OF(memory->all_sessions.next, struct session, link);
}

/* An event is of use for as long as a client that got it last may come back. */
static void forget(struct sio_memory *memory)
{
    int64_t lives_us = (int64_t)memory->server->eio->options.recovery_ms * 1000;
    int64_t before_us = clock_mono_us() - lives_us;
    while (!sio_list_empty(&memory->all_events) &&
           (oldest_event(memory)->at_us < before_us - lives_us || memory->bytes > BYTES_MAX ||
            memory->events.live > EVENTS_MAX) &&
           memory->all_events.next != memory->all_events.prev) /* one is kept to start from */
        event_drop(memory, oldest_event(memory));
    while (!sio_list_empty(&memory->all_sessions) &&
           (oldest_session(memory)->at_us < before_us || memory->sessions.live > SESSIONS_MAX))
        session_drop(memory, oldest_session(memory));
}

static void id_next(struct sio_memory *memory)
{
    uint64_t now_ms = (uint64_t)(clock_wall_us() / 1000);
    struct sio_stream_id *last = &memory->last;
    *last = now_ms > last->ms ? (struct sio_stream_id){now_ms, 0}
                              : (struct sio_stream_id){last->ms, last->seq + 1};
}

static struct str id_text(const struct sio_memory *memory, char text[SIO_ENTRY_ID_MAX])
{
    int n = snprintf(text, SIO_ENTRY_ID_MAX, "%llu-%llu", (unsigned long long)memory->last.ms,
                     (unsigned long long)memory->last.seq);
    return (struct str){text, (size_t)n};
}

void sio_memory_add(struct sio_namespace *nsp, const struct sio_target *to, struct buf *json,
                    struct sio_attachments binary)
{
    struct sio_memory *memory = nsp->server->memory;
    char text[SIO_ENTRY_ID_MAX];
    id_next(memory);
    sio_offset_add(json, id_text(memory, text));
    struct event *event = sio_pool_take(&memory->events);
    event->nsp = nsp;
    event->at_us = clock_mono_us();
    event->id = memory->last;
    event->frames = sio_frames_of(nsp->server, SIO_EVENT, nsp->name, NULL, buf_str(json), binary);
    for (size_t i = 0; i < to->room_count; i++)
        texts_add(&event->rooms, to->rooms[i]);
    for (size_t i = 0; i < to->except_count; i++)
        texts_add(&event->except, to->except[i]);
    event->bytes = sizeof(*event) + json->len + event->rooms.all.len + event->except.all.len;
    for (size_t i = 0; i < binary.count; i++)
        event->bytes += binary.items[i].n;
    memory->bytes += event->bytes;
    sio_list_add(&memory->all_events, &event->link);
    forget(memory);
}

struct str sio_memory_offset(const struct sio_memory *memory, char text[SIO_ENTRY_ID_MAX])
{
    return memory->last.ms ? id_text(memory, text) : STR_NONE;
}

/* ---- sessions -------------------------------------------------------------------------------- */

void sio_memory_keep(struct sio_socket *socket)
{
    struct sio_memory *memory = socket->nsp->server->memory;
    struct session *session = sio_pool_take(&memory->sessions);
    session->nsp = socket->nsp;
    session->at_us = clock_mono_us();
    memcpy(session->sid, socket->sid, sizeof(session->sid));
    memcpy(session->pid, socket->pid, sizeof(session->pid));
    session->since = socket->since;
    texts_add(&session->rooms, str_of(session->sid));
    for (struct sio_list *n = socket->rooms.next; n != &socket->rooms; n = n->next)
        texts_add(&session->rooms, buf_str(&SIO_OF(n, struct sio_member, in_socket)->room->name));
    session->identity.max = SIO_IDENTITY_MAX;
    buf_add_str(&session->identity, buf_str(&socket->identity));
    sio_map_put(&memory->by_pid, &session->by_pid, str_of(session->pid));
    sio_list_add(&memory->all_sessions, &session->link);
    forget(memory);
}

/* In any namespace: the offset of what a socket alone was sent is that of the last broadcast. */
static bool is_there(const struct sio_memory *memory, struct sio_stream_id id)
{
    for (struct sio_list *n = memory->all_events.prev; n != &memory->all_events; n = n->prev) {
        const struct event *event = SIO_OF(n, struct event, link);
        if (event->id.ms == id.ms && event->id.seq == id.seq)
            return true;
    }
    return false;
}

/* What it missed, in order, before it hears that it is connected. */
static void missed_send(const struct sio_memory *memory, const struct session *session,
                        struct sio_stream_id after, struct sio_conn *conn)
{
    for (struct sio_list *n = memory->all_events.next; n != &memory->all_events; n = n->next) {
        const struct event *event = SIO_OF(n, struct event, link);
        if (event->nsp == session->nsp && sio_stream_id_after(event->id, after) &&
            (event->rooms.all.len == 0 || texts_meet(&event->rooms, &session->rooms)) &&
            !texts_meet(&event->except, &session->rooms))
            sio_frames_send(conn, &event->frames, false);
    }
}

bool sio_memory_restore(struct sio_socket *socket, struct str pid, struct sio_stream_id offset)
{
    struct sio_memory *memory = socket->nsp->server->memory;
    forget(memory);
    struct sio_map_node *node = sio_map_get(&memory->by_pid, pid);
    if (!node)
        return false;
    struct session *session = SIO_OF(node, struct session, by_pid);
    if (sio_stream_id_after(session->since, offset))
        offset = session->since; /* what came before it was not missed */
    bool good = session->nsp == socket->nsp && is_there(memory, offset) &&
                ct_equal(buf_str(&session->identity), buf_str(&socket->identity)) &&
                !sio_map_get(&socket->nsp->by_sid, str_of(session->sid));
    if (good) {
        struct str room;
        missed_send(memory, session, offset, socket->conn);
        memcpy(socket->sid, session->sid, sizeof(socket->sid));
        memcpy(socket->pid, session->pid, sizeof(socket->pid));
        socket->since = session->since;
        socket->recovered = true;
        for (size_t at = 0; texts_next(&session->rooms, &at, &room);)
            sio_join(socket, room);
    }
    session_drop(memory, session);
    return good;
}

/* ---- begin and end --------------------------------------------------------------------------- */

void sio_memory_init(struct sio_server *server)
{
    struct sio_memory *memory = arena_make(server->arena, struct sio_memory);
    memory->server = server;
    memory->events = sio_pool_of(server->arena, sizeof(struct event));
    memory->sessions = sio_pool_of(server->arena, sizeof(struct session));
    sio_list_init(&memory->all_events);
    sio_list_init(&memory->all_sessions);
    server->memory = memory;
}

void sio_memory_free(struct sio_server *server)
{
    struct sio_memory *memory = server->memory;
    if (!memory)
        return;
    server->memory = NULL;
    while (!sio_list_empty(&memory->all_events))
        event_drop(memory, oldest_event(memory));
    while (!sio_list_empty(&memory->all_sessions))
        session_drop(memory, oldest_session(memory));
    sio_map_free(&memory->by_pid);
    sio_pool_end(&memory->events);
    sio_pool_end(&memory->sessions);
}
