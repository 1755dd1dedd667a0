/* What a response looks like on the wire, and how a problem becomes one. */
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "http/internal.h"

static const char *reason(int status)
{
    static const struct {
        int status;
        const char *text;
    } reasons[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
    };
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].text;
    return "Status";
}

/* ---- headers --------------------------------------------------------------------------------- */

static _Noreturn void header_wrong(const char *name)
{
    fprintf(stderr, "nexacore: the response header %s cannot be set so\n", name);
    abort();
}

/* The wire's own fields follow from the response; a second copy would contradict them. */
static bool is_ours(struct str name)
{
    static const struct str ours[] = {STR("content-length"), STR("transfer-encoding"),
                                      STR("connection"), STR("date")};
    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        if (str_eq_nocase(name, ours[i]))
            return true;
    return false;
}

static struct http_header *header_slot(struct http_response *rs, struct str name)
{
    bool many = str_eq_nocase(name, STR("set-cookie"));
    for (size_t i = 0; i < rs->header_count && !many; i++)
        if (str_eq_nocase(rs->headers[i].name, name))
            return &rs->headers[i];
    if (rs->header_count == ARRAY_LEN(rs->headers))
        header_wrong(name.p);
    return &rs->headers[rs->header_count++];
}

void http_header_set(struct http_response *rs, const char *name, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct str value = str_of(arena_vfmt(rs->arena, fmt, ap));
    va_end(ap);
    struct str own = str_of(name);
    if (!http_is_token(own) || !http_is_value(value) || is_ours(own))
        header_wrong(name);
    if (str_eq_nocase(own, STR("content-type"))) {
        rs->content_type = value.p;
        return;
    }
    *header_slot(rs, own) = (struct http_header){arena_str(rs->arena, own), value};
}

void http_header_const(struct http_response *rs, const char *name, const char *value)
{
    struct str own = str_of(name), text = str_of(value);
    if (!http_is_value(text))
        header_wrong(name);
    *header_slot(rs, own) = (struct http_header){own, text};
}

static bool header_is_set(const struct http_response *rs, struct str name)
{
    for (size_t i = 0; i < rs->header_count; i++)
        if (str_eq_nocase(rs->headers[i].name, name))
            return true;
    return false;
}

/* ---- problems -------------------------------------------------------------------------------- */

void http_response_problem(struct http_request *rq, struct http_response *rs, struct problem *p)
{
    rs->status = problem_status(p->kind);
    rs->content_type = "application/problem+json";
    rs->stream = NULL;
    buf_clear(&rs->body);
    problem_write(p, rq->id, &rs->body);
    if (rs->status == 401 && !header_is_set(rs, STR("www-authenticate")))
        http_header_set(rs, "WWW-Authenticate", "Bearer");
    if (rs->status == 503 || rs->status == 429 || p->retry_after_s > 0)
        http_header_set(rs, "Retry-After", "%u", p->retry_after_s ? p->retry_after_s : 1);
}

void http_problem_log(const struct problem *p)
{
    int status = problem_status(p->kind);
    if (status >= 500)
        log_warn("%d %s: %s%s%s", status, problem_slug(p->kind), p->detail, p->cause[0] ? ": " : "",
                 p->cause);
    else
        log_debug("%d %s: %s", status, problem_slug(p->kind), p->detail);
}

/* ---- the head -------------------------------------------------------------------------------- */

static void add_u64(struct buf *out, uint64_t v)
{
    char digits[20];
    size_t at = sizeof(digits);
    do
        digits[--at] = (char)('0' + v % 10);
    while (v /= 10);
    buf_add(out, digits + at, sizeof(digits) - at);
}

static void add_field(struct buf *out, struct str name, struct str value)
{
    char *at = buf_room(out, name.n + value.n + 4);
    if (!at)
        return;
    memcpy(at, name.p, name.n);
    memcpy(at + name.n, ": ", 2);
    memcpy(at + name.n + 2, value.p, value.n);
    memcpy(at + name.n + 2 + value.n, "\r\n", 2);
    out->len += name.n + value.n + 4;
}

void http_response_head(const struct http_exchange *ex, const char *date, size_t body_len,
                        bool close, struct buf *out)
{
    const struct http_response *rs = &ex->rs;
    buf_add_str(out, STR("HTTP/1.1 "));
    add_u64(out, (uint64_t)rs->status);
    buf_add_c(out, ' ');
    buf_add_z(out, reason(rs->status));
    buf_add_str(out, STR("\r\n"));
    add_field(out, STR("Date"), str_of(date));
    if (rs->content_type)
        add_field(out, STR("Content-Type"), str_of(rs->content_type));
    else if (rs->body.len > 0 || rs->stream)
        add_field(out, STR("Content-Type"), STR("application/json"));
    if (body_len != SIZE_MAX) {
        buf_add_str(out, STR("Content-Length: "));
        add_u64(out, body_len);
        buf_add_str(out, STR("\r\n"));
    } else if (ex->chunked) {
        add_field(out, STR("Transfer-Encoding"), STR("chunked"));
    }
    add_field(out, STR("X-Request-Id"), str_of(ex->rq.id));
    for (size_t i = 0; i < rs->header_count; i++)
        add_field(out, rs->headers[i].name, rs->headers[i].value);
    if (close)
        add_field(out, STR("Connection"), STR("close"));
    buf_add_str(out, STR("\r\n"));
}
