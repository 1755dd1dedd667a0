/* The duty roster: who is paged first, second, ... and when (SPEC 9). Read by src/alerts. */
#ifndef NEXACORE_ONCALL_H
#define NEXACORE_ONCALL_H

#include "app/features.h"

extern const struct http_route oncall_routes[];
extern const size_t oncall_route_count;

#endif
