/* Rules of patients: who may go where, and what else happens then. */
#include "patients/patients.h"

#include "alerts/alerts.h"
#include "audit/audit.h"
#include "base/cleanup.h"
#include "live/live.h"
#include "patients/patients_internal.h"

static const unsigned next_states[] = {
    [PATIENT_WAITING] = BIT(PATIENT_BEING_ATTENDED),
    [PATIENT_BEING_ATTENDED] = BIT(PATIENT_DISCHARGED) | BIT(PATIENT_WAITING),
    [PATIENT_DISCHARGED] = 0,
};

static struct problem *status_event(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                                    enum patient_status status)
{
    CLEANUP(buf_free) struct buf payload = BUF_MAX(256);
    struct jw w = jw_to(&payload);
    jw_obj(&w);
    jw_key(&w, "patientId");
    jw_uuid(&w, id);
    jw_key(&w, "newStatus");
    jw_z(&w, patient_status_names[status]);
    jw_end(&w);
    struct outbox_event event = {
        .name = "patient:status_changed",
        .payload = buf_str(&payload),
        .rooms = {live_room_role(cx->arena, cx->clinic_id, ROLE_ADMIN),
                  live_room_role(cx->arena, cx->clinic_id, ROLE_DOCTOR),
                  live_room_role(cx->arena, cx->clinic_id, ROLE_ADMISSIONS)},
    };
    return outbox_event(tx, cx, &event);
}

struct problem *patient_create(struct pg_tx *tx, const struct ctx *cx,
                               const struct patient_new *values, struct uuid *ret_id)
{
    struct uuid id = uuid_is_none(values->id) ? ctx_new_id(cx, "patients") : values->id;
    bool made = false;
    TRY(patient_insert(tx, cx, id, values, &made));
    if (made) {
        TRY(audit_add(tx, cx, "CREATE_PATIENT", "patients", id));
        TRY(status_event(tx, cx, id, PATIENT_WAITING));
    }
    *ret_id = id;
    return NULL;
}

static struct phi given_or(struct phi given, struct phi kept)
{
    return phi_is_none(given) ? kept : given;
}

struct problem *patient_correct(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                                const struct patient_new *values)
{
    struct patient old;
    TRY(patient_get(tx, cx, id, &old));
    if (old.damaged && (phi_is_none(values->full_name) || phi_is_none(values->date_of_birth) ||
                        phi_is_none(values->insurance_id)))
        return problem_new(cx->arena, PROBLEM_CONFLICT,
                           "a stored value cannot be read: give name, birth date and insurance id");
    struct patient_new all = *values;
    all.full_name = given_or(values->full_name, old.full_name);
    all.date_of_birth = given_or(values->date_of_birth, old.date_of_birth);
    all.insurance_id = given_or(values->insurance_id, old.insurance_id);
    TRY(patient_update(tx, cx, id, &all));
    return audit_add(tx, cx, "UPDATE_PATIENT", "patients", id);
}

struct problem *patient_move(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                             enum patient_status to)
{
    struct patient now;
    TRY(patient_get(tx, cx, id, &now));
    if (!(next_states[now.status] & BIT(to)))
        return problem_new(cx->arena, PROBLEM_CONFLICT, "a patient does not go from %s to %s",
                           patient_status_names[now.status], patient_status_names[to]);
    TRY(patient_status_set(tx, cx, id, now.status, to));
    if (to == PATIENT_DISCHARGED)
        TRY(alerts_close_of_patient(tx, cx, id));
    TRY(audit_add(tx, cx, "UPDATE_PATIENT", "patients", id));
    return status_event(tx, cx, id, to);
}
