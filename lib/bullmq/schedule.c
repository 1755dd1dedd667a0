/* The next job of a scheduler is made when the present one starts, by whoever works it: so a
 * scheduler needs no process of its own and never has two jobs waiting.
 *
 * The rule not to break: it is made before the handler runs, or a crash would end the series. */
#include <poll.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "bullmq/cron.h"
#include "bullmq/worker.h"

/* Limits of a series that Node peers check on the client's side. `next_ms` is 0 for an interval:
 * then the end is compared with the present, as there. */
static bool series_is_over(const json_t *repeat, int64_t next_ms)
{
    double count = json_number_value(json_object_get(repeat, "count"));
    const json_t *limit = json_object_get(repeat, "limit");
    const json_t *end = json_object_get(repeat, "endDate");
    if (json_is_number(limit) && count + 1 > json_number_value(limit))
        return true;
    int64_t at = next_ms > 0 ? next_ms : now_ms();
    return json_is_number(end) && (double)at > json_number_value(end);
}

/* The options of the next job: this one's, with a new time and count. The script sets its id and
 * delay. */
static json_t *next_options(const struct work *work, const char *scheduler_id, int64_t next_ms)
{
    json_t *opts = json_deep_copy(work->opts);
    json_t *repeat = json_object_get(opts, "repeat");
    double count = json_number_value(json_object_get(repeat, "count"));
    json_object_set_new(repeat, "count", json_integer((json_int_t)count + 1));
    json_object_set_new(opts, "timestamp", json_integer(now_ms()));
    json_object_set_new(opts, "repeatJobKey", json_string(scheduler_id));
    json_object_del(opts, "prevMillis");
    if (next_ms > 0)
        json_object_set_new(opts, "prevMillis", json_integer(next_ms));
    return opts;
}

/* For a cron pattern its next time; 0 for a fixed interval, which the script reckons itself. */
static struct problem *next_time(const struct work *work, const json_t *repeat, int64_t *ret)
{
    *ret = 0;
    const char *pattern = json_string_value(json_object_get(repeat, "pattern"));
    if (!pattern)
        return NULL;
    const char *tz = json_string_value(json_object_get(repeat, "tz"));
    double start = json_number_value(json_object_get(repeat, "startDate"));
    double before = json_number_value(json_object_get(work->opts, "prevMillis"));
    int64_t after = now_ms();
    if (before > (double)after && before < 1e14)
        after = (int64_t)before;
    if (start > (double)after && start < 1e14)
        after = (int64_t)start;
    return cron_next(pattern, tz, after, ret);
}

static struct problem *schedule(struct bullmq_worker *w, const struct work *work, const char *id,
                                int64_t next_ms, const struct pack *options)
{
    const redisReply *data = work_field(work, "data");
    pthread_mutex_lock(&w->side_lock);
    struct batch *b = &w->side_batch;
    batch_call(b, CALL_UPDATE_SCHEDULER, &w->q, work->id, NULL);
    batch_arg_int(b, next_ms);
    batch_arg_z(b, id);
    batch_arg(b, data ? (struct str){data->str, data->len} : STR("{}"));
    batch_arg_pack(b, options);
    batch_arg_int(b, now_ms());
    batch_arg_z(b, w->q.prefix);
    batch_arg_z(b, work->id);
    struct problem *p = wire_run(w->side_redis, b);
    if (!p)
        p = wire_reply_problem(b->replies[0]);
    batch_clear(b);
    pthread_mutex_unlock(&w->side_lock);
    return p;
}

void work_schedule_next(struct work *work)
{
    struct bullmq_worker *w = work->worker;
    const char *id = work_field(work, "rjk")->str;
    const json_t *repeat = json_object_get(work->opts, "repeat");
    if (!json_is_object(repeat))
        return;
    int64_t next_ms = 0;
    struct problem *wrong = next_time(work, repeat, &next_ms);
    if (wrong) {
        log_error("queue %s: scheduler %s ends: %s", w->opts.queue, id, wrong->detail);
        return;
    }
    if (series_is_over(repeat, next_ms))
        return;
    json_t *opts = next_options(work, id, next_ms);
    CLEANUP(pack_done) struct pack options;
    pack_init(&options);
    pack_json(&options, opts);
    json_decref(opts);
    for (;;) {
        struct problem *p = schedule(w, work, id, next_ms, &options);
        if (!p)
            return;
        if (p->kind != PROBLEM_UNAVAILABLE || atomic_load(&w->give_up)) {
            log_error("queue %s: the next job of scheduler %s was not made: %s %s", w->opts.queue,
                      id, p->detail, p->cause);
            return;
        }
        poll(NULL, 0, (int)wire_wait_ms(w->side_redis));
    }
}
