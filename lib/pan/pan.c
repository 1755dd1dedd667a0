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
    struct run run;
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

static void scan_emit(struct scan *s, const struct candidate *c)
{
    struct pan_span span = {c->start, c->end, PAN_CARD, c->rule};
    track_extend(s->text, s->done > s->from ? s->done : s->from, &span);
    scan_beside(s, span.start, true);
    s->sink->span(s->sink->state, &span);
    s->any = true;
    s->done = s->beside = span.end;
}

/* A window may start where a group starts. */
static bool may_start(const struct run *run, size_t i)
{
    return run->g[i].gap >= GAP_GLUE;
}

/* Emits the best windows of the run; returns where the scan goes on. */
static size_t scan_run(struct scan *s)
{
    const struct run *run = &s->run;
    struct candidate best = {0};
    bool have = false;
    size_t starts = run->cut ? run->n - RUN_OVERLAP : run->n;
    size_t i = 0;
    if (run->masked) {
        for (i = 1; i < run->n && run->g[i].gap < GAP_SEP;)
            i++;
    }
    for (; i < starts; i++) {
        struct candidate c;
        if (have && run->g[i].start >= best.end) {
            scan_emit(s, &best);
            have = false;
        }
        if (!may_start(run, i) || !candidate_at(s->text, s->from, run, i, &c))
            continue;
        if (!have || c.score > best.score)
            best = c;
        have = true;
    }
    if (have)
        scan_emit(s, &best);
    size_t next = run->cut ? run->g[starts].start : run->end;
    return next > s->done ? next : s->done;
}

/* Steps over digits without any gap that are too many for a card number. */
static size_t skip_long_token(struct scan *s)
{
    const struct run *run = &s->run;
    size_t n = 1;
    while (n < run->n && run->g[n].gap < GAP_SEP)
        n++;
    if (n <= TOKEN_MAX)
        return 0;
    size_t at = run->g[n - 1].start + run->g[n - 1].len;
    while (at < s->text.n) {
        struct pan_char c = pan_char_at(s->text, at);
        if (c.class != CLASS_DIGIT)
            break;
        at += c.len;
    }
    return at;
}

void pan_scan(struct str text, size_t from, const struct sink *sink)
{
    struct scan s;
    s.text = text;
    s.from = from;
    s.done = s.beside = from;
    s.any = false;
    s.sink = sink;
    const uint8_t *p = (const uint8_t *)text.p;
    size_t at = from;
    while (at < text.n) {
        if (!pan_digit_lead[p[at]]) {
            at++;
            continue;
        }
        struct pan_char c = pan_char_at(text, at);
        if (c.class != CLASS_DIGIT) {
            at += c.len;
            continue;
        }
        run_read(text, s.done, at, &s.run);
        size_t skip = skip_long_token(&s);
        size_t next = skip > 0 ? skip : s.run.n >= PAN_LEN_MIN ? scan_run(&s) : s.run.end;
        at = next > at ? next : at + c.len;
    }
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
