/* Fuzz target of the triage engine: any text, language, age and vital signs give a score in range
 * whose evidence lies inside the text, and a red flag added never lowers it. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "triage/triage.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static struct triage_vital vital(unsigned char c, int scale)
{
    return (struct triage_vital){(c & 1) != 0, (c >> 1) * scale};
}

static void read_vitals(const unsigned char *d, struct triage_vitals *v)
{
    v->sbp = vital(d[0], 2);
    v->hr = vital(d[1], 2);
    v->rr = vital(d[2], 1);
    v->spo2 = vital(d[3], 1);
    v->temp = vital(d[4], 4);
    v->pain = vital(d[5], 1);
    v->acvpu = "\0ACVPU"[d[6] % 6];
    v->on_oxygen = (d[7] & 1) != 0;
    v->scale2 = (d[7] & 2) != 0;
}

static void check(const struct triage_result *r, size_t size)
{
    if (r->score < 0 || r->score > 100 || r->emergency != (r->score >= 60))
        abort();
    for (size_t i = 0; i < r->reason_count; i++) {
        if (r->reasons[i].start > r->reasons[i].end || r->reasons[i].end > size)
            abort();
        if (r->score < r->reasons[i].floor)
            abort();
    }
    for (size_t i = 0; i < r->suppressed_count; i++) {
        if (r->suppressed[i].end > size)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static struct arena *arena;
    if (arena == NULL)
        arena = arena_new((size_t)1 << 30);
    if (size < 12)
        return 0;
    struct triage_input in = {.age_months = data[8] < 250 ? data[8] * 5 : -1};
    in.lang = data[9] & 1 ? STR("es") : data[9] & 2 ? STR("en") : STR_NONE;
    in.sex = "\0FM"[data[10] % 3];
    read_vitals(data, &in.vitals);
    struct triage_text text = {"text", {(const char *)data + 11, size - 11}};
    struct triage_symptom flag = {"severe_bleeding", true};
    in.texts = &text;
    in.text_count = 1;
    struct triage_result without, with;
    triage_score(arena, triage_rules_default(), &in, &without);
    check(&without, size - 11);
    in.symptoms = &flag;
    in.symptom_count = 1;
    triage_score(arena, triage_rules_default(), &in, &with);
    check(&with, size - 11);
    if (with.score < without.score || !with.emergency)
        abort();
    CLEANUP(buf_free) struct buf json = BUF_MAX((size_t)16 << 20);
    struct jw w = jw_to(&json);
    triage_result_write(&with, NULL, &w);
    arena_reset(arena);
    return 0;
}
