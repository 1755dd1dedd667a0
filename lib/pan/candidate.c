/* Judges one window of a run: is it a card number, and how sure are we?
 *
 * The rule not to break: a window is issuer range + length + Luhn first, appearance and context
 * only decide between those; the one exception is an explicit card label (rule "label"). */
#include "pan/pan_int.h"

#define ACCEPT          50
#define LABEL_VALUE_MIN 5 /* digits: as many before a number are what the label before names */

enum shape { SHAPE_OTHER, SHAPE_UNEVEN, SHAPE_HALVES, SHAPE_SOLID, SHAPE_BOXES, SHAPE_CANONICAL };

static const struct {
    int score;
    const char *rule;
} shapes[] = {
    [SHAPE_OTHER] = {-5, "context"}, [SHAPE_UNEVEN] = {25, "context"},
    [SHAPE_HALVES] = {45, "halves"}, [SHAPE_SOLID] = {60, "solid"},
    [SHAPE_BOXES] = {65, "boxes"},   [SHAPE_CANONICAL] = {85, "canonical"},
};

/* Groupings printed on cards and made by people who copy them. */
static const char *const canonical[] = {"4444",  "465",   "464",  "44443", "4441", "4442", "4443",
                                        "44441", "44442", "4333", "544",   "4555", "66"};
static const char *const halves[] = {"88",  "4C",  "C4",  "6A",   "A6",  "6D", "445",
                                     "448", "844", "484", "8443", "4A5", "8A"};

/* Writes the lengths of the groups of g[s..e) that gaps from `apart` on make, as one character
 * each: 1-9, A-J for 10-19. */
static size_t groups_of(const struct run *run, size_t s, size_t e, enum gap apart,
                        char ret[PAN_LEN_MAX + 1])
{
    size_t n = 0, len = 0;
    for (size_t i = s; i < e; i++) {
        if (i > s && run->g[i].gap >= apart) {
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

static bool is_canonical(const char *groups)
{
    return is_one_of(groups, canonical, sizeof(canonical) / sizeof(canonical[0]));
}

/* One digit a box: the wider gaps set them in groups as on a card, or they all end together. */
static bool is_boxes(const struct run *run, size_t s, size_t e)
{
    char groups[PAN_LEN_MAX + 2];
    enum gap widest = GAP_NONE;
    for (size_t i = s + 1; i < e; i++)
        widest = run_gap(run, i) > widest ? run_gap(run, i) : widest;
    if (widest == GAP_WIDE && groups_of(run, s, e, GAP_WIDE, groups) > 1 && is_canonical(groups))
        return true;
    return run_gap(run, s) > widest && run_gap(run, e) > widest;
}

/* The separator before glyph `i`, when it is one ASCII character; else 0. */
static char separator(struct str text, const struct run *run, size_t i)
{
    const struct glyph *before = &run->g[i - 1];
    size_t end = before->start + before->len;
    return run->g[i].start == end + 1 ? text.p[end] : '\0';
}

/* Thousands: a group of one to three digits, then threes, parted by one sign throughout. */
static bool is_amount(struct str text, const struct run *run, size_t s, size_t e)
{
    size_t first = (e - s) % 3 == 0 ? 3 : (e - s) % 3;
    char sign = separator(text, run, s + first);
    for (size_t i = s + 1; i < e; i++) {
        bool parted = run->g[i].gap >= GAP_SEP;
        if (parted != ((i - s - first) % 3 == 0 && i >= s + first))
            return false;
        if (parted && (sign == '\0' || separator(text, run, i) != sign))
            return false;
    }
    return true;
}

/* Dates: 2-2-4 or 4-2-2 somewhere, parted by the same '/', '-' or '.', is day, month and year. */
static bool has_date(struct str text, const struct run *run, size_t s, size_t e)
{
    size_t at[4] = {s, s, s, s}; /* starts of the last groups */
    for (size_t i = s + 1; i <= e; i++) {
        if (i < e && run->g[i].gap < GAP_SEP)
            continue;
        size_t a = at[1], b = at[2], c = at[3];
        bool forms =
            (b - a == 2 && c - b == 2 && i - c == 4) || (b - a == 4 && c - b == 2 && i - c == 2);
        if (forms) {
            char one = separator(text, run, b), two = separator(text, run, c);
            if (one == two && (one == '/' || one == '-' || one == '.'))
                return true;
        }
        memmove(at, at + 1, 3 * sizeof(at[0]));
        at[3] = i;
    }
    return false;
}

/* Groups parted by an x: measures, unless words say otherwise. */
static bool has_cross(struct str text, const struct run *run, size_t s, size_t e)
{
    for (size_t i = s + 1; i < e; i++) {
        if (run->g[i].gap >= GAP_SEP && (separator(text, run, i) | 0x20) == 'x')
            return true;
    }
    return false;
}

static enum shape shape_of(struct str text, const struct run *run, size_t s, size_t e)
{
    char groups[PAN_LEN_MAX + 2];
    size_t n = groups_of(run, s, e, GAP_SEP, groups);
    if (n == 1)
        return SHAPE_SOLID;
    if (has_cross(text, run, s, e))
        return SHAPE_UNEVEN;
    if (n == e - s)
        return is_boxes(run, s, e) ? SHAPE_BOXES : SHAPE_UNEVEN;
    if (is_canonical(groups))
        return SHAPE_CANONICAL;
    if (is_one_of(groups, halves, sizeof(halves) / sizeof(halves[0])))
        return SHAPE_HALVES;
    if (has_date(text, run, s, e) || is_amount(text, run, s, e))
        return SHAPE_OTHER;
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

/* Two numbers of eight digits: the middle is parted by more than the quarters are. */
static bool is_pair(struct str text, const struct run *run, size_t s, size_t e)
{
    if (e - s != 16 || run->g[s + 8].gap < GAP_SEP)
        return false;
    char one = separator(text, run, s + 4), two = separator(text, run, s + 12);
    return one == two && separator(text, run, s + 8) != one;
}

/* The groups go on in the same way beyond the window: a longer number of another kind. */
static bool goes_on(const struct run *run, const struct candidate *c)
{
    bool left = c->first >= 4 && run->g[c->first].gap == GAP_SEP;
    bool right = c->last + 2 <= run->n && run_gap(run, c->last) == GAP_SEP;
    return left || right;
}

/* The digits right before the window, up to a separator, and where they start. */
static size_t group_before(const struct run *run, size_t first)
{
    size_t at = first;
    while (at > 0 && (at == first || run->g[at].gap < GAP_SEP))
        at--;
    return first - at;
}

/* The other label before has its value already: "MRN 30535093 4111 1111 1111 1111". */
static bool label_is_spent(const struct run *run, const struct candidate *c, enum shape shape)
{
    if (c->first < LABEL_VALUE_MIN || run->g[c->first].gap < GAP_SEP)
        return false;
    size_t before = group_before(run, c->first);
    return shape == SHAPE_CANONICAL ? before != 4 : shape == SHAPE_SOLID && before > 4;
}

/* What the words before say; a card's name behind the number, or a value of its own, takes its say
 * from the name of another number. */
static int words_score(struct str text, const struct run *run, const struct candidate *c,
                       enum shape shape, struct context *ctx)
{
    int score = 0;
    bool whole = run->g[c->first].gap == GAP_END && run_gap(run, c->last) == GAP_END;
    if (ctx->other && (label_is_spent(run, c, shape) || context_card_after(text, c->end)))
        ctx->other = ctx->owned = false;
    if (ctx->card)
        score += !ctx->label ? 30 : whole ? 70 : 40;
    if (ctx->phone && (c->last - c->first < 15 || shape <= SHAPE_HALVES))
        score -= 25;
    if (ctx->phone && is_pair(text, run, c->first, c->last))
        score -= 40;
    if (ctx->other)
        score -= ctx->owned || goes_on(run, c) ? 40 : 25;
    return score;
}

static int context_score(struct str text, size_t from, const struct run *run,
                         const struct candidate *c, enum shape shape, struct context *ctx)
{
    context_before(text, from, c->start, ctx);
    int score = words_score(text, run, c, shape, ctx);
    if (ctx->track || track_follows(text, c->end))
        score += 30;
    if (!ctx->other && !ctx->card && (c->first > 0 || goes_on(run, c)) &&
        context_is_iban(text, from, c->start))
        score -= 40;
    if (ctx->amount && shape != SHAPE_CANONICAL)
        score -= 40;
    bool follows = context_after(text, c->end) || context_date_after(text, c->end);
    if (shape > SHAPE_UNEVEN && !ctx->other && follows)
        score += 15;
    else if (shape == SHAPE_SOLID && ctx->unknown && !context_card_after(text, c->end))
        score -= 25;
    return score;
}

/* True when digits go on soon after `e` without a separator. */
static bool cuts_token(const struct run *run, size_t e)
{
    for (size_t i = e; i < run->n && i < e + 4 && run->g[i].gap < GAP_SEP; i++) {
        if (!run->g[i].letter)
            return true;
    }
    return false;
}

/* Scores the window when it has issuer range, length and Luhn; -1 when it is no card number. */
static int window_score(struct str text, size_t from, const struct run *run, struct candidate *c,
                        enum pan_brand brand)
{
    size_t letters, len = c->last - c->first;
    if (!letters_are_few(run, c->first, c->last, &letters) ||
        !edges_are_clean(run, c->first, c->last))
        return -1;
    enum shape shape = shape_of(text, run, c->first, c->last);
    struct context ctx;
    int score = shapes[shape].score - 3 * (int)letters;
    c->rule = letters > 0 ? "confused" : shapes[shape].rule;
    if (run->g[c->first].gap == GAP_GLUE)
        score -= 3;
    if (run_gap(run, c->last) == GAP_GLUE && !(c->last < run->n && run->g[c->last].twin))
        score -= 3 + 10 * cuts_token(run, c->last);
    bool usual = brand == BRAND_AMEX || len == 16;
    if (!usual && shape != SHAPE_CANONICAL && shape != SHAPE_BOXES)
        score -= 4;
    score += context_score(text, from, run, c, shape, &ctx);
    return score;
}

/* Under an explicit label a number of the right form counts although its Luhn digit fails. */
static bool labelled(struct str text, size_t from, const struct run *run, struct candidate *c,
                     enum pan_brand brand)
{
    size_t letters;
    if (run->g[c->first].gap < GAP_END && c->first > 0)
        return false;
    if (!letters_are_few(run, c->first, c->last, &letters) ||
        !edges_are_clean(run, c->first, c->last))
        return false;
    enum shape shape = shape_of(text, run, c->first, c->last);
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

/* True when the window at `ret` is to be preferred to what was found so far: the surer one; of two
 * as sure, the longer one. A number whose Luhn digit fails gives way to any that passes. */
static bool is_better(const struct candidate *c, bool labelled, const struct candidate *ret,
                      bool ret_labelled)
{
    if (labelled != ret_labelled)
        return ret_labelled;
    return c->score > ret->score || (c->score == ret->score && !labelled);
}

bool candidate_at(struct str text, size_t from, const struct run *run, size_t s,
                  struct candidate *ret)
{
    bool found = false, found_labelled = false;
    if (s + PAN_LEN_MIN > run->n)
        return false;
    unsigned head = head_of(run, s);
    for (size_t e = s + PAN_LEN_MIN; e <= s + PAN_LEN_MAX && e <= run->n; e++) {
        if (run_gap(run, e) < GAP_GLUE)
            continue;
        enum pan_brand brand = pan_brand_of(head, e - s);
        const struct glyph *last = &run->g[e - 1];
        struct candidate c = {run->g[s].start, last->start + last->len, s, e, 0, ""};
        bool passes = brand != BRAND_NONE && run_luhn(run, s, e), is_label = !passes;
        if (c.end - c.start > SPAN_MAX)
            break;
        if (passes) {
            c.score = window_score(text, from, run, &c, brand);
            if (c.score < ACCEPT)
                continue;
        } else if (s > 0 || !labelled(text, from, run, &c, brand)) {
            continue;
        }
        if (!found || is_better(&c, is_label, ret, found_labelled)) {
            *ret = c;
            found_labelled = is_label;
        }
        found = true;
    }
    return found;
}
