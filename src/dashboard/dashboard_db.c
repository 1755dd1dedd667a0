/* SQL of the dashboards: counts only, never a row of a patient. "Today" is the clinic's own day. */
#include "base/cleanup.h"
#include "dashboard/dashboard_internal.h"

/* Waits are of patients who arrived today, those still waiting included (SPEC 13). */
#define FLOW(which)                                                                                \
    "WITH c AS (SELECT id, date_trunc('day', now() AT TIME ZONE timezone) AT TIME ZONE timezone"   \
    " AS day FROM clinics WHERE " which                                                            \
    "), p AS (SELECT c.id AS clinic, p.status, p.arrived_at >= c.day AS arrived,"                  \
    " p.discharged_at >= c.day AS discharged, CASE WHEN p.arrived_at >= c.day OR"                  \
    " p.status = 'WAITING' THEN extract(epoch FROM coalesce(p.attended_at, now()) -"               \
    " p.arrived_at)::float8 / 60 END AS wait FROM c JOIN patients p ON p.clinic_id = c.id)"
#define FLOW_COUNTS                                                                                \
    " count(*) FILTER (WHERE status = 'WAITING'),"                                                 \
    " count(*) FILTER (WHERE status = 'BEING_ATTENDED'),"                                          \
    " count(*) FILTER (WHERE status = 'DISCHARGED'),"                                              \
    " count(*) FILTER (WHERE arrived), count(*) FILTER (WHERE discharged),"                        \
    " percentile_cont(0.5) WITHIN GROUP (ORDER BY wait),"                                          \
    " percentile_cont(0.9) WITHIN GROUP (ORDER BY wait)"
static const struct pg_stmt flow_one = {"dashboard_flow",
                                        FLOW("id = $1::uuid") " SELECT" FLOW_COUNTS " FROM p"};
static const struct pg_stmt flow_all = {"dashboard_flow_all",
                                        FLOW("true") " SELECT" FLOW_COUNTS " FROM p"};
static const struct pg_stmt alerts_own = {
    "dashboard_alerts", "SELECT count(*) FILTER (WHERE urgency_level = 'LOW'),"
                        " count(*) FILTER (WHERE urgency_level = 'MODERATE'),"
                        " count(*) FILTER (WHERE urgency_level = 'URGENT'),"
                        " count(*) FILTER (WHERE urgency_level = 'CRITICAL')"
                        " FROM alerts WHERE clinic_id = $1::uuid AND status <> 'CLOSED'"};
/* Corporate sees no alert rows: a definer function gives the counts (SPEC 2). */
static const struct pg_stmt alerts_corporate = {
    "dashboard_alerts_corporate",
    "SELECT coalesce(sum(low), 0)::bigint, coalesce(sum(moderate), 0)::bigint,"
    " coalesce(sum(urgent), 0)::bigint, coalesce(sum(critical), 0)::bigint"
    " FROM corporate_alert_counts($1::uuid)"};
static const struct pg_stmt forms = {
    "dashboard_forms", "SELECT count(*), count(reviewed_at), count(*) FILTER (WHERE is_emergency)"
                       " FROM intake_forms WHERE clinic_id = $1::uuid AND processed_at IS NOT NULL"
                       " AND status <> 'FAILED'"};
static const struct pg_stmt latency = {
    "dashboard_latency",
    "SELECT coalesce(upload_to_alert_p50_ms, -1), coalesce(upload_to_alert_p95_ms, -1),"
    " coalesce(alert_to_ack_p50_ms, -1), coalesce(alert_to_ack_p95_ms, -1)"
    " FROM corporate_alert_latency($1::uuid, now() - interval '30 days')"};
static const struct pg_stmt clinics = {
    "dashboard_clinics",
    FLOW("true") ", f AS (SELECT clinic," FLOW_COUNTS " FROM p GROUP BY clinic),"
                 " i AS (SELECT clinic_id, count(*) AS processed, count(reviewed_at) AS reviewed,"
                 " count(*) FILTER (WHERE is_emergency) AS emergencies FROM intake_forms"
                 " WHERE processed_at IS NOT NULL AND status <> 'FAILED' GROUP BY clinic_id)"
                 " SELECT k.id, k.name, k.country, k.is_active, f.*, coalesce(a.low, 0),"
                 " coalesce(a.moderate, 0), coalesce(a.urgent, 0), coalesce(a.critical, 0),"
                 " coalesce(i.processed, 0), coalesce(i.reviewed, 0), coalesce(i.emergencies, 0)"
                 " FROM clinics k LEFT JOIN f ON f.clinic = k.id LEFT JOIN i ON i.clinic_id = k.id"
                 " LEFT JOIN corporate_alert_counts(NULL) a ON a.clinic_id = k.id ORDER BY k.name, "
                 "k.id"};
static const struct pg_stmt *const stmts[] = {&flow_one, &flow_all, &alerts_own, &alerts_corporate,
                                              &forms,    &latency,  &clinics};

__attribute__((constructor)) static void register_statements(void)
{
    pg_register(stmts, ARRAY_LEN(stmts));
}

/* Seven columns from `col` on, as FLOW_COUNTS has them. */
static void flow_read(const struct pg_result *r, size_t row, int col, struct flow *ret)
{
    ret->waiting = pg_get_int(r, row, col);
    ret->attended = pg_get_int(r, row, col + 1);
    ret->discharged = pg_get_int(r, row, col + 2);
    ret->arrived_today = pg_get_int(r, row, col + 3);
    ret->discharged_today = pg_get_int(r, row, col + 4);
    ret->has_waits = !pg_is_null(r, row, col + 5);
    ret->wait_median = pg_get_real(r, row, col + 5);
    ret->wait_p90 = pg_get_real(r, row, col + 6);
}

struct problem *flow_get(struct pg_tx *tx, const struct ctx *cx, struct uuid clinic,
                         struct flow *ret)
{
    struct pg_result *r;
    bool all = uuid_is_none(clinic);
    bool corporate = cx->role == ROLE_CORPORATE_ADMIN;
    *ret = (struct flow){0};
    if (all)
        TRY(pg_query(tx, &flow_all, NULL, 0, &r));
    else
        TRY(PG_QUERY(tx, &flow_one, &r, PG_P_UUID(clinic)));
    flow_read(r, 0, 0, ret);
    TRY(PG_QUERY(tx, corporate ? &alerts_corporate : &alerts_own, &r, PG_P_UUID_OR_NULL(clinic)));
    for (int i = 0; i < URGENCIES; i++)
        ret->alerts[i] = pg_get_int(r, 0, i);
    return NULL;
}

struct problem *clinic_forms_get(struct pg_tx *tx, const struct ctx *cx, struct uuid clinic,
                                 struct clinic_forms *ret)
{
    (void)cx;
    struct pg_result *r;
    TRY(PG_QUERY(tx, &forms, &r, PG_P_UUID(clinic)));
    *ret = (struct clinic_forms){pg_get_int(r, 0, 0), pg_get_int(r, 0, 1), pg_get_int(r, 0, 2)};
    return NULL;
}

struct problem *latency_get(struct pg_tx *tx, const struct ctx *cx, struct uuid clinic,
                            struct latency *ret)
{
    (void)cx;
    struct pg_result *r;
    TRY(PG_QUERY(tx, &latency, &r, PG_P_UUID(clinic)));
    *ret = (struct latency){-1, -1, -1, -1};
    if (pg_rows(r) > 0)
        *ret = (struct latency){pg_get_real(r, 0, 0), pg_get_real(r, 0, 1), pg_get_real(r, 0, 2),
                                pg_get_real(r, 0, 3)};
    return NULL;
}

struct problem *clinics_get(struct pg_tx *tx, const struct ctx *cx, struct clinic_row **ret,
                            size_t *ret_count)
{
    struct pg_result *r;
    TRY(pg_query(tx, &clinics, NULL, 0, &r));
    *ret_count = pg_rows(r);
    *ret = arena_array(cx->arena, *ret_count + 1, sizeof(struct clinic_row));
    for (size_t i = 0; i < *ret_count; i++) {
        struct clinic_row *c = &(*ret)[i];
        c->id = pg_get_uuid(r, i, 0);
        c->name = pg_get_str(r, i, 1);
        c->country = pg_get_str(r, i, 2);
        c->is_active = pg_get_bool(r, i, 3);
        flow_read(r, i, 5, &c->flow); /* column 4 is the clinic again */
        for (int u = 0; u < URGENCIES; u++)
            c->flow.alerts[u] = pg_get_int(r, i, 12 + u);
        c->forms =
            (struct clinic_forms){pg_get_int(r, i, 16), pg_get_int(r, i, 17), pg_get_int(r, i, 18)};
    }
    return NULL;
}
