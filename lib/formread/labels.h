/* Words that name things on a form: field labels, symptom labels, headings (private to
 * lib/formread).
 *
 * A label starts a run of words (or follows another label's value); the same words inside a
 * patient's sentence are no label. */
#ifndef NEXACORE_FORMREAD_LABELS_H
#define NEXACORE_FORMREAD_LABELS_H

#include "formread/boxes.h"
#include "formread/field.h"

/* What a label stands for: a field, or one of these. */
enum {
    LABEL_SYMPTOM = 100, /* + index of the concept */
    LABEL_STOP = 200,    /* headings and labels of things we do not read: they end values */
    LABEL_CIRCLE,        /* "circle all that apply" */
    LABEL_SYMPTOMS,      /* heading of the symptom list */
    LABEL_OPTION,        /* "cash", "card" beside a box */
};

struct label {
    int means;
    struct rect r;
    int first, last; /* indices into line_words order */
    int line;
    bool colon;   /* ends with ':' */
    bool heading; /* may have its value below it across the page */
    enum language language;
    int distance;        /* edits from the pattern */
    const char *pattern; /* the words as the table has them; NULL: known by its neighbours */
};

/* Words in reading order: lines from top to bottom, words from left to right. */
struct line {
    int first, count; /* into `order` */
};
struct lines {
    int *order; /* indices of page words */
    int words;
    struct line *line;
    int count;
};

#define LABELS_MAX 160

void lines_make(struct arena *arena, const struct page *page, struct lines *ret);
/* Finds labels and marks their words' `owner` (index of the label + 1). */
int labels_find(struct arena *arena, struct page *page, const struct lines *lines,
                struct label labels[LABELS_MAX]);

/* relabel.c: in rows that name two vital signs, reads what was read badly there again, each word
 * alone; returns the new count. */
int labels_again(struct formread *fr, struct arena *arena, struct page *page,
                 const struct lines *lines, struct label labels[LABELS_MAX], int count);

/* The vital sign that the folded words of a label name, of those not in `named` (bits of fields);
 * FIELD__COUNT: none. */
enum field label_vital(struct str folded, unsigned named);
/* Fields of vital signs that labels of the line name, as bits. */
unsigned label_vitals_named(const struct label *labels, int count, int line);
/* Gives the words `first` to `last` of a new label to it, and what belongs to a label behind them.
 */
void label_finish(struct page *page, const struct lines *lines, struct line line,
                  struct label *label, int index);
/* A wide gap before and after the word `at` of the line. */
bool label_stands_alone(const struct page *page, const struct lines *lines, struct line line,
                        int at);

/* The concept a LABEL_SYMPTOM + index stands for ("chest_pain"), and how many there are. */
const char *symptom_concept(int index);
int symptom_count(void);

#endif
