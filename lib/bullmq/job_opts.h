/* Job options, as the producer's struct, as MessagePack for the scripts, and as the JSON in which
 * BullMQ keeps them with the job (inside lib/bullmq only). */
#ifndef BULLMQ_JOB_OPTS_H
#define BULLMQ_JOB_OPTS_H

#include <jansson.h>

#include "bullmq/bullmq.h"
#include "bullmq/pack.h"

/* What Queue.add would refuse (Job.validateOptions), with the field's pointer. */
struct problem *job_opts_check(const struct bullmq_job_opts *opts);

/* Appends the options map of `opts` (attempts, delay, priority, ...). */
void job_opts_pack(struct pack *p, const struct bullmq_job_opts *opts, int64_t timestamp_ms);

/* Appends the parent's {id, <queue_key>: "bull:<queue>", fpof?...}: stored options call the queue
 * "queue", the scripts "queueKey". */
void job_parent_pack(struct pack *p, const struct bullmq_job_opts *opts, const char *queue_key);

/* A scheduler's rhythm: an interval, or a cron pattern in a time zone. */
struct schedule {
    int64_t every_ms;    /* 0: pattern */
    const char *pattern; /* NULL: every_ms */
    const char *tz;      /* NULL: the machine's */
    int64_t next_ms;     /* pattern: the next time */
};

/* Appends the rhythm's pairs (schedule_pairs of them) to a map. */
size_t schedule_pairs(const struct schedule *schedule);
void schedule_pack(struct pack *p, const struct schedule *schedule);

/* Appends the map of a job scheduler's job: the same, with repeat {every | pattern, count}. */
void job_opts_pack_scheduled(struct pack *p, const struct bullmq_job_opts *opts,
                             int64_t timestamp_ms, const struct schedule *schedule,
                             const char *scheduler_id);

/* Appends the template kept with a scheduler: no times. */
void job_opts_pack_template(struct pack *p, const struct bullmq_job_opts *opts);

/* Appends moveToFinished's keepJobs map from a job's stored `removeOnComplete`/`removeOnFail`
 * (NULL: the job does not say) and the worker's own. */
void keep_pack(struct pack *p, const json_t *job_says, const struct bullmq_keep *worker_says);

/* Reads attempts, backoff, and priority from stored options; absent ones stay. */
void job_opts_read(const json_t *stored, unsigned *attempts, struct bullmq_backoff *backoff);

#endif
