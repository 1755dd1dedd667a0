/* Is this Redis fit for the queues? Asked by serve and work at start and by doctor. */
#ifndef NEXACORE_OPS_REDIS_GUARD_H
#define NEXACORE_OPS_REDIS_GUARD_H

#include "base/problem.h"

/* NULL: fit; `ret_advice` is then what could be better, or "". PROBLEM_UNAVAILABLE: it does not
 * answer (yet), which is waited for. Anything else: it answers, and jobs would be refused or lost
 * on it (a password is missing or wrong, a replica, too old, evicting), with how to mend it. The
 * problem is in `arena` and shows no password. */
struct problem *redis_guard(const char *url, struct arena *arena, const char **ret_advice);

#endif
