/* Connection state recovery on the Redis stream, as @socket.io/redis-streams-adapter keeps it:
 * sessions are SET under sio:session:<pid> (base64 of MessagePack {sid,pid,rooms,data}) and taken
 * with GETDEL when the client comes back. Node writes a session when a connection is lost; here it
 * is written when the client connects and renewed while it lives, so that it outlives the server's
 * sudden death too. What a client missed comes from memory where it is there (recent.c), else from
 * Redis.
 *
 * The rule not to break: a socket joins its rooms in the same turn in which everything up to the
 * reader's last entry has been looked at, and ignores live entries up to there: so each event comes
 * once. (Node joins after its last XRANGE, whatever the reader has done meanwhile.) */
#include "socketio/adapter.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crypt.h"
#include "socketio/json_scan.h"
#include "socketio/msgpack_json.h"

enum { COUNT = 200, CALLS_MAX = 100, SESSION_NAME_MAX = 64, RENEWED_AT_ONCE = 100 };
#define REDIS_WAIT_US     3000000L /* a server that was just started finds Redis in this time */
#define RENEW_TICK_US     1000000L
#define RENEW_MORE_US     50000L /* where more are due: the others on the loop have their turn */
#define SESSION_ARENA_MAX ((size_t)64 << 20)
#define KEY               "sio:session:"

/* ---- saving ---------------------------------------------------------------------------------- */

static bool may_come_back(enum sio_reason reason)
{
    return reason == SIO_TRANSPORT_CLOSE || reason == SIO_TRANSPORT_ERROR ||
           reason == SIO_PING_TIMEOUT || reason == SIO_SLOW_CONSUMER || reason == SIO_SHUTDOWN;
}

static void session_write(const struct sio_socket *socket, struct buf *json)
{
    buf_addf(json, "{\"sid\":\"%s\",\"pid\":\"%s\",\"rooms\":[\"%s\"", socket->sid, socket->pid,
             socket->sid);
    for (struct sio_list *n = socket->rooms.next; n != &socket->rooms; n = n->next) {
        buf_add_c(json, ',');
        sio_quote(json, buf_str(&SIO_OF(n, struct sio_member, in_socket)->room->name));
    }
    buf_addf(
        json, "],\"since\":\"%llu-%llu\"", (unsigned long long)socket->since.ms,
        (unsigned long long)socket->since.seq); /* Node writes and reads neither this nor nsp */
    buf_add_z(json, ",\"nsp\":");
    sio_quote(json, socket->nsp->name);
    buf_add_z(json, ",\"data\":{\"identity\":");
    sio_quote(json, buf_str(&socket->identity));
    buf_add_z(json, "}}");
}

static bool session_set(const struct sio_socket *socket, unsigned for_ms)
{
    struct sio_adapter *adapter = socket->nsp->server->adapter;
    CLEANUP(buf_free) struct buf json = BUF_MAX(SIO_DATA_MAX);
    CLEANUP(buf_free) struct buf packed = BUF_MAX(SIO_DATA_MAX);
    CLEANUP(buf_free) struct buf text = BUF_MAX(2 * SIO_DATA_MAX);
    if (!adapter->writer.is_up)
        return false;
    session_write(socket, &json);
    if (json.overflowed || !json_to_msgpack(buf_str(&json), (struct sio_attachments){0}, &packed))
        return false;
    base64_add(&text, buf_str(&packed));
    redisAsyncCommand(adapter->writer.ctx, NULL, NULL, "SET " KEY "%s %b PX %u", socket->pid,
                      text.data, text.len, for_ms);
    return true;
}

static unsigned recovery_ms(const struct sio_socket *socket)
{
    return socket->nsp->server->eio->options.recovery_ms;
}

/* For half as long again as a session lives, because it is renewed at half its time. */
static void session_keep(struct sio_socket *socket)
{
    socket->kept_us = clock_mono_us();
    if (socket->nsp->server->adapter)
        session_set(socket, recovery_ms(socket) + recovery_ms(socket) / 2);
}

void sio_session_begin(struct sio_socket *socket)
{
    char text[SIO_ENTRY_ID_MAX];
    struct str last = sio_adapter_offset(socket, text);
    if (!socket->recovered && last.p)
        socket->since = sio_stream_id_of(last);
    session_keep(socket);
}

void sio_session_end(struct sio_socket *socket, enum sio_reason reason)
{
    struct sio_adapter *adapter = socket->nsp->server->adapter;
    if (!adapter) {
        if (may_come_back(reason))
            sio_memory_keep(socket);
    } else if (may_come_back(reason) && !socket->kept_us) {
        adapter->stats.saved += session_set(socket, recovery_ms(socket));
    } else if (adapter->writer.is_up && may_come_back(reason)) { /* what is kept is what it was */
        redisAsyncCommand(adapter->writer.ctx, NULL, NULL, "PEXPIRE " KEY "%s %u", socket->pid,
                          recovery_ms(socket));
        adapter->stats.saved++;
    } else if (adapter->writer.is_up) {
        redisAsyncCommand(adapter->writer.ctx, NULL, NULL, "DEL " KEY "%s", socket->pid);
    }
}

/* A namespace's sockets are in the order in which their sessions were written. */
void sio_session_changed(struct sio_socket *socket)
{
    if (!socket->nsp->server->adapter)
        return;
    socket->kept_us = 0;
    sio_list_del(&socket->in_nsp);
    sio_list_add(socket->nsp->sockets.next, &socket->in_nsp);
}

void sio_sessions_stale(struct sio_adapter *adapter)
{
    struct sio_list *all = &adapter->server->namespaces;
    for (struct sio_list *n = all->next; n != all; n = n->next) {
        struct sio_list *sockets = &SIO_OF(n, struct sio_namespace, all)->sockets;
        for (struct sio_list *s = sockets->next; s != sockets; s = s->next)
            SIO_OF(s, struct sio_socket, in_nsp)->kept_us = 0;
    }
}

/* Whether more are due. */
static bool sessions_renew(struct sio_namespace *nsp, int64_t before_us)
{
    for (int i = 0; i < RENEWED_AT_ONCE && !sio_list_empty(&nsp->sockets); i++) {
        struct sio_socket *socket = SIO_OF(nsp->sockets.next, struct sio_socket, in_nsp);
        if (socket->kept_us > before_us)
            return false;
        session_keep(socket);
        sio_list_del(&socket->in_nsp);
        sio_list_add(&nsp->sockets, &socket->in_nsp);
    }
    return !sio_list_empty(&nsp->sockets);
}

void sio_sessions_fire(struct eio *eio, struct eio_deadline *deadline)
{
    struct sio_adapter *adapter = SIO_OF(deadline, struct sio_adapter, sessions);
    struct sio_list *all = &adapter->server->namespaces;
    int64_t now = clock_mono_us();
    bool more = false;
    for (struct sio_list *n = all->next; adapter->writer.is_up && n != all; n = n->next)
        more |= sessions_renew(SIO_OF(n, struct sio_namespace, all),
                               now - (int64_t)eio->options.recovery_ms * 500);
    eio_due_set(eio, DUE_SESSIONS, deadline, now + (more ? RENEW_MORE_US : RENEW_TICK_US));
}

/* ---- how much ----------------------------------------------------------------------------------
 * An offset is the client's word, and looking through a whole stream for it costs 30 ms. So the
 * steps (a restoration, or reading COUNT entries for it) done for one identity are counted: at most
 * STEPS_MAX at once, one more each STEP_US. Whoever wants more begins anew, as one that was away
 * for too long. Sockets without an identity are counted by session. */

enum { EFFORT_SLOTS = 4096, STEPS_MAX = 240, STEP_US = 500000 };

/* By hash: two in one slot share it, and lose at most a restoration by that. */
struct sio_effort {
    int64_t until_us[EFFORT_SLOTS]; /* when what was done is forgotten */
    uint32_t seed;
};

void sio_effort_init(struct sio_server *server)
{
    server->effort = arena_make(server->arena, struct sio_effort);
    random_bytes(&server->effort->seed, sizeof(server->effort->seed));
}

bool sio_effort_take(const struct sio_socket *socket, struct str pid)
{
    struct sio_server *server = socket->nsp->server;
    struct sio_effort *effort = server->effort;
    struct str who = socket->identity.len ? buf_str(&socket->identity) : pid;
    int64_t *until = &effort->until_us[sio_hash(effort->seed, who) % EFFORT_SLOTS];
    int64_t now = clock_mono_us();
    if (*until > now + (int64_t)(STEPS_MAX - 1) * STEP_US) {
        if (server->adapter)
            server->adapter->stats.limited++;
        return false;
    }
    *until = (*until > now ? *until : now) + STEP_US;
    return true;
}

/* ---- the end of a restoration ------------------------------------------------------------------
 */

static void restore_free(struct sio_restore *restore)
{
    struct sio_adapter *adapter = restore->adapter;
    while (restore->first) {
        struct sio_kept *kept = restore->first;
        restore->first = kept->next;
        sio_frames_free(adapter->server, &kept->frames);
        sio_pool_give(&adapter->kept, kept);
    }
    arena_free(&restore->arena);
    sio_pool_give(&adapter->restores, restore);
}

/* A new session instead: the client sees that and fetches afresh. */
static void restore_fail(struct sio_restore *restore)
{
    struct sio_socket *socket = sio_get(restore->socket);
    restore->adapter->stats.not_restored++;
    restore_free(restore);
    if (socket && socket->state == SIO_STATE_RESTORING)
        sio_accept_now(socket);
}

/* The client is back before we noticed that its old connection is dead. */
static void predecessor_close(struct sio_namespace *nsp, const struct sio_restore *restore)
{
    struct sio_map_node *node = sio_map_get(&nsp->by_sid, restore->sid);
    if (!node)
        return;
    struct sio_socket *old = SIO_OF(node, struct sio_socket, by_sid);
    if (ct_equal(str_of(old->pid), restore->pid))
        eio_session_close(old->conn->session, SIO_TRANSPORT_CLOSE, NULL);
}

/* Everything up to the reader's last entry was looked at: from here on the socket is live. */
static void restore_done(struct sio_restore *restore)
{
    struct sio_adapter *adapter = restore->adapter;
    struct sio_socket *socket = sio_get(restore->socket);
    if (socket)
        predecessor_close(socket->nsp, restore);
    socket = sio_get(restore->socket); /* closing called the application */
    if (!socket || sio_map_get(&socket->nsp->by_sid, restore->sid)) {
        restore_fail(restore);
        return;
    }
    for (struct sio_kept *kept = restore->first; kept; kept = kept->next)
        sio_frames_send(socket->conn, &kept->frames, false);
    memcpy(socket->sid, restore->sid.p, 20);
    memcpy(socket->pid, restore->pid.p, 20);
    socket->seen = sio_stream_id_of(str_of(restore->offset));
    socket->since = sio_stream_id_of(restore->since);
    socket->recovered = true;
    for (size_t i = 0; i < restore->room_count; i++)
        sio_join(socket, restore->rooms[i]);
    adapter->stats.restored++;
    restore_free(restore);
    sio_accept_now(socket);
}

/* ---- what was missed ---------------------------------------------------------------------------
 */

static bool is_room_of(const struct sio_restore *restore, const struct str *rooms, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < restore->room_count; k++)
            if (str_eq(rooms[i], restore->rooms[k]))
                return true;
    return false;
}

static void packet_keep(struct sio_restore *restore, struct sio_namespace *nsp, struct str json,
                        struct sio_attachments binary)
{
    struct sio_kept *kept = sio_pool_take(&restore->adapter->kept);
    kept->frames = sio_frames_of(nsp->server, SIO_EVENT, nsp->name, NULL, json, binary);
    restore->bytes += json.n;
    for (size_t i = 0; i < binary.count; i++)
        restore->bytes += binary.items[i].n;
    if (restore->last)
        restore->last->next = kept;
    else
        restore->first = kept;
    restore->last = kept;
}

/* False: what it makes cannot be said now. */
static bool message_look(struct sio_restore *restore, struct sio_namespace *nsp,
                         const struct stream_message *message, struct str id)
{
    const struct sio_target *to = &message->to;
    if ((to->room_count && !is_room_of(restore, to->rooms, to->room_count)) ||
        is_room_of(restore, to->except, to->except_count) || to->is_volatile)
        return true;
    CLEANUP(buf_free) struct buf json = BUF_MAX(SIO_DATA_MAX);
    enum sio_packet_fate fate = sio_adapter_packet(nsp, message, id, &json);
    if (fate == SIO_PACKET_SEND)
        packet_keep(restore, nsp, buf_str(&json), message->binary);
    return fate != SIO_PACKET_LATER;
}

static bool entry_look(struct sio_restore *restore, struct sio_namespace *nsp,
                       const struct stream_entry *entry)
{
    struct arena *arena = restore->adapter->arena;
    struct stream_message message;
    if (!str_eq(entry->nsp, nsp->name) || !str_eq(entry->type, STR("3")) ||
        !stream_read(arena, STREAM_BROADCAST, entry->data, &message))
        return true;
    bool said = message_look(restore, nsp, &message, entry->id);
    arena_reset(arena);
    return said;
}

/* From memory: up to the reader's last entry in one go. */
static void recent_look(struct sio_restore *restore, struct sio_namespace *nsp, size_t first)
{
    struct sio_stream *stream = nsp->stream;
    for (size_t i = first; i < stream->recent_count; i++) {
        const struct sio_recent *recent = sio_recent_at(stream, i);
        bool is_ours = recent->is_event && str_eq(recent->nsp, nsp->name);
        if ((is_ours && !message_look(restore, nsp, &recent->message, str_of(recent->text))) ||
            restore->bytes > restore->adapter->server->eio->options.queue_max_bytes) {
            restore_fail(restore);
            return;
        }
    }
    sio_entry_id_copy(restore->offset, str_of(stream->last));
    restore_done(restore);
}

static void range_next(struct sio_restore *restore);

static void range_done(redisAsyncContext *ctx, void *answer, void *data)
{
    struct sio_restore *restore = data;
    struct sio_adapter *adapter = restore->adapter;
    const redisReply *reply = answer;
    struct sio_socket *socket = sio_get(restore->socket);
    if (!reply || reply->type != REDIS_REPLY_ARRAY || !socket || adapter->writer.ctx != ctx ||
        restore->calls > CALLS_MAX ||
        restore->bytes > adapter->server->eio->options.queue_max_bytes) {
        restore_fail(restore);
        return;
    }
    for (size_t i = 0; i < reply->elements; i++) {
        struct stream_entry entry;
        if (!stream_entry_of(reply->element[i], &entry) || entry.id.n >= sizeof(restore->offset))
            continue;
        if (!entry_look(restore, socket->nsp, &entry)) {
            restore_fail(restore);
            return;
        }
        memcpy(restore->offset, entry.id.p, entry.id.n);
        restore->offset[entry.id.n] = '\0';
    }
    struct sio_stream_id here = sio_stream_id_of(str_of(restore->offset));
    bool reader_is_ahead =
        sio_stream_id_after(sio_stream_id_of(str_of(socket->nsp->stream->last)), here);
    if (reply->elements == 0 && !reader_is_ahead)
        restore_done(restore);
    else
        range_next(restore);
}

static void range_next(struct sio_restore *restore)
{
    const struct sio_socket *socket = sio_get(restore->socket);
    restore->calls++;
    if (!socket || !sio_effort_take(socket, restore->pid) ||
        redisAsyncCommand(restore->adapter->writer.ctx, range_done, restore,
                          "XRANGE %s (%s + COUNT %d", socket->nsp->stream->name, restore->offset,
                          COUNT) != REDIS_OK)
        restore_fail(restore);
}

/* ---- the session -------------------------------------------------------------------------------
 */

static bool text_member(struct arena *arena, struct str object, const char *key, size_t max,
                        struct str *ret)
{
    struct str literal;
    CLEANUP(buf_free) struct buf text = BUF_MAX(max);
    if (!sio_member(object, key, &literal) || !sio_json_text(literal, &text))
        return false;
    *ret = arena_str(arena, buf_str(&text));
    return true;
}

static bool rooms_read(struct sio_restore *restore, struct str array)
{
    struct str rest = array, value;
    size_t count = 0;
    while (sio_json_next(&rest, &value))
        count++;
    struct str *rooms = arena_array(restore->arena, count + 1, sizeof(*rooms));
    rest = array;
    for (size_t i = 0; i < count && sio_json_next(&rest, &value); i++) {
        CLEANUP(buf_free) struct buf text = BUF_MAX(SIO_ROOM_MAX);
        if (!sio_json_text(value, &text))
            return false;
        rooms[i] = arena_str(restore->arena, buf_str(&text));
    }
    restore->rooms = rooms;
    restore->room_count = count;
    return true;
}

/* Node's sessions name no namespace: theirs are good in any, as with Node. */
static bool is_of_namespace(const struct sio_namespace *nsp, struct arena *arena, struct str json)
{
    struct str literal, name;
    return !sio_member(json, "nsp", &literal) ||
           (text_member(arena, json, "nsp", SIO_NAMESPACE_MAX, &name) && str_eq(name, nsp->name));
}

/* The session must be whole, of this namespace and of the identity the application gave this
 * socket. */
static bool session_read(struct sio_restore *restore, const struct sio_socket *socket)
{
    struct arena *arena = restore->arena;
    struct str json, rooms, data, identity = STR("");
    struct sio_attachments none = {0};
    if (restore->session.n == 0 || !msgpack64_to_json(arena, restore->session, &json, &none) ||
        !sio_json_is(json, '{', 0))
        return false;
    if (!text_member(arena, json, "sid", SESSION_NAME_MAX, &restore->sid) || restore->sid.n != 20 ||
        !text_member(arena, json, "pid", SESSION_NAME_MAX, &restore->pid) || restore->pid.n != 20 ||
        !sio_member(json, "rooms", &rooms) || !rooms_read(restore, rooms))
        return false;
    if (!is_of_namespace(socket->nsp, arena, json))
        return false;
    restore->since = STR("0-0");
    text_member(arena, json, "since", SIO_ENTRY_ID_MAX - 1, &restore->since);
    if (sio_member(json, "data", &data))
        text_member(arena, data, "identity", SIO_IDENTITY_MAX, &identity);
    return ct_equal(identity, buf_str(&socket->identity));
}

/* A client may name an offset from before its session (stock ones do after one that was not
 * restored): what came before its session it has not missed. */
static void offset_clamp(struct sio_restore *restore)
{
    if (sio_stream_id_after(sio_stream_id_of(restore->since),
                            sio_stream_id_of(str_of(restore->offset))))
        sio_entry_id_copy(restore->offset, restore->since);
}

/* The answer whether the offset is still in the stream. */
static void offset_in(redisAsyncContext *ctx, void *answer, void *data)
{
    struct sio_restore *restore = data;
    const redisReply *reply = answer;
    if (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements != 1 ||
        restore->adapter->writer.ctx != ctx)
        restore_fail(restore);
    else
        range_next(restore);
}

static void session_in(redisAsyncContext *ctx, void *answer, void *data)
{
    struct sio_restore *restore = data;
    const redisReply *reply = answer;
    const struct sio_socket *socket = sio_get(restore->socket);
    size_t first;
    if (reply && reply->type == REDIS_REPLY_STRING)
        restore->session = arena_str(restore->arena, (struct str){reply->str, (size_t)reply->len});
    if (!reply || !socket || restore->adapter->writer.ctx != ctx ||
        !session_read(restore, socket)) {
        restore_fail(restore);
        return;
    }
    offset_clamp(restore);
    if (sio_recent_after(socket->nsp->stream, sio_stream_id_of(str_of(restore->offset)), &first))
        recent_look(restore, socket->nsp, first);
    else if (redisAsyncCommand(ctx, offset_in, restore, "XRANGE %s %s %s",
                               socket->nsp->stream->name, restore->offset,
                               restore->offset) != REDIS_OK)
        restore_fail(restore);
}

/* Names go into a Redis key and a range: letters of our own alphabets only. */
static bool is_made_of(struct str s, const char *alphabet)
{
    for (size_t i = 0; i < s.n; i++)
        if (!s.p[i] || !strchr(alphabet, s.p[i]))
            return false;
    return s.n > 0;
}

/* What the client says it had: p NULL in `ret_pid` when it is not of the right form. */
static struct sio_stream_id wish_read(struct arena *arena, const struct sio_socket *socket,
                                      struct str *ret_pid, struct str *ret_offset)
{
    struct str wish = buf_str(&socket->wish), pid, offset;
    *ret_pid = STR_NONE;
    if (!text_member(arena, wish, "pid", SESSION_NAME_MAX, &pid) ||
        !text_member(arena, wish, "offset", 40, &offset) ||
        !is_made_of(pid, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ||
        !is_made_of(offset, "0123456789-") || sio_stream_id_of(offset).ms == 0)
        return (struct sio_stream_id){0};
    *ret_pid = pid;
    *ret_offset = offset;
    return sio_stream_id_of(offset);
}

static bool is_ready(const struct sio_adapter *adapter)
{
    return adapter->writer.is_up && adapter->reading;
}

static void session_ask(struct sio_restore *restore)
{
    if (redisAsyncCommand(restore->adapter->writer.ctx, session_in, restore, "GETDEL " KEY "%b",
                          restore->pid.p, restore->pid.n) != REDIS_OK)
        restore_fail(restore);
}

/* The first of those who wait, which waits no longer; NULL: nobody does. */
static struct sio_restore *waiting_next(const struct sio_adapter *adapter)
{
    struct sio_list *all = &adapter->server->eio->due[DUE_RESTORE].list;
    if (sio_list_empty(all))
        return NULL;
    struct eio_deadline *due = SIO_OF(all->next, struct eio_deadline, link);
    eio_due_clear(due);
    return SIO_OF(due, struct sio_restore, due);
}

void sio_restores_go(struct sio_adapter *adapter)
{
    struct sio_restore *restore;
    while (is_ready(adapter) && (restore = waiting_next(adapter)))
        session_ask(restore);
}

void sio_restore_fire(struct eio *eio, struct eio_deadline *deadline)
{
    (void)eio;
    restore_fail(SIO_OF(deadline, struct sio_restore, due));
}

void sio_restores_end(struct sio_adapter *adapter)
{
    struct sio_restore *restore;
    while ((restore = waiting_next(adapter)))
        restore_fail(restore);
}

bool sio_restore_begin(struct sio_socket *socket)
{
    struct sio_server *server = socket->nsp->server;
    struct sio_adapter *adapter = server->adapter;
    if (socket->wish.len == 0 || socket->wish.overflowed || (!adapter && !server->memory))
        return false;
    struct arena *arena = arena_new(SESSION_ARENA_MAX);
    struct str pid, offset;
    struct sio_stream_id id = wish_read(arena, socket, &pid, &offset);
    bool may = pid.p && sio_effort_take(socket, pid);
    if (!adapter || !may) {
        if (adapter)
            adapter->stats.not_restored++;
        else if (may)
            sio_memory_restore(socket, pid, id);
        arena_free(&arena);
        return false;
    }
    struct sio_restore *restore = sio_pool_take(&adapter->restores);
    restore->adapter = adapter;
    restore->socket = sio_ref(socket);
    restore->arena = arena;
    restore->pid = pid;
    memcpy(restore->offset, offset.p, offset.n);
    socket->state = SIO_STATE_RESTORING;
    if (is_ready(adapter))
        session_ask(restore);
    else
        eio_due_set(server->eio, DUE_RESTORE, &restore->due, clock_mono_us() + REDIS_WAIT_US);
    return true;
}
