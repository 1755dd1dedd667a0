/* Cron patterns: parsed into bit sets, then time is walked forward, skipping whole hours and
 * minutes that cannot fit. See cron.h for the rule. */
#include "bullmq/cron.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"

enum field { SECOND, MINUTE, HOUR, DAY, MONTH, WEEKDAY, FIELDS };

struct cron {
    uint64_t set[FIELDS]; /* bit n: value n fits */
    bool any_day, any_weekday;
    bool last_day; /* 'L': the month's last day */
};

static const struct {
    unsigned low, high;
    const char *names; /* three letters each, from `low` on */
} limits[FIELDS] = {
    [SECOND] = {0, 59, ""},
    [MINUTE] = {0, 59, ""},
    [HOUR] = {0, 23, ""},
    [DAY] = {1, 31, ""},
    [MONTH] = {1, 12, "janfebmaraprmayjunjulaugsepoctnovdec"},
    [WEEKDAY] = {0, 7, "sunmontuewedthufrisat"},
};

static bool parse_value(enum field field, struct str text, unsigned *ret)
{
    uint64_t v = 0;
    if (str_u64(text, 99, &v)) {
        *ret = (unsigned)v;
        return v >= limits[field].low && v <= limits[field].high;
    }
    const char *names = limits[field].names;
    for (unsigned i = 0; text.n == 3 && names[3 * i]; i++) {
        if (strncasecmp(names + 3 * i, text.p, 3) == 0) {
            *ret = limits[field].low + i;
            return true;
        }
    }
    return false;
}

/* One item of a list: "*", "?", "5", "1-5", each perhaps with "/step"; "5/15" runs to the end. */
static bool parse_item(enum field field, struct str item, struct cron *ret)
{
    struct str step_text = item;
    struct str range = str_cut(&step_text, '/');
    bool stepped = range.n < item.n;
    uint64_t step = 1;
    if (stepped && (!str_u64(step_text, 99, &step) || step == 0))
        return false;
    unsigned low = limits[field].low, high = limits[field].high;
    if (field == WEEKDAY)
        high = 6;
    if (!str_eq(range, STR("*")) && !str_eq(range, STR("?"))) {
        struct str end = range;
        struct str start = str_cut(&end, '-');
        if (!parse_value(field, start, &low))
            return false;
        if (start.n < range.n) {
            if (!parse_value(field, end, &high) || high < low)
                return false;
        } else if (!stepped) {
            high = low;
        }
    }
    for (unsigned v = low; v <= high; v += (unsigned)step)
        ret->set[field] |= UINT64_C(1) << v;
    return true;
}

static bool parse_field(enum field field, struct str text, struct cron *ret)
{
    if (text.n == 0)
        return false;
    if (field == DAY && (str_eq(text, STR("L")) || str_eq(text, STR("l")))) {
        ret->last_day = true;
        return true;
    }
    bool any = str_eq(text, STR("*")) || str_eq(text, STR("?"));
    ret->any_day |= field == DAY && any;
    ret->any_weekday |= field == WEEKDAY && any;
    struct str rest = text;
    do {
        struct str item = str_cut(&rest, ',');
        if (!parse_item(field, item, ret))
            return false;
    } while (rest.n > 0);
    if (text.p[text.n - 1] == ',')
        return false;
    if (field == WEEKDAY && (ret->set[WEEKDAY] & BIT(7)))
        ret->set[WEEKDAY] |= 1; /* 7 is Sunday too */
    return true;
}

static const char *macro(const char *pattern)
{
    static const char *const macros[][2] = {
        {"@yearly", "0 0 0 1 1 *"},     {"@annually", "0 0 0 1 1 *"},
        {"@monthly", "0 0 0 1 * *"},    {"@weekly", "0 0 0 * * 0"},
        {"@daily", "0 0 0 * * *"},      {"@midnight", "0 0 0 * * *"},
        {"@hourly", "0 0 * * * *"},     {"@minutely", "0 * * * * *"},
        {"@secondly", "* * * * * *"},   {"@weekdays", "0 0 0 * * 1-5"},
        {"@weekends", "0 0 0 * * 0,6"},
    };
    for (size_t i = 0; i < ARRAY_LEN(macros); i++)
        if (strcasecmp(pattern, macros[i][0]) == 0)
            return macros[i][1];
    return pattern;
}

static struct problem *cron_parse(const char *pattern, struct cron *ret)
{
    struct str words[FIELDS];
    struct str rest = str_trim(str_of(macro(pattern)));
    size_t n = 0;
    for (; rest.n > 0 && n < FIELDS; n++) {
        words[n] = str_cut(&rest, ' ');
        rest = str_trim(rest);
    }
    *ret = (struct cron){0};
    if (rest.n > 0 || n < 5)
        return problem_field(NULL, "/pattern", "a cron pattern has five or six fields");
    unsigned skip = (unsigned)(FIELDS - n);
    if (skip == 1)
        ret->set[SECOND] = 1;
    for (unsigned field = skip; field < FIELDS; field++)
        if (!parse_field((enum field)field, words[field - skip], ret))
            return problem_field(NULL, "/pattern", "field %u of the cron pattern is not right",
                                 field - skip + 1);
    return NULL;
}

/* ---- the calendar ---- */

struct local {
    int64_t days; /* since 1970-01-01 */
    unsigned month, day, weekday, second_of_day;
};

static unsigned month_length(int64_t year, unsigned month)
{
    static const uint8_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return lengths[month - 1] + (month == 2 && leap);
}

/* Days to date: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms". */
static int64_t civil(struct local *l)
{
    int64_t z = l->days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    unsigned doe = (unsigned)(z - era * 146097);
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    unsigned mp = (5 * doy + 2) / 153;
    l->day = doy - (153 * mp + 2) / 5 + 1;
    l->month = mp < 10 ? mp + 3 : mp - 9;
    return (int64_t)yoe + era * 400 + (l->month <= 2);
}

static int64_t local_of(const struct tz *tz, int64_t at, struct local *ret)
{
    int64_t shifted = at + tz_offset(tz, at);
    ret->days = shifted >= 0 ? shifted / 86400 : (shifted - 86399) / 86400;
    ret->second_of_day = (unsigned)(shifted - ret->days * 86400);
    ret->weekday = (unsigned)(((ret->days + 4) % 7 + 7) % 7);
    return civil(ret);
}

static bool has(const struct cron *cron, enum field field, unsigned v)
{
    return cron->set[field] >> v & 1;
}

static bool day_fits(const struct cron *cron, const struct local *l, int64_t year)
{
    if (!has(cron, MONTH, l->month))
        return false;
    bool last = cron->last_day && l->day == month_length(year, l->month);
    bool day = has(cron, DAY, l->day) || last, weekday = has(cron, WEEKDAY, l->weekday);
    if (!cron->any_day && !cron->any_weekday)
        return day || weekday;
    return day && weekday;
}

/* Seconds to skip from here to the next moment that might fit; 0: this one fits. */
static unsigned seconds_off(const struct cron *cron, const struct local *l, int64_t year)
{
    unsigned s = l->second_of_day;
    if (!day_fits(cron, l, year) || !has(cron, HOUR, s / 3600))
        return 3600 - s % 3600;
    if (!has(cron, MINUTE, s / 60 % 60))
        return 60 - s % 60;
    return has(cron, SECOND, s % 60) ? 0 : 1;
}

struct problem *cron_next(const char *pattern, const char *tz_name, int64_t after_ms,
                          int64_t *ret_ms)
{
    struct cron cron;
    TRY(cron_parse(pattern, &cron));
    CLEANUP(tz_close) struct tz *tz = NULL;
    TRY(tz_open(tz_name, &tz));
    int64_t at = after_ms / 1000 + 1;
    int64_t end = at + INT64_C(8) * 366 * 86400;
    while (at < end) {
        struct local l;
        int64_t year = local_of(tz, at, &l);
        unsigned off = seconds_off(&cron, &l, year);
        if (off == 0) {
            *ret_ms = at * 1000;
            return NULL;
        }
        at += off;
    }
    return problem_new(NULL, PROBLEM_NOT_FOUND, "no time fits the cron pattern");
}
