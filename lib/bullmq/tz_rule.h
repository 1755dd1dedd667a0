/* The rule at the end of a TZif file: when summer time begins and ends in any year (inside
 * lib/bullmq; RFC 8536 section 3.3).
 *
 * The rule not to break: times handed in lie after 1970; the arithmetic below has no other years.
 */
#ifndef BULLMQ_TZ_RULE_H
#define BULLMQ_TZ_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum tz_date_kind { TZ_MONTH_WEEK_DAY, TZ_DAY_WITHOUT_LEAP, TZ_DAY_OF_YEAR };

struct tz_date {
    enum tz_date_kind kind;
    unsigned month, week; /* 1..12; 1..5, 5 is the last */
    unsigned day;         /* weekday from Sunday 0, or day of the year */
    int32_t time_s;       /* local time of day; may be negative or beyond a day */
};

struct tz_rule {
    int32_t standard_s, summer_s; /* seconds east of UTC */
    bool has_summer;
    struct tz_date start, end;
};

/* False when the text is not wholly such a rule; *ret is then untouched. */
bool tz_rule_parse(struct str text, struct tz_rule *ret);

/* Seconds east of UTC at a Unix time in seconds. */
int32_t tz_rule_offset(const struct tz_rule *rule, int64_t at);

#endif
