/* What is blacked out of drawn forms: all ink of a card's block that nothing explains, whole cells,
 * and no more than that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka last */
#include <cmocka.h>

#include "formread/drawn_page.h"
#include "formread/test_random.h"
#include "formread/writing.h"

static struct arena *arena;
static struct secrets secrets;
static struct reading rd;
static int begin(void **unused)
{
    (void)unused;
    arena = arena_new(8U << 20);
    secrets.count = 0;
    rd = (struct reading){.arena = arena, .secrets = &secrets};
    return arena == NULL;
}

static int end(void **unused)
{
    (void)unused;
    arena_free(&arena);
    return 0;
}

static bool inside(struct rect outer, struct rect r)
{
    return r.x >= outer.x && r.y >= outer.y && r.x + r.w <= outer.x + outer.w &&
           r.y + r.h <= outer.y + outer.h;
}

static bool is_black(struct rect r)
{
    for (int i = 0; i < secrets.count; i++)
        if (inside(secrets.at[i].r, r))
            return true;
    return false;
}

static bool touches_black(struct rect r)
{
    for (int i = 0; i < secrets.count; i++)
        if (rect_meet(secrets.at[i].r, r).w > 0)
            return true;
    return false;
}

/* ---- writing_find ------------------------------------------------------------------------------
 */

static void test_writing_is_found_wherever_it_stands(void **unused)
{
    (void)unused;
    for (int round = 0; round < 30; round++) {
        CLEANUP(page_free) struct page page = drawn_page(900, 500);
        struct rect found[8], whole = {0, 0, 900, 500};
        struct rect drawn = drawn_digits(&page, 50 + random_below(400), 50 + random_below(380),
                                         3 + random_below(14));
        drawn_rule(&page, (struct rect){20, drawn.y + 40, 860, 3});
        assert_int_equal(writing_find(&page, whole, NULL, 0, found, 8), 1);
        assert_true(inside(
            (struct rect){found[0].x - 2, found[0].y - 2, found[0].w + 4, found[0].h + 4}, drawn));
    }
}

static void test_digits_of_which_a_fax_left_specks_are_writing(void **unused)
{
    (void)unused;
    CLEANUP(page_free) struct page page = drawn_page(900, 300);
    struct rect found[8], whole = {0, 0, 900, 300};
    for (int i = 0; i < 60; i++)
        drawn_fill(&page, 100 + random_below(110), 100 + random_below(26), 3, 3);
    assert_int_equal(writing_find(&page, whole, NULL, 0, found, 8), 1);
    assert_true(found[0].w > 90 && found[0].h > 15);
}

static void test_dirt_rules_and_solid_black_are_no_writing(void **unused)
{
    (void)unused;
    CLEANUP(page_free) struct page page = drawn_page(900, 500);
    struct rect found[8], whole = {0, 0, 900, 500};
    for (int i = 0; i < 40; i++) /* far from each other */
        drawn_fill(&page, 20 + (i % 8) * 110, 20 + (i / 8) * 80, 2, 2);
    drawn_rule(&page, (struct rect){20, 450, 860, 3});
    for (int i = 0; i < 8; i++) /* the edge of a bar that leans */
        drawn_fill(&page, 20 + i * 100, 400 - i * 2, 100, 3);
    drawn_fill(&page, 60, 150, 400, 44); /* blacked out before */
    drawn_fill(&page, 600, 330, 60, 40);
    assert_int_equal(writing_find(&page, whole, NULL, 0, found, 8), 0);
    assert_int_equal(writing_bounds(&page, whole, (struct rect){0}).w, 0);
}

static void test_what_is_skipped_is_not_found(void **unused)
{
    (void)unused;
    CLEANUP(page_free) struct page page = drawn_page(900, 300);
    struct rect found[8], whole = {0, 0, 900, 300};
    struct rect skip = drawn_digits(&page, 100, 100, 4), other = drawn_digits(&page, 400, 100, 4);
    assert_int_equal(writing_find(&page, whole, &skip, 1, found, 8), 1);
    assert_true(rect_has_centre(other, found[0]));
}

static void test_a_cell_reaches_to_its_rules_and_a_tail_below_it_counts(void **unused)
{
    (void)unused;
    CLEANUP(page_free) struct page page = drawn_page(900, 300);
    drawn_rule(&page, (struct rect){100, 100, 750, 3});
    drawn_rule(&page, (struct rect){100, 150, 750, 3});
    for (int i = 0; i < 2; i++)
        drawn_rule(&page, (struct rect){100 + i * 400, 100, 3, 53});
    struct rect cell = cell_around(&page, (struct rect){130, 112, 350, 26});
    assert_true(cell.x <= 103 && cell.x + cell.w >= 500 && cell.y <= 106 && cell.y + cell.h >= 147);
    for (int i = 0; i < 6; i++) /* one letter a cell, the last ones empty */
        drawn_rule(&page, (struct rect){600 + i * 40, 100, 3, 53});
    cell = cell_around(&page, (struct rect){605, 112, 60, 26});
    assert_true(cell.x <= 602 && cell.x + cell.w >= 800);
    struct rect far = {130, 250, 350, 26};
    assert_true(inside(far, cell_around(&page, far))); /* no rules near: as it was */
    drawn_line(&page, 700, 200, 690, 240, 3);          /* a 9's tail */
    struct rect whole = strokes_whole(&page, (struct rect){650, 195, 80, 26});
    assert_true(whole.y + whole.h >= 240 && whole.y >= 190);
}

/* ---- one label's value -------------------------------------------------------------------------
 */

static void keep(const struct page *page, enum field field, struct rect label, struct rect region)
{
    struct secret_place place = {.label = label, .region = region, .end = 880};
    secret_keep(&rd, page, field, &place);
}

static void test_a_number_in_four_boxes_is_black_with_its_boxes(void **unused)
{
    (void)unused;
    CLEANUP(page_free) struct page page = drawn_page(1000, 300);
    struct rect first = {0};
    for (int i = 0; i < 4; i++) {
        drawn_frame(&page, (struct rect){300 + i * 150, 95, 130, 46}, 2);
        struct rect at = drawn_digits(&page, 315 + i * 150, 105, 4);
        first = i ? rect_join(first, at) : at;
    }
    keep(&page, FIELD_CARD_NUMBER, (struct rect){100, 100, 180, 30},
         (struct rect){285, 90, 160, 50});
    assert_true(is_black(first));
}

static void test_an_empty_place_is_not_blacked_out(void **unused)
{
    (void)unused;
    CLEANUP(page_free) struct page page = drawn_page(900, 300);
    drawn_rule(&page, (struct rect){290, 135, 500, 3});
    keep(&page, FIELD_CARD_NUMBER, (struct rect){100, 100, 180, 30},
         (struct rect){285, 90, 550, 50});
    drawn_fill(&page, 300, 200, 300, 40); /* blacked out before */
    keep(&page, FIELD_CARD_NUMBER, (struct rect){100, 205, 180, 30},
         (struct rect){285, 195, 550, 50});
    assert_int_equal(secrets.count, 0);
}

static void test_other_fields_are_not_blacked_out(void **unused)
{
    (void)unused;
    CLEANUP(page_free) struct page page = drawn_page(900, 300);
    drawn_digits(&page, 300, 105, 10);
    for (int field = 0; field < FIELD__COUNT; field++)
        if (field_group((enum field)field) != GROUP_CARD || field == FIELD_CARD_HOLDER)
            keep(&page, (enum field)field, (struct rect){100, 100, 180, 30},
                 (struct rect){285, 90, 550, 50});
    assert_int_equal(secrets.count, 0);
    keep(&page, FIELD_CARD_EXPIRY, (struct rect){100, 100, 180, 30},
         (struct rect){285, 90, 550, 50});
    assert_int_equal(secrets.count, 1);
}

static void test_on_a_leaning_page_a_long_value_is_black_in_steps(void **unused)
{
    (void)unused;
    CLEANUP(page_free) struct page page = drawn_page(1000, 300);
    struct rect long_one = {60, 120, 860, 40};
    secret_add(&rd, &page, FIELD_CARD_NUMBER, long_one);
    assert_int_equal(secrets.count, 1);
    secrets.count = 0;
    page.skew = 4;
    secret_add(&rd, &page, FIELD_CARD_NUMBER, long_one);
    assert_true(secrets.count > 1);
    for (int x = long_one.x; x < long_one.x + long_one.w; x += 10) /* no gap between them */
        assert_true(is_black((struct rect){x, 120, 1, 40}));
    double highest = 0;
    for (int i = 0; i < secrets.count; i++)
        highest = page_display_box(&page, secrets.at[i].r).h > highest
                      ? page_display_box(&page, secrets.at[i].r).h
                      : highest;
    assert_true(highest < page_display_box(&page, long_one).h);
}

/* ---- a card's block ----------------------------------------------------------------------------
 */

static struct label label_at(int means, int x, int y, int w)
{
    return (struct label){.means = means, .r = {x, y, w, 28}, .pattern = ""};
}

static void test_a_code_whose_label_was_not_read_is_black(void **unused)
{
    (void)unused;
    CLEANUP(page_free) struct page page = drawn_page(1000, 600);
    struct label labels[] = {label_at(FIELD_CARD_NUMBER, 60, 100, 160),
                             label_at(FIELD_CARD_HOLDER, 60, 160, 160),
                             label_at(FIELD_CHIEF_COMPLAINT, 60, 300, 200)};
    struct rect code = drawn_digits(&page, 180, 220, 3);
    struct rect complaint = drawn_digits(&page, 60, 345, 8);
    cards_find(&rd, &page, labels, 3, NULL, 0);
    assert_true(is_black(code));
    assert_false(touches_black(complaint));
}

static void test_labels_print_names_and_other_fields_stay(void **unused)
{
    (void)unused;
    CLEANUP(page_free) struct page page = drawn_page(1000, 600);
    struct label labels[] = {label_at(FIELD_CARD_NUMBER, 60, 100, 160),
                             label_at(FIELD_CARD_HOLDER, 60, 160, 160),
                             label_at(FIELD_PHONE, 560, 100, 80)};
    struct rect said = drawn_digits(&page, 60, 100, 6), name = drawn_digits(&page, 260, 160, 6);
    struct rect phone = drawn_digits(&page, 660, 100, 7), print = drawn_digits(&page, 60, 220, 8);
    struct rect number = drawn_digits(&page, 260, 100, 8);
    struct word words[] = {
        {.text = STR("Card no"), .folded = STR("cardno"), .conf = 0.9, .r = said, .owner = 1},
        {.text = STR("Discover"), .folded = STR("discover"), .conf = 0.9, .r = print},
        {.text = STR("40128888"), .folded = STR("40128888"), .conf = 0.9, .r = number}};
    page.words = words;
    page.count = ARRAY_LEN(words);
    cards_find(&rd, &page, labels, 3, NULL, 0);
    assert_true(is_black(number)); /* read well, but digits */
    assert_false(touches_black(name));
    assert_false(touches_black(phone));
    for (int i = 0; i < secrets.count; i++) {
        assert_false(rect_has_centre(secrets.at[i].r, said));
        assert_false(rect_has_centre(secrets.at[i].r, print));
    }
}

static void test_a_number_in_a_sentence_stays_and_one_beside_a_misread_label_does_not(void **unused)
{
    (void)unused;
    for (int apart = 0; apart < 2; apart++) {
        CLEANUP(page_free) struct page page = drawn_page(1400, 600);
        struct label labels[] = {label_at(FIELD_CARD_NUMBER, 60, 100, 160)};
        struct word words[6];
        struct rect law = {0};
        for (int i = 0; i < 6; i++) {
            struct rect r = drawn_digits(&page, 60 + i * (apart ? 210 : 140), 200, 5);
            words[i] = (struct word){
                .text = STR("tratamiento"), .folded = STR("tratamiento"), .conf = 0.6, .r = r};
            law = i == 4 ? r : law;
        }
        words[4].text = words[4].folded = STR("1581");
        page.words = words;
        page.count = ARRAY_LEN(words);
        secrets.count = 0;
        cards_find(&rd, &page, labels, 1, NULL, 0);
        assert_int_equal(is_black(law), apart);
    }
}

static void test_all_writing_of_a_block_is_black_wherever_it_stands(void **unused)
{
    (void)unused;
    for (int round = 0; round < 30; round++) {
        CLEANUP(page_free) struct page page = drawn_page(1400, 700);
        struct label labels[] = {label_at(FIELD_CARD_NUMBER, 60, 150, 160),
                                 label_at(FIELD_CARD_EXPIRY, 60, 300, 80),
                                 label_at(LABEL_STOP, 60, 450, 300)};
        struct rect written[4], below = drawn_digits(&page, 60, 500, 10);
        for (int i = 0; i < 4; i++)
            written[i] = drawn_digits(&page, 300 + random_below(700),
                                      145 + 60 * i + random_below(20), 3 + random_below(10));
        secrets.count = 0;
        cards_find(&rd, &page, labels, 3, NULL, 0);
        for (int i = 0; i < 4; i++)
            assert_true(is_black(written[i]));
        assert_false(touches_black(below));
    }
}

static void test_a_form_without_a_card_has_no_block(void **unused)
{
    (void)unused;
    CLEANUP(page_free) struct page page = drawn_page(1000, 600);
    struct label labels[] = {label_at(FIELD_PHONE, 60, 100, 160),
                             label_at(FIELD_CARD_HOLDER, 60, 160, 160), /* "Titular" of a policy */
                             label_at(FIELD_CARD_EXPIRY, 60, 220, 160)};
    for (int i = 0; i < 3; i++)
        drawn_digits(&page, 300, 100 + 60 * i, 9);
    cards_find(&rd, &page, labels, 3, NULL, 0);
    assert_int_equal(secrets.count, 0);
}

static void
test_an_expiry_beside_a_card_number_makes_a_block_and_beside_another_does_not(void **unused)
{
    (void)unused;
    for (int valid = 0; valid < 2; valid++) {
        CLEANUP(page_free) struct page page = drawn_page(1000, 600);
        struct label labels[] = {label_at(FIELD_CARD_EXPIRY, 560, 100, 80)};
        struct rect code = drawn_digits(&page, 120, 180, 4);
        struct word words[] = {
            {.text = STR("4012"), .folded = STR("4012"), .r = {60, 100, 90, 28}},
            {.text = STR("8888"), .folded = STR("8888"), .r = {160, 100, 90, 28}},
            {.text = STR("8888"), .folded = STR("8888"), .r = {260, 100, 90, 28}},
            {.text = valid ? STR("1881") : STR("1882"),
             .folded = STR("1881"),
             .r = {360, 100, 90, 28}}};
        page.words = words;
        page.count = ARRAY_LEN(words);
        secrets.count = 0;
        cards_find(&rd, &page, labels, 1, NULL, 0);
        assert_int_equal(is_black(code), valid);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_writing_is_found_wherever_it_stands, begin, end),
        cmocka_unit_test_setup_teardown(test_digits_of_which_a_fax_left_specks_are_writing, begin,
                                        end),
        cmocka_unit_test_setup_teardown(test_dirt_rules_and_solid_black_are_no_writing, begin, end),
        cmocka_unit_test_setup_teardown(test_what_is_skipped_is_not_found, begin, end),
        cmocka_unit_test_setup_teardown(test_a_cell_reaches_to_its_rules_and_a_tail_below_it_counts,
                                        begin, end),
        cmocka_unit_test_setup_teardown(test_a_number_in_four_boxes_is_black_with_its_boxes, begin,
                                        end),
        cmocka_unit_test_setup_teardown(test_an_empty_place_is_not_blacked_out, begin, end),
        cmocka_unit_test_setup_teardown(test_other_fields_are_not_blacked_out, begin, end),
        cmocka_unit_test_setup_teardown(test_on_a_leaning_page_a_long_value_is_black_in_steps,
                                        begin, end),
        cmocka_unit_test_setup_teardown(test_a_code_whose_label_was_not_read_is_black, begin, end),
        cmocka_unit_test_setup_teardown(test_labels_print_names_and_other_fields_stay, begin, end),
        cmocka_unit_test_setup_teardown(
            test_a_number_in_a_sentence_stays_and_one_beside_a_misread_label_does_not, begin, end),
        cmocka_unit_test_setup_teardown(test_all_writing_of_a_block_is_black_wherever_it_stands,
                                        begin, end),
        cmocka_unit_test_setup_teardown(test_a_form_without_a_card_has_no_block, begin, end),
        cmocka_unit_test_setup_teardown(
            test_an_expiry_beside_a_card_number_makes_a_block_and_beside_another_does_not, begin,
            end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
