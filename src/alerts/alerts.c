/* Rules of alerts: what follows what, who may, and what the world is told. */
#include "alerts/alerts_internal.h"
#include "audit/audit.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "live/live.h"
#include "patients/patients.h"

enum { ADMINS_AGAIN_S = 300 };

/* ---- events -----------------------------------------------------------------------------------*/

static void room_write(struct jw *w, const struct alert *a)
{
    jw_key(w, "alertId");
    jw_uuid(w, a->id);
    jw_key(w, "urgencyLevel");
    jw_str(w, a->urgency_level);
    jw_key(w, "room");
    jw_str(w, a->room_number);
}

/* alert:new to these people, and to the clinic's ADMINs when `admins`. */
static struct problem *event_new(struct pg_tx *tx, const struct ctx *cx, const struct alert *a,
                                 const struct people *people, bool admins)
{
    CLEANUP(buf_free) struct buf payload = BUF_MAX(64 * 1024);
    struct jw w = jw_to(&payload);
    struct phi_place place = {"patients", "full_name", a->patient_id};
    jw_obj(&w);
    room_write(&w, a);
    jw_key(&w, "patientName");
    TRY(outbox_phi(&w, cx, place, a->name_sealed, a->name_version));
    jw_end(&w);
    struct outbox_event event = {.name = "alert:new", .payload = buf_str(&payload)};
    size_t n = 0;
    if (admins)
        event.rooms[n++] = live_room_role(cx->arena, cx->clinic_id, ROLE_ADMIN);
    for (size_t i = 0; i < people->count; i++)
        event.rooms[n++] = live_room_user(cx->arena, people->id[i]);
    return n ? outbox_event(tx, cx, &event) : NULL;
}

static struct problem *event_staff(struct pg_tx *tx, const struct ctx *cx, const char *name,
                                   const struct buf *payload)
{
    struct outbox_event event = {
        .name = name,
        .payload = buf_str(payload),
        .rooms = {live_room_role(cx->arena, cx->clinic_id, ROLE_ADMIN),
                  live_room_role(cx->arena, cx->clinic_id, ROLE_DOCTOR)},
    };
    return outbox_event(tx, cx, &event);
}

/* `to` UUID_NONE: nobody is left, the alarm of the dashboard. */
static struct problem *event_escalated(struct pg_tx *tx, const struct ctx *cx,
                                       const struct alert *a, struct uuid to)
{
    CLEANUP(buf_free) struct buf payload = BUF_MAX(1024);
    struct jw w = jw_to(&payload);
    jw_obj(&w);
    room_write(&w, a);
    jw_key(&w, "assignedTo");
    jw_uuid(&w, to);
    jw_end(&w);
    return event_staff(tx, cx, "alert:escalated", &payload);
}

static struct problem *event_acknowledged(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                                          int64_t at_us)
{
    CLEANUP(buf_free) struct buf payload = BUF_MAX(512);
    struct jw w = jw_to(&payload);
    jw_obj(&w);
    jw_key(&w, "alertId");
    jw_uuid(&w, id);
    jw_key(&w, "doctorId");
    jw_uuid(&w, cx->user_id);
    jw_key(&w, "timestamp");
    jw_time(&w, at_us);
    jw_end(&w);
    return event_staff(tx, cx, "alert:acknowledged", &payload);
}

/* ---- making -----------------------------------------------------------------------------------*/

static struct problem *announce(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                                const struct alert_policy *policy, const struct audience *to)
{
    struct alert a;
    TRY(alert_get(tx, cx, id, false, &a));
    TRY(event_new(tx, cx, &a, &to->show, true));
    if (to->nobody)
        TRY(event_escalated(tx, cx, &a, UUID_NONE));
    return alert_page(tx, cx, id, policy, &to->page);
}

static int64_t rank_of(struct str urgency)
{
    for (int i = 0; urgency_names[i]; i++)
        if (str_eq(urgency, str_of(urgency_names[i])))
            return i + 1;
    return 0;
}

/* An alert exists and what is known now is more urgent: raise it, and page once more; a closed one
 * stays closed and is followed by another, whose id a retry derives again. */
static struct problem *raise_existing(struct pg_tx *tx, const struct ctx *cx,
                                      const struct alert_new *v, const struct alert_policy *policy,
                                      struct uuid id, struct uuid *ret_id)
{
    struct alert a;
    TRY(alert_get(tx, cx, id, true, &a));
    *ret_id = id;
    if (rank_of(v->urgency_level) <= a.urgency_rank)
        return NULL;
    if (a.status == ALERT_CLOSED) {
        struct alert_new next = *v;
        next.id = uuid_derived(id, v->urgency_level);
        return alert_create(tx, cx, &next, ret_id);
    }
    TRY(alert_set_urgency(tx, cx, id, v, policy));
    TRY(patient_urgency_raise(tx, cx, v->patient_id, v->urgency_level));
    TRY(alert_event_add(tx, cx, id, "RAISED", cx->user_id, 0, NULL, NULL));
    TRY(audit_add(tx, cx, "ALERT_RAISED", "alerts", id));
    struct audience to;
    struct uuid who = a.status == ALERT_ACKNOWLEDGED ? a.acknowledged_by : a.assigned_to;
    struct problem *p = audience_first(tx, cx, who, &to);
    if (p && p->kind == PROBLEM_VALIDATION) /* the assignee is not active any more */
        p = audience_first(tx, cx, UUID_NONE, &to);
    TRY(p);
    return announce(tx, cx, id, policy, &to);
}

struct problem *alert_create(struct pg_tx *tx, const struct ctx *cx, const struct alert_new *values,
                             struct uuid *ret_id)
{
    struct uuid id = uuid_is_none(values->id) ? ctx_new_id(cx, "alerts") : values->id;
    struct alert_policy policy;
    struct audience to;
    struct patient patient;
    bool made = false;
    TRY(patient_get(tx, cx, values->patient_id, &patient)); /* of this clinic, or not found */
    if (patient.status == PATIENT_DISCHARGED && uuid_is_none(values->intake_form_id))
        return problem_new(cx->arena, PROBLEM_CONFLICT, "the patient has been discharged");
    TRY(alert_policy_get(tx, cx, values->urgency_level, &policy));
    TRY(audience_first(tx, cx, values->assigned_to, &to));
    TRY(alert_insert(tx, cx, id, values, &policy, to.tier, &made));
    if (!made) {
        struct uuid old;
        TRY(alert_existing(tx, cx, id, values->intake_form_id, &old));
        return raise_existing(tx, cx, values, &policy, old, ret_id);
    }
    TRY(patient_urgency_raise(tx, cx, values->patient_id, values->urgency_level));
    TRY(alert_event_add(tx, cx, id, "CREATED", cx->user_id, 0, NULL,
                        uuid_is_none(values->assigned_to) ? "unassigned" : "assigned"));
    TRY(audit_add(tx, cx, "ALERT_CREATED", "alerts", id));
    TRY(announce(tx, cx, id, &policy, &to));
    *ret_id = id;
    return NULL;
}

struct problem *alert_note_lowered(struct pg_tx *tx, const struct ctx *cx, struct uuid alert,
                                   const char *from_level, const char *to_level, bool *ret_open)
{
    struct alert a;
    TRY(alert_get(tx, cx, alert, true, &a));
    *ret_open = a.status != ALERT_CLOSED;
    TRY(alert_event_add(tx, cx, alert, "LOWERED", cx->user_id, 0, NULL,
                        arena_fmt(cx->arena, "%s to %s", from_level, to_level)));
    return audit_add(tx, cx, "ALERT_LOWERED", "alerts", alert);
}

/* ---- answering --------------------------------------------------------------------------------*/

static struct problem *attend_patient(struct pg_tx *tx, const struct ctx *cx, struct uuid id)
{
    struct patient patient;
    TRY(patient_get(tx, cx, id, &patient));
    return patient.status == PATIENT_WAITING ? patient_move(tx, cx, id, PATIENT_BEING_ATTENDED)
                                             : NULL;
}

static struct problem *already_acknowledged(const struct ctx *cx, const struct alert *a)
{
    char at[CLOCK_TEXT_MAX];
    clock_text(a->acknowledged_us, at);
    return problem_new(cx->arena, PROBLEM_CONFLICT, "%.100s was first to acknowledge it, at %s",
                       a->acknowledged_name.p ? a->acknowledged_name.p : "somebody else", at);
}

struct problem *alert_acknowledge(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                                  bool attend)
{
    struct alert a;
    bool allowed = false;
    TRY(alert_get(tx, cx, id, true, &a));
    TRY(alert_acknowledge_allowed(tx, cx, &a, &allowed));
    if (a.status == ALERT_CLOSED)
        return problem_new(cx->arena, PROBLEM_CONFLICT, "the alert is closed");
    if (a.status == ALERT_ACKNOWLEDGED && !uuid_eq(a.acknowledged_by, cx->user_id))
        return already_acknowledged(cx, &a);
    if (!allowed)
        return problem_new(cx->arena, PROBLEM_FORBIDDEN,
                           "it is assigned to somebody else, or you are not on duty");
    if (a.status != ALERT_ACKNOWLEDGED) {
        int64_t at_us;
        TRY(alert_set_acknowledged(tx, cx, id, &at_us));
        TRY(alert_event_add(tx, cx, id, "ACKNOWLEDGED", cx->user_id, 0, NULL, NULL));
        TRY(audit_add(tx, cx, "ALERT_ACKNOWLEDGED", "alerts", id));
        TRY(event_acknowledged(tx, cx, id, at_us));
    }
    return attend ? attend_patient(tx, cx, a.patient_id) : NULL;
}

/* ---- escalating -------------------------------------------------------------------------------*/

struct problem *alert_escalate(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                               struct str reason)
{
    struct alert a;
    struct alert_policy policy;
    struct audience to;
    TRY(alert_get(tx, cx, id, true, &a));
    if (a.status == ALERT_ACKNOWLEDGED || a.status == ALERT_CLOSED)
        return problem_new(cx->arena, PROBLEM_CONFLICT, "an alert does not go from %s to ESCALATED",
                           alert_status_names[a.status]);
    TRY(alert_policy_get(tx, cx, a.urgency_level, &policy));
    TRY(audience_next(tx, cx, &a, &to));
    /* The ADMINs are told again until somebody acknowledges. */
    int64_t due_s = policy.escalate_after_s;
    if (to.nobody && due_s > 0 && due_s < ADMINS_AGAIN_S)
        due_s = ADMINS_AGAIN_S;
    TRY(alert_set_escalated(tx, cx, id, to.assigned_to, to.tier, reason, due_s,
                            policy.sms ? policy.sms_after_s : 0));
    TRY(alert_event_add(tx, cx, id, "ESCALATED", cx->user_id, 0, NULL,
                        to.nobody ? "nobody on duty is left: every ADMIN" : NULL));
    TRY(audit_add(tx, cx, "ALERT_ESCALATED", "alerts", id));
    TRY(event_new(tx, cx, &a, &to.show, false));
    TRY(event_escalated(tx, cx, &a, to.assigned_to));
    return alert_page(tx, cx, id, &policy, &to.page);
}
