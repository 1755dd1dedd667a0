/* Is this Redis fit for queues? Asked at start and by doctors, never on the way of a job.
 *
 * The rule not to break: every answer says how to mend it. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "bullmq/wire.h"

static void reply_free(redisReply **reply)
{
    freeReplyObject(*reply);
}

/* The value of "key:value" in INFO's text; empty when absent. */
static struct str info_value(struct str info, struct str key)
{
    while (info.n > 0) {
        struct str line = str_cut(&info, '\n');
        struct str value = line;
        struct str name = str_cut(&value, ':');
        if (str_eq(name, key))
            return str_trim(value);
    }
    return STR_NONE;
}

static struct problem *check_version(struct str version)
{
    struct str rest = version;
    uint64_t major = 0, minor = 0;
    bool readable =
        str_u64(str_cut(&rest, '.'), 1000, &major) && str_u64(str_cut(&rest, '.'), 1000, &minor);
    if (readable && (major > 6 || (major == 6 && minor >= 2)))
        return NULL;
    return problem_new(NULL, PROBLEM_UNPROCESSABLE,
                       "Redis " STR_FMT " is too old for the queues; install 6.2 or newer",
                       STR_ARG(version));
}

struct problem *bullmq_redis_check(struct bullmq_redis *redis)
{
    CLEANUP(reply_free) redisReply *reply = NULL;
    TRY(bullmq_redis_command(redis, 1, (struct str[]){STR("INFO")}, &reply));
    struct str info = {reply->str, reply->type == REDIS_REPLY_STRING ? reply->len : 0};
    TRY(check_version(info_value(info, STR("redis_version"))));
    if (!str_eq(info_value(info, STR("role")), STR("master")))
        return problem_new(NULL, PROBLEM_UNPROCESSABLE,
                           "this Redis is a replica and refuses writes; point the URL at its "
                           "primary");
    struct str most = info_value(info, STR("maxmemory"));
    struct str policy = info_value(info, STR("maxmemory_policy"));
    if (!str_eq(most, STR("0")) && most.n > 0 && !str_eq(policy, STR("noeviction")))
        return problem_new(NULL, PROBLEM_UNPROCESSABLE,
                           "this Redis drops keys when memory is short (maxmemory-policy " STR_FMT
                           "), jobs among them; set maxmemory-policy noeviction",
                           STR_ARG(policy));
    return NULL;
}
