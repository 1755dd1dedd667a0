/* What Twilio calls: the status of an SMS, and replies from doctors.
 *
 * The rule not to break: nothing is believed before X-Twilio-Signature was checked over the whole
 * URL and every form field. A callback's URL names clinic and delivery, so the signature covers
 * them; a reply names a telephone only, which is looked up by each clinic's keyed index. */
#include "alerts/alerts.h"
#include "app/app.h"
#include "audit/audit.h"
#include "auth/auth.h"
#include "base/cleanup.h"
#include "json/json_out.h"
#include "notify/notify_internal.h"
#include "phi/scrub.h"

static const struct pg_stmt delivery = {
    "webhook_delivery",
    "SELECT alert_id, user_id, status, tier FROM alert_deliveries WHERE clinic_id = $1::uuid"
    " AND id = $2::uuid AND channel = 'sms' AND coalesce(provider_id, $3) = $3 FOR UPDATE"};
static const struct pg_stmt delivery_set = {
    "webhook_delivery_set", "UPDATE alert_deliveries SET status = $3, provider_id = $4, error = $5"
                            " WHERE clinic_id = $1::uuid AND id = $2::uuid"};
static const struct pg_stmt clinics = {"webhook_clinics",
                                       "SELECT id FROM clinics WHERE is_active ORDER BY id"};
static const struct pg_stmt users_of_phone = {
    "webhook_users_of_phone",
    "SELECT u.id, u.clinic_id FROM users u JOIN jsonb_to_recordset($1::jsonb) AS w(c uuid, i text)"
    " ON u.clinic_id = w.c AND u.phone_index = w.i WHERE u.is_active ORDER BY u.id LIMIT 50"};
static const struct pg_stmt first_time = {
    "webhook_first_time", "INSERT INTO webhook_events (provider, event_id) VALUES ('twilio', $1)"
                          " ON CONFLICT DO NOTHING"};
static const struct pg_stmt opted = {
    "webhook_opted", "UPDATE users SET sms_opted_out = $3::bool WHERE clinic_id = $1::uuid"
                     " AND id = $2::uuid"};
/* The open alert this user was sent an SMS about last. */
static const struct pg_stmt last_alert = {
    "webhook_last_alert",
    "SELECT d.alert_id, d.at, u.role, coalesce(s.language, 'es') = 'es' FROM alert_deliveries d"
    " JOIN alerts a ON a.clinic_id = d.clinic_id AND a.id = d.alert_id"
    " AND a.status NOT IN ('ACKNOWLEDGED', 'CLOSED')"
    " JOIN users u ON u.clinic_id = d.clinic_id AND u.id = d.user_id"
    " LEFT JOIN clinic_settings s ON s.clinic_id = d.clinic_id"
    " WHERE d.clinic_id = $1::uuid AND d.user_id = $2::uuid AND d.channel = 'sms'"
    " AND d.status IN ('claimed', 'accepted', 'delivered') ORDER BY d.at DESC, d.id DESC LIMIT 1"};
static const struct pg_stmt *const stmts[] = {
    &delivery, &delivery_set, &clinics, &users_of_phone, &first_time, &opted, &last_alert};

__attribute__((constructor)) static void register_statements(void)
{
    pg_register(stmts, ARRAY_LEN(stmts));
}

static struct problem *signature_check(struct http_request *rq)
{
    struct app *app = ctx_of(rq)->app;
    const char *query = rq->query.n > 0 ? arena_cstr(rq->arena, rq->query) : NULL;
    const char *url = sms_url(app, rq->arena, arena_cstr(rq->arena, rq->path), query);
    const char *token = conf_text(app->conf, "NEXACORE_TWILIO_AUTH_TOKEN");
    if (sms_signature_right(rq->arena, token, url, rq->body,
                            http_header_get(rq, "x-twilio-signature")))
        return NULL;
    return problem_new(rq->arena, PROBLEM_FORBIDDEN, "the signature is not right");
}

static struct ctx clinic_ctx(struct http_request *rq, struct uuid clinic)
{
    struct ctx cx = *ctx_of(rq);
    cx.clinic_id = cx.home_clinic = clinic;
    cx.session = "sms";
    return cx;
}

/* ---- the status of an SMS ---------------------------------------------------------------------*/

struct report {
    struct uuid clinic, delivery;
    struct str sid, status, error;
};

static struct problem *report_read(struct http_request *rq, struct report *ret)
{
    TRY(http_form_get(rq, "MessageSid", &ret->sid));
    TRY(http_form_get(rq, "MessageStatus", &ret->status));
    TRY(http_form_get(rq, "ErrorCode", &ret->error));
    if (ret->sid.n == 0 || ret->sid.n > 64 || ret->status.n == 0 ||
        !uuid_parse(http_query_get(rq, "c"), &ret->clinic) ||
        !uuid_parse(http_query_get(rq, "d"), &ret->delivery))
        return problem_new(rq->arena, PROBLEM_BAD_REQUEST, "the callback is incomplete");
    return NULL;
}

static struct problem *delivered(struct pg_tx *tx, const struct ctx *cx, const struct report *rep,
                                 const struct pg_result *row)
{
    struct uuid alert = pg_get_uuid(row, 0, 0);
    if (str_eq(pg_get_str(row, 0, 2), STR("delivered")))
        return NULL; /* said twice */
    TRY(PG_QUEUE(tx, &delivery_set, PG_P_UUID(cx->clinic_id), PG_P_UUID(rep->delivery),
                 PG_P_Z("delivered"), PG_P_TEXT_OR_NULL(provider_name(cx->arena, rep->sid)),
                 PG_P_NULL));
    TRY(alert_event_add(tx, cx, alert, "SMS_DELIVERED", pg_get_uuid(row, 0, 1),
                        pg_get_int(row, 0, 3), "sms", NULL));
    TRY(audit_add(tx, cx, "SMS_DELIVERED", "alerts", alert));
    TRY(alert_sent(tx, cx, alert, "sms"));
    return alert_delivered(tx, cx, alert, "sms");
}

/* It will not arrive: the next channel, or the next tier, at once. */
static struct problem *undelivered(struct pg_tx *tx, const struct ctx *cx, const struct report *rep,
                                   const struct pg_result *row)
{
    struct uuid alert = pg_get_uuid(row, 0, 0);
    struct str was = pg_get_str(row, 0, 2);
    uint64_t error;
    const char *code = str_u64(rep->error, 999999, &error)
                           ? arena_fmt(cx->arena, "twilio-" STR_FMT, STR_ARG(rep->error))
                           : "twilio-unknown";
    if (!str_eq(was, STR("claimed")) && !str_eq(was, STR("accepted")))
        return NULL; /* said twice, or out of order after "delivered" */
    TRY(PG_QUEUE(tx, &delivery_set, PG_P_UUID(cx->clinic_id), PG_P_UUID(rep->delivery),
                 PG_P_Z("undelivered"), PG_P_TEXT_OR_NULL(provider_name(cx->arena, rep->sid)),
                 PG_P_Z(code)));
    TRY(alert_event_add(tx, cx, alert, "SMS_UNDELIVERED", pg_get_uuid(row, 0, 1),
                        pg_get_int(row, 0, 3), "sms", code));
    TRY(audit_add(tx, cx, "SMS_UNDELIVERED", "alerts", alert));
    bool hopeless;
    TRY(step_hopeless(tx, cx, alert, &hopeless));
    if (hopeless)
        return alert_escalate(tx, cx, alert, STR("the SMS could not be delivered"));
    return alert_job_add(tx, cx, alert,
                         arena_fmt(cx->arena, "next-%.8s", uuid_z(rep->delivery) + 28));
}

static struct problem *status_post(struct http_request *rq, struct http_response *rs)
{
    struct report rep = {0};
    struct pg_result *row;
    TRY(signature_check(rq));
    TRY(report_read(rq, &rep));
    rs->status = 204;
    bool good = str_eq(rep.status, STR("delivered")) || str_eq(rep.status, STR("read"));
    bool bad = str_eq(rep.status, STR("undelivered")) || str_eq(rep.status, STR("failed")) ||
               str_eq(rep.status, STR("canceled"));
    if (!good && !bad)
        return NULL; /* on its way: nothing is known yet */
    struct ctx cx = clinic_ctx(rq, rep.clinic);
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, &cx, PG_WRITE));
    TRY(PG_QUERY(&tx, &delivery, &row, PG_P_UUID(rep.clinic), PG_P_UUID(rep.delivery),
                 PG_P_TEXT(rep.sid)));
    if (pg_rows(row) == 0)
        return problem_new(rq->arena, PROBLEM_NOT_FOUND, "there is no such delivery");
    TRY(good ? delivered(&tx, &cx, &rep, row) : undelivered(&tx, &cx, &rep, row));
    return pg_tx_commit(&tx);
}

/* ---- replies ----------------------------------------------------------------------------------*/

enum word { WORD_OTHER, WORD_STOP, WORD_START, WORD_ACKNOWLEDGE, WORD_ESCALATE };

static enum word word_read(struct str body)
{
    static const struct {
        const char *text;
        enum word word;
    } known[] = {
        {"1", WORD_ACKNOWLEDGE}, {"2", WORD_ESCALATE},   {"STOP", WORD_STOP},
        {"STOPALL", WORD_STOP},  {"CANCEL", WORD_STOP},  {"END", WORD_STOP},
        {"QUIT", WORD_STOP},     {"ALTO", WORD_STOP},    {"UNSUBSCRIBE", WORD_STOP},
        {"START", WORD_START},   {"UNSTOP", WORD_START},
    };
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (str_eq_nocase(str_trim(body), str_of(known[i].text)))
            return known[i].word;
    return WORD_OTHER;
}

struct owner {
    struct uuid user, clinic;
};

/* The phone's index in every clinic: [{"c":clinic,"i":index},...]. */
static struct problem *indexes_write(struct http_request *rq, struct pg_tx *tx, struct str phone,
                                     struct buf *out)
{
    struct pg_result *r;
    struct jw w = jw_to(out);
    TRY(pg_query(tx, &clinics, NULL, 0, &r));
    jw_arr(&w);
    for (size_t i = 0; i < pg_rows(r); i++) {
        struct ctx cx = clinic_ctx(rq, pg_get_uuid(r, i, 0));
        struct str index;
        if (phi_index(&cx, "phone", phi_of(phone), &index) || !index.p)
            continue; /* a clinic without keys has no phones either */
        jw_obj(&w);
        jw_key(&w, "c");
        jw_uuid(&w, cx.clinic_id);
        jw_key(&w, "i");
        jw_str(&w, index);
        jw_end(&w);
    }
    jw_end(&w);
    return NULL;
}

static struct problem *owners_find(struct http_request *rq, struct str phone, struct owner **ret,
                                   size_t *ret_count)
{
    CLEANUP(buf_free) struct buf indexes = BUF_MAX(8 << 20);
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    struct pg_result *r;
    TRY(tx_begin_relay(&tx, ctx_of(rq)));
    TRY(indexes_write(rq, &tx, phone, &indexes));
    TRY(PG_QUERY(&tx, &users_of_phone, &r, PG_P_TEXT(buf_str(&indexes))));
    *ret_count = pg_rows(r);
    *ret = arena_array(rq->arena, *ret_count + 1, sizeof(struct owner));
    for (size_t i = 0; i < *ret_count; i++)
        (*ret)[i] = (struct owner){pg_get_uuid(r, i, 0), pg_get_uuid(r, i, 1)};
    return pg_tx_commit(&tx);
}

static struct problem *opted_set(struct http_request *rq, const struct owner *o, bool out)
{
    struct ctx cx = clinic_ctx(rq, o->clinic);
    cx.user_id = o->user;
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, &cx, PG_WRITE));
    TRY(PG_EXEC(&tx, &opted, NULL, PG_P_UUID(o->clinic), PG_P_UUID(o->user), PG_P_BOOL(out)));
    TRY(audit_add(&tx, &cx, out ? "SMS_OPTED_OUT" : "SMS_OPTED_IN", "users", o->user));
    return pg_tx_commit(&tx);
}

struct question {
    struct owner owner;
    struct uuid alert;
    int64_t sent_us;
    enum role role;
    bool spanish;
};

/* What the sender was asked last, over all clinics the phone belongs to. */
static struct problem *question_find(struct http_request *rq, const struct owner *owners,
                                     size_t count, struct question *ret)
{
    *ret = (struct question){.alert = UUID_NONE, .spanish = true};
    for (size_t i = 0; i < count; i++) {
        struct ctx cx = clinic_ctx(rq, owners[i].clinic);
        struct pg_result *r;
        CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
        TRY(tx_begin(&tx, &cx, PG_READ));
        TRY(PG_QUERY(&tx, &last_alert, &r, PG_P_UUID(owners[i].clinic), PG_P_UUID(owners[i].user)));
        TRY(pg_tx_commit(&tx));
        if (pg_rows(r) && pg_get_time(r, 0, 1) > ret->sent_us)
            *ret = (struct question){owners[i], pg_get_uuid(r, 0, 0), pg_get_time(r, 0, 1),
                                     role_parse(pg_get_str(r, 0, 2)), pg_get_bool(r, 0, 3)};
    }
    return NULL;
}

/* As the doctor whose phone it is. The same message delivered again does nothing. */
static struct problem *answer(struct http_request *rq, const struct question *q, struct str sid,
                              enum word word)
{
    struct ctx cx = clinic_ctx(rq, q->owner.clinic);
    cx.user_id = q->owner.user;
    cx.role = q->role;
    size_t rows = 0;
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, &cx, PG_WRITE));
    TRY(PG_EXEC(&tx, &first_time, &rows, PG_P_TEXT(scrub(cx.arena, (struct raw_text){sid}).s)));
    if (rows == 0)
        return NULL;
    if (word == WORD_ACKNOWLEDGE)
        TRY(alert_acknowledge(&tx, &cx, q->alert, false));
    else
        TRY(alert_escalate(&tx, &cx, q->alert, STR("by SMS")));
    return pg_tx_commit(&tx);
}

/* TwiML: an empty response sends nothing back. */
static struct problem *reply(struct http_response *rs, const char *text)
{
    rs->content_type = "text/xml; charset=utf-8";
    buf_add_z(&rs->body, "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response>");
    if (text)
        buf_addf(&rs->body, "<Message>%s</Message>", text);
    buf_add_z(&rs->body, "</Response>");
    return NULL;
}

static const char *done_text(enum word word, bool spanish)
{
    if (word == WORD_ACKNOWLEDGE)
        return spanish ? "NexaCore: alerta atendida." : "NexaCore: alert acknowledged.";
    return spanish ? "NexaCore: alerta escalada." : "NexaCore: alert escalated.";
}

static struct problem *inbound_post(struct http_request *rq, struct http_response *rs)
{
    struct str from, body, sid;
    struct owner *owners;
    struct question q;
    size_t count;
    TRY(signature_check(rq));
    TRY(http_form_get(rq, "From", &from));
    TRY(http_form_get(rq, "Body", &body));
    TRY(http_form_get(rq, "MessageSid", &sid));
    if (from.n == 0 || from.n > 32 || sid.n == 0 || sid.n > 64)
        return problem_new(rq->arena, PROBLEM_BAD_REQUEST, "the message is incomplete");
    enum word word = word_read(body);
    if (word == WORD_OTHER)
        return reply(rs, NULL);
    TRY(owners_find(rq, from, &owners, &count));
    if (word == WORD_STOP || word == WORD_START) {
        for (size_t i = 0; i < count; i++)
            TRY(opted_set(rq, &owners[i], word == WORD_STOP));
        return reply(rs, NULL);
    }
    TRY(question_find(rq, owners, count, &q));
    if (uuid_is_none(q.alert))
        return reply(rs, count == 0 ? NULL : "NexaCore: no hay alertas abiertas. No open alert.");
    struct problem *p = answer(rq, &q, sid, word);
    if (p && p->kind != PROBLEM_CONFLICT && p->kind != PROBLEM_FORBIDDEN)
        return p;
    return reply(rs, !p          ? done_text(word, q.spanish)
                     : q.spanish ? "NexaCore: ya no es posible; abra la alerta."
                                 : "NexaCore: not possible any more; open the alert.");
}

const struct http_route notify_routes[] = {
    {HTTP_POST, "/webhooks/twilio/status", status_post, .audit = "WEBHOOK_TWILIO",
     .body = HTTP_BODY_FORM, .flags = ROUTE_PUBLIC},
    {HTTP_POST, "/webhooks/twilio/inbound", inbound_post, .audit = "WEBHOOK_TWILIO",
     .body = HTTP_BODY_FORM, .flags = ROUTE_PUBLIC},
};
const size_t notify_route_count = ARRAY_LEN(notify_routes);
