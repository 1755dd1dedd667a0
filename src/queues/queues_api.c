/* GET /api/v1/queues and POST /api/v1/queues/:name/jobs/:id/retry, for ADMIN.
 *
 * The rule not to break: the trail says that a person had a job done again before it is. */
#include "app/app.h"
#include "audit/audit.h"
#include "auth/auth.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "intake/intake.h"
#include "json/json_in.h"
#include "phi/scrub.h"
#include "queues/queues_internal.h"

/* This lane's connection; made at its first use. */
static struct problem *redis_of(struct http_request *rq, struct bullmq_redis **ret)
{
    struct lane *lane = rq->lane;
    struct bullmq_redis_opts opts = {
        .url = lane->app->redis_url, .client_name = "nexacore-queues", .quiet = true};
    if (!lane->redis)
        TRY(bullmq_redis_new(&opts, &lane->redis));
    *ret = lane->redis;
    return NULL;
}

/* ---- the list ---------------------------------------------------------------------------------*/

enum { REASON_CUT = 500 }; /* of bullmq_jobs_brief */

/* What is said of a reason whose words are not ours: another program wrote them, and may have
 * written a patient's name. They stay in Redis, where an operator finds them. */
static const struct {
    const char *begins, *code, *text;
} foreign[] = {
    {"job stalled", "stalled", "the worker stopped over it more often than is allowed"},
    {"", "other", "another program failed it; its own words stay in the queue"},
};

static bool is_code(struct str s)
{
    for (int kind = PROBLEM_NONE + 1; kind < PROBLEM__COUNT; kind++)
        if (str_eq(s, str_of(problem_slug((enum problem_kind)kind))))
            return true;
    return false;
}

/* Ours is "<type of problem>: <sentence>". */
static struct str code_of(struct str reason, struct str *ret_text)
{
    struct str text = reason, code = str_cut(&text, ':');
    if (is_code(code)) {
        *ret_text = str_trim(text);
        return code;
    }
    size_t i = 0;
    while (!str_starts(reason, str_of(foreign[i].begins)))
        i++;
    *ret_text = str_of(foreign[i].text);
    return str_of(foreign[i].code);
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The queue's library cuts a long text, perhaps within a character or a number that is then not
 * known as a card's: what ends in no letter is left out there. */
static struct str whole_part(struct str text)
{
    if (text.n >= REASON_CUT)
        while (text.n > 0 && !is_letter(text.p[text.n - 1]))
            text.n--;
    return text;
}

static void job_write(struct jw *w, struct arena *arena, const struct own_job *job)
{
    struct str text, code = code_of(whole_part(str_of(job->info.failed_reason)), &text);
    jw_obj(w);
    jw_key(w, "id");
    jw_str(w, scrub(arena, (struct raw_text){str_of(job->info.id)}).s);
    jw_key(w, "code");
    jw_str(w, code);
    jw_key(w, "reason");
    jw_str(w, scrub(arena, (struct raw_text){text}).s);
    jw_key(w, "attemptsMade");
    jw_int(w, job->info.attempts_made);
    jw_key(w, "createdAt");
    jw_time(w, job->info.timestamp_ms * 1000);
    jw_key(w, "failedAt");
    jw_time(w, job->info.finished_ms * 1000);
    jw_key(w, "formId");
    jw_uuid(w, job->form_id);
    jw_key(w, "alertId");
    jw_uuid(w, job->alert_id);
    jw_end(w);
}

/* The product has no flows, so nothing ever waits for children. */
static const enum bullmq_state states[] = {BULLMQ_WAITING,     BULLMQ_ACTIVE,    BULLMQ_DELAYED,
                                           BULLMQ_PRIORITIZED, BULLMQ_COMPLETED, BULLMQ_FAILED};

static void queue_write(struct jw *w, struct arena *arena, enum queue queue,
                        const struct own_queue *own)
{
    jw_obj(w);
    jw_key(w, "name");
    jw_z(w, queue_name(queue));
    jw_key(w, "paused");
    jw_bool(w, own->paused);
    jw_key(w, "atLeast");
    jw_bool(w, own->at_least);
    jw_key(w, "counts");
    jw_obj(w);
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        jw_key(w, bullmq_state_name(states[i]));
        jw_int(w, (int64_t)own->counts[states[i]]);
    }
    jw_end(w);
    jw_key(w, "failed");
    jw_arr(w);
    for (size_t i = 0; i < own->failed_count; i++)
        job_write(w, arena, &own->failed[i]);
    jw_end(w);
    jw_end(w);
}

static struct problem *list_all(struct http_request *rq, struct http_response *rs)
{
    static const char *const none[] = {NULL};
    struct ctx *cx = ctx_of(rq);
    struct bullmq_redis *redis;
    struct own_queue *own = arena_make(rq->arena, struct own_queue);
    TRY(http_query_check(rq, none));
    TRY(redis_of(rq, &redis));
    struct jw w = jw_to(&rs->body);
    jw_obj(&w);
    jw_key(&w, "items");
    jw_arr(&w);
    for (int queue = 0; queue < QUEUE__COUNT; queue++) {
        TRY(own_queue_read(redis, cx, (enum queue)queue, own));
        queue_write(&w, rq->arena, (enum queue)queue, own);
    }
    jw_end(&w);
    jw_key(&w, "nextCursor");
    jw_null(&w);
    jw_key(&w, "asOf");
    jw_time(&w, clock_wall_us());
    jw_end(&w);
    return NULL;
}

/* ---- again ------------------------------------------------------------------------------------*/

static struct problem *queue_read(struct http_request *rq, enum queue *ret)
{
    struct str name = http_path_arg(rq, "name");
    for (int queue = 0; queue < QUEUE__COUNT; queue++)
        if (str_eq(name, str_of(queue_name((enum queue)queue)))) {
            *ret = (enum queue)queue;
            return NULL;
        }
    return problem_new(rq->arena, PROBLEM_NOT_FOUND, "there is no such queue");
}

/* What waits in the end: the job itself, or another one that does its work. */
struct again {
    struct bullmq_redis *redis;
    enum queue queue;
    const char *id;
    bool after_commit; /* the job is put back when its form is seen to be QUEUED */
};

/* A job of that form left over from the failed time would stand for the one to come. */
static struct problem *left_over_drop(struct bullmq_redis *redis, const char *id)
{
    struct problem *p = bullmq_remove(redis, queue_name(QUEUE_SCRUB), id);
    return p && p->kind != PROBLEM_NOT_FOUND ? p : NULL;
}

/* The form goes back to where its job can do something. A scrub begins with reading again, because
 * the text is gone with the failure: that job is a new one. */
static struct problem *form_again(struct pg_tx *tx, const struct ctx *cx, const struct own_job *job,
                                  struct again *again)
{
    const char *form = arena_cstr(cx->arena, str_of(uuid_z(job->form_id)));
    bool requeued = false, scrub = again->queue == QUEUE_SCRUB;
    TRY(intake_again(tx, cx, again->queue, job->form_id, &requeued));
    if (!requeued)
        return NULL;
    TRY(left_over_drop(again->redis,
                       scrub ? job->info.id : arena_fmt(cx->arena, "scrub-%s", form)));
    again->after_commit = !scrub;
    if (!scrub)
        return NULL;
    again->queue = QUEUE_OCR;
    again->id = arena_fmt(cx->arena, "ocr-%s-again-%s", form, uuid_z(uuid_v7()));
    struct outbox_job read = {
        .queue = QUEUE_OCR,
        .key = again->id,
        .data = arena_fmt(cx->arena, "{\"formId\":\"%s\",\"clinicId\":\"%s\"}", form,
                          uuid_z(cx->clinic_id)),
    };
    return outbox_job(tx, cx, &read);
}

static struct problem *back_to_wait(const struct again *again)
{
    return bullmq_retry_anew(again->redis, queue_name(again->queue), again->id, true);
}

/* The trail is written before anything is done, and taken back when nothing was to do. What a
 * form's row does not decide is decided by Redis: it puts a failed job back for one asker. */
static struct problem *again_do(const struct ctx *cx, const struct own_job *job,
                                struct again *again)
{
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    bool of_form = !uuid_is_none(job->form_id), of_alert = !uuid_is_none(job->alert_id);
    enum queue asked = again->queue;
    TRY(tx_begin(&tx, cx, PG_WRITE));
    if (of_form)
        TRY(form_again(&tx, cx, job, again));
    TRY(audit_add(&tx, cx, "JOB_RETRIED",
                  of_form    ? "intake_forms"
                  : of_alert ? "alerts"
                             : "clinics",
                  of_form    ? job->form_id
                  : of_alert ? job->alert_id
                             : cx->clinic_id));
    if (!again->after_commit && again->queue == asked)
        TRY(back_to_wait(again));
    TRY(pg_tx_commit(&tx));
    return again->after_commit ? back_to_wait(again) : NULL;
}

static struct problem *retry_one(struct http_request *rq, struct http_response *rs)
{
    struct ctx *cx = ctx_of(rq);
    struct bullmq_redis *redis;
    struct own_job job;
    enum queue queue = QUEUE_OCR;
    enum bullmq_state state;
    bool nothing;
    struct str id = http_path_arg(rq, "id");
    if (rq->body.n > 0)
        TRY(json_body(rq->arena, rq->body, NULL, 0, &nothing)); /* nothing but {} */
    TRY(queue_read(rq, &queue));
    if (id.n >= BULLMQ_ID_MAX)
        return problem_new(rq->arena, PROBLEM_NOT_FOUND, "there is no such job");
    TRY(redis_of(rq, &redis));
    TRY(own_job_get(redis, cx, queue, arena_cstr(rq->arena, id), &job));
    TRY(bullmq_job_state(redis, queue_name(queue), job.info.id, &state));
    if (state != BULLMQ_FAILED)
        return problem_new(rq->arena, PROBLEM_CONFLICT, "the job is not failed");
    struct again again = {.redis = redis, .queue = queue, .id = job.info.id};
    TRY(again_do(cx, &job, &again));
    rs->status = 202;
    struct jw w = jw_to(&rs->body);
    jw_obj(&w);
    jw_key(&w, "queue");
    jw_z(&w, queue_name(again.queue));
    jw_key(&w, "id");
    jw_z(&w, again.id);
    jw_key(&w, "state");
    jw_z(&w, bullmq_state_name(BULLMQ_WAITING));
    jw_end(&w);
    return NULL;
}

/* Problems of the queue's library last until its next call; the trail comes before the answer. */
static struct problem *kept(struct arena *arena, const struct problem *p)
{
    if (!p)
        return NULL;
    struct problem *copy = arena_make(arena, struct problem);
    *copy = *p;
    return copy;
}

static struct problem *list(struct http_request *rq, struct http_response *rs)
{
    return kept(rq->arena, list_all(rq, rs));
}

static struct problem *retry(struct http_request *rq, struct http_response *rs)
{
    return kept(rq->arena, retry_one(rq, rs));
}

const struct http_route queues_routes[] = {
    {HTTP_GET, "/api/v1/queues", list, .roles = ADMIN, .audit = "LIST_QUEUES", .lane = HTTP_SLOW},
    {HTTP_POST, "/api/v1/queues/:name/jobs/:id/retry", retry, .roles = ADMIN,
     .audit = "JOB_RETRIED", .lane = HTTP_SLOW, .body = HTTP_BODY_JSON},
};
const size_t queues_route_count = ARRAY_LEN(queues_routes);
