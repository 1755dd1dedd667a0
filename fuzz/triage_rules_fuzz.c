/* Fuzz target of the rule loader: any lexicon, triggers and overlay (parted by a byte of 0) are
 * loaded or refused with file, line and reason; what was loaded scores a text with a score in
 * range, and an overlay over the built-in rules never takes a red flag away. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "triage/triage.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static int score(struct arena *arena, const struct triage_rules *rules)
{
    static const struct triage_text text = {"x", STR("no pulse, knee pain. tos, sangra mucho")};
    struct triage_input in = {.age_months = 400, .texts = &text, .text_count = 1};
    struct triage_result r;
    triage_score(arena, rules, &in, &r);
    if (r.score < 0 || r.score > 100)
        abort();
    return r.score;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static struct arena *arena;
    if (arena == NULL)
        arena = arena_new((size_t)1 << 28);
    struct str rest = {(const char *)data, size};
    struct str lexicon = str_cut(&rest, '\0'), triggers = str_cut(&rest, '\0');
    CLEANUP(triage_rules_free) struct triage_rules *own = NULL, *laid = NULL;
    struct problem *p = triage_rules_load_overlaid(lexicon, triggers, rest, &own);
    if (p != NULL && strstr(p->detail, " line ") == NULL)
        abort();
    if (p == NULL)
        score(arena, own);
    if (size % 8 == 0 && lexicon.n > 0 &&
        triage_rules_load_overlaid(triage_lexicon_default(), triage_triggers_default(), lexicon,
                                   &laid) == NULL &&
        score(arena, laid) < score(arena, triage_rules_default()))
        abort();
    arena_reset(arena);
    return 0;
}
