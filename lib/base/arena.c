/* The arena: a list of blocks, the newest first. Everything handed out was zero and is wiped. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/crypt.h"

enum { BLOCK_MIN = 8192, BLOCK_KEEP_MAX = 65536, ALIGNMENT = alignof(max_align_t) };

struct block {
    struct block *next;
    size_t size; /* usable bytes after this head */
    size_t used;
    alignas(max_align_t) char data[];
};

struct arena {
    struct block *newest;
    size_t reserved; /* sum of block sizes */
    size_t max_bytes;
    size_t used;
};

static _Noreturn void give_up(const char *why)
{
    fprintf(stderr, "nexacore: %s\n", why);
    abort();
}

struct arena *arena_new(size_t max_bytes)
{
    struct arena *arena = calloc(1, sizeof(*arena));
    if (!arena)
        give_up("out of memory");
    arena->max_bytes = max_bytes;
    return arena;
}

static struct block *block_free(struct block *block)
{
    struct block *next = block->next;
    wipe(block->data, block->used);
    free(block);
    return next;
}

void arena_free(struct arena **arena)
{
    if (!*arena)
        return;
    for (struct block *b = (*arena)->newest; b;)
        b = block_free(b);
    free(*arena);
    *arena = NULL;
}

void arena_reset(struct arena *arena)
{
    struct block *keep = NULL;
    for (struct block *b = arena->newest; b;) {
        struct block *next = b->next;
        if (!keep && b->size <= BLOCK_KEEP_MAX) {
            wipe(b->data, b->used);
            b->used = 0;
            keep = b;
        } else {
            block_free(b);
        }
        b = next;
    }
    if (keep)
        keep->next = NULL;
    arena->newest = keep;
    arena->reserved = keep ? keep->size : 0;
    arena->used = 0;
}

/* Blocks double with what is in use, so that many small requests cost few blocks. */
static struct block *block_add(struct arena *arena, size_t need)
{
    size_t size = arena->reserved < BLOCK_MIN ? BLOCK_MIN : arena->reserved;
    if (size > (1U << 20))
        size = 1U << 20;
    if (size < need)
        size = need;
    if (size > arena->max_bytes || arena->reserved > arena->max_bytes - size) {
        if (need > arena->max_bytes || arena->reserved > arena->max_bytes - need)
            give_up("an arena passed its limit");
        size = need;
    }
    struct block *block = calloc(1, sizeof(*block) + size);
    if (!block)
        give_up("out of memory");
    block->size = size;
    block->next = arena->newest;
    arena->newest = block;
    arena->reserved += size;
    return block;
}

void *arena_alloc(struct arena *arena, size_t n)
{
    size_t need = (n + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (need < n)
        give_up("an arena passed its limit");
    struct block *block = arena->newest;
    if (!block || block->size - block->used < need)
        block = block_add(arena, need);
    void *at = block->data + block->used;
    block->used += need;
    arena->used += need;
    return at;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    size_t n;
    if (__builtin_mul_overflow(count, size, &n))
        give_up("an arena passed its limit");
    return arena_alloc(arena, n);
}

struct str arena_str(struct arena *arena, struct str s)
{
    if (!s.p)
        return STR_NONE;
    char *copy = arena_alloc(arena, s.n + 1);
    if (s.n > 0)
        memcpy(copy, s.p, s.n);
    return (struct str){copy, s.n};
}

char *arena_cstr(struct arena *arena, struct str s)
{
    char *copy = arena_alloc(arena, s.n + 1);
    if (s.n > 0)
        memcpy(copy, s.p, s.n);
    return copy;
}

/* Formats into what the newest block has left; only when that is too small it is done again. */
char *arena_vfmt(struct arena *arena, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    struct block *block = arena->newest;
    size_t room = block ? block->size - block->used : 0;
    char *at = room ? block->data + block->used : NULL;
    int n = vsnprintf(at, room, fmt, again);
    va_end(again);
    if (n < 0)
        give_up("a format is wrong");
    bool fits = (size_t)n < room;
    if (!fits && room > 0)
        wipe(at, room); /* what is handed out next is zero again */
    char *text = arena_alloc(arena, (size_t)n + 1);
    if (!fits)
        vsnprintf(text, (size_t)n + 1, fmt, ap);
    return text;
}

char *arena_fmt(struct arena *arena, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *text = arena_vfmt(arena, fmt, ap);
    va_end(ap);
    return text;
}

size_t arena_used(const struct arena *arena)
{
    return arena->used;
}
