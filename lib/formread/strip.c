/* A crop of one written line to the strip that the model of handwriting reads: the ink alone, at
 * one height, white 0 and ink 255, whatever the paper and the pen.
 *
 * The rule not to break: the trainer (tools/handmodel/lines.c) makes its strips with this very
 * file, so a change here asks for a new model. */
#include "formread/strip.h"

#define INK_ALL 0.005 /* the darkest share of the pixels, which is ink for sure */

/* Grey of the paper (the most usual) and of the pen (the darkest that is not noise). */
static void tones_find(PIX *pix, int *ret_paper, int *ret_pen)
{
    l_int32 w = pixGetWidth(pix), h = pixGetHeight(pix);
    int count[256] = {0}, paper = 255, sum = 0, pen = 0;
    for (int y = 0; y < h; y++) {
        const l_uint32 *line = pixGetData(pix) + (size_t)y * (size_t)pixGetWpl(pix);
        for (int x = 0; x < w; x++)
            count[GET_DATA_BYTE(line, x)]++;
    }
    for (int v = 254; v > 100; v--)
        if (count[v] + count[v + 1] / 2 > count[paper])
            paper = v;
    while (pen < 255 && (sum += count[pen]) < w * h * INK_ALL)
        pen++;
    *ret_paper = paper;
    *ret_pen = pen;
}

/* First and last of `n` lines with more ink than a speck; false when there is none. */
static bool span_find(const int *ink, int n, int speck, int *ret_first, int *ret_last)
{
    int first = 0, last = n - 1;
    while (first < n && ink[first] <= speck)
        first++;
    while (last > first && ink[last] <= speck)
        last--;
    *ret_first = first;
    *ret_last = last;
    return first < last;
}

/* The rectangle of the ink darker than `limit`. */
static bool ink_find(PIX *pix, int limit, BOX **ret)
{
    l_int32 w = pixGetWidth(pix), h = pixGetHeight(pix);
    int *rows = lept_calloc((size_t)(w + h), sizeof(int)), *columns = rows + h;
    int top, bottom, left, right;
    if (rows == NULL)
        return false;
    for (int y = 0; y < h; y++) {
        const l_uint32 *line = pixGetData(pix) + (size_t)y * (size_t)pixGetWpl(pix);
        for (int x = 0; x < w; x++) {
            bool ink = GET_DATA_BYTE(line, x) < limit;
            rows[y] += ink;
            columns[x] += ink;
        }
    }
    bool found = span_find(rows, h, 1, &top, &bottom) && span_find(columns, w, 0, &left, &right);
    if (found)
        *ret = boxCreate(left, top, right - left + 1, bottom - top + 1);
    lept_free(rows);
    return found;
}

/* Stretches the tones: paper 0, pen 255. */
static void tones_set(PIX *pix, int paper, int pen)
{
    l_int32 w = pixGetWidth(pix), h = pixGetHeight(pix);
    int range = paper - pen;
    for (int y = 0; y < h; y++) {
        l_uint32 *line = pixGetData(pix) + (size_t)y * (size_t)pixGetWpl(pix);
        for (int x = 0; x < w; x++) {
            int v = (paper - GET_DATA_BYTE(line, x)) * 255 / range;
            SET_DATA_BYTE(line, x, v < 0 ? 0 : v > 255 ? 255 : v);
        }
    }
}

PIX *strip_make(PIX *pix)
{
    int paper, pen;
    l_int32 x, y, w, h;
    BOX *ink = NULL;
    tones_find(pix, &paper, &pen);
    if (paper - pen < STRIP_CONTRAST || !ink_find(pix, pen + (paper - pen) / 2, &ink))
        return NULL;
    boxGetGeometry(ink, &x, &y, &w, &h);
    boxDestroy(&ink);
    if (h < 5)
        return NULL;
    int pad = h / 10 + 1;
    BOX *outer = boxCreate(x - pad, y - pad, w + 2 * pad, h + 2 * pad);
    PIX *cut = pixClipRectangle(pix, outer, NULL);
    boxDestroy(&outer);
    if (cut == NULL)
        return NULL;
    int height = pixGetHeight(cut);
    int width = pixGetWidth(cut) * STRIP_HEIGHT / height;
    width = width < STRIP_LEAST ? STRIP_LEAST : width > STRIP_MOST ? STRIP_MOST : width;
    PIX *strip = pixScaleToSize(cut, width, STRIP_HEIGHT);
    pixDestroy(&cut);
    if (strip != NULL)
        tones_set(strip, paper, pen);
    return strip;
}
