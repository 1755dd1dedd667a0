/* OpenPGP packet framing: see packet.h. */
#include "openpgp/packet.h"

/* A message nobody of ours writes: more pieces than this are refused. pgcrypto cuts at 16 KiB. */
#define PIECES_MAX 4096

struct length {
    size_t n;
    bool partial;
};

static unsigned octet(struct str s, size_t i)
{
    return (unsigned char)s.p[i];
}

static void drop(struct str *s, size_t n)
{
    s->p += n;
    s->n -= n;
}

/* New format (section 4.2.2): one, two or five octets, or a partial length. */
static bool length_new(struct str *rest, struct length *ret)
{
    if (rest->n < 1)
        return false;
    unsigned first = octet(*rest, 0);
    *ret = (struct length){.n = first};
    if (first < 192) {
        drop(rest, 1);
    } else if (first < 224) {
        if (rest->n < 2)
            return false;
        ret->n = ((size_t)(first - 192) << 8) + octet(*rest, 1) + 192;
        drop(rest, 2);
    } else if (first < 255) {
        *ret = (struct length){.n = (size_t)1 << (first & 31), .partial = true};
        drop(rest, 1);
    } else {
        if (rest->n < 5)
            return false;
        ret->n = (size_t)octet(*rest, 1) << 24 | octet(*rest, 2) << 16 | octet(*rest, 3) << 8 |
                 octet(*rest, 4);
        drop(rest, 5);
    }
    return ret->n <= rest->n;
}

/* Old format (section 4.2.1): big-endian of 1, 2 or 4 octets; indeterminate length is refused. */
static bool length_old(struct str *rest, unsigned length_type, size_t *ret)
{
    size_t octets = (size_t)1 << length_type;
    if (length_type == 3 || rest->n < octets)
        return false;
    size_t n = 0;
    for (size_t i = 0; i < octets; i++)
        n = n << 8 | octet(*rest, i);
    drop(rest, octets);
    *ret = n;
    return n <= rest->n;
}

/* The pieces after the first partial length, up to the one that is not partial. */
static bool join_pieces(struct str *rest, struct length length, struct buf *joined)
{
    if (length.n < 512) /* section 4.2.2.4: the first partial length is at least 512 octets */
        return false;
    buf_clear(joined);
    for (size_t piece = 0; piece < PIECES_MAX; piece++) {
        buf_add(joined, rest->p, length.n);
        drop(rest, length.n);
        if (!length.partial)
            return !joined->overflowed;
        if (!length_new(rest, &length))
            return false;
    }
    return false;
}

static bool streamable(unsigned tag)
{
    return tag == PACKET_COMPRESSED || tag == PACKET_SED || tag == PACKET_LITERAL ||
           tag == PACKET_SEIPD;
}

bool packet_next(struct str *rest, struct buf *joined, struct packet *ret)
{
    struct str r = *rest;
    if (r.n < 2 || !(octet(r, 0) & 0x80))
        return false;
    unsigned head = octet(r, 0);
    drop(&r, 1);
    struct packet packet = {0};
    struct length length = {0};
    if (head & 0x40) {
        packet.tag = head & 0x3f;
        if (!length_new(&r, &length))
            return false;
    } else {
        packet.tag = head >> 2 & 0x0f;
        if (!length_old(&r, head & 3, &length.n))
            return false;
    }
    if (length.partial) {
        if (!streamable(packet.tag) || !join_pieces(&r, length, joined))
            return false;
        packet.body = buf_str(joined);
    } else {
        packet.body = (struct str){r.p, length.n};
        drop(&r, length.n);
    }
    *rest = r;
    *ret = packet;
    return true;
}

size_t packet_header_len(size_t body_len)
{
    return body_len < 192 ? 2 : body_len < 8384 ? 3 : 6;
}

void packet_header(struct buf *out, unsigned tag, size_t body_len)
{
    buf_add_c(out, (char)(0xc0 | tag));
    if (body_len < 192) {
        buf_add_c(out, (char)body_len);
    } else if (body_len < 8384) {
        buf_add_c(out, (char)(((body_len - 192) >> 8) + 192));
        buf_add_c(out, (char)((body_len - 192) & 0xff));
    } else {
        buf_add_c(out, (char)0xff);
        buf_add_u32be(out, (uint32_t)body_len);
    }
}

bool packet_literal(struct str body, struct openpgp_literal *ret, struct str *ret_text)
{
    if (body.n < 2)
        return false;
    char type = body.p[0];
    size_t name_len = octet(body, 1);
    if ((type != 't' && type != 'u' && type != 'b') || body.n < 2 + name_len + 4)
        return false;
    *ret = (struct openpgp_literal){.type = type, .name_len = name_len};
    if (name_len)
        memcpy(ret->name, body.p + 2, name_len);
    drop(&body, 2 + name_len + 4); /* the four octets are a date nobody uses */
    *ret_text = body;
    return true;
}
