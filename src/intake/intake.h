/* Intake forms: uploaded, read, scrubbed, scored, confirmed (SPEC 6). */
#ifndef NEXACORE_INTAKE_H
#define NEXACORE_INTAKE_H

#include "app/features.h"

extern const struct http_route intake_routes[];
extern const size_t intake_route_count;
extern const struct work_queue intake_queues[];
extern const size_t intake_queue_count;

/* Has a form read again on a person's word: one that FAILED is QUEUED again (`ret_requeued`), an
 * open one is left on its way. PROBLEM_CONFLICT when it is finished, PROBLEM_NOT_FOUND when the
 * clinic has no such form. In the caller's transaction. */
struct problem *intake_again(struct pg_tx *tx, const struct ctx *cx, struct uuid form,
                             bool *ret_requeued);

#endif
