/* AWS Signature Version 4: see sigv4.h. */
#include "store/sigv4.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/crypt.h"

void sigv4_date(int64_t wall_us, char ret[SIGV4_DATE_MAX])
{
    time_t s = (time_t)(wall_us / 1000000);
    struct tm tm;
    gmtime_r(&s, &tm);
    strftime(ret, SIGV4_DATE_MAX, "%Y%m%dT%H%M%SZ", &tm);
}

/* HMAC with a key of any length: the first one is "AWS4" and the secret. */
static struct key hmac_any(struct str key, struct str data)
{
    struct key out;
    unsigned n = sizeof(out.b);
    if (!HMAC(EVP_sha256(), key.p, (int)key.n, (const uint8_t *)data.p, data.n, out.b, &n))
        OPENSSL_die("sigv4: HMAC failed", __FILE__, __LINE__);
    return out;
}

static struct key hmac_key(struct key key, const char *data)
{
    struct key out;
    hmac_sha256(&key, str_of(data), out.b);
    return out;
}

static struct key signing_key(const struct sigv4_credentials *credentials, struct str day)
{
    CLEANUP(buf_free) struct buf first = BUF_SECRET(512);
    buf_add_z(&first, "AWS4");
    buf_add_z(&first, credentials->secret_key);
    struct key key = hmac_any(buf_str(&first), day);
    key = hmac_key(key, credentials->region);
    key = hmac_key(key, "s3");
    return hmac_key(key, "aws4_request");
}

static void add_signed_names(const struct sigv4_request *request, struct buf *out)
{
    for (size_t i = 0; i < request->header_count; i++)
        buf_addf(out, "%s%s", i ? ";" : "", request->headers[i].name);
}

static void add_canonical(const struct sigv4_request *request, struct buf *out)
{
    buf_addf(out, "%s\n%s\n%s\n", request->method, request->path, request->query);
    for (size_t i = 0; i < request->header_count; i++)
        buf_addf(out, "%s:%s\n", request->headers[i].name, request->headers[i].value);
    buf_add_c(out, '\n');
    add_signed_names(request, out);
    buf_addf(out, "\n%s", request->payload_hash);
}

void sigv4_sign(const struct sigv4_credentials *credentials, const struct sigv4_request *request,
                struct buf *out)
{
    CLEANUP(buf_free) struct buf canonical = BUF_MAX(8192);
    CLEANUP(buf_free) struct buf to_sign = BUF_MAX(1024);
    CLEANUP(buf_free) struct buf scope = BUF_MAX(256);
    uint8_t digest[SHA256_LEN], signature[SHA256_LEN];
    struct str day = {request->date, 8};

    add_canonical(request, &canonical);
    sha256(buf_str(&canonical), digest);
    buf_addf(&scope, STR_FMT "/%s/s3/aws4_request", STR_ARG(day), credentials->region);
    buf_addf(&to_sign, "AWS4-HMAC-SHA256\n%s\n%s\n", request->date, scope.data);
    hex_add(&to_sign, digest, sizeof(digest));

    CLEANUP(key_wipe) struct key key = signing_key(credentials, day);
    hmac_sha256(&key, buf_str(&to_sign), signature);
    buf_addf(out, "AWS4-HMAC-SHA256 Credential=%s/%s,SignedHeaders=", credentials->access_key,
             scope.data);
    add_signed_names(request, out);
    buf_add_z(out, ",Signature=");
    hex_add(out, signature, sizeof(signature));
}
