/* Several servers over Redis streams: reads what others broadcast, adds what we do.
 *
 * The rule not to break: the id of the last entry read moves only forward and only after the entry
 * was handled, so a lost connection repeats or misses nothing. One connection reads (XREAD waits
 * on it), another writes, a third listens to channels (channels.c). */
#include "base/cleanup.h"
#include "base/clock.h"
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

bool sio_entry_id_copy(char to[SIO_ENTRY_ID_MAX], struct str id)
{
    if (id.n == 0 || id.n >= SIO_ENTRY_ID_MAX)
        return false;
    memcpy(to, id.p, id.n);
    to[id.n] = '\0';
    return true;
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
    if (id.p && nsp->server->eio->options.recovery_ms && !message->to.is_volatile)
        sio_offset_add(json, id);
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
        else if (str_eq(name, STR("n")))
            entry.n = value;
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
    struct stream_message message;
    uint64_t type;
    bool handled = true;
    adapter->stats.entries++;
    if (!nsp || is_done(adapter, entry) || !str_u64(entry->type, 99, &type) ||
        type < STREAM_BROADCAST || type > STREAM_CLIENT_ANSWER) {
        adapter->stats.ignored++;
        return true;
    }
    struct sio_letter letter = {nsp, entry->uid, (enum stream_type)type, true, &message};
    if (!stream_read(adapter->arena, letter.type, entry->data, &message))
        adapter->stats.malformed++;
    else if (type == STREAM_BROADCAST && !message.request.p)
        handled = broadcast_in(adapter, nsp, &message, entry->id);
    else if (str_eq(entry->uid, str_of(adapter->uid)))
        adapter->stats.ignored++; /* ours: done when it was sent */
    else
        sio_letter_in(adapter->server, &letter);
    arena_reset(adapter->arena);
    adapter->stats.entries -= !handled; /* it will be counted when it comes again */
    return handled;
}

/* ---- reading --------------------------------------------------------------------------------- */

static void read_next(struct sio_adapter *adapter);

void sio_adapter_told(struct sio_adapter *adapter)
{
    adapter->stats.connected = adapter->reading && adapter->subscribed;
}

/* False: an entry must wait, and with it all that follow. */
static bool entries_in(struct sio_adapter *adapter, struct sio_stream *stream,
                       const redisReply *entries)
{
    size_t count = entries->type == REDIS_REPLY_ARRAY ? entries->elements : 0;
    for (size_t i = 0; i < count; i++) {
        struct stream_entry entry;
        if (!stream_entry_of(entries->element[i], &entry))
            continue;
        stream->waiting = !entry_in(adapter, &entry);
        if (stream->waiting)
            return false;
        sio_entry_id_copy(stream->last, entry.id);
        sio_recent_add(stream, &entry);
        stream->is_lost = false;
        stream->sound = true;
    }
    return true;
}

static struct sio_stream *stream_named(struct sio_adapter *adapter, struct str name)
{
    for (size_t i = 0; i < adapter->stream_count; i++)
        if (str_eq(name, str_of(adapter->streams[i].name)))
            return &adapter->streams[i];
    return NULL;
}

static bool is_waiting(const struct sio_adapter *adapter)
{
    for (size_t i = 0; i < adapter->stream_count; i++)
        if (adapter->streams[i].waiting)
            return true;
    return false;
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
    bool goes_on = true;
    for (size_t i = 0; goes_on && reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
        const redisReply *pair = reply->element[i];
        struct sio_stream *stream = NULL;
        if (pair->type == REDIS_REPLY_ARRAY && pair->elements == 2)
            stream = stream_named(adapter, text_of(pair->element[0]));
        if (stream)
            goes_on = entries_in(adapter, stream, pair->element[1]);
    }
    if (adapter->reader.ctx == ctx && goes_on)
        read_next(adapter);
}

void sio_adapter_resume(struct sio_server *server)
{
    struct sio_adapter *adapter = server->adapter;
    if (adapter && is_waiting(adapter) && adapter->reader.is_up && adapter->reader.ctx)
        read_next(adapter);
}

static void missed_tell(struct sio_adapter *adapter)
{
    adapter->stats.missed++;
    if (adapter->options.missed)
        adapter->options.missed(adapter->options.user);
}

/* The answer whether the last entry read is still there. While it is, nothing after it was trimmed
 * before the read that was sent along came to stand in line. */
static void last_in(redisAsyncContext *ctx, void *answer, void *data)
{
    struct sio_stream *stream = data;
    const redisReply *reply = answer;
    struct sio_adapter *adapter = stream->adapter;
    if (!reply || adapter->reader.ctx != ctx || reply->type != REDIS_REPLY_ARRAY)
        return;
    stream->sound = stream->sound || reply->elements > 0;
    if (reply->elements > 0 || stream->is_lost)
        return;
    stream->is_lost = true;
    sio_recent_forget(stream);
    log_warn("socket.io: %s no longer has %s, entries after it may be lost", stream->name,
             stream->last);
    missed_tell(adapter);
}

static void lasts_ask(struct sio_adapter *adapter)
{
    for (size_t i = 0; i < adapter->stream_count; i++) {
        struct sio_stream *stream = &adapter->streams[i];
        if (strcmp(stream->last, "0-0") != 0)
            redisAsyncCommand(adapter->reader.ctx, last_in, stream, "XRANGE %s %s %s", stream->name,
                              stream->last, stream->last);
    }
}

static void read_next(struct sio_adapter *adapter)
{
    enum { WORDS = 6 };
    const char *argv[WORDS + 2 * SIO_STREAMS_MAX];
    char count[16], block[16];
    snprintf(count, sizeof(count), "%d", COUNT);
    snprintf(block, sizeof(block), "%d", BLOCK_MS);
    const char *const words[WORDS] = {"XREAD", "COUNT", count, "BLOCK", block, "STREAMS"};
    memcpy(argv, words, sizeof(words));
    size_t n = adapter->stream_count;
    for (size_t i = 0; i < n; i++) {
        adapter->streams[i].waiting = false;
        argv[WORDS + i] = adapter->streams[i].name;
        argv[WORDS + n + i] = adapter->streams[i].last;
    }
    lasts_ask(adapter); /* before: then it is about the same moment */
    redisAsyncCommandArgv(adapter->reader.ctx, read_done, adapter, (int)(WORDS + 2 * n), argv,
                          NULL);
}

static void reading_begin(struct sio_adapter *adapter)
{
    adapter->reading = true;
    sio_adapter_told(adapter);
    sio_restores_go(adapter);
    read_next(adapter);
}

/* Where the stream ends now: a number instead of "$", which would skip what is added between two
 * reads. */
static void located(redisAsyncContext *ctx, void *answer, void *data)
{
    struct sio_stream *stream = data;
    struct sio_adapter *adapter = stream->adapter;
    const redisReply *reply = answer;
    if (!reply || adapter->reader.ctx != ctx)
        return;
    redis_link_heard(&adapter->reader);
    if (reply->type == REDIS_REPLY_ERROR) {
        log_warn("socket.io: the stream cannot be read: %.80s", reply->str);
        redisAsyncDisconnect(ctx);
        return;
    }
    memcpy(stream->last, "0-0", 4);
    struct stream_entry newest;
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 1 &&
        stream_entry_of(reply->element[0], &newest))
        sio_entry_id_copy(stream->last, newest.id);
    if (!stream->posted[0])
        memcpy(stream->posted, stream->last, sizeof(stream->posted));
    if (--adapter->unlocated > 0)
        return;
    if (adapter->server->sockets_now > 0) { /* in before there was a place to read from */
        log_info("socket.io: the streams are read from now on, clients that came before are told");
        missed_tell(adapter);
    }
    reading_begin(adapter);
}

static void reader_up(struct redis_link *link)
{
    struct sio_adapter *adapter = link->user;
    adapter->unlocated = 0;
    for (size_t i = 0; i < adapter->stream_count; i++) {
        struct sio_stream *stream = &adapter->streams[i];
        if (stream->last[0])
            continue;
        adapter->unlocated++;
        redisAsyncCommand(link->ctx, located, stream, "XREVRANGE %s + - COUNT 1", stream->name);
    }
    if (adapter->unlocated > 0)
        return;
    adapter->stats.reconnects++;
    log_info("socket.io: Redis is back, reading after %s", adapter->streams[0].last);
    reading_begin(adapter);
}

static void reader_down(struct redis_link *link)
{
    struct sio_adapter *adapter = link->user;
    adapter->reading = false;
    for (size_t i = 0; i < adapter->stream_count; i++)
        adapter->streams[i].sound = false;
    sio_adapter_told(adapter);
    if (!link->closing)
        log_warn("socket.io: Redis is gone, trying again");
}

/* ---- writing --------------------------------------------------------------------------------- */

static void writer_up(struct redis_link *link)
{
    sio_posts_up(link->user);
    sio_sessions_stale(link->user);
    sio_restores_go(link->user);
}

static void writer_down(struct redis_link *link)
{
    sio_posts_down(link->user);
}

bool sio_adapter_publish(struct sio_namespace *nsp, const struct sio_target *to, struct str json,
                         struct sio_attachments binary)
{
    CLEANUP(buf_free) struct buf data = BUF_MAX(SIO_DATA_MAX);
    stream_write_broadcast(&data, to, json, NULL, 0);
    return sio_post(nsp, STREAM_BROADCAST, buf_str(&data), binary) &&
           nsp->server->eio->options.recovery_ms && nsp->stream->last[0];
}

struct str sio_adapter_offset(const struct sio_socket *socket, char text[SIO_ENTRY_ID_MAX])
{
    const struct sio_stream *stream = socket->nsp->stream;
    if (!stream && socket->nsp->server->memory)
        return sio_memory_offset(socket->nsp->server->memory, text);
    if (!stream || !socket->pid[0] || !stream->last[0] || strcmp(stream->last, "0-0") == 0)
        return STR_NONE;
    return str_of(stream->last);
}

/* ---- begin and end --------------------------------------------------------------------------- */

/* Node's hashCode: 32 bits, signed, over UTF-16; names of namespaces are ASCII as a rule, and for
 * others the bytes would give another stream than Node's, so they are decoded. */
static int32_t hash_of(struct str name)
{
    uint32_t hash = 0;
    for (size_t i = 0; i < name.n;) {
        uint8_t c = (uint8_t)name.p[i];
        size_t bytes = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
        uint32_t code = bytes == 1 ? c : c & (0x7fU >> bytes);
        for (size_t k = 1; k < bytes && i + k < name.n; k++)
            code = code << 6 | ((uint8_t)name.p[i + k] & 0x3f);
        i += bytes;
        if (code > 0xffff) {
            hash = hash * 31 + (0xd800 + ((code - 0x10000) >> 10));
            code = 0xdc00 + ((code - 0x10000) & 0x3ff);
        }
        hash = hash * 31 + code;
    }
    return (int32_t)hash;
}

static struct sio_stream *stream_add(struct sio_adapter *adapter, const char *name)
{
    struct sio_stream *stream = stream_named(adapter, str_of(name));
    if (stream)
        return stream;
    stream = &adapter->streams[adapter->stream_count++];
    stream->name = name;
    stream->adapter = adapter;
    return stream;
}

/* Which stream carries which namespace: one for all, or by Node's hash (its remainder may be
 * negative, and then so is the stream's number, there as here). */
static struct problem *streams_init(struct sio_adapter *adapter)
{
    struct sio_server *server = adapter->server;
    int among = (int)adapter->options.stream_count;
    adapter->streams = arena_array(server->arena, SIO_STREAMS_MAX, sizeof(struct sio_stream));
    for (struct sio_list *n = server->namespaces.next; n != &server->namespaces; n = n->next) {
        struct sio_namespace *nsp = SIO_OF(n, struct sio_namespace, all);
        const char *name = adapter->options.stream;
        if (among > 1)
            name = arena_fmt(server->arena, "%s-%d", name, (int)(hash_of(nsp->name) % among));
        if (adapter->stream_count == SIO_STREAMS_MAX && !stream_named(adapter, str_of(name)))
            return problem_new(NULL, PROBLEM_INTERNAL, "too many streams");
        nsp->stream = stream_add(adapter, name);
    }
    if (adapter->stream_count == 0)
        return problem_new(NULL, PROBLEM_INTERNAL, "namespaces come before the adapter");
    return NULL;
}

static void options_fill(struct sio_adapter *adapter, const struct sio_adapter_options *options)
{
    struct sio_adapter_options *o = &adapter->options;
    *o = options ? *options : (struct sio_adapter_options){0};
    o->stream = o->stream ? o->stream : SIO_STREAM_KEY;
    o->channel = o->channel ? o->channel : SIO_STREAM_KEY;
    o->max_length = o->max_length ? o->max_length : SIO_STREAM_MAXLEN;
    o->stream_count = o->stream_count ? o->stream_count : 1;
    uint8_t raw[8];
    random_bytes(raw, sizeof(raw));
    CLEANUP(buf_free) struct buf uid = BUF_MAX(32);
    hex_add(&uid, raw, sizeof(raw));
    memcpy(adapter->uid, uid.data, sizeof(adapter->uid));
}

static void channel_up(struct redis_link *link)
{
    sio_channels_up(link->user);
}

static void channel_down(struct redis_link *link)
{
    sio_channels_down(link->user);
}

static void links_start(struct sio_adapter *adapter)
{
    struct redis_link link = {
        .eio = adapter->server->eio, .address = &adapter->address, .user = adapter};
    adapter->reader = adapter->writer = adapter->channel = link;
    adapter->reader.up = reader_up;
    adapter->reader.down = reader_down;
    adapter->reader.silence_max_ms = SILENCE_MS;
    adapter->writer.up = writer_up;
    adapter->writer.down = writer_down;
    adapter->writer.silence_max_ms = SILENCE_MS;
    adapter->channel.up = channel_up;
    adapter->channel.down = channel_down;
    adapter->channel.silence_max_ms = SILENCE_MS;
    redis_link_start(&adapter->reader);
    redis_link_start(&adapter->writer);
    redis_link_start(&adapter->channel);
}

struct problem *sio_adapter_redis(struct sio_server *server, const char *url,
                                  const struct sio_adapter_options *options)
{
    if (server->adapter)
        return problem_new(NULL, PROBLEM_INTERNAL, "the server has an adapter already");
    struct sio_adapter *adapter = arena_make(server->arena, struct sio_adapter);
    if (!redis_address_parse(str_of(url), &adapter->address))
        return problem_new(NULL, PROBLEM_INTERNAL, "not a Redis URL");
    adapter->server = server;
    options_fill(adapter, options);
    TRY(streams_init(adapter));
    adapter->restores = sio_pool_of(server->arena, sizeof(struct sio_restore));
    adapter->kept = sio_pool_of(server->arena, sizeof(struct sio_kept));
    sio_posts_init(adapter);
    adapter->arena = arena_new(ENTRY_ARENA_MAX);
    sio_channels_init(adapter);
    server->adapter = adapter;
    sio_memory_free(server); /* Redis remembers now */
    if (server->eio->options.recovery_ms)
        eio_due_set(server->eio, DUE_SESSIONS, &adapter->sessions, clock_mono_us());
    eio_due_set(server->eio, DUE_RESUBSCRIBE, &adapter->resubscribe, clock_mono_us());
    links_start(adapter);
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
    server->adapter->closed = true;
    sio_restores_end(server->adapter);
    redis_link_close(&server->adapter->channel, false); /* first: from now on we are not counted */
    redis_link_close(&server->adapter->reader, false);  /* it waits for news */
    redis_link_close(&server->adapter->writer, true);
}

void sio_adapter_free(struct sio_server *server)
{
    if (!server->adapter)
        return;
    for (size_t i = 0; i < server->adapter->stream_count; i++)
        sio_recent_forget(&server->adapter->streams[i]);
    redis_link_free(&server->adapter->reader);
    redis_link_free(&server->adapter->writer);
    redis_link_free(&server->adapter->channel);
    sio_posts_free(server->adapter);
    sio_pool_end(&server->adapter->restores);
    sio_pool_end(&server->adapter->kept);
    arena_free(&server->adapter->arena);
    server->adapter = NULL;
}
