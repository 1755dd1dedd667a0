/* Dates as people write them, in Spanish and English, to ISO. See date_normal in field.h.
 *
 * The rule not to break: a date that does not exist is no date; it is never moved to one. */
#include <stdio.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "formread/field.h"
#include "formread/text.h"

#define PARTS_MAX 8
#define PART_MAX  12

struct part {
    char text[PART_MAX + 1]; /* folded */
    size_t n;
    bool digits; /* all digits, perhaps after repair */
    bool repaired;
    int value;
};

static const char *const months[12][2] = {
    {"january", "enero"},   {"february", "febrero"},   {"march", "marzo"},
    {"april", "abril"},     {"may", "mayo"},           {"june", "junio"},
    {"july", "julio"},      {"august", "agosto"},      {"september", "septiembre"},
    {"october", "octubre"}, {"november", "noviembre"}, {"december", "diciembre"},
};

/* 1..12 for a month's name or its first three letters (or more), 0 otherwise. */
static int month_of(const struct part *p)
{
    struct str word = {p->text, p->n};
    for (int m = 0; m < 12; m++) {
        for (int language = 0; language < 2; language++) {
            struct str name = str_of(months[m][language]);
            int allowed = p->n >= 5 ? 1 : 0;
            if (p->n >= 3 && p->n <= name.n && str_starts(name, word))
                return m + 1;
            if (allowed && text_distance(word, name, allowed) <= allowed)
                return m + 1;
        }
    }
    return str_eq(word, STR("setiembre")) ? 9 : 0;
}

/* Turns letters that are misread digits into digits where the part has a digit already. */
static void part_finish(struct part *p)
{
    static const char from[] = "oilzsgbq", to[] = "01125689";
    size_t digits = 0;
    char fixed[PART_MAX + 1] = {0};
    bool ok = p->n > 0 && p->n <= 8;
    for (size_t i = 0; i < p->n; i++) {
        char c = p->text[i];
        const char *at = strchr(from, c);
        digits += c >= '0' && c <= '9';
        fixed[i] = at ? to[at - from] : c;
        ok = ok && fixed[i] >= '0' && fixed[i] <= '9';
    }
    if (!ok || digits == 0)
        return;
    p->digits = true;
    p->repaired = digits < p->n;
    p->value = 0;
    for (size_t i = 0; i < p->n; i++)
        p->value = p->value * 10 + (fixed[i] - '0');
}

static bool is_letter_or_digit(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* Splits at signs and between letters and digits ("Mar12" stays two parts); -1 when too many. */
static int parts_split(struct str raw, struct part *parts)
{
    int count = 0;
    for (size_t i = 0; i < raw.n;) {
        if (!is_letter_or_digit(raw.p[i])) {
            i++;
            continue;
        }
        if (count == PARTS_MAX)
            return -1;
        struct part *p = &parts[count++];
        *p = (struct part){0};
        for (; i < raw.n && is_letter_or_digit(raw.p[i]); i++) {
            char c = raw.p[i];
            if (p->n < PART_MAX)
                p->text[p->n++] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
        }
        part_finish(p);
    }
    return count;
}

static double date_write(int y, int m, int d, double fit, char ret[11])
{
    if (y < 1000 || y > 9999 || m < 1 || m > 12 || d < 1 || d > 31)
        return 0;
    snprintf(ret, 11, "%04d-%02d-%02d", y, m, d);
    return clock_date_valid(str_of(ret)) ? fit : 0;
}

static int full_year(int y, size_t digits, int this_year)
{
    if (digits > 2)
        return y;
    int century = this_year / 100 * 100;
    return century + y > this_year ? century - 100 + y : century + y;
}

static double numeric_date(const struct part *p, enum date_order order, int this_year, double fit,
                           char ret[11])
{
    if (p[0].n == 4) /* already ISO */
        return date_write(p[0].value, p[1].value, p[2].value, fit, ret);
    int y = full_year(p[2].value, p[2].n, this_year);
    int day = order == DATE_DAY_FIRST ? p[0].value : p[1].value;
    int month = order == DATE_DAY_FIRST ? p[1].value : p[0].value;
    double written = date_write(y, month, day, fit, ret);
    /* the form's order makes no date but the other does: probably written that way */
    return written > 0 ? written : date_write(y, day, month, fit * 0.6, ret);
}

/* The eight digits of a comb, "13121946", whatever gaps were read into them ("13 121946"). */
static double comb_date(const struct part *p, int count, enum date_order order, double fit,
                        char ret[11])
{
    int v = 0;
    size_t digits = 0;
    for (int i = 0; i < count; i++) {
        digits += p[i].n;
        for (size_t k = 0; digits <= 8 && k < p[i].n; k++)
            v *= 10;
        v = digits <= 8 ? v + p[i].value : v;
    }
    if (digits != 8)
        return 0;
    int a = v / 1000000, b = v / 10000 % 100, y = v % 10000;
    int day = order == DATE_DAY_FIRST ? a : b, month = order == DATE_DAY_FIRST ? b : a;
    double written = date_write(y, month, day, fit * 0.95, ret);
    return written > 0 ? written : date_write(y, day, month, fit * 0.5, ret);
}

static double sane(double fit, int this_year, const char *date)
{
    int year =
        (date[0] - '0') * 1000 + (date[1] - '0') * 100 + (date[2] - '0') * 10 + date[3] - '0';
    return fit > 0 && year >= this_year - 125 && year <= this_year ? fit : 0;
}

double date_normal(struct str raw, enum date_order order, int this_year, char ret[11])
{
    struct part parts[PARTS_MAX], numbers[PARTS_MAX];
    int count = parts_split(raw, parts), digits = 0, month = 0, others = 0;
    double fit = 1;
    for (int i = 0; i < count; i++) {
        int named = parts[i].digits ? 0 : month_of(&parts[i]);
        if (parts[i].digits)
            numbers[digits++] = parts[i];
        else if (named)
            month = named;
        else
            others += parts[i].n > 3; /* "de", "del", "th" are fine */
        fit = parts[i].repaired ? fit * 0.7 : fit;
    }
    if (count < 1 || others > 0)
        return 0;
    double written = 0;
    if (month && digits == 2)
        written = numbers[0].n == 4
                      ? date_write(numbers[0].value, month, numbers[1].value, fit, ret)
                      : date_write(full_year(numbers[1].value, numbers[1].n, this_year), month,
                                   numbers[0].value, fit, ret);
    else if (!month && digits == 3)
        written = numeric_date(numbers, order, this_year, fit, ret);
    if (written <= 0 && !month)
        written = comb_date(numbers, digits, order, fit, ret);
    return written > 0 ? sane(written, this_year, ret) : 0;
}
