/* The master key file, and data keys wrapped by it. No database, no lock. */
#ifndef NEXACORE_PHI_WRAP_H
#define NEXACORE_PHI_WRAP_H

#include "base/crypt.h"
#include "base/problem.h"
#include "base/uuid.h"

/* Reads 32 bytes or 64 hex digits; refuses a file that is not a regular one, or that anybody but
 * its owner may read. */
struct problem *master_key_read(const char *path, struct key *ret);

/* Makes a file with a new random master key, mode 0600; an existing file is a conflict. */
struct problem *master_key_new(const char *path);

/* AES-256-GCM box under HKDF(master, "nexacore clinic-keys"); `what` ("data" or "pepper"), clinic
 * and version are bound, so a wrapped key moved to another row does not open. */
void key_wrap(const struct key *master, struct uuid clinic, int version, const char *what,
              const struct key *key, struct buf *out);
bool key_unwrap(const struct key *master, struct uuid clinic, int version, const char *what,
                struct str wrapped, struct key *ret);

#endif
