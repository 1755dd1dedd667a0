/* Cron patterns as BullMQ's job schedulers use them: when is the next time (inside lib/bullmq).
 *
 * The rule not to break: patterns and zones come out of Redis too, so every byte is checked and
 * every search has an end. */
#ifndef BULLMQ_CRON_H
#define BULLMQ_CRON_H

#include <stddef.h>

#include "base/problem.h"

/* The first time after `after_ms` (Unix time in ms) that fits `pattern`, in the IANA zone `tz`
 * (NULL: the machine's). Five fields (minute hour day month weekday) or six with seconds first;
 * lists, ranges, steps, names of months and days, '?', 'L' as day, @yearly ... @hourly. Day and
 * weekday both given (not "*" or "?"): either will do. A time the clock skips in spring is
 * skipped; one it repeats in autumn is met twice. PROBLEM_VALIDATION for a pattern or zone that is
 * none, PROBLEM_NOT_FOUND when no time fits within eight years. */
struct problem *cron_next(const char *pattern, const char *tz, int64_t after_ms, int64_t *ret_ms);

/* A zone's rules. */
struct tz;
struct problem *tz_open(const char *name, struct tz **ret);
void tz_close(struct tz **tz);

/* Seconds east of UTC at a Unix time in seconds. */
int32_t tz_offset(const struct tz *tz, int64_t at);

#endif
