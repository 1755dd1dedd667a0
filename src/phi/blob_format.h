/* The form of an encrypted object (the STREAM construction of Hoang, Reyhanitabar, Rogaway and
 * Vizár, 2015, as age and Tink use it). No store, no key ring.
 *
 *     "NXB1" | data key version, 32 bits big-endian | 32 random bytes | chunk | chunk | ...
 *
 * The file's own AES-256 key is HKDF(clinic's blob key, "nexacore blob " + the random bytes in
 * hex), so a nonce never repeats under a key. A chunk is 64 KiB of AES-256-GCM (the last one may be
 * shorter) and its tag; nonce: 7 zero bytes, chunk number in 32 bits, 1 for the last chunk. Bound
 * to every chunk: the header and the object's key name. So an object that was cut, reordered,
 * extended or renamed does not open. The rule not to break: no byte leaves before its tag. */
#ifndef NEXACORE_PHI_BLOB_FORMAT_H
#define NEXACORE_PHI_BLOB_FORMAT_H

#include "base/crypt.h"

#define BLOB_CHUNK      65536U
#define BLOB_HEADER_LEN 40
#define BLOB_SALT_LEN   32

struct blob_coder {
    uint8_t header[BLOB_HEADER_LEN];
    struct key file_key;
    uint32_t chunk; /* number of the next one */
    struct buf aad; /* header and name */
};

/* The most bytes an object of `plain` bytes has. */
size_t blob_sealed_max(size_t plain);

/* Starts a new object under the clinic's blob key; the header to be written first is coder->header.
 * CLEANUP(blob_coder_done). */
void blob_coder_new(struct blob_coder *coder, const struct key *blob_key, int version,
                    struct str name);

/* The key version a sealed object names; false when it is no object of ours. */
bool blob_version(struct str sealed, int *ret_version);

/* Starts reading `sealed`, whose version was taken care of. */
void blob_coder_open(struct blob_coder *coder, const struct key *blob_key, struct str sealed,
                     struct str name);
void blob_coder_done(struct blob_coder *coder);

/* Seals at most BLOB_CHUNK bytes; `ret` has room for them and a tag. */
void blob_chunk_seal(struct blob_coder *coder, struct str plain, bool last, uint8_t *ret);

/* Opens a whole sealed object (header included) in place: afterwards the first *ret_len bytes are
 * the clear text. False when anything is wrong; the bytes are wiped then. */
bool blob_open_in_place(struct blob_coder *coder, char *sealed, size_t n, size_t *ret_len);

#endif
