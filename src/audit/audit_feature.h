/* What the audit trail adds to serve and work: GET /api/v1/audit-logs and the audit-flush queue. */
#ifndef NEXACORE_AUDIT_FEATURE_H
#define NEXACORE_AUDIT_FEATURE_H

#include "app/features.h"

extern const struct http_route audit_routes[];
extern const size_t audit_route_count;
extern const struct work_queue audit_queues[];
extern const size_t audit_queue_count;

/* Where the journals of this machine lie, below NEXACORE_STATE_DIR. */
const char *audit_journal_dir(struct arena *arena, const struct app *app);

#endif
