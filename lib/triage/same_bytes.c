/* Scores every line of the files named and prints each result as JSON: what
 * tools/triage_same_bytes.sh compares between compilers. Usage: same_bytes FILE...
 *
 * The rule not to break: nothing here depends on time, place or address, so that a difference in
 * the output is one of lib/triage. */
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "triage/triage.h"
#include "triage/units.h"

/* A vital sign drawn from the line's number; every seventh is unknown. */
static struct triage_vital drawn(size_t line, size_t step, int least, int most)
{
    size_t x = (line * 2654435761U + step * 40503U) >> 7;
    return x % 7 == 0 ? (struct triage_vital){0}
                      : (struct triage_vital){true, least + (int)(x % (size_t)(most - least + 1))};
}

static void score(struct arena *arena, struct str text, size_t line, struct buf *out)
{
    static const char *const langs[] = {"es", "en", "-"};
    static const char *const boxes[] = {"chest_pain", "fever", "nausea", "dizziness", "suicidal"};
    struct triage_text texts = {"line", text};
    struct triage_symptom box = {boxes[line % ARRAY_LEN(boxes)], line % 4 == 0};
    struct triage_input in = {.lang = str_of(langs[line % 3]), .texts = &texts, .text_count = 1};
    in.age_months = (int)(line * 37 % 1100) - 1;
    in.sex = "\0FM"[line % 3];
    in.symptoms = &box;
    in.symptom_count = 1;
    in.vitals = (struct triage_vitals){
        .sbp = drawn(line, 1, 60, 230),
        .hr = drawn(line, 2, 30, 190),
        .rr = drawn(line, 3, 6, 60),
        .spo2 = drawn(line, 4, 78, 100),
        .temp = drawn(line, 5, 340, 410),
        .pain = drawn(line, 6, 0, 10),
        .acvpu = "\0AACVPU"[line % 7],
        .on_oxygen = line % 11 == 0,
        .scale2 = line % 13 == 0,
    };
    struct triage_result r;
    triage_score(arena, triage_rules_default(), &in, &r);
    struct jw w = jw_to(out);
    triage_result_write(&r, NULL, &w);
    enum triage_assertion said =
        triage_context(arena, triage_rules_default(), in.lang, STR("fever"), text);
    struct triage_unit unit = triage_unit_temp(text);
    buf_addf(out, " %s %d %d\n", triage_assertion_name(said), (int)unit.status, unit.value);
}

int main(int argc, char **argv)
{
    struct arena *arena = arena_new((size_t)64 << 20);
    CLEANUP(buf_free) struct buf out = BUF_MAX((size_t)8 << 20);
    size_t number = 0, cap = 0;
    char *line = NULL;
    for (int i = 1; i < argc; i++) {
        FILE *f = fopen(argv[i], "r");
        if (f == NULL)
            return 1;
        ssize_t n;
        while ((n = getline(&line, &cap, f)) > 0) {
            score(arena, (struct str){line, (size_t)n}, number++, &out);
            fwrite(out.data, 1, out.len, stdout);
            buf_clear(&out);
            arena_reset(arena);
        }
        fclose(f);
    }
    free(line);
    arena_free(&arena);
    return number > 0 && fflush(stdout) == 0 ? 0 : 1;
}
