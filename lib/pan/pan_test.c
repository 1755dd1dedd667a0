/* Tests of the card-number finder. Numbers are the card schemes' public test numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "pan/pan.h"

static void check_masked(const char *text, const char *masked)
{
    CLEANUP(buf_free) struct buf out = BUF_MAX(65536);
    pan_mask(str_of(text), &out);
    buf_add_c(&out, '\0');
    assert_string_equal(out.data, masked);
    CLEANUP(buf_free) struct buf again = BUF_MAX(65536);
    assert_false(pan_mask((struct str){out.data, out.len - 1}, &again));
}

static void check_clean(const char *text)
{
    assert_int_equal(pan_find(str_of(text), NULL, 0), 0);
}

static void test_a_number_is_masked_to_its_last_four(void **state)
{
    (void)state;
    check_masked("paga con 4111111111111111.", "paga con ************1111.");
    check_masked("3782 822463 10005", "************0005");
    check_masked("x5555555555554444COP", "x************4444COP");
}

static void test_separators_do_not_hide_a_number(void **state)
{
    (void)state;
    check_masked("4111-1111-1111-1111", "************1111");
    check_masked("4111.1111.1111.1111", "************1111");
    check_masked("4111\xc2\xa0"
                 "1111\xe2\x80\x91"
                 "1111\n1111",
                 "************1111");
    check_masked("4|1|1|1|1|1|1|1|1|1|1|1|1|1|1|1|", "************1111|");
    check_masked("4 1 1 1   1 1 1 1   1 1 1 1   1 1 1 1", "************1111");
    check_masked("411111\xe2\x80\x8b"
                 "1111111111",
                 "************1111");
}

static void test_digits_of_any_script_count(void **state)
{
    (void)state;
    check_masked("\xef\xbc\x94\xef\xbc\x91\xef\xbc\x91\xef\xbc\x91 1111 1111 1111",
                 "************1111");
    check_masked("\xd9\xa4\xd9\xa1\xd9\xa1\xd9\xa1\xd9\xa1\xd9\xa1\xd9\xa1\xd9\xa1"
                 "\xd9\xa1\xd9\xa1\xd9\xa1\xd9\xa1\xd9\xa1\xd9\xa1\xd9\xa1\xd9\xa1",
                 "************1111");
}

static void test_letters_read_for_digits_count_among_digits(void **state)
{
    (void)state;
    check_masked("Card Number: 4lll 1I11 11|1 1111", "Card Number: ************1111");
    check_masked("tarjeta S555 5555 5SS5 4444", "tarjeta ************4444");
    check_clean("BOIl SOS gIl bOSS BIll IlIl SOlO");
}

static void test_code_and_expiry_go_with_the_number(void **state)
{
    (void)state;
    check_masked("4111 1111 1111 1111 exp 05/28 CVV 123", "************1111 exp **/** CVV ***");
    check_masked("c\xc3\xb3"
                 "digo de seguridad: 9876 tarjeta 4111111111111111 vence 12/2029",
                 "c\xc3\xb3"
                 "digo de seguridad: **** tarjeta ************1111 vence **/****");
    check_clean("CVC 123 exp 05/28");
}

static void test_track_data_go_whole(void **state)
{
    (void)state;
    check_masked("%B4111111111111111^DOE/JANE^29121011822269618?.", "************1111.");
    check_masked(";4111111111111111=29122014195733637?", "************1111");
}

static void test_a_label_makes_a_mistyped_number_a_card(void **state)
{
    (void)state;
    check_masked("Visa card no. 4111 1111 1111 1112 exp 08/29",
                 "Visa card no. ************1112 exp **/**");
    check_clean("ref 4111 1111 1111 1112");
    check_clean("insurance card no. 4111 1111 1111 1112");
}

static void test_other_numbers_stay(void **state)
{
    (void)state;
    check_clean("Tel: +57 330 555 1256 / 607 584 2165");
    check_clean("305 555 0147 786 555 0182");
    check_clean("ts=1777253046929 exp=1708630829");
    check_clean("IMEI 353574618262973, NPI 2025002009 / 808400504261311");
    check_clean("id 45aee0bd-ac87-4fa6-add2-c7c4de18d010");
    check_clean("sample 4111111111111111411111111111111141");
    check_clean("01/24/2012 07/22/2020 20190726111907");
    check_clean("tarjeta terminada en 4111, **** **** **** 1111");
}

static void test_hostile_bytes_are_text(void **state)
{
    (void)state;
    check_clean("\xff\xfe\xc3");
    check_clean("");
    char stray[400]; /* continuation bytes without a lead before a number */
    memset(stray, 0x8c, sizeof(stray));
    memcpy(stray + 380, "4111111111111111", 16);
    assert_int_equal(pan_find((struct str){stray, 396}, NULL, 0), 1);
    struct str nul = {"4\0"
                      "111111111111111",
                      17};
    assert_int_equal(pan_find(nul, NULL, 0), 1);
}

static void test_a_number_across_two_pieces_is_found(void **state)
{
    (void)state;
    char text[9000];
    memset(text, 'a', sizeof(text));
    for (size_t at = 500; at + 40 < sizeof(text); at += 997)
        memcpy(text + at, " 4111 1111 1111 1111 exp 05/28 ", 31);
    CLEANUP(buf_free) struct buf whole = BUF_MAX(65536);
    assert_true(pan_mask((struct str){text, sizeof(text)}, &whole));
    for (size_t piece = 1; piece < 3000; piece = piece * 2 + 1) {
        CLEANUP(buf_free) struct buf out = BUF_MAX(65536);
        struct pan_stream s = PAN_STREAM_NEW;
        for (size_t at = 0; at < sizeof(text); at += piece) {
            size_t n = sizeof(text) - at < piece ? sizeof(text) - at : piece;
            pan_stream_feed(&s, (struct str){text + at, n}, &out);
        }
        pan_stream_end(&s, &out);
        assert_true(s.found);
        assert_true(str_eq(buf_str(&out), buf_str(&whole)));
    }
}

static void test_many_short_numbers_fit_the_promised_room(void **state)
{
    (void)state;
    char text[14 * 500];
    for (size_t i = 0; i < 500; i++)
        memcpy(text + 14 * i, "4222222222222;", 14);
    CLEANUP(buf_free) struct buf out = BUF_MAX(PAN_MASK_ROOM(sizeof(text)));
    assert_true(pan_mask((struct str){text, sizeof(text)}, &out));
    assert_false(out.overflowed);
    assert_int_equal(out.len, 17 * 500);
}

static void test_masking_in_place_keeps_the_length(void **state)
{
    (void)state;
    char line[] = "pay 4111-1111-1111-1111 now";
    assert_int_equal(pan_mask_in_place(line, strlen(line)), strlen(line));
    assert_string_equal(line, "pay ***************1111 now");
}

/* Texts found by fuzzing and by soups: what a mask took away changed how its neighbours were read.
 */
static void test_masking_is_final(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "tarjeta 675956||0|56|2|4|27|\x01"
        "3530|2|675956||0|52|2|4|27|\x01"
        "3530|2|zz7|",
        "CVV123\xe2\x80\x8b"
        "3782 822463 105|B4111 1111 1111 1111",
        "4111111111111111exp5/28\xe2\x80\x8b"
        "5105105105105100",
        "5105105105105100IMEI p0V1cvv1234(3782 822463 10005",
        "DE12 CVV123-411111111111111l4111111111111111",
        "IMEI D-l*CVV123-1234 3782 822463 10005l4111111111111111",
        "620000834[2798681^6200004382798681^^2101^2881",
        "5105105105105100=2000?555555551234",
        "TARJETA432l 237422;2z0B4 5|6|3|5 4%25111|2|4|256|2|4|27|jeta 6759570 432422",
        "factura x 411111111111411111111111005555-55552222 2222 |3782 822463 100053782 822463 10005"
        "(1|||4562|4111 1111 1111 1111",
        "411111111111111142222222 22220|56||1234222 22222222 222211013782 822463 10005,"
        "51051051051051004111111111111111",
        "***4111111111111111***",
        "XXXX 4111111111111111",
        "clave **** 4111 1111 1111 1111",
        "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 5105105105105100",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        CLEANUP(buf_free) struct buf out = BUF_MAX(1024);
        assert_true(pan_mask(str_of(texts[i]), &out));
        if (pan_find(buf_str(&out), NULL, 0) > 0)
            fail_msg("%s: masked it holds a number", texts[i]);
        char line[256];
        size_t n = strlen(texts[i]);
        memcpy(line, texts[i], n);
        pan_mask_in_place(line, n);
        if (pan_find((struct str){line, n}, NULL, 0) > 0)
            fail_msg("%s: masked in place it holds a number", texts[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_number_is_masked_to_its_last_four),
        cmocka_unit_test(test_separators_do_not_hide_a_number),
        cmocka_unit_test(test_digits_of_any_script_count),
        cmocka_unit_test(test_letters_read_for_digits_count_among_digits),
        cmocka_unit_test(test_code_and_expiry_go_with_the_number),
        cmocka_unit_test(test_track_data_go_whole),
        cmocka_unit_test(test_a_label_makes_a_mistyped_number_a_card),
        cmocka_unit_test(test_other_numbers_stay),
        cmocka_unit_test(test_hostile_bytes_are_text),
        cmocka_unit_test(test_a_number_across_two_pieces_is_found),
        cmocka_unit_test(test_many_short_numbers_fit_the_promised_room),
        cmocka_unit_test(test_masking_in_place_keeps_the_length),
        cmocka_unit_test(test_masking_is_final),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
