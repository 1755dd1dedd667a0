/* Shared by the files of src/audit only. */
#ifndef NEXACORE_AUDIT_INTERNAL_H
#define NEXACORE_AUDIT_INTERNAL_H

#include "audit/audit.h"

/* One event as it is kept, in the journal and in audit_logs. */
struct audit_event {
    const struct ctx *cx;
    const char *action;
    const char *target_table; /* NULL: none */
    struct uuid target_id;
    const char *outcome; /* SUCCESS, DENIED, FAILURE */
};

/* Appends and waits until the event is on disk (one fdatasync for all who wait). */
struct problem *journal_add(struct journal *journal, const struct audit_event *event);

/* The event as one JSON object with the keys flush_stmt reads. */
void audit_event_write(const struct audit_event *event, struct buf *out);

#endif
