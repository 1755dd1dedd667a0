/* Points from vital signs: NEWS2 for adults, published thresholds for children.
 *
 * Sources: Royal College of Physicians, National Early Warning Score (NEWS) 2, 2017 (16 years and
 * over, not in pregnancy); for children NICE NG51, NG143, AHA PALS 2020, Bedside PEWS, BTS/SIGN 158
 * and IPSCC 2005, figure by figure in README.md. The rule not to break: the bands below are the
 * charts' and are not tuned. */
#include "triage/triage_int.h"

#include "base/cleanup.h"

/* The points of the first band whose upper end is not below the value. */
struct band {
    int up_to;
    int points;
};

static int band_points(const struct band *bands, int value)
{
    while (value > bands->up_to)
        bands++;
    return bands->points;
}

#define ABOVE 1000000

static int spo2_points(const struct triage_vitals *v)
{
    static const struct band scale1[] = {{91, 3}, {93, 2}, {95, 1}, {ABOVE, 0}};
    static const struct band air2[] = {{83, 3}, {85, 2}, {87, 1}, {ABOVE, 0}};
    static const struct band oxygen2[] = {{83, 3}, {85, 2}, {87, 1},   {92, 0},
                                          {94, 1}, {96, 2}, {ABOVE, 3}};
    if (!v->scale2)
        return band_points(scale1, v->spo2.value);
    return band_points(v->on_oxygen ? oxygen2 : air2, v->spo2.value);
}

struct triage_news2 triage_news2(const struct triage_vitals *v)
{
    static const struct band rr[] = {{8, 3}, {11, 1}, {20, 0}, {24, 2}, {ABOVE, 3}};
    static const struct band sbp[] = {{90, 3}, {100, 2}, {110, 1}, {219, 0}, {ABOVE, 3}};
    static const struct band hr[] = {{40, 3}, {50, 1}, {90, 0}, {110, 1}, {130, 2}, {ABOVE, 3}};
    static const struct band temp[] = {{350, 3}, {360, 1}, {380, 0}, {390, 1}, {ABOVE, 2}};
    struct triage_news2 n = {0};
    n.rr = v->rr.known ? band_points(rr, v->rr.value) : 0;
    n.spo2 = v->spo2.known ? spo2_points(v) : 0;
    n.oxygen = v->on_oxygen ? 2 : 0;
    n.sbp = v->sbp.known ? band_points(sbp, v->sbp.value) : 0;
    n.hr = v->hr.known ? band_points(hr, v->hr.value) : 0;
    n.acvpu = v->acvpu != 0 && v->acvpu != 'A' ? 3 : 0;
    n.temp = v->temp.known ? band_points(temp, v->temp.value) : 0;
    n.total = n.rr + n.spo2 + n.oxygen + n.sbp + n.hr + n.acvpu + n.temp;
    n.any3 = n.rr == 3 || n.spo2 == 3 || n.sbp == 3 || n.hr == 3 || n.acvpu == 3 || n.temp == 3;
    return n;
}

/* Children. Every figure below stands with its source in README.md; what NICE calls high risk is
 * HIGH here, moderate to high risk MODERATE. `months` is the band's end, exclusive. */
#define HIGH     72
#define MODERATE 40

/* NICE NG51 (since 2025 NG254), tables 1 to 3: too fast from these values on. */
static const struct paeds_fast {
    int months;
    int rr_moderate, rr_high;
    int hr_moderate, hr_high;
} paeds_fast[] = {
    {12, 50, 60, 150, 160}, {36, 40, 50, 140, 150},  {60, 35, 40, 130, 140}, {72, 24, 29, 120, 130},
    {96, 24, 27, 110, 120}, {144, 22, 25, 105, 115}, {192, 21, 25, 91, 131},
};

/* Too slow up to these values: Bedside PEWS (Parshuram 2009, table 1, highest sub-score); a heart
 * below 60 is NG51's high risk up to 11 years. */
static const struct paeds_slow {
    int months;
    int rr, hr;
} paeds_slow[] = {{3, 15, 80}, {12, 15, 70}, {48, 12, 60}, {144, 10, 59}, {192, 9, 40}};

/* AHA PALS 2020: below this systolic pressure is hypotension (the fifth percentile). */
static int paeds_sbp_low(int age_months)
{
    if (age_months < 1)
        return 60;
    if (age_months < 12)
        return 70;
    return age_months < 120 ? 70 + 2 * (age_months / 12) : 90;
}

/* Adds the risk and returns 1 when it is a moderate one. */
static int add_risk(struct reasons *out, const char *rule, const char *field, const char *source,
                    bool high, bool moderate)
{
    if (high)
        reasons_add_vital(out, rule, field, HIGH, TRIAGE_URGENT_AT, source);
    else if (moderate)
        reasons_add_vital(out, rule, field, MODERATE, TRIAGE_MODERATE_AT, source);
    return !high && moderate;
}

static int paeds_rates(const struct triage_vitals *v, int age_months, struct reasons *out)
{
    const struct paeds_fast *fast = paeds_fast;
    const struct paeds_slow *slow = paeds_slow;
    int moderate = 0, rr = v->rr.value, hr = v->hr.value;
    while (age_months >= fast->months)
        fast++;
    while (age_months >= slow->months)
        slow++;
    if (v->rr.known)
        moderate += add_risk(out, "paeds_rr", "respiratoryRate", "NICE-NG51,Bedside-PEWS",
                             rr >= fast->rr_high || rr <= slow->rr, rr >= fast->rr_moderate);
    if (v->hr.known)
        moderate += add_risk(out, "paeds_hr", "heartRate", "NICE-NG51,Bedside-PEWS",
                             hr >= fast->hr_high || hr <= slow->hr, hr >= fast->hr_moderate);
    return moderate;
}

/* From 12 years NG51 table 3 gives the pressure, below them PALS. */
static int paeds_pressure(int sbp, int age_months, struct reasons *out)
{
    if (age_months >= 144)
        return add_risk(out, "paeds_sbp", "systolicBp", "NICE-NG51", sbp <= 90, sbp <= 100);
    return add_risk(out, "paeds_sbp", "systolicBp", "AHA-PALS-2020",
                    sbp < paeds_sbp_low(age_months), false);
}

/* High: 38.0 and more below 3 months, under 36.0 below 5 years (NG51, NG143). Moderate: under 36.0
 * from 5 years (NG51 tables 2 and 3), above 38.5 (IPSCC 2005), which covers NG143's 39 at 3 to 6
 * months. */
static int paeds_temperature(int temp, int age_months, struct reasons *out)
{
    bool high = (age_months < 3 && temp >= 380) || (age_months < 60 && temp < 360);
    return add_risk(out, "paeds_temp", "temperatureC", "NICE-NG51,NG143,IPSCC-2005", high,
                    temp < 360 || temp > 385);
}

void paeds_reasons(const struct triage_vitals *v, int age_months, struct reasons *out)
{
    int moderate = paeds_rates(v, age_months, out), spo2 = v->spo2.value;
    if (v->spo2.known) /* under 92: severe (BTS/SIGN 158); to 95: amber (NG143) */
        moderate +=
            add_risk(out, "paeds_spo2", "spo2", "BTS-SIGN-158,NICE-NG143", spo2 < 92, spo2 <= 95);
    if (v->sbp.known)
        moderate += paeds_pressure(v->sbp.value, age_months, out);
    if (v->temp.known)
        moderate += paeds_temperature(v->temp.value, age_months, out);
    if (moderate >= 2) /* NG51: two moderate to high risks are seen within the hour */
        reasons_add_vital(out, "paeds_two_risks", "vitals", 64, TRIAGE_URGENT_AT, "NICE-NG51");
    if (v->acvpu == 'P' || v->acvpu == 'U')
        reasons_add_vital(out, "consciousness", "consciousness", 95, TRIAGE_CRITICAL_AT,
                          "NICE-NG51");
    else if (v->acvpu == 'C' || v->acvpu == 'V')
        reasons_add_vital(out, "consciousness", "consciousness", 80, TRIAGE_URGENT_AT, "NICE-NG51");
}

/* Points for a NEWS2 total: for the RCP 5 is the threshold of an urgent response and 7 of an
 * emergency one; a single parameter in red asks for an urgent ward review. */
static const int news2_by_total[] = {0, 8, 14, 24, 45, 60, 63, 70, 76, 82, 86, 90, 92};

/* The chart's points of each parameter, highest first: the total follows from them. */
static void news2_add(const struct triage_news2 *n, int points, int floor, struct reasons *out)
{
    const struct triage_part all[] = {
        {"respiratoryRate", n->rr}, {"spo2", n->spo2},    {"onOxygen", n->oxygen},
        {"systolicBp", n->sbp},     {"heartRate", n->hr}, {"consciousness", n->acvpu},
        {"temperatureC", n->temp},
    };
    struct triage_part *parts = arena_array(out->arena, ARRAY_LEN(all), sizeof(*parts));
    struct triage_reason r = {.rule = "news2",
                              .group = "vitals",
                              .points = points,
                              .floor = floor,
                              .source = "RCP-NEWS2-2017",
                              .field = "vitals",
                              .symptom = -1,
                              .parts = parts};
    for (int worth = 3; worth > 0; worth--) {
        for (size_t i = 0; i < ARRAY_LEN(all); i++) {
            if (all[i].points == worth)
                parts[r.part_count++] = all[i];
        }
    }
    reasons_add(out, &r);
}

void news2_reasons(const struct triage_vitals *v, struct reasons *out, int *ret_total)
{
    struct triage_news2 n = triage_news2(v);
    *ret_total = n.total;
    size_t last = ARRAY_LEN(news2_by_total) - 1;
    int points = news2_by_total[(size_t)n.total < last ? (size_t)n.total : last];
    if (n.any3 && points < 38)
        points = 38;
    int floor = n.total >= 5 ? TRIAGE_URGENT_AT : n.any3 ? TRIAGE_MODERATE_AT : 0;
    if (points > 0)
        news2_add(&n, points, floor, out);
    if (v->acvpu == 'U')
        reasons_add_vital(out, "consciousness", "consciousness", 97, TRIAGE_CRITICAL_AT,
                          "ESI1,CTAS1");
    else if (v->acvpu == 'P')
        reasons_add_vital(out, "consciousness", "consciousness", 88, TRIAGE_CRITICAL_AT,
                          "ESI1,CTAS1");
    else if (v->acvpu == 'V' || v->acvpu == 'C')
        reasons_add_vital(out, "consciousness", "consciousness", 62, TRIAGE_URGENT_AT,
                          "ESI2,NEWS2-C");
    if (v->sbp.known && v->sbp.value <= 70)
        reasons_add_vital(out, "shock_pressure", "systolicBp", 90, TRIAGE_CRITICAL_AT, "CTAS1");
    else if (v->sbp.known && v->sbp.value < 90)
        reasons_add_vital(out, "low_pressure", "systolicBp", 74, TRIAGE_URGENT_AT, "CTAS2");
    if (v->spo2.known && v->spo2.value < 85)
        reasons_add_vital(out, "severe_hypoxia", "spo2", 86, TRIAGE_CRITICAL_AT, "CTAS1");
}
