/* `nexacore work`: the queues, the relay and the clock of one node.
 *
 * Everything here may die at any moment and be done again elsewhere: jobs are idempotent, timers
 * are rows, the outbox is a table. SIGTERM finishes the running jobs and takes no new ones. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include <time.h>
#include <pthread.h>
#include <stdatomic.h>

#include "app/app.h"
#include "app/features.h"
#include "app/roles.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "ops/guard.h"
#include "ops/redis_guard.h"
#include "outbox/relay.h"
#include "reader/reader.h"

enum { STOP_MS = 30000, WORKERS_MAX = 16, TICKS_MAX = 16, TICK_STEP_MS = 200 };

struct work {
    struct app *app;
    struct relay *relay;
    struct bullmq_worker *workers[WORKERS_MAX];
    size_t worker_count;
    pthread_t ticker;
    atomic_bool stop;
};

/* What a worker's threads need to open a slot. */
struct slot_source {
    struct app *app;
    bool needs_reader;
};

static struct problem *slot_open(void *user, unsigned number, void **ret_state)
{
    (void)number;
    const struct slot_source *source = user;
    struct work_slot *slot = mem_new(struct work_slot);
    slot->app = source->app;
    slot->db = pg_conn_new(source->app->database_url, "nexacore-work");
    if (source->needs_reader) {
        struct problem *p = reader_new(NULL, &slot->reader);
        if (p) {
            pg_conn_free(&slot->db);
            free(slot);
            return p;
        }
        reader_patience(slot->reader,
                        (int)conf_uint(source->app->conf, "NEXACORE_READ_PAGE_SECONDS") * 1000);
    }
    *ret_state = slot;
    return NULL;
}

static void slot_close(void *user, void *state)
{
    (void)user;
    struct work_slot *slot = state;
    reader_free(&slot->reader);
    pg_conn_free(&slot->db);
    free(slot);
}

static struct problem *worker_add(struct work *w, const struct work_queue *queue,
                                  struct slot_source *source)
{
    unsigned concurrency = queue->concurrency;
    if (concurrency == 0)
        concurrency = (unsigned)conf_uint(w->app->conf, "NEXACORE_WORK_CONCURRENCY");
    *source = (struct slot_source){w->app, queue->needs_reader};
    struct bullmq_worker_opts opts = {
        .url = w->app->redis_url,
        .queue = queue_name(queue->queue),
        .name = "nexacore",
        .concurrency = concurrency,
        .handler = queue->handler,
        .user = source,
        .slot_open = slot_open,
        .slot_close = slot_close,
        .lock_ms = queue->lock_ms,
        .stalled_interval_ms = queue->stalled_interval_ms,
        .max_stalled = STALLS_MAX,
        .metrics_points = 60,
    };
    TRY(bullmq_worker_new(&opts, &w->workers[w->worker_count]));
    return bullmq_worker_start(w->workers[w->worker_count++]);
}

static struct problem *workers_start(struct work *w, struct slot_source sources[WORKERS_MAX])
{
    for (size_t i = 0; i < feature_count; i++)
        for (size_t k = 0; features[i].queues && k < *features[i].queue_count; k++)
            TRY(worker_add(w, &features[i].queues[k], &sources[w->worker_count]));
    return NULL;
}

/* ---- the clock --------------------------------------------------------------------------------*/

struct due {
    const struct work_tick *tick;
    int64_t next_us;
    bool failing;
};

static void tick_once(struct work *w, struct due *due, struct pg_conn *db, struct arena *arena)
{
    if (clock_mono_us() < due->next_us)
        return;
    struct problem *p = due->tick->run(w->app, db, arena);
    if (p && !due->failing)
        log_warn("%s waits: %s (%s)", due->tick->name, p->detail, p->cause);
    due->failing = p != NULL;
    due->next_us = clock_mono_us() + (int64_t)due->tick->every_ms * 1000;
    arena_reset(arena);
}

static void *ticker_main(void *arg)
{
    struct work *w = arg;
    struct due due[TICKS_MAX] = {0};
    size_t count = 0;
    for (size_t i = 0; i < feature_count; i++)
        for (size_t k = 0; features[i].ticks && k < *features[i].tick_count && count < TICKS_MAX;
             k++)
            due[count++].tick = &features[i].ticks[k];
    struct pg_conn *db = pg_conn_new(w->app->database_url, "nexacore-ticks");
    struct arena *arena = arena_new(64 << 20);
    while (!atomic_load(&w->stop)) {
        for (size_t i = 0; i < count; i++)
            tick_once(w, &due[i], db, arena);
        nanosleep(&(struct timespec){0, TICK_STEP_MS * 1000000L}, NULL);
    }
    arena_free(&arena);
    pg_conn_free(&db);
    return NULL;
}

/* ---- the process ------------------------------------------------------------------------------*/

static struct problem *guard(struct work *w, struct arena *arena)
{
    struct pg_conn *db = pg_conn_new(w->app->database_url, "nexacore-guard");
    struct problem *p = guard_check(db, arena);
    pg_conn_free(&db);
    if (p && p->kind == PROBLEM_UNAVAILABLE) {
        log_warn("the database does not answer yet: %s", p->cause);
        return NULL;
    }
    return p;
}

/* A Redis that answers and would refuse or lose jobs is refused; one that is away is waited for. */
static struct problem *redis_fit(const struct app *app, struct arena *arena)
{
    const char *advice;
    struct problem *p = redis_guard(app->redis_url, arena, &advice);
    if (advice[0])
        log_warn("Redis: %s", advice);
    if (p && p->kind == PROBLEM_UNAVAILABLE) {
        log_warn("Redis does not answer yet: %s", p->cause);
        return NULL;
    }
    return p;
}

static void stop_all(struct work *w)
{
    atomic_store(&w->stop, true);
    for (size_t i = 0; i < w->worker_count; i++)
        bullmq_worker_stop(w->workers[i]);
    for (size_t i = 0; i < w->worker_count; i++)
        if (!bullmq_worker_close(&w->workers[i], STOP_MS))
            log_warn("a job was still running; another worker will do it again");
    relay_stop(&w->relay);
    pthread_join(w->ticker, NULL);
}

int role_work(struct app *app)
{
    struct work w = {.app = app};
    static struct slot_source sources[WORKERS_MAX];
    struct arena *arena = arena_new(16 << 20);
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* inherited by every thread below */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file at its limit is a failed write, not our end */

    struct problem *p = guard(&w, arena);
    if (!p)
        p = redis_fit(app, arena);
    if (!p)
        p = relay_start(app, &w.relay);
    if (!p)
        p = workers_start(&w, sources);
    if (p) {
        log_error("cannot work: %s%s%s", p->detail, p->cause[0] ? ": " : "", p->cause);
        _exit(2); /* what was started half way has threads; nothing is worth taking apart */
    }
    pthread_create(&w.ticker, NULL, ticker_main, &w);
    log_info("working %zu queues", w.worker_count);
    int got = 0;
    sigwait(&signals, &got);
    log_info("signal %d: finishing what runs, then stopping", got);
    stop_all(&w);
    arena_free(&arena);
    log_info("stopped");
    return 0;
}
