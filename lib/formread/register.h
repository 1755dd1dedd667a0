/* A form's own constellation of labels, and the values that a learned layout finds (private to
 * lib/formread). */
#ifndef NEXACORE_FORMREAD_REGISTER_H
#define NEXACORE_FORMREAD_REGISTER_H

#include "formread/layout.h"
#include "formread/values.h"

/* What reading has made of the pages so far. */
struct read_form {
    const struct page *page;
    const struct lines *lines;
    struct label *const *labels;
    const int *label_count;
    int pages;
};

struct registered {
    struct str id; /* of the known layout */
    int anchors;   /* labels that agree with it; 0: the form is none of the known */
    int fields;    /* values found through it */
};

/* A rectangle of the straightened page in its widths. */
struct layout_box layout_box_of(const struct page *page, struct rect r);

/* The labels of all pages by name. */
void constellation_make(struct arena *arena, const struct read_form *form, struct layout *ret);

/* When the form is one of `known` (JSON), reads there what the labels did not lead to: a field
 * without a value, or with a doubtful one. A value that is sure is never replaced. Returns the new
 * count of values. */
int layout_values(const struct reading *rd, const struct read_form *form,
                  const struct layout *constellation, struct str known, struct value *values,
                  int count, struct registered *ret);

#endif
