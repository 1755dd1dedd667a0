/* Who comes in: tokens are verified and users looked up in batches, one batch in the pool at a
 * time, so that thousands who come back at once take turns and leave the machine to the API.
 *
 * The rule not to break: rooms are made here and nowhere else, from verified claims. */
#include "live/live_internal.h"

#include <stdlib.h>

#include "app/app.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"
#include "json/json_out.h"
#include "phi/phi.h"

enum { AUTH_MAX = 16384, BATCH = 32 };

struct entry {
    struct entry *next;
    struct sio_ref ref;
    struct arena *arena;
    struct str token;
    struct auth_claims claims;
    struct problem *problem;
};

struct batch {
    uv_work_t work;
    struct live *live;
    struct entry *entries[BATCH];
    size_t count;
};

const char *live_room_role(struct arena *arena, struct uuid clinic, enum role role)
{
    return arena_fmt(arena, "c:%s:%s", uuid_z(clinic), role_name(role));
}

const char *live_room_user(struct arena *arena, struct uuid user)
{
    return arena_fmt(arena, "u:%s", uuid_z(user));
}

const char *live_room_clinic(struct arena *arena, struct uuid clinic)
{
    return arena_fmt(arena, "c:%s", uuid_z(clinic));
}

/* ---- in the pool ------------------------------------------------------------------------------*/

struct problem *live_keys_warm(struct live *live, struct arena *arena, struct uuid clinic)
{
    struct ctx cx = ctx_system(live->app, arena, NULL, clinic, "");
    struct key unused;
    int version;
    struct problem *p = keyring_subkey(&cx, "live", 0, &unused, &version);
    key_wipe(&unused);
    return p;
}

struct problem *live_keys_read(struct live *live, struct arena *arena, struct uuid clinic)
{
    struct ctx cx = ctx_system(live->app, arena, NULL, clinic, "");
    return keyring_refresh(&cx);
}

static struct problem *token_check(struct live *live, struct entry *e)
{
    TRY(auth_token_verify(live->app->auth, e->arena, e->token, &e->claims));
    if (e->claims.expires_us < clock_wall_us()) /* no leeway: it would close again */
        return problem_new(e->arena, PROBLEM_UNAUTHENTICATED, "the token has expired");
    return NULL;
}

/* All whose token is good, with one question to the database. */
static void users_check(struct live *live, struct batch *batch)
{
    const struct auth_claims *claims[BATCH];
    struct entry *asked[BATCH];
    bool gone[BATCH];
    size_t count = 0;
    for (size_t i = 0; i < batch->count; i++) {
        struct entry *e = batch->entries[i];
        if (!e->problem) {
            claims[count] = &e->claims;
            asked[count++] = e;
        }
    }
    if (count == 0)
        return;
    struct arena *arena = asked[0]->arena;
    pthread_mutex_lock(&live->db_lock);
    struct problem *p = live_roll_query(live, arena, claims, count, gone);
    pthread_mutex_unlock(&live->db_lock);
    for (size_t i = 0; i < count; i++) {
        struct entry *e = asked[i];
        if (p)
            e->problem = problem_new(e->arena, p->kind, "%s", p->detail);
        else if (gone[i])
            e->problem =
                problem_new(e->arena, PROBLEM_UNAUTHENTICATED, "this account is not active here");
        else
            e->problem = live_keys_warm(live, e->arena, e->claims.clinic_id);
    }
}

static void batch_check(uv_work_t *work)
{
    struct batch *batch = work->data;
    for (size_t i = 0; i < batch->count; i++)
        batch->entries[i]->problem = token_check(batch->live, batch->entries[i]);
    users_check(batch->live, batch);
}

/* ---- on the loop ------------------------------------------------------------------------------*/

/* Joined before the decision, so that nothing is missed between it and the first event. A restored
 * session has the same rooms: its identity is all that they are made of. */
static void rooms_join(struct sio_socket *socket, struct arena *arena, const struct auth_claims *c)
{
    const char *identity =
        arena_fmt(arena, "%s:%s:%s", uuid_z(c->user_id), uuid_z(c->clinic_id), role_name(c->role));
    sio_identity_set(socket, str_of(identity));
    sio_join(socket, str_of(live_room_user(arena, c->user_id)));
    sio_join(socket, str_of(live_room_role(arena, c->clinic_id, c->role)));
    sio_join(socket, str_of(live_room_clinic(arena, c->clinic_id)));
}

static void refuse(struct sio_socket *socket, const struct problem *p)
{
    CLEANUP(buf_free) struct buf data = BUF_MAX(1024);
    struct jw w = jw_to(&data);
    jw_obj(&w);
    jw_key(&w, "type");
    jw_z(&w, problem_slug(p->kind));
    jw_key(&w, "status");
    jw_int(&w, problem_status(p->kind));
    jw_end(&w);
    sio_refuse(socket, p->detail, buf_str(&data));
}

static void decide(struct live *live, const struct entry *e, int status)
{
    struct sio_socket *socket = live->server ? sio_get(e->ref) : NULL; /* none: we stopped */
    if (!socket)
        return;
    if (status != 0 || live->stopping) {
        sio_refuse(socket, "the server is stopping", STR_NONE);
    } else if (e->problem) {
        live->counts.refused++;
        refuse(socket, e->problem);
    } else {
        struct session *session = mem_new(struct session);
        session->claims = e->claims;
        sio_data_set(socket, session);
        rooms_join(socket, e->arena, &e->claims);
        live->counts.accepted++;
        sio_accept(socket);
    }
}

static void entry_free(struct entry *e)
{
    arena_free(&e->arena);
    free(e);
}

static void batch_begin(struct live *live);

static void batch_done(uv_work_t *work, int status)
{
    struct batch *batch = work->data;
    struct live *live = batch->live;
    live->tasks--;
    live->checking = false;
    for (size_t i = 0; i < batch->count; i++) {
        decide(live, batch->entries[i], status);
        entry_free(batch->entries[i]);
    }
    free(batch);
    batch_begin(live);
}

/* The first of those who wait. */
static void batch_begin(struct live *live)
{
    while (live->stopping && live->first) {
        struct entry *e = live->first;
        live->first = e->next;
        entry_free(e);
    }
    if (live->checking || !live->first)
        return;
    struct batch *batch = mem_new(struct batch);
    batch->live = live;
    batch->work.data = batch;
    while (live->first && batch->count < BATCH) {
        struct entry *e = live->first;
        live->first = e->next;
        batch->entries[batch->count++] = e;
    }
    live->checking = true;
    live->tasks++;
    uv_queue_work(live->loop, &batch->work, batch_check, batch_done);
}

static void wait_in_line(struct live *live, struct entry *e)
{
    if (live->first)
        live->last->next = e;
    else
        live->first = e;
    live->last = e;
    batch_begin(live);
}

void live_on_connect(struct sio_socket *socket, struct str auth, void *user)
{
    struct live *live = user;
    struct arena *arena = arena_new(1 << 20);
    struct str token = STR_NONE, quoted;
    CLEANUP(buf_free) struct buf decoded = BUF_SECRET(AUTH_MAX);
    if (sio_member(auth, "token", &quoted)) {
        CLEANUP(buf_free) struct buf list = BUF_SECRET(AUTH_MAX);
        buf_addf(&list, "[" STR_FMT "]", STR_ARG(quoted));
        if (!list.overflowed && sio_arg_text(buf_str(&list), 0, &decoded))
            token = arena_str(arena, buf_str(&decoded));
    }
    if (token.n == 0) {
        arena_free(&arena);
        live->counts.refused++;
        sio_refuse(socket, "a token is needed in auth.token",
                   STR("{\"type\":\"unauthenticated\",\"status\":401}"));
        return;
    }
    struct entry *e = mem_new(struct entry);
    *e = (struct entry){.ref = sio_ref(socket), .arena = arena, .token = token};
    wait_in_line(live, e);
}
