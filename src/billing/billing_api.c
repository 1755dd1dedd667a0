/* GET /api/v1/patients/:id/billing, and what the dashboards show of billing. */
#include "audit/audit.h"
#include "auth/auth.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "billing/billing_internal.h"

enum { STALE_AFTER_US = 15 * 60 * 1000000 };

static const char *const statuses[] = {"PENDING", "PAID", "REJECTED"};

void billing_stats_members(struct jw *w, const struct billing_stats *s)
{
    jw_key(w, "counts");
    jw_obj(w);
    for (int i = 0; i < 3; i++) {
        jw_key(w, statuses[i]);
        jw_int(w, s->count[i]);
    }
    jw_end(w);
    jw_key(w, "amountCents");
    jw_obj(w);
    for (int i = 0; i < 3; i++) {
        jw_key(w, statuses[i]);
        jw_int(w, s->cents[i]);
    }
    jw_end(w);
    jw_key(w, "currency");
    jw_str(w, s->currency);
    jw_key(w, "lastSyncedAt");
    jw_time(w, s->synced_us);
    jw_key(w, "stale");
    jw_bool(w, s->stale);
    jw_key(w, "connected");
    jw_bool(w, s->connected);
}

static struct problem *patient_billing(struct http_request *rq, struct http_response *rs)
{
    struct ctx *cx = ctx_of(rq);
    struct uuid id;
    struct billing_item *items;
    size_t count;
    int64_t synced_us;
    TRY(http_path_uuid(rq, "id", &id));
    audit_read(rq, "billing_display_cache", id);
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_READ));
    TRY(billing_of_patient(&tx, cx, id, &items, &count, &synced_us));
    TRY(pg_tx_commit(&tx));
    struct jw w = jw_to(&rs->body);
    jw_obj(&w);
    jw_key(&w, "items");
    jw_arr(&w);
    for (size_t i = 0; i < count; i++) {
        jw_obj(&w);
        jw_key(&w, "squareOrderId");
        jw_str(&w, items[i].order_id);
        jw_key(&w, "status");
        jw_str(&w, items[i].status);
        jw_key(&w, "amountCents");
        jw_int(&w, items[i].cents);
        jw_key(&w, "currency");
        jw_str(&w, items[i].currency);
        jw_key(&w, "lastSyncedAt");
        jw_time(&w, items[i].synced_us);
        jw_end(&w);
    }
    jw_end(&w);
    jw_key(&w, "stale");
    jw_bool(&w, synced_us < clock_wall_us() - STALE_AFTER_US);
    jw_end(&w);
    return NULL;
}

const struct http_route billing_routes[] = {
    {HTTP_GET, "/api/v1/patients/:id/billing", patient_billing,
     .roles = ADMIN | ADMISSIONS | CORPORATE, .audit = "READ_BILLING",
     .flags = ROUTE_PHI_READ | ROUTE_NEEDS_CLINIC},
    {HTTP_POST, "/webhooks/square", square_webhook, .body = HTTP_BODY_RAW, .body_max = 256 * 1024,
     .flags = ROUTE_PUBLIC},
};
const size_t billing_route_count = ARRAY_LEN(billing_routes);

const struct work_queue billing_queues[] = {
    {.queue = QUEUE_SQUARE,
     .handler = square_sync_job,
     .concurrency = 1,
     .lock_ms = 60000,
     .stalled_interval_ms = 30000},
};
const size_t billing_queue_count = ARRAY_LEN(billing_queues);
