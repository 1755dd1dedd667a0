/* Shared by relay.c and rebuild.c only. */
#ifndef NEXACORE_OUTBOX_RELAY_INTERNAL_H
#define NEXACORE_OUTBOX_RELAY_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "bullmq/bullmq.h"
#include "outbox/relay.h"
#include "outbox/turns.h"

/* How far the open work was added again after a loss of Redis: the last row done. */
struct rebuild {
    struct uuid loss;
    char queue[32], created[48];
    int64_t rank;
    struct uuid id;
    size_t count;
    bool under_way; /* the next round goes on with it at once */
};

struct relay {
    struct app *app;
    struct pg_conn *db;
    struct bullmq_redis *redis;
    struct arena *arena;
    struct turns *turns; /* of this round */
    pthread_t thread;
    atomic_bool stop;
    int64_t next_check_us; /* monotonic */
    struct uuid checked;   /* the last form the checks looked at */
    int64_t touched_us;    /* monotonic: when PostgreSQL last heard of a long round */
    struct rebuild rebuild;
    bool resync; /* an event was let go: listeners are to read again */
};

/* A job as the relay adds it, by the policy of its queue and at its clinic's turn. */
struct relay_job {
    const char *queue, *key, *data;
    struct uuid clinic;
    enum outbox_urgency urgency;
    int64_t delay_ms;
};
struct problem *relay_job_fill(struct relay *r, const struct relay_job *job,
                               struct bullmq_job_opts *ret);
struct problem *relay_job_add(struct relay *r, const struct relay_job *job);

/* A copy of `p` that lasts as long as the round: one of the queue's library is gone with its next
 * call. NULL stays NULL. */
struct problem *relay_kept(struct relay *r, const struct problem *p);

/* Has every listener of the live channel read again. */
struct problem *relay_resync(struct relay *r);

/* Everything open is added again when Redis does not know us (it lost its memory), and the
 * schedulers of square-sync and audit-flush are made. In the relay's transaction; some seconds of
 * it in each round, until `rebuild.under_way` is false. */
struct problem *rebuild_if_lost(struct relay *r, struct pg_tx *tx);

/* Every 30 s: forms open for long whose job failed, ended or vanished get it again. */
struct problem *rebuild_stale(struct relay *r, struct pg_tx *tx);

#endif
