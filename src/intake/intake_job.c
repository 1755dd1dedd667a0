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
#include "intake/outcome.h"
#include "intake/sealed.h"
#include "reader/reader.h"

enum { OCR_JSON_MAX = 16 << 20, PAGES_BYTES_MAX = 256 << 20, PATIENCE_US = 300 * 1000000 };

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

static struct problem *step_to(const struct ctx *cx, struct uuid id, enum form_status to,
                               int progress)
{
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_WRITE));
    TRY(form_step(&tx, cx, id, to, progress));
    return pg_tx_commit(&tx);
}

/* Ends a form with a code a clerk's page can explain; what it says is then typed in by hand. */
static struct problem *give_up(const struct ctx *cx, struct uuid id, const char *code)
{
    struct parsed_form *nothing;
    struct str empty;
    int version;
    TRY(parsed_from_json(cx->arena, STR("{\"fields\":{}}"), &nothing));
    parsed_score(cx->arena, &(struct parsed_policy){0}, nothing);
    TRY(parsed_seal(cx, id, nothing, &empty, &version));
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_WRITE));
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

/* A refusal of the file is final; trouble of the reader is tried again until attempts run out. */
static struct problem *after_reader(const struct ctx *cx, struct bullmq_job *job, struct uuid id,
                                    struct problem *p)
{
    if (!p)
        return NULL;
    bool last = job->attempts_made + 1 >= job->attempts;
    if (!reader_refused(reader_of(job)) && !last) {
        p->kind = PROBLEM_INTERNAL; /* costs an attempt: this form may be what crashes the reader */
        return p;
    }
    TRY(give_up(cx, id, reader_code(reader_of(job))));
    job->unrecoverable = true;
    return p;
}

/* ---- ocr-processing ---------------------------------------------------------------------------*/

static struct problem *ocr_finish(const struct ctx *cx, struct uuid id)
{
    struct outbox_job next = {
        .queue = QUEUE_SCRUB,
        .key = arena_fmt(cx->arena, "scrub-%s", uuid_z(id)),
        .data = arena_fmt(cx->arena, "{\"formId\":\"%s\",\"clinicId\":\"%s\"}", uuid_z(id),
                          uuid_z(cx->clinic_id)),
    };
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_WRITE));
    TRY(form_step(&tx, cx, id, FORM_SCRUBBING, 70));
    TRY(outbox_job(&tx, cx, &next));
    return pg_tx_commit(&tx);
}

static struct problem *ocr_once(struct bullmq_job *job, const struct job_ids *ids)
{
    struct form form;
    struct str json;
    struct ctx cx = job_ctx(job, ids->clinic_id);
    TRY(form_load(&cx, ids->form_id, &form));
    if (form.status != FORM_QUEUED && form.status != FORM_OCR)
        return NULL; /* done before */
    if (form.status == FORM_QUEUED)
        TRY(step_to(&cx, form.id, FORM_OCR, 10));
    CLEANUP(buf_free) struct buf file = BUF_SECRET(FORM_BYTES_MAX + 1);
    TRY(blob_get(&cx, form_key(job->arena, &cx, form.id, "original"), FORM_BYTES_MAX, &file));
    struct problem *p =
        reader_read(reader_of(job), job->arena, buf_str(&file), NULL, READER_TIMEOUT_MS, &json);
    if (p)
        return after_reader(&cx, job, form.id, p);
    TRY(blob_put(&cx, form_key(job->arena, &cx, form.id, "ocr"), json));
    return ocr_finish(&cx, form.id);
}

/* ---- pan-scrub --------------------------------------------------------------------------------*/

/* The safe pages on their way into the store, and whether a card number can still be read there. */
struct pages {
    const struct ctx *cx;
    struct bullmq_job *job;
    struct uuid form;
    bool verify;
    struct buf *kept; /* PNGs to read again, each behind its length */
    int count;
    bool clean;           /* no card number can be read on them any more */
    struct problem *lost; /* the store's, while a page was put there */
};

static struct problem *page_take(void *user, int page, struct str png)
{
    struct pages *pages = user;
    const char *part = arena_fmt(pages->job->arena, "page-%d", page + 1);
    pages->lost =
        blob_put(pages->cx, form_key(pages->job->arena, pages->cx, pages->form, part), png);
    TRY(pages->lost);
    if (pages->verify) {
        buf_add_u32be(pages->kept, (uint32_t)png.n);
        buf_add_str(pages->kept, png);
    }
    pages->count++;
    return NULL;
}

/* Reads the redacted pages again: only what was read and shows no card number counts as redacted;
 * a page the reader refuses does not. */
static struct problem *pages_verify(struct bullmq_job *job, const struct buf *kept, bool *ret_clean)
{
    struct str rest = buf_str(kept);
    *ret_clean = !kept->overflowed;
    while (rest.n > 4 && *ret_clean) {
        const uint8_t *n = (const uint8_t *)rest.p;
        size_t len = (size_t)n[0] << 24 | (size_t)n[1] << 16 | (size_t)n[2] << 8 | n[3];
        struct str png = {rest.p + 4, len}, json;
        struct parsed_form *again;
        *ret_clean = false;
        TRY(reader_read(reader_of(job), job->arena, png, NULL, READER_TIMEOUT_MS, &json));
        TRY(parsed_from_reader(job->arena, json, &(struct parsed_policy){0}, &again));
        *ret_clean = !again->pan_detected;
        rest = (struct str){png.p + len, rest.n - 4 - len};
    }
    return NULL;
}

/* The reader's part of making pages: what fails here is its trouble, or `pages->lost`. */
static struct problem *pages_render(struct pages *pages, const struct parsed_form *parsed,
                                    struct str file)
{
    struct bullmq_job *job = pages->job;
    struct reader_box *boxes =
        arena_array(job->arena, parsed->redaction_count + 1, sizeof(struct reader_box));
    for (size_t i = 0; i < parsed->redaction_count; i++) {
        const struct parsed_redaction *r = &parsed->redactions[i];
        boxes[i] = (struct reader_box){r->page, r->box.x, r->box.y, r->box.w, r->box.h};
    }
    TRY(reader_pages(reader_of(job), job->arena, file, boxes, parsed->redaction_count,
                     READER_TIMEOUT_MS, page_take, pages));
    pages->clean = true;
    if (parsed->pan_detected)
        TRY(pages_verify(job, pages->kept, &pages->clean));
    pages->clean = pages->clean && parsed->redaction_complete;
    return NULL;
}

/* Makes the pages that people may see. An emergency never waits for them (SPEC 6): whatever goes
 * wrong, it goes on without (count 0: nothing is shown). For any other form the store's trouble is
 * waited for, the reader's is tried again, and then it goes to a person without its pages. */
static struct problem *pages_make(const struct form *form, const struct parsed_form *parsed,
                                  struct pages *pages)
{
    CLEANUP(buf_free) struct buf file = BUF_SECRET(FORM_BYTES_MAX + 1);
    CLEANUP(buf_free) struct buf kept = BUF_SECRET(PAGES_BYTES_MAX);
    const struct ctx *cx = pages->cx;
    bool last = pages->job->attempts_made + 1 >= pages->job->attempts;
    pages->kept = &kept;
    struct problem *p =
        blob_get(cx, form_key(cx->arena, cx, form->id, "original"), FORM_BYTES_MAX, &file);
    bool of_reader = !p;
    if (!p)
        p = pages_render(pages, parsed, buf_str(&file));
    if (!p)
        return NULL;
    of_reader = of_reader && !pages->lost;
    if (!parsed->triage.emergency && !last) {
        if (of_reader)
            p->kind = PROBLEM_INTERNAL; /* costs an attempt, see after_reader */
        return p;
    }
    if (!parsed->triage.emergency && !of_reader && p->kind == PROBLEM_UNAVAILABLE)
        return p;
    log_warn("form %s goes on without its pages: %s", uuid_z(form->id), p->detail);
    pages->count = 0;
    pages->clean = false;
    return NULL;
}

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

static struct problem *settings_load(const struct ctx *cx, struct intake_settings *ret)
{
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_READ));
    TRY(intake_settings_get(&tx, cx, ret));
    return pg_tx_commit(&tx);
}

/* Form, patient, alert, audit and outbox: one transaction. */
static struct problem *scrub_finish(const struct ctx *cx, struct uuid id,
                                    const struct parsed_form *parsed, struct form_result *result)
{
    struct form form;
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_WRITE));
    TRY(form_get(&tx, cx, id, true, &form));
    if (form.status != FORM_SCRUBBING)
        return NULL; /* another worker was faster */
    TRY(outcome_of_reading(&tx, cx, &form, parsed, result));
    TRY(form_finish(&tx, cx, id, result));
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

static struct problem *scrub_form(const struct ctx *cx, struct bullmq_job *job,
                                  const struct form *form)
{
    struct intake_settings settings;
    struct parsed_form *parsed;
    TRY(settings_load(cx, &settings));
    struct parsed_policy policy = {settings.emergency_at, settings.review_confidence,
                                   settings.field_confidence};
    CLEANUP(buf_free) struct buf json = BUF_SECRET(OCR_JSON_MAX + 1);
    TRY(blob_get(cx, form_key(job->arena, cx, form->id, "ocr"), OCR_JSON_MAX, &json));
    TRY(parsed_from_reader(job->arena, buf_str(&json), &policy, &parsed));
    struct pages pages = {.cx = cx, .job = job, .form = form->id, .verify = parsed->pan_detected};
    TRY(pages_make(form, parsed, &pages));

    bool shown = pages.count > 0;
    struct form_result result = {.pan_detected = parsed->pan_detected,
                                 .pan_redacted = parsed->pan_detected && pages.clean};
    TRY(outcome_describe(cx, form->id, parsed, &result));
    result.page_count = pages.count;
    result.requires_review = parsed->requires_review || !shown || !pages.clean ||
                             sampled(cx, form->id, settings.sample_thousandths);
    result.status = result.requires_review ? FORM_REVIEW : FORM_PROCESSED;
    result.store_key = parsed->pan_detected && shown
                           ? str_of(form_key(job->arena, cx, form->id, "page-1"))
                           : form->store_key;
    TRY(scrub_finish(cx, form->id, parsed, &result));
    raw_drop(cx, form->id, parsed->pan_detected && shown);
    return NULL;
}

static struct problem *scrub_once(struct bullmq_job *job, const struct job_ids *ids)
{
    struct form form;
    struct ctx cx = job_ctx(job, ids->clinic_id);
    TRY(form_load(&cx, ids->form_id, &form));
    if (form.status != FORM_SCRUBBING) {
        if (form.status > FORM_SCRUBBING)
            raw_drop(&cx, form.id,
                     form.pan_detected &&
                         form.page_count > 0); /* died between commit and clean-up */
        return NULL;
    }
    return scrub_form(&cx, job, &form);
}

/* ---- both -------------------------------------------------------------------------------------*/

/* While the database or the store is away nothing is wrong with the form, so waiting costs it no
 * attempt. Other trouble is tried again by the queue; the last attempt ends the form with a code,
 * so that it is never left half way. */
static struct problem *run_patiently(struct bullmq_job *job,
                                     struct problem *(*once)(struct bullmq_job *job,
                                                             const struct job_ids *ids))
{
    struct job_ids ids;
    TRY(job_ids_read(job, &ids));
    struct problem *p = once(job, &ids);
    int64_t patience_us = clock_mono_us() + PATIENCE_US;
    while (p && p->kind == PROBLEM_UNAVAILABLE && clock_mono_us() < patience_us &&
           !bullmq_job_lost(job)) {
        nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
        p = once(job, &ids);
    }
    bool last = job->attempts_made + 1 >= job->attempts;
    if (p && p->kind != PROBLEM_UNAVAILABLE && last && !job->unrecoverable) {
        struct ctx cx = job_ctx(job, ids.clinic_id);
        log_error("form %s failed: %s (%s)", uuid_z(ids.form_id), p->detail, p->cause);
        TRY(give_up(&cx, ids.form_id, "internal"));
        job->unrecoverable = true;
    }
    return p;
}

struct problem *intake_ocr_job(struct bullmq_job *job)
{
    return run_patiently(job, ocr_once);
}

struct problem *intake_scrub_job(struct bullmq_job *job)
{
    return run_patiently(job, scrub_once);
}

const struct work_queue intake_queues[] = {
    {.queue = QUEUE_OCR,
     .handler = intake_ocr_job,
     .lock_ms = 10000, /* a killed worker's form is taken up again this soon */
     .stalled_interval_ms = 5000,
     .needs_reader = true},
    {.queue = QUEUE_SCRUB,
     .handler = intake_scrub_job,
     .lock_ms = 10000, /* a killed worker's form is taken up again this soon */
     .stalled_interval_ms = 5000,
     .needs_reader = true},
};
const size_t intake_queue_count = ARRAY_LEN(intake_queues);
