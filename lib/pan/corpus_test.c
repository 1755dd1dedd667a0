/* The finder against the labelled corpus: recall, precision and clean lines stay where they are.
 * Usage: pan_corpus_test pan_text.jsonl */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "json/json_in.h"
#include "pan/pan.h"

#define SPANS 32

static const char *corpus_file;

struct counts {
    size_t numbers, found, false_spans, clean_lines, clean_hit;
};

static bool is_number(const struct pan_span *s)
{
    return s->kind == PAN_CARD || s->kind == PAN_TRACK;
}

static size_t int_of(const json_t *object, const char *key)
{
    return (size_t)json_integer_value(json_object_get(object, key));
}

/* True when one span covers the labelled one whole. */
static bool is_covered(const json_t *label, const struct pan_span *spans, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (is_number(&spans[i]) && spans[i].start <= int_of(label, "byte_start") &&
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
    size_t i, n = pan_find(text, spans, SPANS), hits = 0;
    assert_true(n <= SPANS);
    json_array_foreach (labels, i, label) {
        if (strcmp(json_string_value(json_object_get(label, "type")), "pan") != 0)
            continue;
        c->numbers++;
        c->found += is_covered(label, spans, n);
    }
    for (i = 0; i < n; i++) {
        hits += is_number(&spans[i]);
        c->false_spans += is_number(&spans[i]) && !touches_any(&spans[i], labels);
    }
    c->clean_lines += json_array_size(labels) == 0;
    c->clean_hit += json_array_size(labels) == 0 && hits > 0;
}

static void test_the_corpus_is_found_and_clean_lines_stay_clean(void **state)
{
    (void)state;
    FILE *f = fopen(corpus_file, "r");
    assert_non_null(f);
    struct arena *arena = arena_new((size_t)1 << 20);
    struct counts c = {0};
    char line[8192];
    while (fgets(line, sizeof(line), f) != NULL) {
        CLEANUP(json_done) json_t *root = NULL;
        assert_null(json_read(arena, str_trim(str_of(line)), &root));
        count_line(root, &c);
    }
    fclose(f);
    arena_free(&arena);
    printf("numbers %zu/%zu, false spans %zu, clean lines hit %zu/%zu\n", c.found, c.numbers,
           c.false_spans, c.clean_hit, c.clean_lines);
    assert_int_equal(c.numbers, 328);
    assert_true(c.found * 1000 >= c.numbers * 995);
    assert_true(c.false_spans <= 1);
    assert_true(c.clean_hit * 1000 <= c.clean_lines * 3);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_corpus_is_found_and_clean_lines_stay_clean),
    };
    if (argc != 2)
        return 2;
    corpus_file = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
