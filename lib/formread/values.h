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

#define SECRETS_MAX 64

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

/* code.c: reads an insurance id again in other ways; `v` becomes the reading to be taken, surer or
 * less sure. `crop`: its place. */
void code_settle(const struct reading *rd, PIX *crop, struct value *v);

/* secrets.c: `r` of the page is blacked out as `field`, with a margin for strokes that reach over.
 */
void secret_add(const struct reading *rd, const struct page *page, enum field field, struct rect r);
/* What stands in a card's block without a label that could be read: short numbers and codes. */
void secrets_find(const struct reading *rd, const struct page *page, const struct lines *lines,
                  const struct label *labels, int label_count);

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
