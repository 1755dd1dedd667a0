/* The next time of a cron pattern: cron-parser's search (CronExpression.js and CronDate.js, on
 * luxon's clock arithmetic), step by step, because what it does when clocks change is its own.
 *
 * The rule not to break: w->offset belongs to w->at; every move goes through to_local() or
 * to_time(). See cron.h for the promise. */
#include "bullmq/cron.h"

#include "base/cleanup.h"

enum { STEPS_MOST = 10000, DAY_S = 86400, HOUR_S = 3600, MINUTE_S = 60 };

enum unit { SECOND, MINUTE, HOUR, DAY, MONTH };

struct walk {
    const struct cron *cron;
    const struct tz *tz;
    unsigned hours; /* how many hours of the day fit */

    int64_t at; /* Unix time in seconds */
    int32_t offset;
    int64_t days; /* local, since 1970-01-01 */
    int64_t year;
    unsigned month, day, weekday;
    unsigned hour, minute, second;

    int skipped, landing; /* the first hour spring skipped, the one after the gap; or -1 */
    int repeated;         /* the hour autumn repeats; or -1 */
};

/* ---- the calendar ---- */

static unsigned month_length(int64_t year, unsigned month)
{
    static const uint8_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return lengths[month - 1] + (month == 2 && leap);
}

/* Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms"; also below. */
static int64_t days_of(int64_t year, unsigned month, unsigned day)
{
    int64_t y = year - (month <= 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    unsigned yoe = (unsigned)(y - era * 400);
    unsigned doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + (int64_t)doe - 719468;
}

static void set_date(struct walk *w)
{
    int64_t z = w->days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    unsigned doe = (unsigned)(z - era * 146097);
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    unsigned mp = (5 * doy + 2) / 153;
    w->day = doy - (153 * mp + 2) / 5 + 1;
    w->month = mp < 10 ? mp + 3 : mp - 9;
    w->year = (int64_t)yoe + era * 400 + (w->month <= 2);
    w->weekday = (unsigned)(((w->days + 4) % 7 + 7) % 7);
}

/* Moves to a Unix time. */
static void to_time(struct walk *w, int64_t at)
{
    w->at = at;
    w->offset = tz_offset(w->tz, at);
    int64_t local = at + w->offset;
    int64_t days = local >= 0 ? local / DAY_S : (local - (DAY_S - 1)) / DAY_S;
    unsigned rest = (unsigned)(local - days * DAY_S);
    w->hour = rest / HOUR_S;
    w->minute = rest / MINUTE_S % 60;
    w->second = rest % 60;
    w->days = days;
    set_date(w);
}

/* Moves to a local time, seen from the present offset: luxon's fixOffset. In a gap that is the time
 * as far after it. */
static void to_local(struct walk *w, int64_t days, int64_t second_of_day)
{
    int64_t local = days * DAY_S + second_of_day;
    int64_t guess = local - w->offset;
    int32_t second = tz_offset(w->tz, guess);
    if (second != w->offset) {
        guess -= second - w->offset;
        int32_t third = tz_offset(w->tz, guess);
        if (second != third)
            guess = local - (second < third ? second : third);
    }
    to_time(w, guess);
}

static int64_t second_of_day(const struct walk *w)
{
    return (int64_t)w->hour * HOUR_S + w->minute * MINUTE_S + w->second;
}

static void to_clock(struct walk *w, unsigned hour, unsigned minute, unsigned second)
{
    to_local(w, w->days, (int64_t)hour * HOUR_S + minute * MINUTE_S + second);
}

static void add_month(struct walk *w)
{
    int64_t year = w->year + (w->month == 12);
    unsigned month = w->month == 12 ? 1 : w->month + 1;
    unsigned length = month_length(year, month);
    to_local(w, days_of(year, month, w->day < length ? w->day : length), second_of_day(w));
    to_local(w, days_of(w->year, w->month, 1), 0);
}

static void add_day(struct walk *w)
{
    to_local(w, w->days + 1, second_of_day(w));
    to_local(w, w->days, 0);
}

/* One unit on, to its start; notes an hour that was skipped or is met again. */
static void advance(struct walk *w, enum unit unit)
{
    unsigned hour = w->hour;
    int32_t offset = w->offset;
    if (unit == MONTH) {
        add_month(w);
        return;
    }
    if (unit == DAY) {
        add_day(w);
        return;
    }
    to_time(w, w->at + (unit == HOUR ? HOUR_S : unit == MINUTE ? MINUTE_S : 1));
    if (unit == HOUR)
        to_clock(w, w->hour, 0, 0);
    else if (unit == MINUTE)
        to_clock(w, w->hour, w->minute, 0);
    unsigned hours_on = (w->hour + 24 - hour) % 24;
    if (w->offset > offset && hours_on >= 2) {
        if (w->hours != 24) {
            w->skipped = (int)((hour + 1) % 24);
            w->landing = (int)w->hour;
        }
    } else if (hours_on == 0 && w->minute == 0 && w->second == 0 && w->hours != 24) {
        w->repeated = (int)w->hour;
    }
}

/* ---- what fits ---- */

static bool has(const struct walk *w, enum cron_field field, unsigned v)
{
    return w->cron->set[field] >> v & 1;
}

static unsigned lowest(const struct walk *w, enum cron_field field)
{
    return (unsigned)__builtin_ctzll(w->cron->set[field]);
}

/* The lowest value above v; false when there is none. */
static bool next_value(const struct walk *w, enum cron_field field, unsigned v, unsigned *ret)
{
    uint64_t above = w->cron->set[field] & ~((UINT64_C(2) << v) - 1);
    *ret = above ? (unsigned)__builtin_ctzll(above) : 0;
    return above != 0;
}

static bool day_fits(const struct walk *w)
{
    const struct cron *cron = w->cron;
    unsigned length = month_length(w->year, w->month);
    bool day = has(w, CRON_DAY, w->day) || (cron->last_day && w->day == length);
    bool nth = cron->nth_weekday == 0 || (w->day + 6) / 7 == cron->nth_weekday;
    bool last = w->day > length - 7 && (cron->last_weekdays >> w->weekday & 1);
    bool weekday = (has(w, CRON_WEEKDAY, w->weekday) && nth) || last;
    if (!cron->any_day && !cron->any_weekday)
        return day || weekday;
    return cron->any_weekday ? day : weekday;
}

static bool clock_changes_today(const struct walk *w)
{
    struct walk start = *w;
    to_local(&start, start.days, 0);
    struct walk next = start;
    add_day(&next);
    return start.offset != tz_offset(w->tz, next.at - 1);
}

/* True in the hour after a gap when an hour of the gap was wanted. */
static bool makes_up_for_skipped(const struct walk *w)
{
    if (w->skipped < 0 || w->landing != (int)w->hour)
        return false;
    for (unsigned hour = (unsigned)w->skipped; hour != w->hour; hour = (hour + 1) % 24)
        if (has(w, CRON_HOUR, hour))
            return true;
    return false;
}

/* True when the hour fits; else moves on. */
static bool match_hour(struct walk *w)
{
    if (makes_up_for_skipped(w))
        return true;
    if (w->repeated == (int)w->hour) {
        w->repeated = -1;
        advance(w, HOUR);
        return false;
    }
    if (has(w, CRON_HOUR, w->hour))
        return true;
    w->skipped = w->landing = -1;
    unsigned next = 0;
    if (!next_value(w, CRON_HOUR, w->hour, &next)) {
        advance(w, DAY);
        return false;
    }
    if (clock_changes_today(w)) {
        for (unsigned steps = next - w->hour; steps > 0; steps--) {
            advance(w, HOUR);
            if (w->hour >= next)
                break;
        }
    } else {
        to_clock(w, next, w->minute, w->second);
    }
    to_clock(w, w->hour, lowest(w, CRON_MINUTE), w->second);
    to_clock(w, w->hour, w->minute, lowest(w, CRON_SECOND));
    return false;
}

static void next_minute(struct walk *w)
{
    unsigned minute = 0;
    if (!next_value(w, CRON_MINUTE, w->minute, &minute)) {
        advance(w, HOUR);
        minute = lowest(w, CRON_MINUTE);
    }
    to_clock(w, w->hour, minute, w->second);
    to_clock(w, w->hour, w->minute, lowest(w, CRON_SECOND));
}

static void next_second(struct walk *w)
{
    unsigned second = 0;
    if (!next_value(w, CRON_SECOND, w->second, &second)) {
        advance(w, MINUTE);
        second = lowest(w, CRON_SECOND);
    }
    to_clock(w, w->hour, w->minute, second);
}

/* One step of the search; true when this time fits. */
static bool step(struct walk *w)
{
    if (!has(w, CRON_MONTH, w->month))
        advance(w, MONTH);
    else if (!day_fits(w))
        advance(w, DAY);
    else if (!match_hour(w))
        return false;
    else if (!has(w, CRON_MINUTE, w->minute))
        next_minute(w);
    else if (!has(w, CRON_SECOND, w->second))
        next_second(w);
    else
        return true;
    return false;
}

struct problem *cron_next(const char *pattern, const char *tz_name, int64_t after_ms,
                          int64_t *ret_ms)
{
    struct cron cron;
    TRY(cron_parse(pattern, &cron));
    CLEANUP(tz_close) struct tz *tz = NULL;
    TRY(tz_open(tz_name, &tz));
    struct walk w = {.cron = &cron, .tz = tz, .skipped = -1, .landing = -1, .repeated = -1};
    w.hours = (unsigned)__builtin_popcountll(cron.set[CRON_HOUR]);
    if (after_ms < 0)
        after_ms = 0;
    to_time(&w, after_ms / 1000);
    if (after_ms % 1000 > 0)
        advance(&w, SECOND);
    for (int steps = 1; steps < STEPS_MOST; steps++) {
        if (!step(&w))
            continue;
        if (w.at * 1000 > after_ms) {
            *ret_ms = w.at * 1000;
            return NULL;
        }
        advance(&w, SECOND);
    }
    return problem_new(NULL, PROBLEM_NOT_FOUND, "no time fits the cron pattern");
}
