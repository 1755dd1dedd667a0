/* SQL of intake forms. Values read from a form enter sealed; codes and numbers in clear. */
#include "base/cleanup.h"
#include "intake/intake_internal.h"
#include "live/live.h"

#define COLUMNS                                                                                    \
    "SELECT id, patient_id, alert_id, locked_by, status, progress, version, page_count,"           \
    " pan_detected, pan_redacted, is_emergency, requires_review,"                                  \
    " coalesce((emergency_score * 100)::int, -1), coalesce((ocr_confidence * 100)::int, -1),"      \
    " urgency_level, error, room_number, raw_form_s3_key, parsed_json, language, processed_at,"    \
    " created_at, locked_until, urgency_rank::int, duplicate_of, layout_id"                        \
    " FROM intake_forms WHERE clinic_id = $1::uuid "

static const struct pg_stmt by_id = {"form_by_id", COLUMNS "AND id = $2::uuid"};
static const struct pg_stmt by_id_locked = {"form_by_id_locked",
                                            COLUMNS "AND id = $2::uuid FOR UPDATE"};
static const struct pg_stmt in_review = {
    "forms_in_review", COLUMNS
    "AND status IN ('REVIEW', 'FAILED') AND (NOT $2::bool OR (-urgency_rank, created_at, id) >"
    " (-$3::bigint, $4::timestamptz, $5::uuid))"
    " ORDER BY urgency_rank DESC, created_at, id LIMIT $6::int"};
static const struct pg_stmt insert = {
    "form_insert",
    "INSERT INTO intake_forms (id, clinic_id, patient_id, raw_form_s3_key, room_number,"
    " media_type, content_hash, uploaded_by, duplicate_of)"
    " VALUES ($1::uuid, $2::uuid, $3::uuid, $4, $5, $6, $7, $8::uuid,"
    " (SELECT id FROM intake_forms WHERE clinic_id = $2::uuid AND content_hash = $7"
    " AND id <> $1::uuid ORDER BY created_at, id LIMIT 1))"
    " ON CONFLICT (id) DO UPDATE SET room_number = intake_forms.room_number"
    " WHERE intake_forms.content_hash = excluded.content_hash RETURNING duplicate_of, status"};
static const struct pg_stmt step = {
    "form_step", "UPDATE intake_forms SET status = $3, progress = CASE WHEN $3 = 'QUEUED'"
                 " THEN $4::int ELSE greatest(progress, $4::int) END, error = NULL,"
                 " processed_at = CASE WHEN $3 <> 'QUEUED' THEN processed_at END,"
                 " requires_review = requires_review AND $3 <> 'QUEUED'"
                 " WHERE clinic_id = $1::uuid AND id = $2::uuid AND (status = $3 OR (status, $3) IN"
                 " (('QUEUED', 'OCR'), ('FAILED', 'QUEUED')))"};
static const struct pg_stmt scrubbing = {
    "form_scrubbing", "UPDATE intake_forms SET status = 'SCRUBBING', scrub_urgency = $4,"
                      " progress = greatest(progress, $3::int), error = NULL"
                      " WHERE clinic_id = $1::uuid AND id = $2::uuid AND status = 'OCR'"};
static const struct pg_stmt fail = {
    "form_fail",
    "UPDATE intake_forms SET status = 'FAILED', progress = 100, error = $3, processed_at = now(),"
    " requires_review = true, parsed_json = coalesce(parsed_json, $4::jsonb), phi_key_version ="
    " CASE WHEN parsed_json IS NULL THEN $5::int ELSE phi_key_version END"
    " WHERE clinic_id = $1::uuid AND id = $2::uuid"};
static const struct pg_stmt finish = {
    "form_finish",
    "UPDATE intake_forms SET status = $3, parsed_json = $4::jsonb, triage = $5::jsonb,"
    " phi_key_version = $6::int, pan_detected = $7::bool, pan_redacted = $8::bool,"
    " is_emergency = $9::bool, requires_review = $10::bool,"
    " emergency_score = $11::numeric / 100, ocr_confidence = $12::numeric / 100,"
    " urgency_level = $13, language = $14, page_count = $15::int, patient_id = $16::uuid,"
    " alert_id = coalesce($17::uuid, alert_id), raw_form_s3_key = $18, reviewed_by ="
    " CASE WHEN $3 = 'CONFIRMED' THEN $19::uuid ELSE reviewed_by END, layout_id ="
    " (SELECT l.id FROM intake_layouts l WHERE l.clinic_id = $1::uuid AND l.id = $20::uuid)"
    " WHERE clinic_id = $1::uuid AND id = $2::uuid"};
static const struct pg_stmt urgent = {
    "form_urgent",
    "UPDATE intake_forms SET parsed_json = $3::jsonb, triage = $4::jsonb, phi_key_version = "
    "$5::int,"
    " pan_detected = $6::bool, is_emergency = $7::bool, emergency_score = $8::numeric / 100,"
    " ocr_confidence = $9::numeric / 100, urgency_level = $10, language = $11,"
    " patient_id = $12::uuid, alert_id = $13::uuid, progress = greatest(progress, 80)"
    " WHERE clinic_id = $1::uuid AND id = $2::uuid"};
static const struct pg_stmt lock = {
    "form_lock",
    "UPDATE intake_forms SET locked_by = $3::uuid, locked_until = now() + interval '5 minutes'"
    " WHERE clinic_id = $1::uuid AND id = $2::uuid AND status IN ('REVIEW', 'FAILED')"
    " AND (locked_by IS NULL OR locked_by = $3::uuid OR locked_until < now())"};
static const struct pg_stmt settings = {
    "intake_settings",
    "SELECT emergency_threshold, review_confidence, field_confidence,"
    " coalesce(review_sample_thousandths, -1), triage_overlay FROM clinic_settings"
    " WHERE clinic_id = $1::uuid"};
static const struct pg_stmt *const stmts[] = {&by_id,  &by_id_locked, &in_review, &insert,
                                              &step,   &scrubbing,    &fail,      &finish,
                                              &urgent, &lock,         &settings};

__attribute__((constructor)) static void register_statements(void)
{
    pg_register(stmts, ARRAY_LEN(stmts));
}

const char *const form_status_names[] = {
    [FORM_QUEUED] = "QUEUED",       [FORM_OCR] = "OCR",       [FORM_SCRUBBING] = "SCRUBBING",
    [FORM_PROCESSED] = "PROCESSED", [FORM_REVIEW] = "REVIEW", [FORM_CONFIRMED] = "CONFIRMED",
    [FORM_FAILED] = "FAILED",       [FORM__COUNT] = NULL,
};

static enum form_status status_read(struct str s)
{
    for (int i = 0; i < FORM__COUNT; i++)
        if (str_eq(s, str_of(form_status_names[i])))
            return (enum form_status)i;
    return FORM_FAILED;
}

static void row_read(const struct pg_result *r, size_t i, struct form *ret)
{
    *ret = (struct form){
        .id = pg_get_uuid(r, i, 0),
        .patient_id = pg_get_uuid(r, i, 1),
        .alert_id = pg_get_uuid(r, i, 2),
        .locked_by = pg_get_uuid(r, i, 3),
        .status = status_read(pg_get_str(r, i, 4)),
        .progress = pg_get_int(r, i, 5),
        .version = pg_get_int(r, i, 6),
        .page_count = pg_get_int(r, i, 7),
        .pan_detected = pg_get_bool(r, i, 8),
        .pan_redacted = pg_get_bool(r, i, 9),
        .is_emergency = pg_get_bool(r, i, 10),
        .requires_review = pg_get_bool(r, i, 11),
        .score = pg_get_int(r, i, 12),
        .confidence = pg_get_int(r, i, 13),
        .urgency_level = pg_get_str(r, i, 14),
        .error = pg_get_str(r, i, 15),
        .room_number = pg_get_str(r, i, 16),
        .store_key = pg_get_str(r, i, 17),
        .parsed_json = pg_get_str(r, i, 18),
        .language = pg_get_str(r, i, 19),
        .processed_us = pg_get_time(r, i, 20),
        .created_us = pg_get_time(r, i, 21),
        .locked_until_us = pg_get_time(r, i, 22),
        .urgency_rank = pg_get_int(r, i, 23),
        .duplicate_of = pg_get_uuid(r, i, 24),
        .layout_id = pg_get_uuid(r, i, 25),
    };
}

struct problem *form_get(struct pg_tx *tx, const struct ctx *cx, struct uuid id, bool for_update,
                         struct form *ret)
{
    struct pg_result *r;
    TRY(PG_QUERY(tx, for_update ? &by_id_locked : &by_id, &r, PG_P_UUID(cx->clinic_id),
                 PG_P_UUID(id)));
    if (pg_rows(r) == 0)
        return problem_new(cx->arena, PROBLEM_NOT_FOUND, "there is no such form");
    row_read(r, 0, ret);
    return NULL;
}

struct problem *forms_in_review(struct pg_tx *tx, const struct ctx *cx, const struct page *page,
                                struct form **ret, size_t *ret_count)
{
    struct pg_result *r;
    TRY(PG_QUERY(tx, &in_review, &r, PG_P_UUID(cx->clinic_id), PG_P_BOOL(page->resumed),
                 PG_P_INT(page->a), PG_P_TIME(page->b), PG_P_UUID(page->id),
                 PG_P_INT(page->limit + 1)));
    *ret_count = pg_rows(r);
    *ret = arena_array(cx->arena, *ret_count + 1, sizeof(struct form));
    for (size_t i = 0; i < *ret_count; i++)
        row_read(r, i, &(*ret)[i]);
    return NULL;
}

const char *form_key(struct arena *arena, const struct ctx *cx, struct uuid form, const char *part)
{
    return arena_fmt(arena, "clinic/%s/intake/%s/%s", uuid_z(cx->clinic_id), uuid_z(form), part);
}

struct problem *form_insert(struct pg_tx *tx, const struct ctx *cx, const struct form_new *values,
                            struct uuid *ret_duplicate_of, bool *ret_queued)
{
    struct pg_result *r;
    TRY(PG_QUERY(tx, &insert, &r, PG_P_UUID(values->id), PG_P_UUID(cx->clinic_id),
                 PG_P_UUID_OR_NULL(values->patient_id),
                 PG_P_Z(form_key(cx->arena, cx, values->id, "original")),
                 PG_P_TEXT_OR_NULL(values->room_number), PG_P_TEXT(values->media_type),
                 PG_P_Z(values->content_hash), PG_P_UUID_OR_NULL(cx->user_id)));
    if (pg_rows(r) == 0)
        return problem_new(cx->arena, PROBLEM_CONFLICT, "this form exists already");
    *ret_duplicate_of = pg_get_uuid(r, 0, 0);
    *ret_queued = status_read(pg_get_str(r, 0, 1)) == FORM_QUEUED;
    return NULL;
}

struct problem *form_step(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                          enum form_status to, int progress)
{
    size_t moved = 0;
    TRY(PG_EXEC(tx, &step, &moved, PG_P_UUID(cx->clinic_id), PG_P_UUID(id),
                PG_P_Z(form_status_names[to]), PG_P_INT(progress)));
    return moved ? NULL
                 : problem_new(cx->arena, PROBLEM_CONFLICT, "another worker has the form by now");
}

struct problem *form_scrubbing(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                               const char *urgency, int progress)
{
    size_t moved = 0;
    TRY(PG_EXEC(tx, &scrubbing, &moved, PG_P_UUID(cx->clinic_id), PG_P_UUID(id), PG_P_INT(progress),
                PG_P_TEXT_OR_NULL(str_of(urgency))));
    return moved ? NULL
                 : problem_new(cx->arena, PROBLEM_CONFLICT, "another worker has the form by now");
}

struct problem *form_fail(struct pg_tx *tx, const struct ctx *cx, struct uuid id, const char *code,
                          struct str empty_form, int key_version)
{
    return PG_EXEC(tx, &fail, NULL, PG_P_UUID(cx->clinic_id), PG_P_UUID(id), PG_P_Z(code),
                   PG_P_TEXT(empty_form), PG_P_INT(key_version));
}

struct problem *form_finish(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                            const struct form_result *r)
{
    return PG_EXEC(tx, &finish, NULL, PG_P_UUID(cx->clinic_id), PG_P_UUID(id),
                   PG_P_Z(form_status_names[r->status]), PG_P_TEXT(r->parsed_json),
                   PG_P_TEXT(r->triage_json), PG_P_INT(r->key_version), PG_P_BOOL(r->pan_detected),
                   PG_P_BOOL(r->pan_redacted), PG_P_BOOL(r->is_emergency),
                   PG_P_BOOL(r->requires_review), PG_P_INT(r->score), PG_P_INT(r->confidence),
                   PG_P_Z(r->urgency_level), PG_P_TEXT_OR_NULL(r->language),
                   PG_P_INT(r->page_count), PG_P_UUID_OR_NULL(r->patient_id),
                   PG_P_UUID_OR_NULL(r->alert_id), PG_P_TEXT_OR_NULL(r->store_key),
                   PG_P_UUID_OR_NULL(cx->user_id), PG_P_UUID_OR_NULL(r->layout_id));
}

struct problem *form_urgent(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                            const struct form_result *r)
{
    return PG_EXEC(tx, &urgent, NULL, PG_P_UUID(cx->clinic_id), PG_P_UUID(id),
                   PG_P_TEXT(r->parsed_json), PG_P_TEXT(r->triage_json), PG_P_INT(r->key_version),
                   PG_P_BOOL(r->pan_detected), PG_P_BOOL(r->is_emergency), PG_P_INT(r->score),
                   PG_P_INT(r->confidence), PG_P_Z(r->urgency_level),
                   PG_P_TEXT_OR_NULL(r->language), PG_P_UUID_OR_NULL(r->patient_id),
                   PG_P_UUID_OR_NULL(r->alert_id));
}

struct problem *form_lock(struct pg_tx *tx, const struct ctx *cx, struct uuid id)
{
    return PG_EXEC(tx, &lock, NULL, PG_P_UUID(cx->clinic_id), PG_P_UUID(id),
                   PG_P_UUID(cx->user_id));
}

struct problem *intake_settings_get(struct pg_tx *tx, const struct ctx *cx,
                                    struct intake_settings *ret)
{
    struct pg_result *r;
    TRY(PG_QUERY(tx, &settings, &r, PG_P_UUID(cx->clinic_id)));
    if (pg_rows(r) == 0)
        return problem_new(cx->arena, PROBLEM_NOT_FOUND, "there is no such clinic");
    *ret = (struct intake_settings){
        .emergency_at = (int)pg_get_int(r, 0, 0),
        .review_confidence = (int)pg_get_int(r, 0, 1),
        .field_confidence = (int)pg_get_int(r, 0, 2),
        .sample_thousandths = (int)pg_get_int(r, 0, 3),
        .overlay = pg_get_str(r, 0, 4),
    };
    return NULL;
}

static struct problem *front_desk_event(struct pg_tx *tx, const struct ctx *cx, const char *name,
                                        struct str payload)
{
    struct outbox_event event = {
        .name = name,
        .payload = payload,
        .rooms = {live_room_role(cx->arena, cx->clinic_id, ROLE_ADMISSIONS),
                  live_room_role(cx->arena, cx->clinic_id, ROLE_ADMIN)},
    };
    return outbox_event(tx, cx, &event);
}

struct problem *form_event(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                           bool is_emergency, bool requires_review)
{
    CLEANUP(buf_free) struct buf payload = BUF_MAX(256);
    struct jw w = jw_to(&payload);
    jw_obj(&w);
    jw_key(&w, "formId");
    jw_uuid(&w, id);
    jw_key(&w, "isEmergency");
    jw_bool(&w, is_emergency);
    jw_key(&w, "requiresReview");
    jw_bool(&w, requires_review);
    jw_end(&w);
    return front_desk_event(tx, cx, "intake:processed", buf_str(&payload));
}

struct problem *form_progress_event(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                                    enum form_status status, int progress)
{
    CLEANUP(buf_free) struct buf payload = BUF_MAX(256);
    struct jw w = jw_to(&payload);
    jw_obj(&w);
    jw_key(&w, "formId");
    jw_uuid(&w, id);
    jw_key(&w, "status");
    jw_z(&w, form_status_names[status]);
    jw_key(&w, "progress");
    jw_int(&w, progress);
    jw_end(&w);
    return front_desk_event(tx, cx, "intake:progress", buf_str(&payload));
}
