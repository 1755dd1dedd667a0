/* Tests of the rule loader: each way a file can be wrong is refused, naming line and reason.
 * Usage: triage_rules_test rules.c pattern.c classes.c (the loader's sources, read for their
 * refusals) */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "triage/triage.h"

static char **sources;

#define HEAD     "id\tgroup\tlevel\tpoints\tpersist\tage_months\tsex\tref\ten\tes\n"
#define TRIGGERS "lang\tkind\tphrases\nen\tneg_pre\tno\n"
#define GOOD     "a\tb\tURGENT\t70\tcur\t0-90\t*\tx\ty\tz\n"
#define LINE(id, group, level, points, persist, age, sex, en)                                      \
    HEAD "# first\n" id "\t" group "\t" level "\t" points "\t" persist "\t" age "\t" sex           \
         "\tx\t" en "\t\n"
#define PHRASE(en)                  LINE("a", "b", "LOW", "1", "cur", "*", "*", en)
#define CLASS_LINE(name, level, en) name "\tclass\t" level "\t-\t-\t-\t-\t-\t" en "\t\n"
#define CLASS(name, level, en)      HEAD CLASS_LINE(name, level, en)
#define TWELVE                      "a b c d e f g h i j k l"
#define SIXTY                       "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff"

/* What is loaded, and what the problem says of it, whole. */
static const struct refusal {
    const char *lexicon, *triggers, *overlay, *said;
} refusals[] = {
    {LINE("A", "b", "LOW", "1", "cur", "*", "*", "y"), TRIGGERS, "",
     "lexicon line 3: id and group are lower case letters, digits and _"},
    {LINE("a", "b c", "LOW", "1", "cur", "*", "*", "y"), TRIGGERS, "",
     "lexicon line 3: id and group are lower case letters, digits and _"},
    {LINE("a", "b", "HIGH", "1", "cur", "*", "*", "y"), TRIGGERS, "",
     "lexicon line 3: level is LOW, MODERATE, URGENT or CRITICAL"},
    {LINE("a", "b", "LOW", "101", "cur", "*", "*", "y"), TRIGGERS, "",
     "lexicon line 3: points are 0 to 100"},
    {LINE("a", "b", "LOW", "-1", "cur", "*", "*", "y"), TRIGGERS, "",
     "lexicon line 3: points are 0 to 100"},
    {LINE("a", "b", "LOW", "1", "now", "*", "*", "y"), TRIGGERS, "",
     "lexicon line 3: persist is cur, 24h or any"},
    {LINE("a", "b", "LOW", "1", "cur", "9-3", "*", "y"), TRIGGERS, "",
     "lexicon line 3: age is * or FROM-TO in months, FROM below TO"},
    {LINE("a", "b", "LOW", "1", "cur", "*", "X", "y"), TRIGGERS, "",
     "lexicon line 3: sex is M, F or *"},
    {LINE("a", "b", "LOW", "1", "cur", "*", "*", ""), TRIGGERS, "",
     "lexicon line 3: a concept needs a phrase"},
    {LINE("a", "b", "CRITICAL", "84", "cur", "*", "*", "y"), TRIGGERS, "",
     "lexicon line 3: a CRITICAL concept has at least 85 points"},
    {HEAD GOOD GOOD, TRIGGERS, "", "lexicon line 3: this id stands on an earlier line too"},
    {HEAD "a\tb\n", TRIGGERS, "", "lexicon line 2: wrong number of columns"},
    {HEAD GOOD "a\tb\tLOW\t1\tcur\t*\t*\tx\ty\tz\tmore\n", TRIGGERS, "",
     "lexicon line 3: wrong number of columns"},
    {HEAD GOOD "\xff\n", TRIGGERS, "", "lexicon line 0: the file is not UTF-8"},
    {"# only a comment\n", TRIGGERS, "", "lexicon line 1: the file has no heading line"},
    {HEAD GOOD, "", "", "triggers line 0: the file has no heading line"},
    {GOOD GOOD, TRIGGERS, "", "lexicon line 1: the file has no heading line"},
    {HEAD, TRIGGERS, "", "lexicon line 1: the file has no concept"},
    {HEAD GOOD, "en\tneg_pre\tno\n", "", "triggers line 1: the file has no heading line"},
    {HEAD GOOD, TRIGGERS, GOOD, "overlay line 1: the file has no heading line"},
    {HEAD GOOD, "lang\tkind\tphrases\nfr\tneg_pre\tx\n", "", "triggers line 2: lang is en or es"},
    {HEAD GOOD, "lang\tkind\tphrases\nen\tdeny\tx\n", "",
     "triggers line 2: no such kind of trigger"},
    {HEAD GOOD, "lang\tkind\tphrases\nen\tneg_pre\t\n", "",
     "triggers line 2: a trigger needs a phrase"},
    {HEAD GOOD, TRIGGERS, HEAD "a\tb\tMODERATE\t70\tcur\t0-90\t*\tx\ty\tz\n",
     "overlay line 2: an overlay may raise a concept, not lower it"},
    {HEAD GOOD, TRIGGERS, HEAD "a\tb\tURGENT\t69\tcur\t0-90\t*\tx\ty\tz\n",
     "overlay line 2: an overlay may raise a concept, not lower it"},
    {HEAD GOOD, TRIGGERS, HEAD "a\tb\tURGENT\t70\tcur\t1-90\t*\tx\ty\tz\n",
     "overlay line 2: an overlay may not narrow a concept or move it to another group"},
    {HEAD GOOD, TRIGGERS, HEAD "a\tb\tURGENT\t70\tcur\t0-90\tF\tx\ty\tz\n",
     "overlay line 2: an overlay may not narrow a concept or move it to another group"},
    {HEAD GOOD, TRIGGERS, HEAD "a\tc\tURGENT\t70\tcur\t0-90\t*\tx\ty\tz\n",
     "overlay line 2: an overlay may not narrow a concept or move it to another group"},
    {PHRASE(TWELVE " m"), TRIGGERS, "", "lexicon line 3: too many words in a phrase"},
    {PHRASE(TWELVE " #1-2"), TRIGGERS, "", "lexicon line 3: too many words in a phrase"},
    {PHRASE(TWELVE " _ m"), TRIGGERS, "", "lexicon line 3: too many words in a phrase"},
    {PHRASE("a*"), TRIGGERS, "",
     "lexicon line 3: a word beginning needs two letters before the star"},
    {PHRASE("Pain"), TRIGGERS, "", "lexicon line 3: phrases are lower case ASCII without accents"},
    {PHRASE("t\xc3\xb3rax"), TRIGGERS, "",
     "lexicon line 3: phrases are lower case ASCII without accents"},
    {PHRASE(SIXTY SIXTY), TRIGGERS, "", "lexicon line 3: a word is too long"},
    {PHRASE("#1-2 a"), TRIGGERS, "", "lexicon line 3: a phrase does not begin with a number"},
    {PHRASE("a #5-2"), TRIGGERS, "", "lexicon line 3: a number is #year or #LEAST-MOST up to 9999"},
    {PHRASE("a #today"), TRIGGERS, "",
     "lexicon line 3: a number is #year or #LEAST-MOST up to 9999"},
    {PHRASE("_ a"), TRIGGERS, "", "lexicon line 3: a phrase does not begin with a gap"},
    {PHRASE("a| |b"), TRIGGERS, "", "lexicon line 3: an empty phrase"},
    {CLASS("@P", "-", "pain"), TRIGGERS, "",
     "lexicon line 2: a class is named @ and lower case letters"},
    {CLASS("@", "-", "pain"), TRIGGERS, "",
     "lexicon line 2: a class is named @ and lower case letters"},
    {CLASS("@p", "LOW", "pain"), TRIGGERS, "",
     "lexicon line 2: a class has - in the columns of a concept"},
    {CLASS("@p", "-", "a|@q"), TRIGGERS, "", "lexicon line 2: a class holds words, no class"},
    {HEAD CLASS_LINE("@p", "-", "a") CLASS_LINE("@p", "-", "b"), TRIGGERS, "",
     "lexicon line 3: this class stands on an earlier line too"},
    {PHRASE("@p a"), TRIGGERS, "", "lexicon line 3: no such class on an earlier line"},
    {CLASS("@p", "-", "") "a\tb\tLOW\t1\tcur\t*\t*\tx\t@p a\t\n", TRIGGERS, "",
     "lexicon line 3: the class has no words in this language"},
    {CLASS("@p", "-", "a|b") "a\tb\tLOW\t1\tcur\t*\t*\tx\t@p @p @p @p @p\t\n", TRIGGERS, "",
     "lexicon line 3: too many classes in a phrase"},
    {CLASS("@p", "-", "a|Pain") "a\tb\tLOW\t1\tcur\t*\t*\tx\t@p b\t\n", TRIGGERS, "",
     "lexicon line 3: phrases are lower case ASCII without accents"},
    {PHRASE("a _"), TRIGGERS, "", "lexicon line 3: a phrase does not end with a gap"},
};

static void check_refused(const struct refusal *r)
{
    struct triage_rules *rules = NULL;
    struct problem *p = triage_rules_load_overlaid(str_of(r->lexicon), str_of(r->triggers),
                                                   str_of(r->overlay), &rules);
    assert_non_null(p);
    assert_string_equal(p->detail, r->said);
    assert_null(rules);
}

static void test_each_wrong_line_is_refused_with_its_number_and_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
        check_refused(&refusals[i]);
}

static void test_more_than_the_tables_hold_is_refused(void **state)
{
    (void)state;
    CLEANUP(buf_free) struct buf concepts = BUF_MAX((size_t)1 << 20);
    CLEANUP(buf_free) struct buf words = BUF_MAX((size_t)1 << 20);
    buf_add_str(&concepts, STR(HEAD));
    for (int i = 0; i <= 2000; i++)
        buf_addf(&concepts, "id_%d\tb\tLOW\t1\tcur\t*\t*\tx\tword\t\n", i);
    buf_add_c(&concepts, '\0');
    check_refused(
        &(struct refusal){concepts.data, TRIGGERS, "", "lexicon line 2002: too many concepts"});
    buf_add_str(&words, STR(HEAD "a\tb\tLOW\t1\tcur\t*\t*\tx\tword"));
    for (int i = 0; i < 16000; i++)
        buf_addf(&words, "|w%d", i);
    buf_add_str(&words, STR("\t\n"));
    buf_add_c(&words, '\0');
    check_refused(
        &(struct refusal){words.data, TRIGGERS, "", "lexicon line 2: too many words in the rules"});
}

static void test_a_class_stands_for_each_choice_of_its_words(void **state)
{
    (void)state;
    struct arena *arena = arena_new((size_t)16 << 20);
    struct triage_rules *rules = NULL;
    const char *text = CLASS("@hurts", "-", "hurts|ach*|is _ sore") CLASS_LINE(
        "@chest", "-", "chest|breast bone") "a\tb\tURGENT\t70\tcur\t*\t*\tx\t@chest _ @hurts\t\n";
    assert_null(triage_rules_load(str_of(text), STR(TRIGGERS), &rules));
    static const char *const said[] = {"chest hurts", "my breast bone really aches",
                                       "chest is very sore", "chest cold"};
    for (size_t i = 0; i < ARRAY_LEN(said); i++) {
        struct triage_text t = {"a", str_of(said[i])};
        struct triage_input in = {
            .lang = STR("en"), .age_months = 480, .texts = &t, .text_count = 1};
        struct triage_result r;
        triage_score(arena, rules, &in, &r);
        assert_int_equal(r.emergency, i < 3);
    }
    triage_rules_free(&rules);
    arena_free(&arena);
}

static void check_too_many(const char *name, const char *said, int lines, const char *phrase)
{
    CLEANUP(buf_free) struct buf text = BUF_MAX((size_t)1 << 20);
    buf_add_str(&text, STR(HEAD));
    for (int i = 0; i < lines; i++)
        buf_addf(&text, "@%s%c%c\tclass\t-\t-\t-\t-\t-\t-\ta|b|c|d|e|f|g|h|i|j|k|l|m|n|o|p\t\n",
                 name, 'a' + i / 26, 'a' + i % 26);
    buf_addf(&text, "a\tb\tLOW\t1\tcur\t*\t*\tx\t%s\t\n", phrase);
    buf_add_c(&text, '\0');
    check_refused(&(struct refusal){text.data, TRIGGERS, "", said});
}

static void test_classes_have_bounds(void **state)
{
    (void)state;
    const char *ninety =
        "@paa aaaaaaaaaa aaaaaaaaaa aaaaaaaaaa aaaaaaaaaa aaaaaaaaaa aaaaaaaaaa aaaaaaaaaa";
    struct arena *arena = arena_new((size_t)1 << 20);
    check_too_many(
        "p", "lexicon line 3: a phrase is too long", 1,
        arena_fmt(arena, "%s %s %s %s %s %s", ninety, ninety, ninety, ninety, ninety, ninety));
    arena_free(&arena);
    check_too_many("p", "lexicon line 202: too many classes", 201, "x");
    check_too_many("p", "lexicon line 3: too many phrases in the rules", 1, "@paa @paa @paa @paa");
}

/* True when a row above expects this reason, or the limits' test does. */
static bool is_tested(struct str reason)
{
    if (str_eq(reason, STR("too many concepts")) || str_eq(reason, STR("too many classes")) ||
        str_eq(reason, STR("a phrase is too long")) ||
        str_eq(reason, STR("too many phrases in the rules")) ||
        str_eq(reason, STR("too many words in the rules")))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        const char *said = strstr(refusals[i].said, ": ");
        if (said != NULL && str_eq(reason, str_of(said + 2)))
            return true;
    }
    return false;
}

/* Checks the reason that stands in quotes behind `before` on this line; 1 when there is one. */
static size_t check_reason(const char *line, const char *before)
{
    const char *at = strstr(line, before);
    const char *end = at != NULL ? strchr(at + strlen(before), '"') : NULL;
    if (end == NULL)
        return 0;
    struct str reason = {at + strlen(before), (size_t)(end - at) - strlen(before)};
    if (!is_tested(reason))
        fail_msg("no test of the refusal: " STR_FMT, STR_ARG(reason));
    return 1;
}

static void test_no_refusal_of_the_sources_is_without_a_test(void **state)
{
    (void)state;
    size_t found = 0;
    for (int i = 0; i < 3; i++) {
        char line[512];
        FILE *f = fopen(sources[i], "r");
        assert_non_null(f);
        while (fgets(line, sizeof(line), f) != NULL)
            found += check_reason(line, "refuse(l, \"") + check_reason(line, "return \"");
        fclose(f);
    }
    assert_true(found >= 25);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_wrong_line_is_refused_with_its_number_and_reason),
        cmocka_unit_test(test_more_than_the_tables_hold_is_refused),
        cmocka_unit_test(test_a_class_stands_for_each_choice_of_its_words),
        cmocka_unit_test(test_classes_have_bounds),
        cmocka_unit_test(test_no_refusal_of_the_sources_is_without_a_test),
    };
    if (argc != 4)
        return 2;
    sources = argv + 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
