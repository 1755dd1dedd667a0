/* Publish/subscribe: the questions servers of @socket.io/redis-streams-adapter ask each other, and
 * what @socket.io/redis-emitter and servers of the classic @socket.io/redis-adapter send.
 *
 * For namespace N three subscriptions stand on one connection: the channel `socket.io#N#`
 * (questions to all; classic broadcasts), the pattern `socket.io#N#?*` (answers to us; classic
 * broadcasts to one room) and the pattern `socket.io-request#N#` (classic requests).
 *
 * The rule not to break: a server is counted by who subscribes the channel `socket.io#N#` (PUBSUB
 * NUMSUB), and whoever is counted must answer. Classic servers count subscribers of the request
 * channel: there we listen by a pattern, which is not counted, and never answer. */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "socketio/adapter.h"
#include "socketio/json_scan.h"
#include "socketio/msgpack_json.h"

#define RESUBSCRIBE_US 5000000L /* so often the connection is asked whether it lives */
enum { KINDS = 3, CLASSIC_JOIN = 2, CLASSIC_LEAVE, CLASSIC_DISCONNECT, CLASSIC_SERVER_EMIT = 6 };

/* ---- names ----------------------------------------------------------------------------------- */

/* Redis' patterns take `\` before a character that would mean something. */
static void pattern_add(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] && strchr("*?[]\\^", text.p[i]))
            buf_add_c(out, '\\');
        buf_add_c(out, text.p[i]);
    }
}

static struct str channel_name(const struct sio_adapter *adapter, const struct sio_namespace *nsp,
                               enum sio_channel_kind kind)
{
    CLEANUP(buf_free) struct buf name = BUF_MAX(1024);
    struct str prefix = str_of(adapter->options.channel);
    if (kind == SIO_CHANNEL_SERVERS) {
        buf_addf(&name, STR_FMT "#" STR_FMT "#", STR_ARG(prefix), STR_ARG(nsp->name));
    } else {
        pattern_add(&name, prefix);
        buf_add_z(&name, kind == SIO_CHANNEL_CLASSIC ? "-request#" : "#");
        pattern_add(&name, nsp->name);
        buf_add_z(&name, kind == SIO_CHANNEL_CLASSIC ? "#" : "#?*");
    }
    return arena_str(adapter->server->arena, buf_str(&name));
}

void sio_channels_init(struct sio_adapter *adapter)
{
    struct sio_server *server = adapter->server;
    size_t count = 0;
    for (struct sio_list *n = server->namespaces.next; n != &server->namespaces; n = n->next)
        count++;
    adapter->channels = arena_array(server->arena, count * KINDS + 1, sizeof(struct sio_channel));
    for (struct sio_list *n = server->namespaces.next; n != &server->namespaces; n = n->next)
        for (int kind = 0; kind < KINDS; kind++) {
            struct sio_namespace *nsp = SIO_OF(n, struct sio_namespace, all);
            adapter->channels[adapter->channel_count++] = (struct sio_channel){
                .adapter = adapter,
                .nsp = nsp,
                .kind = (enum sio_channel_kind)kind,
                .name = channel_name(adapter, nsp, (enum sio_channel_kind)kind)};
        }
}

/* ---- what comes in --------------------------------------------------------------------------- */

static bool text_of(struct str object, const char *key, struct buf *out)
{
    struct str literal;
    return sio_member(object, key, &literal) && sio_json_text(literal, out) && !out->overflowed &&
           out->len > 0;
}

/* {uid,nsp,type,data} of a server that speaks the streams adapter's protocol. */
static bool letter_read(struct sio_channel *channel, struct str json, struct sio_attachments binary)
{
    struct sio_adapter *adapter = channel->adapter;
    CLEANUP(buf_free) struct buf uid = BUF_MAX(SIO_PEER_MAX);
    CLEANUP(buf_free) struct buf nsp = BUF_MAX(SIO_NAMESPACE_MAX);
    struct str number, data = STR("{}");
    uint64_t type;
    if (!text_of(json, "uid", &uid) || !text_of(json, "nsp", &nsp) ||
        !sio_member(json, "type", &number) || !str_u64(number, STREAM_CLIENT_ANSWER, &type))
        return false;
    if (str_eq(buf_str(&uid), str_of(adapter->uid)) || !str_eq(buf_str(&nsp), channel->nsp->name))
        return true;
    struct stream_message message;
    sio_member(json, "data", &data);
    struct sio_letter letter = {channel->nsp, buf_str(&uid), (enum stream_type)type, false,
                                &message};
    if (!stream_read_json(adapter->arena, letter.type, data, binary, &message))
        return false;
    sio_letter_in(adapter->server, &letter);
    return true;
}

/* [uid, {type,data,nsp}, {rooms,except,flags}] of an emitter or a classic server. Redis keeps no
 * copy, so there is no id of its own; where clients may recover, it carries the id of the last
 * entry before it. */
static bool classic_read(struct sio_channel *channel, struct str json,
                         struct sio_attachments binary)
{
    struct sio_adapter *adapter = channel->adapter;
    struct sio_namespace *nsp = channel->nsp;
    struct str packet, opts, own;
    CLEANUP(buf_free) struct buf name = BUF_MAX(SIO_NAMESPACE_MAX);
    CLEANUP(buf_free) struct buf data = BUF_MAX(SIO_DATA_MAX);
    CLEANUP(buf_free) struct buf out = BUF_MAX(SIO_DATA_MAX);
    struct stream_message message;
    if (!sio_arg(json, 1, &packet) || !sio_arg(json, 2, &opts))
        return false;
    if (sio_member(packet, "nsp", &own) &&
        (!sio_json_text(own, &name) || !str_eq(buf_str(&name), nsp->name)))
        return true; /* a room of "/" may look like another namespace's channel */
    buf_addf(&data, "{\"packet\":" STR_FMT ",\"opts\":" STR_FMT "}", STR_ARG(packet),
             STR_ARG(opts));
    if (!stream_read_json(adapter->arena, STREAM_BROADCAST, buf_str(&data), binary, &message))
        return false;
    struct str id = str_of(nsp->stream->last);
    if (str_eq(id, STR("0-0")) || id.n == 0)
        id = STR_NONE;
    adapter->stats.classic++;
    if (sio_adapter_packet(nsp, &message, id, &out) == SIO_PACKET_SEND)
        adapter->stats.delivered += sio_deliver(nsp, &message.to, buf_str(&out), message.binary);
    return true;
}

/* {type,opts,rooms,close} or {uid,type,data} of an emitter or a classic server. */
static bool classic_request(struct sio_channel *channel, struct str json,
                            struct sio_attachments binary)
{
    static const enum stream_type kinds[] = {[CLASSIC_JOIN] = STREAM_JOIN,
                                             [CLASSIC_LEAVE] = STREAM_LEAVE,
                                             [CLASSIC_DISCONNECT] = STREAM_DISCONNECT};
    struct sio_adapter *adapter = channel->adapter;
    struct str number, data;
    uint64_t type;
    struct stream_message message;
    if (!sio_json_is(json, '{', binary.count) || !sio_member(json, "type", &number) ||
        !str_u64(number, 99, &type))
        return false;
    if (type != CLASSIC_SERVER_EMIT) {
        if (type >= ARRAY_LEN(kinds) || !kinds[type])
            return true; /* a question to servers that are counted */
        if (!stream_read_json(adapter->arena, kinds[type], json, binary, &message))
            return false;
        sio_change(channel->nsp, kinds[type], &message);
        return true;
    }
    CLEANUP(buf_free) struct buf text = BUF_MAX(SIO_DATA_MAX);
    if (!sio_member(json, "data", &data))
        return false;
    buf_addf(&text, "{\"packet\":" STR_FMT "}", STR_ARG(data));
    if (!stream_read_json(adapter->arena, STREAM_SERVER_EMIT, buf_str(&text), binary, &message))
        return false;
    struct sio_letter letter = {channel->nsp, STR("emitter"), STREAM_SERVER_EMIT, false, &message};
    sio_letter_in(adapter->server, &letter);
    return true;
}

static bool payload_read(struct sio_channel *channel, struct str name, struct str payload)
{
    struct sio_adapter *adapter = channel->adapter;
    struct str json = payload;
    struct sio_attachments binary = {0};
    bool is_json = channel->kind == SIO_CHANNEL_CLASSIC && payload.n && payload.p[0] == '{';
    if (is_json ? !str_utf8_valid(payload)
                : !msgpack_to_json(adapter->arena, payload, &json, &binary))
        return false;
    if (channel->kind == SIO_CHANNEL_CLASSIC)
        return classic_request(channel, json, binary);
    if (json.p[0] == '[')
        return classic_read(channel, json, binary);
    if (channel->kind == SIO_CHANNEL_ROOMS) { /* answers: ours end in our own name */
        struct str own = str_of(arena_fmt(adapter->arena, "#%s#", adapter->uid));
        if (name.n < own.n || memcmp(name.p + name.n - own.n, own.p, own.n) != 0)
            return true;
    }
    return json.p[0] == '{' && letter_read(channel, json, binary);
}

static struct str text_at(const redisReply *reply, size_t i)
{
    const redisReply *part = reply->element[i];
    return part->type == REDIS_REPLY_STRING ? (struct str){part->str, (size_t)part->len} : STR_NONE;
}

static void heard(redisAsyncContext *ctx, void *answer, void *data)
{
    struct sio_channel *channel = data;
    struct sio_adapter *adapter = channel->adapter;
    const redisReply *reply = answer;
    if (!reply || adapter->channel.ctx != ctx)
        return;
    redis_link_heard(&adapter->channel);
    if (reply->type == REDIS_REPLY_ERROR) {
        log_warn("socket.io: Redis refuses a subscription: %.80s", reply->str);
        redisAsyncDisconnect(ctx);
        return;
    }
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 3)
        return;
    struct str kind = text_at(reply, 0);
    if (str_eq(kind, STR("subscribe")) || str_eq(kind, STR("psubscribe"))) {
        if (adapter->unsubscribed && --adapter->unsubscribed == 0) {
            adapter->subscribed = true;
            sio_adapter_told(adapter);
        }
        return;
    }
    size_t name = str_eq(kind, STR("pmessage")) ? 2 : 1;
    if (reply->elements <= name + 1)
        return;
    if (!payload_read(channel, text_at(reply, name), text_at(reply, name + 1)))
        adapter->stats.malformed++;
    arena_reset(adapter->arena);
}

/* ---- up and down ----------------------------------------------------------------------------- */

static void subscribe(const struct sio_channel *channel)
{
    redisAsyncCommand(channel->adapter->channel.ctx, heard, (void *)channel, "%s %b",
                      channel->kind == SIO_CHANNEL_SERVERS ? "SUBSCRIBE" : "PSUBSCRIBE",
                      channel->name.p, channel->name.n);
}

static void writer_answered(redisAsyncContext *ctx, void *answer, void *data)
{
    struct sio_adapter *adapter = data;
    if (answer && adapter->writer.ctx == ctx)
        redis_link_heard(&adapter->writer);
}

/* A connection that only listens, or has nothing to write, would not notice that it died:
 * subscribing once more is answered, as is PING, and the silence of an answer is noticed
 * (redis_link.h). */
void sio_resubscribe_fire(struct eio *eio, struct eio_deadline *deadline)
{
    struct sio_adapter *adapter = SIO_OF(deadline, struct sio_adapter, resubscribe);
    if (adapter->closed)
        return;
    if (adapter->channel.is_up && adapter->channel_count > 0)
        subscribe(&adapter->channels[0]);
    if (adapter->writer.is_up)
        redisAsyncCommand(adapter->writer.ctx, writer_answered, adapter, "PING");
    eio_due_set(eio, DUE_RESUBSCRIBE, deadline, clock_mono_us() + RESUBSCRIBE_US);
}

void sio_channels_up(struct sio_adapter *adapter)
{
    adapter->unsubscribed = adapter->channel_count;
    for (size_t i = 0; i < adapter->channel_count; i++)
        subscribe(&adapter->channels[i]);
}

void sio_channels_down(struct sio_adapter *adapter)
{
    adapter->subscribed = false;
    sio_adapter_told(adapter);
}

bool sio_channel_send(struct sio_namespace *nsp, const char *uid, enum stream_type type,
                      struct str json, struct sio_attachments binary)
{
    struct sio_adapter *adapter = nsp->server->adapter;
    CLEANUP(buf_free) struct buf text = BUF_MAX(SIO_DATA_MAX);
    CLEANUP(buf_free) struct buf packed = BUF_MAX(SIO_DATA_MAX);
    buf_addf(&text, "{\"type\":%d,\"data\":" STR_FMT ",\"uid\":\"%s\",\"nsp\":", (int)type,
             STR_ARG(json), adapter->uid);
    sio_quote(&text, nsp->name);
    buf_add_c(&text, '}');
    if (!adapter->writer.is_up || text.overflowed ||
        !json_to_msgpack(buf_str(&text), binary, &packed))
        return false;
    CLEANUP(buf_free) struct buf channel = BUF_MAX(1024);
    buf_addf(&channel, "%s#" STR_FMT "#", adapter->options.channel, STR_ARG(nsp->name));
    if (uid)
        buf_addf(&channel, "%s#", uid);
    redisAsyncCommand(adapter->writer.ctx, NULL, NULL, "PUBLISH %b %b", channel.data, channel.len,
                      packed.data, packed.len);
    return true;
}
