/* Writes text without its card numbers: whole, in place, or piece by piece.
 *
 * The rule not to break: of a number only the last four digits ever reach the output (PCI DSS 3.4.1
 * allows more; nothing here needs more). */
#include "pan/pan_int.h"

/* The last four digits among the glyphs of a span, as ASCII; track data show those of the number,
 * which ends at '^' or '='. */
static void last_four(struct str text, const struct pan_span *span, char ret[4])
{
    memset(ret, '*', 4);
    for (size_t at = span->start; at < span->end;) {
        struct pan_char c = pan_char_at(text, at);
        bool past = at > span->start + 2 && (text.p[at] == '^' || text.p[at] == '=');
        if (span->kind == PAN_TRACK && past)
            break;
        bool sentinel = span->kind == PAN_TRACK && c.class == CLASS_LETTER;
        if ((c.class == CLASS_DIGIT || c.class == CLASS_LETTER) && !sentinel) {
            memmove(ret, ret + 1, 3);
            ret[3] = (char)('0' + c.digit);
        }
        at += c.len;
    }
}

void mask_span(struct str text, const struct pan_span *span, struct buf *out)
{
    char four[4];
    switch (span->kind) {
    case PAN_CARD:
    case PAN_TRACK:
        last_four(text, span, four);
        buf_add(out, "************", 12);
        buf_add(out, four, 4);
        break;
    case PAN_CVV:
    case PAN_EXPIRY:
        for (size_t at = span->start; at < span->end;) {
            struct pan_char c = pan_char_at(text, at);
            if (c.class == CLASS_DIGIT || (span->kind == PAN_CVV && c.class == CLASS_LETTER))
                buf_add_c(out, '*');
            else
                buf_add(out, text.p + at, c.len);
            at += c.len;
        }
        break;
    }
}

struct masking {
    struct str text;
    size_t copied; /* input bytes already dealt with */
    size_t last;   /* end of the last span */
    struct buf *out;
};

static void masking_add(void *state, const struct pan_span *span)
{
    struct masking *m = state;
    buf_add(m->out, m->text.p + m->copied, span->start - m->copied);
    mask_span(m->text, span, m->out);
    m->copied = m->last = span->end;
}

bool pan_mask(struct str text, struct buf *out)
{
    struct masking m = {text, 0, 0, out};
    struct sink sink = {masking_add, &m};
    struct scan scan = SCAN_NEW(text, &sink);
    scan_end(&scan);
    buf_add(out, text.p + m.copied, text.n - m.copied);
    return m.last > 0;
}

/* Overwrites what a span covers: the same stars and digits as mask_span() writes, but for their
 * number. The finder goes on behind the span and looks at nothing in it again. */
static void in_place_mask(void *state, const struct pan_span *span)
{
    char *line = state, four[4];
    bool number = span->kind == PAN_CARD || span->kind == PAN_TRACK;
    last_four(((struct str){line, span->end}), span, four);
    for (size_t at = span->start; at < span->end; at++) {
        unsigned char c = (unsigned char)line[at];
        bool ink = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                   c == '|' || c >= 0x80;
        if (ink || number)
            line[at] = '*';
    }
    if (number)
        memcpy(line + span->end - sizeof(four), four, sizeof(four));
}

size_t pan_mask_in_place(char *line, size_t n)
{
    struct sink sink = {in_place_mask, line};
    struct scan scan = SCAN_NEW(((struct str){line, n}), &sink);
    scan_end(&scan);
    return n;
}
