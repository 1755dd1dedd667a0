/* The relay: committed outbox rows to BullMQ jobs and entries of the Socket.IO stream. */
#ifndef NEXACORE_OUTBOX_RELAY_H
#define NEXACORE_OUTBOX_RELAY_H

#include "outbox/outbox.h"

struct relay;

/* Starts the relay's thread. Every `work` process runs one; a lock in the database lets one at a
 * time do the relaying, so order per clinic holds however many there are. */
struct problem *relay_start(struct app *app, struct relay **ret);
/* Ends the thread after its present round. */
void relay_stop(struct relay **relay);

/* How jobs of a queue are tried: one policy, used by the relay and by the rebuild. */
struct bullmq_job_opts;
void relay_job_policy(const char *queue, struct bullmq_job_opts *job);

#endif
