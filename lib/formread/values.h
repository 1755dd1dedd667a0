/* Where a label's value stands and what it says (private to lib/formread). */
#ifndef NEXACORE_FORMREAD_VALUES_H
#define NEXACORE_FORMREAD_VALUES_H

#include "formread/labels.h"

enum direction { RIGHT, BELOW, ABOVE, DIRECTION__COUNT };

struct value {
    enum field field;
    int page;
    struct str text; /* raw, as read; empty: nothing there */
    double fit;      /* of the text's form, field_normal */
    double conf;     /* 0..1 that the text is right */
    struct rect r;   /* around the value's ink; w 0 when blank */
    bool learned;    /* found by its place in a learned layout */
};

/* A place to black out: card number, expiry or security code, read or not. */
struct secret {
    enum field field;
    int page;
    struct rect r;
};

#define SECRETS_MAX 512 /* more than the trusted half takes, so that it learns of too many */

struct secrets {
    struct secret at[SECRETS_MAX];
    int count;
};

/* What the pages of a form share while their values are found. */
struct reading {
    struct formread *fr;
    struct arena *arena;
    enum language language;
    enum date_order order;
    struct secrets *secrets; /* grows as values are found */
};

#define VALUES_MAX 64

/* How sure a value is as the trusted half will see it: 0..1. */
static inline double value_sure(const struct value *v)
{
    return v->text.n > 0 && v->fit > 0 ? v->conf * (0.4 + 0.6 * v->fit) : 0;
}

/* Appends the values of all field labels of a page; returns the new count. */
int values_find(const struct reading *rd, const struct page *page, const struct lines *lines,
                const struct label *labels, int label_count, struct value *values, int count);

/* The value of `field` in `region`, read as values_find reads one, but whatever else the words
 * there were taken for. */
struct value value_read_at(const struct reading *rd, const struct page *page,
                           const struct lines *lines, enum field field, struct rect region);

/* secrets.c: `r` of the page is blacked out as `field`, with a margin for strokes that reach over;
 * in steps where the page leans. */
void secret_add(const struct reading *rd, const struct page *page, enum field field, struct rect r);

/* Where a label's value was looked for. */
struct secret_place {
    struct rect label;         /* w 0: the place is known from a learned layout */
    struct rect region, words; /* of the value; around the words read there */
    const int *xs;             /* dividers of its character cells */
    int cells;                 /* 0: none */
    int end;                   /* x where the next label of the row begins */
};
/* Blacks out the value of a card's number, expiry or code: all the ink of its place and the cell
 * around it, not the words alone that could be read. Other fields: nothing. */
void secret_keep(const struct reading *rd, const struct page *page, enum field field,
                 const struct secret_place *place);
/* A word that was read well and has no digit: no part of a card's number. */
bool word_is_print(const struct reading *rd, const struct word *w);
/* Card numbers in free text, behind a word of paying. */
void secrets_find(const struct reading *rd, const struct page *page, const struct lines *lines,
                  const struct label *labels, int label_count);

/* cards.c: what is written in a card's block and is no label, no print and no other field's value:
 * codes and numbers whose label was not read. `values`: of the form so far. */
void cards_find(const struct reading *rd, const struct page *page, const struct label *labels,
                int label_count, const struct value *values, int value_count);

/* comb.c: true when `r` is a row of character cells; `xs` are its `n` dividers. */
bool comb_is(const int *xs, int n, int em);
/* The cells' characters pushed together, as a picture of one line; NULL when all are empty. */
PIX *comb_strip(const struct page *page, struct rect r, const int *xs, int n);

/* checkbox.c */
struct symptom {
    int concept; /* index for symptom_concept() */
    int checked; /* 1 yes, 0 no, -1 cannot tell */
    double conf;
    int page;
    struct rect r; /* of the box, or of the label when there is none */
};
int symptoms_find(const struct page *page, const struct boxes *squares,
                  const struct boxes *brackets, const struct label *labels, int label_count,
                  struct symptom *symptoms, int count, int max);

#endif
