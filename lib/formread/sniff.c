/* Header checks for PNG (ISO 15948), JPEG (T.81, EXIF 2.3) and TIFF 6.0, before any decoder runs.
 *
 * The rule not to break: read only through the `u16`/`u32` helpers, which check the bounds. */
#include "formread/sniff.h"

#include <string.h>

struct view {
    const uint8_t *p;
    size_t n;
    bool little;
};

static uint32_t u16(const struct view *v, size_t at)
{
    if (at > v->n || v->n - at < 2)
        return 0;
    const uint8_t *p = v->p + at;
    return v->little ? (uint32_t)(p[1] << 8 | p[0]) : (uint32_t)(p[0] << 8 | p[1]);
}

static uint32_t u32(const struct view *v, size_t at)
{
    if (at > v->n || v->n - at < 4)
        return 0;
    return v->little ? u16(v, at) | u16(v, at + 2) << 16 : u16(v, at) << 16 | u16(v, at + 2);
}

static enum formread_refusal pixels_check(uint64_t w, uint64_t h)
{
    if (w == 0 || h == 0)
        return FORMREAD_DAMAGED;
    return w * h > FORMREAD_PIXELS_MAX ? FORMREAD_TOO_MANY_PIXELS : FORMREAD_OK;
}

static enum formread_refusal one_page(struct formread_sniffed *ret, enum formread_type type,
                                      uint32_t w, uint32_t h, int orientation)
{
    ret->type = type;
    ret->pages = 1;
    ret->page[0] =
        (struct formread_sniffed_page){.w = w, .h = h, .orientation = orientation, .x_per_y = 1};
    return pixels_check(w, h);
}

/* ---- TIFF ------------------------------------------------------------------------------------ */

enum {
    TAG_WIDTH = 256,
    TAG_HEIGHT = 257,
    TAG_STRIPS = 273,
    TAG_ORIENTATION = 274,
    TAG_STRIP_BYTES = 279,
    TAG_XRES = 282,
    TAG_YRES = 283,
    TAG_TILES = 324,
    TAG_TILE_BYTES = 325
};
enum { TYPE_SHORT = 3, TYPE_LONG = 4, TYPE_RATIONAL = 5 };
#define STRIPS_MAX 100000U

/* One IFD entry: element `i` of its value, wherever it is stored. */
struct tag {
    uint32_t type, count;
    size_t at; /* of the first element */
};

static struct tag tag_read(const struct view *v, size_t entry)
{
    struct tag t = {.type = u16(v, entry + 2), .count = u32(v, entry + 4)};
    size_t size = t.type == TYPE_SHORT ? 2 : t.type == TYPE_RATIONAL ? 8 : 4;
    t.at = (uint64_t)t.count * size <= 4 ? entry + 8 : u32(v, entry + 8);
    return t;
}

static uint32_t tag_value(const struct view *v, const struct tag *t, size_t i)
{
    return t->type == TYPE_SHORT ? u16(v, t->at + 2 * i) : u32(v, t->at + 4 * i);
}

static double tag_rational(const struct view *v, const struct tag *t)
{
    uint32_t den = u32(v, t->at + 4);
    return den ? (double)u32(v, t->at) / den : 0;
}

/* Every strip or tile lies inside the file: a truncated file is known without decoding. */
static bool strips_inside(const struct view *v, const struct tag *at, const struct tag *bytes)
{
    if (at->count == 0 || at->count != bytes->count || at->count > STRIPS_MAX)
        return false;
    for (uint32_t i = 0; i < at->count; i++) {
        uint64_t end = (uint64_t)tag_value(v, at, i) + tag_value(v, bytes, i);
        if (end > v->n)
            return false;
    }
    return true;
}

static enum formread_refusal ifd_read(const struct view *v, size_t ifd,
                                      struct formread_sniffed_page *page)
{
    uint32_t entries = u16(v, ifd);
    struct tag strips = {0}, bytes = {0};
    double xres = 0, yres = 0;
    *page = (struct formread_sniffed_page){.orientation = 1, .x_per_y = 1};
    if (entries == 0 || entries > 512 || v->n - ifd < 2 + (size_t)entries * 12)
        return FORMREAD_DAMAGED;
    for (uint32_t i = 0; i < entries; i++) {
        size_t entry = ifd + 2 + (size_t)i * 12;
        struct tag t = tag_read(v, entry);
        switch (u16(v, entry)) {
        case TAG_WIDTH:
            page->w = tag_value(v, &t, 0);
            break;
        case TAG_HEIGHT:
            page->h = tag_value(v, &t, 0);
            break;
        case TAG_ORIENTATION:
            page->orientation = (int)tag_value(v, &t, 0);
            break;
        case TAG_STRIPS:
        case TAG_TILES:
            strips = t;
            break;
        case TAG_STRIP_BYTES:
        case TAG_TILE_BYTES:
            bytes = t;
            break;
        case TAG_XRES:
            xres = tag_rational(v, &t);
            break;
        case TAG_YRES:
            yres = tag_rational(v, &t);
            break;
        default:
            break;
        }
    }
    if (page->orientation < 1 || page->orientation > 8)
        page->orientation = 1;
    if (xres > 0 && yres > 0 && xres / yres > 0.2 && xres / yres < 5)
        page->x_per_y = xres / yres;
    enum formread_refusal refusal = pixels_check(page->w, page->h);
    if (refusal == FORMREAD_OK && !strips_inside(v, &strips, &bytes))
        return FORMREAD_DAMAGED;
    return refusal;
}

static enum formread_refusal tiff_sniff(struct view v, struct formread_sniffed *ret)
{
    ret->type = FORMREAD_TIFF;
    ret->pages = 0;
    size_t ifd = u32(&v, 4);
    while (ifd != 0) {
        if (ifd < 8 || ifd >= v.n)
            return FORMREAD_DAMAGED;
        if (ret->pages == FORMREAD_PAGES_MAX) /* also ends a loop of IFDs */
            return FORMREAD_TOO_MANY_PAGES;
        enum formread_refusal refusal = ifd_read(&v, ifd, &ret->page[ret->pages]);
        if (refusal != FORMREAD_OK)
            return refusal;
        ret->pages++;
        ifd = u32(&v, ifd + 2 + (size_t)u16(&v, ifd) * 12);
    }
    return ret->pages ? FORMREAD_OK : FORMREAD_NO_PAGES;
}

/* ---- JPEG ------------------------------------------------------------------------------------ */

/* The orientation in an APP1 segment "Exif\0\0" + TIFF header; 1 when there is none. */
static int exif_orientation(const uint8_t *p, size_t n)
{
    if (n < 14 || memcmp(p, "Exif\0\0", 6) != 0)
        return 1;
    struct view v = {.p = p + 6, .n = n - 6, .little = p[6] == 'I'};
    size_t ifd = u32(&v, 4);
    uint32_t entries = ifd < v.n ? u16(&v, ifd) : 0;
    for (uint32_t i = 0; i < entries && i < 512; i++) {
        size_t entry = ifd + 2 + (size_t)i * 12;
        if (u16(&v, entry) == TAG_ORIENTATION) {
            uint32_t o = u16(&v, entry + 8);
            return o >= 1 && o <= 8 ? (int)o : 1;
        }
    }
    return 1;
}

/* True when an end-of-image marker follows the start of the scan: without one it was cut. */
static bool jpeg_ends(const struct view *v, size_t from)
{
    for (size_t at = v->n; at-- > from + 1;)
        if (v->p[at] == 0xD9 && v->p[at - 1] == 0xFF)
            return true;
    return false;
}

static bool is_frame_header(unsigned marker)
{
    return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

static enum formread_refusal jpeg_sniff(struct view v, struct formread_sniffed *ret)
{
    int orientation = 1;
    enum formread_refusal refusal = FORMREAD_DAMAGED;
    for (size_t at = 2; at + 4 <= v.n;) {
        if (v.p[at] != 0xFF)
            return FORMREAD_DAMAGED;
        unsigned marker = v.p[at + 1];
        if (marker == 0xFF) { /* fill byte */
            at++;
            continue;
        }
        size_t len = u16(&v, at + 2);
        if (len < 2 || v.n - at - 2 < len)
            return FORMREAD_DAMAGED;
        if (marker == 0xE1 && orientation == 1)
            orientation = exif_orientation(v.p + at + 4, len - 2);
        if (is_frame_header(marker)) {
            refusal = one_page(ret, FORMREAD_JPEG, u16(&v, at + 7), u16(&v, at + 5), orientation);
            if (refusal != FORMREAD_OK)
                return refusal;
        }
        if (marker == 0xDA)
            return refusal == FORMREAD_OK && jpeg_ends(&v, at) ? FORMREAD_OK : FORMREAD_DAMAGED;
        at += 2 + len;
    }
    return FORMREAD_DAMAGED;
}

/* ---- all ------------------------------------------------------------------------------------- */

static enum formread_refusal png_sniff(struct view v, struct formread_sniffed *ret)
{
    if (v.n < 45 || memcmp(v.p + 12, "IHDR", 4) != 0 || !memmem(v.p + 33, v.n - 33, "IEND", 4))
        return FORMREAD_DAMAGED;
    return one_page(ret, FORMREAD_PNG, u32(&v, 16), u32(&v, 20), 1);
}

static bool is_pdf(struct str file)
{
    size_t n = file.n < 1024 ? file.n : 1024; /* ISO 32000-1 annex H: within the first 1024 */
    return memmem(file.p, n, "%PDF-", 5) != NULL;
}

enum formread_refusal formread_sniff(struct str file, struct formread_sniffed *ret)
{
    struct view v = {.p = (const uint8_t *)file.p, .n = file.n};
    if (file.n == 0)
        return FORMREAD_EMPTY;
    if (file.n > FORMREAD_FILE_MAX)
        return FORMREAD_TOO_LARGE;
    *ret = (struct formread_sniffed){0};
    if (str_starts(file, STR("\x89PNG\r\n\x1a\n")))
        return png_sniff(v, ret);
    if (str_starts(file, STR("\xff\xd8\xff")))
        return jpeg_sniff(v, ret);
    if (str_starts(file, STR("MM\0*")))
        return tiff_sniff(v, ret);
    v.little = true;
    if (str_starts(file, STR("II*\0")))
        return tiff_sniff(v, ret);
    if (is_pdf(file)) {
        ret->type = FORMREAD_PDF;
        return FORMREAD_OK;
    }
    return FORMREAD_UNSUPPORTED;
}
