/* A photo of a sheet on a table becomes the sheet alone: its four corners are found by brightness
 * and pulled into a rectangle.
 *
 * The rule not to break: when the bright shape is no plain sheet, the picture stays as it is. */
#include "formread/brick.h"
#include "formread/page.h"

#include <math.h>
#include <string.h>

#define REDUCE      4
#define SHEET_LEAST 0.35  /* share of the picture */
#define FILL_LEAST  0.93  /* share of the corners' quadrangle that is bright */
#define PRINT_REACH 41    /* odd; wider than a heading bar is high, at the reduced size */
#define EDGE_REACH  9     /* odd; how far around a step of brightness shows */
#define STEP_LEAST  14    /* percent of the light */
#define EDGE_NEAR   0.012 /* a sheet this near to the picture's edges needs nothing */

struct corners {
    double x[4], y[4]; /* top left, top right, bottom right, bottom left */
};

/* Where the brightness steps: 1 bpp, a band of EDGE_REACH on both sides of each step. A step is
 * measured against the light around it, so a lamp's falloff is none. */
static PIX *steps_find(PIX *plain)
{
    CLEANUP(pix_free) PIX *high = pixDilateGray(plain, EDGE_REACH, EDGE_REACH);
    CLEANUP(pix_free) PIX *low = pixErodeGray(plain, EDGE_REACH, EDGE_REACH);
    int w = pixGetWidth(plain), h = pixGetHeight(plain);
    PIX *steps = pixCreate(w, h, 1);
    if (high == NULL || low == NULL || steps == NULL) {
        pixDestroy(&steps);
        return NULL;
    }
    for (int y = 0; y < h; y++) {
        const l_uint32 *up = pixGetData(high) + (size_t)y * pixGetWpl(high);
        const l_uint32 *down = pixGetData(low) + (size_t)y * pixGetWpl(low);
        l_uint32 *to = pixGetData(steps) + (size_t)y * pixGetWpl(steps);
        for (int x = 0; x < w; x++) {
            int most = GET_DATA_BYTE(up, x), least = GET_DATA_BYTE(down, x);
            if ((most - least) * 100 > most * STEP_LEAST + 300)
                SET_DATA_BIT(to, x);
        }
    }
    return steps;
}

/* The area under the middle of the picture that no step of brightness cuts off, as 1 bpp of a
 * reduced picture. Print is closed first: the sheet alone is left. */
static PIX *sheet_mask(PIX *small)
{
    CLEANUP(pix_free) PIX *smooth = pixBlockconvGray(small, NULL, 2, 2);
    CLEANUP(pix_free) PIX *framed = smooth ? pixAddBorder(smooth, PRINT_REACH, 0) : NULL;
    CLEANUP(pix_free) PIX *plain = framed ? pixCloseGray(framed, PRINT_REACH, PRINT_REACH) : NULL;
    CLEANUP(pix_free) PIX *steps = plain ? steps_find(plain) : NULL;
    CLEANUP(pix_free) PIX *even = steps ? pixInvert(NULL, steps) : NULL;
    CLEANUP(pix_free) PIX *seed = even ? pixCreateTemplate(even) : NULL;
    if (seed == NULL)
        return NULL;
    int w = pixGetWidth(even), h = pixGetHeight(even);
    pixRasterop(seed, w * 2 / 5, h * 2 / 5, w / 5, h / 5, PIX_SRC, even, w * 2 / 5, h * 2 / 5);
    CLEANUP(pix_free) PIX *area = pixSeedfillBinary(NULL, seed, even, 4);
    CLEANUP(pix_free) PIX *whole = area ? brick_dilate(area, EDGE_REACH, EDGE_REACH) : NULL;
    return whole ? pixRemoveBorder(whole, PRINT_REACH) : NULL;
}

/* The mask's extreme points along the diagonals. */
static void corners_find(PIX *mask, struct corners *ret)
{
    static const int sx[4] = {-1, 1, 1, -1}, sy[4] = {-1, -1, 1, 1};
    int w = pixGetWidth(mask), h = pixGetHeight(mask);
    double best[4] = {-1e9, -1e9, -1e9, -1e9};
    for (int y = 0; y < h; y++) {
        const l_uint32 *line = pixGetData(mask) + (size_t)y * pixGetWpl(mask);
        for (int x = 0; x < w; x++) {
            if (!GET_DATA_BIT(line, x))
                continue;
            for (int i = 0; i < 4; i++) {
                double reach = sx[i] * (double)x / w + sy[i] * (double)y / h;
                if (reach > best[i]) {
                    best[i] = reach;
                    ret->x[i] = x;
                    ret->y[i] = y;
                }
            }
        }
    }
}

static double side(const struct corners *c, int a, int b)
{
    return hypot(c->x[a] - c->x[b], c->y[a] - c->y[b]);
}

static double area(const struct corners *c)
{
    double sum = 0;
    for (int i = 0; i < 4; i++) {
        int j = (i + 1) % 4;
        sum += c->x[i] * c->y[j] - c->x[j] * c->y[i];
    }
    return fabs(sum) / 2;
}

/* Opposite sides alike, mostly filled, large, and not simply the whole picture. */
static bool is_sheet(PIX *mask, const struct corners *c)
{
    double w = pixGetWidth(mask), h = pixGetHeight(mask), off = 0;
    l_int32 count = 0;
    pixCountPixels(mask, &count, NULL);
    double top = side(c, 0, 1), bottom = side(c, 3, 2), left = side(c, 0, 3), right = side(c, 1, 2);
    if (top < 1 || left < 1 || area(c) < SHEET_LEAST * w * h)
        return false;
    if (fabs(log(top / bottom)) > 0.25 || fabs(log(left / right)) > 0.25)
        return false;
    if (count < FILL_LEAST * area(c) || count > 1.06 * area(c))
        return false;
    for (int i = 0; i < 4; i++) {
        double ex = i == 0 || i == 3 ? c->x[i] : w - 1 - c->x[i];
        double ey = i < 2 ? c->y[i] : h - 1 - c->y[i];
        off = fmax(off, fmax(ex / w, ey / h));
    }
    return off > EDGE_NEAR;
}

static PTA *points(const double *x, const double *y, double scale)
{
    PTA *pta = ptaCreate(4);
    for (int i = 0; pta && i < 4; i++)
        ptaAddPt(pta, (l_float32)(x[i] * scale), (l_float32)(y[i] * scale));
    return pta;
}

/* The sheet pulled straight, or NULL; `back` maps its points to the picture's. */
static PIX *sheet_pull(PIX *grey, const struct corners *c, double scale, float back[8])
{
    double w = fmax(side(c, 0, 1), side(c, 3, 2)) * scale;
    double h = fmax(side(c, 0, 3), side(c, 1, 2)) * scale;
    w = fmin(w, pixGetWidth(grey));
    h = fmin(h, pixGetHeight(grey));
    double rx[4] = {0, w - 1, w - 1, 0}, ry[4] = {0, 0, h - 1, h - 1};
    PTA *from = points(c->x, c->y, scale), *to = points(rx, ry, 1);
    l_float32 *coefficients = NULL;
    PIX *cut = NULL;
    if (from && to && getProjectiveXformCoeffs(to, from, &coefficients) == 0) {
        CLEANUP(pix_free) PIX *pulled = pixProjectivePtaGray(grey, to, from, 255);
        BOX *box = boxCreate(0, 0, (int)w, (int)h);
        cut = pulled ? pixClipRectangle(pulled, box, NULL) : NULL;
        boxDestroy(&box);
        for (int i = 0; i < 8; i++)
            back[i] = coefficients[i];
    }
    lept_free(coefficients);
    ptaDestroy(&from);
    ptaDestroy(&to);
    return cut;
}

PIX *page_rectify(struct page *page, PIX *grey)
{
    struct corners corners = {0};
    page->rectified = false;
    if (pixGetWidth(grey) < 200 || pixGetHeight(grey) < 200)
        return pixClone(grey);
    CLEANUP(pix_free) PIX *small = pixScaleAreaMap2(grey);
    CLEANUP(pix_free) PIX *smaller = small ? pixScaleAreaMap2(small) : NULL;
    CLEANUP(pix_free) PIX *mask = smaller ? sheet_mask(smaller) : NULL;
    if (mask == NULL)
        return pixClone(grey);
    corners_find(mask, &corners);
    if (!is_sheet(mask, &corners))
        return pixClone(grey);
    PIX *pulled = sheet_pull(grey, &corners, REDUCE, page->back);
    page->rectified = pulled != NULL;
    return pulled ? pulled : pixClone(grey);
}

void rectified_point(const struct page *page, double *x, double *y)
{
    l_float32 px, py;
    float back[8];
    if (!page->rectified)
        return;
    memcpy(back, page->back, sizeof(back));
    if (projectiveXformPt(back, (l_int32)*x, (l_int32)*y, &px, &py) != 0)
        return;
    *x = px;
    *y = py;
}
