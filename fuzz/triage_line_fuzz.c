/* Fuzz target of a line of `nexacore triage score`: any bytes are a problem or a line, never both,
 * and the short line says what the whole result says. Any broken promise ends the process. */
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/triage.h"
#include "json/json_in.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

/* The line of the whole result is JSON whose score and level are those of the short line. */
static void check(struct arena *arena, struct str line, struct str explained)
{
    char expected[64];
    CLEANUP(json_done) json_t *root = NULL;
    if (explained.n == 0 || explained.p[explained.n - 1] != '\n' ||
        json_read(arena, str_trim(explained), &root) != NULL)
        abort();
    const json_t *triage = json_object_get(root, "triage");
    int score = (int)(json_number_value(json_object_get(triage, "score")) * 100 + 0.5);
    int n = snprintf(expected, sizeof(expected), "%d.%02d\t%s\t", score / 100, score % 100,
                     json_string_value(json_object_get(triage, "level")));
    if (score < 0 || score > 100 || line.n < (size_t)n || memcmp(line.p, expected, (size_t)n) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static struct arena *arena;
    if (arena == NULL)
        arena = arena_new((size_t)1 << 30);
    struct str text = {(const char *)data, size};
    CLEANUP(buf_free) struct buf line = BUF_MAX((size_t)1 << 16);
    CLEANUP(buf_free) struct buf explained = BUF_MAX((size_t)16 << 20);
    bool bad = triage_score_line(arena, text, false, &line) != NULL;
    bool bad_explained = triage_score_line(arena, text, true, &explained) != NULL;
    if (bad != bad_explained || (bad && line.len + explained.len > 0))
        abort();
    if (!bad)
        check(arena, buf_str(&line), buf_str(&explained));
    arena_reset(arena);
    return 0;
}
