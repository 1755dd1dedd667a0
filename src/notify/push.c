/* Firebase Cloud Messaging, HTTP v1: projects.messages.send to one device.
 *
 * A message that is sent twice shows once: collapse key and tag are the alert's id. */
#include "app/app.h"
#include "base/cleanup.h"
#include "fetch/fetch.h"
#include "json/json_in.h"
#include "json/json_out.h"
#include "notify/notify_internal.h"

#define LASTS_S "3600" /* a phone that comes back within the hour still shows it */

static void member(struct jw *w, const char *key, const char *value)
{
    jw_key(w, key);
    jw_z(w, value);
}

static void begin(struct jw *w, const char *key)
{
    jw_key(w, key);
    jw_obj(w);
}

static void words_write(struct jw *w, struct arena *arena, const struct page_text *t)
{
    begin(w, "notification");
    member(w, "title",
           arena_fmt(arena, STR_FMT " · " STR_FMT, STR_ARG(t->urgency), STR_ARG(t->clinic)));
    if (t->room.p)
        member(w, "body",
               arena_fmt(arena, t->spanish ? "Consultorio " STR_FMT : "Room " STR_FMT,
                         STR_ARG(t->room)));
    else
        member(w, "body", t->spanish ? "Abra la alerta" : "Open the alert");
    jw_end(w);
    begin(w, "data");
    member(w, "alertId", uuid_z(t->alert_id));
    jw_key(w, "urgencyLevel");
    jw_str(w, t->urgency);
    jw_key(w, "room");
    jw_str(w, t->room.p ? t->room : STR(""));
    member(w, "url", t->link);
    jw_end(w);
}

static void platforms_write(struct jw *w, const struct page_text *t)
{
    const char *id = uuid_z(t->alert_id);
    begin(w, "android");
    member(w, "priority", "HIGH");
    member(w, "ttl", LASTS_S "s");
    member(w, "collapse_key", id);
    begin(w, "notification");
    member(w, "tag", id);
    jw_end(w);
    jw_end(w);
    begin(w, "apns");
    begin(w, "headers");
    member(w, "apns-priority", "10");
    member(w, "apns-collapse-id", id);
    jw_end(w);
    begin(w, "payload");
    begin(w, "aps");
    member(w, "sound", "default");
    jw_end(w);
    jw_end(w);
    jw_end(w);
    begin(w, "webpush");
    begin(w, "headers");
    member(w, "Urgency", "high");
    member(w, "TTL", LASTS_S);
    jw_end(w);
    begin(w, "fcm_options");
    member(w, "link", t->link);
    jw_end(w);
    jw_end(w);
}

static void message_write(struct arena *arena, struct phi token, const struct page_text *t,
                          struct buf *out)
{
    struct jw w = jw_to(out);
    jw_obj(&w);
    begin(&w, "message");
    jw_key(&w, "token");
    jw_str(&w, phi_reveal(token));
    words_write(&w, arena, t);
    platforms_write(&w, t);
    jw_end(&w);
    jw_end(&w);
}

/* error.details[].errorCode, else error.status: "UNREGISTERED", "UNAVAILABLE", ... */
static const char *code_of(struct arena *arena, const json_t *root)
{
    const json_t *error = json_object_get(root, "error"), *detail;
    const char *code = json_string_value(json_object_get(error, "status"));
    size_t i;
    json_array_foreach (json_object_get(error, "details"), i, detail) {
        const char *of = json_string_value(json_object_get(detail, "errorCode"));
        code = of ? of : code;
    }
    return code && str_is_name(str_of(code), 60) ? arena_cstr(arena, str_of(code)) : "unknown";
}

static void answer_read(struct arena *arena, const struct fetch_answer *a, struct send_result *ret)
{
    CLEANUP(json_done) json_t *root = NULL;
    bool json = json_read(arena, a->body, &root) == NULL;
    const char *name = json_string_value(json_object_get(root, "name"));
    if (a->status == 200 && name) {
        *ret = (struct send_result){.fate = SEND_ACCEPTED,
                                    .provider_id = arena_str(arena, str_of(name))};
        return;
    }
    const char *code = json ? code_of(arena, root) : "unreadable";
    bool gone = strcmp(code, "UNREGISTERED") == 0;
    if (a->status == 401)
        push_token_drop();
    if (gone)
        ret->fate = SEND_GONE;
    else if (a->status >= 400 && a->status < 500 && a->status != 401 && a->status != 408 &&
             a->status != 429)
        ret->fate = SEND_REFUSED;
    else
        ret->fate = SEND_LATER;
    ret->error =
        ret->fate == SEND_LATER ? arena_fmt(arena, "temporary-%d-%s", a->status, code) : code;
    ret->retry_after_s = a->retry_after_s;
}

void push_send(struct app *app, struct arena *arena, struct phi token, const struct page_text *text,
               struct send_result *ret)
{
    struct str access;
    const char *project;
    *ret = (struct send_result){.fate = SEND_LATER};
    ret->error = push_token_get(app, arena, &access, &project);
    if (ret->error) {
        if (!str_starts(str_of(ret->error), STR("temporary")))
            ret->fate = SEND_REFUSED;
        return;
    }
    CLEANUP(buf_free) struct buf body = BUF_SECRET(65536);
    message_write(arena, token, text, &body);
    struct fetch_request rq = {
        .method = "POST",
        .url = arena_fmt(arena, "%s/v1/projects/%s/messages:send",
                         conf_text(app->conf, "NEXACORE_FCM_BASE_URL"), project),
        .headers = {"Content-Type: application/json",
                    arena_fmt(arena, "Authorization: Bearer " STR_FMT, STR_ARG(access))},
        .body = buf_str(&body),
        .timeout_ms = 10000,
        .answer_max = 65536,
    };
    struct fetch_answer answer;
    enum fetch_fate fate = fetch(arena, &rq, &answer, NULL);
    if (fate == FETCH_ANSWERED)
        answer_read(arena, &answer, ret);
    else
        ret->error =
            fate == FETCH_NOT_SENT ? "temporary-unreachable" : "temporary-no-answer-may-be-sent";
}
