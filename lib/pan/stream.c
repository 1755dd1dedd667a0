/* The finder over a text that arrives in pieces.
 *
 * The rule not to break: a stream decides with the same steps as a whole text does (scan_to), and
 * only where everything those steps may look at has arrived; so no cut changes what is found. */
#include "pan/pan_int.h"

_Static_assert(sizeof(((struct pan_stream *)0)->held) > LOOK_BACK + LOOK_AHEAD + 256,
               "a stream holds what the finder looks at and room for more");

struct deciding {
    struct pan_stream *s;
    struct buf *out;
};

static void deciding_add(void *state, const struct pan_span *span)
{
    struct deciding *d = state;
    buf_add(d->out, d->s->held + d->s->copied, span->start - d->s->copied);
    mask_span((struct str){d->s->held, d->s->n}, span, d->out);
    d->s->copied = span->end;
    d->s->found = true;
}

static size_t less(size_t a, size_t b)
{
    return a > b ? a - b : 0;
}

/* Decides as much as can be, writes it, and keeps the rest with what stands before it. */
static void stream_decide(struct pan_stream *s, bool last, struct buf *out)
{
    struct deciding d = {s, out};
    struct sink sink = {deciding_add, &d};
    struct scan scan = {.text = {s->held, s->n}, .at = s->at, .done = s->done};
    scan.wall = s->wall;
    scan.fence = s->fence;
    scan.starts = s->starts;
    scan.beside = s->beside;
    scan.any = s->any;
    scan.skip = s->skip;
    scan.gap = s->running ? s->gap : GAP_END;
    scan.sink = &sink;
    if (last)
        scan_end(&scan);
    else
        scan_to(&scan, less(s->n, LOOK_AHEAD));
    size_t decided = last ? s->n : scan_decided(&scan);
    if (decided > s->copied) {
        buf_add(out, s->held + s->copied, decided - s->copied);
        s->copied = decided;
    }
    size_t drop = less(scan.at < s->copied ? scan.at : s->copied, LOOK_BACK);
    memmove(s->held, s->held + drop, s->n - drop);
    s->n -= drop;
    s->copied -= drop;
    s->at = scan.at - drop;
    s->done = less(scan.done, drop);
    s->wall = less(scan.wall, drop);
    s->fence = less(scan.fence, drop);
    s->starts = less(scan.starts, drop);
    s->beside = less(scan.beside, drop);
    s->any = scan.any && scan.done >= drop;
    s->skip = scan.skip;
    s->gap = scan.gap;
    s->running = true;
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
            stream_decide(s, false, out);
    }
}

void pan_stream_end(struct pan_stream *s, struct buf *out)
{
    bool found;
    stream_decide(s, true, out);
    found = s->found;
    explicit_bzero(s, sizeof(*s));
    s->found = found;
}
