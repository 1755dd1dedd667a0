/* A Redis that answers and cannot do the work is a mistake of the set-up, which must be said at
 * start and not found out by forms that wait.
 *
 * The rule not to break: a Redis that is away is no mistake; nothing stops for it. */
#include "ops/redis_guard.h"

#include <hiredis/hiredis.h>

#include "base/cleanup.h"
#include "bullmq/bullmq.h"

/* Redis' words when the greeting is refused, and what to do. */
static const struct {
    const char *words, *mend;
} refusals[] = {
    {"NOAUTH", "Redis wants a password: write it into NEXACORE_REDIS_URL, like "
               "redis://:password@host:6379"},
    {"WRONGPASS", "Redis refuses the user or password in NEXACORE_REDIS_URL: mend them there, or "
                  "requirepass (or the ACL) of Redis"},
    {"without any password configured", "Redis has no password and NEXACORE_REDIS_URL gives one: "
                                        "set requirepass in Redis, or take it out of the URL"},
    {"NOPERM", "the user in NEXACORE_REDIS_URL may not run what the queues need: give it ~* &* "
               "+@all in Redis' ACL"},
};

static struct problem *explained(struct arena *arena, const struct problem *p)
{
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
        if (strstr(p->cause, refusals[i].words))
            return problem_new(arena, PROBLEM_UNPROCESSABLE, "%s", refusals[i].mend);
    struct problem *kept = problem_new(arena, p->kind, "%s", p->detail);
    return p->cause[0] ? problem_cause(kept, "%s", p->cause) : kept;
}

static struct problem *advice_get(struct bullmq_redis *redis, const char **ret)
{
    struct redisReply *reply = NULL;
    TRY(bullmq_redis_command(redis, 2, (struct str[]){STR("INFO"), STR("persistence")}, &reply));
    bool off = reply->type == REDIS_REPLY_STRING && strstr(reply->str, "aof_enabled:0");
    freeReplyObject(reply);
    *ret = off ? "it keeps no append-only file: a restart drops every job, and open work is queued "
                 "again from the database; set appendonly yes"
               : "";
    return NULL;
}

struct problem *redis_guard(const char *url, struct arena *arena, const char **ret_advice)
{
    struct bullmq_redis_opts opts = {.url = url, .client_name = "nexacore-guard", .quiet = true};
    CLEANUP(bullmq_redis_free) struct bullmq_redis *redis = NULL;
    *ret_advice = "";
    struct problem *p = bullmq_redis_new(&opts, &redis);
    if (!p)
        p = bullmq_redis_check(redis);
    if (!p)
        p = advice_get(redis, ret_advice);
    return p ? explained(arena, p) : NULL;
}
