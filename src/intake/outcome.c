/* What a read or confirmed form changes in the clinic. Ids are derived from the form's id: a job
 * that runs again finds its own patient and alert and makes no second ones. */
#include "intake/outcome.h"

#include "alerts/alerts.h"
#include "base/cleanup.h"
#include "intake/sealed.h"
#include "patients/patients.h"

enum { REASON_MAX = 400 };

static struct phi field_phi(const struct parsed_form *parsed, enum parsed_key key)
{
    return phi_of(parsed_field(parsed, key)->text);
}

static struct patient_new patient_of(const struct parsed_form *parsed)
{
    return (struct patient_new){
        .full_name = field_phi(parsed, PARSED_FULL_NAME),
        .date_of_birth = field_phi(parsed, PARSED_DATE_OF_BIRTH),
        .insurance_id = field_phi(parsed, PARSED_INSURANCE_ID),
        .ssn = phi_of(parsed->national_id),
        .urgency_level = str_of(triage_level_name(parsed->triage.level)),
    };
}

/* Rule labels that made the score, never the patient's words (SPEC 8). */
static struct str reason_of(struct arena *arena, const struct parsed_form *parsed)
{
    CLEANUP(buf_free) struct buf out = BUF_MAX(REASON_MAX);
    for (size_t i = 0; i < parsed->triage.reason_count; i++) {
        const struct triage_reason *r = &parsed->triage.reasons[i];
        if (r->counted && out.len + strlen(r->rule) + 2 < REASON_MAX)
            buf_addf(&out, "%s%s", out.len ? ", " : "", r->rule);
    }
    return out.len ? arena_str(arena, buf_str(&out)) : STR_NONE;
}

static struct problem *alert_raise(struct pg_tx *tx, const struct ctx *cx, const struct form *form,
                                   const struct parsed_form *parsed, struct form_result *result)
{
    struct alert_new alert = {
        .id = uuid_derived(form->id, STR("alert")),
        .patient_id = result->patient_id,
        .intake_form_id = form->id,
        .urgency_level = str_of(triage_level_name(parsed->triage.level)),
        .room_number = form->room_number,
        .reason = reason_of(cx->arena, parsed),
    };
    return alert_create(tx, cx, &alert, &result->alert_id);
}

/* The patient the clerk named, or the one of this form. */
static struct problem *patient_register(struct pg_tx *tx, const struct ctx *cx,
                                        const struct form *form, const struct parsed_form *parsed,
                                        bool provisional, struct form_result *result)
{
    struct patient_new values = patient_of(parsed);
    values.provisional = provisional;
    if (!uuid_is_none(form->patient_id)) {
        result->patient_id = form->patient_id;
        return NULL;
    }
    values.id = uuid_derived(form->id, STR("patient"));
    if (phi_is_none(values.full_name))
        values.full_name = phi_of(STR("UNKNOWN"));
    return patient_create(tx, cx, &values, &result->patient_id);
}

struct problem *outcome_of_reading(struct pg_tx *tx, const struct ctx *cx, const struct form *form,
                                   const struct parsed_form *parsed, struct form_result *result)
{
    if (parsed->triage.emergency || !result->requires_review)
        TRY(patient_register(tx, cx, form, parsed, result->requires_review, result));
    else
        result->patient_id = form->patient_id;
    if (!parsed->triage.emergency)
        return NULL;
    return alert_raise(tx, cx, form, parsed, result);
}

/* A lower score closes nothing (SPEC 6): the alert's timeline notes it, and while the alert is open
 * the patient keeps the urgency that raised it. */
static struct problem *lowered(struct pg_tx *tx, const struct ctx *cx, const struct form *form,
                               const struct parsed_form *parsed, struct patient_new *values)
{
    bool open = false;
    if (uuid_is_none(form->alert_id) || parsed->triage.score >= form->score)
        return NULL;
    TRY(alert_note_lowered(tx, cx, form->alert_id, form->urgency_level.p,
                           triage_level_name(parsed->triage.level), &open));
    if (open)
        values->urgency_level = form->urgency_level;
    return NULL;
}

struct problem *outcome_of_review(struct pg_tx *tx, const struct ctx *cx, const struct form *form,
                                  const struct parsed_form *parsed, struct form_result *result)
{
    if (uuid_is_none(form->patient_id)) {
        TRY(patient_register(tx, cx, form, parsed, false, result));
    } else {
        struct patient_new values = patient_of(parsed);
        TRY(lowered(tx, cx, form, parsed, &values));
        TRY(patient_correct(tx, cx, form->patient_id, &values));
        result->patient_id = form->patient_id;
    }
    result->alert_id = form->alert_id;
    bool rose = parsed->triage.score > form->score || uuid_is_none(form->alert_id);
    if (!parsed->triage.emergency || !rose)
        return NULL;
    return alert_raise(tx, cx, form, parsed, result);
}

struct problem *outcome_describe(const struct ctx *cx, struct uuid form,
                                 const struct parsed_form *parsed, struct form_result *result)
{
    CLEANUP(buf_free) struct buf triage = BUF_MAX(256 * 1024);
    struct jw w = jw_to(&triage);
    parsed_write_triage(parsed, &w);
    result->triage_json = arena_str(cx->arena, buf_str(&triage));
    TRY(parsed_seal(cx, form, parsed, &result->parsed_json, &result->key_version));
    result->is_emergency = parsed->triage.emergency;
    result->score = parsed->triage.score;
    result->confidence = (int)(parsed->ocr_confidence * 100 + 0.5);
    result->urgency_level = triage_level_name(parsed->triage.level);
    result->language = str_of(parsed->language);
    result->page_count = parsed->pages;
    return NULL;
}
