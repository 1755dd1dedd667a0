/* Routes of the dashboards. */
#include "audit/audit.h"
#include "auth/auth.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "billing/billing.h"
#include "dashboard/dashboard_internal.h"

enum { CELL_MIN = 5 };

static const char *const urgencies[URGENCIES] = {"LOW", "MODERATE", "URGENT", "CRITICAL"};

static void flow_members(struct jw *w, const struct flow *f)
{
    jw_key(w, "counts");
    jw_obj(w);
    jw_key(w, "WAITING");
    jw_int(w, f->waiting);
    jw_key(w, "BEING_ATTENDED");
    jw_int(w, f->attended);
    jw_key(w, "DISCHARGED");
    jw_int(w, f->discharged);
    jw_end(w);
    jw_key(w, "today");
    jw_obj(w);
    jw_key(w, "arrived");
    jw_int(w, f->arrived_today);
    jw_key(w, "discharged");
    jw_int(w, f->discharged_today);
    jw_end(w);
    jw_key(w, "waitMinutes");
    jw_obj(w);
    jw_key(w, "median");
    f->has_waits ? jw_real(w, f->wait_median, 1) : jw_null(w);
    jw_key(w, "p90");
    f->has_waits ? jw_real(w, f->wait_p90, 1) : jw_null(w);
    jw_end(w);
    jw_key(w, "activeAlerts");
    jw_obj(w);
    for (int i = 0; i < URGENCIES; i++) {
        jw_key(w, urgencies[i]);
        jw_int(w, f->alerts[i]);
    }
    jw_end(w);
    jw_key(w, "asOf");
    jw_time(w, clock_wall_us());
}

/* Whose numbers: the caller's clinic; corporate's chosen one, or all together. */
static struct uuid scope_of(const struct ctx *cx)
{
    return cx->role == ROLE_CORPORATE_ADMIN && !cx->clinic_chosen ? UUID_NONE : cx->clinic_id;
}

static struct problem *flow_show(struct http_request *rq, struct http_response *rs)
{
    struct ctx *cx = ctx_of(rq);
    struct flow flow;
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_READ));
    TRY(flow_get(&tx, cx, scope_of(cx), &flow));
    TRY(pg_tx_commit(&tx));
    struct jw w = jw_to(&rs->body);
    jw_obj(&w);
    flow_members(&w, &flow);
    jw_end(&w);
    return NULL;
}

static struct problem *billing_show(struct http_request *rq, struct http_response *rs)
{
    struct ctx *cx = ctx_of(rq);
    struct billing_stats stats;
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_READ));
    TRY(billing_stats_get(&tx, cx, scope_of(cx), &stats));
    TRY(pg_tx_commit(&tx));
    struct jw w = jw_to(&rs->body);
    jw_obj(&w);
    billing_stats_members(&w, &stats);
    jw_end(&w);
    return NULL;
}

static void milliseconds(struct jw *w, const char *key, double p50, double p95)
{
    jw_key(w, key);
    jw_obj(w);
    jw_key(w, "p50");
    p50 < 0 ? jw_null(w) : jw_real(w, p50, 0);
    jw_key(w, "p95");
    p95 < 0 ? jw_null(w) : jw_real(w, p95, 0);
    jw_end(w);
}

static void forms_members(struct jw *w, const struct clinic_forms *f)
{
    jw_key(w, "processed");
    jw_int(w, f->processed);
    jw_key(w, "reviewed");
    jw_int(w, f->reviewed);
    jw_key(w, "emergencies");
    jw_int(w, f->emergencies);
}

struct clinic_stats {
    struct flow flow;
    struct billing_stats billing;
    struct clinic_forms forms;
    struct latency latency;
};

static struct problem *stats_get(const struct ctx *cx, struct uuid clinic, struct clinic_stats *s)
{
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_READ));
    TRY(clinic_require(&tx, cx, clinic));
    TRY(flow_get(&tx, cx, clinic, &s->flow));
    TRY(billing_stats_get(&tx, cx, clinic, &s->billing));
    TRY(clinic_forms_get(&tx, cx, clinic, &s->forms));
    TRY(latency_get(&tx, cx, clinic, &s->latency));
    return pg_tx_commit(&tx);
}

static struct problem *stats_show(struct http_request *rq, struct http_response *rs)
{
    struct ctx *cx = ctx_of(rq);
    struct uuid clinic;
    struct clinic_stats s;
    TRY(http_path_uuid(rq, "id", &clinic));
    audit_read(rq, "clinics", clinic);
    TRY(stats_get(cx, clinic, &s));
    struct jw w = jw_to(&rs->body);
    jw_obj(&w);
    jw_key(&w, "clinicId");
    jw_uuid(&w, clinic);
    jw_key(&w, "flow");
    jw_obj(&w);
    flow_members(&w, &s.flow);
    jw_end(&w);
    jw_key(&w, "billing");
    jw_obj(&w);
    billing_stats_members(&w, &s.billing);
    jw_end(&w);
    jw_key(&w, "forms");
    jw_obj(&w);
    forms_members(&w, &s.forms);
    jw_end(&w);
    jw_key(&w, "latencyMs");
    jw_obj(&w);
    milliseconds(&w, "uploadToAlert", s.latency.upload_p50, s.latency.upload_p95);
    milliseconds(&w, "alertToAck", s.latency.ack_p50, s.latency.ack_p95);
    jw_end(&w);
    jw_end(&w);
    return NULL;
}

/* ---- all clinics ------------------------------------------------------------------------------*/

/* The columns of the aggregate. A cell of 1 to 4 could point at somebody, so it is left out (null);
 * totals add up what is shown, so that nothing can be computed back. */
enum { CELLS = 12 };
static const char *const cell_names[CELLS] = {
    "waiting",         "beingAttended",  "discharged",     "arrivedToday",
    "dischargedToday", "alertsLow",      "alertsModerate", "alertsUrgent",
    "alertsCritical",  "formsProcessed", "formsReviewed",  "formsEmergencies"};

static void cells_of(const struct clinic_row *c, int64_t ret[CELLS])
{
    const int64_t cells[CELLS] = {
        c->flow.waiting,          c->flow.attended,   c->flow.discharged, c->flow.arrived_today,
        c->flow.discharged_today, c->flow.alerts[0],  c->flow.alerts[1],  c->flow.alerts[2],
        c->flow.alerts[3],        c->forms.processed, c->forms.reviewed,  c->forms.emergencies};
    memcpy(ret, cells, sizeof(cells));
}

static void clinic_write(struct jw *w, const struct clinic_row *c, int64_t totals[CELLS])
{
    int64_t cells[CELLS];
    cells_of(c, cells);
    jw_obj(w);
    jw_key(w, "clinicId");
    jw_uuid(w, c->id);
    jw_key(w, "name");
    jw_str(w, c->name);
    jw_key(w, "country");
    jw_str(w, c->country);
    jw_key(w, "isActive");
    jw_bool(w, c->is_active);
    for (int i = 0; i < CELLS; i++) {
        bool shown = cells[i] == 0 || cells[i] >= CELL_MIN;
        jw_key(w, cell_names[i]);
        shown ? jw_int(w, cells[i]) : jw_null(w);
        totals[i] += shown ? cells[i] : 0;
    }
    jw_end(w);
}

static struct problem *aggregate(struct http_request *rq, struct http_response *rs)
{
    struct ctx *cx = ctx_of(rq);
    struct clinic_row *rows;
    size_t count;
    int64_t totals[CELLS] = {0};
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_READ));
    TRY(clinics_get(&tx, cx, &rows, &count));
    TRY(pg_tx_commit(&tx));
    struct jw w = jw_to(&rs->body);
    jw_obj(&w);
    jw_key(&w, "clinics");
    jw_arr(&w);
    for (size_t i = 0; i < count; i++)
        clinic_write(&w, &rows[i], totals);
    jw_end(&w);
    jw_key(&w, "totals");
    jw_obj(&w);
    for (int i = 0; i < CELLS; i++) {
        jw_key(&w, cell_names[i]);
        jw_int(&w, totals[i]);
    }
    jw_end(&w);
    jw_key(&w, "suppressedBelow");
    jw_int(&w, CELL_MIN);
    jw_end(&w);
    return NULL;
}

const struct http_route dashboard_routes[] = {
    {HTTP_GET, "/api/v1/dashboard/flow", flow_show, .roles = ADMIN | ADMISSIONS | CORPORATE,
     .audit = "READ_FLOW"},
    {HTTP_GET, "/api/v1/dashboard/billing-stats", billing_show, .roles = ADMIN | CORPORATE,
     .audit = "READ_BILLING_STATS"},
    {HTTP_GET, "/api/v1/clinics/aggregate", aggregate, .roles = CORPORATE,
     .audit = "READ_AGGREGATE", .lane = HTTP_SLOW},
    {HTTP_GET, "/api/v1/clinics/:id/stats", stats_show, .roles = CORPORATE,
     .audit = "READ_CLINIC_STATS", .lane = HTTP_SLOW},
};
const size_t dashboard_route_count = ARRAY_LEN(dashboard_routes);
