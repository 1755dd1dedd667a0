/* Pictures of single values: what is left of frames, cells and leaders goes, the writing stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka last */
#include <cmocka.h>

#include "formread/reread.h"

#define EM     24
#define PAPER  225
#define PEN    30
#define CELL_W 40
#define CELL_H 56

static void bar(PIX *pix, int x, int y, int w, int h)
{

    BOX *box = boxCreate(x, y, w, h);
    pixSetInRectArbitrary(pix, box, PEN);
    boxDestroy(&box);
}

static PIX *paper(int w, int h)
{
    PIX *pix = pixCreate(w, h, 8);
    pixSetAllArbitrary(pix, PAPER);
    return pix;
}

/* True when a run of ink of `w` x `h` pixels is in `pix`. */
static bool has_run(PIX *pix, int w, int h)
{
    l_int32 none = 1;
    CLEANUP(pix_free) PIX *bin = pixThresholdToBinary(pix, 170);
    CLEANUP(pix_free) PIX *runs = pixOpenBrick(NULL, bin, w, h);
    pixZero(runs, &none);
    return none == 0;
}

/* Top, back and belly of a 5 whose left upper end is at x, y. */
static void five(PIX *pix, int x, int y, int w)
{
    bar(pix, x, y, w, 3);
    bar(pix, x, y, 3, 14);
    bar(pix, x, y + 12, w - 4, 3);
    bar(pix, x + w - 6, y + 12, 3, 14);
    bar(pix, x, y + 24, w - 4, 3);
}

static void test_the_joined_bars_of_a_number_stay_and_a_rest_of_a_rule_goes(void **state)
{
    (void)state;
    CLEANUP(pix_free) PIX *clean = paper(400, 120);
    struct page page = {.clean = clean, .em = EM};
    struct rect value = {100, 50, 120, 28};
    for (int i = 0; i < 3; i++) /* "555" written in one go: a bar of 66 pixels */
        five(clean, 110 + 22 * i, 51, 22);
    assert_true(has_run(clean, 66, 1));
    CLEANUP(pix_free) PIX *crop = crop_make(&page, value);
    assert_true(has_run(crop, 66, 1));
    bar(clean, 95, value.y - 6, 130, 2);
    CLEANUP(pix_free) PIX *ruled = crop_make(&page, value);
    assert_true(has_run(ruled, 66, 1));
    assert_false(has_run(ruled, 80, 1));
}

/* Eight cells, a gap after the fourth whose second divider was not found; frames stand in `bin`,
 * and what was not painted out of them in `clean`. */
static int cells_draw(PIX *clean, PIX *bin, struct rect row, int *xs)
{
    int n = 0, x = row.x;
    for (int i = 0; i < 8; i++) {
        xs[n++] = x;
        int w = CELL_W + (i == 4 ? 14 : 0), left = x + w - CELL_W;
        five(clean, left + 12, row.y + 12, 18);
        if (i == 4) { /* the frame that starts the second group */
            bar(clean, left, row.y + 3, 3, CELL_H - 6);
            bar(clean, left, row.y + 3, CELL_W - 4, 3);
            bar(clean, left, row.y + CELL_H - 6, CELL_W - 4, 3);
        }
        x += w;
    }
    xs[n++] = x;
    CLEANUP(pix_free) PIX *ink = pixThresholdToBinary(clean, 130);
    pixCopy(bin, ink);
    return n;
}

static void test_rests_of_cells_go_and_the_bars_of_digits_stay(void **state)
{
    (void)state;
    CLEANUP(pix_free) PIX *clean = paper(500, 140);
    CLEANUP(pix_free) PIX *bin = pixCreate(500, 140, 1);
    struct rect row = {40, 30, 8 * CELL_W + 14, CELL_H};
    int xs[16], n = cells_draw(clean, bin, row, xs);
    struct page page = {.clean = clean, .bin = bin, .em = EM};
    assert_true(comb_is(xs, n, EM));
    CLEANUP(pix_free) PIX *strip = comb_strip(&page, row, xs, n);
    assert_non_null(strip);
    assert_false(has_run(strip, 1, 34)); /* no side, */
    assert_false(has_run(strip, 24, 1)); /* no top or bottom of a cell */
    CLEANUP(pix_free) PIX *ink = pixThresholdToBinary(strip, 170);
    CLEANUP(pix_free) PIX *bars = pixOpenBrick(NULL, ink, 16, 3);
    l_int32 tops = 0;
    pixCountConnComp(bars, 8, &tops);
    assert_int_equal(tops, 8);
}

int main(void)
{
    setMsgSeverity(L_SEVERITY_NONE);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_joined_bars_of_a_number_stay_and_a_rest_of_a_rule_goes),
        cmocka_unit_test(test_rests_of_cells_go_and_the_bars_of_digits_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
