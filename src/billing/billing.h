/* Billing as Square says it: a display cache, never the source of truth, never written back
 * (SPEC 12). */
#ifndef NEXACORE_BILLING_H
#define NEXACORE_BILLING_H

#include "app/features.h"
#include "json/json_out.h"

struct billing_stats {
    int64_t count[3], cents[3]; /* PENDING, PAID, REJECTED */
    struct str currency;        /* p NULL: nothing cached yet */
    int64_t synced_us;          /* the oldest of the clinics asked for; 0: never */
    bool connected, stale;
};

/* Of one clinic, or of all (`clinic` UUID_NONE, corporate only). */
struct problem *billing_stats_get(struct pg_tx *tx, const struct ctx *cx, struct uuid clinic,
                                  struct billing_stats *ret);
void billing_stats_members(struct jw *w, const struct billing_stats *s);

/* PROBLEM_NOT_FOUND unless the clinic exists (and the context may see it). */
struct problem *clinic_require(struct pg_tx *tx, const struct ctx *cx, struct uuid clinic);

extern const struct http_route billing_routes[];
extern const size_t billing_route_count;
extern const struct work_queue billing_queues[];
extern const size_t billing_queue_count;

#endif
