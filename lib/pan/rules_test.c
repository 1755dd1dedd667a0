/* Every rule is produced by a text, named in README.md, and no other rule exists; hostile text has
 * its documented result. Usage: pan_rules_test README.md */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "pan/pan.h"

#define MIB ((size_t)1 << 20)

static const char *readme_file;

static const struct {
    const char *rule, *text;
    enum pan_kind kind;
} samples[] = {
    {"canonical", "dice 4111-1111-1111-1111 y ya", PAN_CARD},
    {"solid", "dice 4111111111111111 y ya", PAN_CARD},
    {"boxes", "dice 4|1|1|1|1|1|1|1|1|1|1|1|1|1|1|1 y ya", PAN_CARD},
    {"halves", "tarjeta 41111111 11111111 y ya", PAN_CARD},
    {"context", "tarjeta 41 111 11111 11 1111 y ya", PAN_CARD},
    {"confused", "tarjeta 4l11 1111 1111 1111 y ya", PAN_CARD},
    {"label", "tarjeta: 4111 1111 1111 1112", PAN_CARD},
    {"label", "4111111111111111 CVV 123", PAN_CVV},
    {"label", "4111111111111111 v\xc3\xa1lida hasta 05/29", PAN_EXPIRY},
    {"after", "4111111111111111 05/29", PAN_EXPIRY},
    {"after", "4111111111111111 05/29 123", PAN_CVV},
    {"track1", "%B4111111111111111^DOE/JANE^29121011822269618?", PAN_TRACK},
    {"track2", ";4111111111111111=29122014195733637?", PAN_TRACK},
    {"track2", "4111111111111111D29122014195733637F", PAN_TRACK},
};

static void test_every_rule_has_its_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        struct pan_span spans[4];
        size_t n = pan_find(str_of(samples[i].text), spans, 4), hit = 0;
        for (size_t k = 0; k < n && k < 4; k++)
            hit += spans[k].kind == samples[i].kind && strcmp(spans[k].rule, samples[i].rule) == 0;
        if (hit != 1)
            fail_msg("\"%s\" is not found by %s", samples[i].text, samples[i].rule);
    }
    for (const char *const *rule = pan_rules; *rule != NULL; rule++) {
        size_t with = 0;
        for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
            with += strcmp(samples[i].rule, *rule) == 0;
        assert_true(with > 0);
    }
}

static void test_the_readme_names_every_rule(void **state)
{
    (void)state;
    static char text[65536];
    FILE *f = fopen(readme_file, "r");
    assert_non_null(f);
    text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
    fclose(f);
    for (const char *const *rule = pan_rules; *rule != NULL; rule++) {
        char quoted[32];
        snprintf(quoted, sizeof(quoted), "`%s`", *rule);
        if (strstr(text, quoted) == NULL)
            fail_msg("README.md does not name %s", quoted);
    }
}

/* A MiB of `unit` before and after a number; how many spans there are in all. */
static size_t spans_among(const char *unit, size_t unit_n, const char *number)
{
    CLEANUP(buf_free) struct buf text = BUF_MAX(3 * MIB);
    while (text.len < MIB)
        buf_add(&text, unit, unit_n);
    buf_add_z(&text, number);
    while (text.len < 2 * MIB)
        buf_add(&text, unit, unit_n);
    CLEANUP(buf_free) struct buf out = BUF_MAX(PAN_MASK_ROOM(text.len));
    size_t n = pan_find(buf_str(&text), NULL, 0);
    assert_int_equal(pan_mask(buf_str(&text), &out), n > 0);
    assert_false(out.overflowed);
    return n;
}

static void test_hostile_megabytes_have_their_documented_result(void **state)
{
    (void)state;
    static const struct {
        const char *unit;
        size_t n;
        size_t spans; /* with " 4111 1111 1111 1111 " in the middle */
    } texts[] = {
        {"a", 1, 1},             /* one word */
        {"7", 1, 1},             /* one number too long for a card */
        {"\0", 1, 1},            /* NUL */
        {"\xff", 1, 1},          /* no UTF-8 */
        {"\xf0\x9d\x9f", 3, 1},  /* digits cut short */
        {"\xe2\x80\xae", 3, 1},  /* right-to-left override */
        {"\xcc\x81", 2, 1},      /* combining accents */
        {"\xe2\x80\x8b", 3, 1},  /* zero width */
        {"7\xe2\x80\x8b", 4, 1}, /* zero width between digits */
        {"<", 1, 1},
        {"&#", 2, 1},
        {"%2", 2, 1}, /* escapes that never end */
        {"|", 1, 1},
        {"l", 1, 1},
        {"IO", 2, 1}, /* letters that may be digits */
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_int_equal(spans_among(texts[i].unit, texts[i].n, " 4111 1111 1111 1111 "),
                         texts[i].spans);
}

/* "4111", `n` times U+200B, "111111111111". */
static size_t spans_apart(size_t n)
{
    CLEANUP(buf_free) struct buf text = BUF_MAX(4 * MIB);
    buf_add_z(&text, "4111");
    for (size_t i = 0; i < n; i++)
        buf_add_z(&text, "\xe2\x80\x8b");
    buf_add_z(&text, "111111111111");
    return pan_find(buf_str(&text), NULL, 0);
}

static void test_no_width_joins_up_to_its_limit(void **state)
{
    (void)state;
    assert_int_equal(spans_apart(1), 1);
    assert_int_equal(spans_apart(32), 1);
    assert_int_equal(spans_apart(33), 0);
    assert_int_equal(spans_apart(MIB), 0);
}

static void test_marks_on_digits_do_not_hide_them(void **state)
{
    (void)state;
    /* each digit as a keycap, and with an accent on it */
    assert_int_equal(pan_find(STR("4\xef\xb8\x8f\xe2\x83\xa3"
                                  "111\xef\xb8\x8f\xe2\x83\xa3"
                                  "111111111111"),
                              NULL, 0),
                     1);
    assert_int_equal(pan_find(STR("4\xcc\x81"
                                  "1\xcc\x81"
                                  "11111111111111"),
                              NULL, 0),
                     1);
    assert_int_equal(pan_find(STR("\xe2\x80\xae"
                                  "4111\xe2\x80\xac"
                                  "111111111111"),
                              NULL, 0),
                     1);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_rule_has_its_text),
        cmocka_unit_test(test_the_readme_names_every_rule),
        cmocka_unit_test(test_hostile_megabytes_have_their_documented_result),
        cmocka_unit_test(test_no_width_joins_up_to_its_limit),
        cmocka_unit_test(test_marks_on_digits_do_not_hide_them),
    };
    if (argc != 2)
        return 2;
    readme_file = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
