/* Vital signs as people write them: units, decimals and plausibility.
 *
 * Forms say "98.6F", "36,6", "12/8" or "0.97". Each reader turns one such text into the natural
 * integer unit of the engine, or says why a person must look. The rule not to break: nothing is
 * guessed silently; what is not certain is TRIAGE_UNIT_REVIEW with its reason. */
#ifndef NEXACORE_TRIAGE_UNITS_H
#define NEXACORE_TRIAGE_UNITS_H

#include <stdbool.h>

#include "base/str.h"

enum triage_unit_status {
    TRIAGE_UNIT_NONE,   /* no number in the text */
    TRIAGE_UNIT_OK,     /* the value is known */
    TRIAGE_UNIT_REVIEW, /* a number, but not certain: `reason` says why; `value` is the best guess,
                           or TRIAGE_UNIT_NO_VALUE */
};

#define TRIAGE_UNIT_NO_VALUE (-1)

struct triage_unit {
    enum triage_unit_status status;
    int value;       /* tenths of a degree Celsius, per cent, per minute, mmHg (systolic), 0..10 */
    int second;      /* blood pressure: diastolic mmHg */
    char reason[40]; /* "temp_implausible", "bp_cmHg (120/80?)"; "" when OK */
};

/* Tenths of a degree Celsius. Fahrenheit by its sign or, without one, from 77 to 115; rounded half
 * up. Accepts comma decimals, "grados", degree signs, a lost decimal point ("376": review). */
struct triage_unit triage_unit_temp(struct str text);

/* Systolic in `value`, diastolic in `second`, mmHg. "12/8" is cmHg (review), kPa is converted. */
struct triage_unit triage_unit_bp(struct str text);

/* Per cent. "0.97" is a fraction. */
struct triage_unit triage_unit_spo2(struct str text);

/* Beats or breaths a minute; `age_months` -1 when unknown (taken as adult). */
struct triage_unit triage_unit_hr(struct str text);
struct triage_unit triage_unit_rr(struct str text, int age_months);

/* Pain 0..10 ("8/10", "8"). */
struct triage_unit triage_unit_pain(struct str text);

/* Alert, new Confusion, Voice, Pain, Unresponsive from a letter or a word in Spanish or English;
 * 0 when the text names none of them. */
char triage_unit_acvpu(struct str text);

/* What the readers above call implausible, for values read elsewhere. */
bool triage_temp_plausible(int tenths_c);
bool triage_bp_plausible(int sbp, int dbp); /* dbp -1: unknown */
bool triage_spo2_plausible(int percent);
bool triage_hr_plausible(int per_minute);
bool triage_rr_plausible(int per_minute, int age_months);

#endif
