/* The words around a number: do they speak of a card, or of something else that has digits?
 *
 * The rule not to break: only CONTEXT_MAX bytes are looked at, so the cost per number is bounded.
 */
#include "pan/pan_int.h"

#define CONTEXT_MAX 72
#define WORDS_MAX   14
#define PLAIN_MAX   2  /* plain words between another label and its number */
#define VALUE_MIN   3  /* digits: as many between a label and the next word are its value */
#define VALUE_LONG  4  /* digits of a code or a year: more are another number's */
#define CLOSE_MAX   4  /* words looked at for a card beside the name of another number */
#define AFTER_MAX   48 /* bytes behind a number that are looked at */
#define DATE_GAP    4  /* characters between a number and a date behind it */
#define IBAN_MAX    42 /* characters of the longest IBAN with its blanks */
#define BEHIND_MAX  40 /* characters: this far behind a card number another is one too */

unsigned char pan_fold_latin(unsigned char second)
{
    static const char latin[] = "aaaaaaaceeeeiiiidnooooo*ouuuuypsaaaaaaaceeeeiiiidnooooo*ouuuuypy";
    return (unsigned char)latin[second & 0x3f];
}

/* Folds to lower case ASCII letters; two-byte Latin letters lose their accent (U+00C0..U+00FF). */
static size_t fold(struct str s, char *ret)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == 0xc3 && i + 1 < s.n)
            c = pan_fold_latin((unsigned char)s.p[++i]);
        else if (c >= 'A' && c <= 'Z')
            c |= 0x20;
        ret[n++] = (char)c;
    }
    return n;
}

static bool is_letter(char c)
{
    return c >= 'a' && c <= 'z';
}

/* A digit, or what a mask has left of one: both are read alike, so that masking twice is masking
 * once. */
static bool is_value(char c)
{
    return (c >= '0' && c <= '9') || c == '*';
}

/* The words of folded[0..n) from the last to the first. */
struct word_walk {
    const char *folded;
    size_t end;
    size_t start, len;   /* of the present word */
    size_t digits_after; /* digits between this word and the one after it */
};

static bool word_back(struct word_walk *w)
{
    size_t end = w->end;
    w->digits_after = 0;
    while (end > 0 && !is_letter(w->folded[end - 1])) {
        w->digits_after += is_value(w->folded[end - 1]);
        end--;
    }
    size_t start = end;
    while (start > 0 && is_letter(w->folded[start - 1]))
        start--;
    w->end = w->start = start;
    w->len = end - start;
    return w->len > 0;
}

/* The kind of the present word. "S/N" is a serial number, "C.C." an identity card. */
static enum word_kind kind_of(const struct word_walk *w)
{
    const char *p = w->folded + w->start;
    bool two = w->len == 1 && w->start >= 2 && (w->start == 2 || !is_letter(p[-3]));
    if (two && (memcmp(p - 2, "s/n", 3) == 0 || memcmp(p - 2, "c.c", 3) == 0))
        return WORD_OTHER;
    return pan_word(p, w->len);
}

static bool is_card(enum word_kind kind)
{
    return kind == WORD_CARD || kind == WORD_TARJETA || kind == WORD_BRAND;
}

static bool is_other(enum word_kind kind)
{
    return kind == WORD_OTHER || kind == WORD_ISSUED;
}

/* Goes back to the word before, and tells whether only blanks, or a hyphen, stand between. */
static bool word_back_close(struct word_walk *w)
{
    size_t next = w->start;
    if (!word_back(w))
        return false;
    size_t at = w->start + w->len;
    if (next - at == 1 && (w->folded[at] == '-' || w->folded[at] == '_'))
        return true;
    while (at < next && (w->folded[at] == ' ' || w->folded[at] == '\t'))
        at++;
    return at == next;
}

/* "insurance card" and "tarjeta de identidad" are other kinds of card; "MRN 123 card" and "factura:
 * tarjeta" are not. */
static bool card_is_other(struct word_walk at_card, enum word_kind kind, bool qualified_after)
{
    if (kind != WORD_CARD)
        return kind == WORD_TARJETA && qualified_after;
    if (!word_back_close(&at_card))
        return false;
    enum word_kind before = kind_of(&at_card);
    return before == WORD_QUALIFY || before == WORD_ISSUED;
}

/* "credit card account", "cuenta de la tarjeta", "primary account": the name of another number says
 * nothing beside a card's; only what issues cards of its own goes on doing so. */
static bool card_is_beside(struct word_walk at_other, enum word_kind other)
{
    for (size_t i = 0; i < CLOSE_MAX && word_back_close(&at_other); i++) {
        enum word_kind kind = kind_of(&at_other);
        if (kind == WORD_CREDIT)
            return true;
        if (is_card(kind) || kind == WORD_PRIMARY) {
            if (other == WORD_OTHER)
                return !card_is_other(at_other, kind, false);
            continue; /* "credit card member": a card after all */
        }
        if (kind != WORD_BETWEEN)
            return false;
    }
    return false;
}

/* Up to CONTEXT_MAX characters before `start`, not before `from`. */
static size_t context_begin(struct str text, size_t from, size_t start)
{
    size_t at = start;
    for (size_t i = 0; i < CONTEXT_MAX && at > from; i++) {
        at--; /* four bytes at most are one character, valid or not: the fold buffer's size */
        for (int more = 0; more < 3 && at > from; more++, at--) {
            if (((unsigned char)text.p[at] & 0xc0) != 0x80)
                break;
        }
    }
    return at;
}

/* What the name of another kind of number at `w` says of the number, `plain` words behind it. */
static void context_other(const struct word_walk *w, size_t n, size_t plain, struct context *ret)
{
    enum word_kind kind = kind_of(w);
    if (ret->card || (is_other(kind) && card_is_beside(*w, kind))) {
        ret->card = true;
        return;
    }
    /* glued to the number it may be anything: "REF4111..."; far away it is another story */
    size_t end = w->start + w->len;
    bool counts = end < n && plain <= PLAIN_MAX;
    bool same_line = memchr(w->folded + end, '\n', n - end) == NULL;
    ret->other = counts && is_other(kind);
    ret->owned = ret->other && (plain == 0 || (plain == 1 && same_line));
    ret->phone = counts && kind == WORD_PHONE;
}

/* Walks back over the words until one tells what kind of number follows. Where none does, a card
 * number before this one does. */
static void context_words(struct word_walk *w, bool after_number, struct context *ret)
{
    size_t n = w->end, plain = 0;
    bool direct = true, qualified = false, identity = false;
    for (size_t i = 0; i < WORDS_MAX && word_back(w); i++) {
        enum word_kind kind = kind_of(w);
        direct = direct && w->digits_after == 0;
        if (is_card(kind) || kind == WORD_PAY) {
            bool other = is_card(kind) && card_is_other(*w, kind, qualified);
            ret->card = ret->card || !other;
            ret->other = other;
            ret->owned = other && plain == 0;
            ret->label = direct && !other && is_card(kind);
            return;
        }
        if (is_other(kind) || kind == WORD_PHONE) {
            if (i == 0 || w->digits_after < VALUE_MIN)
                context_other(w, n, plain, ret);
            return;
        }
        identity |= kind == WORD_QUALIFY && plain == 0 && w->start + w->len < n;
        plain += kind == WORD_PLAIN;
        ret->card |= kind == WORD_CREDIT;
        qualified |= kind == WORD_QUALIFY;
        direct = direct && (kind == WORD_BETWEEN || kind == WORD_CREDIT);
    }
    ret->card |= after_number;
    ret->other = ret->owned = identity && !ret->card; /* "Health plan ID", "Credencial" */
}

static size_t characters(const char *p, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += ((unsigned char)p[i] & 0xc0) != 0x80;
    return count;
}

void context_before(struct str text, size_t from, size_t start, struct context *ret)
{
    char folded[CONTEXT_MAX * 4];
    size_t begin = context_begin(text, from, start);
    *ret = (struct context){0};
    if (start == begin)
        return;
    size_t n = fold((struct str){text.p + begin, start - begin}, folded);
    char last = n > 0 ? folded[n - 1] : ' ', before = n > 1 ? folded[n - 2] : ' ';
    ret->amount = last == '$' || (last == ' ' && before == '$');
    ret->track = last == ';' || (last == 'b' && before == '%');
    bool after_number = from > 0 && begin == from && characters(folded, n) <= BEHIND_MAX;
    struct word_walk w = {.folded = folded, .end = n};
    context_words(&w, after_number, ret);
    ret->unknown = !ret->card && !ret->other && label_is_unknown(folded, n);
}

/* The first telling word of folded[*at..n): *at ends behind it. WORD_PLAIN also for none, and where
 * digits come first. */
static enum word_kind word_ahead(const char *folded, size_t n, size_t *at)
{
    for (;;) {
        size_t i = *at;
        while (i < n && !is_letter(folded[i]) && !is_value(folded[i]))
            i++;
        size_t start = i;
        while (i < n && is_letter(folded[i]))
            i++;
        *at = i;
        enum word_kind kind = i > start ? pan_word(folded + start, i - start) : WORD_PLAIN;
        if (kind != WORD_BETWEEN)
            return kind;
    }
}

static size_t fold_after(struct str text, size_t end, char ret[AFTER_MAX])
{
    size_t left = text.n - end;
    return fold((struct str){text.p + end, left < AFTER_MAX ? left : AFTER_MAX}, ret);
}

bool context_after(struct str text, size_t end)
{
    char folded[AFTER_MAX];
    size_t at = 0, n = fold_after(text, end, folded);
    enum word_kind kind = word_ahead(folded, n, &at);
    return kind == WORD_AFTER || kind == WORD_CODE;
}

bool context_date_after(struct str text, size_t end)
{
    size_t at = end, digits = 0;
    for (; at < text.n && at - end < DATE_GAP && strchr(" ,;|-", text.p[at]) != NULL; at++)
        ;
    const char *p = text.p + at;
    for (; at + digits < text.n && digits < 3 && p[digits] >= '0' && p[digits] <= '9'; digits++)
        ;
    bool month = digits == 2 && (p[0] == '0' || (p[0] == '1' && p[1] <= '2'));
    return at > end && month && at + 4 < text.n && p[2] == '/' && is_value(p[3]) && is_value(p[4]);
}

/* The name of a verification code stands in folded[0..n), and no other number before it. */
static bool code_is_ahead(const char *folded, size_t n)
{
    for (size_t i = 0, values = 0; i < n && values <= VALUE_LONG; i++) {
        values = is_value(folded[i]) ? values + 1 : 0;
        size_t start = i;
        while (i < n && is_letter(folded[i]))
            i++;
        if (i > start && pan_word(folded + start, i-- - start) == WORD_CODE)
            return true;
    }
    return false;
}

bool context_card_after(struct str text, size_t end)
{
    char folded[AFTER_MAX];
    size_t at = 0, n = fold_after(text, end, folded);
    if (code_is_ahead(folded, n))
        return true;
    size_t near = 0;
    while (near < n && memchr(" (-,/[", folded[near], 6) != NULL)
        near++;
    if (near == n || !is_letter(folded[near]) || !is_card(word_ahead(folded, n, &at)))
        return false;
    /* a label of the number that comes next? */
    for (; at < n && folded[at] != '\n' && folded[at] != ')'; at++) {
        if (folded[at] == ':' || folded[at] == '#' || folded[at] == '=' || is_value(folded[at]))
            return false;
    }
    return true;
}

/* True for [A-Z]. */
static bool is_capital(char c)
{
    return c >= 'A' && c <= 'Z';
}

bool context_is_iban(struct str text, size_t from, size_t start)
{
    for (size_t at = start; at > from && start - at < IBAN_MAX; at--) {
        const char *p = text.p + at - 1;
        bool digit = *p >= '0' && *p <= '9';
        if (!digit && !is_capital(*p) && *p != ' ' && *p != '-')
            return false;
        if (!is_capital(p[0]) || text.n - at < 4 || !is_capital(p[1]))
            continue;
        bool begins = at == from + 1 || p[-1] == ' ' || p[-1] == ':' || p[-1] == '\n';
        bool digits = p[2] >= '0' && p[2] <= '9' && p[3] >= '0' && p[3] <= '9';
        bool apart = p[4 < (long)(text.n - at + 1) ? 4 : 3] < '0';
        if (begins && digits && apart)
            return true;
    }
    return false;
}
