/* The audit trail (SPEC 14): a change writes its event in its own transaction; a read's event is
 * durable in the local journal before its response leaves. */
#ifndef NEXACORE_AUDIT_H
#define NEXACORE_AUDIT_H

#include "http/http.h"
#include "tenancy/ctx.h"

/* Adds the event of a change to its transaction (queued: no extra round trip). */
struct problem *audit_add(struct pg_tx *tx, const struct ctx *cx, const char *action,
                          const char *target_table, struct uuid target_id);

/* Notes what the current request read; the event is written to the journal by audit_after() before
 * the response leaves. A handler calls it once it knows the target (a list: UUID_NONE). Without a
 * call audit_after() uses the route's action without a target. */
void audit_read(struct http_request *rq, const char *target_table, struct uuid target_id);

/* Part of http_config.after: journals reads, denials and failures. The response is held until its
 * event is durable (http_hold), while the lane goes on; a PHI read whose event cannot be made
 * durable becomes 503. */
struct problem *audit_after(struct http_request *rq, struct http_response *rs, struct problem *p);

/* The journal: append-only files in NEXACORE_STATE_DIR, one fdatasync shared by every request in
 * flight, moved to audit_logs in batches at most every 30 s, each event exactly once. */
struct journal;
struct problem *journal_open(struct app *app, const char *dir, struct journal **ret);
void journal_close(struct journal **journal); /* flushes what it can */
/* Moves what is durable to audit_logs; also journals in `dir` whose owner is gone. For the
 * audit-flush job and at start. `ret_events` counts what was moved. */
struct problem *journal_flush_all(struct app *app, struct pg_conn *db, struct arena *arena,
                                  const char *dir, size_t *ret_events);

#endif
