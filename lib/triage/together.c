/* What a complaint and a vital sign mean together, where neither says it alone.
 *
 * From the second-order modifiers of CTAS/KTAS (2016 revision) and ESI's danger-zone vitals; adults
 * only, children have their own thresholds. The rule not to break: each rule here needs a complaint
 * that is present (a reason from text or boxes), never a suppressed one. */
#include "triage/triage_int.h"

#include "base/cleanup.h"

static bool has_rule(const struct reasons *all, const char *rule)
{
    for (size_t i = 0; i < all->n; i++) {
        if (strcmp(all->r[i].rule, rule) == 0)
            return true;
    }
    return false;
}

static bool has_group(const struct reasons *all, const char *group)
{
    for (size_t i = 0; i < all->n; i++) {
        bool said = all->r[i].end > all->r[i].start || all->r[i].symptom >= 0;
        if (said && strcmp(all->r[i].group, group) == 0)
            return true;
    }
    return false;
}

static bool at_least(struct triage_vital v, int value)
{
    return v.known && v.value >= value;
}

static bool below(struct triage_vital v, int value)
{
    return v.known && v.value < value;
}

/* Pain in the head, chest, abdomen or upper back counts as central (CTAS). */
static bool has_central_pain(const struct reasons *all)
{
    static const char *const rules[] = {"headache",   "chest_pain", "abd_pain",
                                        "flank_pain", "back_pain",  "pleuritic_pain"};
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        if (has_rule(all, rules[i]))
            return true;
    }
    return false;
}

static bool has_poor_perfusion_sign(const struct reasons *all)
{
    static const char *const rules[] = {"dizziness", "presyncope", "syncope",    "weakness_general",
                                        "dyspnea",   "chest_pain", "bradycardia"};
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        if (has_rule(all, rules[i]))
            return true;
    }
    return false;
}

static void add(struct reasons *out, const char *rule, const char *group, const char *field,
                int points, int floor, const char *source)
{
    struct triage_reason r = {.rule = rule,
                              .group = group,
                              .points = points,
                              .floor = floor,
                              .source = source,
                              .field = field,
                              .symptom = -1};
    reasons_add(out, &r);
}

void together_reasons(const struct triage_vitals *v, struct reasons *out)
{
    bool short_of_breath = has_rule(out, "dyspnea") || has_rule(out, "asthma_attack");
    if (short_of_breath && (at_least(v->rr, 24) || below(v->spo2, 92)))
        add(out, "respiratory_distress", "breathing",
            at_least(v->rr, 24) ? "respiratoryRate" : "spo2", 68, TRIAGE_URGENT_AT, "CTAS2");
    else if (has_rule(out, "dyspnea") && !v->rr.known && !v->spo2.known)
        add(out, "breathing_not_measured", "breathing", "vitals", 62, TRIAGE_URGENT_AT,
            "ESI-danger-zone");
    if (has_group(out, "infection") && at_least(v->temp, 380) && at_least(v->hr, 91))
        add(out, "fever_sirs", "infection", "temperatureC", 64, TRIAGE_URGENT_AT,
            "CTAS-fever-SIRS");
    if (has_central_pain(out) && at_least(v->pain, 8))
        add(out, "severe_central_pain", "pain", "painScore", 62, TRIAGE_URGENT_AT,
            "CTAS-pain-severe-central");
    if (has_poor_perfusion_sign(out) && v->hr.known && v->hr.value <= 50)
        add(out, "symptomatic_bradycardia", "cardiac", "heartRate", 64, TRIAGE_URGENT_AT, "CTAS2");
}
