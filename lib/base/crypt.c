/* OpenSSL EVP, checked. A primitive that fails without hostile input means a broken machine, so it
 * ends the process instead of letting weak bytes through. */
#include "base/crypt.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "nexacore: %s failed\n", what);
    abort();
}

bool ct_equal(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || CRYPTO_memcmp(a.p, b.p, a.n) == 0);
}

void wipe(void *p, size_t n)
{
    if (n > 0)
        OPENSSL_cleanse(p, n);
}

void key_wipe(struct key *key)
{
    wipe(key->b, sizeof(key->b));
}

void random_bytes(void *ret, size_t n)
{
    must(n <= INT32_MAX && RAND_bytes(ret, (int)n) == 1, "the random generator");
}

void sha256(struct str data, uint8_t ret[SHA256_LEN])
{
    must(EVP_Digest(data.p ? data.p : "", data.n, ret, NULL, EVP_sha256(), NULL) == 1, "SHA-256");
}

void hmac_sha256(const struct key *key, struct str data, uint8_t ret[SHA256_LEN])
{
    unsigned len = SHA256_LEN;
    must(HMAC(EVP_sha256(), key->b, KEY_LEN, (const uint8_t *)(data.p ? data.p : ""), data.n, ret,
              &len) != NULL,
         "HMAC-SHA-256");
}

void sha256_begin(struct sha256_stream *s)
{
    s->state = EVP_MD_CTX_new();
    must(s->state && EVP_DigestInit_ex(s->state, EVP_sha256(), NULL) == 1, "SHA-256");
}

void sha256_add(struct sha256_stream *s, struct str piece)
{
    must(EVP_DigestUpdate(s->state, piece.p ? piece.p : "", piece.n) == 1, "SHA-256");
}

void sha256_end(struct sha256_stream *s, uint8_t ret[SHA256_LEN])
{
    must(EVP_DigestFinal_ex(s->state, ret, NULL) == 1, "SHA-256");
    sha256_drop(s);
}

void sha256_drop(struct sha256_stream *s)
{
    EVP_MD_CTX_free(s->state);
    s->state = NULL;
}

struct key key_derive(const struct key *key, const char *info)
{
    struct key out = {{0}};
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string("digest", (char[]){"SHA256"}, 0),
        OSSL_PARAM_construct_octet_string("key", (void *)(uintptr_t)key->b, KEY_LEN),
        OSSL_PARAM_construct_octet_string("info", (void *)(uintptr_t)info, strlen(info)),
        OSSL_PARAM_construct_end(),
    };
    must(ctx && EVP_KDF_derive(ctx, out.b, sizeof(out.b), params) == 1, "HKDF");
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return out;
}

static void cipher_free(EVP_CIPHER_CTX **ctx)
{
    EVP_CIPHER_CTX_free(*ctx);
}

void gcm_seal(const struct key *key, const uint8_t iv[GCM_IV_LEN], struct str aad, struct str plain,
              uint8_t *ret, uint8_t ret_tag[GCM_TAG_LEN])
{
    CLEANUP(cipher_free) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0;
    must(aad.n <= INT32_MAX && plain.n <= INT32_MAX, "AES-GCM");
    bool ok = ctx && EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key->b, iv) == 1;
    if (ok && aad.n > 0)
        ok = EVP_EncryptUpdate(ctx, NULL, &n, (const uint8_t *)aad.p, (int)aad.n) == 1;
    if (ok && plain.n > 0)
        ok = EVP_EncryptUpdate(ctx, ret, &n, (const uint8_t *)plain.p, (int)plain.n) == 1;
    uint8_t none[16];
    ok = ok && EVP_EncryptFinal_ex(ctx, none, &n) == 1 &&
         EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, GCM_TAG_LEN, ret_tag) == 1;
    must(ok, "AES-GCM");
}

bool gcm_open(const struct key *key, const uint8_t iv[GCM_IV_LEN], struct str aad,
              struct str sealed, const uint8_t tag[GCM_TAG_LEN], uint8_t *ret)
{
    if (aad.n > INT32_MAX || sealed.n > INT32_MAX)
        return false;
    CLEANUP(cipher_free) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0;
    bool ok = ctx && EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key->b, iv) == 1;
    if (ok && aad.n > 0)
        ok = EVP_DecryptUpdate(ctx, NULL, &n, (const uint8_t *)aad.p, (int)aad.n) == 1;
    if (ok && sealed.n > 0)
        ok = EVP_DecryptUpdate(ctx, ret, &n, (const uint8_t *)sealed.p, (int)sealed.n) == 1;
    uint8_t none[16];
    ok = ok &&
         EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, GCM_TAG_LEN, (void *)(uintptr_t)tag) == 1 &&
         EVP_DecryptFinal_ex(ctx, none, &n) == 1;
    if (!ok)
        wipe(ret, sealed.n);
    return ok;
}

void box_seal(const struct key *key, struct str aad, struct str plain, struct buf *out)
{
    uint8_t iv[GCM_IV_LEN], tag[GCM_TAG_LEN];
    random_bytes(iv, sizeof(iv));
    buf_add(out, iv, sizeof(iv));
    char *room = buf_room(out, plain.n);
    if (!room)
        return;
    gcm_seal(key, iv, aad, plain, (uint8_t *)room, tag);
    out->len += plain.n;
    buf_add(out, tag, sizeof(tag));
}

bool box_open(const struct key *key, struct str aad, struct str box, struct buf *out)
{
    if (box.n < GCM_IV_LEN + GCM_TAG_LEN)
        return false;
    const uint8_t *p = (const uint8_t *)box.p;
    size_t n = box.n - GCM_IV_LEN - GCM_TAG_LEN;
    char *room = buf_room(out, n);
    if (!room || !gcm_open(key, p, aad, (struct str){box.p + GCM_IV_LEN, n}, p + GCM_IV_LEN + n,
                           (uint8_t *)room))
        return false;
    out->len += n;
    return true;
}

void hex_add(struct buf *out, const void *bytes, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *p = bytes;
    for (size_t i = 0; i < n; i++) {
        buf_add_c(out, digits[p[i] >> 4]);
        buf_add_c(out, digits[p[i] & 15]);
    }
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool hex_read(struct str hex, void *ret, size_t n)
{
    if (hex.n != n * 2)
        return false;
    for (size_t i = 0; i < hex.n; i++)
        if (hex_digit(hex.p[i]) < 0)
            return false;
    uint8_t *out = ret;
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)(hex_digit(hex.p[2 * i]) << 4 | hex_digit(hex.p[2 * i + 1]));
    return true;
}

void base64_add(struct buf *out, struct str bytes)
{
    if (bytes.n > (1U << 30)) {
        out->overflowed = true;
        return;
    }
    size_t n = (bytes.n + 2) / 3 * 4;
    char *room = buf_room(out, n + 1); /* EVP writes a NUL after */
    if (!room || n == 0)
        return;
    EVP_EncodeBlock((uint8_t *)room, (const uint8_t *)bytes.p, (int)bytes.n);
    out->len += n;
}

void base64url_add(struct buf *out, struct str bytes)
{
    size_t from = out->len;
    base64_add(out, bytes);
    if (out->overflowed)
        return;
    for (size_t i = from; i < out->len; i++) {
        if (out->data[i] == '+')
            out->data[i] = '-';
        else if (out->data[i] == '/')
            out->data[i] = '_';
    }
    while (out->len > from && out->data[out->len - 1] == '=')
        out->data[--out->len] = '\0';
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

bool base64_add_decoded(struct buf *out, struct str text)
{
    while (text.n > 0 && text.p[text.n - 1] == '=')
        text.n--;
    if (text.n % 4 == 1)
        return false;
    uint32_t bits = 0;
    unsigned count = 0;
    for (size_t i = 0; i < text.n; i++) {
        int v = base64_digit(text.p[i]);
        if (v < 0)
            return false;
        bits = bits << 6 | (uint32_t)v;
        count += 6;
        if (count >= 8) {
            count -= 8;
            buf_add_c(out, (char)(bits >> count));
            bits &= (1U << count) - 1;
        }
    }
    return bits == 0 && !out->overflowed;
}
