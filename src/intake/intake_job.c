/* The pipeline's two jobs: ocr-processing reads the form in the jailed child, pan-scrub masks,
 * scores and finishes it.
 *
 * The rule not to break: each step looks at the row first and does only what is still to do, and
 * every consequence is in one transaction with the row, so a job that runs twice, or dies anywhere,
 * changes nothing twice. */
#include <time.h>

#include "app/app.h"
#include "audit/audit.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "intake/intake_internal.h"
#include "intake/layouts.h"
#include "intake/outcome.h"
#include "intake/pages.h"
#include "intake/sealed.h"
#include "reader/reader.h"

enum { OCR_JSON_MAX = 16 << 20, PATIENCE_US = 300 * 1000000, READER_ATTEMPTS = 3 };

/* How far a form is when a step is done (SPEC 6: 0..100); reading goes on in between. */
enum { AT_START = 5, AT_READ = 65, AT_SCRUBBING = 70, AT_SCORED = 80, AT_PAGES = 95 };

static struct reader *reader_of(const struct bullmq_job *job)
{
    return ((struct work_slot *)job->slot)->reader;
}

static struct problem *form_load(const struct ctx *cx, struct uuid id, struct form *ret)
{
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_READ));
    TRY(form_get(&tx, cx, id, false, ret));
    return pg_tx_commit(&tx);
}

static struct problem *settings_load(const struct ctx *cx, struct intake_settings *ret)
{
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_READ));
    TRY(intake_settings_get(&tx, cx, ret));
    return pg_tx_commit(&tx);
}

static struct problem *step_to(const struct ctx *cx, struct uuid id, enum form_status to,
                               int progress)
{
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_WRITE));
    TRY(form_step(&tx, cx, id, to, progress));
    TRY(form_progress_event(&tx, cx, id, to, progress));
    return pg_tx_commit(&tx);
}

/* While something else goes on: telling how far it is must not end it. */
struct telling {
    const struct ctx *cx;
    struct uuid form;
    enum form_status status;
    int told; /* per cent */
};

static void tell(struct telling *t, int progress)
{
    if (progress <= t->told)
        return;
    t->told = progress;
    struct problem *p = step_to(t->cx, t->form, t->status, progress);
    if (p)
        log_debug("progress of form %s was not told: %s", uuid_z(t->form), p->detail);
}

static struct problem *reading_told(void *user, int done, int of)
{
    tell(user, AT_START + (AT_READ - AT_START) * done / of);
    return NULL;
}

static void pages_told(void *user, int done, int of)
{
    tell(user, AT_SCORED + (AT_PAGES - AT_SCORED) * done / of);
}

/* The form of a job; one that is not there (any more), or is another clinic's, ends the job. */
static struct problem *form_of_job(const struct ctx *cx, struct bullmq_job *job, struct uuid id,
                                   struct form *ret)
{
    struct problem *p = form_load(cx, id, ret);
    if (p && p->kind == PROBLEM_NOT_FOUND)
        job->unrecoverable = true;
    return p;
}

/* Ends a form with a code a clerk's page can explain; what it says is then typed in by hand. A form
 * that another worker brought further than `stage` meanwhile is left to it. */
static struct problem *give_up(const struct ctx *cx, struct uuid id, enum form_status stage,
                               const char *code)
{
    struct form form;
    struct parsed_form *nothing;
    struct str empty;
    int version;
    TRY(parsed_from_json(cx->arena, STR("{\"fields\":{}}"), &nothing));
    parsed_score(cx->arena, &(struct parsed_policy){0}, nothing);
    TRY(parsed_seal(cx, id, nothing, &empty, &version));
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_WRITE));
    TRY(form_get(&tx, cx, id, true, &form));
    if (form.status > stage)
        return NULL;
    TRY(form_fail(&tx, cx, id, code, empty, version));
    TRY(audit_add(&tx, cx, "FORM_FAILED", "intake_forms", id));
    TRY(form_event(&tx, cx, id, false, true));
    TRY(pg_tx_commit(&tx));
    log_info("form %s cannot be read: %s", uuid_z(id), code);
    struct problem *p = blob_delete(cx, form_key(cx->arena, cx, id, "ocr"));
    if (p)
        log_warn("the text of form %s could not be removed: %s", uuid_z(id), p->detail);
    return NULL;
}

bool reader_last_try(const struct bullmq_job *job)
{
    return job->attempts_made + 1 >= READER_ATTEMPTS || job->attempts_made + 1 >= job->attempts;
}

/* A refusal of the file is final; trouble of the reader is tried three times in all: more would
 * only keep the forms behind it waiting. */
static struct problem *after_reader(const struct ctx *cx, struct bullmq_job *job, struct uuid id,
                                    struct problem *p)
{
    if (!p)
        return NULL;
    bool last = reader_last_try(job);
    log_warn("form %s: %s%s%s", uuid_z(id), reader_code(reader_of(job)), p->cause[0] ? ", " : "",
             p->cause);
    if (!reader_refused(reader_of(job)) && !last) {
        p->kind = PROBLEM_INTERNAL; /* costs an attempt: this form may be what crashes the reader */
        return p;
    }
    TRY(give_up(cx, id, FORM_OCR, reader_code(reader_of(job))));
    job->unrecoverable = true;
    return p;
}

/* ---- ocr-processing ---------------------------------------------------------------------------*/

/* How urgent the rest of the work is: the reading is scored already, so that an emergency does not
 * stand behind others once more; NULL for what is none to this clinic. A reading that cannot be
 * scored here is no reason to fail. */
static struct problem *urgency_of(const struct ctx *cx, struct str json, const char **ret)
{
    struct intake_settings settings;
    struct parsed_form *parsed;
    *ret = NULL;
    TRY(settings_load(cx, &settings));
    CLEANUP(triage_rules_free) struct triage_rules *rules = NULL;
    struct parsed_policy policy = intake_policy(cx, &settings, &rules);
    if (!parsed_from_reader(cx->arena, json, &policy, &parsed) && parsed->triage.emergency)
        *ret = triage_level_name(parsed->triage.level);
    return NULL;
}

/* False in `ret_ours`: another worker had the form meanwhile and brought it further. */
static struct problem *ocr_finish(const struct ctx *cx, struct uuid id, const char *urgency,
                                  struct form *form, bool *ret_ours)
{
    struct outbox_job next = {
        .queue = QUEUE_SCRUB,
        .key = arena_fmt(cx->arena, "scrub-%s", uuid_z(id)),
        .data = arena_fmt(cx->arena, "{\"formId\":\"%s\",\"clinicId\":\"%s\"}", uuid_z(id),
                          uuid_z(cx->clinic_id)),
        .urgency = outbox_urgency(str_of(urgency)),
    };
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_WRITE));
    TRY(form_get(&tx, cx, id, true, form));
    *ret_ours = form->status == FORM_OCR;
    if (!*ret_ours)
        return NULL;
    TRY(form_scrubbing(&tx, cx, id, urgency, AT_SCRUBBING));
    TRY(form_progress_event(&tx, cx, id, FORM_SCRUBBING, AT_SCRUBBING));
    TRY(outbox_job(&tx, cx, &next));
    return pg_tx_commit(&tx);
}

static struct problem *known_layouts(const struct ctx *cx, struct str *ret)
{
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_READ_ONE));
    TRY(layouts_json(&tx, cx, ret));
    return pg_tx_commit(&tx);
}

/* Keeps the text for the next step. A worker that slept meanwhile must not leave it behind: the
 * one that finished the form has removed it. */
static struct problem *ocr_keep(const struct ctx *cx, struct uuid id, struct str json)
{
    struct form form;
    const char *urgency;
    bool ours = false;
    const char *key = form_key(cx->arena, cx, id, "ocr");
    TRY(urgency_of(cx, json, &urgency));
    TRY(blob_put(cx, key, json));
    TRY(ocr_finish(cx, id, urgency, &form, &ours));
    if (!ours && form.status > FORM_SCRUBBING)
        return blob_delete(cx, key);
    return NULL;
}

static struct problem *ocr_once(struct bullmq_job *job, const struct job_ids *ids)
{
    struct form form;
    struct str json;
    struct ctx cx = job_ctx(job, ids->clinic_id);
    TRY(form_of_job(&cx, job, ids->form_id, &form));
    if (form.status != FORM_QUEUED && form.status != FORM_OCR)
        return NULL; /* done before */
    struct telling told = {&cx, form.id, FORM_OCR, AT_START};
    struct reader_hints hints = {.step = reading_told, .user = &told};
    if (form.status == FORM_QUEUED)
        TRY(step_to(&cx, form.id, FORM_OCR, AT_START));
    TRY(known_layouts(&cx, &hints.layouts));
    CLEANUP(buf_free) struct buf file = BUF_SECRET(FORM_BYTES_MAX + 1);
    TRY(blob_get(&cx, form_key(job->arena, &cx, form.id, "original"), FORM_BYTES_MAX, &file));
    struct problem *p =
        reader_read(reader_of(job), job->arena, buf_str(&file), &hints, READER_TIMEOUT_MS, &json);
    if (p)
        return after_reader(&cx, job, form.id, p);
    return ocr_keep(&cx, form.id, json);
}

/* ---- pan-scrub --------------------------------------------------------------------------------*/

/* A share of good forms is reviewed all the same; which ones follows from the form's id, so that a
 * job that runs again decides the same. */
static bool sampled(const struct ctx *cx, struct uuid form, int clinic_thousandths)
{
    double share = clinic_thousandths >= 0 ? clinic_thousandths / 1000.0
                                           : conf_real(cx->app->conf, "NEXACORE_REVIEW_SAMPLE");
    struct uuid drawn = uuid_derived(form, STR("review-sample"));
    uint32_t v = (uint32_t)drawn.b[0] << 16 | (uint32_t)drawn.b[1] << 8 | drawn.b[2];
    return v < share * (1 << 24);
}

/* An emergency's patient and alert, before the time that making the pages takes (SPEC 6: it never
 * waits). The form is finished afterwards; done twice this makes nothing twice. */
static struct problem *emergency_first(const struct ctx *cx, struct uuid id,
                                       const struct parsed_form *parsed)
{
    struct form form;
    struct form_result result = {.pan_detected = parsed->pan_detected, .requires_review = true};
    TRY(outcome_describe(cx, id, parsed, &result));
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_WRITE));
    TRY(form_get(&tx, cx, id, true, &form));
    if (form.status != FORM_SCRUBBING || !uuid_is_none(form.alert_id))
        return NULL; /* another worker was faster, or died after this */
    result.requires_review = parsed->requires_review;
    TRY(outcome_of_reading(&tx, cx, &form, parsed, &result));
    TRY(form_urgent(&tx, cx, id, &result));
    TRY(form_progress_event(&tx, cx, id, FORM_SCRUBBING, AT_SCORED));
    return pg_tx_commit(&tx);
}

/* Form, patient, alert, audit and outbox: one transaction. The result's status is the form's own
 * when another worker was faster. */
static struct problem *scrub_finish(const struct ctx *cx, struct uuid id,
                                    const struct parsed_form *parsed, struct form_result *result)
{
    struct form form;
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_WRITE));
    TRY(form_get(&tx, cx, id, true, &form));
    if (form.status != FORM_SCRUBBING) {
        result->status = form.status;
        return NULL;
    }
    result->patient_id = form.patient_id;
    result->alert_id = form.alert_id;
    if (uuid_is_none(form.alert_id)) /* else it was done first, see above */
        TRY(outcome_of_reading(&tx, cx, &form, parsed, result));
    TRY(form_finish(&tx, cx, id, result));
    if (!uuid_is_none(parsed->layout_id))
        TRY(layout_used(&tx, cx, parsed->layout_id));
    TRY(audit_add(&tx, cx, "FORM_PROCESSED", "intake_forms", id));
    TRY(form_event(&tx, cx, id, result->is_emergency, result->requires_review));
    return pg_tx_commit(&tx);
}

/* What must not stay once the form is finished: the raw text, and an original with a card on it. */
static void raw_drop(const struct ctx *cx, struct uuid id, bool pan_detected)
{
    struct problem *p = blob_delete(cx, form_key(cx->arena, cx, id, "ocr"));
    if (!p && pan_detected)
        p = blob_delete(cx, form_key(cx->arena, cx, id, "original"));
    if (p)
        log_warn("an object of form %s could not be removed: %s", uuid_z(id), p->detail);
}

/* What a person must know of the pages, and whether this form is one of the sample. */
static void review_more(const struct ctx *cx, struct uuid form, const struct intake_settings *s,
                        const struct pages *pages, struct parsed_form *parsed)
{
    if (pages->count == 0)
        parsed_review(parsed, "no-pages");
    else if (!pages->clean)
        parsed_review(parsed, "page-withheld");
    if (!parsed->requires_review && sampled(cx, form, s->sample_thousandths))
        parsed_review(parsed, "sample");
}

/* Kept for the person who will confirm the form; without it the layout is just not learned. */
static void trace_keep(const struct ctx *cx, struct uuid form, struct str reader_json,
                       const struct parsed_form *parsed)
{
    CLEANUP(buf_free) struct buf trace = BUF_SECRET(TRACE_BYTES_MAX);
    struct problem *p = trace_make(cx, reader_json, parsed, &trace);
    if (!p && !trace.overflowed)
        p = blob_put(cx, form_key(cx->arena, cx, form, "trace"), buf_str(&trace));
    if (p)
        log_warn("form %s will teach no layout: %s", uuid_z(form), p->detail);
}

/* Nobody waits for it any more. */
static struct problem *trace_drop(const struct ctx *cx, struct uuid form)
{
    return blob_delete(cx, form_key(cx->arena, cx, form, "trace"));
}

static struct problem *scrub_form(const struct ctx *cx, struct bullmq_job *job,
                                  const struct form *form)
{
    struct intake_settings settings;
    struct parsed_form *parsed;
    TRY(settings_load(cx, &settings));
    CLEANUP(triage_rules_free) struct triage_rules *rules = NULL;
    struct parsed_policy policy = intake_policy(cx, &settings, &rules);
    CLEANUP(buf_free) struct buf json = BUF_SECRET(OCR_JSON_MAX + 1);
    TRY(blob_get(cx, form_key(job->arena, cx, form->id, "ocr"), OCR_JSON_MAX, &json));
    TRY(parsed_from_reader(job->arena, buf_str(&json), &policy, &parsed));
    if (parsed->triage.emergency)
        TRY(emergency_first(cx, form->id, parsed));
    struct telling told = {cx, form->id, FORM_SCRUBBING, AT_SCRUBBING};
    struct pages pages = {
        .cx = cx, .job = job, .form = form->id, .told = pages_told, .told_to = &told};
    TRY(pages_make(parsed, &pages));

    bool shown = pages.count > 0;
    struct form_result result = {.pan_detected = parsed->pan_detected,
                                 .pan_redacted = parsed->pan_detected && pages.clean,
                                 .layout_id = parsed->layout_id};
    review_more(cx, form->id, &settings, &pages, parsed);
    TRY(outcome_describe(cx, form->id, parsed, &result));
    result.page_count = pages.count;
    result.requires_review = parsed->requires_review;
    result.status = result.requires_review ? FORM_REVIEW : FORM_PROCESSED;
    result.store_key = parsed->pan_detected && shown
                           ? str_of(form_key(job->arena, cx, form->id, "page-1"))
                           : form->store_key;
    if (result.requires_review)
        trace_keep(cx, form->id, buf_str(&json), parsed);
    TRY(scrub_finish(cx, form->id, parsed, &result));
    if (result.status > FORM_REVIEW) /* confirmed while this worker slept */
        TRY(trace_drop(cx, form->id));
    raw_drop(cx, form->id, parsed->pan_detected && shown);
    return NULL;
}

static struct problem *scrub_once(struct bullmq_job *job, const struct job_ids *ids)
{
    struct form form;
    struct ctx cx = job_ctx(job, ids->clinic_id);
    TRY(form_of_job(&cx, job, ids->form_id, &form));
    if (form.status > FORM_SCRUBBING) /* died between commit and clean-up */
        raw_drop(&cx, form.id, form.pan_detected && form.page_count > 0);
    if (form.status > FORM_REVIEW)
        return trace_drop(&cx, form.id);
    if (form.status != FORM_SCRUBBING)
        return NULL;
    return scrub_form(&cx, job, &form);
}

/* ---- both -------------------------------------------------------------------------------------*/

static enum form_status stage_of(enum queue queue)
{
    return queue == QUEUE_OCR ? FORM_OCR : FORM_SCRUBBING;
}

/* The queue gave the job up and the checks of the relay had it done once more: whatever kills every
 * worker that takes this form is not to go on for ever. */
static struct problem *stalled_too_often(struct bullmq_job *job, enum queue queue,
                                         const struct job_ids *ids)
{
    struct ctx cx = job_ctx(job, ids->clinic_id);
    TRY(give_up(&cx, ids->form_id, stage_of(queue), "internal"));
    job->unrecoverable = true;
    return problem_new(job->arena, PROBLEM_INTERNAL, "stalled too often");
}

/* While the database or the store is away nothing is wrong with the form, so waiting costs it no
 * attempt. Other trouble is tried again by the queue; the last attempt ends the form with a code,
 * so that it is never left half way. */
static struct problem *run_patiently(struct bullmq_job *job, enum queue queue,
                                     struct problem *(*once)(struct bullmq_job *job,
                                                             const struct job_ids *ids))
{
    struct job_ids ids;
    TRY(job_ids_read(job, queue, &ids));
    if (job->stalls > STALLS_MAX)
        return stalled_too_often(job, queue, &ids);
    struct problem *p = once(job, &ids);
    int64_t patience_us = clock_mono_us() + PATIENCE_US;
    while (p && p->kind == PROBLEM_UNAVAILABLE && clock_mono_us() < patience_us &&
           !bullmq_job_lost(job)) {
        nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
        p = once(job, &ids);
    }
    bool last = job->attempts_made + 1 >= job->attempts;
    if (p && p->kind != PROBLEM_UNAVAILABLE && last && !job->unrecoverable &&
        !bullmq_job_lost(job)) {
        struct ctx cx = job_ctx(job, ids.clinic_id);
        log_error("form %s failed: %s (%s)", uuid_z(ids.form_id), p->detail, p->cause);
        TRY(give_up(&cx, ids.form_id, stage_of(queue), "internal"));
        job->unrecoverable = true;
    }
    return p;
}

struct problem *intake_again(struct pg_tx *tx, const struct ctx *cx, enum queue queue,
                             struct uuid id, bool *ret_requeued)
{
    struct form form;
    TRY(form_get(tx, cx, id, true, &form));
    *ret_requeued = form.status == FORM_FAILED;
    if (form.status == FORM_FAILED)
        return form_step(tx, cx, id, FORM_QUEUED, 0);
    if (form.status > FORM_SCRUBBING)
        return problem_new(cx->arena, PROBLEM_CONFLICT, "the form is finished already");
    if (form.status == FORM_SCRUBBING)
        return queue == QUEUE_SCRUB
                   ? NULL
                   : problem_new(cx->arena, PROBLEM_CONFLICT, "the form has been read already");
    return problem_new(cx->arena, PROBLEM_CONFLICT, "the form waits to be read already");
}

struct problem *intake_ocr_job(struct bullmq_job *job)
{
    return run_patiently(job, QUEUE_OCR, ocr_once);
}

struct problem *intake_scrub_job(struct bullmq_job *job)
{
    return run_patiently(job, QUEUE_SCRUB, scrub_once);
}

const struct work_queue intake_queues[] = {
    {.queue = QUEUE_OCR,
     .handler = intake_ocr_job,
     .lock_ms = 8000, /* a killed worker's form is taken up again after this and one or two ... */
     .stalled_interval_ms = 1500, /* ... of these */
     .needs_reader = true},
    {.queue = QUEUE_SCRUB,
     .handler = intake_scrub_job,
     .lock_ms = 8000, /* a killed worker's form is taken up again after this and one or two ... */
     .stalled_interval_ms = 1500, /* ... of these */
     .needs_reader = true},
};
const size_t intake_queue_count = ARRAY_LEN(intake_queues);
