/* The words around a number: do they speak of a card, or of something else that has digits?
 *
 * The rule not to break: only CONTEXT_MAX bytes are looked at, so the cost per number is bounded.
 */
#include "pan/pan_int.h"

#define CONTEXT_MAX 72
#define WORDS_MAX   14
#define MASK_STARS  12 /* a masked number shows as many stars and four digits */
#define BEHIND_MAX  40 /* characters: this far behind a card number another is one too */

enum word_kind {
    WORD_PLAIN,
    WORD_CARD,    /* names a card or its brand */
    WORD_PAY,     /* speaks of paying: card context, but no label */
    WORD_OTHER,   /* names another kind of number */
    WORD_QUALIFY, /* before or after "card": another kind of card */
    WORD_BETWEEN, /* may stand between a label and its number */
    WORD_AFTER,   /* expiry or verification code */
};

/* Sorted by nothing; looked up by first letter below. Accents are folded before the compare. */
static const struct {
    const char *word;
    enum word_kind kind;
} words[] = {
    {"card", WORD_CARD},
    {"cards", WORD_CARD},
    {"tarjeta", WORD_CARD},
    {"tarjetas", WORD_CARD},
    {"visa", WORD_CARD},
    {"mastercard", WORD_CARD},
    {"amex", WORD_CARD},
    {"maestro", WORD_CARD},
    {"cardno", WORD_CARD},
    {"cardnumber", WORD_CARD},
    {"cardnum", WORD_CARD},
    {"ccnumber", WORD_CARD},
    {"ccnum", WORD_CARD},
    {"unionpay", WORD_CARD},
    {"jcb", WORD_CARD},
    {"diners", WORD_CARD},
    {"tdc", WORD_CARD},
    {"pan", WORD_PAY},
    {"tc", WORD_PAY},
    {"pay", WORD_PAY},
    {"pagar", WORD_PAY},
    {"pago", WORD_PAY},
    {"paga", WORD_PAY},
    {"payment", WORD_PAY},
    {"paid", WORD_PAY},
    {"charge", WORD_PAY},
    {"charged", WORD_PAY},
    {"cobrar", WORD_PAY},
    {"cobro", WORD_PAY},
    {"cargar", WORD_PAY},
    {"cargo", WORD_PAY},
    {"plastico", WORD_PAY},
    {"swipe", WORD_PAY},
    {"credito", WORD_PAY},
    {"debito", WORD_PAY},
    {"credit", WORD_PAY},
    {"debit", WORD_PAY},
    {"copay", WORD_PAY},
    {"copago", WORD_PAY},
    {"discover", WORD_PAY},
    {"imei", WORD_OTHER},
    {"npi", WORD_OTHER},
    {"iccid", WORD_OTHER},
    {"sim", WORD_OTHER},
    {"tracking", WORD_OTHER},
    {"guia", WORD_OTHER},
    {"ups", WORD_OTHER},
    {"usps", WORD_OTHER},
    {"fedex", WORD_OTHER},
    {"dhl", WORD_OTHER},
    {"servientrega", WORD_OTHER},
    {"poliza", WORD_OTHER},
    {"policy", WORD_OTHER},
    {"afiliado", WORD_OTHER},
    {"afiliacion", WORD_OTHER},
    {"member", WORD_OTHER},
    {"subscriber", WORD_OTHER},
    {"group", WORD_OTHER},
    {"grupo", WORD_OTHER},
    {"insurance", WORD_OTHER},
    {"seguro", WORD_OTHER},
    {"eps", WORD_OTHER},
    {"nit", WORD_OTHER},
    {"cedula", WORD_OTHER},
    {"ssn", WORD_OTHER},
    {"mrn", WORD_OTHER},
    {"tel", WORD_OTHER},
    {"phone", WORD_OTHER},
    {"telefono", WORD_OTHER},
    {"cel", WORD_OTHER},
    {"celular", WORD_OTHER},
    {"movil", WORD_OTHER},
    {"mobile", WORD_OTHER},
    {"fax", WORD_OTHER},
    {"whatsapp", WORD_OTHER},
    {"barcode", WORD_OTHER},
    {"codigo", WORD_OTHER},
    {"ref", WORD_OTHER},
    {"referencia", WORD_OTHER},
    {"reference", WORD_OTHER},
    {"factura", WORD_OTHER},
    {"invoice", WORD_OTHER},
    {"expediente", WORD_OTHER},
    {"case", WORD_OTHER},
    {"caso", WORD_OTHER},
    {"order", WORD_OTHER},
    {"orden", WORD_OTHER},
    {"pedido", WORD_OTHER},
    {"lab", WORD_OTHER},
    {"batch", WORD_OTHER},
    {"lote", WORD_OTHER},
    {"lot", WORD_OTHER},
    {"sample", WORD_OTHER},
    {"muestra", WORD_OTHER},
    {"iban", WORD_OTHER},
    {"account", WORD_OTHER},
    {"cuenta", WORD_OTHER},
    {"serial", WORD_OTHER},
    {"serie", WORD_OTHER},
    {"ean", WORD_OTHER},
    {"gtin", WORD_OTHER},
    {"upc", WORD_OTHER},
    {"udi", WORD_OTHER},
    {"ts", WORD_OTHER},
    {"timestamp", WORD_OTHER},
    {"epoch", WORD_OTHER},
    {"uuid", WORD_OTHER},
    {"medicare", WORD_OTHER},
    {"medicaid", WORD_OTHER},
    {"passport", WORD_OTHER},
    {"pasaporte", WORD_OTHER},
    {"historia", WORD_OTHER},
    {"identificacion", WORD_OTHER},
    {"radicado", WORD_OTHER},
    {"autorizacion", WORD_OTHER},
    {"authorization", WORD_OTHER},
    {"device", WORD_OTHER},
    {"dni", WORD_OTHER},
    {"curp", WORD_OTHER},
    {"nss", WORD_OTHER},
    {"ruc", WORD_OTHER},
    {"id", WORD_QUALIFY},
    {"health", WORD_QUALIFY},
    {"business", WORD_QUALIFY},
    {"identidad", WORD_QUALIFY},
    {"profesional", WORD_QUALIFY},
    {"salud", WORD_QUALIFY},
    {"library", WORD_QUALIFY},
    {"vaccine", WORD_QUALIFY},
    {"vacunacion", WORD_QUALIFY},
    {"appointment", WORD_QUALIFY},
    {"citas", WORD_QUALIFY},
    {"extranjeria", WORD_QUALIFY},
    {"number", WORD_BETWEEN},
    {"numero", WORD_BETWEEN},
    {"num", WORD_BETWEEN},
    {"no", WORD_BETWEEN},
    {"nro", WORD_BETWEEN},
    {"n", WORD_BETWEEN},
    {"de", WORD_BETWEEN},
    {"is", WORD_BETWEEN},
    {"es", WORD_BETWEEN},
    {"my", WORD_BETWEEN},
    {"mi", WORD_BETWEEN},
    {"express", WORD_BETWEEN},
    {"exp", WORD_AFTER},
    {"expires", WORD_AFTER},
    {"expiry", WORD_AFTER},
    {"expiration", WORD_AFTER},
    {"vence", WORD_AFTER},
    {"vencimiento", WORD_AFTER},
    {"venc", WORD_AFTER},
    {"valid", WORD_AFTER},
    {"valida", WORD_AFTER},
    {"thru", WORD_AFTER},
    {"caduca", WORD_AFTER},
    {"caducidad", WORD_AFTER},
    {"cvv", WORD_AFTER},
    {"cvc", WORD_AFTER},
    {"ccv", WORD_AFTER},
    {"csc", WORD_AFTER},
    {"cid", WORD_AFTER},
};

/* Folds to lower case ASCII letters; two-byte Latin letters lose their accent (U+00C0..U+00FF). */
static size_t fold(struct str s, char *ret)
{
    static const char latin[] = "aaaaaaaceeeeiiiidnooooo*ouuuuypsaaaaaaaceeeeiiiidnooooo*ouuuuypy";
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == 0xc3 && i + 1 < s.n)
            c = (unsigned char)latin[(unsigned char)s.p[++i] & 0x3f];
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

static enum word_kind word_kind(const char *p, size_t n)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (words[i].word[0] == p[0] && strlen(words[i].word) == n &&
            memcmp(words[i].word, p, n) == 0)
            return words[i].kind;
    }
    return WORD_PLAIN;
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
    enum word_kind before = word_kind(at_card.folded + at_card.start, at_card.len);
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
    size_t n = w->end;
    bool direct = true, qualified = false;
    for (size_t i = 0; i < WORDS_MAX && word_back(w); i++) {
        enum word_kind kind = word_kind(w->folded + w->start, w->len);
        direct = direct && !w->digits_after;
        if (kind == WORD_CARD || kind == WORD_PAY) {
            bool other = kind == WORD_CARD && card_is_other(*w, qualified);
            ret->card = !other;
            ret->other = other;
            ret->label = direct && !other && kind == WORD_CARD;
            return;
        }
        if (kind == WORD_OTHER) { /* glued to the number it may be anything: "REF4111..." */
            ret->other = w->start + w->len < n;
            return;
        }
        qualified |= kind == WORD_QUALIFY;
        direct = direct && kind == WORD_BETWEEN;
    }
    ret->card = after_number;
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
    return i > start && word_kind(folded + start, i - start) == WORD_AFTER;
}
