/* Tests of lib/base: limits hold, text forms are exact, sealed boxes open only whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/cleanup.h"
#include "base/conf.h"
#include "base/crypt.h"
#include "base/problem.h"
#include "base/uuid.h"

static void test_arena_hands_out_zeroed_memory_again_after_reset(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1 << 20);
    char *first = arena_alloc(arena, 1000);
    memset(first, 'x', 1000);
    arena_reset(arena);
    char *second = arena_alloc(arena, 1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(second[i], 0);
    assert_true(arena_used(arena) >= 1000);
    arena_free(&arena);
    assert_null(arena);
}

static void test_buf_stops_at_its_limit_and_stays_stopped(void **state)
{
    (void)state;
    CLEANUP(buf_free) struct buf b = BUF_MAX(10);
    buf_add_z(&b, "12345678");
    buf_add_z(&b, "90ab");
    assert_true(b.overflowed);
    assert_int_equal(b.len, 8);
    buf_add_c(&b, 'x');
    assert_int_equal(b.len, 8);
    assert_string_equal(b.data, "12345678");
}

static void test_secret_buf_keeps_its_bytes_while_it_grows(void **state)
{
    (void)state;
    CLEANUP(buf_free) struct buf b = BUF_SECRET(100000);
    for (int i = 0; i < 50000; i++)
        buf_add_c(&b, (char)('a' + i % 26));
    assert_int_equal(b.len, 50000);
    for (int i = 0; i < 50000; i++)
        assert_int_equal(b.data[i], 'a' + i % 26);
}

static void test_problem_body_escapes_what_the_client_sent(void **state)
{
    (void)state;
    struct problem *p = problem_field(NULL, "/a\"b", "unknown key \"%s\"", "x\ny\xff");
    CLEANUP(buf_free) struct buf out = BUF_MAX(4096);
    problem_write(p, "req-1", &out);
    assert_non_null(strstr(out.data, "\"status\":400"));
    assert_non_null(strstr(out.data, "\"pointer\":\"/a\\\"b\""));
    assert_non_null(strstr(out.data, "x\\u000ay?"));
    assert_int_equal(problem_status(PROBLEM_UNAVAILABLE), 503);
}

static void test_every_problem_kind_has_a_status_of_an_error(void **state)
{
    (void)state;
    for (int kind = PROBLEM_BAD_REQUEST; kind < PROBLEM__COUNT; kind++) {
        assert_in_range(problem_status(kind), 400, 599);
        assert_non_null(problem_slug(kind));
        assert_non_null(problem_title(kind));
    }
}

static void test_uuid_text_and_back(void **state)
{
    (void)state;
    struct uuid id = uuid_v7(), again;
    assert_true(uuid_parse(str_of(uuid_z(id)), &again));
    assert_true(uuid_eq(id, again));
    assert_int_equal(id.b[6] >> 4, 7);
    assert_int_equal(id.b[8] >> 6, 2);
    assert_false(uuid_parse(STR("0193-"), &again));
    assert_false(uuid_parse(STR("zzzzzzzz-0000-7000-8000-000000000000"), &again));
    assert_true(uuid_eq(uuid_derived(id, STR("a")), uuid_derived(id, STR("a"))));
    assert_false(uuid_eq(uuid_derived(id, STR("a")), uuid_derived(id, STR("b"))));
}

static void test_times_are_rfc3339_in_utc(void **state)
{
    (void)state;
    char text[CLOCK_TEXT_MAX];
    clock_text(1795367754123456, text);
    assert_string_equal(text, "2026-11-22T17:15:54.123Z");
    int64_t us;
    assert_true(clock_parse(STR("2026-11-22T12:15:54.123456-05:00"), &us));
    assert_true(us == 1795367754123456);
    assert_false(clock_parse(STR("2026-11-22"), &us));
    assert_false(clock_parse(STR("2026-11-22T25:15:54Z"), &us));
    assert_true(clock_date_valid(STR("2024-02-29")));
    assert_false(clock_date_valid(STR("2023-02-29")));
    assert_false(clock_date_valid(STR("2023-2-29")));
}

/* The calendar is computed here; the C library's is the oracle. */
static void test_time_texts_are_those_of_the_c_library(void **state)
{
    (void)state;
    int64_t us = -62167219200000000; /* 0000-01-01 */
    for (unsigned i = 0; us < 253402300800000000; i++, us += 1000003000001 * (1 + i % 37)) {
        char text[CLOCK_TEXT_MAX], want[64], day[32];
        int64_t rest = us % 1000000 < 0 ? us % 1000000 + 1000000 : us % 1000000;
        time_t seconds = (time_t)((us - rest) / 1000000);
        struct tm tm;
        gmtime_r(&seconds, &tm);
        strftime(day, sizeof(day), "%m-%dT%H:%M:%S", &tm);
        snprintf(want, sizeof(want), "%04d-%s.%03dZ", tm.tm_year + 1900, day, (int)(rest / 1000));
        clock_text(us, text);
        assert_string_equal(text, want);
    }
    char text[CLOCK_TEXT_MAX];
    clock_text(INT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
    clock_text(INT64_MIN, text);
    assert_string_equal(text, "0000-01-01T00:00:00.000Z");
}

/* Whether the text fits the room there is, or the limit, makes no difference to what comes out. */
static void test_formatted_text_is_whole_or_refused_at_every_length(void **state)
{
    (void)state;
    char long_text[600];
    memset(long_text, 'x', sizeof(long_text));
    for (int n = 0; n < 600; n++) {
        CLEANUP(buf_free) struct buf b = BUF_MAX(500);
        buf_addf(&b, "%s", "ab");
        buf_addf(&b, "%.*s", n, long_text);
        assert_int_equal(b.overflowed, n > 498);
        assert_int_equal(b.len, n > 498 ? 2 : 2 + n);
        assert_int_equal(strlen(b.data), b.len);
    }
}

static void test_arena_texts_of_any_length_leave_zeros_behind(void **state)
{
    (void)state;
    char long_text[6000];
    memset(long_text, 'x', sizeof(long_text));
    CLEANUP(arena_free) struct arena *arena = arena_new(1 << 20);
    for (int n = 0; n < 6000; n += 61) {
        char *text = arena_fmt(arena, "%.*s", n, long_text);
        assert_int_equal(strlen(text), n);
        const char *next = arena_alloc(arena, 1024);
        for (size_t i = 0; i < 1024; i++)
            assert_int_equal(next[i], 0);
        if (n % 3 == 0)
            arena_reset(arena);
    }
}

static void test_a_box_opens_only_with_key_and_aad_and_whole(void **state)
{
    (void)state;
    struct key key;
    random_bytes(key.b, sizeof(key.b));
    CLEANUP(buf_free) struct buf box = BUF_MAX(1000);
    box_seal(&key, STR("place"), STR("secret"), &box);
    CLEANUP(buf_free) struct buf out = BUF_SECRET(1000);
    assert_true(box_open(&key, STR("place"), buf_str(&box), &out));
    assert_string_equal(out.data, "secret");
    buf_clear(&out);
    assert_false(box_open(&key, STR("other"), buf_str(&box), &out));
    for (size_t i = 0; i < box.len; i++) {
        box.data[i] ^= 1;
        assert_false(box_open(&key, STR("place"), buf_str(&box), &out));
        box.data[i] ^= 1;
        assert_false(box_open(&key, STR("place"), (struct str){box.data, i}, &out));
    }
}

static void test_sha256_and_hmac_match_published_vectors(void **state)
{
    (void)state; /* FIPS 180-4 "abc"; RFC 4231 test case 2 has a short key, so case 1 padded */
    uint8_t digest[SHA256_LEN];
    sha256(STR("abc"), digest);
    CLEANUP(buf_free) struct buf hex = BUF_MAX(100);
    hex_add(&hex, digest, sizeof(digest));
    assert_string_equal(hex.data,
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void test_base64_round_trips_every_length(void **state)
{
    (void)state;
    for (size_t n = 0; n < 70; n++) {
        char bytes[70];
        random_bytes(bytes, n);
        CLEANUP(buf_free) struct buf text = BUF_MAX(200), url = BUF_MAX(200), back = BUF_MAX(200);
        base64_add(&text, (struct str){bytes, n});
        base64url_add(&url, (struct str){bytes, n});
        assert_true(base64_add_decoded(&back, buf_str(&text)));
        assert_true(str_eq(buf_str(&back), (struct str){bytes, n}));
        buf_clear(&back);
        assert_true(base64_add_decoded(&back, buf_str(&url)));
        assert_true(str_eq(buf_str(&back), (struct str){bytes, n}));
    }
    CLEANUP(buf_free) struct buf out = BUF_MAX(100);
    assert_false(base64_add_decoded(&out, STR("a")));
    assert_false(base64_add_decoded(&out, STR("a!bc")));
}

static void test_utf8_refuses_overlong_surrogates_and_cut_sequences(void **state)
{
    (void)state;
    assert_true(str_utf8_valid(STR("niña € 𝟜")));
    assert_false(str_utf8_valid(STR("\xC0\xAF")));
    assert_false(str_utf8_valid(STR("\xED\xA0\x80")));
    assert_false(str_utf8_valid(STR("\xE2\x82")));
    assert_false(str_utf8_valid(STR("\xF4\x90\x80\x80")));
}

static void test_a_missing_setting_is_named(void **state)
{
    (void)state;
    static const struct conf_def defs[] = {
        {"NEXACORE_TEST_NEEDED", CONF_TEXT, NULL, "for this test", .needed_by = 1},
        {"NEXACORE_TEST_PORT", CONF_UINT, "70", "a number", .min = 1, .max = 100, .needed_by = 1},
    };
    CLEANUP(conf_free) struct conf *conf = NULL;
    unsetenv("NEXACORE_TEST_NEEDED");
    struct problem *p = conf_load(defs, ARRAY_LEN(defs), 1, &conf);
    assert_non_null(p);
    assert_non_null(strstr(p->detail, "NEXACORE_TEST_NEEDED is not set"));
    setenv("NEXACORE_TEST_NEEDED", "x", 1);
    setenv("NEXACORE_TEST_PORT", "101", 1);
    p = conf_load(defs, ARRAY_LEN(defs), 1, &conf);
    assert_non_null(strstr(p->detail, "from 1 to 100"));
    unsetenv("NEXACORE_TEST_PORT");
    assert_null(conf_load(defs, ARRAY_LEN(defs), 1, &conf));
    assert_int_equal(conf_uint(conf, "NEXACORE_TEST_PORT"), 70);
}

static void test_a_list_in_a_setting_is_cut_at_commas_and_trimmed(void **state)
{
    (void)state;
    static const struct conf_def defs[] = {
        {"NEXACORE_TEST_LIST", CONF_TEXT, NULL, "a list", .needed_by = 1, .optional = true},
    };
    CLEANUP(arena_free) struct arena *arena = arena_new(1 << 16);
    CLEANUP(conf_free) struct conf *conf = NULL, *none = NULL;
    unsetenv("NEXACORE_TEST_LIST");
    assert_null(conf_load(defs, 1, 1, &none));
    assert_null(conf_list(none, arena, "NEXACORE_TEST_LIST"));
    setenv("NEXACORE_TEST_LIST", " a,, b c ,", 1);
    assert_null(conf_load(defs, 1, 1, &conf));
    const char *const *list = conf_list(conf, arena, "NEXACORE_TEST_LIST");
    unsetenv("NEXACORE_TEST_LIST");
    assert_string_equal(list[0], "a");
    assert_string_equal(list[1], "b c");
    assert_null(list[2]);
}

static void test_times_before_1970_begin_with_their_own_second(void **state)
{
    (void)state;
    char text[CLOCK_TEXT_MAX];
    clock_text(-500, text);
    assert_string_equal(text, "1969-12-31T23:59:59.999Z");
    clock_text(-1000000, text);
    assert_string_equal(text, "1969-12-31T23:59:59.000Z");
}

static void test_a_name_holds_no_part_of_a_number(void **state)
{
    (void)state;
    assert_true(str_is_name(STR("roomNumber"), 40));
    assert_true(str_is_name(STR("address.line_2-x12"), 40));
    assert_false(str_is_name(STR("k4111"), 40));
    assert_false(str_is_name(STR("4 1"), 40));
    assert_false(str_is_name(STR("se\xc3\xb1"
                                 "al"),
                             40));
    assert_false(str_is_name(STR(""), 40));
    assert_false(str_is_name(STR("abcde"), 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_name_holds_no_part_of_a_number),
        cmocka_unit_test(test_arena_hands_out_zeroed_memory_again_after_reset),
        cmocka_unit_test(test_buf_stops_at_its_limit_and_stays_stopped),
        cmocka_unit_test(test_secret_buf_keeps_its_bytes_while_it_grows),
        cmocka_unit_test(test_problem_body_escapes_what_the_client_sent),
        cmocka_unit_test(test_every_problem_kind_has_a_status_of_an_error),
        cmocka_unit_test(test_uuid_text_and_back),
        cmocka_unit_test(test_times_are_rfc3339_in_utc),
        cmocka_unit_test(test_time_texts_are_those_of_the_c_library),
        cmocka_unit_test(test_formatted_text_is_whole_or_refused_at_every_length),
        cmocka_unit_test(test_arena_texts_of_any_length_leave_zeros_behind),
        cmocka_unit_test(test_a_box_opens_only_with_key_and_aad_and_whole),
        cmocka_unit_test(test_sha256_and_hmac_match_published_vectors),
        cmocka_unit_test(test_base64_round_trips_every_length),
        cmocka_unit_test(test_utf8_refuses_overlong_surrogates_and_cut_sequences),
        cmocka_unit_test(test_a_missing_setting_is_named),
        cmocka_unit_test(test_a_list_in_a_setting_is_cut_at_commas_and_trimmed),
        cmocka_unit_test(test_times_before_1970_begin_with_their_own_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
