/* Looking at many jobs of a queue at a price that is known beforehand.
 *
 * The rule not to break: nothing here changes anything, and no text of a job, however long somebody
 * made it, is sent over the wire in full. */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "bullmq/wire.h"

/* What is told of one job: id, data, name, reason, attempts, added, ended. */
#define BRIEF_OF                                                                                   \
    "local most = tonumber(ARGV[1]) local function brief(job, id) "                                \
    "if redis.call('TYPE', job).ok ~= 'hash' then return {id, '', '', '', '0', '0', '0'} end "     \
    "local data = '' "                                                                             \
    "if redis.call('HSTRLEN', job, 'data') <= most then data = redis.call('HGET', job, 'data') "   \
    "end local v = redis.call('HMGET', job, 'name', 'failedReason', 'atm', 'timestamp', "          \
    "'finishedOn') return {id, data or '', string.sub(v[1] or '', 1, 255), "                       \
    "string.sub(v[2] or '', 1, 500), v[3] or '0', v[4] or '0', v[5] or '0'} end "

/* KEYS: the state's list or set, the queue's prefix. ARGV: longest data, first, last. Newest first,
 * as Queue.getJobs lists. */
static const char list_script[] =
    BRIEF_OF "local t = redis.call('TYPE', KEYS[1]).ok local ids = {} "
             "if t == 'list' then ids = redis.call('LRANGE', KEYS[1], ARGV[2], ARGV[3]) "
             "elseif t == 'zset' then ids = redis.call('ZREVRANGE', KEYS[1], ARGV[2], ARGV[3]) end "
             "local out = {} for i, id in ipairs(ids) do "
             "out[i] = brief(KEYS[2] .. id, string.sub(id, 1, 255)) end return out";
/* KEYS: the job. ARGV: longest data, id. */
static const char one_script[] = BRIEF_OF "return brief(KEYS[1], ARGV[2])";

/* KEYS as for the list. ARGV: longest data, first, last, member, value. How many ids there are, and
 * how many of their jobs have that member: the whole text is looked through before it is parsed. */
static const char count_script[] =
    "local most, want = tonumber(ARGV[1]), ARGV[5] local t = redis.call('TYPE', KEYS[1]).ok "
    "local ids, n = {}, 0 "
    "if t == 'list' then ids = redis.call('LRANGE', KEYS[1], ARGV[2], ARGV[3]) "
    "elseif t == 'zset' then ids = redis.call('ZREVRANGE', KEYS[1], ARGV[2], ARGV[3]) end "
    "for _, id in ipairs(ids) do local job = KEYS[2] .. id "
    "local size = redis.pcall('HSTRLEN', job, 'data') "
    "if type(size) == 'number' and size > 0 and size <= most then "
    "local data = redis.call('HGET', job, 'data') "
    "if string.find(data, want, 1, true) then local ok, json = pcall(cjson.decode, data) "
    "if ok and type(json) == 'table' and json[ARGV[4]] == want then n = n + 1 end end end end "
    "return {#ids, n}";

enum { BRIEF_FIELDS = 7, BRIEFS_MAX = 500 };

static const char *const list_keys[BULLMQ_STATE__COUNT] = {
    [BULLMQ_WAITING] = "wait",
    [BULLMQ_ACTIVE] = "active",
    [BULLMQ_DELAYED] = "delayed",
    [BULLMQ_PRIORITIZED] = "prioritized",
    [BULLMQ_COMPLETED] = "completed",
    [BULLMQ_FAILED] = "failed",
    [BULLMQ_WAITING_CHILDREN] = "waiting-children",
};

static void brief_read(const redisReply *row, struct arena *arena, struct bullmq_job_info *ret)
{
    const char *text[BRIEF_FIELDS];
    for (size_t i = 0; i < BRIEF_FIELDS; i++) {
        const redisReply *field = i < row->elements ? row->element[i] : NULL;
        bool is_text = field && field->type == REDIS_REPLY_STRING;
        text[i] = is_text ? arena_cstr(arena, (struct str){field->str, field->len}) : "";
    }
    *ret = (struct bullmq_job_info){
        .id = text[0],
        .data = text[1],
        .name = text[2],
        .failed_reason = text[3],
        .attempts_made = (unsigned)strtoul(text[4], NULL, 10),
        .timestamp_ms = strtoll(text[5], NULL, 10),
        .finished_ms = strtoll(text[6], NULL, 10),
    };
}

struct problem *bullmq_jobs_brief(struct bullmq_redis *redis, const char *queue,
                                  enum bullmq_state state, size_t first, size_t max,
                                  size_t data_max, struct arena *arena,
                                  struct bullmq_job_info **ret, size_t *ret_count)
{
    struct queue_keys q;
    CLEANUP(batch_free) struct batch b;
    batch_init(&b);
    TRY(queue_keys_of(queue, &q));
    if ((unsigned)state >= BULLMQ_STATE__COUNT || max == 0 || max > BRIEFS_MAX)
        return problem_field(NULL, "/limit", "a list has 1 to %d jobs of a known state",
                             BRIEFS_MAX);
    batch_command(&b, 8);
    batch_arg_z(&b, "EVAL");
    batch_arg_z(&b, list_script);
    batch_arg_z(&b, "2");
    batch_arg_key(&b, &q, list_keys[state]);
    batch_arg_z(&b, q.prefix);
    batch_arg_int(&b, (int64_t)data_max);
    batch_arg_int(&b, (int64_t)first);
    batch_arg_int(&b, (int64_t)(first + max - 1));
    TRY(wire_run(redis, &b));
    const redisReply *reply = b.replies[0];
    TRY(wire_reply_problem(reply));
    if (reply->type != REDIS_REPLY_ARRAY)
        return problem_new(NULL, PROBLEM_INTERNAL, "Redis listed something else");
    *ret = arena_array(arena, reply->elements + 1, sizeof(**ret));
    *ret_count = reply->elements;
    for (size_t i = 0; i < reply->elements; i++)
        brief_read(reply->element[i], arena, &(*ret)[i]);
    return NULL;
}

/* One piece of a count: at most BRIEFS_MAX jobs, so that Redis serves others in between. */
static struct problem *count_piece(struct bullmq_redis *redis, const struct queue_keys *q,
                                   const char *list, size_t first, size_t max,
                                   const struct bullmq_match *match, int64_t ret[2])
{
    CLEANUP(batch_free) struct batch b;
    batch_init(&b);
    batch_command(&b, 10);
    batch_arg_z(&b, "EVAL");
    batch_arg_z(&b, count_script);
    batch_arg_z(&b, "2");
    batch_arg_key(&b, q, list);
    batch_arg_z(&b, q->prefix);
    batch_arg_int(&b, (int64_t)match->data_max);
    batch_arg_int(&b, (int64_t)first);
    batch_arg_int(&b, (int64_t)(first + max - 1));
    batch_arg_z(&b, match->member);
    batch_arg_z(&b, match->value);
    TRY(wire_run(redis, &b));
    const redisReply *reply = b.replies[0];
    TRY(wire_reply_problem(reply));
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2)
        return problem_new(NULL, PROBLEM_INTERNAL, "Redis counted something else");
    for (size_t i = 0; i < 2; i++)
        ret[i] = reply->element[i]->integer;
    return NULL;
}

struct problem *bullmq_jobs_count(struct bullmq_redis *redis, const char *queue,
                                  enum bullmq_state state, size_t max,
                                  const struct bullmq_match *match, uint64_t *ret, bool *ret_all)
{
    struct queue_keys q;
    TRY(queue_keys_of(queue, &q));
    if ((unsigned)state >= BULLMQ_STATE__COUNT)
        return problem_field(NULL, "/state", "jobs are counted in a known state");
    *ret = 0;
    *ret_all = true;
    for (size_t first = 0; first < max; first += BRIEFS_MAX) {
        size_t piece = max - first < BRIEFS_MAX ? max - first : BRIEFS_MAX;
        int64_t seen[2] = {0};
        TRY(count_piece(redis, &q, list_keys[state], first, piece, match, seen));
        *ret += (uint64_t)seen[1];
        if ((size_t)seen[0] < piece)
            return NULL;
    }
    *ret_all = false;
    return NULL;
}

struct problem *bullmq_job_brief(struct bullmq_redis *redis, const char *queue, const char *id,
                                 size_t data_max, struct arena *arena, struct bullmq_job_info *ret)
{
    struct queue_keys q;
    CLEANUP(batch_free) struct batch b;
    batch_init(&b);
    TRY(queue_keys_of(queue, &q));
    batch_command(&b, 6);
    batch_arg_z(&b, "EVAL");
    batch_arg_z(&b, one_script);
    batch_arg_z(&b, "1");
    batch_arg_key(&b, &q, id);
    batch_arg_int(&b, (int64_t)data_max);
    batch_arg_z(&b, id);
    TRY(wire_run(redis, &b));
    const redisReply *reply = b.replies[0];
    TRY(wire_reply_problem(reply));
    if (reply->type != REDIS_REPLY_ARRAY)
        return problem_new(NULL, PROBLEM_INTERNAL, "Redis answered something else");
    brief_read(reply, arena, ret);
    return ret->name[0] ? NULL : problem_new(NULL, PROBLEM_NOT_FOUND, "there is no such job");
}

struct problem *bullmq_first_priority(struct bullmq_redis *redis, const char *queue, unsigned least,
                                      unsigned most, unsigned *ret)
{
    struct queue_keys q;
    CLEANUP(batch_free) struct batch b;
    batch_init(&b);
    TRY(queue_keys_of(queue, &q));
    char from[32], to[32];
    snprintf(from, sizeof(from), "%llu", (unsigned long long)least << 32);
    snprintf(to, sizeof(to), "(%llu", ((unsigned long long)most + 1) << 32);
    batch_command(&b, 8);
    batch_arg_z(&b, "ZRANGEBYSCORE");
    batch_arg_key(&b, &q, "prioritized");
    batch_arg_z(&b, from);
    batch_arg_z(&b, to);
    batch_arg_z(&b, "WITHSCORES");
    batch_arg_z(&b, "LIMIT");
    batch_arg_z(&b, "0");
    batch_arg_z(&b, "1");
    TRY(wire_run(redis, &b));
    const redisReply *reply = b.replies[0];
    TRY(wire_reply_problem(reply));
    *ret = 0;
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 && reply->element[1]->str)
        *ret = (unsigned)(strtod(reply->element[1]->str, NULL) / 4294967296.0);
    return NULL;
}
