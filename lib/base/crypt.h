/* Thin, checked wrappers over OpenSSL EVP: no primitive of our own.
 *
 * A failing primitive is a broken machine, not input, so the ones that cannot fail on input end
 * the process; only opening (authentication) can fail and says so. */
#ifndef NEXACORE_BASE_CRYPT_H
#define NEXACORE_BASE_CRYPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

#define KEY_LEN     32 /* bytes of an AES-256 key, an HMAC key, a SHA-256 digest */
#define GCM_IV_LEN  12
#define GCM_TAG_LEN 16
#define SHA256_LEN  32

struct key {
    uint8_t b[KEY_LEN];
};

/* Equality in constant time; different lengths are unequal. */
bool ct_equal(struct str a, struct str b);

/* Overwrites memory in a way the compiler keeps. */
void wipe(void *p, size_t n);
void key_wipe(struct key *key); /* for CLEANUP */

/* Bytes from the system's generator; ends the process when there are none. */
void random_bytes(void *ret, size_t n);

/* FIPS 180-4 and RFC 2104. */
void sha256(struct str data, uint8_t ret[SHA256_LEN]);
void hmac_sha256(const struct key *key, struct str data, uint8_t ret[SHA256_LEN]);

/* The digest of what arrives in pieces: begin, add any number of times, end once (which releases).
 */
struct sha256_stream {
    void *state; /* private */
};
void sha256_begin(struct sha256_stream *s);
void sha256_add(struct sha256_stream *s, struct str piece);
void sha256_end(struct sha256_stream *s, uint8_t ret[SHA256_LEN]);
void sha256_drop(struct sha256_stream *s); /* for CLEANUP; fine after sha256_end */

/* A subkey for one purpose: HKDF-SHA-256 (RFC 5869), `info` names the purpose. */
struct key key_derive(const struct key *key, const char *info);

/* AES-256-GCM (NIST SP 800-38D). `ret` holds n bytes, `tag` 16. Never reuse an iv with a key. */
void gcm_seal(const struct key *key, const uint8_t iv[GCM_IV_LEN], struct str aad, struct str plain,
              uint8_t *ret, uint8_t ret_tag[GCM_TAG_LEN]);
bool gcm_open(const struct key *key, const uint8_t iv[GCM_IV_LEN], struct str aad,
              struct str sealed, const uint8_t tag[GCM_TAG_LEN], uint8_t *ret);

/* A small secret in one piece: iv || ciphertext || tag, `aad` bound. Random iv, so at most 2^32
 * boxes a key (SP 800-38D section 8.3). */
void box_seal(const struct key *key, struct str aad, struct str plain, struct buf *out);
bool box_open(const struct key *key, struct str aad, struct str box, struct buf *out);

void hex_add(struct buf *out, const void *bytes, size_t n); /* lower case */
bool hex_read(struct str hex, void *ret, size_t n);         /* exactly n bytes */
void base64_add(struct buf *out, struct str bytes);         /* RFC 4648 section 4, padded */
void base64url_add(struct buf *out, struct str bytes);      /* section 5, unpadded */
bool base64_add_decoded(struct buf *out, struct str text);  /* either alphabet, padding optional */

#endif
