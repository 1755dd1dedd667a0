/* Several servers over one Redis stream: reads what others broadcast, adds what we do.
 *
 * The rule not to break: the id of the last entry read moves only forward and only after the entry
 * was handled, so a lost connection repeats or misses nothing. One connection reads (XREAD waits
 * on it), another writes. */
#include "base/cleanup.h"
#include "base/crypt.h"
#include "base/log.h"
#include "socketio/adapter.h"

enum { BLOCK_MS = 5000, SILENCE_MS = 15000, COUNT = 100 };
#define ENTRY_ARENA_MAX ((size_t)256 << 20)

/* ---- what an entry does ---------------------------------------------------------------------- */

struct sio_stream_id sio_stream_id_of(struct str text)
{
    struct sio_stream_id id = {0};
    struct str seq = text, ms = str_cut(&seq, '-');
    if (!str_u64(ms, UINT64_MAX, &id.ms) || !str_u64(seq, UINT64_MAX, &id.seq))
        return (struct sio_stream_id){0};
    return id;
}

bool sio_stream_id_after(struct sio_stream_id a, struct sio_stream_id b)
{
    return a.ms != b.ms ? a.ms > b.ms : a.seq > b.seq;
}

enum sio_packet_fate sio_adapter_packet(struct sio_namespace *nsp,
                                        const struct stream_message *message, struct str id,
                                        struct buf *json)
{
    const struct sio_namespace_config *config = &nsp->config;
    CLEANUP(buf_free) struct buf args = BUF_MAX(SIO_DATA_MAX);
    enum sio_rewrite rewrite = SIO_AS_IT_IS;
    if (config->rewrite)
        rewrite = config->rewrite(message->name, message->args, &args, config->user);
    if (rewrite == SIO_LATER)
        return SIO_PACKET_LATER;
    if (rewrite == SIO_AS_IT_IS) {
        buf_add_str(json, message->json);
    } else {
        if (args.len == 0 || args.overflowed)
            return SIO_PACKET_DROP;
        sio_packet_event(json, message->name, buf_str(&args));
    }
    if (nsp->server->eio->options.recovery_ms && !message->to.is_volatile && json->len) {
        json->len--; /* the closing bracket */
        buf_addf(json, ",\"" STR_FMT "\"]", STR_ARG(id));
    }
    return json->overflowed ? SIO_PACKET_DROP : SIO_PACKET_SEND;
}

/* False: not now. */
static bool broadcast_in(struct sio_adapter *adapter, struct sio_namespace *nsp,
                         const struct stream_message *message, struct str id)
{
    CLEANUP(buf_free) struct buf json = BUF_MAX(SIO_DATA_MAX);
    enum sio_packet_fate fate = sio_adapter_packet(nsp, message, id, &json);
    if (fate == SIO_PACKET_SEND)
        adapter->stats.delivered += sio_deliver_entry(nsp, &message->to, buf_str(&json),
                                                      message->binary, sio_stream_id_of(id));
    return fate != SIO_PACKET_LATER;
}

struct change {
    enum stream_type type;
    const struct stream_message *message;
};

static void change_one(struct sio_socket *socket, void *arg)
{
    const struct change *change = arg;
    const struct stream_message *message = change->message;
    for (size_t i = 0; i < message->to.except_count; i++)
        if (sio_is_in(socket, message->to.except[i]))
            return;
    for (size_t i = 0; i < message->room_count; i++) {
        if (change->type == STREAM_JOIN)
            sio_join(socket, message->rooms[i]);
        else
            sio_leave(socket, message->rooms[i]);
    }
    if (change->type == STREAM_DISCONNECT)
        sio_disconnect(socket, message->close);
}

/* Another server tells sockets of rooms to join, leave or go. */
static void change_in(struct sio_namespace *nsp, enum stream_type type,
                      const struct stream_message *message)
{
    struct change change = {type, message};
    for (size_t i = 0; i < message->to.room_count; i++)
        sio_each(nsp, message->to.rooms[i], change_one, &change);
    if (message->to.room_count == 0)
        sio_each(nsp, STR_NONE, change_one, &change);
}

static struct str text_of(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING ? (struct str){reply->str, (size_t)reply->len}
                                             : STR_NONE;
}

bool stream_entry_of(const redisReply *pair, struct stream_entry *ret)
{
    struct stream_entry entry = {0};
    if (pair->type != REDIS_REPLY_ARRAY || pair->elements != 2)
        return false;
    const redisReply *fields = pair->element[1];
    entry.id = text_of(pair->element[0]);
    for (size_t i = 0; fields->type == REDIS_REPLY_ARRAY && i + 1 < fields->elements; i += 2) {
        struct str name = text_of(fields->element[i]), value = text_of(fields->element[i + 1]);
        if (str_eq(name, STR("uid")))
            entry.uid = value;
        else if (str_eq(name, STR("nsp")))
            entry.nsp = value;
        else if (str_eq(name, STR("type")))
            entry.type = value;
        else if (str_eq(name, STR("data")))
            entry.data = value;
    }
    *ret = entry;
    return entry.id.n > 0;
}

/* Ours was delivered when it was sent; where clients may recover it is delivered now, because only
 * now it has an id. */
static bool is_done(const struct sio_adapter *adapter, const struct stream_entry *entry)
{
    return str_eq(entry->uid, str_of(adapter->uid)) && !adapter->server->eio->options.recovery_ms;
}

/* False: it must come again, later. */
static bool entry_in(struct sio_adapter *adapter, const struct stream_entry *entry)
{
    struct sio_namespace *nsp = sio_namespace_find(adapter->server, entry->nsp);
    uint64_t type;
    bool handled = true;
    adapter->stats.entries++;
    if (!nsp || is_done(adapter, entry) || !str_u64(entry->type, 99, &type) ||
        type < STREAM_BROADCAST || type > STREAM_DISCONNECT) {
        adapter->stats.ignored++;
        return true;
    }
    struct stream_message message;
    if (!stream_read(adapter->arena, (enum stream_type)type, entry->data, &message))
        adapter->stats.malformed++;
    else if (type == STREAM_BROADCAST)
        handled = broadcast_in(adapter, nsp, &message, entry->id);
    else
        change_in(nsp, (enum stream_type)type, &message);
    arena_reset(adapter->arena);
    adapter->stats.entries -= !handled; /* it will be counted when it comes again */
    return handled;
}

/* ---- reading --------------------------------------------------------------------------------- */

static void read_next(struct sio_adapter *adapter);

static void id_keep(struct sio_adapter *adapter, struct str id)
{
    if (id.n == 0 || id.n >= sizeof(adapter->last))
        return;
    memcpy(adapter->last, id.p, id.n);
    adapter->last[id.n] = '\0';
    adapter->is_lost = false;
}

static void entries_in(struct sio_adapter *adapter, const redisReply *entries)
{
    for (size_t i = 0; entries->type == REDIS_REPLY_ARRAY && i < entries->elements; i++) {
        struct stream_entry entry;
        if (!stream_entry_of(entries->element[i], &entry))
            continue;
        adapter->waiting = !entry_in(adapter, &entry);
        if (adapter->waiting)
            return;
        id_keep(adapter, entry.id);
    }
}

static void read_done(redisAsyncContext *ctx, void *answer, void *data)
{
    struct sio_adapter *adapter = data;
    const redisReply *reply = answer;
    if (!reply || adapter->reader.ctx != ctx)
        return; /* lost: `up` starts again after the last id */
    redis_link_heard(&adapter->reader);
    if (reply->type == REDIS_REPLY_ERROR) {
        log_warn("socket.io: reading the stream failed: %.80s", reply->str);
        redisAsyncDisconnect(ctx); /* again after the back-off */
        return;
    }
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 1 &&
        reply->element[0]->type == REDIS_REPLY_ARRAY && reply->element[0]->elements == 2)
        entries_in(adapter, reply->element[0]->element[1]);
    if (adapter->reader.ctx == ctx && !adapter->waiting)
        read_next(adapter);
}

void sio_adapter_resume(struct sio_server *server)
{
    struct sio_adapter *adapter = server->adapter;
    if (adapter && adapter->waiting && adapter->reader.is_up && adapter->reader.ctx)
        read_next(adapter);
}

/* The answer whether the last entry read is still there. While it is, nothing after it was trimmed
 * before the read that was sent along came to stand in line. */
static void last_in(redisAsyncContext *ctx, void *answer, void *data)
{
    struct sio_adapter *adapter = data;
    const redisReply *reply = answer;
    if (!reply || reply->type != REDIS_REPLY_ARRAY || adapter->reader.ctx != ctx)
        return;
    if (reply->elements > 0 || adapter->is_lost)
        return;
    adapter->is_lost = true;
    adapter->stats.missed++;
    log_warn("socket.io: the stream no longer has %s, entries after it may be lost", adapter->last);
    if (adapter->missed)
        adapter->missed(adapter->user);
}

static void read_next(struct sio_adapter *adapter)
{
    adapter->waiting = false;
    if (strcmp(adapter->last, "0-0") != 0)
        redisAsyncCommand(adapter->reader.ctx, last_in, adapter, "XRANGE %s %s %s", adapter->stream,
                          adapter->last, adapter->last);
    redisAsyncCommand(adapter->reader.ctx, read_done, adapter,
                      "XREAD COUNT %d BLOCK %d STREAMS %s %s", COUNT, BLOCK_MS, adapter->stream,
                      adapter->last);
}

/* Where the stream ends now: a number instead of "$", which would skip what is added between two
 * reads. */
static void located(redisAsyncContext *ctx, void *answer, void *data)
{
    struct sio_adapter *adapter = data;
    const redisReply *reply = answer;
    if (!reply || adapter->reader.ctx != ctx)
        return;
    redis_link_heard(&adapter->reader);
    if (reply->type == REDIS_REPLY_ERROR) {
        log_warn("socket.io: the stream cannot be read: %.80s", reply->str);
        redisAsyncDisconnect(ctx);
        return;
    }
    memcpy(adapter->last, "0-0", 4);
    struct stream_entry newest;
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 1 &&
        stream_entry_of(reply->element[0], &newest))
        id_keep(adapter, newest.id);
    adapter->stats.connected = true;
    read_next(adapter);
}

static void reader_up(struct redis_link *link)
{
    struct sio_adapter *adapter = link->user;
    if (adapter->last[0]) {
        adapter->stats.connected = true;
        adapter->stats.reconnects++;
        log_info("socket.io: Redis is back, reading after %s", adapter->last);
        read_next(adapter);
        return;
    }
    redisAsyncCommand(link->ctx, located, adapter, "XREVRANGE %s + - COUNT 1", adapter->stream);
}

static void reader_down(struct redis_link *link)
{
    struct sio_adapter *adapter = link->user;
    adapter->stats.connected = false;
    if (!link->closing)
        log_warn("socket.io: Redis is gone, trying again");
}

/* ---- writing --------------------------------------------------------------------------------- */

static void writer_changed(struct redis_link *link)
{
    (void)link;
}

static void added(redisAsyncContext *ctx, void *answer, void *data)
{
    (void)ctx;
    struct sio_adapter *adapter = data;
    const redisReply *reply = answer;
    if (!reply || reply->type == REDIS_REPLY_ERROR)
        adapter->stats.unsent++;
}

bool sio_adapter_publish(struct sio_namespace *nsp, const struct sio_target *to, struct str json,
                         struct sio_attachments binary)
{
    struct sio_adapter *adapter = nsp->server->adapter;
    if (!adapter->writer.is_up) {
        adapter->stats.unsent++;
        return false;
    }
    CLEANUP(buf_free) struct buf data = BUF_MAX(SIO_DATA_MAX);
    stream_write(&data, to, json, binary);
    redisAsyncCommand(adapter->writer.ctx, added, adapter,
                      "XADD %s MAXLEN ~ %u * uid %s nsp %b type 3 data %b", adapter->stream,
                      adapter->max_length, adapter->uid, nsp->name.p, nsp->name.n,
                      data.data ? data.data : "", data.len);
    return nsp->server->eio->options.recovery_ms && adapter->last[0];
}

/* ---- begin and end --------------------------------------------------------------------------- */

struct problem *sio_adapter_redis(struct sio_server *server, const char *url,
                                  const struct sio_adapter_options *options)
{
    if (server->adapter)
        return problem_new(NULL, PROBLEM_INTERNAL, "the server has an adapter already");
    struct sio_adapter *adapter = arena_make(server->arena, struct sio_adapter);
    if (!redis_address_parse(str_of(url), &adapter->address))
        return problem_new(NULL, PROBLEM_INTERNAL, "not a Redis URL");
    adapter->server = server;
    adapter->restores = sio_pool_of(server->arena, sizeof(struct sio_restore));
    adapter->kept = sio_pool_of(server->arena, sizeof(struct sio_kept));
    adapter->arena = arena_new(ENTRY_ARENA_MAX);
    adapter->stream = options && options->stream ? options->stream : SIO_STREAM_KEY;
    adapter->max_length = options && options->max_length ? options->max_length : SIO_STREAM_MAXLEN;
    if (options) {
        adapter->missed = options->missed;
        adapter->user = options->user;
    }
    uint8_t raw[8];
    random_bytes(raw, sizeof(raw));
    CLEANUP(buf_free) struct buf uid = BUF_MAX(32);
    hex_add(&uid, raw, sizeof(raw));
    memcpy(adapter->uid, uid.data, sizeof(adapter->uid));
    struct redis_link link = {.eio = server->eio, .address = &adapter->address, .user = adapter};
    adapter->reader = adapter->writer = link;
    adapter->reader.up = reader_up;
    adapter->reader.down = reader_down;
    adapter->reader.silence_max_ms = SILENCE_MS;
    adapter->writer.up = adapter->writer.down = writer_changed;
    server->adapter = adapter;
    redis_link_start(&adapter->reader);
    redis_link_start(&adapter->writer);
    return NULL;
}

struct sio_adapter_stats sio_adapter_stats(const struct sio_server *server)
{
    return server->adapter ? server->adapter->stats : (struct sio_adapter_stats){0};
}

void sio_adapter_close(struct sio_server *server)
{
    if (!server->adapter)
        return;
    redis_link_close(&server->adapter->reader, false); /* it waits for news */
    redis_link_close(&server->adapter->writer, true);
}

void sio_adapter_free(struct sio_server *server)
{
    if (!server->adapter)
        return;
    redis_link_free(&server->adapter->reader);
    redis_link_free(&server->adapter->writer);
    sio_pool_end(&server->adapter->restores);
    sio_pool_end(&server->adapter->kept);
    arena_free(&server->adapter->arena);
    server->adapter = NULL;
}
