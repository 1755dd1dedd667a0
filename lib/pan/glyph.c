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

const uint8_t pan_digit_lead[256] = {
    ['0' ... '9'] = 1, [0xd9] = 1, [0xdb] = 1, [0xdf] = 1, [0xe0] = 1,
    [0xe1] = 1,        [0xea] = 1, [0xef] = 1, [0xf0] = 1,
};

/* ASCII: class in the high half, digit in the low half. Letters after what OCR engines do. */
#define AS_DIGIT(d)  ((CLASS_DIGIT << 4) | (d))
#define AS_LETTER(d) ((CLASS_LETTER << 4) | (d))
#define AS(c)        ((c) << 4)
static const uint8_t ascii[128] = {
    ['0'] = AS_DIGIT(0),     ['1'] = AS_DIGIT(1),     ['2'] = AS_DIGIT(2),
    ['3'] = AS_DIGIT(3),     ['4'] = AS_DIGIT(4),     ['5'] = AS_DIGIT(5),
    ['6'] = AS_DIGIT(6),     ['7'] = AS_DIGIT(7),     ['8'] = AS_DIGIT(8),
    ['9'] = AS_DIGIT(9),     ['O'] = AS_LETTER(0),    ['o'] = AS_LETTER(0),
    ['D'] = AS_LETTER(0),    ['Q'] = AS_LETTER(0),    ['l'] = AS_LETTER(1),
    ['I'] = AS_LETTER(1),    ['i'] = AS_LETTER(1),    ['|'] = AS_LETTER(1),
    ['!'] = AS_LETTER(1),    ['Z'] = AS_LETTER(2),    ['z'] = AS_LETTER(2),
    ['S'] = AS_LETTER(5),    ['s'] = AS_LETTER(5),    ['G'] = AS_LETTER(6),
    ['b'] = AS_LETTER(6),    ['B'] = AS_LETTER(8),    ['g'] = AS_LETTER(9),
    ['q'] = AS_LETTER(9),    [' '] = AS(CLASS_SPACE), ['\t'] = AS(CLASS_LINE),
    ['\n'] = AS(CLASS_LINE), ['\r'] = AS(CLASS_NONE), ['\v'] = AS(CLASS_LINE),
    ['\f'] = AS(CLASS_LINE), ['-'] = AS(CLASS_MARK),  ['.'] = AS(CLASS_MARK),
    ['/'] = AS(CLASS_MARK),  [','] = AS(CLASS_MARK),  ['_'] = AS(CLASS_MARK),
    ['\\'] = AS(CLASS_MARK), ['~'] = AS(CLASS_MARK),  ['['] = AS(CLASS_MARK),
    [']'] = AS(CLASS_MARK),  ['('] = AS(CLASS_MARK),  [')'] = AS(CLASS_MARK),
    ['{'] = AS(CLASS_MARK),  ['}'] = AS(CLASS_MARK),  ['*'] = AS(CLASS_STAR),
    [0] = AS(CLASS_NONE),
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
    return -1;
}

static enum char_class class_of(uint32_t c)
{
    if (c == 0xa0 || (c >= 0x2000 && c <= 0x200a) || c == 0x202f || c == 0x205f || c == 0x3000)
        return CLASS_SPACE;
    if (c == 0x85 || c == 0x2028 || c == 0x2029)
        return CLASS_LINE;
    if (c == 0xad || (c >= 0x200b && c <= 0x200f) || (c >= 0x202a && c <= 0x202e) ||
        (c >= 0x2060 && c <= 0x2069) || c == 0xfeff || c == 0x180e || c == 0x34f)
        return CLASS_NONE;
    if ((c >= 0x2010 && c <= 0x2015) || c == 0x2212 || c == 0xfe58 || c == 0xfe63 || c == 0xff0d)
        return CLASS_MARK;
    /* middle dot, bullet, stop, slash, division and the fullwidth and box-drawing bars */
    if (c == 0xb7 || c == 0x2022 || c == 0x2027 || c == 0x2024 || c == 0x2044 || c == 0x2215 ||
        c == 0x2219 || c == 0x22c5 || c == 0xff0e || c == 0xff0f || c == 0xff3f || c == 0xff5c ||
        c == 0xa6 || c == 0x2502 || c == 0x2503 || c == 0x2758 || c == 0x30fb)
        return CLASS_MARK;
    return CLASS_OTHER;
}

struct pan_char pan_char_at(struct str text, size_t at)
{
    const uint8_t *p = (const uint8_t *)text.p + at;
    if (p[0] < 0x80)
        return (struct pan_char){1, ascii[p[0]] >> 4, ascii[p[0]] & 15};
    uint32_t c = 0;
    size_t len = decode(p, text.n - at, &c);
    if (len == 0)
        return (struct pan_char){1, CLASS_OTHER, 0};
    int digit = digit_of(c);
    if (digit >= 0)
        return (struct pan_char){(uint8_t)len, CLASS_DIGIT, (uint8_t)digit};
    return (struct pan_char){(uint8_t)len, class_of(c), 0};
}
