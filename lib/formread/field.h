/* The fields a form may have: one table of keys, label words and meaning, for both halves.
 *
 * Pure functions over text, safe on any bytes: the jailed reader uses them to choose between
 * readings, the trusted half to check what the reader claims. Nothing here invents a value: what
 * does not fit a field's form is not normal. */
#ifndef NEXACORE_FORMREAD_FIELD_H
#define NEXACORE_FORMREAD_FIELD_H

#include "base/arena.h"

enum field {
    FIELD_FULL_NAME,
    FIELD_DATE_OF_BIRTH,
    FIELD_NATIONAL_ID,
    FIELD_PHONE,
    FIELD_INSURANCE_ID,
    FIELD_INSURANCE_PROVIDER,
    FIELD_CHIEF_COMPLAINT,
    FIELD_ALLERGIES,
    FIELD_MEDICATIONS,
    FIELD_BLOOD_PRESSURE,
    FIELD_HEART_RATE,
    FIELD_RESPIRATORY_RATE,
    FIELD_SPO2,
    FIELD_TEMPERATURE,
    FIELD_CONSCIOUSNESS,
    FIELD_PAIN,
    FIELD_SEX,
    FIELD_ADDRESS,
    FIELD_CARD_NUMBER,
    FIELD_CARD_EXPIRY,
    FIELD_CARD_CVV,
    FIELD_CARD_HOLDER,
    FIELD__COUNT
};

/* Labels of one group are laid out alike: right of, below or above. */
enum field_group { GROUP_PERSON, GROUP_TEXT, GROUP_VITALS, GROUP_CARD };

enum language { LANGUAGE_ES, LANGUAGE_EN };

/* How numeric dates are ordered. */
enum date_order { DATE_DAY_FIRST, DATE_MONTH_FIRST };

const char *field_key(enum field field); /* "fullName", ... */
enum field field_of(struct str key);     /* FIELD__COUNT when unknown */
enum field_group field_group(enum field field);
/* True when the value is digits with separators: letters in it are misread digits. */
bool field_is_number(enum field field);

/* The value in its one form: dates ISO "1995-10-23", phones and national ids digits, blood pressure
 * "123/71", temperature in degrees Celsius with two decimals at most, consciousness A C V P U, free
 * text trimmed. Returns how well the raw text fits: 1 exactly, 0 not at all (`ret` is then empty);
 * between: with repairs (a misread digit, the other date order). */
double field_normal(struct arena *arena, enum field field, struct str raw, enum date_order order,
                    struct str *ret);

/* ISO date of a text such as "10/23/1995", "23-10-95", "Mar 12, 1953", "28 de junio de 1965" or
 * "13121946". Two-digit years are of the last hundred years before `this_year`. */
double date_normal(struct str raw, enum date_order order, int this_year, char ret[11]);

/* How usual a normal value is among patients, 1 or less: to choose between readings, never to make
 * or refuse one. Fields that are no vitals: 1. */
double field_likely(enum field field, struct str normal);

/* A vital inside the range that a living patient can have. */
bool vital_plausible(enum field field, double value);

#endif
