/* Triage of a form and the question whether a person must look at it (SPEC 6, 8).
 *
 * The rule not to break: what could not be read is unknown to the score, and said in review_why. */
#include "intake/parsed.h"

#include <math.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "formread/field.h"

#define GUESS_BELOW 0.75 /* words of a complaint read less surely are guessed at */

static struct triage_vital vital_of(const struct parsed_form *form, enum parsed_key key, int scale)
{
    struct str text = form->fields[key].text;
    char number[16] = "";
    if (text.p == NULL || text.n >= sizeof(number))
        return (struct triage_vital){0};
    memcpy(number, text.p, text.n);
    return (struct triage_vital){true, (int)lround(strtod(number, NULL) * scale)};
}

/* Whole months from an ISO date to the day of `at_us` (0: today), -1 when unknown. */
static int age_months(struct str date, int64_t at_us)
{
    char now[CLOCK_TEXT_MAX];
    int v[6] = {0};
    clock_text(at_us ? at_us : clock_wall_us(), now);
    if (date.n != 10 || !clock_date_valid(date))
        return -1;
    static const int from[3] = {0, 5, 8}, to[3] = {4, 7, 10};
    for (int part = 0; part < 3; part++)
        for (int i = from[part]; i < to[part]; i++) {
            v[part] = v[part] * 10 + (date.p[i] - '0');
            v[part + 3] = v[part + 3] * 10 + (now[i] - '0');
        }
    int months = (v[3] - v[0]) * 12 + v[4] - v[1] - (v[5] < v[2]);
    return months < 0 ? -1 : months;
}

static void triage_run(struct arena *arena, const struct parsed_policy *policy,
                       struct parsed_form *form)
{
    struct triage_symptom
        symptoms[PARSED_SYMPTOMS_MAX]; /* same order: reasons name them by index */
    for (size_t i = 0; i < form->symptom_count; i++)
        symptoms[i] =
            (struct triage_symptom){form->symptoms[i].concept, form->symptoms[i].checked == 1};
    const struct parsed_value *complaint = &form->fields[PARSED_CHIEF_COMPLAINT];
    struct triage_text texts[] = {
        {"chiefComplaint", complaint->text, complaint->confidence < GUESS_BELOW}};
    struct str awake = form->fields[PARSED_CONSCIOUSNESS].text;
    struct triage_input input = {.lang = str_of(form->language),
                                 .age_months = age_months(form->fields[PARSED_DATE_OF_BIRTH].text,
                                                          policy ? policy->at_us : 0),
                                 .texts = texts,
                                 .text_count = texts[0].text.p ? 1 : 0,
                                 .symptoms = symptoms,
                                 .symptom_count = form->symptom_count,
                                 .emergency_at = policy ? policy->emergency_at : 0,
                                 .vitals = {.sbp = vital_of(form, PARSED_SYSTOLIC_BP, 1),
                                            .dbp = vital_of(form, PARSED_DIASTOLIC_BP, 1),
                                            .hr = vital_of(form, PARSED_HEART_RATE, 1),
                                            .rr = vital_of(form, PARSED_RESPIRATORY_RATE, 1),
                                            .spo2 = vital_of(form, PARSED_SPO2, 1),
                                            .temp = vital_of(form, PARSED_TEMPERATURE, 10),
                                            .pain = vital_of(form, PARSED_PAIN, 1),
                                            .acvpu = awake.n == 1 ? awake.p[0] : 0}};
    const struct triage_rules *rules =
        policy && policy->rules ? policy->rules : triage_rules_default();
    triage_score(arena, rules, &input, &form->triage);
}

/* A reason whose words were guessed from a doubtful text. */
static bool is_guessed(const struct parsed_form *form)
{
    bool guessed = false;
    for (size_t i = 0; i < form->triage.reason_count; i++)
        guessed |= form->triage.reasons[i].typo;
    return guessed && form->fields[PARSED_CHIEF_COMPLAINT].confidence < GUESS_BELOW;
}

static void why(struct arena *arena, struct parsed_form *form, const char *what, const char *key)
{
    if (form->review_count < ARRAY_LEN(form->review_why))
        form->review_why[form->review_count++] = key ? arena_fmt(arena, "%s:%s", what, key) : what;
    form->requires_review = true;
}

/* What a form nearly always asks for and of which nothing was seen, not even ink: its label was not
 * read, or it is not asked for. A layout that a person has confirmed tells which; until then it is
 * a person's to see. */
static void unseen(struct arena *arena, struct parsed_form *form)
{
    static const enum parsed_key asked[] = {PARSED_INSURANCE_ID, PARSED_PHONE};
    if (!uuid_is_none(form->layout_id))
        return;
    for (size_t i = 0; i < ARRAY_LEN(asked); i++)
        if (form->fields[asked[i]].text.p == NULL && !form->fields[asked[i]].ink)
            why(arena, form, "missing", parsed_defs[asked[i]].key);
}

static void judge(struct arena *arena, const struct parsed_policy *policy, struct parsed_form *form)
{
    static const enum parsed_key required[] = {PARSED_FULL_NAME, PARSED_DATE_OF_BIRTH,
                                               PARSED_CHIEF_COMPLAINT};
    static const enum parsed_key exact[] = {
        PARSED_INSURANCE_ID,     PARSED_PHONE,       PARSED_HEART_RATE, PARSED_SYSTOLIC_BP,
        PARSED_RESPIRATORY_RATE, PARSED_TEMPERATURE, PARSED_SPO2};
    double form_least = (policy && policy->form_review ? policy->form_review : 80) / 100.0;
    double field_least = (policy && policy->field_review ? policy->field_review : 60) / 100.0;
    form->requires_review = false;
    form->review_count = 0;
    if (form->ocr_confidence < form_least)
        why(arena, form, "low-confidence", NULL);
    for (size_t i = 0; i < ARRAY_LEN(required); i++) {
        const struct parsed_value *v = &form->fields[required[i]];
        if (v->text.p == NULL)
            why(arena, form, "missing", parsed_defs[required[i]].key);
        else if (v->confidence < field_least)
            why(arena, form, "doubtful", parsed_defs[required[i]].key);
    }
    for (int k = 0; k < PARSED__COUNT; k++)
        if (form->fields[k].ink && form->fields[k].text.p == NULL)
            why(arena, form, "unreadable", parsed_defs[k].key);
    unseen(arena, form);
    if (is_guessed(form))
        why(arena, form, "guessed", parsed_defs[PARSED_CHIEF_COMPLAINT].key);
    if (policy && policy->rules_refused)
        why(arena, form, "clinic-rules-refused", NULL);
    for (size_t i = 0; i < ARRAY_LEN(exact); i++) {
        const struct parsed_value *v = &form->fields[exact[i]];
        if (v->text.p != NULL && v->confidence < field_least)
            why(arena, form, "doubtful", parsed_defs[exact[i]].key);
    }
    if (form->national_id_ink && form->national_id.p == NULL)
        why(arena, form, "unreadable", "nationalId");
    else if (form->national_id.p != NULL && form->national_id_confidence < field_least)
        why(arena, form, "doubtful", "nationalId");
    if (!form->redaction_complete)
        why(arena, form, "redaction-incomplete", NULL);
}

void parsed_review(struct parsed_form *form, const char *why_code)
{
    why(NULL, form, why_code, NULL);
}

void parsed_score(struct arena *arena, const struct parsed_policy *policy, struct parsed_form *form)
{
    int64_t start = clock_mono_us();
    triage_run(arena, policy, form);
    form->ms_triage = (int)((clock_mono_us() - start) / 1000);
    judge(arena, policy, form);
}
