/* The hooks of lib/http: order is the point here. before: who, may they, how often, seen before;
 * after: trail, then log; decorate: headers on everything, also on what the loop answers. */
#include "app/web.h"

#include <stdio.h>

#include "app/app.h"
#include "app/rate.h"
#include "audit/audit.h"
#include "auth/auth.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "json/json_out.h"
#include "pan/pan.h"

bool web_id_allowed(struct str id)
{
    return pan_find(id, NULL, 0) == 0;
}

#define TAIL_WORD                                                                                  \
    4 /* letters that no card number holds in a row, one of them never read as a digit */

/* At the end of a text that was cut a number may be cut too, in any script and with anything
 * between its digits: all behind the last word goes. */
static void tail_mask(char *text, size_t n)
{
    size_t at = n, letters = 0;
    bool plain = false;
    while (at > 0 && !(letters >= TAIL_WORD && plain)) {
        char c = text[--at];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        letters = letter ? letters + 1 : 0;
        plain = letter && (plain || strchr("acefhjkmnprtuvwxy", c | 0x20) != NULL);
    }
    for (at += letters; at < n; at++)
        text[at] = text[at] == ' ' ? ' ' : '*';
}

/* What a client or a library said may stand in a problem. */
static void numbers_mask(char *text, size_t size)
{
    size_t n = pan_mask_in_place(text, strlen(text));
    if (n + 1 >= size)
        tail_mask(text, n);
}

static void problem_mask(struct problem *p)
{
    numbers_mask(p->detail, sizeof(p->detail));
    numbers_mask(p->field, sizeof(p->field));
    numbers_mask(p->cause, sizeof(p->cause));
}

struct problem *web_before(struct http_request *rq, struct http_response *rs)
{
    log_request_set(rq->id);
    TRY(auth_before(rq, rs));
    if (rq->route->flags & ROUTE_PUBLIC)
        return NULL;
    return rate_check(ctx_of(rq), rs);
}

struct problem *web_after(struct http_request *rq, struct http_response *rs, struct problem *p)
{
    p = audit_after(rq, rs, p);
    if (p)
        problem_mask(p);
    int status = p ? problem_status(p->kind) : rs->status ? rs->status : 200;
    int64_t took_us = clock_mono_us() - rq->started_us;
    if (status >= 500)
        log_error("%s answered %d in %lld us: %s (%s)", rq->route->path, status, (long long)took_us,
                  p ? p->detail : "", p ? p->cause : "");
    else
        log_debug("%s answered %d in %lld us", rq->route->path, status, (long long)took_us);
    log_request_set(NULL);
    return p;
}

/* ---- headers on everything
 * ----------------------------------------------------------------------*/

static bool listed(const char *csv, struct str origin)
{
    struct str rest = str_of(csv);
    while (rest.n > 0)
        if (str_eq(str_trim(str_cut(&rest, ',')), origin))
            return true;
    return false;
}

static void cors(const struct http_request *rq, struct http_response *rs, const struct app *app)
{
    struct str origin = http_header_get(rq, "origin");
    const char *allowed = conf_text(app->conf, "NEXACORE_CORS_ORIGINS");
    if (origin.n == 0 || origin.n > 256 || !allowed || !listed(allowed, origin))
        return;
    http_header_set(rs, "Access-Control-Allow-Origin", STR_FMT, STR_ARG(origin));
    http_header_set(rs, "Vary", "Origin");
    http_header_set(rs, "Access-Control-Expose-Headers",
                    "Location, ETag, X-Request-Id, Retry-After, RateLimit-Remaining");
    if (rq->method != HTTP_OPTIONS)
        return;
    http_header_set(rs, "Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE");
    http_header_set(rs, "Access-Control-Allow-Headers",
                    "Authorization, Content-Type, Idempotency-Key, If-Match, X-Clinic-Id, "
                    "X-Request-Id");
    http_header_set(rs, "Access-Control-Max-Age", "600");
}

/* The page talks to itself, to its live channel and to the identity provider; nothing else. Made at
 * the first answer: like all of decorate, on the loop thread only. */
static const char *page_policy(const struct app *app)
{
    static char policy[1024];
    if (policy[0])
        return policy;
    struct str rest = str_of(conf_text(app->conf, "NEXACORE_JWT_ISSUER"));
    struct str scheme = str_cut(&rest, '/');
    str_cut(&rest, '/');
    struct str host = str_cut(&rest, '/');
    int n =
        snprintf(policy, sizeof(policy),
                 "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: "
                 "data:; font-src 'self'; manifest-src 'self'; worker-src 'self'; connect-src "
                 "'self' ws: wss: " STR_FMT "//" STR_FMT "; frame-src " STR_FMT "//" STR_FMT
                 "; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
                 STR_ARG(scheme), STR_ARG(host), STR_ARG(scheme), STR_ARG(host));
    if (n < 0 || (size_t)n >= sizeof(policy)) /* an issuer that long: no page may load anything */
        snprintf(policy, sizeof(policy), "default-src 'none'; frame-ancestors 'none'");
    return policy;
}

void web_decorate(struct http_request *rq, struct http_response *rs)
{
    const struct app *app = rq->app;
    http_header_const(rs, "X-Content-Type-Options", "nosniff");
    http_header_const(rs, "X-Frame-Options", "DENY");
    http_header_const(rs, "Referrer-Policy", "no-referrer");
    http_header_const(rs, "Cross-Origin-Opener-Policy", "same-origin");
    if (str_starts(str_of(app->public_url), STR("https:")))
        http_header_const(rs, "Strict-Transport-Security", "max-age=31536000; includeSubDomains");
    http_header_const(rs, "Content-Security-Policy", page_policy(app));
    if (str_starts(rq->path, STR("/api/")))
        http_header_const(rs, "Cache-Control", "no-store");
    cors(rq, rs, app);
}

/* ---- what the page asks before anybody signed in
 * -----------------------------------------------*/

static struct problem *config_show(struct http_request *rq, struct http_response *rs)
{
    const struct app *app = rq->app;
    struct jw w = jw_to(&rs->body);
    jw_obj(&w);
    jw_key(&w, "issuer");
    jw_z(&w, conf_text(app->conf, "NEXACORE_JWT_ISSUER"));
    jw_key(&w, "clientId");
    jw_z(&w, conf_text(app->conf, "NEXACORE_WEB_CLIENT_ID"));
    jw_key(&w, "audience");
    jw_z(&w, conf_text(app->conf, "NEXACORE_JWT_AUDIENCE"));
    jw_end(&w);
    http_header_set(rs, "Cache-Control", "no-cache");
    return NULL;
}

/* For a load balancer that sees the public address only; the full check is on the metrics listener
 * (src/ops/health.c). */
static const struct pg_stmt ping = {"web_ping", "SELECT 1"};
static const struct pg_stmt *const stmts[] = {&ping};

__attribute__((constructor)) static void register_statements(void)
{
    pg_register(stmts, ARRAY_LEN(stmts));
}

static struct problem *health_show(struct http_request *rq, struct http_response *rs)
{
    (void)rq;
    buf_add_z(&rs->body, "{\"status\":\"ok\"}");
    return NULL;
}

static struct problem *ready_show(struct http_request *rq, struct http_response *rs)
{
    struct pg_result *rows;
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, ctx_of(rq), PG_READ));
    TRY(pg_query(&tx, &ping, NULL, 0, &rows));
    TRY(pg_tx_commit(&tx));
    buf_add_z(&rs->body, "{\"status\":\"ready\"}");
    return NULL;
}

/* Not the page: whoever asks for metrics here asks at the wrong address. */
static struct problem *metrics_elsewhere(struct http_request *rq, struct http_response *rs)
{
    (void)rs;
    return problem_new(rq->arena, PROBLEM_NOT_FOUND,
                       "metrics are served on NEXACORE_METRICS_LISTEN");
}

const struct http_route web_routes[] = {
    {HTTP_GET, "/healthz", health_show, .flags = ROUTE_PUBLIC},
    {HTTP_GET, "/readyz", ready_show, .flags = ROUTE_PUBLIC},
    {HTTP_GET, "/metrics", metrics_elsewhere, .flags = ROUTE_PUBLIC},
    {HTTP_GET, "/web-config.json", config_show, .flags = ROUTE_PUBLIC},
};
const size_t web_route_count = ARRAY_LEN(web_routes);
