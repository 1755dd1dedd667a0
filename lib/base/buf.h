/* A growing run of bytes with a hard limit: everything sized by input goes through it.
 *
 * Writing past the limit sets `overflowed` and drops the bytes; later writes are ignored too, so a
 * writer checks once at the end. Memory is malloc'ed; `buf_free` wipes it when `secret` is set. */
#ifndef NEXACORE_BASE_BUF_H
#define NEXACORE_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct buf {
    char *data; /* `len` bytes and a NUL after them; NULL while nothing was written */
    size_t len;
    size_t cap;
    size_t max; /* hard limit of `len`; 0 means 64 KiB */
    bool overflowed;
    bool secret;
};

#define BUF_MAX(limit)    ((struct buf){.max = (limit)})
#define BUF_SECRET(limit) ((struct buf){.max = (limit), .secret = true})

/* Releases; usable with CLEANUP. The buf may be written again afterwards. */
void buf_free(struct buf *b);

/* Empties without releasing. */
void buf_clear(struct buf *b);

/* Makes room for `n` more bytes and returns where they go, or NULL past the limit. The caller
 * writes there and then adds what it wrote to `len`. */
char *buf_room(struct buf *b, size_t n);

/* Append bytes, a run, a C string, one byte, formatted text. */
void buf_add(struct buf *b, const void *bytes, size_t n);
void buf_add_str(struct buf *b, struct str s);
void buf_add_z(struct buf *b, const char *z);
void buf_add_c(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Big-endian integers, as binary protocols want them. */
void buf_add_u16be(struct buf *b, uint16_t v);
void buf_add_u32be(struct buf *b, uint32_t v);

/* Drops the first `n` bytes (n <= len). */
void buf_shift(struct buf *b, size_t n);

/* What was written so far; valid until the next write. */
static inline struct str buf_str(const struct buf *b)
{
    return (struct str){b->data, b->len};
}

#endif
