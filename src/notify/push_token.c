/* Google's OAuth2 for service accounts (RFC 7523): an RS256 assertion for an access token.
 *
 * One token serves the process; whoever needs it while it is being fetched waits for it. */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <stdio.h>

#include "app/app.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crypt.h"
#include "fetch/fetch.h"
#include "json/json_in.h"
#include "json/json_out.h"
#include "notify/notify_internal.h"

enum {
    TOKEN_MAX = 8192,
    PROJECT_MAX = 128,
    FILE_BYTES_MAX = 65536,
    TIMEOUT_MS = 4000,
    EARLY_S = 60
};

#define SCOPE "https://www.googleapis.com/auth/firebase.messaging"

static struct {
    pthread_mutex_t lock;
    char token[TOKEN_MAX];
    char project[PROJECT_MAX];
    int64_t until_us; /* monotonic; 0: none */
} kept = {.lock = PTHREAD_MUTEX_INITIALIZER};

struct account {
    struct str client_email, private_key, private_key_id, project_id, token_uri;
};

static void file_close(FILE **file)
{
    if (*file)
        fclose(*file);
}

static bool member(struct arena *arena, const json_t *root, const char *key, struct str *ret)
{
    const char *value = json_string_value(json_object_get(root, key));
    *ret = value ? arena_str(arena, str_of(value)) : STR_NONE;
    return value != NULL;
}

static bool account_read(struct arena *arena, const char *path, struct account *ret)
{
    CLEANUP(file_close) FILE *file = fopen(path, "re");
    CLEANUP(buf_free) struct buf bytes = BUF_SECRET(FILE_BYTES_MAX);
    CLEANUP(json_done) json_t *root = NULL;
    char *room = file ? buf_room(&bytes, FILE_BYTES_MAX) : NULL;
    if (!room)
        return false;
    bytes.len += fread(room, 1, FILE_BYTES_MAX, file);
    if (json_read(arena, buf_str(&bytes), &root))
        return false;
    member(arena, root, "private_key_id", &ret->private_key_id);
    return member(arena, root, "client_email", &ret->client_email) &&
           member(arena, root, "private_key", &ret->private_key) &&
           member(arena, root, "project_id", &ret->project_id) &&
           member(arena, root, "token_uri", &ret->token_uri);
}

static void pkey_free(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

static void md_free(EVP_MD_CTX **md)
{
    EVP_MD_CTX_free(*md);
}

static void bio_free(BIO **bio)
{
    BIO_free(*bio);
}

static bool sign_rs256(struct str private_key, struct str text, struct buf *out)
{
    CLEANUP(bio_free) BIO *bio = BIO_new_mem_buf(private_key.p, (int)private_key.n);
    CLEANUP(pkey_free) EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
    CLEANUP(md_free) EVP_MD_CTX *md = EVP_MD_CTX_new();
    unsigned char signature[1024];
    size_t n = sizeof(signature);
    if (!key || !md || EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA ||
        EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, key) != 1 ||
        EVP_DigestSign(md, signature, &n, (const unsigned char *)text.p, text.n) != 1)
        return false;
    base64url_add(out, (struct str){(const char *)signature, n});
    return true;
}

static void part_add(struct buf *assertion, const struct buf *json)
{
    base64url_add(assertion, buf_str(json));
}

static bool assertion_make(const struct account *account, struct buf *out)
{
    CLEANUP(buf_free) struct buf head = BUF_MAX(4096);
    CLEANUP(buf_free) struct buf claims = BUF_MAX(8192);
    CLEANUP(buf_free) struct buf signature = BUF_MAX(4096);
    int64_t now_s = clock_wall_us() / 1000000;
    struct jw h = jw_to(&head), c = jw_to(&claims);
    jw_obj(&h);
    jw_key(&h, "alg");
    jw_z(&h, "RS256");
    jw_key(&h, "typ");
    jw_z(&h, "JWT");
    jw_key(&h, "kid");
    jw_str(&h, account->private_key_id);
    jw_end(&h);
    jw_obj(&c);
    jw_key(&c, "iss");
    jw_str(&c, account->client_email);
    jw_key(&c, "scope");
    jw_z(&c, SCOPE);
    jw_key(&c, "aud");
    jw_str(&c, account->token_uri);
    jw_key(&c, "iat");
    jw_int(&c, now_s);
    jw_key(&c, "exp");
    jw_int(&c, now_s + 3600);
    jw_end(&c);
    part_add(out, &head);
    buf_add_c(out, '.');
    part_add(out, &claims);
    if (!sign_rs256(account->private_key, buf_str(out), &signature))
        return false;
    buf_add_c(out, '.');
    buf_add_str(out, buf_str(&signature));
    return !out->overflowed;
}

static const char *answer_keep(struct arena *arena, const struct fetch_answer *answer,
                               const struct account *account)
{
    CLEANUP(json_done) json_t *root = NULL;
    if (answer->status != 200)
        return arena_fmt(arena, "%s-token-%d", answer->status < 500 ? "refused" : "temporary",
                         answer->status);
    if (json_read(arena, answer->body, &root))
        return "temporary-token-answer";
    const char *token = json_string_value(json_object_get(root, "access_token"));
    json_int_t lasts_s = json_integer_value(json_object_get(root, "expires_in"));
    if (!token || strlen(token) >= TOKEN_MAX || account->project_id.n >= PROJECT_MAX)
        return "temporary-token-answer";
    memcpy(kept.token, token, strlen(token) + 1);
    memcpy(kept.project, account->project_id.p, account->project_id.n);
    kept.project[account->project_id.n] = 0;
    kept.until_us = clock_mono_us() + (lasts_s > EARLY_S ? lasts_s - EARLY_S : 0) * 1000000;
    return NULL;
}

static const char *refresh(struct app *app, struct arena *arena)
{
    const char *path = conf_text(app->conf, "NEXACORE_FCM_CREDENTIALS_FILE");
    struct account account;
    CLEANUP(buf_free) struct buf assertion = BUF_SECRET(16384);
    CLEANUP(buf_free) struct buf form = BUF_SECRET(32768);
    struct fetch_answer answer;
    if (!path)
        return "not-configured";
    if (!account_read(arena, path, &account) || !assertion_make(&account, &assertion))
        return "credentials-unusable";
    fetch_form_add(&form, "grant_type", STR("urn:ietf:params:oauth:grant-type:jwt-bearer"));
    fetch_form_add(&form, "assertion", buf_str(&assertion));
    struct fetch_request rq = {
        .method = "POST",
        .url = account.token_uri.p,
        .headers = {"Content-Type: application/x-www-form-urlencoded"},
        .body = buf_str(&form),
        .timeout_ms = TIMEOUT_MS,
        .answer_max = 65536,
    };
    if (fetch(arena, &rq, &answer, NULL) != FETCH_ANSWERED)
        return "temporary-token-unreachable";
    return answer_keep(arena, &answer, &account);
}

const char *push_token_get(struct app *app, struct arena *arena, struct str *ret_token,
                           const char **ret_project)
{
    pthread_mutex_lock(&kept.lock);
    const char *error = kept.until_us > clock_mono_us() ? NULL : refresh(app, arena);
    if (!error) {
        *ret_token = arena_str(arena, str_of(kept.token));
        *ret_project = arena_cstr(arena, str_of(kept.project));
    }
    pthread_mutex_unlock(&kept.lock);
    return error;
}

void push_token_drop(void)
{
    pthread_mutex_lock(&kept.lock);
    wipe(kept.token, sizeof(kept.token));
    kept.until_us = 0;
    pthread_mutex_unlock(&kept.lock);
}

const char *notify_push_check(struct app *app, struct arena *arena)
{
    struct str token;
    const char *project;
    return push_token_get(app, arena, &token, &project);
}
