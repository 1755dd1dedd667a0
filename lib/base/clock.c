/* Clocks and RFC 3339. The proleptic Gregorian calendar is computed, not asked of the C library:
 * no time zone of the machine can leak in. */
#include "base/clock.h"

#include <string.h>
#include <time.h>

int64_t clock_wall_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_mono_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void put(char *at, unsigned n, int64_t v)
{
    while (n-- > 0) {
        at[n] = (char)('0' + v % 10);
        v /= 10;
    }
}

/* The civil date of a day counted from 1970-01-01, by eras of 400 years that begin in March. */
static void put_date(char *at, int64_t days)
{
    int64_t shifted = days + 719468; /* from 0000-03-01 */
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t of_era = shifted - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t from_march = (5 * of_year + 2) / 153;
    int64_t month = from_march < 10 ? from_march + 3 : from_march - 9;
    put(at, 4, year + era * 400 + (month <= 2));
    put(at + 5, 2, month);
    put(at + 8, 2, of_year - (153 * from_march + 2) / 5 + 1);
}

/* Times outside the years 0 to 9999 have no such text; they are shown as the nearest that has. */
void clock_text(int64_t wall_us, char ret_text[CLOCK_TEXT_MAX])
{
    static const int64_t day_us = 86400000000, min_us = -62167219200000000,
                         max_us = 253402300799999999;
    int64_t us = wall_us < min_us ? min_us : wall_us > max_us ? max_us : wall_us;
    int64_t days = us / day_us, rest = us % day_us;
    if (rest < 0) {
        rest += day_us;
        days--;
    }
    memcpy(ret_text, "0000-00-00T00:00:00.000Z", 25);
    put_date(ret_text, days);
    put(ret_text + 11, 2, rest / 3600000000);
    put(ret_text + 14, 2, rest / 60000000 % 60);
    put(ret_text + 17, 2, rest / 1000000 % 60);
    put(ret_text + 20, 3, rest / 1000 % 1000);
}

static bool digits(struct str s, size_t at, size_t n, int *ret)
{
    if (at + n > s.n)
        return false;
    int v = 0;
    for (size_t i = at; i < at + n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        v = v * 10 + (s.p[i] - '0');
    }
    *ret = v;
    return true;
}

static int month_days(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

static bool date_read(struct str s, int *year, int *month, int *day)
{
    return digits(s, 0, 4, year) && s.p[4] == '-' && digits(s, 5, 2, month) && s.p[7] == '-' &&
           digits(s, 8, 2, day) && *year >= 1000 && *month >= 1 && *month <= 12 && *day >= 1 &&
           *day <= month_days(*year, *month);
}

bool clock_date_valid(struct str s)
{
    int year, month, day;
    return s.n == 10 && date_read(s, &year, &month, &day);
}

/* The offset at the end of an RFC 3339 time: "Z" or "+hh:mm". */
static bool zone_read(struct str s, size_t at, int *ret_minutes)
{
    if (at + 1 == s.n && (s.p[at] == 'Z' || s.p[at] == 'z')) {
        *ret_minutes = 0;
        return true;
    }
    int h, m;
    if (at + 6 != s.n || (s.p[at] != '+' && s.p[at] != '-') || s.p[at + 3] != ':' ||
        !digits(s, at + 1, 2, &h) || !digits(s, at + 4, 2, &m) || h > 23 || m > 59)
        return false;
    *ret_minutes = (s.p[at] == '-' ? -1 : 1) * (h * 60 + m);
    return true;
}

bool clock_parse(struct str s, int64_t *ret_wall_us)
{
    int year, month, day, h, m, sec, zone;
    if (s.n < 20 || !date_read(s, &year, &month, &day) ||
        (s.p[10] != 'T' && s.p[10] != 't' && s.p[10] != ' ') || !digits(s, 11, 2, &h) ||
        s.p[13] != ':' || !digits(s, 14, 2, &m) || s.p[16] != ':' || !digits(s, 17, 2, &sec) ||
        h > 23 || m > 59 || sec > 60)
        return false;
    size_t at = 19;
    int64_t us = 0;
    if (s.p[at] == '.') {
        int64_t unit = 100000;
        for (at++; at < s.n && s.p[at] >= '0' && s.p[at] <= '9'; at++, unit /= 10)
            us += (s.p[at] - '0') * unit;
    }
    if (!zone_read(s, at, &zone))
        return false;
    struct tm tm = {.tm_year = year - 1900,
                    .tm_mon = month - 1,
                    .tm_mday = day,
                    .tm_hour = h,
                    .tm_min = m,
                    .tm_sec = sec};
    *ret_wall_us = ((int64_t)timegm(&tm) - (int64_t)zone * 60) * 1000000 + us;
    return true;
}
