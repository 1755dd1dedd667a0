/* How many sentences a second the triage engine reads, and how hostile text of 1 to 16 MiB (fields
 * of 64 KiB, as the product passes them) grows. Usage: triage_bench FILE... with a sentence a line,
 * the last column behind a tab. By processor time; a flat row is linear. Rule: nothing here is a
 * test. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/cleanup.h"
#include "triage/triage.h"

#define MAX_MIB  16
#define LINES    6000
#define FIELDS   ((size_t)(MAX_MIB << 20) / TRIAGE_TEXT_MAX)
#define SENTENCE STR("Paciente refiere dolor de cabeza desde ayer, niega fiebre y dolor de pecho. ")

static const struct {
    const char *name;
    struct str unit; /* repeated to fill the text */
} kinds[] = {
    {"prose", SENTENCE},
    {"one word", {"a", 1}},
    {"no no", {"no ", 3}},
    {"flags", {"dolor pecho ", 12}},
    {"gaps", {"dolor a b c ", 12}},
    {"denied", {"niega dolor de pecho y ", 23}},
    {"boxes", {"[ ]", 3}},
    {"bidi", {"\xe2\x80\xae\xe2\x80\x8f", 6}},
    {"nul", {"\0", 1}},
    {"invalid", {"\xff", 1}},
    {"ligature", {"\xef\xb7\xba", 3}},
    {"misspelt", {"convulzionez ", 13}},
    {"commas", {",", 1}},
};

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void score(struct arena *arena, struct str text)
{
    struct triage_text one = {"text", text};
    struct triage_input in = {.age_months = 480, .texts = &one, .text_count = 1};
    struct triage_result r;
    triage_score(arena, triage_rules_default(), &in, &r);
    arena_reset(arena);
}

static void sentences(struct arena *arena, const char *file)
{
    static char *lines[LINES];
    char *line = NULL;
    size_t n = 0, cap = 0, done = 0;
    FILE *f = fopen(file, "r");
    if (f == NULL)
        return;
    for (; n < LINES && getline(&line, &cap, f) > 0; line = NULL, cap = 0)
        lines[n++] = line;
    free(line);
    fclose(f);
    double start = cpu_seconds(), took = 0;
    while (n > 0 && took < 1) {
        for (size_t i = 0; i < n; i++)
            score(arena, str_of(lines[i]));
        done += n;
        took = cpu_seconds() - start;
    }
    printf("%-40s %9.0f sentences/s\n", file, (double)done / (took > 0 ? took : 1));
    while (n > 0)
        free(lines[--n]);
}

static void curve(struct arena *arena, struct str unit, char *text)
{
    for (size_t i = 0; i < TRIAGE_TEXT_MAX; i++)
        text[i] = unit.p[i % unit.n];
    for (size_t mib = 1; mib <= MAX_MIB; mib *= 2) {
        double start = cpu_seconds();
        for (size_t i = 0; i < FIELDS * mib / MAX_MIB; i++)
            score(arena, (struct str){text, TRIAGE_TEXT_MAX});
        printf("%8.2f", (double)mib / (cpu_seconds() - start));
        fflush(stdout);
    }
    /* a quarter of a field against a whole one: the curve inside one text */
    double start = cpu_seconds();
    for (size_t i = 0; i < 4 * FIELDS / MAX_MIB; i++)
        score(arena, (struct str){text, TRIAGE_TEXT_MAX / 4});
    printf("%8.2f\n", 1 / (cpu_seconds() - start));
}

int main(int argc, char **argv)
{
    struct arena *arena = arena_new((size_t)256 << 20);
    char *text = arena_alloc(arena_new((size_t)1 << 20), TRIAGE_TEXT_MAX);
    score(arena, SENTENCE); /* reads the rules */
    for (int i = 1; i < argc; i++)
        sentences(arena, argv[i]);
    printf("%-10s", "MB/s, MiB");
    for (size_t mib = 1; mib <= MAX_MIB; mib *= 2)
        printf("%8zu", mib);
    printf("   short\n");
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        printf("%-10s", kinds[i].name);
        curve(arena, kinds[i].unit, text);
    }
    arena_free(&arena);
    return 0;
}
