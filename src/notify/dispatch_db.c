/* SQL of paging: who is to be reached and how far that is. What was sent is read from
 * alert_deliveries, so that a job that runs again sends only what was not sent. */
#include "alerts/alerts.h"
#include "audit/audit.h"
#include "base/cleanup.h"
#include "notify/notify_internal.h"
#include "phi/scrub.h"

static const struct pg_stmt alert_stmt = {
    "dispatch_alert",
    "SELECT a.urgency_level, a.room_number, c.name, coalesce(s.language, 'es') = 'es',"
    " a.status NOT IN ('ACKNOWLEDGED', 'CLOSED')"
    " FROM alerts a JOIN clinics c ON c.id = a.clinic_id"
    " LEFT JOIN clinic_settings s ON s.clinic_id = a.clinic_id"
    " WHERE a.clinic_id = $1::uuid AND a.id = $2::uuid"};

/* Everybody who was paged and works here, at the last step that paged them. */
#define PAGED                                                                                      \
    "WITH paged AS (SELECT DISTINCT ON (e.user_id) e.user_id, e.tier AS step, e.at"                \
    " FROM alert_events e JOIN users u ON u.clinic_id = e.clinic_id AND u.id = e.user_id"          \
    " AND u.is_active WHERE e.clinic_id = $1::uuid AND e.alert_id = $2::uuid"                      \
    " AND e.event = 'PAGED' ORDER BY e.user_id, e.tier DESC) "
/* The last try at a target as `l`. */
#define LAST_TRY(channel, device)                                                                  \
    " LEFT JOIN LATERAL (SELECT x.attempt, x.status, x.error, x.updated_at FROM alert_deliveries " \
    "x"                                                                                            \
    " WHERE x.clinic_id = $1::uuid AND x.alert_id = $2::uuid AND x.user_id = p.user_id"            \
    " AND x.channel = '" channel "' AND x.device_id IS NOT DISTINCT FROM " device                  \
    " AND x.tier = p.step ORDER BY x.attempt DESC LIMIT 1) l ON true "
#define STATE                                                                                      \
    " coalesce(l.attempt, 0) + 1, CASE WHEN l.status IS NULL THEN 0"                               \
    " WHEN l.status IN ('accepted', 'delivered') THEN 2"                                           \
    " WHEN l.status = 'claimed' AND l.updated_at > now() - interval '16 s' THEN 1"                 \
    " WHEN l.attempt >= 30 THEN 3 WHEN l.status = 'claimed' THEN 0"                                \
    " WHEN l.status = 'failed' AND l.error LIKE 'temporary%' THEN 0 ELSE 3 END "
/* Push cannot reach them: no device, or each one's last try failed for good or three times. */
#define PUSH_HOPELESS                                                                              \
    " NOT EXISTS (SELECT FROM devices d" LAST_TRY(                                                 \
        "push",                                                                                    \
        "d.id") "WHERE d.clinic_id = $1::uuid AND d.user_id = p.user_id AND (l.status IS NULL"     \
                " OR l.status IN ('claimed', 'accepted', 'delivered')"                             \
                " OR (l.error LIKE 'temporary%' AND l.attempt < 3))) "

static const struct pg_stmt push_stmt = {
    "dispatch_push_targets", PAGED
    "SELECT p.user_id, d.id, p.step," STATE ", true, d.token, d.phi_key_version"
    " FROM paged p JOIN devices d ON d.clinic_id = $1::uuid AND d.user_id = p.user_id" LAST_TRY(
        "push", "d.id") " ORDER BY p.step DESC, d.last_seen_at DESC, d.id"};
/* $3 seconds before SMS, $4 only those whom push cannot reach */
static const struct pg_stmt sms_stmt = {
    "dispatch_sms_targets",
    PAGED "SELECT p.user_id, NULL::uuid, p.step," STATE ", " PUSH_HOPELESS
          " OR (NOT $4::bool AND p.at + $3::int * interval '1 s' <= now()),"
          " u.phone_e164, u.phi_key_version"
          " FROM paged p JOIN users u ON u.clinic_id = $1::uuid AND u.id = p.user_id"
          " AND u.phone_e164 IS NOT NULL AND NOT u.sms_opted_out" LAST_TRY(
              "sms", "NULL") " ORDER BY p.step DESC, p.user_id"};
static const struct pg_stmt abandon = {
    "delivery_abandon",
    "UPDATE alert_deliveries SET status = 'failed', error = 'temporary-interrupted'"
    " WHERE clinic_id = $1::uuid AND alert_id = $2::uuid AND user_id = $3::uuid AND channel = $4"
    " AND device_id IS NOT DISTINCT FROM $5::uuid AND tier = $6::int AND attempt = $7::int - 1"
    " AND status = 'claimed'"};
static const struct pg_stmt claim = {
    "delivery_claim",
    "INSERT INTO alert_deliveries (clinic_id, alert_id, user_id, channel, device_id, tier, attempt)"
    " SELECT $1::uuid, $2::uuid, $3::uuid, $4, $5::uuid, $6::int, $7::int FROM alerts a"
    " WHERE a.clinic_id = $1::uuid AND a.id = $2::uuid"
    " AND a.status NOT IN ('ACKNOWLEDGED', 'CLOSED')"
    " ON CONFLICT DO NOTHING RETURNING id"};
/* The provider's callback may have been faster than we are: 'delivered' stays. */
static const struct pg_stmt record = {
    "delivery_record",
    "UPDATE alert_deliveries SET status = CASE WHEN status = 'claimed' THEN $3 ELSE status END,"
    " provider_id = coalesce(provider_id, $4), error = coalesce(error, $5)"
    " WHERE clinic_id = $1::uuid AND id = $2::uuid"};
static const struct pg_stmt device_forget = {
    "delivery_device_forget", "DELETE FROM devices WHERE clinic_id = $1::uuid AND id = $2::uuid"};
static const struct pg_stmt opt_out = {
    "delivery_opt_out",
    "UPDATE users SET sms_opted_out = true WHERE clinic_id = $1::uuid AND id = $2::uuid"};
static const struct pg_stmt alert_lock = {
    "dispatch_alert_lock", "SELECT escalation_tier < 100 AND status NOT IN ('ACKNOWLEDGED',"
                           " 'CLOSED'), urgency_level FROM alerts"
                           " WHERE clinic_id = $1::uuid AND id = $2::uuid FOR UPDATE"};
/* $3 push is used, $4 SMS is used. Somebody of the last step who may still be reached: confirmed,
 * under way, taken by the provider of the other channel, or not tried to the end. A number SMS
 * does not reach makes a push to the same person no evidence. */
static const struct pg_stmt reachable = {
    "dispatch_reachable", PAGED
    "SELECT count(*) FROM paged p JOIN users u ON u.clinic_id = $1::uuid AND u.id = p.user_id"
    " LEFT JOIN LATERAL (SELECT bool_or(x.status = 'delivered') AS confirmed,"
    " bool_or(x.status = 'claimed') AS claimed, bool_or(x.status = 'accepted') AS accepted,"
    " bool_or(x.status = 'undelivered') AS undelivered FROM alert_deliveries x"
    " WHERE x.clinic_id = $1::uuid AND x.alert_id = $2::uuid AND x.user_id = p.user_id"
    " AND x.tier = p.step) s ON true" LAST_TRY(
        "sms", "NULL") "WHERE p.step = (SELECT max(step) FROM paged) AND (s.confirmed OR s.claimed"
                       " OR (s.accepted AND NOT coalesce(s.undelivered, false))"
                       " OR ($4::bool AND u.phone_e164 IS NOT NULL AND NOT u.sms_opted_out"
                       " AND (l.status IS NULL OR (l.error LIKE 'temporary%' AND l.attempt < 30)))"
                       " OR ($3::bool AND EXISTS (SELECT FROM devices d WHERE d.clinic_id = "
                       "$1::uuid"
                       " AND d.user_id = p.user_id AND NOT EXISTS (SELECT FROM alert_deliveries y"
                       " WHERE y.clinic_id = $1::uuid AND y.alert_id = $2::uuid"
                       " AND y.device_id = d.id AND y.tier = p.step AND (y.error IS NULL"
                       " OR y.error NOT LIKE 'temporary%' OR y.attempt >= 30)))))"};
static const struct pg_stmt *const stmts[] = {&alert_stmt, &push_stmt, &sms_stmt,      &abandon,
                                              &claim,      &record,    &device_forget, &opt_out,
                                              &alert_lock, &reachable};

__attribute__((constructor)) static void register_statements(void)
{
    pg_register(stmts, ARRAY_LEN(stmts));
}

struct problem *dispatch_alert_get(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                                   struct dispatch_alert *ret)
{
    struct pg_result *r;
    TRY(PG_QUERY(tx, &alert_stmt, &r, PG_P_UUID(cx->clinic_id), PG_P_UUID(id)));
    if (pg_rows(r) == 0)
        return problem_new(cx->arena, PROBLEM_NOT_FOUND, "there is no such alert");
    *ret = (struct dispatch_alert){
        .text = {.alert_id = id,
                 .urgency = pg_get_str(r, 0, 0),
                 .room = pg_get_str(r, 0, 1),
                 .clinic = pg_get_str(r, 0, 2),
                 .spanish = pg_get_bool(r, 0, 3)},
        .open = pg_get_bool(r, 0, 4),
    };
    return alert_policy_get(tx, cx, ret->text.urgency, &ret->policy);
}

static struct problem *targets_read(const struct ctx *cx, const struct pg_result *r,
                                    const char *table, const char *column, struct target **ret,
                                    size_t *ret_count)
{
    *ret_count = pg_rows(r);
    *ret = arena_array(cx->arena, *ret_count + 1, sizeof(struct target));
    for (size_t i = 0; i < *ret_count; i++) {
        struct target *t = &(*ret)[i];
        *t = (struct target){
            .user_id = pg_get_uuid(r, i, 0),
            .device_id = pg_get_uuid(r, i, 1),
            .step = pg_get_int(r, i, 2),
            .attempt = pg_get_int(r, i, 3),
            .state = (enum target_state)pg_get_int(r, i, 4),
            .due = pg_get_bool(r, i, 5),
        };
        struct uuid row = uuid_is_none(t->device_id) ? t->user_id : t->device_id;
        TRY(phi_open_each(cx, (struct phi_place){table, column, row}, pg_get_str(r, i, 6),
                          (int)pg_get_int(r, i, 7), &t->address, &t->unreadable));
    }
    return NULL;
}

struct problem *push_targets(struct pg_tx *tx, const struct ctx *cx, struct uuid alert,
                             struct target **ret, size_t *ret_count)
{
    struct pg_result *r;
    TRY(PG_QUERY(tx, &push_stmt, &r, PG_P_UUID(cx->clinic_id), PG_P_UUID(alert)));
    return targets_read(cx, r, "devices", "token", ret, ret_count);
}

struct problem *sms_targets(struct pg_tx *tx, const struct ctx *cx, struct uuid alert,
                            const struct alert_policy *policy, bool only_hopeless,
                            struct target **ret, size_t *ret_count)
{
    struct pg_result *r;
    TRY(PG_QUERY(tx, &sms_stmt, &r, PG_P_UUID(cx->clinic_id), PG_P_UUID(alert),
                 PG_P_INT(policy->sms_after_s), PG_P_BOOL(only_hopeless)));
    return targets_read(cx, r, "users", "phone_e164", ret, ret_count);
}

struct problem *delivery_claim(struct pg_tx *tx, const struct ctx *cx, struct uuid alert,
                               const char *channel, const struct target *t, struct uuid *ret_id)
{
    struct pg_result *r;
    if (t->attempt > 1)
        TRY(PG_QUEUE(tx, &abandon, PG_P_UUID(cx->clinic_id), PG_P_UUID(alert),
                     PG_P_UUID(t->user_id), PG_P_Z(channel), PG_P_UUID_OR_NULL(t->device_id),
                     PG_P_INT(t->step), PG_P_INT(t->attempt)));
    TRY(PG_QUERY(tx, &claim, &r, PG_P_UUID(cx->clinic_id), PG_P_UUID(alert), PG_P_UUID(t->user_id),
                 PG_P_Z(channel), PG_P_UUID_OR_NULL(t->device_id), PG_P_INT(t->step),
                 PG_P_INT(t->attempt)));
    *ret_id = pg_rows(r) ? pg_get_uuid(r, 0, 0) : UUID_NONE;
    return NULL;
}

static struct problem *accepted(struct pg_tx *tx, const struct ctx *cx, struct uuid alert,
                                bool push, const struct target *t)
{
    const char *channel = push ? "push" : "sms";
    TRY(alert_sent(tx, cx, alert, channel));
    TRY(alert_event_add(tx, cx, alert, push ? "PUSH_SENT" : "SMS_SENT", t->user_id, t->step,
                        channel, NULL));
    TRY(audit_add(tx, cx, push ? "PUSH_SENT" : "SMS_SENT", "alerts", alert));
    /* FCM reports nothing after it took a message: taking it is all the evidence there is. Twilio
     * reports delivery by callback. */
    return push ? alert_delivered(tx, cx, alert, channel) : NULL;
}

static struct problem *refused(struct pg_tx *tx, const struct ctx *cx, struct uuid alert, bool push,
                               const struct target *t, const struct send_result *result)
{
    TRY(alert_event_add(tx, cx, alert, push ? "PUSH_FAILED" : "SMS_FAILED", t->user_id, t->step,
                        push ? "push" : "sms", result->error));
    TRY(audit_add(tx, cx, push ? "PUSH_FAILED" : "SMS_FAILED", "alerts", alert));
    if (result->fate == SEND_GONE)
        return PG_QUEUE(tx, &device_forget, PG_P_UUID(cx->clinic_id), PG_P_UUID(t->device_id));
    if (result->fate == SEND_OPTED_OUT)
        return PG_QUEUE(tx, &opt_out, PG_P_UUID(cx->clinic_id), PG_P_UUID(t->user_id));
    return NULL;
}

struct str provider_name(struct arena *arena, struct str id)
{
    return scrub(arena, (struct raw_text){id}).found ? STR_NONE : id;
}

struct problem *delivery_record(struct pg_tx *tx, const struct ctx *cx, struct uuid alert,
                                const char *channel, const struct target *t, struct uuid id,
                                const struct send_result *result)
{
    bool push = strcmp(channel, "push") == 0;
    bool taken = result->fate == SEND_ACCEPTED;
    struct str name = provider_name(cx->arena, result->provider_id);
    TRY(PG_QUEUE(tx, &record, PG_P_UUID(cx->clinic_id), PG_P_UUID(id),
                 PG_P_Z(taken ? "accepted" : "failed"), PG_P_TEXT_OR_NULL(name),
                 result->error ? PG_P_Z(result->error) : PG_P_NULL));
    return taken ? accepted(tx, cx, alert, push, t) : refused(tx, cx, alert, push, t, result);
}

struct problem *step_hopeless(struct pg_tx *tx, const struct ctx *cx, struct uuid alert, bool *ret)
{
    struct pg_result *r;
    struct alert_policy policy;
    *ret = false;
    TRY(PG_QUERY(tx, &alert_lock, &r, PG_P_UUID(cx->clinic_id), PG_P_UUID(alert)));
    if (pg_rows(r) == 0 || !pg_get_bool(r, 0, 0))
        return NULL;
    TRY(alert_policy_get(tx, cx, pg_get_str(r, 0, 1), &policy));
    if (policy.escalate_after_s == 0)
        return NULL;
    TRY(PG_QUERY(tx, &reachable, &r, PG_P_UUID(cx->clinic_id), PG_P_UUID(alert),
                 PG_P_BOOL(policy.push), PG_P_BOOL(policy.sms)));
    *ret = pg_get_int(r, 0, 0) == 0;
    return NULL;
}
