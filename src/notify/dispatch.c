/* The queue alert-dispatch: one job is one try to reach everybody who was paged and not reached.
 *
 * A job's step says which channel ("1-push", "1-sms"; anything else: both) and nothing more: what
 * is to be sent is read from the database each time, so any job may run twice, late, or again. */
#include "app/app.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "notify/notify_internal.h"

/* A killed worker's page is taken up again after LOCK_MS and one or two STALLED_MS. */
enum { CONCURRENCY = 6, LOCK_MS = 6000, STALLED_MS = 1000, BUSY_RETRY_S = 4 };

struct dispatch {
    const struct ctx *cx;
    struct dispatch_alert alert;
    struct uuid id;
    bool push, sms;
    unsigned later;         /* targets to be tried again */
    unsigned retry_after_s; /* the longest a provider asked for */
};

static const char *callback_url(const struct dispatch *d, struct uuid delivery)
{
    return sms_url(
        d->cx->app, d->cx->arena, "/webhooks/twilio/status",
        arena_fmt(d->cx->arena, "c=%s&d=%s", uuid_z(d->cx->clinic_id), uuid_z(delivery)));
}

static struct problem *claim_one(const struct dispatch *d, const char *channel,
                                 const struct target *t, struct uuid *ret)
{
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, d->cx, PG_WRITE));
    TRY(delivery_claim(&tx, d->cx, d->id, channel, t, ret));
    return pg_tx_commit(&tx);
}

static struct problem *record_one(const struct dispatch *d, const char *channel,
                                  const struct target *t, struct uuid delivery,
                                  const struct send_result *result)
{
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, d->cx, PG_WRITE));
    TRY(delivery_record(&tx, d->cx, d->id, channel, t, delivery, result));
    return pg_tx_commit(&tx);
}

/* Claim, call, record. No transaction is open while the provider is called. */
static struct problem *send_one(struct dispatch *d, bool push, const struct target *t)
{
    const char *channel = push ? "push" : "sms";
    struct uuid delivery;
    struct send_result result;
    TRY(claim_one(d, channel, t, &delivery));
    if (uuid_is_none(delivery))
        return NULL; /* acknowledged meanwhile, or another worker has it */
    if (t->unreadable)
        result = (struct send_result){.fate = SEND_REFUSED, .error = "unreadable-address"};
    else if (push)
        push_send(d->cx->app, d->cx->arena, t->address, &d->alert.text, &result);
    else
        sms_send(d->cx->app, d->cx->arena, t->address, &d->alert.text, callback_url(d, delivery),
                 &result);
    TRY(record_one(d, channel, t, delivery, &result));
    if (result.fate == SEND_LATER)
        d->later++;
    if (result.fate != SEND_ACCEPTED)
        log_warn("%s of alert %s, try %lld: %s", channel, uuid_z(d->id), (long long)t->attempt,
                 result.error);
    if (result.retry_after_s > d->retry_after_s)
        d->retry_after_s = result.retry_after_s;
    return NULL;
}

static struct problem *send_all(struct dispatch *d, bool push, const struct target *targets,
                                size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct target *t = &targets[i];
        if (t->state == TARGET_BUSY && t->due) {
            d->later++;
            d->retry_after_s = d->retry_after_s > BUSY_RETRY_S ? d->retry_after_s : BUSY_RETRY_S;
        }
        if (t->state == TARGET_TODO && t->due)
            TRY(send_one(d, push, t));
    }
    return NULL;
}

static struct problem *push_all(struct dispatch *d)
{
    struct target *targets;
    size_t count;
    {
        CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
        TRY(tx_begin(&tx, d->cx, PG_READ));
        TRY(push_targets(&tx, d->cx, d->id, &targets, &count));
        TRY(pg_tx_commit(&tx));
    }
    return send_all(d, true, targets, count);
}

/* Where SMS wait, a job for push still sends one at once to whom push cannot reach; where they do
 * not, a job of their own is sending them. */
static struct problem *sms_all(struct dispatch *d)
{
    struct target *targets;
    size_t count;
    {
        CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
        TRY(tx_begin(&tx, d->cx, PG_READ));
        TRY(sms_targets(&tx, d->cx, d->id, &d->alert.policy, !d->sms, &targets, &count));
        TRY(pg_tx_commit(&tx));
    }
    return send_all(d, false, targets, count);
}

static struct problem *load(struct dispatch *d)
{
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, d->cx, PG_READ));
    TRY(dispatch_alert_get(&tx, d->cx, d->id, &d->alert));
    d->alert.text.link = sms_url(d->cx->app, d->cx->arena,
                                 arena_fmt(d->cx->arena, "/alerts/%s", uuid_z(d->id)), NULL);
    return pg_tx_commit(&tx);
}

/* Nobody of this step can be reached: the next one, now. */
static struct problem *escalate_if_hopeless(struct dispatch *d)
{
    bool hopeless;
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, d->cx, PG_WRITE));
    TRY(step_hopeless(&tx, d->cx, d->id, &hopeless));
    if (!hopeless)
        return NULL;
    TRY(alert_event_add(&tx, d->cx, d->id, "UNREACHABLE", UUID_NONE, 0, NULL, NULL));
    TRY(alert_escalate(&tx, d->cx, d->id, STR("nobody paged could be reached")));
    return pg_tx_commit(&tx);
}

static bool ends_with(struct str s, struct str end)
{
    return s.n >= end.n && memcmp(s.p + s.n - end.n, end.p, end.n) == 0;
}

static struct problem *dispatch_job(struct bullmq_job *job)
{
    struct job_ids ids;
    TRY(job_ids_read(job, QUEUE_DISPATCH, &ids));
    struct ctx cx = job_ctx(job, ids.clinic_id);
    struct dispatch d = {.cx = &cx, .id = ids.alert_id};
    d.push = !ends_with(ids.step, STR("-sms"));
    d.sms = !ends_with(ids.step, STR("-push"));
    struct problem *p = load(&d);
    if (p && p->kind == PROBLEM_NOT_FOUND)
        job->unrecoverable = true;
    TRY(p);
    if (!d.alert.open)
        return NULL;
    if (d.push && d.alert.policy.push)
        TRY(push_all(&d));
    if (d.alert.policy.sms && (d.sms || d.alert.policy.sms_after_s > 0))
        TRY(sms_all(&d));
    TRY(escalate_if_hopeless(&d));
    if (d.later == 0)
        return NULL;
    p = problem_new(job->arena, PROBLEM_UNAVAILABLE, "%u messages are to be tried again", d.later);
    p->retry_after_s = d.retry_after_s;
    return p;
}

const struct work_queue notify_queues[] = {
    {.queue = QUEUE_DISPATCH,
     .handler = dispatch_job,
     .concurrency = CONCURRENCY,
     .lock_ms = LOCK_MS,
     .stalled_interval_ms = STALLED_MS},
};
const size_t notify_queue_count = ARRAY_LEN(notify_queues);
