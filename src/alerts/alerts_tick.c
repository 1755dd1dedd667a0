/* The clock of alerts: timers are rows (escalation_due_at, sms_due_at), never process memory.
 *
 * The relay role sees which are due in every clinic; each is then done in a transaction of its own
 * clinic that takes the row with SKIP LOCKED and looks again, so several workers share the work. */
#include "alerts/alerts_internal.h"
#include "base/cleanup.h"
#include "base/clock.h"

enum { TIMERS_MS = 500, UNSENT_MS = 15000, UNSENT_BATCH = 500 };

static const struct pg_stmt due = {
    "alerts_due", "SELECT id, clinic_id FROM alerts WHERE escalation_due_at <= now()"
                  " UNION SELECT id, clinic_id FROM alerts WHERE sms_due_at <= now() LIMIT 200"};
static const struct pg_stmt due_locked = {
    "alert_due_locked", "SELECT escalation_due_at <= now(), sms_due_at <= now() FROM alerts"
                        " WHERE clinic_id = $1::uuid AND id = $2::uuid FOR UPDATE SKIP LOCKED"};
static const struct pg_stmt sms_done = {
    "alert_sms_done",
    "UPDATE alerts SET sms_due_at = NULL WHERE clinic_id = $1::uuid AND id = $2::uuid"};
/* Jobs may be lost with Redis, or end while a provider is away: for a day an alert nobody was
 * reached for, and for ten minutes any open one, is looked at again; all of them by and by, however
 * many nobody can be reached for. What was sent is not sent again. */
static const struct pg_stmt unsent = {
    "alerts_unsent", "SELECT id, clinic_id FROM alerts WHERE created_at < now() - interval '30 s'"
                     " AND ((status IN ('PENDING', 'ESCALATED')"
                     " AND created_at > now() - interval '1 day') OR (status = 'DELIVERED'"
                     " AND created_at > now() - interval '10 minutes'))"
                     " AND id > $1::uuid ORDER BY id LIMIT 500"};
static const struct pg_stmt *const stmts[] = {&due, &due_locked, &sms_done, &unsent};

__attribute__((constructor)) static void register_statements(void)
{
    pg_register(stmts, ARRAY_LEN(stmts));
}

struct found {
    struct uuid id, clinic_id;
};

static struct problem *find(struct app *app, struct pg_conn *db, struct arena *arena,
                            const struct pg_stmt *stmt, const struct pg_param *params,
                            size_t param_count, struct found **ret, size_t *ret_count)
{
    struct ctx cx = ctx_system(app, arena, db, UUID_NONE, "");
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    struct pg_result *r;
    TRY(tx_begin_relay(&tx, &cx));
    TRY(pg_query(&tx, stmt, params, param_count, &r));
    *ret_count = pg_rows(r);
    *ret = arena_array(arena, *ret_count + 1, sizeof(struct found));
    for (size_t i = 0; i < *ret_count; i++)
        (*ret)[i] = (struct found){pg_get_uuid(r, i, 0), pg_get_uuid(r, i, 1)};
    return pg_tx_commit(&tx);
}

static struct problem *timer_run(const struct ctx *cx, struct uuid id)
{
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    struct pg_result *r;
    TRY(tx_begin(&tx, cx, PG_WRITE));
    TRY(PG_QUERY(&tx, &due_locked, &r, PG_P_UUID(cx->clinic_id), PG_P_UUID(id)));
    if (pg_rows(r) == 0)
        return NULL; /* another worker is at it */
    if (pg_get_bool(r, 0, 1)) {
        TRY(PG_EXEC(&tx, &sms_done, NULL, PG_P_UUID(cx->clinic_id), PG_P_UUID(id)));
        TRY(alert_job_add(
            &tx, cx, id,
            arena_fmt(cx->arena, "sms-due-%lld", (long long)(clock_wall_us() / 1000000))));
    }
    if (pg_get_bool(r, 0, 0))
        TRY(alert_escalate(&tx, cx, id, STR_NONE));
    return pg_tx_commit(&tx);
}

static struct problem *timers(struct app *app, struct pg_conn *db, struct arena *arena)
{
    struct found *found;
    size_t count;
    struct problem *first = NULL;
    TRY(find(app, db, arena, &due, NULL, 0, &found, &count));
    for (size_t i = 0; i < count; i++) {
        struct ctx cx = ctx_system(app, arena, db, found[i].clinic_id, "alert-timers");
        struct problem *p = timer_run(&cx, found[i].id);
        if (p && !first)
            first = p; /* one that fails does not hold up the others */
    }
    return first;
}

static struct problem *dispatch_again(const struct ctx *cx, struct uuid id)
{
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_WRITE));
    TRY(alert_job_add(
        &tx, cx, id,
        arena_fmt(cx->arena, "again-%lld", (long long)(clock_wall_us() / (60 * 1000000LL)))));
    return pg_tx_commit(&tx);
}

static struct problem *unsent_again(struct app *app, struct pg_conn *db, struct arena *arena)
{
    static _Thread_local struct uuid looked_at; /* the last one */
    struct found *found;
    size_t count;
    struct problem *first = NULL;
    TRY(find(app, db, arena, &unsent, &PG_P_UUID(looked_at), 1, &found, &count));
    for (size_t i = 0; i < count; i++) {
        struct ctx cx = ctx_system(app, arena, db, found[i].clinic_id, "alerts-unsent");
        struct problem *p = dispatch_again(&cx, found[i].id);
        if (p && p->kind == PROBLEM_UNAVAILABLE)
            return p; /* the same ones next time */
        if (p && !first)
            first = p;
    }
    /* A short list was the end: from the beginning. */
    looked_at = count < UNSENT_BATCH ? UUID_NONE : found[count - 1].id;
    return first;
}

const struct work_tick alerts_ticks[] = {
    {"alert-timers", timers, TIMERS_MS},
    {"alerts-unsent", unsent_again, UNSENT_MS},
};
const size_t alerts_tick_count = ARRAY_LEN(alerts_ticks);
