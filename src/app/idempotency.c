/* Keys are rows: claimed before the handler runs, finished with the answer after it. Ids that the
 * handler makes are derived from the key (ctx_new_id), so a request repeated after a crash between
 * its commit and this finish finds its own row instead of making a second one. */
#include "app/idempotency.h"

#include "app/rest.h"
#include "auth/auth.h"
#include "base/cleanup.h"
#include "base/crypt.h"
#include "phi/phi.h"

enum { KEY_MAX = 255, CHUNK = 64 * 1024 };

/* An expired key, or one whose request never finished, may be claimed again: 20 s after it began
 * (the body was in by then), so that a client of a server that died is not refused for long. The
 * seed survives only for the same request within its time: anything else makes its own rows. */
#define SAME_REQUEST                                                                               \
    "(k.body_hash = excluded.body_hash AND k.route = excluded.route AND k.expires_at > now())"
/* Which claim of a key this is: one that was taken over is not finished or let go by its old owner.
 */
#define CLAIM_OF "(extract(epoch FROM locked_until) * 1000000)::bigint"
static const struct pg_stmt claim = {
    "idempotency_claim",
    "INSERT INTO idempotency_keys AS k (clinic_id, user_id, key, route, body_hash, locked_until)"
    " VALUES ($1::uuid, $2::uuid, $3, $4, $5, now() + interval '20 s') ON CONFLICT (clinic_id, "
    "user_id, key) DO UPDATE SET"
    " seed = CASE WHEN " SAME_REQUEST " THEN k.seed ELSE excluded.seed END,"
    " route = excluded.route, body_hash = excluded.body_hash, status = 'in_flight',"
    " locked_until = excluded.locked_until, created_at = now(), expires_at = excluded.expires_at"
    " WHERE k.expires_at < now() OR (k.status = 'in_flight' AND k.locked_until < now()"
    " AND " SAME_REQUEST ") RETURNING seed, " CLAIM_OF};
static const struct pg_stmt find = {
    "idempotency_find",
    "SELECT status = 'done', route = $4 AND body_hash = $5, response_status,"
    " response_headers->>'location', response_headers->>'etag', response_body, phi_key_version"
    " FROM idempotency_keys WHERE clinic_id = $1::uuid AND user_id = $2::uuid AND key = $3"};
static const struct pg_stmt finish = {
    "idempotency_finish",
    "UPDATE idempotency_keys SET status = 'done', response_status = $4::int,"
    " response_headers = jsonb_build_object('location', $5::text, 'etag', $6::text),"
    " response_body = $7, phi_key_version = $8::int"
    " WHERE clinic_id = $1::uuid AND user_id = $2::uuid AND key = $3"
    " AND status = 'in_flight' AND " CLAIM_OF " = $9::bigint"};
static const struct pg_stmt release = {
    "idempotency_release",
    "DELETE FROM idempotency_keys WHERE clinic_id = $1::uuid AND user_id = $2::uuid AND key = $3"
    " AND status = 'in_flight' AND " CLAIM_OF " = $4::bigint"};
/* Whether it took effect is not known: the same request may come again at once, no other one. */
static const struct pg_stmt unlock = {
    "idempotency_unlock",
    "UPDATE idempotency_keys SET locked_until = now() WHERE clinic_id = $1::uuid"
    " AND user_id = $2::uuid AND key = $3 AND status = 'in_flight' AND " CLAIM_OF " = $4::bigint"};
static const struct pg_stmt *const stmts[] = {&claim, &find, &finish, &release, &unlock};

__attribute__((constructor)) static void register_statements(void)
{
    pg_register(stmts, ARRAY_LEN(stmts));
}

/* One request under its key. Rows belong to the actor's own clinic. */
struct keyed {
    struct ctx cx;
    struct str key; /* SHA-256 of the client's, hex: what it sent may be anything */
    const char *route;
    uint8_t body_hash[SHA256_LEN];
    struct phi_place place; /* of the sealed answer */
    struct uuid seed;
    int64_t claim;
};

static struct problem *key_check(struct http_request *rq, struct str key)
{
    bool right = key.n > 0 && key.n <= KEY_MAX;
    for (size_t i = 0; right && i < key.n; i++)
        right = key.p[i] > 0x20 && key.p[i] < 0x7F;
    return right ? NULL
                 : problem_new(rq->arena, PROBLEM_BAD_REQUEST,
                               "Idempotency-Key must be 1 to 255 visible ASCII characters");
}

/* The parts of a form, without the boundary, which every client draws anew for each try. */
static struct problem *parts_digest(struct http_request *rq, struct sha256_stream *digest)
{
    struct http_multipart *form;
    char *chunk = arena_alloc(rq->arena, CHUNK);
    TRY(http_multipart_open(rq, &form));
    for (;;) {
        struct http_part part;
        bool more = false;
        TRY(http_multipart_next(form, &part, &more));
        if (!more)
            return NULL;
        sha256_add(digest, part.name);
        for (size_t n = 1; n > 0;) {
            TRY(http_multipart_read(form, chunk, CHUNK, &n));
            sha256_add(digest, (struct str){chunk, n});
        }
    }
}

static struct problem *body_digest(struct http_request *rq, uint8_t ret[SHA256_LEN])
{
    if (!rq->spool) {
        sha256(rq->body, ret);
        return NULL;
    }
    CLEANUP(sha256_drop) struct sha256_stream digest;
    sha256_begin(&digest);
    TRY(parts_digest(rq, &digest));
    sha256_end(&digest, ret);
    http_spool_rewind(rq->spool);
    return NULL;
}

static struct problem *keyed_read(struct http_request *rq, struct str key, struct keyed *ret)
{
    TRY(key_check(rq, key));
    ret->cx = *ctx_of(rq);
    ret->cx.clinic_id = ret->cx.home_clinic;
    uint8_t digest[SHA256_LEN];
    CLEANUP(buf_free) struct buf hex = BUF_MAX(2 * SHA256_LEN + 1);
    sha256(key, digest);
    hex_add(&hex, digest, sizeof(digest));
    ret->key = arena_str(rq->arena, buf_str(&hex));
    ret->route = arena_fmt(rq->arena, "POST " STR_FMT, STR_ARG(rq->path));
    struct uuid row = uuid_derived(ret->cx.user_id, ret->key);
    ret->place = (struct phi_place){"idempotency_keys", "response_body", row};
    return body_digest(rq, ret->body_hash);
}

#define KEY_PARAMS(k) PG_P_UUID((k)->cx.clinic_id), PG_P_UUID((k)->cx.user_id), PG_P_TEXT((k)->key)
#define HASH_PARAM(k) PG_P_BYTES(((struct str){(const char *)(k)->body_hash, SHA256_LEN}))

static struct problem *replay(const struct keyed *k, const struct pg_result *r,
                              struct http_response *rs)
{
    struct phi body;
    struct str location = pg_get_str(r, 0, 3), etag = pg_get_str(r, 0, 4);
    TRY(phi_open(&k->cx, k->place, pg_get_str(r, 0, 5), (int)pg_get_int(r, 0, 6), &body));
    rs->status = (int)pg_get_int(r, 0, 2);
    buf_add_str(&rs->body, phi_reveal(body));
    if (location.p)
        http_header_set(rs, "Location", STR_FMT, STR_ARG(location));
    if (etag.p)
        http_header_set(rs, "ETag", STR_FMT, STR_ARG(etag));
    http_header_set(rs, "Idempotency-Replayed", "true");
    return NULL;
}

/* Claims the key, or answers with what is known of it. */
static struct problem *begin(struct keyed *k, struct http_response *rs, bool *ret_run)
{
    struct pg_result *r;
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, &k->cx, PG_WRITE));
    TRY(PG_QUERY(&tx, &claim, &r, KEY_PARAMS(k), PG_P_Z(k->route), HASH_PARAM(k)));
    *ret_run = pg_rows(r) == 1;
    if (*ret_run) {
        k->seed = pg_get_uuid(r, 0, 0);
        k->claim = pg_get_int(r, 0, 1);
        return pg_tx_commit(&tx);
    }
    TRY(PG_QUERY(&tx, &find, &r, KEY_PARAMS(k), PG_P_Z(k->route), HASH_PARAM(k)));
    if (pg_rows(r) == 0 || (pg_get_bool(r, 0, 1) && !pg_get_bool(r, 0, 0)))
        return problem_new(k->cx.arena, PROBLEM_CONFLICT,
                           "a request with this Idempotency-Key is still running");
    if (!pg_get_bool(r, 0, 1))
        return problem_new(k->cx.arena, PROBLEM_UNPROCESSABLE,
                           "this Idempotency-Key was used for another request");
    return replay(k, r, rs);
}

static struct str header_of(const struct http_response *rs, const char *name)
{
    for (size_t i = 0; i < rs->header_count; i++)
        if (str_eq_nocase(rs->headers[i].name, str_of(name)))
            return rs->headers[i].value;
    return STR_NONE;
}

static struct problem *end(const struct keyed *k, const struct http_response *rs)
{
    struct str sealed;
    int version;
    struct str body = {rs->body.data ? rs->body.data : "", rs->body.len};
    TRY(phi_seal(&k->cx, k->place, phi_of(body), &sealed, &version));
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, &k->cx, PG_WRITE));
    TRY(PG_EXEC(&tx, &finish, NULL, KEY_PARAMS(k), PG_P_INT(rs->status ? rs->status : 200),
                PG_P_TEXT_OR_NULL(header_of(rs, "location")),
                PG_P_TEXT_OR_NULL(header_of(rs, "etag")), PG_P_BYTES(sealed), PG_P_INT(version),
                PG_P_INT(k->claim)));
    return pg_tx_commit(&tx);
}

/* A refused request did nothing, so its key is free again; one that broke down may have done its
 * work, so its key stays with it. */
static struct problem *let_go(const struct keyed *k, const struct problem *why)
{
    bool refused = problem_status(why->kind) < 500;
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, &k->cx, PG_WRITE));
    TRY(PG_EXEC(&tx, refused ? &release : &unlock, NULL, KEY_PARAMS(k), PG_P_INT(k->claim)));
    return pg_tx_commit(&tx);
}

struct problem *idempotency_around(struct http_request *rq, struct http_response *rs,
                                   http_handler *handler)
{
    struct str key = http_header_get(rq, "idempotency-key");
    if (rq->method != HTTP_POST || !key.p || (rq->route->flags & ROUTE_PUBLIC))
        return handler(rq, rs);
    struct keyed k = {0};
    bool run = false;
    TRY(keyed_read(rq, key, &k));
    TRY(begin(&k, rs, &run));
    if (!run)
        return NULL;
    ctx_of(rq)->id_seed = k.seed;
    struct problem *p = handler(rq, rs);
    /* An answer that could not be kept is still an answer: the key then frees itself by time. */
    struct problem *lost = p ? let_go(&k, p) : end(&k, rs);
    (void)lost;
    return p;
}
