/* Looking after queues: counts, lists, retries, pause and resume, one stalled sweep.
 *
 * The rule not to break: state changes go through the package's scripts; plain commands here only
 * read, or set what BullMQ documents as settings of `meta`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "bullmq/wire.h"

static const struct {
    const char *name; /* as getState says */
    const char *key;  /* as the data layout says */
} states[BULLMQ_STATE__COUNT] = {
    [BULLMQ_WAITING] = {"waiting", "wait"},
    [BULLMQ_ACTIVE] = {"active", "active"},
    [BULLMQ_DELAYED] = {"delayed", "delayed"},
    [BULLMQ_PRIORITIZED] = {"prioritized", "prioritized"},
    [BULLMQ_COMPLETED] = {"completed", "completed"},
    [BULLMQ_FAILED] = {"failed", "failed"},
    [BULLMQ_WAITING_CHILDREN] = {"waiting-children", "waiting-children"},
};

const char *bullmq_state_name(enum bullmq_state state)
{
    return (unsigned)state < BULLMQ_STATE__COUNT ? states[state].name : "unknown";
}

static struct problem *begin(const char *queue, struct queue_keys *q, struct batch *b)
{
    batch_init(b);
    return queue_keys_of(queue, q);
}

struct problem *bullmq_counts(struct bullmq_redis *redis, const char *queue,
                              struct bullmq_counts *ret)
{
    struct queue_keys q;
    CLEANUP(batch_free) struct batch b;
    TRY(begin(queue, &q, &b));
    batch_call_n(&b, CALL_GET_COUNTS, &q, NULL, NULL, BULLMQ_STATE__COUNT);
    for (int s = 0; s < BULLMQ_STATE__COUNT; s++)
        batch_arg_z(&b, states[s].key);
    batch_command(&b, 3);
    batch_arg_z(&b, "HEXISTS");
    batch_arg_key(&b, &q, "meta");
    batch_arg_z(&b, "paused");
    TRY(wire_run(redis, &b));
    const redisReply *counts = b.replies[0];
    TRY(wire_reply_problem(counts));
    TRY(wire_reply_problem(b.replies[1]));
    if (counts->type != REDIS_REPLY_ARRAY || counts->elements != BULLMQ_STATE__COUNT)
        return problem_new(NULL, PROBLEM_INTERNAL, "Redis counted something else");
    for (int s = 0; s < BULLMQ_STATE__COUNT; s++)
        ret->jobs[s] = (uint64_t)counts->element[s]->integer;
    ret->paused = b.replies[1]->integer == 1;
    return NULL;
}

static int64_t number(const redisReply *reply)
{
    return strtoll(reply->str, NULL, 10);
}

/* One {id, {field, value, ...}} of getJobs. */
static void read_info(const redisReply *entry, struct arena *arena, struct bullmq_job_info *ret)
{
    const redisReply *hash = entry->element[1];
    *ret = (struct bullmq_job_info){.failed_reason = "", .name = "", .data = "{}"};
    ret->id = arena_cstr(arena, (struct str){entry->element[0]->str, entry->element[0]->len});
    for (size_t i = 0; i + 1 < hash->elements; i += 2) {
        const char *field = hash->element[i]->str;
        const redisReply *value = hash->element[i + 1];
        struct str text = {value->str, value->len};
        if (strcmp(field, "name") == 0)
            ret->name = arena_cstr(arena, text);
        else if (strcmp(field, "data") == 0)
            ret->data = arena_cstr(arena, text);
        else if (strcmp(field, "failedReason") == 0)
            ret->failed_reason = arena_cstr(arena, text);
        else if (strcmp(field, "atm") == 0)
            ret->attempts_made = (unsigned)number(value);
        else if (strcmp(field, "timestamp") == 0)
            ret->timestamp_ms = number(value);
        else if (strcmp(field, "processedOn") == 0)
            ret->processed_ms = number(value);
        else if (strcmp(field, "finishedOn") == 0)
            ret->finished_ms = number(value);
    }
}

static bool is_entry(const redisReply *entry)
{
    return entry->type == REDIS_REPLY_ARRAY && entry->elements == 2 &&
           entry->element[0]->type == REDIS_REPLY_STRING &&
           entry->element[1]->type == REDIS_REPLY_ARRAY;
}

struct problem *bullmq_jobs(struct bullmq_redis *redis, const char *queue, enum bullmq_state state,
                            size_t first, size_t max, struct arena *arena,
                            struct bullmq_job_info **ret, size_t *ret_count)
{
    struct queue_keys q;
    CLEANUP(batch_free) struct batch b;
    TRY(begin(queue, &q, &b));
    if ((unsigned)state >= BULLMQ_STATE__COUNT || max == 0 || max > 1000)
        return problem_field(NULL, "/limit", "a list has 1 to 1000 jobs of a known state");
    batch_call_n(&b, CALL_GET_JOBS, &q, NULL, NULL, 5);
    batch_arg_int(&b, (int64_t)first);
    batch_arg_int(&b, (int64_t)(first + max - 1));
    batch_arg_z(&b, "0");
    batch_arg_int(&b, 5); /* rounds of filling up for jobs that vanished; as Queue.getJobs */
    batch_arg_z(&b, states[state].key);
    TRY(wire_run(redis, &b));
    const redisReply *reply = b.replies[0];
    TRY(wire_reply_problem(reply));
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 1)
        return problem_new(NULL, PROBLEM_INTERNAL, "Redis listed something else");
    const redisReply *list = reply->element[0];
    *ret = arena_array(arena, list->elements + 1, sizeof(**ret));
    *ret_count = 0;
    for (size_t i = 0; i < list->elements; i++)
        if (is_entry(list->element[i]))
            read_info(list->element[i], arena, &(*ret)[(*ret_count)++]);
    return NULL;
}

struct problem *bullmq_job_state(struct bullmq_redis *redis, const char *queue, const char *id,
                                 enum bullmq_state *ret)
{
    struct queue_keys q;
    CLEANUP(batch_free) struct batch b;
    TRY(begin(queue, &q, &b));
    batch_call(&b, CALL_GET_STATE, &q, NULL, NULL);
    batch_arg_z(&b, id);
    TRY(wire_run(redis, &b));
    TRY(wire_reply_problem(b.replies[0]));
    for (int s = 0; s < BULLMQ_STATE__COUNT; s++) {
        if (b.replies[0]->str && strcmp(b.replies[0]->str, states[s].name) == 0) {
            *ret = (enum bullmq_state)s;
            return NULL;
        }
    }
    return problem_new(NULL, PROBLEM_NOT_FOUND, "there is no such job");
}

/* What the negative results of the scripts mean for somebody looking after a queue. */
static struct problem *outcome(int64_t code, const char *conflict)
{
    if (code == -1)
        return problem_new(NULL, PROBLEM_NOT_FOUND, "there is no such job");
    if (code < 0)
        return problem_new(NULL, PROBLEM_CONFLICT, "%s", conflict);
    return NULL;
}

static void reprocess_call(struct batch *b, const struct queue_keys *q, const char *id, bool anew)
{
    batch_call(b, CALL_REPROCESS, q, id, "failed");
    batch_arg_z(b, id);
    batch_arg_z(b, "LPUSH");
    batch_arg_z(b, "failedReason");
    batch_arg_z(b, "failed");
    batch_arg_z(b, anew ? "1" : "0");
    batch_arg_z(b, anew ? "1" : "0");
}

struct problem *bullmq_retry(struct bullmq_redis *redis, const char *queue, const char *id)
{
    struct queue_keys q;
    CLEANUP(batch_free) struct batch b;
    TRY(begin(queue, &q, &b));
    reprocess_call(&b, &q, id, false);
    int64_t code = 0;
    TRY(wire_run_int(redis, &b, &code));
    return outcome(code, "the job is not failed");
}

struct problem *bullmq_retry_anew(struct bullmq_redis *redis, const char *queue, const char *id,
                                  bool forget_stalls)
{
    struct queue_keys q;
    CLEANUP(batch_free) struct batch b;
    int64_t code = 0;
    TRY(begin(queue, &q, &b));
    if (forget_stalls) {
        batch_command(&b, 3);
        batch_arg_z(&b, "HDEL");
        batch_arg_key(&b, &q, id);
        batch_arg_z(&b, "stc");
        TRY(wire_run_int(redis, &b, &code));
    }
    reprocess_call(&b, &q, id, true);
    TRY(wire_run_int(redis, &b, &code));
    return outcome(code, "the job is not failed");
}

struct problem *bullmq_promote(struct bullmq_redis *redis, const char *queue, const char *id)
{
    struct queue_keys q;
    CLEANUP(batch_free) struct batch b;
    TRY(begin(queue, &q, &b));
    batch_call(&b, CALL_PROMOTE, &q, NULL, NULL);
    batch_arg_z(&b, q.prefix);
    batch_arg_z(&b, id);
    int64_t code = 0;
    TRY(wire_run_int(redis, &b, &code));
    return outcome(code, "the job is not delayed");
}

struct problem *bullmq_remove(struct bullmq_redis *redis, const char *queue, const char *id)
{
    struct queue_keys q;
    CLEANUP(batch_free) struct batch b;
    TRY(begin(queue, &q, &b));
    batch_call(&b, CALL_REMOVE_JOB, &q, id, NULL);
    batch_arg_z(&b, id);
    batch_arg_z(&b, "1"); /* its children too, as Job.remove does */
    batch_arg_z(&b, q.prefix);
    int64_t code = 0;
    TRY(wire_run_int(redis, &b, &code));
    return outcome(code == 0 ? -2 : code, "the job is locked by a worker or owned by a scheduler");
}

struct problem *bullmq_pause(struct bullmq_redis *redis, const char *queue)
{
    struct queue_keys q;
    CLEANUP(batch_free) struct batch b;
    TRY(begin(queue, &q, &b));
    batch_call(&b, CALL_PAUSE, &q, NULL, NULL);
    batch_arg_z(&b, "paused");
    batch_arg_z(&b, "1");
    int64_t left = 0;
    return wire_run_int(redis, &b, &left);
}

/* The script moves jobs of an older layout back in portions and says how many are left. */
struct problem *bullmq_resume(struct bullmq_redis *redis, const char *queue)
{
    struct queue_keys q;
    CLEANUP(batch_free) struct batch b;
    TRY(begin(queue, &q, &b));
    int64_t left = 0;
    const char *tell = "1";
    do {
        batch_call(&b, CALL_RESUME, &q, NULL, NULL);
        batch_arg_z(&b, "resumed");
        batch_arg_z(&b, tell);
        TRY(wire_run_int(redis, &b, &left));
        tell = "0";
    } while (left > 0);
    return NULL;
}

struct problem *bullmq_limit_concurrency(struct bullmq_redis *redis, const char *queue,
                                         unsigned max)
{
    struct queue_keys q;
    CLEANUP(batch_free) struct batch b;
    TRY(begin(queue, &q, &b));
    batch_command(&b, max ? 4 : 3);
    batch_arg_z(&b, max ? "HSET" : "HDEL");
    batch_arg_key(&b, &q, "meta");
    batch_arg_z(&b, "concurrency");
    if (max)
        batch_arg_int(&b, max);
    int64_t changed = 0;
    return wire_run_int(redis, &b, &changed);
}

struct problem *bullmq_limit_rate(struct bullmq_redis *redis, const char *queue, unsigned max,
                                  unsigned duration_ms)
{
    struct queue_keys q;
    CLEANUP(batch_free) struct batch b;
    TRY(begin(queue, &q, &b));
    if (max > 0 && duration_ms == 0)
        return problem_field(NULL, "/durationMs", "a rate limit needs its time");
    batch_command(&b, max ? 6 : 4);
    batch_arg_z(&b, max ? "HSET" : "HDEL");
    batch_arg_key(&b, &q, "meta");
    batch_arg_z(&b, "max");
    if (max)
        batch_arg_int(&b, max);
    batch_arg_z(&b, "duration");
    if (max)
        batch_arg_int(&b, duration_ms);
    int64_t changed = 0;
    return wire_run_int(redis, &b, &changed);
}

struct problem *bullmq_sweep_stalled(struct bullmq_redis *redis, const char *queue,
                                     unsigned interval_ms, unsigned max_stalled, size_t *ret_moved)
{
    struct queue_keys q;
    CLEANUP(batch_free) struct batch b;
    TRY(begin(queue, &q, &b));
    if (interval_ms == 0)
        return problem_field(NULL, "/intervalMs", "a sweep's interval is at least 1 ms");
    batch_call(&b, CALL_MOVE_STALLED, &q, NULL, NULL);
    batch_arg_int(&b, max_stalled);
    batch_arg_z(&b, q.prefix);
    batch_arg_int(&b, now_ms());
    batch_arg_int(&b, interval_ms);
    TRY(wire_run(redis, &b));
    TRY(wire_reply_problem(b.replies[0]));
    if (ret_moved)
        *ret_moved = b.replies[0]->elements;
    return NULL;
}
