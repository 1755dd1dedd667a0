/* PHI in memory and at rest: a type that does not print, sealed per clinic (SPEC 3).
 *
 * Clear PHI is `struct phi`, never char *: log_info("%s", phi) does not compile. Only phi_write()
 * (JSON answers to those allowed) and the provider of a screen may open it. At rest it is an
 * OpenPGP message (lib/openpgp) under the clinic's data key, bound to clinic/table/column/row. */
#ifndef NEXACORE_PHI_H
#define NEXACORE_PHI_H

#include "base/crypt.h"
#include "json/json_in.h"
#include "json/json_out.h"
#include "tenancy/ctx.h"

struct phi {
    struct str clear_; /* only phi_* functions touch it; p NULL: absent */
};

struct phi phi_of(struct str clear); /* marks input as PHI */
bool phi_is_none(struct phi v);
bool phi_eq(struct phi a, struct phi b);
/* Opens the value for the few places allowed to see it (normalising, OCR results). Grep for it. */
struct str phi_reveal(struct phi v);

/* Writes the clear value as a JSON string, or null. For API answers only. */
void phi_write(struct jw *w, struct phi v);

/* Where a sealed value lives; a ciphertext moved elsewhere is refused. */
struct phi_place {
    const char *table;
    const char *column;
    struct uuid row;
};

/* Seals with the clinic's current key. `ret_version` is for the row's phi_key_version. An absent
 * value gives p NULL. */
struct problem *phi_seal(const struct ctx *cx, struct phi_place place, struct phi value,
                         struct str *ret_sealed, int *ret_version);
/* Opens what phi_seal or pgp_sym_encrypt(..., 's2k-mode=0, compress-algo=0, cipher-algo=aes256')
 * wrote under key `version` (pgcrypto's carries no place, so none is checked there). Damage or a
 * foreign place is PROBLEM_INTERNAL; a clinic whose keys were shredded PROBLEM_NOT_FOUND. */
struct problem *phi_open(const struct ctx *cx, struct phi_place place, struct str sealed,
                         int version, struct phi *ret);

/* The same for one value among many (lists, everybody to be paged): a value that is damaged or
 * whose key is gone is absent, `ret_damaged` is true, and one log line names its place by ids, so
 * that it does not stop the others. Trouble of all of them (no database, a wrong master key) is a
 * problem as in phi_open. */
struct problem *phi_open_each(const struct ctx *cx, struct phi_place place, struct str sealed,
                              int version, struct phi *ret, bool *ret_damaged);

/* Keyed blind index: 64 hex digits of HMAC-SHA-256 under the clinic's pepper over "kind:" and the
 * value, normalised here by its kind. "name": letters and digits without case and accents, one
 * space between words; "insurance": letters and digits without case; "ssn" (what patients.ssn_hash
 * holds), "dob" and "phone": digits alone. Any other kind: the bytes as they are. Absent, or
 * nothing left after normalising: p NULL. The pepper stays the same when data keys rotate. */
struct problem *phi_index(const struct ctx *cx, const char *kind, struct phi value,
                          struct str *ret_hex);

/* A sealed value inside a JSON document, {"$phi":"<base64>","version":n}, null when absent.
 * Everything in this form is found and sealed anew by `nexacore keys rotate`. */
void phi_write_sealed(struct jw *w, struct str sealed, int version);
/* Reads that form back (bytes in the arena); false when `value` is something else. */
bool phi_read_sealed(struct arena *arena, const json_t *value, struct str *ret_sealed,
                     int *ret_version);

/* ---- keys: random data keys per clinic and version, wrapped by the master key -----------------*/
struct keyring; /* one a process, thread safe; opened keys are cached and wiped at the end */

/* The file holds 32 bytes, or 64 hex digits; one that others than its owner may read is refused
 * (PROBLEM_BAD_REQUEST with the words for the person who set it up). Wrapped keys are read over a
 * connection of the keyring's own, so phi_* may be called inside and outside a transaction; but a
 * clinic made in a transaction that is not committed has no keys yet. */
struct problem *keyring_open(const char *master_key_file, struct keyring **ret);
void keyring_free(struct keyring **keys);

/* Makes version 1 and the pepper for a clinic that has none (inside its transaction). */
struct problem *keyring_create(struct pg_tx *tx, const struct ctx *cx);

/* Reads the clinic's keys from the database now, for those who use them with cx->no_wait: what is
 * in memory serves them for a minute. */
struct problem *keyring_refresh(const struct ctx *cx);

/* The clinic's data key for another purpose ("blob", "ocr-text"): HKDF of the data key. A wanted
 * version of 0 is the current one; `ret_version` says which it is. */
struct problem *keyring_subkey(const struct ctx *cx, const char *purpose, int version,
                               struct key *ret, int *ret_version);

/* ---- objects: bytes in the object store, encrypted under the clinic's key ----------------------
 * AES-256-GCM in 64 KiB chunks, each bound to key name, chunk number and whether it is the last. */
struct blob_writer;
struct problem *blob_begin(const struct ctx *cx, const char *key, struct blob_writer **ret);
struct problem *blob_add(struct blob_writer *w, struct str bytes);
struct problem *blob_commit(struct blob_writer **w); /* durable when it returns */
void blob_abort(struct blob_writer **w);             /* for CLEANUP; leaves nothing */

struct problem *blob_put(const struct ctx *cx, const char *key, struct str bytes);
/* Reads a whole object of at most `max` bytes into `out`. Absent: PROBLEM_NOT_FOUND. */
struct problem *blob_get(const struct ctx *cx, const char *key, size_t max, struct buf *out);
struct problem *blob_delete(const struct ctx *cx, const char *key);

#endif
