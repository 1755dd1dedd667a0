/* Cron patterns as BullMQ's job schedulers use them: when is the next time (inside lib/bullmq).
 *
 * The rule not to break: the next time is the one cron-parser 5 gives in Node, to the millisecond,
 * or two workers of one scheduler would disagree. Patterns and zones come out of Redis too, so
 * every byte is checked and every search has an end. */
#ifndef BULLMQ_CRON_H
#define BULLMQ_CRON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/problem.h"

enum cron_field {
    CRON_SECOND,
    CRON_MINUTE,
    CRON_HOUR,
    CRON_DAY,
    CRON_MONTH,
    CRON_WEEKDAY,
    CRON_FIELDS
};

struct cron {
    uint64_t set[CRON_FIELDS]; /* bit n: value n fits */
    unsigned last_weekdays;    /* bit n: the month's last weekday n ("5L") fits */
    unsigned nth_weekday;      /* 1..5: only the nth one of the month ("5#2"); 0: any */
    bool last_day;             /* 'L' as day: the month's last */
    bool any_day, any_weekday; /* written as "*" or "?" */
};

/* Reads a pattern: six fields with seconds first, or fewer, counted from the right; lists, ranges,
 * steps, names of months and days, '?', 'L', '5L', '5#2', 'H' (drawn anew at each call, as Node
 * does without a seed), @yearly ... @weekends. PROBLEM_VALIDATION names the wrong field. */
struct problem *cron_parse(const char *pattern, struct cron *ret);

/* The first time after `after_ms` (Unix time in ms) that fits `pattern`, in the time zone `tz`
 * (IANA, "utc+5:30", NULL: the machine's). Day and weekday both given (not "*" or "?"): either will
 * do. An hour the clock skips in spring is made up for in the hour after, one it repeats in autumn
 * is met once, unless the pattern fits every hour. PROBLEM_VALIDATION for a pattern or zone that is
 * none, PROBLEM_NOT_FOUND when no time fits. */
struct problem *cron_next(const char *pattern, const char *tz, int64_t after_ms, int64_t *ret_ms);

/* A zone's rules. */
struct tz;

/* Opens a zone as Node names it: IANA, "utc", "gmt", "utc-3", "utc+5:30"; NULL, "local" or
 * "system": $TZ or the machine's. PROBLEM_VALIDATION when it is unknown here. Free with tz_close.
 */
struct problem *tz_open(const char *name, struct tz **ret);
void tz_close(struct tz **tz);

/* Reads a zone from the bytes of a TZif file (RFC 8536); they are copied. */
struct problem *tz_parse(const uint8_t *bytes, size_t n, struct tz **ret);

/* Seconds east of UTC at a Unix time in seconds. */
int32_t tz_offset(const struct tz *tz, int64_t at);

#endif
