/* The words around a number: do they speak of a card, or of something else that has digits?
 *
 * The rule not to break: only CONTEXT_MAX bytes are looked at, so the cost per number is bounded.
 */
#include "pan/pan_int.h"

#define CONTEXT_MAX 72
#define WORDS_MAX   14
#define PLAIN_MAX   2  /* plain words between another label and its number */
#define MASK_STARS  12 /* a masked number shows as many stars and four digits */
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

/* The words of folded[0..n) from the last to the first. */
struct word_walk {
    const char *folded;
    size_t end;
    size_t start, len; /* of the present word */
    bool digits_after; /* digits lie between this word and the one after it */
};

static bool word_back(struct word_walk *w)
{
    size_t end = w->end;
    w->digits_after = false;
    while (end > 0 && !is_letter(w->folded[end - 1])) {
        w->digits_after |= w->folded[end - 1] >= '0' && w->folded[end - 1] <= '9';
        end--;
    }
    size_t start = end;
    while (start > 0 && is_letter(w->folded[start - 1]))
        start--;
    w->end = w->start = start;
    w->len = end - start;
    return w->len > 0;
}

/* "insurance card" and "tarjeta de identidad" are other kinds of card. */
static bool card_is_other(struct word_walk at_card, bool qualified_after)
{
    if (qualified_after)
        return true;
    if (!word_back(&at_card))
        return false;
    enum word_kind before = pan_word(at_card.folded + at_card.start, at_card.len);
    return before == WORD_QUALIFY || before == WORD_OTHER;
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

/* Walks back over the words until one tells what kind of number follows. Where none does, a card
 * number before this one does. */
static void context_words(struct word_walk *w, bool after_number, struct context *ret)
{
    size_t n = w->end, plain = 0;
    bool direct = true, qualified = false;
    for (size_t i = 0; i < WORDS_MAX && word_back(w); i++) {
        enum word_kind kind = pan_word(w->folded + w->start, w->len);
        direct = direct && !w->digits_after;
        if (kind == WORD_CARD || kind == WORD_PAY) {
            bool other = kind == WORD_CARD && card_is_other(*w, qualified);
            ret->card = ret->card || !other;
            ret->other = other;
            ret->label = direct && !other && kind == WORD_CARD;
            return;
        }
        if (kind == WORD_OTHER || kind == WORD_PHONE) {
            /* glued to the number it may be anything: "REF4111..."; far away it is another story */
            bool counts = w->start + w->len < n && plain <= PLAIN_MAX && !ret->card;
            ret->other = counts && kind == WORD_OTHER;
            ret->phone = counts && kind == WORD_PHONE;
            return;
        }
        plain += kind == WORD_PLAIN;
        ret->card |= kind == WORD_CREDIT;
        qualified |= kind == WORD_QUALIFY;
        direct = direct && (kind == WORD_BETWEEN || kind == WORD_CREDIT);
    }
    ret->card |= after_number;
}

static size_t characters(const char *p, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += ((unsigned char)p[i] & 0xc0) != 0x80;
    return count;
}

/* Where the visible rest of a masked number ends in folded[0..n), or 0. */
static size_t masked_end(const char *folded, size_t n)
{
    size_t stars = 0;
    for (size_t i = n; i > 0; i--) {
        stars = folded[i - 1] == '*' ? stars + 1 : 0;
        if (stars == MASK_STARS)
            return i - 1 + MASK_STARS + 4 < n ? i - 1 + MASK_STARS + 4 : n;
    }
    return 0;
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
    size_t cut = masked_end(folded, n);
    bool after_number = cut > 0 || (from > 0 && begin == from);
    struct word_walk w = {.folded = folded + cut, .end = n - cut};
    after_number = after_number && characters(folded + cut, n - cut) <= BEHIND_MAX;
    context_words(&w, after_number, ret);
}

bool context_after(struct str text, size_t end)
{
    char folded[24];
    size_t left = text.n - end;
    size_t n =
        fold((struct str){text.p + end, left < sizeof(folded) ? left : sizeof(folded)}, folded);
    size_t i = 0;
    while (i < n && !is_letter(folded[i]) && !(folded[i] >= '0' && folded[i] <= '9'))
        i++;
    size_t start = i;
    while (i < n && is_letter(folded[i]))
        i++;
    return i > start && pan_word(folded + start, i - start) == WORD_AFTER;
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
