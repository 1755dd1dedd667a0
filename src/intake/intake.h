/* Intake forms: uploaded, read, scrubbed, scored, confirmed (SPEC 6). */
#ifndef NEXACORE_INTAKE_H
#define NEXACORE_INTAKE_H

#include "app/features.h"

extern const struct http_route intake_routes[];
extern const size_t intake_route_count;
extern const struct work_queue intake_queues[];
extern const size_t intake_queue_count;

/* May a failed job of `queue` be done again, on a person's word? A form that FAILED is QUEUED again
 * (`ret_requeued`), one whose scrub is due is left so for a job of that queue; all others are
 * PROBLEM_CONFLICT: the job has nothing to do for them, or another one waits. PROBLEM_NOT_FOUND
 * when the clinic has no such form. In the caller's transaction, which holds the form's row from
 * then on: of two who ask at once one is refused. */
struct problem *intake_again(struct pg_tx *tx, const struct ctx *cx, enum queue queue,
                             struct uuid form, bool *ret_requeued);

#endif
