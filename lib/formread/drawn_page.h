/* Pages drawn by tests: straight, upright, one pixel a pixel (tests alone include this).
 *
 * The rule not to break: what is drawn is in bin, grey and clean alike, as on a page that was
 * straightened and has no rules; rules are drawn with drawn_rule, which takes them out of clean as
 * page_find_rules does. */
#ifndef NEXACORE_FORMREAD_DRAWN_PAGE_H
#define NEXACORE_FORMREAD_DRAWN_PAGE_H

#include "formread/boxes.h"
#include "formread/values.h"

#define DRAWN_EM 30

/* An empty page of w x h pixels; the caller frees it with page_free. */
static inline struct page drawn_page(int w, int h)
{
    struct page page = {.em = DRAWN_EM,
                        .display_w = w,
                        .display_h = h,
                        .scale_x = 1,
                        .scale_y = 1,
                        .upright_w = w,
                        .upright_h = h,
                        .sheet_w = w,
                        .sheet_h = h};
    page.grey = pixCreate(w, h, 8);
    page.bin = pixCreate(w, h, 1);
    page.hrules = pixCreate(w, h, 1);
    page.vrules = pixCreate(w, h, 1);
    pixSetAllArbitrary(page.grey, 255);
    page.clean = pixCopy(NULL, page.grey);
    return page;
}

/* Black over the w x h pixels from (x, y) on. */
static inline void drawn_fill(struct page *page, int x, int y, int w, int h)
{
    pixRasterop(page->bin, x, y, w, h, PIX_SET, NULL, 0, 0);
    pixRasterop(page->grey, x, y, w, h, PIX_CLR, NULL, 0, 0);
    pixRasterop(page->clean, x, y, w, h, PIX_CLR, NULL, 0, 0);
}

/* A square point of `thick` pixels around (x, y). */
static inline void drawn_dot(struct page *page, double x, double y, int thick)
{
    drawn_fill(page, (int)x - thick / 2, (int)y - thick / 2, thick, thick);
}

/* A pen's line of `thick` pixels from (x0, y0) to (x1, y1). */
static inline void drawn_line(struct page *page, int x0, int y0, int x1, int y1, int thick)
{
    int dx = x1 > x0 ? x1 - x0 : x0 - x1, dy = y1 > y0 ? y1 - y0 : y0 - y1;
    int steps = dx > dy ? dx : dy;
    for (int i = 0; i <= steps; i++)
        drawn_dot(page, x0 + (double)(x1 - x0) * i / (steps ? steps : 1),
                  y0 + (double)(y1 - y0) * i / (steps ? steps : 1), thick);
}

/* The four sides of `r`, `thick` pixels each, inside of it. */
static inline void drawn_frame(struct page *page, struct rect r, int thick)
{
    drawn_fill(page, r.x, r.y, r.w, thick);
    drawn_fill(page, r.x, r.y + r.h - thick, r.w, thick);
    drawn_fill(page, r.x, r.y, thick, r.h);
    drawn_fill(page, r.x + r.w - thick, r.y, thick, r.h);
}

/* A level (h 3) or upright (w 3) rule, painted out of `clean` already. */
static inline void drawn_rule(struct page *page, struct rect r)
{
    drawn_fill(page, r.x, r.y, r.w, r.h);
    PIX *rules = r.w > r.h ? page->hrules : page->vrules;
    pixRasterop(rules, r.x, r.y, r.w, r.h, PIX_SET, NULL, 0, 0);
    for (int y = r.y - 2; y < r.y + r.h + 2; y++)
        for (int x = r.x - 2; x < r.x + r.w + 2; x++)
            pixSetPixel(page->clean, x, y, 215);
}

/* `n` figures as a pen draws them, from (x, y) on, each 18 x 26 with a gap; where they are. */
static inline struct rect drawn_digits(struct page *page, int x, int y, int n)
{
    for (int i = 0; i < n; i++) {
        int at = x + i * 25;
        drawn_line(page, at, y, at + 17, y, 3);
        drawn_line(page, at + 17, y, at + 17 * (i % 2), y + 25, 3);
        drawn_line(page, at, y + 25, at + 17, y + 25, 3);
        if (i % 3 == 0)
            drawn_line(page, at, y, at, y + 12, 3);
    }
    return (struct rect){x - 1, y - 1, n * 25 - 5, 28};
}

#endif
