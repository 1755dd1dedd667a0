/* Routes of patients. */
#include "audit/audit.h"
#include "auth/auth.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "json/json_in.h"
#include "patients/patients_internal.h"
#include "phi/scrub.h"

static void patient_members(struct jw *w, const struct patient *p)
{
    jw_key(w, "id");
    jw_uuid(w, p->id);
    jw_key(w, "clinicId");
    jw_uuid(w, p->clinic_id);
    jw_key(w, "fullName");
    phi_write(w, p->full_name);
    jw_key(w, "dateOfBirth");
    phi_write(w, p->date_of_birth);
    jw_key(w, "insuranceId");
    phi_write(w, p->insurance_id);
    jw_key(w, "hasSsn");
    jw_bool(w, p->has_ssn);
    jw_key(w, "status");
    jw_z(w, patient_status_names[p->status]);
    jw_key(w, "arrivedAt");
    jw_time(w, p->arrived_us);
    jw_key(w, "attendedAt");
    jw_time(w, p->attended_us);
    jw_key(w, "dischargedAt");
    jw_time(w, p->discharged_us);
    jw_key(w, "createdAt");
    jw_time(w, p->created_us);
    if (p->urgency_level.p) {
        jw_key(w, "urgencyLevel");
        jw_str(w, p->urgency_level);
    }
    if (!uuid_is_none(p->open_alert_id)) {
        jw_key(w, "openAlertId");
        jw_uuid(w, p->open_alert_id);
    }
    if (p->same_person.p) {
        jw_key(w, "possibleDuplicates");
        jw_raw(w, p->same_person);
    }
}

void patient_write(struct jw *w, const struct patient *p)
{
    jw_obj(w);
    patient_members(w, p);
    jw_end(w);
}

/* The answer about one patient, with its ETag. */
static struct problem *patient_answer(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                                      struct http_response *rs)
{
    struct patient p;
    TRY(patient_get(tx, cx, id, &p));
    struct jw w = jw_to(&rs->body);
    patient_write(&w, &p);
    etag_set(rs, p.version);
    return NULL;
}

struct create_body {
    struct str full_name, date_of_birth, ssn, insurance_id;
    int64_t arrived_us;
};
static const struct json_field create_fields[] = {
    {"fullName", JSON_KIND_TEXT, offsetof(struct create_body, full_name), .required = true,
     .max = 400},
    {"dateOfBirth", JSON_KIND_DATE, offsetof(struct create_body, date_of_birth)},
    {"ssn", JSON_KIND_TEXT, offsetof(struct create_body, ssn), .max = 20},
    {"insuranceId", JSON_KIND_TEXT, offsetof(struct create_body, insurance_id), .max = 64},
    {"arrivedAt", JSON_KIND_TIME, offsetof(struct create_body, arrived_us)},
};

/* 5 to 13 digits, with dashes, dots and spaces between: SSN, cédula and their like. */
static struct problem *ssn_check(struct arena *arena, struct str ssn)
{
    size_t digits = 0;
    for (size_t i = 0; i < ssn.n; i++) {
        bool digit = ssn.p[i] >= '0' && ssn.p[i] <= '9';
        if (!digit && ssn.p[i] != '-' && ssn.p[i] != '.' && ssn.p[i] != ' ')
            return problem_field(arena, "/ssn", "must hold digits only");
        digits += digit;
    }
    if (ssn.p && (digits < 5 || digits > 13))
        return problem_field(arena, "/ssn", "must have 5 to 13 digits");
    return NULL;
}

#define DAY_US 86400000000
/* 1900-01-01: nobody who arrived before it is on a board. */
#define ARRIVED_MIN_US (-2208988800000000)

/* Clocks differ, so an arrival may be up to a day ahead. A birth date is of the place where the
 * clinic is, where it may be tomorrow already (UTC+14). */
static struct problem *times_check(struct arena *arena, const struct create_body *body)
{
    int64_t now = clock_wall_us();
    if (body->arrived_us > now + DAY_US)
        return problem_field(arena, "/arrivedAt", "must not be more than a day ahead");
    if (body->arrived_us < ARRIVED_MIN_US)
        return problem_field(arena, "/arrivedAt", "must not be before 1900");
    char latest[CLOCK_TEXT_MAX];
    clock_text(now + 14 * DAY_US / 24, latest);
    if (body->date_of_birth.p && strncmp(body->date_of_birth.p, latest, strlen("2026-11-22")) > 0)
        return problem_field(arena, "/dateOfBirth", "must not be in the future");
    return NULL;
}

static struct phi clean(struct arena *arena, struct str text)
{
    return phi_of(scrub(arena, (struct raw_text){text}).s);
}

static struct problem *create(struct http_request *rq, struct http_response *rs)
{
    struct ctx *cx = ctx_of(rq);
    struct create_body body = {0};
    TRY(json_body(rq->arena, rq->body, create_fields, ARRAY_LEN(create_fields), &body));
    TRY(ssn_check(rq->arena, body.ssn));
    TRY(times_check(rq->arena, &body));
    struct patient_new values = {
        .full_name = clean(rq->arena, str_trim(body.full_name)),
        .date_of_birth = phi_of(body.date_of_birth),
        .insurance_id = clean(rq->arena, body.insurance_id),
        .ssn = phi_of(body.ssn),
        .arrived_us = body.arrived_us,
    };
    if (phi_reveal(values.full_name).n == 0)
        return problem_field(rq->arena, "/fullName", "must not be blank");
    struct uuid id;
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_WRITE));
    TRY(patient_create(&tx, cx, &values, &id));
    TRY(patient_answer(&tx, cx, id, rs));
    TRY(pg_tx_commit(&tx));
    created(rs, "/api/v1/patients", id);
    return NULL;
}

static struct problem *status_filter(struct http_request *rq, int *ret)
{
    struct str status = http_query_get(rq, "status");
    *ret = -1;
    if (!status.p)
        return NULL;
    for (int i = 0; patient_status_names[i]; i++)
        if (str_eq(status, str_of(patient_status_names[i])))
            *ret = i;
    return *ret >= 0 ? NULL
                     : problem_new(rq->arena, PROBLEM_BAD_REQUEST,
                                   "status must be WAITING, BEING_ATTENDED or DISCHARGED");
}

static struct problem *filter_read(struct http_request *rq, struct patient_filter *ret)
{
    static const char *const known[] = {"status", "q", "limit", "cursor", NULL};
    TRY(http_query_check(rq, known));
    TRY(status_filter(rq, &ret->status));
    TRY(page_read(rq, &ret->page));
    ret->q = str_trim(http_query_get(rq, "q"));
    if (ret->q.n == 0)
        ret->q = STR_NONE;
    if (ret->q.n > 200)
        return problem_new(rq->arena, PROBLEM_BAD_REQUEST, "q is longer than 200 bytes");
    return NULL;
}

static struct problem *list(struct http_request *rq, struct http_response *rs)
{
    struct ctx *cx = ctx_of(rq);
    struct patient_filter filter = {0};
    TRY(filter_read(rq, &filter));
    audit_read(rq, "patients", UUID_NONE);

    struct patient *rows;
    size_t count;
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_READ_ONE));
    TRY(patients_list(&tx, cx, &filter, &rows, &count));
    TRY(pg_tx_commit(&tx));
    struct jw w;
    size_t shown = list_begin(&w, rs, &filter.page, count);
    for (size_t i = 0; i < shown; i++)
        patient_write(&w, &rows[i]);
    list_end(&w, shown < count ? &(struct page_key){rows[shown - 1].urgency_rank,
                                                    rows[shown - 1].arrived_us, rows[shown - 1].id}
                               : NULL);
    return NULL;
}

static struct problem *show(struct http_request *rq, struct http_response *rs)
{
    struct ctx *cx = ctx_of(rq);
    struct uuid id;
    TRY(http_path_uuid(rq, "id", &id));
    audit_read(rq, "patients", id);
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_READ_ONE));
    TRY(patient_answer(&tx, cx, id, rs));
    return pg_tx_commit(&tx);
}

struct move_body {
    int to;
};
static const struct json_field move_fields[] = {
    {"status", JSON_KIND_ENUM, offsetof(struct move_body, to), .required = true,
     .names = patient_status_names},
};

static struct problem *move(struct http_request *rq, struct http_response *rs)
{
    struct ctx *cx = ctx_of(rq);
    struct uuid id;
    struct move_body body = {0};
    struct patient now;
    TRY(http_path_uuid(rq, "id", &id));
    TRY(json_body(rq->arena, rq->body, move_fields, ARRAY_LEN(move_fields), &body));
    audit_read(rq, "patients", id);
    if (cx->role == ROLE_ADMISSIONS && body.to != PATIENT_WAITING)
        return problem_new(rq->arena, PROBLEM_FORBIDDEN, "ADMISSIONS may only undo, to WAITING");
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_WRITE));
    TRY(patient_get(&tx, cx, id, &now));
    TRY(etag_check(rq, now.version));
    TRY(patient_move(&tx, cx, id, (enum patient_status)body.to));
    TRY(patient_answer(&tx, cx, id, rs));
    return pg_tx_commit(&tx);
}

const struct http_route patients_routes[] = {
    {HTTP_POST, "/api/v1/patients", create, .roles = ADMIN | ADMISSIONS, .audit = "CREATE_PATIENT",
     .body = HTTP_BODY_JSON, .body_max = 8192},
    {HTTP_GET, "/api/v1/patients", list, .roles = ANYONE, .audit = "LIST_PATIENTS",
     .flags = ROUTE_PHI_READ | ROUTE_NEEDS_CLINIC},
    {HTTP_GET, "/api/v1/patients/:id", show, .roles = ANYONE, .audit = "READ_PATIENT",
     .flags = ROUTE_PHI_READ | ROUTE_NEEDS_CLINIC},
    {HTTP_PATCH, "/api/v1/patients/:id/status", move, .roles = DOCTOR | ADMIN | ADMISSIONS,
     .audit = "UPDATE_PATIENT", .body = HTTP_BODY_JSON, .body_max = 1024},
};
const size_t patients_route_count = ARRAY_LEN(patients_routes);
