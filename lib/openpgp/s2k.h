/* String-to-key specifiers (RFC 4880 section 3.7): a passphrase becomes an AES-256 key.
 *
 * The rule not to break: the iteration count comes from the message, so it is bounded before any
 * hashing (S2K_COUNT_MAX), or a stored value could keep a thread busy. */
#ifndef NEXACORE_OPENPGP_S2K_H
#define NEXACORE_OPENPGP_S2K_H

#include "base/crypt.h"

enum s2k_mode { S2K_SIMPLE = 0, S2K_SALTED = 1, S2K_ITERATED = 3 };
enum s2k_digest { S2K_MD5 = 1, S2K_SHA1 = 2, S2K_SHA256 = 8, S2K_SHA384 = 9, S2K_SHA512 = 10 };

#define S2K_SALT_LEN  8
#define S2K_COUNT_MAX (4U * 1024U * 1024U) /* octets hashed */

struct s2k {
    enum s2k_mode mode;
    uint8_t digest_id;
    uint8_t salt[S2K_SALT_LEN];
    uint32_t count; /* octets to hash; 0 unless iterated */
};

/* Takes a specifier off `*rest`. False for an unknown mode or digest, or too high a count. */
bool s2k_read(struct str *rest, struct s2k *ret);

/* The key. False only when the digest is not available. */
bool s2k_key(const struct s2k *s2k, struct str passphrase, uint8_t ret[KEY_LEN]);

#endif
