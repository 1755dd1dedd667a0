/* The data field of stream entries. See stream.h for the rule. */
#include "socketio/stream.h"

#include "base/cleanup.h"
#include "base/crypt.h"
#include "socketio/json_scan.h"
#include "socketio/msgpack_json.h"

enum { ROOMS_MAX = 4096 };
#define DATA_MAX ((size_t)16 << 20)

static bool array_of_texts(struct arena *arena, struct str array, const struct str **ret,
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

static bool target_read(struct arena *arena, struct str data, struct sio_target *ret)
{
    struct str opts, list, flags;
    if (!sio_member(data, "opts", &opts))
        return false;
    if (sio_member(opts, "rooms", &list) &&
        !array_of_texts(arena, list, &ret->rooms, &ret->room_count))
        return false;
    if (sio_member(opts, "except", &list) &&
        !array_of_texts(arena, list, &ret->except, &ret->except_count))
        return false;
    ret->is_volatile =
        sio_member(opts, "flags", &flags) && member_is(flags, "volatile", STR("true"));
    return true;
}

static bool broadcast_read(struct arena *arena, struct str data, struct stream_message *ret)
{
    struct str packet, rest, name;
    if (!sio_member(data, "packet", &packet) || !member_is(packet, "type", STR("2")) ||
        !sio_member(packet, "data", &ret->json))
        return false;
    rest = ret->json;
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

bool stream_read(struct arena *arena, enum stream_type type, struct str data,
                 struct stream_message *ret)
{
    struct stream_message message = {0};
    if (data.n == 0 || data.n > DATA_MAX)
        return false;
    if (data.p[0] != '{' && !msgpack_to_json(arena, data, &data, &message.binary))
        return false;
    if (!str_utf8_valid(data) || !sio_json_is(data, '{', message.binary.count))
        return false;
    if (!target_read(arena, data, &message.to))
        return false;
    struct str rooms;
    bool ok = true;
    if (type == STREAM_BROADCAST)
        ok = broadcast_read(arena, data, &message);
    else if (type == STREAM_JOIN || type == STREAM_LEAVE)
        ok = sio_member(data, "rooms", &rooms) &&
             array_of_texts(arena, rooms, &message.rooms, &message.room_count);
    else
        message.close = member_is(data, "close", STR("true"));
    if (ok)
        *ret = message;
    return ok;
}

static void texts_add(struct buf *out, const struct str *texts, size_t count)
{
    buf_add_c(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i)
            buf_add_c(out, ',');
        sio_quote(out, texts[i]);
    }
    buf_add_c(out, ']');
}

void stream_write(struct buf *out, const struct sio_target *to, struct str json,
                  struct sio_attachments binary)
{
    CLEANUP(buf_free) struct buf text = BUF_MAX(DATA_MAX);
    struct buf *data = binary.count ? &text : out;
    buf_add_z(data, "{\"packet\":{\"type\":2,\"data\":");
    buf_add_str(data, json);
    buf_add_z(data, "},\"opts\":{\"rooms\":");
    texts_add(data, to->rooms, to->room_count);
    buf_add_z(data, ",\"except\":");
    texts_add(data, to->except, to->except_count);
    buf_add_z(data, to->is_volatile ? ",\"flags\":{\"volatile\":true}}}" : ",\"flags\":{}}}");
    if (!binary.count)
        return;
    CLEANUP(buf_free) struct buf packed = BUF_MAX(DATA_MAX);
    if (json_to_msgpack(buf_str(&text), binary, &packed))
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
    stream_write(&data, to, buf_str(&json), (struct sio_attachments){0});
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
