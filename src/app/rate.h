/* Rate limits per user and per clinic: fixed windows of a minute, on this node. */
#ifndef NEXACORE_APP_RATE_H
#define NEXACORE_APP_RATE_H

#include "http/http.h"
#include "tenancy/ctx.h"

/* Counts the request; over a limit it is 429 with Retry-After. Sets RateLimit-Limit, -Remaining and
 * -Reset (draft-ietf-httpapi-ratelimit-headers) of whichever limit is nearer to its end. */
struct problem *rate_check(const struct ctx *cx, struct http_response *rs);

#endif
