/* Registering forms to layouts: the right one at any scan, none when there is none, and nothing
 * from broken ones. Tests are sentences. */
#include "formread/layout.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/cleanup.h"

static const char *const names[] = {"fullName",       "dateOfBirth", "phone",     "insuranceId",
                                    "heartRate",      "spo2",        "fever",     "cough",
                                    "chiefComplaint", "signature",   "chest_pain"};

/* A form of `n` labels, scattered as `seed` says. */
static struct layout form_make(struct arena *arena, unsigned seed, size_t n)
{
    struct layout l = {.id = STR("L"), .anchors = arena_array(arena, n, sizeof(*l.anchors))};
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1103515245u + 12345u;
        double x = (seed >> 16) % 1000 / 1100.0;
        seed = seed * 1103515245u + 12345u;
        double y = (seed >> 16) % 1000 / 800.0;
        l.anchors[l.anchor_count++] =
            (struct layout_anchor){str_of(names[i % ARRAY_LEN(names)]), 0, {x, y, 0.1, 0.012}};
    }
    return l;
}

/* The same form scanned otherwise: stretched, turned and shifted, each label off by up to `noise`.
 */
static struct layout scanned(struct arena *arena, const struct layout *l, double stretch,
                             double turn, double noise)
{
    struct layout s = {.id = STR(""),
                       .anchors = arena_array(arena, l->anchor_count, sizeof(*s.anchors))};
    for (size_t i = 0; i < l->anchor_count; i++) {
        struct layout_anchor a = l->anchors[i];
        double off = ((double)(i * 7 % 5) - 2) / 2 * noise;
        double x = a.at.x * 0.95, y = a.at.y * 0.95 * stretch;
        a.at.x = x * cos(turn) - y * sin(turn) + 0.02 + off;
        a.at.y = x * sin(turn) + y * cos(turn) - 0.01 - off;
        s.anchors[s.anchor_count++] = a;
    }
    return s;
}

static void test_another_scan_of_the_form_is_registered_within_a_third_of_a_line(void **state)
{
    (void)state;
    CLEANUP(arena_free) struct arena *arena = arena_new(16 << 20);
    struct layout known = form_make(arena, 7, 20);
    struct layout form = scanned(arena, &known, 1.03, 0.02, 0.002);
    struct layout_fit fit;
    assert_true(layout_fit(arena, &known, &form, 0, &fit));
    assert_int_equal(fit.anchors, 20);
    struct layout_box mapped = layout_map(&fit, (struct layout_box){0.5, 0.5, 0.2, 0.02});
    double x = 0.5 * 0.95, y = 0.5 * 0.95 * 1.03;
    double left = x * cos(0.02) - y * sin(0.02) + 0.02;
    assert_true(fabs(mapped.x - left) < 0.006); /* the box was turned too, so its edge lies left */
    assert_true(mapped.w > 0.18 && mapped.w < 0.2);
}

static void test_labels_that_were_not_read_or_stand_elsewhere_do_not_prevent_it(void **state)
{
    (void)state;
    CLEANUP(arena_free) struct arena *arena = arena_new(16 << 20);
    struct layout known = form_make(arena, 3, 20);
    struct layout form = scanned(arena, &known, 1, -0.01, 0.001);
    form.anchor_count -= 4;
    form.anchors[2].at.x += 0.3;
    form.anchors[5].name = STR("nonsense");
    struct layout_fit fit;
    assert_true(layout_fit(arena, &known, &form, 0, &fit));
    assert_int_equal(fit.anchors, 14);
}

static void test_another_form_with_the_same_labels_is_not_taken_for_it(void **state)
{
    (void)state;
    CLEANUP(arena_free) struct arena *arena = arena_new(64 << 20);
    struct layout_fit fit;
    for (unsigned a = 1; a < 12; a++)
        for (unsigned b = 100; b < 112; b++) {
            struct layout known = form_make(arena, a, 16), form = form_make(arena, b, 16);
            assert_false(layout_fit(arena, &known, &form, 0, &fit));
        }
}

static void test_four_labels_are_too_few(void **state)
{
    (void)state;
    CLEANUP(arena_free) struct arena *arena = arena_new(16 << 20);
    struct layout known = form_make(arena, 5, 4);
    struct layout_fit fit;
    assert_false(layout_fit(arena, &known, &known, 0, &fit));
}

static void test_the_layout_with_most_agreeing_labels_is_chosen_each_time(void **state)
{
    (void)state;
    CLEANUP(arena_free) struct arena *arena = arena_new(64 << 20);
    struct layout known[3] = {form_make(arena, 1, 14), form_make(arena, 2, 18),
                              form_make(arena, 2, 12)};
    struct layout form = scanned(arena, &known[1], 1, 0.005, 0.001);
    struct layout_fit fits[LAYOUT_PAGES_MAX], again[LAYOUT_PAGES_MAX];
    assert_int_equal(layout_match(arena, known, 3, &form, fits), 1);
    assert_int_equal(layout_match(arena, known, 3, &form, again), 1);
    assert_memory_equal(&fits[0], &again[0], sizeof(fits[0]));
    struct layout other = form_make(arena, 77, 15);
    assert_int_equal(layout_match(arena, known, 3, &other, fits), -1);
}

static void test_a_layout_comes_back_from_json_as_it_went(void **state)
{
    (void)state;
    CLEANUP(arena_free) struct arena *arena = arena_new(16 << 20);
    CLEANUP(buf_free) struct buf json = BUF_MAX(1 << 20);
    struct layout known = form_make(arena, 9, 11), back[LAYOUTS_MAX];
    struct layout_field field = {FIELD_PHONE, 0, {0.25, 0.5, 0.125, 0.0625}};
    known.fields = &field;
    known.field_count = 1;
    buf_add_c(&json, '[');
    layout_to_json(&known, &json);
    buf_add_c(&json, ']');
    assert_int_equal(layouts_from_json(arena, buf_str(&json), back), 1);
    assert_true(str_eq(back[0].id, STR("L")));
    assert_int_equal(back[0].anchor_count, 11);
    assert_true(str_eq(back[0].anchors[3].name, STR("insuranceId")));
    assert_int_equal(back[0].fields[0].field, FIELD_PHONE);
    assert_true(back[0].fields[0].at.w > 0.12 && back[0].fields[0].at.w < 0.13);
}

static void test_broken_layouts_are_left_out(void **state)
{
    (void)state;
    CLEANUP(arena_free) struct arena *arena = arena_new(16 << 20);
    struct layout l[LAYOUTS_MAX];
    static const char *const broken[] = {
        "",
        "null",
        "{}",
        "[",
        "[1,\"x\",null]",
        "[{\"id\":5,\"anchors\":7,\"fields\":[[]]}]",
        "[{\"anchors\":[[\"fullName\",0,1e300,0,0,0],[\"fullName\",-1,0,0,0,0],"
        "[\"fullName\",11,0,0,0,0],[\"\",0,0,0,0,0],[\"a\",0,0,0,-1,0]],"
        "\"fields\":[[\"noSuchField\",0,0,0,0,0],[\"phone\",0,\"x\",0,0]]}]"};
    for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
        size_t n = layouts_from_json(arena, str_of(broken[i]), l);
        for (size_t k = 0; k < n; k++)
            assert_int_equal(l[k].anchor_count + l[k].field_count, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_another_scan_of_the_form_is_registered_within_a_third_of_a_line),
        cmocka_unit_test(test_labels_that_were_not_read_or_stand_elsewhere_do_not_prevent_it),
        cmocka_unit_test(test_another_form_with_the_same_labels_is_not_taken_for_it),
        cmocka_unit_test(test_four_labels_are_too_few),
        cmocka_unit_test(test_the_layout_with_most_agreeing_labels_is_chosen_each_time),
        cmocka_unit_test(test_a_layout_comes_back_from_json_as_it_went),
        cmocka_unit_test(test_broken_layouts_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
