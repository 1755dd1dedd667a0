/* Routes of intake that read: status, form, page images, review queue. */
#include "audit/audit.h"
#include "auth/auth.h"
#include "base/cleanup.h"
#include "intake/intake_internal.h"
#include "intake/layouts.h"
#include "intake/sealed.h"

enum { PAGE_PNG_MAX = 64 << 20 };

static void results_write(struct jw *w, const struct form *f)
{
    jw_key(w, "isEmergency");
    jw_bool(w, f->is_emergency);
    if (f->score >= 0) {
        jw_key(w, "emergencyScore");
        jw_hundredths(w, f->score);
    }
    if (f->urgency_level.p) {
        jw_key(w, "urgencyLevel");
        jw_str(w, f->urgency_level);
    }
    jw_key(w, "requiresReview");
    jw_bool(w, f->requires_review);
    if (f->confidence >= 0) {
        jw_key(w, "ocrConfidence");
        jw_hundredths(w, f->confidence);
    }
    jw_key(w, "panDetected");
    jw_bool(w, f->pan_detected);
    jw_key(w, "panRedacted");
    jw_bool(w, f->pan_redacted);
}

void form_status_write(struct jw *w, const struct form *f)
{
    jw_key(w, "formId");
    jw_uuid(w, f->id);
    jw_key(w, "status");
    jw_z(w, form_status_names[f->status]);
    jw_key(w, "progress");
    jw_int(w, f->progress);
    if (f->status == FORM_FAILED) {
        jw_key(w, "requiresReview");
        jw_bool(w, f->requires_review);
    } else if (f->status >= FORM_PROCESSED) {
        results_write(w, f);
    }
    if (!uuid_is_none(f->patient_id)) {
        jw_key(w, "patientId");
        jw_uuid(w, f->patient_id);
    }
    if (!uuid_is_none(f->alert_id)) {
        jw_key(w, "alertId");
        jw_uuid(w, f->alert_id);
    }
    if (f->error.p) {
        jw_key(w, "error");
        jw_str(w, f->error);
    }
    if (!uuid_is_none(f->duplicate_of)) {
        jw_key(w, "duplicateOf");
        jw_uuid(w, f->duplicate_of);
    }
    if (f->processed_us) {
        jw_key(w, "processedAt");
        jw_time(w, f->processed_us);
    }
}

static struct problem *status_show(struct http_request *rq, struct http_response *rs)
{
    struct ctx *cx = ctx_of(rq);
    struct uuid id;
    struct form f;
    TRY(http_path_uuid(rq, "id", &id));
    audit_read(rq, "intake_forms", id);
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_READ_ONE));
    TRY(form_get(&tx, cx, id, false, &f));
    TRY(pg_tx_commit(&tx));
    struct jw w = jw_to(&rs->body);
    jw_obj(&w);
    form_status_write(&w, &f);
    jw_end(&w);
    return NULL;
}

/* Opening a form in review takes its soft lock, so that two clerks do not correct the same one. */
static struct problem *form_read(const struct ctx *cx, struct uuid id, struct form *ret,
                                 struct jw *layout)
{
    bool clerk = cx->role == ROLE_ADMIN || cx->role == ROLE_ADMISSIONS;
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_WRITE));
    TRY(form_get(&tx, cx, id, false, ret));
    if (clerk && (ret->status == FORM_REVIEW || ret->status == FORM_FAILED)) {
        TRY(form_lock(&tx, cx, id));
        TRY(form_get(&tx, cx, id, false, ret));
    }
    TRY(layout_write(&tx, cx, ret->layout_id, layout));
    return pg_tx_commit(&tx);
}

static struct problem *form_show(struct http_request *rq, struct http_response *rs)
{
    struct ctx *cx = ctx_of(rq);
    struct uuid id;
    struct form f;
    struct str parsed = STR_NONE;
    TRY(http_path_uuid(rq, "id", &id));
    audit_read(rq, "intake_forms", id);
    CLEANUP(buf_free) struct buf layout = BUF_MAX(8192);
    struct jw lw = jw_to(&layout);
    TRY(form_read(cx, id, &f, &lw));
    if (f.parsed_json.p)
        TRY(parsed_open(cx, id, f.parsed_json, true, &parsed));
    struct jw w = jw_to(&rs->body);
    jw_obj(&w);
    form_status_write(&w, &f);
    jw_key(&w, "createdAt");
    jw_time(&w, f.created_us);
    jw_key(&w, "roomNumber");
    jw_str(&w, f.room_number);
    jw_key(&w, "pages");
    jw_int(&w, f.page_count);
    jw_key(&w, "lockedBy");
    jw_uuid(&w, f.locked_by);
    jw_key(&w, "lockedUntil");
    jw_time(&w, f.locked_until_us);
    jw_key(&w, "layout");
    jw_raw(&w, buf_str(&layout));
    jw_key(&w, "parsed");
    if (parsed.p)
        jw_raw(&w, parsed);
    else
        jw_null(&w);
    jw_end(&w);
    etag_set(rs, f.version);
    return NULL;
}

/* "3.png" of the path: pages count from 1. */
static struct problem *page_number(struct http_request *rq, int *ret)
{
    struct str rest = http_path_arg(rq, "page");
    struct str digits = str_cut(&rest, '.');
    uint64_t n = 0;
    if (!str_eq(rest, STR("png")) || !str_u64(digits, FORM_PAGES_MAX, &n) || n == 0)
        return problem_new(rq->arena, PROBLEM_NOT_FOUND, "there is no such page");
    *ret = (int)n;
    return NULL;
}

static struct problem *page_show(struct http_request *rq, struct http_response *rs)
{
    struct ctx *cx = ctx_of(rq);
    struct uuid id;
    struct form f;
    int page = 0;
    TRY(http_path_uuid(rq, "id", &id));
    audit_read(rq, "intake_forms", id);
    TRY(page_number(rq, &page));
    {
        CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
        TRY(tx_begin(&tx, cx, PG_READ_ONE));
        TRY(form_get(&tx, cx, id, false, &f));
        TRY(pg_tx_commit(&tx));
    }
    if (f.status < FORM_PROCESSED || page > f.page_count)
        return problem_new(rq->arena, PROBLEM_NOT_FOUND, "there is no such page (yet)");
    if (f.pan_detected && !f.pan_redacted)
        return problem_new(rq->arena, PROBLEM_CONFLICT,
                           "this page is withheld: a card number on it could not be blacked out");
    rs->content_type = "image/png";
    return blob_get(cx, form_key(rq->arena, cx, id, arena_fmt(rq->arena, "page-%d", page)),
                    PAGE_PNG_MAX, &rs->body);
}

static void review_row_write(struct jw *w, const struct form *f)
{
    jw_obj(w);
    form_status_write(w, f);
    jw_key(w, "createdAt");
    jw_time(w, f->created_us);
    jw_key(w, "lockedBy");
    jw_uuid(w, f->locked_by);
    jw_key(w, "lockedUntil");
    jw_time(w, f->locked_until_us);
    jw_end(w);
}

static struct problem *review_queue(struct http_request *rq, struct http_response *rs)
{
    static const char *const known[] = {"limit", "cursor", NULL};
    struct ctx *cx = ctx_of(rq);
    struct page page;
    struct form *rows;
    size_t count;
    TRY(http_query_check(rq, known));
    TRY(page_read(rq, &page));
    audit_read(rq, "intake_forms", UUID_NONE);
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_READ_ONE));
    TRY(forms_in_review(&tx, cx, &page, &rows, &count));
    TRY(pg_tx_commit(&tx));
    struct jw w;
    size_t shown = list_begin(&w, rs, &page, count);
    for (size_t i = 0; i < shown; i++)
        review_row_write(&w, &rows[i]);
    list_end(&w, shown < count ? &(struct page_key){rows[shown - 1].urgency_rank,
                                                    rows[shown - 1].created_us, rows[shown - 1].id}
                               : NULL);
    return NULL;
}

const struct http_route intake_routes[] = {
    {HTTP_POST, "/api/v1/intake/upload", intake_upload, .roles = ADMIN | ADMISSIONS,
     .audit = "FORM_UPLOADED", .lane = HTTP_UPLOAD, .body = HTTP_BODY_SPOOL,
     .body_max = FORM_BYTES_MAX + 64 * 1024},
    {HTTP_GET, "/api/v1/intake/review-queue", review_queue, .roles = ADMIN | ADMISSIONS,
     .audit = "LIST_REVIEW_QUEUE", .flags = ROUTE_PHI_READ},
    {HTTP_GET, "/api/v1/intake/layouts", intake_layouts_list, .roles = ADMIN,
     .audit = "LIST_LAYOUTS"},
    {HTTP_DELETE, "/api/v1/intake/layouts/:id", intake_layout_forget, .roles = ADMIN,
     .audit = "LAYOUT_FORGOTTEN", .body = HTTP_BODY_JSON, .body_max = 1024},
    {HTTP_GET, "/api/v1/intake/:id/status", status_show, .roles = DOCTOR | ADMIN | ADMISSIONS,
     .audit = "READ_FORM_STATUS", .flags = ROUTE_PHI_READ},
    {HTTP_GET, "/api/v1/intake/:id", form_show, .roles = DOCTOR | ADMIN | ADMISSIONS,
     .audit = "READ_FORM", .flags = ROUTE_PHI_READ},
    {HTTP_GET, "/api/v1/intake/:id/pages/:page", page_show, .roles = DOCTOR | ADMIN | ADMISSIONS,
     .audit = "READ_FORM", .lane = HTTP_SLOW, .flags = ROUTE_PHI_READ},
    {HTTP_PATCH, "/api/v1/intake/:id/confirm", intake_confirm, .roles = ADMIN | ADMISSIONS,
     .audit = "FORM_CONFIRMED", .lane = HTTP_SLOW, .body = HTTP_BODY_JSON, .body_max = 64 * 1024},
};
const size_t intake_route_count = ARRAY_LEN(intake_routes);
