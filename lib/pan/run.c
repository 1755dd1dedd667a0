/* Gathers a run: digits, confused letters and what holds them apart.
 *
 * The rule not to break: reading a run costs a bounded number of steps per byte and stops at
 * RUN_MAX glyphs; the caller goes on from there. */
#include "pan/pan_int.h"

#define SEP_MAX     8 /* characters between two glyphs */
#define LETTERS_MAX 8 /* letters without a digit among them end a run */
#define LEAD_MAX    6 /* confused letters looked for before the first digit */

static void run_add(struct run *run, size_t start, struct pan_char c, enum gap gap)
{
    size_t n = run->n;
    unsigned twice = c.digit * 2U;
    unsigned doubled = twice > 9 ? twice - 9 : twice;
    bool letter = c.class == CLASS_LETTER;
    run->g[n] = (struct glyph){start, c.len, c.digit, letter, (uint8_t)gap};
    run->luhn[0][n + 1] = (uint16_t)(run->luhn[0][n] + (n % 2 == 0 ? doubled : c.digit));
    run->luhn[1][n + 1] = (uint16_t)(run->luhn[1][n] + (n % 2 == 1 ? doubled : c.digit));
    run->letters[n + 1] = (uint16_t)(run->letters[n] + letter);
    run->n = n + 1;
}

/* True for an ASCII letter. */
static bool is_word_byte(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* A bar between single digits is the line of a box, elsewhere a badly read 1. */
static bool bar_is_line(struct str text, size_t at, bool line_before)
{
    if (line_before)
        return true;
    if (at + 1 >= text.n || at == 0)
        return true;
    struct pan_char next = pan_char_at(text, at + 1);
    if (next.class != CLASS_DIGIT && next.class != CLASS_LETTER)
        return true;
    size_t then = at + 1 + next.len;
    return then < text.n && text.p[then] == '|' && text.p[at + 1] != '|';
}

/* Where the run starts: the confused letters glued before the first digit belong to it. */
static size_t lead_start(struct str text, size_t from, size_t at)
{
    size_t start = at;
    while (start > from && at - start < LEAD_MAX) {
        unsigned char c = (unsigned char)text.p[start - 1];
        struct pan_char one = c < 0x80 ? pan_char_at(text, start - 1) : (struct pan_char){0};
        if (one.class != CLASS_LETTER || c == '|' || c == '!')
            break;
        start--;
    }
    return start;
}

/* What lies between two glyphs. */
struct between {
    size_t end;
    size_t count, lines, stars;
    bool bar;  /* contains the line of a box */
    bool stop; /* not a separator any more */
};

static struct between between_read(struct str text, size_t at, bool line_before)
{
    struct between b = {.end = at};
    while (b.end < text.n) {
        struct pan_char c = pan_char_at(text, b.end);
        bool bar = text.p[b.end] == '|' && bar_is_line(text, b.end, line_before || b.count > 0);
        if (!bar && (c.class == CLASS_DIGIT || c.class == CLASS_LETTER))
            break;
        b.count += c.class != CLASS_NONE;
        b.lines += c.class == CLASS_LINE;
        b.stars += c.class == CLASS_STAR;
        b.bar |= bar;
        if ((c.class == CLASS_OTHER && !bar) || b.count > SEP_MAX || b.lines > 1 || b.stars > 2) {
            b.stop = true;
            return b;
        }
        b.end += c.len;
    }
    b.stop |= b.end >= text.n;
    return b;
}

/* The gap between the run's last glyph and the one at b->end. Characters without width part
 * nothing. */
static enum gap gap_of(const struct run *run, struct str text, const struct between *b)
{
    if (b->count > 0)
        return b->count >= 3 || b->lines > 0 ? GAP_WIDE : GAP_SEP;
    struct pan_char here = pan_char_at(text, b->end);
    bool letter = run->g[run->n - 1].letter;
    return letter != (here.class == CLASS_LETTER) ? GAP_GLUE : GAP_NONE;
}

/* Stars, dots or crosses directly before: these digits are the visible rest of a masked number. */
static bool follows_mask(struct str text, size_t at)
{
    size_t stars = 0;
    for (size_t i = at; i > 0 && at - i < 4; i--) {
        char c = text.p[i - 1];
        stars += c == '*' || c == 'x' || c == 'X' || c == '#';
        if (c != '*' && c != 'x' && c != 'X' && c != '#' && c != ' ' && c != '-')
            break;
    }
    return stars >= 3;
}

/* Steps over the digits a mask left visible; they are no part of another number. */
static size_t skip_visible_rest(struct str text, size_t pos)
{
    while (pos < text.n) {
        struct pan_char c = pan_char_at(text, pos);
        if (c.class != CLASS_DIGIT)
            break;
        pos += c.len;
    }
    return pos;
}

/* Appends glyphs from `pos` on until something else than a separator stands between. */
static void run_fill(struct str text, size_t pos, enum gap gap, struct run *run)
{
    bool line = false;
    size_t since_digit = 0;
    while (pos < text.n) {
        struct pan_char c = pan_char_at(text, pos);
        if (c.class != CLASS_DIGIT && c.class != CLASS_LETTER)
            break;
        since_digit = c.class == CLASS_DIGIT ? 0 : since_digit + 1;
        if (since_digit > LETTERS_MAX)
            break;
        if (run->n == RUN_MAX) {
            run->cut = true;
            run->gap_end = (uint8_t)gap;
            break;
        }
        run_add(run, pos, c, gap);
        pos += c.len;
        struct between b = between_read(text, pos, line);
        if (b.stop) {
            bool word = pos < text.n && is_word_byte((unsigned char)text.p[pos]);
            run->gap_end = word ? GAP_GLUE : GAP_END;
            break;
        }
        line = b.bar;
        gap = gap_of(run, text, &b);
        pos = b.end;
    }
    run->end = pos;
}

void run_read(struct str text, size_t from, size_t at, uint8_t gap, struct run *run)
{
    run->n = 0;
    run->cut = false;
    run->luhn[0][0] = run->luhn[1][0] = run->letters[0] = 0;
    run->gap_end = GAP_END;
    if (gap != GAP_END) {
        run_fill(text, at, (enum gap)gap, run);
        return;
    }
    size_t pos = lead_start(text, from, at);
    if (follows_mask(text, pos)) {
        run->end = skip_visible_rest(text, at);
        return;
    }
    bool word_before = pos > from && is_word_byte((unsigned char)text.p[pos - 1]);
    run_fill(text, pos, word_before ? GAP_GLUE : GAP_END, run);
}
