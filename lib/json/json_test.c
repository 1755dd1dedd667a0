/* Tests of lib/json: what is refused names where; what is written reads back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "json/json_in.h"
#include "json/json_out.h"

struct sample {
    struct str name;
    struct str day;
    int64_t count;
    int colour;
    bool has_count;
};
static const char *const colours[] = {"red", "green", NULL};
static const struct json_field sample_fields[] = {
    {"name", JSON_KIND_TEXT, offsetof(struct sample, name), .required = true, .max = 8},
    {"day", JSON_KIND_DATE, offsetof(struct sample, day)},
    {"count", JSON_KIND_INT, offsetof(struct sample, count), .min = 1, .max = 9,
     .seen_offset = offsetof(struct sample, has_count)},
    {"colour", JSON_KIND_ENUM, offsetof(struct sample, colour), .names = colours},
};

static struct problem *read_sample(struct arena *arena, struct str text, struct sample *s)
{
    *s = (struct sample){0};
    return json_body(arena, text, sample_fields, ARRAY_LEN(sample_fields), s);
}

static void test_a_right_body_fills_the_struct(void **state)
{
    (void)state;
    CLEANUP(arena_free) struct arena *arena = arena_new(1 << 20);
    struct sample s;
    assert_null(read_sample(
        arena, STR("{\"name\":\"Ana\",\"day\":\"1990-02-28\",\"count\":3,\"colour\":\"green\"}"),
        &s));
    assert_true(str_eq(s.name, STR("Ana")));
    assert_int_equal(s.colour, 1);
    assert_true(s.has_count);
}

static void test_each_wrong_body_is_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        const char *pointer;
    } wrong[] = {
        {"{\"nom\":\"x\"}", "/nom"},
        {"{}", "/name"},
        {"{\"name\":null}", "/name"},
        {"{\"name\":\"\"}", "/name"},
        {"{\"name\":\"123456789\"}", "/name"},
        {"{\"name\":7}", "/name"},
        {"{\"name\":\"a\\u0007\"}", "/name"},
        {"{\"name\":\"a\\u202e\"}", "/name"},
        {"{\"name\":\"x\",\"day\":\"1990-02-30\"}", "/day"},
        {"{\"name\":\"x\",\"count\":10}", "/count"},
        {"{\"name\":\"x\",\"count\":1.5}", "/count"},
        {"{\"name\":\"x\",\"colour\":\"blue\"}", "/colour"},
        {"[]", "/"},
        {"{\"name\":\"x\",\"name\":\"y\"}", ""},
        {"{\"name\":\"x\"} {}", ""},
        {"{\"name\":\"a\\u0000b\"}", ""},
        {"{\"name\":\"\xff\"}", ""},
        {"", ""},
    };
    CLEANUP(arena_free) struct arena *arena = arena_new(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct sample s;
        struct problem *p = read_sample(arena, str_of(wrong[i].body), &s);
        assert_non_null(p);
        assert_int_equal(problem_status(p->kind), 400);
        assert_string_equal(p->field, wrong[i].pointer);
    }
}

static void test_deep_nesting_is_refused_before_the_parser(void **state)
{
    (void)state;
    CLEANUP(arena_free) struct arena *arena = arena_new(1 << 20);
    CLEANUP(buf_free) struct buf deep = BUF_MAX(1 << 20);
    for (int i = 0; i < 100000; i++)
        buf_add_c(&deep, '[');
    json_t *root = NULL;
    assert_non_null(json_read(arena, buf_str(&deep), &root));
    assert_null(root);
}

static void test_what_is_written_reads_back(void **state)
{
    (void)state;
    CLEANUP(buf_free) struct buf out = BUF_MAX(4096);
    struct jw w = jw_to(&out);
    jw_obj(&w);
    jw_key(&w, "text");
    jw_str(&w, STR("a\"b\\c\n\x01\xC3\xB1\xFF z"));
    jw_key(&w, "score");
    jw_hundredths(&w, 66);
    jw_key(&w, "list");
    jw_arr(&w);
    jw_int(&w, -1);
    jw_bool(&w, true);
    jw_null(&w);
    jw_obj(&w);
    jw_end(&w);
    jw_end(&w);
    jw_end(&w);
    assert_string_equal(out.data, "{\"text\":\"a\\\"b\\\\c\\n\\u0001\xC3\xB1\xEF\xBF\xBD z\","
                                  "\"score\":0.66,\"list\":[-1,true,null,{}]}");
    CLEANUP(arena_free) struct arena *arena = arena_new(1 << 20);
    CLEANUP(json_done) json_t *root = NULL;
    assert_null(json_read(arena, buf_str(&out), &root));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_right_body_fills_the_struct),
        cmocka_unit_test(test_each_wrong_body_is_refused_by_name),
        cmocka_unit_test(test_deep_nesting_is_refused_before_the_parser),
        cmocka_unit_test(test_what_is_written_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
