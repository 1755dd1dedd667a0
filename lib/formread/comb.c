/* Character cells ("comb" fields): one letter a cell, read after the cells are pushed together. */
#include "formread/values.h"

#define CELLS_MIN 5

/* Dividers at even distances; groups ("DD MM YYYY") may stand a little apart. */
bool comb_is(const int *xs, int n, int em)
{
    if (n < CELLS_MIN)
        return false;
    int gaps[64], count = 0;
    for (int i = 1; i < n && count < 64; i++)
        gaps[count++] = xs[i] - xs[i - 1];
    for (int i = 1; i < count; i++)
        for (int j = i; j > 0 && gaps[j - 1] > gaps[j]; j--) {
            int swap = gaps[j];
            gaps[j] = gaps[j - 1];
            gaps[j - 1] = swap;
        }
    int usual = gaps[count / 2], near = 0;
    if (usual < em / 2 || usual > em * 3)
        return false;
    for (int i = 0; i < count; i++)
        near += gaps[i] * 4 > usual * 3 && gaps[i] * 4 < usual * 5;
    return near * 3 >= count * 2;
}

static bool cell_ink(const struct page *page, struct rect cell, struct rect *ret)
{
    struct rect inner = {cell.x + 3, cell.y + 3, cell.w - 6, cell.h - 6};
    *ret = ink_bounds(page, inner);
    int off_middle = ret->y + ret->h / 2 - (cell.y + cell.h / 2);
    bool dash = ret->w * 4 > cell.w && off_middle * 4 < cell.h && off_middle * 4 > -cell.h;
    return ret->w >= 2 && (ret->h * 5 > cell.h || dash);
}

/* Copies one character onto the strip and returns where the next goes. */
static int strip_add(const struct page *page, PIX *strip, struct rect cell, struct rect ink, int x,
                     int space)
{
    int from = ink.x > 2 ? ink.x - 2 : 0;
    pixRasterop(strip, x, 12, ink.w + 4, cell.h, PIX_SRC, page->clean, from, cell.y);
    return x + ink.w + 4 + space;
}

PIX *comb_strip(const struct page *page, struct rect r, const int *xs, int n)
{
    int space = page->em / 8 + 1, x = 20, blanks = 2;
    bool any = false;
    PIX *strip = pixCreate(r.w * 2 + 60, r.h + 24, 8);
    if (strip == NULL)
        return NULL;
    pixSetAllArbitrary(strip, 215);
    for (int i = 1; i < n; i++) {
        struct rect cell = {xs[i - 1], r.y, xs[i] - xs[i - 1], r.h}, ink;
        if (cell.w < page->em / 2) /* the gap between two groups of cells */
            continue;
        if (cell_ink(page, cell, &ink)) {
            x = strip_add(page, strip, cell, ink, x, space);
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
