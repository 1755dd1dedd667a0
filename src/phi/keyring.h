/* The clinics' keys in memory, for the files of this folder only.
 *
 * The rule not to break: between keyring_hold and key_hold_end the ring is locked for reading, so
 * nothing in between may wait (no query, no I/O). */
#ifndef NEXACORE_PHI_KEYRING_H
#define NEXACORE_PHI_KEYRING_H

#include "openpgp/openpgp.h"
#include "phi/phi.h"

#define KEYRING_FRESH_MS 4000 /* other processes' rotations and shreddings are seen within this */

struct data_key {
    struct data_key *next;
    int version;
    struct key key;
    struct openpgp_key *pgp; /* passphrase: the key as 64 lower-case hex digits */
};

struct clinic_keys {
    struct clinic_keys *next;
    struct uuid id;
    int64_t loaded_us;        /* monotonic */
    bool shredded;            /* had keys once */
    struct data_key *keys;    /* every version that can still be opened */
    struct data_key *current; /* what new values are sealed with; NULL: none */
    struct key pepper;
};

struct key_hold {
    struct keyring *ring;
    const struct clinic_keys *clinic;
    const struct data_key *key;
};
#define KEY_HOLD_NONE ((struct key_hold){.ring = NULL})

/* The keys of cx->clinic_id; `version` 0 is the current one. May wait before it returns; with
 * cx->no_wait it does not, and what is not in memory is PROBLEM_UNAVAILABLE. */
struct problem *keyring_hold(const struct ctx *cx, int version, struct key_hold *ret);
void key_hold_end(struct key_hold *hold); /* for CLEANUP */

/* Makes the next version current inside the clinic's transaction; the one before becomes 'old'. */
struct problem *keyring_add_version(struct pg_tx *tx, const struct ctx *cx, int *ret_version);

/* Forgets what is cached of a clinic, so that the next use reads the database. */
void keyring_forget(struct keyring *ring, struct uuid clinic);

#endif
