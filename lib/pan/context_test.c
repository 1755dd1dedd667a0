/* Words around a number: which label wins, escapes around it, and the codes beside it. `#` stands
 * for a number that must be masked, `@` for one that must stay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "pan/pan_int.h"

#define SOLID   "5204041716331415"
#define GROUPED "4539 2959 3486 0477"

/* `line` with each of the `mark`s replaced by `number`. */
static void put(const char *line, char mark, const char *number, struct buf *out)
{
    for (; *line != '\0'; line++) {
        if (*line == mark)
            buf_add_z(out, number);
        else
            buf_add_c(out, *line);
    }
}

static void check(const char *line, char mark, const char *number, bool masked)
{
    CLEANUP(buf_free) struct buf text = BUF_MAX(1024);
    CLEANUP(buf_free) struct buf out = BUF_MAX(2048);
    put(line, mark, number, &text);
    bool found = pan_mask(buf_str(&text), &out);
    buf_add_c(&out, '\0');
    if (found != masked || (strstr(out.data, number) == NULL) != masked)
        fail_msg("\"%s\" with %s becomes \"%s\"", line, number, out.data);
}

static void test_a_label_that_has_its_value_does_not_speak_for_a_card(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "MRN: 30535093  Card: #",
        "MRN 30535093 card #",
        "invoice 88213 card # approved 004512",
        "C\u00e9dula 52345678 tarjeta #",
        "C.C. 52345678 tarjeta #",
        "{\"ticket\":1,\"card\":\"#\"}",
        "{\"transaction\":{\"card\":\"#\"}}",
        "Insurance:\nCard: #",
        "No insurance. Card #",
        "Insurance: none  Card: #",
        "factura 991 Visa #",
        "Pago de p\xc3\xb3liza: tarjeta #",
        "order 5 mastercard #",
        "Ticket 12: card # declined",
        "ts=1763820191 card=#",
        "user_id=7 card=#",
        "policy 123 visa #",
        "MRN 30535093 #",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        check(lines[i], '#', SOLID, true);
        check(lines[i], '#', GROUPED, true);
    }
}

static void test_a_card_word_beside_another_label_wins(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "Credit card account number: #",
        "Cuenta tarjeta #",
        "N\xc3\xbamero de cuenta de la tarjeta: #",
        "Card reference: #",
        "txn card=#",
        "account card #",
        "Card ID: #",
        "user id 12 card #",
        "Primary Account Number: #",
        "c\u00f3digo: #",
        "ref # tarjeta",
        "cuenta # (tarjeta de cr\u00e9dito)",
        "Order: # visa",
        "account # cvv 123",
        "pagar\xc3\xa9 con la #",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        check(lines[i], '#', SOLID, true);
        check(lines[i], '#', GROUPED, true);
    }
    /* the label of the next number is none of this one */
    assert_int_equal(pan_find(STR("ref " SOLID " tarjeta: 4111111111111111"), NULL, 0), 1);
}

static void test_a_number_under_its_own_label_stays(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "P\xc3\xb3liza No. @",
        "Subscriber # @",
        "Member ID @",
        "C.C. @",
        "Patient ID: @",
        "Health plan ID @",
        "Credencial @",
        "HC No. @",
        "historia cl\xc3\xadnica @",
        "Expediente @",
        "Autorizaci\xc3\xb3n EPS @",
        "Tarjeta del seguro No. @",
        "Tarjeta sanitaria @",
        "Tarjeta de identidad @",
        "Insurance card number: @",
        "Group no. @",
        "S/N @",
        "serial: @",
        "Certificado @",
        "monto @ pesos",
        "Registro Sanitario @",
        "Radicado @ fecha 22/11/2026",
        "lote @ vence 08/27",
        "Lot @ exp 08/27",
        "gu\u00eda No. @",
        "comprobante @",
        "referencia @",
        "MRN: @",
        "folio @",
        "matr\u00edcula @",
        "oficio @",
        "Claim # @",
        "Account no. @",
        "P\xc3\xb3liza @\nPago con tarjeta",
        "Historia @, tarjeta: ver anexo",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        check(lines[i], '@', SOLID, false);
        check(lines[i], '@', GROUPED, false);
    }
}

static void test_a_date_behind_a_number_is_no_hint_by_itself(void **state)
{
    (void)state;
    check("dato # fecha 22/11/2026", '#', "5204041 716331415", false);
    check("dato # vence 08/27", '#', "52040417 16331415", true);
}

static void test_percent_escapes_do_not_hide_a_number(void **state)
{
    (void)state;
    for (unsigned c = 0x20; c < 0x30; c++) {
        char line[64];
        snprintf(line, sizeof(line), "q=%%%02X#%%%02x", c, c);
        check(line, '#', SOLID, true);
        snprintf(line, sizeof(line), "%%%02x#", c);
        check(line, '#', SOLID, true);
        snprintf(line, sizeof(line), "%%25%02x#", c);
        check(line, '#', SOLID, true);
    }
}

static void test_every_way_to_escape_a_separator_is_read(void **state)
{
    (void)state;
    static const char *const ways[] = {
        "\\u0020", "\\u002d", "\\u002D", "\\u00a0", "\\x20",   "\\x2d",  "&#x20;", "&#x2d;",
        "&#X2D;",  "&#32;",   "&#45;",   "%20",     "%2D",     "%2f",    "\\n",    "&nbsp;",
        "&#160;",  "&#xA0;",  "&#8211;", "\\u2013", "\\u200b", "&#0032;"};
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        char text[128];
        snprintf(text, sizeof(text), "x %s4539%s2959%s3486%s0477 y", ways[i], ways[i], ways[i],
                 ways[i]);
        if (pan_find(str_of(text), NULL, 0) != 1)
            fail_msg("not found: %s", text);
    }
    check("\\u0022#\\u0022", '#', SOLID, true);
    check("{\"m\":\"\\u003cb\\u003e#\\u003c/b\\u003e\"}", '#', SOLID, true);
    check("\\x22#\\x22", '#', SOLID, true);
    check("\\\\u0022#\\\\u0022", '#', SOLID, true);
    /* all of it escaped */
    assert_int_equal(pan_find(STR("\\u0035\\u0032\\u0030\\u0034"
                                  "041716331415"),
                              NULL, 0),
                     1);
    /* a folder's name is no escape */
    check("C:\\u#", '#', SOLID, true);
    check("C:\\x#", '#', SOLID, true);
}

static void test_an_x_parts_groups_only_under_a_card_label(void **state)
{
    (void)state;
    check("tarjeta nro #", '#', "4716x1452x7022x2961", true);
    check("tarjeta nro #", '#', "4716X1452X7022X2961", true);
    check("medidas @", '@', "4716x1452x7022x2961", false);
}

static void test_two_numbers_glued_to_each_other_are_parted(void **state)
{
    (void)state;
    struct pan_span spans[4];
    assert_int_equal(pan_find(STR("tarjetas 45397604916472375105087689153955"), spans, 4), 2);
    assert_int_equal(spans[0].end, spans[1].start);
    assert_int_equal(pan_find(STR("45397604916472375105087689153955"), spans, 4), 2);
    assert_int_equal(pan_find(STR("4539 7604 9164 72375105 0876 8915 3955"), spans, 4), 2);
    assert_int_equal(pan_find(STR("serial 45397604916472375105087689153955"), spans, 4), 0);
    assert_int_equal(pan_find(STR("145397604916472375105087689153955"), spans, 4), 0);
}

static void test_codes_are_found_however_they_are_written(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "C\u00f3d. Verif.: #", "y los tres de atr\xc3\xa1s #",
        "code on back is #",   "c\u00f3digo de atr\xc3\xa1s: #",
        "on the back #",       "cvv #",
        "exp0828cvv#",
    };
    static const char *const codes[] = {"118", "1 1 8", "1|1|8", "[1][1][8]"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        char line[128];
        snprintf(line, sizeof(line), GROUPED " %s", lines[i]);
        for (size_t k = 0; k < sizeof(codes) / sizeof(codes[0]); k++)
            check(line, '#', codes[k], true);
    }
    check(GROUPED " cvv#", '#', "295", true);
    check(SOLID "exp#cvv123", '#', "0828", true);
    check(GROUPED " mes # ccv 118", '#', "05 a\xc3\xb1o 30", true);
}

static void test_words_that_are_looked_up_by_halving_are_sorted(void **state)
{
    (void)state;
    assert_true(pan_words_are_sorted());
    assert_true(label_words_are_sorted());
    assert_true(beside_labels_are_sorted());
}

static void test_a_noun_on_no_list_with_a_word_for_number_names_another_number(void **state)
{
    (void)state;
    static const char *const stays[] = {
        "Gaveta No. @",
        "Locker # @",
        "Anaquel nro. @",
        "Cama N\xc2\xba @",
        "Shelf number: @",
        "Pump ID @",
        "C\303\263digo de acceso: @",
        "Access code @",
        "Filtro n\xc3\xbam. @",
        "N\303\272mero de la ficha: @",
        "Pedido #@",
        "Vale N\xc2\xb0 @, firma",
    };
    for (size_t i = 0; i < sizeof(stays) / sizeof(stays[0]); i++)
        check(stays[i], '@', SOLID, false);
    /* in doubt a number is masked: printed as on a card, beside a date or a code of a card, a word
     * about paying near by, a noun that may be the card, or no word for "number" at all */
    static const char *const masked[] = {
        "Gaveta No. # 09/27",
        "Gaveta No. # cvv 118",
        "paga. Gaveta No. #",
        "Alergias: #",
        "mi n\xc3\xbamero #",
        "the full number is #",
        "Main number: #",
        "No. #",
        "# #",
        "\"lastName\":\"#\"",
        "reason=#",
        "Gaveta #",
        "numero de mi mama #",
        "folio # exp 12/28 cvv 123",
    };
    for (size_t i = 0; i < sizeof(masked) / sizeof(masked[0]); i++) {
        bool hash = masked[i][0] == '#';
        check(hash ? "# @" : masked[i], hash ? '@' : '#', SOLID, true);
    }
    check("Gaveta No. #", '#', GROUPED, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_label_that_has_its_value_does_not_speak_for_a_card),
        cmocka_unit_test(test_a_card_word_beside_another_label_wins),
        cmocka_unit_test(test_a_number_under_its_own_label_stays),
        cmocka_unit_test(test_a_date_behind_a_number_is_no_hint_by_itself),
        cmocka_unit_test(test_percent_escapes_do_not_hide_a_number),
        cmocka_unit_test(test_every_way_to_escape_a_separator_is_read),
        cmocka_unit_test(test_an_x_parts_groups_only_under_a_card_label),
        cmocka_unit_test(test_two_numbers_glued_to_each_other_are_parted),
        cmocka_unit_test(test_codes_are_found_however_they_are_written),
        cmocka_unit_test(test_words_that_are_looked_up_by_halving_are_sorted),
        cmocka_unit_test(test_a_noun_on_no_list_with_a_word_for_number_names_another_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
