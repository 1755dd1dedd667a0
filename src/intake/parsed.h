/* A form as the clinic sees it: checked fields, symptoms, triage, what to black out.
 *
 * This is the trusted half of reading: it takes the jailed reader's JSON as untrusted input, brings
 * every value into its one form (lib/formread/field.h), masks card numbers, scores and decides what
 * a person must look at. The rule not to break: no text leaves this module that was not scrubbed.
 */
#ifndef NEXACORE_INTAKE_PARSED_H
#define NEXACORE_INTAKE_PARSED_H

#include "base/uuid.h"
#include "json/json_out.h"
#include "phi/scrub.h"
#include "triage/triage.h"

/* The fields of SPEC 6, in the order they are written. */
enum parsed_key {
    PARSED_FULL_NAME,
    PARSED_DATE_OF_BIRTH,
    PARSED_INSURANCE_ID,
    PARSED_INSURANCE_PROVIDER,
    PARSED_PHONE,
    PARSED_CHIEF_COMPLAINT,
    PARSED_ALLERGIES,
    PARSED_MEDICATIONS,
    PARSED_HEART_RATE,
    PARSED_RESPIRATORY_RATE,
    PARSED_SYSTOLIC_BP,
    PARSED_DIASTOLIC_BP,
    PARSED_TEMPERATURE,
    PARSED_SPO2,
    PARSED_CONSCIOUSNESS,
    PARSED_PAIN,
    PARSED__COUNT
};

/* What is known of a key: its JSON name, whether its value is a number, and whether it must be
 * sealed at rest (it identifies the patient, or is the patient's own words). */
struct parsed_def {
    const char *key;
    bool number;
    bool phi;
};
extern const struct parsed_def parsed_defs[PARSED__COUNT];

struct parsed_box {
    double x, y, w, h; /* fractions of the displayed page */
};

struct parsed_value {
    struct str text;   /* scrubbed, in its one form; p NULL: nothing was read */
    double confidence; /* 0..1 */
    bool ink;          /* something is written there, read or not */
    bool learned;      /* found by its place in a learned layout */
    int page;          /* -1: not on the form (a clerk's correction) */
    struct parsed_box box;
};

struct parsed_symptom {
    const char *concept;
    int checked; /* 1, 0, -1: cannot tell */
    double confidence;
    int page;
    struct parsed_box box;
};
#define PARSED_SYMPTOMS_MAX 64

struct parsed_redaction {
    int page;
    struct parsed_box box;
    const char *kind; /* "pan", "track", "cvv", "expiry" */
};
#define PARSED_REDACTIONS_MAX 400

struct parsed_form {
    const char *language; /* "es" or "en" */
    bool day_first;       /* how the form orders numeric dates */
    int pages;
    double ocr_confidence; /* 0..1, of the whole form */
    struct parsed_value fields[PARSED__COUNT];
    struct parsed_symptom symptoms[PARSED_SYMPTOMS_MAX];
    size_t symptom_count;
    struct scrubbed_text text; /* absent in a form loaded from storage */
    struct parsed_redaction redactions[PARSED_REDACTIONS_MAX];
    size_t redaction_count;
    bool pan_detected;
    bool redaction_complete;      /* false: more to black out than fits; withhold the pages */
    struct str national_id;       /* digits; for its keyed hash alone, never stored; p NULL: none */
    const char *national_id_type; /* "SSN" or "CC" */
    double national_id_confidence;
    bool national_id_ink; /* something is written there */
    struct triage_result triage;
    bool requires_review;
    const char *review_why[24]; /* "missing:fullName", "doubtful:dateOfBirth", ... */
    size_t review_count;
    struct uuid layout_id; /* the learned layout that the form is; UUID_NONE: none */
    int ms_decode, ms_ocr, ms_extract, ms_scrub, ms_triage;
};

/* What a clinic set; zero means the default. Thresholds in hundredths; -1 lets everything pass. */
struct parsed_policy {
    int emergency_at;                 /* 60; a clinic may set 50..70 */
    int form_review;                  /* 80: a form below goes to review */
    int field_review;                 /* 60: a required field below goes to review */
    const struct triage_rules *rules; /* NULL: the built-in ones; they outlive the form's triage */
    bool rules_refused; /* the clinic's own rules could not be used: a person looks at the form */
    int64_t at_us;      /* when the patient's age counts; 0: now */
};

/* Reads the reader's JSON, scrubs, scores and judges. The form lives in `arena`. JSON that is not
 * what the reader promises is PROBLEM_UNPROCESSABLE: the reader was attacked or broken. */
struct problem *parsed_from_reader(struct arena *arena, struct str json,
                                   const struct parsed_policy *policy, struct parsed_form **ret);

/* Scores again and judges again: after corrections. Confirming clears `requires_review` is the
 * caller's business. */
void parsed_score(struct arena *arena, const struct parsed_policy *policy,
                  struct parsed_form *form);

/* A person must look at it for another reason: "page-withheld", "no-pages", "sample". */
void parsed_review(struct parsed_form *form, const char *why);

/* A clerk's correction: brought into its one form and scrubbed; an empty value removes the field.
 * Confidence becomes 1. A key that does not exist or a value that does not fit the field is
 * PROBLEM_VALIDATION with "/fields/KEY". */
struct problem *parsed_correct(struct arena *arena, struct parsed_form *form, struct str key,
                               struct str value);

/* The value of a key; never NULL. parsed_key_of gives PARSED__COUNT for an unknown name. */
const struct parsed_value *parsed_field(const struct parsed_form *form, enum parsed_key key);
enum parsed_key parsed_key_of(struct str name);

enum parsed_mode {
    PARSED_API,    /* SPEC 6 `parsed`: language, fields, symptoms, triage */
    PARSED_STORED, /* the same and what is needed to go on later: see parsed_from_json */
};
/* Writes the object. In storage the PHI values must be sealed: the caller replaces the `text` of
 * each field whose parsed_def says phi with its sealed form before, and back after loading. */
void parsed_write_json(const struct parsed_form *form, enum parsed_mode mode, struct jw *w);

/* Loads what PARSED_STORED wrote (without text, national id and triage, which is scored again). */
struct problem *parsed_from_json(struct arena *arena, struct str json, struct parsed_form **ret);

/* Parts, for `nexacore read`. */
void parsed_write_fields(const struct parsed_form *form, struct jw *w);
void parsed_write_symptoms(const struct parsed_form *form, struct jw *w);
void parsed_write_triage(const struct parsed_form *form, struct jw *w);
void parsed_write_redactions(const struct parsed_form *form, struct jw *w);

#endif
