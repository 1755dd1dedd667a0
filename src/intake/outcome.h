/* From a parsed form to its consequences: the patient, the alert, the finished row. */
#ifndef NEXACORE_INTAKE_OUTCOME_H
#define NEXACORE_INTAKE_OUTCOME_H

#include "intake/intake_internal.h"

/* In the caller's transaction, for a form read by the pipeline (SPEC 6): an emergency registers a
 * provisional patient and raises its alert at once; a form that needs no review registers its
 * patient; any other waits for a person. Ids are derived from the form, so doing it twice makes one
 * patient and one alert. Fills patient_id and alert_id of `result`. */
struct problem *outcome_of_reading(struct pg_tx *tx, const struct ctx *cx, const struct form *form,
                                   const struct parsed_form *parsed, struct form_result *result);

/* The same for a form a person confirmed: the patient is registered or corrected, a score that rose
 * to an emergency raises an alert, one that fell closes none. */
struct problem *outcome_of_review(struct pg_tx *tx, const struct ctx *cx, const struct form *form,
                                  const struct parsed_form *parsed, struct form_result *result);

/* Everything of `result` that the parsed form says by itself, sealed for storage. */
struct problem *outcome_describe(const struct ctx *cx, struct uuid form,
                                 const struct parsed_form *parsed, struct form_result *result);

#endif
