/* libcurl easy handles, one a call: providers are far and few, so a pool buys nothing yet. */
#include "fetch/fetch.h"

#include <curl/curl.h>
#include <pthread.h>

#include "base/cleanup.h"

static pthread_once_t curl_ready = PTHREAD_ONCE_INIT;

static void curl_start(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static void easy_free(CURL **curl)
{
    if (*curl)
        curl_easy_cleanup(*curl);
}

static void list_free(struct curl_slist **list)
{
    curl_slist_free_all(*list);
}

static size_t take_body(char *bytes, size_t size, size_t n, void *arg)
{
    struct buf *body = arg;
    buf_add(body, bytes, size * n);
    return body->overflowed ? 0 : size * n;
}

static void set_options(CURL *curl, const struct fetch_request *rq, struct curl_slist *headers,
                        struct buf *body)
{
    curl_easy_setopt(curl, CURLOPT_URL, rq->url);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, rq->method);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, 3000L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, rq->timeout_ms ? (long)rq->timeout_ms : 10000L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "nexacore");
    if (rq->body.p) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, rq->body.p);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)rq->body.n);
    }
    if (rq->basic_user) {
        curl_easy_setopt(curl, CURLOPT_USERNAME, rq->basic_user);
        curl_easy_setopt(curl, CURLOPT_PASSWORD, rq->basic_password);
    }
}

/* Errors of libcurl that come before the first byte of the request left. */
static bool never_sent(CURLcode code)
{
    switch (code) {
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
        return true;
    default:
        return false;
    }
}

enum fetch_fate fetch(struct arena *arena, const struct fetch_request *rq, struct fetch_answer *ret,
                      const char **ret_why)
{
    pthread_once(&curl_ready, curl_start);
    CLEANUP(easy_free) CURL *curl = curl_easy_init();
    if (!curl)
        return FETCH_NOT_SENT;
    CLEANUP(list_free) struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
    for (size_t i = 0; i < ARRAY_LEN(rq->headers) && rq->headers[i]; i++)
        headers = curl_slist_append(headers, rq->headers[i]);
    CLEANUP(buf_free)
    struct buf body = BUF_SECRET(rq->answer_max ? rq->answer_max : 1 << 20);
    set_options(curl, rq, headers, &body);

    CURLcode code = curl_easy_perform(curl);
    if (code != CURLE_OK) {
        if (ret_why)
            *ret_why = arena_fmt(arena, "%s", curl_easy_strerror(code));
        return never_sent(code) ? FETCH_NOT_SENT : FETCH_AMBIGUOUS;
    }
    long status = 0;
    curl_off_t retry_after = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &retry_after);
    *ret = (struct fetch_answer){
        .status = (int)status,
        .body = arena_str(arena, (struct str){body.data ? body.data : "", body.len}),
        .retry_after_s = retry_after > 0 && retry_after < 86400 ? (unsigned)retry_after : 0,
    };
    return FETCH_ANSWERED;
}

void fetch_form_add(struct buf *form, const char *name, struct str value)
{
    static const char hex[] = "0123456789ABCDEF";
    if (form->len > 0)
        buf_add_c(form, '&');
    buf_add_z(form, name);
    buf_add_c(form, '=');
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '_' || c == '.' || c == '~';
        if (plain) {
            buf_add_c(form, (char)c);
        } else {
            buf_add_c(form, '%');
            buf_add_c(form, hex[c >> 4]);
            buf_add_c(form, hex[c & 15]);
        }
    }
}
