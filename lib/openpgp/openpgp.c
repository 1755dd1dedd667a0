/* Sealing and opening OpenPGP symmetric messages over OpenSSL EVP: see openpgp.h.
 *
 * The rule not to break: plain text leaves openpgp_open only after the MDC was found right. */
#include "openpgp/openpgp.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>

#include "base/cleanup.h"
#include "base/crypt.h"
#include "openpgp/packet.h"
#include "openpgp/s2k.h"

#define CIPHER_AES256 9
#define BLOCK         16
#define PREFIX        (BLOCK + 2) /* random block and its last two octets again (5.13) */
#define MDC_LEN       22          /* 0xd3 0x14 and a SHA-1 */
#define SHA1_LEN      20
#define PLAIN_LIMIT   (OPENPGP_PLAIN_MAX + OPENPGP_OVERHEAD + 4096)

/* One thread's tools for one session key. They keep the key schedule between messages: setting
 * only the IV anew costs a tenth of setting the key. */
struct engine {
    struct engine *next;
    EVP_CIPHER_CTX *seal;
    EVP_CIPHER_CTX *open;
    EVP_MD_CTX *sha1;
};

/* The simple S2K has no salt, so each digest gives one session key for ever. */
struct simple {
    bool ready;
    uint8_t digest_id;
    uint8_t session[KEY_LEN];
    struct engine *idle; /* under lock */
};

struct openpgp_key {
    pthread_mutex_t lock;
    EVP_MD *sha1;
    EVP_CIPHER *cfb;
    struct simple by_sha256; /* what we write */
    struct simple by_sha1;   /* what pgcrypto writes with s2k-mode=0 */
    size_t passphrase_len;
    uint8_t passphrase[];
};

static void must(bool ok)
{
    if (!ok)
        OPENSSL_die("openpgp: a primitive failed", __FILE__, __LINE__);
}

static struct str passphrase(const struct openpgp_key *key)
{
    return (struct str){(const char *)key->passphrase, key->passphrase_len};
}

struct openpgp_key *openpgp_key_new(struct str passphrase_)
{
    struct openpgp_key *key = OPENSSL_zalloc(sizeof *key + passphrase_.n);
    must(key != NULL);
    must(pthread_mutex_init(&key->lock, NULL) == 0);
    key->sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
    key->cfb = EVP_CIPHER_fetch(NULL, "AES-256-CFB", NULL);
    must(key->sha1 && key->cfb);
    key->passphrase_len = passphrase_.n;
    if (passphrase_.n)
        memcpy(key->passphrase, passphrase_.p, passphrase_.n);

    key->by_sha256.digest_id = S2K_SHA256;
    key->by_sha1.digest_id = S2K_SHA1;
    struct s2k simple = {.mode = S2K_SIMPLE, .digest_id = S2K_SHA256};
    must(s2k_key(&simple, passphrase(key), key->by_sha256.session));
    key->by_sha256.ready = true;
    return key;
}

static void engine_free(struct engine *e)
{
    EVP_CIPHER_CTX_free(e->seal);
    EVP_CIPHER_CTX_free(e->open);
    EVP_MD_CTX_free(e->sha1);
    OPENSSL_free(e);
}

static void engines_free(struct engine *e)
{
    while (e) {
        struct engine *next = e->next;
        engine_free(e);
        e = next;
    }
}

void openpgp_key_free(struct openpgp_key **key)
{
    struct openpgp_key *k = TAKE(*key);
    if (!k)
        return;
    engines_free(k->by_sha256.idle);
    engines_free(k->by_sha1.idle);
    EVP_MD_free(k->sha1);
    EVP_CIPHER_free(k->cfb);
    pthread_mutex_destroy(&k->lock);
    OPENSSL_clear_free(k, sizeof *k + k->passphrase_len);
}

static struct engine *engine_new(struct openpgp_key *key, const uint8_t session[KEY_LEN])
{
    static const uint8_t zero_iv[BLOCK];
    struct engine *e = OPENSSL_zalloc(sizeof *e);
    must(e != NULL);
    e->seal = EVP_CIPHER_CTX_new();
    e->open = EVP_CIPHER_CTX_new();
    e->sha1 = EVP_MD_CTX_new();
    must(e->seal && e->open && e->sha1);
    must(EVP_EncryptInit_ex2(e->seal, key->cfb, session, zero_iv, NULL));
    must(EVP_DecryptInit_ex2(e->open, key->cfb, session, zero_iv, NULL));
    return e;
}

static struct engine *engine_take(struct openpgp_key *key, struct simple *simple)
{
    pthread_mutex_lock(&key->lock);
    struct engine *e = simple->idle;
    if (e)
        simple->idle = e->next;
    pthread_mutex_unlock(&key->lock);
    return e ? e : engine_new(key, simple->session);
}

static void engine_give(struct openpgp_key *key, struct simple *simple, struct engine *e)
{
    pthread_mutex_lock(&key->lock);
    e->next = simple->idle;
    simple->idle = e;
    pthread_mutex_unlock(&key->lock);
}

/* CFB without resynchronisation and with an IV of zeros (section 5.13). In place is fine. */
static void cfb_seal(struct engine *e, uint8_t *bytes, size_t n)
{
    static const uint8_t zero_iv[BLOCK];
    int done = 0;
    must(EVP_EncryptInit_ex2(e->seal, NULL, NULL, zero_iv, NULL));
    must(EVP_EncryptUpdate(e->seal, bytes, &done, bytes, (int)n) && (size_t)done == n);
}

static void cfb_open(struct engine *e, struct str sealed, uint8_t *ret)
{
    static const uint8_t zero_iv[BLOCK];
    int done = 0;
    must(EVP_DecryptInit_ex2(e->open, NULL, NULL, zero_iv, NULL));
    must(EVP_DecryptUpdate(e->open, ret, &done, (const uint8_t *)sealed.p, (int)sealed.n) &&
         (size_t)done == sealed.n);
}

static void mdc_digest(struct openpgp_key *key, struct engine *e, const void *bytes, size_t n,
                       uint8_t ret[SHA1_LEN])
{
    must(EVP_DigestInit_ex2(e->sha1, key->sha1, NULL));
    must(EVP_DigestUpdate(e->sha1, bytes, n) && EVP_DigestFinal_ex(e->sha1, ret, NULL));
}

/* ---- seal ------------------------------------------------------------------------------------*/

/* Prefix, literal packet and MDC packet in clear, at the end of `out`. */
static void add_clear(struct buf *out, struct str name, struct str plain)
{
    uint8_t prefix[PREFIX];
    random_bytes(prefix, BLOCK);
    memcpy(prefix + BLOCK, prefix + BLOCK - 2, 2);
    buf_add(out, prefix, PREFIX);
    packet_header(out, PACKET_LITERAL, 2 + name.n + 4 + plain.n);
    buf_add_c(out, 't');
    buf_add_c(out, (char)name.n);
    buf_add_str(out, name);
    buf_add(out, "\0\0\0\0", 4);
    buf_add_str(out, plain);
    buf_add(out, "\xd3\x14", 2);
}

struct problem *openpgp_seal(struct openpgp_key *key, struct arena *arena, struct str name,
                             struct str plain, struct buf *out)
{
    if (name.n > OPENPGP_NAME_MAX || plain.n > OPENPGP_PLAIN_MAX)
        return problem_new(arena, PROBLEM_TOO_LARGE, "the value is too long to be sealed");

    size_t literal = 2 + name.n + 4 + plain.n;
    size_t clear = PREFIX + packet_header_len(literal) + literal + MDC_LEN;
    if (!buf_room(out, 6 + packet_header_len(1 + clear) + 1 + clear))
        return problem_new(arena, PROBLEM_TOO_LARGE, "the sealed value is too long");

    packet_header(out, PACKET_SKESK, 4);
    buf_add(out, (const uint8_t[]){4, CIPHER_AES256, S2K_SIMPLE, S2K_SHA256}, 4);
    packet_header(out, PACKET_SEIPD, 1 + clear);
    buf_add_c(out, 1);
    uint8_t *start = (uint8_t *)out->data + out->len;
    add_clear(out, name, plain);

    struct engine *e = engine_take(key, &key->by_sha256);
    uint8_t digest[SHA1_LEN];
    mdc_digest(key, e, start, clear - SHA1_LEN, digest);
    buf_add(out, digest, SHA1_LEN);
    cfb_seal(e, start, clear);
    engine_give(key, &key->by_sha256, e);
    return NULL;
}

/* ---- open ------------------------------------------------------------------------------------*/

static struct problem *refused(struct arena *arena, const char *why)
{
    return problem_cause(
        problem_new(arena, PROBLEM_UNPROCESSABLE, "the sealed value cannot be read"), "%s", why);
}

/* One wording for everything that depends on the key, so that answers are no oracle. */
static struct problem *damaged(struct arena *arena)
{
    return refused(arena, "damaged, or sealed with another key");
}

static struct problem *skesk_read(struct arena *arena, struct str body, struct s2k *ret)
{
    if (body.n < 4 || body.p[0] != 4)
        return refused(arena, "not a version 4 symmetric-key packet");
    if (body.p[1] != CIPHER_AES256)
        return refused(arena, "sealed with another cipher than AES-256");
    struct str spec = {body.p + 2, body.n - 2};
    if (!s2k_read(&spec, ret))
        return refused(arena, "an S2K that is not supported");
    if (spec.n)
        return refused(arena, "an encrypted session key is not supported");
    return NULL;
}

/* An engine for the message's S2K; `*ret_simple` is where to give it back, NULL: free it. */
static struct engine *engine_for(struct openpgp_key *key, const struct s2k *s2k,
                                 struct simple **ret_simple)
{
    *ret_simple = NULL;
    if (s2k->mode == S2K_SIMPLE && s2k->digest_id == S2K_SHA256)
        *ret_simple = &key->by_sha256;
    if (s2k->mode == S2K_SIMPLE && s2k->digest_id == S2K_SHA1)
        *ret_simple = &key->by_sha1;
    if (!*ret_simple) {
        uint8_t session[KEY_LEN];
        must(s2k_key(s2k, passphrase(key), session));
        struct engine *e = engine_new(key, session);
        wipe(session, sizeof session);
        return e;
    }
    struct simple *simple = *ret_simple;
    pthread_mutex_lock(&key->lock);
    if (!simple->ready)
        must(s2k_key(s2k, passphrase(key), simple->session));
    simple->ready = true;
    pthread_mutex_unlock(&key->lock);
    return engine_take(key, simple);
}

/* Decrypts the SEIPD body into `clear` and compares its MDC; true when it is right. */
static bool seipd_open(struct openpgp_key *key, const struct s2k *s2k, struct str sealed,
                       uint8_t *clear)
{
    struct simple *simple;
    struct engine *e = engine_for(key, s2k, &simple);
    uint8_t digest[SHA1_LEN];
    cfb_open(e, sealed, clear);
    mdc_digest(key, e, clear, sealed.n - SHA1_LEN, digest);
    if (simple)
        engine_give(key, simple, e);
    else
        engine_free(e);
    const uint8_t *mdc = clear + sealed.n - MDC_LEN;
    uint8_t want[MDC_LEN] = {0xd3, 0x14};
    memcpy(want + 2, digest, SHA1_LEN);
    return CRYPTO_memcmp(mdc, want, MDC_LEN) == 0;
}

/* The authenticated content: exactly one literal packet. */
static struct problem *content_read(struct arena *arena, struct str content, struct buf *out,
                                    struct openpgp_literal *ret)
{
    CLEANUP(buf_free) struct buf joined = BUF_SECRET(PLAIN_LIMIT);
    struct packet packet;
    struct str text;
    struct openpgp_literal literal;
    if (!packet_next(&content, &joined, &packet) || content.n)
        return refused(arena, "the content is not one whole packet");
    if (packet.tag == PACKET_COMPRESSED)
        return refused(arena, "compressed content is not supported");
    if (packet.tag != PACKET_LITERAL || !packet_literal(packet.body, &literal, &text))
        return refused(arena, "the content is not a literal packet");
    if (text.n > OPENPGP_PLAIN_MAX || !buf_room(out, text.n))
        return problem_new(arena, PROBLEM_TOO_LARGE, "the sealed value is too long");
    buf_add_str(out, text);
    *ret = literal;
    return NULL;
}

struct problem *openpgp_open(struct openpgp_key *key, struct arena *arena, struct str message,
                             struct buf *out, struct openpgp_literal *ret)
{
    CLEANUP(buf_free) struct buf joined = BUF_MAX(PLAIN_LIMIT);
    CLEANUP(buf_free) struct buf clear = BUF_SECRET(PLAIN_LIMIT);
    struct packet packet;
    struct s2k s2k;
    if (message.n > PLAIN_LIMIT)
        return problem_new(arena, PROBLEM_TOO_LARGE, "the sealed value is too long");
    if (!packet_next(&message, &joined, &packet) || packet.tag != PACKET_SKESK)
        return refused(arena, "not an OpenPGP symmetric message");
    TRY(skesk_read(arena, packet.body, &s2k));
    if (!packet_next(&message, &joined, &packet) || message.n)
        return refused(arena, "not two whole packets");
    if (packet.tag == PACKET_SED)
        return refused(arena, "a message without MDC is not accepted");
    if (packet.tag != PACKET_SEIPD || packet.body.n < 1 + PREFIX + MDC_LEN || packet.body.p[0] != 1)
        return refused(arena, "not a version 1 integrity-protected packet");

    struct str sealed = {packet.body.p + 1, packet.body.n - 1};
    uint8_t *bytes = (uint8_t *)buf_room(&clear, sealed.n);
    if (!bytes)
        return problem_new(arena, PROBLEM_TOO_LARGE, "the sealed value is too long");
    clear.len = sealed.n;
    if (!seipd_open(key, &s2k, sealed, bytes) || memcmp(bytes + BLOCK - 2, bytes + BLOCK, 2) != 0)
        return damaged(arena);
    struct str content = {clear.data + PREFIX, sealed.n - PREFIX - MDC_LEN};
    return content_read(arena, content, out, ret);
}
