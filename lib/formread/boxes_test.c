/* Places to mark, on drawn pages: every box is found where it stands, and letters, digits in cells
 * and words are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka last */
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "formread/drawn_page.h"

static uint32_t state = 362436069U;
static struct boxes squares;

static int random_below(int n)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return (int)(state % (uint32_t)n);
}

static bool near(struct rect a, struct rect b, int by)
{
    return abs(a.x - b.x) <= by && abs(a.y - b.y) <= by && abs(a.w - b.w) <= by &&
           abs(a.h - b.h) <= by;
}

static int found_at(const struct boxes *found, struct rect r, int by)
{
    int hits = 0;
    for (int i = 0; i < found->count; i++)
        hits += near(found->box[i], r, by);
    return hits;
}

static void ellipse_draw(struct page *page, struct rect r, int thick)
{
    for (int i = 0; i < 1440; i++) {
        double a = 2 * M_PI * i / 1440;
        drawn_dot(page, r.x + r.w / 2.0 + (r.w / 2.0 - thick / 2.0) * cos(a),
                  r.y + r.h / 2.0 + (r.h / 2.0 - thick / 2.0) * sin(a), thick);
    }
}

static void mark_draw(struct page *page, struct rect r, int kind)
{
    int right = r.x + r.w, bottom = r.y + r.h;
    if (kind == 0) { /* a cross that stays inside */
        drawn_line(page, r.x + 5, r.y + 5, right - 6, bottom - 6, 3);
        drawn_line(page, r.x + 5, bottom - 6, right - 6, r.y + 5, 3);
    } else if (kind == 1) { /* a tick that goes far out above */
        drawn_line(page, r.x + 4, r.y + r.h / 2, r.x + r.w / 2, bottom - 5, 3);
        drawn_line(page, r.x + r.w / 2, bottom - 5, right + r.w / 3, r.y - r.h / 3, 3);
    }
}

/* Boxes of one size in a loose grid; some marked. Returns how many. */
static int grid_draw(struct page *page, struct rect *ret, int side, bool round)
{
    int n = 0, thick = 2 + random_below(2);
    for (int row = 0; row < 5; row++)
        for (int column = 0; column < 3; column++) {
            struct rect r = {60 + column * 300 + random_below(60),
                             60 + row * 150 + random_below(40), side, side};
            if (round)
                ellipse_draw(page, r, 3);
            else
                drawn_frame(page, r, thick);
            mark_draw(page, r, n % 3 == 2 ? random_below(2) : 2); /* most stay clean */
            ret[n++] = r;
        }
    return n;
}

static void test_every_square_is_found_once_marked_or_not(void **unused)
{
    (void)unused;
    for (int round = 0; round < 25; round++) {
        CLEANUP(page_free) struct page page = drawn_page(1000, 900);
        struct rect drawn[16];
        int n = grid_draw(&page, drawn, 28 + random_below(26), false);
        assert_true(page_find_boxes(&page, &squares));
        for (int i = 0; i < n; i++)
            assert_int_equal(found_at(&squares, drawn[i], 4), 1);
        assert_int_equal(squares.count, n);
    }
}

static void test_every_circle_is_found(void **unused)
{
    (void)unused;
    for (int round = 0; round < 10; round++) {
        CLEANUP(page_free) struct page page = drawn_page(1000, 900);
        struct rect drawn[16];
        int side = 28 + random_below(20), n = 0;
        for (; n < 8; n++) {
            drawn[n] = (struct rect){60 + (n % 3) * 300, 60 + (n / 3) * 200, side, side};
            ellipse_draw(&page, drawn[n], 3);
        }
        assert_true(page_find_boxes(&page, &squares));
        for (int i = 0; i < n; i++)
            assert_int_equal(found_at(&squares, drawn[i], 5), 1);
    }
}

static void test_boxes_are_taken_out_of_what_is_read_and_what_stands_beside_stays(void **unused)
{
    (void)unused;
    CLEANUP(page_free) struct page page = drawn_page(1000, 900);
    struct rect drawn[16], word = {0};
    int n = grid_draw(&page, drawn, 36, false);
    word = drawn_digits(&page, drawn[0].x + 60, drawn[0].y, 4);
    assert_true(page_find_boxes(&page, &squares));
    for (int i = 0; i < n; i++)
        assert_int_equal(ink_bounds(&page, drawn[i]).w, 0);
    struct rect left = ink_bounds(&page, (struct rect){word.x - 5, word.y - 5, word.w + 10, 40});
    assert_true(near(left, word, 4));
}

static void test_two_boxes_of_a_size_are_letters(void **unused)
{
    (void)unused;
    CLEANUP(page_free) struct page page = drawn_page(600, 300);
    drawn_frame(&page, (struct rect){50, 50, 36, 36}, 3);
    drawn_frame(&page, (struct rect){250, 50, 36, 36}, 3);
    assert_true(page_find_boxes(&page, &squares));
    assert_int_equal(squares.count, 0);
}

static void test_a_row_of_zeros_is_no_row_of_circles(void **unused)
{
    (void)unused;
    CLEANUP(page_free) struct page page = drawn_page(800, 200);
    for (int i = 0; i < 12; i++)
        ellipse_draw(&page, (struct rect){50 + i * 40, 60, 30, 32}, 3);
    assert_true(page_find_boxes(&page, &squares));
    assert_int_equal(squares.count, 0);
}

static void test_a_frame_with_a_side_missing_or_full_of_ink_is_none(void **unused)
{
    (void)unused;
    CLEANUP(page_free) struct page page = drawn_page(900, 300);
    for (int i = 0; i < 5; i++) {
        drawn_fill(&page, 50 + i * 150, 50, 36, 36);
        drawn_fill(&page, 50 + i * 150, 150, 36, 3); /* a U upside down */
        drawn_fill(&page, 50 + i * 150, 150, 3, 36);
        drawn_fill(&page, 83 + i * 150, 150, 3, 36);
    }
    assert_true(page_find_boxes(&page, &squares));
    assert_int_equal(squares.count, 0);
}

static void test_a_ring_around_a_word_is_remembered_and_the_word_stays(void **unused)
{
    (void)unused;
    CLEANUP(page_free) struct page page = drawn_page(800, 300);
    struct rect word = drawn_digits(&page, 200, 100, 6), ring = {150, 72, 250, 84};
    ellipse_draw(&page, ring, 3);
    assert_true(page_find_boxes(&page, &squares));
    assert_int_equal(squares.rings, 1);
    assert_true(near(squares.ring[0], ring, 6));
    assert_true(near(ink_bounds(&page, ring), word, 4));
}

static void test_more_boxes_than_there_is_room_for_are_left(void **unused)
{
    (void)unused;
    CLEANUP(page_free) struct page page = drawn_page(2000, 1400);
    for (int i = 0; i < 600; i++)
        drawn_frame(&page, (struct rect){10 + (i % 30) * 66, 10 + (i / 30) * 66, 24, 24}, 2);
    assert_true(page_find_boxes(&page, &squares));
    assert_int_equal(squares.count, BOXES_MAX);
}

static void test_brackets_make_a_box_at_a_boxes_distance_only(void **unused)
{
    (void)unused;
    CLEANUP(page_free) struct page page = drawn_page(900, 300);
    static struct boxes found;
    for (int i = 0; i < 3; i++) { /* "[ ]", "[      ]", and a pair that is not level */
        int x = 60 + i * 250, gap = i == 1 ? 120 : 24, down = i == 2 ? 20 : 0;
        drawn_fill(&page, x, 60, 3, 30);
        drawn_fill(&page, x, 60, 8, 3);
        drawn_fill(&page, x, 87, 8, 3);
        drawn_fill(&page, x + gap + 8, 60 + down, 3, 30);
        drawn_fill(&page, x + gap + 3, 60 + down, 8, 3);
        drawn_fill(&page, x + gap + 3, 87 + down, 8, 3);
    }
    brackets_find(&page, &found);
    assert_int_equal(found.count, 1);
    assert_true(near(found.box[0], (struct rect){60, 60, 35, 30}, 2));
}

static void test_words_that_are_boxes_are_no_words(void **unused)
{
    (void)unused;
    static struct boxes one = {.box = {{100, 100, 36, 36}}, .count = 1};
    struct word words[] = {
        {.text = STR("O"), .folded = STR("o"), .r = {102, 102, 32, 32}},
        {.text = STR("Fever"), .folded = STR("fever"), .r = {102, 102, 32, 32}},
        {.text = STR("O"), .folded = STR("o"), .r = {300, 100, 32, 32}},
        {.text = STR("[]"), .folded = STR(""), .r = {400, 100, 32, 32}},
        {.text = STR("MI"),
         .folded = STR("mi"),
         .r = {60, 100, 110, 32}}, /* far wider than a box */
    };
    struct page page = {.words = words, .count = ARRAY_LEN(words)};
    boxes_mark_words(&page, &one);
    const int owners[] = {WORD_BOX, 0, 0, WORD_BOX, 0};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        assert_int_equal(words[i].owner, owners[i]);
}

static void test_the_narrow_cell_left_of_a_label_is_its_box(void **unused)
{
    (void)unused;
    CLEANUP(page_free) struct page page = drawn_page(800, 300);
    drawn_rule(&page, (struct rect){100, 80, 500, 3});
    drawn_rule(&page, (struct rect){100, 130, 500, 3});
    for (int i = 0; i < 2; i++)
        drawn_rule(&page, (struct rect){100 + i * 50, 80, 3, 53});
    struct rect cell = box_cell(&page, (struct rect){165, 92, 120, 26});
    assert_true(cell.x >= 100 && cell.x + cell.w <= 152 && cell.w > 35);
    assert_true(cell.y >= 80 && cell.y + cell.h <= 133 && cell.h > 35);
    assert_int_equal(box_cell(&page, (struct rect){400, 92, 120, 26}).w,
                     0); /* far from the walls */
    assert_int_equal(box_cell(&page, (struct rect){165, 200, 120, 26}).w, 0); /* no walls there */
}

static void test_a_mould_finds_a_box_anywhere_and_says_when_there_is_none(void **unused)
{
    (void)unused;
    CLEANUP(page_free) struct page page = drawn_page(900, 400);
    struct rect same[4];
    for (int i = 0; i < 4; i++) {
        same[i] = (struct rect){50 + i * 120, 50, 32, 32};
        drawn_frame(&page, same[i], 3);
    }
    CLEANUP(mould_free) struct mould mould = {0};
    assert_true(mould_make(&page, same, 4, &mould));
    for (int round = 0; round < 20; round++) {
        struct rect r = {60 + random_below(700), 200 + random_below(100), 32, 32};
        CLEANUP(page_free) struct page other = drawn_page(900, 400);
        drawn_frame(&other, r, 3);
        drawn_line(&other, r.x - 5, r.y - 5, r.x + 40, r.y + 40, 4); /* marked far over its edges */
        pixDestroy(&mould.ink);
        mould.ink = pixDilateBrick(NULL, other.bin, 3, 3);
        struct rect where = {r.x - 15, r.y - 15, 30, 30};
        assert_true(near(mould_search(&mould, where, where, 0.86), r, 3));
        where.x = r.x > 400 ? 50 : 700;
        assert_int_equal(mould_search(&mould, where, where, 0.86).w, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_square_is_found_once_marked_or_not),
        cmocka_unit_test(test_every_circle_is_found),
        cmocka_unit_test(test_boxes_are_taken_out_of_what_is_read_and_what_stands_beside_stays),
        cmocka_unit_test(test_two_boxes_of_a_size_are_letters),
        cmocka_unit_test(test_a_row_of_zeros_is_no_row_of_circles),
        cmocka_unit_test(test_a_frame_with_a_side_missing_or_full_of_ink_is_none),
        cmocka_unit_test(test_a_ring_around_a_word_is_remembered_and_the_word_stays),
        cmocka_unit_test(test_more_boxes_than_there_is_room_for_are_left),
        cmocka_unit_test(test_brackets_make_a_box_at_a_boxes_distance_only),
        cmocka_unit_test(test_words_that_are_boxes_are_no_words),
        cmocka_unit_test(test_the_narrow_cell_left_of_a_label_is_its_box),
        cmocka_unit_test(test_a_mould_finds_a_box_anywhere_and_says_when_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
