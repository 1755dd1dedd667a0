/* Finding places to mark.
 *
 * The rule not to break: what is found here must have an outline of its own; a letter O or a digit
 * in a cell is none. */
#include "formread/boxes.h"

#include <math.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "formread/brick.h"

#define SIDE_SHARE  0.85 /* of each side of a square must have ink */
#define ANGLES      48   /* at which a circle is looked at */
#define ROUND_SHARE 0.85 /* of them must have ink */
#define RING_SHARE  0.85
#define RING_INNER  0.8 /* of the ellipse: a ring is drawn outside of it */
#define ALIKE_MIN   3   /* fewer of a size are letters */
#define SIDE_MIN    15  /* pixels at reading scale, 2 mm */
#define SIDE_MAX    66
#define SIZES_MAX   4    /* different boxes on one page */
#define IN_COMMON   0.6  /* share of the boxes that have a point of the mould */
#define FITS_ALONE  0.86 /* share of the mould's points with ink, where nothing else tells a box */

static int centre_y(struct rect r)
{
    return r.y + r.h / 2;
}

static bool has_ink(PIX *bin, int x, int y)
{
    if (x < 0 || y < 0 || x >= pixGetWidth(bin) || y >= pixGetHeight(bin))
        return false;
    return GET_DATA_BIT(pixGetData(bin) + (size_t)y * pixGetWpl(bin), x);
}

/* Share of a side that has ink: its `length` steps from (x, y), each looked at `deep` pixels
 * inwards. */
static double side_share(PIX *bin, int x, int y, int length, int deep, bool level, bool back)
{
    int hits = 0;
    for (int i = 0; i < length; i++)
        for (int d = 0; d < deep; d++) {
            int in = back ? -d : d;
            if (has_ink(bin, level ? x + i : x + in, level ? y + in : y + i)) {
                hits++;
                break;
            }
        }
    return (double)hits / length;
}

/* All four sides drawn, and not much else. */
static bool is_frame(PIX *bin, struct rect r)
{
    int deep = r.w / 6 + 1;
    double least = 1;
    least = fmin(least, side_share(bin, r.x, r.y, r.w, deep, true, false));
    least = fmin(least, side_share(bin, r.x, r.y + r.h - 1, r.w, deep, true, true));
    least = fmin(least, side_share(bin, r.x, r.y, r.h, deep, false, false));
    least = fmin(least, side_share(bin, r.x + r.w - 1, r.y, r.h, deep, false, true));
    struct rect inner = {r.x + r.w / 4, r.y + r.h / 4, r.w / 2, r.h / 2};
    return least >= SIDE_SHARE && ink_share(bin, inner) < 0.5;
}

/* Share of the ellipse in `r` that has ink on it, or at most `deep` pixels inside. */
static double ellipse_share(PIX *bin, struct rect r, double deep)
{
    int hits = 0;
    for (int i = 0; i < ANGLES; i++) {
        double a = 2 * M_PI * i / ANGLES, rx = r.w / 2.0, ry = r.h / 2.0;
        for (double inset = 0.5; inset < deep; inset += 1) {
            int x = (int)(r.x + rx + (rx - inset) * cos(a));
            int y = (int)(r.y + ry + (ry - inset) * sin(a));
            if (has_ink(bin, x, y)) {
                hits++;
                break;
            }
        }
    }
    return (double)hits / ANGLES;
}

/* A closed curve, empty inside and no cell's wall around it. */
static bool is_round(const struct page *page, struct rect r)
{
    if (ellipse_share(page->bin, r, 1.5 + r.w / 8.0) < ROUND_SHARE)
        return false;
    struct rect inner = {r.x + r.w / 4, r.y + r.h / 4, r.w / 2, r.h / 2};
    struct rect near = {r.x - r.w, r.y, 3 * r.w, r.h};
    int xs[4];
    return ink_share(page->bin, inner) < 0.1 && rule_columns(page, near, xs, 4) < 2;
}

struct parts { /* of the page's ink */
    struct rect *r;
    int count;
};

/* No other part stands close at either side, as letters of a word do; specks do not count, nor does
 * what goes all around (a table). */
static bool stands_free(const struct parts *parts, int self, struct rect box, int before, int gap)
{
    for (int i = 0; i < parts->count; i++) {
        struct rect r = parts->r[i];
        bool level = r.y < box.y + box.h && r.y + r.h > box.y;
        bool near = r.x < box.x + box.w + gap && r.x + r.w > box.x - before;
        bool around = r.x <= box.x && r.x + r.w >= box.x + box.w;
        if (i != self && r.h >= 6 && level && near && !around && !rect_has_centre(box, r))
            return false;
    }
    return true;
}

static bool near_square(struct rect r)
{
    return r.w >= SIDE_MIN && r.w <= SIDE_MAX && r.w * 4 > r.h * 3 && r.h * 4 > r.w * 3;
}

static bool alike(struct rect a, struct rect b)
{
    return abs(a.w - b.w) * 8 <= a.w && abs(a.h - b.h) * 8 <= a.h;
}

static bool inside_one(const struct boxes *boxes, struct rect r)
{
    for (int i = 0; i < boxes->count; i++)
        if (rect_has_centre(boxes->box[i], r))
            return true;
    return false;
}

/* Takes the part of ink that touches `r` (and, unless it is much larger, nothing else) out of what
 * is read. */
static void rub_out(struct page *page, struct rect r, struct rect part)
{
    struct rect wide = {r.x - r.w / 6, r.y - r.h / 6, r.w * 4 / 3, r.h * 4 / 3};
    struct rect area = part.w * 2 <= r.w * 5 && part.h * 2 <= r.h * 5 ? part : wide;
    struct rect whole = {0, 0, pixGetWidth(page->bin), pixGetHeight(page->bin)};
    area = rect_meet((struct rect){area.x - 2, area.y - 2, area.w + 4, area.h + 4}, whole);
    BOX *box = area.w > 0 ? boxCreate(area.x, area.y, area.w, area.h) : NULL;
    CLEANUP(pix_free) PIX *ink = box ? pixClipRectangle(page->bin, box, NULL) : NULL;
    boxDestroy(&box);
    CLEANUP(pix_free) PIX *seed = ink ? pixCreateTemplate(ink) : NULL;
    if (seed == NULL)
        return;
    pixRasterop(seed, r.x - area.x, r.y - area.y, r.w, r.h, PIX_SRC, ink, r.x - area.x,
                r.y - area.y);
    CLEANUP(pix_free) PIX *touching = pixSeedfillBinary(NULL, seed, ink, 8);
    CLEANUP(pix_free) PIX *thick = touching ? brick_dilate(touching, 5, 5) : NULL;
    CLEANUP(pix_free) PIX *patch = thick ? pixCreate(area.w, area.h, 8) : NULL;
    if (patch == NULL)
        return;
    pixRasterop(patch, 0, 0, area.w, area.h, PIX_SRC, page->clean, area.x, area.y);
    if (pixSetMasked(patch, thick, 215) == 0)
        pixRasterop(page->clean, area.x, area.y, area.w, area.h, PIX_SRC, patch, 0, 0);
}

/* The boxes that have several of their size: a form's, not a writer's letters. */
static void boxes_keep(const struct boxes *found, struct boxes *ret)
{
    for (int i = 0; i < found->count; i++) {
        int same = 0;
        for (int k = 0; k < found->count; k++)
            same += alike(found->box[i], found->box[k]);
        if (same >= ALIKE_MIN && ret->count < BOXES_MAX)
            ret->box[ret->count++] = found->box[i];
    }
}

/* A mark reaches out of its box above and at corners; letters that grew together go on at their
 * feet. */
static bool ends_at_sides(const struct page *page, struct rect box)
{
    int gap = box.w / 6 + 2, wide = box.w / 4;
    struct rect right = {box.x + box.w + gap, box.y + box.h / 3, wide, box.h / 2};
    struct rect left = {box.x - gap - wide, box.y + box.h / 3, wide, box.h / 2};
    return ink_share(page->bin, left) < 0.04 && ink_share(page->bin, right) < 0.04;
}

/* Boxes that a mark has grown together with: parts of ink somewhat larger than the usual box that
 * hold its outline. */
static void marked_find(struct page *page, const struct parts *parts, struct boxes *squares)
{
    int clean = squares->count;
    struct rect done = {0};
    for (int first = 0, sizes = 0; first < clean && sizes < SIZES_MAX; first++) {
        struct rect same[64];
        int n = 0;
        CLEANUP(mould_free) struct mould mould = {0};
        if (done.w > 0 && alike(done, squares->box[first]))
            continue;
        for (int i = 0; i < clean && n < 64; i++)
            if (alike(squares->box[first], squares->box[i]))
                same[n++] = squares->box[i];
        done = squares->box[first];
        sizes++;
        if (n < ALIKE_MIN || !mould_make(page, same, n, &mould))
            continue;
        bool round = !is_frame(page->bin, same[0]);
        for (int i = 0; i < parts->count && squares->count < BOXES_MAX; i++) {
            struct rect r = parts->r[i];
            if (r.w < mould.w - 2 || r.h < mould.h - 2 || r.w > mould.w * 3 || r.h > mould.h * 3 ||
                inside_one(squares, r))
                continue;
            struct rect where = {r.x - 1, r.y - 1, r.w - mould.w + 3, r.h - mould.h + 3};
            struct rect box = mould_search(&mould, where, where, FITS_ALONE);
            if (box.w > 0 &&
                stands_free(parts, i, box, round ? box.w : box.w / 5 + 1, box.w / 5 + 1) &&
                ends_at_sides(page, box)) {
                squares->box[squares->count++] = box;
                rub_out(page, box, r);
            }
        }
    }
}

/* The curve of a part of ink that goes around words, in `r`'s own pixels: all of the part, or, when
 * it touches the words, what lies near the ellipse. */
static PIX *ring_mask(const struct page *page, struct rect r)
{
    BOX *box = boxCreate(r.x, r.y, r.w, r.h);
    CLEANUP(pix_free) PIX *ink = pixClipRectangle(page->bin, box, NULL);
    boxDestroy(&box);
    CLEANUP(pix_free) PIX *seed = ink ? pixCopy(NULL, ink) : NULL;
    if (seed == NULL)
        return NULL;
    pixRasterop(seed, 1, 1, r.w - 2, r.h - 2, PIX_CLR, NULL, 0, 0);
    PIX *curve = pixSeedfillBinary(NULL, seed, ink, 8);
    for (int y = 0; curve && y < r.h; y++)
        for (int x = 0; x < r.w; x++) {
            double dx = 2.0 * x / r.w - 1, dy = 2.0 * y / r.h - 1;
            if (dx * dx + dy * dy < RING_INNER * RING_INNER)
                pixSetPixel(curve, x, y, 0);
        }
    return curve;
}

/* A ring drawn around words: remembered, and taken out of what is read. */
static void ring_take(struct page *page, struct rect r, struct boxes *squares)
{
    bool likely = r.w > 45 && r.h >= 28 && r.h < 130 && r.w * 5 > r.h * 6 && r.w < 900;
    if (!likely || squares->rings == RINGS_MAX || ink_share(page->bin, r) > 0.4 ||
        ellipse_share(page->bin, r, r.h / 5.0 + 1) < RING_SHARE)
        return;
    CLEANUP(pix_free) PIX *curve = ring_mask(page, r);
    CLEANUP(pix_free) PIX *framed = curve ? pixAddBorder(curve, 2, 0) : NULL;
    CLEANUP(pix_free) PIX *thick = framed ? brick_dilate(framed, 5, 5) : NULL;
    CLEANUP(pix_free) PIX *patch = thick ? pixCreate(r.w + 4, r.h + 4, 8) : NULL;
    if (patch == NULL)
        return;
    squares->ring[squares->rings++] = r;
    pixSetAllArbitrary(patch, 215);
    pixRasterop(patch, 0, 0, r.w + 4, r.h + 4, PIX_SRC, page->clean, r.x - 2, r.y - 2);
    if (pixSetMasked(patch, thick, 215) == 0)
        pixRasterop(page->clean, r.x - 2, r.y - 2, r.w + 4, r.h + 4, PIX_SRC, patch, 0, 0);
}

static void parts_find(const struct page *page, struct parts *ret)
{
    BOXA *all = pixConnCompBB(page->bin, 8);
    int n = all ? boxaGetCount(all) : 0;
    ret->r = lept_calloc((size_t)n + 1, sizeof(*ret->r));
    for (int i = 0; ret->r && i < n; i++) {
        struct rect *r = &ret->r[ret->count];
        if (boxaGetBoxGeometry(all, i, &r->x, &r->y, &r->w, &r->h) == 0)
            ret->count++;
    }
    boxaDestroy(&all);
}

bool page_find_boxes(struct page *page, struct boxes *squares)
{
    static struct boxes found;
    struct parts parts = {0};
    parts_find(page, &parts);
    found.count = squares->count = squares->rings = 0;
    for (int i = 0; i < parts.count && found.count < BOXES_MAX; i++) {
        struct rect r = parts.r[i];
        bool box = false;
        if (near_square(r) && is_frame(page->bin, r))
            box = stands_free(&parts, i, r, r.w / 5 + 1, r.w / 5 + 1);
        else if (near_square(r) && abs(r.w - r.h) * 8 <= r.w && is_round(page, r))
            box = stands_free(&parts, i, r, r.w, r.w / 3); /* no zero of a number */
        if (box)
            found.box[found.count++] = r;
    }
    boxes_keep(&found, squares);
    for (int i = 0; i < squares->count; i++)
        rub_out(page, squares->box[i], squares->box[i]);
    marked_find(page, &parts, squares);
    for (int i = 0; i < parts.count; i++)
        ring_take(page, parts.r[i], squares);
    bool ok = parts.r != NULL;
    lept_free(parts.r);
    return ok;
}

/* '[' and ']' (or parentheses) at a box's distance make one box. */
static void brackets_pair(const struct rect *bars, int n, int em, struct boxes *ret)
{
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n && ret->count < BOXES_MAX; j++) {
            int gap = bars[j].x - (bars[i].x + bars[i].w);
            bool level = abs(centre_y(bars[i]) - centre_y(bars[j])) < em / 4 &&
                         abs(bars[i].h - bars[j].h) < em / 3;
            if (level && gap > em / 3 && gap < em * 3)
                ret->box[ret->count++] = rect_join(bars[i], bars[j]);
        }
}

void brackets_find(const struct page *page, struct boxes *brackets)
{
    static struct rect bars[BOXES_MAX];
    int bar_count = 0;
    BOXA *all = pixConnCompBB(page->bin, 8);
    brackets->count = 0;
    for (int i = 0; all && i < boxaGetCount(all); i++) {
        struct rect r;
        if (boxaGetBoxGeometry(all, i, &r.x, &r.y, &r.w, &r.h) != 0)
            continue;
        bool tall = r.h * 4 > page->em * 3 && r.h < page->em * 2 && r.w * 2 < r.h && r.w > 1;
        if (bar_count < BOXES_MAX && tall)
            bars[bar_count++] = r;
    }
    boxaDestroy(&all);
    brackets_pair(bars, bar_count, page->em, brackets);
}

/* Tesseract reads boxes as letters ("O", "[]", "M"): such words are not text. */
void boxes_mark_words(struct page *page, const struct boxes *squares)
{
    for (size_t i = 0; i < page->count; i++) {
        struct word *w = &page->words[i];
        bool bracket = w->text.p[0] == '[' || w->text.p[w->text.n - 1] == ']';
        if (bracket && w->folded.n <= 1)
            w->owner = WORD_BOX;
        for (int b = 0; b < squares->count && w->folded.n <= 2; b++)
            if (rect_has_centre(squares->box[b], w->r) && w->r.w < squares->box[b].w * 3 / 2)
                w->owner = WORD_BOX;
    }
}

/* The ruled line nearest to `from` going `step` (up or down) within `reach`; -1: none. */
static int wall_row(const struct page *page, int x, int w, int from, int step, int reach)
{
    for (int d = 0; d < reach; d += 3) {
        struct rect slab = {x, from + step * d, w, 4};
        if (rule_in(page->hrules, slab, 0.6))
            return from + step * d + 2;
    }
    return -1;
}

struct rect box_cell(const struct page *page, struct rect label)
{
    struct rect none = {0};
    int em = page->em, xs[16];
    /* the mark may have been read as the label's first letter: walls stand in it then */
    struct rect strip = {label.x - 6 * em, label.y, 6 * em + label.w / 2, label.h};
    int n = rule_columns(page, strip, xs, 16);
    if (n < 2 || label.x - xs[n - 1] > em * 3 / 2)
        return none;
    int x = xs[n - 2] + 3, w = xs[n - 1] - 3 - x;
    if (w * 2 < em || w > em * 4)
        return none;
    int top = wall_row(page, x, w, centre_y(label) - em / 3, -1, em * 2);
    int bottom = wall_row(page, x, w, centre_y(label) + em / 3, 1, em * 2);
    if (top < 0 || bottom < 0)
        return none;
    return (struct rect){x, top + 2, w, bottom - top - 4};
}

/* ---- moulds ---------------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
    const struct rect *ra = a, *rb = b;
    return ra->w != rb->w ? ra->w - rb->w : ra->h - rb->h;
}

void mould_free(struct mould *mould)
{
    pixDestroy(&mould->ink);
}

bool mould_make(const struct page *page, const struct rect *boxes, int count, struct mould *ret)
{
    struct rect sorted[64];
    int n = 0;
    *ret = (struct mould){0};
    for (int i = 0; i < count && n < 64; i++)
        sorted[n++] = boxes[i];
    if (n == 0)
        return false;
    qsort(sorted, (size_t)n, sizeof(sorted[0]), by_size);
    struct rect usual = sorted[n / 2];
    ret->w = usual.w;
    ret->h = usual.h;
    for (int y = 0; y < usual.h; y++)
        for (int x = 0; x < usual.w && ret->count < MOULD_POINTS; x++) {
            int hits = 0, of = 0;
            for (int i = 0; i < n; i++) {
                if (abs(sorted[i].w - usual.w) > 3 || abs(sorted[i].h - usual.h) > 3)
                    continue;
                of++;
                hits += has_ink(page->bin, sorted[i].x + x * sorted[i].w / usual.w,
                                sorted[i].y + y * sorted[i].h / usual.h);
            }
            if (hits >= IN_COMMON * of) {
                ret->point[ret->count].x = (short)x;
                ret->point[ret->count++].y = (short)y;
            }
        }
    ret->ink = brick_dilate(page->bin, 3, 3);
    return ret->ink != NULL && ret->count > ret->w && ret->count < MOULD_POINTS;
}

static double mould_fit(const struct mould *mould, int x, int y)
{
    int hits = 0;
    for (int i = 0; i < mould->count; i++)
        hits += has_ink(mould->ink, x + mould->point[i].x, y + mould->point[i].y);
    return (double)hits / mould->count;
}

struct rect mould_search(const struct mould *mould, struct rect where, struct rect likely,
                         double least)
{
    struct rect best = {0};
    double best_score = 0;
    for (int y = where.y; y < where.y + where.h; y++)
        for (int x = where.x; x < where.x + where.w; x++) {
            double fit = mould_fit(mould, x, y);
            double off = fabs((double)x - likely.x) + fabs((double)y - likely.y);
            double score = fit - 0.1 * off / (mould->w + mould->h);
            if (fit >= least && score > best_score) {
                best_score = score;
                best = (struct rect){x, y, mould->w, mould->h};
            }
        }
    return best;
}
