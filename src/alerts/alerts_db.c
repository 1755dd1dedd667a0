/* SQL of alerts. The database holds the status machine too; a row is locked before it is changed.
 */
#include "alerts/alerts_internal.h"
#include "audit/audit.h"
#include "base/cleanup.h"

#define TIME_TEXT(column)                                                                          \
    "to_char(" column " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"
#define SELECT_ALERT                                                                               \
    "SELECT a.id, a.clinic_id, a.patient_id, a.assigned_to, a.acknowledged_by, a.intake_form_id,"  \
    " p.full_name, p.phi_key_version, a.urgency_level, a.room_number, a.reason, a.status,"         \
    " a.push_sent_at, a.sms_sent_at, a.acknowledged_at, a.escalated_at, a.created_at,"             \
    " a.urgency_rank::int, a.version, a.escalation_tier, u.full_name,"                             \
    " (SELECT coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object('channel', d.channel,"       \
    " 'attempt', d.attempt, 'status', d.status, 'at', " TIME_TEXT(                                 \
        "d.at") ", 'error', d.error))"                                                             \
                " ORDER BY d.at, d.id), '[]') FROM alert_deliveries d WHERE d.clinic_id = "        \
                "a.clinic_id"                                                                      \
                " AND d.alert_id = a.id)"                                                          \
                " FROM alerts a JOIN patients p ON p.clinic_id = a.clinic_id AND p.id = "          \
                "a.patient_id"                                                                     \
                " LEFT JOIN users u ON u.clinic_id = a.clinic_id AND u.id = a.acknowledged_by"     \
                " WHERE a.clinic_id = $1::uuid "

static const struct pg_stmt by_id[2] = {
    {"alert_by_id", SELECT_ALERT "AND a.id = $2::uuid"},
    {"alert_by_id_locked", SELECT_ALERT "AND a.id = $2::uuid FOR UPDATE OF a"}};
/* $2 status or NULL (open), $3 urgency or NULL, $4 only this user's and the unassigned or NULL,
 * $5 resumed, $6 $7 $8 the cursor, $9 limit + 1 */
static const struct pg_stmt listed = {
    "alerts_listed",
    SELECT_ALERT "AND CASE WHEN $2::text IS NULL THEN a.status <> 'CLOSED' ELSE a.status = $2 END"
                 " AND ($3::text IS NULL OR a.urgency_level = $3)"
                 " AND ($4::uuid IS NULL OR a.assigned_to IS NULL OR a.assigned_to = $4"
                 " OR a.acknowledged_by = $4"
                 " OR EXISTS (SELECT FROM alert_events e WHERE e.clinic_id = a.clinic_id"
                 " AND e.alert_id = a.id AND e.event = 'PAGED' AND e.user_id = $4))"
                 " AND (NOT $5::bool OR (-a.urgency_rank, a.created_at, a.id) >"
                 " (-$6::bigint, $7::timestamptz, $8::uuid))"
                 " ORDER BY a.urgency_rank DESC, a.created_at, a.id LIMIT $9::int"};
static const struct pg_stmt insert = {
    "alert_insert",
    "INSERT INTO alerts (id, clinic_id, patient_id, assigned_to, urgency_level, room_number,"
    " reason, intake_form_id, created_by, escalation_tier, escalation_due_at, sms_due_at)"
    " VALUES ($1::uuid, $2::uuid, $3::uuid, $4::uuid, $5, $6, $7, $8::uuid, $9::uuid, $10::int,"
    " CASE WHEN $11::int > 0 THEN now() + $11::int * interval '1 s' END,"
    " CASE WHEN $12::int > 0 THEN now() + $12::int * interval '1 s' END)"
    " ON CONFLICT DO NOTHING"};
static const struct pg_stmt existing = {
    "alert_existing",
    "SELECT id FROM alerts WHERE clinic_id = $1::uuid AND (id = $2::uuid"
    " OR (intake_form_id = $3::uuid AND status <> 'CLOSED')) ORDER BY status = 'CLOSED' LIMIT 1"};
static const struct pg_stmt set_acknowledged = {
    "alert_set_acknowledged",
    "UPDATE alerts SET status = 'ACKNOWLEDGED', acknowledged_by = $3::uuid, acknowledged_at = now()"
    " WHERE clinic_id = $2::uuid AND id = $1::uuid RETURNING acknowledged_at"};
static const struct pg_stmt set_closed = {
    "alert_set_closed", "UPDATE alerts SET status = 'CLOSED', closed_by = $3::uuid"
                        " WHERE clinic_id = $2::uuid AND id = $1::uuid"};
static const struct pg_stmt set_escalated = {
    "alert_set_escalated",
    "UPDATE alerts SET status = 'ESCALATED', escalated_at = now(), assigned_to = $3::uuid,"
    " escalation_tier = $4::int, escalated_by = $5::uuid, escalation_reason = $6,"
    " escalation_due_at = CASE WHEN $7::int > 0 THEN now() + $7::int * interval '1 s' END,"
    " sms_due_at = CASE WHEN $8::int > 0 THEN now() + $8::int * interval '1 s' END"
    " WHERE clinic_id = $2::uuid AND id = $1::uuid"};
static const struct pg_stmt set_urgency = {
    "alert_set_urgency",
    "UPDATE alerts SET urgency_level = $3, reason = coalesce($4, reason),"
    " room_number = coalesce($5, room_number),"
    " escalation_due_at = CASE WHEN $6::int > 0 THEN now() + $6::int * interval '1 s' END,"
    " sms_due_at = CASE WHEN $7::int > 0 THEN now() + $7::int * interval '1 s' END"
    " WHERE clinic_id = $2::uuid AND id = $1::uuid"};
static const struct pg_stmt set_sent = {
    "alert_set_sent",
    "UPDATE alerts SET"
    " push_sent_at = CASE WHEN $3 = 'push' THEN coalesce(push_sent_at, now()) ELSE push_sent_at "
    "END,"
    " sms_sent_at = CASE WHEN $3 = 'sms' THEN coalesce(sms_sent_at, now()) ELSE sms_sent_at END"
    " WHERE clinic_id = $2::uuid AND id = $1::uuid"
    " AND CASE $3 WHEN 'push' THEN push_sent_at ELSE sms_sent_at END IS NULL"};
static const struct pg_stmt set_delivered = {
    "alert_set_delivered", "UPDATE alerts SET status = 'DELIVERED'"
                           " WHERE clinic_id = $2::uuid AND id = $1::uuid AND status = 'PENDING'"};
static const struct pg_stmt close_of_patient = {
    "alerts_close_of_patient",
    "UPDATE alerts SET status = 'CLOSED', closed_by = $3::uuid"
    " WHERE clinic_id = $2::uuid AND patient_id = $1::uuid AND status <> 'CLOSED' RETURNING id"};
static const struct pg_stmt acknowledge_allowed = {
    "alert_acknowledge_allowed",
    "SELECT EXISTS (SELECT FROM alert_events e WHERE e.clinic_id = $1::uuid"
    " AND e.alert_id = $2::uuid AND e.user_id = $3::uuid AND e.event = 'PAGED')"
    " OR ($4::bool AND EXISTS (SELECT FROM on_call_shifts s WHERE s.clinic_id = $1::uuid"
    " AND s.user_id = $3::uuid AND now() >= s.starts_at AND now() < s.ends_at))"};
static const struct pg_stmt event_add = {
    "alert_event_add",
    "INSERT INTO alert_events (clinic_id, alert_id, event, user_id, tier, channel, detail)"
    " VALUES ($1::uuid, $2::uuid, $3, $4::uuid, $5::int, $6, $7)"};
static const struct pg_stmt timeline = {
    "alert_timeline",
    "SELECT coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object('event', t.event, "
    "'at'," TIME_TEXT(
        "t.at") ", 'userId', t.user_id, 'userName', u.full_name, 'step', t.tier,"
                " 'channel', t.channel, 'detail', t.detail)) ORDER BY t.at, t.n), '[]') FROM ("
                "SELECT 'UPLOADED' AS event, f.created_at AS at, f.uploaded_by AS user_id,"
                " NULL::int AS tier, NULL AS channel, NULL AS detail, 0::bigint AS n"
                " FROM alerts a JOIN intake_forms f ON f.clinic_id = a.clinic_id"
                " AND f.id = a.intake_form_id WHERE a.clinic_id = $1::uuid AND a.id = $2::uuid"
                " UNION ALL SELECT 'FORM_PROCESSED', f.processed_at, NULL, NULL, NULL, NULL, 0"
                " FROM alerts a JOIN intake_forms f ON f.clinic_id = a.clinic_id"
                " AND f.id = a.intake_form_id AND f.processed_at IS NOT NULL"
                " WHERE a.clinic_id = $1::uuid AND a.id = $2::uuid"
                " UNION ALL SELECT event, at, user_id, tier, channel, detail, id FROM alert_events"
                " WHERE clinic_id = $1::uuid AND alert_id = $2::uuid) t"
                " LEFT JOIN users u ON u.clinic_id = $1::uuid AND u.id = t.user_id"};
static const struct pg_stmt policy = {
    "alert_policy", "SELECT (p->>'push')::bool, (p->>'sms')::bool, (p->>'smsAfterS')::int,"
                    " (p->>'escalateAfterS')::int, p ? 'escalateAfterS'"
                    " FROM (SELECT coalesce(alert_policy->$2, '{}') AS p FROM clinic_settings"
                    " WHERE clinic_id = $1::uuid) s"};
static const struct pg_stmt *const stmts[] = {&by_id[0],
                                              &by_id[1],
                                              &listed,
                                              &insert,
                                              &existing,
                                              &set_acknowledged,
                                              &set_closed,
                                              &set_escalated,
                                              &set_urgency,
                                              &set_sent,
                                              &set_delivered,
                                              &close_of_patient,
                                              &acknowledge_allowed,
                                              &event_add,
                                              &timeline,
                                              &policy};

__attribute__((constructor)) static void register_statements(void)
{
    pg_register(stmts, ARRAY_LEN(stmts));
}

const char *const alert_status_names[] = {"PENDING",   "DELIVERED", "ACKNOWLEDGED",
                                          "ESCALATED", "CLOSED",    NULL};
const char *const urgency_names[] = {"LOW", "MODERATE", "URGENT", "CRITICAL", NULL};

static enum alert_status status_read(struct str s)
{
    for (int i = 0; alert_status_names[i]; i++)
        if (str_eq(s, str_of(alert_status_names[i])))
            return (enum alert_status)i;
    return ALERT_CLOSED;
}

static struct problem *row_read(const struct ctx *cx, const struct pg_result *r, size_t i,
                                struct alert *ret)
{
    *ret = (struct alert){
        .id = pg_get_uuid(r, i, 0),
        .clinic_id = pg_get_uuid(r, i, 1),
        .patient_id = pg_get_uuid(r, i, 2),
        .assigned_to = pg_get_uuid(r, i, 3),
        .acknowledged_by = pg_get_uuid(r, i, 4),
        .intake_form_id = pg_get_uuid(r, i, 5),
        .name_sealed = pg_get_str(r, i, 6),
        .name_version = (int)pg_get_int(r, i, 7),
        .urgency_level = pg_get_str(r, i, 8),
        .room_number = pg_get_str(r, i, 9),
        .reason = pg_get_str(r, i, 10),
        .status = status_read(pg_get_str(r, i, 11)),
        .push_sent_us = pg_get_time(r, i, 12),
        .sms_sent_us = pg_get_time(r, i, 13),
        .acknowledged_us = pg_get_time(r, i, 14),
        .escalated_us = pg_get_time(r, i, 15),
        .created_us = pg_get_time(r, i, 16),
        .urgency_rank = pg_get_int(r, i, 17),
        .version = pg_get_int(r, i, 18),
        .tier = pg_get_int(r, i, 19),
        .acknowledged_name = pg_get_str(r, i, 20),
        .deliveries = pg_get_str(r, i, 21),
    };
    struct phi_place place = {"patients", "full_name", ret->patient_id};
    bool damaged; /* then the alert is shown without the name */
    return phi_open_each(cx, place, ret->name_sealed, ret->name_version, &ret->patient_name,
                         &damaged);
}

struct problem *alert_get(struct pg_tx *tx, const struct ctx *cx, struct uuid id, bool lock,
                          struct alert *ret)
{
    struct pg_result *r;
    TRY(PG_QUERY(tx, &by_id[lock], &r, PG_P_UUID(cx->clinic_id), PG_P_UUID(id)));
    if (pg_rows(r) == 0)
        return problem_new(cx->arena, PROBLEM_NOT_FOUND, "there is no such alert");
    return row_read(cx, r, 0, ret);
}

struct problem *alerts_list(struct pg_tx *tx, const struct ctx *cx, const struct alert_filter *f,
                            struct alert **ret, size_t *ret_count)
{
    struct pg_result *r;
    TRY(PG_QUERY(tx, &listed, &r, PG_P_UUID(cx->clinic_id),
                 f->status < 0 ? PG_P_NULL : PG_P_Z(alert_status_names[f->status]),
                 PG_P_TEXT_OR_NULL(f->urgency), PG_P_UUID_OR_NULL(f->only_of),
                 PG_P_BOOL(f->page.resumed), PG_P_INT(f->page.a), PG_P_TIME(f->page.b),
                 PG_P_UUID(f->page.id), PG_P_INT(f->page.limit + 1)));
    *ret_count = pg_rows(r);
    *ret = arena_array(cx->arena, *ret_count + 1, sizeof(struct alert));
    for (size_t i = 0; i < *ret_count; i++)
        TRY(row_read(cx, r, i, &(*ret)[i]));
    return NULL;
}

struct problem *alert_timeline(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                               struct str *ret)
{
    struct pg_result *r;
    TRY(PG_QUERY(tx, &timeline, &r, PG_P_UUID(cx->clinic_id), PG_P_UUID(id)));
    *ret = pg_get_str(r, 0, 0);
    return NULL;
}

/* ---- writing ----------------------------------------------------------------------------------*/

struct problem *alert_insert(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                             const struct alert_new *v, const struct alert_policy *p, int64_t tier,
                             bool *ret_made)
{
    size_t rows = 0;
    TRY(PG_EXEC(tx, &insert, &rows, PG_P_UUID(id), PG_P_UUID(cx->clinic_id),
                PG_P_UUID(v->patient_id), PG_P_UUID_OR_NULL(v->assigned_to),
                PG_P_TEXT(v->urgency_level), PG_P_TEXT_OR_NULL(v->room_number),
                PG_P_TEXT_OR_NULL(v->reason), PG_P_UUID_OR_NULL(v->intake_form_id),
                PG_P_UUID_OR_NULL(cx->user_id), PG_P_INT(tier), PG_P_INT(p->escalate_after_s),
                PG_P_INT(p->sms ? p->sms_after_s : 0)));
    *ret_made = rows == 1;
    return NULL;
}

struct problem *alert_existing(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                               struct uuid form, struct uuid *ret)
{
    struct pg_result *r;
    TRY(PG_QUERY(tx, &existing, &r, PG_P_UUID(cx->clinic_id), PG_P_UUID(id),
                 PG_P_UUID_OR_NULL(form)));
    if (pg_rows(r) == 0)
        return problem_new(cx->arena, PROBLEM_CONFLICT, "this alert id is taken");
    *ret = pg_get_uuid(r, 0, 0);
    return NULL;
}

struct problem *alert_set_acknowledged(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                                       int64_t *ret_at_us)
{
    struct pg_result *r;
    TRY(PG_QUERY(tx, &set_acknowledged, &r, PG_P_UUID(id), PG_P_UUID(cx->clinic_id),
                 PG_P_UUID(cx->user_id)));
    *ret_at_us = pg_rows(r) ? pg_get_time(r, 0, 0) : 0;
    return NULL;
}

struct problem *alert_set_closed(struct pg_tx *tx, const struct ctx *cx, struct uuid id)
{
    return PG_EXEC(tx, &set_closed, NULL, PG_P_UUID(id), PG_P_UUID(cx->clinic_id),
                   PG_P_UUID_OR_NULL(cx->user_id));
}

struct problem *alert_set_escalated(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                                    struct uuid assigned_to, int64_t tier, struct str reason,
                                    int64_t due_s, int64_t sms_due_s)
{
    return PG_EXEC(tx, &set_escalated, NULL, PG_P_UUID(id), PG_P_UUID(cx->clinic_id),
                   PG_P_UUID_OR_NULL(assigned_to), PG_P_INT(tier), PG_P_UUID_OR_NULL(cx->user_id),
                   PG_P_TEXT_OR_NULL(reason), PG_P_INT(due_s), PG_P_INT(sms_due_s));
}

struct problem *alert_set_urgency(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                                  const struct alert_new *v, const struct alert_policy *p)
{
    return PG_EXEC(tx, &set_urgency, NULL, PG_P_UUID(id), PG_P_UUID(cx->clinic_id),
                   PG_P_TEXT(v->urgency_level), PG_P_TEXT_OR_NULL(v->reason),
                   PG_P_TEXT_OR_NULL(v->room_number), PG_P_INT(p->escalate_after_s),
                   PG_P_INT(p->sms ? p->sms_after_s : 0));
}

struct problem *alerts_close_of_patient(struct pg_tx *tx, const struct ctx *cx, struct uuid patient)
{
    struct pg_result *r;
    TRY(PG_QUERY(tx, &close_of_patient, &r, PG_P_UUID(patient), PG_P_UUID(cx->clinic_id),
                 PG_P_UUID_OR_NULL(cx->user_id)));
    for (size_t i = 0; i < pg_rows(r); i++) {
        struct uuid id = pg_get_uuid(r, i, 0);
        TRY(alert_event_add(tx, cx, id, "CLOSED", cx->user_id, 0, NULL, "patient discharged"));
        TRY(audit_add(tx, cx, "ALERT_CLOSED", "alerts", id));
    }
    return NULL;
}

struct problem *alert_acknowledge_allowed(struct pg_tx *tx, const struct ctx *cx,
                                          const struct alert *a, bool *ret)
{
    struct pg_result *r;
    *ret = cx->role == ROLE_ADMIN || uuid_eq(a->assigned_to, cx->user_id);
    if (*ret)
        return NULL;
    TRY(PG_QUERY(tx, &acknowledge_allowed, &r, PG_P_UUID(cx->clinic_id), PG_P_UUID(a->id),
                 PG_P_UUID(cx->user_id), PG_P_BOOL(uuid_is_none(a->assigned_to))));
    *ret = pg_get_bool(r, 0, 0);
    return NULL;
}

struct problem *alert_event_add(struct pg_tx *tx, const struct ctx *cx, struct uuid alert,
                                const char *event, struct uuid user, int64_t step,
                                const char *channel, const char *detail)
{
    return PG_QUEUE(tx, &event_add, PG_P_UUID(cx->clinic_id), PG_P_UUID(alert), PG_P_Z(event),
                    PG_P_UUID_OR_NULL(user), step ? PG_P_INT(step) : PG_P_NULL,
                    channel ? PG_P_Z(channel) : PG_P_NULL, detail ? PG_P_Z(detail) : PG_P_NULL);
}

struct problem *alert_sent(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                           const char *channel)
{
    return PG_QUEUE(tx, &set_sent, PG_P_UUID(id), PG_P_UUID(cx->clinic_id), PG_P_Z(channel));
}

struct problem *alert_delivered(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                                const char *channel)
{
    size_t rows = 0;
    TRY(PG_EXEC(tx, &set_delivered, &rows, PG_P_UUID(id), PG_P_UUID(cx->clinic_id)));
    return rows ? alert_event_add(tx, cx, id, "DELIVERED", UUID_NONE, 0, channel, NULL) : NULL;
}

/* SPEC 9: the default of each urgency. */
static const struct alert_policy defaults[] = {
    [URGENCY_LOW] = {.push = true},
    [URGENCY_MODERATE] = {.push = true, .sms = true, .sms_after_s = 300, .escalate_after_s = 300},
    [URGENCY_URGENT] = {.push = true, .sms = true, .escalate_after_s = 120},
    [URGENCY_CRITICAL] = {.push = true, .sms = true, .escalate_after_s = 60},
};

struct problem *alert_policy_get(struct pg_tx *tx, const struct ctx *cx, struct str urgency,
                                 struct alert_policy *ret)
{
    struct pg_result *r;
    *ret = defaults[URGENCY_CRITICAL];
    for (int i = 0; urgency_names[i]; i++)
        if (str_eq(urgency, str_of(urgency_names[i])))
            *ret = defaults[i];
    TRY(PG_QUERY(tx, &policy, &r, PG_P_UUID(cx->clinic_id), PG_P_TEXT(urgency)));
    if (pg_rows(r) == 0)
        return NULL;
    if (!pg_is_null(r, 0, 0))
        ret->push = pg_get_bool(r, 0, 0);
    if (!pg_is_null(r, 0, 1))
        ret->sms = pg_get_bool(r, 0, 1);
    if (!pg_is_null(r, 0, 2))
        ret->sms_after_s = pg_get_int(r, 0, 2);
    if (pg_get_bool(r, 0, 4))
        ret->escalate_after_s = pg_get_int(r, 0, 3); /* null: never */
    return NULL;
}
