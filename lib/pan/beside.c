/* What stands beside a card number and may not be kept either: verification codes (PCI DSS 3.3.1),
 * expiry dates, and the rest of magnetic stripe data.
 *
 * The rule not to break: only text near a number comes here (pan_scan decides how near), so each
 * byte is looked at once. */
#include "pan/pan_int.h"

struct label {
    const char *text;
    enum pan_kind kind;
};

/* Compared without case; the longer first where one begins another. "\xc3\xb3" and friends are
 * spelt by OCR with and without the accent, so both stand here. */
static const struct label labels[] = {
    {"cvv2", PAN_CVV},
    {"cvc2", PAN_CVV},
    {"cvv", PAN_CVV},
    {"cvc", PAN_CVV},
    {"ccv", PAN_CVV},
    {"csc", PAN_CVV},
    {"cid", PAN_CVV},
    {"security code", PAN_CVV},
    {"sec. code", PAN_CVV},
    {"sec code", PAN_CVV},
    {"verification code", PAN_CVV},
    {"card code", PAN_CVV},
    {"codigo de seguridad", PAN_CVV},
    {"c\xc3\xb3"
     "digo de seguridad",
     PAN_CVV},
    {"cod. seguridad", PAN_CVV},
    {"c\xc3\xb3"
     "d. seguridad",
     PAN_CVV},
    {"cod seg", PAN_CVV},
    {"cod. seg.", PAN_CVV},
    {"c\xc3\xb3"
     "d. seg.",
     PAN_CVV},
    {"clave de seguridad", PAN_CVV},
    {"expiration date", PAN_EXPIRY},
    {"expiration", PAN_EXPIRY},
    {"expiry date", PAN_EXPIRY},
    {"expiry", PAN_EXPIRY},
    {"expires", PAN_EXPIRY},
    {"exp. date", PAN_EXPIRY},
    {"exp date", PAN_EXPIRY},
    {"exp_date", PAN_EXPIRY},
    {"exp", PAN_EXPIRY},
    {"valid thru", PAN_EXPIRY},
    {"valid until", PAN_EXPIRY},
    {"good thru", PAN_EXPIRY},
    {"valida hasta", PAN_EXPIRY},
    {"v\xc3\xa1lida hasta", PAN_EXPIRY},
    {"valido hasta", PAN_EXPIRY},
    {"v\xc3\xa1lido hasta", PAN_EXPIRY},
    {"fecha de vencimiento", PAN_EXPIRY},
    {"vencimiento", PAN_EXPIRY},
    {"vence", PAN_EXPIRY},
    {"venc", PAN_EXPIRY},
    {"vto", PAN_EXPIRY},
    {"caducidad", PAN_EXPIRY},
    {"caduca", PAN_EXPIRY},
};

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The label that stands at `at`, or NULL. Its end is written. */
static const struct label *label_at(struct str text, size_t at, size_t to, size_t *ret_end)
{
    for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
        size_t n = strlen(labels[i].text);
        if ((text.p[at] | 0x20) != labels[i].text[0] && text.p[at] != labels[i].text[0])
            continue;
        if (n > to - at ||
            !str_eq_nocase((struct str){text.p + at, n}, (struct str){labels[i].text, n}))
            continue;
        if (at + n < to && is_letter(text.p[at + n]))
            continue;
        *ret_end = at + n;
        return &labels[i];
    }
    return NULL;
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

/* Reads digits (any script; confused letters after the first) from *at; returns how many. */
static size_t read_digits(struct str text, size_t *at, size_t to, unsigned *ret_value)
{
    size_t n = 0;
    *ret_value = 0;
    while (*at < to) {
        struct pan_char c = pan_char_at(text, *at);
        if (c.class != CLASS_DIGIT || n > 8)
            break;
        *ret_value = *ret_value * 10 + c.digit;
        *at += c.len;
        n++;
    }
    return n;
}

/* MM/YY, MM-YYYY, MM YY or MMYY from `at`: its end, or 0 when there is none. */
static size_t date_end(struct str text, size_t at, size_t to)
{
    unsigned month, year;
    size_t pos = at, n = read_digits(text, &pos, to, &month);
    if (n == 4 && month / 100 >= 1 && month / 100 <= 12)
        return pos;
    if (n < 1 || n > 2 || month < 1 || month > 12)
        return 0;
    size_t mark = skip_separators(text, pos, to, 3);
    if (mark == pos)
        return 0;
    pos = mark;
    n = read_digits(text, &pos, to, &year);
    bool fits = (n == 2 && year >= 10) || (n == 4 && year >= 2000 && year < 2100);
    return fits ? pos : 0;
}

static size_t cvv_end(struct str text, size_t at, size_t to)
{
    unsigned value;
    size_t pos = at, n = read_digits(text, &pos, to, &value);
    return n == 3 || n == 4 ? pos : 0;
}

/* Emits the value that follows a label; returns where to go on, or 0. */
static size_t labelled_value(struct str text, size_t at, size_t to, const struct sink *sink)
{
    size_t after;
    const struct label *label = label_at(text, at, to, &after);
    if (label == NULL)
        return 0;
    size_t start = skip_separators(text, after, to, 6);
    size_t end = label->kind == PAN_CVV ? cvv_end(text, start, to) : date_end(text, start, to);
    if (end == 0)
        return 0;
    struct pan_span span = {start, end, label->kind, "label"};
    sink->span(sink->state, &span);
    return end;
}

/* True when text.p[at] begins a word or a number of its own. */
static bool begins(struct str text, size_t at)
{
    if (at == 0)
        return true;
    char c = text.p[at - 1];
    return !is_letter(c) && !(c >= '0' && c <= '9');
}

void beside_find(struct str text, size_t from, size_t to, bool after, const struct sink *sink)
{
    /* MM/YY directly after the number needs no label */
    size_t at = from, first = skip_separators(text, from, to, 4);
    size_t bare = after && first > from && first < to ? date_end(text, first, to) : 0;
    if (bare > 0 && memchr(text.p + first, '/', bare - first) != NULL) {
        struct pan_span span = {first, bare, PAN_EXPIRY, "after"};
        sink->span(sink->state, &span);
        at = bare;
    }
    while (at < to) {
        bool may = is_letter(text.p[at]) || text.p[at] == '\xc3';
        size_t end = may && begins(text, at) ? labelled_value(text, at, to, sink) : 0;
        at = end > 0 ? end : at + 1;
    }
}

bool track_extend(struct str text, size_t from, struct pan_span *span)
{
    size_t at = span->end, limit = text.n - at > 110 ? at + 110 : text.n;
    if (at >= limit || (text.p[at] != '^' && text.p[at] != '='))
        return false;
    bool track1 = text.p[at] == '^';
    at++;
    if (track1) { /* the name field, then its separator */
        while (at < limit && text.p[at] != '^' && text.p[at] != '\n')
            at++;
        if (at >= limit || text.p[at++] != '^')
            return false;
    }
    size_t digits = at;
    while (at < limit && text.p[at] >= '0' && text.p[at] <= '9')
        at++;
    if (at - digits < 4)
        return false;
    span->end = at < text.n && text.p[at] == '?' ? at + 1 : at;
    if (track1 && span->start > from && (text.p[span->start - 1] | 0x20) == 'b')
        span->start--;
    if (span->start > from && (text.p[span->start - 1] == '%' || text.p[span->start - 1] == ';'))
        span->start--;
    span->kind = PAN_TRACK;
    span->rule = track1 ? "track1" : "track2";
    return true;
}
