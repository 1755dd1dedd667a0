/* Whose a job is. The rule not to break: nothing of a job is given out before PostgreSQL, under row
 * security, has found its form or alert in the clinic; what stands in Redis proves nothing. */
#include <jansson.h>

#include "base/cleanup.h"
#include "json/json_in.h"
#include "queues/queues_internal.h"

enum { PAGE = 500, DATA_MAX = 1024 };

static const struct pg_stmt known = {
    "queues_known",
    "SELECT EXISTS (SELECT FROM intake_forms WHERE clinic_id = $1::uuid AND id = $2::uuid)"
    " OR EXISTS (SELECT FROM alerts WHERE clinic_id = $1::uuid AND id = $3::uuid)"};
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

/* True when the job says it is the clinic's. */
static bool claims(const struct ctx *cx, enum queue queue, const struct bullmq_job_info *info,
                   struct own_job *ret)
{
    CLEANUP(json_done) json_t *data = NULL;
    *ret = (struct own_job){.info = *info};
    if (!info->name[0] || json_read(cx->arena, str_of(info->data), &data))
        return false;
    if (queue == QUEUE_AUDIT)
        return json_is_object(data) && json_object_size(data) == 0;
    ret->form_id = id_of(data, "formId");
    ret->alert_id = id_of(data, "alertId");
    struct uuid clinic = id_of(data, "clinicId");
    return !uuid_is_none(clinic) && uuid_eq(clinic, cx->clinic_id);
}

/* `tx` is of the clinic. */
static struct problem *proven(struct pg_tx *tx, const struct ctx *cx, enum queue queue,
                              const struct own_job *job, bool *ret)
{
    struct pg_result *r;
    *ret = true; /* square-sync: the clinic itself; audit-flush: nobody's */
    if (queue == QUEUE_SQUARE || queue == QUEUE_AUDIT)
        return NULL;
    TRY(PG_QUERY(tx, &known, &r, PG_P_UUID(cx->clinic_id), PG_P_UUID_OR_NULL(job->form_id),
                 PG_P_UUID_OR_NULL(job->alert_id)));
    *ret = pg_get_bool(r, 0, 0);
    return NULL;
}

/* The jobs of one state. Those that failed are proven one by one and kept. */
static struct problem *state_read(struct bullmq_redis *redis, struct pg_tx *tx,
                                  const struct ctx *cx, enum queue queue, enum bullmq_state state,
                                  struct own_queue *ret)
{
    for (size_t first = 0; first < SCAN_MAX; first += PAGE) {
        struct bullmq_job_info *jobs;
        size_t count = 0;
        TRY(bullmq_jobs_brief(redis, queue_name(queue), state, first, PAGE, DATA_MAX, cx->arena,
                              &jobs, &count));
        for (size_t i = 0; i < count; i++) {
            struct own_job job;
            bool ours = claims(cx, queue, &jobs[i], &job);
            if (ours && state == BULLMQ_FAILED && ret->failed_count < FAILED_MAX) {
                TRY(proven(tx, cx, queue, &job, &ours));
                if (ours)
                    ret->failed[ret->failed_count++] = job;
            }
            ret->counts[state] += ours;
        }
        if (count < PAGE)
            return NULL;
    }
    ret->at_least = true;
    return NULL;
}

struct problem *own_queue_read(struct bullmq_redis *redis, const struct ctx *cx, enum queue queue,
                               struct own_queue *ret)
{
    struct bullmq_counts all;
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    *ret = (struct own_queue){0};
    TRY(bullmq_counts(redis, queue_name(queue), &all));
    ret->paused = all.paused;
    TRY(tx_begin(&tx, cx, PG_READ));
    for (int state = 0; state < BULLMQ_STATE__COUNT; state++)
        if (all.jobs[state] > 0)
            TRY(state_read(redis, &tx, cx, queue, (enum bullmq_state)state, ret));
    return pg_tx_commit(&tx);
}

struct problem *own_job_get(struct bullmq_redis *redis, const struct ctx *cx, enum queue queue,
                            const char *id, struct own_job *ret)
{
    struct bullmq_job_info info;
    bool ours;
    TRY(bullmq_job_brief(redis, queue_name(queue), id, DATA_MAX, cx->arena, &info));
    ours = claims(cx, queue, &info, ret);
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_READ));
    if (ours)
        TRY(proven(&tx, cx, queue, ret, &ours));
    TRY(pg_tx_commit(&tx));
    return ours ? NULL : problem_new(cx->arena, PROBLEM_NOT_FOUND, "there is no such job");
}
