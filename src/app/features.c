/* The list of features. Order does not matter. */
#include "app/features.h"

#include "alerts/alerts.h"
#include "audit/audit_feature.h"
#include "base/cleanup.h"
#include "billing/billing.h"
#include "dashboard/dashboard.h"
#include "intake/intake.h"
#include "json/json_in.h"
#include "notify/notify.h"
#include "oncall/oncall.h"
#include "patients/patients.h"
#include "queues/queues.h"
#include "users/users.h"

#define ROUTES(name) .routes = name##_routes, .route_count = &name##_route_count
#define QUEUES(name) .queues = name##_queues, .queue_count = &name##_queue_count
#define TICKS(name)  .ticks = name##_ticks, .tick_count = &name##_tick_count

const struct feature features[] = {
    {"alerts", ROUTES(alerts), TICKS(alerts)},
    {"audit", ROUTES(audit), QUEUES(audit)},
    {"billing", ROUTES(billing), QUEUES(billing)},
    {"dashboard", ROUTES(dashboard)},
    {"intake", ROUTES(intake), QUEUES(intake)},
    {"notify", ROUTES(notify), QUEUES(notify)},
    {"oncall", ROUTES(oncall)},
    {"patients", ROUTES(patients)},
    {"queues", ROUTES(queues)},
    {"users", ROUTES(users)},
};
const size_t feature_count = ARRAY_LEN(features);

#define ID(key, member)                                                                            \
    {                                                                                              \
        key, JSON_KIND_UUID, offsetof(struct job_ids, member), .required = true                    \
    }
static const struct json_field form_fields[] = {ID("clinicId", clinic_id), ID("formId", form_id)};
static const struct json_field clinic_fields[] = {ID("clinicId", clinic_id)};
static const struct json_field alert_fields[] = {
    ID("clinicId", clinic_id),
    ID("alertId", alert_id),
    {"step", JSON_KIND_TEXT, offsetof(struct job_ids, step), .required = true, .max = 64},
};
static const struct {
    const struct json_field *fields;
    size_t count;
} id_fields[QUEUE__COUNT] = {
    [QUEUE_OCR] = {form_fields, ARRAY_LEN(form_fields)},
    [QUEUE_SCRUB] = {form_fields, ARRAY_LEN(form_fields)},
    [QUEUE_DISPATCH] = {alert_fields, ARRAY_LEN(alert_fields)},
    [QUEUE_SQUARE] = {clinic_fields, ARRAY_LEN(clinic_fields)},
    [QUEUE_AUDIT] = {NULL, 0},
};

enum { JOB_DATA_MAX = 1024 };

static struct problem *ids_read(struct bullmq_job *job, enum queue queue, struct job_ids *ret)
{
    if (strcmp(job->name, queue_name(queue)) != 0)
        return problem_new(job->arena, PROBLEM_VALIDATION, "no job of this queue is named so");
    if (job->data.n > JOB_DATA_MAX)
        return problem_new(job->arena, PROBLEM_VALIDATION,
                           "%zu bytes of data are more than ids (%d at most)", job->data.n,
                           JOB_DATA_MAX);
    return json_body(job->arena, job->data, id_fields[queue].fields, id_fields[queue].count, ret);
}

struct problem *job_ids_read(struct bullmq_job *job, enum queue queue, struct job_ids *ret)
{
    *ret = (struct job_ids){0};
    struct problem *p = ids_read(job, queue, ret);
    if (p)
        job->unrecoverable = true;
    return p;
}

struct ctx job_ctx(struct bullmq_job *job, struct uuid clinic_id)
{
    struct work_slot *slot = job->slot;
    return ctx_system(slot->app, job->arena, slot->db, clinic_id,
                      arena_fmt(job->arena, "%s/%.60s", job->queue, job->id));
}
