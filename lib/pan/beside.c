/* What stands beside a card number and may not be kept either: verification codes (PCI DSS 3.3.1),
 * expiry dates, and the rest of magnetic stripe data.
 *
 * The rule not to break: only text near a number comes here (pan_scan decides how near), so each
 * byte is looked at once. */
#include "pan/pan_int.h"

#define MARKS_MAX  3  /* characters between two words of a label */
#define VALUE_GAP  6  /* and between a label and its value */
#define FILLER_MAX 3  /* words between them */
#define VALUE_MIN  3  /* digits of the shortest code or date */
#define LABEL_MAX  72 /* bytes of a label with what stands between it and its value */

struct label {
    const char *text;
    enum pan_kind kind;
};

/* Compared without case and accents; a blank here stands for any marks there or none, so "c v v"
 * is CVV and c.v.v. as well. Those with the same first letter stand together, the letters in order
 * (a test holds it); the longer first where one begins another. */
static const struct label labels[] = {
    {"3 digits", PAN_CVV},
    {"3 digit code", PAN_CVV},
    {"3 digitos", PAN_CVV},
    {"al reverso", PAN_CVV},
    {"back code", PAN_CVV},
    {"back of card", PAN_CVV},
    {"card verification value", PAN_CVV},
    {"card security code", PAN_CVV},
    {"card code", PAN_CVV},
    {"codigo de seguridad", PAN_CVV},
    {"codigo seguridad", PAN_CVV},
    {"codigo de verificacion", PAN_CVV},
    {"codigo verificacion", PAN_CVV},
    {"codigo de la tarjeta", PAN_CVV},
    {"codigo verif", PAN_CVV},
    {"cod verif", PAN_CVV},
    {"cod de verif", PAN_CVV},
    {"codigo de atras", PAN_CVV},
    {"codigo atras", PAN_CVV},
    {"codigo de 3 digitos", PAN_CVV},
    {"codigo trasero", PAN_CVV},
    {"codigo al reverso", PAN_CVV},
    {"code on the back", PAN_CVV},
    {"code on back", PAN_CVV},
    {"cod de seguridad", PAN_CVV},
    {"cod seguridad", PAN_CVV},
    {"cod verificacion", PAN_CVV},
    {"cod de verificacion", PAN_CVV},
    {"cod seg", PAN_CVV},
    {"cod ver", PAN_CVV},
    {"clave de seguridad", PAN_CVV},
    {"c v v2", PAN_CVV},
    {"c v c2", PAN_CVV},
    {"c v n2", PAN_CVV},
    {"c a v2", PAN_CVV},
    {"c v v", PAN_CVV},
    {"c v c", PAN_CVV},
    {"c c v", PAN_CVV},
    {"c v n", PAN_CVV},
    {"c s c", PAN_CVV},
    {"c i d", PAN_CVV},
    {"caducidad", PAN_EXPIRY},
    {"caduca", PAN_EXPIRY},
    {"de atras", PAN_CVV},
    {"de la parte de atras", PAN_CVV},
    {"digitos de seguridad", PAN_CVV},
    {"expiration date", PAN_EXPIRY},
    {"expiration", PAN_EXPIRY},
    {"expiry date", PAN_EXPIRY},
    {"expiry", PAN_EXPIRY},
    {"expires", PAN_EXPIRY},
    {"expira", PAN_EXPIRY},
    {"expiracion", PAN_EXPIRY},
    {"exp date", PAN_EXPIRY},
    {"exp", PAN_EXPIRY},
    {"fecha de vencimiento", PAN_EXPIRY},
    {"fecha vencimiento", PAN_EXPIRY},
    {"fecha venc", PAN_EXPIRY},
    {"fecha de expiracion", PAN_EXPIRY},
    {"fecha expiracion", PAN_EXPIRY},
    {"fecha exp", PAN_EXPIRY},
    {"good thru", PAN_EXPIRY},
    {"good through", PAN_EXPIRY},
    {"hasta", PAN_EXPIRY},
    {"last 3", PAN_CVV},
    {"mm aaaa", PAN_EXPIRY},
    {"mm aa", PAN_EXPIRY},
    {"mm yyyy", PAN_EXPIRY},
    {"mm yy", PAN_EXPIRY},
    {"mes ano", PAN_EXPIRY},
    {"mes", PAN_EXPIRY},
    {"month", PAN_EXPIRY},
    {"numero de seguridad", PAN_CVV},
    {"num seguridad", PAN_CVV},
    {"on the back", PAN_CVV},
    {"security code", PAN_CVV},
    {"security number", PAN_CVV},
    {"sec code", PAN_CVV},
    {"sec no", PAN_CVV},
    {"sec num", PAN_CVV},
    {"three digits", PAN_CVV},
    {"tres digitos", PAN_CVV},
    {"ultimos 3", PAN_CVV},
    {"verification code", PAN_CVV},
    {"verification number", PAN_CVV},
    {"valid thru", PAN_EXPIRY},
    {"valid through", PAN_EXPIRY},
    {"valid until", PAN_EXPIRY},
    {"valid to", PAN_EXPIRY},
    {"valida hasta", PAN_EXPIRY},
    {"valido hasta", PAN_EXPIRY},
    {"valida thru", PAN_EXPIRY},
    {"vencimiento", PAN_EXPIRY},
    {"vence", PAN_EXPIRY},
    {"venc", PAN_EXPIRY},
    {"vto", PAN_EXPIRY},
};

/* Words that may stand between a label and its value. */
static const char *const fillers[] = {"code",   "codigo", "es",   "is",  "el",  "en",  "no", "num",
                                      "numero", "number", "date", "del", "son", "are", "was"};

#define LABELS (sizeof(labels) / sizeof(labels[0]))

/* The first label that begins with `letter`, if one does. */
static size_t first_label(char letter)
{
    size_t low = 0, high = LABELS;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (labels[mid].text[0] < letter)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

bool beside_labels_are_sorted(void)
{
    for (size_t i = 1; i < LABELS; i++) {
        if (labels[i - 1].text[0] > labels[i].text[0])
            return false;
    }
    return true;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The letter at `at`, lower case and without its accent (U+00C0..U+00FF), and its bytes. */
static char folded_at(struct str text, size_t at, size_t *ret_len)
{
    unsigned char c = (unsigned char)text.p[at];
    bool latin = c == 0xc3 && at + 1 < text.n;
    *ret_len = latin ? 2 : 1;
    if (latin)
        c = pan_fold_latin((unsigned char)text.p[at + 1]);
    return (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

/* Where the words of `label` end when they stand at `at`, or 0. */
static size_t words_end(struct str text, size_t at, size_t to, const char *label)
{
    for (; *label != '\0'; label++) {
        size_t len, marks = 0;
        if (*label == ' ') {
            while (at < to && marks < MARKS_MAX && pan_char_at(text, at).class >= CLASS_SPACE) {
                at += pan_char_at(text, at).len;
                marks++;
            }
            continue;
        }
        if (at >= to || folded_at(text, at, &len) != *label)
            return 0;
        at += len;
    }
    if (at > to || (at < to && (is_letter(text.p[at]) || text.p[at] == '\xc3')))
        return 0;
    return at;
}

/* Up to `max` characters that are neither digits nor letters, from `at`. */
static size_t skip_separators(struct str text, size_t at, size_t to, size_t max)
{
    for (size_t i = 0; i < max && at < to; i++) {
        struct pan_char c = pan_char_at(text, at);
        if (c.class == CLASS_DIGIT || is_letter(text.p[at]))
            break;
        at += c.len;
    }
    return at;
}

/* Reads digits (any script) from *at; returns how many. */
static size_t read_digits(struct str text, size_t *at, size_t to, unsigned *ret_value)
{
    size_t n = 0;
    *ret_value = 0;
    while (*at < to) {
        struct pan_char c = pan_char_at(text, *at);
        if (c.class != CLASS_DIGIT || n > 8 || *at + c.len > to)
            break;
        *ret_value = *ret_value * 10 + c.digit;
        *at += c.len;
        n++;
    }
    return n;
}

/* A month's name, Spanish or English, at *at: true and *at behind it. */
static bool month_name(struct str text, size_t *at, size_t to)
{
    static const char names[] = "enejanfebmarabraprmayjunjulagoaugsepsetoctnovdicdec";
    char three[4] = "";
    size_t pos = *at;
    for (size_t i = 0; i < 3; i++, pos++) {
        if (pos >= to || !is_letter(text.p[pos]))
            return false;
        three[i] = (char)(text.p[pos] | 0x20);
    }
    for (size_t i = 0; i < sizeof(names) - 1; i += 3) {
        if (memcmp(names + i, three, 3) != 0)
            continue;
        while (pos < to && pos - *at < 10 && is_letter(text.p[pos]))
            pos++;
        *at = pos;
        return true;
    }
    return false;
}

/* MM/YY, MM-YYYY, MM YY, MMYY, YYYY-MM or a month's name and a year from `at`: its end, or 0. */
static size_t date_end(struct str text, size_t at, size_t to)
{
    unsigned month, year;
    size_t pos = at, n = read_digits(text, &pos, to, &month);
    bool year_first = n == 4 && month >= 2000 && month < 2100;
    if (n == 4 && !year_first && month / 100 >= 1 && month / 100 <= 12)
        return pos;
    if (n == 0 && month_name(text, &pos, to))
        month = 1;
    else if (!year_first && (n < 1 || n > 2 || month < 1 || month > 12))
        return 0;
    size_t mark = skip_separators(text, pos, to, 3);
    static const char *const joins[] = {"de", "del", "ano", "year"}; /* "agosto de 2029" */
    for (size_t i = 0; i < sizeof(joins) / sizeof(joins[0]); i++) {
        size_t end = mark < to ? words_end(text, mark, to, joins[i]) : 0;
        mark = end > 0 ? skip_separators(text, end, to, 3) : mark;
    }
    if (mark == pos)
        return 0;
    pos = mark;
    n = read_digits(text, &pos, to, &year);
    if (year_first)
        return n == 2 && year >= 1 && year <= 12 ? pos : 0;
    bool fits = (n == 2 && year >= 10) || (n == 4 && year >= 2000 && year < 2100);
    return fits ? pos : 0;
}

/* One digit a box: "1 1 8", "[1][1][8]". The end of three or four, or 0. */
static size_t cvv_boxes_end(struct str text, size_t at, size_t to)
{
    size_t n = 0, end = 0;
    while (n < 5) {
        unsigned digit;
        size_t pos = at;
        if (read_digits(text, &pos, to, &digit) != 1 || (pos < to && is_letter(text.p[pos])))
            break;
        n++;
        end = n == 3 || n == 4 ? pos : end;
        at = skip_separators(text, pos, to, 3);
        if (at == pos)
            break;
    }
    return n <= 4 ? end : 0;
}

/* Three or four digits; letters among them are badly read ones. */
static size_t cvv_end(struct str text, size_t at, size_t to)
{
    size_t pos = at, n = 0, digits = 0, boxes = cvv_boxes_end(text, at, to);
    if (boxes > 0)
        return boxes;
    while (pos < to && n < 5) {
        struct pan_char c = pan_char_at(text, pos);
        if (pos + c.len > to || (c.class != CLASS_DIGIT && (c.class != CLASS_LETTER || n == 0)))
            break;
        digits += c.class == CLASS_DIGIT;
        pos += c.len;
        n++;
    }
    bool ends = pos >= to || !is_letter(text.p[pos]);
    return (n == 3 || n == 4) && digits >= 2 && ends ? pos : 0;
}

static size_t stars_in(struct str text, size_t from, size_t to)
{
    size_t stars = 0;
    for (; from < to; from++)
        stars += text.p[from] == '*';
    return stars;
}

/* Where the value of a label may stand: behind marks and a few words like "es"; `to` where it is
 * masked already, so that the next digits are not taken for it. */
static size_t value_start(struct str text, size_t at, size_t to)
{
    size_t from = at;
    at = skip_separators(text, at, to, VALUE_GAP);
    for (size_t words = 0; words < FILLER_MAX; words++) {
        size_t end = 0;
        for (size_t i = 0; i < sizeof(fillers) / sizeof(fillers[0]) && end == 0; i++)
            end = at < to ? words_end(text, at, to, fillers[i]) : 0;
        if (end == 0)
            break;
        at = skip_separators(text, end, to, VALUE_GAP);
    }
    return stars_in(text, from, at) < VALUE_MIN ? at : to;
}

/* What was read as a value is the beginning of more digits. */
static bool digit_goes_on(struct str text, size_t end)
{
    return end < text.n && pan_char_at(text, end).class == CLASS_DIGIT;
}

/* Emits the value that follows the label at `at`; returns where to go on, or 0. Of labels that
 * begin alike the first with a value counts: "cvv295" is no CVV2. */
static size_t labelled_value(struct str text, size_t at, size_t to, const struct sink *sink)
{
    size_t len, len_second;
    char first = folded_at(text, at, &len);
    char second = at + len < to ? folded_at(text, at + len, &len_second) : '\0';
    for (size_t i = first_label(first); i < LABELS && labels[i].text[0] == first; i++) {
        bool may = labels[i].text[1] == ' ' || labels[i].text[1] == second;
        size_t after = may ? words_end(text, at, to, labels[i].text) : 0;
        if (after == 0)
            continue;
        size_t start = value_start(text, after, to);
        size_t end =
            labels[i].kind == PAN_CVV ? cvv_end(text, start, to) : date_end(text, start, to);
        if (end == 0 || digit_goes_on(text, end))
            continue;
        struct pan_span span = {start, end, labels[i].kind, "label"};
        sink->span(sink->state, &span);
        return end;
    }
    return 0;
}

/* True when text.p[at] begins a word, be it glued to digits ("exp0828cvv190"), or a number. */
static bool begins(struct str text, size_t at)
{
    if (at == 0)
        return true;
    char c = text.p[at - 1];
    return !is_letter(c) && !(is_digit(c) && is_digit(text.p[at]));
}

void beside_find(struct str text, size_t from, size_t to, bool after, const struct sink *sink)
{
    /* MM/YY directly after the number needs no label */
    size_t at = from, first = skip_separators(text, from, to, 4);
    size_t bare = after && first > from && first < to ? date_end(text, first, to) : 0;
    if (bare > 0 && !digit_goes_on(text, bare) &&
        memchr(text.p + first, '/', bare - first) != NULL) {
        struct pan_span span = {first, bare, PAN_EXPIRY, "after"};
        sink->span(sink->state, &span);
        at = bare;
        size_t code = skip_separators(text, at, to, 4), code_end = cvv_end(text, code, to);
        if (code > at && code_end > 0 && !digit_goes_on(text, code_end)) {
            struct pan_span behind = {code, code_end, PAN_CVV, "after"};
            sink->span(sink->state, &behind);
            at = code_end;
        }
    }
    while (at < to) {
        bool may = is_letter(text.p[at]) || text.p[at] == '\xc3' || text.p[at] == '3';
        size_t end = may && begins(text, at) ? labelled_value(text, at, to, sink) : 0;
        at = end > 0 ? end : at + 1;
    }
}

struct overlap {
    size_t from, to; /* looked for */
    size_t start, end;
};

static void overlap_add(void *state, const struct pan_span *span)
{
    struct overlap *o = state;
    if (o->end == 0 && span->end > o->from && span->start < o->to) {
        o->start = span->start;
        o->end = span->end;
    }
}

bool beside_in(struct str text, size_t wall, const struct run *run, size_t *ret_start,
               size_t *ret_end)
{
    size_t start = run->g[0].start, end = run->g[run->n - 1].start + run->g[run->n - 1].len;
    size_t from = start - wall > LABEL_MAX ? start - LABEL_MAX : wall;
    struct overlap o = {.from = start, .to = end};
    struct sink sink = {overlap_add, &o};
    beside_find(text, from, end, from == wall && wall > 0, &sink);
    *ret_start = o.start;
    *ret_end = o.end;
    return o.end > 0;
}

#define TRACK_MAX 110 /* characters of a track behind the number (ISO/IEC 7813: 79 in all) */

/* The end of the digits that follow the number in track data, or 0. */
static size_t track_digits_end(struct str text, size_t at, size_t *ret_digits)
{
    size_t limit = text.n - at > TRACK_MAX ? at + TRACK_MAX : text.n;
    if (at >= limit || (text.p[at] != '^' && text.p[at] != '=' && (text.p[at] | 0x20) != 'd'))
        return 0;
    bool track1 = text.p[at] == '^', hex = !track1 && text.p[at] != '=';
    at++;
    if (track1) { /* the name field, then its separator */
        while (at < limit && text.p[at] != '^' && text.p[at] != '\n' && text.p[at] != '*')
            at++;
        if (at >= limit || text.p[at++] != '^') /* a star: a number was masked there */
            return 0;
    }
    size_t digits = at;
    while (at < limit && is_digit(text.p[at]))
        at++;
    if (at == limit && limit < text.n && is_digit(text.p[limit]))
        return 0;
    *ret_digits = at - digits;
    return *ret_digits >= (hex ? 7U : 4U) ? at : 0; /* a date; with D the service code as well */
}

bool track_follows(struct str text, size_t at)
{
    size_t digits;
    return track_digits_end(text, at, &digits) > 0;
}

bool track_extend(struct str text, size_t from, struct pan_span *span)
{
    size_t digits, at = track_digits_end(text, span->end, &digits);
    if (at == 0)
        return false;
    bool track1 = text.p[span->end] == '^', hex = (text.p[span->end] | 0x20) == 'd';
    bool closed = at < text.n && (text.p[at] == '?' || (hex && (text.p[at] | 0x20) == 'f'));
    closed = closed && !(at + 1 < text.n && pan_char_at(text, at + 1).class == CLASS_DIGIT);
    span->end = closed ? at + 1 : at;
    if (track1 && span->start > from && (text.p[span->start - 1] | 0x20) == 'b')
        span->start--;
    if (span->start > from && (text.p[span->start - 1] == '%' || text.p[span->start - 1] == ';'))
        span->start--;
    span->kind = PAN_TRACK;
    span->rule = track1 ? "track1" : "track2";
    return true;
}
