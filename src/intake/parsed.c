/* The reader's JSON to a checked form: see parsed.h. Every number from the reader is clamped, every
 * name must be one we know, every text is normalised and scrubbed here. */
#include "intake/parsed.h"

#include <math.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "formread/field.h"
#include "formread/refusal.h"
#include "formread/text.h"
#include "intake/parsed_int.h"
#include "json/json_in.h"
#include "pan/pan.h"

#define TEXT_MAX   (1U << 20)
#define SPANS_MAX  512
#define READ_LEAST 0.3 /* an exact value less sure than this was not read */
#define WORD_BYTES 400 /* bytes of one word that are looked at; a real one has some dozen */

const struct parsed_def parsed_defs[PARSED__COUNT] = {
    [PARSED_FULL_NAME] = {"fullName", false, true},
    [PARSED_DATE_OF_BIRTH] = {"dateOfBirth", false, true},
    [PARSED_INSURANCE_ID] = {"insuranceId", false, true},
    [PARSED_INSURANCE_PROVIDER] = {"insuranceProvider", false, true},
    [PARSED_PHONE] = {"phone", false, true},
    [PARSED_CHIEF_COMPLAINT] = {"chiefComplaint", false, true},
    [PARSED_ALLERGIES] = {"allergies", false, true},
    [PARSED_MEDICATIONS] = {"medications", false, true},
    [PARSED_HEART_RATE] = {"heartRate", true, false},
    [PARSED_RESPIRATORY_RATE] = {"respiratoryRate", true, false},
    [PARSED_SYSTOLIC_BP] = {"systolicBp", true, false},
    [PARSED_DIASTOLIC_BP] = {"diastolicBp", true, false},
    [PARSED_TEMPERATURE] = {"temperatureC", true, false},
    [PARSED_SPO2] = {"spo2", true, false},
    [PARSED_CONSCIOUSNESS] = {"consciousness", false, false},
    [PARSED_PAIN] = {"painScore", true, false},
};

/* Where a reader's field goes; PARSED__COUNT: nowhere (used otherwise, or not at all). Blood
 * pressure goes to two. */
static enum parsed_key key_of_field(enum field field)
{
    switch (field) {
    case FIELD_FULL_NAME:
        return PARSED_FULL_NAME;
    case FIELD_DATE_OF_BIRTH:
        return PARSED_DATE_OF_BIRTH;
    case FIELD_INSURANCE_ID:
        return PARSED_INSURANCE_ID;
    case FIELD_INSURANCE_PROVIDER:
        return PARSED_INSURANCE_PROVIDER;
    case FIELD_PHONE:
        return PARSED_PHONE;
    case FIELD_CHIEF_COMPLAINT:
        return PARSED_CHIEF_COMPLAINT;
    case FIELD_ALLERGIES:
        return PARSED_ALLERGIES;
    case FIELD_MEDICATIONS:
        return PARSED_MEDICATIONS;
    case FIELD_BLOOD_PRESSURE:
        return PARSED_SYSTOLIC_BP;
    case FIELD_HEART_RATE:
        return PARSED_HEART_RATE;
    case FIELD_RESPIRATORY_RATE:
        return PARSED_RESPIRATORY_RATE;
    case FIELD_SPO2:
        return PARSED_SPO2;
    case FIELD_TEMPERATURE:
        return PARSED_TEMPERATURE;
    case FIELD_CONSCIOUSNESS:
        return PARSED_CONSCIOUSNESS;
    case FIELD_PAIN:
        return PARSED_PAIN;
    default:
        return PARSED__COUNT;
    }
}

static enum field field_of_key(enum parsed_key key)
{
    if (key == PARSED_DIASTOLIC_BP)
        return FIELD_BLOOD_PRESSURE;
    for (int f = 0; f < FIELD__COUNT; f++)
        if (key_of_field((enum field)f) == key)
            return (enum field)f;
    return FIELD__COUNT;
}

enum parsed_key parsed_key_of(struct str name)
{
    for (int i = 0; i < PARSED__COUNT; i++)
        if (str_eq(name, str_of(parsed_defs[i].key)))
            return (enum parsed_key)i;
    return PARSED__COUNT;
}

const struct parsed_value *parsed_field(const struct parsed_form *form, enum parsed_key key)
{
    return &form->fields[key];
}

/* ---- untrusted JSON ------------------------------------------------------------------------- */

double parsed_unit(const json_t *v)
{
    double d = json_is_number(v) ? json_number_value(v) : 0;
    return !(d > 0) ? 0 : d > 1 ? 1 : d; /* NaN becomes 0 */
}

static int small_int(const json_t *v, int max)
{
    json_int_t i = json_is_integer(v) ? json_integer_value(v) : -1;
    return i < 0 || i > max ? -1 : (int)i;
}

struct parsed_box parsed_box_of(const json_t *array)
{
    double v[4];
    for (size_t i = 0; i < 4; i++)
        v[i] = parsed_unit(json_array_get(array, i));
    return (struct parsed_box){v[0], v[1], fmin(v[2], 1 - v[0]), fmin(v[3], 1 - v[1])};
}

static struct str text_of(const json_t *v)
{
    if (!json_is_string(v) || json_string_length(v) > TEXT_MAX)
        return STR_NONE;
    return (struct str){json_string_value(v), json_string_length(v)};
}

const char *parsed_language_of(const json_t *v)
{
    return str_eq(text_of(v), STR("en")) ? "en" : "es";
}

/* ---- fields --------------------------------------------------------------------------------- */

static struct str scrubbed(struct arena *arena, struct str s)
{
    return scrub(arena, (struct raw_text){s}).s;
}

/* "123/71" into its two values. */
static void pressure_put(struct arena *arena, struct parsed_form *form, struct parsed_value v)
{
    struct str rest = v.text, upper = v.text.p ? str_cut(&rest, '/') : STR_NONE;
    v.text = upper;
    form->fields[PARSED_SYSTOLIC_BP] = v;
    v.text = upper.p ? arena_str(arena, rest) : STR_NONE;
    form->fields[PARSED_DIASTOLIC_BP] = v;
}

static bool parsed_is_blank(struct str s)
{
    return str_trim(s).n == 0;
}

static void national_id_put(struct parsed_form *form, struct parsed_value v)
{
    form->national_id_ink = v.ink;
    form->national_id_confidence = v.confidence;
    if (v.text.p == NULL)
        return;
    form->national_id = v.text;
    form->national_id_type = str_eq(str_of(form->language), STR("en")) ? "SSN" : "CC";
}

/* Where a card is named and eight digits or more follow closely: a number that was misread is still
 * nearly the card. The text's end when there is none. */
static size_t mangled_card(struct str text)
{
    static const char *const names[] = {"card", "tarjeta", "visa", "mastercard"};
    enum { NEAR = 28, DIGITS = 8 };
    for (size_t i = 0; i < text.n; i++)
        for (size_t k = 0; k < ARRAY_LEN(names); k++) {
            size_t n = strlen(names[k]), digits = 0;
            if (text.n - i < n || !str_eq_nocase((struct str){text.p + i, n}, str_of(names[k])))
                continue;
            for (size_t j = i + n; j < text.n && j < i + n + NEAR; j++)
                digits += text.p[j] >= '0' && text.p[j] <= '9';
            if (digits >= DIGITS)
                return i;
        }
    return text.n;
}

/* A sentence that holds a card number ("Pay with 4111...") is no complaint: it is left out. */
static struct str without_card_sentence(struct str text)
{
    struct pan_span span;
    size_t at = mangled_card(text);
    bool mangled = at < text.n;
    if (pan_find(text, &span, 1) > 0 && (!mangled || span.start < at))
        at = span.start;
    if (at == text.n)
        return text;
    for (size_t i = at; i > 0; i--)
        if (text.p[i - 1] == '.')
            return str_trim((struct str){text.p, i - 1});
    return mangled ? str_trim((struct str){text.p, at}) : text;
}

/* Nobody is born after today. */
static bool parsed_is_future(struct str date)
{
    char now[CLOCK_TEXT_MAX];
    clock_text(clock_wall_us(), now);
    return date.n == 10 && memcmp(date.p, now, 10) > 0;
}

/* One wrong character makes it another value: a guess is worse than nothing, and a person looks. */
static bool field_is_exact(enum field field)
{
    return field_is_number(field) || field == FIELD_DATE_OF_BIRTH || field == FIELD_TEMPERATURE ||
           field == FIELD_INSURANCE_ID;
}

static void field_put(struct arena *arena, struct parsed_form *form, const json_t *item)
{
    enum field field = field_of(text_of(json_object_get(item, "key")));
    struct parsed_value v = {.page = small_int(json_object_get(item, "page"), form->pages - 1),
                             .ink = json_is_true(json_object_get(item, "ink")),
                             .learned = json_is_true(json_object_get(item, "learned")),
                             .box = parsed_box_of(json_object_get(item, "box"))};
    if (field == FIELD__COUNT || v.page < 0)
        return;
    struct str raw = text_of(json_object_get(item, "text")), normal = STR_NONE;
    enum date_order order = form->day_first ? DATE_DAY_FIRST : DATE_MONTH_FIRST;
    if (field_group(field) == GROUP_TEXT)
        raw = without_card_sentence(raw);
    double fit = parsed_is_blank(raw) ? 0 : field_normal(arena, field, raw, order, &normal);
    if (field == FIELD_DATE_OF_BIRTH && parsed_is_future(normal))
        fit = 0;
    if (fit > 0) {
        v.text = field == FIELD_NATIONAL_ID ? normal : scrubbed(arena, normal);
        v.confidence = parsed_unit(json_object_get(item, "confidence")) * (0.4 + 0.6 * fit);
    }
    if (v.confidence < READ_LEAST && field_is_exact(field))
        v.text = STR_NONE;
    if (field == FIELD_NATIONAL_ID)
        national_id_put(form, v);
    else if (field == FIELD_BLOOD_PRESSURE)
        pressure_put(arena, form, v);
    else if (key_of_field(field) != PARSED__COUNT)
        form->fields[key_of_field(field)] = v;
}

/* ---- what to black out ---------------------------------------------------------------------- */

/* Turned so that lines of a page lying on its side are level. */
static struct parsed_box lying(struct parsed_box b, bool turned)
{
    return turned ? (struct parsed_box){b.y, b.x, b.h, b.w} : b;
}

/* The page lies on its side: its lines run up or down as it is shown. */
static bool is_lying(const json_t *pages, int page)
{
    const json_t *one = json_array_get(pages, (size_t)page);
    return json_integer_value(json_object_get(one, "rotation")) % 180 != 0;
}

static void redact(struct parsed_form *form, int page, struct parsed_box box, const char *kind)
{
    if (page < 0 || box.w <= 0 || box.h <= 0)
        return;
    if (form->redaction_count == PARSED_REDACTIONS_MAX) {
        form->redaction_complete = false;
        return;
    }
    form->redactions[form->redaction_count++] = (struct parsed_redaction){page, box, kind};
}

/* One rectangle around two of one number ("4111 1143 ..."): side by side on a line, the gap no
 * wider than a few letters. False when they are not, and when there is no gap: the steps of a line
 * that leans are not to become one large box. */
static bool joined(struct parsed_box a, struct parsed_box b, struct parsed_box *ret)
{
    double low = fmin(a.h, b.h), high = fmax(a.h, b.h);
    double gap = fmax(a.x, b.x) - fmin(a.x + a.w, b.x + b.w);
    double rows = fmin(a.y + a.h, b.y + b.h) - fmax(a.y, b.y);
    if (rows < low * 0.6 || high > low * 2.5 || gap > low * 4 || gap <= 0)
        return false;
    double x = fmin(a.x, b.x), y = fmin(a.y, b.y);
    double right = fmax(a.x + a.w, b.x + b.w), bottom = fmax(a.y + a.h, b.y + b.h);
    *ret = (struct parsed_box){x, y, right - x, bottom - y};
    return true;
}

/* Groups of one number become one rectangle: the gaps between them too. */
static void redactions_join(struct parsed_form *form, const json_t *pages)
{
    for (size_t i = 0; i < form->redaction_count; i++)
        for (size_t j = i + 1; j < form->redaction_count; j++) {
            struct parsed_redaction *a = &form->redactions[i], *b = &form->redactions[j];
            bool turned = is_lying(pages, a->page);
            struct parsed_box box;
            if (a->page != b->page || !str_eq(str_of(a->kind), str_of(b->kind)) ||
                !joined(lying(a->box, turned), lying(b->box, turned), &box))
                continue;
            a->box = lying(box, turned);
            *b = form->redactions[--form->redaction_count];
            j = i; /* the grown rectangle may reach others now */
        }
}

/* The words of each span; `words` come in any order with their offsets. */
static void spans_redact(struct parsed_form *form, struct str text, const json_t *words,
                         const json_t *pages)
{
    struct pan_span spans[SPANS_MAX];
    size_t n = pan_find(text, spans, SPANS_MAX), index;
    json_t *word;
    form->redaction_complete = form->redaction_complete && n <= SPANS_MAX;
    n = n < SPANS_MAX ? n : SPANS_MAX;
    for (size_t i = 0; i < n; i++)
        form->pan_detected =
            form->pan_detected || spans[i].kind == PAN_CARD || spans[i].kind == PAN_TRACK;
    if (n == 0)
        return;
    json_array_foreach (words, index, word) {
        json_int_t start = json_integer_value(json_object_get(word, "start"));
        json_int_t end = json_integer_value(json_object_get(word, "end"));
        int page = small_int(json_object_get(word, "page"), form->pages - 1);
        for (size_t i = 0; i < n; i++)
            if (start < (json_int_t)spans[i].end && end > (json_int_t)spans[i].start) {
                struct parsed_box box = parsed_box_of(json_object_get(word, "box"));
                bool turned = is_lying(pages, page);
                box = lying(parsed_box_grown(lying(box, turned), 0.35), turned);
                redact(form, page, box, pan_kind_name(spans[i].kind));
                break;
            }
    }
}

struct parsed_box parsed_box_grown(struct parsed_box b, double share)
{
    double by = b.h * share, bx = by * 0.7;
    double x = fmax(0, b.x - bx), y = fmax(0, b.y - by);
    return (struct parsed_box){x, y, fmin(1 - x, b.w + 2 * bx), fmin(1 - y, b.h + 2 * by)};
}

/* A card label blacks out its whole value, read or not: what cannot be read may still be seen. */
static void labels_redact(struct parsed_form *form, const json_t *sensitive)
{
    size_t index;
    json_t *item;
    json_array_foreach (sensitive, index, item) {
        enum field field = field_of(text_of(json_object_get(item, "key")));
        const char *kind = field == FIELD_CARD_NUMBER   ? "pan"
                           : field == FIELD_CARD_CVV    ? "cvv"
                           : field == FIELD_CARD_EXPIRY ? "expiry"
                                                        : NULL;
        if (kind == NULL)
            continue;
        form->pan_detected = form->pan_detected || field == FIELD_CARD_NUMBER;
        redact(form, small_int(json_object_get(item, "page"), form->pages - 1),
               parsed_box_of(json_object_get(item, "box")), kind);
    }
}

/* The middle of the word is under a black box. */
static bool is_under_box(const struct parsed_form *form, const json_t *word)
{
    struct parsed_box b = parsed_box_of(json_object_get(word, "box"));
    int page = small_int(json_object_get(word, "page"), form->pages - 1);
    double cx = b.x + b.w / 2, cy = b.y + b.h / 2;
    for (size_t i = 0; i < form->redaction_count; i++) {
        const struct parsed_box *box = &form->redactions[i].box;
        if (form->redactions[i].page == page && cx > box->x && cx < box->x + box->w &&
            cy > box->y && cy < box->y + box->h)
            return true;
    }
    return false;
}

/* A card number that only the file's metadata or hidden text has: no page shows it, but the upload
 * holds it and is not to be kept. Text that was too much to look at is taken for one. */
static bool hidden_card(const json_t *hidden)
{
    struct pan_span spans[SPANS_MAX];
    size_t n = pan_find(text_of(hidden), spans, SPANS_MAX);
    bool found = json_is_null(hidden);
    for (size_t i = 0; i < n && i < SPANS_MAX; i++)
        found = found || spans[i].kind == PAN_CARD || spans[i].kind == PAN_TRACK;
    return found;
}

/* The text without the digits that stand under a black box: what may not be seen is not read out
 * either. Masked as lib/pan masks, so that offsets stay. */
static struct str text_under_boxes(struct arena *arena, const struct parsed_form *form,
                                   struct str text, const json_t *words)
{
    char *out = (char *)(uintptr_t)arena_str(arena, text).p;
    size_t index;
    json_t *word;
    json_array_foreach (words, index, word) {
        json_int_t start = json_integer_value(json_object_get(word, "start"));
        json_int_t end = json_integer_value(json_object_get(word, "end"));
        end = end < (json_int_t)text.n ? end : (json_int_t)text.n;
        if (start < 0 || start >= end || !is_under_box(form, word))
            continue;
        for (json_int_t at = start; at < end && at < start + WORD_BYTES; at++)
            if (out[at] >= '0' && out[at] <= '9')
                out[at] = '*';
    }
    return (struct str){out, text.n};
}

/* ---- the whole ------------------------------------------------------------------------------ */

/* A concept in our own memory, so that nothing points into the reader's JSON. */
static const char *concept_of(struct arena *arena, struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!(s.p[i] == '_' || (s.p[i] >= 'a' && s.p[i] <= 'z')))
            return NULL;
    return s.n > 0 && s.n < 40 ? arena_cstr(arena, s) : NULL;
}

void parsed_symptoms_read(struct arena *arena, struct parsed_form *form, const json_t *items)
{
    size_t index;
    json_t *item;
    json_array_foreach (items, index, item) {
        const json_t *checked = json_object_get(item, "checked");
        struct parsed_symptom s = {
            .concept = concept_of(arena, text_of(json_object_get(item, "concept"))),
            .checked = json_is_boolean(checked) ? json_is_true(checked) : -1,
            .confidence = parsed_unit(json_object_get(item, "confidence")),
            .page = small_int(json_object_get(item, "page"), FORMREAD_PAGES_MAX),
            .box = parsed_box_of(json_object_get(item, "box"))};
        if (s.concept != NULL && form->symptom_count < PARSED_SYMPTOMS_MAX)
            form->symptoms[form->symptom_count++] = s;
    }
}

static int ms_of(const json_t *ms, const char *key)
{
    int v = small_int(json_object_get(ms, key), 1000000);
    return v < 0 ? 0 : v;
}

static void reader_json_take(struct arena *arena, const json_t *root, struct parsed_form *form)
{
    const json_t *ms = json_object_get(root, "ms"), *fields = json_object_get(root, "fields");
    struct str text = text_of(json_object_get(root, "text"));
    size_t index;
    json_t *item;
    form->language = parsed_language_of(json_object_get(root, "language"));
    form->day_first = json_is_true(json_object_get(root, "dayFirst"));
    form->ocr_confidence = parsed_unit(json_object_get(root, "ocrConfidence"));
    if (!uuid_parse(text_of(json_object_get(json_object_get(root, "layout"), "id")),
                    &form->layout_id))
        form->layout_id = UUID_NONE;
    form->ms_decode = ms_of(ms, "decode");
    form->ms_ocr = ms_of(ms, "ocr");
    form->ms_extract = ms_of(ms, "extract");
    int64_t start = clock_mono_us();
    const json_t *words = json_object_get(root, "words");
    labels_redact(form, json_object_get(root, "sensitive"));
    form->pan_detected = form->pan_detected || hidden_card(json_object_get(root, "hidden"));
    struct str open = text_under_boxes(arena, form, text, words);
    bool found = scrub(arena, (struct raw_text){text}).found;
    form->text = scrub(arena, (struct raw_text){open});
    form->text.found = form->text.found || found;
    spans_redact(form, text, words, json_object_get(root, "pages"));
    redactions_join(form, json_object_get(root, "pages"));
    json_array_foreach (fields, index, item)
        field_put(arena, form, item);
    parsed_symptoms_read(arena, form, json_object_get(root, "symptoms"));
    form->ms_scrub = (int)((clock_mono_us() - start) / 1000);
}

struct problem *parsed_from_reader(struct arena *arena, struct str json,
                                   const struct parsed_policy *policy, struct parsed_form **ret)
{
    CLEANUP(json_done) json_t *root = NULL;
    struct parsed_form *form = arena_make(arena, struct parsed_form);
    if (json_read(arena, json, &root) != NULL || !json_is_object(root))
        return problem_new(arena, PROBLEM_UNPROCESSABLE, "the reader gave no usable answer");
    size_t pages = json_array_size(json_object_get(root, "pages"));
    if (pages < 1 || pages > FORMREAD_PAGES_MAX)
        return problem_new(arena, PROBLEM_UNPROCESSABLE, "the reader gave no usable answer");
    form->pages = (int)pages;
    form->redaction_complete = true;
    form->national_id_type = "";
    reader_json_take(arena, root, form);
    parsed_score(arena, policy, form);
    *ret = form;
    return NULL;
}

/* Digits with at most one decimal point, and perhaps "C" or "°F". */
static bool is_typed_temperature(struct str value)
{
    struct str rest = str_trim(value);
    size_t digits = 0, points = 0;
    for (; rest.n > 0; rest.p++, rest.n--) {
        bool point = rest.p[0] == '.' || rest.p[0] == ',';
        if (!point && (rest.p[0] < '0' || rest.p[0] > '9'))
            break;
        points += point;
        digits += !point;
    }
    rest = str_trim(rest);
    if (str_starts(rest, STR("°")))
        rest = (struct str){rest.p + 2, rest.n - 2};
    return digits > 0 && points < 2 && (rest.n == 0 || (rest.n == 1 && strchr("CcFf", rest.p[0])));
}

/* A person's number is taken as typed or refused: nothing is guessed as for a misread one, where
 * "400" may be 40.0 and "974" 97 with its percent sign. Systolic and diastolic pressure are
 * corrected one at a time: each alone is a whole number. */
static double number_typed(struct arena *arena, enum parsed_key key, struct str value,
                           struct str *ret)
{
    bool pressure = key == PARSED_SYSTOLIC_BP || key == PARSED_DIASTOLIC_BP;
    uint64_t v = 0;
    if (key == PARSED_TEMPERATURE)
        return is_typed_temperature(value) &&
               field_normal(arena, FIELD_TEMPERATURE, value, DATE_DAY_FIRST, ret) >= 1;
    if (!str_u64(str_trim(value), 300, &v) ||
        !(pressure ? v >= 20 : vital_plausible(field_of_key(key), (double)v)))
        return 0;
    *ret = str_of(arena_fmt(arena, "%d", (int)v));
    return 1;
}

struct problem *parsed_correct(struct arena *arena, struct parsed_form *form, struct str name,
                               struct str value)
{
    char pointer[64];
    enum parsed_key key = parsed_key_of(name);
    snprintf(pointer, sizeof(pointer), "/fields/" STR_FMT, STR_ARG(name));
    if (key == PARSED__COUNT)
        return problem_field(arena, pointer, "there is no such field");
    struct parsed_value *v = &form->fields[key];
    struct str normal = STR_NONE;
    if (!parsed_is_blank(value)) {
        enum date_order order = form->day_first ? DATE_DAY_FIRST : DATE_MONTH_FIRST;
        double fit = parsed_defs[key].number
                         ? number_typed(arena, key, value, &normal)
                         : field_normal(arena, field_of_key(key), value, order, &normal);
        if (fit <= 0)
            return problem_field(arena, pointer, "the value does not fit this field");
        if (key == PARSED_DATE_OF_BIRTH && parsed_is_future(normal))
            return problem_field(arena, pointer, "must not be in the future");
        normal = scrubbed(arena, normal);
    }
    v->text = normal;
    v->confidence = normal.p ? 1 : 0;
    v->ink = normal.p != NULL;
    v->learned = false;
    return NULL;
}
