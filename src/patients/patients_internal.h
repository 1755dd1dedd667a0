/* Shared by the files of src/patients only. */
#ifndef NEXACORE_PATIENTS_INTERNAL_H
#define NEXACORE_PATIENTS_INTERNAL_H

#include "app/rest.h"
#include "patients/patients.h"

struct patient_filter {
    int status;   /* enum patient_status, or -1 */
    struct str q; /* name parts, insurance id or date of birth; p NULL: none */
    struct page page;
};

/* Rows of the list, limit + 1 at most, in the list's order. */
struct problem *patients_list(struct pg_tx *tx, const struct ctx *cx,
                              const struct patient_filter *filter, struct patient **ret,
                              size_t *ret_count);

/* Inserts the row and its name tokens; `ret_made` is false when the id existed already. */
struct problem *patient_insert(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                               const struct patient_new *v, bool *ret_made);

/* Writes every value of the row anew (sealed values of a row share one key version). */
struct problem *patient_update(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                               const struct patient_new *v);

/* Sets the status and its stamps; the row's own status must be `from`. */
struct problem *patient_status_set(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                                   enum patient_status from, enum patient_status to);

#endif
