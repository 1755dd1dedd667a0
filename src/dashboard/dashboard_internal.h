/* Shared by the files of src/dashboard only. */
#ifndef NEXACORE_DASHBOARD_INTERNAL_H
#define NEXACORE_DASHBOARD_INTERNAL_H

#include "dashboard/dashboard.h"
#include "json/json_out.h"

enum { URGENCIES = 4 }; /* LOW, MODERATE, URGENT, CRITICAL */

struct flow {
    int64_t waiting, attended, discharged;
    int64_t arrived_today, discharged_today;
    bool has_waits;
    double wait_median, wait_p90; /* minutes */
    int64_t alerts[URGENCIES];
};

struct clinic_forms {
    int64_t processed, reviewed, emergencies;
};

/* Milliseconds; -1: nothing to measure. */
struct latency {
    double upload_p50, upload_p95, ack_p50, ack_p95;
};

struct clinic_row {
    struct uuid id;
    struct str name, country;
    bool is_active;
    struct flow flow;
    struct clinic_forms forms;
};

/* The flow of one clinic, or of all (`clinic` UUID_NONE, corporate only). */
struct problem *flow_get(struct pg_tx *tx, const struct ctx *cx, struct uuid clinic,
                         struct flow *ret);
struct problem *clinic_forms_get(struct pg_tx *tx, const struct ctx *cx, struct uuid clinic,
                                 struct clinic_forms *ret);
struct problem *latency_get(struct pg_tx *tx, const struct ctx *cx, struct uuid clinic,
                            struct latency *ret);
/* Every clinic with its numbers, by name. Corporate only. */
struct problem *clinics_get(struct pg_tx *tx, const struct ctx *cx, struct clinic_row **ret,
                            size_t *ret_count);

#endif
