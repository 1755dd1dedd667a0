/* GET /api/v1/audit-logs: the trail for ADMIN (own clinic) and CORPORATE_ADMIN; itself audited. */
#include "app/rest.h"
#include "audit/audit.h"
#include "audit/audit_feature.h"
#include "base/cleanup.h"
#include "base/clock.h"

/* Newest first. $1 clinic or NULL (corporate: all), filters NULL where not asked. The cursor is
 * (logged_at, id). */
static const struct pg_stmt list_stmt = {
    "audit_list",
    "SELECT id, clinic_id, actor_user_id, actor_role, action, target_table, target_id,"
    " host(ip_address), session_id, request_id, outcome, occurred_at, logged_at FROM audit_logs"
    " WHERE ($1::uuid IS NULL OR clinic_id = $1::uuid)"
    " AND ($2::uuid IS NULL OR actor_user_id = $2::uuid) AND ($3::text IS NULL OR action = $3)"
    " AND ($4::uuid IS NULL OR target_id = $4::uuid)"
    " AND ($5::timestamptz IS NULL OR occurred_at >= $5)"
    " AND ($6::timestamptz IS NULL OR occurred_at < $6)"
    " AND (NOT $7::bool OR (logged_at, id) < ($8::timestamptz, $9::bigint))"
    " ORDER BY logged_at DESC, id DESC LIMIT $10::int"};
static const struct pg_stmt *const stmts[] = {&list_stmt};

__attribute__((constructor)) static void register_statements(void)
{
    pg_register(stmts, ARRAY_LEN(stmts));
}

struct filter {
    struct uuid actor, target;
    struct str action;
    int64_t from_us, to_us;
    struct page page;
};

static struct problem *uuid_filter(struct http_request *rq, const char *name, struct uuid *ret)
{
    struct str v = http_query_get(rq, name);
    if (v.p && !uuid_parse(v, ret))
        return problem_new(rq->arena, PROBLEM_BAD_REQUEST, "%s must be a UUID", name);
    return NULL;
}

static struct problem *time_filter(struct http_request *rq, const char *name, int64_t *ret)
{
    struct str v = http_query_get(rq, name);
    if (v.p && !clock_parse(v, ret))
        return problem_new(rq->arena, PROBLEM_BAD_REQUEST,
                           "%s must be a time like 2026-01-31T08:00:00Z", name);
    return NULL;
}

static struct problem *filter_read(struct http_request *rq, struct filter *f)
{
    static const char *const known[] = {"actor", "action", "targetId", "from",
                                        "to",    "limit",  "cursor",   NULL};
    TRY(http_query_check(rq, known));
    TRY(uuid_filter(rq, "actor", &f->actor));
    TRY(uuid_filter(rq, "targetId", &f->target));
    TRY(time_filter(rq, "from", &f->from_us));
    TRY(time_filter(rq, "to", &f->to_us));
    f->action = http_query_get(rq, "action");
    return page_read(rq, &f->page);
}

static void row_write(struct jw *w, const struct pg_result *r, size_t i)
{
    jw_obj(w);
    jw_key(w, "id");
    jw_int(w, pg_get_int(r, i, 0));
    jw_key(w, "clinicId");
    jw_uuid(w, pg_get_uuid(r, i, 1));
    jw_key(w, "actorUserId");
    jw_uuid(w, pg_get_uuid(r, i, 2));
    jw_key(w, "actorRole");
    jw_str(w, pg_get_str(r, i, 3));
    jw_key(w, "action");
    jw_str(w, pg_get_str(r, i, 4));
    jw_key(w, "targetTable");
    jw_str(w, pg_get_str(r, i, 5));
    jw_key(w, "targetId");
    jw_uuid(w, pg_get_uuid(r, i, 6));
    jw_key(w, "ipAddress");
    jw_str(w, pg_get_str(r, i, 7));
    jw_key(w, "sessionId");
    jw_str(w, pg_get_str(r, i, 8));
    jw_key(w, "requestId");
    jw_str(w, pg_get_str(r, i, 9));
    jw_key(w, "outcome");
    jw_str(w, pg_get_str(r, i, 10));
    jw_key(w, "occurredAt");
    jw_time(w, pg_get_time(r, i, 11));
    jw_key(w, "loggedAt");
    jw_time(w, pg_get_time(r, i, 12));
    jw_end(w);
}

static void list_write(struct http_response *rs, const struct pg_result *rows,
                       const struct page *page)
{
    struct jw w;
    size_t shown = list_begin(&w, rs, page, pg_rows(rows));
    for (size_t i = 0; i < shown; i++)
        row_write(&w, rows, i);
    list_end(&w, shown < pg_rows(rows)
                     ? &(struct page_key){pg_get_time(rows, shown - 1, 12),
                                          pg_get_int(rows, shown - 1, 0), UUID_NONE}
                     : NULL);
}

static struct problem *list(struct http_request *rq, struct http_response *rs)
{
    struct ctx *cx = ctx_of(rq);
    struct filter f = {0};
    audit_read(rq, "audit_logs", UUID_NONE);
    TRY(filter_read(rq, &f));
    bool all_clinics = cx->role == ROLE_CORPORATE_ADMIN && !cx->clinic_chosen;
    struct pg_result *rows;
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_READ));
    TRY(PG_QUERY(&tx, &list_stmt, &rows, all_clinics ? PG_P_NULL : PG_P_UUID(cx->clinic_id),
                 PG_P_UUID_OR_NULL(f.actor), PG_P_TEXT_OR_NULL(f.action),
                 PG_P_UUID_OR_NULL(f.target), PG_P_TIME_OR_NULL(f.from_us),
                 PG_P_TIME_OR_NULL(f.to_us), PG_P_BOOL(f.page.resumed), PG_P_TIME(f.page.a),
                 PG_P_INT(f.page.b), PG_P_INT(f.page.limit + 1)));
    TRY(pg_tx_commit(&tx));
    list_write(rs, rows, &f.page);
    return NULL;
}

const struct http_route audit_routes[] = {
    {HTTP_GET, "/api/v1/audit-logs", list, .roles = ADMIN | CORPORATE, .audit = "READ_AUDIT",
     .lane = HTTP_SLOW, .flags = ROUTE_PHI_READ},
};
const size_t audit_route_count = ARRAY_LEN(audit_routes);
