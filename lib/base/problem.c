/* The one table of what can go wrong, and its RFC 9457 form. */
#include "base/problem.h"

#include <stdio.h>

#include "base/cleanup.h"

static const struct {
    int status;
    const char *slug;
    const char *title;
} kinds[PROBLEM__COUNT] = {
    [PROBLEM_NONE] = {500, "internal", "Internal error"},
    [PROBLEM_BAD_REQUEST] = {400, "bad-request", "The request is malformed"},
    [PROBLEM_VALIDATION] = {400, "validation", "A value in the request is not right"},
    [PROBLEM_UNAUTHENTICATED] = {401, "unauthenticated", "Sign in first"},
    [PROBLEM_FORBIDDEN] = {403, "forbidden", "Your role may not do this"},
    [PROBLEM_NOT_FOUND] = {404, "not-found", "There is no such thing"},
    [PROBLEM_METHOD_NOT_ALLOWED] = {405, "method-not-allowed", "This method is not served here"},
    [PROBLEM_TIMEOUT] = {408, "timeout", "The request did not arrive in time"},
    [PROBLEM_CONFLICT] = {409, "conflict", "The state does not allow this"},
    [PROBLEM_PRECONDITION_FAILED] = {412, "precondition-failed", "It was changed meanwhile"},
    [PROBLEM_TOO_LARGE] = {413, "too-large", "The body is too large"},
    [PROBLEM_UNSUPPORTED_MEDIA] = {415, "unsupported-media-type", "This media type is not read"},
    [PROBLEM_UNPROCESSABLE] = {422, "unprocessable", "The request cannot be carried out"},
    [PROBLEM_TOO_MANY_REQUESTS] = {429, "too-many-requests", "Too many requests"},
    [PROBLEM_HEADERS_TOO_LARGE] = {431, "headers-too-large", "The headers are too large"},
    [PROBLEM_INTERNAL] = {500, "internal", "Internal error"},
    [PROBLEM_NOT_IMPLEMENTED] = {501, "not-implemented", "This is not spoken here"},
    [PROBLEM_UNAVAILABLE] = {503, "unavailable", "Something needed is down; try again"},
};

static struct problem *problem_make(struct arena *arena)
{
    static _Thread_local struct problem last;
    if (arena)
        return arena_make(arena, struct problem);
    last = (struct problem){0};
    return &last;
}

struct problem *problem_new(struct arena *arena, enum problem_kind kind, const char *fmt, ...)
{
    struct problem *p = problem_make(arena);
    p->kind = kind;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(p->detail, sizeof(p->detail), fmt, ap);
    va_end(ap);
    return p;
}

struct problem *problem_field(struct arena *arena, const char *pointer, const char *fmt, ...)
{
    struct problem *p = problem_make(arena);
    p->kind = PROBLEM_VALIDATION;
    snprintf(p->field, sizeof(p->field), "%s", pointer);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(p->detail, sizeof(p->detail), fmt, ap);
    va_end(ap);
    return p;
}

struct problem *problem_cause(struct problem *p, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(p->cause, sizeof(p->cause), fmt, ap);
    va_end(ap);
    for (char *c = p->cause; *c; c++)
        if (*c == '\n' || *c == '\r')
            *c = ' ';
    return p;
}

static unsigned known(enum problem_kind kind)
{
    return (unsigned)kind < PROBLEM__COUNT ? (unsigned)kind : PROBLEM_INTERNAL;
}

int problem_status(enum problem_kind kind)
{
    return kinds[known(kind)].status;
}

const char *problem_slug(enum problem_kind kind)
{
    return kinds[known(kind)].slug;
}

const char *problem_title(enum problem_kind kind)
{
    return kinds[known(kind)].title;
}

/* Detail and pointer may quote a key the client sent, so they are escaped; a sequence cut by the
 * fixed size or not UTF-8 becomes '?'. */
static void add_quoted(struct buf *out, const char *z)
{
    struct str s = str_of(z);
    bool valid = str_utf8_valid(s);
    buf_add_c(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '"' || c == '\\')
            buf_addf(out, "\\%c", c);
        else if (c < 0x20)
            buf_addf(out, "\\u%04x", c);
        else
            buf_add_c(out, c >= 0x80 && !valid ? '?' : (char)c);
    }
    buf_add_c(out, '"');
}

void problem_write(const struct problem *p, const char *instance, struct buf *out)
{
    buf_addf(out, "{\"type\":\"/problems/%s\",\"title\":\"%s\",\"status\":%d,\"detail\":",
             problem_slug(p->kind), problem_title(p->kind), problem_status(p->kind));
    add_quoted(out, p->detail);
    buf_add_z(out, ",\"instance\":");
    add_quoted(out, instance ? instance : "");
    if (p->field[0]) {
        buf_add_z(out, ",\"errors\":[{\"pointer\":");
        add_quoted(out, p->field);
        buf_add_z(out, ",\"detail\":");
        add_quoted(out, p->detail);
        buf_add_z(out, "}]");
    }
    buf_add_c(out, '}');
}
