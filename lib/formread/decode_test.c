/* Decoding: every way a phone may be held and a scanner may store, down to the pixel, without
 * reading a word. What the reader makes of such files: test/integration/bad_files.test.mjs.
 *
 * Rule: the pictures are made here, stored as the orientation asks, and must come out upright. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <string.h>

#include "formread/page.h"

#define W     96
#define H     64
#define PAPER 250
#define INK   10
#define GREY  120

/* Upright: ink in the corner above left, grey above right; no turn or mirror looks the same. */
static uint8_t upright(int x, int y)
{
    return y < 16 && x < 32 ? INK : y < 16 && x >= 80 ? GREY : PAPER;
}

/* The displayed point that is stored at x, y (EXIF 2.3, tag 274). */
static uint8_t stored(int orientation, int x, int y)
{
    switch (orientation) {
    case 2:
        return upright(W - 1 - x, y);
    case 3:
        return upright(W - 1 - x, H - 1 - y);
    case 4:
        return upright(x, H - 1 - y);
    case 5:
        return upright(y, x);
    case 6:
        return upright(W - 1 - y, x);
    case 7:
        return upright(W - 1 - y, H - 1 - x);
    case 8:
        return upright(y, H - 1 - x);
    default:
        return upright(x, y);
    }
}

static PIX *stored_pix(int orientation)
{
    int w = orientation >= 5 ? H : W, h = orientation >= 5 ? W : H;
    PIX *pix = pixCreate(w, h, 8);
    assert_non_null(pix);
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
            pixSetPixel(pix, x, y, stored(orientation, x, y));
    return pix;
}

/* The first page of `file`, `w` wide and upright. */
static void assert_upright(struct str file, double aspect)
{
    CLEANUP(decoder_close) struct decoder *d = NULL;
    CLEANUP(pix_free) PIX *pix = NULL;
    double found = 0;
    assert_int_equal(decoder_open(file, &d), FORMREAD_OK);
    assert_int_equal(decoder_page(d, 0, false, &pix, &found), FORMREAD_OK);
    assert_true(found > aspect * 0.99 && found < aspect * 1.01);
    assert_int_equal(pixGetWidth(pix), W);
    assert_int_equal(pixGetHeight(pix), H);
    assert_int_equal(pixGetDepth(pix), 8);
    for (int y = 4; y < H; y += 8)
        for (int x = 4; x < W; x += 8) {
            l_uint32 v = 0;
            pixGetPixel(pix, x, y, &v);
            int off = (int)v - upright(x, y);
            assert_true(off > -40 && off < 40);
        }
}

static void test_a_photo_comes_out_upright_in_all_eight_orientations(void **state)
{
    (void)state;
    for (int o = 1; o <= 8; o++) {
        uint8_t app1[] = "\xff\xd8\xff\xe1\0\x22"
                         "Exif\0\0MM\0\x2a\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\0\0\0\0\0\0";
        CLEANUP(pix_free) PIX *pix = stored_pix(o);
        CLEANUP(buf_free) struct buf file = BUF_MAX(1U << 20);
        l_uint8 *jpeg = NULL;
        size_t n = 0;
        app1[31] = (uint8_t)o;
        assert_int_equal(pixWriteMemJpeg(&jpeg, &n, pix, 95, 0), 0);
        buf_add(&file, app1, 38);
        buf_add(&file, jpeg + 2, n - 2);
        lept_free(jpeg);
        assert_upright(buf_str(&file), 1);
    }
}

static void le(struct buf *b, unsigned v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        buf_add_c(b, (char)(v >> (8 * i)));
}

/* A plain grey TIFF with its orientation and 204 by 98 dots an inch, as a fax has. */
static void tiff_write(int orientation, struct buf *file)
{
    enum { ENTRIES = 12, IFD = 8, DATA = IFD + 2 + ENTRIES * 12 + 4 + 16 };
    unsigned w = orientation >= 5 ? H : W, h = orientation >= 5 ? W : H;
    const unsigned tags[ENTRIES][3] = {{256, 4, w},
                                       {257, 4, h},
                                       {258, 3, 8},
                                       {259, 3, 1},
                                       {262, 3, 1},
                                       {273, 4, DATA},
                                       {274, 3, (unsigned)orientation},
                                       {277, 3, 1},
                                       {278, 4, h},
                                       {279, 4, w * h},
                                       {282, 5, DATA - 16},
                                       {283, 5, DATA - 8}};
    buf_add(file, "II*\0\x08\0\0\0", 8);
    le(file, ENTRIES, 2);
    for (int i = 0; i < ENTRIES; i++) {
        le(file, tags[i][0], 2);
        le(file, tags[i][1], 2);
        le(file, 1, 4);
        le(file, tags[i][2], 4);
    }
    le(file, 0, 4);
    le(file, 204, 4);
    le(file, 1, 4);
    le(file, 98, 4);
    le(file, 1, 4);
    for (unsigned y = 0; y < h; y++)
        for (unsigned x = 0; x < w; x++)
            buf_add_c(file, (char)stored(orientation, (int)x, (int)y));
}

static void test_a_fax_comes_out_upright_in_all_eight_orientations(void **state)
{
    (void)state;
    for (int o = 1; o <= 8; o++) {
        CLEANUP(buf_free) struct buf file = BUF_MAX(1U << 20);
        tiff_write(o, &file);
        assert_upright(buf_str(&file), o >= 5 ? 98.0 / 204 : 204.0 / 98);
    }
}

/* The upright picture at a depth, with or without a palette or alpha, as PNG. */
static void assert_png_upright(PIX *pix)
{
    l_uint8 *png = NULL;
    size_t n = 0;
    assert_non_null(pix);
    assert_int_equal(pixWriteMemPng(&png, &n, pix, 0), 0);
    assert_upright((struct str){(const char *)png, n}, 1);
    lept_free(png);
}

static void test_every_depth_palette_and_alpha_keeps_its_tones(void **state)
{
    CLEANUP(pix_free) PIX *grey = stored_pix(1);
    CLEANUP(pix_free) PIX *deep = pixConvert8To16(grey, 8);
    CLEANUP(pix_free) PIX *colour = pixConvertTo32(grey);
    CLEANUP(pix_free) PIX *palette = pixConvertGrayToColormap(grey);
    CLEANUP(pix_free) PIX *four = pixThresholdTo4bpp(grey, 16, 1);
    CLEANUP(pix_free) PIX *clear = pixConvertTo32(grey);
    (void)state;
    assert_png_upright(grey);
    assert_png_upright(deep);
    assert_png_upright(colour);
    assert_png_upright(palette);
    assert_png_upright(four);
    /* what is transparent is paper, whatever colour lies under it */
    pixSetSpp(clear, 4);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            uint8_t v = upright(x, y);
            l_uint32 rgba = 0;
            composeRGBAPixel(v == PAPER ? 0 : v, v == PAPER ? 0 : v, v == PAPER ? 0 : v,
                             v == PAPER ? 0 : 255, &rgba);
            pixSetPixel(clear, x, y, rgba);
        }
    assert_png_upright(clear);
}

static void test_one_bit_is_ink_on_paper_however_it_is_packed(void **state)
{
    CLEANUP(pix_free) PIX *pix = pixCreate(W, H, 1);
    l_uint8 *data = NULL;
    size_t n = 0;
    (void)state;
    pixRasterop(pix, 0, 0, 32, 16, PIX_SET, NULL, 0, 0);
    const l_int32 formats[] = {IFF_TIFF, IFF_TIFF_G4, IFF_TIFF_LZW, IFF_PNG};
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        CLEANUP(decoder_close) struct decoder *d = NULL;
        CLEANUP(pix_free) PIX *page = NULL;
        double aspect;
        l_uint32 ink = 0, paper = 0;
        assert_int_equal(pixWriteMem(&data, &n, pix, formats[i]), 0);
        assert_int_equal(decoder_open((struct str){(const char *)data, n}, &d), FORMREAD_OK);
        assert_int_equal(decoder_page(d, 0, false, &page, &aspect), FORMREAD_OK);
        pixGetPixel(page, 8, 8, &ink);
        pixGetPixel(page, 60, 40, &paper);
        assert_int_equal(ink, 0);
        assert_int_equal(paper, 255);
        lept_free(data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_photo_comes_out_upright_in_all_eight_orientations),
        cmocka_unit_test(test_a_fax_comes_out_upright_in_all_eight_orientations),
        cmocka_unit_test(test_every_depth_palette_and_alpha_keeps_its_tones),
        cmocka_unit_test(test_one_bit_is_ink_on_paper_however_it_is_packed),
    };
    setMsgSeverity(L_SEVERITY_NONE);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
