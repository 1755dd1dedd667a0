/* The conversation with Redis: reports go out, jobs come in, many in one round trip.
 *
 * The rule not to break: a report stays ours until Redis answered it. When the connection fails in
 * between, it is sent again; a second delivery is refused by the job's lock, so nothing is counted
 * twice. */
#include <limits.h>
#include <poll.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "bullmq/worker.h"

enum {
    FETCH_MOST = 32,
    REPORT_BYTES_MOST = 32 * 1024 * 1024, /* of results in one pipeline */
};

static void pack_limiter(struct pack *p, const struct bullmq_worker_opts *opts)
{
    pack_z(p, "limiter");
    pack_map(p, 2);
    pack_z(p, "max");
    pack_int(p, opts->limit_max);
    pack_z(p, "duration");
    pack_int(p, opts->limit_ms);
}

/* token, lockDuration, name and limiter: what every fetch needs. */
static size_t fetch_pairs(const struct bullmq_worker_opts *opts)
{
    return 2 + (opts->name != NULL) + (opts->limit_max > 0);
}

static void pack_fetch(struct pack *p, const struct bullmq_worker_opts *opts, const char *token)
{
    pack_z(p, "token");
    pack_z(p, token);
    pack_z(p, "lockDuration");
    pack_int(p, opts->lock_ms);
    if (opts->name) {
        pack_z(p, "name");
        pack_z(p, opts->name);
    }
    if (opts->limit_max > 0)
        pack_limiter(p, opts);
}

static void batch_fetch(struct bullmq_worker *w, struct batch *b, const char *token)
{
    CLEANUP(pack_done) struct pack options;
    pack_init(&options);
    pack_map(&options, fetch_pairs(&w->opts));
    pack_fetch(&options, &w->opts, token);
    batch_call(b, CALL_MOVE_TO_ACTIVE, &w->q, NULL, NULL);
    batch_arg_z(b, w->q.prefix);
    batch_arg_int(b, now_ms());
    batch_arg_pack(b, &options);
}

static void batch_finished(struct bullmq_worker *w, struct batch *b, const struct work *work,
                           bool fetch_next)
{
    bool ok = work->report == REPORT_COMPLETED;
    CLEANUP(pack_done) struct pack options;
    pack_init(&options);
    pack_map(&options, fetch_pairs(&w->opts) + 3);
    pack_fetch(&options, &w->opts, work->token);
    pack_z(&options, "keepJobs");
    keep_pack(&options, json_object_get(work->opts, ok ? "removeOnComplete" : "removeOnFail"),
              ok ? &w->opts.remove_on_complete : &w->opts.remove_on_fail);
    pack_z(&options, "attempts");
    pack_int(&options, work->attempts);
    pack_z(&options, "maxMetricsSize");
    if (w->opts.metrics_points)
        pack_int(&options, w->opts.metrics_points);
    else
        pack_z(&options, "");
    batch_call(b, CALL_MOVE_TO_FINISHED, &w->q, work->id, ok ? "completed" : "failed");
    batch_arg_z(b, work->id);
    batch_arg_int(b, now_ms());
    batch_arg_z(b, ok ? "returnvalue" : "failedReason");
    batch_arg(b, buf_str(&work->value));
    batch_arg_z(b, ok ? "completed" : "failed");
    batch_arg_z(b, fetch_next ? "1" : "0");
    batch_arg_z(b, w->q.prefix);
    batch_arg_pack(b, &options);
    batch_arg(b, buf_str(&work->fields));
}

static void batch_delayed(struct bullmq_worker *w, struct batch *b, const struct work *work,
                          bool fetch_next)
{
    CLEANUP(pack_done) struct pack options;
    pack_init(&options);
    pack_map(&options, fetch_pairs(&w->opts));
    pack_fetch(&options, &w->opts, work->token);
    batch_call(b, CALL_MOVE_TO_DELAYED, &w->q, work->id, NULL);
    batch_arg_z(b, w->q.prefix);
    batch_arg_int(b, now_ms());
    batch_arg_z(b, work->id);
    batch_arg_z(b, work->token);
    batch_arg_int(b, work->delay_ms);
    batch_arg_z(b, "0");
    batch_arg(b, buf_str(&work->fields));
    batch_arg_z(b, fetch_next ? "1" : "0");
    batch_arg_pack(b, &options);
}

static void batch_retried(struct bullmq_worker *w, struct batch *b, const struct work *work)
{
    bool lifo = json_is_true(json_object_get(work->opts, "lifo"));
    batch_call(b, CALL_RETRY_JOB, &w->q, work->id, NULL);
    batch_arg_z(b, w->q.prefix);
    batch_arg_int(b, now_ms());
    batch_arg_z(b, lifo ? "RPUSH" : "LPUSH");
    batch_arg_z(b, work->id);
    batch_arg_z(b, work->token);
    batch_arg(b, buf_str(&work->fields));
}

static void batch_limited(struct bullmq_worker *w, struct batch *b, const struct work *work)
{
    batch_call(b, CALL_BACK_TO_WAIT, &w->q, NULL, NULL);
    batch_arg_z(b, work->id);
    batch_arg_z(b, work->token);
    batch_arg_key(b, &w->q, work->id);
}

static void batch_report(struct bullmq_worker *w, struct batch *b, const struct work *work,
                         bool fetch_next)
{
    switch (work->report) {
    case REPORT_COMPLETED:
    case REPORT_FAILED:
        batch_finished(w, b, work, fetch_next);
        break;
    case REPORT_DELAYED:
        batch_delayed(w, b, work, fetch_next);
        break;
    case REPORT_RETRIED:
        batch_retried(w, b, work);
        break;
    case REPORT_LIMITED:
        batch_limited(w, b, work);
        break;
    }
}

/* ---- what comes back; the lock is held ---- */

static void ready_add(struct bullmq_worker *w, struct work *work)
{
    work->state = WORK_READY;
    work->next = NULL;
    *w->ready_end = work;
    w->ready_end = &work->next;
}

static void work_release(struct bullmq_worker *w, struct work *work)
{
    work_clear(work);
    work->state = WORK_FREE;
    work->next = w->free;
    w->free = work;
    w->held--;
}

/* Takes the job out of {hash|0, id|0, rateLimitMs, nextDelayedMs}; true when there was one. The
 * reply then belongs to `work`. */
static bool take_job(struct bullmq_worker *w, struct work *work, redisReply **slot)
{
    redisReply *reply = *slot;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 4)
        return false;
    if (reply->element[0]->type != REDIS_REPLY_ARRAY ||
        reply->element[1]->type != REDIS_REPLY_STRING) {
        int64_t limit_ms = reply->element[2]->integer, next_ms = reply->element[3]->integer;
        w->limit_until_ms = limit_ms > 0 ? now_ms() + limit_ms : 0;
        w->block_until_ms = next_ms > 0 ? next_ms : 0;
        return false;
    }
    work_clear(work);
    work->reply = TAKE(*slot);
    work->hash = work->reply->element[0];
    work->id = work->reply->element[1]->str;
    work->locked_us = clock_mono_us();
    w->drained = false;
    w->limit_until_ms = 0;
    w->taken++;
    ready_add(w, work);
    return true;
}

static void count_report(struct bullmq_worker *w, const struct work *work)
{
    _Atomic uint64_t *counter = work->report == REPORT_COMPLETED ? &w->completed
                                : work->report == REPORT_FAILED  ? &w->failed
                                                                 : &w->retried;
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* A negative answer: the lock is gone (-2, -6), the job (-1), or it is in another state. Somebody
 * else has it, or an earlier try of this report did arrive; ours does not count. */
static void note_refused(struct bullmq_worker *w, const struct work *work, const redisReply *reply)
{
    atomic_fetch_add_explicit(&w->lost, 1, memory_order_relaxed);
    if (reply->type == REDIS_REPLY_ERROR)
        log_error("queue %s: the report of a job was refused: %.200s", w->opts.queue, reply->str);
    else
        log_warn("queue %s: the report of job %s came too late (code %lld)", w->opts.queue,
                 work->id, reply->integer);
}

static bool is_refusal(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_ERROR ||
           (reply->type == REDIS_REPLY_INTEGER && reply->integer < 0);
}

/* False: this report brought no next job. */
static bool absorb_report(struct bullmq_worker *w, struct work *work, redisReply **slot)
{
    if (is_refusal(*slot))
        note_refused(w, work, *slot);
    else
        count_report(w, work);
    if (work->report == REPORT_LIMITED && (*slot)->type == REDIS_REPLY_INTEGER &&
        (*slot)->integer > 0) { /* how long the limit lasts */
        w->limit_until_ms = now_ms() + (*slot)->integer;
        w->drained = true;
    }
    if (take_job(w, work, slot))
        return true;
    work_release(w, work);
    return false;
}

static void absorb_fetch(struct bullmq_worker *w, struct work *work, redisReply **slot)
{
    if (take_job(w, work, slot))
        return;
    if ((*slot)->type == REDIS_REPLY_ERROR)
        log_error("queue %s: a job could not be fetched: %.200s", w->opts.queue, (*slot)->str);
    w->drained = true;
    work_release(w, work);
}

/* ---- the talk ---- */

bool worker_may_fetch(const struct bullmq_worker *w)
{
    bool enough = w->opts.max_jobs > 0 && w->taken >= w->opts.max_jobs;
    return !w->stopping && !w->paused && !enough && !w->drained && w->held < w->opts.concurrency &&
           (w->limit_until_ms == 0 || w->limit_until_ms <= now_ms());
}

/* What one talk carries. */
struct talk {
    struct work *reports, *fetches;
    unsigned asking; /* the first so many reports ask for the next job */
    unsigned reports_n, fetches_n;
};

/* How many more jobs this worker wants at all. */
static unsigned budget(const struct bullmq_worker *w)
{
    if (w->stopping || w->paused)
        return 0;
    if (w->opts.max_jobs == 0)
        return UINT_MAX;
    return w->taken < w->opts.max_jobs ? w->opts.max_jobs - w->taken : 0;
}

static void take_reports(struct bullmq_worker *w, struct talk *talk)
{
    struct work **end = &w->done;
    size_t bytes = 0;
    talk->reports = w->done;
    while (*end && talk->reports_n < BATCH_MAX - FETCH_MOST && bytes < REPORT_BYTES_MOST) {
        bytes += (*end)->value.len + (*end)->fields.len;
        talk->reports_n++;
        end = &(*end)->next;
    }
    w->done = *end;
    if (!w->done)
        w->done_end = &w->done;
    if (talk->reports_n > 0)
        *end = NULL;
    else
        talk->reports = NULL;
}

static void take_free(struct bullmq_worker *w, struct talk *talk, unsigned most)
{
    struct work **end = &talk->fetches;
    while (talk->fetches_n < most && talk->fetches_n < w->fetch_size && worker_may_fetch(w)) {
        struct work *work = w->free;
        w->free = work->next;
        w->held++;
        talk->fetches_n++;
        snprintf(work->token, sizeof(work->token), "%s:%llu", w->uuid,
                 (unsigned long long)w->tokens++);
        work->next = NULL;
        *end = work;
        end = &work->next;
    }
}

/* Sends until it worked; gives up only while stopping with Redis away. No lock held. */
static bool converse(struct bullmq_worker *w, const struct talk *talk)
{
    struct batch *b = &w->talk_batch;
    for (;;) {
        unsigned n = 0;
        batch_clear(b);
        for (const struct work *work = talk->reports; work; work = work->next)
            batch_report(w, b, work, n++ < talk->asking);
        for (const struct work *work = talk->fetches; work; work = work->next)
            batch_fetch(w, b, work->token);
        struct problem *p = wire_run(w->talk_redis, b);
        atomic_fetch_add_explicit(&w->trips, 1, memory_order_relaxed);
        atomic_store_explicit(&w->connected, !p, memory_order_relaxed);
        if (!p)
            return true;
        if (p->kind != PROBLEM_UNAVAILABLE)
            log_error("queue %s: %s", w->opts.queue, p->detail);
        bool stopping = worker_pause(w, wire_wait_ms(w->talk_redis));
        if ((stopping && !talk->reports) || atomic_load(&w->give_up))
            return false;
        if (stopping)
            poll(NULL, 0, (int)wire_wait_ms(w->talk_redis));
    }
}

static void absorb(struct bullmq_worker *w, const struct talk *talk)
{
    redisReply **slot = w->talk_batch.replies;
    struct work *next;
    unsigned n = 0;
    bool empty = false;
    for (struct work *work = talk->reports; work; work = next, slot++) {
        next = work->next;
        bool brings = work->report != REPORT_RETRIED && work->report != REPORT_LIMITED;
        bool asked = n++ < talk->asking && brings && !is_refusal(*slot);
        if (!absorb_report(w, work, slot) && asked)
            empty = true;
    }
    if (empty)
        w->drained = true;
    for (struct work *work = talk->fetches; work; work = next, slot++) {
        next = work->next;
        absorb_fetch(w, work, slot);
    }
    if (w->drained)
        w->fetch_size = 1;
    else if (talk->fetches_n == w->fetch_size && w->fetch_size < FETCH_MOST)
        w->fetch_size *= 2;
}

static void release_all(struct bullmq_worker *w, struct work *list)
{
    for (struct work *next; list; list = next) {
        next = list->next;
        work_release(w, list);
    }
}

void worker_talk(struct bullmq_worker *w)
{
    struct talk talk = {0};
    w->talking = true;
    take_reports(w, &talk);
    unsigned want = budget(w);
    talk.asking = talk.reports_n < want ? talk.reports_n : want;
    take_free(w, &talk, want - talk.asking);
    pthread_mutex_unlock(&w->lock);
    bool ok = converse(w, &talk);
    pthread_mutex_lock(&w->lock);
    if (ok) {
        absorb(w, &talk);
    } else {
        release_all(w, talk.reports);
        release_all(w, talk.fetches);
    }
    batch_clear(&w->talk_batch);
    w->talking = false;
    if (w->opts.max_jobs > 0 && w->taken >= w->opts.max_jobs)
        bullmq_worker_stop(w);
}
