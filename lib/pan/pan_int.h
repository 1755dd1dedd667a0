/* Inside lib/pan: glyphs, runs, candidates. Not for users of the library.
 *
 * A run is a stretch of digits (and letters that OCR confuses with digits) with only separators
 * between them. The rule not to break: a run has a fixed greatest size, so all work per glyph is
 * bounded and the whole is linear. */
#ifndef NEXACORE_PAN_PAN_INT_H
#define NEXACORE_PAN_PAN_INT_H

#include <stdint.h>

#include "pan/pan.h"

#define PAN_LEN_MIN 13
#define PAN_LEN_MAX 19

enum char_class {
    CLASS_OTHER,
    CLASS_DIGIT,
    CLASS_LETTER, /* an ASCII letter or bar that OCR confuses with a digit */
    CLASS_SPACE,  /* separators: blanks, */
    CLASS_LINE,   /*   line and cell breaks, */
    CLASS_MARK,   /*   dashes, dots, slashes, box lines, */
    CLASS_STAR,   /*   the star, which also masks, */
    CLASS_NONE,   /*   characters without width. */
    CLASS_ESCAPE, /* only inside glyph.c: the first byte of an escape */
};

struct pan_char {
    uint8_t len; /* bytes, at least 1 */
    enum char_class class;
    uint8_t digit; /* CLASS_DIGIT, CLASS_LETTER */
};

/* The character of code point `c`; `len` is left 1. */
struct pan_char pan_char_of(uint32_t c);
/* An escaped separator at the start of `rest`, which begins with one of % \ & < (escape.c). */
struct pan_char pan_escape(struct str rest);
/* The same of an escape, or of a character beyond ASCII. */
struct pan_char pan_char_long(struct str text, size_t at);

/* True for bytes at which a digit of any script may begin. */
extern const uint8_t pan_digit_lead[256];

/* Of an ASCII character: its class shifted left by 4, and its digit. */
extern const uint8_t pan_ascii[128];

/* The character at text.p[at]; an invalid byte is one CLASS_OTHER of length 1. */
static inline struct pan_char pan_char_at(struct str text, size_t at)
{
    uint8_t c = (uint8_t)text.p[at];
    if (c >= 0x80 || pan_ascii[c] >> 4 == CLASS_ESCAPE)
        return pan_char_long(text, at);
    return (struct pan_char){1, (enum char_class)(pan_ascii[c] >> 4), pan_ascii[c] & 15};
}

/* How two neighbours in a run are held apart, from tight to loose. */
enum gap { GAP_NONE, GAP_GLUE, GAP_SEP, GAP_WIDE, GAP_END };

struct glyph {
    size_t start;
    uint8_t len;
    uint8_t digit;
    bool letter; /* read as a letter */
    uint8_t gap; /* enum gap before this glyph */
    bool twin;   /* two numbers written without a gap meet before this glyph */
};

#define LEAD_MAX  6    /* confused letters looked for before the first digit of a run */
#define RUN_MAX   96   /* glyphs held at once */
#define RUN_BYTES 1536 /* and bytes */
#define NONE_MAX  32   /* characters without width between two glyphs */
#define TWIN_MIN  15   /* digits: shorter numbers are not looked for where two meet */
#define TWIN_MAX  16
#define SPAN_MAX  512 /* bytes a number may take with what stands in it */

#define MASK_STARS_MIN 9 /* before the last four digits of the shortest number masked in place */

/* What the finder may look at before and after where it stands: all a stream has to keep. */
#define LOOK_BACK  512
#define LOOK_AHEAD 2304

struct run {
    size_t n;
    size_t end;      /* where reading stopped */
    uint8_t gap_end; /* gap after the last glyph */
    bool cut;        /* the run goes on beyond RUN_MAX or RUN_BYTES */
    struct glyph g[RUN_MAX];
    uint16_t luhn[2][RUN_MAX + 1]; /* prefix sums, doubling the even or the odd positions */
    uint16_t letters[RUN_MAX + 1]; /* prefix count */
};

/* Reads the run whose first digit is at `at`; looks back for confused letters, not before `from`.
 * `gap` GAP_END: the run begins here; otherwise it goes on and this is the gap before. */
void run_read(struct str text, size_t from, size_t at, uint8_t gap, struct run *run);

/* Digits of the number that begins at glyph `k` where another ends without a gap, or 0. */
size_t twin_length(const struct run *run, size_t k);

static inline enum gap run_gap(const struct run *run, size_t i)
{
    return i < run->n ? (enum gap)run->g[i].gap : (enum gap)run->gap_end;
}

/* True when the digits g[s..e) pass the Luhn check (ISO/IEC 7812-1 annex B). */
static inline bool run_luhn(const struct run *run, size_t s, size_t e)
{
    const uint16_t *sums = run->luhn[(e & 1) == 0 ? 0 : 1];
    return (sums[e] - sums[s]) % 10 == 0;
}

/* Issuer ranges and their lengths. */
enum pan_brand {
    BRAND_NONE,
    BRAND_VISA,
    BRAND_MASTERCARD,
    BRAND_AMEX,
    BRAND_DISCOVER,
    BRAND_DINERS,
    BRAND_JCB,
    BRAND_UNIONPAY,
    BRAND_MAESTRO,
};
/* The brand of a number of `len` digits whose first six are `head`, or BRAND_NONE. */
enum pan_brand pan_brand_of(unsigned head, size_t len);

/* What a word near a number says about it (words.c). */
enum word_kind {
    WORD_PLAIN,
    WORD_CARD,    /* "card": what stands before it may make it another kind of card */
    WORD_TARJETA, /* "tarjeta": what follows it may */
    WORD_BRAND,   /* names a brand: always a payment card */
    WORD_CREDIT,  /* "tarjeta de credito", "credit card" */
    WORD_PAY,     /* speaks of paying: card context, but no label */
    WORD_PRIMARY, /* "primary account number" is the card's */
    WORD_OTHER,   /* names another kind of number */
    WORD_ISSUED,  /* the same, and whoever issues it issues cards: "insurance card" */
    WORD_PHONE,   /* names a telephone: never 16 digits or more */
    WORD_QUALIFY, /* before or after "card": another kind of card */
    WORD_BETWEEN, /* may stand between a label and its number */
    WORD_AFTER,   /* expiry date, or what may be a verification code */
    WORD_CODE,    /* a verification code: only cards have one */
};
/* The Latin letter 0xc3 `second` (U+00C0..U+00FF) without accent, lower case. */
unsigned char pan_fold_latin(unsigned char second);
/* Kind of the folded word p[0..n). */
enum word_kind pan_word(const char *p, size_t n);
bool pan_words_are_sorted(void);

/* Words around a number. */
struct context {
    bool card;    /* the nearest telling word speaks of a card */
    bool label;   /* an explicit card label stands directly before */
    bool other;   /* the nearest telling word names another kind of number, */
    bool owned;   /*   and stands so near that the number is its value */
    bool phone;   /* the nearest telling word names a telephone */
    bool amount;  /* a currency sign stands directly before */
    bool unknown; /* none does, but a noun on no list names the number directly before it */
    bool track;   /* a track's start sentinel stands directly before */
};
void context_before(struct str text, size_t from, size_t start, struct context *ret);
/* True when an IBAN (ISO 13616) is being written where a number starts: two letters, two digits,
 * groups of letters or digits. */
bool context_is_iban(struct str text, size_t from, size_t start);
/* True when an expiry date or a verification code follows within a few words. */
bool context_after(struct str text, size_t end);
/* True when MM/YY follows directly. */
bool context_date_after(struct str text, size_t end);
/* True when folded[0..n) ends in a noun and a word or sign for "number", "Estante No. ", and the
 * noun neither speaks of cards nor could mean one (label.c). */
bool label_is_unknown(const char *folded, size_t n);
bool label_words_are_sorted(void);
/* True when the word behind the number says that it was a card: "ref 4111... (tarjeta)". */
bool context_card_after(struct str text, size_t end);

struct candidate {
    size_t start, end;  /* bytes */
    size_t first, last; /* glyphs [first, last) */
    int score;
    const char *rule;
};
/* The best candidate starting at glyph `s` of the run, or false. */
bool candidate_at(struct str text, size_t from, const struct run *run, size_t s,
                  struct candidate *ret);

/* Called for each span in order. */
struct sink {
    void (*span)(void *state, const struct pan_span *span);
    void *state;
};
/* Emits CVV and expiry spans of text[from, to). `after`: a number ends at `from`. */
void beside_find(struct str text, size_t from, size_t to, bool after, const struct sink *sink);
bool beside_labels_are_sorted(void);
/* The first code or date, with its label, among the digits of a run; `wall` as in struct scan. */
bool beside_in(struct str text, size_t wall, const struct run *run, size_t *ret_start,
               size_t *ret_end);
/* True when track data go on at `at`, the end of a number: '^', '=' or D and at least a date. */
bool track_follows(struct str text, size_t at);
/* Extends a number inside track data to the whole track; true when it is one. */
bool track_extend(struct str text, size_t from, struct pan_span *span);
/* The finder in steps, so that text may arrive in pieces: positions are offsets in `text`.
 *
 * A number that was masked is a wall: nothing before its end is looked at for what follows, and
 * what stands before it is judged as if the text ended at its start. Digits of a labelled code or
 * date belong to no other number, once a number that has them is ruled out. So text read a second
 * time, with stars in these places, is parted at the same places: masking is final. */
struct scan {
    struct str text;
    size_t at;     /* looked at up to here */
    size_t done;   /* end of the last emitted span */
    size_t wall;   /* the same, or the end of a number that was masked before */
    size_t fence;  /* end of a code or date: no run begins before it, but words there count */
    size_t starts; /* in a run that goes on: windows before this are judged already */
    size_t beside; /* CVV and expiry were looked for up to here */
    bool any;      /* a number was emitted: `done` is its end */
    bool skip;     /* inside a token too long to hold a number */
    uint8_t gap;   /* of the run that goes on at `at`, GAP_END for a new one */
    const struct sink *sink;
};
#define SCAN_NEW(str, to) ((struct scan){.text = (str), .gap = GAP_END, .sink = (to)})
/* Goes on to `limit`; nothing beyond limit + LOOK_AHEAD is looked at. */
void scan_to(struct scan *s, size_t limit);
/* Everything before this is decided. */
size_t scan_decided(const struct scan *s);
/* The text ends: the rest is decided. */
void scan_end(struct scan *s);

/* Appends what stands for `span` in masked text. */
void mask_span(struct str text, const struct pan_span *span, struct buf *out);

#endif
