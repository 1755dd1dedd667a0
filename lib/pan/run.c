/* Gathers a run: digits, confused letters and what holds them apart.
 *
 * The rule not to break: reading a run costs a bounded number of steps per byte and stops at
 * RUN_MAX glyphs; the caller goes on from there. */
#include "pan/pan_int.h"

#define SEP_MAX     8  /* characters between two glyphs */
#define LETTERS_MAX 8  /* letters without a digit among them end a run */
#define LINES_MAX   2  /* line or cell breaks between two glyphs */
#define TOKEN_SIDE  24 /* characters looked at on each side of a bar */
#define BARS_MAX    6  /* more bars in one token are lines */

static void run_add(struct run *run, size_t start, struct pan_char c, enum gap gap)
{
    size_t n = run->n;
    unsigned twice = c.digit * 2U;
    unsigned doubled = twice > 9 ? twice - 9 : twice;
    bool letter = c.class == CLASS_LETTER;
    run->g[n] = (struct glyph){start, c.len, c.digit, letter, (uint8_t)gap, false};
    run->luhn[0][n + 1] = (uint16_t)(run->luhn[0][n] + (n % 2 == 0 ? doubled : c.digit));
    run->luhn[1][n + 1] = (uint16_t)(run->luhn[1][n] + (n % 2 == 1 ? doubled : c.digit));
    run->letters[n + 1] = (uint16_t)(run->letters[n] + letter);
    run->n = n + 1;
}

static bool ascii_is_confused(char c)
{
    return c > 0 && c != '|' && c != '!' && pan_char_of((unsigned char)c).class == CLASS_LETTER;
}

/* True for an ASCII letter. */
static bool is_word_byte(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The letters, digits and bars glued together around a bar. */
struct token {
    size_t n, bars, parts; /* characters, bars among them, parts between bars */
    size_t least, most;    /* lengths of the shortest and the longest part */
    bool enclosed;         /* a bar at both ends */
};

static bool is_in_token(char c)
{
    return (c >= '0' && c <= '9') || c == '|' || ascii_is_confused(c);
}

static struct token token_around(struct str text, size_t from, size_t at)
{
    size_t start = at, end = at + 1, part = 0;
    while (start > from && at - start < TOKEN_SIDE && is_in_token(text.p[start - 1]))
        start--;
    while (end < text.n && end - at < TOKEN_SIDE && is_in_token(text.p[end]))
        end++;
    struct token t = {.n = end - start, .least = TOKEN_SIDE};
    t.enclosed = text.p[start] == '|' && text.p[end - 1] == '|';
    for (size_t i = start; i <= end; i++) {
        if (i < end && text.p[i] != '|') {
            part++;
            continue;
        }
        t.bars += i < end;
        if (part == 0)
            continue;
        t.parts++;
        t.least = part < t.least ? part : t.least;
        t.most = part > t.most ? part : t.most;
        part = 0;
    }
    return t;
}

/* A bar is the line of a box or a cell, or a badly read 1. The run starts at `from`. Lines part
 * what is as long on both sides; a 1 makes a group as long as groups of a card number are. */
static bool bar_is_line(struct str text, size_t from, size_t at)
{
    if (at + 2 < text.n && text.p[at + 2] == '|' && text.p[at + 1] != '|')
        return true;
    struct token t = token_around(text, from, at);
    if (t.parts == 0 || t.enclosed || t.bars > BARS_MAX || (t.parts > 1 && t.least == t.most))
        return true;
    if (t.bars > 1 && t.parts > 1 && t.least >= 3)
        return true;
    bool group = t.n == 4 || t.n == 6 || (t.parts > 1 && (t.n == 5 || t.n == 8));
    return !group && (t.n < PAN_LEN_MIN || t.n > PAN_LEN_MAX);
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

/* An x between two digits: "4111x1111x1111x1111". A separator only there, and only words about
 * cards make such groups a card's (candidate.c). */
static bool is_cross(struct str text, size_t from, size_t at)
{
    if ((text.p[at] | 0x20) != 'x' || at == from || at + 1 >= text.n)
        return false;
    char before = text.p[at - 1], after = text.p[at + 1];
    return before >= '0' && before <= '9' && after >= '0' && after <= '9';
}

/* What lies between two glyphs. */
struct between {
    size_t end;
    size_t count, lines, stars, none;
    bool stop; /* not a separator any more */
};

static struct between between_read(struct str text, size_t from, size_t at)
{
    struct between b = {.end = at};
    while (b.end < text.n) {
        struct pan_char c = pan_char_at(text, b.end);
        bool bar =
            (text.p[b.end] == '|' && bar_is_line(text, from, b.end)) || is_cross(text, from, b.end);
        if (!bar && (c.class == CLASS_DIGIT || c.class == CLASS_LETTER))
            break;
        b.count += c.class != CLASS_NONE;
        b.none += c.class == CLASS_NONE;
        b.lines += c.class == CLASS_LINE;
        b.stars += c.class == CLASS_STAR;
        if ((c.class == CLASS_OTHER && !bar) || b.count > SEP_MAX || b.lines > LINES_MAX ||
            b.stars > 2 || b.none > NONE_MAX) {
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

/* True when the confused letter at `pos` begins a word, not a badly read group: "gracias", "ok". */
static bool is_word(struct str text, size_t pos)
{
    size_t end = pos;
    while (end < text.n && end - pos < LETTERS_MAX && is_in_token(text.p[end]))
        end++;
    return end < text.n && is_word_byte((unsigned char)text.p[end]);
}

/* %XX or \xXX before a glyph: its digits may belong to the escape, so a number may start here.
 * Nothing before `from` is looked at. */
static bool follows_escape(struct str text, size_t from, size_t pos)
{
    const char *p = text.p + pos;
    if (pos < from + 3 || p[-2] == ' ')
        return false;
    if (p[-3] == '%' || (pos >= from + 4 && p[-4] == '\\' && p[-3] == 'x'))
        return true;
    return pos >= from + 5 && memcmp(p - 5, "%25", 3) == 0; /* escaped twice */
}

/* Appends glyphs from `pos` on until something else than a separator stands between. */
static void run_fill(struct str text, size_t from, size_t pos, enum gap gap, struct run *run)
{
    size_t since_digit = 0, begin = pos;
    while (pos < text.n) {
        struct pan_char c = pan_char_at(text, pos);
        if (c.class != CLASS_DIGIT && c.class != CLASS_LETTER)
            break;
        since_digit = c.class == CLASS_DIGIT ? 0 : since_digit + 1;
        if (since_digit > LETTERS_MAX)
            break;
        if (run->n == RUN_MAX || pos - begin > RUN_BYTES) {
            run->cut = true;
            run->gap_end = (uint8_t)gap;
            break;
        }
        if (gap == GAP_NONE && follows_escape(text, from, pos))
            gap = GAP_GLUE;
        run_add(run, pos, c, gap);
        pos += c.len;
        struct between b = between_read(text, begin, pos);
        if (b.stop) {
            bool word = pos < text.n && is_word_byte((unsigned char)text.p[pos]);
            run->gap_end = word ? GAP_GLUE : GAP_END;
            break;
        }
        gap = gap_of(run, text, &b);
        if (gap >= GAP_SEP && is_word_byte((unsigned char)text.p[b.end]) && is_word(text, b.end)) {
            run->gap_end = GAP_END;
            break;
        }
        pos = b.end;
    }
    run->end = pos;
}

static bool is_number(const struct run *run, size_t s, size_t e)
{
    unsigned head = 0;
    for (size_t i = 0; i < 6; i++)
        head = head * 10 + run->g[s + i].digit;
    return run_luhn(run, s, e) && pan_brand_of(head, e - s) != BRAND_NONE;
}

size_t twin_length(const struct run *run, size_t k)
{
    for (size_t b = TWIN_MIN; b <= TWIN_MAX && k + b <= run->n; b++) {
        if (run_gap(run, k + b) >= GAP_GLUE && is_number(run, k, k + b))
            return b;
    }
    return 0;
}

/* True when a number ends and another begins at `k`, and nothing is left over on either side. */
static bool twins_meet(const struct run *run, size_t k)
{
    for (size_t a = TWIN_MIN; a <= TWIN_MAX && a <= k; a++) {
        if (run->g[k - a].gap >= GAP_GLUE && is_number(run, k - a, k) && twin_length(run, k) > 0)
            return true;
    }
    return false;
}

/* Two numbers written one behind the other without a gap are parted. */
static void run_part_twins(struct run *run)
{
    for (size_t k = TWIN_MIN; k + TWIN_MIN <= run->n; k++) {
        if (run->g[k].gap != GAP_NONE || !twins_meet(run, k))
            continue;
        run->g[k].gap = GAP_GLUE;
        run->g[k].twin = true;
        k += TWIN_MIN - 1;
    }
}

void run_read(struct str text, size_t from, size_t at, uint8_t gap, struct run *run)
{
    run->n = 0;
    run->cut = false;
    run->luhn[0][0] = run->luhn[1][0] = run->letters[0] = 0;
    run->gap_end = GAP_END;
    if (gap != GAP_END) {
        run_fill(text, from, at, (enum gap)gap, run);
        run_part_twins(run);
        return;
    }
    size_t pos = lead_start(text, from, at);
    bool word_before = pos > from && is_word_byte((unsigned char)text.p[pos - 1]);
    run_fill(text, from, pos, word_before ? GAP_GLUE : GAP_END, run);
    run_part_twins(run);
}
