/* `nexacore serve`: the API, the web page and the live channel of one node.
 *
 * One libuv loop for the wire, lane threads for the handlers. SIGTERM or SIGINT drains: what runs
 * is answered, then the process ends with 0. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

#include "app/app.h"
#include "app/docs.h"
#include "app/features.h"
#include "app/idempotency.h"
#include "app/roles.h"
#include "app/web.h"
#include "audit/audit.h"
#include "audit/audit_feature.h"
#include "auth/auth.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/mem.h"
#include "bullmq/bullmq.h"
#include "live/live.h"
#include "ops/guard.h"
#include "ops/health.h"
#include "ops/redis_guard.h"

enum { DRAIN_MS = 10000, FAST_LANES = 6, SLOW_LANES = 2, UPLOAD_LANES = 3 };

struct serve {
    struct app *app;
    struct arena *arena; /* of start-up: lives as long as the process */
    uv_loop_t loop;
    struct http_server *http;
    struct health *health;
    uv_signal_t on_term, on_int;
    bool stopping;
};

static void *lane_open(void *arg, enum http_lane kind)
{
    (void)kind;
    struct lane *lane = mem_new(struct lane);
    lane->app = arg;
    lane->db = pg_conn_new(lane->app->database_url, "nexacore-serve");
    return lane;
}

static void lane_close(void *arg, void *state)
{
    (void)arg;
    struct lane *lane = state;
    pg_conn_free(&lane->db);
    bullmq_redis_free(&lane->redis);
    free(lane);
}

static void served(void *arg)
{
    struct serve *s = arg;
    uv_close((uv_handle_t *)&s->on_term, NULL);
    uv_close((uv_handle_t *)&s->on_int, NULL);
    health_stop(&s->health);
    http_server_free(&s->http); /* its handles are the last ones: the loop ends by itself */
}

static void on_signal(uv_signal_t *handle, int signal)
{
    struct serve *s = handle->data;
    if (s->stopping)
        return;
    s->stopping = true;
    log_info("signal %d: answering what runs, then stopping", signal);
    health_draining(s->health);
    live_stop(s->app->live); /* answers waiting polls, which would hold the drain */
    http_drain(s->http, DRAIN_MS, served, s);
}

static struct problem *routes_add(struct serve *s)
{
    for (size_t i = 0; i < feature_count; i++)
        if (features[i].routes)
            TRY(http_routes_add(s->http, features[i].routes, *features[i].route_count));
    TRY(live_start(s->app, &s->loop, s->http, &s->app->live));
    const char *web = conf_text(s->app->conf, "NEXACORE_WEB_DIR");
    TRY(http_routes_add(s->http, web_routes, web_route_count));
    TRY(http_routes_add(s->http, docs_routes, docs_route_count));
    return web ? http_static_add(s->http, "/", web, true) : NULL;
}

static struct problem *http_open(struct serve *s)
{
    const struct conf *conf = s->app->conf;
    struct http_config config = {
        .listen = conf_text(conf, "NEXACORE_LISTEN"),
        .lanes = {FAST_LANES, SLOW_LANES, UPLOAD_LANES},
        .lane_queue = {512, 64, 32},
        .spool_dir = s->app->state_dir,
        .trusted_proxies = conf_list(conf, s->arena, "NEXACORE_TRUSTED_PROXIES"),
        .app = s->app,
        .lane_open = lane_open,
        .lane_close = lane_close,
        .id_allowed = web_id_allowed,
        .before = web_before,
        .around = idempotency_around,
        .after = web_after,
        .decorate = web_decorate,
    };
    TRY(http_server_new(&s->loop, &config, &s->http));
    TRY(routes_add(s));
    return http_start(s->http);
}

/* The database must be safe to serve from; while it is away we start all the same and answer 503.
 */
static struct problem *guard(struct serve *s)
{
    struct pg_conn *db = pg_conn_new(s->app->database_url, "nexacore-guard");
    struct problem *p = guard_check(db, s->arena);
    pg_conn_free(&db);
    if (p && p->kind == PROBLEM_UNAVAILABLE) {
        log_warn("the database does not answer yet: %s", p->cause);
        return NULL;
    }
    return p;
}

/* Nothing is lost on an unfit Redis here: what is taken in waits in PostgreSQL. So it is said
 * loudly and served on; `work` refuses to start. */
static void redis_look(const struct serve *s)
{
    const char *advice;
    struct problem *p = redis_guard(s->app->redis_url, s->arena, &advice);
    if (p && p->kind == PROBLEM_UNAVAILABLE)
        log_warn("Redis does not answer yet: %s", p->cause);
    else if (p)
        log_error("forms are taken in and not processed until this is mended: %s", p->detail);
    if (advice[0])
        log_warn("Redis: %s", advice);
}

static struct problem *open_all(struct serve *s)
{
    TRY(guard(s));
    redis_look(s);
    TRY(auth_new(s->app, &s->app->auth));
    TRY(journal_open(s->app, audit_journal_dir(s->arena, s->app), &s->app->journal));
    TRY(http_open(s));
    TRY(health_start(s->app, &s->loop, s->http, &s->health));
    uv_signal_init(&s->loop, &s->on_term);
    uv_signal_init(&s->loop, &s->on_int);
    s->on_term.data = s->on_int.data = s;
    uv_signal_start(&s->on_term, on_signal, SIGTERM);
    uv_signal_start(&s->on_int, on_signal, SIGINT);
    return NULL;
}

int role_serve(struct app *app)
{
    struct serve s = {.app = app, .arena = arena_new(16 << 20)};
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file at its limit is a failed write, not our end */
    uv_loop_init(&s.loop);
    struct problem *p = open_all(&s);
    if (p) {
        log_error("cannot serve: %s%s%s", p->detail, p->cause[0] ? ": " : "", p->cause);
        _exit(2); /* what was started half way has threads; nothing is worth taking apart */
    }
    log_info("serving on port %u", http_port(s.http));
    uv_run(&s.loop, UV_RUN_DEFAULT);
    live_free(&app->live);
    journal_close(&app->journal);
    auth_free(&app->auth);
    uv_loop_close(&s.loop);
    arena_free(&s.arena);
    log_info("stopped");
    return 0;
}
