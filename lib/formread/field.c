/* Values in their one form. The rule not to break: repairs are counted (the score drops below 1)
 * and nothing is made up; a text that does not fit gives an empty value. */
#include "formread/field.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/cleanup.h"
#include "formread/text.h"

#define LIKELY_LEAST 0.4 /* a rare vital wins where it was read 2.5 times as surely */

static const struct {
    const char *key;
    enum field_group group;
    bool number;
} fields[FIELD__COUNT] = {
    [FIELD_FULL_NAME] = {"fullName", GROUP_PERSON, false},
    [FIELD_DATE_OF_BIRTH] = {"dateOfBirth", GROUP_PERSON, false},
    [FIELD_NATIONAL_ID] = {"nationalId", GROUP_PERSON, true},
    [FIELD_PHONE] = {"phone", GROUP_PERSON, true},
    [FIELD_INSURANCE_ID] = {"insuranceId", GROUP_PERSON, false},
    [FIELD_INSURANCE_PROVIDER] = {"insuranceProvider", GROUP_PERSON, false},
    [FIELD_CHIEF_COMPLAINT] = {"chiefComplaint", GROUP_TEXT, false},
    [FIELD_ALLERGIES] = {"allergies", GROUP_TEXT, false},
    [FIELD_MEDICATIONS] = {"medications", GROUP_TEXT, false},
    [FIELD_BLOOD_PRESSURE] = {"bloodPressure", GROUP_VITALS, true},
    [FIELD_HEART_RATE] = {"heartRate", GROUP_VITALS, true},
    [FIELD_RESPIRATORY_RATE] = {"respiratoryRate", GROUP_VITALS, true},
    [FIELD_SPO2] = {"spo2", GROUP_VITALS, true},
    [FIELD_TEMPERATURE] = {"temperatureC", GROUP_VITALS, false},
    [FIELD_CONSCIOUSNESS] = {"consciousness", GROUP_VITALS, false},
    [FIELD_PAIN] = {"painScore", GROUP_VITALS, true},
    [FIELD_SEX] = {"sex", GROUP_PERSON, false},
    [FIELD_ADDRESS] = {"address", GROUP_PERSON, false},
    [FIELD_CARD_NUMBER] = {"cardNumber", GROUP_CARD, true},
    [FIELD_CARD_EXPIRY] = {"cardExpiry", GROUP_CARD, true},
    [FIELD_CARD_CVV] = {"cardCvv", GROUP_CARD, true},
    [FIELD_CARD_HOLDER] = {"cardHolder", GROUP_CARD, false},
};

const char *field_key(enum field field)
{
    return fields[field].key;
}

enum field field_of(struct str key)
{
    for (int i = 0; i < FIELD__COUNT; i++)
        if (str_eq(key, str_of(fields[i].key)))
            return (enum field)i;
    return FIELD__COUNT;
}

enum field_group field_group(enum field field)
{
    return fields[field].group;
}

bool field_is_number(enum field field)
{
    return fields[field].number;
}

static int number_of(struct str digits)
{
    uint64_t v = 0;
    return str_u64(digits, 1000000, &v) ? (int)v : -1;
}

static struct str formatted(struct arena *arena, const char *z)
{
    return arena_str(arena, str_of(z));
}

/* Letters that stand where a digit behind the point must be: "35.l". */
static char digit_behind_point(char c)
{
    static const char letters[] = "lI|iOoSZ", digits[] = "11110052";
    const char *at = c ? strchr(letters, c) : NULL;
    return at ? digits[at - letters] : 0;
}

/* "98.8 F", "36,7 °C", "38.0": value in Celsius; two decimals. */
static double temperature_normal(struct arena *arena, struct str raw, struct str *ret)
{
    char number[8];
    size_t n = 0, point = 0;
    double fit = 1;
    bool fahrenheit = false, celsius = false;
    for (size_t i = 0; i < raw.n; i++) {
        char c = raw.p[i], repaired = point > 0 && point == n ? digit_behind_point(c) : 0;
        if (repaired) {
            c = repaired;
            fit = 0.7;
        }
        if (c >= '0' && c <= '9' && n < 5 && !fahrenheit && !celsius) {
            number[n++] = c;
        } else if ((c == '.' || c == ',') && n > 0 && point == 0 && n < 5) {
            number[n++] = '.';
            point = n;
        }
        fahrenheit = fahrenheit || c == 'F' || c == 'f';
        celsius = celsius || c == 'C' || c == 'c';
    }
    number[n] = 0;
    double v = n ? strtod(number, NULL) : 0;
    if (point == 0 && v >= 300 && v <= 450 && !fahrenheit) { /* "367": the point was not read */
        v /= 10;
        fit = 0.7;
    } else if (point == 0 && v >= 900 && v <= 1100) {
        v /= 10;
        fit = 0.7;
    }
    if (v >= 86 && v <= 113)
        v = (v - 32) * 5 / 9;
    else if (v < 28 || v > 45)
        return 0;
    else if (fahrenheit)
        fit *= 0.6;
    *ret = formatted(arena, arena_fmt(arena, "%.2f", v));
    return fit;
}

static const struct {
    const char *folded;
    char level;
} awake[] = {
    {"alert", 'A'},
    {"alerta", 'A'},
    {"alertaa", 'A'},
    {"awake", 'A'},
    {"normal", 'A'},
    {"a", 'A'},
    {"despierto", 'A'},
    {"confused", 'C'},
    {"confuso", 'C'},
    {"confusa", 'C'},
    {"confusion", 'C'},
    {"c", 'C'},
    {"newconfusion", 'C'},
    {"voice", 'V'},
    {"verbal", 'V'},
    {"voz", 'V'},
    {"v", 'V'},
    {"respondeavoz", 'V'},
    {"respondsvoice", 'V'},
    {"respondalavoz", 'V'},
    {"respondstovoice", 'V'},
    {"responsetovoice", 'V'},
    {"respondealavoz", 'V'},
    {"pain", 'P'},
    {"dolor", 'P'},
    {"p", 'P'},
    {"respondeadolor", 'P'},
    {"respondstopain", 'P'},
    {"respondealdolor", 'P'},
    {"u", 'U'},
    {"unresponsive", 'U'},
    {"unconscious", 'U'},
    {"noresponde", 'U'},
    {"inconsciente", 'U'},
    {"noresponse", 'U'},
    {"sinrespuesta", 'U'},
    {"arreactivo", 'U'},
};

static double consciousness_normal(struct arena *arena, struct str raw, struct str *ret)
{
    struct str folded = text_fold(arena, raw);
    int best = 9;
    char level = 0;
    for (size_t i = 0; i < ARRAY_LEN(awake); i++) {
        struct str word = str_of(awake[i].folded);
        int allowed = word.n >= 10 ? 3 : word.n >= 7 ? 2 : word.n >= 4 ? 1 : 0;
        int distance = text_distance(folded, word, allowed);
        if (distance <= allowed && distance < best) {
            best = distance;
            level = awake[i].level;
        }
    }
    if (level == 0)
        return 0;
    *ret = formatted(arena, arena_fmt(arena, "%c", level));
    return best == 0 ? 1 : 0.8;
}

/* Two numbers with something between them; OCR often reads the slash as 1, l or 7. */
static double pressure_normal(struct arena *arena, struct str raw, struct str *ret)
{
    struct str rest = raw, upper = str_cut(&rest, '/');
    if (rest.n == 0) {
        rest = raw;
        upper = str_cut(&rest, '-');
    }
    double fit = 1;
    int sys = number_of(text_digits(arena, upper, true));
    int dia = number_of(text_digits(arena, rest, true));
    if (rest.n == 0) { /* "120170": six digits whose third or fourth was a slash */
        struct str d = text_digits(arena, raw, false);
        fit = 0.5;
        if (d.n < 5 || d.n > 7)
            return 0;
        size_t cut = d.n == 5 ? 2 : 3;
        sys = number_of((struct str){d.p, cut});
        dia = number_of((struct str){d.p + cut + 1, d.n - cut - 1});
    }
    if (!vital_plausible(FIELD_BLOOD_PRESSURE, sys) || dia < 20 || dia >= sys || dia > 180)
        return 0;
    *ret = formatted(arena, arena_fmt(arena, "%d/%d", sys, dia));
    return fit;
}

bool vital_plausible(enum field field, double v)
{
    switch (field) {
    case FIELD_BLOOD_PRESSURE:
        return v >= 40 && v <= 300;
    case FIELD_HEART_RATE:
        return v >= 20 && v <= 250;
    case FIELD_RESPIRATORY_RATE:
        return v >= 4 && v <= 80;
    case FIELD_SPO2:
        return v >= 40 && v <= 100;
    case FIELD_TEMPERATURE:
        return v >= 28 && v <= 45;
    case FIELD_PAIN:
        return v >= 0 && v <= 10;
    default:
        return false;
    }
}

/* What is seen every day in a clinic, ill people included: low..high. */
static const struct {
    enum field field;
    int low, high;
} usual[] = {
    {FIELD_BLOOD_PRESSURE, 70, 220}, {FIELD_HEART_RATE, 40, 180}, {FIELD_RESPIRATORY_RATE, 8, 45},
    {FIELD_SPO2, 80, 100},           {FIELD_TEMPERATURE, 34, 42},
};

double field_likely(enum field field, struct str normal)
{
    struct str rest = normal, first = str_cut(&rest, field == FIELD_TEMPERATURE ? '.' : '/');
    int v = number_of(first), lower = number_of(rest);
    for (size_t i = 0; i < ARRAY_LEN(usual); i++) {
        if (usual[i].field != field)
            continue;
        bool inside = v >= usual[i].low && v <= usual[i].high;
        if (field == FIELD_BLOOD_PRESSURE) /* the two go together */
            inside = inside && lower >= 35 && lower <= 130 && v - lower >= 15 && v - lower <= 110;
        return inside ? 1 : LIKELY_LEAST;
    }
    return 1;
}

static double whole_number_normal(struct arena *arena, enum field field, struct str raw,
                                  struct str *ret)
{
    struct str digits = text_digits(arena, raw, true), clear = text_digits(arena, raw, false);
    if (field == FIELD_SPO2 && digits.n > 2 && number_of(digits) > 100)
        digits.n = 2; /* the percent sign read as digits */
    int v = digits.n <= 3 ? number_of(digits) : -1;
    bool words = clear.n == 0 && text_fold(arena, raw).n > digits.n; /* "una X los" is no number */
    if (v < 0 || words || !vital_plausible(field, v))
        return 0;
    *ret = formatted(arena, arena_fmt(arena, "%d", v));
    return clear.n >= digits.n ? 1 : 0.6;
}

static double phone_normal(struct arena *arena, struct str raw, struct str *ret)
{
    struct str clear = text_digits(arena, raw, false), digits = text_digits(arena, raw, true);
    double fit = clear.n == digits.n ? 1 : 0.8;
    if (digits.n == 12 && str_starts(digits, STR("57")))
        digits = (struct str){digits.p + 2, 10};
    if (digits.n == 11 && digits.p[0] == '1')
        digits = (struct str){digits.p + 1, 10};
    if (digits.n < 7 || digits.n > 12)
        return 0;
    *ret = digits;
    return digits.n == 10 ? fit : 0.4;
}

/* False when the digits stand in groups as no id has them: with two dashes 3-2-4, with points
 * thousands. One of them was lost or read twice then. */
static bool id_groups_fit(struct str raw)
{
    size_t group[4] = {0}, count = 0;
    char between = 0;
    for (size_t i = 0; i < raw.n; i++) {
        char c = raw.p[i];
        if (c >= '0' && c <= '9') {
            group[count]++;
        } else if ((c == '-' || c == '.') && (between == 0 || between == c) && count < 3) {
            between = c;
            count++;
        } else {
            return true; /* some other way to write one */
        }
    }
    if (between == '-' && count == 2)
        return group[0] == 3 && group[1] == 2 && group[2] == 4;
    for (size_t i = 1; between == '.' && i <= count; i++)
        if (group[i] != 3)
            return false;
    return true;
}

static double national_id_normal(struct arena *arena, struct str raw, struct str *ret)
{
    struct str clear = text_digits(arena, raw, false), digits = text_digits(arena, raw, true);
    if (digits.n < 6 || digits.n > 10 || clear.n * 2 < digits.n) /* "SÍ NO" is no number */
        return 0;
    *ret = digits;
    return (clear.n == digits.n ? 1 : 0.7) * (id_groups_fit(str_trim(raw)) ? 1 : 0.6);
}

static bool is_separator(char c)
{
    return c == ' ' || c == '-' || c == '.' || c == '/';
}

/* False for what looks like a Medicare number (1EG4-TE5-MK73) but has a letter where those have a
 * digit or the other way round: a 0 read as O, an S as 5. */
static bool medicare_fits(const char *code, size_t n)
{
    static const char form[] = "NAXN-AXN-AANN"; /* X: either */
    size_t wrong = 0;
    if (n != sizeof(form) - 1 || code[4] != '-' || code[8] != '-')
        return true;
    bool medicare = code[0] >= '0' && code[0] <= '9' && code[1] >= 'A' && code[1] <= 'Z';
    for (size_t i = 0; i < n; i++) {
        bool digit = code[i] >= '0' && code[i] <= '9';
        wrong += (form[i] == 'N' && !digit) || (form[i] == 'A' && digit);
    }
    return !medicare || wrong == 0;
}

/* Upper-case letters and digits, dashes kept; at least four digits. */
static double insurance_id_normal(struct arena *arena, struct str raw, struct str *ret)
{
    char *out = arena_alloc(arena, raw.n + 1);
    size_t n = 0, digits = 0, letters = 0;
    for (size_t i = 0; i < raw.n; i++) {
        char c = raw.p[i];
        if (c >= 'a' && c <= 'z')
            c = (char)(c - 32);
        bool digit = c >= '0' && c <= '9', letter = c >= 'A' && c <= 'Z';
        digits += digit;
        letters += letter;
        if (digit || letter || (c == '-' && n > 0 && out[n - 1] != '-'))
            out[n++] = c;
        else if (!is_separator(c))
            digits -= digits > 0; /* a stray sign: one of the digits is in doubt */
    }
    while (n > 0 && out[n - 1] == '-')
        n--;
    if (n < 5 || n > 24 || digits < 4)
        return 0;
    *ret = (struct str){out, n};
    if (!medicare_fits(out, n))
        return 0.35;
    return letters <= 4 ? 1 : 0.5;
}

/* Letters of any alphabet, spaces and the signs of names. */
static double name_normal(struct arena *arena, struct str raw, struct str *ret)
{
    size_t letters = 0, other = 0, words = 0;
    raw = str_trim(raw);
    while (raw.n > 0 && strchr("_-—|:;,.'\"[](){}=~*", raw.p[0]))
        raw = str_trim((struct str){raw.p + 1, raw.n - 1});
    while (raw.n > 0 && strchr("_-|:;,'\"[](){}=~*", raw.p[raw.n - 1]))
        raw = str_trim((struct str){raw.p, raw.n - 1});
    for (size_t i = 0; i < raw.n; i++) {
        unsigned char c = (unsigned char)raw.p[i];
        bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
        letters += letter || c >= 0x80;
        other += !letter && c < 0x80 && c != ' ' && c != '.' && c != '\'' && c != '-';
        words += c == ' ';
    }
    if (letters < 2 || other > letters)
        return 0;
    *ret = arena_str(arena, raw);
    return other ? 0.4 : words ? 1 : 0.6;
}

static double card_normal(struct arena *arena, enum field field, struct str raw, struct str *ret)
{
    struct str digits = text_digits(arena, raw, true);
    size_t least = field == FIELD_CARD_NUMBER ? 12 : 3;
    size_t most = field == FIELD_CARD_NUMBER ? 19 : field == FIELD_CARD_CVV ? 4 : 6;
    size_t signs = text_fold(arena, raw).n; /* "Óscar Ríos" has signs like digits, but others too */
    if (digits.n < least || digits.n > most || signs * 3 > digits.n * 4)
        return 0;
    *ret = digits;
    return 1;
}

static double text_normal(struct arena *arena, struct str raw, struct str *ret)
{
    raw = str_trim(raw);
    struct str folded = text_fold(arena, raw);
    if (folded.n < 2)
        return 0;
    *ret = arena_str(arena, raw);
    return folded.n * 2 >= raw.n ? 1 : 0.5;
}

static int this_year(void)
{
    char now[CLOCK_TEXT_MAX];
    clock_text(clock_wall_us(), now);
    return number_of((struct str){now, 4});
}

double field_normal(struct arena *arena, enum field field, struct str raw, enum date_order order,
                    struct str *ret)
{
    char date[11];
    *ret = STR_NONE;
    raw = str_trim(raw);
    if (raw.n == 0 || raw.n > 2000)
        return 0;
    switch (field) {
    case FIELD_DATE_OF_BIRTH: {
        double fit = date_normal(raw, order, this_year(), date);
        if (fit > 0)
            *ret = formatted(arena, date);
        return fit;
    }
    case FIELD_TEMPERATURE:
        return temperature_normal(arena, raw, ret);
    case FIELD_CONSCIOUSNESS:
        return consciousness_normal(arena, raw, ret);
    case FIELD_BLOOD_PRESSURE:
        return pressure_normal(arena, raw, ret);
    case FIELD_HEART_RATE:
    case FIELD_RESPIRATORY_RATE:
    case FIELD_SPO2:
    case FIELD_PAIN:
        return whole_number_normal(arena, field, raw, ret);
    case FIELD_PHONE:
        return phone_normal(arena, raw, ret);
    case FIELD_NATIONAL_ID:
        return national_id_normal(arena, raw, ret);
    case FIELD_INSURANCE_ID:
        return insurance_id_normal(arena, raw, ret);
    case FIELD_FULL_NAME:
    case FIELD_CARD_HOLDER:
        return name_normal(arena, raw, ret);
    case FIELD_CARD_NUMBER:
    case FIELD_CARD_EXPIRY:
    case FIELD_CARD_CVV:
        return card_normal(arena, field, raw, ret);
    default:
        return text_normal(arena, raw, ret);
    }
}
