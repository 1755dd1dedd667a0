/* Shared by the files of src/alerts only. */
#ifndef NEXACORE_ALERTS_INTERNAL_H
#define NEXACORE_ALERTS_INTERNAL_H

#include "alerts/alerts.h"
#include "app/rest.h"

enum { TIER_ADMINS = 100 };

/* A row of alerts with what is shown of it. */
struct alert {
    struct uuid id, clinic_id, patient_id, assigned_to, acknowledged_by, intake_form_id;
    struct phi patient_name;
    struct str name_sealed; /* as stored, for events */
    int name_version;
    struct str urgency_level, room_number, reason; /* p NULL: none */
    enum alert_status status;
    int64_t push_sent_us, sms_sent_us, acknowledged_us, escalated_us, created_us; /* 0: not yet */
    int64_t urgency_rank, version, tier;
    struct str acknowledged_name; /* who was first; p NULL: nobody */
    struct str deliveries;        /* JSON array */
};

struct alert_filter {
    int status;          /* enum alert_status, or -1: everything open */
    struct str urgency;  /* p NULL: any */
    struct uuid only_of; /* own and unassigned of this user; UUID_NONE: all of the clinic */
    struct page page;
};

/* One row of the clinic; PROBLEM_NOT_FOUND otherwise. `lock` holds it until the transaction ends:
 * every change begins with that. */
struct problem *alert_get(struct pg_tx *tx, const struct ctx *cx, struct uuid id, bool lock,
                          struct alert *ret);

/* Rows of the list, limit + 1 at most: most urgent first, then oldest. */
struct problem *alerts_list(struct pg_tx *tx, const struct ctx *cx, const struct alert_filter *f,
                            struct alert **ret, size_t *ret_count);

/* Inserts the row; `ret_made` is false when the id or an open alert of the form exists. */
struct problem *alert_insert(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                             const struct alert_new *v, const struct alert_policy *policy,
                             int64_t tier, bool *ret_made);

/* The alert that stood in the way of an insert. */
struct problem *alert_existing(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                               struct uuid form, struct uuid *ret);

/* The only writers of alerts.status, besides alert_delivered and alerts_close_of_patient; the row
 * is locked and the step was checked. */
struct problem *alert_set_acknowledged(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                                       int64_t *ret_at_us);
struct problem *alert_set_closed(struct pg_tx *tx, const struct ctx *cx, struct uuid id);
struct problem *alert_set_escalated(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                                    struct uuid assigned_to, int64_t tier, struct str reason,
                                    int64_t due_s, int64_t sms_due_s);
struct problem *alert_set_urgency(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                                  const struct alert_new *v, const struct alert_policy *policy);

/* May the context's user acknowledge: the assignee, somebody this alert was escalated to or paged,
 * anyone on duty while it is unassigned. */
struct problem *alert_acknowledge_allowed(struct pg_tx *tx, const struct ctx *cx,
                                          const struct alert *a, bool *ret);

/* The timeline as a JSON array, from upload on. */
struct problem *alert_timeline(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                               struct str *ret);

/* ---- who is paged (alert_page.c) --------------------------------------------------------------*/

enum { PEOPLE_MAX = 20 };

struct people {
    struct uuid id[PEOPLE_MAX];
    size_t count;
};

/* Who gets a new alert: those to page, those to show it to, and the tier it starts on. */
struct audience {
    struct people page, show;
    struct uuid assigned_to;
    int64_t tier;
    bool nobody; /* nobody on duty: the ADMINs are paged */
};

/* For an alert that begins. A wrong `assigned_to` is PROBLEM_VALIDATION. */
struct problem *audience_first(struct pg_tx *tx, const struct ctx *cx, struct uuid assigned_to,
                               struct audience *ret);
/* For an alert that goes on: see alert_escalate(). `show` is those of `page` who were not shown it
 * yet. */
struct problem *audience_next(struct pg_tx *tx, const struct ctx *cx, const struct alert *a,
                              struct audience *ret);

/* Writes PAGED rows of the next step and its dispatch jobs (queued). */
struct problem *alert_page(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                           const struct alert_policy *policy, const struct people *people);

#endif
