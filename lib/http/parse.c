/* The strict request parser. The rule: refuse what is ambiguous, never mend it. */
#include "http/parse.h"

#include "base/cleanup.h"

enum {
    TOKEN = 1, /* RFC 9110 tchar */
    PATH = 2,  /* RFC 3986 pchar and '/' */
    QUERY = 4, /* what browsers leave as it is in a query */
    VALUE = 8, /* a field value's byte */
    HOST = 16, /* host and port */
    ALL = TOKEN | PATH | QUERY | VALUE | HOST
};

/* clang-format off */
static const uint8_t classes[256] = {
    ['0' ... '9'] = ALL, ['A' ... 'Z'] = ALL, ['a' ... 'z'] = ALL,
    ['-'] = ALL, ['.'] = ALL, ['_'] = ALL,
    ['~'] = TOKEN | PATH | QUERY | VALUE, ['!'] = TOKEN | PATH | QUERY | VALUE,
    ['$'] = TOKEN | PATH | QUERY | VALUE, ['&'] = TOKEN | PATH | QUERY | VALUE,
    ['\''] = TOKEN | PATH | QUERY | VALUE, ['*'] = TOKEN | PATH | QUERY | VALUE,
    ['+'] = TOKEN | PATH | QUERY | VALUE, ['%'] = TOKEN | PATH | QUERY | VALUE,
    ['('] = PATH | QUERY | VALUE, [')'] = PATH | QUERY | VALUE, [','] = PATH | QUERY | VALUE,
    [';'] = PATH | QUERY | VALUE, ['='] = PATH | QUERY | VALUE, ['@'] = PATH | QUERY | VALUE,
    ['/'] = PATH | QUERY | VALUE, [':'] = PATH | QUERY | VALUE | HOST,
    ['?'] = QUERY | VALUE, ['['] = QUERY | VALUE | HOST, [']'] = QUERY | VALUE | HOST,
    ['{'] = QUERY | VALUE, ['}'] = QUERY | VALUE,
    ['^'] = TOKEN | QUERY | VALUE, ['`'] = TOKEN | QUERY | VALUE, ['|'] = TOKEN | QUERY | VALUE,
    ['#'] = TOKEN | VALUE,
    ['"'] = VALUE, ['<'] = VALUE, ['>'] = VALUE, ['\\'] = VALUE, [' '] = VALUE, ['\t'] = VALUE,
    [0x80 ... 0xFF] = VALUE,
};
/* clang-format on */

static bool all_of(struct str s, unsigned class)
{
    for (size_t i = 0; i < s.n; i++)
        if (!(classes[(unsigned char)s.p[i]] & class))
            return false;
    return true;
}

bool http_is_token(struct str s)
{
    return s.n > 0 && all_of(s, TOKEN);
}

bool http_is_value(struct str s)
{
    return all_of(s, VALUE);
}

static struct problem *bad(struct arena *arena, const char *what)
{
    return problem_new(arena, PROBLEM_BAD_REQUEST, "%s", what);
}

/* ---- the end of the head --------------------------------------------------------------------- */

enum http_scan_result http_scan_step(struct http_scan *scan, struct str in, size_t max,
                                     size_t *ret_len)
{
    size_t end = in.n < max ? in.n : max;
    if (in.n > 0 && in.p[0] != '\r' && !(classes[(unsigned char)in.p[0]] & TOKEN))
        return HTTP_SCAN_BAD;

    while (scan->at < end) {
        const char *lf = memchr(in.p + scan->at, '\n', end - scan->at);
        if (!lf) {
            scan->at = end;
            break;
        }
        size_t at = (size_t)(lf - in.p);
        if (at == scan->line || in.p[at - 1] != '\r')
            return HTTP_SCAN_BAD;
        bool empty = at - scan->line == 1;
        scan->at = scan->line = at + 1;
        if (empty && scan->begun) {
            *ret_len = at + 1;
            return HTTP_SCAN_DONE;
        }
        scan->begun = true;
    }
    return in.n > max ? HTTP_SCAN_TOO_LARGE : HTTP_SCAN_MORE;
}

/* The next line of a complete head, without its CRLF. */
static struct str line_next(struct str *rest)
{
    const char *lf = memchr(rest->p, '\n', rest->n);
    if (!lf)
        return STR_NONE;
    struct str line = {rest->p, (size_t)(lf - rest->p) - 1};
    rest->n -= line.n + 2;
    rest->p += line.n + 2;
    return line;
}

/* ---- the request line ------------------------------------------------------------------------ */

static const struct str methods[HTTP_METHOD__COUNT + 1] = {
    [HTTP_GET] = STR("GET"),         [HTTP_HEAD] = STR("HEAD"),
    [HTTP_POST] = STR("POST"),       [HTTP_PUT] = STR("PUT"),
    [HTTP_PATCH] = STR("PATCH"),     [HTTP_DELETE] = STR("DELETE"),
    [HTTP_OPTIONS] = STR("OPTIONS"), [HTTP_METHOD__COUNT] = STR("TRACE"),
};

const char *http_method_name(enum http_method method)
{
    return (unsigned)method < HTTP_METHOD__COUNT ? methods[method].p : "TRACE";
}

static int hex_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool http_decode(struct arena *arena, struct str raw, bool plus, struct str *ret)
{
    char *out = arena_alloc(arena, raw.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < raw.n; i++) {
        if (raw.p[i] == '+' && plus) {
            out[n++] = ' ';
        } else if (raw.p[i] != '%') {
            out[n++] = raw.p[i];
        } else {
            if (raw.n - i < 3 || hex_of(raw.p[i + 1]) < 0 || hex_of(raw.p[i + 2]) < 0)
                return false;
            out[n++] = (char)(hex_of(raw.p[i + 1]) << 4 | hex_of(raw.p[i + 2]));
            i += 2;
        }
    }
    *ret = (struct str){out, n};
    return true;
}

static bool has_dot_segment(struct str path)
{
    struct str rest = path;
    while (rest.n > 0) {
        struct str segment = str_cut(&rest, '/');
        if (str_eq(segment, STR(".")) || str_eq(segment, STR("..")))
            return true;
    }
    return false;
}

/* Decodes once and then refuses what would be read differently by a second decoder: encoded
 * separators, control bytes, dot segments, bytes that are not UTF-8. */
static struct problem *path_parse(struct arena *arena, struct str raw, struct str *ret)
{
    if (raw.n == 0 || raw.p[0] != '/' || !all_of(raw, PATH))
        return bad(arena, "the request target is not an absolute path");
    struct str path = raw;
    if (memchr(raw.p, '%', raw.n)) {
        if (!http_decode(arena, raw, false, &path) || !str_utf8_valid(path))
            return bad(arena, "the path has an invalid percent escape");
        size_t raw_slashes = 0, slashes = 0;
        for (size_t i = 0; i < raw.n; i++)
            raw_slashes += raw.p[i] == '/';
        for (size_t i = 0; i < path.n; i++) {
            unsigned char c = (unsigned char)path.p[i];
            slashes += c == '/';
            if (c < 0x20 || c == 0x7F || c == '\\')
                return bad(arena, "the path has an escaped control byte or backslash");
        }
        if (slashes != raw_slashes)
            return bad(arena, "the path has an escaped slash");
    }
    if (has_dot_segment(path))
        return bad(arena, "the path has a dot segment");
    *ret = path;
    return NULL;
}

static struct problem *query_check(struct arena *arena, struct str raw)
{
    if (!all_of(raw, QUERY))
        return bad(arena, "the query has a character that must be escaped");
    if (raw.n == 0 || !memchr(raw.p, '%', raw.n))
        return NULL;
    struct str text;
    if (!http_decode(arena, raw, true, &text) || !str_utf8_valid(text) ||
        memchr(text.p, '\0', text.n))
        return bad(arena, "the query has an invalid percent escape");
    return NULL;
}

static struct problem *target_parse(struct arena *arena, struct str target, struct http_head *head)
{
    if (head->method == HTTP_OPTIONS && str_eq(target, STR("*"))) {
        head->path = target;
        return NULL;
    }
    const char *mark = memchr(target.p, '?', target.n);
    struct str path = {target.p, mark ? (size_t)(mark - target.p) : target.n};
    if (mark)
        head->query = (struct str){mark + 1, target.n - path.n - 1};
    TRY(path_parse(arena, path, &head->path));
    return query_check(arena, head->query);
}

static struct problem *request_line(struct arena *arena, struct str line, struct http_head *head)
{
    const char *first = memchr(line.p, ' ', line.n);
    if (!first)
        return bad(arena, "the request line is malformed");
    struct str method = {line.p, (size_t)(first - line.p)};
    struct str rest = {first + 1, line.n - method.n - 1};
    struct str target = str_cut(&rest, ' ');
    if (!http_is_token(method) || target.n == 0)
        return bad(arena, "the request line is malformed");
    if (str_eq(rest, STR("HTTP/1.0")))
        head->http10 = true;
    else if (!str_eq(rest, STR("HTTP/1.1")))
        return bad(arena, "the protocol version is not HTTP/1.1");

    size_t i = 0;
    while (i < ARRAY_LEN(methods) && !str_eq(method, methods[i]))
        i++;
    if (i == ARRAY_LEN(methods))
        return problem_new(arena, PROBLEM_NOT_IMPLEMENTED, "the method is not known");
    head->method = (enum http_method)i;
    return target_parse(arena, target, head);
}

/* ---- header fields --------------------------------------------------------------------------- */

static struct str trim_blanks(struct str s)
{
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
        s.p++, s.n--;
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

/* `line` is our own copy: the name is lowered in place. */
static struct problem *field_parse(struct arena *arena, struct str line, struct http_header *ret)
{
    if (line.p[0] == ' ' || line.p[0] == '\t')
        return bad(arena, "a header continues on a second line");
    const char *colon = memchr(line.p, ':', line.n);
    if (!colon)
        return bad(arena, "a header has no colon");
    struct str name = {line.p, (size_t)(colon - line.p)};
    if (!http_is_token(name))
        return bad(arena, "a header's name is malformed");
    struct str value = trim_blanks((struct str){colon + 1, line.n - name.n - 1});
    if (!http_is_value(value))
        return bad(arena, "a header's value has a control byte");
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] >= 'A' && name.p[i] <= 'Z')
            ((char *)name.p)[i] |= 0x20;
    *ret = (struct http_header){name, value};
    return NULL;
}

static size_t header_count(const struct http_head *head, struct str name, struct str *ret)
{
    size_t count = 0;
    for (size_t i = 0; i < head->header_count; i++)
        if (str_eq(head->headers[i].name, name)) {
            if (count++ == 0)
                *ret = head->headers[i].value;
        }
    return count;
}

struct str http_head_get(const struct http_head *head, struct str name)
{
    struct str value = STR_NONE;
    header_count(head, name, &value);
    return value;
}

bool http_list_has(struct str list, struct str token)
{
    while (list.n > 0)
        if (str_eq_nocase(trim_blanks(str_cut(&list, ',')), token))
            return true;
    return false;
}

/* Fields that must not come twice: with two, it is chance which one a reader takes. */
static struct problem *singles_check(struct arena *arena, const struct http_head *head)
{
    static const struct str singles[] = {
        STR("host"),         STR("content-length"), STR("transfer-encoding"), STR("authorization"),
        STR("content-type"), STR("expect"),         STR("idempotency-key"),
    };
    for (size_t i = 0; i < ARRAY_LEN(singles); i++) {
        struct str value;
        if (header_count(head, singles[i], &value) > 1)
            return problem_new(arena, PROBLEM_BAD_REQUEST, "the header %s comes twice",
                               singles[i].p);
    }
    return NULL;
}

/* uri-host [":" port] (RFC 9110 section 7.2), with the characters hosts really have. */
static bool host_valid(struct str host)
{
    if (host.n == 0 || !all_of(host, HOST))
        return false;
    struct str port = STR_NONE;
    if (host.p[0] == '[') {
        const char *end = memchr(host.p, ']', host.n);
        if (!end || end - host.p < 3)
            return false;
        port = (struct str){end + 1, host.n - (size_t)(end - host.p) - 1};
        if (port.n > 0 && port.p[0] != ':')
            return false;
        port.p += port.n > 0, port.n -= port.n > 0;
    } else {
        port = host;
        struct str name = str_cut(&port, ':');
        if (name.n == 0 || memchr(name.p, '[', name.n) || memchr(name.p, ']', name.n))
            return false;
    }
    uint64_t number;
    return port.n == 0 || str_u64(port, 65535, &number);
}

static struct problem *host_check(struct arena *arena, const struct http_head *head)
{
    struct str host = STR_NONE;
    if (header_count(head, STR("host"), &host) == 0)
        return head->http10 ? NULL : bad(arena, "the Host header is missing");
    return host_valid(host) ? NULL : bad(arena, "the Host header is malformed");
}

/* RFC 9112 section 6.3, without its leniencies: one length or exactly "chunked", never both. */
static struct problem *framing_parse(struct arena *arena, struct http_head *head)
{
    struct str length = STR_NONE, coding = STR_NONE;
    bool has_length = header_count(head, STR("content-length"), &length) > 0;
    bool has_coding = header_count(head, STR("transfer-encoding"), &coding) > 0;
    if (has_length && has_coding)
        return bad(arena, "Content-Length and Transfer-Encoding exclude each other");
    if (has_length && (length.n > 18 || !str_u64(length, INT64_MAX, &head->content_length)))
        return bad(arena, "Content-Length is not a length");
    if (!has_coding)
        return NULL;
    if (head->http10)
        return bad(arena, "HTTP/1.0 has no Transfer-Encoding");
    if (!str_eq_nocase(coding, STR("chunked"))) {
        const char *comma = memrchr(coding.p, ',', coding.n);
        size_t skip = comma ? (size_t)(comma - coding.p) + 1 : coding.n;
        struct str last = trim_blanks((struct str){coding.p + skip, coding.n - skip});
        bool final = str_eq_nocase(last, STR("chunked"));
        return problem_new(arena, final ? PROBLEM_NOT_IMPLEMENTED : PROBLEM_BAD_REQUEST,
                           "the only transfer coding is chunked");
    }
    head->chunked = true;
    return NULL;
}

static struct problem *wishes_parse(struct arena *arena, struct http_head *head)
{
    head->close = head->http10;
    for (size_t i = 0; i < head->header_count; i++)
        if (str_eq(head->headers[i].name, STR("connection")))
            head->close = head->close || http_list_has(head->headers[i].value, STR("close"));

    struct str expect = STR_NONE;
    if (header_count(head, STR("expect"), &expect) == 0)
        return NULL;
    if (!str_eq_nocase(expect, STR("100-continue")))
        return bad(arena, "the only expectation is 100-continue");
    head->expect_continue = !head->http10;
    return NULL;
}

struct problem *http_head_parse(struct arena *arena, struct str head, struct http_head *ret)
{
    struct http_head result = {0};
    struct str rest = arena_str(arena, head);
    struct str line = line_next(&rest);
    if (line.n == 0)
        line = line_next(&rest);
    if (line.n == 0)
        return bad(arena, "the request line is missing");
    TRY(request_line(arena, line, &result));

    size_t count = 0;
    for (const char *p = rest.p, *end = rest.p + rest.n; (p = memchr(p, '\n', (size_t)(end - p)));
         p++)
        count++;
    if (count > HTTP_HEADERS_MAX + 1)
        return problem_new(arena, PROBLEM_HEADERS_TOO_LARGE, "more than %d headers",
                           HTTP_HEADERS_MAX);
    struct http_header *headers = arena_array(arena, count, sizeof(*headers));
    result.headers = headers;
    while ((line = line_next(&rest)).n > 0)
        TRY(field_parse(arena, line, &headers[result.header_count++]));

    TRY(singles_check(arena, &result));
    TRY(host_check(arena, &result));
    TRY(framing_parse(arena, &result));
    TRY(wishes_parse(arena, &result));
    *ret = result;
    return NULL;
}

/* ---- the body -------------------------------------------------------------------------------- */

struct http_body_reader http_body_reader_of(const struct http_head *head)
{
    struct http_body_reader reader = {.left = head->content_length};
    if (head->chunked)
        reader.state = HTTP_BODY_AT_SIZE;
    else
        reader.state = reader.left > 0 ? HTTP_BODY_AT_DATA : HTTP_BODY_AT_END;
    return reader;
}

static enum http_body_step bytes_take(struct http_body_reader *reader, struct str *in,
                                      struct str *ret)
{
    if (in->n == 0)
        return HTTP_BODY_MORE;
    size_t n = in->n < reader->left ? in->n : (size_t)reader->left;
    *ret = (struct str){in->p, n};
    in->p += n;
    in->n -= n;
    reader->left -= n;
    if (reader->left == 0)
        reader->state =
            reader->state == HTTP_BODY_AT_DATA ? HTTP_BODY_AT_END : HTTP_BODY_AT_CHUNK_END;
    return HTTP_BODY_BYTES;
}

void http_body_give_back(struct http_body_reader *reader, struct str *in, size_t n)
{
    if (reader->state == HTTP_BODY_AT_END)
        reader->state = HTTP_BODY_AT_DATA;
    if (reader->state == HTTP_BODY_AT_CHUNK_END)
        reader->state = HTTP_BODY_AT_CHUNK;
    reader->left += n;
    in->p -= n;
    in->n += n;
}

/* A whole line of at most `max` bytes from the front of *in: END when there is one. */
static enum http_body_step line_take(struct str *in, size_t max, struct str *ret)
{
    size_t window = in->n < max + 2 ? in->n : max + 2;
    const char *lf = window > 0 ? memchr(in->p, '\n', window) : NULL;
    if (!lf)
        return in->n >= max + 2 ? HTTP_BODY_BAD : HTTP_BODY_MORE;
    size_t n = (size_t)(lf - in->p);
    if (n == 0 || in->p[n - 1] != '\r')
        return HTTP_BODY_BAD;
    *ret = (struct str){in->p, n - 1};
    in->p += n + 1;
    in->n -= n + 1;
    return HTTP_BODY_END;
}

/* chunk-size [chunk-ext] (RFC 9112 section 7.1): extensions are read over within a limit. */
static bool chunk_size(struct http_body_reader *reader, struct str line)
{
    size_t i = 0;
    uint64_t size = 0;
    for (; i < line.n && hex_of(line.p[i]) >= 0; i++)
        size = size << 4 | (uint64_t)hex_of(line.p[i]);
    if (i == 0 || i > 15)
        return false;
    struct str extension = {line.p + i, line.n - i};
    if (extension.n > 0 && (extension.p[0] != ';' || !http_is_value(extension)))
        return false;
    reader->extra += extension.n;
    reader->left = size;
    reader->state = size > 0 ? HTTP_BODY_AT_CHUNK : HTTP_BODY_AT_TRAILER;
    return reader->extra <= HTTP_CHUNK_EXTRA_MAX;
}

/* Trailer fields are checked like headers and dropped: nothing may be smuggled in after the fact.
 */
static bool trailer(struct http_body_reader *reader, struct str line)
{
    if (line.n == 0) {
        reader->state = HTTP_BODY_AT_END;
        return true;
    }
    const char *colon = memchr(line.p, ':', line.n);
    reader->extra += line.n;
    return colon && http_is_token((struct str){line.p, (size_t)(colon - line.p)}) &&
           http_is_value((struct str){colon + 1, line.n - (size_t)(colon - line.p) - 1}) &&
           reader->extra <= HTTP_CHUNK_EXTRA_MAX;
}

enum http_body_step http_body_next(struct http_body_reader *reader, struct str *in, struct str *ret)
{
    for (;;) {
        struct str line;
        bool trailing = reader->state == HTTP_BODY_AT_TRAILER;
        switch (reader->state) {
        case HTTP_BODY_AT_END:
            return HTTP_BODY_END;
        case HTTP_BODY_AT_DATA:
        case HTTP_BODY_AT_CHUNK:
            return bytes_take(reader, in, ret);
        case HTTP_BODY_AT_CHUNK_END:
            if (in->n > 0 && in->p[0] != '\r')
                return HTTP_BODY_BAD;
            if (in->n < 2)
                return HTTP_BODY_MORE;
            if (in->p[1] != '\n')
                return HTTP_BODY_BAD;
            in->p += 2;
            in->n -= 2;
            reader->state = HTTP_BODY_AT_SIZE;
            break;
        case HTTP_BODY_AT_SIZE:
        case HTTP_BODY_AT_TRAILER: {
            size_t max = trailing ? HTTP_TRAILER_LINE_MAX : HTTP_CHUNK_LINE_MAX;
            enum http_body_step step = line_take(in, max, &line);
            if (step != HTTP_BODY_END)
                return step;
            if (!(trailing ? trailer(reader, line) : chunk_size(reader, line)))
                return HTTP_BODY_BAD;
            break;
        }
        }
    }
}
