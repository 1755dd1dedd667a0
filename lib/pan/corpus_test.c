/* The finder against labelled corpora: recall, precision and clean lines stay where they are, for
 * numbers, and for codes and expiry dates where they are labelled.
 * Usage: pan_corpus_test CORPUS.jsonl... */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "json/json_in.h"
#include "pan/pan.h"

#define SPANS      32
#define CATEGORIES 160

static char **corpus_files;

struct counts {
    size_t lines, numbers, found, false_spans, clean_lines, clean_hit;
    size_t beside, beside_found; /* codes and expiry dates */
};

static bool is_number(const struct pan_span *s)
{
    return s->kind == PAN_CARD || s->kind == PAN_TRACK;
}

static size_t int_of(const json_t *object, const char *key)
{
    return (size_t)json_integer_value(json_object_get(object, key));
}

/* The kind of a label; "pan_invalid" is a mistyped number. */
static enum pan_kind kind_of(const json_t *label)
{
    const char *type = json_string_value(json_object_get(label, "type"));
    return strcmp(type, "cvv") == 0 ? PAN_CVV : strcmp(type, "expiry") == 0 ? PAN_EXPIRY : PAN_CARD;
}

/* True when one span of its kind covers the labelled one whole. */
static bool is_covered(const json_t *label, const struct pan_span *spans, size_t n)
{
    enum pan_kind kind = kind_of(label);
    for (size_t i = 0; i < n; i++) {
        bool same = kind == PAN_CARD ? is_number(&spans[i]) : spans[i].kind == kind;
        if (same && spans[i].start <= int_of(label, "byte_start") &&
            spans[i].end >= int_of(label, "byte_end"))
            return true;
    }
    return false;
}

static bool touches_any(const struct pan_span *span, const json_t *labels)
{
    size_t i;
    const json_t *label;
    json_array_foreach (labels, i, label) {
        if (span->start < int_of(label, "byte_end") && span->end > int_of(label, "byte_start"))
            return true;
    }
    return false;
}

static void count_line(const json_t *line, struct counts *c)
{
    const json_t *labels = json_object_get(line, "spans"), *label;
    struct pan_span spans[SPANS];
    struct str text = str_of(json_string_value(json_object_get(line, "text")));
    c->lines++;
    size_t i, n = pan_find(text, spans, SPANS);
    assert_true(n <= SPANS);
    json_array_foreach (labels, i, label) {
        bool number = kind_of(label) == PAN_CARD, covered = is_covered(label, spans, n);
        c->numbers += number;
        c->found += number && covered;
        c->beside += !number;
        c->beside_found += !number && covered;
    }
    for (i = 0; i < n; i++) {
        c->false_spans += is_number(&spans[i]) && !touches_any(&spans[i], labels);
    }
    c->clean_lines += json_array_size(labels) == 0;
    c->clean_hit += json_array_size(labels) == 0 && n > 0;
}

struct category {
    char name[40];
    struct counts counts;
};

/* The counts of a category, made on first sight. */
static struct counts *counts_of(struct category categories[CATEGORIES], const char *name)
{
    for (size_t i = 0; i < CATEGORIES; i++) {
        if (categories[i].name[0] == '\0')
            snprintf(categories[i].name, sizeof(categories[i].name), "%s", name);
        if (strcmp(categories[i].name, name) == 0)
            return &categories[i].counts;
    }
    fail_msg("more than %d categories", CATEGORIES);
    return NULL;
}

/* No category hides behind the others: nine of ten numbers found, one clean line of twenty hit. */
static struct counts sum_of(const struct category categories[CATEGORIES], size_t *ret_categories)
{
    struct counts all = {0};
    for (size_t i = 0; i < CATEGORIES && categories[i].name[0] != '\0'; i++) {
        const struct counts *c = &categories[i].counts;
        if (c->found * 10 < c->numbers * 9 || c->clean_hit * 20 > c->clean_lines)
            fail_msg("%s: numbers %zu/%zu, clean lines hit %zu/%zu", categories[i].name, c->found,
                     c->numbers, c->clean_hit, c->clean_lines);
        const size_t *from = (const size_t *)c;
        for (size_t k = 0; k < sizeof(*c) / sizeof(size_t); k++)
            ((size_t *)&all)[k] += from[k];
        (*ret_categories)++;
    }
    return all;
}

static struct counts count_file(const char *file, size_t *ret_categories)
{
    FILE *f = fopen(file, "r");
    assert_non_null(f);
    struct category categories[CATEGORIES] = {0};
    char line[8192];
    while (fgets(line, sizeof(line), f) != NULL) {
        struct arena *arena = arena_new((size_t)1 << 16);
        CLEANUP(json_done) json_t *root = NULL;
        assert_null(json_read(arena, str_trim(str_of(line)), &root));
        const char *name = json_string_value(json_object_get(root, "category"));
        count_line(root, counts_of(categories, name));
        arena_free(&arena);
    }
    fclose(f);
    struct counts c = sum_of(categories, ret_categories);
    printf("%s: %zu lines, numbers %zu/%zu, codes and dates %zu/%zu, false spans %zu, clean lines "
           "hit %zu/%zu\n",
           file, c.lines, c.found, c.numbers, c.beside_found, c.beside, c.false_spans, c.clean_hit,
           c.clean_lines);
    return c;
}

static void test_corpora_are_found_and_clean_lines_stay_clean(void **state)
{
    (void)state;
    for (char **file = corpus_files; *file != NULL; file++) {
        size_t categories = 0;
        struct counts c = count_file(*file, &categories);
        assert_true(categories > 40 && c.numbers > 300 && c.clean_lines > 300);
        assert_true(c.found * 1000 >= c.numbers * 995);
        assert_true(c.beside_found * 1000 >= c.beside * 990);
        assert_true(c.false_spans * 1000 <= c.numbers);
        assert_true(c.clean_hit * 1000 <= c.clean_lines * 2);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_corpora_are_found_and_clean_lines_stay_clean),
    };
    if (argc < 2)
        return 2;
    corpus_files = argv + 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
