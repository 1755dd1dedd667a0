/* Shared by the files of `nexacore triage`. */
#ifndef NEXACORE_CLI_TRIAGE_H
#define NEXACORE_CLI_TRIAGE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/problem.h"

struct triage_args {
    const char *step;
    bool explain;
    const char *lexicon, *triggers, *overlay; /* replay: the rules to try; overlay: the file */
    const char *before_lexicon, *before_triggers, *before_overlay;
    int emergency_at;
    const char *clinic, *forms;
    bool all, remove;
};

/* Scores the patient in `line`, a JSON object
 * {"id","lang","age_months","sex","complaint","symptoms", "vitals"}, with the built-in rules and
 * appends a line to `out`: score, level, emergency, review, or with `explain` the whole result as
 * JSON. What is made lives in the arena. Fails on what is not JSON. */
struct problem *triage_score_line(struct arena *arena, struct str line, bool explain,
                                  struct buf *out);

/* Each returns the exit status; replay 3 when some form would be scored otherwise. */
int triage_replay(const struct triage_args *args);
int triage_overlay(const struct triage_args *args);

#endif
