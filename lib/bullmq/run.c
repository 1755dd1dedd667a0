/* Runs one job: reads what the scripts returned, calls the handler, writes the report.
 *
 * The rule not to break: what goes into the report is the problem's kind and detail and nothing
 * else; a problem's cause is for the log of this process alone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/crypt.h"
#include "base/log.h"
#include "bullmq/worker.h"

enum { TRACES_KEPT = 10, JOB_JSON = JSON_DECODE_ANY | JSON_ALLOW_NUL };

static const int64_t limiter_full = INT64_C(9007199254740991); /* Number.MAX_SAFE_INTEGER */

/* The job as the handler sees it, with the way back. */
struct running {
    struct bullmq_job job; /* first: the handler's pointer is ours */
    struct work *work;
};

const redisReply *work_field(const struct work *work, const char *name)
{
    const redisReply *hash = work->hash;
    for (size_t i = 0; hash && i + 1 < hash->elements; i += 2)
        if (hash->element[i]->str && strcmp(hash->element[i]->str, name) == 0)
            return hash->element[i + 1]->type == REDIS_REPLY_STRING ? hash->element[i + 1] : NULL;
    return NULL;
}

static const char *field_z(const struct work *work, const char *name)
{
    const redisReply *value = work_field(work, name);
    return value ? value->str : NULL;
}

static int64_t field_int(const struct work *work, const char *name)
{
    const char *text = field_z(work, name);
    return text ? strtoll(text, NULL, 10) : 0;
}

void work_clear(struct work *work)
{
    if (work->reply)
        freeReplyObject(work->reply);
    json_decref(work->opts);
    json_decref(work->data);
    work->reply = NULL;
    work->hash = NULL;
    work->id = NULL;
    work->opts = NULL;
    work->data = NULL;
    work->limited = false;
    work->delay_ms = 0;
    atomic_store(&work->lost, false);
    buf_clear(&work->value);
    buf_clear(&work->fields);
}

/* ---- the report of a failure ---- */

/* [...traces so far, this one], the newest TRACES_KEPT. */
static char *traces_with(const struct work *work, const char *trace)
{
    const redisReply *before = work_field(work, "stacktrace");
    json_t *traces = before ? json_loadb(before->str, before->len, 0, NULL) : NULL;
    if (!json_is_array(traces)) {
        json_decref(traces);
        traces = json_array();
    }
    json_array_append_new(traces, json_string(trace));
    while (json_array_size(traces) > TRACES_KEPT)
        json_array_remove(traces, 0);
    char *text = json_dumps(traces, JSON_COMPACT);
    json_decref(traces);
    return text;
}

static void report_failure_fields(struct work *work, const char *reason, const char *trace)
{
    char *traces = traces_with(work, trace);
    CLEANUP(pack_done) struct pack fields;
    pack_init(&fields);
    pack_array(&fields, 4);
    pack_z(&fields, "failedReason");
    pack_z(&fields, reason);
    pack_z(&fields, "stacktrace");
    pack_z(&fields, traces ? traces : "[]");
    free(traces);
    buf_clear(&work->fields);
    buf_add_str(&work->fields, pack_bytes(&fields));
    buf_clear(&work->value);
    buf_add_z(&work->value, reason);
}

static double random_unit(void)
{
    uint64_t bits = 0;
    random_bytes(&bits, sizeof(bits));
    return (double)(bits >> 11) / 9007199254740992.0;
}

/* Retry or not, and when: Job.shouldRetryJob of the package. */
static void report_failed(struct running *run, const struct problem *p)
{
    struct bullmq_job *job = &run->job;
    struct work *work = run->work;
    const char *worker = work->worker->opts.name;
    const char *reason = job->failed_reason;
    if (!reason)
        reason = arena_fmt(job->arena, "%s: %s", problem_slug(p->kind), p->detail);
    const char *trace = job->trace;
    if (!trace)
        trace = arena_fmt(job->arena, "%s\n    at worker %s", reason, worker ? worker : "");
    report_failure_fields(work, reason, trace);
    work->attempts = job->attempts;
    if (work->limited) {
        work->report = REPORT_LIMITED;
        return;
    }
    if (job->unrecoverable || job->attempts_made + 1 >= job->attempts) {
        work->report = REPORT_FAILED;
        return;
    }
    int64_t wait_ms = bullmq_backoff_ms(&job->backoff, job->attempts_made + 1, random_unit());
    int64_t asked_ms = (int64_t)p->retry_after_s * 1000;
    work->delay_ms = wait_ms > asked_ms ? wait_ms : asked_ms;
    work->report = work->delay_ms > 0 ? REPORT_DELAYED : REPORT_RETRIED;
}

static bool is_json(struct str text)
{
    json_t *value = json_loadb(text.p, text.n, JOB_JSON, NULL);
    json_decref(value);
    return value != NULL;
}

static void report_completed(struct running *run)
{
    struct work *work = run->work;
    work->value = run->job.result;
    work->attempts = run->job.attempts;
    if (work->value.len == 0)
        buf_add_z(&work->value, "null");
    work->report = REPORT_COMPLETED;
    if (!work->value.overflowed && is_json(buf_str(&work->value)))
        return;
    run->job.unrecoverable = true;
    report_failed(run, problem_new(run->job.arena, PROBLEM_INTERNAL,
                                   "the handler's result is not JSON, or too long"));
}

/* ---- running ---- */

static void read_job(struct work *work, struct running *run, struct arena *arena, void *slot_state)
{
    struct bullmq_job *job = &run->job;
    const redisReply *data = work_field(work, "data"), *opts = work_field(work, "opts");
    const char *name = field_z(work, "name");
    run->work = work;
    work->opts = opts ? json_loadb(opts->str, opts->len, 0, NULL) : NULL;
    work->data = data ? json_loadb(data->str, data->len, JOB_JSON, NULL) : NULL;
    if (data && !work->data) /* whole numbers too long for an integer are fine in Node */
        work->data = json_loadb(data->str, data->len, JOB_JSON | JSON_DECODE_INT_AS_REAL, NULL);
    *job = (struct bullmq_job){
        .queue = work->worker->opts.queue,
        .id = work->id,
        .name = name ? name : "",
        .data = data ? (struct str){data->str, data->len} : STR("{}"),
        .json = work->data,
        .attempts_made = (unsigned)field_int(work, "atm"),
        .stalls = (unsigned)field_int(work, "stc"),
        .attempts = 1,
        .priority = (unsigned)field_int(work, "priority"),
        .timestamp_ms = field_int(work, "timestamp"),
        .scheduler_id = field_z(work, "rjk"),
        .arena = arena,
        .slot = slot_state,
        .user = work->worker->opts.user,
        .result = work->value,
    };
    job_opts_read(work->opts, &job->attempts, &job->backoff);
}

/* Why the handler need not be asked: decided elsewhere (stalled too often, a child failed), or
 * there is nothing to hand over. NULL: it is asked. */
static const char *fails_unasked(const struct work *work)
{
    const char *deferred = field_z(work, "defa");
    if (deferred)
        return deferred;
    if (!work_field(work, "name") || !work_field(work, "data"))
        return "the job's name or data is no longer in Redis";
    return work->data ? NULL : "the job's data is not JSON";
}

void work_run(struct work *work, struct arena *arena, void *slot_state)
{
    struct running run;
    read_job(work, &run, arena, slot_state);
    const char *why = fails_unasked(work);
    struct problem *p = NULL;
    if (run.job.scheduler_id)
        work_schedule_next(work);
    if (why) {
        p = problem_new(arena, PROBLEM_CONFLICT, "%s", why);
        run.job.failed_reason = why;
        run.job.unrecoverable = true;
    } else {
        p = work->worker->opts.handler(&run.job);
    }
    work->value = run.job.result;
    if (p) {
        buf_clear(&work->value);
        report_failed(&run, p);
        log_warn("queue %s: job %s, attempt %u of %u: %s: %s%s%s", run.job.queue, work->id,
                 run.job.attempts_made + 1, run.job.attempts, problem_slug(p->kind), p->detail,
                 p->cause[0] ? "; " : "", p->cause);
    } else {
        report_completed(&run);
    }
}

/* ---- what handlers may call ---- */

struct work *work_of(const struct bullmq_job *job)
{
    return ((const struct running *)job)->work;
}

static struct problem *side_run(struct bullmq_worker *w, int64_t *ret)
{
    struct problem *p = wire_run_int(w->side_redis, &w->side_batch, ret);
    batch_clear(&w->side_batch);
    pthread_mutex_unlock(&w->side_lock);
    return p;
}

static struct problem *gone(int64_t code)
{
    if (code >= 0)
        return NULL;
    return problem_new(NULL, PROBLEM_CONFLICT, "the job is no longer there");
}

struct problem *bullmq_job_progress(struct bullmq_job *job, const char *json)
{
    struct work *work = work_of(job);
    struct bullmq_worker *w = work->worker;
    if (!is_json(str_of(json)))
        return problem_field(NULL, "/progress", "progress is a JSON value");
    pthread_mutex_lock(&w->side_lock);
    batch_call(&w->side_batch, CALL_UPDATE_PROGRESS, &w->q, work->id, NULL);
    batch_arg_z(&w->side_batch, work->id);
    batch_arg_z(&w->side_batch, json);
    int64_t code = 0;
    TRY(side_run(w, &code));
    return gone(code);
}

struct problem *bullmq_job_log(struct bullmq_job *job, const char *line, unsigned keep)
{
    struct work *work = work_of(job);
    struct bullmq_worker *w = work->worker;
    double kept = json_number_value(json_object_get(work->opts, "kl"));
    if (keep == 0 && kept >= 1 && kept < 1e9)
        keep = (unsigned)kept;
    pthread_mutex_lock(&w->side_lock);
    batch_call(&w->side_batch, CALL_ADD_LOG, &w->q, work->id, NULL);
    batch_arg_z(&w->side_batch, work->id);
    batch_arg_z(&w->side_batch, line);
    if (keep)
        batch_arg_int(&w->side_batch, keep);
    else
        batch_arg_z(&w->side_batch, "");
    int64_t code = 0;
    TRY(side_run(w, &code));
    return gone(code);
}

struct problem *bullmq_job_rate_limit(struct bullmq_job *job, int64_t ms)
{
    struct work *work = work_of(job);
    struct bullmq_worker *w = work->worker;
    if (ms < 1)
        return problem_field(NULL, "/ms", "a rate limit is at least 1 ms");
    pthread_mutex_lock(&w->side_lock);
    batch_command(&w->side_batch, 5);
    batch_arg_z(&w->side_batch, "SET");
    batch_arg_key(&w->side_batch, &w->q, "limiter");
    batch_arg_int(&w->side_batch, limiter_full);
    batch_arg_z(&w->side_batch, "PX");
    batch_arg_int(&w->side_batch, ms);
    int64_t ignored = 0;
    TRY(side_run(w, &ignored));
    work->limited = true;
    return NULL;
}

struct problem *bullmq_job_extend_lock(struct bullmq_job *job, unsigned lock_ms)
{
    struct work *work = work_of(job);
    struct bullmq_worker *w = work->worker;
    pthread_mutex_lock(&w->side_lock);
    batch_call(&w->side_batch, CALL_EXTEND_LOCK, &w->q, work->id, NULL);
    batch_arg_z(&w->side_batch, work->token);
    batch_arg_int(&w->side_batch, lock_ms);
    batch_arg_z(&w->side_batch, work->id);
    int64_t extended = 0;
    TRY(side_run(w, &extended));
    if (extended == 1)
        return NULL;
    atomic_store(&work->lost, true);
    return problem_new(NULL, PROBLEM_CONFLICT, "the lock of the job is lost");
}

bool bullmq_job_lost(const struct bullmq_job *job)
{
    return atomic_load(&work_of(job)->lost);
}
