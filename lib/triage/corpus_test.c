/* The engine against published sets: the figures of the README stay where they are.
 * Usage: triage_corpus_test negex_kit_en.tsv nubes_s1_es.tsv ktas_dev.csv context_own.tsv
 *        presentations_own.tsv */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "triage/triage.h"
#include "triage/units.h"

#define COLUMNS  24
#define KTAS_MAX 700

static char **files;
static struct arena *arena;

static size_t split(char *line, char sep, struct str *columns)
{
    struct str rest = {line, strcspn(line, "\r\n")};
    size_t n = 0;
    while (n < COLUMNS && (rest.n > 0 || n == 0))
        columns[n++] = str_cut(&rest, sep);
    return n;
}

/* Per mille of agreement between two yes-no labels. */
struct f1 {
    size_t tp, fp, fn;
};

static void f1_add(struct f1 *f, bool gold, bool said)
{
    f->tp += gold && said;
    f->fp += !gold && said;
    f->fn += gold && !said;
}

static size_t f1_permille(const struct f1 *f)
{
    return 2000 * f->tp / (2 * f->tp + f->fp + f->fn);
}

struct context_counts {
    struct f1 negated, historical, possible;
    size_t present, suppressed;
};

/* id lang phrase sentence neg temp exp src */
static void count_context(const struct str *c, struct context_counts *n)
{
    enum triage_assertion a = triage_context(arena, triage_rules_default(), c[1], c[2], c[3]);
    bool possible = str_eq(c[4], STR("possible")), affirmed = str_eq(c[4], STR("affirmed"));
    bool other = str_eq(c[6], STR("other"));
    if (!possible && !other)
        f1_add(&n->negated, str_eq(c[4], STR("negated")), a == TRIAGE_NEGATED);
    if (affirmed && !other)
        f1_add(&n->historical, str_eq(c[5], STR("historical")), a == TRIAGE_HISTORICAL);
    f1_add(&n->possible, possible, a == TRIAGE_POSSIBLE);
    bool now = str_eq(c[5], STR("recent")) || str_eq(c[5], STR("-"));
    if (affirmed && now && !other) {
        n->present++;
        n->suppressed += a == TRIAGE_NEGATED || a == TRIAGE_HISTORICAL || a == TRIAGE_OTHER;
    }
}

static struct context_counts read_context(const char *file)
{
    struct context_counts n = {0};
    FILE *f = fopen(file, "r");
    assert_non_null(f);
    char *line = NULL;
    size_t cap = 0;
    assert_true(getline(&line, &cap, f) > 0); /* heading */
    while (getline(&line, &cap, f) > 0) {
        struct str c[COLUMNS] = {0};
        assert_true(split(line, '\t', c) >= 7);
        count_context(c, &n);
        arena_reset(arena);
    }
    free(line);
    fclose(f);
    return n;
}

static void test_the_english_kit_is_understood(void **state)
{
    (void)state;
    struct context_counts n = read_context(files[0]);
    printf("NegEx kit: negation F1 %zu, historical F1 %zu, suppressed %zu/%zu\n",
           f1_permille(&n.negated), f1_permille(&n.historical), n.suppressed, n.present);
    assert_true(f1_permille(&n.negated) >= 985);
    assert_true(f1_permille(&n.historical) >= 750);
    assert_true(n.suppressed * 1000 <= n.present * 10);
}

static void test_the_spanish_set_is_understood(void **state)
{
    (void)state;
    struct context_counts n = read_context(files[1]);
    printf("NUBes: negation F1 %zu, possible recall %zu, suppressed %zu/%zu\n",
           f1_permille(&n.negated), 1000 * n.possible.tp / (n.possible.tp + n.possible.fn),
           n.suppressed, n.present);
    assert_true(f1_permille(&n.negated) >= 980);
    assert_true(n.possible.tp * 1000 >= (n.possible.tp + n.possible.fn) * 780);
    assert_true(n.suppressed * 1000 <= n.present * 20);
}

static struct triage_vital number(struct str s, int scale)
{
    int milli = 0;
    bool any = false;
    for (size_t i = 0, unit = 0; i < s.n; i++) {
        if (s.p[i] == '.') {
            unit = 1;
        } else if (s.p[i] >= '0' && s.p[i] <= '9' && unit < 2) {
            milli = unit == 0 ? milli * 10 + (s.p[i] - '0') * 10 : milli + (s.p[i] - '0');
            unit += unit > 0;
            any = true;
        } else {
            return (struct triage_vital){0};
        }
    }
    return (struct triage_vital){any, milli * scale / 10};
}

struct visit {
    int score;
    bool high; /* the experts said level 1 or 2 */
    bool first;
};

/* Columns 1 sex, 2 age, 6 complaint, 7 mental, 8 pain?, 9 pain, 10 SBP .. 15 SpO2, 19 expert. */
static struct visit score_visit(const struct str *c)
{
    struct triage_text text = {"complaint", c[6]};
    struct triage_input in = {.lang = STR("en"), .texts = &text, .text_count = 1};
    in.age_months = number(c[2], 1).value * 12;
    in.sex = c[1].p[0] == '1' ? 'F' : 'M';
    in.vitals.sbp = number(c[10], 1);
    in.vitals.dbp = number(c[11], 1);
    in.vitals.hr = number(c[12], 1);
    in.vitals.rr = number(c[13], 1);
    in.vitals.temp = number(c[14], 10);
    in.vitals.spo2 = number(c[15], 1);
    in.vitals.acvpu = "AVPU"[(c[7].p[0] - '1') & 3];
    in.vitals.pain = c[8].p[0] == '1' ? number(c[9], 1) : (struct triage_vital){true, 0};
    struct triage_result r;
    triage_score(arena, triage_rules_default(), &in, &r);
    return (struct visit){r.score, c[19].p[0] <= '2', c[19].p[0] == '1'};
}

static size_t read_visits(struct visit *v)
{
    FILE *f = fopen(files[2], "r");
    assert_non_null(f);
    char line[2048];
    size_t n = 0;
    assert_non_null(fgets(line, sizeof(line), f)); /* heading */
    while (fgets(line, sizeof(line), f) != NULL && n < KTAS_MAX) {
        struct str c[COLUMNS] = {0};
        assert_true(split(line, ';', c) > 19);
        v[n++] = score_visit(c);
        arena_reset(arena);
    }
    fclose(f);
    return n;
}

/* Area under the ROC curve in per mille: how often a high visit scores above another. */
static size_t auc_permille(const struct visit *v, size_t n)
{
    size_t pairs = 0, half_wins = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            if (!v[i].high || v[j].high)
                continue;
            pairs++;
            half_wins += v[i].score > v[j].score ? 2 : v[i].score == v[j].score;
        }
    }
    return 500 * half_wins / pairs;
}

static void test_the_emergency_visits_are_told_apart(void **state)
{
    (void)state;
    static struct visit v[KTAS_MAX];
    size_t n = read_visits(v), high = 0, caught = 0, low = 0, quiet = 0, first_missed = 0;
    for (size_t i = 0; i < n; i++) {
        high += v[i].high;
        caught += v[i].high && v[i].score >= 60;
        low += !v[i].high;
        quiet += !v[i].high && v[i].score < 60;
        first_missed += v[i].first && v[i].score < 60;
    }
    printf("KTAS: n %zu, AUC %zu, sensitivity %zu/%zu, specificity %zu/%zu\n", n,
           auc_permille(v, n), caught, high, quiet, low);
    assert_int_equal(n, 631);
    assert_true(auc_permille(v, n) >= 900);
    assert_true(caught * 1000 >= high * 860);
    assert_true(quiet * 1000 >= low * 845);
    assert_int_equal(first_missed, 0);
}

/* Opens a table of our own behind its comments and heading. */
static FILE *own_open(const char *file, char **line, size_t *cap)
{
    FILE *f = fopen(file, "r");
    assert_non_null(f);
    while (getline(line, cap, f) > 0 && (*line)[0] == '#') {
    }
    return f;
}

/* lang expected phrase sentence */
static void test_phrases_of_a_front_desk_are_understood(void **state)
{
    (void)state;
    char *line = NULL;
    size_t cap = 0, n = 0, right = 0;
    FILE *f = own_open(files[3], &line, &cap);
    while (getline(&line, &cap, f) > 0) {
        struct str c[COLUMNS] = {0};
        assert_true(split(line, '\t', c) == 4);
        enum triage_assertion a = triage_context(arena, triage_rules_default(), c[0], c[2], c[3]);
        bool same = str_eq(c[1], str_of(triage_assertion_name(a)));
        if (!same)
            printf("  %s, not " STR_FMT ": " STR_FMT "\n", triage_assertion_name(a), STR_ARG(c[1]),
                   STR_ARG(c[3]));
        n++;
        right += same;
        arena_reset(arena);
    }
    free(line);
    fclose(f);
    printf("Own phrases: %zu/%zu\n", right, n);
    assert_true(n >= 300);
    assert_true(right * 1000 >= n * 985);
}

/* lang expected age_months sex complaint */
static bool presentation_is_right(const struct str *c)
{
    uint64_t age = 0;
    assert_true(str_u64(c[2], 2000, &age));
    struct triage_text text = {"complaint", c[4]};
    struct triage_input in = {.lang = c[0], .age_months = (int)age, .sex = c[3].p[0]};
    in.texts = &text;
    in.text_count = 1;
    struct triage_result r;
    triage_score(arena, triage_rules_default(), &in, &r);
    bool right = r.emergency == str_eq(c[1], STR("urgent"));
    if (!right)
        printf("  %d, not " STR_FMT ": " STR_FMT "\n", r.score, STR_ARG(c[1]), STR_ARG(c[4]));
    arena_reset(arena);
    return right;
}

static void test_red_flags_in_plain_words_are_emergencies_and_benign_ones_none(void **state)
{
    (void)state;
    char *line = NULL;
    size_t cap = 0, n = 0, right = 0;
    FILE *f = own_open(files[4], &line, &cap);
    while (getline(&line, &cap, f) > 0) {
        struct str c[COLUMNS] = {0};
        assert_true(split(line, '\t', c) == 5);
        n++;
        right += presentation_is_right(c);
    }
    free(line);
    fclose(f);
    printf("Own presentations: %zu/%zu\n", right, n);
    assert_true(n >= 1800);
    assert_true(right * 1000 >= n * 975);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_english_kit_is_understood),
        cmocka_unit_test(test_the_spanish_set_is_understood),
        cmocka_unit_test(test_the_emergency_visits_are_told_apart),
        cmocka_unit_test(test_phrases_of_a_front_desk_are_understood),
        cmocka_unit_test(test_red_flags_in_plain_words_are_emergencies_and_benign_ones_none),
    };
    if (argc != 6)
        return 2;
    files = argv + 1;
    arena = arena_new((size_t)64 << 20);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(&arena);
    return failed;
}
