/* See msgpack_json.h for the rule. msgpack-c does the packing; reading is ours. */
#include "socketio/msgpack_json.h"

#include <inttypes.h>
#include <math.h>
#include <msgpack.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crypt.h"
#include "socketio/json_scan.h"
#include "socketio/packet.h"

#define TEXT_MAX ((size_t)16 << 20)

/* Reads the bytes directly: a library's tree would trust the counts in them, and a count of four
 * bytes can ask for 64 GB. Here each element must be there before it is counted. */
struct unpacking {
    const uint8_t *at, *end;
    struct buf *out;
    struct str *items;
    size_t count;
    unsigned depth;
};

static bool value_add(struct unpacking *u);

static bool take_uint(struct unpacking *u, unsigned bytes, uint64_t *ret)
{
    if ((size_t)(u->end - u->at) < bytes)
        return false;
    uint64_t n = 0;
    for (unsigned i = 0; i < bytes; i++)
        n = n << 8 | *u->at++;
    *ret = n;
    return true;
}

static bool take_bytes(struct unpacking *u, uint64_t n, struct str *ret)
{
    if ((uint64_t)(u->end - u->at) < n)
        return false;
    *ret = (struct str){(const char *)u->at, n};
    u->at += n;
    return true;
}

static bool blob_add(struct unpacking *u, uint64_t n)
{
    if (u->count == SIO_ATTACHMENTS_MAX || !take_bytes(u, n, &u->items[u->count]))
        return false;
    buf_addf(u->out, "{\"_placeholder\":true,\"num\":%zu}", u->count++);
    return true;
}

static bool text_add(struct unpacking *u, uint64_t n)
{
    struct str text;
    if (!take_bytes(u, n, &text))
        return false;
    sio_quote(u->out, text);
    return true;
}

static bool list_add(struct unpacking *u, uint64_t n)
{
    buf_add_c(u->out, '[');
    for (uint64_t i = 0; i < n; i++) {
        if (i)
            buf_add_c(u->out, ',');
        if (!value_add(u))
            return false;
    }
    buf_add_c(u->out, ']');
    return true;
}

static bool map_add(struct unpacking *u, uint64_t n)
{
    buf_add_c(u->out, '{');
    for (uint64_t i = 0; i < n; i++) {
        bool is_text =
            u->at < u->end && ((*u->at & 0xe0) == 0xa0 || (*u->at >= 0xd9 && *u->at <= 0xdb));
        if (!is_text)
            return false;
        if (i)
            buf_add_c(u->out, ',');
        if (!value_add(u))
            return false;
        buf_add_c(u->out, ':');
        if (!value_add(u))
            return false;
    }
    buf_add_c(u->out, '}');
    return true;
}

/* A timestamp of MessagePack: 4, 8 or 12 bytes (spec.md, "Timestamp extension type"). */
static bool date_add(struct buf *out, struct str bytes)
{
    uint64_t wide = 0, seconds;
    int64_t us;
    for (size_t i = bytes.n > 8 ? 4 : 0; i < bytes.n; i++)
        wide = wide << 8 | (uint8_t)bytes.p[i];
    seconds = bytes.n == 8 ? wide & 0x3ffffffffULL : wide;
    uint64_t nanos = bytes.n == 8 ? wide >> 34 : 0;
    for (size_t i = 0; bytes.n == 12 && i < 4; i++)
        nanos = nanos << 8 | (uint8_t)bytes.p[i];
    if ((int64_t)seconds < -62167219200 || (int64_t)seconds > 253402300799 || nanos > 999999999)
        return false; /* beyond the years 0 to 9999 */
    us = (int64_t)seconds * 1000000 + (int64_t)nanos / 1000;
    char text[CLOCK_TEXT_MAX];
    clock_text(us, text);
    buf_addf(out, "\"%s\"", text);
    return true;
}

static bool ext_add(struct unpacking *u, uint64_t n)
{
    struct str type, bytes;
    if (!take_bytes(u, 1, &type) || !take_bytes(u, n, &bytes))
        return false;
    bool is_date = (uint8_t)type.p[0] == 0xff && (n == 4 || n == 8 || n == 12);
    if (!is_date || !date_add(u->out, bytes))
        buf_add_z(u->out, "null"); /* undefined of JavaScript, for one */
    return true;
}

static bool real_add(struct unpacking *u, unsigned bytes)
{
    uint64_t bits;
    if (!take_uint(u, bytes, &bits))
        return false;
    double real;
    if (bytes == 4) {
        uint32_t half = (uint32_t)bits;
        float single;
        memcpy(&single, &half, sizeof(single));
        real = (double)single;
    } else {
        memcpy(&real, &bits, sizeof(real));
    }
    if (isfinite(real))
        buf_addf(u->out, "%.17g", real);
    else
        buf_add_z(u->out, "null");
    return true;
}

static bool whole_add(struct unpacking *u, unsigned bytes, bool is_signed)
{
    uint64_t n;
    if (!take_uint(u, bytes, &n))
        return false;
    unsigned unused = 64 - 8 * bytes;
    if (is_signed)
        buf_addf(u->out, "%" PRId64, (int64_t)(n << unused) >> unused);
    else
        buf_addf(u->out, "%" PRIu64, n);
    return true;
}

/* Kinds whose length follows the first byte in 1, 2 or 4 bytes. */
static bool sized_add(struct unpacking *u, unsigned bytes,
                      bool (*add)(struct unpacking *, uint64_t))
{
    uint64_t n;
    return take_uint(u, bytes, &n) && add(u, n);
}

/* First bytes 0xc0 to 0xdf (github.com/msgpack/msgpack spec.md). */
static bool marked_add(struct unpacking *u, uint8_t mark)
{
    switch (mark) {
    case 0xc0:
        buf_add_z(u->out, "null");
        return true;
    case 0xc2:
    case 0xc3:
        buf_add_z(u->out, mark == 0xc3 ? "true" : "false");
        return true;
    case 0xc4 ... 0xc6:
        return sized_add(u, 1U << (mark - 0xc4), blob_add);
    case 0xc7 ... 0xc9:
        return sized_add(u, 1U << (mark - 0xc7), ext_add);
    case 0xca:
    case 0xcb:
        return real_add(u, mark == 0xca ? 4 : 8);
    case 0xcc ... 0xcf:
        return whole_add(u, 1U << (mark - 0xcc), false);
    case 0xd0 ... 0xd3:
        return whole_add(u, 1U << (mark - 0xd0), true);
    case 0xd4 ... 0xd8:
        return ext_add(u, 1U << (mark - 0xd4));
    case 0xd9 ... 0xdb:
        return sized_add(u, 1U << (mark - 0xd9), text_add);
    case 0xdc ... 0xdd:
        return sized_add(u, 2U << (mark - 0xdc), list_add);
    case 0xde ... 0xdf:
        return sized_add(u, 2U << (mark - 0xde), map_add);
    default: /* 0xc1: never used */
        return false;
    }
}

static bool value_add(struct unpacking *u)
{
    if (u->at >= u->end || u->depth == SIO_JSON_DEPTH_MAX || u->out->overflowed)
        return false;
    uint8_t mark = *u->at++;
    bool ok = true;
    u->depth++;
    if (mark < 0x80)
        buf_addf(u->out, "%u", mark);
    else if (mark < 0x90)
        ok = map_add(u, mark & 15);
    else if (mark < 0xa0)
        ok = list_add(u, mark & 15);
    else if (mark < 0xc0)
        ok = text_add(u, mark & 31);
    else if (mark < 0xe0)
        ok = marked_add(u, mark);
    else
        buf_addf(u->out, "%d", (int8_t)mark);
    u->depth--;
    return ok;
}

bool msgpack_to_json(struct arena *arena, struct str bytes, struct str *ret_json,
                     struct sio_attachments *ret_binary)
{
    CLEANUP(buf_free) struct buf text = BUF_MAX(TEXT_MAX);
    if (bytes.n == 0 || bytes.n > TEXT_MAX)
        return false;
    struct str kept = arena_str(arena, bytes); /* attachments point into it */
    const uint8_t *from = (const uint8_t *)kept.p;
    struct unpacking u = {.at = from, .end = from + kept.n, .out = &text};
    u.items = arena_array(arena, SIO_ATTACHMENTS_MAX, sizeof(*u.items));
    if (!value_add(&u) || u.at != u.end || text.overflowed)
        return false;
    *ret_json = arena_str(arena, buf_str(&text));
    *ret_binary = (struct sio_attachments){u.items, u.count};
    return true;
}

bool msgpack64_to_json(struct arena *arena, struct str base64, struct str *ret_json,
                       struct sio_attachments *ret_binary)
{
    CLEANUP(buf_free) struct buf raw = BUF_MAX(TEXT_MAX);
    return base64_add_decoded(&raw, base64) &&
           msgpack_to_json(arena, buf_str(&raw), ret_json, ret_binary);
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
