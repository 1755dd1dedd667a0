/* Adding jobs, one at a time or many in a pipeline, and job schedulers.
 *
 * The rule not to break: which of the add scripts is called follows Queue.add: a parent of a flow
 * first, then a delay, then a priority, else standard. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "bullmq/cron.h"
#include "bullmq/job_opts.h"
#include "bullmq/wire.h"

/* The first argument of the add scripts: ten positions, absent ones nil. */
static void pack_parent(struct pack *p, const struct bullmq_job_opts *opts)
{
    if (!opts->parent_id) {
        for (int i = 0; i < 3; i++) /* parentKey, parentDependenciesKey, parent */
            pack_nil(p);
        return;
    }
    char key[QUEUE_PREFIX_MAX + BULLMQ_ID_MAX + 16];
    snprintf(key, sizeof(key), "bull:%s:%s", opts->parent_queue, opts->parent_id);
    pack_z(p, key);
    snprintf(key, sizeof(key), "bull:%s:%s:dependencies", opts->parent_queue, opts->parent_id);
    pack_z(p, key);
    job_parent_pack(p, opts, "queueKey");
}

static void pack_head(struct pack *p, const struct queue_keys *q,
                      const struct bullmq_job_opts *opts, int64_t timestamp_ms, bool in_flow)
{
    pack_array(p, 10);
    pack_str(p, (struct str){q->prefix, q->n});
    pack_z(p, opts->id ? opts->id : "");
    pack_z(p, opts->name);
    pack_int(p, timestamp_ms);
    pack_parent(p, opts);
    pack_nil(p); /* repeatJobKey */
    if (opts->dedup_id) {
        char key[QUEUE_PREFIX_MAX + BULLMQ_ID_MAX + 8];
        snprintf(key, sizeof(key), "%sde:%s", q->prefix, opts->dedup_id);
        pack_z(p, key);
    } else {
        pack_nil(p);
    }
    if (in_flow) /* deferParentRelease: parents are released when the whole tree is there */
        pack_int(p, 1);
    else
        pack_nil(p);
}

static enum bullmq_call call_for(const struct bullmq_job_opts *opts)
{
    if (opts->delay_ms > 0)
        return CALL_ADD_DELAYED;
    return opts->priority > 0 ? CALL_ADD_PRIORITIZED : CALL_ADD_STANDARD;
}

static void batch_add_by(struct batch *b, enum bullmq_call call, const struct queue_keys *q,
                         const struct bullmq_job_opts *opts, bool in_flow)
{
    int64_t timestamp_ms = opts->timestamp_ms ? opts->timestamp_ms : now_ms();
    CLEANUP(pack_done) struct pack head;
    CLEANUP(pack_done) struct pack options;
    pack_init(&head);
    pack_init(&options);
    pack_head(&head, q, opts, timestamp_ms, in_flow);
    job_opts_pack(&options, opts, timestamp_ms);
    batch_call(b, call, q, NULL, NULL);
    batch_arg_pack(b, &head);
    batch_arg_z(b, opts->data ? opts->data : "{}");
    batch_arg_pack(b, &options);
}

void batch_add_in_flow(struct batch *b, const struct queue_keys *q,
                       const struct bullmq_job_opts *opts, bool has_children)
{
    batch_add_by(b, has_children ? CALL_ADD_PARENT : call_for(opts), q, opts, true);
}

struct problem *read_added_id(const redisReply *reply, char *ret_id)
{
    TRY(wire_reply_problem(reply));
    if (reply->type == REDIS_REPLY_INTEGER && reply->integer == -5)
        return problem_new(NULL, PROBLEM_CONFLICT, "the job's parent does not exist");
    if (reply->type == REDIS_REPLY_INTEGER && reply->integer < 0)
        return problem_new(NULL, PROBLEM_CONFLICT, "the queue refused the job (code %lld)",
                           reply->integer);
    if (reply->type != REDIS_REPLY_STRING)
        return problem_new(NULL, PROBLEM_INTERNAL, "Redis did not name the new job");
    if (ret_id)
        snprintf(ret_id, BULLMQ_ID_MAX, "%s", reply->str);
    return NULL;
}

struct problem *bullmq_add_bulk(struct bullmq_redis *redis, const char *queue,
                                const struct bullmq_job_opts *opts, size_t count,
                                char (*ret_ids)[BULLMQ_ID_MAX])
{
    struct queue_keys q;
    TRY(queue_keys_of(queue, &q));
    for (size_t i = 0; i < count; i++)
        TRY(job_opts_check(&opts[i]));
    CLEANUP(batch_free) struct batch b;
    batch_init(&b);
    for (size_t first = 0; first < count; first += b.count) {
        batch_clear(&b);
        for (size_t i = first; i < count && b.count < BATCH_MAX; i++)
            batch_add_by(&b, call_for(&opts[i]), &q, &opts[i], false);
        TRY(wire_run(redis, &b));
        for (unsigned i = 0; i < b.count; i++)
            TRY(read_added_id(b.replies[i], ret_ids ? ret_ids[first + i] : NULL));
    }
    return NULL;
}

struct problem *bullmq_add(struct bullmq_redis *redis, const char *queue,
                           const struct bullmq_job_opts *opts, char *ret_id)
{
    return bullmq_add_bulk(redis, queue, opts, 1, (char(*)[BULLMQ_ID_MAX])ret_id);
}

/* ---- job schedulers ---- */

static struct problem *check_scheduler(const char *id, const struct bullmq_job_opts *opts)
{
    TRY(job_opts_check(opts));
    if (!id || !id[0] || strlen(id) >= BULLMQ_ID_MAX / 2 || strchr(id, ':'))
        return problem_field(NULL, "/schedulerId", "a scheduler id has 1 to %d bytes and no ':'",
                             BULLMQ_ID_MAX / 2 - 1);
    if (opts->id || opts->delay_ms || opts->dedup_id || opts->parent_id)
        return problem_field(NULL, "/id",
                             "a scheduler's job has no id, delay, deduplication or parent");
    return NULL;
}

static void batch_scheduler(struct batch *b, const struct queue_keys *q, const char *id,
                            const struct schedule *schedule, const struct bullmq_job_opts *opts)
{
    int64_t now = now_ms();
    CLEANUP(pack_done) struct pack rhythm;
    CLEANUP(pack_done) struct pack template;
    CLEANUP(pack_done) struct pack options;
    pack_init(&rhythm);
    pack_init(&template);
    pack_init(&options);
    pack_map(&rhythm, schedule_pairs(schedule) + 1);
    pack_z(&rhythm, "name");
    pack_z(&rhythm, opts->name);
    schedule_pack(&rhythm, schedule);
    job_opts_pack_template(&template, opts);
    job_opts_pack_scheduled(&options, opts, now, schedule, id);

    batch_call(b, CALL_ADD_SCHEDULER, q, NULL, NULL);
    batch_arg_int(b, schedule->next_ms); /* for an interval the script reckons itself */
    batch_arg_pack(b, &rhythm);
    batch_arg_z(b, id);
    batch_arg_z(b, opts->data ? opts->data : "{}");
    batch_arg_pack(b, &template);
    batch_arg_pack(b, &options);
    batch_arg_int(b, now);
    batch_arg_z(b, q->prefix);
    batch_arg_z(b, "");
}

static struct problem *upsert(struct bullmq_redis *redis, const char *queue, const char *id,
                              const struct schedule *schedule, const struct bullmq_job_opts *opts,
                              char *ret_job_id)
{
    struct queue_keys q;
    TRY(queue_keys_of(queue, &q));
    TRY(check_scheduler(id, opts));
    CLEANUP(batch_free) struct batch b;
    batch_init(&b);
    batch_scheduler(&b, &q, id, schedule, opts);
    TRY(wire_run(redis, &b));
    const redisReply *reply = b.replies[0];
    TRY(wire_reply_problem(reply));
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements > 0)
        return read_added_id(reply->element[0], ret_job_id);
    return problem_new(NULL, PROBLEM_CONFLICT, "the scheduler's next job collides with another");
}

struct problem *bullmq_scheduler_upsert(struct bullmq_redis *redis, const char *queue,
                                        const char *id, int64_t every_ms,
                                        const struct bullmq_job_opts *opts, char *ret_job_id)
{
    if (every_ms < 1 || every_ms > INT64_C(1) << 42)
        return problem_field(NULL, "/everyMs", "a scheduler's interval is at least 1 ms");
    return upsert(redis, queue, id, &(struct schedule){.every_ms = every_ms}, opts, ret_job_id);
}

struct problem *bullmq_scheduler_upsert_cron(struct bullmq_redis *redis, const char *queue,
                                             const char *id, const char *pattern, const char *tz,
                                             const struct bullmq_job_opts *opts, char *ret_job_id)
{
    struct schedule schedule = {.pattern = pattern, .tz = tz};
    TRY(cron_next(pattern, tz, now_ms(), &schedule.next_ms));
    return upsert(redis, queue, id, &schedule, opts, ret_job_id);
}

struct problem *bullmq_scheduler_remove(struct bullmq_redis *redis, const char *queue,
                                        const char *id, bool *ret_existed)
{
    struct queue_keys q;
    TRY(queue_keys_of(queue, &q));
    CLEANUP(batch_free) struct batch b;
    batch_init(&b);
    batch_call(&b, CALL_REMOVE_SCHEDULER, &q, NULL, NULL);
    batch_arg_z(&b, id);
    batch_arg_z(&b, q.prefix);
    int64_t missing = 0;
    TRY(wire_run_int(redis, &b, &missing));
    if (ret_existed)
        *ret_existed = missing == 0;
    return NULL;
}
