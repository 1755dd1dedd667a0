/* Intake forms: uploaded, read, scrubbed, scored, confirmed (SPEC 6). */
#ifndef NEXACORE_INTAKE_H
#define NEXACORE_INTAKE_H

#include "app/features.h"

extern const struct http_route intake_routes[];
extern const size_t intake_route_count;
extern const struct work_queue intake_queues[];
extern const size_t intake_queue_count;

#endif
