/* Separators as programs write them: %20, \n, \u00a0, &nbsp;, </td>. Logs, queries and exports are
 * full of them, and a number that was split by one is still a number.
 *
 * The rule not to break: a bounded number of bytes is looked at, and bytes that may begin a card
 * number (a "%41" before "11...") are never taken for an escape. */
#include "pan/pan_int.h"

#define TAG_MAX 24 /* bytes of a markup tag */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* %XX of a separator (RFC 3986). No issuer range begins 0 or 20, so those digits are no number's.
 */
static struct pan_char percent(struct str rest)
{
    int high = rest.n >= 3 ? hex_value(rest.p[1]) : -1;
    int low = high >= 0 ? hex_value(rest.p[2]) : -1;
    if (low < 0)
        return (struct pan_char){1, CLASS_OTHER, 0};
    int c = high * 16 + low;
    if (c == 0xc2 && rest.n >= 6 && str_eq_nocase((struct str){rest.p + 3, 3}, str_of("%a0")))
        return (struct pan_char){6, CLASS_SPACE, 0};
    bool safe = high == 0 || c == 0x20 || low > 9;
    struct pan_char one = safe && c < 0x80 ? pan_char_of((uint32_t)c) : (struct pan_char){0};
    if (one.class < CLASS_SPACE)
        return (struct pan_char){safe ? 3 : 1, CLASS_OTHER, 0};
    one.len = 3;
    return one;
}

/* What the character `c` is, written as an escape of `len` bytes: never a letter read as a digit.
 */
static struct pan_char escaped(uint32_t c, size_t len)
{
    struct pan_char one = pan_char_of(c);
    if (one.class == CLASS_LETTER)
        one.class = CLASS_OTHER;
    one.len = (uint8_t)len;
    return one;
}

/* \xXX (C, Python). Only those whose digits begin no issuer range are stepped over: \x20, \x2d;
 * after the others a number may start all the same (run.c). */
static struct pan_char backslash_x(struct str rest)
{
    struct pan_char mark = {1, CLASS_MARK, 0};
    int high = rest.n >= 4 ? hex_value(rest.p[2]) : -1;
    int low = high >= 0 ? hex_value(rest.p[3]) : -1;
    bool safe = low >= 0 && (high == 0 || (high == 2 && (low == 0 || low > 9)));
    return safe ? escaped((uint32_t)(high * 16 + low), 4) : mark;
}

/* \n, \t, \r, \xXX, \uXXXX (RFC 8259); any other backslash is a mark. The digits of \u00XX begin no
 * issuer range. */
static struct pan_char backslash(struct str rest)
{
    struct pan_char mark = {1, CLASS_MARK, 0};
    if (rest.n >= 2 && (rest.p[1] == 'n' || rest.p[1] == 't' || rest.p[1] == 'r'))
        return (struct pan_char){2, rest.p[1] == 'r' ? CLASS_NONE : CLASS_LINE, 0};
    if (rest.n >= 2 && rest.p[1] == 'x')
        return backslash_x(rest);
    if (rest.n < 6 || rest.p[1] != 'u')
        return mark;
    uint32_t c = 0;
    for (size_t i = 2; i < 6; i++) {
        int v = hex_value(rest.p[i]);
        if (v < 0)
            return mark;
        c = c << 4 | (uint32_t)v;
    }
    struct pan_char one = escaped(c, 6);
    return one.class == CLASS_OTHER && c >= 0x80 ? mark : one;
}

/* &#160; &#8211; &#x2d; */
static struct pan_char reference_by_number(struct str rest)
{
    struct pan_char other = {1, CLASS_OTHER, 0};
    if (rest.n < 3 || rest.p[1] != '#')
        return other;
    bool hex = (rest.p[2] | 0x20) == 'x';
    uint32_t c = 0, base = hex ? 16 : 10;
    size_t first = hex ? 3 : 2, at = first;
    for (; at < rest.n && at < first + 6; at++) {
        int v = hex_value(rest.p[at]);
        if (v < 0 || v >= (int)base)
            break;
        c = c * base + (uint32_t)v;
    }
    if (at == first || at >= rest.n || rest.p[at] != ';')
        return other;
    struct pan_char one = escaped(c, at + 1);
    return one.class == CLASS_OTHER ? other : one;
}

/* &nbsp; and its kin (HTML, character references). */
static struct pan_char reference(struct str rest)
{
    static const struct {
        const char *name;
        enum char_class class;
    } names[] = {
        {"&nbsp;", CLASS_SPACE},   {"&ensp;", CLASS_SPACE},  {"&emsp;", CLASS_SPACE},
        {"&thinsp;", CLASS_SPACE}, {"&ndash;", CLASS_MARK},  {"&mdash;", CLASS_MARK},
        {"&middot;", CLASS_MARK},  {"&bull;", CLASS_MARK},   {"&shy;", CLASS_NONE},
        {"&quot;", CLASS_MARK},    {"&hyphen;", CLASS_MARK},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        size_t n = strlen(names[i].name);
        if (rest.n >= n && memcmp(rest.p, names[i].name, n) == 0)
            return (struct pan_char){(uint8_t)n, names[i].class, 0};
    }
    return reference_by_number(rest);
}

/* <td>, </td>, <br/>: a tag parts cells and lines. No star in it: text that a mask has shortened
 * must not become a tag. */
static struct pan_char tag(struct str rest)
{
    struct pan_char other = {1, CLASS_OTHER, 0};
    size_t at = 1;
    if (at < rest.n && rest.p[at] == '/')
        at++;
    if (at >= rest.n || (rest.p[at] | 0x20) < 'a' || (rest.p[at] | 0x20) > 'z')
        return other;
    while (at < rest.n && at < TAG_MAX && rest.p[at] != '>' && rest.p[at] != '<' &&
           rest.p[at] != '*')
        at++;
    if (at >= rest.n || rest.p[at] != '>')
        return other;
    return (struct pan_char){(uint8_t)(at + 1), CLASS_LINE, 0};
}

struct pan_char pan_escape(struct str rest)
{
    switch (rest.p[0]) {
    case '%':
        return percent(rest);
    case '\\':
        return backslash(rest);
    case '&':
        return reference(rest);
    case '<':
        return tag(rest);
    default:
        return (struct pan_char){1, CLASS_OTHER, 0};
    }
}
