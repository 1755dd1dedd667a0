/* A worker's life: made, started, stopped, closed; and the loop of its slots.
 *
 * The rule not to break: slot_step() decides with the lock held and does one thing; whoever takes
 * something out of a list wakes one more slot if more is left, so that nothing waits unseen. */
#include "bullmq/worker.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crypt.h"
#include "base/log.h"
#include "base/uuid.h"

enum {
    ARENA_MOST = 64 * 1024 * 1024,
    RESULT_MOST = 16 * 1024 * 1024,
    OPEN_PAUSE_FIRST_MS = 200,
    OPEN_PAUSE_MOST_MS = 5000,
    TALK_TIMEOUT_MS = 10000,
};

struct slot {
    struct bullmq_worker *worker;
    unsigned index;
    struct arena *arena;
    void *state;
};

bool worker_pause(struct bullmq_worker *w, int64_t ms)
{
    struct pollfd fd = {.fd = w->stop_fd, .events = POLLIN};
    return poll(&fd, 1, ms > 0 ? (int)ms : 0) > 0;
}

/* ---- slots ---- */

/* [lock] Wakes one sleeping slot when there is something it could do. */
static void nudge(struct bullmq_worker *w)
{
    bool talk = !w->talking && (w->done || worker_may_fetch(w));
    if (w->idle > w->woken && w->woken == 0 && (w->ready || talk || worker_may_wait(w))) {
        w->woken++;
        pthread_cond_signal(&w->changed);
    }
}

static void slot_run(struct slot *slot)
{
    struct bullmq_worker *w = slot->worker;
    struct work *work = w->ready;
    w->ready = work->next;
    if (!w->ready)
        w->ready_end = &w->ready;
    work->state = WORK_RUNNING;
    nudge(w);
    pthread_mutex_unlock(&w->lock);

    atomic_fetch_add_explicit(&w->running, 1, memory_order_relaxed);
    work_run(work, slot->arena, slot->state);
    arena_reset(slot->arena);
    atomic_fetch_sub_explicit(&w->running, 1, memory_order_relaxed);

    pthread_mutex_lock(&w->lock);
    work->state = WORK_DONE;
    work->next = NULL;
    *w->done_end = work;
    w->done_end = &work->next;
}

static void slot_sleep(struct bullmq_worker *w)
{
    w->idle++;
    pthread_cond_wait(&w->changed, &w->lock);
    w->idle--;
    if (w->woken > 0)
        w->woken--;
}

/* [lock] One step; false when this slot is done for good. Reports are sent before new jobs are
 * begun, unless another slot is free to send them meanwhile. */
static bool slot_step(struct slot *slot)
{
    struct bullmq_worker *w = slot->worker;
    bool somebody_else = w->ready && w->idle > 0;
    if (!w->talking && w->done && !somebody_else)
        worker_talk(w);
    else if (w->ready)
        slot_run(slot);
    else if (!w->talking && worker_may_fetch(w))
        worker_talk(w);
    else if (w->stopping && w->held == 0)
        return false;
    else if (worker_may_wait(w))
        worker_await_marker(w);
    else
        slot_sleep(w);
    nudge(w);
    return true;
}

/* Opens the slot's state, again and again until it works; false when stopping. */
static bool slot_open(struct slot *slot)
{
    struct bullmq_worker *w = slot->worker;
    int64_t pause_ms = OPEN_PAUSE_FIRST_MS;
    bool logged = false;
    while (w->opts.slot_open) {
        struct problem *p = w->opts.slot_open(w->opts.user, slot->index, &slot->state);
        if (!p)
            break;
        if (!logged)
            log_warn("queue %s: slot %u cannot start: %s %s; trying again", w->opts.queue,
                     slot->index, p->detail, p->cause);
        logged = true;
        if (worker_pause(w, pause_ms))
            return false;
        pause_ms = pause_ms * 2 < OPEN_PAUSE_MOST_MS ? pause_ms * 2 : OPEN_PAUSE_MOST_MS;
    }
    return true;
}

static void *slot_main(void *worker)
{
    struct bullmq_worker *w = worker;
    pthread_mutex_lock(&w->lock);
    struct slot slot = {.worker = w, .index = w->opened++};
    pthread_mutex_unlock(&w->lock);
    slot.arena = arena_new(ARENA_MOST);
    bool open = slot_open(&slot);
    pthread_mutex_lock(&w->lock);
    while (open && slot_step(&slot)) {
    }
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
    if (open && w->opts.slot_close)
        w->opts.slot_close(w->opts.user, slot.state);
    arena_free(&slot.arena);
    pthread_mutex_lock(&w->lock);
    w->alive--;
    if (w->alive == 0)
        eventfd_write(w->end_fd, 1);
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* ---- life ---- */

static unsigned or_default(unsigned v, unsigned fallback)
{
    return v ? v : fallback;
}

static struct problem *check_opts(const struct bullmq_worker_opts *opts)
{
    if (!opts->handler)
        return problem_field(NULL, "/handler", "a worker needs a handler");
    if (opts->concurrency > SLOTS_MAX)
        return problem_field(NULL, "/concurrency", "a worker has at most %d slots", SLOTS_MAX);
    if (opts->name && (strlen(opts->name) > 100 || strpbrk(opts->name, " \r\n\t")))
        return problem_field(NULL, "/name", "a worker's name has at most 100 bytes, no spaces");
    if (opts->limit_max > 0 && opts->limit_ms == 0)
        return problem_field(NULL, "/limitMs", "a rate limit needs its time");
    return NULL;
}

static void copy_opts(struct bullmq_worker *w, const struct bullmq_worker_opts *opts)
{
    w->opts = *opts;
    w->opts.url = arena_cstr(w->arena, str_of(opts->url));
    w->opts.queue = arena_cstr(w->arena, str_of(opts->queue));
    w->opts.name = opts->name ? arena_cstr(w->arena, str_of(opts->name)) : NULL;
    w->opts.concurrency = or_default(opts->concurrency, 1);
    w->opts.lock_ms = or_default(opts->lock_ms, 30000);
    w->opts.stalled_interval_ms = or_default(opts->stalled_interval_ms, 30000);
    w->opts.max_stalled = or_default(opts->max_stalled, 1);
    w->opts.drain_delay_ms = or_default(opts->drain_delay_ms, 5000);
}

static void init_lists(struct bullmq_worker *w)
{
    w->ready_end = &w->ready;
    w->done_end = &w->done;
    w->fetch_size = 1;
    for (unsigned i = w->opts.concurrency; i-- > 0;) {
        struct work *work = &w->works[i];
        work->worker = w;
        work->value = BUF_MAX(RESULT_MOST);
        work->fields = BUF_MAX(RESULT_MOST);
        work->next = w->free;
        w->free = work;
    }
    batch_init(&w->talk_batch);
    batch_init(&w->wait_batch);
    batch_init(&w->side_batch);
    uuid_text(uuid_v7(), w->uuid);
}

static void init_locks(struct bullmq_worker *w)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&w->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&w->lock, NULL);
    pthread_mutex_init(&w->side_lock, NULL);
}

/* Queue.getWorkers lists clients called bull:<base64 of the queue>[:w:<name>]. The talker's
 * connection carries that name: it is the one that is always there. */
static struct problem *open_connections(struct bullmq_worker *w)
{
    struct buf name = BUF_MAX(512);
    buf_add_z(&name, "bull:");
    base64_add(&name, str_of(w->opts.queue));
    if (w->opts.name)
        buf_addf(&name, ":w:%s", w->opts.name);
    struct bullmq_redis_opts talk = {
        .url = w->opts.url, .client_name = name.data, .command_timeout_ms = TALK_TIMEOUT_MS};
    struct bullmq_redis_opts quiet = {.url = w->opts.url, .quiet = true};
    struct problem *p = bullmq_redis_new(&talk, &w->talk_redis);
    if (!p)
        p = bullmq_redis_new(&quiet, &w->wait_redis);
    if (!p)
        p = bullmq_redis_new(&quiet, &w->side_redis);
    buf_free(&name);
    return p;
}

static void worker_free(struct bullmq_worker **worker)
{
    struct bullmq_worker *w = *worker;
    if (!w)
        return;
    for (unsigned i = 0; i < w->opts.concurrency; i++) {
        work_clear(&w->works[i]);
        buf_free(&w->works[i].value);
        buf_free(&w->works[i].fields);
    }
    batch_free(&w->talk_batch);
    batch_free(&w->wait_batch);
    batch_free(&w->side_batch);
    bullmq_redis_free(&w->talk_redis);
    bullmq_redis_free(&w->wait_redis);
    bullmq_redis_free(&w->side_redis);
    fd_close(&w->stop_fd);
    fd_close(&w->end_fd);
    fd_close(&w->pause_fd);
    pthread_mutex_destroy(&w->lock);
    pthread_mutex_destroy(&w->side_lock);
    pthread_cond_destroy(&w->changed);
    struct arena *arena = w->arena;
    *worker = NULL;
    arena_free(&arena);
}

struct problem *bullmq_worker_new(const struct bullmq_worker_opts *opts, struct bullmq_worker **ret)
{
    struct queue_keys q;
    TRY(queue_keys_of(opts->queue, &q));
    TRY(check_opts(opts));
    struct arena *arena = arena_new(sizeof(struct bullmq_worker) + 64 * 1024);
    CLEANUP(worker_free) struct bullmq_worker *w = arena_make(arena, struct bullmq_worker);
    w->arena = arena;
    w->q = q;
    w->stop_fd = eventfd(0, EFD_CLOEXEC);
    w->end_fd = eventfd(0, EFD_CLOEXEC);
    w->pause_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    copy_opts(w, opts);
    init_locks(w);
    init_lists(w);
    if (w->stop_fd < 0 || w->end_fd < 0 || w->pause_fd < 0)
        return problem_new(NULL, PROBLEM_INTERNAL, "no file descriptors for a worker");
    TRY(open_connections(w));
    *ret = TAKE(w);
    return NULL;
}

struct problem *bullmq_worker_start(struct bullmq_worker *w)
{
    pthread_mutex_lock(&w->lock);
    w->started = true;
    int error = pthread_create(&w->keeper, NULL, worker_keeper, w);
    bool keeper = error == 0;
    while (!error && w->alive < w->opts.concurrency) {
        error = pthread_create(&w->threads[w->alive], NULL, slot_main, w);
        w->alive += error == 0;
    }
    w->made = w->alive;
    if (keeper && w->alive == 0)
        eventfd_write(w->end_fd, 1);
    w->keeping = keeper;
    pthread_mutex_unlock(&w->lock);
    if (!error)
        return NULL;
    bullmq_worker_stop(w);
    return problem_new(NULL, PROBLEM_INTERNAL, "no threads for a worker: %s", strerror(error));
}

void bullmq_worker_stop(struct bullmq_worker *w)
{
    uint64_t one = 1;
    int saved = errno;
    ssize_t written = write(w->stop_fd, &one, sizeof(one));
    (void)written; /* a full counter is a stop already */
    errno = saved;
}

void bullmq_worker_pause(struct bullmq_worker *w)
{
    pthread_mutex_lock(&w->lock);
    if (!w->paused)
        eventfd_write(w->pause_fd, 1); /* ends the wait for the marker: it is for others now */
    w->paused = true;
    pthread_mutex_unlock(&w->lock);
}

void bullmq_worker_resume(struct bullmq_worker *w)
{
    eventfd_t ignored;
    pthread_mutex_lock(&w->lock);
    if (w->paused)
        eventfd_read(w->pause_fd, &ignored);
    w->paused = false;
    w->drained = false;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

static struct timespec mono_after(int64_t ms)
{
    int64_t us = clock_mono_us() + ms * 1000;
    return (struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
}

bool bullmq_worker_wait(struct bullmq_worker *w, int64_t deadline_ms)
{
    struct timespec deadline = mono_after(deadline_ms);
    int error = 0;
    pthread_mutex_lock(&w->lock);
    while (w->alive > 0 && !error) {
        if (deadline_ms < 0)
            pthread_cond_wait(&w->changed, &w->lock);
        else
            error = pthread_cond_timedwait(&w->changed, &w->lock, &deadline);
    }
    bool ended = w->alive == 0;
    pthread_mutex_unlock(&w->lock);
    return ended;
}

struct problem *bullmq_worker_run(struct bullmq_worker *w)
{
    TRY(bullmq_worker_start(w));
    bullmq_worker_wait(w, -1);
    return NULL;
}

bool bullmq_worker_close(struct bullmq_worker **worker, int64_t deadline_ms)
{
    struct bullmq_worker *w = *worker;
    if (!w)
        return true;
    *worker = NULL;
    bullmq_worker_stop(w);
    bool ended = !w->started || bullmq_worker_wait(w, deadline_ms);
    if (!ended) { /* perhaps only the reports are stuck, with Redis away */
        atomic_store(&w->give_up, true);
        ended = bullmq_worker_wait(w, TALK_TIMEOUT_MS / 4);
    }
    if (!ended) {
        log_warn("queue %s: closing with %u jobs still running", w->opts.queue,
                 atomic_load(&w->running));
        return false;
    }
    for (unsigned i = 0; i < w->made; i++)
        pthread_join(w->threads[i], NULL);
    if (w->keeping)
        pthread_join(w->keeper, NULL);
    worker_free(&w);
    return true;
}

void bullmq_worker_stats(struct bullmq_worker *w, struct bullmq_worker_stats *ret)
{
    *ret = (struct bullmq_worker_stats){
        .completed = atomic_load(&w->completed),
        .failed = atomic_load(&w->failed),
        .retried = atomic_load(&w->retried),
        .lost = atomic_load(&w->lost),
        .stalled = atomic_load(&w->stalled),
        .trips = atomic_load(&w->trips),
        .running = atomic_load(&w->running),
        .connected = atomic_load(&w->connected),
    };
}
