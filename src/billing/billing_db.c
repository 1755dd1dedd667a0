/* SQL of the billing cache and of the connection to Square. */
#include "base/cleanup.h"
#include "base/clock.h"
#include "billing/billing_internal.h"

enum { STALE_AFTER_US = 15 * 60 * 1000000 };

static const struct pg_stmt of_patient = {
    "billing_of_patient",
    "SELECT b.square_order_id, b.status, b.amount_cents, b.currency, b.last_synced_at,"
    " (SELECT last_synced_at FROM square_connections s WHERE s.clinic_id = $1::uuid)"
    " FROM patients p LEFT JOIN billing_display_cache b ON b.clinic_id = p.clinic_id"
    " AND b.patient_id = p.id WHERE p.clinic_id = $1::uuid AND p.id = $2::uuid"
    " ORDER BY b.square_updated_at DESC NULLS LAST, b.id"};
#define STATS(which)                                                                               \
    "SELECT count(*) FILTER (WHERE status = 'PENDING'), count(*) FILTER (WHERE status = 'PAID'),"  \
    " count(*) FILTER (WHERE status = 'REJECTED'),"                                                \
    " coalesce(sum(amount_cents) FILTER (WHERE status = 'PENDING'), 0)::bigint,"                   \
    " coalesce(sum(amount_cents) FILTER (WHERE status = 'PAID'), 0)::bigint,"                      \
    " coalesce(sum(amount_cents) FILTER (WHERE status = 'REJECTED'), 0)::bigint,"                  \
    " (mode() WITHIN GROUP (ORDER BY currency))::text,"                                            \
    " (SELECT min(last_synced_at) FROM square_connections WHERE " which "),"                       \
    " (SELECT count(*) FROM square_connections WHERE " which ")"                                   \
    " FROM billing_display_cache WHERE " which
static const struct pg_stmt stats_one = {"billing_stats", STATS("clinic_id = $1::uuid")};
static const struct pg_stmt stats_all = {"billing_stats_all", STATS("true")};
static const struct pg_stmt clinic_by_id = {"billing_clinic_by_id",
                                            "SELECT 1 FROM clinics WHERE id = $1::uuid"};
static const struct pg_stmt link_get = {
    "square_link_get",
    "SELECT token, phi_key_version, to_jsonb(location_ids), cursor, updated_since"
    " FROM square_connections WHERE clinic_id = $1::uuid"};
/* An older answer never overwrites a newer one; a foreign reference is nobody's. */
static const struct pg_stmt order_put = {
    "square_order_put",
    "INSERT INTO billing_display_cache AS b (clinic_id, patient_id, square_order_id, status,"
    " amount_cents, currency, square_updated_at) VALUES ($1::uuid,"
    " (SELECT id FROM patients WHERE clinic_id = $1::uuid AND id = $2::uuid), $3, $4, $5::int,"
    " $6::text, $7::timestamptz) ON CONFLICT (clinic_id, square_order_id) DO UPDATE SET"
    " patient_id = excluded.patient_id, status = excluded.status,"
    " amount_cents = excluded.amount_cents, currency = excluded.currency,"
    " square_updated_at = excluded.square_updated_at, last_synced_at = now()"
    " WHERE b.square_updated_at IS NULL OR b.square_updated_at <= excluded.square_updated_at"};
static const struct pg_stmt progress = {
    "square_progress",
    "UPDATE square_connections SET cursor = $2,"
    " updated_since = CASE WHEN $4::bool THEN greatest(updated_since, $3::timestamptz)"
    " ELSE updated_since END,"
    " last_synced_at = CASE WHEN $4::bool THEN now() ELSE last_synced_at END, last_error = NULL"
    " WHERE clinic_id = $1::uuid"};
static const struct pg_stmt failed = {
    "square_failed", "UPDATE square_connections SET last_error = $2 WHERE clinic_id = $1::uuid"};
static const struct pg_stmt *const stmts[] = {&of_patient, &stats_one, &stats_all, &clinic_by_id,
                                              &link_get,   &order_put, &progress,  &failed};

__attribute__((constructor)) static void register_statements(void)
{
    pg_register(stmts, ARRAY_LEN(stmts));
}

struct problem *billing_of_patient(struct pg_tx *tx, const struct ctx *cx, struct uuid patient,
                                   struct billing_item **ret, size_t *ret_count,
                                   int64_t *ret_synced_us)
{
    struct pg_result *r;
    TRY(PG_QUERY(tx, &of_patient, &r, PG_P_UUID(cx->clinic_id), PG_P_UUID(patient)));
    if (pg_rows(r) == 0)
        return problem_new(cx->arena, PROBLEM_NOT_FOUND, "there is no such patient");
    *ret_count = 0;
    *ret = arena_array(cx->arena, pg_rows(r), sizeof(struct billing_item));
    for (size_t i = 0; i < pg_rows(r); i++) {
        if (pg_is_null(r, i, 0))
            continue; /* the patient without an order */
        (*ret)[(*ret_count)++] = (struct billing_item){.order_id = pg_get_str(r, i, 0),
                                                       .status = pg_get_str(r, i, 1),
                                                       .cents = pg_get_int(r, i, 2),
                                                       .currency = str_trim(pg_get_str(r, i, 3)),
                                                       .synced_us = pg_get_time(r, i, 4)};
    }
    *ret_synced_us = pg_get_time(r, 0, 5);
    return NULL;
}

struct problem *billing_stats_get(struct pg_tx *tx, const struct ctx *cx, struct uuid clinic,
                                  struct billing_stats *ret)
{
    struct pg_result *r;
    if (uuid_is_none(clinic))
        TRY(pg_query(tx, &stats_all, NULL, 0, &r));
    else
        TRY(PG_QUERY(tx, &stats_one, &r, PG_P_UUID(clinic)));
    (void)cx;
    for (int i = 0; i < 3; i++) {
        ret->count[i] = pg_get_int(r, 0, i);
        ret->cents[i] = pg_get_int(r, 0, 3 + i);
    }
    ret->currency = str_trim(pg_get_str(r, 0, 6));
    ret->synced_us = pg_get_time(r, 0, 7);
    ret->connected = pg_get_int(r, 0, 8) > 0;
    ret->stale = ret->synced_us < clock_wall_us() - STALE_AFTER_US;
    return NULL;
}

struct problem *clinic_require(struct pg_tx *tx, const struct ctx *cx, struct uuid clinic)
{
    struct pg_result *r;
    TRY(PG_QUERY(tx, &clinic_by_id, &r, PG_P_UUID(clinic)));
    return pg_rows(r) ? NULL : problem_new(cx->arena, PROBLEM_NOT_FOUND, "there is no such clinic");
}

struct problem *square_link_get(struct pg_tx *tx, const struct ctx *cx, struct square_link *ret)
{
    struct pg_result *r;
    struct phi token;
    TRY(PG_QUERY(tx, &link_get, &r, PG_P_UUID(cx->clinic_id)));
    if (pg_rows(r) == 0)
        return problem_new(cx->arena, PROBLEM_NOT_FOUND, "the clinic is not connected to Square");
    struct phi_place place = {"square_connections", "token", cx->clinic_id};
    TRY(phi_open(cx, place, pg_get_str(r, 0, 0), (int)pg_get_int(r, 0, 1), &token));
    *ret = (struct square_link){.token = phi_reveal(token),
                                .locations = pg_get_str(r, 0, 2),
                                .cursor = pg_get_str(r, 0, 3),
                                .since_us = pg_get_time(r, 0, 4)};
    return NULL;
}

struct problem *square_order_put(struct pg_tx *tx, const struct ctx *cx,
                                 const struct square_order *o)
{
    struct uuid patient = UUID_NONE;
    uuid_parse(o->reference, &patient);
    return PG_QUEUE(tx, &order_put, PG_P_UUID(cx->clinic_id), PG_P_UUID_OR_NULL(patient),
                    PG_P_TEXT(o->id), PG_P_Z(o->status), PG_P_INT(o->cents), PG_P_TEXT(o->currency),
                    PG_P_TIME(o->updated_us));
}

struct problem *square_progress(struct pg_tx *tx, const struct ctx *cx, struct str cursor,
                                int64_t since_us, bool finished)
{
    return PG_EXEC(tx, &progress, NULL, PG_P_UUID(cx->clinic_id), PG_P_TEXT_OR_NULL(cursor),
                   PG_P_TIME_OR_NULL(since_us), PG_P_BOOL(finished));
}

struct problem *square_failed(struct pg_tx *tx, const struct ctx *cx, const char *why)
{
    return PG_EXEC(tx, &failed, NULL, PG_P_UUID(cx->clinic_id), PG_P_Z(why));
}
