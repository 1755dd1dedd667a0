/* The one place where a transaction learns its tenant. */
#include "tenancy/ctx.h"

#include "app/app.h"
#include "base/cleanup.h"

static const char *const role_names[] = {
    [ROLE_NONE] = "NONE",
    [ROLE_DOCTOR] = "DOCTOR",
    [ROLE_ADMIN] = "ADMIN",
    [ROLE_ADMISSIONS] = "ADMISSIONS",
    [ROLE_CORPORATE_ADMIN] = "CORPORATE_ADMIN",
    [ROLE_SYSTEM] = "SYSTEM",
};

const char *role_name(enum role role)
{
    return role_names[role];
}

enum role role_parse(struct str s)
{
    for (int role = ROLE_DOCTOR; role <= ROLE_CORPORATE_ADMIN; role++)
        if (str_eq(s, str_of(role_names[role])))
            return (enum role)role;
    return ROLE_NONE;
}

struct problem *tx_begin(struct pg_tx *tx, const struct ctx *cx, enum pg_mode mode)
{
    bool corporate = cx->role == ROLE_CORPORATE_ADMIN && mode != PG_WRITE;
    const struct pg_setting settings[] = {
        {"app.current_clinic_id", uuid_is_none(cx->clinic_id) ? "" : uuid_z(cx->clinic_id)},
        {"app.current_role", role_name(cx->role)},
        {"app.current_user_id", uuid_is_none(cx->user_id) ? "" : uuid_z(cx->user_id)},
    };
    return pg_tx_begin(tx, cx->db, cx->arena, mode, corporate ? "nexacore_corporate" : NULL,
                       settings, ARRAY_LEN(settings));
}

struct problem *tx_begin_relay(struct pg_tx *tx, const struct ctx *cx)
{
    return pg_tx_begin(tx, cx->db, cx->arena, PG_WRITE, "nexacore_relay", NULL, 0);
}

struct uuid ctx_new_id(const struct ctx *cx, const char *table)
{
    return uuid_is_none(cx->id_seed) ? uuid_v7() : uuid_derived(cx->id_seed, str_of(table));
}

struct ctx ctx_system(struct app *app, struct arena *arena, struct pg_conn *db, struct uuid clinic,
                      const char *request_id)
{
    return (struct ctx){
        .app = app,
        .arena = arena,
        .db = db,
        .clinic_id = clinic,
        .home_clinic = clinic,
        .role = ROLE_SYSTEM,
        .request_id = request_id ? request_id : "",
        .ip = STR_NONE,
        .session = "",
    };
}
