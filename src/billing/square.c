/* square-sync and the webhook of Square (SearchOrders, ListPayments: developer.squareup.com, Orders
 * and Payments API). Orders are read by `updated_at` page by page; each page and its cursor are one
 * transaction, so a job that dies goes on where it was. Nothing is ever written to Square. */
#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "app/app.h"
#include "auth/auth.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crypt.h"
#include "billing/billing_internal.h"
#include "fetch/fetch.h"
#include "json/json_in.h"
#include "phi/scrub.h"

enum { PAGE_ORDERS = 200, PAGES_MAX = 500, ANSWER_MAX = 8 << 20 };
#define SQUARE_VERSION "2026-01-22"

/* A text that is not empty, else STR_NONE. */
static struct str text_of(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    size_t n = json_string_length(v);
    return n > 0 ? (struct str){json_string_value(v), n} : STR_NONE;
}

/* Order state to what the cache shows; a failed payment of an open order is a rejection. */
static const char *status_of(const json_t *order)
{
    struct str state = text_of(order, "state");
    if (str_eq(state, STR("COMPLETED")))
        return "PAID";
    if (str_eq(state, STR("CANCELED")) || str_eq(state, STR("FAILED")))
        return "REJECTED";
    const json_t *tender;
    size_t i;
    json_array_foreach (json_object_get(order, "tenders"), i, tender) {
        struct str card = text_of(json_object_get(tender, "card_details"), "status");
        if (str_eq(card, STR("FAILED")) || str_eq(card, STR("VOIDED")))
            return "REJECTED";
    }
    return "PENDING";
}

/* Three capital letters (ISO 4217). */
static bool is_currency(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < 'A' || s.p[i] > 'Z')
            return false;
    }
    return s.n == 3;
}

/* False for what cannot be shown, and for an order whose id holds a card number. */
static bool order_read(struct arena *arena, const json_t *entry, struct square_order *ret)
{
    const json_t *money = json_object_get(entry, "total_money");
    *ret = (struct square_order){
        .id = text_of(entry, "id"),
        .reference = text_of(entry, "reference_id"),
        .status = status_of(entry),
        .cents = json_integer_value(json_object_get(money, "amount")),
        .currency = text_of(money, "currency"),
    };
    if (!is_currency(ret->currency))
        ret->currency = STR("USD");
    return !scrub(arena, (struct raw_text){ret->id}).found && ret->id.n > 0 && ret->id.n <= 192 &&
           ret->cents >= INT32_MIN && ret->cents <= INT32_MAX &&
           clock_parse(text_of(entry, "updated_at"), &ret->updated_us);
}

/* ---- one page ---------------------------------------------------------------------------------*/

static void search_body(const struct square_link *link, struct buf *out)
{
    char since[CLOCK_TEXT_MAX];
    clock_text(link->since_us, since);
    struct jw w = jw_to(out);
    jw_obj(&w);
    jw_key(&w, "location_ids");
    jw_raw(&w, link->locations);
    jw_key(&w, "limit");
    jw_int(&w, PAGE_ORDERS);
    if (link->cursor.p) {
        jw_key(&w, "cursor");
        jw_str(&w, link->cursor);
    }
    jw_key(&w, "query");
    jw_obj(&w);
    jw_key(&w, "filter");
    jw_obj(&w);
    jw_key(&w, "date_time_filter");
    jw_obj(&w);
    jw_key(&w, "updated_at");
    jw_obj(&w);
    jw_key(&w, "start_at");
    jw_z(&w, since);
    jw_end(&w);
    jw_end(&w);
    jw_end(&w);
    jw_key(&w, "sort");
    jw_obj(&w);
    jw_key(&w, "sort_field");
    jw_z(&w, "UPDATED_AT");
    jw_key(&w, "sort_order");
    jw_z(&w, "ASC");
    jw_end(&w);
    jw_end(&w);
    jw_end(&w);
}

static struct problem *search(const struct ctx *cx, const struct square_link *link, json_t **ret)
{
    CLEANUP(buf_free) struct buf body = BUF_MAX(64 * 1024);
    search_body(link, &body);
    struct fetch_request rq = {
        .method = "POST",
        .url = arena_fmt(cx->arena, "%s/v2/orders/search",
                         conf_text(cx->app->conf, "NEXACORE_SQUARE_BASE_URL")),
        .headers = {arena_fmt(cx->arena, "Authorization: Bearer " STR_FMT, STR_ARG(link->token)),
                    "Content-Type: application/json", "Square-Version: " SQUARE_VERSION},
        .body = buf_str(&body),
        .answer_max = ANSWER_MAX,
    };
    struct fetch_answer answer;
    const char *why = "";
    if (fetch(cx->arena, &rq, &answer, &why) != FETCH_ANSWERED)
        return problem_cause(problem_new(cx->arena, PROBLEM_UNAVAILABLE, "Square does not answer"),
                             "%s", why);
    if (answer.status != 200) {
        enum problem_kind kind = answer.status == 400 ? PROBLEM_BAD_REQUEST : PROBLEM_UNAVAILABLE;
        struct problem *p = problem_new(cx->arena, kind, "Square answered %d", answer.status);
        p->retry_after_s = answer.retry_after_s;
        return p;
    }
    return json_read(cx->arena, answer.body, ret);
}

static struct problem *page_store(const struct ctx *cx, const json_t *page, struct str next,
                                  int64_t *newest_us)
{
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_WRITE));
    const json_t *entry;
    size_t i;
    json_array_foreach (json_object_get(page, "orders"), i, entry) {
        struct square_order order;
        if (!order_read(cx->arena, entry, &order))
            continue;
        TRY(square_order_put(&tx, cx, &order));
        if (order.updated_us > *newest_us)
            *newest_us = order.updated_us;
    }
    TRY(square_progress(&tx, cx, next, *newest_us, !next.p));
    return pg_tx_commit(&tx);
}

static void arena_done(struct arena **arena)
{
    arena_free(arena);
}

/* Each page lives in an arena of its own, which is emptied before the next. */
static struct problem *round_run(const struct ctx *cx, struct square_link *link)
{
    int64_t newest_us = link->since_us;
    CLEANUP(arena_done) struct arena *arena = arena_new(64 << 20);
    struct ctx of_page = *cx;
    of_page.arena = arena;
    for (int i = 0; i < PAGES_MAX; i++) {
        CLEANUP(json_done) json_t *page = NULL;
        struct problem *p = search(&of_page, link, &page);
        if (!p) {
            link->cursor = arena_str(cx->arena, text_of(page, "cursor"));
            p = page_store(&of_page, page, link->cursor, &newest_us);
        }
        if (p) {
            struct problem *kept = arena_make(cx->arena, struct problem);
            *kept = *p;
            return kept;
        }
        if (!link->cursor.p)
            return NULL;
        arena_reset(arena);
    }
    return NULL; /* the next round goes on at the cursor */
}

struct problem *square_sync_job(struct bullmq_job *job)
{
    struct job_ids ids;
    struct square_link link;
    TRY(job_ids_read(job, QUEUE_SQUARE, &ids));
    struct ctx cx = job_ctx(job, ids.clinic_id);
    {
        CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
        TRY(tx_begin(&tx, &cx, PG_READ));
        struct problem *p = square_link_get(&tx, &cx, &link);
        if (p && p->kind == PROBLEM_NOT_FOUND)
            return NULL; /* disconnected meanwhile */
        TRY(p);
        TRY(pg_tx_commit(&tx));
    }
    struct problem *p = round_run(&cx, &link);
    if (!p)
        return NULL;
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, &cx, PG_WRITE));
    if (p->kind == PROBLEM_BAD_REQUEST && link.cursor.p) /* a cursor Square knows no more */
        TRY(square_progress(&tx, &cx, STR_NONE, link.since_us, false));
    TRY(square_failed(&tx, &cx, p->detail));
    TRY(pg_tx_commit(&tx));
    return p;
}

/* ---- the webhook ------------------------------------------------------------------------------*/

static const struct pg_stmt event_seen = {
    "square_event_seen",
    "INSERT INTO webhook_events (provider, event_id) VALUES ('square', $1) ON CONFLICT DO NOTHING"};
static const struct pg_stmt clinic_of_merchant = {
    "square_clinic_of_merchant", "SELECT clinic_id FROM square_connections WHERE merchant_id = $1"};
static const struct pg_stmt *const stmts[] = {&event_seen, &clinic_of_merchant};

__attribute__((constructor)) static void register_statements(void)
{
    pg_register(stmts, ARRAY_LEN(stmts));
}

/* HMAC-SHA-256 over notification URL and raw body, base64 (Square, "Validate notifications"). */
static struct problem *signature_check(struct http_request *rq, const struct app *app)
{
    const char *secret = conf_text(app->conf, "NEXACORE_SQUARE_SIGNATURE_KEY");
    if (!secret)
        return problem_new(rq->arena, PROBLEM_NOT_FOUND, "Square's webhook is not set up here");
    CLEANUP(buf_free) struct buf text = BUF_MAX(512 * 1024);
    CLEANUP(buf_free) struct buf want = BUF_MAX(128);
    buf_addf(&text, "%s/webhooks/square", app->public_url);
    buf_add_str(&text, rq->body);
    uint8_t mac[SHA256_LEN];
    unsigned n = sizeof(mac);
    if (!HMAC(EVP_sha256(), secret, (int)strlen(secret), (const uint8_t *)text.data, text.len, mac,
              &n))
        return problem_new(rq->arena, PROBLEM_INTERNAL, "HMAC failed");
    base64_add(&want, (struct str){(const char *)mac, n});
    if (!ct_equal(buf_str(&want), http_header_get(rq, "x-square-hmacsha256-signature")))
        return problem_new(rq->arena, PROBLEM_FORBIDDEN, "the signature is wrong");
    return NULL;
}

static struct problem *clinic_find(const struct ctx *cx, struct str merchant, struct uuid *ret)
{
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    struct pg_result *r;
    TRY(tx_begin_relay(&tx, cx));
    TRY(PG_QUERY(&tx, &clinic_of_merchant, &r, PG_P_TEXT(merchant)));
    *ret = pg_rows(r) ? pg_get_uuid(r, 0, 0) : UUID_NONE;
    return pg_tx_commit(&tx);
}

/* The event's id and a job that reads Square at once: together or not at all. */
static struct problem *event_take(struct ctx *cx, struct str event_id)
{
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    size_t fresh = 0;
    TRY(tx_begin(&tx, cx, PG_WRITE));
    struct str kept = scrub(cx->arena, (struct raw_text){event_id}).s;
    TRY(PG_EXEC(&tx, &event_seen, &fresh, PG_P_TEXT(kept)));
    struct uuid key = uuid_derived(cx->clinic_id, event_id);
    struct outbox_job job = {
        .queue = QUEUE_SQUARE,
        .key = arena_fmt(cx->arena, "square-event-%s", uuid_z(key)),
        .data = arena_fmt(cx->arena, "{\"clinicId\":\"%s\"}", uuid_z(cx->clinic_id)),
    };
    if (fresh)
        TRY(outbox_job(&tx, cx, &job));
    return pg_tx_commit(&tx);
}

struct problem *square_webhook(struct http_request *rq, struct http_response *rs)
{
    struct ctx *cx = ctx_of(rq);
    TRY(signature_check(rq, cx->app));
    CLEANUP(json_done) json_t *root = NULL;
    TRY(json_read(rq->arena, rq->body, &root));
    struct str event_id = text_of(root, "event_id"), merchant = text_of(root, "merchant_id");
    if (event_id.n == 0 || event_id.n > 200 || merchant.n == 0 || merchant.n > 200)
        return problem_new(rq->arena, PROBLEM_BAD_REQUEST, "event_id and merchant_id are needed");
    TRY(clinic_find(cx, arena_str(rq->arena, merchant), &cx->clinic_id));
    if (!uuid_is_none(cx->clinic_id))
        TRY(event_take(cx, arena_str(rq->arena, event_id)));
    rs->status = 204;
    return NULL;
}
