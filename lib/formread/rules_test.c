/* Ruled lines, dotted leaders and heading bars of drawn pages: what is painted out, and what must
 * not be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>

#include "formread/page.h"

#define PAPER_GREY 200
#define BLANK_GREY 215

static void ink(PIX *grey, int x, int y, int w, int h, l_uint32 shade)
{
    BOX *box = boxCreate(x, y, w, h);
    pixSetInRectArbitrary(grey, box, shade);
    boxDestroy(&box);
}

static struct page page_of(PIX *grey)
{
    struct page page = {.em = 24, .grey = grey};
    page.bin = pixThresholdToBinary(grey, INK_LEVEL);
    assert_non_null(page.bin);
    assert_true(page_find_rules(&page));
    return page;
}

static PIX *sheet(void)
{
    PIX *grey = pixCreate(900, 500, 8);
    assert_non_null(grey);
    pixSetAllArbitrary(grey, PAPER_GREY);
    return grey;
}

static int shade_at(PIX *grey, int x, int y)
{
    l_uint32 v = 0;
    pixGetPixel(grey, x, y, &v);
    return (int)v;
}

/* Letters of small print, x-height 8: arches of different widths at different distances. */
static void print_draw(PIX *grey, int x, int y)
{
    static const int widths[] = {6, 9, 7, 12, 5, 8, 6, 10, 7, 8, 5, 12, 6, 9, 7, 8};
    for (size_t i = 0; i < ARRAY_LEN(widths); i++) {
        ink(grey, x, y, 2, 8, 60);
        ink(grey, x, y, widths[i], 2, 60);
        x += widths[i] + 3 + (int)(i % 3);
    }
}

static void test_a_leaning_dotted_leader_is_a_line_and_small_print_is_none(void **state)
{
    (void)state;
    PIX *grey = sheet();
    for (int i = 0; i < 80; i++)
        ink(grey, 60 + 9 * i, 100 + i / 4, 4, 4, 60);
    print_draw(grey, 100, 300);
    struct page page = page_of(grey);
    assert_int_equal(shade_at(page.clean, 61, 101), BLANK_GREY);
    assert_int_equal(shade_at(page.clean, 60 + 9 * 79 + 1, 121), BLANK_GREY);
    assert_true(rule_in(page.hrules, (struct rect){200, 98, 400, 24}, 0.9));
    assert_int_equal(shade_at(page.clean, 100, 303), 60);
    assert_false(rule_in(page.hrules, (struct rect){100, 296, 100, 16}, 0.3));
    page_free(&page);
}

static void test_a_faint_bent_frame_is_painted_out_and_a_bold_word_is_not(void **state)
{
    (void)state;
    PIX *grey = sheet();
    for (int x = 50; x < 850; x++) /* fainter than letters, a step of a pixel every 40 */
        ink(grey, x, 100 + x / 40, 1, 2, 160);
    ink(grey, 100, 300, 90, 3, 60); /* letters grown together: a line through, ink on both sides */
    for (int i = 0; i < 9; i++)
        ink(grey, 100 + 10 * i, 292, 4, 20, 60);
    struct page page = page_of(grey);
    assert_int_equal(shade_at(page.clean, 450, 100 + 450 / 40), BLANK_GREY);
    assert_int_equal(shade_at(page.clean, 145, 301), 60);
    page_free(&page);
}

static void test_a_bars_letters_turn_dark_and_its_ground_to_paper_of_any_shade(void **state)
{
    (void)state;
    for (int shade = 0; shade <= 120; shade += 60) {
        PIX *grey = sheet();
        ink(grey, 50, 100, 800, 56, (l_uint32)shade);
        for (int i = 0; i < 8; i++) /* light letters */
            ink(grey, 80 + 20 * i, 116, 6, 24, PAPER_GREY);
        struct page page = page_of(grey);
        assert_in_range(shade_at(page.grey, 83, 128), 0, 90);
        assert_in_range(shade_at(page.grey, 600, 128), 190, 210);
        page_free(&page);
    }
}

static void test_a_title_in_bold_is_no_bar(void **state)
{
    (void)state;
    PIX *grey = sheet();
    for (int i = 0; i < 14; i++) { /* heavy letters, open above */
        ink(grey, 60 + 40 * i, 100, 9, 34, 40);
        ink(grey, 60 + 40 * i, 112, 34, 22, 40);
    }
    struct page page = page_of(grey);
    assert_int_equal(shade_at(page.grey, 62, 120), 40);
    page_free(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_leaning_dotted_leader_is_a_line_and_small_print_is_none),
        cmocka_unit_test(test_a_faint_bent_frame_is_painted_out_and_a_bold_word_is_not),
        cmocka_unit_test(test_a_bars_letters_turn_dark_and_its_ground_to_paper_of_any_shade),
        cmocka_unit_test(test_a_title_in_bold_is_no_bar),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
