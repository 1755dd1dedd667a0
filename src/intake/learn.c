/* Learning a layout: where the confirmed values stand on the page, and how much room each has.
 *
 * The rule not to break: a value that stands in several places, or in none for sure, is not
 * learned; a wrong place would be read on every later form. */
#include <math.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "formread/text.h"
#include "intake/trace.h"

enum { RUN_MAX = 24, COMPARED = 60, HASHED_DIGITS = 5, DATE_FORMS = 5 };

#define PAGE_END 0.985 /* in page widths: the right margin */
#define ROOM_UP  0.35  /* of the value's height, above and below it */

struct found {
    int page;
    struct layout_box at;
    size_t first, last; /* items */
    bool by_words;
};

static double right_of(struct layout_box b)
{
    return b.x + b.w;
}

static double bottom_of(struct layout_box b)
{
    return b.y + b.h;
}

static struct layout_box box_join(struct layout_box a, struct layout_box b)
{
    double x = fmin(a.x, b.x), y = fmin(a.y, b.y);
    return (struct layout_box){x, y, fmax(right_of(a), right_of(b)) - x,
                               fmax(bottom_of(a), bottom_of(b)) - y};
}

static const struct trace_field *field_read(const struct trace *t, enum field field)
{
    for (size_t i = 0; i < t->field_count; i++)
        if (t->fields[i].field == field)
            return &t->fields[i];
    return NULL;
}

static bool boxes_meet(struct layout_box a, struct layout_box b)
{
    return a.x < right_of(b) && b.x < right_of(a) && a.y < bottom_of(b) && b.y < bottom_of(a);
}

/* One place, or the one where the reader saw the field: `n` candidates to `ret`. */
static bool only_place(const struct trace *t, enum field field, const struct found *places,
                       size_t n, struct found *ret)
{
    const struct trace_field *seen = field_read(t, field);
    if (n == 1) {
        *ret = places[0];
        return true;
    }
    for (size_t i = 0; i < n && seen; i++)
        if (places[i].page == seen->page && boxes_meet(places[i].at, seen->at)) {
            *ret = places[i];
            return true;
        }
    return false;
}

/* ---- numbers: their digits' hash --------------------------------------------------------------
 */

/* The digits as they may stand on paper: a date in five orders, anything else in one. */
static size_t digit_forms(struct arena *arena, enum field field, struct str value,
                          struct str forms[DATE_FORMS])
{
    struct str d = text_digits(arena, value, false);
    if (field != FIELD_DATE_OF_BIRTH || d.n != 8) {
        forms[0] = d;
        return 1;
    }
    const char *y = d.p, *m = d.p + 4, *day = d.p + 6;
    forms[0] = d;
    forms[1] = str_of(arena_fmt(arena, "%.2s%.2s%.4s", day, m, y));
    forms[2] = str_of(arena_fmt(arena, "%.2s%.2s%.4s", m, day, y));
    forms[3] = str_of(arena_fmt(arena, "%.2s%.2s%.2s", day, m, y + 2));
    forms[4] = str_of(arena_fmt(arena, "%.2s%.2s%.2s", m, day, y + 2));
    return DATE_FORMS;
}

static struct problem *find_digits(const struct ctx *cx, const struct trace *t, enum field field,
                                   struct str value, struct found *ret, bool *ret_found)
{
    struct str forms[DATE_FORMS], hash;
    struct found places[8];
    size_t n = 0, count = digit_forms(cx->arena, field, value, forms);
    for (size_t f = 0; f < count; f++) {
        if (forms[f].n < HASHED_DIGITS)
            continue;
        TRY(trace_hash(cx, forms[f], &hash));
        for (size_t i = 0; i < t->item_count && n < ARRAY_LEN(places); i++)
            if (t->items[i].hash.n > 0 && str_eq(t->items[i].hash, hash))
                places[n++] = (struct found){t->items[i].page, t->items[i].at, i, i, true};
    }
    *ret_found = n > 0 && only_place(t, field, places, n, ret);
    return NULL;
}

/* ---- words: folded and compared loosely -------------------------------------------------------
 */

static struct str first_of(struct str s)
{
    return (struct str){s.p, s.n < COMPARED ? s.n : COMPARED};
}

/* The run from item `at` on that is nearest to `want`; distance above `allowed` when none is. */
static int run_match(struct arena *arena, const struct trace *t, size_t at, bool number,
                     struct str want, int allowed, struct found *ret)
{
    CLEANUP(buf_free) struct buf run = BUF_SECRET(4096);
    int best = allowed + 1;
    struct layout_box box = t->items[at].at;
    for (size_t i = at; i < t->item_count && i < at + RUN_MAX; i++) {
        const struct trace_item *it = &t->items[i];
        struct str folded =
            number ? text_digits(arena, it->text, false) : text_fold(arena, it->text);
        if (it->page != t->items[at].page || (folded.n == 0 && i == at))
            break;
        buf_add_str(&run, folded);
        box = box_join(box, it->at);
        if (run.len > want.n + (size_t)allowed)
            break;
        int d = text_distance(first_of(buf_str(&run)), first_of(want), allowed);
        size_t gap = run.len > want.n ? run.len - want.n : want.n - run.len;
        if (d < best && gap <= (size_t)allowed) {
            best = d;
            *ret = (struct found){it->page, box, at, i, true};
        }
    }
    return best;
}

static bool find_words(struct arena *arena, const struct trace *t, enum field field,
                       struct str value, struct found *ret)
{
    bool number = field_is_number(field); /* "36.5°C": the unit is none of it */
    struct str want = number ? text_digits(arena, value, false) : text_fold(arena, value);
    int allowed = number || want.n < 4 ? 0 : (int)(want.n < COMPARED ? want.n : COMPARED) / 5;
    struct found places[8], one;
    size_t n = 0;
    int best = allowed + 1;
    if (want.n < (number ? 1U : 2U))
        return false;
    for (size_t i = 0; i < t->item_count; i++) {
        if (t->items[i].text.n == 0)
            continue;
        int d = run_match(arena, t, i, number, want, allowed, &one);
        if (d > allowed || d > best)
            continue;
        if (d < best)
            n = 0;
        best = d;
        if (n < ARRAY_LEN(places))
            places[n++] = one;
    }
    return n > 0 && only_place(t, field, places, n, ret);
}

/* ---- the room a value has ---------------------------------------------------------------------
 */

static bool is_own(const struct found *f, size_t item)
{
    return f->by_words && item >= f->first && item <= f->last;
}

/* As far as nothing else stands: to the next word or label on its lines, to the next line. */
static struct layout_box room_of(const struct trace *t, const struct found *f)
{
    struct layout_box b = f->at;
    double up = b.h * ROOM_UP, left = fmax(0, b.x - 2 * b.h), right = PAGE_END;
    double top = b.y - up, bottom = bottom_of(b) + up;
    for (size_t i = 0; i < t->item_count; i++) {
        struct layout_box o = t->items[i].at;
        if (t->items[i].page != f->page || is_own(f, i) || o.w <= 0 ||
            (!f->by_words && boxes_meet(o, b)))
            continue;
        double middle = o.y + o.h / 2;
        if (middle > b.y && middle < bottom_of(b)) {
            if (o.x >= right_of(b) - b.h / 2)
                right = fmin(right, o.x - b.h / 4);
            else if (right_of(o) <= b.x + b.h / 2)
                left = fmax(left, right_of(o) + b.h / 4);
        }
    }
    left = fmin(left, b.x);
    right = fmax(right, right_of(b));
    for (size_t i = 0; i < t->item_count; i++) { /* lines above and below, over its whole room */
        struct layout_box o = t->items[i].at;
        if (t->items[i].page != f->page || is_own(f, i) || o.x > right || right_of(o) < left)
            continue;
        if (bottom_of(o) <= b.y + b.h / 4)
            top = fmax(top, bottom_of(o));
        else if (o.y >= bottom_of(b) - b.h / 4)
            bottom = fmin(bottom, o.y);
    }
    top = fmin(top, b.y);
    bottom = fmax(bottom, bottom_of(b));
    return (struct layout_box){left, top, right - left, bottom - top};
}

/* ---- all fields -------------------------------------------------------------------------------
 */

static const struct {
    enum parsed_key key;
    enum field field;
} learned[] = {
    {PARSED_FULL_NAME, FIELD_FULL_NAME},
    {PARSED_DATE_OF_BIRTH, FIELD_DATE_OF_BIRTH},
    {PARSED_INSURANCE_ID, FIELD_INSURANCE_ID},
    {PARSED_INSURANCE_PROVIDER, FIELD_INSURANCE_PROVIDER},
    {PARSED_PHONE, FIELD_PHONE},
    {PARSED_CHIEF_COMPLAINT, FIELD_CHIEF_COMPLAINT},
    {PARSED_ALLERGIES, FIELD_ALLERGIES},
    {PARSED_MEDICATIONS, FIELD_MEDICATIONS},
    {PARSED_HEART_RATE, FIELD_HEART_RATE},
    {PARSED_RESPIRATORY_RATE, FIELD_RESPIRATORY_RATE},
    {PARSED_SYSTOLIC_BP, FIELD_BLOOD_PRESSURE},
    {PARSED_TEMPERATURE, FIELD_TEMPERATURE},
    {PARSED_SPO2, FIELD_SPO2},
    {PARSED_CONSCIOUSNESS, FIELD_CONSCIOUSNESS},
    {PARSED_PAIN, FIELD_PAIN},
};

/* The value as it stands on paper; p NULL: none. */
static struct str value_of(struct arena *arena, const struct parsed_form *form, enum parsed_key key)
{
    struct str v = parsed_field(form, key)->text;
    struct str low = parsed_field(form, PARSED_DIASTOLIC_BP)->text;
    if (key != PARSED_SYSTOLIC_BP || v.p == NULL)
        return v;
    if (low.p == NULL)
        return STR_NONE;
    return str_of(arena_fmt(arena, STR_FMT "/" STR_FMT, STR_ARG(v), STR_ARG(low)));
}

/* A temperature in the ways it is written: 36.6, 97.9 °F, 37. Anything else as it is. */
static size_t written_forms(struct arena *arena, enum field field, struct str value,
                            struct str forms[3])
{
    forms[0] = value;
    if (field != FIELD_TEMPERATURE)
        return 1;
    double c = strtod(arena_cstr(arena, value), NULL);
    forms[0] = str_of(arena_fmt(arena, "%.1f", c));
    forms[1] = str_of(arena_fmt(arena, "%.1f", c * 9 / 5 + 32));
    forms[2] = str_of(arena_fmt(arena, "%.0f", c));
    return c == floor(c) ? 3 : 2;
}

static struct problem *place_find(const struct ctx *cx, const struct trace *t, enum field field,
                                  struct str was, struct str is, struct found *ret, bool *ret_found)
{
    const struct trace_field *seen = field_read(t, field);
    struct str forms[3];
    size_t n = written_forms(cx->arena, field, is, forms);
    *ret_found = false;
    TRY(find_digits(cx, t, field, is, ret, ret_found));
    for (size_t i = 0; i < n && !*ret_found && field != FIELD_CONSCIOUSNESS; i++)
        *ret_found = find_words(cx->arena, t, field, forms[i], ret);
    if (!*ret_found && seen && was.p && str_eq(was, is)) {
        *ret = (struct found){.page = seen->page, .at = seen->at};
        *ret_found = true;
    }
    return NULL;
}

struct problem *trace_learn(const struct ctx *cx, const struct trace *trace,
                            const struct parsed_form *read, const struct parsed_form *confirmed,
                            struct layout *ret)
{
    struct layout layout = trace->constellation;
    layout.fields = arena_array(cx->arena, LAYOUT_FIELDS_MAX, sizeof(struct layout_field));
    layout.field_count = 0;
    for (size_t i = 0; i < ARRAY_LEN(learned); i++) {
        struct str was = value_of(cx->arena, read, learned[i].key);
        struct str is = value_of(cx->arena, confirmed, learned[i].key);
        struct found place;
        bool found = false;
        if (is.p == NULL)
            continue;
        TRY(place_find(cx, trace, learned[i].field, was, is, &place, &found));
        if (!found)
            continue;
        layout.fields[layout.field_count++] =
            (struct layout_field){learned[i].field, place.page, room_of(trace, &place)};
    }
    *ret = layout;
    return NULL;
}
