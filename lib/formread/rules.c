/* Ruled lines: finding them for geometry, painting them out for reading.
 *
 * A line is a long thin run of ink; heading bars (thick) and letters (short) are none. */
#include "formread/brick.h"
#include "formread/page.h"

#define H_LEN 70  /* pixels at reading scale, about a third of an inch */
#define V_LEN 38  /* taller than capitals, lower than a comb cell */
#define THICK 11  /* thicker is a bar or a picture */
#define DOT   9   /* a leader's dots and their gaps are no larger */
#define ROW   14  /* a row of dots is no higher */
#define PAPER 215 /* grey */
#define DOTS  90  /* length from which dots in a row are a line to write on */

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
        bool band = h < pixGetHeight(bin) / 8 && w > 2 * h;
        if (band && ink_share(bin, (struct rect){x, y, w, h}) > 0.5)
            pixRasterop(mask, x, y, w, h, PIX_SRC, bands, x, y);
    }
    boxaDestroy(&boxes);
    return mask;
}

/* Turns the letters of heading bars dark on light, in grey and bin, so that they read and do not
 * count as rules. */
static bool bars_invert(struct page *page)
{
    CLEANUP(pix_free) PIX *mask = dark_bars(page->bin);
    l_int32 none = 1;
    if (mask == NULL || pixZero(mask, &none) != 0)
        return false;
    if (none)
        return true;
    CLEANUP(pix_free) PIX *inverse = pixInvert(NULL, page->grey);
    if (inverse == NULL || pixCombineMasked(page->grey, inverse, mask) != 0)
        return false;
    PIX *bin = pixThresholdToBinary(page->grey, 130);
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

/* Adds the lines that rows of dots or short dashes make to the horizontal rules, and paints the
 * dots out of `clean`: read as letters, they would be part of what is written on them. */
static bool dots_find(struct page *page)
{
    CLEANUP(pix_free)
    PIX *small =
        pixSelectBySize(page->bin, 2 * DOT, DOT, 8, L_SELECT_IF_BOTH, L_SELECT_IF_LTE, NULL);
    CLEANUP(pix_free) PIX *joined = small ? brick_close(small, 2 * DOT, 3) : NULL;
    CLEANUP(pix_free)
    PIX *flat = joined ? pixSelectBySize(joined, 0, ROW, 8, L_SELECT_HEIGHT, L_SELECT_IF_LTE, NULL)
                       : NULL; /* a fax breaks letters into dots too, but into several rows */
    CLEANUP(pix_free) PIX *rows = flat ? brick_open(flat, DOTS, 1) : NULL;
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
    page->hrules = thin_lines(page->bin, H_LEN, true);
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

struct rect ink_bounds(const struct page *page, struct rect r)
{
    r = inside(page->clean, r);
    CLEANUP(pix_free) PIX *grey = r.w > 0 ? cut(page->clean, r) : NULL;
    CLEANUP(pix_free) PIX *bin = grey ? pixThresholdToBinary(grey, 160) : NULL;
    CLEANUP(pix_free) PIX *solid = bin ? brick_open(bin, 2, 2) : NULL;
    BOX *box = NULL;
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
