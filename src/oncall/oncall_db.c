/* SQL of the duty roster. */
#include "base/cleanup.h"
#include "oncall/oncall_internal.h"

static const struct pg_stmt listed = {
    "oncall_listed",
    "SELECT s.id, s.user_id, u.full_name, s.tier, s.starts_at, s.ends_at,"
    " u.is_active AND now() >= s.starts_at AND now() < s.ends_at"
    " FROM on_call_shifts s JOIN users u ON u.clinic_id = s.clinic_id AND u.id = s.user_id"
    " WHERE s.clinic_id = $1::uuid AND s.ends_at > coalesce($2::timestamptz, now())"
    " AND ($3::timestamptz IS NULL OR s.starts_at < $3)"
    " ORDER BY s.starts_at, s.tier, s.id LIMIT 2000"};
static const struct pg_stmt drop = {
    "oncall_drop", "DELETE FROM on_call_shifts WHERE clinic_id = $1::uuid AND ends_at > now()"};
#define SHIFT_ROWS                                                                                 \
    " FROM jsonb_to_recordset($2::jsonb) AS v (n int, user_id uuid, tier int, starts_us bigint,"   \
    " ends_us bigint) "
static const struct pg_stmt add = {
    "oncall_add",
    "INSERT INTO on_call_shifts (clinic_id, user_id, tier, starts_at, ends_at)"
    " SELECT $1::uuid, v.user_id, v.tier, 'epoch'::timestamptz + v.starts_us * interval '1 us',"
    " 'epoch'::timestamptz + v.ends_us * interval '1 us'" SHIFT_ROWS
    "WHERE 'epoch'::timestamptz + v.ends_us * interval '1 us' > now()"};
static const struct pg_stmt strangers = {
    "oncall_strangers", "SELECT min(v.n)" SHIFT_ROWS
                        "WHERE NOT EXISTS (SELECT FROM users u WHERE u.clinic_id = $1::uuid"
                        " AND u.id = v.user_id AND u.role = 'DOCTOR' AND u.is_active)"};
static const struct pg_stmt *const stmts[] = {&listed, &drop, &add, &strangers};

__attribute__((constructor)) static void register_statements(void)
{
    pg_register(stmts, ARRAY_LEN(stmts));
}

static void shift_write(struct jw *w, const struct pg_result *r, size_t i)
{
    jw_obj(w);
    jw_key(w, "id");
    jw_uuid(w, pg_get_uuid(r, i, 0));
    jw_key(w, "userId");
    jw_uuid(w, pg_get_uuid(r, i, 1));
    jw_key(w, "fullName");
    jw_str(w, pg_get_str(r, i, 2));
    jw_key(w, "tier");
    jw_int(w, pg_get_int(r, i, 3));
    jw_key(w, "startsAt");
    jw_time(w, pg_get_time(r, i, 4));
    jw_key(w, "endsAt");
    jw_time(w, pg_get_time(r, i, 5));
    jw_end(w);
}

struct problem *shifts_show(struct pg_tx *tx, const struct ctx *cx, int64_t from_us, int64_t to_us,
                            struct buf *out)
{
    struct pg_result *r, *now;
    TRY(PG_QUERY(tx, &listed, &r, PG_P_UUID(cx->clinic_id), PG_P_TIME_OR_NULL(from_us),
                 PG_P_TIME_OR_NULL(to_us)));
    TRY(PG_QUERY(tx, &listed, &now, PG_P_UUID(cx->clinic_id), PG_P_NULL, PG_P_NULL));
    struct jw w = jw_to(out);
    jw_obj(&w);
    jw_key(&w, "shifts");
    jw_arr(&w);
    for (size_t i = 0; i < pg_rows(r); i++)
        shift_write(&w, r, i);
    jw_end(&w);
    jw_key(&w, "onDuty");
    jw_arr(&w);
    for (size_t i = 0; i < pg_rows(now); i++)
        if (pg_get_bool(now, i, 6))
            shift_write(&w, now, i);
    jw_end(&w);
    jw_end(&w);
    return NULL;
}

static void shifts_write(const struct shift *shifts, size_t count, struct buf *out)
{
    struct jw w = jw_to(out);
    jw_arr(&w);
    for (size_t i = 0; i < count; i++) {
        jw_obj(&w);
        jw_key(&w, "n");
        jw_int(&w, (int64_t)i);
        jw_key(&w, "user_id");
        jw_uuid(&w, shifts[i].user_id);
        jw_key(&w, "tier");
        jw_int(&w, shifts[i].tier);
        jw_key(&w, "starts_us");
        jw_int(&w, shifts[i].starts_us);
        jw_key(&w, "ends_us");
        jw_int(&w, shifts[i].ends_us);
        jw_end(&w);
    }
    jw_end(&w);
}

struct problem *shifts_replace(struct pg_tx *tx, const struct ctx *cx, const struct shift *shifts,
                               size_t count)
{
    CLEANUP(buf_free) struct buf rows = BUF_MAX(1 << 20);
    shifts_write(shifts, count, &rows);
    TRY(PG_QUEUE(tx, &drop, PG_P_UUID(cx->clinic_id)));
    return PG_EXEC(tx, &add, NULL, PG_P_UUID(cx->clinic_id), PG_P_TEXT(buf_str(&rows)));
}

struct problem *shifts_first_stranger(struct pg_tx *tx, const struct ctx *cx,
                                      const struct shift *shifts, size_t count, size_t *ret)
{
    CLEANUP(buf_free) struct buf rows = BUF_MAX(1 << 20);
    struct pg_result *r;
    shifts_write(shifts, count, &rows);
    TRY(PG_QUERY(tx, &strangers, &r, PG_P_UUID(cx->clinic_id), PG_P_TEXT(buf_str(&rows))));
    *ret = pg_is_null(r, 0, 0) ? count : (size_t)pg_get_int(r, 0, 0);
    return NULL;
}
