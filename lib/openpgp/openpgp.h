/* OpenPGP symmetric messages (RFC 4880) as PostgreSQL's pgcrypto reads and writes them.
 *
 * What is sealed here: SKESK version 4 (AES-256, simple S2K, SHA-256), SEIPD version 1 with its
 * MDC, one literal packet of type 't' whose file-name field carries a name chosen by the caller.
 * `pgp_sym_decrypt(message, passphrase)` reads it. What is opened: the same, and what
 * `pgp_sym_encrypt(..., 'cipher-algo=aes256, compress-algo=0')` wrote with any s2k-mode.
 *
 * The rule not to break: the passphrase must be a random key of 256 bits (as hex digits). Simple
 * S2K is one hash; it is no protection for a password a person chose. */
#ifndef NEXACORE_OPENPGP_H
#define NEXACORE_OPENPGP_H

#include "base/problem.h"

#define OPENPGP_NAME_MAX  255             /* bytes: the length is one octet (RFC 4880 5.9) */
#define OPENPGP_PLAIN_MAX (1024U * 1024U) /* bytes of one literal */
#define OPENPGP_OVERHEAD                                                                           \
    (OPENPGP_NAME_MAX + 80) /* a sealed message is at most this much longer                        \
                             */

struct openpgp_key;

/* Prepares a passphrase: its S2K and AES key schedule are computed once and reused by every
 * message. Any number of threads may use one key at the same time. */
struct openpgp_key *openpgp_key_new(struct str passphrase);

/* Wipes and releases; accepts a pointer to NULL. Nobody may be using the key any more. */
void openpgp_key_free(struct openpgp_key **key);

/* Appends to `out` a message holding `plain` under `name` (a label that is authenticated with the
 * text and comes back from openpgp_open). Random prefix, so equal texts give different messages.
 * Problems: PROBLEM_TOO_LARGE when name, plain or out pass their limit; `out` is then unchanged
 * or marked overflowed. */
struct problem *openpgp_seal(struct openpgp_key *key, struct arena *arena, struct str name,
                             struct str plain, struct buf *out);

struct openpgp_literal {
    char type; /* 't', 'u' or 'b' */
    size_t name_len;
    char name[OPENPGP_NAME_MAX + 1]; /* NUL after it; pgcrypto leaves it empty */
};

/* Checks the MDC and appends the clear text to `out` (make it BUF_SECRET). Nothing is appended and
 * nothing of the plain text is looked at unless the MDC is right (compared in constant time).
 * Problems: PROBLEM_UNPROCESSABLE for everything that is not such a message under this key, one
 * wording for all that depends on the key; PROBLEM_TOO_LARGE past OPENPGP_PLAIN_MAX or out->max.
 * Refused by name: compressed data, messages without MDC, ciphers other than AES-256, encrypted
 * session keys, public-key packets, an iterated S2K of more than 4 MiB. */
struct problem *openpgp_open(struct openpgp_key *key, struct arena *arena, struct str message,
                             struct buf *out, struct openpgp_literal *ret);

#endif
