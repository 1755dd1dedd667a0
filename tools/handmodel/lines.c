/* Draws lines of text as a hurried hand, a scanner, a fax and a phone would leave them, and cuts
 * them into the strips that the reader's model of handwriting is taught with.
 *
 *   lines SEED FONT... < texts > strips        each strip: u16 width, u16 bytes of text, text,
 * pixels
 *
 * The rule not to break: the same seed, texts and fonts give the same strips. */
#include <cairo-ft.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "formread/strip.h"
#include "strokes.h"

#include FT_FREETYPE_H

#define FONTS_MAX 400
#define SIZE      52.0 /* pixels of an em while drawing */
#define HEIGHT    190
#define BASELINE  110
#define WIDTH_MAX 3000
#define TRIES     60
#define STROKES   0.5 /* of the numbers are drawn as strokes, the others in a font */

static uint64_t state;

double rnd(void)
{
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (double)(state >> 40) / (double)(1ULL << 24);
}

static double between(double low, double high)
{
    return low + (high - low) * rnd();
}

static bool often(double share)
{
    return rnd() < share;
}

struct face {
    FT_Face ft;
    cairo_font_face_t *cairo;
};

static uint32_t code_point(const char **at)
{
    const unsigned char *p = (const unsigned char *)*at;
    int n = *p < 0x80 ? 1 : *p < 0xE0 ? 2 : *p < 0xF0 ? 3 : 4;
    uint32_t c = n == 1 ? *p : *p & (0xFFU >> (n + 1));
    for (int i = 1; i < n; i++)
        c = c << 6 | (p[i] & 0x3F);
    *at += n;
    return c;
}

static bool can_draw(const struct face *face, const char *text)
{
    for (const char *p = text; *p;)
        if (FT_Get_Char_Index(face->ft, code_point(&p)) == 0)
            return false;
    return true;
}

/* How one line is written: every member is drawn anew for each line. */
struct hand {
    double spacing, shake, weight, stretch, wave, wave_length;
    bool hollow;
};

static struct hand hand_make(void)
{
    struct hand h = {0};
    h.spacing = often(0.35) ? between(0.05, 0.45) * SIZE : between(-0.04, 0.06) * SIZE;
    h.shake = often(0.6) ? between(0, 0.06) : 0;
    h.weight = between(-0.03, 0.07) * SIZE;
    h.stretch = between(0.75, 1.35);
    h.hollow = often(0.08);
    h.wave = often(0.3) ? between(0, 0.06) * SIZE : 0;
    h.wave_length = between(2, 8) * SIZE;
    return h;
}

/* The text with each letter a little off its place, size and angle; returns the pen's last x. */
static double letters_draw(cairo_t *cr, const char *text, double x)
{
    struct hand hand = hand_make();
    for (const char *p = text; *p && x < WIDTH_MAX - 4 * SIZE;) {
        char letter[5] = {0};
        const char *from = p;
        cairo_text_extents_t extents;
        code_point(&p);
        memcpy(letter, from, (size_t)(p - from));
        cairo_save(cr);
        cairo_set_font_size(cr, SIZE * (1 + between(-2, 2) * hand.shake));
        cairo_text_extents(cr, letter, &extents);
        cairo_translate(cr, x,
                        BASELINE + between(-1, 1) * hand.shake * SIZE +
                            hand.wave * sin(x / hand.wave_length));
        cairo_scale(cr, hand.stretch, 1);
        cairo_rotate(cr, between(-1, 1) * hand.shake);
        cairo_move_to(cr, 0, 0);
        cairo_text_path(cr, letter);
        if (hand.hollow) {
            cairo_set_line_width(cr, SIZE * 0.035);
            cairo_stroke(cr);
        } else {
            cairo_fill_preserve(cr);
            if (hand.weight > 0) {
                cairo_set_line_width(cr, hand.weight);
                cairo_stroke(cr);
            }
        }
        cairo_restore(cr);
        cairo_new_path(cr);
        x += extents.x_advance * hand.stretch +
             hand.spacing * (1 + between(-0.4, 0.4) * (hand.shake > 0));
    }
    return x;
}

/* White paper, black ink, 8 bpp. */
static PIX *line_draw(const struct face *face, const char *text)
{
    bool strokes = strokes_can(text) && often(STROKES);
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_A8, WIDTH_MAX, HEIGHT);
    cairo_t *cr = cairo_create(surface);
    cairo_matrix_t lean;
    cairo_matrix_init(&lean, 1, between(-0.02, 0.02), between(-0.35, 0.25), 1, 45, 0);
    cairo_transform(cr, &lean);
    cairo_set_font_face(cr, face->cairo);
    if (strokes)
        strokes_writer();
    int w =
        60 + (int)(strokes ? strokes_draw(cr, text, 40, BASELINE, SIZE * 0.75, WIDTH_MAX - 4 * SIZE)
                           : letters_draw(cr, text, 30));
    w = w < WIDTH_MAX ? w : WIDTH_MAX;
    cairo_destroy(cr);
    cairo_surface_flush(surface);
    PIX *pix = pixCreate(w, HEIGHT, 8);
    const unsigned char *data = cairo_image_surface_get_data(surface);
    int stride = cairo_image_surface_get_stride(surface);
    for (int y = 0; y < HEIGHT; y++) {
        l_uint32 *line = pixGetData(pix) + y * pixGetWpl(pix);
        for (int x = 0; x < w; x++)
            SET_DATA_BYTE(line, x, 255 - data[y * stride + x]);
    }
    cairo_surface_destroy(surface);
    return pix;
}

static PIX *replaced(PIX *old, PIX *pix)
{
    pixDestroy(&old);
    return pix;
}

/* Cut to the ink, with as much paper around as a crop of a form has. */
static PIX *cut_to_ink(PIX *pix)
{
    PIX *bin = pixThresholdToBinary(pix, 170);
    BOX *box = NULL;
    l_int32 x, y, w, h;
    pixClipToForeground(bin, NULL, &box);
    pixDestroy(&bin);
    if (box == NULL)
        return replaced(pix, NULL);
    boxGetGeometry(box, &x, &y, &w, &h);
    boxDestroy(&box);
    int p = h / 6 + 2;
    PIX *part = pixCreate(w + 2 * p, h + 2 * p, 8);
    pixSetAllArbitrary(part, 255);
    pixRasterop(part, p, p, w, h, PIX_SRC, pix, x, y);
    return replaced(pix, part);
}

static void bar_add(PIX *pix, int x, int y, int w, int h, int grey)
{
    BOX *box = boxCreate(x, y, w, h);
    if (box != NULL) {
        pixSetInRectArbitrary(pix, box, (l_uint32)grey);
        boxDestroy(&box);
    }
}

/* What is left of ruled lines, dotted leaders and cells after the reader painted them out. */
static void debris_add(PIX *pix)
{
    int w = pixGetWidth(pix), h = pixGetHeight(pix), grey = (int)between(20, 200);
    int y = often(0.7) ? (int)(h * between(0.8, 1)) : (int)(h * between(0, 0.15));
    int thick = 1 + (int)between(0, h * 0.05);
    double on = between(1, h * 0.6), off = between(1, h * 2.0);
    bool dots = often(0.3);
    for (int x = (int)between(0, off); x < w;) {
        int run = dots ? thick : (int)between(1, on);
        bar_add(pix, x, y, run, thick, grey);
        x += run + (dots ? thick * 2 + 1 : (int)between(1, off));
    }
    for (int i = 0; i < 2; i++) /* a side of a cell, a bracket */
        if (often(0.25))
            bar_add(pix, i ? w - 1 - (int)between(0, h * 0.12) : (int)between(0, h * 0.1),
                    (int)between(0, h * 0.5), thick, (int)between(h * 0.2, h), grey);
    for (int i = (int)between(0, 6); i > 0; i--)
        bar_add(pix, (int)between(0, w), (int)between(0, h), 1 + (int)between(0, thick),
                1 + (int)between(0, thick), grey);
}

/* A white streak where a painted-out line ran through the writing. */
static void streak_add(PIX *pix)
{
    int h = pixGetHeight(pix);
    bar_add(pix, 0, (int)(h * between(0.15, 0.85)), pixGetWidth(pix), 1 + (int)between(0, h * 0.05),
            255);
}

struct camera {
    double paper, slope, dark, noise, hard;
};

static void tones_wear(PIX *pix, const struct camera *c)
{
    int w = pixGetWidth(pix), h = pixGetHeight(pix);
    for (int y = 0; y < h; y++) {
        l_uint32 *line = pixGetData(pix) + y * pixGetWpl(pix);
        for (int x = 0; x < w; x++) {
            double g =
                c->dark + GET_DATA_BYTE(line, x) / 255.0 * (c->paper - c->dark) + c->slope * x / w;
            if (c->noise > 0)
                g += c->noise * (rnd() + rnd() + rnd() - 1.5);
            if (c->hard > 0)
                g = g > c->dark + (c->paper - c->dark) * c->hard ? 215 : 5;
            SET_DATA_BYTE(line, x, (int)(g < 0 ? 0 : g > 255 ? 255 : g));
        }
    }
}

static PIX *jpeg_wear(PIX *pix)
{
    l_uint8 *data = NULL;
    size_t size = 0;
    if (pixWriteMemJpeg(&data, &size, pix, (l_int32)between(25, 85), 0) != 0)
        return pix;
    PIX *back = pixReadMemJpeg(data, size, 0, 1, NULL, 0);
    lept_free(data);
    return back ? replaced(pix, back) : pix;
}

/* Scanner, fax or phone: fewer pixels, blur, noise, uneven light, sometimes black and white; then
 * as the reader brings it to the size of its pages. */
static PIX *worn(PIX *pix)
{
    double height = exp(between(log(13), log(58))), scale = height / pixGetHeight(pix);
    bool fax = often(0.18);
    if (often(0.5)) {
        int blur = (int)(between(0.3, 1.2) / scale / 2);
        if (blur > 0)
            pix = replaced(pix, pixBlockconvGray(pix, NULL, blur, blur));
    }
    double squeeze = fax && often(0.5) ? 0.5 : often(0.2) ? between(0.75, 1.25) : 1;
    int w = (int)(pixGetWidth(pix) * scale), h = (int)(pixGetHeight(pix) * scale * squeeze);
    pix = replaced(pix, pixScaleToSize(pix, w > 8 ? w : 8, h > 7 ? h : 7));
    struct camera c = {.paper = between(185, 250),
                       .slope = often(0.5) ? between(-18, 18) : 0,
                       .dark = often(0.25) ? between(60, 150) : between(0, 70),
                       .noise = often(0.5) ? between(0, 20) : 0,
                       .hard = fax ? between(0.35, 0.75) : 0};
    tones_wear(pix, &c);
    if (!fax && often(0.3))
        pix = jpeg_wear(pix);
    double up = between(0.8, 2.2);
    if (often(0.5) || squeeze < 0.6)
        pix = replaced(pix, pixScaleToSize(pix, (int)(pixGetWidth(pix) * up),
                                           (int)(pixGetHeight(pix) * up / squeeze)));
    return pix;
}

static bool strip_put(PIX *strip, const char *text)
{
    uint16_t head[2] = {(uint16_t)pixGetWidth(strip), (uint16_t)strlen(text)};
    unsigned char row[STRIP_MOST];
    bool ok =
        fwrite(head, sizeof(head), 1, stdout) == 1 && fwrite(text, 1, head[1], stdout) == head[1];
    for (int y = 0; ok && y < STRIP_HEIGHT; y++) {
        const l_uint32 *line = pixGetData(strip) + y * pixGetWpl(strip);
        for (int x = 0; x < head[0]; x++)
            row[x] = (unsigned char)GET_DATA_BYTE(line, x);
        ok = fwrite(row, 1, head[0], stdout) == head[0];
    }
    return ok;
}

static bool line_make(const struct face *faces, int count, const char *text)
{
    const struct face *face = &faces[(int)(rnd() * count)];
    for (int tries = 0; tries < TRIES && !can_draw(face, text); tries++)
        face = &faces[(int)(rnd() * count)];
    if (!can_draw(face, text))
        return true;
    PIX *pix = cut_to_ink(line_draw(face, text));
    if (pix && often(0.3))
        debris_add(pix);
    if (pix && often(0.08))
        streak_add(pix);
    if (pix)
        pix = worn(pix);
    PIX *strip = pix ? strip_make(pix) : NULL;
    bool ok = strip == NULL || pixGetWidth(strip) >= STRIP_MOST || strip_put(strip, text);
    pixDestroy(&pix);
    pixDestroy(&strip);
    return ok;
}

int main(int argc, char **argv)
{
    static struct face faces[FONTS_MAX];
    static char text[400];
    FT_Library library;
    int count = 0;
    if (argc < 3 || FT_Init_FreeType(&library) != 0)
        return 2;
    setMsgSeverity(L_SEVERITY_NONE);
    state = (uint64_t)strtoull(argv[1], NULL, 10) * 0x9E3779B97F4A7C15ULL + 1;
    for (int i = 2; i < argc && count < FONTS_MAX; i++) {
        if (FT_New_Face(library, argv[i], 0, &faces[count].ft) != 0)
            continue;
        faces[count].cairo = cairo_ft_font_face_create_for_ft_face(faces[count].ft, 0);
        count++;
    }
    while (count > 0 && fgets(text, sizeof(text), stdin)) {
        text[strcspn(text, "\n")] = 0;
        if (text[0] != 0 && !line_make(faces, count, text))
            return 1;
    }
    return count > 0 ? 0 : 2;
}
