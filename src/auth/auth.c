/* Bearer token -> claims -> active user -> context, with two bounded caches: a verified token costs
 * one hash, a user known to be active is asked for again after 4 s (SPEC 1: deactivation within 5).
 */
#include "auth/auth.h"

#include <stdlib.h>

#include "app/app.h"
#include "auth/auth_internal.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/clock.h"

static const struct pg_stmt user_active = {
    "auth_user_active",
    "SELECT 1 FROM users u JOIN clinics c ON c.id = u.clinic_id"
    " WHERE u.id = $1::uuid AND u.clinic_id = $2::uuid AND u.auth_id = $3 AND u.role = $4"
    " AND u.is_active AND c.is_active"};
static const struct pg_stmt clinic_exists = {"auth_clinic_exists",
                                             "SELECT 1 FROM clinics WHERE id = $1::uuid"};
static const struct pg_stmt *const stmts[] = {&user_active, &clinic_exists};

struct problem *auth_new(struct app *app, struct auth **ret)
{
    pg_register(stmts, ARRAY_LEN(stmts));
    struct auth *auth = mem_new(struct auth);
    auth->issuer = conf_text(app->conf, "NEXACORE_JWT_ISSUER");
    auth->audience = conf_text(app->conf, "NEXACORE_JWT_AUDIENCE");
    auth->claim_prefix = conf_text(app->conf, "NEXACORE_JWT_CLAIM_PREFIX");
    auth->jwks = jwks_new(conf_text(app->conf, "NEXACORE_JWT_JWKS_URL"));
    auth->tokens = mem_zero(TOKEN_SLOTS, sizeof(struct token_slot));
    auth->users = mem_zero(USER_SLOTS, sizeof(struct user_slot));
    pthread_mutex_init(&auth->lock, NULL);
    if (!auth->tokens || !auth->users) {
        auth_free(&auth);
        return problem_new(NULL, PROBLEM_INTERNAL, "out of memory");
    }
    *ret = auth;
    return NULL;
}

void auth_free(struct auth **auth)
{
    if (!*auth)
        return;
    jwks_free(&(*auth)->jwks);
    pthread_mutex_destroy(&(*auth)->lock);
    free((*auth)->tokens);
    free((*auth)->users);
    free(*auth);
    *auth = NULL;
}

static size_t slot_of(const uint8_t digest[SHA256_LEN], size_t slots)
{
    uint32_t v;
    memcpy(&v, digest, sizeof(v));
    return v & (slots - 1);
}

struct problem *auth_token_verify(struct auth *auth, struct arena *arena, struct str token,
                                  enum auth_patience patience, struct auth_claims *ret)
{
    uint8_t digest[SHA256_LEN];
    sha256(token, digest);
    unsigned generation = jwks_generation(auth->jwks);
    struct token_slot *slot = &auth->tokens[slot_of(digest, TOKEN_SLOTS)];
    pthread_mutex_lock(&auth->lock);
    bool hit = generation != 0 && slot->generation == generation &&
               memcmp(slot->digest, digest, SHA256_LEN) == 0;
    struct auth_claims claims;
    if (hit)
        claims = slot->claims;
    pthread_mutex_unlock(&auth->lock);
    if (hit && claims.expires_us + LEEWAY_S * 1000000LL > clock_wall_us()) {
        *ret = claims;
        return NULL;
    }
    TRY(auth_token_read(auth, arena, token, patience, &claims));
    *ret = claims;
    if (jwks_generation(auth->jwks) != generation)
        return NULL; /* which set verified it is not known: the next request asks again */
    pthread_mutex_lock(&auth->lock);
    memcpy(slot->digest, digest, SHA256_LEN);
    slot->generation = generation;
    slot->claims = claims;
    pthread_mutex_unlock(&auth->lock);
    return NULL;
}

static void user_digest(const struct auth_claims *claims, uint8_t ret[SHA256_LEN])
{
    struct buf text = BUF_MAX(1024);
    buf_add(&text, claims->user_id.b, 16);
    buf_add(&text, claims->clinic_id.b, 16);
    buf_add_c(&text, (char)claims->role);
    buf_add_z(&text, claims->subject);
    sha256(buf_str(&text), ret);
    buf_free(&text);
}

static struct ctx ctx_of_claims(struct arena *arena, struct pg_conn *db,
                                const struct auth_claims *claims)
{
    return (struct ctx){.arena = arena,
                        .db = db,
                        .clinic_id = claims->clinic_id,
                        .home_clinic = claims->clinic_id,
                        .user_id = claims->user_id,
                        .role = claims->role,
                        .request_id = "",
                        .session = ""};
}

struct problem *auth_user_check(struct auth *auth, struct arena *arena, struct pg_conn *db,
                                const struct auth_claims *claims)
{
    uint8_t digest[SHA256_LEN];
    user_digest(claims, digest);
    struct user_slot *slot = &auth->users[slot_of(digest, USER_SLOTS)];
    pthread_mutex_lock(&auth->lock);
    bool fresh = slot->until_us > clock_mono_us() && memcmp(slot->digest, digest, SHA256_LEN) == 0;
    pthread_mutex_unlock(&auth->lock);
    if (fresh)
        return NULL;

    struct ctx cx = ctx_of_claims(arena, db, claims);
    cx.role = ROLE_SYSTEM; /* the clinic's own policies, whoever asks */
    int64_t asked_us = clock_mono_us();
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, &cx, PG_READ_ONE));
    struct pg_result *rows;
    TRY(PG_QUERY(&tx, &user_active, &rows, PG_P_UUID(claims->user_id), PG_P_UUID(claims->clinic_id),
                 PG_P_Z(claims->subject), PG_P_Z(role_name(claims->role))));
    TRY(pg_tx_commit(&tx));
    if (pg_rows(rows) == 0)
        return problem_new(arena, PROBLEM_UNAUTHENTICATED, "this account is not active here");
    pthread_mutex_lock(&auth->lock);
    memcpy(slot->digest, digest, SHA256_LEN);
    slot->until_us = asked_us + USER_TTL_US;
    pthread_mutex_unlock(&auth->lock);
    return NULL;
}

/* "Bearer <token>" (RFC 6750 section 2.1), the scheme without case. */
static struct problem *bearer(const struct http_request *rq, struct str *ret)
{
    struct str value = http_header_get(rq, "authorization");
    struct str rest = value;
    struct str scheme = str_cut(&rest, ' ');
    rest = str_trim(rest);
    if (!str_eq_nocase(scheme, STR("Bearer")) || rest.n == 0)
        return problem_new(rq->arena, PROBLEM_UNAUTHENTICATED, "a bearer token is needed");
    *ret = rest;
    return NULL;
}

/* X-Clinic-Id: how CORPORATE_ADMIN names the clinic a route is about. */
static struct problem *choose_clinic(struct http_request *rq, struct ctx *cx)
{
    struct str header = http_header_get(rq, "x-clinic-id");
    if (cx->role != ROLE_CORPORATE_ADMIN)
        return NULL;
    if (!header.p) {
        if (rq->route->flags & ROUTE_NEEDS_CLINIC)
            return problem_new(cx->arena, PROBLEM_BAD_REQUEST, "name a clinic with X-Clinic-Id");
        return NULL;
    }
    struct uuid clinic;
    if (!uuid_parse(header, &clinic))
        return problem_new(cx->arena, PROBLEM_BAD_REQUEST, "X-Clinic-Id is not a UUID");
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_READ_ONE));
    struct pg_result *rows;
    TRY(PG_QUERY(&tx, &clinic_exists, &rows, PG_P_UUID(clinic)));
    TRY(pg_tx_commit(&tx));
    if (pg_rows(rows) == 0)
        return problem_new(cx->arena, PROBLEM_NOT_FOUND, "there is no such clinic");
    cx->clinic_id = clinic;
    cx->clinic_chosen = true;
    return NULL;
}

struct problem *auth_before(struct http_request *rq, struct http_response *rs)
{
    (void)rs;
    struct lane *lane = rq->lane;
    struct ctx *cx = arena_make(rq->arena, struct ctx);
    if (rq->route->flags & ROUTE_PUBLIC) {
        *cx = ctx_system(lane->app, rq->arena, lane->db, UUID_NONE, rq->id);
        cx->ip = rq->peer;
        rq->user = cx;
        return NULL;
    }
    struct str token;
    TRY(bearer(rq, &token));
    struct auth_claims *claims = arena_make(rq->arena, struct auth_claims);
    TRY(auth_token_verify(lane->app->auth, rq->arena, token, AUTH_ASK, claims));
    *cx = ctx_of_claims(rq->arena, lane->db, claims);
    cx->app = lane->app;
    cx->request_id = rq->id;
    cx->ip = rq->peer;
    cx->session = claims->session;
    cx->token_expires_us = claims->expires_us;
    rq->user = cx; /* from here on a refusal has somebody to be audited about */
    TRY(auth_user_check(lane->app->auth, rq->arena, lane->db, claims));
    if (!(rq->route->roles & BIT(cx->role)))
        return problem_new(rq->arena, PROBLEM_FORBIDDEN, "your role may not do this");
    return choose_clinic(rq, cx);
}
