/* Lane threads: bounded queues by class, each thread with what lane_open gave it.
 *
 * The rule not to break: an exchange is in exactly one place, and every move between the loop and a
 * lane goes through a mutex here. */
#ifndef NEXACORE_HTTP_LANE_H
#define NEXACORE_HTTP_LANE_H

#include "http/http.h"

struct http_exchange;
struct http_lanes;

/* Starts the threads of `config`; `wake` is signalled when something was finished. Fails when the
 * machine has no more threads. */
struct problem *http_lanes_start(struct arena *arena, const struct http_config *config,
                                 uv_async_t *wake, struct http_lanes **ret);

/* Hands `ex` to a lane of its class. False: the queue is full. `admitted` work was let in before
 * and is never turned away. */
bool http_lanes_add(struct http_lanes *lanes, enum http_lane lane, struct http_exchange *ex,
                    bool admitted);

/* Everything finished since the last call, in order, linked by `next`. */
struct http_exchange *http_lanes_finished(struct http_lanes *lanes);

/* Finishes what is queued, ends the threads and waits for them. */
void http_lanes_stop(struct http_lanes *lanes);

#endif
