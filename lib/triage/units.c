/* Reading vital signs from text. See units.h.
 *
 * The rule not to break: integers only; a fraction is kept as thousandths. */
#include "triage/units.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include "base/cleanup.h"

struct number {
    bool found;
    int milli;  /* thousandths; at most 999999 */
    bool point; /* it had a decimal point or comma */
    size_t end;
};

static bool is_digit_at(struct str text, size_t at)
{
    return at < text.n && text.p[at] >= '0' && text.p[at] <= '9';
}

/* Bytes of a decimal mark at `at`: point, comma, and what hands write for it ("37'5",
 * "37\xc2\xb05"); 0 when a digit does not follow at once. */
static size_t decimal_mark(struct str text, size_t at)
{
    static const struct str marks[] = {STR("."),           STR(","),        STR("'"),
                                       STR("\xc2\xb0"),    STR("\xc2\xba"), STR("\xc2\xb4"),
                                       STR("\xe2\x80\x99")};
    struct str rest = {text.p + at, text.n - at};
    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        if (str_starts(rest, marks[i]) && is_digit_at(text, at + marks[i].n))
            return marks[i].n;
    }
    return 0;
}

/* The first number of text[at..). The 2 of "O2" and "SpO2" is none. */
static struct number number_at(struct str text, size_t at)
{
    struct number n = {0};
    bool oxygen = false;
    while (at < text.n && (!is_digit_at(text, at) || oxygen)) {
        at++;
        oxygen = is_digit_at(text, at) && (text.p[at - 1] | 0x20) == 'o' && text.p[at] == '2' &&
                 !is_digit_at(text, at + 1);
    }
    if (at >= text.n)
        return n;
    int whole = 0;
    while (at < text.n && text.p[at] >= '0' && text.p[at] <= '9' && whole < 100000)
        whole = whole * 10 + (text.p[at++] - '0');
    int scale = 1000, fraction = 0;
    size_t mark = at < text.n ? decimal_mark(text, at) : 0;
    if (mark > 0) {
        n.point = true;
        for (at += mark; at < text.n && text.p[at] >= '0' && text.p[at] <= '9'; at++) {
            scale /= 10;
            fraction += (text.p[at] - '0') * scale;
        }
    }
    n.found = true;
    n.milli = whole > 999 ? 999999 : whole * 1000 + fraction;
    n.end = at;
    return n;
}

static bool has_nocase(struct str text, struct str word)
{
    for (size_t i = 0; i + word.n <= text.n; i++) {
        if (str_eq_nocase((struct str){text.p + i, word.n}, word))
            return true;
    }
    return false;
}

static struct triage_unit ok(int value)
{
    return (struct triage_unit){TRIAGE_UNIT_OK, value, TRIAGE_UNIT_NO_VALUE, ""};
}

__attribute__((format(printf, 2, 3))) static struct triage_unit review(int value, const char *fmt,
                                                                       ...)
{
    struct triage_unit u = {TRIAGE_UNIT_REVIEW, value, TRIAGE_UNIT_NO_VALUE, ""};
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(u.reason, sizeof(u.reason), fmt, ap);
    va_end(ap);
    return u;
}

static struct triage_unit none(void)
{
    return (struct triage_unit){.value = TRIAGE_UNIT_NO_VALUE, .second = TRIAGE_UNIT_NO_VALUE};
}

/* Tenths of a degree from thousandths, rounded half up. */
static int tenths(int milli)
{
    return (milli + 50) / 100;
}

static int celsius_of(int milli_f)
{
    return ((milli_f - 32000) * 5 + 450) / 900;
}

static bool letter_follows(struct str text, size_t at, char upper)
{
    for (; at < text.n; at++) {
        unsigned char c = (unsigned char)text.p[at];
        if ((c | 0x20) == (upper | 0x20))
            return true;
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
            return false;
    }
    return false;
}

bool triage_temp_plausible(int tenths_c)
{
    return tenths_c >= 250 && tenths_c <= 440;
}

struct triage_unit triage_unit_temp(struct str text)
{
    struct number n = number_at(text, 0);
    if (!n.found)
        return none();
    bool fahrenheit = letter_follows(text, n.end, 'F');
    if (!fahrenheit && n.milli >= 77000 && n.milli <= 115000)
        fahrenheit = true;
    if (!fahrenheit && !n.point && n.milli >= 340000 && n.milli <= 430000) {
        int value = n.milli / 1000;
        return review(value, "decimal_lost (%d.%d?)", value / 10, value % 10);
    }
    if (!fahrenheit && n.milli >= 55000 && n.milli < 77000)
        return review(TRIAGE_UNIT_NO_VALUE, "temp_unit_ambiguous");
    int value = fahrenheit ? celsius_of(n.milli) : tenths(n.milli);
    if (!triage_temp_plausible(value))
        return review(TRIAGE_UNIT_NO_VALUE, "temp_implausible");
    return ok(value);
}

bool triage_bp_plausible(int sbp, int dbp)
{
    if (sbp < 40 || sbp > 300)
        return false;
    return dbp < 0 || (dbp >= 15 && dbp <= 200 && dbp < sbp);
}

static int mmhg_of_kpa(int milli)
{
    return (int)(((int64_t)milli * 750062 + 50000000) / 100000000);
}

struct triage_unit triage_unit_bp(struct str text)
{
    struct number s = number_at(text, 0);
    if (!s.found)
        return none();
    struct number d = number_at(text, s.end);
    bool kpa = has_nocase(text, STR("kpa"));
    int sbp = kpa ? mmhg_of_kpa(s.milli) : (s.milli + 500) / 1000;
    int dbp =
        !d.found ? TRIAGE_UNIT_NO_VALUE : (kpa ? mmhg_of_kpa(d.milli) : (d.milli + 500) / 1000);
    struct triage_unit u = ok(sbp);
    if (!kpa && d.found && s.milli <= 30000 && d.milli <= 20000 && s.milli >= 4000) {
        sbp = s.milli / 100;
        dbp = d.milli / 100;
        u = review(sbp, "bp_cmHg (%d/%d?)", sbp, dbp);
    } else if (dbp > sbp) {
        u = review(dbp, "bp_swapped");
        dbp = sbp;
    } else if (!triage_bp_plausible(sbp, dbp)) {
        u = review(TRIAGE_UNIT_NO_VALUE, "bp_implausible");
        return u;
    }
    u.second = dbp;
    return u;
}

bool triage_spo2_plausible(int percent)
{
    return percent >= 40 && percent <= 100;
}

struct triage_unit triage_unit_spo2(struct str text)
{
    struct number n = number_at(text, 0);
    if (!n.found)
        return none();
    int value = n.point && n.milli <= 1000 ? (n.milli + 5) / 10 : (n.milli + 500) / 1000;
    return triage_spo2_plausible(value) ? ok(value)
                                        : review(TRIAGE_UNIT_NO_VALUE, "spo2_implausible");
}

bool triage_hr_plausible(int per_minute)
{
    return per_minute >= 20 && per_minute <= 250;
}

struct triage_unit triage_unit_hr(struct str text)
{
    struct number n = number_at(text, 0);
    if (!n.found)
        return none();
    int value = (n.milli + 500) / 1000;
    return triage_hr_plausible(value) ? ok(value) : review(TRIAGE_UNIT_NO_VALUE, "hr_implausible");
}

static bool is_small_child(int age_months)
{
    return age_months >= 0 && age_months < 60;
}

bool triage_rr_plausible(int per_minute, int age_months)
{
    return per_minute >= 4 && per_minute <= (is_small_child(age_months) ? 120 : 70);
}

struct triage_unit triage_unit_rr(struct str text, int age_months)
{
    struct number n = number_at(text, 0);
    if (!n.found)
        return none();
    int value = (n.milli + 500) / 1000;
    if (value == 0)
        return review(0, "rr_zero_confirm");
    if (triage_rr_plausible(value, age_months))
        return ok(value);
    bool child = age_months >= 0 && age_months < 192;
    return review(TRIAGE_UNIT_NO_VALUE, "rr_implausible_%s", child ? "child" : "adult");
}

struct triage_unit triage_unit_pain(struct str text)
{
    struct number n = number_at(text, 0);
    if (!n.found)
        return none();
    int value = (n.milli + 500) / 1000;
    return value <= 10 ? ok(value) : review(TRIAGE_UNIT_NO_VALUE, "pain_implausible");
}

char triage_unit_acvpu(struct str text)
{
    /* first match wins: "no responde" before "responde a la voz" */
    static const struct {
        struct str word;
        char letter;
    } words[] = {
        {STR("unrespons"), 'U'}, {STR("no respond"), 'U'},    {STR("inconsc"), 'U'},
        {STR("unconsc"), 'U'},   {STR("sin respuesta"), 'U'}, {STR("arreactiv"), 'U'},
        {STR("coma"), 'U'},      {STR("confus"), 'C'},        {STR("confund"), 'C'},
        {STR("desorient"), 'C'}, {STR("disorient"), 'C'},     {STR("delir"), 'C'},
        {STR("voz"), 'V'},       {STR("voice"), 'V'},         {STR("verbal"), 'V'},
        {STR("somnol"), 'V'},    {STR("dolor"), 'P'},         {STR("pain"), 'P'},
        {STR("alert"), 'A'},     {STR("consci"), 'A'},        {STR("orientad"), 'A'},
        {STR("despiert"), 'A'},  {STR("awake"), 'A'},         {STR("normal"), 'A'},
    };
    struct str t = str_trim(text);
    if (t.n == 1 && memchr("ACVPUacvpu", t.p[0], 10) != NULL)
        return (char)(t.p[0] & ~0x20);
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (has_nocase(t, words[i].word))
            return words[i].letter;
    }
    return 0;
}
