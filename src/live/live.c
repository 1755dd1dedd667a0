/* The live channel on lib/socketio: who may connect, which rooms, and how sealed names open.
 *
 * Everything runs on the loop but verifying tokens and asking the database (also for keys), which
 * go to libuv's thread pool and come back: the loop opens names with keys in memory alone. Rooms
 * are made here and nowhere else, from verified claims. */
#include "live/live.h"

#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>

#include "app/app.h"
#include "auth/auth.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "json/json_in.h"
#include "json/json_out.h"
#include "phi/phi.h"
#include "socketio/socketio.h"

enum {
    SWEEP_MS = 1000,
    ACTIVE_EVERY = 3, /* sweeps */
    AUTH_MAX = 16384,
    RECOVERY_MS = 120000,
    GIVEN_UP_US = 1000000, /* a clinic's names go out empty this long after its keys did not come */
};

struct live {
    struct app *app;
    uv_loop_t *loop;
    struct arena *arena; /* of start-up */
    struct sio_server *server;
    struct sio_namespace *root;
    uv_timer_t sweep;
    unsigned sweeps;
    bool asking;  /* whether users are still active is being asked */
    bool loading; /* keys for an event that waits */
    bool stopping;
    struct uuid loaded; /* the clinic whose keys were last read for an event that waited, */
    int64_t loaded_us;  /* and when, monotonic */
    unsigned tasks;     /* in the thread pool */
    /* The thread pool's connection; its threads take turns. */
    pthread_mutex_t db_lock;
    struct pg_conn *db;
};

/* What the server keeps of an accepted socket. */
struct session {
    struct auth_claims claims;
};

static const struct pg_stmt inactive_users = {
    "live_inactive_users",
    "SELECT u.id FROM users u JOIN clinics c ON c.id = u.clinic_id WHERE u.id IN"
    " (SELECT v::uuid FROM jsonb_array_elements_text($1::jsonb) v)"
    " AND NOT (u.is_active AND c.is_active)"};
static const struct pg_stmt *const stmts[] = {&inactive_users};

__attribute__((constructor)) static void register_statements(void)
{
    pg_register(stmts, ARRAY_LEN(stmts));
}

const char *live_room_role(struct arena *arena, struct uuid clinic, enum role role)
{
    return arena_fmt(arena, "c:%s:%s", uuid_z(clinic), role_name(role));
}

const char *live_room_user(struct arena *arena, struct uuid user)
{
    return arena_fmt(arena, "u:%s", uuid_z(user));
}

static const char *room_clinic(struct arena *arena, struct uuid clinic)
{
    return arena_fmt(arena, "c:%s", uuid_z(clinic));
}

/* ---- connecting -------------------------------------------------------------------------------*/

struct entry {
    uv_work_t work;
    struct live *live;
    struct sio_ref ref;
    struct arena *arena;
    struct str token;
    struct auth_claims claims;
    struct problem *problem;
};

/* In the pool: the clinic's keys in memory, as fresh as anybody's, before its first event comes. */
static struct problem *keys_warm(struct live *live, struct arena *arena, struct uuid clinic)
{
    struct ctx cx = ctx_system(live->app, arena, NULL, clinic, "");
    struct key unused;
    int version;
    struct problem *p = keyring_subkey(&cx, "live", 0, &unused, &version);
    key_wipe(&unused);
    return p;
}

/* In the pool: the clinic's keys into memory, so that the loop never waits for them. */
static struct problem *keys_read(struct live *live, struct arena *arena, struct uuid clinic)
{
    struct ctx cx = ctx_system(live->app, arena, NULL, clinic, "");
    return keyring_refresh(&cx);
}

static void entry_check(uv_work_t *work)
{
    struct entry *e = work->data;
    struct live *live = e->live;
    e->problem = auth_token_verify(live->app->auth, e->arena, e->token, &e->claims);
    if (!e->problem && e->claims.expires_us < clock_wall_us()) /* no leeway: it would close again */
        e->problem = problem_new(e->arena, PROBLEM_UNAUTHENTICATED, "the token has expired");
    if (e->problem)
        return;
    pthread_mutex_lock(&live->db_lock);
    e->problem = auth_user_check(live->app->auth, e->arena, live->db, &e->claims);
    if (!e->problem)
        e->problem = keys_warm(live, e->arena, e->claims.clinic_id);
    pthread_mutex_unlock(&live->db_lock);
}

/* Joined before the decision, so that nothing is missed between it and the first event. A restored
 * session has the same rooms: its identity is all that they are made of. */
static void rooms_join(struct sio_socket *socket, struct arena *arena, const struct auth_claims *c)
{
    const char *identity =
        arena_fmt(arena, "%s:%s:%s", uuid_z(c->user_id), uuid_z(c->clinic_id), role_name(c->role));
    sio_identity_set(socket, str_of(identity));
    sio_join(socket, str_of(live_room_user(arena, c->user_id)));
    sio_join(socket, str_of(live_room_role(arena, c->clinic_id, c->role)));
    sio_join(socket, str_of(room_clinic(arena, c->clinic_id)));
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

static void entry_done(uv_work_t *work, int status)
{
    struct entry *e = work->data;
    struct sio_socket *socket = sio_get(e->ref);
    e->live->tasks--;
    if (socket && (status != 0 || e->live->stopping)) {
        sio_refuse(socket, "the server is stopping", STR_NONE);
    } else if (socket && e->problem) {
        refuse(socket, e->problem);
    } else if (socket) {
        struct session *session = mem_new(struct session);
        session->claims = e->claims;
        sio_data_set(socket, session);
        rooms_join(socket, e->arena, &e->claims);
        sio_accept(socket);
    }
    arena_free(&e->arena);
    free(e);
}

/* auth: {"token": "<JWT>"} */
static void on_connect(struct sio_socket *socket, struct str auth, void *user)
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
        sio_refuse(socket, "a token is needed in auth.token",
                   STR("{\"type\":\"unauthenticated\",\"status\":401}"));
        return;
    }
    struct entry *e = mem_new(struct entry);
    *e = (struct entry){.live = live, .ref = sio_ref(socket), .arena = arena, .token = token};
    e->work.data = e;
    live->tasks++;
    uv_queue_work(live->loop, &e->work, entry_check, entry_done);
}

static void on_disconnect(struct sio_socket *socket, enum sio_reason reason, void *user)
{
    (void)reason;
    (void)user;
    free(sio_data(socket));
    sio_data_set(socket, NULL);
}

/* ---- sealed values ----------------------------------------------------------------------------*/

/* {"$phi","clinic","table","column","row","version"} as outbox_phi() wrote it. */
static bool sealed_read(const json_t *value, struct arena *arena, struct phi_place *place,
                        struct uuid *clinic, struct str *sealed, int *version)
{
    const char *text = json_string_value(json_object_get(value, "$phi"));
    const char *table = json_string_value(json_object_get(value, "table"));
    const char *column = json_string_value(json_object_get(value, "column"));
    const char *row = json_string_value(json_object_get(value, "row"));
    const char *owner = json_string_value(json_object_get(value, "clinic"));
    if (!text || !table || !column || !row || !owner || !uuid_parse(str_of(row), &place->row) ||
        !uuid_parse(str_of(owner), clinic))
        return false;
    CLEANUP(buf_free) struct buf bytes = BUF_MAX(65536);
    if (!base64_add_decoded(&bytes, str_of(text)))
        return false;
    place->table = arena_cstr(arena, str_of(table));
    place->column = arena_cstr(arena, str_of(column));
    *sealed = arena_str(arena, buf_str(&bytes));
    *version = (int)json_integer_value(json_object_get(value, "version"));
    return true;
}

enum opened { OPENED, NOT_OURS, DAMAGED, NOT_YET };

/* Keys that an event needs and memory does not have (a version made a moment ago, or a database
 * that was away for a minute) are read in the pool; this event and those after it wait for them. */
struct key_read {
    uv_work_t work;
    struct live *live;
    struct arena *arena;
    struct uuid clinic;
    struct problem *problem;
};

static void key_read(uv_work_t *work)
{
    struct key_read *read = work->data;
    read->problem = keys_read(read->live, read->arena, read->clinic);
}

static void key_read_done(uv_work_t *work, int status)
{
    struct key_read *read = work->data;
    struct live *live = read->live;
    (void)status;
    if (read->problem)
        log_warn("keys for an event could not be read: %s", read->problem->detail);
    live->loaded = read->clinic;
    live->loaded_us = clock_mono_us();
    live->loading = false;
    live->tasks--;
    arena_free(&read->arena);
    free(read);
    if (!live->stopping)
        sio_adapter_resume(live->server);
}

static void key_read_begin(struct live *live, struct uuid clinic)
{
    if (live->loading)
        return;
    struct key_read *read = mem_new(struct key_read);
    *read = (struct key_read){.live = live, .arena = arena_new(16 << 20), .clinic = clinic};
    read->work.data = read;
    live->loading = true;
    live->tasks++;
    uv_queue_work(live->loop, &read->work, key_read, key_read_done);
}

/* Its keys were just read for this, and the one that is needed was not among them. */
static bool is_given_up(const struct live *live, struct uuid clinic)
{
    return uuid_eq(live->loaded, clinic) && clock_mono_us() - live->loaded_us < GIVEN_UP_US;
}

/* Replaces a sealed value in place. Without local sockets of that clinic nobody would get it. */
static enum opened value_open(struct live *live, struct arena *arena, json_t *object,
                              const char *key, const json_t *value)
{
    struct phi_place place;
    struct uuid clinic;
    struct str sealed;
    int version;
    struct phi clear;
    if (!sealed_read(value, arena, &place, &clinic, &sealed, &version))
        return DAMAGED;
    if (sio_room_count(live->root, str_of(room_clinic(arena, clinic))) == 0)
        return NOT_OURS;
    struct ctx cx = ctx_system(live->app, arena, NULL, clinic, "");
    cx.no_wait = true;
    struct problem *p = phi_open(&cx, place, sealed, version, &clear);
    if (p && p->kind == PROBLEM_UNAVAILABLE && !is_given_up(live, clinic)) {
        key_read_begin(live, clinic);
        return NOT_YET;
    }
    if (p)
        log_error("an event goes out without its name: %s (%s)", p->detail, p->cause);
    struct str s = phi_reveal(clear);
    json_object_set_new(object, key, p ? json_null() : json_stringn(s.p, s.n));
    return OPENED;
}

static enum opened args_open(struct live *live, struct arena *arena, json_t *args)
{
    json_t *object = json_array_get(args, 0), *value;
    const char *key;
    void *next;
    json_object_foreach_safe (object, next, key, value) {
        if (!json_object_get(value, "$phi"))
            continue;
        enum opened result = value_open(live, arena, object, key, value);
        if (result != OPENED)
            return result;
    }
    return OPENED;
}

/* Before local delivery of an event from the stream: opens {"$phi"} values. */
static enum sio_rewrite on_rewrite(struct str event, struct str args, struct buf *out, void *user)
{
    (void)event;
    struct live *live = user;
    if (!memmem(args.p, args.n, "\"$phi\"", 6))
        return SIO_AS_IT_IS;
    struct arena *arena = arena_new(4 << 20);
    CLEANUP(json_done) json_t *root = json_loadb(args.p, args.n, 0, NULL);
    enum opened result = root ? args_open(live, arena, root) : DAMAGED;
    if (result == DAMAGED)
        log_error("an event with a sealed value could not be opened and was dropped");
    char *text = result == OPENED ? json_dumps(root, JSON_COMPACT) : NULL;
    if (text) {
        buf_add_z(out, text);
        wipe(text, strlen(text));
        free(text);
    }
    arena_free(&arena);
    return result == NOT_YET ? SIO_LATER : SIO_REWRITTEN;
}

/* ---- tokens that expire, users who are deactivated, keys that change --------------------------*/

static void close_if_expired(struct sio_socket *socket, void *arg)
{
    const int64_t *now = arg;
    const struct session *session = sio_data(socket);
    if (session && session->claims.expires_us < *now)
        sio_disconnect(socket, true);
}

struct roll_call {
    uv_work_t work;
    struct live *live;
    struct arena *arena;
    struct buf ids;              /* JSON array of the users who are connected */
    struct uuid *gone, *clinics; /* who is to leave; of those who are connected */
    size_t gone_count, clinic_count;
};

static void note_clinic(struct roll_call *call, struct uuid clinic)
{
    for (size_t i = call->clinic_count; i-- > 0;)
        if (uuid_eq(call->clinics[i], clinic))
            return;
    call->clinics[call->clinic_count++] = clinic;
}

static void note_user(struct sio_socket *socket, void *arg)
{
    struct roll_call *call = arg;
    const struct session *session = sio_data(socket);
    if (!session)
        return;
    note_clinic(call, session->claims.clinic_id);
    buf_addf(&call->ids, "%s\"%s\"", call->ids.len > 1 ? "," : "", uuid_z(session->claims.user_id));
}

static struct problem *roll_query(struct roll_call *call)
{
    struct live *live = call->live;
    struct ctx cx = ctx_system(live->app, call->arena, live->db, UUID_NONE, "");
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    struct pg_result *rows;
    TRY(tx_begin_relay(&tx, &cx));
    TRY(PG_QUERY(&tx, &inactive_users, &rows, PG_P_TEXT(buf_str(&call->ids))));
    TRY(pg_tx_commit(&tx));
    call->gone_count = pg_rows(rows);
    call->gone = arena_array(call->arena, call->gone_count + 1, sizeof(struct uuid));
    for (size_t i = 0; i < call->gone_count; i++)
        call->gone[i] = pg_get_uuid(rows, i, 0);
    return NULL;
}

static void roll_ask(uv_work_t *work)
{
    struct roll_call *call = work->data;
    pthread_mutex_lock(&call->live->db_lock);
    struct problem *p = roll_query(call);
    pthread_mutex_unlock(&call->live->db_lock);
    for (size_t i = 0; i < call->clinic_count && !p; i++)
        p = keys_read(call->live, call->arena, call->clinics[i]);
    if (p)
        log_debug("who is still active could not be asked: %s", p->detail);
}

static void leave(struct sio_socket *socket, void *arg)
{
    (void)arg;
    sio_disconnect(socket, true);
}

static void roll_done(uv_work_t *work, int status)
{
    struct roll_call *call = work->data;
    struct live *live = call->live;
    live->asking = false;
    live->tasks--;
    for (size_t i = 0; status == 0 && !live->stopping && i < call->gone_count; i++)
        sio_each(live->root, str_of(live_room_user(call->arena, call->gone[i])), leave, NULL);
    buf_free(&call->ids);
    arena_free(&call->arena);
    free(call);
}

static void roll_begin(struct live *live)
{
    struct roll_call *call = mem_new(struct roll_call);
    call->live = live;
    call->arena = arena_new(16 << 20);
    call->ids = BUF_MAX(4 << 20);
    call->work.data = call;
    call->clinics = arena_array(call->arena, sio_socket_count(live->root), sizeof(struct uuid));
    buf_add_c(&call->ids, '[');
    sio_each(live->root, STR_NONE, note_user, call);
    buf_add_c(&call->ids, ']');
    live->asking = true;
    live->tasks++;
    uv_queue_work(live->loop, &call->work, roll_ask, roll_done);
}

static void on_sweep(uv_timer_t *timer)
{
    struct live *live = timer->data;
    int64_t now = clock_wall_us();
    sio_each(live->root, STR_NONE, close_if_expired, &now);
    if (++live->sweeps % ACTIVE_EVERY == 0 && !live->asking && sio_socket_count(live->root) > 0)
        roll_begin(live);
}

/* ---- life -------------------------------------------------------------------------------------*/

struct problem *live_start(struct app *app, uv_loop_t *loop, struct http_server *server,
                           struct live **ret)
{
    struct live *live = mem_new(struct live);
    live->app = app;
    live->loop = loop;
    live->arena = arena_new(1 << 20);
    pthread_mutex_init(&live->db_lock, NULL);
    live->db = pg_conn_new(app->database_url, "nexacore-live");
    *ret = live;
    struct sio_options options = {
        .origins = conf_list(app->conf, live->arena, "NEXACORE_CORS_ORIGINS"),
        .recovery_ms = RECOVERY_MS,
        .payload_max_bytes = 64 * 1024, /* clients have little to say here */
        .route_flags = ROUTE_PUBLIC,    /* the token comes with CONNECT */
    };
    TRY(sio_server_new(loop, server, &options, &live->server));
    struct sio_namespace_config root = {
        .name = "/",
        .connect = on_connect,
        .disconnect = on_disconnect,
        .rewrite = on_rewrite,
        .binary_refused = true,
        .user = live,
    };
    TRY(sio_namespace_add(live->server, &root, &live->root));
    TRY(sio_adapter_redis(live->server, app->redis_url, &(struct sio_adapter_options){0}));
    uv_timer_init(loop, &live->sweep);
    live->sweep.data = live;
    uv_timer_start(&live->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
    return NULL;
}

static void closed(void *arg)
{
    struct live *live = arg;
    sio_server_free(&live->server);
}

void live_stop(struct live *live)
{
    live->stopping = true;
    uv_close((uv_handle_t *)&live->sweep, NULL);
    sio_server_close(live->server, closed, live);
}

void live_free(struct live **live)
{
    if (!*live)
        return;
    pg_conn_free(&(*live)->db);
    pthread_mutex_destroy(&(*live)->db_lock);
    arena_free(&(*live)->arena);
    free(*live);
    *live = NULL;
}
