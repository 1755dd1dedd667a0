/* An object store: whole objects of bytes under a key, on disk (file://) or in S3 (s3://).
 *
 * An object is there whole or not at all: it appears at commit, replacing what was there. What is
 * stored is durable when commit returns. The rule not to break: callers encrypt first; this
 * library sees ciphertext only and its spool files are not wiped.
 *
 * URLs: `file:///absolute/directory` (made if missing, files 0600 below directories 0700), or
 * `s3://bucket?endpoint=https://host/prefix&region=eu-west-1`. Without an endpoint it is Amazon's.
 * S3 credentials are AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, where used, AWS_SESSION_TOKEN
 * in the environment, read once at open. All calls may wait (disk or network): never on a loop
 * thread. A store may be used by any number of threads. */
#ifndef NEXACORE_STORE_H
#define NEXACORE_STORE_H

#include "base/problem.h"

#define STORE_KEY_MAX 512 /* bytes of a key */

struct store;
struct store_put; /* one object being written, in the arena given to store_put_begin */

/* Opens a store. A malformed URL or a missing credential is PROBLEM_BAD_REQUEST saying which.
 * `arena` is for the problem only and may be NULL. */
struct problem *store_open(struct arena *arena, const char *url, struct store **ret);
/* Releases; accepts a pointer to NULL. Nobody may be using it any more. */
void store_free(struct store **store);

/* Keys are segments of [A-Za-z0-9_.-] joined by '/': no empty segment, none starting with '.'. */
bool store_key_valid(struct str key);

/* Writing: begin, add any number of times, then commit or abort. `*put` is NULL afterwards.
 * Every failure leaves the former object, or none. PROBLEM_UNAVAILABLE when disk or network fail
 * (S3: after retries with back-off), PROBLEM_BAD_REQUEST for a bad key. */
struct problem *store_put_begin(struct store *store, struct arena *arena, const char *key,
                                struct store_put **ret);
struct problem *store_put_add(struct store_put *put, struct str bytes);
struct problem *store_put_commit(struct store_put **put);
void store_put_abort(struct store_put **put); /* for CLEANUP; accepts a pointer to NULL */

/* Appends the whole object to `out`. PROBLEM_NOT_FOUND when there is none, PROBLEM_TOO_LARGE when
 * it has more than `max` bytes (or out->max would be passed), PROBLEM_UNAVAILABLE otherwise. */
struct problem *store_get(struct store *store, struct arena *arena, const char *key, size_t max,
                          struct buf *out);

/* Removes an object; one that is not there is fine. */
struct problem *store_delete(struct store *store, struct arena *arena, const char *key);

/* Writes, reads and removes a small object: for readiness and `doctor`. */
struct problem *store_check(struct store *store, struct arena *arena);

#endif
