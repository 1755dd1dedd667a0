/* The data field of a Redis stream entry: JSON or base64 of MessagePack. */
#include "base/cleanup.h"
#include "socketio/json_scan.h"
#include "socketio/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct arena *arena = arena_new((size_t)1 << 30);
    struct stream_message message;
    enum stream_type type = (enum stream_type)(STREAM_BROADCAST + data[0] % 4);
    struct str text = {(const char *)data + 1, size - 1};
    if (stream_read(arena, type, text, &message) && type == STREAM_BROADCAST) {
        if (!sio_json_is(message.json, '[', message.binary.count) ||
            !sio_json_is(message.args, '[', message.binary.count))
            __builtin_trap(); /* what goes to clients is an array of JSON */
        CLEANUP(buf_free) struct buf out = BUF_MAX((size_t)64 << 20);
        stream_write(&out, &message.to, message.json, message.binary);
    }
    arena_free(&arena);
    return 0;
}
