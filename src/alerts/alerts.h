/* Alerts: made by the pipeline or by people, paged, acknowledged, escalated, closed (SPEC 9). */
#ifndef NEXACORE_ALERTS_H
#define NEXACORE_ALERTS_H

#include "app/features.h"
#include "phi/phi.h"

enum alert_status {
    ALERT_PENDING,
    ALERT_DELIVERED,
    ALERT_ACKNOWLEDGED,
    ALERT_ESCALATED,
    ALERT_CLOSED
};
extern const char *const alert_status_names[]; /* NULL-terminated, by the enum */
extern const char *const urgency_names[];      /* LOW, MODERATE, URGENT, CRITICAL, NULL */

struct alert_new {
    struct uuid id; /* UUID_NONE: a new one; derived from the form by the pipeline */
    struct uuid patient_id;
    struct uuid assigned_to;    /* UUID_NONE: whoever is on duty in tier 1 */
    struct uuid intake_form_id; /* UUID_NONE: made by a person */
    struct str urgency_level;
    struct str room_number; /* p NULL: none */
    struct str reason;      /* rule labels, or a scrubbed note; p NULL: none */
};

/* In the caller's transaction: the row, its audit event, alert:new to those it concerns, and its
 * first alert-dispatch job. An open alert of the same form is returned instead of a second one. */
struct problem *alert_create(struct pg_tx *tx, const struct ctx *cx, const struct alert_new *values,
                             struct uuid *ret_id);

/* Closes every open alert of a discharged patient, in the caller's transaction. */
struct problem *alerts_close_of_patient(struct pg_tx *tx, const struct ctx *cx,
                                        struct uuid patient);

extern const struct http_route alerts_routes[];
extern const size_t alerts_route_count;

#endif
