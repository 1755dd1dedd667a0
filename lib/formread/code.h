/* Insurance ids read several times (private to lib/formread). */
#ifndef NEXACORE_FORMREAD_CODE_H
#define NEXACORE_FORMREAD_CODE_H

#include "formread/values.h"

struct code_reading {
    struct str normal, text; /* in its one form (empty: none), and as read */
    double conf;
};

/* Reads an insurance id again in other ways; `v` becomes the reading to be taken, less sure or as
 * sure as it was. `crop`: its place. */
void code_settle(const struct reading *rd, PIX *crop, struct value *v);
/* What `n` more readings say of `v`: its text becomes one of theirs or stays, whole; it is never
 * surer than before, and doubtful when a good reading does not agree. */
void code_weigh(const struct reading *rd, const struct code_reading *r, int n, struct value *v);

#endif
