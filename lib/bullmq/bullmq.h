/* BullMQ queues on Redis from C: a producer, a worker and what an admin page needs.
 *
 * The layout and every state change are BullMQ's own: the Lua scripts of the npm package `bullmq`
 * (version BULLMQ_VERSION, MIT, see bullmq_scripts_notice) are embedded at build time and run with
 * EVALSHA, so stock Node Queue, Worker, QueueEvents and bull-board work on the same queues, both
 * ways. Calls block and are made for straight-line code on threads.
 *
 * A small book, in reading order:
 *     1. a connection      bullmq_redis_*     one thread at a time, reconnects by itself
 *     2. adding jobs       bullmq_add, bullmq_add_bulk, bullmq_flow_add, bullmq_scheduler_*
 *     3. working jobs      bullmq_worker_*    threads that call your handler
 *     4. looking after     bullmq_counts, bullmq_jobs, bullmq_retry, bullmq_pause, ...
 *
 *     CLEANUP(bullmq_redis_free) struct bullmq_redis *redis = NULL;
 *     TRY(bullmq_redis_new(&(struct bullmq_redis_opts){.url = "redis://127.0.0.1:6379"}, &redis));
 *     struct bullmq_job_opts job = {.name = "thumb", .data = "{\"pictureId\":7}", .attempts = 5};
 *     TRY(bullmq_add(redis, "pictures", &job, NULL));
 *
 * The rule not to break: names, data, results, progress, logs and failure texts are in clear in
 * Redis and on every dashboard. Put ids there, never what must stay secret.
 *
 * Problems returned are in thread-local storage (problem_new(NULL, ...)): use or copy one before
 * the thread's next call. Redis being away is always PROBLEM_UNAVAILABLE. */
#ifndef BULLMQ_H
#define BULLMQ_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/problem.h"

#define BULLMQ_VERSION "6.7.0" /* the npm package the scripts come from; Node peers: the same */

/* ---- 1. a connection ------------------------------------------------------------------------ */

struct bullmq_redis; /* one connection; used by one thread at a time */

struct bullmq_redis_opts {
    const char *url;             /* redis://[[user]:password@]host[:port][/db]; %XX decoded */
    const char *client_name;     /* CLIENT SETNAME, or NULL */
    unsigned connect_timeout_ms; /* 0: 500; also bounds the greeting (AUTH, SELECT, SETNAME) */
    unsigned command_timeout_ms; /* 0: 1500; connect and command together stay within 2 s */
    bool quiet;                  /* no log line when Redis goes away or comes back */
};

/* Checks the URL and prepares a connection; Redis is first contacted by the first call, so this
 * works while Redis is down. PROBLEM_BAD_REQUEST when the URL is none (a password in it is not
 * repeated). After a failure the next contact waits a back-off of 50 ms doubling to 2 s; calls
 * in between fail at once. One log line says that Redis went away, one that it is back. */
struct problem *bullmq_redis_new(const struct bullmq_redis_opts *opts, struct bullmq_redis **ret);
void bullmq_redis_free(struct bullmq_redis **redis);

/* Connects now if needed and asks PING. */
struct problem *bullmq_redis_ping(struct bullmq_redis *redis);

/* For start-up and doctor: refuses a Redis that would lose or refuse jobs, naming how to mend it:
 * older than 6.2, a replica, or maxmemory with a policy other than noeviction. */
struct problem *bullmq_redis_check(struct bullmq_redis *redis);

/* Runs one plain command; the reply is the caller's to free. For what this header does not have
 * (streams, keys of your own). `ret_reply` is a redisReply of hiredis. Error replies become
 * PROBLEM_INTERNAL with Redis' words as the cause. */
struct redisReply;
struct problem *bullmq_redis_command(struct bullmq_redis *redis, size_t argc,
                                     const struct str *argv, struct redisReply **ret_reply);

/* ---- 2. adding jobs ------------------------------------------------------------------------- */

enum bullmq_backoff_type { BULLMQ_BACKOFF_NONE, BULLMQ_BACKOFF_FIXED, BULLMQ_BACKOFF_EXPONENTIAL };

struct bullmq_backoff {
    enum bullmq_backoff_type type; /* NONE retries at once */
    int64_t delay_ms;
    double jitter; /* 0..1: the share of the delay that is drawn at random */
};

/* The wait before the next attempt after `attempts` attempts were made, this one included (1 after
 * the first failure): fixed `delay`, exponential round(2^(attempts-1) * delay); with jitter j it is
 * floor(random*d*j + d*(1-j)). `random` is 0..1. As dist/cjs/classes/backoffs.js computes it. */
int64_t bullmq_backoff_ms(const struct bullmq_backoff *backoff, unsigned attempts, double random);

enum bullmq_keep_mode {
    BULLMQ_KEEP_DEFAULT, /* whatever the worker says; a worker without a say keeps all */
    BULLMQ_KEEP_ALL,
    BULLMQ_KEEP_NONE,
    BULLMQ_KEEP_SOME, /* the newest `count` (0: any number), not older than `age_s` (0: any age) */
};

struct bullmq_keep {
    enum bullmq_keep_mode mode;
    int64_t count;
    int64_t age_s;
};

/* What a child that failed for good does to its parent. */
enum bullmq_child_fails {
    BULLMQ_CHILD_BLOCKS, /* the parent waits on (for a retry of the child) */
    BULLMQ_CHILD_FAILS_PARENT,
    BULLMQ_CHILD_STARTS_PARENT, /* the parent runs at once, others still pending */
    BULLMQ_CHILD_IGNORED,       /* counts as done; bullmq_children tells its reason */
    BULLMQ_CHILD_REMOVED,       /* counts as done */
};

struct bullmq_job_opts {
    const char *name;  /* what kind of job; required */
    const char *data;  /* JSON text; NULL: {} */
    const char *id;    /* custom id, or NULL for the queue's counter. Adding an id that exists does
                          nothing (an event "duplicated"). Not a decimal integer; no ':' but two
                          exactly ("a:b:c"), as BullMQ has it */
    unsigned attempts; /* tries in all; 0 is 1 */
    struct bullmq_backoff backoff;
    int64_t delay_ms;  /* not before now + delay */
    unsigned priority; /* 1 is served first, up to 2097151; 0: none (served before any priority) */
    bool lifo;
    struct bullmq_keep remove_on_complete; /* what stays of completed jobs of this kind */
    struct bullmq_keep remove_on_fail;
    int64_t timestamp_ms; /* creation time; 0: now */
    unsigned keep_logs;   /* log lines kept; 0: all */

    /* Deduplication: while a job with `dedup_id` is unfinished (or, when given, `dedup_ttl_ms`
     * runs), another add is dropped and returns the first one's id. */
    const char *dedup_id;
    int64_t dedup_ttl_ms;
    bool dedup_extend;     /* another add starts the ttl anew */
    bool dedup_replace;    /* another add takes the place of one that is still delayed (debounce:
                              with delay_ms and dedup_ttl_ms the same, and dedup_extend) */
    bool dedup_reschedule; /* another add starts the delay of the first one anew */
    bool dedup_keep_last;  /* adds while the first one runs: the newest is done after it */

    /* The job this one is a child of; both or neither. A flow fills them in by itself. */
    const char *parent_queue, *parent_id;
    enum bullmq_child_fails child_fails;
};

#define BULLMQ_ID_MAX 256

/* Adds one job and writes its id (`ret_id` has BULLMQ_ID_MAX bytes, or is NULL). Answers within
 * connect + command timeout (2 s by default): PROBLEM_UNAVAILABLE means Redis did not confirm, and
 * the job may or may not exist; adding again with the same custom id is safe. PROBLEM_VALIDATION
 * for a bad queue name, id, priority, data (not JSON by its first byte) or jitter. */
struct problem *bullmq_add(struct bullmq_redis *redis, const char *queue,
                           const struct bullmq_job_opts *opts, char *ret_id);

/* Adds `count` jobs in pipelines of up to 256: one round trip each. All are checked before the
 * first is sent; beyond that it is not atomic (no more than Queue.addBulk is): on a problem some
 * may exist, and adding all again with custom ids is safe. `ret_ids` is an array of count ids or
 * NULL. */
struct problem *bullmq_add_bulk(struct bullmq_redis *redis, const char *queue,
                                const struct bullmq_job_opts *opts, size_t count,
                                char (*ret_ids)[BULLMQ_ID_MAX]);

/* A tree of jobs over any queues: a parent runs when all its children are done. */
struct bullmq_flow {
    const char *queue;
    struct bullmq_job_opts job; /* without an id it gets a UUID; only the root may name a parent */
    const struct bullmq_flow *children;
    size_t child_count;
};

/* Adds the whole tree in one transaction: all of it or nothing. `ret_id` gets the root's id, or is
 * NULL. At most 240 jobs, parents counted twice, 32 levels. PROBLEM_VALIDATION as bullmq_add;
 * PROBLEM_CONFLICT when the parent named by the root does not exist. */
struct problem *bullmq_flow_add(struct bullmq_redis *redis, const struct bullmq_flow *flow,
                                char *ret_id);

/* Creates or changes the job scheduler `id`: a job from `opts` every `every_ms`, the first one now.
 * Calling it again with the same values changes nothing, so every node may call it at start. `opts`
 * may not carry id, delay or dedup. `ret_job_id` gets the next job's id, or is NULL. */
struct problem *bullmq_scheduler_upsert(struct bullmq_redis *redis, const char *queue,
                                        const char *id, int64_t every_ms,
                                        const struct bullmq_job_opts *opts, char *ret_job_id);

/* The same by a cron pattern (five fields, or six with seconds first; see cron.h) in the IANA time
 * zone `tz`, or the machine's for NULL. PROBLEM_VALIDATION names a wrong pattern or zone. */
struct problem *bullmq_scheduler_upsert_cron(struct bullmq_redis *redis, const char *queue,
                                             const char *id, const char *pattern, const char *tz,
                                             const struct bullmq_job_opts *opts, char *ret_job_id);

/* Removes a scheduler and its next job. `ret_existed` may be NULL. */
struct problem *bullmq_scheduler_remove(struct bullmq_redis *redis, const char *queue,
                                        const char *id, bool *ret_existed);

/* ---- 3. working jobs ------------------------------------------------------------------------ */

struct bullmq_worker;

/* A job in the handler's hands. Text lives until the handler returns. */
struct bullmq_job {
    const char *queue;
    const char *id;
    const char *name;
    struct str data;           /* JSON text as added, NUL after it */
    const struct json_t *json; /* the same as a value of jansson. A job whose data is gone or not
                                  JSON fails without a call of the handler */
    unsigned attempts_made;    /* finished attempts before this one: 0 the first time */
    unsigned stalls;           /* how often its worker was killed or frozen over it */
    unsigned attempts;         /* policy from the job's options; the handler may change it */
    struct bullmq_backoff backoff;
    unsigned priority;
    int64_t timestamp_ms;     /* when it was added */
    const char *scheduler_id; /* the scheduler that made it, or NULL */

    struct arena *arena; /* 64 MiB at most; wiped when the handler is done */
    void *slot;          /* what slot_open gave this thread */
    void *user;          /* bullmq_worker_opts.user */

    /* What the handler may write: */
    struct buf result;         /* JSON value kept as `returnvalue`; empty: null */
    bool unrecoverable;        /* with a problem returned: fail now, whatever attempts are left */
    const char *failed_reason; /* instead of "<problem slug>: <detail>" */
    const char *trace;         /* stacktrace line instead of the reason and the worker's name */
};

/* Does the job. NULL: completed. A problem: retried by the job's policy, then failed; Redis shows
 * its kind and `detail` (never its cause), so keep detail free of secrets. A problem with
 * retry_after_s is not retried sooner. Called on a slot thread; may block; runs at least once, so
 * make it idempotent. */
typedef struct problem *bullmq_handler(struct bullmq_job *job);

struct bullmq_worker_opts {
    const char *url; /* as in bullmq_redis_opts */
    const char *queue;
    const char *name;     /* shown by getWorkers and in the job ("processedBy"); no spaces */
    unsigned concurrency; /* threads calling the handler; 0: 1; at most 256 */
    bullmq_handler *handler;
    void *user;

    /* Called on each slot thread before its first and after its last job: the place for a database
     * connection. A problem from slot_open is logged and tried again with a back-off. Optional. */
    struct problem *(*slot_open)(void *user, unsigned slot, void **ret_state);
    void (*slot_close)(void *user, void *state);

    unsigned lock_ms;             /* 0: 30000. A worker silent for so long loses its jobs; renewed
                                     at a quarter of it */
    unsigned stalled_interval_ms; /* 0: 30000. A dead worker's jobs are back after one lock_ms and
                                     one to two of these */
    bool skip_stalled;            /* leave the sweeps to other workers */
    unsigned max_stalled;         /* 0: 1. A job that killed its worker more often fails */
    unsigned drain_delay_ms;      /* 0: 5000. The longest wait for the wake-up marker */
    unsigned limit_max;           /* worker rate limit: limit_max jobs per limit_ms; 0: none */
    unsigned limit_ms;
    unsigned metrics_points; /* minutes of completed/failed counts kept for getMetrics; 0: none */
    unsigned max_jobs;       /* take so many jobs, then stop by itself; 0: no limit */
    struct bullmq_keep remove_on_complete; /* for jobs that do not say */
    struct bullmq_keep remove_on_fail;
};

/* A worker for one queue; nothing runs yet. The strings of `opts` are copied. */
struct problem *bullmq_worker_new(const struct bullmq_worker_opts *opts,
                                  struct bullmq_worker **ret);

/* Starts the slot threads and one keeper thread (lock renewal, stalled jobs), and returns. Works
 * while Redis is down: it is retried with a back-off and logged once per outage. */
struct problem *bullmq_worker_start(struct bullmq_worker *worker);

/* Pauses this worker alone: running jobs go on, nothing new is fetched until resume. From any
 * thread, any number of times. (bullmq_pause pauses the queue for all workers.) */
void bullmq_worker_pause(struct bullmq_worker *worker);
void bullmq_worker_resume(struct bullmq_worker *worker);

/* Asks to stop: nothing new is fetched, running jobs go on. Safe in a signal handler and from any
 * thread, any number of times. */
void bullmq_worker_stop(struct bullmq_worker *worker);

/* Waits until every slot has finished its job after bullmq_worker_stop(), at most deadline_ms
 * (negative: no limit). False when jobs are still running. */
bool bullmq_worker_wait(struct bullmq_worker *worker, int64_t deadline_ms);

/* start, then wait until somebody calls stop. */
struct problem *bullmq_worker_run(struct bullmq_worker *worker);

/* stop, wait at most deadline_ms for the running jobs (graceful) and free. False when handlers were
 * still running: their memory is left to them and the process should exit soon; their jobs become
 * stalled and are done again elsewhere. Accepts a pointer to NULL, and a worker never started. */
bool bullmq_worker_close(struct bullmq_worker **worker, int64_t deadline_ms);

struct bullmq_worker_stats {
    uint64_t completed, failed, retried; /* reports that Redis took */
    uint64_t lost;                       /* reports Redis refused: lock lost, job gone */
    uint64_t stalled;                    /* dead workers' jobs this one put back */
    uint64_t trips;                      /* round trips of the shared connection */
    unsigned running;                    /* handlers at work now */
    bool connected;
};
void bullmq_worker_stats(struct bullmq_worker *worker, struct bullmq_worker_stats *ret);

/* For handlers. Progress is a JSON value ("50", {"page":2}); a log line is text, `keep` the lines
 * kept (0: what the job was added with). They use the worker's second connection and may wait for
 * it up to 2 s. */
struct problem *bullmq_job_progress(struct bullmq_job *job, const char *json);
struct problem *bullmq_job_log(struct bullmq_job *job, const char *line, unsigned keep);

/* Some service said "too many requests": no worker fetches from the queue for `ms`, and this job
 * goes back to wait without losing an attempt when the handler now returns any problem. */
struct problem *bullmq_job_rate_limit(struct bullmq_job *job, int64_t ms);

/* Results of the job's children, as bullmq_children, in the job's arena. */
struct bullmq_child;
struct problem *bullmq_job_children(struct bullmq_job *job, struct bullmq_child **ret,
                                    size_t *ret_count);

/* Takes the lock for another `lock_ms` from now; the keeper does so by itself. */
struct problem *bullmq_job_extend_lock(struct bullmq_job *job, unsigned lock_ms);

/* True once the lock was lost (a freeze, a partition): somebody else may be at this job, what is
 * reported now will be refused, and long handlers had better stop. */
bool bullmq_job_lost(const struct bullmq_job *job);

/* ---- 4. looking after queues ---------------------------------------------------------------- */

enum bullmq_state {
    BULLMQ_WAITING,
    BULLMQ_ACTIVE,
    BULLMQ_DELAYED,
    BULLMQ_PRIORITIZED,
    BULLMQ_COMPLETED,
    BULLMQ_FAILED,
    BULLMQ_WAITING_CHILDREN,
    BULLMQ_STATE__COUNT
};
const char *bullmq_state_name(enum bullmq_state state); /* "waiting", "active", ... */

/* How many jobs of each state a queue has now. */
struct bullmq_counts {
    uint64_t jobs[BULLMQ_STATE__COUNT];
    bool paused;
};
struct problem *bullmq_counts(struct bullmq_redis *redis, const char *queue,
                              struct bullmq_counts *ret);

struct bullmq_job_info {
    const char *id;
    const char *name;
    const char *data;          /* JSON text */
    const char *failed_reason; /* "" when it did not fail */
    unsigned attempts_made;
    int64_t timestamp_ms, processed_ms, finished_ms; /* 0: not yet */
};

/* Jobs `first`..`first + max - 1` of a state, newest first, in `arena`. */
struct problem *bullmq_jobs(struct bullmq_redis *redis, const char *queue, enum bullmq_state state,
                            size_t first, size_t max, struct arena *arena,
                            struct bullmq_job_info **ret, size_t *ret_count);

/* The same for lists that must stay cheap whatever somebody queued: at most 500 jobs, `data` is ""
 * where it is longer than data_max bytes, and names and failure texts are cut (255 and 500 bytes).
 * An id without a job has an empty name. processed_ms is not read. */
struct problem *bullmq_jobs_brief(struct bullmq_redis *redis, const char *queue,
                                  enum bullmq_state state, size_t first, size_t max,
                                  size_t data_max, struct arena *arena,
                                  struct bullmq_job_info **ret, size_t *ret_count);

/* Jobs whose data is a JSON object with the text `value` as `member`, and not longer than data_max
 * bytes. */
struct bullmq_match {
    const char *member, *value;
    size_t data_max;
};

/* How many of the newest `max` jobs of a state match. Redis looks through them itself, in pieces of
 * 500, and sends two numbers for each piece. `ret_all` is false when `max` were looked at: there
 * may be more. */
struct problem *bullmq_jobs_count(struct bullmq_redis *redis, const char *queue,
                                  enum bullmq_state state, size_t max,
                                  const struct bullmq_match *match, uint64_t *ret, bool *ret_all);

/* One job in the same way as bullmq_jobs_brief; PROBLEM_NOT_FOUND when there is none. */
struct problem *bullmq_job_brief(struct bullmq_redis *redis, const char *queue, const char *id,
                                 size_t data_max, struct arena *arena, struct bullmq_job_info *ret);

/* The priority from least to most that is served next among waiting jobs; 0 when none waits there.
 * For producers that share a queue out among many by their priorities. */
struct problem *bullmq_first_priority(struct bullmq_redis *redis, const char *queue, unsigned least,
                                      unsigned most, unsigned *ret);

/* Where a job is; PROBLEM_NOT_FOUND when there is none (or in a state not listed here). */
struct problem *bullmq_job_state(struct bullmq_redis *redis, const char *queue, const char *id,
                                 enum bullmq_state *ret);

/* Puts a failed job back to wait (its attempts count on). PROBLEM_NOT_FOUND, or PROBLEM_CONFLICT
 * when it is not failed. */
struct problem *bullmq_retry(struct bullmq_redis *redis, const char *queue, const char *id);

/* The same with all its attempts and their backoff before it again, as Job.retry with
 * resetAttemptsMade; with `forget_stalls` also its stalls, which are else counted on. */
struct problem *bullmq_retry_anew(struct bullmq_redis *redis, const char *queue, const char *id,
                                  bool forget_stalls);

/* Makes a delayed job due now. PROBLEM_NOT_FOUND, PROBLEM_CONFLICT as above. */
struct problem *bullmq_promote(struct bullmq_redis *redis, const char *queue, const char *id);

/* Removes a job. PROBLEM_CONFLICT when a worker holds it or a scheduler owns it. */
struct problem *bullmq_remove(struct bullmq_redis *redis, const char *queue, const char *id);

/* No worker of any language fetches from a paused queue; running jobs go on. */
struct problem *bullmq_pause(struct bullmq_redis *redis, const char *queue);
struct problem *bullmq_resume(struct bullmq_redis *redis, const char *queue);

/* A finished child of a flow. */
struct bullmq_child {
    const char *key;   /* "bull:<queue>:<id>" */
    const char *value; /* JSON result; or the reason of a failure that is ignored */
    bool failed;
};

/* The finished children of a parent that have a result, or failed and are ignored. */
struct problem *bullmq_children(struct bullmq_redis *redis, const char *queue, const char *id,
                                struct arena *arena, struct bullmq_child **ret, size_t *ret_count);

/* Fetching over all workers: at most `max` jobs per `duration_ms`; 0 takes the limit away. */
struct problem *bullmq_limit_rate(struct bullmq_redis *redis, const char *queue, unsigned max,
                                  unsigned duration_ms);

/* At most `max` jobs of the queue at once over all workers; 0 takes the limit away. */
struct problem *bullmq_limit_concurrency(struct bullmq_redis *redis, const char *queue,
                                         unsigned max);

/* One stalled-jobs sweep, as workers do by themselves: jobs that were active at the last sweep and
 * have no lock go back to wait. PROBLEM_VALIDATION when `interval_ms` is 0. `ret_moved` may be
 * NULL. */
struct problem *bullmq_sweep_stalled(struct bullmq_redis *redis, const char *queue,
                                     unsigned interval_ms, unsigned max_stalled, size_t *ret_moved);

/* The MIT notice of the embedded scripts. */
extern const char bullmq_scripts_notice[];

#endif
