/* Socket.IO packets and Engine.IO payloads from a client: whatever comes in, the decoder stays
 * inside its bytes, and what it accepts is of the kind it says. */
#include "base/cleanup.h"
#include "socketio/json_scan.h"
#include "socketio/packet.h"
#include "socketio/socketio.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void packet_try(struct str text)
{
    struct sio_packet packet;
    if (!str_utf8_valid(text) || !sio_packet_read(text, &packet))
        return;
    if (packet.attachments > SIO_ATTACHMENTS_MAX || packet.nsp.n > SIO_NAMESPACE_MAX)
        __builtin_trap();
    if (packet.type == SIO_EVENT || packet.type == SIO_BINARY_EVENT) {
        CLEANUP(buf_free) struct buf args = BUF_MAX(packet.args.n + 1);
        buf_add_c(&args, '[');
        buf_add_str(&args, packet.args);
        if (!sio_json_is(buf_str(&args), '[', SIZE_MAX))
            __builtin_trap(); /* arguments handed to the application must be an array */
        CLEANUP(buf_free) struct buf text_ = BUF_MAX(packet.name.n + 1);
        if (packet.name.p[0] == '"')
            sio_json_text(packet.name, &text_);
        CLEANUP(buf_free) struct buf event = BUF_MAX(8 * (text.n + 16));
        sio_packet_event(&event, buf_str(&text_), buf_str(&args));
        if (!sio_json_is(buf_str(&event), '[', SIZE_MAX))
            __builtin_trap(); /* and what is sent on must be JSON again */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str body = {(const char *)data, size}, part;
    packet_try(body);
    enum eio_type type;
    bool bad;
    size_t taken = 0;
    while (eio_payload_next(&body, &type, &part, &bad)) {
        taken += part.n + 1;
        if (type == EIO_MESSAGE)
            packet_try(part);
    }
    if (taken > size)
        __builtin_trap();
    return 0;
}
