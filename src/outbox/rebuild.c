/* What makes Redis a wake-up and not a store: everything open is found in PostgreSQL and added
 * again, after Redis lost its memory at once, and for a single lost job within minutes.
 *
 * The rule not to break: what is asked is whether the work is open, never whether a job was made;
 * job ids are business keys, so what Redis still has is not added twice. */
#include <hiredis/hiredis.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "outbox/relay_internal.h"

enum { CHECK_EVERY_US = 30000000, CHECK_BATCH = 500, ADD_BATCH = 256, PAGE = 2000 };
enum { SQUARE_EVERY_MS = 300000, FLUSH_EVERY_MS = 30000 };
enum { RUN_ID_MAX = 64, MEMORY_MAX = 128, REBUILD_US = 3000000, TOUCH_US = 1000000 };

/* In Redis, holding the run id of the server it was written to: gone after FLUSHALL or a loss of
 * its data, and another one after a restart or a failover, which may have lost the last seconds.
 * While what is open is added again it holds "lost:<id of this loss>:<run id>", so that a second
 * loss meanwhile is seen, and who goes on with the rebuild gives the jobs the same ids. */
static const char memory_key[] = "nexacore:relay:memory";

#define FORM_JOB                                                                                   \
    "SELECT CASE status WHEN 'SCRUBBING' THEN 'pan-scrub' ELSE 'ocr-processing' END,"              \
    " CASE status WHEN 'SCRUBBING' THEN 'scrub-' ELSE 'ocr-' END || id,"                           \
    " jsonb_build_object('formId', id, 'clinicId', clinic_id), clinic_id,"                         \
    " CASE status WHEN 'SCRUBBING' THEN scrub_urgency END AS level,"                               \
    " created_at, id FROM intake_forms WHERE status IN ('QUEUED', 'OCR', 'SCRUBBING')"
/* Work that is open, with the key and the urgency its first job had; in each queue the urgent
 * first, then the oldest, so that turns are as they were. In pages: what comes after $2 to $5.
 * Alerts get a job id of this loss: that of an earlier one may still be kept as done. */
static const struct pg_stmt open_work = {
    "relay_open_work",
    "SELECT queue, key, data, clinic_id, level, created_at::text AS created, id, rank FROM"
    " (SELECT *, coalesce(array_position(ARRAY['CRITICAL', 'URGENT', 'MODERATE'], level), 4)"
    " AS rank FROM (" FORM_JOB
    " UNION ALL SELECT 'alert-dispatch', 'alert-' || id || '-again-' || $1::text,"
    " jsonb_build_object('alertId', id, 'clinicId', clinic_id, 'step', 'again'), clinic_id,"
    " urgency_level, created_at, id FROM alerts WHERE status IN ('PENDING', 'ESCALATED'))"
    " work (queue, key, data, clinic_id, level, created_at, id)) ranked"
    " WHERE (queue, rank, created_at, id) > ($2::text, $3::int, $4::timestamptz, $5::uuid)"
    " ORDER BY queue, rank, created_at, id LIMIT 2000"};
/* Open for so long that its job may have been lost or given up; all of them by and by. */
static const struct pg_stmt stale_work = {"relay_stale_work",
                                          FORM_JOB " AND updated_at < now() - interval '2 minutes'"
                                                   " AND id > $1::uuid ORDER BY id LIMIT 500"};
static const struct pg_stmt connected_clinics = {
    "relay_connected_clinics",
    "SELECT c.id, c.is_active FROM clinics c JOIN square_connections s ON s.clinic_id = c.id"};
static const struct pg_stmt still_here = {"relay_still_here", "SELECT 1"};
static const struct pg_stmt *const stmts[] = {&open_work, &stale_work, &connected_clinics,
                                              &still_here};

__attribute__((constructor)) static void register_statements(void)
{
    pg_register(stmts, ARRAY_LEN(stmts));
}

static struct relay_job job_of(const struct pg_result *rows, size_t i)
{
    return (struct relay_job){.queue = pg_get_str(rows, i, 0).p,
                              .key = pg_get_str(rows, i, 1).p,
                              .data = pg_get_str(rows, i, 2).p,
                              .clinic = pg_get_uuid(rows, i, 3),
                              .urgency = outbox_urgency(pg_get_str(rows, i, 4))};
}

/* ---- after a loss of Redis --------------------------------------------------------------------*/

/* The run id of the Redis we talk to, "" where it hides it. */
static struct problem *run_id_get(struct relay *r, char ret[RUN_ID_MAX])
{
    struct redisReply *reply = NULL;
    ret[0] = '\0';
    TRY(bullmq_redis_command(r->redis, 2, (struct str[]){STR("INFO"), STR("server")}, &reply));
    struct str rest = {reply->str, reply->str ? reply->len : 0};
    while (rest.n > 0) {
        struct str line = str_trim(str_cut(&rest, '\n'));
        if (str_starts(line, STR("run_id:")))
            snprintf(ret, RUN_ID_MAX, "%.*s", (int)line.n - 7, line.p + 7);
    }
    freeReplyObject(reply);
    return NULL;
}

static struct problem *memory_get(struct relay *r, char ret[MEMORY_MAX])
{
    struct redisReply *reply = NULL;
    TRY(bullmq_redis_command(r->redis, 2, (struct str[]){STR("GET"), str_of(memory_key)}, &reply));
    bool text = reply->type == REDIS_REPLY_STRING && reply->len < MEMORY_MAX;
    snprintf(ret, MEMORY_MAX, "%.*s", text ? (int)reply->len : 4, text ? reply->str : "none");
    freeReplyObject(reply);
    return NULL;
}

/* `ret` is false when it was to be there and is not. */
static struct problem *memory_set(struct relay *r, const char *value, bool if_there, bool *ret)
{
    struct redisReply *reply = NULL;
    struct str argv[] = {STR("SET"), str_of(memory_key), str_of(value), STR("XX")};
    TRY(bullmq_redis_command(r->redis, if_there ? 4 : 3, argv, &reply));
    *ret = reply->type != REDIS_REPLY_NIL;
    freeReplyObject(reply);
    return NULL;
}

static const char *memory_lost(struct relay *r, struct uuid loss, const char *run_id)
{
    return arena_fmt(r->arena, "lost:%s:%s", uuid_z(loss), run_id);
}

/* The loss that is being made good: the one Redis names, or a new one that Redis is told. */
static struct problem *loss_get(struct relay *r, const char *memory, const char *run_id,
                                struct uuid *ret)
{
    bool set;
    struct str rest = str_of(memory);
    str_cut(&rest, ':');
    if (uuid_parse(str_cut(&rest, ':'), ret) && strcmp(memory_lost(r, *ret, run_id), memory) == 0)
        return NULL;
    *ret = uuid_v7();
    return memory_set(r, memory_lost(r, *ret, run_id), false, &set);
}

/* PostgreSQL ends a transaction that is silent for long (relay.c): one that works says so. */
static struct problem *touch(struct relay *r, struct pg_tx *tx)
{
    struct pg_result *rows;
    if (clock_mono_us() < r->touched_us + TOUCH_US)
        return NULL;
    r->touched_us = clock_mono_us();
    return pg_query(tx, &still_here, NULL, 0, &rows);
}

/* A queue whose keys are broken (another type, say) is passed over with a line: it must not hold up
 * the other queues, nor the outbox. A Redis that is away is another matter: everything waits. */
static struct problem *passed_over(const char *queue, const char *what, struct problem *p)
{
    if (!p || p->kind == PROBLEM_UNAVAILABLE)
        return p;
    log_error("queue %s: %s is passed over: %s", queue, what, p->detail);
    return NULL;
}

static struct problem *schedule_add(struct relay *r, const char *queue, const char *id,
                                    unsigned every_ms, const char *data)
{
    struct bullmq_job_opts job = {.name = queue, .data = data};
    relay_job_policy(queue, &job);
    return passed_over(queue, id,
                       bullmq_scheduler_upsert(r->redis, queue, id, every_ms, &job, NULL));
}

static struct problem *schedule_remove(struct relay *r, const char *queue, const char *id)
{
    struct problem *p = bullmq_scheduler_remove(r->redis, queue, id, NULL);
    return p && p->kind == PROBLEM_NOT_FOUND ? NULL : passed_over(queue, id, p);
}

/* An inactive clinic's is removed: nothing is fetched for it any more. */
static struct problem *schedules_add(struct relay *r, struct pg_tx *tx)
{
    struct pg_result *rows;
    TRY(pg_query(tx, &connected_clinics, NULL, 0, &rows));
    TRY(schedule_add(r, queue_name(QUEUE_AUDIT), "audit-flush", FLUSH_EVERY_MS, "{}"));
    for (size_t i = 0; i < pg_rows(rows); i++) {
        const char *clinic = uuid_z(pg_get_uuid(rows, i, 0)), *queue = queue_name(QUEUE_SQUARE);
        const char *id = arena_fmt(r->arena, "square-%s", clinic);
        const char *data = arena_fmt(r->arena, "{\"clinicId\":\"%s\"}", clinic);
        TRY(touch(r, tx));
        if (pg_get_bool(rows, i, 1))
            TRY(schedule_add(r, queue, id, SQUARE_EVERY_MS, data));
        else
            TRY(schedule_remove(r, queue, id));
    }
    return NULL;
}

/* Rows from `first` on that go to the same queue, at most ADD_BATCH: one round trip. */
static size_t run_length(const struct pg_result *rows, size_t first)
{
    size_t n = 1;
    while (n < ADD_BATCH && first + n < pg_rows(rows) &&
           str_eq(pg_get_str(rows, first + n, 0), pg_get_str(rows, first, 0)))
        n++;
    return n;
}

/* Adds up to `count` rows, fewer when time is up, and says how many. */
static struct problem *run_add(struct relay *r, const struct pg_result *rows, size_t first,
                               size_t count, int64_t until_us, size_t *ret)
{
    struct bullmq_job_opts opts[ADD_BATCH];
    *ret = count;
    for (size_t i = 0; i < *ret; i++) {
        struct relay_job job = job_of(rows, first + i);
        TRY(relay_job_fill(r, &job, &opts[i]));
        if (clock_mono_us() > until_us)
            *ret = i + 1;
    }
    return bullmq_add_bulk(r->redis, pg_get_str(rows, first, 0).p, opts, *ret, NULL);
}

static void rebuilt_up_to(struct rebuild *b, const struct pg_result *rows, size_t i)
{
    snprintf(b->queue, sizeof(b->queue), "%s", pg_get_str(rows, i, 0).p);
    snprintf(b->created, sizeof(b->created), "%s", pg_get_str(rows, i, 5).p);
    b->id = pg_get_uuid(rows, i, 6);
    b->rank = pg_get_int(rows, i, 7);
}

/* Goes on where the last round stopped, for a while only: what is new waits behind it. */
static struct problem *open_work_add(struct relay *r, struct pg_tx *tx, bool *ret_all)
{
    struct rebuild *b = &r->rebuild;
    int64_t until_us = clock_mono_us() + REBUILD_US;
    struct pg_result *rows;
    do {
        TRY(PG_QUERY(tx, &open_work, &rows, PG_P_Z(uuid_z(b->loss)), PG_P_Z(b->queue),
                     PG_P_INT(b->rank), PG_P_Z(b->created), PG_P_UUID(b->id)));
        *ret_all = pg_rows(rows) < PAGE;
        for (size_t i = 0, n; i < pg_rows(rows); i += n) {
            if (clock_mono_us() > until_us) {
                *ret_all = false;
                return NULL;
            }
            n = run_length(rows, i);
            TRY(passed_over(pg_get_str(rows, i, 0).p, "open work",
                            run_add(r, rows, i, n, until_us, &n)));
            rebuilt_up_to(b, rows, i + n - 1);
            b->count += n;
            TRY(touch(r, tx));
        }
    } while (!*ret_all);
    return NULL;
}

struct problem *rebuild_if_lost(struct relay *r, struct pg_tx *tx)
{
    char run_id[RUN_ID_MAX], memory[MEMORY_MAX];
    struct uuid loss;
    bool all = false;
    TRY(run_id_get(r, run_id));
    TRY(memory_get(r, memory));
    r->rebuild.under_way = false;
    if (strcmp(memory, run_id) == 0)
        return NULL;
    TRY(loss_get(r, memory, run_id, &loss));
    if (!uuid_eq(r->rebuild.loss, loss)) {
        r->resync = true; /* an event may have been among what was lost */
        TRY(schedules_add(r, tx));
        r->rebuild = (struct rebuild){.loss = loss, .created = "-infinity"};
    }
    TRY(open_work_add(r, tx, &all));
    if (all)
        TRY(memory_set(r, run_id, true, &all)); /* gone: lost again meanwhile */
    if (all && r->rebuild.count > 0)
        log_info("%zu open forms and alerts were queued again", r->rebuild.count);
    r->rebuild.under_way = !all;
    if (all)
        r->rebuild = (struct rebuild){0};
    return NULL;
}

/* ---- a single job lost ------------------------------------------------------------------------*/

/* The work is open, so a job of it that ended without doing it (failed for good, done too early, or
 * in no list any more) runs again; one that waits or runs is left alone. */
static struct problem *job_again(struct relay *r, const struct relay_job *job)
{
    enum bullmq_state state = BULLMQ_FAILED;
    struct problem *p = bullmq_job_state(r->redis, job->queue, job->key, &state);
    if (p && p->kind != PROBLEM_NOT_FOUND)
        return p;
    bool nowhere = p != NULL;
    if (!nowhere && state == BULLMQ_FAILED) {
        p = bullmq_retry_anew(r->redis, job->queue, job->key, false);
        return p && p->kind != PROBLEM_CONFLICT && p->kind != PROBLEM_NOT_FOUND ? p : NULL;
    }
    if (!nowhere && state != BULLMQ_COMPLETED)
        return NULL;
    p = bullmq_remove(r->redis, job->queue, job->key);
    if (p && p->kind == PROBLEM_CONFLICT)
        return NULL; /* a worker took it just now */
    if (p && p->kind != PROBLEM_NOT_FOUND)
        return p;
    return relay_job_add(r, job);
}

struct problem *rebuild_stale(struct relay *r, struct pg_tx *tx)
{
    struct pg_result *rows;
    if (clock_mono_us() < r->next_check_us)
        return NULL;
    TRY(schedules_add(r, tx)); /* clinics connected to Square meanwhile */
    TRY(PG_QUERY(tx, &stale_work, &rows, PG_P_UUID(r->checked)));
    for (size_t i = 0; i < pg_rows(rows); i++) {
        struct relay_job job = job_of(rows, i);
        TRY(passed_over(job.queue, job.key, job_again(r, &job)));
        r->checked = pg_get_uuid(rows, i, 6);
    }
    if (pg_rows(rows) < CHECK_BATCH)
        r->checked = UUID_NONE; /* from the beginning */
    r->next_check_us = clock_mono_us() + CHECK_EVERY_US;
    return NULL;
}
