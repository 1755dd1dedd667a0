/* Windows in a fixed table: an id takes one slot, a newcomer with the same slot takes it over, so a
 * flood of ids costs no memory and at worst forgets a count. */
#include "app/rate.h"

#include <pthread.h>

#include "app/app.h"
#include "base/clock.h"

enum { SLOTS = 8192, WINDOW_S = 60 };

struct window {
    struct uuid id;
    int64_t minute;
    uint64_t count;
};

static struct window windows[SLOTS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

struct usage {
    uint64_t limit;
    uint64_t count;
};

static struct usage take(struct uuid id, uint64_t limit, int64_t minute)
{
    uint32_t h;
    memcpy(&h, id.b + 12, sizeof(h)); /* the random end of a version 7 id */
    struct window *w = &windows[h % SLOTS];
    pthread_mutex_lock(&lock);
    if (!uuid_eq(w->id, id) || w->minute != minute)
        *w = (struct window){.id = id, .minute = minute};
    uint64_t count = ++w->count;
    pthread_mutex_unlock(&lock);
    return (struct usage){limit, count};
}

static uint64_t left(struct usage u)
{
    return u.count >= u.limit ? 0 : u.limit - u.count;
}

struct problem *rate_check(const struct ctx *cx, struct http_response *rs)
{
    int64_t now_s = clock_wall_us() / 1000000;
    unsigned reset_s = (unsigned)(WINDOW_S - now_s % WINDOW_S);
    const struct conf *conf = cx->app->conf;
    struct usage user = take(cx->user_id, conf_uint(conf, "NEXACORE_RATE_USER"), now_s / WINDOW_S);
    struct usage clinic =
        take(cx->home_clinic, conf_uint(conf, "NEXACORE_RATE_CLINIC"), now_s / WINDOW_S);
    struct usage near = left(clinic) < left(user) ? clinic : user;
    http_header_set(rs, "RateLimit-Limit", "%llu", (unsigned long long)near.limit);
    http_header_set(rs, "RateLimit-Remaining", "%llu", (unsigned long long)left(near));
    http_header_set(rs, "RateLimit-Reset", "%u", reset_s);
    if (user.count <= user.limit && clinic.count <= clinic.limit)
        return NULL;
    struct problem *p = problem_new(cx->arena, PROBLEM_TOO_MANY_REQUESTS,
                                    "too many requests in this minute; wait %u s", reset_s);
    p->retry_after_s = reset_s;
    return p;
}
