/* Growing bytes with a limit. A NUL always follows the bytes, so `data` is also a C string. */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/crypt.h"

enum { DEFAULT_MAX = 65536 };

static size_t limit_of(const struct buf *b)
{
    return b->max ? b->max : DEFAULT_MAX;
}

void buf_free(struct buf *b)
{
    if (b->data && b->secret)
        wipe(b->data, b->cap);
    free(b->data);
    b->data = NULL;
    b->len = b->cap = 0;
    b->overflowed = false;
}

void buf_clear(struct buf *b)
{
    if (b->data && b->secret)
        wipe(b->data, b->len);
    b->len = 0;
    b->overflowed = false;
    if (b->data)
        b->data[0] = '\0';
}

/* Secrets are moved by copy and wipe: realloc would leave the old bytes behind. */
static bool grow(struct buf *b, size_t cap)
{
    char *data = b->secret ? malloc(cap) : realloc(b->data, cap);
    if (!data)
        return false;
    if (b->secret && b->data) {
        memcpy(data, b->data, b->len + 1);
        wipe(b->data, b->cap);
        free(b->data);
    }
    b->data = data;
    b->cap = cap;
    return true;
}

char *buf_room(struct buf *b, size_t n)
{
    if (b->overflowed || n > limit_of(b) || b->len > limit_of(b) - n) {
        b->overflowed = true;
        return NULL;
    }
    size_t need = b->len + n + 1;
    if (need > b->cap) {
        size_t cap = b->cap ? b->cap * 2 : 256;
        if (cap < need)
            cap = need;
        if (cap > limit_of(b) + 1)
            cap = limit_of(b) + 1;
        if (!grow(b, cap)) {
            b->overflowed = true;
            return NULL;
        }
    }
    b->data[b->len + n] = '\0';
    return b->data + b->len;
}

void buf_add(struct buf *b, const void *bytes, size_t n)
{
    char *at = buf_room(b, n);
    if (!at)
        return;
    if (n > 0)
        memcpy(at, bytes, n);
    b->len += n;
}

void buf_add_str(struct buf *b, struct str s)
{
    buf_add(b, s.p, s.n);
}

void buf_add_z(struct buf *b, const char *z)
{
    buf_add(b, z, strlen(z));
}

void buf_add_c(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

/* Formats into the room there is; only when that is too small it is done a second time. */
void buf_addf(struct buf *b, const char *fmt, ...)
{
    if (b->overflowed)
        return;
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    size_t room = b->data ? b->cap - b->len : 0; /* the limit is in cap; one is for the NUL */
    int n = vsnprintf(room ? b->data + b->len : NULL, room, fmt, ap);
    if (n >= 0 && (size_t)n < room) {
        b->len += (size_t)n;
    } else {
        if (room > 0)
            b->data[b->len] = '\0';
        char *at = n < 0 ? NULL : buf_room(b, (size_t)n);
        if (at) {
            vsnprintf(at, (size_t)n + 1, fmt, again);
            b->len += (size_t)n;
        }
    }
    va_end(again);
    va_end(ap);
}

void buf_add_u16be(struct buf *b, uint16_t v)
{
    uint8_t bytes[2] = {(uint8_t)(v >> 8), (uint8_t)v};
    buf_add(b, bytes, sizeof(bytes));
}

void buf_add_u32be(struct buf *b, uint32_t v)
{
    uint8_t bytes[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
    buf_add(b, bytes, sizeof(bytes));
}

void buf_shift(struct buf *b, size_t n)
{
    if (n == 0)
        return;
    memmove(b->data, b->data + n, b->len - n);
    if (b->secret)
        wipe(b->data + b->len - n, n);
    b->len -= n;
    b->data[b->len] = '\0';
}
