/* From text to tokens.
 *
 * Letters lose case and accents (NFKD by libunistring), apostrophes vanish, anything else parts
 * words; stops, commas, colons, line ends and tick marks are kept as structure, because negation
 * stops at them. The rule not to break: every loop advances, also on invalid UTF-8. */
#include "triage/triage_int.h"

#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

struct reader {
    struct str text;
    struct tokens *out;
    size_t norm;       /* bytes of out->norm used */
    size_t word_start; /* original start of the open word */
    size_t word_norm;
    bool open;
    bool digits_only;
    bool doubt; /* the next word stands behind a question mark of its own */
    bool accent;
    enum brk brk;
    size_t line_ends;
};

static void brk_raise(struct reader *r, enum brk brk)
{
    if (brk > r->brk)
        r->brk = brk;
}

static struct token *token_add(struct reader *r, size_t start, size_t end)
{
    struct token *t = &r->out->t[r->out->n++];
    *t = (struct token){.start = (uint32_t)start,
                        .end = (uint32_t)end,
                        .brk = (uint8_t)r->brk,
                        .doubt = r->doubt,
                        .accent = r->accent};
    r->brk = BRK_NONE;
    r->doubt = r->accent = false;
    r->line_ends = 0;
    return t;
}

static void word_close(struct reader *r, size_t end)
{
    if (!r->open)
        return;
    r->open = false;
    struct token *t = token_add(r, r->word_start, end);
    size_t len = r->norm - r->word_norm;
    t->norm = (uint32_t)r->word_norm;
    t->norm_len = (uint16_t)(len > UINT16_MAX ? UINT16_MAX : len);
    t->number = r->digits_only;
}

static void mark_add(struct reader *r, size_t at, size_t n, uint16_t symbol)
{
    word_close(r, at);
    struct token *t = token_add(r, at, at + n);
    t->word = symbol;
    t->norm = (uint32_t)r->norm;
}

static void letter_add(struct reader *r, size_t at, char c)
{
    if (!r->open) {
        r->open = true;
        r->word_start = at;
        r->word_norm = r->norm;
        r->digits_only = true;
    }
    r->digits_only &= c >= '0' && c <= '9';
    r->out->norm[r->norm++] = c;
}

/* Soft hyphen, characters without width, bidi controls: they part nothing. */
static bool is_invisible(ucs4_t c)
{
    return c == 0xad || (c >= 0x200b && c <= 0x200f) || (c >= 0x202a && c <= 0x202e) ||
           (c >= 0x2060 && c <= 0x2069) || c == 0xfeff;
}

/* Adds what one code point decomposes to; false when it parts words. */
static bool decomposed_add(struct reader *r, size_t at, ucs4_t c, int depth)
{
    if (c < 0x80) {
        char a = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
        bool letter = (a >= 'a' && a <= 'z') || (a >= '0' && a <= '9');
        if (letter)
            letter_add(r, at, a);
        return letter;
    }
    if (uc_combining_class(c) != 0) {
        r->accent = r->open;
        return true;
    }
    if (is_invisible(c))
        return true;
    int tag = 0;
    ucs4_t parts[UC_DECOMPOSITION_MAX_LENGTH];
    int n = depth < 4 ? uc_decomposition(c, &tag, parts) : -1;
    if (n <= 0) {
        ucs4_t lower = uc_tolower(c);
        return lower != c && lower < 0x80 && decomposed_add(r, at, lower, depth + 1);
    }
    bool any = false;
    for (int i = 0; i < n && i < 4; i++)
        any |= decomposed_add(r, at, parts[i], depth + 1);
    return any;
}

/* Tick marks: "[x]", "[ ]", "(+)", "(-)", ballot boxes. Returns the bytes read, 0 for none. */
static size_t mark_at(struct reader *r, size_t at)
{
    static const struct {
        struct str text;
        uint16_t symbol;
    } marks[] = {
        {STR("[x]"), SYMBOL_BOX_ON},          {STR("[X]"), SYMBOL_BOX_ON},
        {STR("(x)"), SYMBOL_BOX_ON},          {STR("(X)"), SYMBOL_BOX_ON},
        {STR("[ ]"), SYMBOL_BOX_OFF},         {STR("[]"), SYMBOL_BOX_OFF},
        {STR("( )"), SYMBOL_BOX_OFF},         {STR("(+)"), SYMBOL_PLUS},
        {STR("(-)"), SYMBOL_MINUS},           {STR("\xe2\x98\x90"), SYMBOL_BOX_OFF},
        {STR("\xe2\x98\x91"), SYMBOL_BOX_ON}, {STR("\xe2\x98\x92"), SYMBOL_BOX_ON},
        {STR("\xe2\x9c\x93"), SYMBOL_PLUS},   {STR("\xe2\x9c\x94"), SYMBOL_PLUS},
        {STR("\xe2\x9c\x97"), SYMBOL_MINUS},  {STR("\xe2\x9c\x98"), SYMBOL_MINUS},
    };
    unsigned char c = (unsigned char)r->text.p[at];
    if (c != '[' && c != '(' && c != 0xe2)
        return 0;
    struct str rest = {r->text.p + at, r->text.n - at};
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        if (str_starts(rest, marks[i].text)) {
            mark_add(r, at, marks[i].text.n, marks[i].symbol);
            return marks[i].text.n;
        }
    }
    return 0;
}

static bool is_blank_or_end(struct str s, size_t at)
{
    return at >= s.n || s.p[at] == ' ' || s.p[at] == '\n' || s.p[at] == '\r' || s.p[at] == '\t';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
}

/* Words that a stop abbreviates when a small letter follows: "abd. pain", "Dr. X". */
static bool is_abbreviation(struct str word)
{
    static const struct str known[] = {
        STR("dr"),    STR("dra"),    STR("sr"),   STR("sra"),  STR("mr"),   STR("mrs"),  STR("ms"),
        STR("st"),    STR("vs"),     STR("abd"),  STR("ant"),  STR("post"), STR("rt"),   STR("lt"),
        STR("lat"),   STR("inf"),    STR("sup"),  STR("bil"),  STR("dx"),   STR("hx"),   STR("tx"),
        STR("sx"),    STR("fx"),     STR("temp"), STR("resp"), STR("gen"),  STR("izq"),  STR("der"),
        STR("aprox"), STR("approx"), STR("esp"),  STR("tto"),  STR("pte"),  STR("hosp"),
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (str_eq(word, known[i]))
            return true;
    }
    return false;
}

/* A stop ends a sentence before a blank, but not within an abbreviation or a number. */
static bool stop_ends(struct reader *r, size_t at)
{
    if (!is_blank_or_end(r->text, at + 1))
        return false;
    if (at == 0 || r->out->n == 0 || is_digit(r->text.p[at - 1]))
        return true;
    const struct token *last = &r->out->t[r->out->n - 1];
    struct str word = {r->out->norm + last->norm, last->norm_len};
    return last->end != at || at + 2 >= r->text.n || !is_abbreviation(word);
}

/* "Chest pain? No": the answer belongs to the question. */
static bool answer_follows(struct str text, size_t at)
{
    static const struct str answers[] = {STR("yes"), STR("no"), STR("si"), STR("s\xc3\xad")};
    while (at < text.n && (text.p[at] == ' ' || text.p[at] == '\t'))
        at++;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        size_t end = at + answers[i].n;
        if (end <= text.n && str_eq_nocase((struct str){text.p + at, answers[i].n}, answers[i]) &&
            (end == text.n || !(((unsigned char)text.p[end] | 0x20) >= 'a' &&
                                ((unsigned char)text.p[end] | 0x20) <= 'z')))
            return true;
    }
    return false;
}

/* "fracture?" doubts the word before, "?fracture" the word behind it. */
static void question(struct reader *r, size_t at)
{
    bool glued_behind = at + 1 < r->text.n && is_letter(r->text.p[at + 1]);
    if (glued_behind && (at == 0 || !is_letter(r->text.p[at - 1]))) {
        r->doubt = true;
        return;
    }
    if (r->out->n > 0)
        r->out->t[r->out->n - 1].question = true;
    brk_raise(r, answer_follows(r->text, at + 1) ? BRK_COLON : BRK_SENTENCE);
}

static void punctuation(struct reader *r, size_t at)
{
    word_close(r, at);
    switch (r->text.p[at]) {
    case '.':
        if (stop_ends(r, at))
            brk_raise(r, BRK_SENTENCE);
        break;
    case '?':
        question(r, at);
        break;
    case ';':
    case '!':
        brk_raise(r, BRK_SENTENCE);
        break;
    case ':':
        brk_raise(r, BRK_COLON);
        break;
    case ',':
        brk_raise(r, BRK_COMMA);
        break;
    case ')': /* "1) fever 2) cough": each item stands for itself */
        if (r->out->n > 0 && r->out->t[r->out->n - 1].number &&
            r->out->t[r->out->n - 1].end == at &&
            !(r->out->t[r->out->n - 1].start > 0 &&
              r->text.p[r->out->t[r->out->n - 1].start - 1] == '('))
            brk_raise(r, BRK_SENTENCE);
        break;
    case '\n':
        brk_raise(r, ++r->line_ends > 1 ? BRK_SENTENCE : BRK_LINE);
        break;
    default:
        break;
    }
}

/* Bytes of an apostrophe at `at`, 0 when there is none. */
static size_t apostrophe(struct str s, size_t at)
{
    if (s.p[at] == '\'')
        return 1;
    struct str rest = {s.p + at, s.n - at};
    return str_starts(rest, STR("\xe2\x80\x99")) ? 3 : 0;
}

static size_t read_one(struct reader *r, size_t at)
{
    const uint8_t *p = (const uint8_t *)r->text.p + at;
    if (p[0] < 0x80) {
        if (apostrophe(r->text, at) > 0)
            return 1;
        size_t mark = mark_at(r, at);
        if (mark > 0)
            return mark;
        if (!decomposed_add(r, at, p[0], 0))
            punctuation(r, at);
        return 1;
    }
    size_t skip = apostrophe(r->text, at);
    skip = skip > 0 ? skip : mark_at(r, at);
    if (skip > 0)
        return skip;
    if (p[0] == 0xc2 && at + 1 < r->text.n && p[1] == 0xbf) { /* an opening question mark */
        word_close(r, at);
        brk_raise(r, BRK_SENTENCE);
        return 2;
    }
    ucs4_t c = 0;
    int n = u8_mbtoucr(&c, p, r->text.n - at);
    if (n <= 0) {
        word_close(r, at);
        return 1;
    }
    if (!decomposed_add(r, at, c, 0))
        word_close(r, at);
    return (size_t)n;
}

void tokens_read(struct arena *arena, struct str text, struct tokens *ret)
{
    *ret = (struct tokens){.cut = text.n > TRIAGE_TEXT_MAX};
    if (ret->cut)
        text.n = TRIAGE_TEXT_MAX;
    /* each byte makes at most one token; a code point decomposes into at most 256 letters by depth
     * 4, in fact at most 18 of 3 bytes (U+FDFA has none here): 6 a byte is room for all */
    ret->t = arena_array(arena, text.n + 1, sizeof(*ret->t));
    ret->norm = arena_array(arena, text.n * 6 + 256, 1);
    struct reader r = {.text = text, .out = ret};
    for (size_t at = 0; at < text.n;) {
        if (r.norm + 256 > text.n * 6 + 256)
            break;
        at += read_one(&r, at);
    }
    word_close(&r, text.n);
}
