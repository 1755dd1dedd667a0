/* The picture of one value, cut out of the page: without what is left of frames, rules and leaders.
 *
 * The rule not to break: only what is too long, too straight or too regular for writing goes. */
#include "formread/brick.h"
#include "formread/reread.h"

#define BLANK      215 /* grey of paper */
#define INK        170 /* darker than this is ink */
#define LARGE_MANY 20  /* of dots that a fax could have made of letters */
#define DOTS_MANY  10  /* specks at one height are a dotted leader */

/* Blanks the runs of `length` or more pixels, and a pixel around them. */
static void runs_blank(PIX *pix, PIX *bin, int length, bool level)
{
    if (length < 8)
        return;
    CLEANUP(pix_free) PIX *runs = brick_open(bin, level ? length : 1, level ? 1 : length);
    CLEANUP(pix_free) PIX *wide = runs ? brick_dilate(runs, 3, 3) : NULL;
    if (wide != NULL)
        pixPaintThroughMask(pix, wide, 0, 0, BLANK);
}

/* Blanks level runs: rests of ruled lines. Over and under the writing shorter ones go than within
 * it, where the bars of "555" make one too. */
static void level_blank(PIX *pix, PIX *bin, int em)
{
    CLEANUP(pix_free) PIX *outer = pixCopy(NULL, bin);
    int h = pixGetHeight(pix), pad = em / 3;
    if (outer == NULL)
        return;
    pixRasterop(outer, 0, pad, pixGetWidth(outer), h - 2 * pad, PIX_CLR, NULL, 0, 0);
    runs_blank(pix, outer, em * 5 / 2, true);
    runs_blank(pix, bin, em * 4, true);
}

/* Blanks the sides of a frame: upright runs over nearly all of the height, close to the ends. */
static void sides_blank(PIX *pix, PIX *bin, int reach)
{
    int w = pixGetWidth(pix), h = pixGetHeight(pix);
    CLEANUP(pix_free) PIX *runs = brick_open(bin, 1, h * 3 / 4);
    CLEANUP(pix_free) PIX *wide = runs ? brick_dilate(runs, 3, 9) : NULL;
    if (wide == NULL || w < 4 * reach)
        return;
    pixRasterop(wide, reach, 0, w - 2 * reach, h, PIX_CLR, NULL, 0, 0);
    pixPaintThroughMask(pix, wide, 0, 0, BLANK);
}

/* Blanks specks of at most `most_w` x `most_h` where at least `many` stand in a row: a dotted
 * leader. */
static void leader_blank(PIX *pix, PIX *bin, int most_w, int most_h, int many)
{
    BOXA *parts = pixConnCompBB(bin, 8);
    int height = pixGetHeight(pix), n = parts ? boxaGetCount(parts) : 0;
    int *at = lept_calloc((size_t)height + 4, sizeof(int));
    l_int32 x, y, w, h;
    for (int i = 0; at && i < n; i++)
        if (boxaGetBoxGeometry(parts, i, &x, &y, &w, &h) == 0 && w <= most_w && h <= most_h)
            at[y + h / 2 + 2]++;
    for (int i = 0; at && i < n; i++) {
        if (boxaGetBoxGeometry(parts, i, &x, &y, &w, &h) != 0 || w > most_w || h > most_h)
            continue;
        int row = y + h / 2 + 2;
        if (at[row - 2] + at[row - 1] + at[row] + at[row + 1] + at[row + 2] < many)
            continue;
        BOX *dot = boxCreate(x - 1, y - 1, w + 2, h + 2);
        pixSetInRectArbitrary(pix, dot, BLANK);
        boxDestroy(&dot);
    }
    lept_free(at);
    boxaDestroy(&parts);
}

PIX *crop_make(const struct page *page, struct rect r)
{
    int em = page->em, pad = em / 3;
    struct rect outer = {r.x - pad, r.y - pad, r.w + 2 * pad, r.h + 2 * pad};
    outer =
        rect_meet(outer, (struct rect){0, 0, pixGetWidth(page->clean), pixGetHeight(page->clean)});
    if (outer.w < 4 || outer.h < 4)
        return NULL;
    BOX *box = boxCreate(outer.x, outer.y, outer.w, outer.h);
    CLEANUP(pix_free) PIX *part = pixClipRectangle(page->clean, box, NULL);
    boxDestroy(&box);
    CLEANUP(pix_free) PIX *bin = part ? pixThresholdToBinary(part, INK) : NULL;
    if (bin == NULL)
        return NULL;
    level_blank(part, bin, em);
    sides_blank(part, bin, pad + em / 4);
    leader_blank(part, bin, em / 4, em / 5, DOTS_MANY);
    leader_blank(part, bin, em / 3, em / 3, LARGE_MANY);
    return pixAddBorder(part, 10, BLANK);
}
