/* Text that no page shows but the file carries: where cameras, scanners and programs put what they
 * were told. A card number there must not outlive the form any more than one on the page.
 *
 * The rule not to break: pixels are not looked at as text (by chance they have digits), and every
 * byte that is looked at is paid for (scan_spend): a file can say the same bytes without end. */
#include "formread/hidden.h"

#include <string.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "formread/page.h"

#define DIGITS_LEAST 12          /* with one more, misread, a card number */
#define INFLATED_MAX (1 << 20)   /* of one compressed text of a PNG */
#define LOOKED_MAX   (64U << 20) /* of a file: three times the largest one */
#define START_COST   4096        /* bytes that could be looked at while a stream is begun */
#define IFDS_MAX     24
#define TAG_EXIF     0x8769

/* The bytes of a character at the start of `s` that ASCII does not have; 0: no UTF-8. */
static size_t letter_bytes(struct str s)
{
    unsigned char c = (unsigned char)s.p[0];
    size_t n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    return c >= 0xc2 && n <= s.n && str_utf8_valid((struct str){s.p, n}) ? n : 0;
}

void hidden_runs(struct str bytes, struct buf *text)
{
    CLEANUP(buf_free) struct buf run = BUF_SECRET(64U << 10);
    size_t digits = 0;
    for (size_t i = 0; i <= bytes.n; i++) {
        unsigned char c = i < bytes.n ? (unsigned char)bytes.p[i] : 1;
        bool space = c == '\t' || c == '\n' || c == '\r', printable = c >= 0x20 && c < 0x7f;
        if (c == 0 && i < bytes.n)
            continue;
        size_t letter = c < 0x80 ? 0 : letter_bytes((struct str){bytes.p + i, bytes.n - i});
        if (letter > 0) { /* hard spaces and dashes stand between digits too */
            buf_add(&run, bytes.p + i, letter);
            i += letter - 1;
            continue;
        }
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

/* What is looked at, and how much of it still may be. */
struct scan {
    struct str file;
    struct buf *text;
    size_t left;
};

/* False when it is too much: then all of the text is. */
static bool scan_spend(struct scan *scan, size_t bytes)
{
    if (bytes > scan->left) {
        scan->left = 0;
        scan->text->overflowed = true;
        return false;
    }
    scan->left -= bytes;
    return true;
}

static void scan_runs(struct scan *scan, struct str bytes)
{
    if (scan_spend(scan, bytes.n))
        hidden_runs(bytes, scan->text);
}

/* ---- JPEG: every segment up to the picture's data, and what follows its end ---------------------
 */

static void jpeg_hidden(struct scan *scan)
{
    struct str file = scan->file;
    size_t at = 2;
    while (at + 4 <= file.n && (uint8_t)file.p[at] == 0xFF && (uint8_t)file.p[at + 1] != 0xDA) {
        size_t n = number_at(file, at + 2, 2, false);
        if (n < 2)
            break;
        uint8_t marker = (uint8_t)file.p[at + 1];
        if (marker == 0xFE || (marker & 0xF0) == 0xE0) /* a comment, an application's own */
            scan_runs(scan, part_of(file, at + 4, n - 2));
        at += 2 + n;
    }
    for (size_t i = file.n; i-- > at + 1;)
        if ((uint8_t)file.p[i] == 0xD9 && (uint8_t)file.p[i - 1] == 0xFF) {
            scan_runs(scan, part_of(file, i + 1, file.n));
            break;
        }
}

/* ---- PNG: every chunk but the picture's, compressed ones too
 * ------------------------------------- */

/* A zlib header of a window of 32 kB, as PNG writers use (RFC 1950). */
static bool starts_stream(struct str s, size_t at)
{
    return s.p[at] == 0x78 && number_at(s, at, 2, false) % 31 == 0;
}

/* The first zlib stream in `chunk`, which begins behind a keyword or a profile's name. */
static void inflated_runs(struct scan *scan, struct str chunk)
{
    CLEANUP(buf_free) struct buf out = BUF_SECRET(INFLATED_MAX + 1);
    for (size_t i = 0; i + 2 < chunk.n && i < 512; i++) {
        z_stream z = {.next_in = (Bytef *)(uintptr_t)(chunk.p + i),
                      .avail_in = (uInt)(chunk.n - i)};
        if (!starts_stream(chunk, i) || !scan_spend(scan, START_COST) || inflateInit(&z) != Z_OK)
            continue;
        buf_clear(&out);
        z.next_out = (Bytef *)buf_room(&out, INFLATED_MAX);
        z.avail_out = z.next_out ? INFLATED_MAX : 0;
        int done = z.next_out ? inflate(&z, Z_FINISH) : Z_MEM_ERROR;
        size_t n = z.total_out;
        inflateEnd(&z);
        if (done == Z_BUF_ERROR && z.avail_out == 0) /* there is more, and nobody looks */
            scan->text->overflowed = true;
        if (!scan_spend(scan, n) || (done != Z_STREAM_END && done != Z_BUF_ERROR))
            continue;
        scan_runs(scan, (struct str){out.data, n});
        return;
    }
}

static void png_hidden(struct scan *scan)
{
    struct str file = scan->file;
    for (size_t at = 8; at + 12 <= file.n;) {
        size_t n = number_at(file, at, 4, false);
        struct str name = part_of(file, at + 4, 4), chunk = part_of(file, at + 8, n);
        if (n > file.n - at - 12)
            chunk = part_of(file, at + 8, file.n);
        bool pixels = str_eq(name, STR("IDAT")) || str_eq(name, STR("PLTE"));
        bool packed = str_eq(name, STR("zTXt")) || str_eq(name, STR("iTXt"));
        if (!pixels)
            scan_runs(scan, chunk);
        if (packed)
            inflated_runs(scan, chunk);
        at += n > file.n - at - 12 ? file.n : 12 + n;
        if (str_eq(name, STR("IEND"))) {
            scan_runs(scan, part_of(file, at, file.n));
            return;
        }
    }
}

/* ---- TIFF: values of tags that are bytes or text ------------------------------------------------
 */

static size_t ifd_hidden(struct scan *scan, size_t ifd, bool little, size_t *ret_exif)
{
    struct str file = scan->file;
    uint32_t entries = number_at(file, ifd, 2, little);
    for (uint32_t i = 0; i < entries && i < 512; i++) {
        size_t entry = ifd + 2 + (size_t)i * 12;
        uint32_t type = number_at(file, entry + 2, 2, little);
        uint32_t n = number_at(file, entry + 4, 4, little);
        if (number_at(file, entry, 2, little) == TAG_EXIF)
            *ret_exif = number_at(file, entry + 8, 4, little);
        bool bytes = type == 1 || type == 2 || type == 6 || type == 7;
        if (bytes && n > 4)
            scan_runs(scan, part_of(file, number_at(file, entry + 8, 4, little), n));
    }
    return number_at(file, ifd + 2 + (size_t)entries * 12, 4, little);
}

static void tiff_hidden(struct scan *scan)
{
    struct str file = scan->file;
    bool little = file.p[0] == 'I';
    size_t ifd = number_at(file, 4, 4, little);
    for (int i = 0; ifd != 0 && i < IFDS_MAX; i++) {
        size_t exif = 0, none = 0;
        ifd = ifd_hidden(scan, ifd, little, &exif);
        if (exif != 0)
            ifd_hidden(scan, exif, little, &none);
    }
}

/* ---- all ----------------------------------------------------------------------------------------
 */

void hidden_text(struct str file, struct buf *text)
{
    struct formread_sniffed sniffed;
    struct scan scan = {file, text, LOOKED_MAX};
    if (formread_sniff(file, &sniffed) != FORMREAD_OK)
        return;
    void *pdf = NULL;
    int pages = 0;
    switch (sniffed.type) {
    case FORMREAD_JPEG:
        jpeg_hidden(&scan);
        break;
    case FORMREAD_PNG:
        png_hidden(&scan);
        break;
    case FORMREAD_TIFF:
        tiff_hidden(&scan);
        break;
    case FORMREAD_PDF:
        if (pdf_open(file, &pdf, &pages) == FORMREAD_OK)
            hidden_of_pdf(pdf, text);
        pdf_close(&pdf);
        break;
    }
}
