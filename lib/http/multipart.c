/* multipart/form-data, one part after the other (RFC 7578, RFC 2046 section 5.1).
 *
 * The rule not to break: bytes are handed out only when they cannot be the beginning of a
 * delimiter, whatever the sizes of the reads. A window of fixed size moves over the source. */
#include "http/multipart.h"

#include "base/cleanup.h"
#include "http/internal.h"

enum { WINDOW = 32768, PARTS_MAX = 16, HEADERS_BYTES_MAX = 8192, BOUNDARY_MAX = 70 };

enum part_state { AT_START, IN_PART, AFTER_DELIMITER, CLOSED };

struct http_multipart {
    struct arena *arena;
    http_source_read *read;
    void *source;
    struct str delimiter; /* "\r\n--boundary" */
    enum part_state state;
    unsigned parts;
    bool ended; /* the source has no more */
    char *window;
    size_t at, len; /* unread bytes are window[at..len) */
    size_t safe;    /* window[at..safe) is known to belong to the part */
    bool found;     /* and the delimiter is at `safe` */
};

static struct problem *bad(struct http_multipart *m, const char *what)
{
    return problem_new(m->arena, PROBLEM_BAD_REQUEST, "%s", what);
}

/* ---- header parameters ----------------------------------------------------------------------- */

/* A quoted-string. Only \" and \\ are escapes: browsers write other backslashes as they are. */
static bool quoted_take(struct arena *arena, struct str *rest, struct str *ret)
{
    char *out = arena_alloc(arena, rest->n + 1);
    size_t n = 0;
    for (size_t i = 1; i < rest->n; i++) {
        if (rest->p[i] == '"') {
            *ret = (struct str){out, n};
            rest->p += i + 1;
            rest->n -= i + 1;
            return true;
        }
        bool escape = rest->p[i] == '\\' && i + 1 < rest->n &&
                      (rest->p[i + 1] == '"' || rest->p[i + 1] == '\\');
        i += escape;
        out[n++] = rest->p[i];
    }
    return false;
}

static bool value_take(struct arena *arena, struct str *rest, struct str *ret)
{
    if (rest->n > 0 && rest->p[0] == '"')
        return quoted_take(arena, rest, ret);
    size_t n = 0;
    while (n < rest->n && rest->p[n] != ';' && rest->p[n] != ' ' && rest->p[n] != '\t')
        n++;
    *ret = (struct str){rest->p, n};
    rest->p += n;
    rest->n -= n;
    return n > 0;
}

bool http_param_get(struct arena *arena, struct str value, const char *name, struct str *ret)
{
    struct str rest = value, found = STR_NONE, wanted = str_of(name);
    str_cut(&rest, ';');
    while ((rest = str_trim(rest)).n > 0) {
        const char *equals = memchr(rest.p, '=', rest.n);
        if (!equals)
            return false;
        struct str key = {rest.p, (size_t)(equals - rest.p)}, text;
        rest.p += key.n + 1;
        rest.n -= key.n + 1;
        if (!http_is_token(key) || !value_take(arena, &rest, &text))
            return false;
        if (str_eq_nocase(key, wanted)) {
            if (found.p)
                return false;
            found = text;
        }
        rest = str_trim(rest);
        if (rest.n > 0 && rest.p[0] != ';')
            return false;
        rest.p += rest.n > 0;
        rest.n -= rest.n > 0;
    }
    *ret = found;
    return true;
}

/* ---- the window ------------------------------------------------------------------------------ */

/* Reads until the window is full or the source has ended. */
static struct problem *window_fill(struct http_multipart *m)
{
    memmove(m->window, m->window + m->at, m->len - m->at);
    m->safe -= m->at;
    m->len -= m->at;
    m->at = 0;
    while (m->len < WINDOW && !m->ended) {
        size_t n = 0;
        TRY(m->read(m->source, m->arena, m->window + m->len, WINDOW - m->len, &n));
        m->len += n;
        m->ended = n == 0;
    }
    return NULL;
}

/* Looks for the delimiter in what is not known yet. */
static void window_search(struct http_multipart *m)
{
    const char *hit = m->len > m->safe ? memmem(m->window + m->safe, m->len - m->safe,
                                                m->delimiter.p, m->delimiter.n)
                                       : NULL;
    m->found = hit != NULL;
    if (hit)
        m->safe = (size_t)(hit - m->window);
    else if (m->len - m->safe >= m->delimiter.n)
        m->safe = m->len - (m->delimiter.n - 1);
}

struct problem *http_multipart_read(struct http_multipart *m, void *ret, size_t n, size_t *ret_n)
{
    *ret_n = 0;
    if (m->state != IN_PART || n == 0)
        return NULL;
    while (m->at == m->safe) {
        if (m->found) {
            m->at += m->delimiter.n;
            m->safe = m->at;
            m->found = false;
            m->state = AFTER_DELIMITER;
            return NULL;
        }
        TRY(window_fill(m));
        window_search(m);
        if (m->at == m->safe && !m->found && m->ended)
            return bad(m, "the body ends before its closing delimiter");
    }
    size_t left = m->safe - m->at;
    *ret_n = n < left ? n : left;
    memcpy(ret, m->window + m->at, *ret_n);
    m->at += *ret_n;
    return NULL;
}

/* ---- the headers of a part ------------------------------------------------------------------- */

static struct problem *part_header(struct http_multipart *m, struct str line,
                                   struct http_part *part)
{
    struct str value = line;
    struct str name = str_cut(&value, ':');
    if (!http_is_token(name) || name.n == line.n || !http_is_value(value))
        return bad(m, "a part's header is malformed");
    value = str_trim(value);
    if (str_eq_nocase(name, STR("content-type"))) {
        if (part->content_type.p)
            return bad(m, "a part's Content-Type comes twice");
        part->content_type = value;
    } else if (str_eq_nocase(name, STR("content-disposition"))) {
        struct str rest = value;
        bool form_data = str_eq_nocase(str_trim(str_cut(&rest, ';')), STR("form-data"));
        if (part->name.p || !form_data || !http_param_get(m->arena, value, "name", &part->name) ||
            !http_param_get(m->arena, value, "filename", &part->filename) || !part->name.p)
            return bad(m, "a part's Content-Disposition is malformed");
    } else if (str_eq_nocase(name, STR("content-transfer-encoding"))) {
        if (!str_eq_nocase(value, STR("binary")) && !str_eq_nocase(value, STR("8bit")) &&
            !str_eq_nocase(value, STR("7bit")))
            return bad(m, "a part's Content-Transfer-Encoding is not read (RFC 7578 section 4.7)");
    }
    return NULL;
}

/* The window begins with the CRLF that ends the delimiter's line. */
static struct problem *part_headers(struct http_multipart *m, struct http_part *ret)
{
    size_t left = m->len - m->at;
    size_t limit = left < HEADERS_BYTES_MAX ? left : HEADERS_BYTES_MAX;
    const char *end = memmem(m->window + m->at, limit, "\r\n\r\n", 4);
    if (!end)
        return bad(m, "a part's headers do not end");
    struct str block = {m->window + m->at + 2, (size_t)(end - (m->window + m->at))};
    struct str rest = arena_str(m->arena, block);
    m->at = m->safe = (size_t)(end - m->window) + 4;

    struct http_part part = {0};
    while (rest.n > 0) {
        struct str line = str_cut(&rest, '\n');
        if (line.n == 0 || line.p[line.n - 1] != '\r')
            return bad(m, "a part's header is malformed");
        line.n--;
        if (line.n > 0)
            TRY(part_header(m, line, &part));
    }
    if (!part.name.p)
        return bad(m, "a part has no name");
    *ret = part;
    return NULL;
}

static struct problem *part_skip(struct http_multipart *m)
{
    char bytes[4096];
    size_t n = 1;
    while (n > 0)
        TRY(http_multipart_read(m, bytes, sizeof(bytes), &n));
    return NULL;
}

static struct problem *first_delimiter(struct http_multipart *m)
{
    TRY(window_fill(m));
    struct str start = {m->window, m->len};
    if (!str_starts(start, m->delimiter))
        return bad(m, "the body does not begin with its delimiter");
    m->at = m->safe = m->delimiter.n;
    m->state = AFTER_DELIMITER;
    return NULL;
}

struct problem *http_multipart_next(struct http_multipart *m, struct http_part *ret, bool *ret_more)
{
    if (m->state == AT_START)
        TRY(first_delimiter(m));
    if (m->state == IN_PART)
        TRY(part_skip(m));
    if (m->state == AFTER_DELIMITER) {
        TRY(window_fill(m));
        struct str ahead = {m->window + m->at, m->len - m->at};
        while (ahead.n > 0 && (ahead.p[0] == ' ' || ahead.p[0] == '\t'))
            ahead.p++, ahead.n--, m->at++;
        m->safe = m->at;
        if (str_starts(ahead, STR("--"))) {
            m->state = CLOSED;
        } else {
            if (!str_starts(ahead, STR("\r\n")))
                return bad(m, ahead.n < 2 ? "the body ends before its closing delimiter"
                                          : "a delimiter is followed by something else");
            if (++m->parts > PARTS_MAX)
                return bad(m, "the form has too many parts");
            TRY(part_headers(m, ret));
            m->state = IN_PART;
        }
    }
    *ret_more = m->state == IN_PART;
    return NULL;
}

/* ---- opening --------------------------------------------------------------------------------- */

/* RFC 2046 section 5.1.1: bchars. */
static bool boundary_valid(struct str boundary)
{
    for (size_t i = 0; i < boundary.n; i++) {
        char c = boundary.p[i];
        bool alphanumeric =
            (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!alphanumeric && !memchr("'()+_,-./:=? ", c, 13))
            return false;
    }
    return boundary.n > 0 && boundary.n <= BOUNDARY_MAX && boundary.p[boundary.n - 1] != ' ';
}

struct problem *http_multipart_over(struct arena *arena, struct str boundary,
                                    http_source_read *read, void *source,
                                    struct http_multipart **ret)
{
    if (!boundary_valid(boundary))
        return problem_new(arena, PROBLEM_BAD_REQUEST, "the multipart boundary is malformed");
    struct http_multipart *m = arena_make(arena, struct http_multipart);
    m->arena = arena;
    m->read = read;
    m->source = source;
    m->delimiter = str_of(arena_fmt(arena, "\r\n--" STR_FMT, STR_ARG(boundary)));
    m->window = arena_alloc(arena, WINDOW);
    /* so that the first delimiter, which has no CRLF before it, looks like the others */
    memcpy(m->window, "\r\n", 2);
    m->len = 2;
    *ret = m;
    return NULL;
}

static struct problem *spool_source(void *source, struct arena *arena, void *ret, size_t n,
                                    size_t *ret_n)
{
    return http_spool_read(source, arena, ret, n, ret_n);
}

struct problem *http_multipart_open(struct http_request *rq, struct http_multipart **ret)
{
    struct str value = http_header_get(rq, "content-type");
    struct str rest = value, boundary;
    if (!str_eq_nocase(str_trim(str_cut(&rest, ';')), STR("multipart/form-data")))
        return problem_new(rq->arena, PROBLEM_UNSUPPORTED_MEDIA,
                           "the body must be multipart/form-data");
    if (!http_param_get(rq->arena, value, "boundary", &boundary))
        return problem_new(rq->arena, PROBLEM_BAD_REQUEST, "the multipart boundary is malformed");
    if (!rq->spool)
        return problem_new(rq->arena, PROBLEM_INTERNAL, "this route keeps no body");
    http_spool_rewind(rq->spool);
    return http_multipart_over(rq->arena, boundary, spool_source, rq->spool, ret);
}
