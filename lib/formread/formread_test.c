/* Tests of the reader's pure half: values in their one form, headers checked before decoding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "formread/field.h"
#include "formread/sniff.h"
#include "formread/text.h"

static struct arena *arena;

static int arena_begin(void **state)
{
    (void)state;
    arena = arena_new(1U << 20);
    return 0;
}

static int arena_end(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static void check_date(const char *raw, enum date_order order, const char *iso)
{
    char got[11] = "";
    double fit = date_normal(str_of(raw), order, 2026, got);
    if (iso == NULL) {
        assert_true(fit <= 0);
        return;
    }
    assert_true(fit > 0);
    assert_string_equal(got, iso);
}

static void test_dates_are_read_as_people_write_them(void **state)
{
    (void)state;
    check_date("10/23/1995", DATE_MONTH_FIRST, "1995-10-23");
    check_date("11-12-2008", DATE_DAY_FIRST, "2008-12-11");
    check_date("Mar 12, 1953", DATE_MONTH_FIRST, "1953-03-12");
    check_date("28 de junio de 1965", DATE_DAY_FIRST, "1965-06-28");
    check_date("28 de jun1o de 1965", DATE_DAY_FIRST, "1965-06-28");
    check_date("1995-10-23", DATE_DAY_FIRST, "1995-10-23");
    check_date("13121946", DATE_DAY_FIRST, "1946-12-13");
    check_date("13 121946", DATE_DAY_FIRST, "1946-12-13");
    check_date("5/6/31", DATE_DAY_FIRST, "1931-06-05");
    check_date("5/6/21", DATE_DAY_FIRST, "2021-06-05");
}

static void test_the_other_order_counts_as_a_repair(void **state)
{
    (void)state;
    char iso[11];
    double as_labelled = date_normal(STR("10/23/1995"), DATE_MONTH_FIRST, 2026, iso);
    double swapped = date_normal(STR("23/10/1995"), DATE_MONTH_FIRST, 2026, iso);
    assert_string_equal(iso, "1995-10-23");
    assert_true(swapped > 0 && swapped < as_labelled);
}

static void test_days_that_do_not_exist_are_no_dates(void **state)
{
    (void)state;
    check_date("02/30/1990", DATE_MONTH_FIRST, NULL);
    check_date("31/11/1990", DATE_DAY_FIRST, NULL);
    check_date("00/00/0000", DATE_DAY_FIRST, NULL);
    check_date("12/12/2031", DATE_DAY_FIRST, NULL); /* nobody is born in the future */
    check_date("12/12/1850", DATE_DAY_FIRST, NULL);
    check_date("call me", DATE_DAY_FIRST, NULL);
    check_date("99999999999999999999", DATE_DAY_FIRST, NULL);
}

static void check_field(enum field field, const char *raw, const char *want)
{
    struct str got;
    double fit = field_normal(arena, field, str_of(raw), DATE_DAY_FIRST, &got);
    if (want == NULL) {
        assert_true(fit <= 0);
        assert_int_equal(got.n, 0);
        return;
    }
    assert_true(fit > 0);
    assert_true(str_eq(got, str_of(want)));
}

static void test_phones_become_ten_digits(void **state)
{
    (void)state;
    check_field(FIELD_PHONE, "(305) 555-0104", "3055550104");
    check_field(FIELD_PHONE, "+57 310 555 1868", "3105551868");
    check_field(FIELD_PHONE, "1-617.555.0139", "6175550139");
    check_field(FIELD_PHONE, "617.555.O139", "6175550139");
    check_field(FIELD_PHONE, "call me", NULL);
}

static void test_vitals_have_one_unit_and_a_possible_range(void **state)
{
    (void)state;
    check_field(FIELD_TEMPERATURE, "98.8 F", "37.11");
    check_field(FIELD_TEMPERATURE,
                "100.6\xc2\xb0"
                "F",
                "38.11");
    check_field(FIELD_TEMPERATURE, "36,7 C", "36.70");
    check_field(FIELD_TEMPERATURE, "9", NULL);
    check_field(FIELD_BLOOD_PRESSURE, "123/71", "123/71");
    check_field(FIELD_BLOOD_PRESSURE, "71/123", NULL);
    check_field(FIELD_BLOOD_PRESSURE, "999/71", NULL);
    check_field(FIELD_HEART_RATE, "135", "135");
    check_field(FIELD_HEART_RATE, "1350", NULL);
    check_field(FIELD_TEMPERATURE, "36.l C", "36.10");
    check_field(FIELD_HEART_RATE, "una X los", NULL); /* a piece of a sentence is no number */
    check_field(FIELD_HEART_RATE, "l05", "105");
    check_field(FIELD_SPO2, "80%", "80");
    check_field(FIELD_SPO2, "100", "100");
    check_field(FIELD_CONSCIOUSNESS, "Responde a voz", "V");
    check_field(FIELD_CONSCIOUSNESS, "Alert", "A");
    check_field(FIELD_CONSCIOUSNESS, "Confuso", "C");
    check_field(FIELD_CONSCIOUSNESS, "U", "U");
    check_field(FIELD_CONSCIOUSNESS, "see chart", NULL);
}

static void test_usual_vitals_are_preferred_and_rare_ones_not_refused(void **state)
{
    (void)state;
    assert_true(field_likely(FIELD_BLOOD_PRESSURE, STR("120/80")) >= 1);
    assert_true(field_likely(FIELD_TEMPERATURE, STR("36.70")) >= 1);
    assert_true(field_likely(FIELD_SPO2, STR("98")) >= 1);
    static const struct {
        enum field field;
        const char *rare;
    } rare[] = {{FIELD_BLOOD_PRESSURE, "120/118"},
                {FIELD_BLOOD_PRESSURE, "60/30"},
                {FIELD_TEMPERATURE, "31.67"},
                {FIELD_SPO2, "52"},
                {FIELD_HEART_RATE, "210"}};
    for (size_t i = 0; i < ARRAY_LEN(rare); i++) {
        double likely = field_likely(rare[i].field, str_of(rare[i].rare));
        assert_true(likely > 0.2 && likely < 1);
    }
    assert_true(field_likely(FIELD_PHONE, STR("6175550139")) >= 1);
}

static void test_ids_and_names_keep_what_belongs_to_them(void **state)
{
    (void)state;
    check_field(FIELD_NATIONAL_ID, "948-35-1989", "948351989");
    check_field(FIELD_NATIONAL_ID, "1.083.666.069", "1083666069");
    check_field(FIELD_NATIONAL_ID, "12", NULL);
    check_field(FIELD_INSURANCE_ID, "0067-619363-00", "0067-619363-00");
    check_field(FIELD_INSURANCE_ID, "r36727495", "R36727495");
    check_field(FIELD_INSURANCE_ID, "none", NULL);
    check_field(FIELD_FULL_NAME,
                "_ Yuliana Pe\xc3\xb1"
                "aranda |",
                "Yuliana Pe\xc3\xb1"
                "aranda");
    check_field(FIELD_FULL_NAME, "12/31", NULL);
}

static double fit_of(enum field field, const char *raw)
{
    struct str got;
    return field_normal(arena, field, str_of(raw), DATE_DAY_FIRST, &got);
}

static void test_an_id_in_the_wrong_groups_is_doubtful(void **state)
{
    (void)state;
    static const char *const good[] = {"964-33-9221", "1.083.666.069", "79.345.120", "964339221"};
    static const char *const bad[] = {"964-33-921", "96-33-9221", "1.083.66.069", "79.345.12"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(fit_of(FIELD_NATIONAL_ID, good[i]) >= 1);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        double fit = fit_of(FIELD_NATIONAL_ID, bad[i]);
        assert_true(fit > 0 && fit < 0.7);
    }
    double medicare = fit_of(FIELD_INSURANCE_ID, "1EG4-TE5-MK73");
    assert_true(fit_of(FIELD_INSURANCE_ID, "1EG4-TEO-MKS3") < medicare * 0.8);
    assert_true(fit_of(FIELD_INSURANCE_ID, "0067-619363-00") >= 1);
}

static void test_folding_drops_accents_and_signs(void **state)
{
    (void)state;
    struct str folded = text_fold(arena, STR("C\xc3\xa9"
                                             "dula de Ciudadan\xc3\xad"
                                             "a: \xc3\x91"
                                             "O 5"));
    assert_true(str_eq(folded, STR("ceduladeciudadaniano5")));
    assert_int_equal(text_distance(STR("pulse"), STR("pu1se"), 2), 1);
    assert_int_equal(text_distance(STR("temp"), STR("consciousness"), 2), 3);
    assert_true(str_eq(text_digits(arena, STR("l2-O5 S"), true), STR("12055")));
}

/* ---- headers --------------------------------------------------------------------------------- */

static enum formread_refusal sniff(struct str file, struct formread_sniffed *ret)
{
    return formread_sniff(file, ret);
}

static void png_make(struct buf *b, uint32_t w, uint32_t h, bool end)
{
    buf_add(b, "\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16);
    buf_add_u32be(b, w);
    buf_add_u32be(b, h);
    buf_add(b, "\x08\0\0\0\0crc_", 9);
    buf_add_z(b, "....IDAT........");
    if (end)
        buf_add(b, "\0\0\0\0IEND\xae\x42\x60\x82", 12);
}

static void test_pixels_are_limited_from_the_header(void **state)
{
    (void)state;
    struct formread_sniffed s;
    CLEANUP(buf_free)
    struct buf ok = BUF_MAX(200), bomb = BUF_MAX(200), cut = BUF_MAX(200), wrap = BUF_MAX(200),
               limit = BUF_MAX(200);
    png_make(&ok, 1700, 2200, true);
    png_make(&bomb, 60000, 60000, true);
    png_make(&cut, 1700, 2200, false);
    png_make(&wrap, 0xffffffff, 0xffffffff, true);
    png_make(&limit, 10000, 5000, true);
    assert_int_equal(sniff(buf_str(&ok), &s), FORMREAD_OK);
    assert_int_equal(s.type, FORMREAD_PNG);
    assert_int_equal(s.page[0].w, 1700);
    assert_int_equal(sniff(buf_str(&bomb), &s), FORMREAD_TOO_MANY_PIXELS);
    assert_int_equal(sniff(buf_str(&wrap), &s), FORMREAD_TOO_MANY_PIXELS);
    assert_int_equal(sniff(buf_str(&limit), &s), FORMREAD_OK);
    assert_int_equal(sniff(buf_str(&cut), &s), FORMREAD_DAMAGED);
}

static void u16le(struct buf *b, unsigned v)
{
    buf_add_c(b, (char)(v & 255));
    buf_add_c(b, (char)(v >> 8));
}

static void u32le(struct buf *b, uint32_t v)
{
    u16le(b, v & 0xffff);
    u16le(b, v >> 16);
}

static void tiff_entry(struct buf *b, unsigned tag, uint32_t value)
{
    u16le(b, tag);
    u16le(b, 4);
    u32le(b, 1);
    u32le(b, value);
}

/* `pages` directories of one strip each; `loop`: the last leads back to the first. */
static void tiff_make(struct buf *b, int pages, bool loop, uint32_t strip_bytes)
{
    const uint32_t size = 2 + 4 * 12 + 4;
    buf_add(b, "II*\0", 4);
    u32le(b, 8);
    for (int i = 0; i < pages; i++) {
        uint32_t next = 8 + (uint32_t)(i + 1) * size;
        u16le(b, 4);
        tiff_entry(b, 256, 100);
        tiff_entry(b, 257, 100);
        tiff_entry(b, 273, 8);
        tiff_entry(b, 279, strip_bytes);
        u32le(b, i + 1 < pages ? next : loop ? 8 : 0);
    }
}

static void test_tiff_pages_are_counted_without_decoding(void **state)
{
    (void)state;
    struct formread_sniffed s;
    CLEANUP(buf_free)
    struct buf ten = BUF_MAX(2000), eleven = BUF_MAX(2000), loop = BUF_MAX(2000),
               cut = BUF_MAX(2000);
    tiff_make(&ten, 10, false, 20);
    tiff_make(&eleven, 11, false, 20);
    tiff_make(&loop, 2, true, 20);
    tiff_make(&cut, 1, false, 5000); /* the strip ends beyond the file */
    assert_int_equal(sniff(buf_str(&ten), &s), FORMREAD_OK);
    assert_int_equal(s.pages, 10);
    assert_int_equal(sniff(buf_str(&eleven), &s), FORMREAD_TOO_MANY_PAGES);
    assert_int_equal(sniff(buf_str(&loop), &s), FORMREAD_TOO_MANY_PAGES);
    assert_int_equal(sniff(buf_str(&cut), &s), FORMREAD_DAMAGED);
}

static void test_exif_orientation_is_read_and_a_cut_jpeg_refused(void **state)
{
    (void)state;
    static const char head[] = "\xff\xd8\xff\xe1\x00\x22"
                               "Exif\0\0MM\0*\0\0\0\x08\0\x01"
                               "\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
                               "\xff\xc0\0\x11\x08\x08\x98\x06\xa4\x03........."
                               "\xff\xda\0\x04..data";
    struct formread_sniffed s;
    CLEANUP(buf_free) struct buf whole = BUF_MAX(400);
    buf_add(&whole, head, sizeof(head) - 1);
    assert_int_equal(sniff(buf_str(&whole), &s), FORMREAD_DAMAGED);
    buf_add(&whole, "\xff\xd9", 2);
    assert_int_equal(sniff(buf_str(&whole), &s), FORMREAD_OK);
    assert_int_equal(s.type, FORMREAD_JPEG);
    assert_int_equal(s.page[0].orientation, 6);
    assert_int_equal(s.page[0].w, 1700);
    assert_int_equal(s.page[0].h, 2200);
}

static void test_the_type_is_what_the_bytes_say(void **state)
{
    (void)state;
    struct formread_sniffed s;
    assert_int_equal(sniff(STR("%PDF-1.4\n"), &s), FORMREAD_OK);
    assert_int_equal(s.type, FORMREAD_PDF);
    assert_int_equal(sniff(STR("GIF89a......"), &s), FORMREAD_UNSUPPORTED);
    assert_int_equal(sniff(STR("MZ\x90"), &s), FORMREAD_UNSUPPORTED);
    assert_int_equal(sniff(STR_NONE, &s), FORMREAD_EMPTY);
}

static void test_every_refusal_has_a_code_and_a_sentence(void **state)
{
    (void)state;
    for (int r = FORMREAD_OK + 1; r < FORMREAD__COUNT; r++) {
        const char *code = formread_refusal_code((enum formread_refusal)r);
        assert_true(strlen(code) > 3);
        assert_true(strlen(formread_refusal_sentence((enum formread_refusal)r)) > 20);
        assert_int_equal(formread_refusal_of(str_of(code)), r);
    }
    assert_int_equal(formread_refusal_of(STR("nonsense")), FORMREAD__COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dates_are_read_as_people_write_them),
        cmocka_unit_test(test_the_other_order_counts_as_a_repair),
        cmocka_unit_test(test_days_that_do_not_exist_are_no_dates),
        cmocka_unit_test(test_phones_become_ten_digits),
        cmocka_unit_test(test_vitals_have_one_unit_and_a_possible_range),
        cmocka_unit_test(test_usual_vitals_are_preferred_and_rare_ones_not_refused),
        cmocka_unit_test(test_ids_and_names_keep_what_belongs_to_them),
        cmocka_unit_test(test_an_id_in_the_wrong_groups_is_doubtful),
        cmocka_unit_test(test_folding_drops_accents_and_signs),
        cmocka_unit_test(test_pixels_are_limited_from_the_header),
        cmocka_unit_test(test_tiff_pages_are_counted_without_decoding),
        cmocka_unit_test(test_exif_orientation_is_read_and_a_cut_jpeg_refused),
        cmocka_unit_test(test_the_type_is_what_the_bytes_say),
        cmocka_unit_test(test_every_refusal_has_a_code_and_a_sentence),
    };
    return cmocka_run_group_tests(tests, arena_begin, arena_end);
}
