/* The signed-in person: GET /api/v1/me, and the devices push messages go to (SPEC 9).
 *
 * A push token lets its holder page a phone, so it is a secret: sealed, found by keyed hash. */
#ifndef NEXACORE_USERS_H
#define NEXACORE_USERS_H

#include "app/features.h"

extern const struct http_route users_routes[];
extern const size_t users_route_count;

#endif
