/* The queues as an ADMIN sees them: how much of the clinic's own work waits, runs and failed, and
 * why; and a failed job put to work again (SPEC 11). */
#ifndef NEXACORE_QUEUES_H
#define NEXACORE_QUEUES_H

#include "http/http.h"

extern const struct http_route queues_routes[];
extern const size_t queues_route_count;

#endif
