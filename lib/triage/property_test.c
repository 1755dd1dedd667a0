/* What must hold whatever is written: more illness never scores less, order says nothing, hostile
 * text ends. Usage: triage_property_test presentations_own.tsv */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "triage/triage.h"

#define TEXTS_MAX 3000
#define MIB       ((size_t)1 << 20)

static struct arena *kept, *arena;
static struct complaint {
    struct str lang, text;
    int age;
    char sex;
} complaints[TEXTS_MAX];
static size_t complaint_count;
static uint32_t seed = 20261122;

static size_t drawn(size_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed % n;
}

/* lang expected age_months sex complaint */
static void read_complaints(const char *file)
{
    FILE *f = fopen(file, "r");
    assert_non_null(f);
    char line[1024];
    while (fgets(line, sizeof(line), f) != NULL && complaint_count < TEXTS_MAX) {
        struct str rest = str_of(arena_cstr(kept, str_trim(str_of(line)))), c[4];
        for (size_t i = 0; i < 4; i++)
            c[i] = str_cut(&rest, '\t');
        uint64_t age;
        if (str_u64(c[2], 2000, &age) && c[3].n == 1)
            complaints[complaint_count++] = (struct complaint){c[0], rest, (int)age, c[3].p[0]};
    }
    fclose(f);
}

static struct triage_result score(const struct complaint *c, const struct triage_text *texts,
                                  size_t n, const struct triage_vitals *vitals)
{
    struct triage_input in = {.lang = c->lang, .age_months = c->age, .sex = c->sex};
    struct triage_result r;
    in.texts = texts;
    in.text_count = n;
    in.vitals = vitals ? *vitals : (struct triage_vitals){0};
    triage_score(arena, triage_rules_default(), &in, &r);
    return r;
}

static void check_no_less(int before, const struct triage_result *after, const char *what)
{
    if (after->score < before)
        fail_msg("%d became %d: %s", before, after->score, what);
}

/* One of the words that a class of the lexicon stands for. */
static struct str class_word(struct str name, size_t lang)
{
    struct str lexicon = triage_lexicon_default();
    while (lexicon.n > 0) {
        struct str line = str_cut(&lexicon, '\n'), c[10] = {0};
        for (size_t i = 0; i < 10; i++)
            c[i] = str_cut(&line, '\t');
        if (!str_eq(c[0], name))
            continue;
        struct str word;
        size_t skip = drawn(6);
        do
            word = str_cut(&c[lang], '|');
        while (c[lang].n > 0 && skip-- > 0);
        return word;
    }
    return STR_NONE;
}

/* A phrase of the lexicon as text: gaps closed, stars dropped, a range's least number. */
static void write_phrase(struct str phrase, size_t lang, struct buf *out)
{
    while (phrase.n > 0) {
        struct str word = str_cut(&phrase, ' ');
        if (word.n > 0 && word.p[0] == '@') {
            write_phrase(class_word(word, lang), lang, out);
            continue;
        }
        if (str_eq(word, STR("_")))
            continue;
        if (word.n > 0 && word.p[0] == '#')
            word = str_eq(word, STR("#year")) ? STR("2015")
                                              : str_cut(&(struct str){word.p + 1, word.n - 1}, '-');
        if (word.n > 0 && word.p[word.n - 1] == '*')
            word.n--;
        buf_addf(out, "%s" STR_FMT, out->len > 0 ? " " : "", STR_ARG(word));
    }
}

static const char *written(struct str phrase, size_t lang)
{
    CLEANUP(buf_free) struct buf out = BUF_MAX(1024);
    write_phrase(phrase, lang, &out);
    return arena_cstr(arena, buf_str(&out));
}

/* The flag behind, before and beside a complaint drawn from the file. */
static void check_flag(struct str lang, const char *flag)
{
    struct complaint c = complaints[drawn(complaint_count)];
    while (!str_eq(c.lang, lang))
        c = complaints[drawn(complaint_count)];
    struct triage_text alone = {"a", c.text}, own[] = {{"a", c.text}, {"b", str_of(flag)}};
    int without = score(&c, &alone, 1, NULL).score;
    const char *behind = arena_fmt(arena, STR_FMT ". %s", STR_ARG(c.text), flag);
    const char *before = arena_fmt(arena, "%s. " STR_FMT, flag, STR_ARG(c.text));
    const char *line = arena_fmt(arena, STR_FMT "\n\n%s", STR_ARG(c.text), flag);
    struct triage_text joined[] = {
        {"a", str_of(behind)}, {"a", str_of(before)}, {"a", str_of(line)}};
    struct triage_result r = score(&c, own, 2, NULL);
    check_no_less(without, &r, flag);
    for (size_t i = 0; i < ARRAY_LEN(joined); i++) {
        r = score(&c, &joined[i], 1, NULL);
        check_no_less(without, &r, arena_cstr(arena, joined[i].text));
    }
}

/* Calls check_flag for every phrase of every CRITICAL concept; returns how many. */
static size_t check_flags(void)
{
    struct str lexicon = triage_lexicon_default();
    size_t n = 0;
    while (lexicon.n > 0) {
        struct str line = str_cut(&lexicon, '\n'), c[10] = {0};
        for (size_t i = 0; i < 10; i++)
            c[i] = str_cut(&line, '\t');
        for (size_t lang = 8; str_eq(c[2], STR("CRITICAL")) && lang < 10; lang++) {
            while (c[lang].n > 0) {
                check_flag(lang == 8 ? STR("en") : STR("es"),
                           written(str_cut(&c[lang], '|'), lang));
                arena_reset(arena);
                n++;
            }
        }
    }
    return n;
}

static void test_a_critical_phrase_added_anywhere_never_lowers_the_score(void **state)
{
    (void)state;
    size_t n = check_flags() + check_flags();
    printf("red flags added: %zu\n", n);
    assert_true(n >= 1000);
}

/* A red flag behind more small complaints than one form's reasons hold. */
static void test_a_red_flag_behind_a_thousand_complaints_is_heard(void **state)
{
    (void)state;
    CLEANUP(buf_free) struct buf text = BUF_MAX(TRIAGE_TEXT_MAX);
    struct complaint c = {STR("es"), STR_NONE, 480, 'M'};
    for (int i = 0; i < 2000; i++)
        buf_add_str(&text, STR("dolor de garganta, "));
    buf_add_str(&text, STR("dolor de rodilla. no respira"));
    struct triage_text t = {"a", buf_str(&text)};
    struct triage_result r = score(&c, &t, 1, NULL);
    assert_int_equal(r.level, TRIAGE_CRITICAL);
    arena_reset(arena);
}

/* The complaint in the letters a phrase may have. */
static void write_plain(struct str text, struct buf *out)
{
    static const char marked[] = "\xa1\xa9\xad\xb3\xba\xb1\xbc", plain[] = "aeiounu";
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool two = c == '\xc3' && i + 1 < text.n;
        const char *mark = two ? strchr(marked, text.p[++i]) : NULL;
        if (mark != NULL && *mark != '\0')
            c = plain[mark - marked];
        else if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        buf_add_c(out, c >= 'a' && c <= 'z' ? c : ' ');
    }
}

/* Two to six of its words, each cut anywhere, as phrases of an overlay's line. */
static void write_windows(struct str text, struct buf *out)
{
    CLEANUP(buf_free) struct buf plain = BUF_MAX(2048);
    write_plain(text, &plain);
    struct str words[6], rest = buf_str(&plain);
    size_t n = 0;
    while (rest.n > 0) {
        struct str word = str_cut(&rest, ' ');
        if (word.n == 0)
            continue;
        if (n == ARRAY_LEN(words))
            memmove(words, words + 1, --n * sizeof(*words));
        words[n++] = word;
        for (size_t from = n < 2 ? n : drawn(n - 1); from < n; from++)
            buf_addf(out, STR_FMT "%s", STR_ARG(words[from]), from + 1 < n ? " " : "|");
    }
}

static const char overlay_head[] =
    "id\tgroup\tlevel\tpoints\tpersist\tage_months\tsex\tref\ten\tes\n";

/* URGENT or above, and not by a guess: a clinic's word may be what a slip of the pen looked like.
 */
static bool is_sure(const struct triage_result *r)
{
    for (size_t i = 0; i < r->reason_count; i++) {
        if (r->reasons[i].typo)
            return false;
    }
    return r->level >= TRIAGE_URGENT;
}

/* Harmless phrases of a clinic's own, made of the complaints' words, over every complaint. */
static void test_no_phrase_of_an_overlay_takes_a_red_flag_away(void **state)
{
    (void)state;
    CLEANUP(buf_free) struct buf overlay = BUF_MAX((size_t)4 << 20);
    CLEANUP(triage_rules_free) struct triage_rules *rules = NULL;
    buf_add_str(&overlay, str_of(overlay_head));
    for (int lang = 0; lang < 2; lang++) {
        struct str name = lang == 0 ? STR("en") : STR("es");
        buf_addf(&overlay, "mild_" STR_FMT "\tmild\tLOW\t0\tcur\t*\t*\tx\t%s", STR_ARG(name),
                 lang == 0 ? "" : "\t");
        for (size_t i = 0; i < complaint_count; i++) {
            if (str_eq(complaints[i].lang, name))
                write_windows(complaints[i].text, &overlay);
        }
        buf_add_str(&overlay, lang == 0 ? STR("\t\n") : STR("\n"));
    }
    struct problem *p = triage_rules_load_overlaid(
        triage_lexicon_default(), triage_triggers_default(), buf_str(&overlay), &rules);
    if (p != NULL)
        fail_msg("%s", p->detail);
    for (size_t i = 0; i < complaint_count; i++) {
        const struct complaint *c = &complaints[i];
        struct triage_text t = {"a", c->text};
        struct triage_result before = score(c, &t, 1, NULL), after;
        struct triage_input in = {.lang = c->lang, .age_months = c->age, .sex = c->sex};
        in.texts = &t;
        in.text_count = 1;
        triage_score(arena, rules, &in, &after);
        if (is_sure(&before))
            check_no_less(before.score, &after, arena_cstr(arena, c->text));
        arena_reset(arena);
    }
}

/* One vital sign from well to worst. */
static const struct {
    size_t at;
    int from, to;
} adult_ways[] = {
    {offsetof(struct triage_vitals, rr), 16, 60},
    {offsetof(struct triage_vitals, rr), 16, 5},
    {offsetof(struct triage_vitals, spo2), 99, 51},
    {offsetof(struct triage_vitals, sbp), 120, 50},
    {offsetof(struct triage_vitals, sbp), 120, 250},
    {offsetof(struct triage_vitals, hr), 75, 200},
    {offsetof(struct triage_vitals, hr), 75, 30},
    {offsetof(struct triage_vitals, temp), 370, 420},
    {offsetof(struct triage_vitals, temp), 370, 320},
    {offsetof(struct triage_vitals, pain), 0, 10},
};

static void worsen(const struct complaint *c, struct triage_vitals v, size_t at, int from, int to)
{
    struct triage_vital *one = (struct triage_vital *)((char *)&v + at);
    struct triage_text t = {"a", c->text};
    int before = 0, step = from < to ? 1 : -1;
    for (int value = from; value != to + step; value += step) {
        *one = (struct triage_vital){true, value};
        struct triage_result r = score(c, &t, 1, &v);
        if (r.review && strcmp(r.review_why[r.review_count - 1], "implausible vital sign") == 0)
            break; /* from here on it is a slip of the pen */
        check_no_less(before, &r,
                      arena_fmt(arena, "vital at %zu is %d, age %d", at, value, c->age));
        before = r.score;
        arena_reset(arena);
    }
    static const char acvpu[] = "ACVPU";
    before = 0;
    for (size_t i = 0; i < 5; i++) {
        v.acvpu = acvpu[i];
        struct triage_result r = score(c, &t, 1, &v);
        check_no_less(before, &r, acvpu + i);
        before = r.score;
    }
    v.on_oxygen = true;
    struct triage_result r = score(c, &t, 1, &v);
    check_no_less(before, &r, "oxygen");
    arena_reset(arena);
}

/* Well for this age: the middle of its bands. */
static struct triage_vitals well(int age)
{
    int hr = age < 12 ? 120 : age < 60 ? 105 : age < 144 ? 85 : 75;
    int rr = age < 12 ? 35 : age < 36 ? 26 : age < 60 ? 24 : age < 144 ? 18 : 16;
    return (struct triage_vitals){
        .sbp = {true, age < 144 ? 100 : 120},
        .hr = {true, hr},
        .rr = {true, rr},
        .spo2 = {true, 98},
        .temp = {true, 370},
        .acvpu = 'A',
    };
}

static void test_a_vital_sign_that_worsens_never_lowers_the_score(void **state)
{
    (void)state;
    static const int ages[] = {0, 2, 6, 11, 20, 40, 65, 80, 120, 150, 191, 192, 480, 800, 1000};
    for (size_t i = 0; i < ARRAY_LEN(ages); i++) {
        for (size_t j = 0; j < ARRAY_LEN(adult_ways); j++) {
            struct complaint c = complaints[drawn(complaint_count)];
            struct triage_vitals v = well(ages[i]);
            size_t at = adult_ways[j].at;
            int from = at == offsetof(struct triage_vitals, hr)    ? v.hr.value
                       : at == offsetof(struct triage_vitals, rr)  ? v.rr.value
                       : at == offsetof(struct triage_vitals, sbp) ? v.sbp.value
                                                                   : adult_ways[j].from;
            c.age = ages[i];
            worsen(&c, v, at, from, adult_ways[j].to);
            v.hr.value = drawn(2) ? v.hr.value : v.hr.value + 30; /* another one is ill too */
            worsen(&c, v, at, at == offsetof(struct triage_vitals, hr) ? v.hr.value : from,
                   at == offsetof(struct triage_vitals, hr) ? 200 : adult_ways[j].to);
        }
    }
}

static void test_order_of_fields_and_boxes_says_nothing(void **state)
{
    (void)state;
    static const char *const keys[] = {"fever", "cough", "chest_pain", "nausea", "dizziness"};
    for (size_t round = 0; round < 400; round++) {
        struct triage_text t[4];
        struct triage_symptom s[3];
        for (size_t i = 0; i < ARRAY_LEN(t); i++)
            t[i] = (struct triage_text){"x", complaints[drawn(complaint_count)].text};
        for (size_t i = 0; i < ARRAY_LEN(s); i++)
            s[i] = (struct triage_symptom){keys[drawn(ARRAY_LEN(keys))], drawn(2) == 0};
        struct triage_input in = {.age_months = (int)drawn(1100), .texts = t, .text_count = 4};
        struct triage_result a, b;
        in.symptoms = s;
        in.symptom_count = 3;
        triage_score(arena, triage_rules_default(), &in, &a);
        struct triage_text back[] = {t[3], t[2], t[1], t[0]};
        struct triage_symptom turned[] = {s[2], s[0], s[1]};
        in.texts = back;
        in.symptoms = turned;
        triage_score(arena, triage_rules_default(), &in, &b);
        assert_int_equal(a.score, b.score);
        assert_int_equal(a.reason_count, b.reason_count);
        assert_int_equal(a.suppressed_count, b.suppressed_count);
        assert_int_equal(a.review, b.review);
        arena_reset(arena);
    }
}

static void test_hostile_text_is_read_to_its_limit_and_asks_for_review(void **state)
{
    (void)state;
    static const struct {
        struct str unit;
    } rows[] = {
        {STR("\xe2\x80\xae\xe2\x80\x8f")},
        {{"\0", 1}},
        {{"a\0", 2}},
        {STR("\xe2\x81\xa6no ")},
        {STR("\xff")},
        {STR("\xef\xb7\xba")},
        {STR("\xcc\x81")},
        {STR("a\xcc\x81")},
        {STR("si no ")},
        {STR("[ ]")},
        {STR("?")},
        {STR("dolor _ ")},
    };
    char *text = arena_alloc(kept, MIB);
    struct complaint c = {STR_NONE, STR_NONE, -1, 0};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (size_t at = 0; at < MIB; at++)
            text[at] = rows[i].unit.p[at % rows[i].unit.n];
        struct triage_text t = {"a", {text, MIB}};
        struct triage_result r = score(&c, &t, 1, NULL);
        assert_true(r.review);
        assert_string_equal(r.review_why[0], "text too long");
        assert_false(r.emergency);
        arena_reset(arena);
    }
}

static void test_what_cannot_be_seen_hides_no_red_flag(void **state)
{
    (void)state;
    static const struct str hidden[] = {
        STR("do\xe2\x80\xaelor de pe\xe2\x80\x8b"
            "cho"),
        STR("\xe2\x80\xab"
            "dolor\xe2\x80\xac de pecho"),
        {"dolor\0de\0pecho", 14},
        STR("\xef\xbb\xbf"
            "dolor de pecho"),
        STR("\xff"
            "dolor\xff de pecho\xc3"),
    };
    struct complaint c = {STR("es"), STR_NONE, 480, 'M'};
    for (size_t i = 0; i < ARRAY_LEN(hidden); i++) {
        struct triage_text t = {"a", hidden[i]};
        assert_true(score(&c, &t, 1, NULL).score >= 60);
    }
    arena_reset(arena);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_critical_phrase_added_anywhere_never_lowers_the_score),
        cmocka_unit_test(test_no_phrase_of_an_overlay_takes_a_red_flag_away),
        cmocka_unit_test(test_a_red_flag_behind_a_thousand_complaints_is_heard),
        cmocka_unit_test(test_a_vital_sign_that_worsens_never_lowers_the_score),
        cmocka_unit_test(test_order_of_fields_and_boxes_says_nothing),
        cmocka_unit_test(test_hostile_text_is_read_to_its_limit_and_asks_for_review),
        cmocka_unit_test(test_what_cannot_be_seen_hides_no_red_flag),
    };
    if (argc != 2)
        return 2;
    kept = arena_new((size_t)16 << 20);
    arena = arena_new((size_t)256 << 20);
    read_complaints(argv[1]);
    int failed = complaint_count < 500 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(&arena);
    arena_free(&kept);
    return failed;
}
