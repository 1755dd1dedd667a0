/* Cron patterns to sets of values, by the rules of cron-parser 5 (the package BullMQ uses), so that
 * a pattern means the same on both sides, also where it is odd.
 *
 * The rule not to break: a field is text until its last step, as there: names, then '*', then 'H'
 * are replaced, and only then are lists, steps and ranges read. */
#include "bullmq/cron.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/crypt.h"

enum { PATTERN_MOST = 1024, FIELD_TEXT_MOST = 64 * 1024 };

static const struct {
    const char *name;
    unsigned low, high;
} limits[CRON_FIELDS] = {
    [CRON_SECOND] = {"second", 0, 59}, [CRON_MINUTE] = {"minute", 0, 59},
    [CRON_HOUR] = {"hour", 0, 23},     [CRON_DAY] = {"day of month", 1, 31},
    [CRON_MONTH] = {"month", 1, 12},   [CRON_WEEKDAY] = {"day of week", 0, 7},
};

/* The digits at the start, as parseInt reads them; false when there are none. */
static bool leading_number(struct str text, unsigned *ret)
{
    unsigned v = 0;
    size_t n = 0;
    for (; n < text.n && isdigit((unsigned char)text.p[n]); n++)
        v = v < 100000 ? v * 10 + (unsigned)(text.p[n] - '0') : v;
    *ret = v;
    return n > 0;
}

static bool contains(struct str text, char c)
{
    return text.n > 0 && memchr(text.p, c, text.n) != NULL;
}

/* ---- text to text ---- */

/* Each run of three letters is a name of a month or a day, either in both fields. */
static bool add_names(struct buf *out, struct str text)
{
    static const char months[] = "janfebmaraprmayjunjulaugsepoctnovdec";
    static const char days[] = "sunmontuewedthufrisat";
    for (size_t i = 0; i < text.n;) {
        bool word = i + 3 <= text.n && isalpha((unsigned char)text.p[i]) &&
                    isalpha((unsigned char)text.p[i + 1]) && isalpha((unsigned char)text.p[i + 2]);
        if (!word) {
            buf_add_c(out, text.p[i++]);
            continue;
        }
        int found = -1;
        for (int m = 0; m < 12; m++)
            if (strncasecmp(months + 3 * m, text.p + i, 3) == 0)
                found = m + 1;
        for (int d = 0; d < 7; d++)
            if (strncasecmp(days + 3 * d, text.p + i, 3) == 0)
                found = d;
        if (found < 0)
            return false;
        buf_addf(out, "%d", found);
        i += 3;
    }
    return true;
}

static bool characters_are_valid(enum cron_field field, struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool fine = isdigit((unsigned char)c) || (c && strchr("?,*H/-()", c)) ||
                    (c == 'L' && (field == CRON_DAY || field == CRON_WEEKDAY));
        if (!fine)
            return false;
    }
    return text.n > 0;
}

static double random_unit(void)
{
    uint32_t bits = 0;
    random_bytes(&bits, sizeof(bits));
    return (double)bits / 4294967296.0;
}

static unsigned hashed_value(double random, unsigned low, unsigned high)
{
    return (unsigned)(random * (high - low + 1)) + low;
}

static void add_hashed_step(struct buf *out, double random, unsigned low, unsigned high,
                            unsigned step)
{
    bool some = false;
    for (unsigned v = low / step * step + (unsigned)(random * step); v <= high; v += step) {
        if (v < low)
            continue;
        buf_addf(out, some ? ",%u" : "%u", v);
        some = true;
    }
    if (!some)
        buf_addf(out, "%u", hashed_value(random, low, high));
}

/* "H", "H/5", "H(1-9)" or "H(1-9)/5" at the start of `text`: a value of its own at every reading,
 * as cron-parser draws it without a seed. Returns the length read, 0 when it is wrong. */
static size_t add_hashed(enum cron_field field, struct buf *out, const char *text, double random)
{
    unsigned low = limits[field].low, high = limits[field].high, step = 0;
    int range_n = 0, step_n = 0;
    unsigned from = low, to = high;
    size_t n = 1;
    if (sscanf(text + n, "(%5u-%5u)%n", &from, &to, &range_n) == 2 && range_n > 0) {
        if (from > to || to < low || from > high)
            return 0;
        low = from > low ? from : low;
        high = to < high ? to : high;
        n += (size_t)range_n;
    }
    if (sscanf(text + n, "/%5u%n", &step, &step_n) == 1 && step_n > 0) {
        n += (size_t)step_n;
        if (step == 0)
            return 0;
        add_hashed_step(out, random, low, high, step);
    } else {
        buf_addf(out, "%u", hashed_value(random, low, high));
    }
    return n;
}

static bool add_wildcards_and_hashes(enum cron_field field, struct buf *out, const char *text)
{
    double random = random_unit(); /* one draw a field */
    while (*text) {
        size_t n = 1;
        if (*text == '*' || *text == '?')
            buf_addf(out, "%u-%u", limits[field].low, limits[field].high);
        else if (*text == 'H')
            n = add_hashed(field, out, text, random);
        else
            buf_add_c(out, *text);
        if (n == 0)
            return false;
        text += n;
    }
    return true;
}

/* ---- text to values ---- */

/* False for a value given twice, which cron-parser refuses. */
static bool add_value(enum cron_field field, unsigned v, struct cron *ret)
{
    bool there = ret->set[field] >> v & 1;
    ret->set[field] |= UINT64_C(1) << v;
    return !there;
}

/* "L", "5L": at most two digits before it. */
static bool add_last(enum cron_field field, struct str text, struct cron *ret)
{
    size_t digits = 0;
    while (digits < text.n && isdigit((unsigned char)text.p[digits]))
        digits++;
    if (digits > 2 || digits + 1 != text.n || (field == CRON_WEEKDAY && digits == 0))
        return false;
    if (field == CRON_WEEKDAY)
        ret->last_weekdays |= BIT((unsigned)(text.p[0] - '0') % 7);
    else
        ret->last_day = true;
    return true;
}

static bool add_one(enum cron_field field, struct str text, struct cron *ret)
{
    unsigned v = 0;
    if (contains(text, 'L'))
        return add_last(field, text, ret);
    if (!leading_number(text, &v) || v < limits[field].low || v > limits[field].high)
        return false;
    for (size_t i = 0; i < text.n; i++)
        if (!isdigit((unsigned char)text.p[i]))
            return false;
    return add_value(field, field == CRON_WEEKDAY ? v % 7 : v, ret);
}

static bool add_range(enum cron_field field, unsigned low, unsigned high, unsigned step,
                      struct cron *ret)
{
    if (low < limits[field].low || high > limits[field].high || low > high || step == 0)
        return false;
    bool sunday = field == CRON_WEEKDAY && high % 7 == 0 && (high - low) % step == 0;
    bool once = !sunday || add_value(field, 0, ret);
    for (unsigned v = low; v <= high; v += step)
        if (v > 0 || !sunday)
            once = add_value(field, v, ret) && once;
    return once;
}

/* One item of a list: "5", "1-5", "1-5/2", "5/15" (to the end of the field). */
static bool add_item(enum cron_field field, struct str item, struct cron *ret)
{
    struct str after_slash = item;
    struct str range = str_cut(&after_slash, '/');
    bool stepped = range.n < item.n;
    unsigned step = 1, low = 0, high = limits[field].high;
    if (stepped && (contains(after_slash, '/') || !leading_number(after_slash, &step)))
        return false;
    struct str after_dash = range;
    struct str start = str_cut(&after_dash, '-');
    bool dashed = start.n < range.n;
    if (!stepped && !dashed)
        return add_one(field, item, ret);
    if (!leading_number(start, &low) || (dashed && !leading_number(after_dash, &high)))
        return false;
    return add_range(field, low, high, step, ret);
}

static bool add_list(enum cron_field field, struct str list, struct cron *ret)
{
    if (list.n == 0 || list.p[list.n - 1] == ',')
        return false;
    while (list.n > 0)
        if (!add_item(field, str_cut(&list, ','), ret))
            return false;
    return true;
}

/* "5#2", the second Friday: cuts the '#' off and keeps the number. */
static bool cut_nth(struct str *text, struct cron *ret)
{
    if (!contains(*text, '#'))
        return true;
    struct str nth = *text;
    struct str day = str_cut(&nth, '#');
    uint64_t n = 0;
    bool alone = !contains(*text, ',') && !contains(*text, '-') && !contains(*text, '/');
    if (!alone || !str_u64(nth, 5, &n) || n < 1)
        return false;
    ret->nth_weekday = (unsigned)n;
    *text = day;
    return true;
}

static bool parse_field(enum cron_field field, struct str text, struct cron *ret)
{
    bool any = str_eq(text, STR("*")) || str_eq(text, STR("?"));
    ret->any_day |= field == CRON_DAY && any;
    ret->any_weekday |= field == CRON_WEEKDAY && any;
    if (field == CRON_WEEKDAY && !cut_nth(&text, ret))
        return false;
    CLEANUP(buf_free) struct buf named = BUF_MAX(FIELD_TEXT_MOST);
    CLEANUP(buf_free) struct buf plain = BUF_MAX(FIELD_TEXT_MOST);
    if (field != CRON_MONTH && field != CRON_WEEKDAY)
        buf_add_str(&named, text);
    else if (!add_names(&named, text))
        return false;
    return characters_are_valid(field, buf_str(&named)) &&
           add_wildcards_and_hashes(field, &plain, named.data) && !plain.overflowed &&
           add_list(field, buf_str(&plain), ret);
}

static const char *predefined(const char *pattern)
{
    static const char *const macros[][2] = {
        {"@yearly", "0 0 0 1 1 *"},     {"@annually", "0 0 0 1 1 *"},
        {"@monthly", "0 0 0 1 * *"},    {"@weekly", "0 0 0 * * 0"},
        {"@daily", "0 0 0 * * *"},      {"@hourly", "0 0 * * * *"},
        {"@minutely", "0 * * * * *"},   {"@secondly", "* * * * * *"},
        {"@weekdays", "0 0 0 * * 1-5"}, {"@weekends", "0 0 0 * * 0,6"},
    };
    for (size_t i = 0; i < ARRAY_LEN(macros); i++)
        if (strcmp(pattern, macros[i][0]) == 0)
            return macros[i][1];
    return pattern;
}

static struct str next_word(const char **rest)
{
    const char *start = *rest + strspn(*rest, " \t\r\n\v\f");
    size_t n = strcspn(start, " \t\r\n\v\f");
    *rest = start + n;
    return (struct str){start, n};
}

struct problem *cron_parse(const char *pattern, struct cron *ret)
{
    struct str words[CRON_FIELDS + 1];
    unsigned n = 0;
    *ret = (struct cron){0};
    if (!pattern || strlen(pattern) > PATTERN_MOST)
        return problem_field(NULL, "/pattern", "a cron pattern has at most %d bytes", PATTERN_MOST);
    const char *rest = predefined(pattern);
    for (struct str word = next_word(&rest); word.n > 0; word = next_word(&rest)) {
        if (n == CRON_FIELDS)
            return problem_field(NULL, "/pattern", "a cron pattern has at most six fields");
        words[n++] = word;
    }
    if (n == 0)
        return problem_field(NULL, "/pattern", "a cron pattern has five or six fields");
    unsigned missing = CRON_FIELDS - n; /* from the left: second 0, then '*' */
    for (unsigned field = 0; field < CRON_FIELDS; field++) {
        struct str text = field >= missing ? words[field - missing] : STR("*");
        if (field < missing && field == CRON_SECOND)
            text = STR("0");
        if (!parse_field((enum cron_field)field, text, ret))
            return problem_field(NULL, "/pattern", "the %s of the cron pattern is not right",
                                 limits[field].name);
    }
    return NULL;
}
