/* The pages that people may see of a form: rendered, burnt, and read again (private to src/intake).
 *
 * The rule not to break: a form with a card is clean only when every page was read again and showed
 * none; what cannot be read again is not clean. */
#ifndef NEXACORE_INTAKE_PAGES_H
#define NEXACORE_INTAKE_PAGES_H

#include "intake/intake_internal.h"

struct pages {
    const struct ctx *cx;
    struct bullmq_job *job;
    struct uuid form;
    void (*told)(void *user, int done, int of); /* may be NULL */
    void *told_to;
    /* results */
    int count;  /* pages in the store; 0: none are shown */
    bool clean; /* no card number can be read on them */
    /* private */
    int total;
    struct buf *kept;     /* PNGs to read again, each behind its length */
    struct problem *lost; /* the store's, while a page was put there */
};

/* Makes the pages. An emergency never waits for them (SPEC 6): whatever goes wrong, it goes on
 * without (count 0). For any other form the store's trouble is waited for, the reader's is tried
 * again, and then it goes to a person without its pages. */
struct problem *pages_make(const struct parsed_form *parsed, struct pages *pages);

/* True when the reader's trouble with this form is not to be tried again. */
bool reader_last_try(const struct bullmq_job *job);

#endif
