/* What more readings of an insurance id change: never more than one whole reading for another, and
 * never towards being surer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka last */
#include <cmocka.h>
#include <string.h>

#include "formread/code.h"
#include "formread/test_random.h"

static struct arena *arena;
static int setup(void **unused)
{
    (void)unused;
    arena = arena_new(16U << 20);
    return arena == NULL;
}

static int teardown(void **unused)
{
    (void)unused;
    arena_free(&arena);
    return 0;
}

static struct code_reading reading(struct str text, double conf)
{
    struct code_reading r = {.text = text, .conf = conf};
    if (field_normal(arena, FIELD_INSURANCE_ID, text, DATE_DAY_FIRST, &r.normal) <= 0)
        r.normal = STR_NONE;
    return r;
}

static struct value weighed(const char *first, double conf, const struct code_reading *r, int n)
{
    struct reading rd = {.arena = arena, .order = DATE_DAY_FIRST};
    struct value v = {.field = FIELD_INSURANCE_ID, .text = str_of(first), .conf = conf};
    struct str normal;
    v.fit = field_normal(arena, v.field, v.text, rd.order, &normal);
    code_weigh(&rd, r, n, &v);
    return v;
}

static void test_readings_that_agree_change_nothing(void **unused)
{
    (void)unused;
    struct code_reading same[] = {reading(STR("JK4-302"), 0.99), reading(STR("jk4 - 302"), 0.99),
                                  reading(STR(""), 0.99)};
    struct value v = weighed("JK4-302", 0.93, same, 3);
    assert_true(str_eq(v.text, STR("JK4-302")));
    assert_true(v.conf == 0.93);
}

static void test_a_sure_letter_is_taken_for_a_digit_and_a_person_looks(void **unused)
{
    (void)unused;
    struct code_reading letter[] = {reading(STR("J43021"), 0.8)};
    struct value v = weighed("343021", 0.97, letter, 1);
    assert_true(str_eq(v.text, STR("J43021")));
    assert_true(v.conf < 0.6 && v.fit > 0);
}

static void test_a_letter_that_is_not_sure_is_not_taken(void **unused)
{
    (void)unused;
    struct code_reading letter[] = {reading(STR("J43021"), 0.79)};
    struct value v = weighed("343021", 0.97, letter, 1);
    assert_true(str_eq(v.text, STR("343021")));
    assert_true(v.conf == 0.97);
}

static void test_a_digit_for_a_letter_is_not_taken_but_makes_it_doubtful(void **unused)
{
    (void)unused;
    struct code_reading digit[] = {reading(STR("343021"), 0.5)};
    struct value v = weighed("J43021", 0.97, digit, 1);
    assert_true(str_eq(v.text, STR("J43021")));
    assert_true(v.conf < 0.6);
}

static void test_a_sure_other_number_makes_it_doubtful_and_a_bad_one_does_not(void **unused)
{
    (void)unused;
    struct code_reading other[] = {reading(STR("J43027"), 0.9)};
    struct value v = weighed("J43021", 0.97, other, 1);
    assert_true(str_eq(v.text, STR("J43021")));
    assert_true(v.conf < 0.6);
    other[0].conf = 0.6;
    assert_true(weighed("J43021", 0.97, other, 1).conf == 0.97);
}

static void test_nothing_read_stays_nothing(void **unused)
{
    (void)unused;
    struct code_reading sure[] = {reading(STR("J43021"), 0.99)};
    struct value v = weighed("", 0, sure, 1);
    assert_int_equal(v.text.n, 0);
    assert_true(v.conf == 0);
}

/* A few signs that are taken for each other, so that readings differ by one or two. */
static struct str random_code(void)
{
    static const char signs[] = "J3S5B8O0I1-7";
    char *out = arena_alloc(arena, 10);
    size_t n = 5 + (size_t)random_below(3);
    for (size_t i = 0; i < n; i++)
        out[i] = i == 1 ? '4' : signs[random_below((int)sizeof(signs) - 1)];
    return (struct str){out, n};
}

static void test_whatever_was_read_it_stays_whole_and_gets_no_surer(void **unused)
{
    (void)unused;
    for (int round = 0; round < 5000; round++) {
        struct code_reading r[3];
        struct str first = random_code();
        double conf = random_below(101) / 100.0;
        for (int i = 0; i < 3; i++)
            r[i] = reading(random_below(3) ? random_code() : first, random_below(101) / 100.0);
        char *z = arena_cstr(arena, first);
        struct value v = weighed(z, conf, r, 3);
        bool known = str_eq(v.text, first);
        for (int i = 0; i < 3; i++)
            known = known || (str_eq(v.text, r[i].text) && r[i].conf >= 0.8);
        assert_true(known);
        assert_true(v.conf <= conf);
        assert_true(str_eq(v.text, first) || v.conf < 0.6);
        arena_reset(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_readings_that_agree_change_nothing),
        cmocka_unit_test(test_a_sure_letter_is_taken_for_a_digit_and_a_person_looks),
        cmocka_unit_test(test_a_letter_that_is_not_sure_is_not_taken),
        cmocka_unit_test(test_a_digit_for_a_letter_is_not_taken_but_makes_it_doubtful),
        cmocka_unit_test(test_a_sure_other_number_makes_it_doubtful_and_a_bad_one_does_not),
        cmocka_unit_test(test_nothing_read_stays_nothing),
        cmocka_unit_test(test_whatever_was_read_it_stays_whole_and_gets_no_surer),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
