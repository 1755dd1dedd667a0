/* Who is paged: the duty roster, the next tier, and the ADMINs when nobody is left.
 *
 * The rule not to break: the answer is never nobody without the ADMINs being paged instead. */
#include "alerts/alerts_internal.h"
#include "base/cleanup.h"

/* Doctors on duty, lowest tier first. $2 the alert (or NULL), $3 its present assignee (or NULL).
 * Columns: user, tier, paged for it before, shown it when it was made. */
static const struct pg_stmt on_duty = {
    "alert_on_duty",
    "SELECT s.user_id, min(s.tier), EXISTS (SELECT FROM alert_events e"
    " WHERE e.clinic_id = $1::uuid AND e.alert_id = $2::uuid AND e.user_id = s.user_id"
    " AND e.event = 'PAGED'),"
    " EXISTS (SELECT FROM alert_events e WHERE e.clinic_id = $1::uuid AND e.alert_id = $2::uuid"
    " AND e.event = 'CREATED' AND e.detail = 'unassigned' AND e.at >= min(s.starts_at))"
    " FROM on_call_shifts s JOIN users u ON u.clinic_id = s.clinic_id AND u.id = s.user_id"
    " AND u.is_active AND u.role = 'DOCTOR'"
    " WHERE s.clinic_id = $1::uuid AND now() >= s.starts_at AND now() < s.ends_at"
    " AND s.user_id IS DISTINCT FROM $3::uuid"
    " GROUP BY s.user_id ORDER BY 2, s.user_id"};
static const struct pg_stmt admins = {
    "alert_admins", "SELECT id FROM users WHERE clinic_id = $1::uuid AND role = 'ADMIN'"
                    " AND is_active ORDER BY id"};
static const struct pg_stmt doctor = {
    "alert_doctor", "SELECT coalesce((SELECT min(s.tier) FROM on_call_shifts s"
                    " WHERE s.clinic_id = $1::uuid AND s.user_id = $2::uuid"
                    " AND now() >= s.starts_at AND now() < s.ends_at), 1)"
                    " FROM users u WHERE u.clinic_id = $1::uuid AND u.id = $2::uuid"
                    " AND u.role = 'DOCTOR' AND u.is_active"};
/* The step is the number of times the alert has been paged, this time included. */
static const struct pg_stmt paged = {
    "alert_paged", "INSERT INTO alert_events (clinic_id, alert_id, event, user_id, tier)"
                   " SELECT $1::uuid, $2::uuid, 'PAGED', v::uuid, $3::int"
                   " FROM jsonb_array_elements_text($4::jsonb) WITH ORDINALITY t(v, n) ORDER BY n"};
static const struct pg_stmt steps = {
    "alert_steps", "SELECT coalesce(max(tier), 0) + 1 FROM alert_events"
                   " WHERE clinic_id = $1::uuid AND alert_id = $2::uuid AND event = 'PAGED'"};
static const struct pg_stmt level = {
    "alert_level", "SELECT urgency_level FROM alerts WHERE clinic_id = $1::uuid AND id = $2::uuid"};
static const struct pg_stmt *const stmts[] = {&on_duty, &admins, &doctor, &paged, &steps, &level};

__attribute__((constructor)) static void register_statements(void)
{
    pg_register(stmts, ARRAY_LEN(stmts));
}

enum { DUTY_USER, DUTY_TIER, DUTY_PAGED, DUTY_SHOWN };

static void people_add(struct people *people, struct uuid id)
{
    if (people->count < PEOPLE_MAX)
        people->id[people->count++] = id;
}

static struct problem *admins_add(struct pg_tx *tx, const struct ctx *cx, struct people *people)
{
    struct pg_result *r;
    TRY(PG_QUERY(tx, &admins, &r, PG_P_UUID(cx->clinic_id)));
    for (size_t i = 0; i < pg_rows(r); i++)
        people_add(people, pg_get_uuid(r, i, 0));
    return NULL;
}

static struct problem *duty_read(struct pg_tx *tx, const struct ctx *cx, struct uuid alert,
                                 struct uuid but_not, struct pg_result **ret)
{
    return PG_QUERY(tx, &on_duty, ret, PG_P_UUID(cx->clinic_id), PG_P_UUID_OR_NULL(alert),
                    PG_P_UUID_OR_NULL(but_not));
}

static struct problem *assigned_first(struct pg_tx *tx, const struct ctx *cx, struct uuid user,
                                      struct audience *ret)
{
    struct pg_result *r;
    TRY(PG_QUERY(tx, &doctor, &r, PG_P_UUID(cx->clinic_id), PG_P_UUID(user)));
    if (pg_rows(r) == 0)
        return problem_field(cx->arena, "/assignedTo", "must be an active doctor of the clinic");
    ret->assigned_to = user;
    ret->tier = pg_get_int(r, 0, 0);
    people_add(&ret->page, user);
    people_add(&ret->show, user);
    return NULL;
}

struct problem *audience_first(struct pg_tx *tx, const struct ctx *cx, struct uuid assigned_to,
                               struct audience *ret)
{
    *ret = (struct audience){.tier = 1};
    if (!uuid_is_none(assigned_to))
        return assigned_first(tx, cx, assigned_to, ret);
    struct pg_result *r;
    TRY(duty_read(tx, cx, UUID_NONE, UUID_NONE, &r));
    for (size_t i = 0; i < pg_rows(r); i++) {
        people_add(&ret->show, pg_get_uuid(r, i, DUTY_USER));
        if (i == 0)
            ret->tier = pg_get_int(r, i, DUTY_TIER);
        if (pg_get_int(r, i, DUTY_TIER) == ret->tier)
            people_add(&ret->page, pg_get_uuid(r, i, DUTY_USER));
    }
    if (pg_rows(r) > 0)
        return NULL;
    ret->nobody = true;
    ret->tier = TIER_ADMINS;
    return admins_add(tx, cx, &ret->page);
}

static void take(const struct pg_result *r, size_t i, struct audience *ret)
{
    struct uuid user = pg_get_uuid(r, i, DUTY_USER);
    if (ret->page.count == 0) {
        ret->assigned_to = user;
        ret->tier = pg_get_int(r, i, DUTY_TIER);
    }
    people_add(&ret->page, user);
    if (!pg_get_bool(r, i, DUTY_SHOWN))
        people_add(&ret->show, user);
}

/* Everybody of the first tier above `tier`. */
static void take_above(const struct pg_result *r, int64_t tier, struct audience *ret)
{
    for (size_t i = 0; i < pg_rows(r); i++) {
        int64_t of = pg_get_int(r, i, DUTY_TIER);
        if (of > tier && (ret->page.count == 0 || of == ret->tier))
            take(r, i, ret);
    }
}

/* Those of the first tier that has somebody who was never paged for this alert. */
static void take_unpaged(const struct pg_result *r, struct audience *ret)
{
    for (size_t i = 0; i < pg_rows(r); i++) {
        int64_t of = pg_get_int(r, i, DUTY_TIER);
        if (!pg_get_bool(r, i, DUTY_PAGED) && (ret->page.count == 0 || of == ret->tier))
            take(r, i, ret);
    }
}

struct problem *audience_next(struct pg_tx *tx, const struct ctx *cx, const struct alert *a,
                              struct audience *ret)
{
    *ret = (struct audience){.tier = TIER_ADMINS};
    struct pg_result *r;
    TRY(duty_read(tx, cx, a->id, a->assigned_to, &r));
    take_above(r, a->tier, ret);
    if (ret->page.count == 0)
        take_unpaged(r, ret);
    if (ret->page.count > 0)
        return NULL;
    ret->nobody = true;
    return admins_add(tx, cx, &ret->page);
}

struct problem *alert_job_add(struct pg_tx *tx, const struct ctx *cx, struct uuid alert,
                              const char *step)
{
    struct pg_result *r;
    TRY(PG_QUERY(tx, &level, &r, PG_P_UUID(cx->clinic_id), PG_P_UUID(alert)));
    const char *id = uuid_z(alert);
    struct outbox_job job = {
        .queue = QUEUE_DISPATCH,
        .key = arena_fmt(cx->arena, "alert-%s-%s", id, step),
        .data = arena_fmt(cx->arena, "{\"alertId\":\"%s\",\"clinicId\":\"%s\",\"step\":\"%s\"}", id,
                          uuid_z(cx->clinic_id), step),
        .urgency = outbox_urgency(pg_rows(r) ? pg_get_str(r, 0, 0) : STR_NONE),
    };
    return outbox_job(tx, cx, &job);
}

struct problem *alert_page(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                           const struct alert_policy *policy, const struct people *people)
{
    CLEANUP(buf_free) struct buf ids = BUF_MAX(8192);
    struct jw w = jw_to(&ids);
    struct pg_result *r;
    TRY(PG_QUERY(tx, &steps, &r, PG_P_UUID(cx->clinic_id), PG_P_UUID(id)));
    int64_t step = pg_get_int(r, 0, 0);
    jw_arr(&w);
    for (size_t i = 0; i < people->count; i++)
        jw_uuid(&w, people->id[i]);
    jw_end(&w);
    TRY(PG_QUEUE(tx, &paged, PG_P_UUID(cx->clinic_id), PG_P_UUID(id), PG_P_INT(step),
                 PG_P_TEXT(buf_str(&ids))));
    /* One job a channel: a provider that hangs does not hold up the other. */
    if (policy->push)
        TRY(alert_job_add(tx, cx, id, arena_fmt(cx->arena, "%lld-push", (long long)step)));
    if (policy->sms && policy->sms_after_s == 0)
        TRY(alert_job_add(tx, cx, id, arena_fmt(cx->arena, "%lld-sms", (long long)step)));
    return NULL;
}
