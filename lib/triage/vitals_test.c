/* Vital signs: children against vectors of the published tables, and texts of all kinds read as
 * numbers. Usage: triage_vitals_test PAEDS_VECTORS */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "triage/triage.h"
#include "triage/units.h"

static const char *paeds_file;
static struct arena *arena;

static struct triage_vital *vital_named(struct triage_vitals *v, struct str name)
{
    return str_eq(name, STR("rr"))     ? &v->rr
           : str_eq(name, STR("hr"))   ? &v->hr
           : str_eq(name, STR("sbp"))  ? &v->sbp
           : str_eq(name, STR("temp")) ? &v->temp
                                       : &v->spo2;
}

static const char *risk_of(const struct triage_result *r)
{
    for (size_t i = 0; i < r->reason_count; i++) {
        if (strncmp(r->reasons[i].rule, "paeds_", 6) == 0)
            return r->reasons[i].floor >= 60 ? "high" : "moderate";
    }
    return "-";
}

/* age_months vital value risk source */
static void test_every_threshold_of_every_age_is_the_published_one(void **state)
{
    (void)state;
    char line[256];
    size_t rows = 0;
    FILE *f = fopen(paeds_file, "r");
    assert_non_null(f);
    while (fgets(line, sizeof(line), f) != NULL) {
        struct str rest = {line, strcspn(line, "\n")}, c[5];
        uint64_t age, value;
        for (size_t i = 0; i < 5; i++)
            c[i] = str_cut(&rest, '\t');
        if (!str_u64(c[0], 2000, &age)) /* comments and the heading */
            continue;
        assert_true(str_u64(c[2], 1000, &value));
        struct triage_input in = {.lang = STR("es"), .age_months = (int)age};
        *vital_named(&in.vitals, c[1]) = (struct triage_vital){true, (int)value};
        struct triage_result r;
        triage_score(arena, triage_rules_default(), &in, &r);
        if (!str_eq(c[3], str_of(risk_of(&r))))
            fail_msg("%llu months, " STR_FMT " %llu: %s, not " STR_FMT, (unsigned long long)age,
                     STR_ARG(c[1]), (unsigned long long)value, risk_of(&r), STR_ARG(c[3]));
        assert_int_equal(r.missing_count, 5);
        arena_reset(arena);
        rows++;
    }
    fclose(f);
    assert_true(rows > 300);
}

static void test_a_child_of_unmeasured_vital_signs_has_no_risk_and_no_normal(void **state)
{
    (void)state;
    for (int age = 0; age < 192; age++) {
        struct triage_input in = {.lang = STR("es"), .age_months = age};
        struct triage_result r;
        triage_score(arena, triage_rules_default(), &in, &r);
        assert_int_equal(r.missing_count, 6);
        assert_int_equal(r.score, 0);
        assert_true(r.review);
        arena_reset(arena);
    }
}

static struct triage_unit adult_rr(struct str text)
{
    return triage_unit_rr(text, -1);
}

static void test_values_are_read_as_people_write_them(void **state)
{
    (void)state;
    static const struct {
        struct triage_unit (*read)(struct str);
        const char *text;
        enum triage_unit_status status;
        int value, second;
    } rows[] = {
        {triage_unit_temp,
         "37,8 \xc2\xba"
         "C",
         TRIAGE_UNIT_OK, 378, -1},
        {triage_unit_temp, "T: 38.5", TRIAGE_UNIT_OK, 385, -1},
        {triage_unit_temp, "37'5", TRIAGE_UNIT_OK, 375, -1},
        {triage_unit_temp,
         "38\xc2\xb0"
         "5",
         TRIAGE_UNIT_OK, 385, -1},
        {triage_unit_temp, "36 grados", TRIAGE_UNIT_OK, 360, -1},
        {triage_unit_temp, "101.3 F", TRIAGE_UNIT_OK, 385, -1},
        {triage_unit_temp, "99", TRIAGE_UNIT_OK, 372, -1},
        {triage_unit_temp, "T: 378", TRIAGE_UNIT_REVIEW, 378, -1},
        {triage_unit_temp, "60", TRIAGE_UNIT_REVIEW, -1, -1},
        {triage_unit_temp, "12", TRIAGE_UNIT_REVIEW, -1, -1},
        {triage_unit_temp, "afebril", TRIAGE_UNIT_NONE, -1, -1},
        {triage_unit_bp, "120 / 80 mmHg", TRIAGE_UNIT_OK, 120, 80},
        {triage_unit_bp, "PA 120-80", TRIAGE_UNIT_OK, 120, 80},
        {triage_unit_bp, "110 sobre 70", TRIAGE_UNIT_OK, 110, 70},
        {triage_unit_bp, "12/8", TRIAGE_UNIT_REVIEW, 120, 80},
        {triage_unit_bp, "80/120", TRIAGE_UNIT_REVIEW, 120, 80},
        {triage_unit_bp, "400/80", TRIAGE_UNIT_REVIEW, -1, -1},
        {triage_unit_bp, "normal", TRIAGE_UNIT_NONE, -1, -1},
        {triage_unit_spo2, "SatO2 92% aire ambiente", TRIAGE_UNIT_OK, 92, -1},
        {triage_unit_spo2, "SpO2: 98 %", TRIAGE_UNIT_OK, 98, -1},
        {triage_unit_spo2, "O2 88", TRIAGE_UNIT_OK, 88, -1},
        {triage_unit_spo2, "0,97", TRIAGE_UNIT_OK, 97, -1},
        {triage_unit_spo2, "9", TRIAGE_UNIT_REVIEW, -1, -1},
        {triage_unit_spo2, "198", TRIAGE_UNIT_REVIEW, -1, -1},
        {triage_unit_spo2, "O2", TRIAGE_UNIT_NONE, -1, -1},
        {triage_unit_hr, "FC 120 lpm", TRIAGE_UNIT_OK, 120, -1},
        {triage_unit_hr, "72x'", TRIAGE_UNIT_OK, 72, -1},
        {triage_unit_hr, "7", TRIAGE_UNIT_REVIEW, -1, -1},
        {adult_rr, "FR 20 rpm", TRIAGE_UNIT_OK, 20, -1},
        {adult_rr, "90", TRIAGE_UNIT_REVIEW, -1, -1},
        {triage_unit_pain, "8/10", TRIAGE_UNIT_OK, 8, -1},
        {triage_unit_pain, "12", TRIAGE_UNIT_REVIEW, -1, -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct triage_unit u = rows[i].read(str_of(rows[i].text));
        if (u.status != rows[i].status || u.value != rows[i].value || u.second != rows[i].second)
            fail_msg("%s: status %d, %d and %d %s", rows[i].text, u.status, u.value, u.second,
                     u.reason);
        assert_true((u.reason[0] != '\0') == (u.status == TRIAGE_UNIT_REVIEW));
    }
}

/* Whatever is written around a number: a plausible one is read exactly, an impossible one is never
 * a value without a word. */
static void test_no_number_becomes_a_silent_normal(void **state)
{
    (void)state;
    static const char *const around[] = {"%d", " %d ", "FC %d lpm", "%d.0", "aprox %d", "(%d)"};
    for (int n = 0; n <= 1200; n++) {
        for (size_t i = 0; i < ARRAY_LEN(around); i++) {
            char text[32];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            snprintf(text, sizeof(text), around[i], n);
#pragma GCC diagnostic pop
            struct triage_unit hr = triage_unit_hr(str_of(text)), rr = adult_rr(str_of(text));
            struct triage_unit bp = triage_unit_bp(str_of(text)),
                               t = triage_unit_temp(str_of(text));
            assert_true(hr.status ==
                        (triage_hr_plausible(n) ? TRIAGE_UNIT_OK : TRIAGE_UNIT_REVIEW));
            assert_true(hr.status != TRIAGE_UNIT_OK || hr.value == n);
            assert_true(rr.status ==
                        (triage_rr_plausible(n, -1) ? TRIAGE_UNIT_OK : TRIAGE_UNIT_REVIEW));
            assert_true(bp.status ==
                        (triage_bp_plausible(n, -1) ? TRIAGE_UNIT_OK : TRIAGE_UNIT_REVIEW));
            assert_true(t.status != TRIAGE_UNIT_OK || triage_temp_plausible(t.value));
            assert_true(t.status != TRIAGE_UNIT_NONE);
        }
    }
}

static void test_tenths_are_read_exactly_in_both_scales(void **state)
{
    (void)state;
    for (int tenths = 340; tenths <= 420; tenths++) {
        char text[32];
        snprintf(text, sizeof(text), "%d,%d C", tenths / 10, tenths % 10);
        assert_int_equal(triage_unit_temp(str_of(text)).value, tenths);
        int f = (tenths * 9 + 2) / 5 + 320; /* tenths of a degree Fahrenheit, rounded */
        snprintf(text, sizeof(text), "%d.%d F", f / 10, f % 10);
        int back = triage_unit_temp(str_of(text)).value;
        assert_true(back >= tenths - 1 && back <= tenths + 1);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_threshold_of_every_age_is_the_published_one),
        cmocka_unit_test(test_a_child_of_unmeasured_vital_signs_has_no_risk_and_no_normal),
        cmocka_unit_test(test_values_are_read_as_people_write_them),
        cmocka_unit_test(test_no_number_becomes_a_silent_normal),
        cmocka_unit_test(test_tenths_are_read_exactly_in_both_scales),
    };
    if (argc != 2)
        return 2;
    paeds_file = argv[1];
    arena = arena_new((size_t)64 << 20);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(&arena);
    return failed;
}
