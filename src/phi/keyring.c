/* Data keys and peppers of the clinics: read from clinic_keys, unwrapped, cached, wiped.
 *
 * The rule not to break: two locks, taken in this order: db_lock around a load (it may wait for
 * PostgreSQL), then `lock` for writing only to put the result in place. */
#include "phi/keyring.h"

#include <pthread.h>

#include "app/app.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "phi/wrap.h"

#define BUCKETS        256
#define RING_ARENA_MAX (64U * 1024U * 1024U)
#define FRESH_US       (KEYRING_FRESH_MS * 1000LL)
#define STALE_US       (60 * 1000000LL) /* without a database, what is known serves this long */
#define PAUSE_US       1000000LL        /* after a failed read nobody else waits for one */
#define VERSIONS_MAX   1000             /* of one clinic */

struct keyring {
    struct arena *arena; /* entries; under lock for writing */
    struct key master;
    pthread_rwlock_t lock;
    struct clinic_keys *buckets[BUCKETS];
    pthread_mutex_t db_lock;
    struct pg_conn *db; /* made at the first load; under db_lock */
    int64_t failed_us;  /* monotonic, of the last load that found no database; under db_lock */
};

static const struct pg_stmt keys_load = {
    "phi_keys_load", "SELECT version, wrapped, pepper, state = 'current' FROM clinic_keys"
                     " WHERE clinic_id = $1 ORDER BY version"};
static const struct pg_stmt keys_first = {
    "phi_keys_first",
    "INSERT INTO clinic_keys (clinic_id, version, wrapped, pepper) VALUES ($1, 1, $2, $3)"};
static const struct pg_stmt keys_lock = {"phi_keys_lock",
                                         "SELECT version, pepper FROM clinic_keys WHERE clinic_id "
                                         "= $1 AND state = 'current' FOR UPDATE"};
static const struct pg_stmt keys_age = {
    "phi_keys_age",
    "UPDATE clinic_keys SET state = 'old' WHERE clinic_id = $1 AND state = 'current'"};
static const struct pg_stmt keys_next = {
    "phi_keys_next", "INSERT INTO clinic_keys (clinic_id, version, wrapped, pepper)"
                     " VALUES ($1, $2::int8::int, $3, $4)"};
static const struct pg_stmt *const stmts[] = {&keys_load, &keys_first, &keys_lock, &keys_age,
                                              &keys_next};

__attribute__((constructor)) static void register_statements(void)
{
    pg_register(stmts, ARRAY_LEN(stmts));
}

/* ---- life ------------------------------------------------------------------------------------*/

struct problem *keyring_open(const char *master_key_file, struct keyring **ret)
{
    CLEANUP(key_wipe) struct key master;
    TRY(master_key_read(master_key_file, &master));
    struct arena *arena = arena_new(RING_ARENA_MAX);
    struct keyring *ring = arena_make(arena, struct keyring);
    ring->arena = arena;
    ring->master = master;
    ring->failed_us = INT64_MIN / 2;
    pthread_rwlock_init(&ring->lock, NULL);
    pthread_mutex_init(&ring->db_lock, NULL);
    *ret = ring;
    return NULL;
}

static void keys_drop(struct clinic_keys *clinic)
{
    for (struct data_key *key = clinic->keys; key; key = key->next) {
        openpgp_key_free(&key->pgp);
        key_wipe(&key->key);
    }
    key_wipe(&clinic->pepper);
    clinic->keys = NULL;
    clinic->current = NULL;
}

void keyring_free(struct keyring **keys)
{
    struct keyring *ring = TAKE(*keys);
    if (!ring)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct clinic_keys *clinic = ring->buckets[i]; clinic; clinic = clinic->next)
            keys_drop(clinic);
    pg_conn_free(&ring->db);
    pthread_mutex_destroy(&ring->db_lock);
    pthread_rwlock_destroy(&ring->lock);
    struct arena *arena = ring->arena;
    arena_free(&arena); /* wipes the master key with everything else */
}

/* ---- looking up ------------------------------------------------------------------------------*/

static struct clinic_keys **bucket_of(struct keyring *ring, struct uuid id)
{
    return &ring->buckets[(id.b[15] ^ id.b[9] ^ id.b[5]) % BUCKETS]; /* v4 and v7 both vary there */
}

static struct clinic_keys *find(struct keyring *ring, struct uuid id)
{
    struct clinic_keys *clinic = *bucket_of(ring, id);
    while (clinic && !uuid_eq(clinic->id, id))
        clinic = clinic->next;
    return clinic;
}

static struct data_key *pick(const struct clinic_keys *clinic, int version)
{
    if (version == 0)
        return clinic->current;
    struct data_key *key = clinic->keys;
    while (key && key->version != version)
        key = key->next;
    return key;
}

/* True with the lock held for reading when the key is there and was read less than `age_us` ago. */
static bool hold_if_known(struct keyring *ring, struct uuid id, int version, int64_t age_us,
                          struct key_hold *ret)
{
    pthread_rwlock_rdlock(&ring->lock);
    const struct clinic_keys *clinic = find(ring, id);
    if (clinic && clock_mono_us() - clinic->loaded_us < age_us) {
        const struct data_key *key = pick(clinic, version);
        if (key) {
            *ret = (struct key_hold){.ring = ring, .clinic = clinic, .key = key};
            return true;
        }
    }
    pthread_rwlock_unlock(&ring->lock);
    return false;
}

/* ---- loading ---------------------------------------------------------------------------------*/

static struct problem *no_master(struct arena *arena, struct uuid clinic)
{
    return problem_cause(problem_new(arena, PROBLEM_INTERNAL, "the clinic's keys do not open"),
                         "clinic %s: is NEXACORE_MASTER_KEY_FILE the one they were wrapped with?",
                         uuid_z(clinic));
}

static struct problem *unwrap_row(struct keyring *ring, const struct ctx *cx,
                                  const struct pg_result *r, size_t row, struct key *ret_key,
                                  struct key *ret_pepper)
{
    int version = (int)pg_get_int(r, row, 0);
    if (!key_unwrap(&ring->master, cx->clinic_id, version, "data", pg_get_str(r, row, 1),
                    ret_key) ||
        !key_unwrap(&ring->master, cx->clinic_id, version, "pepper", pg_get_str(r, row, 2),
                    ret_pepper))
        return no_master(cx->arena, cx->clinic_id);
    return NULL;
}

static struct clinic_keys *find_or_make(struct keyring *ring, struct uuid id)
{
    struct clinic_keys *clinic = find(ring, id);
    if (clinic)
        return clinic;
    struct clinic_keys **bucket = bucket_of(ring, id);
    clinic = arena_make(ring->arena, struct clinic_keys);
    clinic->id = id;
    clinic->next = *bucket;
    *bucket = clinic;
    return clinic;
}

static void keep_key(struct keyring *ring, struct clinic_keys *clinic, int version,
                     const struct key *key)
{
    struct data_key *known = pick(clinic, version);
    if (known)
        return;
    CLEANUP(buf_free) struct buf hex = BUF_SECRET(2 * KEY_LEN + 1);
    hex_add(&hex, key->b, KEY_LEN);
    known = arena_make(ring->arena, struct data_key);
    known->version = version;
    known->key = *key;
    known->pgp = openpgp_key_new(buf_str(&hex));
    known->next = clinic->keys;
    clinic->keys = known;
}

/* Puts the rows in place; everything was unwrapped before, so it cannot fail half way. */
static void store_rows(struct keyring *ring, struct uuid id, const struct pg_result *r,
                       const struct key *keys, const struct key *peppers)
{
    pthread_rwlock_wrlock(&ring->lock);
    struct clinic_keys *clinic = find_or_make(ring, id);
    size_t open = 0;
    for (size_t row = 0; row < pg_rows(r); row++)
        open += !pg_is_null(r, row, 1);
    clinic->shredded = pg_rows(r) > 0 && open == 0;
    if (open == 0)
        keys_drop(clinic);
    clinic->current = NULL;
    for (size_t row = 0; row < pg_rows(r); row++) {
        if (pg_is_null(r, row, 1))
            continue;
        int version = (int)pg_get_int(r, row, 0);
        keep_key(ring, clinic, version, &keys[row]);
        clinic->pepper = peppers[row];
        if (pg_get_bool(r, row, 3))
            clinic->current = pick(clinic, version);
    }
    clinic->loaded_us = clock_mono_us();
    pthread_rwlock_unlock(&ring->lock);
}

static struct problem *load_in(struct pg_tx *tx, struct keyring *ring, const struct ctx *cx)
{
    struct pg_result *r;
    TRY(PG_QUERY(tx, &keys_load, &r, PG_P_UUID(cx->clinic_id)));
    size_t n = pg_rows(r);
    if (n > VERSIONS_MAX)
        return problem_new(cx->arena, PROBLEM_INTERNAL, "the clinic has too many keys");
    struct key *keys = arena_array(cx->arena, n + 1, sizeof(*keys));
    struct key *peppers = arena_array(cx->arena, n + 1, sizeof(*peppers));
    struct problem *p = NULL;
    for (size_t row = 0; row < n && !p; row++)
        if (!pg_is_null(r, row, 1))
            p = unwrap_row(ring, cx, r, row, &keys[row], &peppers[row]);
    if (!p)
        store_rows(ring, cx->clinic_id, r, keys, peppers);
    wipe(keys, n * sizeof(*keys));
    wipe(peppers, n * sizeof(*peppers));
    return p;
}

static struct problem *load_locked(struct keyring *ring, const struct ctx *cx)
{
    if (!ring->db)
        ring->db = pg_conn_new(cx->app->database_url, "nexacore keyring");
    if (!ring->db)
        return problem_new(cx->arena, PROBLEM_UNAVAILABLE, "out of memory");
    const struct pg_setting settings[] = {
        {"app.current_clinic_id", uuid_z(cx->clinic_id)},
        {"app.current_role", role_name(ROLE_SYSTEM)},
    };
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(pg_tx_begin(&tx, ring->db, cx->arena, PG_READ_ONE, NULL, settings, ARRAY_LEN(settings)));
    TRY(load_in(&tx, ring, cx));
    return pg_tx_commit(&tx);
}

static struct problem *load_or_pause(struct keyring *ring, const struct ctx *cx)
{
    struct problem *p;
    if (clock_mono_us() - ring->failed_us < PAUSE_US) {
        p = problem_new(cx->arena, PROBLEM_UNAVAILABLE, "the database is not available");
        p->retry_after_s = 1;
        return p;
    }
    p = load_locked(ring, cx);
    if (p && p->kind == PROBLEM_UNAVAILABLE)
        ring->failed_us = clock_mono_us();
    return p;
}

static struct problem *load(struct keyring *ring, const struct ctx *cx, int version)
{
    struct problem *p = NULL;
    struct key_hold hold;
    pthread_mutex_lock(&ring->db_lock);
    if (hold_if_known(ring, cx->clinic_id, version, FRESH_US, &hold))
        key_hold_end(&hold); /* another thread loaded it while we waited for the lock */
    else
        p = load_or_pause(ring, cx);
    pthread_mutex_unlock(&ring->db_lock);
    return p;
}

static struct problem *no_key(const struct ctx *cx, int version)
{
    struct keyring *ring = cx->app->keys;
    pthread_rwlock_rdlock(&ring->lock);
    const struct clinic_keys *clinic = find(ring, cx->clinic_id);
    bool shredded = clinic && clinic->shredded;
    pthread_rwlock_unlock(&ring->lock);
    if (shredded)
        return problem_new(cx->arena, PROBLEM_NOT_FOUND,
                           "the clinic's keys were destroyed: its data cannot be read");
    return problem_cause(problem_new(cx->arena, PROBLEM_INTERNAL, "the clinic has no such key"),
                         "clinic %s, key version %d", uuid_z(cx->clinic_id), version);
}

struct problem *keyring_hold(const struct ctx *cx, int version, struct key_hold *ret)
{
    struct keyring *ring = cx->app->keys;
    *ret = KEY_HOLD_NONE;
    if (hold_if_known(ring, cx->clinic_id, version, cx->no_wait ? STALE_US : FRESH_US, ret))
        return NULL;
    if (cx->no_wait)
        return problem_new(cx->arena, PROBLEM_UNAVAILABLE, "the clinic's key is not in memory");
    struct problem *p = load(ring, cx, version);
    /* What was just read is good however long this thread then stood still. */
    if (hold_if_known(ring, cx->clinic_id, version, p ? STALE_US : INT64_MAX, ret))
        return NULL;
    return p ? p : no_key(cx, version);
}

struct problem *keyring_refresh(const struct ctx *cx)
{
    struct keyring *ring = cx->app->keys;
    pthread_mutex_lock(&ring->db_lock);
    struct problem *p = load_or_pause(ring, cx);
    pthread_mutex_unlock(&ring->db_lock);
    return p;
}

void key_hold_end(struct key_hold *hold)
{
    if (hold->ring)
        pthread_rwlock_unlock(&hold->ring->lock);
    *hold = KEY_HOLD_NONE;
}

void keyring_forget(struct keyring *ring, struct uuid clinic)
{
    pthread_rwlock_wrlock(&ring->lock);
    struct clinic_keys *known = find(ring, clinic);
    if (known)
        known->loaded_us = INT64_MIN / 2;
    pthread_rwlock_unlock(&ring->lock);
}

struct problem *keyring_subkey(const struct ctx *cx, const char *purpose, int version,
                               struct key *ret, int *ret_version)
{
    CLEANUP(key_hold_end) struct key_hold hold = KEY_HOLD_NONE;
    TRY(keyring_hold(cx, version, &hold));
    *ret = key_derive(&hold.key->key, purpose);
    if (ret_version)
        *ret_version = hold.key->version;
    return NULL;
}

/* ---- making keys -----------------------------------------------------------------------------*/

struct problem *keyring_create(struct pg_tx *tx, const struct ctx *cx)
{
    const struct key *master = &cx->app->keys->master;
    CLEANUP(key_wipe) struct key data, pepper;
    CLEANUP(buf_free) struct buf wrapped = BUF_MAX(128);
    CLEANUP(buf_free) struct buf wrapped_pepper = BUF_MAX(128);
    random_bytes(data.b, KEY_LEN);
    random_bytes(pepper.b, KEY_LEN);
    key_wrap(master, cx->clinic_id, 1, "data", &data, &wrapped);
    key_wrap(master, cx->clinic_id, 1, "pepper", &pepper, &wrapped_pepper);
    return PG_EXEC(tx, &keys_first, NULL, PG_P_UUID(cx->clinic_id), PG_P_BYTES(buf_str(&wrapped)),
                   PG_P_BYTES(buf_str(&wrapped_pepper)));
}

struct problem *keyring_add_version(struct pg_tx *tx, const struct ctx *cx, int *ret_version)
{
    const struct key *master = &cx->app->keys->master;
    struct pg_result *r;
    TRY(PG_QUERY(tx, &keys_lock, &r, PG_P_UUID(cx->clinic_id)));
    if (pg_rows(r) == 0)
        return no_key(cx, 0);
    int before = (int)pg_get_int(r, 0, 0);
    int version = before + 1;
    CLEANUP(key_wipe) struct key pepper;
    if (!key_unwrap(master, cx->clinic_id, before, "pepper", pg_get_str(r, 0, 1), &pepper))
        return no_master(cx->arena, cx->clinic_id);

    CLEANUP(key_wipe) struct key data;
    CLEANUP(buf_free) struct buf wrapped = BUF_MAX(128);
    CLEANUP(buf_free) struct buf wrapped_pepper = BUF_MAX(128);
    random_bytes(data.b, KEY_LEN);
    key_wrap(master, cx->clinic_id, version, "data", &data, &wrapped);
    key_wrap(master, cx->clinic_id, version, "pepper", &pepper, &wrapped_pepper);
    TRY(PG_EXEC(tx, &keys_age, NULL, PG_P_UUID(cx->clinic_id)));
    TRY(PG_EXEC(tx, &keys_next, NULL, PG_P_UUID(cx->clinic_id), PG_P_INT(version),
                PG_P_BYTES(buf_str(&wrapped)), PG_P_BYTES(buf_str(&wrapped_pepper))));
    *ret_version = version;
    return NULL;
}
