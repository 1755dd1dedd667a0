/* Characters as the finder sees them: digits of any script, letters OCR takes for digits,
 * separators, and everything else.
 *
 * The rule not to break: any byte sequence advances by at least one byte, invalid UTF-8 too. */
#include "pan/pan_int.h"

/* Code points of the digit zero of each decimal block (general category Nd, Unicode 15). */
static const uint32_t zeros[] = {
    0x660,   0x6f0,   0x7c0,   0x966,   0x9e6,   0xa66,   0xae6,   0xb66,   0xbe6,   0xc66,
    0xce6,   0xd66,   0xde6,   0xe50,   0xed0,   0xf20,   0x1040,  0x1090,  0x17e0,  0x1810,
    0x1946,  0x19d0,  0x1a80,  0x1a90,  0x1b50,  0x1bb0,  0x1c40,  0x1c50,  0xa620,  0xa8d0,
    0xa900,  0xa9d0,  0xa9f0,  0xaa50,  0xabf0,  0xff10,  0x104a0, 0x10d30, 0x11066, 0x110f0,
    0x11136, 0x111d0, 0x112f0, 0x11450, 0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0, 0x11950,
    0x11c50, 0x11d50, 0x11da0, 0x11f50, 0x16a60, 0x16ac0, 0x16b50, 0x1d7ce, 0x1d7d8, 0x1d7e2,
    0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0, 0x1e4f0, 0x1e950, 0x1fbf0,
};

/* Also the bytes at which an escape with digits in it may begin: it is stepped over whole. */
const uint8_t pan_digit_lead[256] = {
    ['0' ... '9'] = 1, ['%'] = 1,  ['&'] = 1,  ['\\'] = 1, [0xc2] = 1, [0xd9] = 1, [0xdb] = 1,
    [0xdf] = 1,        [0xe0] = 1, [0xe1] = 1, [0xe2] = 1, [0xea] = 1, [0xef] = 1, [0xf0] = 1,
};

/* ASCII: class in the high half, digit in the low half. Letters after what OCR engines do. */
#define AS_DIGIT(d)  ((CLASS_DIGIT << 4) | (d))
#define AS_LETTER(d) ((CLASS_LETTER << 4) | (d))
#define AS(c)        ((c) << 4)
const uint8_t pan_ascii[128] = {
    ['0'] = AS_DIGIT(0),       ['1'] = AS_DIGIT(1),      ['2'] = AS_DIGIT(2),
    ['3'] = AS_DIGIT(3),       ['4'] = AS_DIGIT(4),      ['5'] = AS_DIGIT(5),
    ['6'] = AS_DIGIT(6),       ['7'] = AS_DIGIT(7),      ['8'] = AS_DIGIT(8),
    ['9'] = AS_DIGIT(9),       ['O'] = AS_LETTER(0),     ['o'] = AS_LETTER(0),
    ['D'] = AS_LETTER(0),      ['Q'] = AS_LETTER(0),     ['l'] = AS_LETTER(1),
    ['I'] = AS_LETTER(1),      ['i'] = AS_LETTER(1),     ['|'] = AS_LETTER(1),
    ['!'] = AS_LETTER(1),      ['Z'] = AS_LETTER(2),     ['z'] = AS_LETTER(2),
    ['S'] = AS_LETTER(5),      ['s'] = AS_LETTER(5),     ['G'] = AS_LETTER(6),
    ['b'] = AS_LETTER(6),      ['B'] = AS_LETTER(8),     ['g'] = AS_LETTER(9),
    ['q'] = AS_LETTER(9),      [' '] = AS(CLASS_SPACE),  ['\t'] = AS(CLASS_LINE),
    ['\n'] = AS(CLASS_LINE),   ['\r'] = AS(CLASS_NONE),  ['\v'] = AS(CLASS_LINE),
    ['\f'] = AS(CLASS_LINE),   ['-'] = AS(CLASS_MARK),   ['.'] = AS(CLASS_MARK),
    ['/'] = AS(CLASS_MARK),    [','] = AS(CLASS_MARK),   ['_'] = AS(CLASS_MARK),
    ['\\'] = AS(CLASS_ESCAPE), ['~'] = AS(CLASS_MARK),   ['['] = AS(CLASS_MARK),
    [']'] = AS(CLASS_MARK),    ['('] = AS(CLASS_MARK),   [')'] = AS(CLASS_MARK),
    ['{'] = AS(CLASS_MARK),    ['}'] = AS(CLASS_MARK),   ['*'] = AS(CLASS_STAR),
    [0] = AS(CLASS_NONE),      ['%'] = AS(CLASS_ESCAPE), ['&'] = AS(CLASS_ESCAPE),
    ['<'] = AS(CLASS_ESCAPE),  [':'] = AS(CLASS_MARK),   [';'] = AS(CLASS_MARK),
    ['+'] = AS(CLASS_MARK),    ['\''] = AS(CLASS_MARK),  ['"'] = AS(CLASS_MARK),
    ['`'] = AS(CLASS_MARK),
};

/* Decodes one code point (Unicode 15, table 3-7). Returns its bytes, 0 when invalid. */
static size_t decode(const uint8_t *p, size_t n, uint32_t *ret)
{
    size_t len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc2 ? 2 : 0;
    if (len == 0 || len > n || p[0] > 0xf4)
        return 0;
    uint32_t c = p[0] & (0x7f >> len);
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3f);
    }
    *ret = c;
    return len;
}

/* Superscript, subscript and circled digits: what a copy from a page may hold. */
static int odd_digit_of(uint32_t c)
{
    if (c == 0xb2 || c == 0xb3)
        return (int)(c - 0xb0);
    if (c == 0xb9)
        return 1;
    if (c == 0x2070 || (c >= 0x2074 && c <= 0x2079))
        return (int)(c - 0x2070);
    if (c >= 0x2080 && c <= 0x2089)
        return (int)(c - 0x2080);
    if (c >= 0x2460 && c <= 0x2468)
        return (int)(c - 0x245f);
    return c == 0x24ea ? 0 : -1;
}

static int digit_of(uint32_t c)
{
    size_t lo = 0, hi = sizeof(zeros) / sizeof(zeros[0]);
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (c < zeros[mid])
            hi = mid;
        else if (c > zeros[mid] + 9)
            lo = mid + 1;
        else
            return (int)(c - zeros[mid]);
    }
    return odd_digit_of(c);
}

/* Classes by range, ordered. Spaces are category Zs; marks are Pd, Pc, stops, slashes, bars,
 * quotes, bullets, box and block drawing; without width are Cf, variation selectors, and combining
 * marks, which never part two digits. */
static const struct {
    uint32_t low, high;
    enum char_class class;
} classes[] = {
    {0x85, 0x85, CLASS_LINE},      {0xa0, 0xa0, CLASS_SPACE},      {0xa6, 0xa6, CLASS_MARK},
    {0xab, 0xab, CLASS_MARK},      {0xad, 0xad, CLASS_NONE},       {0xaf, 0xaf, CLASS_MARK},
    {0xb4, 0xb4, CLASS_MARK},      {0xb7, 0xb7, CLASS_MARK},       {0xbb, 0xbb, CLASS_MARK},
    {0x300, 0x36f, CLASS_NONE},    {0x387, 0x387, CLASS_MARK},     {0x58a, 0x58a, CLASS_MARK},
    {0x5be, 0x5be, CLASS_MARK},    {0x60c, 0x60c, CLASS_MARK},     {0x61c, 0x61c, CLASS_NONE},
    {0x66b, 0x66c, CLASS_MARK},    {0x115f, 0x1160, CLASS_NONE},   {0x1400, 0x1400, CLASS_MARK},
    {0x1680, 0x1680, CLASS_SPACE}, {0x17b4, 0x17b5, CLASS_NONE},   {0x1806, 0x1806, CLASS_MARK},
    {0x180b, 0x180f, CLASS_NONE},  {0x1ab0, 0x1aff, CLASS_NONE},   {0x1dc0, 0x1dff, CLASS_NONE},
    {0x2000, 0x200a, CLASS_SPACE}, {0x200b, 0x200f, CLASS_NONE},   {0x2010, 0x2027, CLASS_MARK},
    {0x2028, 0x2029, CLASS_LINE},  {0x202a, 0x202e, CLASS_NONE},   {0x202f, 0x202f, CLASS_SPACE},
    {0x2032, 0x2033, CLASS_MARK},  {0x2039, 0x203a, CLASS_MARK},   {0x203e, 0x2040, CLASS_MARK},
    {0x2043, 0x2044, CLASS_MARK},  {0x2054, 0x2054, CLASS_MARK},   {0x205f, 0x205f, CLASS_SPACE},
    {0x2060, 0x206f, CLASS_NONE},  {0x20d0, 0x20f0, CLASS_NONE},   {0x2212, 0x2212, CLASS_MARK},
    {0x2215, 0x2219, CLASS_MARK},  {0x2223, 0x2223, CLASS_MARK},   {0x2236, 0x2236, CLASS_MARK},
    {0x223c, 0x223c, CLASS_MARK},  {0x22c5, 0x22c5, CLASS_MARK},   {0x23d0, 0x23d0, CLASS_MARK},
    {0x2500, 0x25ff, CLASS_MARK},  {0x2758, 0x275a, CLASS_MARK},   {0x2e17, 0x2e17, CLASS_MARK},
    {0x2e1a, 0x2e1a, CLASS_MARK},  {0x2e3a, 0x2e3b, CLASS_MARK},   {0x2e40, 0x2e40, CLASS_MARK},
    {0x2e5d, 0x2e5d, CLASS_MARK},  {0x3000, 0x3000, CLASS_SPACE},  {0x3001, 0x3002, CLASS_MARK},
    {0x301c, 0x301c, CLASS_MARK},  {0x3030, 0x3030, CLASS_MARK},   {0x30a0, 0x30a0, CLASS_MARK},
    {0x30fb, 0x30fc, CLASS_MARK},  {0x3164, 0x3164, CLASS_NONE},   {0xfe00, 0xfe0f, CLASS_NONE},
    {0xfe20, 0xfe2f, CLASS_NONE},  {0xfe31, 0xfe34, CLASS_MARK},   {0xfe4d, 0xfe4f, CLASS_MARK},
    {0xfe50, 0xfe52, CLASS_MARK},  {0xfe54, 0xfe55, CLASS_MARK},   {0xfe58, 0xfe58, CLASS_MARK},
    {0xfe63, 0xfe63, CLASS_MARK},  {0xfeff, 0xfeff, CLASS_NONE},   {0xff02, 0xff02, CLASS_MARK},
    {0xff07, 0xff09, CLASS_MARK},  {0xff0a, 0xff0a, CLASS_STAR},   {0xff0c, 0xff0f, CLASS_MARK},
    {0xff1a, 0xff1b, CLASS_MARK},  {0xff3b, 0xff3d, CLASS_MARK},   {0xff3f, 0xff3f, CLASS_MARK},
    {0xff5b, 0xff5e, CLASS_MARK},  {0xff61, 0xff65, CLASS_MARK},   {0xff70, 0xff70, CLASS_MARK},
    {0xffa0, 0xffa0, CLASS_NONE},  {0xffe4, 0xffe4, CLASS_MARK},   {0xffe8, 0xffe8, CLASS_MARK},
    {0xfff9, 0xfffb, CLASS_NONE},  {0xe0000, 0xe01ef, CLASS_NONE},
};

static enum char_class class_of(uint32_t c)
{
    size_t lo = 0, hi = sizeof(classes) / sizeof(classes[0]);
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (c < classes[mid].low)
            hi = mid;
        else if (c > classes[mid].high)
            lo = mid + 1;
        else
            return classes[mid].class;
    }
    return CLASS_OTHER;
}

struct pan_char pan_char_of(uint32_t c)
{
    if (c < 0x80) {
        enum char_class class = pan_ascii[c] >> 4;
        if (class == CLASS_ESCAPE)
            class = c == '\\' ? CLASS_MARK : CLASS_OTHER;
        return (struct pan_char){1, class, pan_ascii[c] & 15};
    }
    int digit = digit_of(c);
    if (digit >= 0)
        return (struct pan_char){1, CLASS_DIGIT, (uint8_t)digit};
    return (struct pan_char){1, class_of(c), 0};
}

struct pan_char pan_char_long(struct str text, size_t at)
{
    const uint8_t *p = (const uint8_t *)text.p + at;
    if (p[0] < 0x80)
        return pan_escape((struct str){text.p + at, text.n - at});
    uint32_t c = 0;
    size_t len = decode(p, text.n - at, &c);
    if (len == 0)
        return (struct pan_char){1, CLASS_OTHER, 0};
    struct pan_char one = pan_char_of(c);
    one.len = (uint8_t)len;
    return one;
}
