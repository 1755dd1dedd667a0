/* Patients: registration, the waiting list and the way through the clinic (SPEC 5). */
#ifndef NEXACORE_PATIENTS_H
#define NEXACORE_PATIENTS_H

#include "app/features.h"
#include "phi/phi.h"

enum patient_status { PATIENT_WAITING, PATIENT_BEING_ATTENDED, PATIENT_DISCHARGED };
extern const char *const patient_status_names[]; /* NULL-terminated, by the enum */

/* A row of patients, opened. */
struct patient {
    struct uuid id, clinic_id;
    struct phi full_name, date_of_birth, insurance_id;
    bool has_ssn, provisional;
    enum patient_status status;
    int64_t arrived_us, attended_us, discharged_us, created_us; /* wall; 0: not yet */
    struct str urgency_level;                                   /* p NULL: none */
    int64_t urgency_rank;
    struct uuid open_alert_id;
    struct str same_person; /* JSON array of ids; p NULL: nobody, or not asked (lists) */
    int64_t version;
    bool damaged; /* a sealed value of it does not open, and is absent here */
};

/* What is known of somebody new; absent values are none. */
struct patient_new {
    struct uuid id; /* UUID_NONE: a new one is made */
    struct phi full_name, date_of_birth, insurance_id, ssn;
    int64_t arrived_us;       /* 0: now */
    struct str urgency_level; /* p NULL: none */
    bool provisional;         /* made by the pipeline before somebody looked */
};

/* Inserts, with blind indexes, audit event and patient:status_changed, in the caller's transaction.
 * Values must be scrubbed. An id that exists already is left as it is (a retried job). */
struct problem *patient_create(struct pg_tx *tx, const struct ctx *cx,
                               const struct patient_new *values, struct uuid *ret_id);

/* Corrects a provisional or reviewed patient: values that are none stay as they are.
 * Of a damaged patient all of them must be given: PROBLEM_CONFLICT otherwise. */
struct problem *patient_correct(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                                const struct patient_new *values);

/* One row of the clinic; PROBLEM_NOT_FOUND otherwise. A damaged patient is found too, so that it
 * can be attended and paged for. */
struct problem *patient_get(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                            struct patient *ret);

/* The only writer of patients.status: checks the step, stamps, closes open alerts on discharge,
 * audits and emits. */
struct problem *patient_move(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                             enum patient_status to);

/* The patient is at least this urgent ("LOW".."CRITICAL") from now on: who waits with an alert
 * stands in the waiting list where the alert says. Never lowers. */
struct problem *patient_urgency_raise(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                                      struct str level);

/* The Patient object of the API (SPEC 5), PHI in clear: for answers to those allowed only. */
void patient_write(struct jw *w, const struct patient *p);

extern const struct http_route patients_routes[];
extern const size_t patients_route_count;

#endif
