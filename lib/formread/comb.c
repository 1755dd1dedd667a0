/* Character cells ("comb" fields): one letter a cell, read after the cells are pushed together. */
#include "formread/brick.h"
#include "formread/values.h"

#define CELLS_MIN   5
#define GAPS_MAX    64
#define FRAME_SHARE 0.8 /* of the cell, which is taken a little too large */
#define STRIP       4   /* pixels; frames lean a little */
#define BLANK       215 /* grey of paper */

/* The middle one of the distances between dividers. */
static int usual_gap(const int *xs, int n)
{
    int gaps[GAPS_MAX], count = 0;
    for (int i = 1; i < n && count < GAPS_MAX; i++)
        gaps[count++] = xs[i] - xs[i - 1];
    for (int i = 1; i < count; i++)
        for (int j = i; j > 0 && gaps[j - 1] > gaps[j]; j--) {
            int swap = gaps[j];
            gaps[j] = gaps[j - 1];
            gaps[j - 1] = swap;
        }
    return count > 0 ? gaps[count / 2] : 0;
}

/* Dividers at even distances; groups ("DD MM YYYY") may stand a little apart. */
bool comb_is(const int *xs, int n, int em)
{
    if (n < CELLS_MIN)
        return false;
    int usual = usual_gap(xs, n), near = 0;
    if (usual < em / 2 || usual > em * 3)
        return false;
    for (int i = 1; i < n; i++) {
        int gap = xs[i] - xs[i - 1];
        near += gap * 4 > usual * 3 && gap * 4 < usual * 5;
    }
    return near * 3 >= (n - 1) * 2;
}

/* A strip at `at` that ink crosses from end to end: what is left of a cell's frame. A letter's
 * stem or bar is shorter. */
static bool is_frame_line(const struct page *page, struct rect cell, int at, bool level)
{
    struct rect line =
        level ? (struct rect){cell.x, at, cell.w, STRIP} : (struct rect){at, cell.y, STRIP, cell.h};
    return rule_in(page->bin, line, FRAME_SHARE);
}

/* The cell without what is left of its frame. Sides first: a cell may hold the gap before its
 * group, where there is no frame above and below. */
static struct rect cell_inner(const struct page *page, struct rect cell)
{
    int left = 0, top = 0, right = 0, bottom = 0;
    for (int d = 0; d < cell.w * 2 / 5; d++) {
        if (is_frame_line(page, cell, cell.x + d, false))
            left = d + STRIP / 2;
        if (is_frame_line(page, cell, cell.x + cell.w - STRIP - d, false))
            right = d + STRIP / 2;
    }
    cell = (struct rect){cell.x + left, cell.y, cell.w - left - right, cell.h};
    for (int d = 0; d < cell.h / 4; d++) { /* the outermost line: the next may be a letter's bar */
        if (is_frame_line(page, cell, cell.y + d, true) && (top == 0 || top >= d))
            top = d + STRIP / 2;
        if (is_frame_line(page, cell, cell.y + cell.h - STRIP - d, true) &&
            (bottom == 0 || bottom >= d))
            bottom = d + STRIP / 2;
    }
    return (struct rect){cell.x, cell.y + top, cell.w, cell.h - top - bottom};
}

/* Blanks what runs along the edges of the cell's picture: `mask` within `zone`. */
static void edge_blank(PIX *pix, PIX *mask, struct rect zone)
{
    BOX *box = boxCreate(zone.x, zone.y, zone.w, zone.h);
    CLEANUP(pix_free) PIX *part = box ? pixClipRectangle(mask, box, NULL) : NULL;
    CLEANUP(pix_free) PIX *wide = part ? brick_dilate(part, 3, 3) : NULL;
    boxDestroy(&box);
    if (wide != NULL)
        pixPaintThroughMask(pix, wide, zone.x, zone.y, BLANK);
}

/* What is left of a cell's frame in one direction: runs longer than a letter's bar or stem, and
 * shorter ones that reach the edge of the picture, where the frame goes on. `bin` is thickened
 * across them, as frames lean. */
static PIX *frame_runs(PIX *bin, int usual, bool level)
{
    int w = pixGetWidth(bin), h = pixGetHeight(bin);
    w = w < usual ? w : usual;
    int many = level ? w * 2 / 3 : h * 7 / 10, some = level ? w * 2 / 5 : h / 2;
    CLEANUP(pix_free) PIX *thick = pixDilateBrick(NULL, bin, level ? 1 : 3, level ? 3 : 1);
    PIX *runs = thick ? brick_open(thick, level ? many : 1, level ? 1 : many) : NULL;
    CLEANUP(pix_free)
    PIX *shorter = runs ? brick_open(bin, level ? some : 1, level ? 1 : some) : NULL;
    CLEANUP(pix_free) PIX *inside = shorter ? pixRemoveBorderConnComps(shorter, 8) : NULL;
    if (inside != NULL) {
        pixSubtract(shorter, shorter, inside);
        pixOr(runs, runs, shorter);
    }
    return runs;
}

/* The cell's picture without the long strokes close to its sides: leaning rests of its frame. A
 * cell wider than is `usual` also holds the gap before its group or after it. */
static PIX *cell_clip(const struct page *page, struct rect cell, int usual)
{
    BOX *box = boxCreate(cell.x, cell.y, cell.w, cell.h);
    PIX *pix = box ? pixClipRectangle(page->clean, box, NULL) : NULL;
    boxDestroy(&box);
    CLEANUP(pix_free) PIX *bin = pix ? pixThresholdToBinary(pix, 170) : NULL;
    if (bin == NULL || pixGetWidth(pix) < 8 || pixGetHeight(pix) < 8)
        return pix;
    int w = pixGetWidth(pix), h = pixGetHeight(pix), edge = h / 4;
    int side = w * 5 > usual * 6 ? w - usual * 3 / 4 : w / 4;
    CLEANUP(pix_free) PIX *upright = frame_runs(bin, usual, false);
    CLEANUP(pix_free) PIX *level = frame_runs(bin, usual, true);
    if (upright != NULL && level != NULL) {
        edge_blank(pix, upright, (struct rect){0, 0, side, h});
        edge_blank(pix, upright, (struct rect){w - side, 0, side, h});
        edge_blank(pix, level, (struct rect){0, 0, w, edge});
        edge_blank(pix, level, (struct rect){0, h - edge, w, edge});
    }
    return pix;
}

/* Where the ink of a cell's picture is; false when there is none but specks. */
static bool cell_ink(PIX *pix, struct rect *ret)
{
    const struct page alone = {.clean = pix};
    int w = pixGetWidth(pix), h = pixGetHeight(pix);
    *ret = ink_bounds(&alone, (struct rect){2, 1, w - 4, h - 2});
    int off_middle = ret->y + ret->h / 2 - h / 2;
    bool dash = ret->w * 4 > w && off_middle * 4 < h && off_middle * 4 > -h;
    return ret->w >= 2 && (ret->h * 5 > h || dash);
}

/* Copies one character onto the strip, `down` pixels from its upper end as it stands in its row,
 * and returns where the next goes. */
static int strip_add(PIX *strip, PIX *cell, struct rect ink, int x, int down, int space)
{
    int from = ink.x > 2 ? ink.x - 2 : 0;
    pixRasterop(strip, x, 12 + ink.y + down, ink.w + 4, ink.h, PIX_SRC, cell, from, ink.y);
    return x + ink.w + 4 + space;
}

PIX *comb_strip(const struct page *page, struct rect r, const int *xs, int n)
{
    int space = page->em / 8 + 1, x = 20, blanks = 2, usual = usual_gap(xs, n);
    bool any = false;
    PIX *strip = pixCreate(r.w * 2 + 60, r.h + 24, 8);
    if (strip == NULL)
        return NULL;
    pixSetAllArbitrary(strip, BLANK);
    for (int i = 1; i < n; i++) {
        struct rect cell = {xs[i - 1], r.y, xs[i] - xs[i - 1], r.h}, ink;
        if (cell.w < page->em / 2) /* the gap between two groups of cells */
            continue;
        cell = cell_inner(page, cell);
        CLEANUP(pix_free) PIX *pix = cell_clip(page, cell, usual);
        if (pix != NULL && cell_ink(pix, &ink)) {
            x = strip_add(strip, pix, ink, x, cell.y - r.y, space);
            blanks = 0;
            any = true;
        } else if (++blanks == 1) {
            x += page->em / 2;
        }
        if (x > r.w * 2)
            break;
    }
    if (!any) {
        pixDestroy(&strip);
        return NULL;
    }
    BOX *box = boxCreate(0, 0, x + 20, r.h + 24);
    PIX *cut = pixClipRectangle(strip, box, NULL);
    boxDestroy(&box);
    pixDestroy(&strip);
    return cut;
}
