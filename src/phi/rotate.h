/* Key rotation and shredding of one clinic, while the product runs.
 *
 * The rule not to break: a version is retired only in the transaction that counted zero rows on
 * it. A retired key can still open (objects in the store and answers kept for 24 hours name it);
 * it never seals again. */
#ifndef NEXACORE_PHI_ROTATE_H
#define NEXACORE_PHI_ROTATE_H

#include "phi/phi.h"

/* Called after each batch; `total` may grow while people work. */
typedef void rotate_progress(void *arg, size_t done, size_t total);

struct rotate_result {
    int version;       /* the current one now */
    size_t resealed;   /* rows sealed anew */
    size_t unreadable; /* rows left as they were, because a value in them does not open */
    size_t left;       /* rows still on older versions: 0, or nothing was retired */
    size_t retired;    /* versions retired */
};

/* Makes a new key version (or goes on with a rotation that was interrupted) and seals every row's
 * values anew in batches: patients, users, devices, square_connections and the sealed values in
 * intake_forms.parsed_json. Takes at least KEYRING_FRESH_MS: until then another process may still
 * seal with the old key. Its transactions are its own; cx->arena is not grown by the rows. */
struct problem *phi_rotate(const struct ctx *cx, rotate_progress *progress, void *arg,
                           struct rotate_result *ret);

/* The first half alone: the new version and one pass over the rows, without waiting. For many
 * clinics at once: begin each, then phi_rotate() each, which finds the rotation begun and has
 * little left to wait for. */
struct problem *phi_rotate_begin(const struct ctx *cx, rotate_progress *progress, void *arg,
                                 struct rotate_result *ret);

/* Closes the clinic and destroys its wrapped keys and pepper, in one transaction with the audit
 * event: what they sealed is unreadable from then on. `ret_keys` counts them; 0: none was left.
 * Backups and dead rows of PostgreSQL hold the wrapped keys until they are gone too. */
struct problem *phi_shred(const struct ctx *cx, size_t *ret_keys);

#endif
