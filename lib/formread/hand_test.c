/* The model of handwriting: what it decodes from scores, and that it reads a drawn line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka last */
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "formread/hand_data.h"
#include "formread/hand_decode.h"
#include "formread/strip.h"

static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_new(64U << 20);
    return arena == NULL;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static bool says(struct hand_text read, const char *text)
{
    return str_eq(read.text, str_of(text));
}

/* Three columns of "no sign", 1, 7, O as logarithms of shares. */
static int decode(const double shares[][4], int columns, enum hand_signs allowed,
                  struct hand_text ret[HAND_BEST])
{
    struct signs signs;
    float scores[64];
    assert_true(signs_split(STR("17O"), &signs));
    for (int i = 0; i < columns * 4; i++)
        scores[i] = (float)log(shares[i / 4][i % 4] + 1e-9);
    return hand_decode(arena, &signs, scores, columns, allowed, ret);
}

static void test_all_ways_to_stretch_a_text_count(void **state)
{
    (void)state;
    /* the likeliest single way is "nothing, nothing" (0.36), but 1 has 0.4 of each column: 0.64 */
    const double shares[][4] = {{0.6, 0.4, 0, 0}, {0.6, 0.4, 0, 0}};
    struct hand_text read[HAND_BEST];
    assert_true(decode(shares, 2, HAND_TEXT, read) >= 1);
    assert_true(says(read[0], "1"));
    assert_true(fabs(read[0].conf - 0.64) < 0.001);
}

static void test_a_doubled_sign_needs_a_gap(void **state)
{
    (void)state;
    const double held[][4] = {{0, 1, 0, 0}, {0, 1, 0, 0}, {0, 1, 0, 0}};
    const double gap[][4] = {{0, 1, 0, 0}, {1, 0, 0, 0}, {0, 1, 0, 0}};
    struct hand_text read[HAND_BEST];
    assert_true(decode(held, 3, HAND_TEXT, read) >= 1 && says(read[0], "1"));
    assert_true(decode(gap, 3, HAND_TEXT, read) >= 1 && says(read[0], "11"));
}

static void test_a_letter_is_never_read_where_digits_stand(void **state)
{
    (void)state;
    const double shares[][4] = {{0.1, 0, 0.1, 0.8}};
    struct hand_text read[HAND_BEST];
    assert_true(decode(shares, 1, HAND_TEXT, read) >= 1 && says(read[0], "O"));
    int n = decode(shares, 1, HAND_DIGITS, read);
    for (int i = 0; i < n; i++)
        assert_false(says(read[i], "O"));
    assert_true(n >= 1 && says(read[0], "7") && read[0].conf < 0.6);
}

static void test_a_letter_in_a_date_must_be_clear(void **state)
{
    (void)state;
    const double doubtful[][4] = {{0.1, 0.3, 0, 0.6}}, clear[][4] = {{0.05, 0.05, 0, 0.9}};
    struct hand_text read[HAND_BEST];
    assert_true(decode(doubtful, 1, HAND_TEXT, read) >= 1 && says(read[0], "O"));
    assert_true(decode(doubtful, 1, HAND_DATE, read) >= 1 && says(read[0], "1"));
    assert_true(decode(clear, 1, HAND_DATE, read) >= 1 && says(read[0], "O"));
    assert_true(read[0].conf < 0.9);
}

/* `text` drawn in leptonica's own letters, on paper of grey `paper`. */
static PIX *drawn(const char *text, int paper)
{
    L_BMF *font = bmfCreate(NULL, 20);
    PIX *pix = pixCreate(40 + 60 * (int)strlen(text), 120, 8);
    pixSetAllArbitrary(pix, (l_uint32)paper);
    pixSetTextline(pix, font, text, 30, 20, 80, NULL, NULL);
    bmfDestroy(&font);
    return pix;
}

static void test_a_drawn_number_is_read_dark_or_faint(void **state)
{
    (void)state;
    static const char *const texts[] = {"120/80", "98", "36.7", "03/12/1987"};
    struct hand *hand = hand_open(hand_data, sizeof(hand_data));
    assert_non_null(hand);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        for (int paper = 120; paper <= 240; paper += 120) {
            struct hand_text read[HAND_BEST];
            PIX *pix = drawn(texts[i], paper);
            assert_true(hand_read(hand, arena, pix, HAND_NUMBER, read) >= 1);
            pixDestroy(&pix);
            assert_true(says(read[0], texts[i]));
        }
    hand_close(&hand);
}

static void test_empty_paper_and_huge_lines_do_no_harm(void **state)
{
    (void)state;
    struct hand *hand = hand_open(hand_data, sizeof(hand_data));
    struct hand_text read[HAND_BEST];
    PIX *empty = pixCreate(200, 40, 8), *tiny = pixCreate(1, 1, 8), *wide = pixCreate(9000, 20, 8);
    pixSetAllArbitrary(empty, 230);
    pixSetAllArbitrary(wide, 230);
    for (int x = 0; x < 9000; x += 3)
        for (int y = 2; y < 18; y++)
            pixSetPixel(wide, x, y, (l_uint32)((x * 7 + y * 13) % 200));
    assert_int_equal(hand_read(hand, arena, empty, HAND_TEXT, read), 0);
    assert_int_equal(hand_read(hand, arena, tiny, HAND_TEXT, read), 0);
    assert_true(hand_read(hand, arena, wide, HAND_TEXT, read) <= HAND_BEST);
    pixDestroy(&empty);
    pixDestroy(&tiny);
    pixDestroy(&wide);
    hand_close(&hand);
}

static void test_a_damaged_model_is_refused(void **state)
{
    (void)state;
    static unsigned char copy[sizeof(hand_data)];
    for (size_t n = 0; n < sizeof(hand_data); n += n < 400 ? 1 : 5003) {
        struct hand *hand = hand_open(hand_data, n);
        assert_null(hand);
    }
    memcpy(copy, hand_data, sizeof(copy));
    copy[0] = 'X';
    assert_null(hand_open(copy, sizeof(copy)));
}

int main(void)
{
    setMsgSeverity(L_SEVERITY_NONE);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_all_ways_to_stretch_a_text_count, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_doubled_sign_needs_a_gap, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_letter_is_never_read_where_digits_stand, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_letter_in_a_date_must_be_clear, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_drawn_number_is_read_dark_or_faint, setup, teardown),
        cmocka_unit_test_setup_teardown(test_empty_paper_and_huge_lines_do_no_harm, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_damaged_model_is_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
