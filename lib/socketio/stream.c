/* The data field of stream entries. See stream.h for the rule. */
#include "socketio/stream.h"

#include "base/cleanup.h"
#include "base/crypt.h"
#include "socketio/json_scan.h"
#include "socketio/msgpack_json.h"

enum { ROOMS_MAX = 4096, TIMEOUT_MAX_MS = 3600000, SIO_REQUEST_ID_MAX = 32 };
#define DATA_MAX ((size_t)16 << 20)

static bool texts_read(struct arena *arena, struct str array, const struct str **ret,
                       size_t *ret_count)
{
    struct str rest = array, value;
    size_t count = 0;
    while (sio_json_next(&rest, &value))
        count++;
    if (count > ROOMS_MAX)
        return false;
    struct str *texts = arena_array(arena, count + 1, sizeof(*texts));
    rest = array;
    for (size_t i = 0; i < count && sio_json_next(&rest, &value); i++) {
        CLEANUP(buf_free) struct buf text = BUF_MAX(value.n + 1);
        if (!sio_json_text(value, &text))
            return false;
        texts[i] = arena_str(arena, buf_str(&text));
    }
    *ret = texts;
    *ret_count = count;
    return true;
}

static bool member_is(struct str object, const char *key, struct str value)
{
    struct str found;
    return sio_member(object, key, &found) && str_eq(found, value);
}

static bool target_read(struct arena *arena, struct str data, struct stream_message *message)
{
    struct sio_target *ret = &message->to;
    struct str opts, list, flags, timeout;
    uint64_t ms;
    if (!sio_member(data, "opts", &opts))
        return false;
    if (sio_member(opts, "rooms", &list) && !texts_read(arena, list, &ret->rooms, &ret->room_count))
        return false;
    if (sio_member(opts, "except", &list) &&
        !texts_read(arena, list, &ret->except, &ret->except_count))
        return false;
    if (!sio_member(opts, "flags", &flags))
        return true;
    ret->is_volatile = member_is(flags, "volatile", STR("true"));
    if (sio_member(flags, "timeout", &timeout) && str_u64(timeout, TIMEOUT_MAX_MS, &ms))
        message->timeout_ms = (unsigned)ms;
    return true;
}

/* Splits ["name",...] into the name and the other elements. */
static bool event_split(struct arena *arena, struct stream_message *ret)
{
    struct str rest = ret->json, name;
    if (!sio_json_next(&rest, &name))
        return false;
    struct buf text = BUF_MAX(name.n + 1);
    bool ok = name.p[0] == '"' && sio_json_text(name, &text);
    ret->name = arena_str(arena, ok ? buf_str(&text) : name);
    buf_free(&text);
    if (rest.n && rest.p[0] == ',')
        rest.p++, rest.n--;
    ret->args = str_of(arena_fmt(arena, "[" STR_FMT, STR_ARG(rest)));
    return ok || name.p[0] != '"';
}

static bool broadcast_read(struct arena *arena, struct str data, struct stream_message *ret)
{
    struct str packet;
    return target_read(arena, data, ret) && sio_member(data, "packet", &packet) &&
           member_is(packet, "type", STR("2")) && sio_member(packet, "data", &ret->json) &&
           event_split(arena, ret);
}

static bool move_read(struct arena *arena, struct str data, struct stream_message *ret)
{
    struct str rooms;
    return target_read(arena, data, ret) && sio_member(data, "rooms", &rooms) &&
           texts_read(arena, rooms, &ret->rooms, &ret->room_count);
}

/* The value of an answer; JavaScript's undefined is nothing at all. */
static bool answer_read(struct str data, const char *key, struct stream_message *ret)
{
    if (!sio_member(data, key, &ret->value))
        ret->value = STR("null");
    return ret->request.p != NULL;
}

static bool kind_read(struct arena *arena, enum stream_type type, struct str data,
                      struct stream_message *ret)
{
    struct str count;
    switch (type) {
    case STREAM_BROADCAST:
        return broadcast_read(arena, data, ret);
    case STREAM_JOIN:
    case STREAM_LEAVE:
        return move_read(arena, data, ret);
    case STREAM_DISCONNECT:
        ret->close = member_is(data, "close", STR("true"));
        return target_read(arena, data, ret);
    case STREAM_FETCH:
        return ret->request.p && target_read(arena, data, ret);
    case STREAM_SERVER_EMIT:
        return sio_member(data, "packet", &ret->json) && event_split(arena, ret);
    case STREAM_FETCH_ANSWER:
        return answer_read(data, "sockets", ret) && ret->value.p[0] == '[';
    case STREAM_SERVER_EMIT_ANSWER:
    case STREAM_CLIENT_ANSWER:
        return answer_read(data, "packet", ret);
    case STREAM_CLIENT_COUNT:
        return ret->request.p && sio_member(data, "clientCount", &count) &&
               str_u64(count, UINT32_MAX, &ret->count);
    default:
        return false;
    }
}

bool stream_read_json(struct arena *arena, enum stream_type type, struct str json,
                      struct sio_attachments binary, struct stream_message *ret)
{
    struct stream_message message = {.binary = binary};
    struct str literal;
    if (!str_utf8_valid(json) || !sio_json_is(json, '{', binary.count))
        return false;
    if (sio_member(json, "requestId", &literal) && literal.p[0] == '"') {
        CLEANUP(buf_free) struct buf id = BUF_MAX(SIO_REQUEST_ID_MAX);
        if (!sio_json_text(literal, &id) || id.len == 0 || id.overflowed)
            return false;
        message.request = arena_str(arena, buf_str(&id));
    }
    if (!kind_read(arena, type, json, &message))
        return false;
    *ret = message;
    return true;
}

bool stream_read(struct arena *arena, enum stream_type type, struct str data,
                 struct stream_message *ret)
{
    struct sio_attachments binary = {0};
    if (data.n == 0 || data.n > DATA_MAX)
        return false;
    if (data.p[0] != '{' && !msgpack64_to_json(arena, data, &data, &binary))
        return false;
    return stream_read_json(arena, type, data, binary, ret);
}

/* ---- writing --------------------------------------------------------------------------------- */

void stream_write_texts(struct buf *out, const struct str *texts, size_t count)
{
    buf_add_c(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i)
            buf_add_c(out, ',');
        sio_quote(out, texts[i]);
    }
    buf_add_c(out, ']');
}

void stream_write_opts(struct buf *out, const struct sio_target *to, unsigned timeout_ms)
{
    buf_add_z(out, "\"opts\":{\"rooms\":");
    stream_write_texts(out, to->rooms, to->room_count);
    buf_add_z(out, ",\"except\":");
    stream_write_texts(out, to->except, to->except_count);
    buf_add_z(out, ",\"flags\":{");
    if (to->is_volatile)
        buf_add_z(out, "\"volatile\":true");
    if (timeout_ms)
        buf_addf(out, "%s\"timeout\":%u", to->is_volatile ? "," : "", timeout_ms);
    buf_add_z(out, "}}");
}

void stream_write_broadcast(struct buf *out, const struct sio_target *to, struct str json,
                            const char *request, unsigned timeout_ms)
{
    buf_add_z(out, "{\"packet\":{\"type\":2,\"data\":");
    buf_add_str(out, json);
    buf_add_z(out, "},");
    if (request)
        buf_addf(out, "\"requestId\":\"%s\",", request);
    stream_write_opts(out, to, timeout_ms);
    buf_add_c(out, '}');
}

void stream_write(struct buf *out, struct str json, struct sio_attachments binary)
{
    if (!binary.count) {
        buf_add_str(out, json);
        return;
    }
    CLEANUP(buf_free) struct buf packed = BUF_MAX(DATA_MAX);
    if (json_to_msgpack(json, binary, &packed))
        base64_add(out, buf_str(&packed));
}

void sio_stream_broadcast(struct arena *arena, const char *uid, const char *nsp,
                          const struct sio_target *to, const char *event, struct str args,
                          struct sio_xadd *ret)
{
    struct str name = str_of(event);
    CLEANUP(buf_free) struct buf json = BUF_MAX(args.n + name.n * 6 + 64);
    CLEANUP(buf_free) struct buf data = BUF_MAX(DATA_MAX);
    sio_packet_event(&json, name, args);
    stream_write_broadcast(&data, to, buf_str(&json), NULL, 0);
    struct str body = arena_str(arena, buf_str(&data));
    const char *argv[SIO_XADD_ARGC] = {"XADD",
                                       SIO_STREAM_KEY,
                                       "MAXLEN",
                                       "~",
                                       arena_fmt(arena, "%d", SIO_STREAM_MAXLEN),
                                       "*",
                                       "uid",
                                       uid,
                                       "nsp",
                                       nsp,
                                       "type",
                                       "3",
                                       "data",
                                       body.p};
    for (size_t i = 0; i < SIO_XADD_ARGC; i++) {
        ret->argv[i] = argv[i];
        ret->argvlen[i] = strlen(argv[i]);
    }
    ret->argvlen[SIO_XADD_ARGC - 1] = body.n;
}
