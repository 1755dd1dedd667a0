/* Engine.IO payloads and Socket.IO packets. See packet.h for the rule. */
#include "socketio/packet.h"

#include "base/cleanup.h"
#include "socketio/json_scan.h"
#include "socketio/socketio.h"

bool eio_packet_read(struct str text, enum eio_type *ret_type, struct str *ret_data)
{
    if (text.n == 0 || text.p[0] < EIO_OPEN || text.p[0] > EIO_NOOP)
        return false;
    *ret_type = (enum eio_type)text.p[0];
    *ret_data = (struct str){text.p + 1, text.n - 1};
    return true;
}

bool eio_payload_next(struct str *rest, enum eio_type *ret_type, struct str *ret_data,
                      bool *ret_bad)
{
    *ret_bad = false;
    if (rest->n == 0)
        return false;
    struct str packet = str_cut(rest, EIO_SEPARATOR);
    if (packet.n && packet.p[0] == EIO_BINARY) {
        *ret_type = EIO_BINARY;
        *ret_data = (struct str){packet.p + 1, packet.n - 1};
        return true;
    }
    *ret_bad = !eio_packet_read(packet, ret_type, ret_data);
    return !*ret_bad;
}

static bool take_char(struct str *in, char c)
{
    if (in->n == 0 || in->p[0] != c)
        return false;
    in->p++, in->n--;
    return true;
}

/* A run of digits, or false when there is none or it is beyond `max`. */
static bool take_u64(struct str *in, uint64_t max, uint64_t *ret)
{
    size_t n = 0;
    while (n < in->n && in->p[n] >= '0' && in->p[n] <= '9')
        n++;
    if (n == 0 || !str_u64((struct str){in->p, n}, max, ret))
        return false;
    in->p += n, in->n -= n;
    return true;
}

static bool take_namespace(struct str *in, struct str *ret)
{
    *ret = STR("/");
    if (in->n == 0 || in->p[0] != '/')
        return true;
    *ret = str_cut(in, ','); /* no comma: the rest is the name, as in "40/custom" */
    return ret->n <= SIO_NAMESPACE_MAX;
}

bool sio_name_is_reserved(struct str name)
{
    static const char *const reserved[] = {"connect",       "connect_error", "disconnect",
                                           "disconnecting", "newListener",   "removeListener"};
    for (size_t i = 0; i < ARRAY_LEN(reserved); i++)
        if (str_eq(name, str_of(reserved[i])))
            return true;
    return false;
}

/* `["name",...]`: splits off the name; what is left is the arguments and the bracket. */
static bool event_read(struct sio_packet *packet)
{
    if (!sio_json_is(packet->data, '[', packet->attachments))
        return false;
    struct str rest = packet->data;
    if (!sio_json_next(&rest, &packet->name))
        return false;
    char first = packet->name.p[0];
    if (first != '"' && first != '-' && (first < '0' || first > '9'))
        return false;
    if (first == '"' && sio_name_is_reserved((struct str){packet->name.p + 1, packet->name.n - 2}))
        return false;
    take_char(&rest, ',');
    packet->args = rest;
    return true;
}

static bool data_read(struct sio_packet *packet)
{
    switch (packet->type) {
    case SIO_CONNECT:
        return packet->data.n == 0 || sio_json_is(packet->data, '{', 0);
    case SIO_DISCONNECT:
        return packet->data.n == 0;
    case SIO_EVENT:
    case SIO_BINARY_EVENT:
        return event_read(packet);
    case SIO_ACK:
    case SIO_BINARY_ACK:
        return packet->has_id && sio_json_is(packet->data, '[', packet->attachments);
    default: /* CONNECT_ERROR goes the other way */
        return false;
    }
}

bool sio_packet_read(struct str text, struct sio_packet *ret)
{
    struct sio_packet packet = {0};
    if (text.n == 0 || text.p[0] < '0' || text.p[0] > '6')
        return false;
    packet.type = (enum sio_type)(text.p[0] - '0');
    text.p++, text.n--;
    if (packet.type == SIO_BINARY_EVENT || packet.type == SIO_BINARY_ACK) {
        uint64_t n;
        if (!take_u64(&text, SIO_ATTACHMENTS_MAX, &n) || !take_char(&text, '-'))
            return false;
        packet.attachments = n;
    }
    if (!take_namespace(&text, &packet.nsp))
        return false;
    if (text.n && text.p[0] >= '0' && text.p[0] <= '9') {
        if (!take_u64(&text, SIO_ACK_ID_MAX, &packet.id))
            return false;
        packet.has_id = true;
    }
    packet.data = text;
    if (!data_read(&packet))
        return false;
    *ret = packet;
    return true;
}

void sio_packet_head(struct buf *out, enum sio_type type, size_t attachments, struct str nsp,
                     const uint64_t *id)
{
    buf_add_c(out, (char)('0' + type));
    if (type == SIO_BINARY_EVENT || type == SIO_BINARY_ACK)
        buf_addf(out, "%zu-", attachments);
    if (!str_eq(nsp, STR("/"))) {
        buf_add_str(out, nsp);
        buf_add_c(out, ',');
    }
    if (id)
        buf_addf(out, "%llu", (unsigned long long)*id);
}

void sio_packet_event(struct buf *out, struct str name, struct str args)
{
    struct str trimmed = str_trim(args);
    struct str inner =
        trimmed.n > 2 ? str_trim((struct str){trimmed.p + 1, trimmed.n - 2}) : STR("");
    buf_add_c(out, '[');
    sio_quote(out, name);
    if (inner.n)
        buf_add_c(out, ',');
    buf_add_str(out, inner);
    buf_add_c(out, ']');
}
