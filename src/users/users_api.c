/* Routes of the signed-in person. Always the own clinic: X-Clinic-Id of a corporate user does not
 * count here. */
#include "app/rest.h"
#include "audit/audit.h"
#include "auth/auth.h"
#include "base/cleanup.h"
#include "json/json_in.h"
#include "pan/pan.h"
#include "users/users_internal.h"

static struct ctx *at_home(struct http_request *rq)
{
    struct ctx *cx = ctx_of(rq);
    cx->clinic_id = cx->home_clinic;
    return cx;
}

static struct problem *me_get(struct http_request *rq, struct http_response *rs)
{
    struct ctx *cx = at_home(rq);
    audit_read(rq, "users", cx->user_id);
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_READ));
    TRY(me_show(&tx, cx, &rs->body));
    return pg_tx_commit(&tx);
}

static const char *const platforms[] = {"android", "ios", "web", NULL};

struct device_body {
    struct str token;
    int platform;
};
/* Deleting names the token; the platform may come along. */
static const struct json_field add_fields[] = {
    {"token", JSON_KIND_TEXT, offsetof(struct device_body, token), .required = true, .max = 4096},
    {"platform", JSON_KIND_ENUM, offsetof(struct device_body, platform), .required = true,
     .names = platforms},
};
static const struct json_field drop_fields[] = {
    {"token", JSON_KIND_TEXT, offsetof(struct device_body, token), .required = true, .max = 4096},
    {"platform", JSON_KIND_ENUM, offsetof(struct device_body, platform), .names = platforms},
};

static struct problem *add(struct http_request *rq, struct http_response *rs)
{
    struct ctx *cx = at_home(rq);
    struct device_body body = {0};
    struct device device;
    TRY(json_body(rq->arena, rq->body, add_fields, ARRAY_LEN(add_fields), &body));
    if (pan_find(body.token, NULL, 0) > 0) /* it would be sent to the provider as it is */
        return problem_field(rq->arena, "/token", "must not hold a card number");
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_WRITE));
    TRY(device_add(&tx, cx, body.token, platforms[body.platform], &device));
    TRY(audit_add(&tx, cx, "DEVICE_REGISTERED", "devices", device.id));
    TRY(pg_tx_commit(&tx));
    struct jw w = jw_to(&rs->body);
    jw_obj(&w);
    jw_key(&w, "id");
    jw_uuid(&w, device.id);
    jw_key(&w, "platform");
    jw_z(&w, platforms[body.platform]);
    jw_key(&w, "createdAt");
    jw_time(&w, device.created_us);
    jw_end(&w);
    rs->status = 201;
    return NULL;
}

static struct problem *drop(struct http_request *rq, struct http_response *rs)
{
    struct ctx *cx = at_home(rq);
    struct device_body body = {0};
    struct uuid id;
    TRY(json_body(rq->arena, rq->body, drop_fields, ARRAY_LEN(drop_fields), &body));
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_WRITE));
    TRY(device_drop(&tx, cx, body.token, &id));
    if (!uuid_is_none(id))
        TRY(audit_add(&tx, cx, "DEVICE_REMOVED", "devices", id));
    TRY(pg_tx_commit(&tx));
    rs->status = 204;
    return NULL;
}

const struct http_route users_routes[] = {
    {HTTP_GET, "/api/v1/me", me_get, .roles = ANYONE, .audit = "READ_ME"},
    {HTTP_POST, "/api/v1/devices", add, .roles = ANYONE, .audit = "DEVICE_REGISTERED",
     .body = HTTP_BODY_JSON, .body_max = 8192},
    {HTTP_DELETE, "/api/v1/devices", drop, .roles = ANYONE, .audit = "DEVICE_REMOVED",
     .body = HTTP_BODY_JSON, .body_max = 8192},
};
const size_t users_route_count = ARRAY_LEN(users_routes);
