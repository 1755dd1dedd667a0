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

/* Who waits for an event; lives until `done` was called. */
struct journal_wait {
    struct journal_wait *next; /* the journal's */
    void (*done)(struct journal_wait *wait, bool durable);
};

/* Appends an event. True: `done` is called once, on the journal's thread, when the event is on disk
 * (one fdatasync for all that came meanwhile) or could not be written; it may be called before this
 * returns and must not wait. False: the event is refused and `done` is not called. */
bool journal_add(struct journal *journal, const struct audit_event *event,
                 struct journal_wait *wait);

/* The event as one JSON object with the keys flush_stmt reads. */
void audit_event_write(const struct audit_event *event, struct buf *out);

#endif
