/* Fuzz target of the card-number finder: spans are in order and in bounds, masking is idempotent,
 * and a stream cut anywhere masks as the whole does. Any broken promise ends the process. */
#include <assert.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "pan/pan.h"

#define SPANS 256

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

/* The text with `pad` letters before it, so that what a stream decides first lies anywhere in it:
 * cut into pieces it is masked as the whole. */
static void check_stream(struct str text, size_t pad, size_t piece)
{
    CLEANUP(buf_free) struct buf padded = BUF_MAX(text.n + pad);
    for (size_t i = 0; i < pad; i++)
        buf_add_c(&padded, 'a');
    buf_add(&padded, text.p, text.n);
    text = buf_str(&padded);
    CLEANUP(buf_free) struct buf whole = BUF_MAX(PAN_MASK_ROOM(text.n));
    CLEANUP(buf_free) struct buf out = BUF_MAX(PAN_MASK_ROOM(text.n));
    bool found = pan_mask(text, &whole);
    struct pan_stream s = PAN_STREAM_NEW;
    for (size_t at = 0; at < text.n; at += piece) {
        size_t n = text.n - at < piece ? text.n - at : piece;
        pan_stream_feed(&s, (struct str){text.p + at, n}, &out);
    }
    pan_stream_end(&s, &out);
    if (s.found != found || out.overflowed || !str_eq(buf_str(&out), buf_str(&whole)))
        abort();
}

/* In place nothing moves, of each number found at most four digits are left, and what is left holds
 * no number. */
static void check_in_place(struct str text, const struct pan_span *spans, size_t n)
{
    CLEANUP(buf_free) struct buf line = BUF_MAX(text.n + 1);
    buf_add(&line, text.p, text.n);
    buf_add_c(&line, '\0');
    if (pan_mask_in_place(line.data, text.n) != text.n || line.data[text.n] != '\0')
        abort();
    for (size_t i = 0; i < n; i++) {
        size_t left = 0;
        for (size_t at = spans[i].start; at < spans[i].end; at++)
            left += line.data[at] >= '0' && line.data[at] <= '9';
        if (left > (spans[i].kind == PAN_CARD || spans[i].kind == PAN_TRACK ? 4 : 0))
            abort();
    }
    if (pan_find((struct str){line.data, text.n}, NULL, 0) > 0)
        abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct str text = {(const char *)data, size};
    struct pan_span spans[SPANS];
    size_t n = pan_find(text, spans, SPANS), end = 0;
    for (size_t i = 0; i < n && i < SPANS; i++) {
        if (spans[i].start < end || spans[i].end <= spans[i].start || spans[i].end > size)
            abort();
        end = spans[i].end;
    }
    CLEANUP(buf_free) struct buf once = BUF_MAX(PAN_MASK_ROOM(size));
    bool found = pan_mask(text, &once);
    if (found != (n > 0) || once.overflowed)
        abort();
    CLEANUP(buf_free) struct buf twice = BUF_MAX(PAN_MASK_ROOM(once.len));
    if (pan_mask(buf_str(&once), &twice) || !str_eq(buf_str(&once), buf_str(&twice)))
        abort();
    size_t pad = size > 1 ? (size_t)data[size - 1] * 18 : 0;
    check_stream(text, pad, 1 + (size > 0 ? data[0] : 0) * (size_t)7);
    check_in_place(text, spans, n < SPANS ? n : SPANS);
    return 0;
}
