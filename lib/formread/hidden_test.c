/* Card numbers in what a file says beside its pixels: found wherever programs put them, and pixels
 * are not taken for text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka last */
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "formread/hidden.h"
#include "formread/test_random.h"

#define NUMBER "4012 8888 8888 1881"

static void be32(struct buf *out, uint32_t v)
{
    buf_add_u32be(out, v);
}

static void le(struct buf *out, uint32_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        buf_add_c(out, (char)(v >> (8 * i)));
}

static bool says(const struct buf *file, const char *what)
{
    CLEANUP(buf_free) struct buf text = BUF_MAX(1U << 20);
    hidden_text(buf_str(file), &text);
    return text.len > 0 && memmem(text.data, text.len, what, strlen(what)) != NULL;
}

static bool is_too_much(const struct buf *file)
{
    CLEANUP(buf_free) struct buf text = BUF_MAX(1U << 20);
    hidden_text(buf_str(file), &text);
    return text.overflowed;
}

/* ---- PNG ---------------------------------------------------------------------------------------
 */

static void chunk_add(struct buf *out, const char *name, struct str data)
{
    be32(out, (uint32_t)data.n);
    buf_add(out, name, 4);
    buf_add_str(out, data);
    be32(out, 0); /* the checksum is not looked at */
}

static struct buf png_with(const char *name, struct str data)
{
    struct buf out = BUF_MAX(1U << 20);
    buf_add(&out, "\x89PNG\r\n\x1a\n", 8);
    chunk_add(&out, "IHDR", (struct str){"\0\0\0\x0a\0\0\0\x0a\x08\0\0\0\0", 13});
    chunk_add(&out, name, data);
    chunk_add(&out, "IEND", STR_NONE);
    return out;
}

static void test_a_number_in_a_text_of_a_png_is_found(void **unused)
{
    (void)unused;
    static const char *const names[] = {"tEXt", "iTXt", "eXIf", "abCd"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        CLEANUP(buf_free)
        struct buf file = png_with(names[i], (struct str){"Comment\0card " NUMBER, 32});
        assert_true(says(&file, NUMBER));
    }
    CLEANUP(buf_free) struct buf pixels = png_with("IDAT", STR(NUMBER));
    assert_false(says(&pixels, NUMBER));
}

static void test_a_compressed_text_of_a_png_is_inflated_and_a_bomb_is_not(void **unused)
{
    (void)unused;
    static unsigned char packed[1U << 16], zeros[40U << 20];
    struct str plain = STR("the card " NUMBER " of the patient");
    unsigned long n = sizeof(packed) - 9;
    memcpy(packed, "Comment\0\0", 9);
    assert_int_equal(compress(packed + 9, &n, (const unsigned char *)plain.p, plain.n), Z_OK);
    CLEANUP(buf_free)
    struct buf file = png_with("zTXt", (struct str){(const char *)packed, n + 9});
    assert_true(says(&file, NUMBER));
    n = sizeof(packed) - 9;
    memset(zeros, ' ', sizeof(zeros));
    assert_int_equal(compress(packed + 9, &n, zeros, sizeof(zeros)), Z_OK);
    CLEANUP(buf_free)
    struct buf bomb = png_with("zTXt", (struct str){(const char *)packed, n + 9});
    assert_true(is_too_much(&bomb)); /* a part of it is looked at, and has none */
}

static void test_what_follows_the_end_of_a_picture_is_looked_at(void **unused)
{
    (void)unused;
    CLEANUP(buf_free) struct buf file = png_with("tEXt", STR("nothing"));
    buf_add_z(&file, "trailing " NUMBER);
    assert_true(says(&file, NUMBER));
}

/* ---- JPEG, TIFF --------------------------------------------------------------------------------
 */

static struct buf jpeg_with(unsigned char marker, struct str data)
{
    struct buf out = BUF_MAX(1U << 20);
    const unsigned char frame[] = {0xFF, 0xC0, 0, 11, 8, 0, 10, 0, 10, 1, 1, 0x11, 0};
    const unsigned char head[] = {0xFF, marker, (unsigned char)((data.n + 2) >> 8),
                                  (unsigned char)(data.n + 2)};
    buf_add(&out, "\xFF\xD8", 2);
    buf_add(&out, head, sizeof(head));
    buf_add_str(&out, data);
    buf_add(&out, frame, sizeof(frame));
    buf_add(&out, "\xFF\xDA\0\x08\x01\x01\0\0\x3F\0", 10);
    buf_add_z(&out, "4012888888881881"); /* pixels, whatever they look like */
    buf_add(&out, "\xFF\xD9", 2);
    return out;
}

static void
test_a_number_in_a_segment_of_a_jpeg_is_found_and_one_among_its_pixels_is_not(void **unused)
{
    (void)unused;
    static const unsigned char markers[] = {0xE1, 0xED, 0xEF, 0xFE};
    for (size_t i = 0; i < ARRAY_LEN(markers); i++) {
        CLEANUP(buf_free) struct buf file = jpeg_with(markers[i], STR("x " NUMBER));
        assert_true(says(&file, NUMBER));
    }
    CLEANUP(buf_free) struct buf none = jpeg_with(0xFE, STR("a comment"));
    assert_false(says(&none, "4012"));
    buf_add_z(&none, NUMBER);
    assert_true(says(&none, NUMBER)); /* behind its end */
}

static void test_a_number_in_sixteen_bit_letters_is_found(void **unused)
{
    (void)unused;
    char wide[2 * sizeof(NUMBER)] = "";
    for (size_t i = 0; i < sizeof(NUMBER) - 1; i++)
        wide[2 * i] = NUMBER[i];
    CLEANUP(buf_free) struct buf file = jpeg_with(0xE1, (struct str){wide, sizeof(wide) - 2});
    assert_true(says(&file, NUMBER));
}

static void tag_add(struct buf *out, uint32_t tag, uint32_t type, uint32_t n, uint32_t value)
{
    le(out, tag, 2);
    le(out, type, 2);
    le(out, n, 4);
    le(out, value, 4);
}

/* One page of 10 x 10; a tag's text at 200, pixels (with a number) at 300, an EXIF directory at
 * 400.
 */
static struct buf tiff_with(bool text, bool exif)
{
    struct buf out = BUF_MAX(1U << 16);
    buf_add(&out, "II*\0\x08\0\0\0", 8);
    le(&out, 6, 2);
    tag_add(&out, 256, 3, 1, 10);
    tag_add(&out, 257, 3, 1, 10);
    tag_add(&out, 270, 2, text ? 20 : 4, text ? 200 : 0);
    tag_add(&out, 273, 4, 1, 300);
    tag_add(&out, 279, 4, 1, 100);
    tag_add(&out, 0x8769, 4, 1, exif ? 400 : 0);
    le(&out, 0, 4);
    while (out.len < 200)
        buf_add_c(&out, 0);
    buf_add_z(&out, text ? NUMBER : "");
    while (out.len < 300)
        buf_add_c(&out, 0);
    buf_add_z(&out, "6011 0000 0000 0004");
    while (out.len < 400)
        buf_add_c(&out, 0);
    le(&out, 1, 2);
    tag_add(&out, 0x9286, 7, 20, 450);
    le(&out, 0, 4);
    while (out.len < 450)
        buf_add_c(&out, 0);
    buf_add_z(&out, "5555 5555 5555 4444 ");
    return out;
}

static void test_a_number_in_a_tag_of_a_tiff_is_found_and_one_among_its_pixels_is_not(void **unused)
{
    (void)unused;
    CLEANUP(buf_free) struct buf both = tiff_with(true, true), none = tiff_with(false, false);
    assert_true(says(&both, NUMBER));
    assert_true(says(&both, "5555 5555 5555 4444"));
    assert_false(says(&both, "6011"));
    assert_false(says(&none, "4012"));
    assert_false(says(&none, "5555"));
}

static void test_a_file_that_says_the_same_bytes_over_and_over_is_too_much(void **unused)
{
    (void)unused;
    enum { TAGS = 400, SIZE = 1 << 20 };
    CLEANUP(buf_free) struct buf file = BUF_MAX(2 * SIZE);
    buf_add(&file, "II*\0\x08\0\0\0", 8);
    le(&file, 4 + TAGS, 2);
    tag_add(&file, 256, 3, 1, 10);
    tag_add(&file, 257, 3, 1, 10);
    tag_add(&file, 273, 4, 1, 300);
    tag_add(&file, 279, 4, 1, 100);
    for (uint32_t i = 0; i < TAGS; i++)
        tag_add(&file, 40000 + i, 7, SIZE, 0);
    while (file.len < SIZE)
        buf_add_c(&file, 0);
    assert_true(is_too_much(&file));
}

/* ---- all ---------------------------------------------------------------------------------------
 */

static void test_pieces_without_digits_enough_are_left_out(void **unused)
{
    (void)unused;
    CLEANUP(buf_free) struct buf text = BUF_MAX(1000);
    hidden_runs(STR("12345678901\x01twelve: 123456789 012\x02"), &text);
    assert_true(str_starts(buf_str(&text), STR("twelve: 123456789 012")));
}

static void test_a_number_with_spaces_that_ascii_does_not_have_is_one_piece(void **unused)
{
    (void)unused;
    CLEANUP(buf_free) struct buf text = BUF_MAX(1000);
    hidden_runs(STR("\xff Tarjeta N\u00ba 4012\u00a08888\u00a08888\u20091881\xff"), &text);
    assert_true(
        str_starts(buf_str(&text), STR(" Tarjeta N\u00ba 4012\u00a08888\u00a08888\u20091881\n")));
}

static void test_broken_files_are_read_within_their_bytes(void **unused)
{
    (void)unused;
    for (int round = 0; round < 3000; round++) {
        CLEANUP(buf_free)
        struct buf file = round % 3 == 0   ? tiff_with(true, true)
                          : round % 3 == 1 ? jpeg_with(0xE1, STR("x " NUMBER))
                                           : png_with("zTXt", STR("a\0\0x\x9c" NUMBER));
        CLEANUP(buf_free) struct buf text = BUF_MAX(4096);
        CLEANUP(buf_free) struct buf exact = BUF_MAX(1U << 16); /* no byte behind its end */
        for (int i = 0; i < 6; i++)
            file.data[4 + random_below((int)file.len - 4)] = (char)random_below(256);
        buf_add(&exact, file.data, (size_t)random_below((int)file.len) + 1);
        hidden_text(buf_str(&exact), &text);
        hidden_text(buf_str(&file), &text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_number_in_a_text_of_a_png_is_found),
        cmocka_unit_test(test_a_compressed_text_of_a_png_is_inflated_and_a_bomb_is_not),
        cmocka_unit_test(test_what_follows_the_end_of_a_picture_is_looked_at),
        cmocka_unit_test(
            test_a_number_in_a_segment_of_a_jpeg_is_found_and_one_among_its_pixels_is_not),
        cmocka_unit_test(test_a_number_in_sixteen_bit_letters_is_found),
        cmocka_unit_test(test_a_number_in_a_tag_of_a_tiff_is_found_and_one_among_its_pixels_is_not),
        cmocka_unit_test(test_a_file_that_says_the_same_bytes_over_and_over_is_too_much),
        cmocka_unit_test(test_a_number_with_spaces_that_ascii_does_not_have_is_one_piece),
        cmocka_unit_test(test_pieces_without_digits_enough_are_left_out),
        cmocka_unit_test(test_broken_files_are_read_within_their_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
