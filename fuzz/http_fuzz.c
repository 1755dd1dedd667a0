/* Fuzzes the request parser and the multipart reader.
 *
 * The rule checked: whatever the bytes, one read of all of them and many small reads say the same.
 * The first byte picks the parser and the cut. */
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "http/multipart.h"
#include "http/replay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct pieces {
    struct str bytes;
    size_t step;
};

static struct problem *pieces_read(void *source, struct arena *arena, void *ret, size_t n,
                                   size_t *ret_n)
{
    (void)arena;
    struct pieces *p = source;
    n = n < p->step ? n : p->step;
    n = n < p->bytes.n ? n : p->bytes.n;
    if (n > 0)
        memcpy(ret, p->bytes.p, n);
    p->bytes.p += n;
    p->bytes.n -= n;
    *ret_n = n;
    return NULL;
}

static void multipart_replay(struct str bytes, size_t cut, size_t step, struct buf *out)
{
    struct arena *arena = arena_new(1 << 24);
    struct pieces source = {bytes, step};
    struct http_multipart *m;
    struct http_part part;
    bool more = true;
    char window[257];
    struct problem *p = http_multipart_over(arena, STR("b"), pieces_read, &source, &m);
    while (!p && !(p = http_multipart_next(m, &part, &more)) && more) {
        buf_addf(out, "[" STR_FMT "|" STR_FMT "|", STR_ARG(part.name), STR_ARG(part.filename));
        size_t n = 1;
        while (!p && n > 0 && !(p = http_multipart_read(m, window, 1 + cut % 256, &n)))
            buf_add(out, window, n);
        buf_add_c(out, ']');
    }
    arena_free(&arena);
}

typedef void replay(struct str bytes, size_t cut, size_t step, struct buf *out);

static void compare(replay *play, struct str bytes, size_t cut)
{
    struct buf whole = BUF_MAX(1 << 22), split = BUF_MAX(1 << 22);
    play(bytes, 0, 1 << 20, &whole);
    play(bytes, cut, 1 + cut % 7, &split);
    if (!str_eq(buf_str(&whole), buf_str(&split))) {
        fprintf(stderr, "whole:\n%s\nsplit at %zu:\n%s\n", whole.data, cut, split.data);
        abort();
    }
    buf_free(&whole);
    buf_free(&split);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 1 << 16)
        return 0;
    struct str bytes = {(const char *)data + 1, size - 1};
    compare(data[0] & 1 ? multipart_replay : http_replay, bytes, data[0] >> 1);
    return 0;
}
