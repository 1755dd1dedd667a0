/* From mentions, boxes and vital signs to a score with its reasons.
 *
 * Combination, in integers so that every compiler gives the same bytes: of each group the highest
 * reason counts; highest group first, rem = (rem * (100 - p) + 50) / 100 with p of later groups
 * divided by 3; score = 100 - rem. The rule not to break: floors come last and nothing lowers
 * them. */
#include "triage/triage_int.h"

#include "base/cleanup.h"
#include "triage/units.h"

#define REASONS_MAX 512
#define CAP_MANY    (TRIAGE_URGENT_AT - 1) /* many small things alone never make an emergency */
#define AGE_NEWS2   192                    /* months: NEWS2 is for 16 years and over */

struct scoring {
    struct arena *arena;
    const struct triage_rules *rules;
    const struct triage_input *in;
    struct triage_result *ret;
    struct reasons reasons;
    bool modified; /* a concept that is no modifier was found */
    size_t suppressed_cap;
    unsigned langs;
};

static const struct box_rule boxes[] = {
    {"chest_pain", "chest_pain", TRIAGE_URGENT_AT},
    {"short_breath", "dyspnea", TRIAGE_URGENT_AT},
    {"stroke_signs", "stroke_fast", TRIAGE_URGENT_AT},
    {"loss_conscious", "syncope", TRIAGE_URGENT_AT},
    {"severe_bleeding", "severe_bleeding", TRIAGE_URGENT_AT},
    {"throat_swelling", "anaphylaxis", TRIAGE_URGENT_AT},
    {"suicidal", "suicidal_ideation", TRIAGE_URGENT_AT},
    {"fever", "fever", 0},
    {"cough", "cough", 0},
    {"headache", "headache", 0},
    {"nausea", "vomiting", 0},
    {"abdominal_pain", "abd_pain", 0},
    {"dizziness", "dizziness", 0},
    {"rash", "rash", 0},
    {"back_pain", "back_pain", 0},
    {"sore_throat", "sore_throat", 0},
    {"fatigue", "weakness_general", 0},
    {"joint_pain", "joint_limb_pain", 0},
    {"diarrhea", "diarrhea", 0},
    {"palpitations", "palpitations", 0},
};

const struct box_rule *box_rule_find(const char *key)
{
    for (size_t i = 0; i < ARRAY_LEN(boxes); i++) {
        if (strcmp(boxes[i].key, key) == 0)
            return &boxes[i];
    }
    return NULL;
}

int level_floor(enum triage_level level)
{
    static const int floors[] = {0, TRIAGE_MODERATE_AT, TRIAGE_URGENT_AT, TRIAGE_CRITICAL_AT};
    return floors[level];
}

const char *triage_level_name(enum triage_level level)
{
    static const char *const names[] = {"LOW", "MODERATE", "URGENT", "CRITICAL"};
    return names[level];
}

/* A full list lets its weakest go: what is one more small thing among hundreds. */
static void reasons_replace(struct reasons *out, const struct triage_reason *reason)
{
    struct triage_reason *least = out->r;
    for (size_t i = 1; i < out->n; i++) {
        const struct triage_reason *r = &out->r[i];
        if (r->floor < least->floor || (r->floor == least->floor && r->points < least->points))
            least = &out->r[i];
    }
    bool stronger = reason->floor > least->floor ||
                    (reason->floor == least->floor && reason->points > least->points);
    if (stronger)
        *least = *reason;
}

void reasons_add(struct reasons *out, const struct triage_reason *reason)
{
    if (out->n == REASONS_MAX) {
        reasons_replace(out, reason);
        return;
    }
    if (out->n == out->cap) {
        size_t cap = out->cap ? out->cap * 2 : 16;
        struct triage_reason *bigger = arena_array(out->arena, cap, sizeof(*bigger));
        if (out->n > 0)
            memcpy(bigger, out->r, out->n * sizeof(*bigger));
        out->r = bigger;
        out->cap = cap;
    }
    out->r[out->n++] = *reason;
}

void reasons_add_vital(struct reasons *out, const char *rule, const char *field, int points,
                       int floor, const char *source)
{
    struct triage_reason r = {.rule = rule,
                              .group = "vitals",
                              .points = points,
                              .floor = floor,
                              .source = source,
                              .field = field,
                              .symptom = -1};
    reasons_add(out, &r);
}

static void review_add(struct triage_result *ret, const char *why)
{
    for (size_t i = 0; i < ret->review_count; i++) {
        if (strcmp(ret->review_why[i], why) == 0)
            return;
    }
    if (ret->review_count < ARRAY_LEN(ret->review_why))
        ret->review_why[ret->review_count++] = why;
    ret->review = true;
}

/* Age and sex gates; an unknown age or sex opens them. */
static bool gates_open(const struct scoring *s, const struct gates *g)
{
    int age = s->in->age_months;
    if (age >= 0 && (age < g->age_from || age >= g->age_to))
        return false;
    return g->sex == 0 || s->in->sex == 0 || s->in->sex == g->sex;
}

static bool concept_applies(const struct scoring *s, const struct concept *k)
{
    return gates_open(s, &k->gates);
}

/* Whether a mention may hide others and the words it names: what a clinic's overlay added may not,
 * or a harmless phrase of its own would take a red flag away. */
static bool may_hide(const struct scoring *s, const struct match *m)
{
    return !m->added && gates_open(s, &s->rules->concepts[m->owner].hides);
}

static bool gate_is_open(const struct scoring *s, const struct concept *k)
{
    bool age_gated = k->gates.age_from > 0 || k->gates.age_to < 1200;
    return age_gated && s->in->age_months < 0;
}

static void suppressed_add(struct scoring *s, const struct triage_suppressed *one)
{
    struct triage_result *ret = s->ret;
    if (ret->suppressed_count == REASONS_MAX)
        return;
    if (ret->suppressed_count == s->suppressed_cap) {
        size_t cap = s->suppressed_cap ? s->suppressed_cap * 2 : 8;
        struct triage_suppressed *bigger = arena_array(s->arena, cap, sizeof(*bigger));
        if (ret->suppressed_count > 0)
            memcpy(bigger, ret->suppressed, ret->suppressed_count * sizeof(*bigger));
        ret->suppressed = bigger;
        s->suppressed_cap = cap;
    }
    ret->suppressed[ret->suppressed_count++] = *one;
}

/* Whether a mention with this assertion still counts: a faint an hour ago does. */
static bool counts(const struct concept *k, enum triage_assertion a)
{
    if (a == TRIAGE_AFFIRMED || a == TRIAGE_POSSIBLE)
        return true;
    return a == TRIAGE_HISTORICAL && k->persist == PERSIST_ANY;
}

static void mention_add(struct scoring *s, const struct match *m, const struct tokens *t,
                        const char *field, enum triage_assertion a)
{
    const struct concept *k = &s->rules->concepts[m->owner];
    size_t start = t->t[m->from].start, end = t->t[m->to - 1].end;
    if (!counts(k, a)) {
        struct triage_suppressed one = {k->id, a, field, start, end};
        suppressed_add(s, &one);
        return;
    }
    bool sure = a != TRIAGE_POSSIBLE;
    struct triage_reason r = {.rule = k->id,
                              .group = k->group,
                              .source = k->source,
                              .field = field,
                              .start = start,
                              .end = end,
                              .symptom = -1,
                              .typo = m->typo};
    r.points = sure ? k->points : k->points * 4 / 5;
    r.floor = sure ? level_floor(k->level) : 0;
    if (k->modifier || m->typo)
        r.floor = 0;
    if (k->level >= TRIAGE_URGENT && (!sure || m->typo))
        review_add(s->ret, sure ? "red flag read with a typing error" : "possible red flag");
    if (gate_is_open(s, k))
        review_add(s->ret, "age unknown");
    s->modified |= !k->modifier;
    reasons_add(&s->reasons, &r);
}

/* True when another concept's longer phrase names every word of this one: "near syncope". */
static bool is_part_of_longer(const struct scoring *s, const struct matches *all, size_t at)
{
    const struct match *m = &all->m[at];
    size_t first = at;
    while (first > 0 && all->m[first - 1].from + 20 > m->from)
        first--;
    for (size_t i = first; i < all->n && all->m[i].from <= m->from; i++) {
        const struct match *o = &all->m[i];
        if (i == at || !may_hide(s, o))
            continue;
        if (o->words <= m->words || o->to < m->to)
            continue;
        if ((o->literal >> (m->from - o->from) & m->literal) == m->literal)
            return true;
    }
    return false;
}

/* Marks the words that a concept of this patient's age and sex names. */
static void take_words(const struct scoring *s, const struct matches *all, bool *taken)
{
    for (size_t i = 0; i < all->n; i++) {
        const struct match *m = &all->m[i];
        if (!may_hide(s, m))
            continue;
        for (size_t at = m->from; at < m->to; at++)
            taken[at] |= (m->literal >> (at - m->from) & 1) != 0;
    }
}

static void score_text(struct scoring *s, const struct triage_text *text)
{
    struct tokens tokens;
    struct matches all;
    struct contexts contexts;
    tokens_read(s->arena, text->text, &tokens);
    tokens_look_up(s->rules->symbols, &tokens, text->doubtful);
    contexts_read(s->arena, s->rules, s->langs, &tokens, &contexts);
    pattern_set_find(s->arena, &s->rules->lexicon, s->langs, &tokens, &all);
    bool *taken = arena_array(s->arena, tokens.n + 1, sizeof(*taken));
    take_words(s, &all, taken);
    contexts_protect(&contexts, taken);
    contexts.child = s->in->age_months >= 0 && s->in->age_months < AGE_NEWS2;
    if (tokens.cut)
        review_add(s->ret, "text too long");
    for (size_t i = 0; i < all.n; i++) {
        const struct match *m = &all.m[i];
        if (!concept_applies(s, &s->rules->concepts[m->owner]) || is_part_of_longer(s, &all, i))
            continue;
        mention_add(s, m, &tokens, text->field, contexts_of(&contexts, m->from, m->to));
    }
}

static const struct concept *concept_find(const struct triage_rules *rules, const char *id)
{
    for (size_t i = 0; i < rules->concept_count; i++) {
        if (strcmp(rules->concepts[i].id, id) == 0)
            return &rules->concepts[i];
    }
    return NULL;
}

static void score_box(struct scoring *s, int index)
{
    const struct triage_symptom *box = &s->in->symptoms[index];
    if (!box->checked)
        return;
    const struct box_rule *rule = box_rule_find(box->concept);
    const struct concept *k = concept_find(s->rules, rule ? rule->concept : box->concept);
    if (k == NULL) {
        review_add(s->ret, "unknown symptom box");
        return;
    }
    int floor = rule ? rule->floor : 0;
    if (concept_applies(s, k) && level_floor(k->level) > floor)
        floor = level_floor(k->level);
    struct triage_reason r = {.rule = k->id,
                              .group = k->group,
                              .source = k->source,
                              .field = "symptoms",
                              .symptom = index,
                              .points = k->points,
                              .floor = floor};
    s->modified |= !k->modifier;
    reasons_add(&s->reasons, &r);
}

static void missing_add(struct triage_result *ret, bool known, const char *name)
{
    if (!known)
        ret->missing[ret->missing_count++] = name;
}

static bool keep_if(struct triage_vital *v, bool plausible)
{
    bool dropped = v->known && !plausible;
    if (dropped)
        v->known = false;
    return dropped;
}

/* The vital signs without what cannot be true: an SpO2 of 20 is a slip of the pen, not a finding.
 */
static struct triage_vitals plausible_vitals(struct scoring *s)
{
    struct triage_vitals v = s->in->vitals;
    bool dropped = keep_if(&v.sbp, triage_bp_plausible(v.sbp.value, -1));
    dropped |= keep_if(&v.hr, triage_hr_plausible(v.hr.value));
    dropped |= keep_if(&v.rr, triage_rr_plausible(v.rr.value, s->in->age_months));
    dropped |= keep_if(&v.spo2, triage_spo2_plausible(v.spo2.value));
    dropped |= keep_if(&v.temp, triage_temp_plausible(v.temp.value));
    dropped |= keep_if(&v.pain, v.pain.value >= 0 && v.pain.value <= 10);
    if (dropped)
        review_add(s->ret, "implausible vital sign");
    return v;
}

static void score_vitals(struct scoring *s)
{
    const struct triage_vitals vitals = plausible_vitals(s), *v = &vitals;
    missing_add(s->ret, v->rr.known, "respiratoryRate");
    missing_add(s->ret, v->spo2.known, "spo2");
    missing_add(s->ret, v->sbp.known, "systolicBp");
    missing_add(s->ret, v->hr.known, "heartRate");
    missing_add(s->ret, v->acvpu != 0, "consciousness");
    missing_add(s->ret, v->temp.known, "temperatureC");
    s->ret->news2 = -1;
    bool child = s->in->age_months >= 0 && s->in->age_months < AGE_NEWS2;
    if (child)
        paeds_reasons(v, s->in->age_months, &s->reasons);
    else if (s->ret->missing_count < 6 || v->on_oxygen)
        news2_reasons(v, &s->reasons, &s->ret->news2);
    if (!child)
        together_reasons(v, &s->reasons);
    if (v->pain.known && v->pain.value >= 7) {
        struct triage_reason pain = {.rule = "pain_score",
                                     .group = "pain",
                                     .source = "CTAS-mod",
                                     .field = "painScore",
                                     .symptom = -1};
        pain.points = v->pain.value >= 9 ? 30 : 20;
        reasons_add(&s->reasons, &pain);
    }
}

static void score_age(struct scoring *s)
{
    static const struct {
        int from, to, points;
        const char *rule;
    } ages[] = {{780, 900, 8, "age_65"}, {900, 100000, 14, "age_75"}, {0, 3, 15, "age_neonate"}};
    int age = s->in->age_months;
    for (size_t i = 0; i < ARRAY_LEN(ages) && s->modified; i++) {
        if (age < ages[i].from || age >= ages[i].to)
            continue;
        struct triage_reason r = {.rule = ages[i].rule,
                                  .group = "age",
                                  .points = ages[i].points,
                                  .source = "CTAS-mod",
                                  .field = "age",
                                  .symptom = -1};
        reasons_add(&s->reasons, &r);
    }
}

/* Insertion sort: higher points first, then higher floor, then earlier; few reasons, stable. */
static void reasons_sort(struct reasons *all)
{
    for (size_t i = 1; i < all->n; i++) {
        struct triage_reason r = all->r[i];
        size_t at = i;
        while (at > 0 && (all->r[at - 1].points < r.points ||
                          (all->r[at - 1].points == r.points && all->r[at - 1].floor < r.floor))) {
            all->r[at] = all->r[at - 1];
            at--;
        }
        all->r[at] = r;
    }
}

static bool group_seen(const struct reasons *all, size_t before)
{
    for (size_t i = 0; i < before; i++) {
        if (strcmp(all->r[i].group, all->r[before].group) == 0)
            return true;
    }
    return false;
}

/* The arithmetic of the head comment over sorted reasons. */
static int combine(struct reasons *all, bool modified)
{
    int rem = 100, floor = 0, strongest = 0;
    bool first = true;
    for (size_t i = 0; i < all->n; i++) {
        struct triage_reason *r = &all->r[i];
        floor = r->floor > floor ? r->floor : floor;
        bool alone = strcmp(r->group, "modifier") == 0 && !modified;
        if (alone || group_seen(all, i))
            continue;
        int p = first ? r->points : r->points / 3;
        strongest = first ? r->points : strongest;
        rem = (rem * (100 - p) + 50) / 100;
        r->counted = true;
        first = false;
    }
    int score = 100 - rem;
    if (strongest < TRIAGE_URGENT_AT && floor < TRIAGE_URGENT_AT && score > CAP_MANY)
        score = CAP_MANY;
    return score > floor ? score : floor;
}

static unsigned langs_of(struct str lang)
{
    if (str_eq(lang, STR("en")))
        return LANG_EN;
    return str_eq(lang, STR("es")) ? LANG_ES : LANG_BOTH;
}

static enum triage_level level_of(int score)
{
    if (score >= TRIAGE_CRITICAL_AT)
        return TRIAGE_CRITICAL;
    if (score >= TRIAGE_URGENT_AT)
        return TRIAGE_URGENT;
    return score >= TRIAGE_MODERATE_AT ? TRIAGE_MODERATE : TRIAGE_LOW;
}

static bool has_words(const struct triage_input *in)
{
    for (size_t i = 0; i < in->text_count; i++) {
        if (str_trim(in->texts[i].text).n > 0)
            return true;
    }
    return false;
}

/* "My daughter cut her wrists" and nothing else: is she the patient? A person should read it. */
static bool has_others_red_flag(const struct triage_result *ret, const struct triage_rules *rules)
{
    for (size_t i = 0; i < ret->suppressed_count; i++) {
        const struct concept *k = concept_find(rules, ret->suppressed[i].rule);
        if (ret->suppressed[i].why == TRIAGE_OTHER && k != NULL && k->level >= TRIAGE_URGENT)
            return true;
    }
    return false;
}

/* Something was written that no rule knows: not nothing, and a person should read it. */
static void unknown_complaint(struct scoring *s)
{
    struct triage_reason r = {.rule = "complaint_not_recognised",
                              .group = "unknown",
                              .points = 18,
                              .source = "-",
                              .field = s->in->texts[0].field,
                              .symptom = -1};
    reasons_add(&s->reasons, &r);
    review_add(s->ret, "complaint not recognised");
}

void triage_score(struct arena *arena, const struct triage_rules *rules,
                  const struct triage_input *input, struct triage_result *ret)
{
    struct scoring s = {.arena = arena, .rules = rules, .in = input, .ret = ret};
    *ret = (struct triage_result){.version = rules->version, .sha256 = rules->sha256};
    s.reasons.arena = arena;
    s.langs = langs_of(input->lang);
    for (size_t i = 0; i < input->text_count; i++)
        score_text(&s, &input->texts[i]);
    for (size_t i = 0; i < input->symptom_count; i++)
        score_box(&s, (int)i);
    size_t said = s.reasons.n;
    if (said == 0 && ret->suppressed_count == 0 && has_words(input))
        unknown_complaint(&s);
    if (said == 0 && has_others_red_flag(ret, rules))
        review_add(ret, "red flag of another person");
    score_vitals(&s);
    s.modified |= s.reasons.n > said;
    score_age(&s);
    if (said == 0 && ret->suppressed_count == 0 && ret->missing_count == 6)
        review_add(ret, "nothing to score");
    reasons_sort(&s.reasons);
    ret->score = combine(&s.reasons, s.modified);
    ret->level = level_of(ret->score);
    ret->emergency = ret->score >= (input->emergency_at > 0 ? input->emergency_at : 60);
    ret->reasons = s.reasons.r;
    ret->reason_count = s.reasons.n;
}
