/* Outbox rows leave here, in order per clinic, at least once; job ids are business keys, so a job
 * added twice is one job. One relay works at a time: its lock is its transaction's, and one that is
 * frozen loses it within seconds. */
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <time.h>

#include "app/app.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "live/live.h"
#include "outbox/relay_internal.h"
#include "socketio/socketio.h"

/* A round's sending ends after ROUND_US, so that a slow Redis does not outlast the transaction. */
enum { BATCH = 500, TRIES_MAX = 5, WAIT_MS = 1000, PAUSE_MAX_MS = 2000, ROUND_US = 3000000 };

/* The lock ends with the transaction, and PostgreSQL ends that of a process that is frozen while it
 * talks with Redis. */
static const struct pg_stmt not_for_long = {
    "relay_not_for_long", "SELECT set_config('idle_in_transaction_session_timeout', '8s', true)"};
static const struct pg_stmt take_lock = {
    "relay_take_lock", "SELECT pg_try_advisory_xact_lock(hashtext('nexacore_relay'))"};
/* In order within each clinic; clinics alternate, so a long list of one delays nobody's first. Read
 * clinic by clinic through the index of clinic and number: a long list is not sorted. */
static const struct pg_stmt take_rows = {
    "relay_take_rows",
    "SELECT o.id, o.clinic_id, o.kind, o.name, o.key, o.payload, to_jsonb(o.rooms), o.priority,"
    " greatest(0, extract(epoch FROM o.delay_until - now()) * 1000)::bigint, o.attempts,"
    " o.clinic_seq, o.prev FROM clinics c CROSS JOIN LATERAL"
    " (SELECT t.*, row_number() OVER (ORDER BY t.clinic_seq, t.id) AS turn FROM"
    " (SELECT * FROM outbox WHERE clinic_id = c.id ORDER BY clinic_seq, id LIMIT 500) t) o"
    " ORDER BY o.turn, o.id LIMIT 500"};
static const struct pg_stmt drop_rows = {"relay_drop_rows",
                                         "DELETE FROM outbox WHERE id = ANY (ARRAY(SELECT "
                                         "jsonb_array_elements_text($1::jsonb)::bigint))"};
static const struct pg_stmt count_try = {
    "relay_count_try", "UPDATE outbox SET attempts = attempts + 1 WHERE id = $1::bigint"};
static const struct pg_stmt *const stmts[] = {&not_for_long, &take_lock, &take_rows, &drop_rows,
                                              &count_try};

__attribute__((constructor)) static void register_statements(void)
{
    pg_register(stmts, ARRAY_LEN(stmts));
}

void relay_job_policy(const char *queue, struct bullmq_job_opts *job)
{
    bool dispatch = strcmp(queue, queue_name(QUEUE_DISPATCH)) == 0;
    job->attempts = 5;
    job->backoff = (struct bullmq_backoff){
        .type = BULLMQ_BACKOFF_EXPONENTIAL, .delay_ms = dispatch ? 500 : 2000, .jitter = 0.3};
    /* Long enough that a row relayed twice finds its first job still there. */
    job->remove_on_complete =
        (struct bullmq_keep){.mode = BULLMQ_KEEP_SOME, .count = 10000, .age_s = 3600};
    job->remove_on_fail =
        (struct bullmq_keep){.mode = BULLMQ_KEEP_SOME, .count = 10000, .age_s = 7 * 24 * 3600};
}

struct problem *relay_job_fill(struct relay *r, const struct relay_job *job,
                               struct bullmq_job_opts *ret)
{
    *ret = (struct bullmq_job_opts){
        .name = job->queue, .data = job->data, .id = job->key, .delay_ms = job->delay_ms};
    relay_job_policy(job->queue, ret);
    return turns_next(r->turns, job->queue, job->clinic, job->urgency, &ret->priority);
}

struct problem *relay_job_add(struct relay *r, const struct relay_job *job)
{
    struct bullmq_job_opts opts;
    TRY(relay_job_fill(r, job, &opts));
    return bullmq_add(r->redis, job->queue, &opts, NULL);
}

/* ---- events -----------------------------------------------------------------------------------*/

static size_t rooms_read(struct arena *arena, struct str json, struct str *rooms, size_t max)
{
    size_t n = 0;
    json_error_t error;
    json_t *root = json_loadb(json.p, json.n, 0, &error), *entry;
    size_t i;
    json_array_foreach (root, i, entry)
        if (n < max)
            rooms[n++] = arena_str(arena, str_of(json_string_value(entry)));
    json_decref(root);
    return n;
}

/* How a listener notices gaps and repetitions: {"seq":57,"prev":{"ADMIN":55,"<user id>":41}}, the
 * event's number in the clinic and, by audience, that of the event before. A room is called by what
 * is behind its last colon: to the listeners of one clinic that is the role, or the user. */
static const char *numbers(struct arena *arena, int64_t seq, struct str prev_json)
{
    CLEANUP(buf_free) struct buf text = BUF_MAX(64 * 1024);
    struct jw w = jw_to(&text);
    json_t *prev = json_loadb(prev_json.p, prev_json.n, 0, NULL), *number;
    const char *room;
    jw_obj(&w);
    jw_key(&w, "seq");
    jw_int(&w, seq);
    jw_key(&w, "prev");
    jw_obj(&w);
    json_object_foreach (prev, room, number) {
        const char *colon = strrchr(room, ':');
        jw_key(&w, colon ? colon + 1 : room);
        jw_int(&w, json_integer_value(number));
    }
    jw_end(&w);
    jw_end(&w);
    json_decref(prev);
    return arena_cstr(arena, buf_str(&text));
}

static struct problem *broadcast(struct relay *r, const struct sio_target *to, const char *name,
                                 const char *args)
{
    struct sio_xadd xadd;
    sio_stream_broadcast(r->arena, "nexacore-relay", "/", to, name, str_of(args), &xadd);
    struct str argv[SIO_XADD_ARGC];
    for (size_t i = 0; i < ARRAY_LEN(argv); i++)
        argv[i] = (struct str){xadd.argv[i], xadd.argvlen[i]};
    struct redisReply *reply = NULL;
    TRY(bullmq_redis_command(r->redis, ARRAY_LEN(argv), argv, &reply));
    freeReplyObject(reply);
    return NULL;
}

/* Every listener reads again: an event may have been lost. */
struct problem *relay_resync(struct relay *r)
{
    return broadcast(r, &(struct sio_target){0}, LIVE_RESYNC, LIVE_RESYNC_REDIS);
}

static struct problem *event_add(struct relay *r, const struct pg_result *rows, size_t i)
{
    struct str rooms[OUTBOX_ROOMS_MAX], payload = pg_get_str(rows, i, 5);
    struct sio_target to = {.rooms = rooms};
    to.room_count = rooms_read(r->arena, pg_get_str(rows, i, 6), rooms, ARRAY_LEN(rooms));
    if (to.room_count == 0)
        return NULL; /* no room is nobody: never everybody */
    const char *args =
        arena_fmt(r->arena, "[" STR_FMT ",%s]", STR_ARG(payload),
                  numbers(r->arena, pg_get_int(rows, i, 10), pg_get_str(rows, i, 11)));
    return broadcast(r, &to, pg_get_str(rows, i, 3).p, args);
}

/* ---- one round --------------------------------------------------------------------------------*/

static struct problem *row_send(struct relay *r, const struct pg_result *rows, size_t i)
{
    struct str kind = pg_get_str(rows, i, 2), name = pg_get_str(rows, i, 3);
    struct str key = pg_get_str(rows, i, 4), payload = pg_get_str(rows, i, 5);
    if (str_eq(kind, STR("event")))
        return event_add(r, rows, i);
    struct relay_job job = {.queue = name.p,
                            .key = key.p,
                            .data = payload.p,
                            .clinic = pg_get_uuid(rows, i, 1),
                            .urgency = (enum outbox_urgency)pg_get_int(rows, i, 7),
                            .delay_ms = pg_get_int(rows, i, 8)};
    return relay_job_add(r, &job);
}

/* A row that Redis refuses although it can serve would hold up everybody behind it, so it gets a
 * few tries and is then let go with a loud line. A form is found again by the checks of rebuild.c,
 * an alert by its own clock (alerts_tick.c), and for an event every listener reads again. */
static struct problem *row_refused(struct relay *r, struct pg_tx *tx, const struct pg_result *rows,
                                   size_t i, const struct problem *why, bool *ret_let_go)
{
    *ret_let_go = false;
    if (why->kind == PROBLEM_UNAVAILABLE)
        return NULL;
    struct problem copy = *why; /* of the queue's library: gone with its next call */
    *ret_let_go = pg_get_int(rows, i, 9) + 1 >= TRIES_MAX;
    log_error("outbox row %lld (%s) is refused%s: %s", (long long)pg_get_int(rows, i, 0),
              pg_get_str(rows, i, 3).p, *ret_let_go ? " for good and dropped" : "", copy.detail);
    TRY(PG_EXEC(tx, &count_try, NULL, PG_P_INT(pg_get_int(rows, i, 0))));
    if (*ret_let_go && str_eq(pg_get_str(rows, i, 2), STR("event")))
        r->resync = true;
    return NULL;
}

static struct problem *rows_send(struct relay *r, struct pg_tx *tx, const struct pg_result *rows,
                                 struct buf *ids, size_t *ret_sent, struct problem **ret_failed)
{
    int64_t until_us = clock_mono_us() + ROUND_US;
    for (size_t i = 0; i < pg_rows(rows) && clock_mono_us() < until_us; i++) {
        struct problem *p = row_send(r, rows, i);
        bool let_go = false;
        if (p)
            TRY(row_refused(r, tx, rows, i, p, &let_go));
        if (p && !let_go) {
            *ret_failed = problem_new(r->arena, p->kind, "%s", p->detail);
            return NULL;
        }
        buf_addf(ids, "%s\"%lld\"", *ret_sent ? "," : "", (long long)pg_get_int(rows, i, 0));
        (*ret_sent)++;
    }
    return NULL;
}

struct problem *relay_kept(struct relay *r, const struct problem *p)
{
    if (!p)
        return NULL;
    return problem_cause(problem_new(r->arena, p->kind, "%s", p->detail), "%s", p->cause);
}

/* Sends what it can; what was sent is deleted even when a later row fails. */
static struct problem *rows_relay(struct relay *r, struct pg_tx *tx, size_t *ret_sent,
                                  struct problem **ret_failed)
{
    CLEANUP(buf_free) struct buf ids = BUF_MAX(BATCH * 24);
    struct pg_result *rows;
    TRY(pg_query(tx, &take_rows, NULL, 0, &rows));
    buf_add_c(&ids, '[');
    TRY(rows_send(r, tx, rows, &ids, ret_sent, ret_failed));
    buf_add_c(&ids, ']');
    if (*ret_sent > 0)
        TRY(PG_EXEC(tx, &drop_rows, NULL, PG_P_TEXT(buf_str(&ids))));
    return NULL;
}

/* What is said to Redis at the end, whatever became of the rows. Turns given and not remembered
 * would let a clinic's later forms overtake its earlier ones. */
static struct problem *round_end(struct relay *r, struct problem *failed)
{
    struct problem *p = relay_kept(r, turns_end(r->turns));
    if (!p && r->resync)
        p = relay_kept(r, relay_resync(r));
    if (!p)
        r->resync = false;
    return failed ? failed : p;
}

/* One round under the lock. Nothing is done by who has it not. The outbox comes before the checks:
 * what is wrong with one old job holds up nothing new. */
static struct problem *relay_round(struct relay *r, const struct ctx *cx, size_t *ret_sent)
{
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    struct pg_result *rows;
    struct problem *failed = NULL;
    TRY(tx_begin_relay(&tx, cx));
    TRY(pg_queue(&tx, &not_for_long, NULL, 0));
    TRY(pg_query(&tx, &take_lock, NULL, 0, &rows));
    if (!pg_get_bool(rows, 0, 0))
        return NULL;
    r->turns = turns_begin(r->arena, r->redis);
    TRY(rebuild_if_lost(r, &tx));
    TRY(rows_relay(r, &tx, ret_sent, &failed));
    if (!failed || failed->kind != PROBLEM_UNAVAILABLE) {
        struct problem *p = relay_kept(r, rebuild_stale(r, &tx));
        failed = failed ? failed : p;
    }
    failed = round_end(r, failed);
    TRY(pg_tx_commit(&tx));
    return failed;
}

/* ---- the thread -------------------------------------------------------------------------------*/

static struct problem *listen_begin(struct relay *r, const struct ctx *cx)
{
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(pg_tx_begin(&tx, r->db, cx->arena, PG_WRITE, NULL, NULL, 0));
    TRY(pg_script(&tx, "LISTEN nexacore_outbox"));
    return pg_tx_commit(&tx);
}

/* LISTEN belongs to the connection, so it is said again each round: it costs nothing. */
static struct problem *round_once(struct relay *r, size_t *ret_sent)
{
    struct ctx cx = ctx_system(r->app, r->arena, r->db, UUID_NONE, "");
    TRY(listen_begin(r, &cx));
    TRY(relay_round(r, &cx, ret_sent));
    if (*ret_sent >= BATCH || r->rebuild.under_way)
        return NULL; /* more waits */
    bool notified;
    return pg_wait_notify(r->db, r->arena, WAIT_MS, &notified);
}

static void *relay_main(void *arg)
{
    struct relay *r = arg;
    unsigned pause_ms = 0;
    while (!atomic_load(&r->stop)) {
        size_t sent = 0;
        struct problem *p = round_once(r, &sent);
        if (p && pause_ms == 0)
            log_warn("the relay waits: %s (%s)", p->detail, p->cause);
        pause_ms = !p ? 0 : pause_ms == 0 ? 50 : pause_ms * 2;
        if (pause_ms > PAUSE_MAX_MS)
            pause_ms = PAUSE_MAX_MS;
        arena_reset(r->arena);
        if (pause_ms > 0)
            nanosleep(&(struct timespec){pause_ms / 1000, (long)(pause_ms % 1000) * 1000000}, NULL);
    }
    return NULL;
}

struct problem *relay_start(struct app *app, struct relay **ret)
{
    struct relay *r = mem_new(struct relay);
    r->app = app;
    struct problem *p = bullmq_redis_new(
        &(struct bullmq_redis_opts){.url = app->redis_url, .client_name = "nexacore-relay"},
        &r->redis);
    if (p) {
        free(r);
        return p;
    }
    r->db = pg_conn_new(app->database_url, "nexacore-relay");
    r->arena = arena_new(64 << 20);
    if (pthread_create(&r->thread, NULL, relay_main, r) != 0)
        abort();
    *ret = r;
    return NULL;
}

void relay_stop(struct relay **relay)
{
    struct relay *r = *relay;
    if (!r)
        return;
    atomic_store(&r->stop, true);
    pthread_join(r->thread, NULL);
    pg_conn_free(&r->db);
    bullmq_redis_free(&r->redis);
    arena_free(&r->arena);
    free(r);
    *relay = NULL;
}
