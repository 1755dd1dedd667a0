/* See msgpack_json.h for the rule. msgpack-c does the packing; depth is bounded by ours. */
#include "socketio/msgpack_json.h"

#include <inttypes.h>
#include <math.h>
#include <msgpack.h>

#include "base/cleanup.h"
#include "base/crypt.h"
#include "socketio/json_scan.h"
#include "socketio/packet.h"

#define TEXT_MAX ((size_t)16 << 20)

struct unpacking {
    struct buf *out;
    struct str *items;
    size_t count;
    unsigned depth;
};

static bool value_add(struct unpacking *u, const msgpack_object *o);

static bool blob_add(struct unpacking *u, struct str bytes)
{
    if (u->count == SIO_ATTACHMENTS_MAX)
        return false;
    buf_addf(u->out, "{\"_placeholder\":true,\"num\":%zu}", u->count);
    u->items[u->count++] = bytes;
    return true;
}

static bool list_add(struct unpacking *u, const msgpack_object_array *list)
{
    buf_add_c(u->out, '[');
    for (uint32_t i = 0; i < list->size; i++) {
        if (i)
            buf_add_c(u->out, ',');
        if (!value_add(u, &list->ptr[i]))
            return false;
    }
    buf_add_c(u->out, ']');
    return true;
}

static bool map_add(struct unpacking *u, const msgpack_object_map *map)
{
    buf_add_c(u->out, '{');
    for (uint32_t i = 0; i < map->size; i++) {
        const msgpack_object *key = &map->ptr[i].key;
        if (key->type != MSGPACK_OBJECT_STR)
            return false;
        if (i)
            buf_add_c(u->out, ',');
        sio_quote(u->out, (struct str){key->via.str.ptr, key->via.str.size});
        buf_add_c(u->out, ':');
        if (!value_add(u, &map->ptr[i].val))
            return false;
    }
    buf_add_c(u->out, '}');
    return true;
}

static bool leaf_add(struct unpacking *u, const msgpack_object *o)
{
    switch (o->type) {
    case MSGPACK_OBJECT_BOOLEAN:
        buf_add_z(u->out, o->via.boolean ? "true" : "false");
        return true;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        buf_addf(u->out, "%" PRIu64, o->via.u64);
        return true;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        buf_addf(u->out, "%" PRId64, o->via.i64);
        return true;
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        if (isfinite(o->via.f64))
            buf_addf(u->out, "%.17g", o->via.f64);
        else
            buf_add_z(u->out, "null");
        return true;
    case MSGPACK_OBJECT_STR:
        sio_quote(u->out, (struct str){o->via.str.ptr, o->via.str.size});
        return true;
    case MSGPACK_OBJECT_BIN:
        return blob_add(u, (struct str){o->via.bin.ptr, o->via.bin.size});
    default: /* nil, and extensions: a date or undefined of JavaScript */
        buf_add_z(u->out, "null");
        return true;
    }
}

static bool value_add(struct unpacking *u, const msgpack_object *o)
{
    if (o->type != MSGPACK_OBJECT_MAP && o->type != MSGPACK_OBJECT_ARRAY)
        return leaf_add(u, o);
    if (u->depth == SIO_JSON_DEPTH_MAX)
        return false;
    u->depth++;
    bool ok = o->type == MSGPACK_OBJECT_MAP ? map_add(u, &o->via.map) : list_add(u, &o->via.array);
    u->depth--;
    return ok;
}

bool msgpack_to_json(struct arena *arena, struct str base64, struct str *ret_json,
                     struct sio_attachments *ret_binary)
{
    CLEANUP(buf_free) struct buf raw = BUF_MAX(TEXT_MAX);
    CLEANUP(buf_free) struct buf text = BUF_MAX(TEXT_MAX);
    if (!base64_add_decoded(&raw, base64))
        return false;
    struct str kept = arena_str(arena, buf_str(&raw)); /* attachments point into it */
    msgpack_unpacked unpacked;
    msgpack_unpacked_init(&unpacked);
    struct unpacking u = {.out = &text};
    u.items = arena_array(arena, SIO_ATTACHMENTS_MAX, sizeof(*u.items));
    size_t at = 0;
    bool ok = msgpack_unpack_next(&unpacked, kept.p, kept.n, &at) == MSGPACK_UNPACK_SUCCESS &&
              at == kept.n && value_add(&u, &unpacked.data) && !text.overflowed;
    msgpack_unpacked_destroy(&unpacked);
    if (!ok)
        return false;
    *ret_json = arena_str(arena, buf_str(&text));
    *ret_binary = (struct sio_attachments){u.items, u.count};
    return true;
}

/* ---- packing --------------------------------------------------------------------------------- */

static int pack_write(void *data, const char *bytes, size_t n)
{
    buf_add(data, bytes, n);
    return 0;
}

struct packing {
    msgpack_packer packer;
    struct sio_attachments binary;
};

static bool pack_value(struct packing *p, struct str value);

static bool pack_text(struct packing *p, struct str literal)
{
    CLEANUP(buf_free) struct buf text = BUF_MAX(literal.n + 1);
    if (!sio_json_text(literal, &text))
        return false;
    msgpack_pack_str(&p->packer, text.len);
    return msgpack_pack_str_body(&p->packer, text.data ? text.data : "", text.len) == 0;
}

static bool pack_array(struct packing *p, struct str array)
{
    struct str rest = array, value;
    size_t count = 0;
    while (sio_json_next(&rest, &value))
        count++;
    msgpack_pack_array(&p->packer, count);
    for (rest = array; sio_json_next(&rest, &value);)
        if (!pack_value(p, value))
            return false;
    return true;
}

/* The next `"key":value` of an object; the object shrinks to what follows. */
static bool next_member(struct str *object, struct str *ret_key, struct str *ret_value)
{
    if (object->n == 0 || (object->p[0] != '{' && object->p[0] != ','))
        return false;
    object->p++, object->n--;
    if (!sio_json_value(object, SIZE_MAX, ret_key) || object->n == 0)
        return false;
    object->p++, object->n--; /* ':' */
    return sio_json_value(object, SIZE_MAX, ret_value);
}

static bool pack_object(struct packing *p, struct str object)
{
    struct str rest = object, key, value, is_one, num;
    uint64_t i;
    if (sio_member(object, "_placeholder", &is_one) && str_eq(is_one, STR("true")) &&
        sio_member(object, "num", &num) && str_u64(num, SIZE_MAX, &i) && i < p->binary.count) {
        struct str blob = p->binary.items[i];
        msgpack_pack_bin(&p->packer, blob.n);
        return msgpack_pack_bin_body(&p->packer, blob.p ? blob.p : "", blob.n) == 0;
    }
    size_t count = 0;
    while (next_member(&rest, &key, &value))
        count++;
    msgpack_pack_map(&p->packer, count);
    for (rest = object; next_member(&rest, &key, &value);)
        if (!pack_text(p, key) || !pack_value(p, value))
            return false;
    return true;
}

static bool pack_number(struct packing *p, struct str number)
{
    uint64_t whole;
    if (str_u64(number, INT64_MAX, &whole))
        return msgpack_pack_uint64(&p->packer, whole) == 0;
    char text[64];
    if (number.n >= sizeof(text))
        return false;
    memcpy(text, number.p, number.n);
    text[number.n] = '\0';
    char *end;
    double real = strtod(text, &end);
    if (*end)
        return false;
    return msgpack_pack_double(&p->packer, real) == 0;
}

static bool pack_value(struct packing *p, struct str value)
{
    switch (value.p[0]) {
    case '{':
        return pack_object(p, value);
    case '[':
        return pack_array(p, value);
    case '"':
        return pack_text(p, value);
    case 't':
        return msgpack_pack_true(&p->packer) == 0;
    case 'f':
        return msgpack_pack_false(&p->packer) == 0;
    case 'n':
        return msgpack_pack_nil(&p->packer) == 0;
    default:
        return pack_number(p, value);
    }
}

bool json_to_msgpack(struct str json, struct sio_attachments binary, struct buf *out)
{
    struct packing p = {.binary = binary};
    struct str value;
    if (!sio_json_value(&json, SIZE_MAX, &value))
        return false;
    msgpack_packer_init(&p.packer, out, pack_write);
    return pack_value(&p, value) && !out->overflowed;
}
