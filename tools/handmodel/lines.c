/* Draws lines of text as a hurried hand, a scanner, a fax and a phone would leave them, to teach
 * Tesseract handwriting: one grey page of lines and its box file.
 *
 *   lines plain|worn SEED OUT_BASE FONT... < texts      (writes OUT_BASE.tif, OUT_BASE.box)
 *
 * The rule not to break: the same seed, texts and fonts give the same page. */
#include <cairo-ft.h>
#include <leptonica/allheaders.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include FT_FREETYPE_H

#define PAGE_W    1500
#define LINES_MAX 64
#define LINE_H    44.0f
#define FONTS_MAX 200

static uint64_t state;

static double rnd(void)
{
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (double)(state >> 40) / (double)(1ULL << 24);
}

static double between(double low, double high)
{
    return low + (high - low) * rnd();
}

static int often(double share)
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

static int can_draw(const struct face *face, const char *text)
{
    for (const char *p = text; *p;)
        if (FT_Get_Char_Index(face->ft, code_point(&p)) == 0)
            return 0;
    return 1;
}

/* The text with each letter a little off its place, size and angle. */
static void letters_draw(cairo_t *cr, const char *text, double size, double x, double y)
{
    double spacing = often(0.35) ? between(0.05, 0.5) * size : between(-0.03, 0.05) * size;
    double shake = often(0.5) ? between(0, 0.05) : 0, weight = between(-0.02, 0.06) * size;
    double stretch = between(0.8, 1.3);
    for (const char *p = text; *p;) {
        char letter[5] = {0};
        const char *from = p;
        cairo_text_extents_t extents;
        code_point(&p);
        memcpy(letter, from, (size_t)(p - from));
        cairo_save(cr);
        cairo_set_font_size(cr, size * (1 + between(-1, 1) * shake));
        cairo_text_extents(cr, letter, &extents);
        cairo_translate(cr, x, y + between(-1, 1) * shake * size);
        cairo_scale(cr, stretch, 1);
        cairo_rotate(cr, between(-1, 1) * shake);
        cairo_move_to(cr, 0, 0);
        cairo_text_path(cr, letter);
        cairo_fill_preserve(cr);
        if (weight > 0) {
            cairo_set_line_width(cr, weight);
            cairo_stroke(cr);
        }
        cairo_restore(cr);
        cairo_new_path(cr);
        x += extents.x_advance * stretch + spacing * (1 + between(-0.4, 0.4) * (shake > 0));
    }
}

static PIX *line_draw(const struct face *face, const char *text)
{
    double size = 80, ink = between(0, 0.35);
    int w = 4200, h = 320;
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, w, h);
    cairo_t *cr = cairo_create(surface);
    cairo_matrix_t lean;
    cairo_set_source_rgb(cr, 1, 1, 1);
    cairo_paint(cr);
    cairo_matrix_init(&lean, 1, between(-0.025, 0.025), between(-0.3, 0.2), 1, 100, 0);
    cairo_transform(cr, &lean);
    cairo_set_font_face(cr, face->cairo);
    cairo_set_source_rgb(cr, ink, ink, ink);
    letters_draw(cr, text, size, 60, 190);
    cairo_destroy(cr);
    cairo_surface_flush(surface);
    PIX *pix = pixCreate(w, h, 8);
    const unsigned char *data = cairo_image_surface_get_data(surface);
    int stride = cairo_image_surface_get_stride(surface);
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
            pixSetPixel(pix, x, y, data[y * stride + x * 4]);
    cairo_surface_destroy(surface);
    return pix;
}

static PIX *replaced(PIX *old, PIX *pix)
{
    pixDestroy(&old);
    return pix;
}

static PIX *cut_to_ink(PIX *pix, double pad)
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
    int p = (int)(h * pad) + 1;
    BOX *outer = boxCreate(x - p, y - p, w + 2 * p, h + 2 * p);
    PIX *part = pixClipRectangle(pix, outer, NULL);
    boxDestroy(&outer);
    return replaced(pix, part);
}

/* What is left of ruled lines and cells after the reader painted them out. */
static void debris_add(PIX *pix)
{
    int w = pixGetWidth(pix), h = pixGetHeight(pix);
    int y = often(0.7) ? (int)(h * between(0.85, 1)) : (int)(h * between(0, 0.15));
    for (int x = 0; x < w;) {
        int run = (int)between(1, h * 0.5), gap = (int)between(1, h * 2.0);
        BOX *box = boxCreate(x, y, run, 1 + (int)between(0, 3));
        pixSetInRectArbitrary(pix, box, (l_uint32)between(60, 190));
        boxDestroy(&box);
        x += run + gap;
    }
}

static PIX *to_height(PIX *pix)
{
    l_float32 scale = LINE_H / (l_float32)pixGetHeight(pix);
    return replaced(pix, pixScale(pix, scale, scale));
}

/* Scanner, fax or phone: fewer pixels, blur, noise, uneven light, sometimes black and white. */
static PIX *worn(PIX *pix)
{
    double height = exp(between(log(15), log(60)));
    double scale = height / pixGetHeight(pix);
    if (often(0.6))
        pix = replaced(pix, pixBlockconvGray(pix, NULL, 1 + (int)(rnd() * 1.4 / scale / 2),
                                             1 + (int)(rnd() * 1.4 / scale / 2)));
    pix =
        replaced(pix, pixScale(pix, (l_float32)scale, (l_float32)(scale * (often(0.1) ? 0.6 : 1))));
    double noise = often(0.5) ? between(0, 22) : 0, paper = between(185, 250),
           slope = between(-20, 20);
    double dark = between(0, 60);
    int w = pixGetWidth(pix), h = pixGetHeight(pix), hard = often(0.2);
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            l_uint32 v = 0;
            pixGetPixel(pix, x, y, &v);
            double g = dark + v / 255.0 * (paper - dark) + slope * x / w +
                       noise * (rnd() + rnd() + rnd() - 1.5);
            if (hard)
                g = g > 140 + noise * (rnd() - 0.5) ? 215 : 10;
            pixSetPixel(pix, x, y, (l_uint32)(g < 0 ? 0 : g > 255 ? 255 : g));
        }
    return to_height(pix);
}

int main(int argc, char **argv)
{
    static struct face faces[FONTS_MAX];
    static char text[400];
    int worn_too = argc > 1 && strcmp(argv[1], "worn") == 0;
    FT_Library library;
    int count = 0, y = 10;
    if (argc < 5 || FT_Init_FreeType(&library) != 0)
        return 2;
    state = (uint64_t)strtoull(argv[2], NULL, 10) * 0x9E3779B97F4A7C15ULL + 1;
    for (int i = 4; i < argc && count < FONTS_MAX; i++) {
        if (FT_New_Face(library, argv[i], 0, &faces[count].ft) != 0)
            continue;
        faces[count].cairo = cairo_ft_font_face_create_for_ft_face(faces[count].ft, 0);
        count++;
    }
    PIX *page = pixCreate(PAGE_W, LINES_MAX * 90 + 20, 8);
    char path[500];
    snprintf(path, sizeof(path), "%s.box", argv[3]);
    FILE *boxes = fopen(path, "w");
    pixSetAllArbitrary(page, 230);
    for (int n = 0; n < LINES_MAX && boxes && fgets(text, sizeof(text), stdin); n++) {
        text[strcspn(text, "\n")] = 0;
        const struct face *face = &faces[(int)(rnd() * count)];
        for (int tries = 0; tries < 50 && !can_draw(face, text); tries++)
            face = &faces[(int)(rnd() * count)];
        PIX *pix = can_draw(face, text) ? line_draw(face, text) : NULL;
        pix = pix ? cut_to_ink(pix, between(0.08, 0.25)) : NULL;
        if (pix && worn_too && often(0.25))
            debris_add(pix);
        pix = pix ? (worn_too ? worn(pix) : to_height(pix)) : NULL;
        if (pix == NULL || pixGetWidth(pix) > PAGE_W - 20) {
            pixDestroy(&pix);
            continue;
        }
        int w = pixGetWidth(pix), h = pixGetHeight(pix), ph = pixGetHeight(page);
        pixRasterop(page, 10, y, w, h, PIX_SRC, pix, 0, 0);
        fprintf(boxes, "WordStr %d %d %d %d 0 #%s\n", 10, ph - y - h, 10 + w, ph - y, text);
        fprintf(boxes, "\t %d %d %d %d 0\n", 10 + w, ph - y - h, 11 + w, ph - y);
        y += h + 14;
        pixDestroy(&pix);
    }
    snprintf(path, sizeof(path), "%s.tif", argv[3]);
    int failed = pixWrite(path, page, IFF_TIFF_ZIP);
    pixDestroy(&page);
    return (boxes && fclose(boxes) != 0) || failed;
}
