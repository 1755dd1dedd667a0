/* Who comes in: tokens are verified and users looked up in batches, one batch in the pool at a
 * time, so that thousands who come back at once take turns and leave the machine to the API. Whose
 * token names a key that has to be fetched first stands in a second line: only they wait for the
 * issuer.
 *
 * The lines are short: nobody has shown a token yet, so what is kept for those who wait is bounded,
 * and who leaves leaves it at once.
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

enum {
    AUTH_MAX = 16384,
    BATCH = 32,
    WAITING_MAX = 20000,         /* in a line; more come again in a moment */
    WAITING_BYTES_MAX = 64 << 20 /* of their tokens */
};

struct entry {
    struct entry *prev, *next;
    struct sio_ref ref;
    struct session *session; /* of its socket; NULL when that is gone */
    struct live_line *line;  /* it stands in; NULL: none */
    bool later;              /* its key has to be fetched first */
    struct arena *arena;
    struct str token;
    struct auth_claims claims;
    struct problem *problem;
};

struct batch {
    uv_work_t work;
    struct live *live;
    struct live_line *line; /* they stood in */
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

static struct problem *token_check(struct live *live, struct entry *e, enum auth_patience patience)
{
    struct problem *p =
        auth_token_verify(live->app->auth, e->arena, e->token, patience, &e->claims);
    e->later = p && p->kind == PROBLEM_UNAVAILABLE && patience == AUTH_NOW;
    TRY(p);
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
        batch->entries[i]->problem =
            token_check(batch->live, batch->entries[i], batch->line->patience);
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

/* ---- the line -------------------------------------------------------------------------------- */

static bool line_is_full(const struct live_line *line)
{
    return line->count >= WAITING_MAX || line->bytes >= WAITING_BYTES_MAX;
}

static void line_add(struct live_line *line, struct entry *e)
{
    e->prev = line->last;
    if (line->last)
        line->last->next = e;
    else
        line->first = e;
    line->last = e;
    line->count++;
    line->bytes += e->token.n;
    e->line = line;
}

static void line_del(struct entry *e)
{
    struct live_line *line = e->line;
    if (e->prev)
        e->prev->next = e->next;
    else
        line->first = e->next;
    if (e->next)
        e->next->prev = e->prev;
    else
        line->last = e->prev;
    e->prev = e->next = NULL;
    line->count--;
    line->bytes -= e->token.n;
    e->line = NULL;
}

static void entry_free(struct entry *e)
{
    if (e->session)
        e->session->entry = NULL;
    arena_free(&e->arena);
    free(e);
}

void live_session_end(struct session *session)
{
    struct entry *e = session ? session->entry : NULL;
    if (e)
        e->session = NULL;
    if (e && e->line) { /* else it is in the pool, and freed when it comes back */
        line_del(e);
        entry_free(e);
    }
    free(session);
}

/* ---- the decision -----------------------------------------------------------------------------
 */

/* A refused socket ends without a word to on_disconnect. */
static void session_drop(struct sio_socket *socket)
{
    live_session_end(sio_data(socket));
    sio_data_set(socket, NULL);
}

static void decide(struct live *live, struct entry *e, int status)
{
    struct sio_socket *socket = live->server ? sio_get(e->ref) : NULL; /* none: we stopped */
    if (!socket)
        return;
    if (status != 0 || live->stopping) {
        session_drop(socket);
        sio_refuse(socket, "the server is stopping", STR_NONE);
    } else if (e->problem) {
        live->counts.refused++;
        session_drop(socket);
        refuse(socket, e->problem);
    } else {
        e->session->claims = e->claims;
        rooms_join(socket, e->arena, &e->claims);
        live->counts.accepted++;
        sio_accept(socket);
    }
}

static void batch_begin(struct live *live, struct live_line *line);

static void batch_done(uv_work_t *work, int status)
{
    struct batch *batch = work->data;
    struct live *live = batch->live;
    batch->line->checking = false;
    for (size_t i = 0; i < batch->count; i++) {
        struct entry *e = batch->entries[i];
        if (e->later && e->session && !live->stopping && !line_is_full(&live->strangers)) {
            line_add(&live->strangers, e);
            continue;
        }
        decide(live, e, status);
        entry_free(e);
    }
    batch_begin(live, batch->line);
    batch_begin(live, &live->strangers);
    free(batch);
}

/* The first of those who wait. */
static void batch_begin(struct live *live, struct live_line *line)
{
    while (live->stopping && line->first) {
        struct entry *e = line->first;
        line_del(e);
        entry_free(e);
    }
    if (line->checking || !line->first)
        return;
    struct batch *batch = mem_new(struct batch);
    batch->live = live;
    batch->line = line;
    batch->work.data = batch;
    while (line->first && batch->count < BATCH) {
        struct entry *e = line->first;
        line_del(e);
        batch->entries[batch->count++] = e;
    }
    line->checking = true;
    uv_queue_work(live->loop, &batch->work, batch_check, batch_done);
}

/* NULL: it has none. */
static struct entry *entry_new(struct sio_socket *socket, struct str auth)
{
    struct str quoted;
    CLEANUP(buf_free) struct buf decoded = BUF_SECRET(AUTH_MAX);
    CLEANUP(buf_free) struct buf list = BUF_SECRET(AUTH_MAX);
    if (!sio_member(auth, "token", &quoted))
        return NULL;
    buf_addf(&list, "[" STR_FMT "]", STR_ARG(quoted));
    if (list.overflowed || !sio_arg_text(buf_str(&list), 0, &decoded) || decoded.len == 0)
        return NULL;
    struct entry *e = mem_new(struct entry);
    struct arena *arena = arena_new(1 << 20);
    *e = (struct entry){
        .ref = sio_ref(socket), .arena = arena, .token = arena_str(arena, buf_str(&decoded))};
    return e;
}

void live_on_connect(struct sio_socket *socket, struct str auth, void *user)
{
    struct live *live = user;
    if (line_is_full(&live->line)) {
        live->counts.busy++;
        sio_refuse(socket, "busy, try again in a moment",
                   STR("{\"type\":\"unavailable\",\"status\":503}"));
        return;
    }
    struct entry *e = entry_new(socket, auth);
    if (!e) {
        live->counts.refused++;
        sio_refuse(socket, "a token is needed in auth.token",
                   STR("{\"type\":\"unauthenticated\",\"status\":401}"));
        return;
    }
    e->session = mem_new(struct session);
    e->session->entry = e;
    sio_data_set(socket, e->session);
    line_add(&live->line, e);
    batch_begin(live, &live->line);
}

void live_entry_init(struct live *live)
{
    live->line.patience = AUTH_NOW;
    live->strangers.patience = AUTH_WAIT;
}
