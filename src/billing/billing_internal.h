/* Shared by the files of src/billing only. */
#ifndef NEXACORE_BILLING_INTERNAL_H
#define NEXACORE_BILLING_INTERNAL_H

#include "billing/billing.h"
#include "phi/phi.h"

struct billing_item {
    struct str order_id, status, currency;
    int64_t cents, synced_us;
};
/* The cached orders of one patient and when they were last read (wall us; 0: never). */
struct problem *billing_of_patient(struct pg_tx *tx, const struct ctx *cx, struct uuid patient,
                                   struct billing_item **ret, size_t *ret_count,
                                   int64_t *ret_synced_us);

/* A clinic's connection to Square; `token` opened. */
struct square_link {
    struct str token;
    struct str locations; /* JSON array of location ids */
    struct str cursor;    /* of an unfinished round; p NULL: none */
    int64_t since_us;     /* everything changed before was read; 0: nothing yet */
};
/* PROBLEM_NOT_FOUND when the clinic has none. */
struct problem *square_link_get(struct pg_tx *tx, const struct ctx *cx, struct square_link *ret);

/* One order as the cache shows it. */
struct square_order {
    struct str id, reference; /* reference: the patient's id, if it is one of this clinic */
    const char *status;       /* PENDING, PAID or REJECTED */
    int64_t cents;
    struct str currency;
    int64_t updated_us;
};
struct problem *square_order_put(struct pg_tx *tx, const struct ctx *cx,
                                 const struct square_order *order);
/* Where the round is: next page, or its end with what was reached. */
struct problem *square_progress(struct pg_tx *tx, const struct ctx *cx, struct str cursor,
                                int64_t since_us, bool finished);
struct problem *square_failed(struct pg_tx *tx, const struct ctx *cx, const char *why);

/* The job of QUEUE_SQUARE: reads one page after the other until the round is done. */
struct problem *square_sync_job(struct bullmq_job *job);
http_handler square_webhook;

#endif
