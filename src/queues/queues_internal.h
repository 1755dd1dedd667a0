/* Shared by the files of src/queues only. */
#ifndef NEXACORE_QUEUES_INTERNAL_H
#define NEXACORE_QUEUES_INTERNAL_H

#include "app/rest.h"
#include "bullmq/bullmq.h"
#include "outbox/outbox.h"
#include "queues/queues.h"

enum { FAILED_MAX = 100, SCAN_MAX = 5000 };

/* A job that belongs to the clinic. Jobs of audit-flush are of no clinic and of everybody. */
struct own_job {
    struct bullmq_job_info info;
    struct uuid form_id, alert_id; /* UUID_NONE: it has none */
};

struct own_queue {
    uint64_t counts[BULLMQ_STATE__COUNT]; /* of the clinic's own jobs */
    bool paused;
    bool at_least; /* more than SCAN_MAX jobs of a state: the rest was not looked at */
    struct own_job failed[FAILED_MAX]; /* newest first; their form or alert is the clinic's */
    size_t failed_count;
};

/* Counts and failed jobs of the clinic in `cx`. What a job says of its clinic is believed only for
 * counting; a failed one is counted and shown when its form or alert is found under row security.
 */
struct problem *own_queue_read(struct bullmq_redis *redis, const struct ctx *cx, enum queue queue,
                               struct own_queue *ret);

/* One job of the clinic by its id; PROBLEM_NOT_FOUND for another clinic's, as for one that is not
 * there. */
struct problem *own_job_get(struct bullmq_redis *redis, const struct ctx *cx, enum queue queue,
                            const char *id, struct own_job *ret);

#endif
