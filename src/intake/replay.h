/* Two rule sets over the same forms: what would change (`nexacore triage replay`), and the overlay
 * a clinic's forms are scored with.
 *
 * The rule not to break: nothing of a form is written anywhere, and what is printed is ids, scores
 * and rule labels, never a word of the patient. */
#ifndef NEXACORE_INTAKE_REPLAY_H
#define NEXACORE_INTAKE_REPLAY_H

#include "intake/parsed.h"
#include "tenancy/ctx.h"

/* The texts a rule set is made of; p NULL: as it is in force (built-in, the clinic's overlay). */
struct replay_texts {
    struct str lexicon, triggers, overlay;
};

struct replay {
    struct replay_texts before, after;
    int emergency_after; /* hundredths; 0: the threshold in force */
    /* gathered */
    size_t forms, changed, raised, lowered, new_emergencies, lost_emergencies, unreadable;
    void (*print)(struct str line); /* called with a JSON line for each form that changes */
    /* of replay.c */
    struct triage_rules *rules_before, *rules_after;
};

/* Replays every scored form of the context's clinic. One audited event, TRIAGE_REPLAYED, is
 * committed before the first form is opened; forms are only read. A form whose values cannot be
 * opened is counted as unreadable. A bad rule text is PROBLEM_VALIDATION naming file, line and
 * reason. */
struct problem *replay_clinic(const struct ctx *cx, struct replay *replay);

/* Replays one form given as JSON: `parsed` of the API, an object holding it as "parsed", or a line
 * of `nexacore read`. */
struct problem *replay_json(struct arena *arena, struct replay *replay, struct str json,
                            const char *id);
/* What replay_json works with; to be called once before it, and ended once. */
struct problem *replay_begin(struct replay *replay);
void replay_end(struct replay *replay);

/* Sets (or with an empty text removes) the overlay of the context's clinic, after trying it over
 * the built-in rules; audited as TRIAGE_OVERLAY_SET or TRIAGE_OVERLAY_REMOVED. `ret_version` is
 * what forms will name. The overlay in force, p NULL for none: */
struct problem *overlay_set(const struct ctx *cx, struct str overlay, const char **ret_version);
struct problem *overlay_get(const struct ctx *cx, struct str *ret);

#endif
