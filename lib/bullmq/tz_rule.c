/* The rule at the end of a TZif file, for times after its table: a POSIX TZ string as RFC 8536
 * section 3.3 restricts and extends it ("CET-1CEST,M3.5.0,M10.5.0/3").
 *
 * The rule not to break: a string that is not understood whole gives no rule at all. */
#include "bullmq/tz_rule.h"

#include <ctype.h>
#include <string.h>

enum { DAY_S = 86400 };

static bool take(struct str *s, char c)
{
    if (s->n == 0 || s->p[0] != c)
        return false;
    s->p++;
    s->n--;
    return true;
}

static bool take_number(struct str *s, unsigned most, unsigned *ret)
{
    unsigned v = 0, digits = 0;
    for (; s->n > 0 && isdigit((unsigned char)s->p[0]) && digits < 4; digits++) {
        v = v * 10 + (unsigned)(s->p[0] - '0');
        s->p++;
        s->n--;
    }
    *ret = v;
    return digits > 0 && v <= most;
}

/* An abbreviation: letters, or anything between '<' and '>'. */
static bool take_name(struct str *s)
{
    size_t n = 0;
    if (take(s, '<')) {
        while (s->n > 0 && s->p[0] != '>') {
            s->p++;
            s->n--;
        }
        return take(s, '>');
    }
    for (; s->n > 0 && isalpha((unsigned char)s->p[0]); n++) {
        s->p++;
        s->n--;
    }
    return n >= 3;
}

/* [+-]hh[:mm[:ss]] in seconds. */
static bool take_time(struct str *s, unsigned hours_most, int32_t *ret)
{
    unsigned h = 0, m = 0, sec = 0;
    bool minus = take(s, '-');
    if (!minus)
        take(s, '+');
    if (!take_number(s, hours_most, &h))
        return false;
    if (take(s, ':') && !take_number(s, 59, &m))
        return false;
    if (take(s, ':') && !take_number(s, 59, &sec))
        return false;
    int32_t seconds = (int32_t)(h * 3600 + m * 60 + sec);
    *ret = minus ? -seconds : seconds;
    return true;
}

static bool take_date(struct str *s, struct tz_date *ret)
{
    *ret = (struct tz_date){.time_s = 7200};
    if (!take(s, ','))
        return false;
    bool fine;
    if (take(s, 'M')) {
        ret->kind = TZ_MONTH_WEEK_DAY;
        fine = take_number(s, 12, &ret->month) && take(s, '.') && take_number(s, 5, &ret->week) &&
               take(s, '.') && take_number(s, 6, &ret->day) && ret->month > 0 && ret->week > 0;
    } else if (take(s, 'J')) {
        ret->kind = TZ_DAY_WITHOUT_LEAP;
        fine = take_number(s, 365, &ret->day) && ret->day > 0;
    } else {
        ret->kind = TZ_DAY_OF_YEAR;
        fine = take_number(s, 365, &ret->day);
    }
    return fine && (!take(s, '/') || take_time(s, 167, &ret->time_s));
}

bool tz_rule_parse(struct str text, struct tz_rule *ret)
{
    struct tz_rule rule = {0};
    int32_t west = 0;
    if (!take_name(&text) || !take_time(&text, 24, &west))
        return false;
    rule.standard_s = -west;
    if (text.n > 0) {
        rule.has_summer = true;
        rule.summer_s = rule.standard_s + 3600;
        if (!take_name(&text))
            return false;
        if (text.n > 0 && text.p[0] != ',') {
            if (!take_time(&text, 24, &west))
                return false;
            rule.summer_s = -west;
        }
        if (!take_date(&text, &rule.start) || !take_date(&text, &rule.end))
            return false;
    }
    if (text.n > 0)
        return false;
    *ret = rule;
    return true;
}

/* ---- years ---- */

static bool is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Days from 1970-01-01 to the first of January. */
static int64_t year_start(int64_t year)
{
    int64_t y = year - 1;
    return y * 365 + y / 4 - y / 100 + y / 400 - 719162;
}

static int64_t year_of(int64_t local)
{
    int64_t year = 1970 + local / (365 * DAY_S + DAY_S / 4);
    while (year_start(year) * DAY_S > local)
        year--;
    while (year_start(year + 1) * DAY_S <= local)
        year++;
    return year;
}

/* The date's day, counted from 1970-01-01. */
static int64_t date_day(const struct tz_date *date, int64_t year)
{
    static const unsigned before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};
    int64_t first = year_start(year);
    unsigned leap = is_leap(year);
    if (date->kind == TZ_DAY_OF_YEAR)
        return first + date->day;
    if (date->kind == TZ_DAY_WITHOUT_LEAP)
        return first + date->day - 1 + (leap && date->day >= 60);
    unsigned start = before[date->month - 1] + (date->month > 2 ? leap : 0);
    unsigned length = before[date->month] + (date->month > 1 ? leap : 0) - start;
    unsigned weekday = (unsigned)(((first + start + 4) % 7 + 7) % 7);
    unsigned day = (date->day + 7 - weekday) % 7 + (date->week - 1) * 7;
    while (day >= length)
        day -= 7;
    return first + start + day;
}

int32_t tz_rule_offset(const struct tz_rule *rule, int64_t at)
{
    if (!rule->has_summer)
        return rule->standard_s;
    int64_t year = year_of(at + rule->standard_s);
    int64_t start = date_day(&rule->start, year) * DAY_S + rule->start.time_s - rule->standard_s;
    int64_t end = date_day(&rule->end, year) * DAY_S + rule->end.time_s - rule->summer_s;
    bool summer = start < end ? at >= start && at < end : at >= start || at < end;
    return summer ? rule->summer_s : rule->standard_s;
}
