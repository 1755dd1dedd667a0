/* The trusted half of reading against answers that no honest reader gives: a child that was taken
 * over may say what it likes, and holds up nobody.
 *
 * Rule: no clock is read here; an answer that costs more than it should fails by meson's timeout.
 */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <string.h>

#include "base/cleanup.h"
#include "intake/parsed.h"

#define ANSWER_MAX (8U << 20) /* FRAME_JSON_MAX: what the parent takes */
#define TEXT_MAX   (1U << 20)

static struct parsed_form *form_of(struct arena *arena, const struct buf *json)
{
    struct parsed_policy policy = {0};
    struct parsed_form *form = NULL;
    assert_false(json->overflowed);
    assert_null(parsed_from_reader(arena, buf_str(json), &policy, &form));
    return form;
}

static void run_add(struct buf *json, const char *piece, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_add_c(json, piece[i % strlen(piece)]);
}

/* As many words as fit, each over the whole text and under each of the black boxes. */
static void test_words_that_all_cover_the_whole_text_are_soon_done(void **state)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(512U << 20);
    CLEANUP(buf_free) struct buf json = BUF_MAX(ANSWER_MAX);
    (void)state;
    buf_add_z(&json, "{\"pages\":[{}],\"text\":\"");
    run_add(&json, "7 ", TEXT_MAX);
    buf_add_z(&json, "\",\"sensitive\":[");
    for (int i = 0; i < 399; i++)
        buf_add_z(&json, "{\"key\":\"cardCvv\",\"page\":0,\"box\":[0,0,1,1]},");
    buf_add_z(&json, "{\"key\":\"cardCvv\",\"page\":0,\"box\":[0,0,1,1]}],\"words\":[");
    while (json.len < ANSWER_MAX - 200)
        buf_add_z(&json, "{\"page\":0,\"start\":0,\"end\":1048576,\"box\":[0,0,1,1]},");
    buf_add_z(&json, "{\"page\":0,\"start\":1048570,\"end\":9000000000,\"box\":[0,0,1,1]}]}");
    struct parsed_form *form = form_of(arena, &json);
    assert_int_equal(form->text.s.p[0], '*');
    assert_int_equal(form->text.s.p[TEXT_MAX - 2], '*');
}

static void test_fields_of_a_megabyte_are_soon_done(void **state)
{
    static const char *const pieces[] = {"7", "12/", "Visa 4111 "};
    static const char *const keys[] = {"fullName",       "dateOfBirth",   "nationalId",
                                       "insuranceId",    "bloodPressure", "temperatureC",
                                       "chiefComplaint", "consciousness"};
    (void)state;
    for (size_t p = 0; p < ARRAY_LEN(pieces); p++)
        for (size_t k = 0; k < ARRAY_LEN(keys); k++) {
            CLEANUP(arena_free) struct arena *arena = arena_new(512U << 20);
            CLEANUP(buf_free) struct buf json = BUF_MAX(ANSWER_MAX);
            buf_addf(&json,
                     "{\"pages\":[{}],\"fields\":[{\"key\":\"%s\",\"page\":0,\"confidence\":1,",
                     keys[k]);
            buf_add_z(&json, "\"ink\":true,\"box\":[0,0,1,1],\"text\":\"");
            run_add(&json, pieces[p], TEXT_MAX / strlen(pieces[p]) * strlen(pieces[p]));
            buf_add_z(&json, "\"}]}");
            form_of(arena, &json);
        }
}

static bool says(const struct parsed_form *form, const char *code)
{
    for (size_t i = 0; i < form->review_count; i++)
        if (strcmp(form->review_why[i], code) == 0)
            return true;
    return false;
}

static struct parsed_form *form_with(struct arena *arena, const char *phone, const char *layout)
{
    CLEANUP(buf_free) struct buf json = BUF_MAX(4096);
    buf_addf(&json,
             "{\"pages\":[{}],%s\"fields\":[%s{\"key\":\"insuranceId\",\"page\":0,"
             "\"confidence\":0.9,\"ink\":true,\"box\":[0,0,1,1],\"text\":\"AB1234567\"}]}",
             layout, phone);
    return form_of(arena, &json);
}

/* Of an unknown layout nobody knows whether it asks for a phone; a confirmed one says. */
static void test_a_phone_nobody_saw_is_missing_until_the_layout_is_known(void **state)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(16U << 20);
    const char *unread = "{\"key\":\"phone\",\"page\":0,\"confidence\":0,\"ink\":true,"
                         "\"box\":[0,0,1,1],\"text\":\"\"},";
    const char *layout = "\"layout\":{\"id\":\"7b1c8f6e-2f0a-4f6b-9a53-6d5b3c1f2e10\"},";
    (void)state;
    const struct parsed_form *form = form_with(arena, "", "");
    assert_true(says(form, "missing:phone") && form->requires_review);
    assert_false(says(form, "missing:insuranceId"));
    form = form_with(arena, unread, "");
    assert_true(says(form, "unreadable:phone") && !says(form, "missing:phone"));
    assert_false(says(form_with(arena, "", layout), "missing:phone"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_phone_nobody_saw_is_missing_until_the_layout_is_known),
        cmocka_unit_test(test_words_that_all_cover_the_whole_text_are_soon_done),
        cmocka_unit_test(test_fields_of_a_megabyte_are_soon_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
