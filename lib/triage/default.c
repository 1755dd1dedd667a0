/* The rule set built into the program.
 *
 * The rule not to break: the data is the repository's data/ files, embedded at build time; nothing
 * is read at run time. */
#include "triage/triage.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "triage/triage_data.h"

static struct triage_rules *rules;

struct str triage_lexicon_default(void)
{
    return (struct str){(const char *)triage_lexicon, sizeof(triage_lexicon)};
}

struct str triage_triggers_default(void)
{
    return (struct str){(const char *)triage_triggers, sizeof(triage_triggers)};
}

static void load(void)
{
    struct problem *p =
        triage_rules_load(triage_lexicon_default(), triage_triggers_default(), &rules);
    if (p != NULL) { /* the build's own tests load it, so this is our mistake */
        fprintf(stderr, "built-in triage rules: %s\n", p->detail);
        abort();
    }
}

const struct triage_rules *triage_rules_default(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    return rules;
}
