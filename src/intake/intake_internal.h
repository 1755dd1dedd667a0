/* Shared by the files of src/intake only. */
#ifndef NEXACORE_INTAKE_INTERNAL_H
#define NEXACORE_INTAKE_INTERNAL_H

#include "app/rest.h"
#include "intake/intake.h"
#include "intake/parsed.h"
#include "phi/phi.h"

#define FORM_BYTES_MAX (20U << 20) /* an upload, SPEC 6 */
#define FORM_PAGES_MAX 10

enum form_status {
    FORM_QUEUED,
    FORM_OCR,
    FORM_SCRUBBING,
    FORM_PROCESSED,
    FORM_REVIEW,
    FORM_CONFIRMED,
    FORM_FAILED,
    FORM__COUNT
};
extern const char *const form_status_names[]; /* by the enum */

/* A row of intake_forms; parsed_json still sealed. */
struct form {
    struct uuid id, patient_id, alert_id, locked_by, duplicate_of, layout_id;
    enum form_status status;
    int64_t progress, version, page_count, urgency_rank;
    bool pan_detected, pan_redacted, is_emergency, requires_review;
    int64_t score, confidence; /* hundredths; -1: not known yet */
    struct str urgency_level, error, room_number, store_key, parsed_json, language;
    int64_t processed_us, created_us, locked_until_us;
};

/* One form of the clinic; `for_update` locks the row until the transaction ends. */
struct problem *form_get(struct pg_tx *tx, const struct ctx *cx, struct uuid id, bool for_update,
                         struct form *ret);

/* The objects of a form: "original", "ocr", "page-1" ... (no file names of the client). */
const char *form_key(struct arena *arena, const struct ctx *cx, struct uuid form, const char *part);

struct form_new {
    struct uuid id, patient_id;
    struct str room_number, media_type;
    const char *content_hash; /* 64 hex digits, keyed per clinic */
};
/* Inserts a QUEUED form; `ret_duplicate_of` is the first form with the same bytes, if any. A form
 * of that id with the same bytes is left as it is (a repeated request): `ret_queued` says whether
 * it still waits to be read. */
struct problem *form_insert(struct pg_tx *tx, const struct ctx *cx, const struct form_new *values,
                            struct uuid *ret_duplicate_of, bool *ret_queued);

/* The only writers of intake_forms.status. form_step moves a form one step on its way (OCR; a
 * failed one back to QUEUED) or tells its progress, form_scrubbing moves one that was read on;
 * neither moves one back: PROBLEM_CONFLICT for a worker that slept. form_fail ends it with a code
 * and an empty form that a person can fill in; form_finish writes what was found. */
struct problem *form_step(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                          enum form_status to, int progress);
/* `urgency` is the level of an emergency ("CRITICAL", ...), else NULL: kept, so that the job is as
 * urgent when it must be queued again. */
struct problem *form_scrubbing(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                               const char *urgency, int progress);
struct problem *form_fail(struct pg_tx *tx, const struct ctx *cx, struct uuid id, const char *code,
                          struct str empty_form, int key_version);

struct form_result {
    enum form_status status; /* PROCESSED, REVIEW or CONFIRMED */
    struct str parsed_json;  /* PHI sealed */
    struct str triage_json;  /* no patient text */
    int key_version;
    bool pan_detected, pan_redacted, is_emergency, requires_review;
    int score, confidence; /* hundredths */
    const char *urgency_level;
    struct str language;
    int page_count;
    struct uuid patient_id, alert_id;
    struct uuid layout_id; /* UUID_NONE: none, or one that is not there any more */
    struct str store_key;
};
/* What an emergency's doctor must know while the pages are still being made: all of `result` but
 * the end. */
struct problem *form_urgent(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                            const struct form_result *result);
struct problem *form_finish(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                            const struct form_result *result);

/* Takes or renews the soft lock of a form in review for five minutes; somebody else's live lock
 * stays. */
struct problem *form_lock(struct pg_tx *tx, const struct ctx *cx, struct uuid id);

/* Forms that want a person, most urgent first, limit + 1 at most. */
struct problem *forms_in_review(struct pg_tx *tx, const struct ctx *cx, const struct page *page,
                                struct form **ret, size_t *ret_count);

/* What the clinic set: hundredths, thousandths. */
struct intake_settings {
    int emergency_at, review_confidence, field_confidence;
    int sample_thousandths; /* -1: not set */
    struct str overlay;     /* the clinic's own triage rules; p NULL: none */
};
struct problem *intake_settings_get(struct pg_tx *tx, const struct ctx *cx,
                                    struct intake_settings *ret);

/* The policy of these settings. Its rules are made for the clinic's overlay and belong to the
 * caller through `ret_rules` (NULL without an overlay). An overlay that today's built-in rules
 * refuse is logged, left out, and sends the form to a person. */
struct parsed_policy intake_policy(const struct ctx *cx, const struct intake_settings *settings,
                                   struct triage_rules **ret_rules);

/* "image/png", "image/jpeg", "image/tiff" or "application/pdf" by magic bytes; NULL for others. */
const char *form_media_type(struct str head);

/* intake:processed to ADMISSIONS and ADMIN, after commit. */
struct problem *form_event(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                           bool is_emergency, bool requires_review);

/* intake:progress to the same, as the form is read. */
struct problem *form_progress_event(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                                    enum form_status status, int progress);

/* Handlers and jobs, one file each. */
http_handler intake_layouts_list;
http_handler intake_layout_forget;
http_handler intake_upload;
http_handler intake_confirm;
struct problem *intake_ocr_job(struct bullmq_job *job);
struct problem *intake_scrub_job(struct bullmq_job *job);

/* Writes the members of a form's status (SPEC 6), inside an open object. */
void form_status_write(struct jw *w, const struct form *f);

#endif
