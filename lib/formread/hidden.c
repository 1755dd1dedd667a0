/* Text that no page shows but the file carries: where cameras, scanners and programs put what they
 * were told. A card number there must not outlive the form any more than one on the page.
 *
 * The rule not to break: pixels are not looked at as text (by chance they have digits), and every
 * walk is bounded by the file's length. */
#include "formread/hidden.h"

#include <string.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "formread/page.h"

#define DIGITS_LEAST 12        /* with one more, misread, a card number */
#define INFLATED_MAX (1 << 20) /* of one compressed text of a PNG */
#define IFDS_MAX     24
#define TAG_EXIF     0x8769

void hidden_runs(struct str bytes, struct buf *text)
{
    CLEANUP(buf_free) struct buf run = BUF_SECRET(64U << 10);
    size_t digits = 0;
    for (size_t i = 0; i <= bytes.n; i++) {
        unsigned char c = i < bytes.n ? (unsigned char)bytes.p[i] : 1;
        bool space = c == '\t' || c == '\n' || c == '\r', printable = c >= 0x20 && c < 0x7f;
        if (c == 0 && i < bytes.n)
            continue;
        if (space || printable) {
            buf_add_c(&run, (char)c);
            digits += c >= '0' && c <= '9';
            continue;
        }
        if (digits >= DIGITS_LEAST) {
            buf_add_str(text, run.overflowed ? bytes : buf_str(&run));
            buf_add_str(text, STR("\n\nand\n\n")); /* not one number with the next */
        }
        buf_clear(&run);
        digits = 0;
    }
}

static struct str part_of(struct str file, size_t at, size_t n)
{
    if (at >= file.n)
        return STR_NONE;
    return (struct str){file.p + at, n < file.n - at ? n : file.n - at};
}

static uint32_t number_at(struct str s, size_t at, int bytes, bool little)
{
    uint32_t v = 0;
    for (int i = 0; i < bytes && at + (size_t)bytes <= s.n; i++)
        v = v << 8 | (uint8_t)s.p[at + (size_t)(little ? bytes - 1 - i : i)];
    return v;
}

/* ---- JPEG: every segment up to the picture's data, and what follows its end ---------------------
 */

static void jpeg_hidden(struct str file, struct buf *text)
{
    size_t at = 2;
    while (at + 4 <= file.n && (uint8_t)file.p[at] == 0xFF && (uint8_t)file.p[at + 1] != 0xDA) {
        size_t n = number_at(file, at + 2, 2, false);
        if (n < 2)
            break;
        uint8_t marker = (uint8_t)file.p[at + 1];
        if (marker == 0xFE || (marker & 0xF0) == 0xE0) /* a comment, an application's own */
            hidden_runs(part_of(file, at + 4, n - 2), text);
        at += 2 + n;
    }
    for (size_t i = file.n; i-- > at + 1;)
        if ((uint8_t)file.p[i] == 0xD9 && (uint8_t)file.p[i - 1] == 0xFF) {
            hidden_runs(part_of(file, i + 1, file.n), text);
            break;
        }
}

/* ---- PNG: every chunk but the picture's, compressed ones too
 * ------------------------------------- */

/* The first zlib stream in `chunk`, which begins behind a keyword or a profile's name. */
static void inflated_runs(struct str chunk, struct buf *text)
{
    CLEANUP(buf_free) struct buf out = BUF_SECRET(INFLATED_MAX + 1);
    for (size_t i = 0; i + 2 < chunk.n && i < 512; i++) {
        z_stream z = {.next_in = (Bytef *)(uintptr_t)(chunk.p + i),
                      .avail_in = (uInt)(chunk.n - i)};
        if (chunk.p[i] != 0x78 || inflateInit(&z) != Z_OK) /* 32 kB window, as PNG writers use */
            continue;
        buf_clear(&out);
        z.next_out = (Bytef *)buf_room(&out, INFLATED_MAX);
        z.avail_out = z.next_out ? INFLATED_MAX : 0;
        int done = z.next_out ? inflate(&z, Z_FINISH) : Z_MEM_ERROR;
        size_t n = z.total_out;
        inflateEnd(&z);
        if (done != Z_STREAM_END && done != Z_BUF_ERROR)
            continue;
        hidden_runs((struct str){out.data, n}, text);
        return;
    }
}

static void png_hidden(struct str file, struct buf *text)
{
    for (size_t at = 8; at + 12 <= file.n;) {
        size_t n = number_at(file, at, 4, false);
        struct str name = part_of(file, at + 4, 4), chunk = part_of(file, at + 8, n);
        if (n > file.n - at - 12)
            chunk = part_of(file, at + 8, file.n);
        bool pixels = str_eq(name, STR("IDAT")) || str_eq(name, STR("PLTE"));
        bool packed = str_eq(name, STR("zTXt")) || str_eq(name, STR("iTXt"));
        if (!pixels)
            hidden_runs(chunk, text);
        if (packed)
            inflated_runs(chunk, text);
        at += n > file.n - at - 12 ? file.n : 12 + n;
        if (str_eq(name, STR("IEND"))) {
            hidden_runs(part_of(file, at, file.n), text);
            return;
        }
    }
}

/* ---- TIFF: values of tags that are bytes or text ------------------------------------------------
 */

static size_t ifd_hidden(struct str file, size_t ifd, bool little, size_t *ret_exif,
                         struct buf *text)
{
    uint32_t entries = number_at(file, ifd, 2, little);
    for (uint32_t i = 0; i < entries && i < 512; i++) {
        size_t entry = ifd + 2 + (size_t)i * 12;
        uint32_t type = number_at(file, entry + 2, 2, little);
        uint32_t n = number_at(file, entry + 4, 4, little);
        if (number_at(file, entry, 2, little) == TAG_EXIF)
            *ret_exif = number_at(file, entry + 8, 4, little);
        bool bytes = type == 1 || type == 2 || type == 6 || type == 7;
        if (bytes && n > 4)
            hidden_runs(part_of(file, number_at(file, entry + 8, 4, little), n), text);
    }
    return number_at(file, ifd + 2 + (size_t)entries * 12, 4, little);
}

static void tiff_hidden(struct str file, struct buf *text)
{
    bool little = file.p[0] == 'I';
    size_t ifd = number_at(file, 4, 4, little);
    for (int i = 0; ifd != 0 && i < IFDS_MAX; i++) {
        size_t exif = 0, none = 0;
        ifd = ifd_hidden(file, ifd, little, &exif, text);
        if (exif != 0)
            ifd_hidden(file, exif, little, &none, text);
    }
}

/* ---- all ----------------------------------------------------------------------------------------
 */

void hidden_text(struct str file, struct buf *text)
{
    static struct formread_sniffed sniffed;
    if (formread_sniff(file, &sniffed) != FORMREAD_OK)
        return;
    void *pdf = NULL;
    int pages = 0;
    switch (sniffed.type) {
    case FORMREAD_JPEG:
        jpeg_hidden(file, text);
        break;
    case FORMREAD_PNG:
        png_hidden(file, text);
        break;
    case FORMREAD_TIFF:
        tiff_hidden(file, text);
        break;
    case FORMREAD_PDF:
        if (pdf_open(file, &pdf, &pages) == FORMREAD_OK)
            hidden_of_pdf(pdf, text);
        pdf_close(&pdf);
        break;
    }
}
