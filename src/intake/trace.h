/* What is kept of a form in review besides its page images: which words stand where, so that a
 * confirmed value can be found on the page and the clinic's layout be learned. An encrypted object,
 * "trace", that is removed when the form is confirmed.
 *
 * The rule not to break: no run of five or more digits is in it (a national id, a card, a phone):
 * such a run is its keyed hash alone; and nothing from below a blacked-out rectangle. */
#ifndef NEXACORE_INTAKE_TRACE_H
#define NEXACORE_INTAKE_TRACE_H

#include "formread/layout.h"
#include "intake/parsed.h"
#include "tenancy/ctx.h"

#define TRACE_BYTES_MAX (4U << 20)

/* A word, or a run of digits. */
struct trace_item {
    int page;
    struct layout_box at;
    struct str text; /* empty: a label, or not to be kept */
    struct str hash; /* of a run's digits; empty for words */
};

/* Where the reader found a field's ink. */
struct trace_field {
    enum field field;
    int page;
    struct layout_box at;
};

struct trace {
    struct layout constellation;
    struct trace_item *items; /* in reading order */
    size_t item_count;
    struct trace_field *fields;
    size_t field_count;
};

/* From the reader's JSON, which parsed_from_reader has accepted as `parsed`, to the object's bytes.
 * Appends to `out`. */
struct problem *trace_make(const struct ctx *cx, struct str reader_json,
                           const struct parsed_form *parsed, struct buf *out);

/* The object's bytes back. */
struct problem *trace_read(struct arena *arena, struct str bytes, struct trace *ret);

/* What stands for a run of these digits in a trace of this clinic. */
struct problem *trace_hash(const struct ctx *cx, struct str digits, struct str *ret);

/* The layout of the form behind `trace`: its constellation, and the room of each value of
 * `confirmed` that is found on the page; `read` is the form as the reader had it. Values are looked
 * for by their words; one that was not corrected stands where it was read. `ret` has no fields when
 * nothing was found. */
struct problem *trace_learn(const struct ctx *cx, const struct trace *trace,
                            const struct parsed_form *read, const struct parsed_form *confirmed,
                            struct layout *ret);

#endif
