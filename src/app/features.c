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
    {"users", ROUTES(users)},
};
const size_t feature_count = ARRAY_LEN(features);

static const struct json_field id_fields[] = {
    {"clinicId", JSON_KIND_UUID, offsetof(struct job_ids, clinic_id)},
    {"formId", JSON_KIND_UUID, offsetof(struct job_ids, form_id)},
    {"alertId", JSON_KIND_UUID, offsetof(struct job_ids, alert_id)},
    {"step", JSON_KIND_TEXT, offsetof(struct job_ids, step), .max = 32},
};

struct problem *job_ids_read(struct bullmq_job *job, struct job_ids *ret)
{
    *ret = (struct job_ids){0};
    struct problem *p = json_body(job->arena, job->data, id_fields, ARRAY_LEN(id_fields), ret);
    if (!p && uuid_is_none(ret->clinic_id))
        p = problem_field(job->arena, "/clinicId", "is required");
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
