/* Fuzz target of the card-number finder: spans are in order and in bounds, masking is idempotent,
 * and a stream cut anywhere masks as the whole does. Any broken promise ends the process. */
#include <assert.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "pan/pan.h"

#define SPANS 256

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void check_stream(struct str text, struct str masked)
{
    size_t piece = text.n > 0 ? 1 + (unsigned char)text.p[0] * 7U : 1;
    CLEANUP(buf_free) struct buf out = BUF_MAX(text.n * 2 + 4096);
    struct pan_stream s = PAN_STREAM_NEW;
    for (size_t at = 0; at < text.n; at += piece) {
        size_t n = text.n - at < piece ? text.n - at : piece;
        pan_stream_feed(&s, (struct str){text.p + at, n}, &out);
    }
    pan_stream_end(&s, &out);
    if (text.n < PAN_STREAM_HOLD && !str_eq(buf_str(&out), masked))
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
    CLEANUP(buf_free) struct buf once = BUF_MAX(size * 2 + 4096);
    bool found = pan_mask(text, &once);
    if (found != (n > 0) || once.overflowed)
        abort();
    CLEANUP(buf_free) struct buf twice = BUF_MAX(size * 4 + 8192);
    pan_mask(buf_str(&once), &twice);
    if (!str_eq(buf_str(&once), buf_str(&twice)))
        abort();
    check_stream(text, buf_str(&once));
    return 0;
}
