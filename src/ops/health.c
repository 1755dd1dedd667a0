/* Health, readiness and metrics on a small server of their own, so that a flood of requests on the
 * public one does not make the node look dead. */
#include "ops/health.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/mem.h"
#include "bullmq/bullmq.h"
#include "live/live.h"

struct health {
    struct app *app;
    struct http_server *served;
    struct http_server *own;
    bool draining;
};

/* Of the one lane thread of the operations server. */
struct probe {
    struct pg_conn *db;
    struct bullmq_redis *redis;
};

static const struct pg_stmt ping = {"health_ping", "SELECT 1"};
static const struct pg_stmt *const stmts[] = {&ping};

__attribute__((constructor)) static void register_statements(void)
{
    pg_register(stmts, ARRAY_LEN(stmts));
}

static void *probe_open(void *arg, enum http_lane kind)
{
    (void)kind;
    struct health *h = arg;
    struct probe *probe = mem_new(struct probe);
    probe->db = pg_conn_new(h->app->database_url, "nexacore-health");
    struct bullmq_redis_opts opts = {.url = h->app->redis_url, .quiet = true};
    struct problem *p = bullmq_redis_new(&opts, &probe->redis);
    if (p)
        log_error("NEXACORE_REDIS_URL: %s", p->detail);
    return probe;
}

static void probe_close(void *arg, void *state)
{
    (void)arg;
    struct probe *probe = state;
    pg_conn_free(&probe->db);
    bullmq_redis_free(&probe->redis);
    free(probe);
}

/* On the loop: it tells that the loop lives, and does not stand behind a /readyz that waits. */
static struct problem *healthz(struct http_request *rq, struct http_response *rs)
{
    buf_add_z(&rs->body, "{\"status\":\"ok\"}");
    http_reply(rq, rs);
    return NULL;
}

static struct problem *database_ready(struct http_request *rq)
{
    struct probe *probe = rq->lane;
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    struct pg_result *rows;
    TRY(pg_tx_begin(&tx, probe->db, rq->arena, PG_READ, NULL, NULL, 0));
    TRY(pg_query(&tx, &ping, NULL, 0, &rows));
    return pg_tx_commit(&tx);
}

static struct problem *readyz(struct http_request *rq, struct http_response *rs)
{
    struct health *h = rq->app;
    struct probe *probe = rq->lane;
    if (__atomic_load_n(&h->draining, __ATOMIC_RELAXED))
        return problem_new(rq->arena, PROBLEM_UNAVAILABLE, "this node is stopping");
    TRY(database_ready(rq));
    if (!probe->redis || bullmq_redis_ping(probe->redis))
        return problem_new(rq->arena, PROBLEM_UNAVAILABLE, "Redis does not answer");
    buf_add_z(&rs->body, "{\"status\":\"ready\"}");
    return NULL;
}

static void metric(struct buf *out, const char *name, const char *type, const char *help,
                   uint64_t value)
{
    buf_addf(out, "# HELP nexacore_%s %s\n# TYPE nexacore_%s %s\nnexacore_%s %llu\n", name, help,
             name, type, name, (unsigned long long)value);
}

/* On the loop: it reads what the loop counts. */
static struct problem *metrics(struct http_request *rq, struct http_response *rs)
{
    struct health *h = rq->app;
    struct http_stats s = http_server_stats(h->served);
    struct buf *out = &rs->body;
    metric(out, "http_requests_total", "counter", "Requests parsed.", s.requests);
    metric(out, "http_connections", "gauge", "Open connections.", s.connections);
    metric(out, "http_shed_total", "counter", "Requests answered 503 because a lane was full.",
           s.shed);
    metric(out, "http_received_bytes_total", "counter", "Bytes read.", s.bytes_in);
    metric(out, "http_sent_bytes_total", "counter", "Bytes written.", s.bytes_out);
    buf_add_z(out, "# HELP nexacore_http_responses_total Responses by class.\n"
                   "# TYPE nexacore_http_responses_total counter\n");
    for (int class = 1; class < 6; class ++)
        buf_addf(out, "nexacore_http_responses_total{class=\"%dxx\"} %llu\n", class,
                 (unsigned long long)s.responses[class]);
    live_metrics(h->app->live, out);
    rs->content_type = "text/plain; version=0.0.4; charset=utf-8";
    http_reply(rq, rs);
    return NULL;
}

static const struct http_route routes[] = {
    {HTTP_GET, "/healthz", healthz, .lane = HTTP_ON_LOOP},
    {HTTP_GET, "/readyz", readyz},
    {HTTP_GET, "/metrics", metrics, .lane = HTTP_ON_LOOP},
};

struct problem *health_start(struct app *app, uv_loop_t *loop, struct http_server *served,
                             struct health **ret)
{
    struct health *h = mem_new(struct health);
    h->app = app;
    h->served = served;
    struct http_config config = {
        .listen = conf_text(app->conf, "NEXACORE_METRICS_LISTEN"),
        .lanes = {1, 1, 1},
        .lane_queue = {16, 4, 4},
        .app = h,
        .spool_dir = app->state_dir,
        .lane_open = probe_open,
        .lane_close = probe_close,
    };
    struct problem *p = http_server_new(loop, &config, &h->own);
    if (!p)
        p = http_routes_add(h->own, routes, ARRAY_LEN(routes));
    if (!p)
        p = http_start(h->own);
    if (p) {
        free(h);
        return p;
    }
    *ret = h;
    return NULL;
}

void health_draining(struct health *health)
{
    __atomic_store_n(&health->draining, true, __ATOMIC_RELAXED);
}

static void drained(void *arg)
{
    struct health *h = arg;
    http_server_free(&h->own);
    free(h);
}

void health_stop(struct health **health)
{
    if (!*health)
        return;
    http_drain((*health)->own, 1000, drained, *health);
    *health = NULL;
}
