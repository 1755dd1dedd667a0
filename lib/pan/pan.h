/* Finds and masks payment card numbers (PAN) in text of any origin: OCR, forms, logs, requests.
 *
 * Pure functions from bytes to spans: no allocation while finding, no state, linear time on any
 * input, invalid UTF-8 included. The rule not to break: a span always covers every character of the
 * number, because whoever masks it relies on the span alone.
 *
 * What counts as a card number (ISO/IEC 7812-1): 13 to 19 digits, a real issuer range with that
 * length, a correct Luhn digit, and either a plausible grouping or words about cards near by. Under
 * an explicit card label the Luhn digit may be wrong: a mistyped number is still nearly the card.
 */
#ifndef NEXACORE_PAN_PAN_H
#define NEXACORE_PAN_PAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/str.h"

enum pan_kind {
    PAN_CARD,   /* a card number */
    PAN_TRACK,  /* magnetic stripe data, track 1 or 2 (ISO/IEC 7813), with the number inside */
    PAN_CVV,    /* a card verification code beside a number */
    PAN_EXPIRY, /* an expiry date beside a number */
};

struct pan_span {
    size_t start, end; /* bytes; end is exclusive */
    enum pan_kind kind;
    const char *rule; /* why, a static word: "canonical", "solid", "boxes", "context", ... */
};

/* Every word `rule` may be, ended by NULL; what they mean stands in README.md. */
extern const char *const pan_rules[];

/* Writes the spans of `text` in order, without overlap, into spans[0..max). Returns how many there
 * are, which may be more than `max` (the further ones are not written). `max` 0 only counts. */
size_t pan_find(struct str text, struct pan_span *spans, size_t max);

/* Appends `text` to `out` with every span masked: a number becomes ************1111 (twelve stars
 * and its last four digits), each digit of a verification code or an expiry date becomes a star.
 * Masked text masked again is unchanged. Returns whether anything was masked. Short numbers grow:
 * `out` must have room for PAN_MASK_ROOM(text.n) bytes; past its limit it says `overflowed` and
 * must not be used. */
#define PAN_MASK_ROOM(n) ((n) + (n) / 4 + 32) /* 13 digits become 16 characters */
bool pan_mask(struct str text, struct buf *out);

/* Masks `line` in place, byte for byte as long as before: all of a number but its last four digits
 * becomes stars, what stands between the digits too; of codes and dates the marks stay. Masked
 * again it is unchanged. Returns the length, which is `n`. For log lines. */
size_t pan_mask_in_place(char *line, size_t n);

/* "pan", "track", "cvv" or "expiry". */
const char *pan_kind_name(enum pan_kind kind);

/* A stream: text that arrives in pieces, masked as it goes, byte for byte as pan_mask() would mask
 * the whole. Up to PAN_STREAM_HOLD bytes are held back until more text (or the end) decides; no
 * other memory is used. Whoever sends the pieces on as they come must know that the last bytes
 * leave with pan_stream_end(). */
#define PAN_STREAM_HOLD 4096
struct pan_stream {
    char held[PAN_STREAM_HOLD];
    size_t n;      /* bytes in `held` */
    size_t copied; /* of them already written out, kept as context for what follows */
    /* where the finder stands */
    size_t at, done, wall, fence, starts, beside;
    bool found; /* something was masked so far */
    bool any, running, skip;
    unsigned char gap;
};
#define PAN_STREAM_NEW ((struct pan_stream){0})

/* Takes a piece and appends what is decided to `out`, masked. */
void pan_stream_feed(struct pan_stream *s, struct str piece, struct buf *out);
/* Appends the rest; the stream may then be used for a new text. */
void pan_stream_end(struct pan_stream *s, struct buf *out);

#endif
