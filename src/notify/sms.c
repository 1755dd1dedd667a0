/* Twilio's Messages resource (2010-04-01), and the signature of what Twilio sends to us. */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

#include "app/app.h"
#include "base/cleanup.h"
#include "base/crypt.h"
#include "fetch/fetch.h"
#include "http/http.h"
#include "http/parse.h"
#include "json/json_in.h"
#include "notify/notify_internal.h"

enum { OPTED_OUT = 21610, PAIRS_MAX = 200 };

static char *words(struct arena *arena, const struct page_text *t)
{
    const char *room =
        t->room.p ? arena_fmt(arena, t->spanish ? ", consultorio " STR_FMT : ", room " STR_FMT,
                              STR_ARG(t->room))
                  : "";
    return arena_fmt(arena,
                     t->spanish ? "NexaCore: alerta " STR_FMT "%s, " STR_FMT
                                  ". %s Responda 1 para atender, 2 para escalar."
                                : "NexaCore: " STR_FMT " alert%s, " STR_FMT
                                  ". %s Reply 1 to acknowledge, 2 to escalate.",
                     STR_ARG(t->urgency), room, STR_ARG(t->clinic), t->link);
}

const char *sms_url(struct app *app, struct arena *arena, const char *path, const char *query)
{
    struct str base = str_of(app->public_url);
    while (base.n > 0 && base.p[base.n - 1] == '/')
        base.n--;
    return arena_fmt(arena, STR_FMT "%s%s%s", STR_ARG(base), path, query ? "?" : "",
                     query ? query : "");
}

static void answer_read(struct arena *arena, const struct fetch_answer *a, struct send_result *ret)
{
    CLEANUP(json_done) json_t *root = NULL;
    bool json = json_read(arena, a->body, &root) == NULL;
    const char *sid = json_string_value(json_object_get(root, "sid"));
    if (a->status == 201 && sid) {
        *ret = (struct send_result){.fate = SEND_ACCEPTED,
                                    .provider_id = arena_str(arena, str_of(sid))};
        return;
    }
    long long code = json ? json_integer_value(json_object_get(root, "code")) : 0;
    if (code == OPTED_OUT)
        ret->fate = SEND_OPTED_OUT;
    else if (a->status >= 400 && a->status < 500 && a->status != 408 && a->status != 429)
        ret->fate = SEND_REFUSED;
    else
        ret->fate = SEND_LATER;
    ret->error =
        arena_fmt(arena, "%s%d-%lld", ret->fate == SEND_LATER ? "temporary-" : "", a->status, code);
    ret->retry_after_s = a->retry_after_s;
}

void sms_send(struct app *app, struct arena *arena, struct phi phone, const struct page_text *text,
              const char *callback, struct send_result *ret)
{
    const char *sid = conf_text(app->conf, "NEXACORE_TWILIO_ACCOUNT_SID");
    const char *token = conf_text(app->conf, "NEXACORE_TWILIO_AUTH_TOKEN");
    const char *from = conf_text(app->conf, "NEXACORE_TWILIO_FROM");
    *ret = (struct send_result){.fate = SEND_REFUSED, .error = "not-configured"};
    if (!sid || !token || !from)
        return;
    CLEANUP(buf_free) struct buf form = BUF_SECRET(32768);
    fetch_form_add(&form, "To", phi_reveal(phone));
    fetch_form_add(&form, "From", str_of(from));
    fetch_form_add(&form, "Body", str_of(words(arena, text)));
    fetch_form_add(&form, "StatusCallback", str_of(callback));
    fetch_form_add(&form, "ValidityPeriod", STR("3600"));
    struct fetch_request rq = {
        .method = "POST",
        .url = arena_fmt(arena, "%s/2010-04-01/Accounts/%s/Messages.json",
                         conf_text(app->conf, "NEXACORE_TWILIO_BASE_URL"), sid),
        .headers = {"Content-Type: application/x-www-form-urlencoded"},
        .body = buf_str(&form),
        .basic_user = sid,
        .basic_password = token,
        .timeout_ms = 10000,
        .answer_max = 65536,
    };
    struct fetch_answer answer;
    *ret = (struct send_result){.fate = SEND_LATER};
    enum fetch_fate fate = fetch(arena, &rq, &answer, NULL);
    if (fate == FETCH_ANSWERED)
        answer_read(arena, &answer, ret);
    else
        ret->error =
            fate == FETCH_NOT_SENT ? "temporary-unreachable" : "temporary-no-answer-may-be-sent";
}

/* ---- signatures -------------------------------------------------------------------------------*/

struct pair {
    struct str name, value;
};

static int by_name(const void *a, const void *b)
{
    const struct str x = ((const struct pair *)a)->name, y = ((const struct pair *)b)->name;
    int order = memcmp(x.p, y.p, x.n < y.n ? x.n : y.n);
    return order ? order : (x.n > y.n) - (x.n < y.n);
}

static bool signed_text(struct arena *arena, const char *url, struct str form, struct buf *out)
{
    struct pair *pairs = arena_array(arena, PAIRS_MAX, sizeof(*pairs));
    struct str rest = form, name, value;
    size_t count = 0;
    while (http_pairs_next(&rest, &name, &value)) {
        if (count == PAIRS_MAX || !http_decode(arena, name, true, &pairs[count].name) ||
            !http_decode(arena, value, true, &pairs[count].value))
            return false;
        count++;
    }
    qsort(pairs, count, sizeof(*pairs), by_name);
    buf_add_z(out, url);
    for (size_t i = 0; i < count; i++) {
        buf_add_str(out, pairs[i].name);
        buf_add_str(out, pairs[i].value);
    }
    return !out->overflowed;
}

bool sms_signature_right(struct arena *arena, const char *auth_token, const char *url,
                         struct str form, struct str signature)
{
    CLEANUP(buf_free) struct buf text = BUF_SECRET(128 * 1024);
    CLEANUP(buf_free) struct buf right = BUF_MAX(64);
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    if (!auth_token || !signed_text(arena, url, form, &text) ||
        !HMAC(EVP_sha1(), auth_token, (int)strlen(auth_token), (const unsigned char *)text.data,
              text.len, mac, &n))
        return false;
    base64_add(&right, (struct str){(const char *)mac, n});
    return ct_equal(buf_str(&right), signature);
}
