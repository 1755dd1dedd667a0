/* The finder: walks the text, gathers runs, keeps the best of overlapping windows, emits spans.
 *
 * The rule not to break: every loop here moves forward; no byte is read more than a bounded number
 * of times. */
#include "pan/pan_int.h"

#define BESIDE      240 /* bytes before and after a number in which its CVV and expiry lie */
#define RUN_OVERLAP 40  /* glyphs of a cut run read again with what follows */
#define TOKEN_MAX   64  /* glyphs: a longer solid run of digits is no card number */

struct scan {
    struct str text;
    size_t from;   /* no span starts before this */
    size_t done;   /* end of the last emitted span */
    size_t beside; /* CVV and expiry were looked for up to here */
    bool any;
    const struct sink *sink;
};

/* Looks beside the last number and before the next one, which starts at `next`. */
static void scan_beside(struct scan *s, size_t next, bool number_follows)
{
    size_t after = s->any ? s->done + BESIDE : s->beside;
    after = after < next ? after : next;
    if (s->any && after > s->beside) {
        beside_find(s->text, s->beside, after, s->beside == s->done, s->sink);
        s->beside = after;
    }
    if (!number_follows)
        return;
    size_t before = next > BESIDE ? next - BESIDE : 0;
    before = before > s->beside ? before : s->beside;
    if (before < next)
        beside_find(s->text, before, next, false, s->sink);
}

static void scan_emit(struct scan *s, struct str text, const struct candidate *c)
{
    struct pan_span span = {c->start, c->end, PAN_CARD, c->rule};
    track_extend(text, s->done > s->from ? s->done : s->from, &span);
    scan_beside(s, span.start, true);
    s->sink->span(s->sink->state, &span);
    s->any = true;
    s->done = s->beside = span.end;
}

/* The glyphs of a run at which a window may start; the rest is read again with what follows. */
static size_t run_starts(const struct run *run)
{
    return run->cut ? run->n - RUN_OVERLAP : run->n;
}

/* The best of the windows that overlap each other, from the left. */
static bool run_best(const struct scan *s, struct str text, const struct run *run,
                     struct candidate *ret)
{
    struct candidate c;
    bool have = false;
    size_t starts = run_starts(run);
    for (size_t i = 0; i < starts && !(have && run->g[i].start >= ret->end); i++) {
        if (run->g[i].gap < GAP_GLUE || !candidate_at(text, s->done, run, i, &c))
            continue;
        if (!have || c.score > ret->score)
            *ret = c;
        have = true;
    }
    return have;
}

/* Where digits without any gap end that are too many for a card number; 0 when they are not. */
static size_t long_token_end(struct str text, const struct run *run)
{
    size_t n = 1;
    while (n < run->n && run->g[n].gap < GAP_SEP)
        n++;
    if (n <= TOKEN_MAX)
        return 0;
    size_t at = run->g[n - 1].start + run->g[n - 1].len;
    while (at < text.n) {
        struct pan_char c = pan_char_at(text, at);
        if (c.class != CLASS_DIGIT)
            break;
        at += c.len;
    }
    return at;
}

/* The next digit of any script from `at`, or text.n. */
static size_t next_digit(struct str text, size_t at)
{
    const uint8_t *p = (const uint8_t *)text.p;
    while (at < text.n) {
        if (!pan_digit_lead[p[at]]) {
            at++;
            continue;
        }
        struct pan_char c = pan_char_at(text, at);
        if (c.class == CLASS_DIGIT)
            return at;
        at += c.len;
    }
    return text.n;
}

/* Finds numbers from `at` to the end of `text`, which may be a part of s->text: what a better
 * window to its right left over is looked at as if the text ended there. So masked text, where
 * something has taken that window's place, is judged the same. Depth is at most RUN_MAX / 13. */
static void scan_range(struct scan *s, struct str text, size_t at)
{
    struct run run;
    struct candidate best = {0};
    uint8_t gap = GAP_END;
    while ((at = next_digit(text, at)) < text.n) {
        run_read(text, s->done, at, gap, &run);
        gap = GAP_END;
        size_t next = long_token_end(text, &run);
        if (next == 0 && run.n >= PAN_LEN_MIN && run_best(s, text, &run, &best)) {
            if (best.first >= PAN_LEN_MIN)
                scan_range(s, (struct str){text.p, best.start}, run.g[0].start);
            scan_emit(s, text, &best);
            next = s->done;
        } else if (next == 0 && run.cut) {
            next = run.g[run_starts(&run)].start;
            gap = run.g[run_starts(&run)].gap;
        } else if (next == 0) {
            next = run.end;
        }
        at = next > at ? next : at + 1;
    }
}

void pan_scan(struct str text, size_t from, const struct sink *sink)
{
    struct scan s = {.text = text, .from = from, .done = from, .beside = from, .sink = sink};
    scan_range(&s, text, from);
    scan_beside(&s, text.n, false);
}

struct found {
    struct pan_span *spans;
    size_t max, n;
};

static void found_add(void *state, const struct pan_span *span)
{
    struct found *f = state;
    if (f->n < f->max)
        f->spans[f->n] = *span;
    f->n++;
}

size_t pan_find(struct str text, struct pan_span *spans, size_t max)
{
    struct found f = {spans, max, 0};
    struct sink sink = {found_add, &f};
    pan_scan(text, 0, &sink);
    return f.n;
}

const char *pan_kind_name(enum pan_kind kind)
{
    static const char *const names[] = {"pan", "track", "cvv", "expiry"};
    return names[kind];
}
