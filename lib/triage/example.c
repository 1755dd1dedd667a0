/* Example: how urgent each line of standard input is, and why. Spanish or English, a grown-up
 * of 50.
 *
 *   $ echo 'Presión en el pecho, niega fiebre' | triage_example
 *   0.66 URGENT ruleset VERSION
 *      66 chest_pain             "Presión en el pecho" (ESI2,CTAS2-3,MTS-orange)
 *       - fever                  negated "fiebre"
 *     vital signs missing: 6
 *
 * Rule: show the whole library in one screen: input, result, reasons with their evidence, what was
 * left out and why, what is not known. */
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "triage/triage.h"

static void show(const struct triage_result *r, const char *line)
{
    printf("%d.%02d %s ruleset %s\n", r->score / 100, r->score % 100, triage_level_name(r->level),
           r->version);
    for (size_t i = 0; i < r->reason_count; i++) {
        const struct triage_reason *why = &r->reasons[i];
        printf("  %3d %-22s \"%.*s\" (%s)\n", why->points, why->rule, (int)(why->end - why->start),
               line + why->start, why->source);
    }
    for (size_t i = 0; i < r->suppressed_count; i++) {
        const struct triage_suppressed *not = &r->suppressed[i];
        printf("    - %-22s %s \"%.*s\"\n", not ->rule, triage_assertion_name(not ->why),
               (int)(not ->end - not ->start), line + not ->start);
    }
    for (size_t i = 0; i < r->review_count; i++)
        printf("  review: %s\n", r->review_why[i]);
    printf("  vital signs missing: %zu\n", r->missing_count);
}

int main(void)
{
    char *line = NULL;
    size_t room = 0;
    struct arena *arena = arena_new((size_t)16 << 20);
    for (ssize_t n; (n = getline(&line, &room, stdin)) >= 0;) {
        struct triage_text text = {"complaint", str_trim((struct str){line, (size_t)n})};
        struct triage_input in = {.age_months = 50 * 12, .texts = &text, .text_count = 1};
        struct triage_result result; /* lang is empty: Spanish and English are both tried */
        triage_score(arena, triage_rules_default(), &in, &result);
        show(&result, text.text.p);
        arena_reset(arena);
    }
    arena_free(&arena);
    free(line);
    return 0;
}
