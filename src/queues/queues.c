/* Whose a job is. The rule not to break: nothing of a job is given out before PostgreSQL, under row
 * security, has found its form or alert in the clinic; what stands in Redis proves nothing. */
#include <jansson.h>

#include "base/cleanup.h"
#include "json/json_in.h"
#include "queues/queues_internal.h"

enum { PAGE = 500, DATA_MAX = 1024 };

/* Those of the ids in $2 that are forms or alerts of the clinic. */
static const struct pg_stmt known = {
    "queues_known",
    "WITH ids AS (SELECT jsonb_array_elements_text($2::jsonb)::uuid AS id)"
    " SELECT id FROM intake_forms WHERE clinic_id = $1::uuid AND id = ANY (ARRAY(TABLE ids))"
    " UNION ALL"
    " SELECT id FROM alerts WHERE clinic_id = $1::uuid AND id = ANY (ARRAY(TABLE ids))"};
static const struct pg_stmt *const stmts[] = {&known};

__attribute__((constructor)) static void register_statements(void)
{
    pg_register(stmts, ARRAY_LEN(stmts));
}

static struct uuid id_of(const json_t *data, const char *key)
{
    struct uuid id = UUID_NONE;
    const json_t *v = json_object_get(data, key);
    if (json_is_string(v) &&
        !uuid_parse((struct str){json_string_value(v), json_string_length(v)}, &id))
        id = UUID_NONE;
    return id;
}

/* How many keys the data of a queue's jobs has: see job_ids_read. */
static const size_t keys_of[QUEUE__COUNT] = {
    [QUEUE_OCR] = 2, [QUEUE_SCRUB] = 2, [QUEUE_DISPATCH] = 3, [QUEUE_SQUARE] = 1};

/* The form or alert a job is about. */
static struct uuid thing_of(const struct own_job *job)
{
    return uuid_is_none(job->form_id) ? job->alert_id : job->form_id;
}

/* True when the job is one of that queue's and says it is the clinic's. */
static bool claims(const struct ctx *cx, enum queue queue, const struct bullmq_job_info *info,
                   struct own_job *ret)
{
    CLEANUP(json_done) json_t *data = NULL;
    *ret = (struct own_job){.info = *info};
    if (!info->name[0] || json_read(cx->arena, str_of(info->data), &data))
        return false;
    if (!json_is_object(data) || json_object_size(data) != keys_of[queue])
        return false;
    if (queue == QUEUE_AUDIT)
        return true;
    if (queue == QUEUE_OCR || queue == QUEUE_SCRUB)
        ret->form_id = id_of(data, "formId");
    if (queue == QUEUE_DISPATCH && json_is_string(json_object_get(data, "step")))
        ret->alert_id = id_of(data, "alertId");
    struct uuid clinic = id_of(data, "clinicId");
    return !uuid_is_none(clinic) && uuid_eq(clinic, cx->clinic_id) &&
           (queue == QUEUE_SQUARE || !uuid_is_none(thing_of(ret)));
}

/* Leaves those of the jobs whose form or alert is the clinic's, as `tx` is: one question for all.
 * square-sync is the clinic's by itself, audit-flush nobody's. */
static struct problem *prove(struct pg_tx *tx, const struct ctx *cx, enum queue queue,
                             struct own_job *jobs, size_t *count)
{
    CLEANUP(buf_free) struct buf ids = BUF_MAX(PAGE * 40);
    struct pg_result *r;
    size_t kept = 0;
    if (queue == QUEUE_SQUARE || queue == QUEUE_AUDIT || *count == 0)
        return NULL;
    for (size_t i = 0; i < *count; i++)
        buf_addf(&ids, "%s\"%s\"", i ? "," : "[", uuid_z(thing_of(&jobs[i])));
    buf_add_c(&ids, ']');
    TRY(PG_QUERY(tx, &known, &r, PG_P_UUID(cx->clinic_id), PG_P_TEXT(buf_str(&ids))));
    for (size_t i = 0; i < *count; i++)
        for (size_t k = 0; k < pg_rows(r); k++)
            if (uuid_eq(pg_get_uuid(r, k, 0), thing_of(&jobs[i]))) {
                jobs[kept++] = jobs[i];
                break;
            }
    *count = kept;
    return NULL;
}

/* Those that failed: proven, and the newest kept. */
static struct problem *failed_read(struct bullmq_redis *redis, struct pg_tx *tx,
                                   const struct ctx *cx, enum queue queue, struct own_queue *ret)
{
    struct own_job *own = arena_array(cx->arena, PAGE, sizeof(*own));
    for (size_t first = 0; first < SCAN_MAX; first += PAGE) {
        struct bullmq_job_info *jobs;
        size_t count = 0, ours = 0;
        TRY(bullmq_jobs_brief(redis, queue_name(queue), BULLMQ_FAILED, first, PAGE, DATA_MAX,
                              cx->arena, &jobs, &count));
        for (size_t i = 0; i < count; i++)
            ours += claims(cx, queue, &jobs[i], &own[ours]);
        TRY(prove(tx, cx, queue, own, &ours));
        for (size_t i = 0; i < ours && ret->failed_count < FAILED_MAX; i++)
            ret->failed[ret->failed_count++] = own[i];
        ret->counts[BULLMQ_FAILED] += ours;
        if (count < PAGE)
            return NULL;
    }
    ret->at_least = true;
    return NULL;
}

/* The others are counted by what they say of their clinic, in Redis itself: nothing of them is
 * sent. Jobs of audit-flush are everybody's. */
static struct problem *state_count(struct bullmq_redis *redis, const struct ctx *cx,
                                   enum queue queue, enum bullmq_state state, uint64_t all,
                                   struct own_queue *ret)
{
    struct bullmq_match own = {
        .member = "clinicId",
        .value = arena_cstr(cx->arena, str_of(uuid_z(cx->clinic_id))),
        .data_max = DATA_MAX,
    };
    bool counted = true;
    ret->counts[state] = queue == QUEUE_AUDIT ? all : 0;
    if (queue != QUEUE_AUDIT && all > 0)
        TRY(bullmq_jobs_count(redis, queue_name(queue), state, SCAN_MAX, &own, &ret->counts[state],
                              &counted));
    ret->at_least |= !counted;
    return NULL;
}

struct problem *own_queue_read(struct bullmq_redis *redis, const struct ctx *cx, enum queue queue,
                               struct own_queue *ret)
{
    struct bullmq_counts all;
    *ret = (struct own_queue){0};
    TRY(bullmq_counts(redis, queue_name(queue), &all));
    ret->paused = all.paused;
    for (int state = 0; state < BULLMQ_STATE__COUNT; state++)
        if (state != BULLMQ_FAILED)
            TRY(state_count(redis, cx, queue, (enum bullmq_state)state, all.jobs[state], ret));
    if (all.jobs[BULLMQ_FAILED] == 0)
        return NULL;
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_READ));
    TRY(failed_read(redis, &tx, cx, queue, ret));
    return pg_tx_commit(&tx);
}

struct problem *own_job_get(struct bullmq_redis *redis, const struct ctx *cx, enum queue queue,
                            const char *id, struct own_job *ret)
{
    struct bullmq_job_info info;
    size_t ours;
    TRY(bullmq_job_brief(redis, queue_name(queue), id, DATA_MAX, cx->arena, &info));
    ours = claims(cx, queue, &info, ret);
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_READ));
    TRY(prove(&tx, cx, queue, ret, &ours));
    TRY(pg_tx_commit(&tx));
    return ours ? NULL : problem_new(cx->arena, PROBLEM_NOT_FOUND, "there is no such job");
}
