/* bullmq_cli's modes for any job: `put` adds what JSON lines describe, `run` does what a job's data
 * says.
 *
 *     echo '{"name":"mail","data":{"id":7},"opts":{"delay":500,"attempts":3}}' | bullmq_cli put q
 *
 * The rule not to break: the JSON is Node's own (Queue.addBulk, FlowProducer.add), so that a test
 * gives both sides the same text. */
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "bullmq/bullmq_cli.h"

enum { LINE_MOST = 8 * 1024 * 1024, JOBS_MOST = 4096, CHILDREN_MOST = 240 };

static int64_t whole(const json_t *object, const char *key)
{
    return (int64_t)json_number_value(json_object_get(object, key));
}

static bool flag(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

static const char *text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* ---- put ---- */

static struct bullmq_keep read_keep(const json_t *value)
{
    if (json_is_boolean(value))
        return (struct bullmq_keep){.mode =
                                        json_is_true(value) ? BULLMQ_KEEP_NONE : BULLMQ_KEEP_ALL};
    if (json_is_number(value) && json_number_value(value) == 0)
        return (struct bullmq_keep){.mode = BULLMQ_KEEP_NONE};
    if (json_is_number(value))
        return (struct bullmq_keep){.mode = BULLMQ_KEEP_SOME,
                                    .count = (int64_t)json_number_value(value)};
    if (json_is_object(value))
        return (struct bullmq_keep){
            .mode = BULLMQ_KEEP_SOME, .count = whole(value, "count"), .age_s = whole(value, "age")};
    return (struct bullmq_keep){.mode = BULLMQ_KEEP_DEFAULT};
}

static struct bullmq_backoff read_backoff(const json_t *value)
{
    if (json_is_number(value))
        return (struct bullmq_backoff){BULLMQ_BACKOFF_FIXED, (int64_t)json_number_value(value), 0};
    const char *type = text(value, "type");
    if (!type)
        return (struct bullmq_backoff){0};
    return (struct bullmq_backoff){
        .type = strcmp(type, "fixed") == 0 ? BULLMQ_BACKOFF_FIXED : BULLMQ_BACKOFF_EXPONENTIAL,
        .delay_ms = whole(value, "delay"),
        .jitter = json_number_value(json_object_get(value, "jitter")),
    };
}

static enum bullmq_child_fails read_child_fails(const json_t *opts)
{
    return flag(opts, "failParentOnFailure")         ? BULLMQ_CHILD_FAILS_PARENT
           : flag(opts, "continueParentOnFailure")   ? BULLMQ_CHILD_STARTS_PARENT
           : flag(opts, "ignoreDependencyOnFailure") ? BULLMQ_CHILD_IGNORED
           : flag(opts, "removeDependencyOnFailure") ? BULLMQ_CHILD_REMOVED
                                                     : BULLMQ_CHILD_BLOCKS;
}

/* "bull:queue" or "queue". */
static const char *queue_of_key(const char *key)
{
    return key && strncmp(key, "bull:", 5) == 0 ? key + 5 : key;
}

static char *dump(struct arena *arena, const json_t *value)
{
    char *json = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    char *kept = json ? arena_cstr(arena, str_of(json)) : NULL;
    free(json);
    return kept;
}

static struct bullmq_job_opts read_job(struct arena *arena, const json_t *job)
{
    const json_t *opts = json_object_get(job, "opts");
    const json_t *dedup = json_object_get(opts, "deduplication");
    const json_t *parent = json_object_get(opts, "parent");
    return (struct bullmq_job_opts){
        .name = text(job, "name"),
        .data = dump(arena, json_object_get(job, "data")),
        .id = text(opts, "jobId"),
        .attempts = (unsigned)whole(opts, "attempts"),
        .backoff = read_backoff(json_object_get(opts, "backoff")),
        .delay_ms = whole(opts, "delay"),
        .priority = (unsigned)whole(opts, "priority"),
        .lifo = flag(opts, "lifo"),
        .remove_on_complete = read_keep(json_object_get(opts, "removeOnComplete")),
        .remove_on_fail = read_keep(json_object_get(opts, "removeOnFail")),
        .timestamp_ms = whole(opts, "timestamp"),
        .keep_logs = (unsigned)whole(opts, "keepLogs"),
        .dedup_id = text(dedup, "id"),
        .dedup_ttl_ms = whole(dedup, "ttl"),
        .dedup_extend = flag(dedup, "extend"),
        .dedup_replace = flag(dedup, "replace"),
        .dedup_reschedule = flag(dedup, "reschedule"),
        .dedup_keep_last = flag(dedup, "keepLastIfActive"),
        .parent_queue = queue_of_key(text(parent, "queue")),
        .parent_id = text(parent, "id"),
        .child_fails = read_child_fails(opts),
    };
}

static struct bullmq_flow read_flow(struct arena *arena, const json_t *node, const char *queue)
{
    const char *own = text(node, "queueName");
    const json_t *children = json_object_get(node, "children");
    struct bullmq_flow flow = {.queue = own ? own : queue, .job = read_job(arena, node)};
    size_t count = json_array_size(children);
    struct bullmq_flow *list = arena_array(arena, count + 1, sizeof(*list));
    for (size_t i = 0; i < count && i < CHILDREN_MOST; i++)
        list[i] = read_flow(arena, json_array_get(children, i), flow.queue);
    flow.children = list;
    flow.child_count = count;
    return flow;
}

/* One line that is not a plain job: a flow, or {"schedulerId","repeat":{every|pattern,tz},...}. */
static struct problem *put_special(struct cli *cli, struct arena *arena, const json_t *line,
                                   char *ret_id)
{
    const char *scheduler = text(line, "schedulerId");
    if (!scheduler) {
        struct bullmq_flow flow = read_flow(arena, line, cli->queue);
        return bullmq_flow_add(cli->redis, &flow, ret_id);
    }
    const json_t *repeat = json_object_get(line, "repeat");
    struct bullmq_job_opts opts = read_job(arena, line);
    if (text(repeat, "pattern"))
        return bullmq_scheduler_upsert_cron(cli->redis, cli->queue, scheduler,
                                            text(repeat, "pattern"), text(repeat, "tz"), &opts,
                                            ret_id);
    return bullmq_scheduler_upsert(cli->redis, cli->queue, scheduler, whole(repeat, "every"), &opts,
                                   ret_id);
}

static struct problem *put_lines(struct cli *cli, struct arena *arena, const json_t *lines)
{
    size_t count = json_array_size(lines), n = 0;
    struct bullmq_job_opts *jobs = arena_array(arena, count + 1, sizeof(*jobs));
    char(*ids)[BULLMQ_ID_MAX] = arena_array(arena, count + 1, sizeof(*ids));
    for (size_t i = 0; i < count; i++) {
        const json_t *line = json_array_get(lines, i);
        if (!json_object_get(line, "children") && !json_object_get(line, "schedulerId")) {
            jobs[n++] = read_job(arena, line);
            continue;
        }
        char id[BULLMQ_ID_MAX];
        TRY(put_special(cli, arena, line, id));
        printf("%s\n", id);
    }
    TRY(bullmq_add_bulk(cli->redis, cli->queue, jobs, n, ids));
    for (size_t i = 0; i < n; i++)
        printf("%s\n", ids[i]);
    return NULL;
}

static void decref(json_t **value)
{
    json_decref(*value);
}

struct problem *cli_put(struct cli *cli)
{
    CLEANUP(decref) json_t *lines = json_array();
    while (json_array_size(lines) < JOBS_MOST) {
        json_error_t error;
        json_t *line = json_loadf(stdin, JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL, &error);
        if (!line && feof(stdin))
            break;
        if (!json_is_object(line)) {
            json_decref(line);
            return problem_new(NULL, PROBLEM_BAD_REQUEST, "line %d on stdin is not a JSON object",
                               error.line);
        }
        json_array_append_new(lines, line);
    }
    struct arena *arena = arena_new((size_t)LINE_MOST * 8);
    struct problem *p = put_lines(cli, arena, lines);
    arena_free(&arena);
    return p;
}

/* ---- run ---- */

/* One write, so that what a killed process has said is whole. */
static void tell(struct bullmq_job *job, const char *what)
{
    const char *line = arena_fmt(job->arena, "%s %s %u\n", what, job->id, job->attempts_made);
    ssize_t written = write(STDOUT_FILENO, line, strlen(line));
    (void)written;
}

/* Result {"<child's key>": its result or {"failed": reason}, ...}. */
static struct problem *collect_children(struct bullmq_job *job)
{
    struct bullmq_child *children = NULL;
    size_t count = 0;
    TRY(bullmq_job_children(job, &children, &count));
    CLEANUP(decref) json_t *all = json_object();
    for (size_t i = 0; i < count; i++) {
        json_t *value = children[i].failed ? json_pack("{s:s}", "failed", children[i].value)
                                           : json_loads(children[i].value, JSON_DECODE_ANY, NULL);
        json_object_set_new(all, children[i].key, value);
    }
    buf_add_z(&job->result, dump(job->arena, all));
    return NULL;
}

static struct problem *fail_or_limit(struct bullmq_job *job, const json_t *says)
{
    const json_t *times = json_object_get(says, "times");
    if (times && job->attempts_made >= json_number_value(times))
        return NULL;
    if (json_object_get(says, "limit") && job->attempts_made == 0) {
        static atomic_bool limited;
        if (!atomic_exchange(&limited, true)) {
            TRY(bullmq_job_rate_limit(job, whole(says, "limit")));
            return problem_new(job->arena, PROBLEM_TOO_MANY_REQUESTS, "too many requests");
        }
    }
    const char *reason = text(says, "fail");
    if (!reason)
        return NULL;
    job->failed_reason = reason;
    job->unrecoverable = flag(says, "unrecoverable");
    return problem_new(job->arena, PROBLEM_INTERNAL, "%s", reason);
}

struct problem *cli_obey(struct bullmq_job *job)
{
    const json_t *says = job->json;
    tell(job, "begin");
    if (json_object_get(says, "progress"))
        TRY(bullmq_job_progress(job, dump(job->arena, json_object_get(says, "progress"))));
    const json_t *line;
    size_t i;
    json_array_foreach (json_object_get(says, "log"), i, line)
        TRY(bullmq_job_log(job, json_string_value(line), 0));
    poll(NULL, 0, (int)whole(says, "sleep"));
    TRY(fail_or_limit(job, says));
    if (flag(says, "children"))
        TRY(collect_children(job));
    else if (json_object_get(says, "result"))
        buf_add_z(&job->result, dump(job->arena, json_object_get(says, "result")));
    tell(job, bullmq_job_lost(job) ? "late" : "end");
    return NULL;
}
