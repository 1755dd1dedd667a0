/* From the displayed picture to an upright, even, level grey page at reading scale.
 *
 * The page is never binarised for reading (that lost 5 points of accuracy); 1 bpp copies serve
 * geometry alone. Every step is recorded in struct page, so that boxes find their way back. */
#include "formread/page.h"

#include <math.h>

#define LONG_SIDE_MIN 2150 /* an A4 or letter page at about 195 dpi */
#define LONG_SIDE_MAX 2600
#define TILE_W        16 /* of the map of light */
#define TILE_H        24
#define BAR_TILES     9   /* a bar is lower than so many tiles, or narrower */
#define BAR_SHADE     0.6 /* and darker than this share of what is around it */
#define SKEW_RANGE    6.0f
#define SKEW_DELTA    0.5f

/* The light that falls on each tile, without what is printed dark there: a heading's bar is no
 * shadow. Shadows are soft or wide; a bar is much darker than the paper around it, and narrow. */
static PIX *light_map(PIX *grey)
{
    PIX *map = NULL;
    if (pixGetBackgroundGrayMap(grey, NULL, TILE_W, TILE_H, 60, 40, &map) != 0)
        return NULL;
    CLEANUP(pix_free) PIX *closed = pixCloseGray(map, BAR_TILES, BAR_TILES);
    CLEANUP(pix_free) PIX *bars = closed ? pixCreate(pixGetWidth(map), pixGetHeight(map), 1) : NULL;
    l_uint32 v, around;
    for (int y = 0; bars && y < pixGetHeight(map); y++)
        for (int x = 0; x < pixGetWidth(map); x++)
            if (pixGetPixel(map, x, y, &v) == 0 && pixGetPixel(closed, x, y, &around) == 0 &&
                v < around * BAR_SHADE)
                pixSetPixel(bars, x, y, 1);
    CLEANUP(pix_free) PIX *near = bars ? pixDilateBrick(NULL, bars, 3, 3) : NULL;
    if (near != NULL)
        pixCombineMasked(map, closed, near);
    return map;
}

/* Evens out light and shadow; a picture too small or too strange for it stays as it is. */
static PIX *evened(PIX *grey)
{
    CLEANUP(pix_free) PIX *map = light_map(grey);
    CLEANUP(pix_free) PIX *inverse = map ? pixGetInvBackgroundMap(map, 200, 2, 2) : NULL;
    PIX *even = inverse ? pixApplyInvBackgroundGrayMap(grey, inverse, TILE_W, TILE_H) : NULL;
    return even ? even : pixClone(grey);
}

/* Scale factors: square pixels (fax rows are twice as far apart), then the long side in range. */
static void scale_choose(struct page *page, int w, int h, double aspect)
{
    double sx = aspect < 1 ? 1 / aspect : 1, sy = aspect > 1 ? aspect : 1;
    double longest = w * sx > h * sy ? w * sx : h * sy;
    double all = 1;
    if (longest < LONG_SIDE_MIN)
        all = LONG_SIDE_MIN / longest;
    if (longest > LONG_SIDE_MAX)
        all = LONG_SIDE_MAX / longest;
    page->scale_x = sx * (all > 3 ? 3 : all);
    page->scale_y = sy * (all > 3 ? 3 : all);
}

static double skew_find(PIX *grey)
{
    int w = pixGetWidth(grey), h = pixGetHeight(grey);
    BOX *middle = boxCreate(w / 12, h / 12, w - w / 6, h - h / 6); /* a photo's edges mislead */
    CLEANUP(pix_free) PIX *part = pixClipRectangle(grey, middle, NULL);
    CLEANUP(pix_free) PIX *bin = part ? pixThresholdToBinary(part, INK_LEVEL) : NULL;
    l_float32 angle = 0, conf = 0;
    boxDestroy(&middle);
    if (bin == NULL ||
        pixFindSkewSweepAndSearch(bin, &angle, &conf, 4, 2, SKEW_RANGE, SKEW_DELTA, 0.01f) != 0)
        return 0;
    return conf > 2.0f && fabsf(angle) > 0.03f ? angle : 0;
}

bool page_straighten(struct page *page, PIX *display, double aspect, int turn)
{
    CLEANUP(pix_free) PIX *shown = display;
    page->display_w = pixGetWidth(shown);
    page->display_h = pixGetHeight(shown);
    page->rotation = turn * 90;
    CLEANUP(pix_free) PIX *whole = pixRotateOrth(shown, turn);
    CLEANUP(pix_free) PIX *upright = whole ? page_rectify(page, whole) : NULL;
    if (upright == NULL)
        return false;
    page->upright_w = pixGetWidth(whole);
    page->upright_h = pixGetHeight(whole);
    page->sheet_w = pixGetWidth(upright);
    page->sheet_h = pixGetHeight(upright);
    if (turn % 2)
        aspect = 1 / aspect;
    scale_choose(page, pixGetWidth(upright), pixGetHeight(upright), aspect);
    CLEANUP(pix_free)
    PIX *scaled = pixScale(upright, (l_float32)page->scale_x, (l_float32)page->scale_y);
    CLEANUP(pix_free) PIX *even = scaled ? evened(scaled) : NULL;
    if (even == NULL)
        return false;
    page->skew = skew_find(even);
    if (page->skew != 0)
        page->grey = pixRotate(even, (l_float32)(page->skew * M_PI / 180), L_ROTATE_AREA_MAP,
                               L_BRING_IN_WHITE, 0, 0);
    else
        page->grey = pixClone(even);
    page->bin = page->grey ? pixThresholdToBinary(page->grey, INK_LEVEL) : NULL;
    return page->bin != NULL;
}

/* A point of the straightened page as a fraction of the displayed one: the steps backwards. */
static void point_back(const struct page *page, double x, double y, double *ret_x, double *ret_y)
{
    double w = pixGetWidth(page->grey), h = pixGetHeight(page->grey);
    double a = -page->skew * M_PI / 180;
    double dx = x - w / 2, dy = y - h / 2;
    double ux = (w / 2 + dx * cos(a) - dy * sin(a)) / w;
    double uy = (h / 2 + dx * sin(a) + dy * cos(a)) / h;
    ux *= page->sheet_w;
    uy *= page->sheet_h;
    rectified_point(page, &ux, &uy);
    ux /= page->upright_w;
    uy /= page->upright_h;
    switch (page->rotation) { /* the turn was clockwise: go back counter-clockwise */
    case 90:
        *ret_x = uy;
        *ret_y = 1 - ux;
        break;
    case 180:
        *ret_x = 1 - ux;
        *ret_y = 1 - uy;
        break;
    case 270:
        *ret_x = 1 - uy;
        *ret_y = ux;
        break;
    default:
        *ret_x = ux;
        *ret_y = uy;
        break;
    }
}

static double unit(double v)
{
    return v < 0 ? 0 : v > 1 ? 1 : v;
}

struct fbox page_display_box(const struct page *page, struct rect r)
{
    double left = 1, top = 1, right = 0, bottom = 0;
    for (int corner = 0; corner < 4; corner++) {
        double x, y;
        point_back(page, r.x + (corner & 1 ? r.w : 0), r.y + (corner & 2 ? r.h : 0), &x, &y);
        left = fmin(left, x);
        right = fmax(right, x);
        top = fmin(top, y);
        bottom = fmax(bottom, y);
    }
    left = unit(left);
    top = unit(top);
    return (struct fbox){left, top, unit(right) - left, unit(bottom) - top};
}

void page_free(struct page *page)
{
    pixDestroy(&page->grey);
    pixDestroy(&page->bin);
    pixDestroy(&page->hrules);
    pixDestroy(&page->vrules);
    pixDestroy(&page->clean);
}
