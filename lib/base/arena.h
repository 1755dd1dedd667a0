/* A region of memory that dies at once: everything a request or a job makes lives here.
 *
 * The rule not to break: nothing that outlives the request may point into its arena. Memory is
 * handed out zeroed and wiped when the arena is reset or freed, because it held PHI. */
#ifndef NEXACORE_BASE_ARENA_H
#define NEXACORE_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

#include "base/str.h"

struct arena;

/* A new arena that may grow to `max_bytes` in all. Growth beyond it, or a machine without memory,
 * ends the process with one line on stderr: limits on input belong before the arena (struct buf,
 * body limits), so passing this one is our own mistake. */
struct arena *arena_new(size_t max_bytes);

/* Wipes and releases; accepts a pointer to NULL. */
void arena_free(struct arena **arena);

/* Wipes what was handed out and starts again, keeping up to 64 KiB for the next user. */
void arena_reset(struct arena *arena);

/* `n` zeroed bytes aligned for any type. Never NULL. */
void *arena_alloc(struct arena *arena, size_t n);

/* `count * size` zeroed bytes; the product is checked. */
void *arena_array(struct arena *arena, size_t count, size_t size);

/* Copies with a NUL after them, so that `p` of the result is also a C string. */
struct str arena_str(struct arena *arena, struct str s);
char *arena_cstr(struct arena *arena, struct str s);

/* Formatted text, NUL terminated. */
char *arena_fmt(struct arena *arena, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *arena_vfmt(struct arena *arena, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

/* Bytes handed out since the last reset. */
size_t arena_used(const struct arena *arena);

#define arena_make(arena, type) ((type *)arena_alloc((arena), sizeof(type)))

#endif
