/* Two rule sets over stored forms. See replay.h.
 *
 * The rule not to break: the event is committed before the first form is opened, and no form is
 * written. */
#include "intake/replay.h"

#include <jansson.h>
#include <stdlib.h>

#include "audit/audit.h"
#include "base/cleanup.h"
#include "base/crypt.h"
#include "intake/intake_internal.h"
#include "intake/sealed.h"
#include "json/json_in.h"

enum { BATCH = 100, LINE_MAX_BYTES = 1 << 20 };

static const struct pg_stmt scored_forms = {
    "replay_forms",
    "SELECT id, parsed_json, created_at FROM intake_forms WHERE clinic_id = $1::uuid"
    " AND status IN ('PROCESSED', 'REVIEW', 'CONFIRMED') AND id > $2::uuid"
    " ORDER BY id LIMIT $3::int"};
static const struct pg_stmt set_overlay = {
    "overlay_set", "UPDATE clinic_settings SET triage_overlay = $2 WHERE clinic_id = $1::uuid"};
static const struct pg_stmt *const stmts[] = {&scored_forms, &set_overlay};

__attribute__((constructor)) static void register_statements(void)
{
    pg_register(stmts, ARRAY_LEN(stmts));
}

/* ---- rules ------------------------------------------------------------------------------------*/

static struct problem *rules_of(const struct replay_texts *t, struct str overlay,
                                struct triage_rules **ret)
{
    return triage_rules_load_overlaid(t->lexicon.p ? t->lexicon : triage_lexicon_default(),
                                      t->triggers.p ? t->triggers : triage_triggers_default(),
                                      t->overlay.p ? t->overlay : overlay, ret);
}

static struct problem *rules_make(struct replay *replay, struct str overlay)
{
    replay_end(replay);
    TRY(rules_of(&replay->before, overlay, &replay->rules_before));
    return rules_of(&replay->after, overlay, &replay->rules_after);
}

struct problem *replay_begin(struct replay *replay)
{
    return rules_make(replay, STR_NONE);
}

void replay_end(struct replay *replay)
{
    triage_rules_free(&replay->rules_before);
    triage_rules_free(&replay->rules_after);
}

/* ---- one form ---------------------------------------------------------------------------------*/

/* The strongest reason of a rule; NULL when there is none. Reasons are sorted. */
static const struct triage_reason *reason_of(const struct triage_result *r, const char *rule)
{
    for (size_t i = 0; i < r->reason_count; i++)
        if (str_eq(str_of(r->reasons[i].rule), str_of(rule)))
            return &r->reasons[i];
    return NULL;
}

/* Rules of `a` that `b` lacks, or has with other points or floor (`moved`). Returns how many. */
static size_t rules_write(const char *key, const struct triage_result *a,
                          const struct triage_result *b, bool moved, struct jw *w)
{
    size_t n = 0;
    jw_key(w, key);
    jw_arr(w);
    for (size_t i = 0; i < a->reason_count; i++) {
        const struct triage_reason *r = &a->reasons[i], *other = reason_of(b, r->rule);
        bool differs = other && (other->points != r->points || other->floor != r->floor);
        if (reason_of(a, r->rule) != r || (moved ? !differs : other != NULL))
            continue;
        jw_z(w, r->rule);
        n++;
    }
    jw_end(w);
    return n;
}

static void verdict_write(const char *key, const struct triage_result *r, struct jw *w)
{
    jw_key(w, key);
    jw_obj(w);
    jw_key(w, "score");
    jw_hundredths(w, r->score);
    jw_key(w, "level");
    jw_z(w, triage_level_name(r->level));
    jw_key(w, "emergency");
    jw_bool(w, r->emergency);
    jw_end(w);
}

static void count(struct replay *replay, const struct triage_result *a,
                  const struct triage_result *b)
{
    replay->changed++;
    replay->raised += b->score > a->score;
    replay->lowered += b->score < a->score;
    replay->new_emergencies += b->emergency && !a->emergency;
    replay->lost_emergencies += a->emergency && !b->emergency;
}

static void compare(struct replay *replay, const char *id, const struct triage_result *a,
                    const struct triage_result *b)
{
    CLEANUP(buf_free) struct buf line = BUF_MAX(LINE_MAX_BYTES);
    struct jw w = jw_to(&line);
    jw_obj(&w);
    jw_key(&w, "form");
    jw_z(&w, id);
    verdict_write("before", a, &w);
    verdict_write("after", b, &w);
    size_t n = rules_write("added", b, a, false, &w);
    n += rules_write("removed", a, b, false, &w);
    n += rules_write("changed", b, a, true, &w);
    jw_end(&w);
    replay->forms++;
    if (n == 0 && a->score == b->score && a->emergency == b->emergency)
        return;
    count(replay, a, b);
    buf_add_c(&line, '\n');
    replay->print(buf_str(&line));
}

static void replay_form(struct arena *arena, struct replay *replay, struct parsed_form *form,
                        struct parsed_policy policy, const char *id)
{
    policy.rules = replay->rules_before;
    parsed_score(arena, &policy, form);
    struct triage_result before = form->triage;
    policy.rules = replay->rules_after;
    policy.emergency_at = replay->emergency_after ? replay->emergency_after : policy.emergency_at;
    parsed_score(arena, &policy, form);
    compare(replay, id, &before, &form->triage);
}

/* A part of a tree as text again, which may hold PHI. */
static struct problem *inner_text(struct arena *arena, const json_t *part, struct str *ret)
{
    char *text = json_dumps(part, JSON_COMPACT | JSON_REAL_PRECISION(9));
    if (!text)
        return problem_new(arena, PROBLEM_VALIDATION, "the form cannot be read");
    *ret = arena_str(arena, str_of(text));
    wipe(text, strlen(text));
    free(text);
    return NULL;
}

struct problem *replay_json(struct arena *arena, struct replay *replay, struct str json,
                            const char *id)
{
    CLEANUP(json_done) json_t *root = NULL;
    struct parsed_form *form;
    TRY(json_read(arena, json, &root));
    const json_t *parsed = json_object_get(root, "parsed");
    static const char *const names[] = {"formId", "id", "file"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const json_t *name = json_object_get(root, names[i]);
        if (json_is_string(name)) {
            id = arena_cstr(arena, str_of(json_string_value(name)));
            break;
        }
    }
    if (!json_is_object(json_object_get(parsed ? parsed : root, "fields")))
        return problem_new(arena, PROBLEM_VALIDATION, "there are no fields");
    if (parsed)
        TRY(inner_text(arena, parsed, &json));
    TRY(parsed_from_json(arena, json, &form));
    replay_form(arena, replay, form, (struct parsed_policy){0}, id);
    return NULL;
}

/* ---- a clinic ---------------------------------------------------------------------------------*/

static struct problem *event_and_settings(const struct ctx *cx, struct intake_settings *ret)
{
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_WRITE));
    TRY(audit_add(&tx, cx, "TRIAGE_REPLAYED", "intake_forms", UUID_NONE));
    TRY(intake_settings_get(&tx, cx, ret));
    return pg_tx_commit(&tx);
}

static struct problem *replay_row(const struct ctx *cx, struct replay *replay,
                                  const struct parsed_policy *policy, const struct pg_result *r,
                                  size_t row)
{
    struct str clear;
    struct parsed_form *form;
    struct uuid id = pg_get_uuid(r, row, 0);
    struct parsed_policy of_form = *policy;
    of_form.at_us = pg_get_time(r, row, 2);
    TRY(parsed_open(cx, id, pg_get_str(r, row, 1), false, &clear));
    TRY(parsed_from_json(cx->arena, clear, &form));
    replay_form(cx->arena, replay, form, of_form, uuid_z(id));
    return NULL;
}

/* One batch in an arena of its own, which held PHI and is wiped. */
static struct problem *replay_batch(const struct ctx *cx, struct replay *replay,
                                    const struct parsed_policy *policy, struct uuid *last,
                                    size_t *ret_rows)
{
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    struct pg_result *r;
    TRY(tx_begin(&tx, cx, PG_READ));
    TRY(PG_QUERY(&tx, &scored_forms, &r, PG_P_UUID(cx->clinic_id), PG_P_UUID(*last),
                 PG_P_INT(BATCH)));
    *ret_rows = pg_rows(r);
    for (size_t i = 0; i < *ret_rows; i++) {
        replay->unreadable += replay_row(cx, replay, policy, r, i) != NULL;
        *last = pg_get_uuid(r, i, 0);
    }
    return pg_tx_commit(&tx);
}

struct problem *replay_clinic(const struct ctx *cx, struct replay *replay)
{
    struct intake_settings settings;
    struct uuid last = UUID_NONE;
    size_t rows = BATCH;
    TRY(event_and_settings(cx, &settings));
    TRY(rules_make(replay, settings.overlay));
    struct parsed_policy policy = {.emergency_at = settings.emergency_at};
    while (rows == BATCH) {
        CLEANUP(arena_free) struct arena *arena = arena_new((size_t)256 << 20);
        struct ctx batch = *cx;
        batch.arena = arena;
        struct problem *p = replay_batch(&batch, replay, &policy, &last, &rows);
        if (p) /* it lives in the batch's arena */
            return problem_new(cx->arena, p->kind, "%s", p->detail);
    }
    return NULL;
}

/* ---- the overlay ------------------------------------------------------------------------------*/

struct problem *overlay_set(const struct ctx *cx, struct str overlay, const char **ret_version)
{
    CLEANUP(triage_rules_free) struct triage_rules *rules = NULL;
    TRY(triage_rules_load_overlaid(triage_lexicon_default(), triage_triggers_default(), overlay,
                                   &rules));
    const char *event = overlay.n ? "TRIAGE_OVERLAY_SET" : "TRIAGE_OVERLAY_REMOVED";
    size_t rows = 0;
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_WRITE));
    TRY(PG_EXEC(&tx, &set_overlay, &rows, PG_P_UUID(cx->clinic_id), PG_P_TEXT_OR_NULL(overlay)));
    if (rows == 0)
        return problem_new(cx->arena, PROBLEM_NOT_FOUND, "there is no such clinic");
    TRY(audit_add(&tx, cx, event, "clinic_settings", cx->clinic_id));
    *ret_version = arena_cstr(cx->arena, str_of(triage_rules_version(rules)));
    return pg_tx_commit(&tx);
}

struct problem *overlay_get(const struct ctx *cx, struct str *ret)
{
    struct intake_settings settings;
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_READ));
    TRY(intake_settings_get(&tx, cx, &settings));
    *ret = arena_str(cx->arena, settings.overlay);
    return pg_tx_commit(&tx);
}
