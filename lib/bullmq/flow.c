/* Flows: trees of jobs added in one transaction, and what finished children left for their parent.
 *
 * The rule not to break: the scripts are loaded in front of MULTI, in the same pipeline, because a
 * script that Redis does not know inside a transaction would leave the other half of it done. */
#include <string.h>

#include "base/cleanup.h"
#include "base/uuid.h"
#include "bullmq/job_opts.h"
#include "bullmq/wire.h"
#include "bullmq/worker.h"

enum { COMMANDS_MOST = 240, DEPTH_MOST = 32 };

static const enum bullmq_call flow_calls[] = {
    CALL_ADD_STANDARD, CALL_ADD_DELAYED, CALL_ADD_PRIORITIZED, CALL_ADD_PARENT, CALL_RELEASE_PARENT,
};

/* Parents whose children all came before them are released at the end. */
struct release {
    const char *queue, *id;
};

struct plan {
    struct batch batch;
    struct arena *arena; /* ids */
    struct release releases[COMMANDS_MOST];
    unsigned jobs, release_count;
};

static struct problem *check_tree(const struct bullmq_flow *node, bool root, unsigned depth,
                                  unsigned *commands)
{
    struct queue_keys q;
    TRY(queue_keys_of(node->queue, &q));
    TRY(job_opts_check(&node->job));
    *commands += 1 + (node->child_count > 0);
    if (*commands > COMMANDS_MOST || depth > DEPTH_MOST)
        return problem_field(NULL, "/children", "a flow has at most %d jobs on %d levels",
                             COMMANDS_MOST, DEPTH_MOST);
    if (!root && node->job.parent_id)
        return problem_field(NULL, "/parent", "only the root of a flow names a parent");
    if (!root && node->job.dedup_id)
        return problem_field(NULL, "/dedupId", "a child of a flow cannot be deduplicated");
    for (size_t i = 0; i < node->child_count; i++)
        TRY(check_tree(&node->children[i], false, depth + 1, commands));
    return NULL;
}

static void load_scripts(struct batch *b)
{
    for (size_t i = 0; i < ARRAY_LEN(flow_calls); i++) {
        const struct bullmq_script *script = bullmq_script_of(flow_calls[i]);
        batch_command(b, 3);
        batch_arg_z(b, "SCRIPT");
        batch_arg_z(b, "LOAD");
        batch_arg(b, (struct str){script->text, script->len});
    }
}

static void note_release(struct plan *plan, const char *queue, const char *id)
{
    plan->releases[plan->release_count++] = (struct release){queue, id};
}

static void add_tree(struct plan *plan, const struct bullmq_flow *node, const char *parent_queue,
                     const char *parent_id)
{
    struct bullmq_job_opts opts = node->job;
    struct queue_keys q;
    if (queue_keys_of(node->queue, &q))
        return; /* checked before */
    if (!opts.id) {
        char *id = arena_alloc(plan->arena, 40);
        uuid_text(uuid_v7(), id);
        opts.id = id;
    }
    if (parent_id) {
        opts.parent_queue = parent_queue;
        opts.parent_id = parent_id;
    }
    batch_add_in_flow(&plan->batch, &q, &opts, node->child_count > 0);
    plan->jobs++;
    for (size_t i = 0; i < node->child_count; i++)
        add_tree(plan, &node->children[i], node->queue, opts.id);
    if (node->child_count > 0)
        note_release(plan, node->queue, opts.id);
}

static void add_releases(struct plan *plan)
{
    for (unsigned i = 0; i < plan->release_count; i++) {
        struct queue_keys q;
        if (queue_keys_of(plan->releases[i].queue, &q))
            continue; /* checked before */
        batch_call(&plan->batch, CALL_RELEASE_PARENT, &q, plan->releases[i].id, NULL);
        batch_arg(&plan->batch, (struct str){q.prefix, q.n - 1}); /* without its ':' */
        batch_arg_z(&plan->batch, plan->releases[i].id);
        batch_arg_int(&plan->batch, now_ms());
    }
}

static void batch_word(struct batch *b, const char *word)
{
    batch_command(b, 1);
    batch_arg_z(b, word);
}

/* The first problem of the transaction; EXEC's reply lists one result a job. */
static struct problem *read_results(const struct plan *plan, char *ret_id)
{
    const redisReply *all = plan->batch.replies[plan->batch.count - 1];
    TRY(wire_reply_problem(all));
    if (all->type != REDIS_REPLY_ARRAY || all->elements < plan->jobs)
        return problem_new(NULL, PROBLEM_INTERNAL, "Redis did not run the flow's transaction");
    for (unsigned i = 0; i < all->elements; i++)
        TRY(i < plan->jobs ? read_added_id(all->element[i], i == 0 ? ret_id : NULL)
                           : wire_reply_problem(all->element[i]));
    return NULL;
}

static void plan_free(struct plan **plan)
{
    batch_free(&(*plan)->batch);
    struct arena *arena = (*plan)->arena;
    arena_free(&arena);
}

struct problem *bullmq_flow_add(struct bullmq_redis *redis, const struct bullmq_flow *flow,
                                char *ret_id)
{
    unsigned commands = 0;
    TRY(check_tree(flow, true, 1, &commands));
    struct arena *arena = arena_new(sizeof(struct plan) + 64 * 1024);
    CLEANUP(plan_free) struct plan *plan = arena_make(arena, struct plan);
    plan->arena = arena;
    batch_init(&plan->batch);
    load_scripts(&plan->batch);
    batch_word(&plan->batch, "MULTI");
    add_tree(plan, flow, NULL, NULL);
    if (flow->job.parent_id)
        note_release(plan, flow->job.parent_queue, flow->job.parent_id);
    add_releases(plan);
    batch_word(&plan->batch, "EXEC");
    TRY(wire_run(redis, &plan->batch));
    return read_results(plan, ret_id);
}

/* ---- results of children ---- */

static void batch_children(struct batch *b, const struct queue_keys *q, const char *id)
{
    static const char *const lists[] = {":processed", ":failed"};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        CLEANUP(buf_free) struct buf key = {0};
        buf_add_z(&key, id);
        buf_add_z(&key, lists[i]);
        batch_command(b, 2);
        batch_arg_z(b, "HGETALL");
        batch_arg_key(b, q, buf_str(&key).p);
    }
}

static struct problem *read_children(const struct batch *b, struct arena *arena,
                                     struct bullmq_child **ret, size_t *ret_count)
{
    size_t most = 1, n = 0;
    for (unsigned r = 0; r < 2; r++) {
        TRY(wire_reply_problem(b->replies[r]));
        most += b->replies[r]->elements / 2;
    }
    struct bullmq_child *list = arena_array(arena, most, sizeof(*list));
    for (unsigned r = 0; r < 2; r++) {
        const redisReply *hash = b->replies[r];
        for (size_t i = 0; i + 1 < hash->elements; i += 2) {
            const redisReply *key = hash->element[i], *value = hash->element[i + 1];
            list[n++] = (struct bullmq_child){
                .key = arena_cstr(arena, (struct str){key->str, key->len}),
                .value = arena_cstr(arena, (struct str){value->str, value->len}),
                .failed = r == 1,
            };
        }
    }
    *ret = list;
    *ret_count = n;
    return NULL;
}

struct problem *bullmq_children(struct bullmq_redis *redis, const char *queue, const char *id,
                                struct arena *arena, struct bullmq_child **ret, size_t *ret_count)
{
    struct queue_keys q;
    TRY(queue_keys_of(queue, &q));
    CLEANUP(batch_free) struct batch b;
    batch_init(&b);
    batch_children(&b, &q, id);
    TRY(wire_run(redis, &b));
    return read_children(&b, arena, ret, ret_count);
}

struct problem *bullmq_job_children(struct bullmq_job *job, struct bullmq_child **ret,
                                    size_t *ret_count)
{
    struct bullmq_worker *w = work_of(job)->worker;
    pthread_mutex_lock(&w->side_lock);
    batch_children(&w->side_batch, &w->q, job->id);
    struct problem *p = wire_run(w->side_redis, &w->side_batch);
    if (!p)
        p = read_children(&w->side_batch, job->arena, ret, ret_count);
    batch_clear(&w->side_batch);
    pthread_mutex_unlock(&w->side_lock);
    return p;
}
