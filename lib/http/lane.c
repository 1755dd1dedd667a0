/* Lane threads: see lane.h. Handlers run here, straight down, one at a time on each thread. */
#include "http/lane.h"

#include <pthread.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "http/internal.h"

enum { THREADS_MAX = 256, STACK_BYTES = 1 << 20 };

struct lane {
    struct http_lanes *lanes;
    enum http_lane class;
    pthread_mutex_t mutex;
    pthread_cond_t work;
    struct http_exchange *first, **last; /* waiting */
    unsigned waiting, limit;
    unsigned sleeping; /* threads in pthread_cond_wait */
    bool waking;       /* one of them was signalled and is not back yet */
    bool stop;
};

struct http_lanes {
    const struct http_config *config;
    uv_async_t *wake;
    struct lane lane[HTTP_LANE__COUNT];
    pthread_t threads[THREADS_MAX];
    unsigned thread_count;
    pthread_mutex_t mutex; /* of what follows */
    struct http_exchange *finished, **finished_last;
    unsigned held; /* http_hold without its http_release */
    pthread_cond_t released;
};

/* ---- what a lane does with an exchange ------------------------------------------------------- */

/* The application's `after` sees every outcome, then the response is made final. */
static void answer(struct http_exchange *ex, struct problem *p)
{
    const struct http_config *config = &ex->server->config;
    if (config->after) {
        struct problem *other = config->after(&ex->rq, &ex->rs, p);
        p = other ? other : p;
    }
    if (!p && ex->rs.body.overflowed)
        p = problem_new(ex->rq.arena, PROBLEM_INTERNAL, "the answer is too large");
    if (p) {
        http_problem_log(p);
        http_response_problem(&ex->rq, &ex->rs, p);
    }
    ex->answered = true;
}

static struct problem *handle(struct http_exchange *ex)
{
    const struct http_config *config = &ex->server->config;
    http_handler *handler = ex->rq.route->handler;
    return config->around ? config->around(&ex->rq, &ex->rs, handler) : handler(&ex->rq, &ex->rs);
}

static struct problem *before(struct http_exchange *ex)
{
    const struct http_config *config = &ex->server->config;
    return config->before ? config->before(&ex->rq, &ex->rs) : NULL;
}

static void stream(struct http_exchange *ex)
{
    ex->piece.max = STREAM_CHUNK + STREAM_CHUNK_MAX;
    do
        ex->more = ex->rs.stream(&ex->rq, &ex->piece, ex->rs.stream_state);
    while (ex->more && ex->piece.len < STREAM_CHUNK && !ex->piece.overflowed);
}

static void perform(struct http_exchange *ex)
{
    struct problem *p = NULL;
    switch (ex->job) {
    case JOB_ADMIT:
        p = before(ex);
        if (p)
            answer(ex, p);
        break;
    case JOB_WHOLE:
        p = before(ex);
        answer(ex, p ? p : handle(ex));
        break;
    case JOB_HANDLE:
        answer(ex, handle(ex));
        break;
    case JOB_STREAM:
        stream(ex);
        break;
    case JOB__COUNT:
        break;
    }
}

/* ---- threads --------------------------------------------------------------------------------- */

/* A burst of requests wakes one thread; that thread, before it works, wakes the next one while
 * there is work. So the loop pays for one wake-up, not for one a request, and short handlers do not
 * wake more threads than they can use. True: signal after the mutex is let go. */
static bool should_wake(struct lane *lane)
{
    if (!lane->first || lane->sleeping == 0 || lane->waking)
        return false;
    lane->waking = true;
    return true;
}

static struct http_exchange *lane_take(struct lane *lane)
{
    pthread_mutex_lock(&lane->mutex);
    while (!lane->first && !lane->stop) {
        lane->sleeping++;
        pthread_cond_wait(&lane->work, &lane->mutex);
        lane->sleeping--;
        lane->waking = false;
    }
    struct http_exchange *ex = lane->first;
    if (ex) {
        lane->first = ex->next;
        if (!lane->first)
            lane->last = &lane->first;
        lane->waiting--;
        ex->next = NULL;
    }
    bool wake = should_wake(lane);
    pthread_mutex_unlock(&lane->mutex);
    if (wake)
        pthread_cond_signal(&lane->work);
    return ex;
}

/* The wake-up is sent once for a burst: the loop takes the whole list. */
static void hand_back(struct http_lanes *lanes, struct http_exchange *ex)
{
    pthread_mutex_lock(&lanes->mutex);
    bool was_empty = !lanes->finished;
    *lanes->finished_last = ex;
    lanes->finished_last = &ex->next;
    pthread_mutex_unlock(&lanes->mutex);
    if (was_empty)
        uv_async_send(lanes->wake);
}

/* The last one who lets go hands the exchange back; nobody else looks at it then. */
static void let_go(struct http_lanes *lanes, struct http_exchange *ex)
{
    if (atomic_fetch_sub_explicit(&ex->holds, 1, memory_order_acq_rel) != 1)
        return;
    if (ex->late) {
        log_request_set(ex->rq.id);
        http_problem_log(ex->late);
        log_request_set(NULL);
        http_response_problem(&ex->rq, &ex->rs, ex->late);
    }
    hand_back(lanes, ex);
}

void http_hold(struct http_request *rq)
{
    struct http_exchange *ex = (struct http_exchange *)rq;
    struct http_lanes *lanes = ex->server->lanes;
    atomic_fetch_add_explicit(&ex->holds, 1, memory_order_relaxed);
    pthread_mutex_lock(&lanes->mutex);
    lanes->held++;
    pthread_mutex_unlock(&lanes->mutex);
}

void http_release(struct http_request *rq, const struct problem *problem)
{
    struct http_exchange *ex = (struct http_exchange *)rq;
    struct http_lanes *lanes = ex->server->lanes;
    if (problem)
        ex->late = (struct problem *)(uintptr_t)problem; /* read only: see http.h */
    let_go(lanes, ex);
    pthread_mutex_lock(&lanes->mutex);
    if (--lanes->held == 0)
        pthread_cond_signal(&lanes->released);
    pthread_mutex_unlock(&lanes->mutex);
}

static void *lane_main(void *arg)
{
    struct lane *lane = arg;
    const struct http_config *config = lane->lanes->config;
    void *own = config->lane_open ? config->lane_open(config->app, lane->class) : NULL;
    struct http_exchange *ex;
    while ((ex = lane_take(lane))) {
        log_request_set(ex->rq.id);
        ex->rq.lane = own;
        atomic_store_explicit(&ex->holds, 1, memory_order_relaxed);
        perform(ex);
        log_request_set(NULL);
        let_go(lane->lanes, ex);
    }
    if (config->lane_close)
        config->lane_close(config->app, own);
    return NULL;
}

/* Signals are the loop's business: lane threads are started with all of them blocked. */
static bool thread_start(struct http_lanes *lanes, struct lane *lane)
{
    sigset_t all, previous;
    sigfillset(&all);
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    pthread_sigmask(SIG_SETMASK, &all, &previous);
    bool ok = pthread_create(&lanes->threads[lanes->thread_count], &attr, lane_main, lane) == 0;
    pthread_sigmask(SIG_SETMASK, &previous, NULL);
    pthread_attr_destroy(&attr);
    lanes->thread_count += ok;
    return ok;
}

struct problem *http_lanes_start(struct arena *arena, const struct http_config *config,
                                 uv_async_t *wake, struct http_lanes **ret)
{
    struct http_lanes *lanes = arena_make(arena, struct http_lanes);
    lanes->config = config;
    lanes->wake = wake;
    lanes->finished_last = &lanes->finished;
    pthread_mutex_init(&lanes->mutex, NULL);
    pthread_cond_init(&lanes->released, NULL);
    for (unsigned i = 0; i < HTTP_LANE__COUNT; i++) {
        struct lane *lane = &lanes->lane[i];
        *lane = (struct lane){.lanes = lanes, .class = i, .limit = config->lane_queue[i]};
        lane->last = &lane->first;
        pthread_mutex_init(&lane->mutex, NULL);
        pthread_cond_init(&lane->work, NULL);
    }
    for (unsigned i = 0; i < HTTP_LANE__COUNT; i++)
        for (unsigned n = 0; n < config->lanes[i]; n++)
            if (lanes->thread_count == THREADS_MAX || !thread_start(lanes, &lanes->lane[i])) {
                http_lanes_stop(lanes);
                return problem_new(NULL, PROBLEM_INTERNAL, "a lane thread did not start");
            }
    *ret = lanes;
    return NULL;
}

bool http_lanes_add(struct http_lanes *lanes, enum http_lane lane_class, struct http_exchange *ex,
                    bool admitted)
{
    struct lane *lane = &lanes->lane[lane_class];
    pthread_mutex_lock(&lane->mutex);
    bool room = admitted || lane->waiting < lane->limit;
    if (room) {
        ex->next = NULL;
        *lane->last = ex;
        lane->last = &ex->next;
        lane->waiting++;
    }
    bool wake = should_wake(lane);
    pthread_mutex_unlock(&lane->mutex);
    if (wake)
        pthread_cond_signal(&lane->work);
    return room;
}

struct http_exchange *http_lanes_finished(struct http_lanes *lanes)
{
    pthread_mutex_lock(&lanes->mutex);
    struct http_exchange *list = lanes->finished;
    lanes->finished = NULL;
    lanes->finished_last = &lanes->finished;
    pthread_mutex_unlock(&lanes->mutex);
    return list;
}

void http_lanes_stop(struct http_lanes *lanes)
{
    for (unsigned i = 0; i < HTTP_LANE__COUNT; i++) {
        pthread_mutex_lock(&lanes->lane[i].mutex);
        lanes->lane[i].stop = true;
        pthread_cond_broadcast(&lanes->lane[i].work);
        pthread_mutex_unlock(&lanes->lane[i].mutex);
    }
    for (unsigned i = 0; i < lanes->thread_count; i++)
        pthread_join(lanes->threads[i], NULL);
    lanes->thread_count = 0;
    pthread_mutex_lock(&lanes->mutex);
    while (lanes->held > 0)
        pthread_cond_wait(&lanes->released, &lanes->mutex);
    pthread_mutex_unlock(&lanes->mutex);
    for (unsigned i = 0; i < HTTP_LANE__COUNT; i++) {
        pthread_mutex_destroy(&lanes->lane[i].mutex);
        pthread_cond_destroy(&lanes->lane[i].work);
    }
    /* lanes->mutex stays: the caller collects what was finished last. */
}
