/* Ruled lines: finding them for geometry, painting them out for reading.
 *
 * A line is a long thin run of ink; heading bars (thick) and letters (short) are none. */
#include "formread/brick.h"
#include "formread/page.h"

#include <stdlib.h>

#define H_LEN     70  /* pixels at reading scale, about a third of an inch */
#define V_LEN     38  /* taller than capitals, lower than a comb cell */
#define THICK     11  /* thicker is a bar or a picture */
#define PAPER     215 /* grey */
#define BAR_PAPER 200 /* grey of paper, and of letters, where a bar was */
#define LETTER    50
#define BAR_EDGE  0.6 /* of a bar is dark over and under its letters; of bold letters less */
#define BAR_INK   130 /* of 255; what was grey around light letters is no ink */
#define FAINT     172 /* grey of a line where letters are darker than INK_LEVEL */
#define WORD_LONG 600 /* pixels; a longer line is no word */
#define WORD_INK  0.1 /* of the rows beside a line; a word has more */
#define DOT       9   /* a leader's dots and their gaps are no larger */
#define LOW       6   /* dots and dashes are so low, small print is not */
#define ROW_PARTS 300
#define ROW_LEAST 6
#define ROW       14 /* a row of dots is no higher */
#define DOTS      90 /* length from which dots in a row are a line to write on */

/* Runs of at least `len` along one direction that are thinner than THICK across it. */
static PIX *thin_lines(PIX *bin, int len, bool horizontal)
{
    CLEANUP(pix_free)
    PIX *runs = horizontal ? brick_open(bin, len, 1) : brick_open(bin, 1, len);
    CLEANUP(pix_free)
    PIX *thick =
        runs ? (horizontal ? brick_open(runs, len / 2, THICK) : brick_open(runs, THICK, len / 2))
             : NULL;
    if (thick == NULL)
        return NULL;
    return pixSubtract(NULL, runs, thick);
}

/* Takes out of the level `lines` what may run through a word: there is ink over and under it. Of
 * `faint` ones ink at one side is enough. */
static void words_leave(PIX *lines, PIX *bin, bool faint)
{
    BOXA *parts = pixConnCompBB(lines, 8);
    struct rect r;
    for (int i = 0; parts && i < boxaGetCount(parts); i++) {
        if (boxaGetBoxGeometry(parts, i, &r.x, &r.y, &r.w, &r.h) != 0 || r.w > WORD_LONG)
            continue;
        struct rect over = {r.x, r.y - 7, r.w, 5}, under = {r.x, r.y + r.h + 2, r.w, 5};
        int sides = (ink_share(bin, over) > WORD_INK) + (ink_share(bin, under) > WORD_INK);
        if (sides > (faint ? 0 : 1))
            pixRasterop(lines, r.x, r.y, r.w, r.h, PIX_CLR, NULL, 0, 0);
    }
    boxaDestroy(&parts);
}

/* Level lines fainter than letters, or leaning or bent by a pixel here and there, that stand
 * free. */
static PIX *faint_lines(const struct page *page)
{
    CLEANUP(pix_free) PIX *bin = pixThresholdToBinary(page->grey, FAINT);
    CLEANUP(pix_free) PIX *steps = bin ? brick_dilate(bin, 1, 3) : NULL;
    PIX *lines = steps ? thin_lines(steps, H_LEN, true) : NULL;
    if (lines != NULL && pixAnd(lines, lines, bin) != NULL)
        words_leave(lines, bin, true);
    return lines;
}

static PIX *level_lines(const struct page *page)
{
    PIX *lines = thin_lines(page->bin, H_LEN, true);
    CLEANUP(pix_free) PIX *faint = lines ? faint_lines(page) : NULL;
    if (faint == NULL)
        return lines;
    words_leave(lines, page->bin, false);
    return pixOr(lines, lines, faint);
}

/* Heading bars (light letters on a dark band) as a mask: solid runs joined across their letters,
 * kept where most of the band is dark. */
static PIX *dark_bars(PIX *bin)
{
    CLEANUP(pix_free) PIX *solid = brick_open(bin, 7, 22);
    CLEANUP(pix_free) PIX *joined = solid ? brick_close(solid, 301, 1) : NULL;
    CLEANUP(pix_free) PIX *bands = joined ? brick_open(joined, 90, 20) : NULL;
    PIX *mask = bands ? pixCreateTemplate(bands) : NULL;
    BOXA *boxes = mask ? pixConnCompBB(bands, 8) : NULL;
    for (int i = 0; boxes && i < boxaGetCount(boxes); i++) {
        BOX *box = boxaGetBox(boxes, i, L_CLONE);
        l_int32 x, y, w, h;
        boxGetGeometry(box, &x, &y, &w, &h);
        boxDestroy(&box);
        struct rect over = {x, y + h / 16, w, h / 8}, under = {x, y + h - h / 16 - h / 8, w, h / 8};
        bool band = h < pixGetHeight(bin) / 8 && w > 2 * h && ink_share(bin, over) > BAR_EDGE &&
                    ink_share(bin, under) > BAR_EDGE;
        if (band && ink_share(bin, (struct rect){x, y, w, h}) > 0.5)
            pixRasterop(mask, x, y, w, h, PIX_SRC, bands, x, y);
    }
    boxaDestroy(&boxes);
    return mask;
}

/* Turns one bar's light letters dark and its ground as light as paper, whatever its shade was:
 * ground of another shade than the paper's would be taken for ink, or the paper for it. */
static bool bar_invert(PIX *grey, PIX *bar, int x, int y)
{
    BOX *box = boxCreate(x, y, pixGetWidth(bar), pixGetHeight(bar));
    CLEANUP(pix_free) PIX *part = box ? pixClipRectangle(grey, box, NULL) : NULL;
    boxDestroy(&box);
    NUMA *shades = part ? pixGetGrayHistogramMasked(part, bar, 0, 0, 1) : NULL;
    NUMA *map = shades ? numaCreate(256) : NULL;
    l_float32 ground = 0;
    bool ok = map && numaHistogramGetValFromRank(shades, 0.5f, &ground) == 0;
    double slope =
        (double)(BAR_PAPER - LETTER) / (ground < BAR_PAPER - 40 ? BAR_PAPER - ground : 40);
    for (int v = 0; ok && v < 256; v++) {
        double to = LETTER + (BAR_PAPER - v) * slope;
        ok = numaAddNumber(map, (l_float32)(to < 0 ? 0 : to > BAR_PAPER ? BAR_PAPER : to)) == 0;
    }
    ok = ok && pixTRCMap(part, bar, map) == 0 &&
         pixRasterop(grey, x, y, pixGetWidth(bar), pixGetHeight(bar), PIX_SRC, part, 0, 0) == 0;
    numaDestroy(&shades);
    numaDestroy(&map);
    return ok;
}

/* Turns the letters of heading bars dark on light, in grey and bin, so that they read and do not
 * count as rules. */
static bool bars_invert(struct page *page)
{
    CLEANUP(pix_free) PIX *mask = dark_bars(page->bin);
    PIXA *bars = NULL;
    BOXA *boxes = mask ? pixConnComp(mask, &bars, 8) : NULL;
    int n = boxes ? boxaGetCount(boxes) : 0;
    bool ok = boxes != NULL;
    for (int i = 0; ok && i < n; i++) {
        l_int32 x, y;
        CLEANUP(pix_free) PIX *bar = pixaGetPix(bars, i, L_CLONE);
        ok = bar && boxaGetBoxGeometry(boxes, i, &x, &y, NULL, NULL) == 0 &&
             bar_invert(page->grey, bar, x, y);
    }
    boxaDestroy(&boxes);
    pixaDestroy(&bars);
    if (!ok || n == 0)
        return ok;
    CLEANUP(pix_free) PIX *edge = brick_dilate(mask, 7, 7); /* grey between bar and paper */
    PIX *bin =
        edge && pixSubtract(edge, edge, mask) && pixSetMasked(page->grey, edge, BAR_PAPER) == 0
            ? pixThresholdToBinary(page->grey, BAR_INK)
            : NULL;
    if (bin == NULL)
        return false;
    pixDestroy(&page->bin);
    page->bin = bin;
    return true;
}

/* Paints the places of a 1 bpp mask paper white; most of a page's words of it are empty. */
static void paint_out(PIX *grey, PIX *mask)
{
    int w = pixGetWidth(grey), h = pixGetHeight(grey);
    for (int y = 0; y < h; y++) {
        const l_uint32 *from = pixGetData(mask) + (size_t)y * (size_t)pixGetWpl(mask);
        l_uint32 *to = pixGetData(grey) + (size_t)y * (size_t)pixGetWpl(grey);
        for (int x = 0; x < w; x++) {
            if (from[x / 32] == 0)
                x |= 31;
            else if (GET_DATA_BIT(from, x))
                SET_DATA_BYTE(to, x, PAPER);
        }
    }
}

static int by_number(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* The parts in the row, all `from` there on, are as low as dots and dashes, and stand at one
 * distance; small print does not. */
static bool row_is_dots(BOXA *parts, int from, struct rect row)
{
    int heights[ROW_PARTS], xs[ROW_PARTS], gaps[ROW_PARTS], n = 0, even = 0;
    struct rect r;
    for (int i = from; i < boxaGetCount(parts) && n < ROW_PARTS; i++) {
        if (boxaGetBoxGeometry(parts, i, &r.x, &r.y, &r.w, &r.h) != 0 || r.y > row.y + row.h)
            break;
        if (rect_has_centre(row, r)) {
            heights[n] = r.h;
            xs[n++] = 2 * r.x + r.w;
        }
    }
    if (n < ROW_LEAST)
        return false;
    qsort(heights, (size_t)n, sizeof(int), by_number);
    qsort(xs, (size_t)n, sizeof(int), by_number);
    for (int i = 1; i < n; i++)
        gaps[i - 1] = xs[i] - xs[i - 1];
    qsort(gaps, (size_t)n - 1, sizeof(int), by_number);
    int usual = gaps[n / 2];
    for (int i = 0; i < n - 1; i++)
        even += abs(gaps[i] - usual) * 8 <= usual + 16;
    return heights[n / 2] <= LOW && even * 5 >= n * 4;
}

/* The first of the parts, which come from top to bottom and are no higher than DOT, that reaches
 * `y`; those before `from` do not. A page of specks has too many to look at all for each row. */
static int part_reaching(BOXA *parts, int from, int y)
{
    struct rect r;
    while (from < boxaGetCount(parts) &&
           boxaGetBoxGeometry(parts, from, &r.x, &r.y, &r.w, &r.h) == 0 && r.y + DOT < y)
        from++;
    return from;
}

/* Takes rows of small print out of `rows`, whose parts are `small`. */
static void print_leave(PIX *rows, PIX *small)
{
    BOXA *parts = pixConnCompBB(small, 8), *bands = pixConnCompBB(rows, 8);
    struct rect r;
    int from = 0;
    for (int i = 0; parts && bands && i < boxaGetCount(bands); i++) {
        if (boxaGetBoxGeometry(bands, i, &r.x, &r.y, &r.w, &r.h) != 0)
            continue;
        struct rect row = {r.x, r.y - DOT / 2, r.w, r.h + DOT};
        from = part_reaching(parts, from, row.y);
        if (!row_is_dots(parts, from, row))
            pixRasterop(rows, r.x, r.y, r.w, r.h, PIX_CLR, NULL, 0, 0);
    }
    boxaDestroy(&parts);
    boxaDestroy(&bands);
}

/* Adds the lines that rows of dots or short dashes make to the horizontal rules, and paints the
 * dots out of `clean`: read as letters, they would be part of what is written on them. */
static bool dots_find(struct page *page)
{
    CLEANUP(pix_free)
    PIX *small =
        pixSelectBySize(page->bin, 2 * DOT, DOT, 8, L_SELECT_IF_BOTH, L_SELECT_IF_LTE, NULL);
    CLEANUP(pix_free) PIX *joined = small ? brick_close(small, 2 * DOT, 3) : NULL;
    /* a fax breaks letters into dots too, but into several rows */
    CLEANUP(pix_free) PIX *high = joined ? brick_open(joined, 1, ROW + 1) : NULL;
    CLEANUP(pix_free) PIX *letters = high ? pixSeedfillBinary(NULL, high, joined, 8) : NULL;
    CLEANUP(pix_free) PIX *flat = letters ? pixSubtract(NULL, joined, letters) : NULL;
    CLEANUP(pix_free) PIX *rows = flat ? brick_open(flat, DOTS, 1) : NULL;
    if (rows != NULL)
        print_leave(rows, small);
    CLEANUP(pix_free) PIX *near = rows ? brick_dilate(rows, 2 * DOT, 5) : NULL;
    CLEANUP(pix_free) PIX *dots = near ? pixSeedfillBinary(NULL, near, small, 8) : NULL;
    CLEANUP(pix_free) PIX *wide = dots ? brick_dilate(dots, 5, 5) : NULL;
    if (wide == NULL || pixOr(page->hrules, page->hrules, rows) == NULL)
        return false;
    paint_out(page->clean, wide);
    return true;
}

bool page_find_rules(struct page *page)
{
    if (!bars_invert(page))
        return false;
    page->hrules = level_lines(page);
    page->vrules = thin_lines(page->bin, V_LEN, false);
    page->clean = pixCopy(NULL, page->grey);
    if (page->hrules == NULL || page->vrules == NULL || page->clean == NULL || !dots_find(page))
        return false;
    CLEANUP(pix_free) PIX *h = brick_dilate(page->hrules, 3, 5);
    CLEANUP(pix_free) PIX *v = brick_dilate(page->vrules, 5, 3);
    if (h == NULL || v == NULL)
        return false;
    paint_out(page->clean, h);
    paint_out(page->clean, v);
    return true;
}

static struct rect inside(PIX *pix, struct rect r)
{
    return rect_meet(r, (struct rect){0, 0, pixGetWidth(pix), pixGetHeight(pix)});
}

static PIX *cut(PIX *pix, struct rect r)
{
    BOX *box = boxCreate(r.x, r.y, r.w, r.h);
    PIX *part = box ? pixClipRectangle(pix, box, NULL) : NULL;
    boxDestroy(&box);
    return part;
}

double ink_share(PIX *bin, struct rect r)
{
    r = inside(bin, r);
    CLEANUP(pix_free) PIX *part = r.w > 0 ? cut(bin, r) : NULL;
    l_int32 count = 0;
    if (part == NULL || pixCountPixels(part, &count, NULL) != 0)
        return 0;
    return (double)count / ((double)r.w * r.h);
}

bool rule_in(PIX *rules, struct rect r, double share)
{
    r = inside(rules, r);
    CLEANUP(pix_free) PIX *part = r.w > 0 ? cut(rules, r) : NULL;
    if (part == NULL)
        return false;
    /* project onto the longer side: a sloping line still covers it */
    CLEANUP(pix_free)
    PIX *flat = r.w >= r.h ? brick_close(part, 9, 1) : brick_close(part, 1, 9);
    NUMA *counts =
        flat ? (r.w >= r.h ? pixCountPixelsByColumn(flat) : pixCountPixelsByRow(flat, NULL)) : NULL;
    int hit = 0, n = counts ? numaGetCount(counts) : 0;
    for (int i = 0; i < n; i++) {
        l_int32 v = 0;
        numaGetIValue(counts, i, &v);
        hit += v > 0;
    }
    numaDestroy(&counts);
    return n > 0 && hit >= share * n;
}

int rule_columns(const struct page *page, struct rect r, int *xs, int max)
{
    r = inside(page->vrules, r);
    CLEANUP(pix_free) PIX *part = r.w > 0 ? cut(page->vrules, r) : NULL;
    NUMA *counts = part ? pixCountPixelsByColumn(part) : NULL;
    int n = counts ? numaGetCount(counts) : 0, found = 0;
    for (int i = 0; i < n && found < max; i++) {
        l_int32 best = 0, v = 0, from = i;
        for (; i < n; i++) { /* one line is some columns wide */
            numaGetIValue(counts, i, &v);
            if (v == 0)
                break;
            best = v > best ? v : best;
        }
        if (i > from && best * 2 >= r.h)
            xs[found++] = r.x + (from + i) / 2;
    }
    numaDestroy(&counts);
    return found;
}

/* Parts as large as digits whose strokes are too thin or too faint to be dark throughout. */
static PIX *faint_writing(const struct page *page, PIX *grey)
{
    CLEANUP(pix_free) PIX *bin = pixThresholdToBinary(grey, FAINT);
    return bin ? pixSelectBySize(bin, page->em / 6, page->em / 2, 8, L_SELECT_IF_BOTH,
                                 L_SELECT_IF_GTE, NULL)
               : NULL;
}

struct rect ink_bounds(const struct page *page, struct rect r)
{
    r = inside(page->clean, r);
    CLEANUP(pix_free) PIX *grey = r.w > 0 ? cut(page->clean, r) : NULL;
    CLEANUP(pix_free) PIX *bin = grey ? pixThresholdToBinary(grey, 160) : NULL;
    CLEANUP(pix_free) PIX *solid = bin ? brick_open(bin, 2, 2) : NULL;
    CLEANUP(pix_free) PIX *faint = solid && page->em > 0 ? faint_writing(page, grey) : NULL;
    BOX *box = NULL;
    if (faint != NULL)
        pixOr(solid, solid, faint);
    if (solid == NULL || pixClipToForeground(solid, NULL, &box) != 0 || box == NULL)
        return (struct rect){r.x, r.y, 0, 0};
    l_int32 x, y, w, h;
    boxGetGeometry(box, &x, &y, &w, &h);
    boxDestroy(&box);
    return (struct rect){r.x + x, r.y + y, w, h};
}

struct rect ink_reach(const struct page *page, struct rect r, int reach)
{
    struct rect outer = inside(page->clean, (struct rect){r.x, r.y - reach, r.w, r.h + 2 * reach});
    CLEANUP(pix_free) PIX *grey = outer.w > 0 ? cut(page->clean, outer) : NULL;
    CLEANUP(pix_free) PIX *bin = grey ? pixThresholdToBinary(grey, 160) : NULL;
    BOXA *parts = bin ? pixConnCompBB(bin, 8) : NULL;
    struct rect whole = r;
    for (int i = 0; parts && i < boxaGetCount(parts); i++) {
        struct rect part;
        if (boxaGetBoxGeometry(parts, i, &part.x, &part.y, &part.w, &part.h) != 0)
            continue;
        part.x += outer.x;
        part.y += outer.y;
        if (part.w > 1 && part.h > 1 && rect_has_centre(r, part))
            whole = rect_join(whole, part);
    }
    boxaDestroy(&parts);
    return whole;
}
