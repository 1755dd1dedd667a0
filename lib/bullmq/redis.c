/* One blocking connection to Redis that comes back by itself.
 *
 * The rule not to break: after any failure in the middle of a conversation the connection is
 * dropped, because the next reply would belong to another command. */
#include "bullmq/wire.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "base/clock.h"
#include "base/cleanup.h"
#include "base/crypt.h"
#include "base/log.h"
#include "bullmq/url.h"

enum {
    CONNECT_MS = 500,
    COMMAND_MS = 1500,
    BACKOFF_FIRST_MS = 50,
    BACKOFF_MOST_MS = 2000,
    IDLE_CHECK_US = 100000,
};

struct bullmq_redis {
    struct arena *arena; /* holds this very struct */
    struct redis_url url;
    char name[256];
    unsigned connect_ms, command_ms;
    bool quiet;

    redisContext *cx;  /* NULL: not connected */
    int64_t used_us;   /* monotonic: last time the connection answered */
    unsigned failures; /* in a row */
    int64_t retry_us;  /* monotonic: no contact before */
    int64_t down_us;   /* monotonic: since when it is away; 0: it is there */
};

/* hiredis writes without MSG_NOSIGNAL: a broken connection must be an error and not a signal that
 * ends the process. Whoever set a handler of their own keeps it. */
static void ignore_sigpipe(void)
{
    struct sigaction now;
    if (sigaction(SIGPIPE, NULL, &now) == 0 && now.sa_handler == SIG_DFL)
        signal(SIGPIPE, SIG_IGN);
}

struct problem *bullmq_redis_new(const struct bullmq_redis_opts *opts, struct bullmq_redis **ret)
{
    struct redis_url url;
    TRY(redis_url_parse(opts->url, &url));
    if (opts->client_name && strlen(opts->client_name) >= sizeof(((struct bullmq_redis *)0)->name))
        return problem_new(NULL, PROBLEM_BAD_REQUEST, "the Redis client name is too long");
    ignore_sigpipe();
    struct arena *arena = arena_new(sizeof(struct bullmq_redis) + 4096);
    struct bullmq_redis *redis = arena_make(arena, struct bullmq_redis);
    redis->arena = arena;
    redis->url = url;
    wipe(&url, sizeof(url));
    if (opts->client_name)
        snprintf(redis->name, sizeof(redis->name), "%s", opts->client_name);
    redis->connect_ms = opts->connect_timeout_ms ? opts->connect_timeout_ms : CONNECT_MS;
    redis->command_ms = opts->command_timeout_ms ? opts->command_timeout_ms : COMMAND_MS;
    redis->quiet = opts->quiet;
    *ret = redis;
    return NULL;
}

void bullmq_redis_free(struct bullmq_redis **redis)
{
    if (!*redis)
        return;
    wire_drop(*redis);
    struct arena *arena = (*redis)->arena;
    *redis = NULL;
    arena_free(&arena); /* wipes: the URL may hold a password */
}

void wire_drop(struct bullmq_redis *redis)
{
    if (redis->cx)
        redisFree(redis->cx);
    redis->cx = NULL;
}

int64_t wire_wait_ms(const struct bullmq_redis *redis)
{
    int64_t left_us = redis->retry_us - clock_mono_us();
    return redis->failures == 0 || left_us <= 0 ? 0 : left_us / 1000 + 1;
}

static struct timeval timeval_of(unsigned ms)
{
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};
}

/* What an operator can do something about, said plainly; Redis' own words follow as the cause. */
static const char *plain_words(const char *what)
{
    static const struct {
        const char *code, *words;
    } known[] = {
        {"NOAUTH", "Redis wants a password and was given none"},
        {"WRONGPASS", "Redis refuses the password"},
        {"ERR AUTH", "Redis has no password but was given one"},
        {"ERR Client sent AUTH", "Redis has no password but was given one"},
        {"READONLY", "this Redis is a replica and refuses writes"},
        {"UNBLOCKED", "this Redis has just become a replica"},
        {"OOM", "Redis is out of memory and refuses writes"},
        {"MISCONF", "Redis cannot save and refuses writes"},
        {"LOADING", "Redis is still loading its data"},
        {"ERR max number of clients", "Redis takes no more connections"},
        {"ERR DB index", "Redis does not have this database number"},
    };
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (strncmp(what, known[i].code, strlen(known[i].code)) == 0)
            return known[i].words;
    if (strstr(what, ": READONLY") || strstr(what, "-READONLY"))
        return "this Redis is a replica and refuses writes";
    if (strstr(what, ": OOM") || strstr(what, "-OOM"))
        return "Redis is out of memory and refuses writes";
    return "Redis does not answer";
}

/* Notes a failure: drops the connection, sets the back-off, logs the first one of an outage. */
static struct problem *went_away(struct bullmq_redis *redis, const char *words)
{
    char what[160];
    snprintf(what, sizeof(what), "%s", words); /* they may live in the connection */
    wire_drop(redis);
    unsigned shift = redis->failures < 6 ? redis->failures : 6;
    int64_t wait_ms = (int64_t)BACKOFF_FIRST_MS << shift;
    if (wait_ms > BACKOFF_MOST_MS)
        wait_ms = BACKOFF_MOST_MS;
    redis->failures++;
    redis->retry_us = clock_mono_us() + wait_ms * 1000;
    if (redis->down_us == 0) {
        redis->down_us = clock_mono_us();
        if (!redis->quiet)
            log_warn("redis %s:%d is away: %s; trying again until it is back", redis->url.host,
                     redis->url.port, what);
    }
    struct problem *p = problem_new(NULL, PROBLEM_UNAVAILABLE, "%s", plain_words(what));
    p->retry_after_s = 2;
    return problem_cause(p, "redis %s:%d: %s", redis->url.host, redis->url.port, what);
}

static void came_back(struct bullmq_redis *redis)
{
    if (redis->down_us != 0 && !redis->quiet)
        log_info("redis %s:%d is back after %lld ms", redis->url.host, redis->url.port,
                 (long long)(clock_mono_us() - redis->down_us) / 1000);
    redis->down_us = 0;
    redis->failures = 0;
    redis->used_us = clock_mono_us();
}

/* What to say of a broken context. hiredis reports a passed SO_RCVTIMEO as EAGAIN. */
static const char *broken(const redisContext *cx)
{
    if (cx->err == REDIS_ERR_IO && (errno == EAGAIN || errno == EWOULDBLOCK))
        return "no answer in time";
    return cx->errstr[0] ? cx->errstr : "the connection broke";
}

/* AUTH, SELECT and SETNAME in one round trip; without them a PING, so that a frozen Redis (whose
 * kernel still accepts connections) is found out within the connect timeout. */
static struct problem *greet(struct bullmq_redis *redis, redisContext *cx)
{
    unsigned sent = 0;
    const struct redis_url *url = &redis->url;
    if (url->password[0] && url->user[0])
        sent += redisAppendCommand(cx, "AUTH %s %s", url->user, url->password) == REDIS_OK;
    else if (url->password[0])
        sent += redisAppendCommand(cx, "AUTH %s", url->password) == REDIS_OK;
    if (url->db)
        sent += redisAppendCommand(cx, "SELECT %u", url->db) == REDIS_OK;
    if (redis->name[0])
        sent += redisAppendCommand(cx, "CLIENT SETNAME %s", redis->name) == REDIS_OK;
    sent += redisAppendCommand(cx, "PING") == REDIS_OK;
    for (unsigned i = 0; i < sent; i++) {
        redisReply *reply = NULL;
        if (redisGetReply(cx, (void **)&reply) != REDIS_OK)
            return went_away(redis, broken(cx));
        char words[128] = "";
        if (reply->type == REDIS_REPLY_ERROR)
            snprintf(words, sizeof(words), "%s", reply->str);
        freeReplyObject(reply);
        if (words[0])
            return went_away(redis, words);
    }
    return NULL;
}

/* Connected and greeted, or a problem; honours the back-off. */
static struct problem *wire_ready(struct bullmq_redis *redis)
{
    if (redis->cx && clock_mono_us() - redis->used_us > IDLE_CHECK_US) {
        char byte;
        ssize_t n = recv(redis->cx->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        if (n >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
            wire_drop(redis); /* closed while idle, or talking out of turn */
    }
    if (redis->cx)
        return NULL;
    if (wire_wait_ms(redis) > 0)
        return problem_cause(problem_new(NULL, PROBLEM_UNAVAILABLE, "Redis does not answer"),
                             "waiting before the next attempt");
    redisContext *cx =
        redisConnectWithTimeout(redis->url.host, redis->url.port, timeval_of(redis->connect_ms));
    if (!cx)
        return went_away(redis, "out of memory");
    redis->cx = cx;
    if (cx->err)
        return went_away(redis, cx->errstr);
    setsockopt(cx->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    redisEnableKeepAlive(cx);
    redisSetTimeout(cx, timeval_of(redis->connect_ms));
    TRY(greet(redis, cx));
    redisSetTimeout(cx, timeval_of(redis->command_ms));
    came_back(redis);
    return NULL;
}

static bool starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Errors that pass: the server is there but cannot serve now. */
static bool cannot_serve(const redisReply *reply)
{
    static const char *const codes[] = {"LOADING",     "READONLY",  "MASTERDOWN", "OOM",
                                        "BUSY ",       "MISCONF",   "NOREPLICAS", "TRYAGAIN",
                                        "CLUSTERDOWN", "-READONLY", "-OOM",       "-MISCONF",
                                        "UNBLOCKED",   "NOAUTH",    "NOPERM"};
    if (reply->type != REDIS_REPLY_ERROR)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (starts(reply->str, codes[i]))
            return true;
    /* inside a script the code comes later: "ERR user_script:12: OOM command not allowed ..." */
    return strstr(reply->str, ": OOM ") || strstr(reply->str, ": READONLY ") ||
           strstr(reply->str, "The user executing the script can't ") ||
           strstr(reply->str, "ACL failure in script");
}

static struct problem *read_reply(struct bullmq_redis *redis, redisReply **ret)
{
    redisReply *reply = NULL;
    errno = 0;
    if (redisGetReply(redis->cx, (void **)&reply) != REDIS_OK)
        return went_away(redis, broken(redis->cx));
    if (!cannot_serve(reply)) {
        *ret = reply;
        return NULL;
    }
    char words[160];
    snprintf(words, sizeof(words), "%s", reply->str);
    freeReplyObject(reply);
    return went_away(redis, words);
}

/* Loads the script that Redis does not know and calls it again: the first call did not run. */
static struct problem *load_and_repeat(struct bullmq_redis *redis, struct batch *b, unsigned i)
{
    const struct bullmq_script *script = b->commands[i].script;
    redisAppendCommand(redis->cx, "SCRIPT LOAD %b", script->text, script->len);
    redisAppendFormattedCommand(redis->cx, b->bytes.data + b->commands[i].at, b->commands[i].n);
    redisReply *loaded = NULL, *reply = NULL;
    TRY(read_reply(redis, &loaded));
    freeReplyObject(loaded);
    TRY(read_reply(redis, &reply));
    freeReplyObject(b->replies[i]);
    b->replies[i] = reply;
    return NULL;
}

static void drop_replies(struct batch *b)
{
    for (unsigned i = 0; i < b->count; i++) {
        freeReplyObject(b->replies[i]);
        b->replies[i] = NULL;
    }
}

struct problem *wire_run(struct bullmq_redis *redis, struct batch *b)
{
    if (b->bytes.overflowed)
        return problem_new(NULL, PROBLEM_TOO_LARGE, "the jobs of one batch exceed %zu MiB",
                           BATCH_BYTES_MAX >> 20);
    drop_replies(b);
    TRY(wire_ready(redis));
    if (redisAppendFormattedCommand(redis->cx, b->bytes.data, b->bytes.len) != REDIS_OK)
        return went_away(redis, "out of memory");
    for (unsigned i = 0; i < b->count; i++)
        TRY(read_reply(redis, &b->replies[i]));
    for (unsigned i = 0; i < b->count; i++) {
        const redisReply *reply = b->replies[i];
        if (reply->type == REDIS_REPLY_ERROR && starts(reply->str, "NOSCRIPT") &&
            b->commands[i].script)
            TRY(load_and_repeat(redis, b, i));
    }
    redis->used_us = clock_mono_us();
    return NULL;
}

struct problem *wire_reply_problem(const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ERROR)
        return NULL;
    return problem_cause(problem_new(NULL, PROBLEM_INTERNAL, "Redis refused a command"), "%s",
                         reply->str);
}

struct problem *wire_run_int(struct bullmq_redis *redis, struct batch *b, int64_t *ret)
{
    TRY(wire_run(redis, b));
    TRY(wire_reply_problem(b->replies[0]));
    const redisReply *reply = b->replies[0];
    *ret = reply->type == REDIS_REPLY_INTEGER  ? reply->integer
           : reply->type == REDIS_REPLY_STRING ? strtoll(reply->str, NULL, 10)
                                               : 0;
    batch_clear(b);
    return NULL;
}

/* Waits for bytes on the connection. False: the wake-up came. */
static struct problem *await(struct bullmq_redis *redis, const int wake_fds[2], int64_t timeout_ms,
                             bool *ret_readable)
{
    struct pollfd fds[3] = {{.fd = redis->cx->fd, .events = POLLIN},
                            {.fd = wake_fds[0], .events = POLLIN},
                            {.fd = wake_fds[1], .events = POLLIN}};
    int64_t deadline_us = clock_mono_us() + timeout_ms * 1000;
    for (;;) {
        int64_t left_ms = (deadline_us - clock_mono_us() + 999) / 1000;
        int n = poll(fds, 3, left_ms > 0 ? (int)left_ms : 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (fds[0].revents || fds[1].revents || fds[2].revents) {
            *ret_readable = !fds[1].revents && !fds[2].revents;
            return NULL;
        }
        if (left_ms <= 0)
            return went_away(redis, "no answer to a blocking read in time");
    }
}

struct problem *wire_block(struct bullmq_redis *redis, struct batch *b, const int wake_fds[2],
                           int64_t timeout_ms, redisReply **ret_reply)
{
    *ret_reply = NULL;
    TRY(wire_ready(redis));
    redisContext *cx = redis->cx;
    redisAppendFormattedCommand(cx, b->bytes.data, b->bytes.len);
    int done = 0;
    while (!done)
        if (redisBufferWrite(cx, &done) != REDIS_OK)
            return went_away(redis, broken(cx));
    bool readable = false;
    TRY(await(redis, wake_fds, timeout_ms, &readable));
    if (!readable) {
        wire_drop(redis);
        return NULL;
    }
    TRY(read_reply(redis, ret_reply));
    redis->used_us = clock_mono_us();
    return NULL;
}

struct problem *bullmq_redis_command(struct bullmq_redis *redis, size_t argc,
                                     const struct str *argv, struct redisReply **ret_reply)
{
    CLEANUP(batch_free) struct batch b;
    batch_init(&b);
    batch_command(&b, (unsigned)argc);
    for (size_t i = 0; i < argc; i++)
        batch_arg(&b, argv[i]);
    TRY(wire_run(redis, &b));
    TRY(wire_reply_problem(b.replies[0]));
    if (ret_reply)
        *ret_reply = TAKE(b.replies[0]);
    return NULL;
}

struct problem *bullmq_redis_ping(struct bullmq_redis *redis)
{
    return bullmq_redis_command(redis, 1, (struct str[]){STR("PING")}, NULL);
}
