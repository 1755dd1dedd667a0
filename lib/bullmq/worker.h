/* The worker's inside: slots run jobs, and whichever slot has time speaks for all of them.
 *
 * All slots share one connection. A slot that has finished a job leaves its report in `done`; one
 * slot at a time is the talker: it sends every waiting report in one pipeline, and each reply
 * brings the next job ("fetchNext"). Under load one round trip so moves many jobs; alone, a slot
 * talks for itself without any hand-over. When the queue is empty, one idle slot waits for the
 * marker on a second, blocking connection; a third, quieter one carries lock renewal, stalled
 * sweeps, progress and logs.
 *
 * The rule not to break: what is marked [lock] is touched only with `lock` held, and the lock is
 * never held while waiting for Redis or running a handler. */
#ifndef BULLMQ_WORKER_H
#define BULLMQ_WORKER_H

#include <pthread.h>

#include "bullmq/job_opts.h"
#include "bullmq/wire.h"

#define SLOTS_MAX 256

enum work_state { WORK_FREE, WORK_READY, WORK_RUNNING, WORK_DONE };
enum work_report {
    REPORT_COMPLETED,
    REPORT_FAILED,
    REPORT_DELAYED,
    REPORT_RETRIED,
    REPORT_LIMITED /* back to wait, no attempt lost */
};

/* One job in our hands: from the reply that brought it until Redis took its report. */
struct work {
    struct work *next; /* in `free`, `ready` or `done` */
    struct bullmq_worker *worker;
    enum work_state state; /* [lock] */
    redisReply *reply;     /* owns the job's text */
    redisReply *hash;      /* inside reply: field, value, ... */
    const char *id;        /* inside reply */
    char token[80];        /* of the job's lock */
    int64_t locked_us;     /* [lock] monotonic: when the lock was last taken */
    atomic_bool lost;
    json_t *opts; /* stored options; NULL when unreadable */
    json_t *data; /* NULL when gone or not JSON */
    bool limited; /* the handler asked for a rate limit */

    /* the report */
    enum work_report report;
    struct buf value;  /* JSON result, or the reason */
    struct buf fields; /* MessagePack: failedReason, stacktrace */
    int64_t delay_ms;
    unsigned attempts;
};

struct bullmq_worker {
    struct arena *arena; /* holds this struct and the strings of opts */
    struct bullmq_worker_opts opts;
    struct queue_keys q;
    char uuid[40];
    int stop_fd, end_fd; /* eventfds: readable once stopping; once all slots are gone */
    int pause_fd;        /* eventfd: readable while paused */

    struct bullmq_redis *talk_redis; /* the talker's */
    struct bullmq_redis *wait_redis; /* the waiter's */
    struct bullmq_redis *side_redis; /* [side_lock] */
    struct batch talk_batch;
    struct batch wait_batch;
    struct batch side_batch; /* [side_lock] */
    pthread_mutex_t side_lock;

    pthread_mutex_t lock;
    pthread_cond_t changed; /* monotonic clock */
    struct work works[SLOTS_MAX];
    struct work *free, *ready, **ready_end, *done, **done_end; /* [lock] */
    unsigned held;          /* [lock] works not free, and fetches under way */
    unsigned idle, woken;   /* [lock] slots asleep; of them: already signalled */
    bool talking;           /* [lock] somebody owns talk_redis */
    bool waiting;           /* [lock] somebody owns wait_redis */
    bool stopping;          /* [lock] */
    bool paused;            /* [lock] */
    bool drained;           /* [lock] the last fetch found nothing */
    int64_t block_until_ms; /* [lock] next delayed job, wall clock; 0: none known */
    int64_t limit_until_ms; /* [lock] rate limited until, wall clock */
    unsigned fetch_size;    /* [lock] how many fetches to risk at once */
    uint64_t tokens;        /* [lock] */
    unsigned taken;         /* [lock] jobs fetched so far */
    unsigned alive;         /* [lock] slot threads */
    unsigned opened;        /* [lock] slots numbered so far */
    unsigned made;          /* threads to join */
    bool started, keeping;
    pthread_t threads[SLOTS_MAX], keeper;

    _Atomic uint64_t completed, failed, retried, lost, stalled, trips;
    atomic_uint running;
    atomic_bool connected;
    atomic_bool give_up; /* close() waited long enough for a Redis that is away */
};

/* Sleeps until worker stop or `ms`; true when stopping. */
bool worker_pause(struct bullmq_worker *w, int64_t ms);

/* talk.c: with the lock held (released meanwhile). */
void worker_talk(struct bullmq_worker *w);
bool worker_may_fetch(const struct bullmq_worker *w);

/* wait.c: with the lock held (released meanwhile). */
void worker_await_marker(struct bullmq_worker *w);
bool worker_may_wait(const struct bullmq_worker *w);

/* run.c: runs the handler of one job and fills in its report; no lock held. */
void work_run(struct work *work, struct arena *arena, void *slot_state);
void work_clear(struct work *work); /* back to empty, keeping buffers */
const redisReply *work_field(const struct work *work, const char *name); /* or NULL */
struct work *work_of(const struct bullmq_job *job);

/* keeper.c */
void *worker_keeper(void *worker);

/* schedule.c: adds the next job of the scheduler that made this one; before it runs. */
void work_schedule_next(struct work *work);

#endif
