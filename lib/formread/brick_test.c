/* brick.c against Leptonica: the same pixels for any page and any rectangle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>

#include "formread/brick.h"
#include "formread/test_random.h"

/* Specks, bars and rules, some of them over the edge. */
static PIX *page_make(int w, int h)
{
    PIX *pix = pixCreate(w, h, 1);
    assert_non_null(pix);
    for (int i = 0; i < 400; i++)
        pixSetPixel(pix, random_below(w), random_below(h), 1);
    for (int i = 0; i < 60; i++) {
        bool wide = random_below(2);
        int x = random_below(w) - 20, y = random_below(h) - 20;
        int rw = 1 + random_below(wide ? w : 25), rh = 1 + random_below(wide ? 25 : h);
        pixRasterop(pix, x, y, rw, rh, i % 5 ? PIX_SET : PIX_CLR, NULL, 0, 0);
    }
    return pix;
}

static void assert_same(PIX *ours, PIX *theirs)
{
    l_int32 same = 0;
    assert_non_null(ours);
    assert_non_null(theirs);
    assert_int_equal(pixEqual(ours, theirs, &same), 0);
    assert_int_equal(same, 1);
    pixDestroy(&ours);
    pixDestroy(&theirs);
}

static void test_opening_closing_and_widening_are_leptonicas_to_the_last_pixel(void **state)
{
    static const int sizes[][2] = {{1, 1},   {2, 2},   {7, 22}, {70, 1},  {1, 38},
                                   {35, 11}, {11, 19}, {90, 1}, {301, 1}, {18, 3},
                                   {90, 20}, {9, 1},   {1, 9},  {64, 64}};
    (void)state;
    for (int round = 0; round < 6; round++) {
        PIX *pix = page_make(150 + random_below(400), 100 + random_below(300));
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            int w = round < 3 ? sizes[i][0] : 1 + random_below(90);
            int h = round < 3 ? sizes[i][1] : 1 + random_below(60);
            assert_same(brick_open(pix, w, h), pixOpenBrick(NULL, pix, w, h));
            assert_same(brick_close(pix, w, h), pixCloseSafeBrick(NULL, pix, w, h));
            assert_same(brick_dilate(pix, w, h), pixDilateBrick(NULL, pix, w, h));
        }
        pixDestroy(&pix);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_opening_closing_and_widening_are_leptonicas_to_the_last_pixel),
    };
    setMsgSeverity(L_SEVERITY_NONE);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
