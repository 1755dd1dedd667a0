/* Twilio's signature against the example of Twilio's own documentation and libraries. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "app/app.h"
#include "base/cleanup.h"
#include "notify/notify_internal.h"

static const char url[] = "https://mycompany.com/myapp.php?foo=1&bar=2";
static const char form[] = "CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234"
                           "&From=%2B14158675309&To=%2B18005551212";
static const char right[] = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";

static void arena_done(struct arena **arena)
{
    arena_free(arena);
}

static bool signed_with(const char *token, const char *at, const char *pairs, const char *signature)
{
    CLEANUP(arena_done) struct arena *arena = arena_new(1 << 20);
    return sms_signature_right(arena, token, at, str_of(pairs), str_of(signature));
}

static void test_the_documented_example_is_right(void **state)
{
    (void)state;
    assert_true(signed_with("12345", url, form, right));
}

static void test_fields_are_sorted_before_they_are_signed(void **state)
{
    (void)state;
    assert_true(signed_with("12345", url,
                            "To=%2B18005551212&From=%2B14158675309&Digits=1234"
                            "&Caller=%2B14158675309&CallSid=CA1234567890ABCDE",
                            right));
}

static void test_any_change_makes_it_wrong(void **state)
{
    (void)state;
    assert_false(signed_with("12346", url, form, right));
    assert_false(signed_with("12345", "https://mycompany.com/myapp.php?foo=1&bar=3", form, right));
    assert_false(signed_with("12345", url, "Digits=1234", right));
    assert_false(signed_with("12345", url, form, "RSOYDt4T1cUTdK1PDd93/VVr8B9="));
    assert_false(signed_with("12345", url, form, ""));
    assert_false(signed_with(NULL, url, form, right));
    assert_false(signed_with("12345", url, "Digits=%zz", right));
}

static void test_a_callback_url_has_no_double_slash(void **state)
{
    (void)state;
    CLEANUP(arena_done) struct arena *arena = arena_new(1 << 20);
    struct app app = {.public_url = "https://nexacore.example.org/"};
    assert_string_equal(sms_url(&app, arena, "/webhooks/twilio/status", "c=1&d=2"),
                        "https://nexacore.example.org/webhooks/twilio/status?c=1&d=2");
    assert_string_equal(sms_url(&app, arena, "/alerts/1", NULL),
                        "https://nexacore.example.org/alerts/1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_documented_example_is_right),
        cmocka_unit_test(test_fields_are_sorted_before_they_are_signed),
        cmocka_unit_test(test_any_change_makes_it_wrong),
        cmocka_unit_test(test_a_callback_url_has_no_double_slash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
