/* Alerts: made by the pipeline or by people, paged, acknowledged, escalated, closed (SPEC 9).
 *
 * The rule not to break: who is to be paged is written in the transaction that makes or escalates
 * an alert (rows PAGED of alert_events); src/notify reads them and sends, never decides. */
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

enum urgency { URGENCY_LOW, URGENCY_MODERATE, URGENCY_URGENT, URGENCY_CRITICAL };
extern const char *const urgency_names[]; /* by the enum, NULL-terminated */

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
 * first alert-dispatch jobs. An open alert of the same form, or one of the same id, is returned
 * instead of a second one; when the new urgency is higher, that alert is raised to it and paged
 * again (a closed one is followed by a new one). */
struct problem *alert_create(struct pg_tx *tx, const struct ctx *cx, const struct alert_new *values,
                             struct uuid *ret_id);

/* Closes every open alert of a discharged patient, in the caller's transaction. */
struct problem *alerts_close_of_patient(struct pg_tx *tx, const struct ctx *cx,
                                        struct uuid patient);

/* Acknowledges as the user of the context (a request, or a reply to an SMS). The same user again is
 * no error; another user is PROBLEM_CONFLICT naming who was first. `attend` moves a waiting patient
 * to BEING_ATTENDED. */
struct problem *alert_acknowledge(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                                  bool attend);

/* To the next people: the next tier on duty, then whoever on duty was not paged yet, then every
 * ADMIN. As the user of the context, or as the system (timer, nobody reachable). `reason` is
 * scrubbed text, p NULL for none. */
struct problem *alert_escalate(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                               struct str reason);

/* A provider took a message of the channel ("push", "sms"): its first stamp (queued). */
struct problem *alert_sent(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                           const char *channel);

/* A provider confirmed a delivery: the first one is PENDING -> DELIVERED. */
struct problem *alert_delivered(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                                const char *channel);

/* What an urgency means in this clinic (clinic_settings.alert_policy over the defaults). */
struct alert_policy {
    bool push, sms;
    int64_t sms_after_s;      /* 0: at once */
    int64_t escalate_after_s; /* 0: never */
};
struct problem *alert_policy_get(struct pg_tx *tx, const struct ctx *cx, struct str urgency,
                                 struct alert_policy *ret);

/* Adds a step to the timeline (queued). `detail` is a code or scrubbed text; NULL for none. */
struct problem *alert_event_add(struct pg_tx *tx, const struct ctx *cx, struct uuid alert,
                                const char *event, struct uuid user, int64_t step,
                                const char *channel, const char *detail);

/* Adds an alert-dispatch job of the alert (queued); `step` names it: "1-push", "2-sms", "again". */
struct problem *alert_job_add(struct pg_tx *tx, const struct ctx *cx, struct uuid alert,
                              const char *step);

/* Notes on the alert's timeline that a review scored its form lower than before; the alert stays as
 * it is. `ret_open` says whether it is still open. */
struct problem *alert_note_lowered(struct pg_tx *tx, const struct ctx *cx, struct uuid alert,
                                   const char *from_level, const char *to_level, bool *ret_open);

extern const struct http_route alerts_routes[];
extern const size_t alerts_route_count;
extern const struct work_tick alerts_ticks[];
extern const size_t alerts_tick_count;

#endif
