/* Ink that may be writing: what a fax left of a digit is seen here, though nobody can read it.
 *
 * The rule not to break: when in doubt it is writing; what is left out must be too small, too flat,
 * too large or solid black. */
#include "formread/writing.h"

#include "formread/brick.h"

#define INK        160 /* darker than this, as everywhere */
#define SPECK      3   /* pixels; a part smaller than this both ways is dirt */
#define GROUPS_MAX 64
#define EM_LEAST   20 /* pixels at reading scale, 2.5 mm */
#define CELLS_MAX  24

/* The height of a usual word; on a page of dirt that was read as words not less than print has. */
static int em_of(const struct page *page)
{
    return page->em < EM_LEAST ? EM_LEAST : page->em;
}

static struct rect on_page(const struct page *page, struct rect r)
{
    return rect_meet(r, (struct rect){0, 0, pixGetWidth(page->clean), pixGetHeight(page->clean)});
}

static PIX *ink_of(const struct page *page, struct rect r)
{
    BOX *box = boxCreate(r.x, r.y, r.w, r.h);
    CLEANUP(pix_free) PIX *grey = box ? pixClipRectangle(page->clean, box, NULL) : NULL;
    boxDestroy(&box);
    return grey ? pixThresholdToBinary(grey, INK) : NULL;
}

/* Takes out what is solid over more than any pen's stroke: black boxes, bars. */
static void solid_drop(PIX *ink, int em)
{
    int side = em * 2 / 3 > 8 ? em * 2 / 3 : 8;
    CLEANUP(pix_free) PIX *solid = brick_open(ink, side, side);
    CLEANUP(pix_free) PIX *wide = solid ? pixDilateBrick(NULL, solid, 13, 13) : NULL;
    if (wide != NULL)
        pixSubtract(ink, ink, wide);
}

/* Takes out what runs on straight for longer than any stroke: what is left of rules and bars. */
static void runs_drop(PIX *ink, int em)
{
    CLEANUP(pix_free) PIX *level = brick_open(ink, em * 3 / 2 + 1, 1);
    CLEANUP(pix_free) PIX *upright = brick_open(ink, 1, em * 2 + 1);
    if (level == NULL || upright == NULL)
        return;
    pixOr(level, level, upright);
    CLEANUP(pix_free) PIX *wide = pixDilateBrick(NULL, level, 3, 3);
    if (wide != NULL)
        pixSubtract(ink, ink, wide);
}

/* The ink of `in` (on the page) without what is certainly none of a writer's; NULL: no memory. */
static PIX *writing_ink(const struct page *page, struct rect in, const struct rect *skip, int skips)
{
    CLEANUP(pix_free) PIX *ink = ink_of(page, in);
    if (ink == NULL)
        return NULL;
    solid_drop(ink, em_of(page));
    runs_drop(ink, em_of(page));
    for (int i = 0; i < skips; i++)
        pixRasterop(ink, skip[i].x - in.x - 2, skip[i].y - in.y - 2, skip[i].w + 4, skip[i].h + 4,
                    PIX_CLR, NULL, 0, 0);
    return pixSelectBySize(ink, SPECK, SPECK, 8, L_SELECT_IF_EITHER, L_SELECT_IF_GTE, NULL);
}

static struct rect box_at(BOXA *boxes, int i)
{
    struct rect r = {0};
    if (boxaGetBoxGeometry(boxes, i, &r.x, &r.y, &r.w, &r.h) != 0)
        r.w = 0;
    return r;
}

int writing_find(const struct page *page, struct rect in, const struct rect *skip, int skips,
                 struct rect *ret, int max)
{
    int em = em_of(page), count = 0;
    in = on_page(page, in);
    CLEANUP(pix_free) PIX *ink = in.w > 0 ? writing_ink(page, in, skip, skips) : NULL;
    CLEANUP(pix_free) PIX *joined = ink ? brick_close(ink, em * 5 / 4 + 1, em / 4 + 1) : NULL;
    BOXA *boxes = joined ? pixConnCompBB(joined, 8) : NULL;
    for (int i = 0; boxes && i < boxaGetCount(boxes) && count < max; i++) {
        struct rect r = box_at(boxes, i);
        bool tall = r.h * 9 >= em * 4, dirt = r.w * 3 < em || (r.h * 2 > em * 5 && r.w < r.h);
        if (!tall || dirt || ink_share(ink, r) < 0.015)
            continue;
        ret[count++] = (struct rect){in.x + r.x, in.y + r.y, r.w, r.h};
    }
    boxaDestroy(&boxes);
    return count;
}

struct rect writing_bounds(const struct page *page, struct rect in, struct rect near)
{
    struct rect groups[GROUPS_MAX], all = near;
    bool taken[GROUPS_MAX] = {false}, more = true;
    int n = writing_find(page, in, NULL, 0, groups, GROUPS_MAX), far = 5 * em_of(page);
    if (n == GROUPS_MAX)
        return on_page(page, in);
    while (more) {
        more = false;
        for (int i = 0; i < n; i++) {
            bool close =
                groups[i].x < all.x + all.w + far && groups[i].x + groups[i].w > all.x - far;
            if (taken[i] || (near.w > 0 && !close))
                continue;
            all = rect_join(all, groups[i]);
            taken[i] = more = true;
        }
    }
    return all;
}

/* How far from `at` a level rule over most of `r`'s width is, going up or down; 0: none near. */
static int rule_level(const struct page *page, struct rect r, int at, int step, int reach)
{
    for (int d = 0; d <= reach; d += 2)
        if (rule_in(page->hrules, (struct rect){r.x, at + step * d - 2, r.w, 5}, 0.6))
            return d;
    return 0;
}

struct rect cell_around(const struct page *page, struct rect r)
{
    int em = em_of(page), xs[16];
    int up = rule_level(page, r, r.y, -1, em * 2 / 3);
    int down = rule_level(page, r, r.y + r.h, 1, em * 2 / 3);
    struct rect cell = {r.x, r.y - up, r.w, r.h + up + down};
    /* side by side: cells for a letter each, the empty ones too */
    for (int i = 0; i < CELLS_MAX; i++) {
        int n = rule_columns(page, (struct rect){cell.x - 2 * em, r.y, 2 * em - 3, r.h}, xs, 16);
        if (n == 0)
            break;
        cell.w += cell.x - xs[n - 1];
        cell.x = xs[n - 1];
    }
    for (int i = 0; i < CELLS_MAX; i++) {
        int right = cell.x + cell.w;
        if (rule_columns(page, (struct rect){right + 3, r.y, 2 * em, r.h}, xs, 16) == 0)
            break;
        cell.w = xs[0] - cell.x;
    }
    return cell;
}

struct rect strokes_whole(const struct page *page, struct rect r)
{
    int em = em_of(page);
    struct rect outer =
        on_page(page, (struct rect){r.x - em, r.y - em, r.w + 2 * em, r.h + 2 * em});
    CLEANUP(pix_free) PIX *ink = outer.w > 0 ? writing_ink(page, outer, NULL, 0) : NULL;
    BOXA *parts = ink ? pixConnCompBB(ink, 8) : NULL;
    struct rect whole = r;
    for (int i = 0; parts && i < boxaGetCount(parts); i++) {
        struct rect part = box_at(parts, i);
        part.x += outer.x;
        part.y += outer.y;
        struct rect shared = rect_meet(part, r);
        bool letter = part.h <= em * 5 / 2 && part.w <= em * 4;
        if (letter && shared.w > 0 && shared.h * 4 >= part.h)
            whole = rect_join(whole, part);
    }
    boxaDestroy(&parts);
    return whole;
}
