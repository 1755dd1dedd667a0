/* Several servers over one Redis stream: reads what others broadcast, adds what we do.
 *
 * The rule not to break: the id of the last entry read moves only forward and only after the entry
 * was handled, so a lost connection repeats or misses nothing. One connection reads (XREAD waits
 * on it), another writes. */
#include "base/cleanup.h"
#include "base/crypt.h"
#include "base/log.h"
#include "socketio/redis_link.h"
#include "socketio/server.h"
#include "socketio/stream.h"

enum { BLOCK_MS = 5000, SILENCE_MS = 15000, COUNT = 100 };
#define ENTRY_ARENA_MAX ((size_t)256 << 20)
#define DATA_MAX        ((size_t)16 << 20)

struct sio_adapter {
    struct sio_server *server;
    struct redis_address address;
    struct redis_link reader, writer;
    struct arena *arena; /* of the entry at hand */
    struct sio_adapter_stats stats;
    const char *stream;
    unsigned max_length;
    char uid[17];
    char last[48]; /* id of the last entry handled; "" until known */
};

/* ---- what an entry does ---------------------------------------------------------------------- */

static void broadcast_in(struct sio_adapter *adapter, struct sio_namespace *nsp,
                         const struct stream_message *message)
{
    const struct sio_namespace_config *config = &nsp->config;
    CLEANUP(buf_free) struct buf args = BUF_MAX(DATA_MAX);
    CLEANUP(buf_free) struct buf json = BUF_MAX(DATA_MAX);
    if (!config->rewrite || !config->rewrite(message->name, message->args, &args, config->user)) {
        adapter->stats.delivered += sio_deliver(nsp, &message->to, message->json, message->binary);
        return;
    }
    if (args.len == 0 || args.overflowed)
        return;
    sio_packet_event(&json, message->name, buf_str(&args));
    adapter->stats.delivered += sio_deliver(nsp, &message->to, buf_str(&json), message->binary);
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

struct entry {
    struct str uid, nsp, type, data;
};

static struct str text_of(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING ? (struct str){reply->str, (size_t)reply->len}
                                             : STR_NONE;
}

static struct entry entry_of(const redisReply *fields)
{
    struct entry entry = {0};
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
    return entry;
}

static void entry_in(struct sio_adapter *adapter, const redisReply *fields)
{
    struct entry entry = entry_of(fields);
    struct sio_namespace *nsp = sio_namespace_find(adapter->server, entry.nsp);
    uint64_t type;
    adapter->stats.entries++;
    if (!nsp || str_eq(entry.uid, str_of(adapter->uid)) || !str_u64(entry.type, 99, &type) ||
        type < STREAM_BROADCAST || type > STREAM_DISCONNECT) {
        adapter->stats.ignored++;
        return;
    }
    struct stream_message message;
    if (!stream_read(adapter->arena, (enum stream_type)type, entry.data, &message))
        adapter->stats.malformed++;
    else if (type == STREAM_BROADCAST)
        broadcast_in(adapter, nsp, &message);
    else
        change_in(nsp, (enum stream_type)type, &message);
    arena_reset(adapter->arena);
}

/* ---- reading --------------------------------------------------------------------------------- */

static void read_next(struct sio_adapter *adapter);

static bool id_keep(struct sio_adapter *adapter, const redisReply *id)
{
    struct str text = text_of(id);
    if (text.n == 0 || text.n >= sizeof(adapter->last))
        return false;
    memcpy(adapter->last, text.p, text.n);
    adapter->last[text.n] = '\0';
    return true;
}

static void entries_in(struct sio_adapter *adapter, const redisReply *entries)
{
    for (size_t i = 0; entries->type == REDIS_REPLY_ARRAY && i < entries->elements; i++) {
        const redisReply *pair = entries->element[i];
        if (pair->type != REDIS_REPLY_ARRAY || pair->elements != 2)
            continue;
        entry_in(adapter, pair->element[1]);
        id_keep(adapter, pair->element[0]);
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
    if (adapter->reader.ctx == ctx)
        read_next(adapter);
}

static void read_next(struct sio_adapter *adapter)
{
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
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 1 &&
        reply->element[0]->type == REDIS_REPLY_ARRAY && reply->element[0]->elements == 2)
        id_keep(adapter, reply->element[0]->element[0]);
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

void sio_adapter_publish(struct sio_namespace *nsp, const struct sio_target *to, struct str json,
                         struct sio_attachments binary)
{
    struct sio_adapter *adapter = nsp->server->adapter;
    if (!adapter->writer.is_up) {
        adapter->stats.unsent++;
        return;
    }
    CLEANUP(buf_free) struct buf data = BUF_MAX(DATA_MAX);
    stream_write(&data, to, json, binary);
    redisAsyncCommand(adapter->writer.ctx, added, adapter,
                      "XADD %s MAXLEN ~ %u * uid %s nsp %b type 3 data %b", adapter->stream,
                      adapter->max_length, adapter->uid, nsp->name.p, nsp->name.n,
                      data.data ? data.data : "", data.len);
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
    adapter->arena = arena_new(ENTRY_ARENA_MAX);
    adapter->stream = options && options->stream ? options->stream : SIO_STREAM_KEY;
    adapter->max_length = options && options->max_length ? options->max_length : SIO_STREAM_MAXLEN;
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
    redis_link_close(&server->adapter->reader);
    redis_link_close(&server->adapter->writer);
}

void sio_adapter_free(struct sio_server *server)
{
    if (!server->adapter)
        return;
    redis_link_free(&server->adapter->reader);
    redis_link_free(&server->adapter->writer);
    arena_free(&server->adapter->arena);
    server->adapter = NULL;
}
