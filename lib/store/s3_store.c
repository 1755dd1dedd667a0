/* Objects in S3 or anything that speaks its protocol: PUT, GET and DELETE signed with SigV4.
 *
 * A written object is spooled (ciphertext) to an unlinked temporary file, so that the PUT has a
 * known length and hash and can be sent again; S3 makes a whole PUT visible at once or not at all.
 * The rule not to break: every method here may be repeated, because a lost answer is sent again. */
#include "store/store_impl.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crypt.h"
#include "store/sigv4.h"

#define ATTEMPTS       4
#define BACKOFF_MS     150              /* doubled each time, plus jitter */
#define ANSWER_S_MAX   60               /* one attempt */
#define DEADLINE_US    (40 * 1000000LL) /* no new attempt after it */
#define IDLE_MAX       8
#define EMPTY_SHA256   "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SHA256_HEX_LEN (2 * SHA256_LEN)

struct s3_store {
    struct sigv4_credentials credentials;
    const char *origin; /* "https://host:port" */
    const char *host;   /* as in the Host header */
    const char *prefix; /* encoded path before the key, "" or "/bucket" */
    pthread_mutex_t lock;
    CURL *idle[IDLE_MAX]; /* handles keep their connections */
    size_t idle_count;
};

/* One request and where its answer goes. */
struct call {
    const char *method;
    const char *key;
    const char *payload_hash;
    int body_fd; /* -1: no body */
    uint64_t body_len;
    uint64_t body_sent;
    struct buf *out;
    size_t out_start;
    size_t max;
    bool too_large;
    CURL *curl;
    long status;
};

static struct s3_store *of(struct store *store)
{
    return store->kind;
}

/* ---- libcurl's callbacks ---------------------------------------------------------------------*/

static size_t body_read(char *to, size_t size, size_t count, void *arg)
{
    struct call *call = arg;
    ssize_t n = pread(call->body_fd, to, size * count, (off_t)call->body_sent);
    if (n < 0)
        return CURL_READFUNC_ABORT;
    call->body_sent += (uint64_t)n;
    return (size_t)n;
}

/* libcurl starts over when a kept connection turns out to be dead. */
static int body_seek(void *arg, curl_off_t offset, int origin)
{
    struct call *call = arg;
    if (origin != SEEK_SET || offset < 0)
        return CURL_SEEKFUNC_CANTSEEK;
    call->body_sent = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

static size_t answer_write(char *bytes, size_t size, size_t count, void *arg)
{
    struct call *call = arg;
    size_t n = size * count;
    curl_easy_getinfo(call->curl, CURLINFO_RESPONSE_CODE, &call->status);
    if (!call->out || call->status != 200)
        return n; /* error texts are not needed: the status says it */
    size_t have = call->out->len - call->out_start;
    call->too_large = n > call->max - have || !buf_room(call->out, n);
    if (call->too_large)
        return 0;
    buf_add(call->out, bytes, n);
    return n;
}

/* ---- one attempt -----------------------------------------------------------------------------*/

static CURL *handle_take(struct s3_store *s3)
{
    pthread_mutex_lock(&s3->lock);
    CURL *curl = s3->idle_count ? s3->idle[--s3->idle_count] : NULL;
    pthread_mutex_unlock(&s3->lock);
    return curl ? curl : curl_easy_init();
}

static void handle_give(struct s3_store *s3, CURL *curl)
{
    curl_easy_reset(curl); /* keeps live connections */
    pthread_mutex_lock(&s3->lock);
    bool kept = s3->idle_count < IDLE_MAX;
    if (kept)
        s3->idle[s3->idle_count++] = curl;
    pthread_mutex_unlock(&s3->lock);
    if (!kept)
        curl_easy_cleanup(curl);
}

static void slist_free(struct curl_slist **list)
{
    curl_slist_free_all(*list);
}

static void add_header(struct curl_slist **list, const char *name, const char *value)
{
    CLEANUP(buf_free) struct buf line = BUF_MAX(8192);
    buf_addf(&line, "%s: %s", name, value);
    struct curl_slist *longer = curl_slist_append(*list, line.data);
    if (longer)
        *list = longer;
}

static void sign(const struct s3_store *s3, const struct call *call, const char *path,
                 struct curl_slist **headers)
{
    char date[SIGV4_DATE_MAX];
    sigv4_date(clock_wall_us(), date);
    struct sigv4_header signed_headers[5];
    size_t n = 0;
    signed_headers[n++] = (struct sigv4_header){"host", s3->host};
    signed_headers[n++] = (struct sigv4_header){"x-amz-content-sha256", call->payload_hash};
    signed_headers[n++] = (struct sigv4_header){"x-amz-date", date};
    if (s3->credentials.session_token)
        signed_headers[n++] =
            (struct sigv4_header){"x-amz-security-token", s3->credentials.session_token};
    if (call->body_fd >= 0)
        signed_headers[n++] = (struct sigv4_header){"x-amz-server-side-encryption", "AES256"};

    struct sigv4_request request = {
        .method = call->method,
        .path = path,
        .query = "",
        .payload_hash = call->payload_hash,
        .date = date,
        .headers = signed_headers,
        .header_count = n,
    };
    CLEANUP(buf_free) struct buf authorization = BUF_SECRET(2048);
    sigv4_sign(&s3->credentials, &request, &authorization);
    for (size_t i = 0; i < n; i++)
        add_header(headers, signed_headers[i].name, signed_headers[i].value);
    add_header(headers, "Authorization", authorization.data);
    add_header(headers, "Expect", "");
}

static void set_common(CURL *curl, struct call *call, const char *url, struct curl_slist *headers)
{
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L); /* a signature is for one host */
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, 3000L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 256L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, 8L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)ANSWER_S_MAX);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, answer_write);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, call);
}

static void set_method(CURL *curl, struct call *call)
{
    if (call->body_fd < 0) {
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call->method);
        return;
    }
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)call->body_len);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, body_read);
    curl_easy_setopt(curl, CURLOPT_READDATA, call);
    curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, body_seek);
    curl_easy_setopt(curl, CURLOPT_SEEKDATA, call);
}

/* Sends once; signed anew each time, because a signature is good for 15 minutes only. */
static CURLcode attempt(struct s3_store *s3, struct call *call, long *ret_retry_after_s)
{
    CURL *curl = handle_take(s3);
    if (!curl)
        return CURLE_OUT_OF_MEMORY;
    CLEANUP(buf_free) struct buf path = BUF_MAX(2048);
    CLEANUP(buf_free) struct buf url = BUF_MAX(4096);
    CLEANUP(slist_free) struct curl_slist *headers = NULL;
    buf_addf(&path, "%s/%s", s3->prefix, call->key);
    buf_addf(&url, "%s%s", s3->origin, path.data);
    sign(s3, call, path.data, &headers);

    call->curl = curl;
    call->status = 0;
    call->body_sent = 0;
    if (call->out) {
        call->out->len = call->out_start;
        call->out->overflowed = false;
    }
    set_common(curl, call, url.data, headers);
    set_method(curl, call);
    CURLcode code = curl_easy_perform(curl);
    curl_off_t wait_s = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &call->status);
    curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &wait_s);
    *ret_retry_after_s = (long)wait_s;
    handle_give(s3, curl);
    return code;
}

/* ---- retries ---------------------------------------------------------------------------------*/

static bool worth_retrying(CURLcode code, long status)
{
    return code != CURLE_OK || status == 408 || status == 429 || status >= 500;
}

static void wait_before(unsigned attempt_no, long retry_after_s)
{
    uint16_t jitter;
    random_bytes(&jitter, sizeof(jitter));
    long ms = (BACKOFF_MS << attempt_no) + jitter % BACKOFF_MS;
    if (retry_after_s > 0)
        ms = (retry_after_s < 5 ? retry_after_s : 5) * 1000;
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static struct problem *unavailable(struct arena *arena, const struct call *call, CURLcode code)
{
    struct problem *p =
        problem_new(arena, PROBLEM_UNAVAILABLE, "the object store is not available");
    p->retry_after_s = 5;
    return problem_cause(p, "S3 %s: status %ld, %s", call->method, call->status,
                         code == CURLE_OK ? "refused" : curl_easy_strerror(code));
}

static struct problem *perform(struct store *store, struct arena *arena, struct call *call)
{
    int64_t deadline = clock_mono_us() + DEADLINE_US;
    call->out_start = call->out ? call->out->len : 0;
    CURLcode code = CURLE_OK;
    for (unsigned i = 0; i < ATTEMPTS; i++) {
        long retry_after_s = 0;
        code = attempt(of(store), call, &retry_after_s);
        if (call->too_large || !worth_retrying(code, call->status))
            break;
        if (i + 1 == ATTEMPTS || clock_mono_us() > deadline)
            break;
        wait_before(i, retry_after_s);
    }
    if (call->too_large)
        return problem_new(arena, PROBLEM_TOO_LARGE, "the stored object is too large");
    if (code == CURLE_OK && call->status == 404)
        return problem_new(arena, PROBLEM_NOT_FOUND, "the object is not stored");
    if (code != CURLE_OK || call->status < 200 || call->status > 299)
        return unavailable(arena, call, code);
    return NULL;
}

/* ---- the operations --------------------------------------------------------------------------*/

static struct problem *s3_begin(struct store_put *put)
{
    const char *dir = getenv("TMPDIR");
    if (!dir || !dir[0])
        dir = "/tmp";
    put->fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (put->fd < 0) { /* a file system without O_TMPFILE */
        char *name = arena_fmt(put->arena, "%s/store-XXXXXX", dir);
        put->fd = mkostemp(name, O_CLOEXEC);
        if (put->fd >= 0)
            unlink(name);
    }
    if (put->fd < 0)
        return store_failed(put->arena, "open a spool file");
    put->sha256 = EVP_MD_CTX_new();
    if (!put->sha256 || !EVP_DigestInit_ex(put->sha256, EVP_sha256(), NULL))
        return store_failed(put->arena, "SHA-256");
    return NULL;
}

static struct problem *s3_commit(struct store_put *put)
{
    uint8_t digest[SHA256_LEN];
    CLEANUP(buf_free) struct buf hash = BUF_MAX(SHA256_HEX_LEN + 1);
    if (!EVP_DigestFinal_ex(put->sha256, digest, NULL))
        return store_failed(put->arena, "SHA-256");
    hex_add(&hash, digest, sizeof(digest));
    struct call call = {
        .method = "PUT",
        .key = put->key,
        .payload_hash = hash.data,
        .body_fd = put->fd,
        .body_len = put->len,
    };
    return perform(put->store, put->arena, &call);
}

static void s3_abort(struct store_put *put)
{
    (void)put; /* the spool file has no name: closing it is all */
}

static struct problem *s3_get(struct store *store, struct arena *arena, const char *key, size_t max,
                              struct buf *out)
{
    struct call call = {
        .method = "GET",
        .key = key,
        .payload_hash = EMPTY_SHA256,
        .body_fd = -1,
        .out = out,
        .max = max,
    };
    return perform(store, arena, &call);
}

static struct problem *s3_remove(struct store *store, struct arena *arena, const char *key)
{
    struct call call = {
        .method = "DELETE",
        .key = key,
        .payload_hash = EMPTY_SHA256,
        .body_fd = -1,
    };
    struct problem *p = perform(store, arena, &call);
    return p && p->kind == PROBLEM_NOT_FOUND ? NULL : p;
}

static void s3_free(struct store *store)
{
    struct s3_store *s3 = of(store);
    while (s3->idle_count > 0)
        curl_easy_cleanup(s3->idle[--s3->idle_count]);
    pthread_mutex_destroy(&s3->lock);
}

static const struct store_ops s3_ops = {
    .put_begin = s3_begin,
    .put_commit = s3_commit,
    .put_abort = s3_abort,
    .get = s3_get,
    .remove = s3_remove,
    .free = s3_free,
};

/* ---- opening ---------------------------------------------------------------------------------*/

static const char *from_environment(struct store *store, const char *name)
{
    const char *value = getenv(name);
    return value && value[0] ? arena_cstr(store->arena, str_of(value)) : NULL;
}

static void curlu_free(CURLU **url)
{
    curl_url_cleanup(*url);
}

/* One part of a URL copied into the store's arena; NULL when there is none. */
static const char *url_part(struct store *store, CURLU *url, CURLUPart part)
{
    char *text = NULL;
    if (curl_url_get(url, part, &text, CURLU_NO_DEFAULT_PORT) != CURLUE_OK || !text)
        return NULL;
    const char *copy = arena_cstr(store->arena, str_of(text));
    curl_free(text);
    return copy;
}

static struct problem *endpoint_read(struct arena *arena, const char *endpoint, struct store *store)
{
    struct s3_store *s3 = of(store);
    CLEANUP(curlu_free) CURLU *url = curl_url();
    if (!url || curl_url_set(url, CURLUPART_URL, endpoint, 0) != CURLUE_OK)
        return problem_new(arena, PROBLEM_BAD_REQUEST, "the S3 endpoint is not a URL");
    const char *scheme = url_part(store, url, CURLUPART_SCHEME);
    const char *host = url_part(store, url, CURLUPART_HOST);
    const char *port = url_part(store, url, CURLUPART_PORT);
    const char *path = url_part(store, url, CURLUPART_PATH);
    bool web =
        scheme && (str_eq(str_of(scheme), STR("http")) || str_eq(str_of(scheme), STR("https")));
    if (!web || !host || url_part(store, url, CURLUPART_USER) ||
        url_part(store, url, CURLUPART_QUERY))
        return problem_new(arena, PROBLEM_BAD_REQUEST,
                           "the S3 endpoint must be http(s)://host[:port][/path]");
    struct str prefix = str_of(path);
    while (prefix.n > 0 && prefix.p[prefix.n - 1] == '/')
        prefix.n--;
    if (prefix.n > 0 && !store_key_valid((struct str){prefix.p + 1, prefix.n - 1}))
        return problem_new(arena, PROBLEM_BAD_REQUEST, "the S3 endpoint's path is not plain");
    s3->host = arena_fmt(store->arena, "%s%s%s", host, port ? ":" : "", port ? port : "");
    s3->origin = arena_fmt(store->arena, "%s://%s", scheme, s3->host);
    s3->prefix = arena_cstr(store->arena, prefix);
    return NULL;
}

static bool bucket_valid(struct str bucket)
{
    if (bucket.n < 3 || bucket.n > 63)
        return false;
    for (size_t i = 0; i < bucket.n; i++) {
        char c = bucket.p[i];
        bool inner = i > 0 && i + 1 < bucket.n && (c == '-' || c == '.');
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && !inner)
            return false;
    }
    return true;
}

/* "endpoint=...&region=..." with percent-encoding. */
static struct problem *options_read(struct arena *arena, struct str query, struct store *store,
                                    const char **ret_endpoint)
{
    while (query.n > 0) {
        struct str value = str_cut(&query, '&');
        struct str name = str_cut(&value, '=');
        int n = 0;
        char *decoded = curl_easy_unescape(NULL, value.n ? value.p : "", (int)value.n, &n);
        if (!decoded || strlen(decoded) != (size_t)n || n == 0) {
            curl_free(decoded);
            return problem_new(arena, PROBLEM_BAD_REQUEST, "the store URL has an empty option");
        }
        const char *copy = arena_cstr(store->arena, str_of(decoded));
        curl_free(decoded);
        if (str_eq(name, STR("endpoint")))
            *ret_endpoint = copy;
        else if (str_eq(name, STR("region")))
            of(store)->credentials.region = copy;
        else
            return problem_new(arena, PROBLEM_BAD_REQUEST,
                               "the store URL knows endpoint= and region= only");
    }
    return NULL;
}

static struct problem *credentials_read(struct arena *arena, struct store *store)
{
    struct sigv4_credentials *c = &of(store)->credentials;
    c->access_key = from_environment(store, "AWS_ACCESS_KEY_ID");
    c->secret_key = from_environment(store, "AWS_SECRET_ACCESS_KEY");
    c->session_token = from_environment(store, "AWS_SESSION_TOKEN");
    if (!c->access_key || !c->secret_key)
        return problem_new(arena, PROBLEM_BAD_REQUEST,
                           "an s3:// store needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
    return NULL;
}

struct problem *s3_store_open(struct arena *arena, struct str bucket_and_query, struct store *store)
{
    struct str query = bucket_and_query;
    struct str bucket = str_cut(&query, '?');
    if (!bucket_valid(bucket))
        return problem_new(arena, PROBLEM_BAD_REQUEST,
                           "an S3 store URL is s3://bucket?endpoint=URL&region=NAME");
    curl_global_init(CURL_GLOBAL_DEFAULT);
    struct s3_store *s3 = arena_make(store->arena, struct s3_store);
    s3->credentials.region = "us-east-1";
    pthread_mutex_init(&s3->lock, NULL);
    store->kind = s3;
    store->ops = &s3_ops;
    const char *endpoint = NULL;
    TRY(options_read(arena, query, store, &endpoint));
    TRY(credentials_read(arena, store));
    bool own_host =
        !endpoint && !memchr(bucket.p, '.', bucket.n); /* TLS wildcards match one label */
    if (!endpoint)
        endpoint = arena_fmt(store->arena, "https://" STR_FMT "%ss3.%s.amazonaws.com",
                             STR_ARG(own_host ? bucket : STR_NONE), own_host ? "." : "",
                             s3->credentials.region);
    TRY(endpoint_read(arena, endpoint, store));
    if (!own_host)
        s3->prefix = arena_fmt(store->arena, "%s/" STR_FMT, s3->prefix, STR_ARG(bucket));
    return NULL;
}
