/* Key rotation and shredding: see rotate.h. */
#include "phi/rotate.h"

#include <stdlib.h>
#include <time.h>

#include "app/app.h"
#include "audit/audit.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "phi/keyring.h"

#define BATCH       200
#define COLUMNS_MAX 3
#define ARENA_MAX   (64U * 1024U * 1024U)
#define SWEEPS_MAX  20
#define SETTLE_US   ((KEYRING_FRESH_MS + 2000) * 1000LL) /* caches, and transactions under way */

/* One table with sealed values. batch: id, version, columns...; write: $1 clinic, $2 id,
 * $3 version, $4.. columns. */
struct sealed_table {
    const char *name;
    const char *columns[COLUMNS_MAX];
    bool json; /* the one column is a JSON document with sealed values in it */
    struct pg_stmt batch, write;
};

#define BATCH_SQL(table, id, columns)                                                              \
    "SELECT " id ", phi_key_version, " columns " FROM " table " WHERE clinic_id = $1"              \
    " AND phi_key_version <> $2::int8::int AND " id " > $3 ORDER BY " id " LIMIT 200 FOR UPDATE"

static const struct sealed_table tables[] = {
    {.name = "patients",
     .columns = {"full_name", "date_of_birth", "insurance_id"},
     .batch = {"phi_rotate_patients",
               BATCH_SQL("patients", "id", "full_name, date_of_birth, insurance_id")},
     .write = {"phi_reseal_patient",
               "UPDATE patients SET phi_key_version = $3::int8::int, full_name = $4,"
               " date_of_birth = $5, insurance_id = $6 WHERE clinic_id = $1 AND id = $2"}},
    {.name = "users",
     .columns = {"phone_e164"},
     .batch = {"phi_rotate_users", BATCH_SQL("users", "id", "phone_e164")},
     .write = {"phi_reseal_user",
               "UPDATE users SET phi_key_version = $3::int8::int, phone_e164 = $4"
               " WHERE clinic_id = $1 AND id = $2"}},
    {.name = "devices",
     .columns = {"token"},
     .batch = {"phi_rotate_devices", BATCH_SQL("devices", "id", "token")},
     .write = {"phi_reseal_device", "UPDATE devices SET phi_key_version = $3::int8::int, token = $4"
                                    " WHERE clinic_id = $1 AND id = $2"}},
    {.name = "square_connections",
     .columns = {"token"},
     .batch = {"phi_rotate_square", BATCH_SQL("square_connections", "clinic_id", "token")},
     .write = {"phi_reseal_square",
               "UPDATE square_connections SET phi_key_version = $3::int8::int, token = $4"
               " WHERE clinic_id = $1 AND clinic_id = $2"}},
    {.name = "intake_forms",
     .columns = {"parsed_json"},
     .json = true,
     .batch = {"phi_rotate_forms", BATCH_SQL("intake_forms", "id", "parsed_json")},
     .write = {"phi_reseal_form",
               "UPDATE intake_forms SET phi_key_version = $3::int8::int, parsed_json = $4::jsonb"
               " WHERE clinic_id = $1 AND id = $2"}},
};

static const struct pg_stmt count_old = {
    "phi_rotate_count",
    "SELECT (SELECT count(*) FROM patients WHERE clinic_id = $1 AND phi_key_version <> "
    "$2::int8::int)"
    " + (SELECT count(*) FROM users WHERE clinic_id = $1 AND phi_key_version <> $2::int8::int)"
    " + (SELECT count(*) FROM devices WHERE clinic_id = $1 AND phi_key_version <> $2::int8::int)"
    " + (SELECT count(*) FROM square_connections"
    "    WHERE clinic_id = $1 AND phi_key_version <> $2::int8::int)"
    " + (SELECT count(*) FROM intake_forms"
    "    WHERE clinic_id = $1 AND phi_key_version <> $2::int8::int)"};
static const struct pg_stmt state_of_keys = {
    "phi_rotate_state", "SELECT coalesce(max(version) FILTER (WHERE state = 'current'), 0),"
                        " count(*) FILTER (WHERE state = 'old'),"
                        " max(created_at) FILTER (WHERE state = 'current'), now()"
                        " FROM clinic_keys WHERE clinic_id = $1"};
static const struct pg_stmt retire = {"phi_rotate_retire",
                                      "UPDATE clinic_keys SET state = 'retired', retired_at = now()"
                                      " WHERE clinic_id = $1 AND state = 'old'"};
static const struct pg_stmt shred_keys = {
    "phi_shred_keys",
    "UPDATE clinic_keys SET state = 'shredded', wrapped = NULL, pepper = NULL,"
    " retired_at = coalesce(retired_at, now()) WHERE clinic_id = $1 AND state <> 'shredded'"};
static const struct pg_stmt close_clinic = {"phi_shred_close",
                                            "UPDATE clinics SET is_active = false WHERE id = $1"};

static const struct pg_stmt *const stmts[] = {
    &tables[0].batch, &tables[0].write, &tables[1].batch, &tables[1].write, &tables[2].batch,
    &tables[2].write, &tables[3].batch, &tables[3].write, &tables[4].batch, &tables[4].write,
    &count_old,       &state_of_keys,   &retire,          &shred_keys,      &close_clinic};

__attribute__((constructor)) static void register_statements(void)
{
    pg_register(stmts, ARRAY_LEN(stmts));
}

/* What the steps of one rotation share. */
struct rotation {
    struct ctx cx; /* its arena is emptied after every batch */
    int version;
    size_t total;
    rotate_progress *progress;
    void *arg;
    struct rotate_result *result;
};

/* ---- one value -------------------------------------------------------------------------------*/

/* Opens under `from` and seals under the current version, keeping the place the message names: one
 * that was moved stays refused where it lies. Without a name (pgcrypto's) it gets this place. */
static struct problem *reseal(struct rotation *r, struct phi_place place, struct str sealed,
                              int from, struct str *ret)
{
    struct arena *arena = r->cx.arena;
    CLEANUP(buf_free) struct buf clear = BUF_SECRET(OPENPGP_PLAIN_MAX);
    CLEANUP(buf_free) struct buf out = BUF_MAX(OPENPGP_PLAIN_MAX + OPENPGP_OVERHEAD);
    CLEANUP(key_hold_end) struct key_hold hold = KEY_HOLD_NONE;
    struct openpgp_literal literal;
    TRY(keyring_hold(&r->cx, from, &hold));
    TRY(openpgp_open(hold.key->pgp, arena, sealed, &clear, &literal));
    key_hold_end(&hold);

    struct str name = {literal.name, literal.name_len};
    if (name.n == 0)
        name = str_of(arena_fmt(arena, "%s/%s/%s/%s", uuid_z(r->cx.clinic_id), place.table,
                                place.column, uuid_z(place.row)));
    TRY(keyring_hold(&r->cx, r->version, &hold));
    TRY(openpgp_seal(hold.key->pgp, arena, name, buf_str(&clear), &out));
    *ret = arena_str(arena, buf_str(&out));
    return NULL;
}

static struct problem *reseal_json(struct rotation *r, struct phi_place place, json_t *value);

/* {"$phi":...,"version":n} in place. */
static struct problem *reseal_member(struct rotation *r, struct phi_place place, json_t *value)
{
    struct str sealed, again;
    int from;
    if (!phi_read_sealed(r->cx.arena, value, &sealed, &from))
        return problem_new(r->cx.arena, PROBLEM_UNPROCESSABLE, "a sealed value has a wrong form");
    if (from == r->version)
        return NULL;
    TRY(reseal(r, place, sealed, from, &again));
    CLEANUP(buf_free) struct buf text = BUF_MAX(2 * OPENPGP_PLAIN_MAX);
    base64_add(&text, again);
    json_object_set_new(value, "$phi", json_stringn(text.data, text.len));
    json_object_set_new(value, "version", json_integer(r->version));
    return NULL;
}

/* Every sealed value below `value`. json_read() has bounded the depth. */
static struct problem *reseal_json(struct rotation *r, struct phi_place place, json_t *value)
{
    const char *key;
    json_t *member;
    size_t i;
    if (json_object_get(value, "$phi"))
        return reseal_member(r, place, value);
    json_object_foreach (value, key, member)
        TRY(reseal_json(r, place, member));
    json_array_foreach (value, i, member)
        TRY(reseal_json(r, place, member));
    return NULL;
}

static void text_free(char **text)
{
    free(*text);
}

static struct problem *reseal_document(struct rotation *r, struct phi_place place,
                                       struct str document, struct str *ret)
{
    CLEANUP(json_done) json_t *root = NULL;
    TRY(json_read(r->cx.arena, document, &root));
    TRY(reseal_json(r, place, root));
    CLEANUP(text_free)
    char *text = json_dumps(root, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
    if (!text)
        return problem_new(r->cx.arena, PROBLEM_INTERNAL, "out of memory");
    *ret = arena_str(r->cx.arena, str_of(text));
    return NULL;
}

/* ---- one batch -------------------------------------------------------------------------------*/

static struct problem *reseal_row(struct rotation *r, const struct sealed_table *t,
                                  struct pg_tx *tx, const struct pg_result *rows, size_t row)
{
    struct phi_place place = {.table = t->name, .row = pg_get_uuid(rows, row, 0)};
    int from = (int)pg_get_int(rows, row, 1);
    struct pg_param params[3 + COLUMNS_MAX] = {PG_P_UUID(r->cx.clinic_id), PG_P_UUID(place.row),
                                               PG_P_INT(r->version)};
    size_t count = 3;
    for (int col = 0; col < COLUMNS_MAX && t->columns[col]; col++) {
        struct str value = pg_get_str(rows, row, 2 + col);
        struct str again = STR_NONE;
        place.column = t->columns[col];
        if (value.p && t->json)
            TRY(reseal_document(r, place, value, &again));
        else if (value.p)
            TRY(reseal(r, place, value, from, &again));
        params[count++] = !value.p ? PG_P_NULL : t->json ? PG_P_TEXT(again) : PG_P_BYTES(again);
    }
    return pg_queue(tx, &t->write, params, count);
}

/* At most BATCH rows after `*after`; false in `ret_more` when these were the last. */
static struct problem *batch_run(struct rotation *r, const struct sealed_table *t,
                                 struct uuid *after, bool *ret_more)
{
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    struct pg_result *rows;
    size_t unreadable = 0;
    TRY(tx_begin(&tx, &r->cx, PG_WRITE));
    TRY(PG_QUERY(&tx, &t->batch, &rows, PG_P_UUID(r->cx.clinic_id), PG_P_INT(r->version),
                 PG_P_UUID(*after)));
    size_t n = pg_rows(rows);
    for (size_t row = 0; row < n; row++) {
        struct problem *p = reseal_row(r, t, &tx, rows, row);
        if (p && (p->kind == PROBLEM_UNAVAILABLE || tx.failed))
            return p;
        if (p)
            log_error("rotation: %s %s is left as it was: %s", t->name,
                      uuid_z(pg_get_uuid(rows, row, 0)), p->cause[0] ? p->cause : p->detail);
        unreadable += p != NULL;
    }
    if (n > 0)
        *after = pg_get_uuid(rows, n - 1, 0);
    TRY(pg_tx_commit(&tx));
    r->result->resealed += n - unreadable;
    r->result->unreadable += unreadable;
    *ret_more = n == BATCH;
    return NULL;
}

/* Every table once; how many rows were found on older versions is in `ret_found`. */
static struct problem *sweep(struct rotation *r, size_t *ret_found)
{
    size_t before = r->result->resealed;
    r->result->unreadable = 0;
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        struct uuid after = UUID_NONE;
        bool more = true;
        while (more) {
            TRY(batch_run(r, &tables[i], &after, &more));
            arena_reset(r->cx.arena);
            if (r->progress)
                r->progress(r->arg, r->result->resealed, r->total);
        }
    }
    *ret_found = r->result->resealed - before;
    return NULL;
}

/* ---- the whole -------------------------------------------------------------------------------*/

/* Makes a new version, or takes up the one of an interrupted rotation; `ret_settled_us` is how long
 * to wait before other processes surely know it. */
static struct problem *start(struct rotation *r, int64_t *ret_settle_us)
{
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    struct pg_result *row;
    TRY(tx_begin(&tx, &r->cx, PG_WRITE));
    TRY(PG_QUERY(&tx, &state_of_keys, &row, PG_P_UUID(r->cx.clinic_id)));
    r->version = (int)pg_get_int(row, 0, 0);
    int64_t age_us = pg_get_time(row, 0, 3) - pg_get_time(row, 0, 2);
    *ret_settle_us = age_us < SETTLE_US ? SETTLE_US - age_us : 0;
    if (pg_get_int(row, 0, 1) == 0) {
        TRY(keyring_add_version(&tx, &r->cx, &r->version));
        TRY(audit_add(&tx, &r->cx, "KEYS_ROTATION_STARTED", "clinic_keys", r->cx.clinic_id));
        *ret_settle_us = SETTLE_US;
    }
    struct pg_result *count;
    TRY(PG_QUERY(&tx, &count_old, &count, PG_P_UUID(r->cx.clinic_id), PG_P_INT(r->version)));
    r->total = (size_t)pg_get_int(count, 0, 0);
    TRY(pg_tx_commit(&tx));
    keyring_forget(r->cx.app->keys, r->cx.clinic_id);
    return NULL;
}

static struct problem *finish(struct rotation *r)
{
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    struct pg_result *count;
    TRY(tx_begin(&tx, &r->cx, PG_WRITE));
    TRY(PG_QUERY(&tx, &count_old, &count, PG_P_UUID(r->cx.clinic_id), PG_P_INT(r->version)));
    r->result->left = (size_t)pg_get_int(count, 0, 0);
    if (r->result->left > 0)
        return NULL;
    TRY(PG_EXEC(&tx, &retire, &r->result->retired, PG_P_UUID(r->cx.clinic_id)));
    TRY(audit_add(&tx, &r->cx, "KEYS_ROTATED", "clinic_keys", r->cx.clinic_id));
    return pg_tx_commit(&tx);
}

static struct problem *rotate_first(struct rotation *r, int64_t *ret_settle_us)
{
    size_t found;
    TRY(start(r, ret_settle_us));
    r->result->version = r->version;
    return sweep(r, &found);
}

static struct problem *rotate_in(struct rotation *r, bool whole)
{
    int64_t settle_us;
    size_t found;
    TRY(rotate_first(r, &settle_us));
    if (!whole)
        return NULL;
    nanosleep(
        &(struct timespec){.tv_sec = settle_us / 1000000, .tv_nsec = settle_us % 1000000 * 1000},
        NULL);
    for (int i = 0; i < SWEEPS_MAX; i++) {
        TRY(sweep(r, &found));
        if (found == 0)
            break;
    }
    return finish(r);
}

static struct problem *rotate(const struct ctx *cx, bool whole, rotate_progress *progress,
                              void *arg, struct rotate_result *ret)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(ARENA_MAX);
    struct rotation r = {.cx = *cx, .progress = progress, .arg = arg, .result = ret};
    r.cx.arena = arena;
    *ret = (struct rotate_result){.version = 0};
    struct problem *p = rotate_in(&r, whole);
    if (!p)
        return NULL;
    /* The problem lies in the arena that dies here. */
    struct problem *kept = problem_new(cx->arena, p->kind, "%s", p->detail);
    return problem_cause(kept, "%s", p->cause);
}

struct problem *phi_rotate(const struct ctx *cx, rotate_progress *progress, void *arg,
                           struct rotate_result *ret)
{
    return rotate(cx, true, progress, arg, ret);
}

struct problem *phi_rotate_begin(const struct ctx *cx, rotate_progress *progress, void *arg,
                                 struct rotate_result *ret)
{
    return rotate(cx, false, progress, arg, ret);
}

struct problem *phi_shred(const struct ctx *cx, size_t *ret_keys)
{
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    size_t closed;
    TRY(tx_begin(&tx, cx, PG_WRITE));
    TRY(PG_EXEC(&tx, &close_clinic, &closed, PG_P_UUID(cx->clinic_id)));
    if (closed == 0)
        return problem_new(cx->arena, PROBLEM_NOT_FOUND, "there is no such clinic");
    TRY(PG_EXEC(&tx, &shred_keys, ret_keys, PG_P_UUID(cx->clinic_id)));
    TRY(audit_add(&tx, cx, "KEYS_SHREDDED", "clinic_keys", cx->clinic_id));
    TRY(pg_tx_commit(&tx));
    keyring_forget(cx->app->keys, cx->clinic_id);
    return NULL;
}
