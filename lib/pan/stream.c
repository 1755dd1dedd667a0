/* The finder over a text that arrives in pieces.
 *
 * The rule not to break: nothing is written before PAN_STREAM_HOLD further bytes were seen, which
 * is more than a number with its separators, labels and track data can take. */
#include "pan/pan_int.h"

struct deciding {
    struct pan_stream *s;
    struct buf *out;
    size_t copied; /* bytes of `held` written out */
    size_t cut;    /* spans that start here or later wait for more text */
};

static void deciding_add(void *state, const struct pan_span *span)
{
    struct deciding *d = state;
    if (span->start >= d->cut || span->end <= d->copied)
        return;
    size_t start = span->start < d->copied ? d->copied : span->start;
    buf_add(d->out, d->s->held + d->copied, start - d->copied);
    mask_span((struct str){d->s->held, d->s->n}, span, d->out);
    d->copied = span->end;
    d->s->found = true;
}

/* Writes everything before `cut`, masked, and keeps the rest with some context before it. */
static void stream_write(struct pan_stream *s, size_t cut, struct buf *out)
{
    struct deciding d = {s, out, s->context, cut};
    struct sink sink = {deciding_add, &d};
    pan_scan((struct str){s->held, s->n}, 0, &sink);
    if (d.copied < cut) {
        buf_add(out, s->held + d.copied, cut - d.copied);
        d.copied = cut;
    }
    size_t keep = d.copied > PAN_STREAM_HOLD ? d.copied - PAN_STREAM_HOLD : 0;
    memmove(s->held, s->held + keep, s->n - keep);
    s->n -= keep;
    s->context = d.copied - keep;
}

void pan_stream_feed(struct pan_stream *s, struct str piece, struct buf *out)
{
    while (piece.n > 0) {
        size_t room = sizeof(s->held) - s->n;
        size_t take = piece.n < room ? piece.n : room;
        memcpy(s->held + s->n, piece.p, take);
        s->n += take;
        piece.p += take;
        piece.n -= take;
        if (s->n == sizeof(s->held))
            stream_write(s, s->n - PAN_STREAM_HOLD, out);
    }
}

void pan_stream_end(struct pan_stream *s, struct buf *out)
{
    stream_write(s, s->n, out);
    explicit_bzero(s->held, sizeof(s->held));
    s->n = s->context = 0;
}
