/* Tests of the triage engine: published vectors, assertion, combination, hostile input.
 * Usage: triage_test NEWS2_VECTORS UNIT_VECTORS */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "triage/triage.h"
#include "triage/units.h"

static const char *news2_file, *unit_file;
static struct arena *arena;

static int score_of(struct triage_input in, const char *text, struct triage_result *ret)
{
    struct triage_text t = {"chiefComplaint", str_of(text)};
    in.texts = &t;
    in.text_count = 1;
    triage_score(arena, triage_rules_default(), &in, ret);
    return ret->score;
}

static const struct triage_input adult_es = {.lang = STR("es"), .age_months = 480, .sex = 'M'};
static const struct triage_input adult_en = {.lang = STR("en"), .age_months = 480, .sex = 'M'};

static bool has_reason(const struct triage_result *r, const char *rule)
{
    for (size_t i = 0; i < r->reason_count; i++) {
        if (strcmp(r->reasons[i].rule, rule) == 0)
            return true;
    }
    return false;
}

static struct triage_vital vital_column(struct str c)
{
    uint64_t v;
    return str_u64(c, 10000, &v) ? (struct triage_vital){true, (int)v} : (struct triage_vital){0};
}

/* Reads the next line of a vector file into columns; comments and the heading are skipped. */
static size_t next_row(FILE *f, char *line, size_t cap, struct str *columns, size_t max)
{
    while (fgets(line, (int)cap, f) != NULL) {
        struct str rest = {line, strcspn(line, "\n")};
        if (rest.n == 0 || line[0] == '#')
            continue;
        size_t n = 0;
        while (n < max && (rest.n > 0 || n == 0))
            columns[n++] = str_cut(&rest, '\t');
        return n;
    }
    return 0;
}

static void test_every_news2_vector_scores_as_published(void **state)
{
    (void)state;
    FILE *f = fopen(news2_file, "r");
    assert_non_null(f);
    char line[512];
    struct str c[20];
    size_t rows = 0;
    assert_true(next_row(f, line, sizeof(line), c, 20) > 0); /* heading */
    while (next_row(f, line, sizeof(line), c, 20) > 0) {
        struct triage_vitals v = {.rr = vital_column(c[0]), .spo2 = vital_column(c[1])};
        v.on_oxygen = c[2].p[0] == '1';
        v.scale2 = c[3].p[0] == '1';
        v.sbp = vital_column(c[4]);
        v.hr = vital_column(c[5]);
        v.acvpu = c[6].p[0] == '-' ? '\0' : c[6].p[0];
        v.temp = vital_column(c[7]);
        struct triage_news2 n = triage_news2(&v);
        const int got[] = {n.rr, n.spo2, n.oxygen, n.sbp, n.hr, n.acvpu, n.temp, n.total, n.any3};
        for (size_t i = 0; i < ARRAY_LEN(got); i++)
            assert_int_equal(got[i], vital_column(c[8 + i]).value);
        rows++;
    }
    fclose(f);
    assert_int_equal(rows, 99);
}

static struct triage_unit read_unit(struct str field, struct str text)
{
    if (str_eq(field, STR("temp")))
        return triage_unit_temp(text);
    if (str_eq(field, STR("bp")))
        return triage_unit_bp(text);
    if (str_eq(field, STR("spo2")))
        return triage_unit_spo2(text);
    if (str_eq(field, STR("hr")))
        return triage_unit_hr(text);
    return triage_unit_rr(text, -1);
}

static void test_every_unit_vector_reads_as_written(void **state)
{
    (void)state;
    FILE *f = fopen(unit_file, "r");
    assert_non_null(f);
    char line[512];
    struct str c[5];
    size_t rows = 0;

    assert_true(next_row(f, line, sizeof(line), c, 5) > 0); /* heading */
    while (next_row(f, line, sizeof(line), c, 5) == 5) {
        struct triage_unit u = read_unit(c[1], c[0]);
        const char *got = u.status == TRIAGE_UNIT_REVIEW ? arena_fmt(arena, "REVIEW %s", u.reason)
                          : u.second >= 0 ? arena_fmt(arena, "sbp=%d dbp=%d", u.value, u.second)
                                          : arena_fmt(arena, "%d", u.value);
        assert_string_equal(got, arena_cstr(arena, c[4]));
        rows++;
    }
    fclose(f);
    assert_int_equal(rows, 31);
}

static void test_a_red_flag_is_an_emergency_and_a_denied_one_is_not(void **state)
{
    (void)state;
    struct triage_result r;
    assert_true(score_of(adult_es, "Dolor toracico desde hace una hora", &r) >= 60);
    assert_true(r.emergency);
    assert_true(has_reason(&r, "chest_pain"));
    assert_true(score_of(adult_es,
                         "Tos leve. Niega dolor tor\xc3\xa1"
                         "cico.",
                         &r) < 60);
    assert_int_equal(r.suppressed_count, 1);
    assert_int_equal(r.suppressed[0].why, TRIAGE_NEGATED);
    assert_true(score_of(adult_en, "cough, denies chest pain", &r) < 60);
    assert_true(score_of(adult_en, "family history: mother had chest pain", &r) < 60);
}

static void test_negation_inside_a_concept_is_no_denial(void **state)
{
    (void)state;
    struct triage_result r;
    assert_true(score_of(adult_es, "no respira", &r) >= 85);
    assert_true(score_of(adult_es, "no puede respirar", &r) >= 60);
    score_of(adult_es, "falta de aire, dolor de pecho", &r);
    assert_true(has_reason(&r, "chest_pain"));
    score_of(adult_es, "no responde y sangra mucho", &r);
    assert_true(has_reason(&r, "severe_bleeding"));
}

static void test_form_marks_decide(void **state)
{
    (void)state;
    struct triage_result r;
    assert_true(score_of(adult_en, "Chest pain: No  Cough: Yes", &r) < 60);
    assert_true(score_of(adult_en, "Chest pain: Yes  Cough: No", &r) >= 60);
    assert_true(score_of(adult_en, "[ ] chest pain [x] cough", &r) < 60);
    assert_true(score_of(adult_en, "[x] chest pain [ ] cough", &r) >= 60);
    assert_true(score_of(adult_en, "chest pain(-), cough(+)", &r) < 60);
}

static void test_evidence_points_at_the_original_bytes(void **state)
{
    (void)state;
    struct triage_result r;
    const char *text = "Se\xc3\xb1ora refiere: DOLOR TOR\xc3\x81"
                       "CICO.";
    score_of(adult_es, text, &r);
    assert_true(has_reason(&r, "chest_pain"));
    struct str evidence = {text + r.reasons[0].start, r.reasons[0].end - r.reasons[0].start};
    assert_true(str_eq(evidence, STR("DOLOR TOR\xc3\x81"
                                     "CICO")));
}

static void test_missing_vitals_are_unknown_not_normal(void **state)
{
    (void)state;
    struct triage_input in = adult_en;
    struct triage_result r;
    triage_score(arena, triage_rules_default(), &in, &r);
    assert_int_equal(r.missing_count, 6);
    assert_int_equal(r.news2, -1);
    assert_true(r.review);
    in.vitals.hr = (struct triage_vital){true, 135};
    in.vitals.rr = (struct triage_vital){true, 26};
    in.vitals.sbp = (struct triage_vital){true, 95};
    triage_score(arena, triage_rules_default(), &in, &r);
    assert_int_equal(r.news2, 8);
    assert_int_equal(r.missing_count, 3);
    assert_true(r.emergency);
}

static void test_a_child_is_judged_by_its_age(void **state)
{
    (void)state;
    struct triage_input in = {.lang = STR("es"), .age_months = 4};
    struct triage_result r;
    in.vitals.hr = (struct triage_vital){true, 135};
    in.vitals.rr = (struct triage_vital){true, 40};
    triage_score(arena, triage_rules_default(), &in, &r);
    assert_false(r.emergency);
    in.age_months = 120;
    triage_score(arena, triage_rules_default(), &in, &r);
    assert_true(r.emergency);
}

static void test_a_red_flag_added_never_lowers_the_score(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "tos", "fiebre y tos", "dolor abdominal, vomito",
                                        "dolor de espalda"};
    static const char *const flags[] = {"convulsion", "sangrado abundante", "dolor toracico",
                                        "inconsciente"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        for (size_t j = 0; j < ARRAY_LEN(flags); j++) {
            struct triage_result without, with;
            score_of(adult_es, texts[i], &without);
            score_of(adult_es, arena_fmt(arena, "%s. %s", texts[i], flags[j]), &with);
            assert_true(with.score >= without.score);
            assert_true(with.score >= 60);
        }
    }
}

static void test_many_small_things_are_no_emergency(void **state)
{
    (void)state;
    struct triage_result r;
    assert_true(score_of(adult_es,
                         "tos, fiebre, dolor de garganta, mareo, diarrea, vomito, comezon, dolor "
                         "de espalda, palpitaciones, dolor abdominal, dolor de oido",
                         &r) < 60);
}

static void test_a_ticked_red_flag_box_sets_its_floor(void **state)
{
    (void)state;
    struct triage_symptom box = {"short_breath", true};
    struct triage_input in = adult_en;
    struct triage_result r;
    in.symptoms = &box;
    in.symptom_count = 1;
    triage_score(arena, triage_rules_default(), &in, &r);
    assert_true(r.emergency);
    box.checked = false;
    triage_score(arena, triage_rules_default(), &in, &r);
    assert_int_equal(r.score, 0);
}

static void test_a_complaint_and_a_vital_sign_count_together(void **state)
{
    (void)state;
    struct triage_input in = adult_es;
    struct triage_result r;
    in.vitals.rr = (struct triage_vital){true, 18};
    assert_true(score_of(in, "falta de aire al caminar", &r) < 60);
    in.vitals.rr = (struct triage_vital){true, 24};
    assert_true(score_of(in, "falta de aire al caminar", &r) >= 60);
    assert_true(has_reason(&r, "respiratory_distress"));
    in.vitals.rr = (struct triage_vital){0};
    score_of(in, "falta de aire al caminar", &r);
    assert_true(has_reason(&r, "breathing_not_measured"));
}

static void test_an_impossible_vital_sign_is_dropped_and_reviewed(void **state)
{
    (void)state;
    struct triage_input in = adult_en;
    struct triage_result r;
    in.vitals.spo2 = (struct triage_vital){true, 20};
    assert_true(score_of(in, "knee pain", &r) < 60);
    assert_true(r.review);
    assert_string_equal(r.review_why[0], "implausible vital sign");
}

static void test_a_badly_read_word_still_counts_and_is_marked(void **state)
{
    (void)state;
    struct triage_result r;
    assert_true(score_of(adult_es, "d0lor de pech0", &r) >= 60);
    assert_true(r.reasons[0].typo);
    assert_true(score_of(adult_es, "convulcion hace una hora", &r) >= 60);
    assert_true(r.reasons[0].typo);
}

static void test_words_of_a_doubtful_text_are_guessed_and_of_a_sure_one_are_not(void **state)
{
    (void)state;
    struct triage_result r;
    struct triage_text text = {"chiefComplaint", STR("slurred speecl simce morning"), true};
    struct triage_input in = adult_en;
    in.texts = &text;
    in.text_count = 1;
    triage_score(arena, triage_rules_default(), &in, &r);
    assert_true(r.emergency);
    assert_true(has_reason(&r, "stroke_fast"));
    assert_true(r.review);
    text.doubtful = false;
    triage_score(arena, triage_rules_default(), &in, &r);
    assert_false(r.emergency);

    text =
        (struct triage_text){"chiefComplaint", STR("ear ache, deuies slortness of lreath"), true};
    triage_score(arena, triage_rules_default(), &in, &r);
    assert_false(r.emergency);
    assert_int_equal(r.suppressed[0].why, TRIAGE_NEGATED);

    text = (struct triage_text){"chiefComplaint", STR("wisit for travel vaccimes"), true};
    triage_score(arena, triage_rules_default(), &in, &r);
    assert_false(r.emergency);
}

static void test_an_event_of_a_named_year_is_history(void **state)
{
    (void)state;
    struct triage_result r;
    assert_true(score_of(adult_en, "had a heart attack in 2015, here for vaccines", &r) < 60);
    assert_int_equal(r.suppressed[0].why, TRIAGE_HISTORICAL);
}

static void check_refused(const char *lexicon, const char *triggers, const char *said)
{
    struct triage_rules *rules = NULL;
    struct problem *p = triage_rules_load(str_of(lexicon), str_of(triggers), &rules);
    assert_non_null(p);
    assert_non_null(strstr(p->detail, said));
    assert_null(rules);
}

#define HEAD     "id\tgroup\tlevel\tpoints\tpersist\tage_months\tsex\tref\ten\tes\n"
#define TRIGGERS "lang\tkind\tphrases\nen\tneg_pre\tno\n"

static void test_a_bad_rule_file_is_refused_with_line_and_reason(void **state)
{
    (void)state;
    check_refused(HEAD "a\tb\tHIGH\t10\tcur\t*\t*\tx\ty\tz\n", TRIGGERS, "lexicon line 2: level");
    check_refused(HEAD "a\tb\tLOW\t101\tcur\t*\t*\tx\ty\tz\n", TRIGGERS, "points");
    check_refused(HEAD "# c\na\tb\tLOW\t1\tcur\t*\t*\tx\ty\n", TRIGGERS, "lexicon line 3: wrong");
    check_refused(HEAD "a\tb\tLOW\t1\tcur\t9-3\t*\tx\ty\tz\n", TRIGGERS, "age");
    check_refused(HEAD "a\tb\tLOW\t1\tcur\t*\t*\tx\ty\tz\na\tb\tLOW\t1\tcur\t*\t*\tx\ty\tz\n",
                  TRIGGERS, "earlier line");
    check_refused(HEAD "a\tb\tLOW\t1\tcur\t*\t*\tx\t_ y\tz\n", TRIGGERS, "gap");
    check_refused(HEAD "a\tb\tLOW\t1\tcur\t*\t*\tx\ty\tz\n",
                  "lang\tkind\tphrases\nfr\tneg_pre\tx\n", "triggers line 2: lang");
    check_refused("", TRIGGERS, "no heading");
}

static struct problem *load_overlaid(const char *overlay, struct triage_rules **ret)
{
    return triage_rules_load_overlaid(
        STR(HEAD "bleed\tblood\tCRITICAL\t90\tcur\t*\t*\tx\tbleeding\tsangra\n"), STR(TRIGGERS),
        str_of(overlay), ret);
}

static void test_an_overlay_raises_and_adds_but_never_lowers(void **state)
{
    (void)state;
    struct triage_rules *rules = NULL;
    assert_null(load_overlaid(HEAD "bleed\tblood\tCRITICAL\t95\tcur\t*\t*\tx\toozing\t\n"
                                   "own\town\tURGENT\t70\tcur\t*\t*\tx\tlocal word\t\n",
                              &rules));
    struct triage_text text = {"x", STR("oozing and bleeding, local word")};
    struct triage_input in = {
        .lang = STR("en"), .age_months = 300, .texts = &text, .text_count = 1};
    struct triage_result r;
    triage_score(arena, rules, &in, &r);
    assert_int_equal(r.reason_count, 3);
    assert_int_equal(r.reasons[0].points, 95);
    triage_rules_free(&rules);
    static const char *const refused[] = {
        HEAD "bleed\tblood\tURGENT\t95\tcur\t*\t*\tx\toozing\t\n",
        HEAD "bleed\tblood\tCRITICAL\t89\tcur\t*\t*\tx\toozing\t\n",
        HEAD "bleed\tblood\tCRITICAL\t95\tcur\t0-9\t*\tx\toozing\t\n",
        HEAD "bleed\tother\tCRITICAL\t95\tcur\t*\t*\tx\toozing\t\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct problem *p = load_overlaid(refused[i], &rules);
        assert_non_null(p);
        assert_non_null(strstr(p->detail, "overlay line 2: an overlay may"));
    }
}

static void test_hostile_text_ends_in_bounded_time(void **state)
{
    (void)state;
    struct arena *big = arena_new((size_t)512 << 20);
    char *text = arena_alloc(big, 1 << 20);
    struct triage_text t = {"x", {text, 1 << 20}};
    struct triage_input in = {.age_months = -1, .texts = &t, .text_count = 1};
    struct triage_result r;
    memset(text, 'a', 1 << 20);
    triage_score(big, triage_rules_default(), &in, &r);
    assert_true(r.review);
    for (size_t i = 0; i + 3 <= 1 << 20; i += 3)
        memcpy(text + i, "no ", 3);
    triage_score(big, triage_rules_default(), &in, &r);
    for (size_t i = 0; i + 12 <= 1 << 20; i += 12)
        memcpy(text + i, "dolor pecho ", 12);
    triage_score(big, triage_rules_default(), &in, &r);
    assert_true(r.emergency);
    memset(text, 0xff, 1 << 20);
    triage_score(big, triage_rules_default(), &in, &r);
    assert_string_equal(r.reasons[0].rule, "complaint_not_recognised");
    arena_free(&big);
}

static void test_context_labels(void **state)
{
    (void)state;
    static const struct {
        const char *lang, *phrase, *sentence;
        enum triage_assertion said;
    } rows[] = {
        {"es", "fiebre", "Niega fiebre y tos.", TRIAGE_NEGATED},
        {"es", "fiebre", "Paciente con fiebre, sin tos.", TRIAGE_AFFIRMED},
        {"es", "infarto", "Antecedente de infarto hace 3 anos", TRIAGE_HISTORICAL},
        {"es", "infarto", "Posible infarto", TRIAGE_POSSIBLE},
        {"en", "stroke", "Her mother had a stroke", TRIAGE_OTHER},
        {"en", "chest pain", "Return if chest pain", TRIAGE_HYPOTHETICAL},
        {"en", "fever", "No cough but fever since Monday", TRIAGE_AFFIRMED},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(triage_context(arena, triage_rules_default(), str_of(rows[i].lang),
                                        str_of(rows[i].phrase), str_of(rows[i].sentence)),
                         rows[i].said);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_news2_vector_scores_as_published),
        cmocka_unit_test(test_every_unit_vector_reads_as_written),
        cmocka_unit_test(test_a_red_flag_is_an_emergency_and_a_denied_one_is_not),
        cmocka_unit_test(test_negation_inside_a_concept_is_no_denial),
        cmocka_unit_test(test_form_marks_decide),
        cmocka_unit_test(test_evidence_points_at_the_original_bytes),
        cmocka_unit_test(test_missing_vitals_are_unknown_not_normal),
        cmocka_unit_test(test_a_child_is_judged_by_its_age),
        cmocka_unit_test(test_a_red_flag_added_never_lowers_the_score),
        cmocka_unit_test(test_many_small_things_are_no_emergency),
        cmocka_unit_test(test_a_ticked_red_flag_box_sets_its_floor),
        cmocka_unit_test(test_a_complaint_and_a_vital_sign_count_together),
        cmocka_unit_test(test_an_impossible_vital_sign_is_dropped_and_reviewed),
        cmocka_unit_test(test_a_badly_read_word_still_counts_and_is_marked),
        cmocka_unit_test(test_words_of_a_doubtful_text_are_guessed_and_of_a_sure_one_are_not),
        cmocka_unit_test(test_an_event_of_a_named_year_is_history),
        cmocka_unit_test(test_a_bad_rule_file_is_refused_with_line_and_reason),
        cmocka_unit_test(test_an_overlay_raises_and_adds_but_never_lowers),
        cmocka_unit_test(test_hostile_text_ends_in_bounded_time),
        cmocka_unit_test(test_context_labels),
    };
    if (argc != 3)
        return 2;
    news2_file = argv[1];
    unit_file = argv[2];
    arena = arena_new((size_t)64 << 20);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(&arena);
    return failed;
}
