/* Numbers: the live flow of a clinic, its statistics, and corporate's view over all (SPEC 13). */
#ifndef NEXACORE_DASHBOARD_H
#define NEXACORE_DASHBOARD_H

#include "app/features.h"

extern const struct http_route dashboard_routes[];
extern const size_t dashboard_route_count;

#endif
