/* PATCH /api/v1/intake/:id/confirm: a person's corrections, scrubbed and scored again. */
#include <jansson.h>

#include "audit/audit.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "intake/intake_internal.h"
#include "intake/layouts.h"
#include "intake/outcome.h"
#include "intake/sealed.h"
#include "json/json_in.h"

struct confirm_body {
    json_t *fields; /* borrowed from the root */
};
static const struct json_field confirm_fields[] = {
    {"fields", JSON_KIND_ANY, offsetof(struct confirm_body, fields), .required = true},
};

/* A corrected value as text: clients may send numbers for vital signs and null to clear. */
static struct problem *value_text(struct arena *arena, const char *key, const json_t *value,
                                  struct str *ret)
{
    if (json_is_string(value))
        *ret = (struct str){json_string_value(value), json_string_length(value)};
    else if (json_is_null(value))
        *ret = STR("");
    else if (json_is_integer(value))
        *ret = str_of(arena_fmt(arena, "%lld", (long long)json_integer_value(value)));
    else if (json_is_real(value))
        *ret = str_of(arena_fmt(arena, "%.10g", json_real_value(value)));
    else
        return problem_field(arena, arena_fmt(arena, "/fields/%.40s", key),
                             "must be a text, a number or null");
    return NULL;
}

static struct problem *corrections_apply(struct arena *arena, json_t *fields,
                                         struct parsed_form *parsed)
{
    const char *key;
    json_t *value;
    if (!json_is_object(fields))
        return problem_field(arena, "/fields", "must be a JSON object");
    json_object_foreach (fields, key, value) {
        struct str text;
        TRY(value_text(arena, key, value, &text));
        TRY(parsed_correct(arena, parsed, str_of(key), text));
    }
    return NULL;
}

/* Somebody else who has the form open is not written over (the soft lock of SPEC 6): it is theirs
 * until they are done or five minutes are over. */
static struct problem *may_confirm(const struct ctx *cx, const struct form *form)
{
    bool theirs = !uuid_is_none(form->locked_by) && !uuid_eq(form->locked_by, cx->user_id) &&
                  form->locked_until_us > clock_wall_us();
    if (theirs && (form->status == FORM_REVIEW || form->status == FORM_FAILED))
        return problem_new(cx->arena, PROBLEM_CONFLICT,
                           "somebody else has this form open for review");
    if (form->status == FORM_REVIEW || form->status == FORM_PROCESSED ||
        form->status == FORM_FAILED)
        return NULL;
    return problem_new(cx->arena, PROBLEM_CONFLICT, "a form that is %s cannot be confirmed",
                       form_status_names[form->status]);
}

/* The stored form as it was read, and with the corrections, scored anew by the clinic's rules,
 * which the caller frees. */
static struct problem *corrected(struct pg_tx *tx, const struct ctx *cx, const struct form *form,
                                 json_t *fields, struct triage_rules **ret_rules,
                                 struct parsed_form **ret_read, struct parsed_form **ret)
{
    struct intake_settings settings;
    struct str clear;
    TRY(intake_settings_get(tx, cx, &settings));
    TRY(parsed_open(cx, form->id, form->parsed_json, false, &clear));
    TRY(parsed_from_json(cx->arena, clear, ret_read));
    TRY(parsed_from_json(cx->arena, clear, ret));
    TRY(corrections_apply(cx->arena, fields, *ret));
    struct parsed_policy policy = intake_policy(cx, &settings, ret_rules);
    parsed_score(cx->arena, &policy, *ret);
    return NULL;
}

/* What was kept to learn the form's layout from, read outside any transaction; nothing when there
 * is none. Learning is a help: no trouble with it stops a person's confirmation. */
static bool trace_load(struct ctx *cx, struct uuid id, struct trace *ret)
{
    CLEANUP(buf_free) struct buf bytes = BUF_SECRET(TRACE_BYTES_MAX + 1);
    struct problem *p = blob_get(cx, form_key(cx->arena, cx, id, "trace"), TRACE_BYTES_MAX, &bytes);
    if (!p)
        p = trace_read(cx->arena, buf_str(&bytes), ret);
    if (p && p->kind != PROBLEM_NOT_FOUND)
        log_warn("the layout of form %s is not learned: %s", uuid_z(id), p->detail);
    return p == NULL;
}

static struct problem *layout_learn(struct pg_tx *tx, const struct ctx *cx,
                                    const struct trace *trace, const struct parsed_form *read,
                                    const struct parsed_form *confirmed, struct uuid *ret_id)
{
    struct layout learned;
    TRY(trace_learn(cx, trace, read, confirmed, &learned));
    return layout_keep(tx, cx, &learned, ret_id);
}

static void trace_drop(const struct ctx *cx, struct uuid id)
{
    struct problem *p = blob_delete(cx, form_key(cx->arena, cx, id, "trace"));
    if (p)
        log_warn("the trace of form %s could not be removed: %s", uuid_z(id), p->detail);
}

static struct problem *confirm(struct http_request *rq, struct ctx *cx, struct uuid id,
                               json_t *fields, struct form *ret)
{
    CLEANUP(triage_rules_free) struct triage_rules *rules = NULL;
    struct parsed_form *read, *parsed;
    struct trace trace;
    bool traced = trace_load(cx, id, &trace);
    struct form form;
    struct form_result result = {.status = FORM_CONFIRMED, .requires_review = false};
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_WRITE));
    TRY(form_get(&tx, cx, id, true, &form));
    TRY(etag_check(rq, form.version));
    TRY(may_confirm(cx, &form));
    TRY(corrected(&tx, cx, &form, fields, &rules, &read, &parsed));
    result.layout_id = form.layout_id;
    if (traced)
        TRY(layout_learn(&tx, cx, &trace, read, parsed, &result.layout_id));
    TRY(outcome_describe(cx, id, parsed, &result));
    TRY(outcome_of_review(&tx, cx, &form, parsed, &result));
    result.pan_detected = form.pan_detected || parsed->pan_detected;
    result.pan_redacted = form.pan_redacted;
    result.page_count = (int)form.page_count;
    result.store_key = form.store_key;
    TRY(form_finish(&tx, cx, id, &result));
    TRY(audit_add(&tx, cx, "FORM_CONFIRMED", "intake_forms", id));
    TRY(form_event(&tx, cx, id, result.is_emergency, false));
    TRY(form_get(&tx, cx, id, false, ret));
    TRY(pg_tx_commit(&tx));
    if (traced)
        trace_drop(cx, id);
    return NULL;
}

struct problem *intake_confirm(struct http_request *rq, struct http_response *rs)
{
    struct ctx *cx = ctx_of(rq);
    struct uuid id;
    struct confirm_body body = {0};
    struct form form;
    TRY(http_path_uuid(rq, "id", &id));
    audit_read(rq, "intake_forms", id);
    CLEANUP(json_done) json_t *root = NULL;
    TRY(json_read(rq->arena, rq->body, &root));
    TRY(json_fields(rq->arena, root, confirm_fields, ARRAY_LEN(confirm_fields), "", &body));
    TRY(confirm(rq, cx, id, body.fields, &form));
    struct jw w = jw_to(&rs->body);
    jw_obj(&w);
    form_status_write(&w, &form);
    jw_end(&w);
    etag_set(rs, form.version);
    return NULL;
}
