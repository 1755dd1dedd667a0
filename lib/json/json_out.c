/* The streaming writer: one struct buf, a stack of closers, commas by itself. */
#include "json/json_out.h"

#include <assert.h>
#include <math.h>

#include "base/clock.h"

struct jw jw_to(struct buf *out)
{
    return (struct jw){.out = out};
}

/* Before each value: a comma when it is not the first and no key stands before it. */
static void value_begin(struct jw *w)
{
    if (w->after_key) {
        w->after_key = false;
        return;
    }
    if (w->depth == 0)
        return;
    if (w->any[w->depth - 1])
        buf_add_c(w->out, ',');
    w->any[w->depth - 1] = true;
}

static void open_with(struct jw *w, char opener, char closer)
{
    assert(w->depth < JW_DEPTH_MAX);
    value_begin(w);
    buf_add_c(w->out, opener);
    w->closer[w->depth] = closer;
    w->any[w->depth] = false;
    w->depth++;
}

void jw_obj(struct jw *w)
{
    open_with(w, '{', '}');
}

void jw_arr(struct jw *w)
{
    open_with(w, '[', ']');
}

void jw_end(struct jw *w)
{
    assert(w->depth > 0 && !w->after_key);
    buf_add_c(w->out, w->closer[--w->depth]);
}

void jw_key(struct jw *w, const char *key)
{
    value_begin(w);
    buf_add_c(w->out, '"');
    buf_add_z(w->out, key);
    buf_add_z(w->out, "\":");
    w->after_key = true;
}

/* Bytes of a well-formed sequence at the start of s, or 0. */
static size_t utf8_len(struct str s)
{
    for (size_t n = 2; n <= 4 && n <= s.n; n++)
        if (str_utf8_valid((struct str){s.p, n}))
            return n;
    return 0;
}

static void add_text(struct buf *out, struct str s)
{
    buf_add_c(out, '"');
    size_t plain = 0; /* bytes not yet copied, all harmless */
    for (size_t i = 0; i < s.n;) {
        unsigned char c = (unsigned char)s.p[i];
        size_t step = c < 0x80 ? 1 : utf8_len((struct str){s.p + i, s.n - i});
        bool harmless = step > 0 && c >= 0x20 && c != '"' && c != '\\' && c != 0x7F;
        if (harmless) {
            plain += step;
            i += step;
            continue;
        }
        buf_add(out, s.p + i - plain, plain);
        plain = 0;
        if (step == 0)
            buf_add_z(out, "\xEF\xBF\xBD");
        else if (c == '"' || c == '\\')
            buf_addf(out, "\\%c", c);
        else if (c == '\n')
            buf_add_z(out, "\\n");
        else
            buf_addf(out, "\\u%04x", c);
        i++;
    }
    if (plain > 0)
        buf_add(out, s.p + s.n - plain, plain);
    buf_add_c(out, '"');
}

void jw_key_str(struct jw *w, struct str key)
{
    value_begin(w);
    add_text(w->out, key);
    buf_add_c(w->out, ':');
    w->after_key = true;
}

void jw_str(struct jw *w, struct str s)
{
    if (!s.p) {
        jw_null(w);
        return;
    }
    value_begin(w);
    add_text(w->out, s);
}

void jw_z(struct jw *w, const char *z)
{
    jw_str(w, str_of(z));
}

void jw_int(struct jw *w, int64_t v)
{
    value_begin(w);
    buf_addf(w->out, "%lld", (long long)v);
}

void jw_hundredths(struct jw *w, int64_t v)
{
    value_begin(w);
    uint64_t magnitude = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    buf_addf(w->out, "%s%llu.%02llu", v < 0 ? "-" : "", (unsigned long long)(magnitude / 100),
             (unsigned long long)(magnitude % 100));
}

void jw_real(struct jw *w, double v, int decimals)
{
    if (!isfinite(v)) {
        jw_null(w);
        return;
    }
    value_begin(w);
    buf_addf(w->out, "%.*f", decimals, v);
}

void jw_bool(struct jw *w, bool v)
{
    value_begin(w);
    buf_add_z(w->out, v ? "true" : "false");
}

void jw_null(struct jw *w)
{
    value_begin(w);
    buf_add_z(w->out, "null");
}

void jw_uuid(struct jw *w, struct uuid id)
{
    if (uuid_is_none(id)) {
        jw_null(w);
        return;
    }
    char text[UUID_TEXT_LEN + 1];
    uuid_text(id, text);
    value_begin(w);
    buf_addf(w->out, "\"%s\"", text);
}

void jw_time(struct jw *w, int64_t wall_us)
{
    if (wall_us == 0) {
        jw_null(w);
        return;
    }
    char text[CLOCK_TEXT_MAX];
    clock_text(wall_us, text);
    value_begin(w);
    buf_addf(w->out, "\"%s\"", text);
}

void jw_raw(struct jw *w, struct str json)
{
    value_begin(w);
    buf_add_str(w->out, json);
}
