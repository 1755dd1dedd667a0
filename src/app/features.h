/* The features of the product: what each one adds to serve and to work. One row a feature; a new
 * feature is a folder under src/ and a row in features.c. */
#ifndef NEXACORE_APP_FEATURES_H
#define NEXACORE_APP_FEATURES_H

#include "bullmq/bullmq.h"
#include "http/http.h"
#include "outbox/outbox.h"
#include "tenancy/ctx.h"

struct reader;

/* What one job slot thread owns: bullmq_job.slot. */
struct work_slot {
    struct app *app;
    struct pg_conn *db;
    struct reader *reader; /* of QUEUE_OCR and QUEUE_SCRUB slots; else NULL */
};

/* A stall is a worker that was killed or frozen, or Redis that was: no fault of the job's, whose
 * file is read by a process of its own. The limit is there for what nobody thought of. A job beyond
 * it is failed, and a form it belongs to ends at the next look at it. */
enum { STALLS_MAX = 20 };

/* How one queue is worked. */
struct work_queue {
    enum queue queue;
    bullmq_handler *handler;
    unsigned concurrency; /* 0: NEXACORE_WORK_CONCURRENCY */
    unsigned lock_ms, stalled_interval_ms;
    bool needs_reader;
};

/* Work by the clock: called every `every_ms` on the tick thread of each work process; finds what is
 * due in the database with SKIP LOCKED, so that several processes share it. */
struct work_tick {
    const char *name;
    struct problem *(*run)(struct app *app, struct pg_conn *db, struct arena *arena);
    unsigned every_ms;
};

struct feature {
    const char *name;
    const struct http_route *routes;
    const size_t *route_count;
    const struct work_queue *queues;
    const size_t *queue_count;
    const struct work_tick *ticks;
    const size_t *tick_count;
};

extern const struct feature features[];
extern const size_t feature_count;

/* The ids in a job's data, exactly those its queue has (SPEC 11): formId and clinicId, alertId,
 * clinicId and step, clinicId alone, or none. Another name of the job, another key, a missing one
 * or broken JSON is a problem and the job unrecoverable: it was not made by our relay. */
struct job_ids {
    struct uuid clinic_id;
    struct uuid form_id;
    struct uuid alert_id;
    struct str step;
};
struct problem *job_ids_read(struct bullmq_job *job, enum queue queue, struct job_ids *ret);

/* The context of a job: the system in that clinic, on the slot's connection and the job's arena. */
struct ctx job_ctx(struct bullmq_job *job, struct uuid clinic_id);

#endif
