/* Waiting for work: one idle slot blocks on the queue's marker (BZPOPMIN) on its own connection.
 *
 * The rule not to break: the marker only wakes. What is due is always asked with a fetch, so a
 * marker that another worker took, or that was lost, costs at most one drain delay. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "bullmq/worker.h"

enum {
    BLOCK_MOST_MS = 10000, /* as Node: longer blocks outlive reconnections */
    LIMIT_MOST_MS = 30000, /* delayed jobs must be promoted meanwhile */
    WATCHDOG_MS = 1000,    /* beyond the timeout asked for: then the connection is dead */
    ERROR_PAUSE_MS = 1000,
};

bool worker_may_wait(const struct bullmq_worker *w)
{
    return !w->stopping && !w->paused && !w->waiting && w->drained && w->held < w->opts.concurrency;
}

static int64_t block_ms(const struct bullmq_worker *w, int64_t until_ms)
{
    if (until_ms == 0)
        return w->opts.drain_delay_ms;
    int64_t left = until_ms - now_ms();
    return left < 1 ? 1 : left > BLOCK_MOST_MS ? BLOCK_MOST_MS : left;
}

/* The time from which a fetch makes sense, read from BZPOPMIN's {key, member, score}. */
static int64_t marker_time(const redisReply *reply, int64_t until_ms)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3)
        return 0; /* timed out */
    int64_t score = (int64_t)strtod(reply->element[2]->str, NULL);
    return until_ms > 0 && score > until_ms ? until_ms : score;
}

static int64_t block_on_marker(struct bullmq_worker *w, int64_t until_ms)
{
    int64_t timeout_ms = block_ms(w, until_ms);
    char seconds[32];
    snprintf(seconds, sizeof(seconds), "%.3f", (double)timeout_ms / 1000);
    batch_clear(&w->wait_batch);
    batch_command(&w->wait_batch, 3);
    batch_arg_z(&w->wait_batch, "BZPOPMIN");
    batch_arg_key(&w->wait_batch, &w->q, "marker");
    batch_arg_z(&w->wait_batch, seconds);
    redisReply *reply = NULL;
    struct problem *p = wire_block(w->wait_redis, &w->wait_batch, (int[]){w->stop_fd, w->pause_fd},
                                   timeout_ms + WATCHDOG_MS, &reply);
    if (p) {
        worker_pause(w, wire_wait_ms(w->wait_redis));
        return 0;
    }
    if (!reply)
        return 0; /* stopping or paused */
    if (reply->type == REDIS_REPLY_ERROR) {
        log_error("queue %s: cannot wait for jobs: %.200s", w->opts.queue, reply->str);
        worker_pause(w, ERROR_PAUSE_MS);
    }
    int64_t time = marker_time(reply, until_ms);
    freeReplyObject(reply);
    return time;
}

static int64_t sleep_out_limit(struct bullmq_worker *w, int64_t limit_ms)
{
    int64_t left = limit_ms - now_ms();
    worker_pause(w, left > LIMIT_MOST_MS ? LIMIT_MOST_MS : left);
    return 0;
}

void worker_await_marker(struct bullmq_worker *w)
{
    w->waiting = true;
    int64_t limit_ms = w->limit_until_ms, until_ms = w->block_until_ms;
    pthread_mutex_unlock(&w->lock);
    bool limited = limit_ms > now_ms();
    int64_t due = limited ? sleep_out_limit(w, limit_ms) : block_on_marker(w, until_ms);
    pthread_mutex_lock(&w->lock);
    w->waiting = false;
    if (worker_pause(w, 0)) { /* the keeper says so too, but may be slower */
        w->stopping = true;
        pthread_cond_broadcast(&w->changed);
    }
    if (limited)
        w->limit_until_ms = 0;
    bool now = due <= now_ms();
    w->block_until_ms = now ? 0 : due;
    if (now)
        w->drained = false;
}
