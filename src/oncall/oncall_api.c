/* GET and PUT /api/v1/on-call. PUT brings the whole schedule from now on, so that two people who
 * plan at once cannot leave a mixture. */
#include "app/rest.h"
#include "audit/audit.h"
#include "auth/auth.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "json/json_in.h"
#include "oncall/oncall_internal.h"

enum { TIER_MAX = 99 };
static const int64_t shift_us_max = 366LL * 24 * 3600 * 1000000;

static struct problem *time_read(struct http_request *rq, const char *name, int64_t *ret)
{
    struct str v = http_query_get(rq, name);
    if (v.p && !clock_parse(v, ret))
        return problem_new(rq->arena, PROBLEM_BAD_REQUEST,
                           "%s must be a time like 2026-01-31T08:00:00Z", name);
    return NULL;
}

static struct problem *show(struct http_request *rq, struct http_response *rs)
{
    static const char *const known[] = {"from", "to", NULL};
    struct ctx *cx = ctx_of(rq);
    int64_t from_us = 0, to_us = 0;
    TRY(http_query_check(rq, known));
    TRY(time_read(rq, "from", &from_us));
    TRY(time_read(rq, "to", &to_us));
    audit_read(rq, "on_call_shifts", UUID_NONE);
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_READ));
    TRY(shifts_show(&tx, cx, from_us, to_us, &rs->body));
    return pg_tx_commit(&tx);
}

/* What GET shows may be sent back: id and fullName are accepted and ignored. */
struct shift_body {
    struct shift shift;
    struct uuid id;
    struct str full_name;
};
static const struct json_field shift_fields[] = {
    {"userId", JSON_KIND_UUID, offsetof(struct shift_body, shift.user_id), .required = true},
    {"tier", JSON_KIND_INT, offsetof(struct shift_body, shift.tier), .required = true, .min = 1,
     .max = TIER_MAX},
    {"startsAt", JSON_KIND_TIME, offsetof(struct shift_body, shift.starts_us), .required = true},
    {"endsAt", JSON_KIND_TIME, offsetof(struct shift_body, shift.ends_us), .required = true},
    {"id", JSON_KIND_UUID, offsetof(struct shift_body, id)},
    {"fullName", JSON_KIND_TEXT, offsetof(struct shift_body, full_name), .max = 400},
};

struct put_body {
    json_t *shifts;
};
static const struct json_field put_fields[] = {
    {"shifts", JSON_KIND_ANY, offsetof(struct put_body, shifts), .required = true},
};

static struct problem *shift_check(struct arena *arena, const struct shift *s, size_t i)
{
    if (s->ends_us <= s->starts_us)
        return problem_field(arena, arena_fmt(arena, "/shifts/%zu/endsAt", i),
                             "must be after startsAt");
    if (s->ends_us - s->starts_us > shift_us_max)
        return problem_field(arena, arena_fmt(arena, "/shifts/%zu/endsAt", i),
                             "a shift lasts a year at most");
    return NULL;
}

struct placed {
    struct shift shift;
    size_t at;
};

static int by_user_then_start(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;
    int order = memcmp(x->shift.user_id.b, y->shift.user_id.b, sizeof(x->shift.user_id.b));
    if (order != 0)
        return order;
    return (x->shift.starts_us > y->shift.starts_us) - (x->shift.starts_us < y->shift.starts_us);
}

/* Nobody is on duty twice at the same time. */
static struct problem *overlap_check(struct arena *arena, const struct shift *shifts, size_t count)
{
    struct placed *sorted = arena_array(arena, count + 1, sizeof(*sorted));
    for (size_t i = 0; i < count; i++)
        sorted[i] = (struct placed){shifts[i], i};
    qsort(sorted, count, sizeof(*sorted), by_user_then_start);
    for (size_t i = 1; i < count; i++)
        if (uuid_eq(sorted[i].shift.user_id, sorted[i - 1].shift.user_id) &&
            sorted[i].shift.starts_us < sorted[i - 1].shift.ends_us)
            return problem_field(arena, arena_fmt(arena, "/shifts/%zu", sorted[i].at),
                                 "overlaps another shift of the same user (/shifts/%zu)",
                                 sorted[i - 1].at);
    return NULL;
}

static struct problem *shifts_read(struct arena *arena, const json_t *list, struct shift **ret,
                                   size_t *ret_count)
{
    if (!json_is_array(list) || json_array_size(list) > SHIFTS_MAX)
        return problem_field(arena, "/shifts", "must be a list of at most %d shifts", SHIFTS_MAX);
    size_t count = json_array_size(list);
    struct shift *shifts = arena_array(arena, count + 1, sizeof(*shifts));
    for (size_t i = 0; i < count; i++) {
        struct shift_body body = {0};
        TRY(json_fields(arena, json_array_get(list, i), shift_fields, ARRAY_LEN(shift_fields),
                        arena_fmt(arena, "/shifts/%zu", i), &body));
        shifts[i] = body.shift;
        TRY(shift_check(arena, &shifts[i], i));
    }
    TRY(overlap_check(arena, shifts, count));
    *ret = shifts;
    *ret_count = count;
    return NULL;
}

static struct problem *put(struct http_request *rq, struct http_response *rs)
{
    struct ctx *cx = ctx_of(rq);
    struct put_body body = {0};
    struct shift *shifts = NULL;
    size_t count = 0, stranger = 0;
    CLEANUP(json_done) json_t *root = NULL;
    TRY(json_read(rq->arena, rq->body, &root));
    TRY(json_fields(rq->arena, root, put_fields, ARRAY_LEN(put_fields), "", &body));
    TRY(shifts_read(rq->arena, body.shifts, &shifts, &count));
    audit_read(rq, "on_call_shifts", UUID_NONE);
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_WRITE));
    TRY(shifts_first_stranger(&tx, cx, shifts, count, &stranger));
    if (stranger < count)
        return problem_field(rq->arena, arena_fmt(rq->arena, "/shifts/%zu/userId", stranger),
                             "must be an active doctor of the clinic");
    TRY(shifts_replace(&tx, cx, shifts, count));
    TRY(audit_add(&tx, cx, "UPDATE_ON_CALL", "on_call_shifts", UUID_NONE));
    TRY(shifts_show(&tx, cx, 0, 0, &rs->body));
    return pg_tx_commit(&tx);
}

const struct http_route oncall_routes[] = {
    {HTTP_GET, "/api/v1/on-call", show, .roles = ANYONE, .audit = "READ_ON_CALL",
     .flags = ROUTE_NEEDS_CLINIC},
    {HTTP_PUT, "/api/v1/on-call", put, .roles = ADMIN, .audit = "UPDATE_ON_CALL",
     .body = HTTP_BODY_JSON, .body_max = 256 * 1024},
};
const size_t oncall_route_count = ARRAY_LEN(oncall_routes);
