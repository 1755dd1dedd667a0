/* Events of changes go into the change's transaction; events of reads into the journal, before the
 * response leaves. Which is which is decided here, not in handlers. */
#include "audit/audit.h"

#include "app/app.h"
#include "audit/audit_internal.h"
#include "auth/auth.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "json/json_out.h"

static const struct pg_stmt audit_insert = {
    "audit_insert",
    "INSERT INTO audit_logs (clinic_id, actor_user_id, actor_role, action, target_table, target_id,"
    " ip_address, session_id, request_id, outcome) VALUES"
    " ($1::uuid, $2::uuid, $3, $4, $5, $6::uuid, nullif($7, '')::inet, nullif($8, ''),"
    " nullif($9, ''), 'SUCCESS')"};
static const struct pg_stmt *const stmts[] = {&audit_insert};

__attribute__((constructor)) static void register_statements(void)
{
    pg_register(stmts, ARRAY_LEN(stmts));
}

struct problem *audit_add(struct pg_tx *tx, const struct ctx *cx, const char *action,
                          const char *target_table, struct uuid target_id)
{
    ((struct ctx *)(uintptr_t)cx)->audit_done = true;
    return PG_QUEUE(tx, &audit_insert, PG_P_UUID(cx->clinic_id), PG_P_UUID_OR_NULL(cx->user_id),
                    PG_P_Z(role_name(cx->role)), PG_P_Z(action),
                    target_table ? PG_P_Z(target_table) : PG_P_NULL, PG_P_UUID_OR_NULL(target_id),
                    PG_P_TEXT(cx->ip), PG_P_Z(cx->session), PG_P_Z(cx->request_id));
}

void audit_read(struct http_request *rq, const char *target_table, struct uuid target_id)
{
    struct ctx *cx = ctx_of(rq);
    cx->audit_table = target_table;
    cx->audit_target = target_id;
}

void audit_event_write(const struct audit_event *event, struct buf *out)
{
    const struct ctx *cx = event->cx;
    struct jw w = jw_to(out);
    jw_obj(&w);
    jw_key(&w, "event_id");
    jw_uuid(&w, uuid_v7());
    jw_key(&w, "occurred_at");
    jw_time(&w, clock_wall_us());
    jw_key(&w, "clinic_id");
    jw_uuid(&w, cx->clinic_id);
    jw_key(&w, "actor_user_id");
    jw_uuid(&w, cx->user_id);
    jw_key(&w, "actor_role");
    jw_z(&w, role_name(cx->role));
    jw_key(&w, "action");
    jw_z(&w, event->action);
    jw_key(&w, "target_table");
    jw_z(&w, event->target_table);
    jw_key(&w, "target_id");
    jw_uuid(&w, event->target_id);
    jw_key(&w, "ip_address");
    jw_str(&w, cx->ip.n > 0 ? cx->ip : STR_NONE);
    jw_key(&w, "session_id");
    jw_z(&w, cx->session[0] ? cx->session : NULL);
    jw_key(&w, "request_id");
    jw_z(&w, cx->request_id);
    jw_key(&w, "outcome");
    jw_z(&w, event->outcome);
    jw_end(&w);
}

static bool is_read(const struct http_request *rq)
{
    return rq->method == HTTP_GET || rq->method == HTTP_HEAD;
}

static bool is_denial(const struct problem *p)
{
    return p && (p->kind == PROBLEM_FORBIDDEN || p->kind == PROBLEM_UNAUTHENTICATED);
}

/* What the request's end means for the trail; false when nothing is to be journalled: the change
 * wrote its own event, or there is nobody to write it about. A change that changed nothing (said
 * twice) showed its answer all the same, so it is journalled like a read. */
static bool event_of(struct http_request *rq, const struct problem *p, struct audit_event *ret)
{
    const struct ctx *cx = ctx_of(rq);
    if (!cx || uuid_is_none(cx->clinic_id) || !rq->route || !rq->route->audit)
        return false;
    *ret = (struct audit_event){
        .cx = cx,
        .action = rq->route->audit,
        .target_table = cx->audit_table,
        .target_id = cx->audit_target,
        .outcome = p ? "FAILURE" : "SUCCESS",
    };
    if (is_denial(p)) {
        ret->action = "ACCESS_DENIED";
        ret->outcome = "DENIED";
    }
    return is_read(rq) || p || !cx->audit_done;
}

/* What is answered when the trail cannot take the event of a PHI read. */
static const struct problem trail_lost = {
    .kind = PROBLEM_UNAVAILABLE,
    .detail = "the audit trail cannot be written; try again",
    .retry_after_s = 2,
};

struct held {
    struct journal_wait wait;
    struct http_request *rq;
};

static const struct problem *lost(const struct http_request *rq)
{
    log_error("an audit event could not be made durable (%s)", rq->route->audit);
    return (rq->route->flags & ROUTE_PHI_READ) ? &trail_lost : NULL;
}

static void on_written(struct journal_wait *wait, bool durable)
{
    struct http_request *rq = ((struct held *)wait)->rq; /* the first member */
    http_release(rq, durable ? NULL : lost(rq));
}

struct problem *audit_after(struct http_request *rq, struct http_response *rs, struct problem *p)
{
    (void)rs;
    struct audit_event event;
    if (!event_of(rq, p, &event))
        return p;
    struct held *held = arena_make(rq->arena, struct held);
    *held = (struct held){.wait.done = on_written, .rq = rq};
    http_hold(rq);
    if (!journal_add(event.cx->app->journal, &event, &held->wait))
        http_release(rq, lost(rq));
    return p;
}
