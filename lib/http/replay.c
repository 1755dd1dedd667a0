/* The parser driven as the server drives it, without sockets. */
#include "http/replay.h"

#include "base/problem.h"
#include "http/parse.h"

struct replay {
    struct buf in;
    struct http_scan scan;
    struct http_body_reader body;
    bool in_body, over;
    struct arena *arena;
    struct buf *out;
};

static void refused(struct replay *r, int status)
{
    buf_addf(r->out, "!%d\n", status);
    r->over = true;
}

static void head_write(struct replay *r, const struct http_head *head)
{
    buf_addf(r->out, "%s ", http_method_name(head->method));
    buf_add_str(r->out, head->path);
    buf_add_c(r->out, '?');
    buf_add_str(r->out, head->query);
    buf_addf(r->out, " close=%d ", head->close);
    for (size_t i = 0; i < head->header_count; i++) {
        buf_add_c(r->out, '[');
        buf_add_str(r->out, head->headers[i].name);
        buf_add_c(r->out, '=');
        buf_add_str(r->out, head->headers[i].value);
        buf_add_c(r->out, ']');
    }
    buf_add_z(r->out, " {");
}

static bool head_step(struct replay *r)
{
    size_t len;
    struct http_head head;
    switch (http_scan_step(&r->scan, buf_str(&r->in), HTTP_REPLAY_HEADER_MAX, &len)) {
    case HTTP_SCAN_MORE:
        return false;
    case HTTP_SCAN_BAD:
        refused(r, 400);
        return false;
    case HTTP_SCAN_TOO_LARGE:
        refused(r, 431);
        return false;
    case HTTP_SCAN_DONE:
        break;
    }
    arena_reset(r->arena);
    struct problem *p = http_head_parse(r->arena, (struct str){r->in.data, len}, &head);
    buf_shift(&r->in, len);
    r->scan = (struct http_scan){0};
    if (p) {
        refused(r, problem_status(p->kind));
        return false;
    }
    head_write(r, &head);
    r->body = http_body_reader_of(&head);
    r->in_body = true;
    return true;
}

/* Every third run of bytes is given back once, as the server does when the disk is behind. */
static bool body_step(struct replay *r)
{
    struct str view = buf_str(&r->in), bytes = STR_NONE;
    enum http_body_step step = http_body_next(&r->body, &view, &bytes);
    if (step == HTTP_BODY_BYTES && bytes.n % 3 == 0) {
        http_body_give_back(&r->body, &view, bytes.n);
        step = http_body_next(&r->body, &view, &bytes);
    }
    if (step == HTTP_BODY_BYTES)
        buf_add_str(r->out, bytes);
    buf_shift(&r->in, r->in.len - view.n);
    if (step == HTTP_BODY_BAD)
        refused(r, 400);
    if (step == HTTP_BODY_END) {
        buf_add_z(r->out, "}\n");
        r->in_body = false;
        return r->in.len > 0;
    }
    return step == HTTP_BODY_BYTES;
}

void http_replay(struct str bytes, size_t cut, size_t step, struct buf *out)
{
    struct replay r = {.in = BUF_MAX(1 << 20), .arena = arena_new(1 << 24), .out = out};
    bool first = cut > 0;
    while (bytes.n > 0 && !r.over) {
        size_t n = first ? cut : step;
        first = false;
        n = n < bytes.n ? n : bytes.n;
        buf_add(&r.in, bytes.p, n);
        bytes.p += n;
        bytes.n -= n;
        while (!r.over && (r.in_body ? body_step(&r) : head_step(&r)))
            ;
    }
    if (!r.over && (r.in.len > 0 || r.in_body))
        buf_add_z(out, "...\n");
    buf_free(&r.in);
    arena_free(&r.arena);
}
