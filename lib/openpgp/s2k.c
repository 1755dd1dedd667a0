/* String-to-key: see s2k.h. */
#include "openpgp/s2k.h"

#include <openssl/evp.h>

#include "base/cleanup.h"

static const EVP_MD *digest_of(unsigned id)
{
    switch (id) {
    case S2K_MD5:
        return EVP_md5();
    case S2K_SHA1:
        return EVP_sha1();
    case S2K_SHA256:
        return EVP_sha256();
    case S2K_SHA384:
        return EVP_sha384();
    case S2K_SHA512:
        return EVP_sha512();
    default:
        return NULL;
    }
}

bool s2k_read(struct str *rest, struct s2k *ret)
{
    const uint8_t *b = (const uint8_t *)rest->p;
    if (rest->n < 2 || !digest_of(b[1]))
        return false;
    struct s2k s2k = {.mode = b[0], .digest_id = b[1]};
    size_t need;
    switch (s2k.mode) {
    case S2K_SIMPLE:
        need = 2;
        break;
    case S2K_SALTED:
        need = 2 + S2K_SALT_LEN;
        break;
    case S2K_ITERATED:
        need = 2 + S2K_SALT_LEN + 1;
        break;
    default:
        return false;
    }
    if (rest->n < need)
        return false;
    if (s2k.mode != S2K_SIMPLE)
        memcpy(s2k.salt, b + 2, S2K_SALT_LEN);
    if (s2k.mode == S2K_ITERATED) {
        unsigned coded = b[2 + S2K_SALT_LEN];
        s2k.count = (16 + (coded & 15)) << ((coded >> 4) + 6); /* section 3.7.1.3 */
        if (s2k.count > S2K_COUNT_MAX)
            return false;
    }
    rest->p += need;
    rest->n -= need;
    *ret = s2k;
    return true;
}

static void md_ctx_free(EVP_MD_CTX **ctx)
{
    EVP_MD_CTX_free(*ctx);
}

/* Hashes salt || passphrase, repeated up to the count (at least once whole). */
static bool hash_secret(EVP_MD_CTX *ctx, const struct s2k *s2k, struct str passphrase)
{
    size_t salt_len = s2k->mode == S2K_SIMPLE ? 0 : S2K_SALT_LEN;
    size_t once = salt_len + passphrase.n;
    size_t left = s2k->count > once ? s2k->count : once;
    while (left > 0) {
        size_t salt = left < salt_len ? left : salt_len;
        size_t rest = left - salt < passphrase.n ? left - salt : passphrase.n;
        if (!EVP_DigestUpdate(ctx, s2k->salt, salt) || !EVP_DigestUpdate(ctx, passphrase.p, rest))
            return false;
        left -= salt + rest;
    }
    return true;
}

/* Contexts of one, two, three... leading zero octets give as much key as is needed (3.7.1.1). */
bool s2k_key(const struct s2k *s2k, struct str passphrase, uint8_t ret[KEY_LEN])
{
    static const uint8_t zeros[KEY_LEN];
    const EVP_MD *md = digest_of(s2k->digest_id);
    CLEANUP(md_ctx_free) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t digest[EVP_MAX_MD_SIZE];
    size_t have = 0;
    for (size_t preload = 0; have < KEY_LEN; preload++) {
        unsigned n = 0;
        if (!ctx || !EVP_DigestInit_ex(ctx, md, NULL) || !EVP_DigestUpdate(ctx, zeros, preload) ||
            !hash_secret(ctx, s2k, passphrase) || !EVP_DigestFinal_ex(ctx, digest, &n))
            return false;
        size_t use = n < KEY_LEN - have ? n : KEY_LEN - have;
        memcpy(ret + have, digest, use);
        have += use;
    }
    wipe(digest, sizeof digest);
    return true;
}
