/* The only way out of a transaction (SPEC 11): a business change and its jobs and events are one
 * fact. Rows are added here; the relay in `nexacore work` turns them into BullMQ jobs and entries
 * of the Socket.IO stream after commit, in order per clinic. */
#ifndef NEXACORE_OUTBOX_H
#define NEXACORE_OUTBOX_H

#include "json/json_out.h"
#include "phi/phi.h"
#include "tenancy/ctx.h"

enum queue { QUEUE_OCR, QUEUE_SCRUB, QUEUE_DISPATCH, QUEUE_SQUARE, QUEUE_AUDIT, QUEUE__COUNT };
const char *queue_name(enum queue queue); /* "ocr-processing", "pan-scrub", ... */

/* How urgent a job is: the more urgent are served first, equals take turns by clinic (turns.h). */
enum outbox_urgency { OUTBOX_ROUTINE, OUTBOX_CRITICAL, OUTBOX_URGENT, OUTBOX_MODERATE };
enum outbox_urgency outbox_urgency(struct str level); /* of "CRITICAL" ...; others: ROUTINE */

struct outbox_job {
    enum queue queue;
    const char *key;  /* business key = BullMQ job id: at most one job per key; no ':' */
    const char *data; /* JSON of ids only: {"formId":"...","clinicId":"..."} */
    enum outbox_urgency urgency;
    int64_t delay_ms;
};
struct problem *outbox_job(struct pg_tx *tx, const struct ctx *cx, const struct outbox_job *job);

/* Who receives an event: rooms of src/live (rooms are made from verified claims alone). */
#define OUTBOX_ROOMS_MAX 24
struct outbox_event {
    const char *name;   /* "alert:new" */
    struct str payload; /* a JSON object; PHI only sealed: {"$phi":...} through outbox_phi() */
    const char *rooms[OUTBOX_ROOMS_MAX]; /* NULL-terminated; see live/live.h */
};
struct problem *outbox_event(struct pg_tx *tx, const struct ctx *cx,
                             const struct outbox_event *event);

/* Writes a PHI value into an event's payload sealed (SPEC 10): the node that owns the socket opens
 * it before delivery (src/live). */
struct problem *outbox_phi(struct jw *w, const struct ctx *cx, struct phi_place place,
                           struct str sealed, int version);

#endif
