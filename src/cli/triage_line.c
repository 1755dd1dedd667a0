/* One line of `nexacore triage score`: a patient as JSON in, the score out.
 *
 * The rule not to break: what is missing or of the wrong kind is unknown, and only a line that is
 * not JSON is a problem; fuzz/triage_line_fuzz.c reads any bytes. */
#include <math.h>

#include "base/cleanup.h"
#include "cli/triage.h"
#include "json/json_in.h"
#include "triage/triage.h"
#include "triage/units.h"

#define SYMPTOMS_MAX 64

static struct str text_of(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    return json_is_string(v) ? (struct str){json_string_value(v), json_string_length(v)} : STR_NONE;
}

/* A number times `scale`, rounded; unknown when absent. */
static struct triage_vital vital_of(const json_t *vitals, const char *key, int scale)
{
    const json_t *v = json_object_get(vitals, key);
    if (!json_is_number(v) || fabs(json_number_value(v)) > 100000)
        return (struct triage_vital){0};
    return (struct triage_vital){true, (int)lround(json_number_value(v) * scale)};
}

static void read_vitals(const json_t *v, struct triage_vitals *ret)
{
    ret->sbp = vital_of(v, "sbp", 1);
    ret->dbp = vital_of(v, "dbp", 1);
    ret->hr = vital_of(v, "hr", 1);
    ret->rr = vital_of(v, "rr", 1);
    ret->spo2 = vital_of(v, "spo2", 1);
    ret->temp = vital_of(v, "temp_c", 10);
    ret->pain = vital_of(v, "pain", 1);
    ret->acvpu = triage_unit_acvpu(text_of(v, "acvpu"));
    ret->on_oxygen = json_is_true(json_object_get(v, "on_oxygen"));
    ret->scale2 = json_is_true(json_object_get(v, "scale2"));
}

/* "symptoms": ["chest_pain"] or [{"concept":"chest_pain","checked":true}]. */
static size_t read_symptoms(const json_t *list, struct triage_symptom *ret)
{
    size_t n = 0, i;
    const json_t *one;
    json_array_foreach (list, i, one) {
        if (n == SYMPTOMS_MAX)
            break;
        const json_t *concept = json_is_object(one) ? json_object_get(one, "concept") : one;
        if (!json_is_string(concept))
            continue;
        bool checked = !json_is_object(one) || json_is_true(json_object_get(one, "checked"));
        ret[n++] = (struct triage_symptom){json_string_value(concept), checked};
    }
    return n;
}

static void score_write(const struct triage_result *r, const json_t *id, bool explain,
                        struct buf *out)
{
    if (!explain) {
        buf_addf(out, "%d.%02d\t%s\t%d\t%d\n", r->score / 100, r->score % 100,
                 triage_level_name(r->level), r->emergency, r->review);
        return;
    }
    struct jw w = jw_to(out);
    jw_obj(&w);
    jw_key(&w, "id");
    jw_str(&w, json_is_string(id) ? str_of(json_string_value(id)) : STR_NONE);
    jw_key(&w, "triage");
    triage_result_write(r, NULL, &w);
    jw_end(&w);
    buf_add_c(out, '\n');
}

struct problem *triage_score_line(struct arena *arena, struct str line, bool explain,
                                  struct buf *out)
{
    CLEANUP(json_done) json_t *root = NULL;
    TRY(json_read(arena, line, &root));
    const json_t *age = json_object_get(root, "age_months");
    struct triage_symptom symptoms[SYMPTOMS_MAX];
    struct triage_text text = {"complaint", text_of(root, "complaint")};
    struct triage_input in = {.lang = text_of(root, "lang"), .age_months = -1};
    struct str sex = text_of(root, "sex");
    in.sex = sex.n == 1 ? sex.p[0] : '\0';
    if (json_is_number(age) && json_number_value(age) >= 0 && json_number_value(age) < 2000)
        in.age_months = (int)json_number_value(age);
    in.texts = &text;
    in.text_count = text.text.n > 0;
    in.symptoms = symptoms;
    in.symptom_count = read_symptoms(json_object_get(root, "symptoms"), symptoms);
    read_vitals(json_object_get(root, "vitals"), &in.vitals);
    struct triage_result result;
    triage_score(arena, triage_rules_default(), &in, &result);
    score_write(&result, json_object_get(root, "id"), explain, out);
    return NULL;
}
