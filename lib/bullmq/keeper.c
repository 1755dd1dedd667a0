/* The keeper thread: renews the locks of the jobs we hold and puts dead workers' jobs back.
 *
 * The rule not to break: it goes on while the last jobs finish after a stop, or they would lose
 * their locks just then. */
#include <poll.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "bullmq/worker.h"

/* Packs token and id of every job whose lock is older than a quarter of its time. That is counted
 * by the monotonic clock: a wall clock set back would end the renewals of the jobs that run. */
static unsigned pack_held(struct bullmq_worker *w, struct pack *tokens, struct pack *ids)
{
    int64_t now = clock_mono_us();
    unsigned due[SLOTS_MAX], n = 0;
    pthread_mutex_lock(&w->lock);
    for (unsigned i = 0; i < w->opts.concurrency; i++) {
        struct work *work = &w->works[i];
        bool ours =
            work->state == WORK_READY || work->state == WORK_RUNNING || work->state == WORK_DONE;
        if (ours && work->id && !atomic_load(&work->lost) &&
            now - work->locked_us >= (int64_t)w->opts.lock_ms * 1000 / 4)
            due[n++] = i;
    }
    pack_array(tokens, n);
    pack_array(ids, n);
    for (unsigned i = 0; i < n; i++) {
        struct work *work = &w->works[due[i]];
        pack_z(tokens, work->token);
        pack_z(ids, work->id);
        work->locked_us = now;
    }
    pthread_mutex_unlock(&w->lock);
    return n;
}

/* Redis could not renew this one: unless it was finished meanwhile, somebody else may have it. */
static void mark_lost(struct bullmq_worker *w, const char *id)
{
    pthread_mutex_lock(&w->lock);
    for (unsigned i = 0; i < w->opts.concurrency; i++) {
        struct work *work = &w->works[i];
        if (work->state != WORK_RUNNING || !work->id || strcmp(work->id, id) != 0)
            continue;
        atomic_store(&work->lost, true);
        log_warn("queue %s: the lock of job %s is lost", w->opts.queue, id);
    }
    pthread_mutex_unlock(&w->lock);
}

static void renew_locks(struct bullmq_worker *w)
{
    CLEANUP(pack_done) struct pack tokens;
    CLEANUP(pack_done) struct pack ids;
    pack_init(&tokens);
    pack_init(&ids);
    if (pack_held(w, &tokens, &ids) == 0)
        return;
    pthread_mutex_lock(&w->side_lock);
    struct batch *b = &w->side_batch;
    batch_call(b, CALL_EXTEND_LOCKS, &w->q, NULL, NULL);
    batch_arg_z(b, w->q.prefix);
    batch_arg_pack(b, &tokens);
    batch_arg_pack(b, &ids);
    batch_arg_int(b, w->opts.lock_ms);
    struct problem *p = wire_run(w->side_redis, b);
    const redisReply *failed = p ? NULL : b->replies[0];
    for (size_t i = 0; failed && i < failed->elements; i++)
        if (failed->element[i]->type == REDIS_REPLY_STRING)
            mark_lost(w, failed->element[i]->str);
    batch_clear(b);
    pthread_mutex_unlock(&w->side_lock);
}

static void sweep(struct bullmq_worker *w)
{
    size_t moved = 0;
    pthread_mutex_lock(&w->side_lock);
    struct problem *p = bullmq_sweep_stalled(
        w->side_redis, w->opts.queue, w->opts.stalled_interval_ms, w->opts.max_stalled, &moved);
    pthread_mutex_unlock(&w->side_lock);
    if (p || moved == 0)
        return;
    atomic_fetch_add(&w->stalled, moved);
    log_warn("queue %s: %zu jobs of a dead worker go back to wait", w->opts.queue, moved);
}

/* Says once in the log when this Redis would lose or refuse jobs. False: it could not be asked. */
static bool check_redis(struct bullmq_worker *w)
{
    pthread_mutex_lock(&w->side_lock);
    struct problem *p = bullmq_redis_check(w->side_redis);
    bool asked = !p || p->kind != PROBLEM_UNAVAILABLE;
    if (p && asked)
        log_error("queue %s: %s%s%s", w->opts.queue, p->detail, p->cause[0] ? ": " : "", p->cause);
    pthread_mutex_unlock(&w->side_lock);
    return asked;
}

static bool is_paused(struct bullmq_worker *w)
{
    pthread_mutex_lock(&w->lock);
    bool paused = w->paused;
    pthread_mutex_unlock(&w->lock);
    return paused;
}

/* Turns the signal-safe stop into a change that sleeping slots see. */
static void note_stop(struct bullmq_worker *w)
{
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

/* True when the worker ends. */
static bool keeper_sleep(struct bullmq_worker *w, int64_t until_us, bool *stopped)
{
    int64_t left_ms = (until_us - clock_mono_us()) / 1000 + 1;
    struct pollfd fds[2] = {{.fd = w->end_fd, .events = POLLIN},
                            {.fd = *stopped ? -1 : w->stop_fd, .events = POLLIN}};
    if (poll(fds, 2, left_ms > 0 ? (int)left_ms : 0) > 0 && fds[1].revents) {
        note_stop(w);
        *stopped = true;
    }
    return fds[0].revents != 0;
}

void *worker_keeper(void *worker)
{
    struct bullmq_worker *w = worker;
    int64_t renew_us = (int64_t)w->opts.lock_ms * 1000 / 4;
    int64_t sweep_us = (int64_t)w->opts.stalled_interval_ms * 1000;
    int64_t next_renew = clock_mono_us() + renew_us, next_sweep = clock_mono_us();
    bool stopped = false, checked = false;
    for (;;) {
        int64_t now = clock_mono_us();
        if (now >= next_renew) {
            renew_locks(w);
            next_renew = now + renew_us;
        }
        if (now >= next_sweep && !stopped) {
            if (!checked)
                checked = check_redis(w);
            if (!w->opts.skip_stalled && !is_paused(w))
                sweep(w);
            next_sweep = now + sweep_us;
        }
        bool first_renew = stopped || next_renew < next_sweep;
        if (keeper_sleep(w, first_renew ? next_renew : next_sweep, &stopped))
            return NULL;
    }
}
