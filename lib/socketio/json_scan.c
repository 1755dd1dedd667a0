/* A validating scanner of JSON text. See json_scan.h for the rule. */
#include "socketio/json_scan.h"

#include "socketio/socketio.h"

struct scan {
    const char *at, *end;
    size_t attachments;
    unsigned depth;
};

static bool scan_value(struct scan *s);

static void scan_space(struct scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r'))
        s->at++;
}

static bool scan_char(struct scan *s, char c)
{
    if (s->at >= s->end || *s->at != c)
        return false;
    s->at++;
    return true;
}

static bool scan_word(struct scan *s, struct str word)
{
    if ((size_t)(s->end - s->at) < word.n || memcmp(s->at, word.p, word.n) != 0)
        return false;
    s->at += word.n;
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits after \u, or -1. */
static int hex4(const char *p, const char *end)
{
    if (end - p < 4)
        return -1;
    int value = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(p[i]);
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

static bool scan_escape(struct scan *s)
{
    if (s->at >= s->end)
        return false;
    char c = *s->at++;
    if (c == 'u') {
        if (hex4(s->at, s->end) < 0)
            return false;
        s->at += 4;
        return true;
    }
    return c && strchr("\"\\/bfnrt", c) != NULL;
}

static bool scan_string(struct scan *s)
{
    if (!scan_char(s, '"'))
        return false;
    while (s->at < s->end) {
        unsigned char c = (unsigned char)*s->at++;
        if (c == '"')
            return true;
        if (c < 0x20 || (c == '\\' && !scan_escape(s)))
            return false;
    }
    return false;
}

static bool scan_digits(struct scan *s)
{
    const char *from = s->at;
    while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
        s->at++;
    return s->at > from;
}

static bool scan_number(struct scan *s)
{
    scan_char(s, '-');
    if (!scan_char(s, '0') && !scan_digits(s))
        return false;
    if (scan_char(s, '.') && !scan_digits(s))
        return false;
    if (scan_char(s, 'e') || scan_char(s, 'E')) {
        if (!scan_char(s, '+'))
            scan_char(s, '-');
        return scan_digits(s);
    }
    return true;
}

static bool scan_array(struct scan *s)
{
    s->at++;
    scan_space(s);
    if (scan_char(s, ']'))
        return true;
    do {
        if (!scan_value(s))
            return false;
        scan_space(s);
    } while (scan_char(s, ','));
    return scan_char(s, ']');
}

/* An attachment's placeholder must name an attachment that exists. */
static bool placeholder_is_right(const struct scan *s, bool is_one, struct str num)
{
    uint64_t n;
    return !is_one || (str_u64(num, UINT32_MAX, &n) && n < s->attachments);
}

static bool scan_object(struct scan *s)
{
    bool is_placeholder = false;
    struct str num = STR_NONE;
    s->at++;
    scan_space(s);
    if (scan_char(s, '}'))
        return true;
    do {
        scan_space(s);
        const char *key = s->at;
        if (!scan_string(s))
            return false;
        struct str name = {key, (size_t)(s->at - key)};
        scan_space(s);
        if (!scan_char(s, ':'))
            return false;
        scan_space(s);
        const char *from = s->at;
        if (!scan_value(s))
            return false;
        struct str value = {from, (size_t)(s->at - from)};
        if (str_eq(name, STR("\"_placeholder\"")))
            is_placeholder = str_eq(value, STR("true"));
        if (str_eq(name, STR("\"num\"")))
            num = value;
        scan_space(s);
    } while (scan_char(s, ','));
    return scan_char(s, '}') && placeholder_is_right(s, is_placeholder, num);
}

static bool scan_nested(struct scan *s, bool (*scan)(struct scan *))
{
    if (s->depth == SIO_JSON_DEPTH_MAX)
        return false;
    s->depth++;
    bool ok = scan(s);
    s->depth--;
    return ok;
}

static bool scan_value(struct scan *s)
{
    scan_space(s);
    if (s->at >= s->end)
        return false;
    switch (*s->at) {
    case '{':
        return scan_nested(s, scan_object);
    case '[':
        return scan_nested(s, scan_array);
    case '"':
        return scan_string(s);
    case 't':
        return scan_word(s, STR("true"));
    case 'f':
        return scan_word(s, STR("false"));
    case 'n':
        return scan_word(s, STR("null"));
    default:
        return scan_number(s);
    }
}

bool sio_json_value(struct str *rest, size_t attachments, struct str *ret)
{
    if (!rest->p)
        return false;
    struct scan s = {.at = rest->p, .end = rest->p + rest->n, .attachments = attachments};
    scan_space(&s);
    const char *from = s.at;
    if (!scan_value(&s))
        return false;
    *ret = (struct str){from, (size_t)(s.at - from)};
    scan_space(&s);
    *rest = (struct str){s.at, (size_t)(s.end - s.at)};
    return true;
}

bool sio_json_is(struct str text, char first, size_t attachments)
{
    struct str value;
    return sio_json_value(&text, attachments, &value) && text.n == 0 && value.p[0] == first;
}

bool sio_json_next(struct str *rest, struct str *ret)
{
    struct str in = *rest;
    if (in.n == 0 || (in.p[0] != '[' && in.p[0] != ','))
        return false;
    in.p++, in.n--;
    if (!sio_json_value(&in, SIZE_MAX, ret))
        return false;
    *rest = in;
    return true;
}

bool sio_arg(struct str args, size_t i, struct str *ret)
{
    struct str value;
    for (size_t at = 0; sio_json_next(&args, &value); at++) {
        if (at == i) {
            *ret = value;
            return true;
        }
    }
    return false;
}

bool sio_arg_u64(struct str args, size_t i, uint64_t *ret)
{
    struct str value;
    return sio_arg(args, i, &value) && str_u64(value, UINT64_MAX, ret);
}

bool sio_arg_text(struct str args, size_t i, struct buf *out)
{
    struct str value;
    return sio_arg(args, i, &value) && sio_json_text(value, out);
}

bool sio_member(struct str object, const char *key, struct str *ret)
{
    struct str want = str_of(key), name, value;
    while (object.n && (object.p[0] == '{' || object.p[0] == ',')) {
        object.p++, object.n--;
        if (!sio_json_value(&object, SIZE_MAX, &name) || name.n < 2 || object.n == 0 ||
            object.p[0] != ':')
            return false;
        object.p++, object.n--;
        if (!sio_json_value(&object, SIZE_MAX, &value))
            return false;
        if (str_eq((struct str){name.p + 1, name.n - 2}, want)) {
            *ret = value;
            return true;
        }
    }
    return false;
}

static void add_utf8(struct buf *out, uint32_t c)
{
    if (c < 0x80) {
        buf_add_c(out, (char)c);
    } else if (c < 0x800) {
        buf_add_c(out, (char)(0xc0 | c >> 6));
        buf_add_c(out, (char)(0x80 | (c & 0x3f)));
    } else if (c < 0x10000) {
        buf_add_c(out, (char)(0xe0 | c >> 12));
        buf_add_c(out, (char)(0x80 | (c >> 6 & 0x3f)));
        buf_add_c(out, (char)(0x80 | (c & 0x3f)));
    } else {
        buf_add_c(out, (char)(0xf0 | c >> 18));
        buf_add_c(out, (char)(0x80 | (c >> 12 & 0x3f)));
        buf_add_c(out, (char)(0x80 | (c >> 6 & 0x3f)));
        buf_add_c(out, (char)(0x80 | (c & 0x3f)));
    }
}

/* \uXXXX, with a second one when the first is a high surrogate (RFC 8259 section 7). */
static bool add_unicode(const char **at, const char *end, struct buf *out)
{
    int c = hex4(*at, end);
    *at += 4;
    if (c < 0 || (c >= 0xdc00 && c < 0xe000))
        return false;
    if (c < 0xd800 || c >= 0xe000) {
        add_utf8(out, (uint32_t)c);
        return true;
    }
    if (end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u')
        return false;
    int low = hex4(*at + 2, end);
    *at += 6;
    if (low < 0xdc00 || low >= 0xe000)
        return false;
    add_utf8(out, 0x10000U + (((uint32_t)c - 0xd800U) << 10) + ((uint32_t)low - 0xdc00U));
    return true;
}

bool sio_json_text(struct str literal, struct buf *out)
{
    static const char letters[] = "\"\\/bfnrt", meaning[] = "\"\\/\b\f\n\r\t";
    struct str rest = literal, value;
    if (!sio_json_value(&rest, SIZE_MAX, &value) || rest.n || value.p[0] != '"')
        return false;
    const char *at = value.p + 1, *end = value.p + value.n - 1;
    while (at < end) {
        const char *plain = at;
        while (at < end && *at != '\\')
            at++;
        buf_add(out, plain, (size_t)(at - plain));
        if (at >= end)
            break;
        char c = at[1];
        at += 2;
        if (c != 'u')
            buf_add_c(out, meaning[strchr(letters, c) - letters]);
        else if (!add_unicode(&at, end, out))
            return false;
    }
    return !out->overflowed;
}

void sio_quote(struct buf *out, struct str text)
{
    static const char letters[] = "\"\\\b\f\n\r\t", escapes[] = "\"\\bfnrt";
    bool valid = str_utf8_valid(text);
    buf_add_c(out, '"');
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        const char *at = c ? strchr(letters, c) : NULL;
        if (at) {
            buf_add_c(out, '\\');
            buf_add_c(out, escapes[at - letters]);
        } else if (c < 0x20) {
            buf_addf(out, "\\u%04x", c);
        } else if (c >= 0x80 && !valid) {
            buf_add_z(out, "\xef\xbf\xbd"); /* U+FFFD for each byte of broken text */
        } else {
            buf_add_c(out, (char)c);
        }
    }
    buf_add_c(out, '"');
}
