/* The clinic's learned layouts in the database (private to src/intake). */
#ifndef NEXACORE_INTAKE_LAYOUTS_H
#define NEXACORE_INTAKE_LAYOUTS_H

#include "intake/intake_internal.h"
#include "intake/trace.h"

/* All of the clinic's, most recently used first, as the reader takes them (formread/layout.h). */
struct problem *layouts_json(struct pg_tx *tx, const struct ctx *cx, struct str *ret);

/* Notes that a form was recognised as `id`. */
struct problem *layout_used(struct pg_tx *tx, const struct ctx *cx, struct uuid id);

/* Keeps what was learned from a confirmed form: in the known layout that the form is, or as a new
 * one; the least recently used goes when there are too many. UUID_NONE when there is nothing to
 * keep (too few labels, no value found). Audited. */
struct problem *layout_keep(struct pg_tx *tx, const struct ctx *cx, const struct layout *learned,
                            struct uuid *ret_id);

/* Writes the object {"id","anchors","fields":[...],"confirmedForms","learnedAt","lastUsedAt"} of a
 * layout that is there, or null. */
struct problem *layout_write(struct pg_tx *tx, const struct ctx *cx, struct uuid id, struct jw *w);

#endif
