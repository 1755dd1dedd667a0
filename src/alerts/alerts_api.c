/* Routes of alerts. */
#include "alerts/alerts_internal.h"
#include "audit/audit.h"
#include "auth/auth.h"
#include "base/cleanup.h"
#include "json/json_in.h"
#include "phi/scrub.h"

static void alert_write(struct jw *w, const struct alert *a)
{
    jw_obj(w);
    jw_key(w, "id");
    jw_uuid(w, a->id);
    jw_key(w, "clinicId");
    jw_uuid(w, a->clinic_id);
    jw_key(w, "patientId");
    jw_uuid(w, a->patient_id);
    jw_key(w, "patientName");
    phi_write(w, a->patient_name);
    jw_key(w, "assignedTo");
    jw_uuid(w, a->assigned_to);
    jw_key(w, "urgencyLevel");
    jw_str(w, a->urgency_level);
    jw_key(w, "roomNumber");
    jw_str(w, a->room_number);
    jw_key(w, "reason");
    jw_str(w, a->reason);
    jw_key(w, "status");
    jw_z(w, alert_status_names[a->status]);
    jw_key(w, "pushSentAt");
    jw_time(w, a->push_sent_us);
    jw_key(w, "smsSentAt");
    jw_time(w, a->sms_sent_us);
    jw_key(w, "acknowledgedAt");
    jw_time(w, a->acknowledged_us);
    jw_key(w, "acknowledgedBy");
    jw_uuid(w, a->acknowledged_by);
    jw_key(w, "escalatedAt");
    jw_time(w, a->escalated_us);
    jw_key(w, "createdAt");
    jw_time(w, a->created_us);
    if (!uuid_is_none(a->intake_form_id)) {
        jw_key(w, "intakeFormId");
        jw_uuid(w, a->intake_form_id);
    }
    jw_key(w, "deliveries");
    jw_raw(w, a->deliveries);
    jw_end(w);
}

/* The answer about one alert, with its ETag. */
static struct problem *alert_answer(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                                    struct http_response *rs)
{
    struct alert a;
    TRY(alert_get(tx, cx, id, false, &a));
    struct jw w = jw_to(&rs->body);
    alert_write(&w, &a);
    etag_set(rs, a.version);
    return NULL;
}

static struct str clean(struct arena *arena, struct str text)
{
    struct str trimmed = str_trim(scrub(arena, (struct raw_text){text}).s);
    return trimmed.n > 0 ? trimmed : STR_NONE;
}

/* ---- POST /alerts -----------------------------------------------------------------------------*/

struct create_body {
    struct uuid patient_id, assigned_to;
    int urgency;
    struct str room_number, reason;
};
static const struct json_field create_fields[] = {
    {"patientId", JSON_KIND_UUID, offsetof(struct create_body, patient_id), .required = true},
    {"urgencyLevel", JSON_KIND_ENUM, offsetof(struct create_body, urgency), .required = true,
     .names = urgency_names},
    {"roomNumber", JSON_KIND_TEXT, offsetof(struct create_body, room_number), .max = 64,
     .empty_ok = true},
    {"reason", JSON_KIND_TEXT, offsetof(struct create_body, reason), .max = 2000, .empty_ok = true},
    {"assignedTo", JSON_KIND_UUID, offsetof(struct create_body, assigned_to)},
};

static struct problem *create(struct http_request *rq, struct http_response *rs)
{
    struct ctx *cx = ctx_of(rq);
    struct create_body body = {0};
    TRY(json_body(rq->arena, rq->body, create_fields, ARRAY_LEN(create_fields), &body));
    struct alert_new values = {
        .patient_id = body.patient_id,
        .assigned_to = body.assigned_to,
        .urgency_level = str_of(urgency_names[body.urgency]),
        .room_number = clean(rq->arena, body.room_number),
        .reason = clean(rq->arena, body.reason),
    };
    struct uuid id;
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_WRITE));
    TRY(alert_create(&tx, cx, &values, &id));
    TRY(alert_answer(&tx, cx, id, rs));
    TRY(pg_tx_commit(&tx));
    created(rs, "/api/v1/alerts", id);
    return NULL;
}

/* ---- GET /alerts ------------------------------------------------------------------------------*/

/* A query parameter that is one of `names`: its index, -1 when absent. */
static struct problem *choice(struct http_request *rq, const char *key, const char *const *names,
                              int *ret)
{
    struct str value = http_query_get(rq, key);
    *ret = -1;
    for (int i = 0; value.p && names[i]; i++)
        if (str_eq(value, str_of(names[i])))
            *ret = i;
    if (value.p && *ret < 0)
        return problem_new(rq->arena, PROBLEM_BAD_REQUEST, "%s is none of the known values", key);
    return NULL;
}

/* A doctor sees the own and the unassigned unless the whole clinic is asked for. */
static struct problem *filter_read(struct http_request *rq, struct alert_filter *ret)
{
    static const char *const known[] = {"status", "urgencyLevel", "scope", "limit", "cursor", NULL};
    static const char *const scopes[] = {"mine", "clinic", NULL};
    const struct ctx *cx = ctx_of(rq);
    int urgency, scope;
    TRY(http_query_check(rq, known));
    TRY(choice(rq, "status", alert_status_names, &ret->status));
    TRY(choice(rq, "urgencyLevel", urgency_names, &urgency));
    TRY(choice(rq, "scope", scopes, &scope));
    if (urgency >= 0)
        ret->urgency = str_of(urgency_names[urgency]);
    if (scope == 0 || (scope < 0 && cx->role == ROLE_DOCTOR))
        ret->only_of = cx->user_id;
    return page_read(rq, &ret->page);
}

static struct problem *list(struct http_request *rq, struct http_response *rs)
{
    struct ctx *cx = ctx_of(rq);
    struct alert_filter filter = {0};
    TRY(filter_read(rq, &filter));
    audit_read(rq, "alerts", UUID_NONE);
    struct alert *rows;
    size_t count;
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_READ));
    TRY(alerts_list(&tx, cx, &filter, &rows, &count));
    TRY(pg_tx_commit(&tx));
    struct jw w;
    size_t shown = list_begin(&w, rs, &filter.page, count);
    for (size_t i = 0; i < shown; i++)
        alert_write(&w, &rows[i]);
    list_end(&w, shown < count ? &(struct page_key){rows[shown - 1].urgency_rank,
                                                    rows[shown - 1].created_us, rows[shown - 1].id}
                               : NULL);
    return NULL;
}

/* ---- GET /alerts/:id --------------------------------------------------------------------------*/

static struct problem *show(struct http_request *rq, struct http_response *rs)
{
    struct ctx *cx = ctx_of(rq);
    struct uuid id;
    TRY(http_path_uuid(rq, "id", &id));
    audit_read(rq, "alerts", id);
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_READ));
    TRY(alert_answer(&tx, cx, id, rs));
    return pg_tx_commit(&tx);
}

static struct problem *timeline(struct http_request *rq, struct http_response *rs)
{
    struct ctx *cx = ctx_of(rq);
    struct uuid id;
    struct alert a;
    struct str items;
    TRY(http_path_uuid(rq, "id", &id));
    audit_read(rq, "alerts", id);
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_READ));
    TRY(alert_get(&tx, cx, id, false, &a));
    TRY(alert_timeline(&tx, cx, id, &items));
    TRY(pg_tx_commit(&tx));
    struct jw w = jw_to(&rs->body);
    jw_obj(&w);
    jw_key(&w, "alertId");
    jw_uuid(&w, id);
    jw_key(&w, "items");
    jw_raw(&w, items);
    jw_end(&w);
    return NULL;
}

/* ---- changes ----------------------------------------------------------------------------------*/

struct change_body {
    bool attend;
    struct str reason;
};
static const struct json_field acknowledge_fields[] = {
    {"attend", JSON_KIND_BOOL, offsetof(struct change_body, attend)},
};
static const struct json_field escalate_fields[] = {
    {"reason", JSON_KIND_TEXT, offsetof(struct change_body, reason), .max = 2000, .empty_ok = true},
};

/* The bodies of changes are optional. */
static struct problem *change_read(struct http_request *rq, const struct json_field *fields,
                                   size_t count, struct change_body *ret, struct uuid *ret_id)
{
    TRY(http_path_uuid(rq, "id", ret_id));
    audit_read(rq, "alerts", *ret_id);
    struct str text = rq->body.n > 0 ? rq->body : STR("{}");
    return json_body(rq->arena, text, fields, count, ret);
}

/* Begins the change: the row is held, and is still the one the client read (If-Match). */
static struct problem *change_begin(struct pg_tx *tx, struct http_request *rq, struct uuid id,
                                    struct alert *ret)
{
    TRY(tx_begin(tx, ctx_of(rq), PG_WRITE));
    TRY(alert_get(tx, ctx_of(rq), id, true, ret));
    return etag_check(rq, ret->version);
}

static struct problem *change_end(struct pg_tx *tx, struct http_request *rq, struct uuid id,
                                  struct http_response *rs)
{
    TRY(alert_answer(tx, ctx_of(rq), id, rs));
    return pg_tx_commit(tx);
}

static struct problem *acknowledge(struct http_request *rq, struct http_response *rs)
{
    struct ctx *cx = ctx_of(rq);
    struct uuid id;
    struct alert now;
    struct change_body body = {0};
    TRY(change_read(rq, acknowledge_fields, ARRAY_LEN(acknowledge_fields), &body, &id));
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(change_begin(&tx, rq, id, &now));
    TRY(alert_acknowledge(&tx, cx, id, body.attend));
    return change_end(&tx, rq, id, rs);
}

static struct problem *escalate(struct http_request *rq, struct http_response *rs)
{
    struct ctx *cx = ctx_of(rq);
    struct uuid id;
    struct alert now;
    struct change_body body = {0};
    TRY(change_read(rq, escalate_fields, ARRAY_LEN(escalate_fields), &body, &id));
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(change_begin(&tx, rq, id, &now));
    TRY(alert_escalate(&tx, cx, id, clean(rq->arena, body.reason)));
    return change_end(&tx, rq, id, rs);
}

static struct problem *close_check(const struct ctx *cx, const struct alert *a)
{
    if (a->status != ALERT_ACKNOWLEDGED)
        return problem_new(cx->arena, PROBLEM_CONFLICT, "an alert does not go from %s to CLOSED",
                           alert_status_names[a->status]);
    if (cx->role == ROLE_DOCTOR && !uuid_eq(a->acknowledged_by, cx->user_id))
        return problem_new(cx->arena, PROBLEM_FORBIDDEN,
                           "only who acknowledged it, or an ADMIN, may close it");
    return NULL;
}

static struct problem *close_alert(struct http_request *rq, struct http_response *rs)
{
    struct ctx *cx = ctx_of(rq);
    struct uuid id;
    struct alert now;
    struct change_body none = {0};
    TRY(change_read(rq, NULL, 0, &none, &id));
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(change_begin(&tx, rq, id, &now));
    TRY(close_check(cx, &now));
    TRY(alert_set_closed(&tx, cx, id));
    TRY(alert_event_add(&tx, cx, id, "CLOSED", cx->user_id, 0, NULL, NULL));
    TRY(audit_add(&tx, cx, "ALERT_CLOSED", "alerts", id));
    return change_end(&tx, rq, id, rs);
}

const struct http_route alerts_routes[] = {
    {HTTP_POST, "/api/v1/alerts", create, .roles = ADMIN | ADMISSIONS, .audit = "ALERT_CREATED",
     .body = HTTP_BODY_JSON, .body_max = 8192},
    {HTTP_GET, "/api/v1/alerts", list, .roles = DOCTOR | ADMIN | ADMISSIONS, .audit = "LIST_ALERTS",
     .flags = ROUTE_PHI_READ},
    {HTTP_GET, "/api/v1/alerts/:id", show, .roles = DOCTOR | ADMIN | ADMISSIONS,
     .audit = "READ_ALERT", .flags = ROUTE_PHI_READ},
    {HTTP_GET, "/api/v1/alerts/:id/timeline", timeline, .roles = DOCTOR | ADMIN | ADMISSIONS,
     .audit = "READ_ALERT", .flags = ROUTE_PHI_READ},
    {HTTP_PATCH, "/api/v1/alerts/:id/acknowledge", acknowledge, .roles = DOCTOR | ADMIN,
     .audit = "ALERT_ACKNOWLEDGED", .body = HTTP_BODY_JSON, .body_max = 1024},
    {HTTP_POST, "/api/v1/alerts/:id/escalate", escalate, .roles = DOCTOR | ADMIN,
     .audit = "ALERT_ESCALATED", .body = HTTP_BODY_JSON, .body_max = 8192},
    {HTTP_PATCH, "/api/v1/alerts/:id/close", close_alert, .roles = DOCTOR | ADMIN,
     .audit = "ALERT_CLOSED", .body = HTTP_BODY_JSON, .body_max = 1024},
};
const size_t alerts_route_count = ARRAY_LEN(alerts_routes);
