/* Turns: one clinic's thousand jobs do not delay another's first.
 *
 * BullMQ serves the smallest priority first, so a job's priority is its turn: start-time fair
 * queueing (Goyal, Vin, Cheng 1996) with every job of one size. A clinic's next job comes one turn
 * after its last one, or at the turn being served now if that is later. So a clinic that was idle
 * joins the front, two busy ones alternate, and each keeps the order of its own jobs (but for the
 * jobs of the one round in which a relay is killed). More urgent
 * jobs have a band of smaller priorities of their own, with turns in it too.
 *
 * The last turn of each clinic is kept in Redis beside the queue, so that it is lost with it, and
 * forgotten when nobody waits. Stock BullMQ workers and dashboards see plain priorities. */
#ifndef NEXACORE_OUTBOX_TURNS_H
#define NEXACORE_OUTBOX_TURNS_H

#include "base/uuid.h"
#include "outbox/outbox.h"

struct bullmq_redis;

/* The turns given in one round of the relay; dies with the arena. One relay at a time. */
struct turns;
struct turns *turns_begin(struct arena *arena, struct bullmq_redis *redis);

/* The priority (1..2097151) for the clinic's next job on that queue. */
struct problem *turns_next(struct turns *turns, const char *queue, struct uuid clinic,
                           enum outbox_urgency urgency, unsigned *ret);

/* Remembers the turns given, for the next round. Losing this costs the order of that round's jobs
 * against a clinic's next ones, and fairness; never a job. */
struct problem *turns_end(struct turns *turns);

#endif
