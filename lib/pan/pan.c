/* The finder: walks the text, gathers runs, keeps the best of overlapping windows, emits spans.
 *
 * The rule not to break: every loop here moves forward; no byte is read more than a bounded number
 * of times. */
#include "pan/pan_int.h"

#define BESIDE      240 /* bytes before and after a number in which its CVV and expiry lie */
#define LEAD        8  /* bytes before `at` where a number may still start: confused letters, '%' */
#define RUN_LEAD    24 /* glyphs read again before the windows that are new */
#define RUN_OVERLAP 40 /* glyphs of a cut run read again with what follows */
#define FEW_BYTES   32 /* looked at for the end of a few digits */
#define TOKEN_MAX   64 /* glyphs: a longer solid run of digits is no card number */

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
    track_extend(text, s->wall, &span);
    scan_beside(s, span.start, true);
    s->sink->span(s->sink->state, &span);
    s->any = true;
    s->done = s->wall = s->beside = span.end;
}

/* The glyphs of a run at which a window may start. Of a cut run the last ones are read again with
 * what follows: a window there, or a better one that overlaps it, may not be complete. */
static size_t run_starts(const struct run *run)
{
    size_t n = run->n;
    while (run->cut && n > 1 && run->n - n < RUN_OVERLAP &&
           (n == run->n || run->end - run->g[n].start < (size_t)2 * SPAN_MAX))
        n--;
    return n;
}

/* The best of the windows that overlap each other, from the left. */
static bool run_best(const struct scan *s, struct str text, const struct run *run,
                     struct candidate *ret)
{
    struct candidate c;
    bool have = false;
    size_t starts = run_starts(run);
    for (size_t i = 0; i < starts && !(have && run->g[i].start >= ret->end); i++) {
        if (run->g[i].gap < GAP_GLUE || run->g[i].start < s->starts ||
            !candidate_at(text, s->wall, run, i, &c))
            continue;
        if (!have || c.score > ret->score)
            *ret = c;
        have = true;
    }
    return have;
}

/* True when the digits without any gap at the start are too many for a card number. */
static bool is_long_token(const struct run *run)
{
    size_t n = 1;
    while (n < run->n && run->g[n].gap < GAP_SEP)
        n++;
    return n > TOKEN_MAX;
}

/* True when no escape with digits in it can begin with these two characters. */
static bool is_no_escape(uint8_t c, uint8_t next)
{
    bool hex = (next >= '0' && next <= '9') || ((next | 0x20) >= 'a' && (next | 0x20) <= 'f');
    return (c == '%' && !hex) || (c == '&' && next != '#') ||
           (c == '\\' && next != 'u' && next != 'x');
}

/* Where the few digits at `at`, in plain ASCII, end in sight: too few for a number. Else 0. Only
 * saves the reading of a run, and most digits in prose are such. */
static size_t few_digits_end(struct str text, size_t at)
{
    const uint8_t *p = (const uint8_t *)text.p;
    size_t n = 0, end = text.n - at > FEW_BYTES ? at + FEW_BYTES : text.n;
    for (size_t i = at; i + 1 < end; i++) {
        unsigned class = p[i] < 0x80 ? pan_ascii[p[i]] >> 4 : CLASS_ESCAPE;
        bool cross = (p[i] | 0x20) == 'x' && p[i + 1] >= '0' && p[i + 1] <= '9';
        bool over =
            (class == CLASS_OTHER && !cross) || ((p[i] == '%' || p[i] == '&') && p[i + 1] == ' ');
        if (over)
            return n + LEAD_MAX < PAN_LEN_MIN ? i : 0;
        if (class == CLASS_ESCAPE || class == CLASS_STAR)
            return 0;
        n += class <= CLASS_LETTER;
    }
    return 0;
}

/* The next digit of any script from `at`, or where `limit` was passed. */
static size_t next_digit(struct str text, size_t at, size_t limit)
{
    const uint8_t *p = (const uint8_t *)text.p;
    while (at < limit) {
        if (!pan_digit_lead[p[at]] || (at + 1 < text.n && is_no_escape(p[at], p[at + 1]))) {
            at++;
            continue;
        }
        struct pan_char c = pan_char_at(text, at);
        if (c.class == CLASS_DIGIT)
            return at;
        at += c.len;
    }
    return at;
}

/* The next digit when only characters without width stand between, else `at`. */
static size_t over_no_width(struct str text, size_t at)
{
    size_t pos = at;
    for (size_t i = 0; i <= NONE_MAX && pos < text.n; i++) {
        struct pan_char c = pan_char_at(text, pos);
        if (c.class == CLASS_DIGIT)
            return pos;
        if (c.class != CLASS_NONE)
            break;
        pos += c.len;
    }
    return at;
}

/* Steps over the digits and letters of a token too long to be a number. */
static void scan_skip(struct scan *s, struct str text, size_t limit)
{
    while (s->skip && s->at < limit) {
        struct pan_char c = pan_char_at(text, s->at);
        bool over = c.class == CLASS_DIGIT || (c.class == CLASS_LETTER && text.p[s->at] != '|');
        size_t next = over ? s->at + c.len : over_no_width(text, s->at);
        s->skip = next != s->at;
        s->at = next;
    }
}

/* True when the digits at `at` are what a mask left of a number: stars as it writes them and four
 * digits, no more. */
static bool is_masked(struct str text, size_t wall, size_t at)
{
    size_t stars = 0, digits = 0;
    if (at == wall || text.p[at - 1] != '*')
        return false;
    while (stars < MASK_STARS_MIN && at - stars > wall && text.p[at - stars - 1] == '*')
        stars++;
    while (digits < 5 && at + digits < text.n &&
           pan_char_at(text, at + digits).class == CLASS_DIGIT)
        digits++;
    return stars == MASK_STARS_MIN && digits == 4;
}

static void scan_range(struct scan *s, struct str text, size_t limit, struct run *run);

/* Emits the number found, and one written behind it without a gap. What is left over on the left
 * is looked at as if the text ended there: so masked text, where stars have taken the number's
 * place, is judged the same. Each level takes at least PAN_LEN_MIN of at most RUN_BYTES away. */
static void scan_found(struct scan *s, struct str text, struct run *run, struct candidate best)
{
    size_t begin = run->g[0].start, twin_end = best.last < run->n && run->g[best.last].twin
                                                   ? twin_length(run, best.last)
                                                   : 0;
    struct candidate twin = {0};
    if (twin_end > 0) {
        const struct glyph *last = &run->g[best.last + twin_end - 1];
        twin =
            (struct candidate){.start = best.end, .end = last->start + last->len, .rule = "solid"};
    }
    if (best.start - begin >= PAN_LEN_MIN) {
        s->at = begin;
        scan_range(s, (struct str){text.p, best.start}, best.start, run);
    }
    scan_emit(s, text, &best);
    if (twin_end > 0 && s->done == twin.start)
        scan_emit(s, text, &twin);
    s->at = s->done;
    s->skip = false;
    s->gap = GAP_END;
}

/* Where no number was found a labelled code or date parts the run: what stands before it is looked
 * at as if the text ended there, and a run of its own begins behind it. False: there is none. */
static bool scan_parts(struct scan *s, struct str text, struct run *run)
{
    size_t start, end, begin = run->g[0].start;
    if (!beside_in(text, s->wall, run, &start, &end) || end <= s->at)
        return false;
    if (start > begin && start - begin >= PAN_LEN_MIN) {
        s->at = begin;
        scan_range(s, (struct str){text.p, start}, start, run);
    }
    s->at = s->fence = end;
    return true;
}

/* Goes on in a cut run, with glyphs before the first new window: so where the cut lies does not
 * change how that window is judged. */
static void scan_further(struct scan *s, const struct run *run)
{
    size_t n = run_starts(run), lead = n / 2 < RUN_LEAD ? n / 2 : RUN_LEAD;
    s->starts = run->g[n].start;
    s->at = run->g[n - lead].start;
    s->gap = run->g[n - lead].gap;
}

/* Finds numbers that start before `limit`. */
static void scan_range(struct scan *s, struct str text, size_t limit, struct run *run)
{
    struct candidate best = {0};
    for (;;) {
        scan_skip(s, text, limit);
        if (s->at >= limit || (s->at = next_digit(text, s->at, limit)) >= limit)
            return;
        size_t at = s->at, few = s->gap == GAP_END ? few_digits_end(text, at) : 0;
        if (s->gap == GAP_END && is_masked(text, s->wall, at)) {
            s->at = s->wall = at + 4;
            continue;
        }
        if (few > 0) {
            s->at = few;
            continue;
        }
        run_read(text, s->wall > s->fence ? s->wall : s->fence, at, s->gap, run);
        s->gap = GAP_END;
        s->skip = is_long_token(run);
        if (s->skip) {
            s->at = at;
        } else if (run->n >= PAN_LEN_MIN && run_best(s, text, run, &best)) {
            scan_found(s, text, run, best);
        } else if (run->n >= PAN_LEN_MIN && scan_parts(s, text, run)) {
            continue;
        } else if (run->cut) {
            scan_further(s, run);
        } else {
            s->at = run->end > at ? run->end : at + 1;
        }
    }
}

void scan_to(struct scan *s, size_t limit)
{
    struct run run;
    scan_range(s, s->text, limit, &run);
    if (s->any && s->at > s->done + BESIDE + LEAD && s->beside < s->done + BESIDE)
        scan_beside(s, s->at, false);
}

size_t scan_decided(const struct scan *s)
{
    size_t pending = s->at > BESIDE + LEAD ? s->at - BESIDE - LEAD : 0;
    return pending > s->done ? pending : s->done;
}

void scan_end(struct scan *s)
{
    struct run run;
    scan_range(s, s->text, s->text.n, &run);
    scan_beside(s, s->text.n, false);
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
    struct scan scan = SCAN_NEW(text, &sink);
    scan_end(&scan);
    return f.n;
}

const char *pan_kind_name(enum pan_kind kind)
{
    static const char *const names[] = {"pan", "track", "cvv", "expiry"};
    return names[kind];
}

const char *const pan_rules[] = {"canonical", "solid", "boxes",  "halves", "context", "confused",
                                 "label",     "after", "track1", "track2", NULL};
