/* A photo of a sheet on a table becomes the sheet alone: its four corners are found by brightness
 * and pulled into a rectangle.
 *
 * The rule not to break: when the bright shape is no plain sheet, the picture stays as it is. */
#include "formread/page.h"

#include <math.h>
#include <string.h>

#define REDUCE      4
#define SHEET_LEAST 0.35  /* share of the picture */
#define FILL_LEAST  0.93  /* share of the corners' quadrangle that is bright */
#define EDGE_NEAR   0.012 /* a sheet this near to the picture's edges needs nothing */

struct corners {
    double x[4], y[4]; /* top left, top right, bottom right, bottom left */
};

/* The largest bright component as 1 bpp of a reduced picture. */
static PIX *sheet_mask(PIX *small)
{
    l_int32 level = 0;
    CLEANUP(pix_free) PIX *smooth = pixBlockconvGray(small, NULL, 2, 2);
    if (smooth == NULL || pixSplitDistributionFgBg(smooth, 0.1f, 1, &level, NULL, NULL, NULL) != 0)
        return NULL;
    CLEANUP(pix_free) PIX *dark = pixThresholdToBinary(smooth, level);
    CLEANUP(pix_free) PIX *bright = dark ? pixInvert(NULL, dark) : NULL;
    CLEANUP(pix_free) PIX *closed = bright ? pixCloseSafeBrick(NULL, bright, 15, 15) : NULL;
    if (closed == NULL)
        return NULL;
    /* the sheet is the component under the middle of the picture */
    CLEANUP(pix_free) PIX *seed = pixCreateTemplate(closed);
    int w = pixGetWidth(closed), h = pixGetHeight(closed);
    if (seed == NULL)
        return NULL;
    pixRasterop(seed, w * 2 / 5, h * 2 / 5, w / 5, h / 5, PIX_SRC, closed, w * 2 / 5, h * 2 / 5);
    return pixSeedfillBinary(NULL, seed, closed, 4);
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
