/* Shared by the files of `nexacore triage`. */
#ifndef NEXACORE_CLI_TRIAGE_H
#define NEXACORE_CLI_TRIAGE_H

#include <stdbool.h>

struct triage_args {
    const char *step;
    bool explain;
    const char *lexicon, *triggers, *overlay; /* replay: the rules to try; overlay: the file */
    const char *before_lexicon, *before_triggers, *before_overlay;
    int emergency_at;
    const char *clinic, *forms;
    bool all, remove;
};

/* Each returns the exit status; replay 3 when some form would be scored otherwise. */
int triage_replay(const struct triage_args *args);
int triage_overlay(const struct triage_args *args);

#endif
