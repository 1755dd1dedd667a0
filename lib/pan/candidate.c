/* Judges one window of a run: is it a card number, and how sure are we?
 *
 * The rule not to break: a window is issuer range + length + Luhn first, appearance and context
 * only decide between those; the one exception is an explicit card label (rule "label"). */
#include "pan/pan_int.h"

#define ACCEPT 50

enum shape { SHAPE_UNEVEN, SHAPE_HALVES, SHAPE_SOLID, SHAPE_BOXES, SHAPE_CANONICAL };

static const struct {
    int score;
    const char *rule;
} shapes[] = {
    [SHAPE_UNEVEN] = {25, "context"},      [SHAPE_HALVES] = {45, "halves"},
    [SHAPE_SOLID] = {60, "solid"},         [SHAPE_BOXES] = {65, "boxes"},
    [SHAPE_CANONICAL] = {85, "canonical"},
};

/* Groupings printed on cards and made by people who copy them. */
static const char *const canonical[] = {"4444", "465",   "464",   "44443", "4441", "4442",
                                        "4443", "44441", "44442", "544",   "4555", "66"};
static const char *const halves[] = {"88", "4C",  "C4",  "6A",  "A6",
                                     "6D", "445", "448", "844", "484"};

/* Writes the group lengths of g[s..e) as one character each: 1-9, A-J for 10-19. */
static size_t groups_of(const struct run *run, size_t s, size_t e, char ret[PAN_LEN_MAX + 1])
{
    size_t n = 0, len = 0;
    for (size_t i = s; i < e; i++) {
        if (i > s && run->g[i].gap >= GAP_SEP) {
            ret[n++] = (char)(len < 10 ? '0' + len : 'A' + len - 10);
            len = 0;
        }
        len++;
    }
    ret[n++] = (char)(len < 10 ? '0' + len : 'A' + len - 10);
    ret[n] = '\0';
    return n;
}

static bool is_one_of(const char *groups, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(groups, list[i]) == 0)
            return true;
    }
    return false;
}

/* One digit a box. The boxes end where the gaps get wider, or are set in fours. */
static bool is_boxes(const struct run *run, size_t s, size_t e)
{
    enum gap widest = GAP_NONE;
    bool in_fours = true;
    for (size_t i = s + 1; i < e; i++) {
        enum gap gap = run_gap(run, i);
        widest = gap > widest ? gap : widest;
        in_fours = in_fours && (gap == GAP_WIDE) == ((i - s) % 4 == 0);
    }
    if (in_fours && widest == GAP_WIDE)
        return true;
    return run_gap(run, s) > widest && run_gap(run, e) > widest;
}

static enum shape shape_of(const struct run *run, size_t s, size_t e)
{
    char groups[PAN_LEN_MAX + 2];
    size_t n = groups_of(run, s, e, groups);
    if (n == 1)
        return SHAPE_SOLID;
    if (n == e - s)
        return is_boxes(run, s, e) ? SHAPE_BOXES : SHAPE_UNEVEN;
    if (is_one_of(groups, canonical, sizeof(canonical) / sizeof(canonical[0])))
        return SHAPE_CANONICAL;
    if (is_one_of(groups, halves, sizeof(halves) / sizeof(halves[0])))
        return SHAPE_HALVES;
    return SHAPE_UNEVEN;
}

static unsigned head_of(const struct run *run, size_t s)
{
    unsigned head = 0;
    for (size_t i = 0; i < 6; i++)
        head = head * 10 + run->g[s + i].digit;
    return head;
}

/* Letters read as digits: few, and none where the number ends in the middle of a word. */
static bool letters_are_few(const struct run *run, size_t s, size_t e, size_t *ret_letters)
{
    size_t letters = (size_t)run->letters[e] - run->letters[s];
    *ret_letters = letters;
    return letters * 5 <= (e - s) * 2;
}

/* A glued end is a word boundary only between a digit inside and a letter outside. */
static bool edges_are_clean(const struct run *run, size_t s, size_t e)
{
    if (run->g[s].gap == GAP_GLUE && run->g[s].letter)
        return false;
    return !(run_gap(run, e) == GAP_GLUE && run->g[e - 1].letter);
}

static int context_score(struct str text, size_t from, const struct candidate *c, enum shape shape,
                         struct context *ctx)
{
    int score = 0;
    context_before(text, from, c->start, ctx);
    if (ctx->card)
        score += 30;
    if (ctx->track)
        score += 30;
    if (ctx->other)
        score -= 25;
    if (ctx->amount)
        score -= 40;
    if (shape != SHAPE_UNEVEN && context_after(text, c->end))
        score += 15;
    return score;
}

/* Scores the window when it has issuer range, length and Luhn; -1 when it is no card number. */
static int window_score(struct str text, size_t from, const struct run *run, struct candidate *c,
                        enum pan_brand brand)
{
    size_t letters, len = c->last - c->first;
    if (!letters_are_few(run, c->first, c->last, &letters) ||
        !edges_are_clean(run, c->first, c->last))
        return -1;
    enum shape shape = shape_of(run, c->first, c->last);
    struct context ctx;
    int score = shapes[shape].score - 3 * (int)letters;
    c->rule = letters > 0 ? "confused" : shapes[shape].rule;
    if (run->g[c->first].gap == GAP_GLUE)
        score -= 5;
    if (run_gap(run, c->last) == GAP_GLUE)
        score -= 5;
    bool usual = brand == BRAND_AMEX || len == 16;
    if (!usual && shape != SHAPE_CANONICAL)
        score -= len == 14 ? 5 : 8;
    score += context_score(text, from, c, shape, &ctx);
    return score;
}

/* Under an explicit label a number of the right form counts although its Luhn digit fails. */
static bool labelled(struct str text, size_t from, const struct run *run, struct candidate *c,
                     enum pan_brand brand)
{
    size_t letters;
    if (run->g[c->first].gap < GAP_END && c->first > 0)
        return false;
    if (!letters_are_few(run, c->first, c->last, &letters))
        return false;
    enum shape shape = shape_of(run, c->first, c->last);
    bool whole = run_gap(run, c->last) >= GAP_END;
    if (brand == BRAND_NONE && shape != SHAPE_CANONICAL)
        return false;
    if (shape != SHAPE_CANONICAL && shape != SHAPE_SOLID && !whole)
        return false;
    struct context ctx;
    context_before(text, from, c->start, &ctx);
    c->rule = "label";
    c->score = ACCEPT + (shape == SHAPE_CANONICAL) + whole;
    return ctx.label;
}

bool candidate_at(struct str text, size_t from, const struct run *run, size_t s,
                  struct candidate *ret)
{
    bool found = false;
    if (s + PAN_LEN_MIN > run->n)
        return false;
    unsigned head = head_of(run, s);
    for (size_t e = s + PAN_LEN_MIN; e <= s + PAN_LEN_MAX && e <= run->n; e++) {
        if (run_gap(run, e) < GAP_GLUE)
            continue;
        enum pan_brand brand = pan_brand_of(head, e - s);
        const struct glyph *last = &run->g[e - 1];
        struct candidate c = {run->g[s].start, last->start + last->len, s, e, 0, ""};
        if (brand != BRAND_NONE && run_luhn(run, s, e)) {
            c.score = window_score(text, from, run, &c, brand);
            if (c.score < ACCEPT)
                continue;
        } else if (s > 0 || !labelled(text, from, run, &c, brand)) {
            continue;
        }
        if (!found || c.score > ret->score)
            *ret = c;
        found = true;
    }
    return found;
}
