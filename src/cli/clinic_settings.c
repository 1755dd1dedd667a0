/* See clinic_settings.h.
 *
 * The rule not to break: a value is taken to the last digit or refused, never rounded, because a
 * score at a threshold decides whether somebody is paged. */
#include "cli/clinic_settings.h"

#include <stdio.h>

#include "audit/audit.h"
#include "base/cleanup.h"
#include "cli/tool.h"

#define NAME "clinic"

/* Numbers as the table has them; UNCHANGED and DEFAULT are no values of it. */
enum { UNCHANGED = -2, DEFAULT = -1 };

struct choice {
    int emergency_at, form_confidence, field_confidence; /* hundredths */
    int review_sample;                                   /* thousandths */
};

static const struct pg_stmt settings_set = {
    "cli_settings_set",
    "UPDATE clinic_settings SET emergency_threshold = coalesce($2::int, emergency_threshold),"
    " review_confidence = coalesce($3::int, review_confidence),"
    " field_confidence = coalesce($4::int, field_confidence),"
    " review_sample_thousandths = CASE WHEN $5::int = -1 THEN NULL"
    " ELSE coalesce($5::int, review_sample_thousandths) END WHERE clinic_id = $1::uuid"};
static const struct pg_stmt settings_get = {
    "cli_settings_get", "SELECT emergency_threshold, review_confidence, field_confidence,"
                        " coalesce(review_sample_thousandths, -1) FROM clinic_settings"
                        " WHERE clinic_id = $1::uuid"};
static const struct pg_stmt *const stmts[] = {&settings_set, &settings_get};

__attribute__((constructor)) static void register_statements(void)
{
    pg_register(stmts, ARRAY_LEN(stmts));
}

/* "0.8" or "0.80" as 80 of `one` 100: digits, at most as many decimals as `one` has zeros. */
static bool share_read(const char *text, int one, int *ret)
{
    struct str rest = str_of(text), whole = str_cut(&rest, '.');
    uint64_t units = 0, part = 0;
    int scale = one;
    if (!str_u64(whole, 1, &units) || (rest.n > 0 && !str_u64(rest, (uint64_t)one - 1, &part)))
        return false;
    for (size_t i = 0; i < rest.n; i++) {
        if (scale == 1)
            return false;
        scale /= 10;
    }
    *ret = (int)units * one + (int)part * scale;
    return *ret <= one;
}

/* False, and said on stderr, when what is typed is not from `least` to `most`. */
static bool chosen(const char *option, const char *text, int one, int least, int most, int *ret)
{
    *ret = UNCHANGED;
    if (text == NULL)
        return true;
    if (share_read(text, one, ret) && *ret >= least && *ret <= most)
        return true;
    int decimals = one == 100 ? 2 : 3;
    tool_misused(NAME, "--%s is %.*f to %.*f with at most %d decimals", option, decimals,
                 (double)least / one, decimals, (double)most / one, decimals);
    return false;
}

static bool choice_read(const struct clinic_choice *typed, struct choice *ret)
{
    bool sample_default =
        typed->review_sample && str_eq(str_of(typed->review_sample), STR("default"));
    return chosen("emergency-at", typed->emergency_at, 100, 50, 70, &ret->emergency_at) &&
           chosen("form-confidence", typed->form_confidence, 100, 0, 100, &ret->form_confidence) &&
           chosen("field-confidence", typed->field_confidence, 100, 0, 100,
                  &ret->field_confidence) &&
           (sample_default ? (ret->review_sample = DEFAULT, true)
                           : chosen("review-sample", typed->review_sample, 1000, 0, 1000,
                                    &ret->review_sample));
}

static struct pg_param param(int value)
{
    return value == UNCHANGED ? PG_P_NULL : PG_P_INT(value);
}

static struct problem *change(struct pg_tx *tx, const struct ctx *cx, const struct choice *choice)
{
    if (choice->emergency_at == UNCHANGED && choice->form_confidence == UNCHANGED &&
        choice->field_confidence == UNCHANGED && choice->review_sample == UNCHANGED)
        return NULL;
    TRY(PG_EXEC(tx, &settings_set, NULL, PG_P_UUID(cx->clinic_id), param(choice->emergency_at),
                param(choice->form_confidence), param(choice->field_confidence),
                param(choice->review_sample)));
    return audit_add(tx, cx, "CLINIC_SETTINGS_CHANGED", "clinic_settings", cx->clinic_id);
}

static struct problem *run(const struct ctx *cx, const struct choice *choice)
{
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    struct pg_result *r;
    struct pg_param clinic[] = {PG_P_UUID(cx->clinic_id)};
    TRY(tx_begin(&tx, cx, PG_WRITE));
    TRY(pg_query(&tx, &settings_get, clinic, ARRAY_LEN(clinic), &r));
    if (pg_rows(r) == 0)
        return problem_new(cx->arena, PROBLEM_NOT_FOUND, "there is no clinic %s",
                           uuid_z(cx->clinic_id));
    TRY(change(&tx, cx, choice));
    TRY(pg_query(&tx, &settings_get, clinic, ARRAY_LEN(clinic), &r));
    TRY(pg_tx_commit(&tx));
    printf("emergency-at\t%.2f\nform-confidence\t%.2f\nfield-confidence\t%.2f\n",
           (double)pg_get_int(r, 0, 0) / 100, (double)pg_get_int(r, 0, 1) / 100,
           (double)pg_get_int(r, 0, 2) / 100);
    int64_t sample = pg_get_int(r, 0, 3);
    if (sample < 0)
        printf("review-sample\tdefault\n");
    else
        printf("review-sample\t%.3f\n", (double)sample / 1000);
    return NULL;
}

int clinic_settings(const char *clinic, const struct clinic_choice *typed)
{
    struct uuid id;
    struct choice choice;
    if (!clinic || !uuid_parse(str_of(clinic), &id))
        return tool_misused(NAME, "settings needs --clinic UUID");
    if (!choice_read(typed, &choice))
        return 2;
    CLEANUP(tool_close) struct tool tool;
    struct problem *p = tool_open(NAME, &tool);
    if (p)
        return tool_status(NAME, p) + 1;
    struct ctx cx = tool_ctx(&tool, id);
    return tool_status(NAME, run(&cx, &choice));
}
