/* Label -> value by geometry: the three places a value may stand, the form's habit, and a second
 * reading of the value alone.
 *
 * The rule not to break: a region with no ink is an empty value; nothing is taken from elsewhere.
 */
#include "formread/values.h"

#include "formread/reread.h"
#include "formread/text.h"
#include "formread/writing.h"

#define COLUMNS_MAX  64
#define GROW_MOST    6 /* steps of one and a half letters */
#define READ_WELL    0.6
#define OTHERS_HABIT 0.15 /* of a label: less than writing at a place says for it */

struct candidate {
    struct rect region;
    struct rect words; /* around the page words inside; w 0 when none */
    struct str text;
    double conf, fit;
    int xs[COLUMNS_MAX]; /* dividers of a comb */
    int cells;           /* > 0: a comb */
    bool written;        /* ink, but no words */
    bool any_word;       /* also words that were taken for labels */
};

static int right_of(struct rect r)
{
    return r.x + r.w;
}

static int bottom_of(struct rect r)
{
    return r.y + r.h;
}

static bool rows_meet(struct rect a, struct rect b)
{
    int middle = b.y + b.h / 2;
    return middle > a.y && middle < bottom_of(a);
}

/* Left edge of the next label on the same band, or the page's edge. */
static int next_label_x(const struct page *page, const struct label *labels, int n, int self,
                        struct rect band)
{
    int x = pixGetWidth(page->grey) - page->em;
    for (int i = 0; i < n; i++)
        if (i != self && rows_meet(band, labels[i].r) &&
            labels[i].r.x >= right_of(labels[self].r) && labels[i].r.x - page->em / 4 < x)
            x = labels[i].r.x - page->em / 4;
    return x;
}

/* Free words inside the region, joined; fills text, words and conf. */
static void words_inside(const struct reading *rd, const struct page *page,
                         const struct lines *lines, struct candidate *c)
{
    struct buf text = BUF_MAX(2000);
    double sum = 0, weight = 0;
    for (int i = 0; i < lines->words; i++) {
        const struct word *w = &page->words[lines->order[i]];
        if ((w->owner != 0 && !c->any_word) || !rect_has_centre(c->region, w->r))
            continue;
        if ((w->folded.n == 0 && w->conf < 0.6) || (w->folded.n == 1 && w->conf < 0.3))
            continue;
        if (text.len > 0)
            buf_add_c(&text, ' ');
        buf_add_str(&text, w->text);
        c->words = rect_join(c->words, w->r);
        double letters = (double)w->text.n;
        sum += w->conf * letters;
        weight += letters;
    }
    c->text = arena_str(rd->arena, buf_str(&text));
    c->conf = weight > 0 ? sum / weight : 0;
    buf_free(&text);
}

/* A region cut by vertical rules: a comb, or one cell: the one over `anchor`, or (anchor < 0) the
 * first that holds something. */
static void columns_apply(const struct page *page, struct candidate *c, int anchor)
{
    c->cells = rule_columns(page, c->region, c->xs, COLUMNS_MAX);
    bool comb = comb_is(c->xs, c->cells, page->em);
    if (comb && anchor >= 0 && c->xs[0] > anchor + page->em * 2) { /* another field's cells */
        c->region.w = c->xs[0] - c->region.x - 2;
        c->cells = 0;
        return;
    }
    if (comb) {
        c->region.x = c->xs[0] - 2;
        c->region.w = c->xs[c->cells - 1] + 2 - c->region.x;
        return;
    }
    int n = c->cells, left = c->region.x, end = right_of(c->region);
    c->cells = 0;
    for (int i = 0; i <= n; i++) {
        int right = i < n ? c->xs[i] - 2 : end;
        struct rect piece = {left, c->region.y, right - left, c->region.h};
        bool wanted = anchor >= 0 ? anchor < right
                                  : i == n || i == 1 || ink_bounds(page, piece).h * 3 > page->em;
        if (piece.w > page->em / 2 && wanted) {
            c->region = piece;
            return;
        }
        left = right + 4;
    }
}

/* First row at or after `from` (stepping `step`) where a ruled line crosses the region, else `to`.
 */
static int ruled_row(const struct page *page, struct rect region, int from, int to, int step)
{
    for (int y = from; step > 0 ? y < to : y > to; y += step) {
        struct rect slab = {region.x, step > 0 ? y : y + step, region.w, page->em / 3};
        if (rule_in(page->hrules, slab, 0.7))
            return step > 0 ? y : y + page->em / 3 + step;
    }
    return to;
}

static void right_region(const struct page *page, const struct label *labels, int n, int self,
                         struct candidate *c)
{
    struct rect r = labels[self].r;
    int em = page->em;
    struct rect band = {r.x, r.y - em / 3, r.w, r.h + em * 2 / 3};
    int x0 = right_of(r) + em / 6, x1 = next_label_x(page, labels, n, self, band);
    c->region = (struct rect){x0, band.y, x1 - x0, band.h};
    if (c->region.w <= em / 2)
        return;
    struct rect whole = c->region;
    columns_apply(page, c, -1);
    struct rect between = {whole.x, whole.y + em / 4, c->region.x - whole.x, whole.h - em / 2};
    if (c->cells > 0 && between.w > em && /* cells further along are another field's */
        (between.w > em * 3 || ink_bounds(page, between).h * 2 > em)) {
        c->region = between;
        c->cells = 0;
    }
}

/* Cuts the region at the first ruled line with ink before it: a line straight under a label (a
 * table's header, a heading's underline) is passed over. */
static void rules_cut(const struct page *page, struct rect label, bool below, struct candidate *c)
{
    int em = page->em, y0 = c->region.y, y1 = bottom_of(c->region);
    int width = label.w < em * 3 ? em * 3 : label.w;
    struct rect probe = {label.x, 0, width < c->region.w ? width : c->region.w, 0};
    for (int tries = 0; tries < 3; tries++) {
        int rule = below ? ruled_row(page, probe, y0, y1, em / 4)
                         : ruled_row(page, probe, y1, y0, -em / 4);
        struct rect piece = {c->region.x, below ? y0 : rule, c->region.w,
                             below ? rule - y0 : y1 - rule};
        piece.h -= em / 6;
        bool last = rule == (below ? y1 : y0);
        if (last || (piece.h > em / 2 && ink_bounds(page, piece).h * 2 > em)) {
            y0 = below ? y0 : rule;
            y1 = below ? rule : y1;
            break;
        }
        if (below)
            y0 = rule + em / 3;
        else
            y1 = rule - em / 6;
    }
    c->region.y = y0;
    c->region.h = y1 - y0;
}

/* The part of the page under (or over) a label that belongs to its column. */
static void column_region(const struct page *page, const struct label *labels, int n, int self,
                          bool below, int depth, struct candidate *c)
{
    struct rect r = labels[self].r;
    int em = page->em;
    int x0 = r.x - em * 2 / 3, x1 = next_label_x(page, labels, n, self, r);
    int y0 = below ? bottom_of(r) + 1 : r.y - depth, y1 = below ? y0 + depth : r.y - 1;
    for (int i = 0; i < n; i++) {
        struct rect o = labels[i].r;
        if (i == self || right_of(o) < x0 || o.x > x1)
            continue;
        if (below && o.y > r.y + r.h / 2 && o.y - 2 < y1)
            y1 = o.y - 2;
        if (!below && bottom_of(o) < r.y + r.h / 2 && bottom_of(o) + 1 > y0)
            y0 = bottom_of(o) + 1;
    }
    c->region = (struct rect){x0 < 0 ? 0 : x0, y0, x1 - x0, y1 - y0};
    if (c->region.h < em * 2 / 3 || c->region.w < em / 2)
        return;
    c->region.w -= 1;
    rules_cut(page, r, below, c);
    columns_apply(page, c, r.x + (r.w < em ? r.w : em) / 2);
}

/* A label stands on the rows of `r`: what is written there is its value. */
static bool row_is_labelled(const struct page *page, const struct label *labels, int n,
                            struct rect r)
{
    int em = page->em;
    struct rect rows = {r.x, r.y - em / 2, r.w, r.h + em};
    for (int i = 0; i < n; i++) {
        struct rect o = labels[i].r;
        if (rows_meet(rows, o) && o.x < right_of(r) && right_of(o) > r.x - 40 * em && o.y != 0)
            return true;
    }
    return false;
}

/* A value that goes on in the line above or below, at the same left edge, with nothing between. */
static void region_grow(const struct page *page, const struct label *labels, int n,
                        struct candidate *c)
{
    int em = page->em;
    struct rect first = c->words;
    for (int side = 0; side < 2 && first.w > 0; side++) {
        struct rect more = {c->region.x, side ? bottom_of(c->region) : c->region.y - em * 5 / 4,
                            c->region.w, em * 5 / 4};
        struct rect check = {first.x, more.y, first.w, more.h}, found = {0};
        if (rule_in(page->hrules, check, 0.5))
            continue;
        for (size_t w = 0; w < page->count; w++)
            if (page->words[w].owner == 0 && page->words[w].folded.n > 1 &&
                rect_has_centre(more, page->words[w].r))
                found = rect_join(found, page->words[w].r);
        if (found.w > 0 && found.x > first.x - em && found.x < first.x + em &&
            !row_is_labelled(page, labels, n, found))
            c->region = rect_join(c->region, found);
    }
}

/* The words found go on beyond the region, as a sentence or a heading does; a value does not. */
static bool runs_on(const struct page *page, const struct candidate *c)
{
    int reach = page->em * 2 / 3;
    struct rect row = {c->words.x - reach, c->words.y, c->words.w + 2 * reach, c->words.h};
    for (size_t i = 0; i < page->count; i++) {
        struct rect r = page->words[i].r;
        if (page->words[i].folded.n > 0 && !rect_has_centre(c->region, r) && rows_meet(row, r) &&
            r.h > page->em / 3 && rect_meet(row, r).w > 0)
            return true;
    }
    return false;
}

static void candidate_find(const struct reading *rd, const struct page *page,
                           const struct lines *lines, const struct label *labels, int n, int self,
                           enum direction direction, struct candidate *c)
{
    enum field field = (enum field)labels[self].means;
    bool long_text = field_group(field) == GROUP_TEXT;
    *c = (struct candidate){0};
    if (direction == RIGHT)
        right_region(page, labels, n, self, c);
    else
        column_region(page, labels, n, self, direction == BELOW,
                      long_text ? page->em * 6 : page->em * 3, c);
    if (c->region.w < page->em / 2 || c->region.h < page->em / 2) {
        c->region.w = 0;
        return;
    }
    words_inside(rd, page, lines, c);
    if (direction == RIGHT && c->cells == 0 && !field_is_number(field)) {
        region_grow(page, labels, n, c);
        c->words = (struct rect){0};
        words_inside(rd, page, lines, c);
    }
    if (c->text.n == 0 && c->cells == 0) {            /* writing that was not seen as words */
        bool card = field_group(field) == GROUP_CARD; /* there, faint ink counts too */
        struct rect ink =
            card ? writing_bounds(page, c->region, (struct rect){0}) : ink_bounds(page, c->region);
        c->written = ink.h * 2 > page->em && ink.w * 4 > page->em;
    }
    struct str normal;
    c->fit = field_normal(rd->arena, field, c->text, rd->order, &normal);
    bool vital = field_group(field) == GROUP_VITALS;
    if (vital && direction != RIGHT && c->words.w > 0 && runs_on(page, c))
        c->fit = 0;
    size_t digits = text_digits(rd->arena, c->text, false).n;
    if (long_text && digits >= 12 && digits * 5 >= text_fold(rd->arena, c->text).n * 2)
        c->fit *= 0.3; /* "charge my card 4111..." and nothing else */
}

/* How telling a fitting text is: a date is found by chance less often than some words. */
static double weight_of(enum field field)
{
    switch (field) {
    case FIELD_DATE_OF_BIRTH:
    case FIELD_BLOOD_PRESSURE:
    case FIELD_PHONE:
    case FIELD_NATIONAL_ID:
    case FIELD_TEMPERATURE:
    case FIELD_CARD_NUMBER:
        return 1;
    case FIELD_INSURANCE_ID:
    case FIELD_SPO2:
    case FIELD_CONSCIOUSNESS:
        return 0.7;
    case FIELD_HEART_RATE:
    case FIELD_RESPIRATORY_RATE:
    case FIELD_FULL_NAME:
        return 0.5;
    default:
        return 0.3;
    }
}

static double candidate_score(const struct label *label, const struct candidate *all,
                              enum direction direction, const double *habit)
{
    const struct candidate *c = &all[direction];
    if (c->region.w <= 0)
        return -1;
    bool something = c->text.n > 0 || c->cells > 0 || c->written;
    bool beside = all[RIGHT].region.w > 0 && all[RIGHT].text.n > 0 && all[RIGHT].conf >= READ_WELL;
    double score = c->fit * weight_of((enum field)label->means) + (something ? 0.2 : 0);
    score += c->cells > 0 && direction != ABOVE ? 0.9 : 0;
    score += 0.8 * habit[direction];
    if (direction == RIGHT && label->colon)
        score += 0.6;
    if (direction == BELOW && label->heading && !label->colon && something && !beside)
        score += 0.8; /* a heading has its text under it, unless it goes on in its own line */
    return score;
}

/* ---- the second reading ---------------------------------------------------------------------- */

static void value_read_again(const struct reading *rd, const struct page *page,
                             const struct candidate *c, struct value *v)
{
    CLEANUP(pix_free)
    PIX *crop = c->cells > 0 ? comb_strip(page, c->region, c->xs, c->cells) : crop_make(page, v->r);
    if (crop == NULL)
        return;
    value_reread(rd, crop, c->cells == 0 && v->r.h > page->em * 9 / 5, v);
}

/* `near` grown to the sides within `region` while its ink is cut off there: letters that Tesseract
 * left out before or after the words it read. */
static struct rect words_grow(const struct page *page, struct rect near, struct rect region)
{
    int step = page->em * 3 / 2;
    for (int side = 0; side < 2; side++) {
        for (int tries = 0; tries < GROW_MOST; tries++) {
            int edge = side ? right_of(near) : near.x;
            struct rect slice = {side ? edge - 3 : edge, near.y, 3, near.h};
            struct rect more = {side ? edge : edge - step, near.y, step, near.h};
            more = rect_meet(more, region);
            if (more.w <= 0 || ink_bounds(page, slice).w < 2 ||
                ink_bounds(page, rect_join(slice, more)).h * 2 < page->em)
                break;
            near = rect_join(near, more);
        }
    }
    return near;
}

/* Ink inside the chosen region; specks are not ink, and ink far from the words is not theirs. */
static struct rect value_ink(const struct page *page, const struct candidate *c)
{
    int em = page->em;
    if (c->cells > 0)
        return c->region;
    struct rect near = c->region;
    if (c->words.w > 0) {
        near = rect_meet(near, (struct rect){c->words.x - em * 3 / 2, c->words.y - em / 3,
                                             c->words.w + em * 3, c->words.h + em * 2 / 3});
        near = words_grow(page, near, c->region);
    }
    struct rect ink = ink_bounds(page, near);
    if (ink.h * 5 < em * 2 || ink.w * 4 < em)
        ink.w = 0;
    if (c->words.w > 0)
        return rect_meet(rect_join(c->words, ink), c->region);
    return ink;
}

static struct value value_read(const struct reading *rd, const struct page *page,
                               const struct label *label, int end, const struct candidate *c)
{
    struct value v = {.field = (enum field)label->means, .page = page->number};
    v.r = value_ink(page, c);
    if (c->cells == 0 && v.r.w > 0)
        v.r = ink_reach(page, v.r, page->em * 3 / 4);
    struct secret_place place = {label->r, c->region, c->words, c->xs, c->cells, end};
    secret_keep(rd, page, v.field, &place);
    if (v.r.w <= 0)
        return v;
    if (c->cells == 0) {
        v.text = c->text;
        v.fit = c->fit;
        v.conf = c->conf;
    }
    value_read_again(rd, page, c, &v);
    if (v.text.n == 0)
        v.conf = 0;
    return v;
}

struct value value_read_at(const struct reading *rd, const struct page *page,
                           const struct lines *lines, enum field field, struct rect region)
{
    struct label label = {.means = (int)field};
    struct candidate c = {.region = region, .any_word = true};
    struct str normal;
    c.cells = rule_columns(page, region, c.xs, COLUMNS_MAX);
    if (!comb_is(c.xs, c.cells, page->em))
        c.cells = 0;
    words_inside(rd, page, lines, &c);
    c.fit = field_normal(rd->arena, field, c.text, rd->order, &normal);
    return value_read(rd, page, &label, right_of(region), &c);
}

/* ---- all labels ------------------------------------------------------------------------------ */

static void habits_learn(const struct label *labels, int n,
                         struct candidate (*found)[DIRECTION__COUNT],
                         double habit[4][DIRECTION__COUNT])
{
    for (int i = 0; i < n; i++) {
        if (labels[i].means >= FIELD__COUNT)
            continue;
        enum field field = (enum field)labels[i].means;
        for (int d = 0; d < DIRECTION__COUNT; d++)
            if (found[i][d].region.w > 0)
                habit[field_group(field)][d] += found[i][d].fit * weight_of(field);
    }
    double person = 0.5; /* the form's main habit speaks a little in the other groups too */
    for (int d = 0; d < DIRECTION__COUNT; d++)
        person += habit[GROUP_PERSON][d];
    for (int g = 0; g < 4; g++)
        for (int d = 0; d < DIRECTION__COUNT && g != GROUP_PERSON; d++)
            habit[g][d] += OTHERS_HABIT * habit[GROUP_PERSON][d] / person;
    for (int g = 0; g < 4; g++) {
        double sum = 0.5;
        for (int d = 0; d < DIRECTION__COUNT; d++)
            sum += habit[g][d];
        for (int d = 0; d < DIRECTION__COUNT; d++)
            habit[g][d] /= sum;
    }
}

/* A field labelled twice keeps its better value. */
static int value_keep(struct value *values, int count, struct value v)
{
    for (int i = 0; i < count; i++) {
        if (values[i].field != v.field)
            continue;
        bool better = v.fit * (0.2 + v.conf) > values[i].fit * (0.35 + values[i].conf) ||
                      (values[i].r.w <= 0 && v.r.w > 0);
        if (better)
            values[i] = v;
        return count;
    }
    if (count < VALUES_MAX)
        values[count++] = v;
    return count;
}

int values_find(const struct reading *rd, const struct page *page, const struct lines *lines,
                const struct label *labels, int label_count, struct value *values, int count)
{
    struct candidate(*found)[DIRECTION__COUNT] =
        arena_array(rd->arena, (size_t)label_count + 1, sizeof(*found));
    double habit[4][DIRECTION__COUNT] = {0};
    for (int i = 0; i < label_count; i++)
        for (int d = 0; labels[i].means < FIELD__COUNT && d < DIRECTION__COUNT; d++)
            candidate_find(rd, page, lines, labels, label_count, i, (enum direction)d,
                           &found[i][d]);
    habits_learn(labels, label_count, found, habit);
    for (int i = 0; i < label_count; i++) {
        if (labels[i].means >= FIELD__COUNT)
            continue;
        const double *of_group = habit[field_group((enum field)labels[i].means)];
        int best = 0;
        double best_score = -1;
        for (int d = 0; d < DIRECTION__COUNT; d++) {
            double score = candidate_score(&labels[i], found[i], (enum direction)d, of_group);
            if (score > best_score) {
                best_score = score;
                best = d;
            }
        }
        if (best_score > 0)
            count = value_keep(values, count,
                               value_read(rd, page, &labels[i],
                                          next_label_x(page, labels, label_count, i, labels[i].r),
                                          &found[i][best]));
    }
    return count;
}
