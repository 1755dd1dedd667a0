/* What other servers send: the data field of a Redis stream entry (JSON or base64 of MessagePack),
 * and MessagePack from a channel, as every type of message. */
#include "base/cleanup.h"
#include "socketio/json_scan.h"
#include "socketio/msgpack_json.h"
#include "socketio/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void message_check(enum stream_type type, const struct stream_message *message)
{
    if (type == STREAM_FETCH_ANSWER || type == STREAM_CLIENT_ANSWER) {
        struct str rest = message->value, value;
        if (!sio_json_value(&rest, message->binary.count, &value))
            __builtin_trap(); /* it is put into an array for the application */
    }
    if (type != STREAM_BROADCAST && type != STREAM_SERVER_EMIT)
        return;
    if (!sio_json_is(message->json, '[', message->binary.count) ||
        !sio_json_is(message->args, '[', message->binary.count))
        __builtin_trap(); /* what goes to clients is an array of JSON */
    CLEANUP(buf_free) struct buf json = BUF_MAX((size_t)64 << 20);
    CLEANUP(buf_free) struct buf out = BUF_MAX((size_t)64 << 20);
    stream_write_broadcast(&json, &message->to, message->json, "0123", message->timeout_ms);
    if (!sio_json_is(buf_str(&json), '{', message->binary.count))
        __builtin_trap();
    stream_write(&out, buf_str(&json), message->binary);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct arena *arena = arena_new((size_t)1 << 30);
    struct stream_message message;
    enum stream_type type = (enum stream_type)(data[0] % (STREAM_CLIENT_ANSWER + 1));
    struct str text = {(const char *)data + 1, size - 1}, json;
    struct sio_attachments binary;
    if (stream_read(arena, type, text, &message))
        message_check(type, &message);
    if (msgpack_to_json(arena, text, &json, &binary) &&
        stream_read_json(arena, type, json, binary, &message))
        message_check(type, &message);
    arena_free(&arena);
    return 0;
}
