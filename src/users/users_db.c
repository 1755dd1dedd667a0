/* SQL of the signed-in person and the devices. */
#include "base/cleanup.h"
#include "users/users_internal.h"

static const struct pg_stmt me = {
    "me", "SELECT u.id, u.clinic_id, c.name, c.timezone, coalesce(s.language, 'es'), u.role,"
          " u.full_name, u.phone_e164 IS NOT NULL, u.sms_opted_out, d.tier, d.ends_at"
          " FROM users u JOIN clinics c ON c.id = u.clinic_id"
          " LEFT JOIN clinic_settings s ON s.clinic_id = u.clinic_id"
          " LEFT JOIN LATERAL (SELECT o.tier, o.ends_at FROM on_call_shifts o"
          " WHERE o.clinic_id = u.clinic_id AND o.user_id = u.id AND now() >= o.starts_at"
          " AND now() < o.ends_at ORDER BY o.tier LIMIT 1) d ON true"
          " WHERE u.clinic_id = $1::uuid AND u.id = $2::uuid"};
static const struct pg_stmt add = {
    "device_add",
    "INSERT INTO devices (id, clinic_id, user_id, platform, token, token_hash, phi_key_version)"
    " VALUES ($1::uuid, $2::uuid, $3::uuid, $4, $5, $6, $7::int)"
    " ON CONFLICT (clinic_id, token_hash) DO UPDATE SET user_id = excluded.user_id,"
    " platform = excluded.platform, last_seen_at = now() RETURNING id, created_at"};
static const struct pg_stmt drop = {
    "device_drop", "DELETE FROM devices WHERE clinic_id = $1::uuid AND user_id = $2::uuid"
                   " AND token_hash = $3 RETURNING id"};
static const struct pg_stmt *const stmts[] = {&me, &add, &drop};

__attribute__((constructor)) static void register_statements(void)
{
    pg_register(stmts, ARRAY_LEN(stmts));
}

static void duty_write(struct jw *w, const struct pg_result *r)
{
    if (pg_is_null(r, 0, 9)) {
        jw_null(w);
        return;
    }
    jw_obj(w);
    jw_key(w, "tier");
    jw_int(w, pg_get_int(r, 0, 9));
    jw_key(w, "endsAt");
    jw_time(w, pg_get_time(r, 0, 10));
    jw_end(w);
}

struct problem *me_show(struct pg_tx *tx, const struct ctx *cx, struct buf *out)
{
    struct pg_result *r;
    TRY(PG_QUERY(tx, &me, &r, PG_P_UUID(cx->home_clinic), PG_P_UUID(cx->user_id)));
    if (pg_rows(r) == 0)
        return problem_new(cx->arena, PROBLEM_NOT_FOUND, "there is no such user");
    struct jw w = jw_to(out);
    jw_obj(&w);
    jw_key(&w, "id");
    jw_uuid(&w, pg_get_uuid(r, 0, 0));
    jw_key(&w, "clinicId");
    jw_uuid(&w, pg_get_uuid(r, 0, 1));
    jw_key(&w, "clinicName");
    jw_str(&w, pg_get_str(r, 0, 2));
    jw_key(&w, "timezone");
    jw_str(&w, pg_get_str(r, 0, 3));
    jw_key(&w, "language");
    jw_str(&w, pg_get_str(r, 0, 4));
    jw_key(&w, "role");
    jw_str(&w, pg_get_str(r, 0, 5));
    jw_key(&w, "fullName");
    jw_str(&w, pg_get_str(r, 0, 6));
    jw_key(&w, "hasPhone");
    jw_bool(&w, pg_get_bool(r, 0, 7));
    jw_key(&w, "smsOptedOut");
    jw_bool(&w, pg_get_bool(r, 0, 8));
    jw_key(&w, "onDuty");
    duty_write(&w, r);
    jw_end(&w);
    return NULL;
}

struct problem *device_add(struct pg_tx *tx, const struct ctx *cx, struct str token,
                           const char *platform, struct device *ret)
{
    struct uuid id = uuid_v7();
    struct phi_place place = {"devices", "token", id};
    struct str sealed, hash;
    int version;
    struct pg_result *r;
    TRY(phi_seal(cx, place, phi_of(token), &sealed, &version));
    TRY(phi_index(cx, "device", phi_of(token), &hash));
    TRY(PG_QUERY(tx, &add, &r, PG_P_UUID(id), PG_P_UUID(cx->clinic_id), PG_P_UUID(cx->user_id),
                 PG_P_Z(platform), PG_P_BYTES(sealed), PG_P_TEXT(hash), PG_P_INT(version)));
    *ret = (struct device){pg_get_uuid(r, 0, 0), pg_get_time(r, 0, 1)};
    return NULL;
}

struct problem *device_drop(struct pg_tx *tx, const struct ctx *cx, struct str token,
                            struct uuid *ret_id)
{
    struct str hash;
    struct pg_result *r;
    TRY(phi_index(cx, "device", phi_of(token), &hash));
    TRY(PG_QUERY(tx, &drop, &r, PG_P_UUID(cx->clinic_id), PG_P_UUID(cx->user_id), PG_P_TEXT(hash)));
    *ret_id = pg_rows(r) ? pg_get_uuid(r, 0, 0) : UUID_NONE;
    return NULL;
}
