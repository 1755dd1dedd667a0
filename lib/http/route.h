/* Route tables as a tree of path segments.
 *
 * The rule not to break: the most literal path wins ("/intake/review-queue" before "/intake/:id"),
 * and a path that is served by another method is 405, not 404. */
#ifndef NEXACORE_HTTP_ROUTE_H
#define NEXACORE_HTTP_ROUTE_H

#include "http/http.h"

struct http_router;

/* An empty router that lives as long as the arena. */
struct http_router *http_router_new(struct arena *arena);

/* Adds one row; `route` must outlive the router. A path and method that are already there, or a
 * path that is none, are PROBLEM_INTERNAL. */
struct problem *http_router_add(struct http_router *router, const struct http_route *route);

enum { HTTP_ARGS_MAX = 8 };

struct http_match {
    const struct http_route *route; /* NULL: none for this method */
    unsigned allow; /* methods this path is served by, BIT(method); 0: no such path */
    struct str args[HTTP_ARGS_MAX];
    const char *arg_names[HTTP_ARGS_MAX];
    unsigned arg_count;
};

/* `method` HTTP_METHOD__COUNT matches nothing but fills `allow`. HEAD falls back to GET. The args
 * point into `path`. */
void http_router_match(const struct http_router *router, enum http_method method, struct str path,
                       struct http_match *ret);

/* True when some route's first segment is that of `path`: unknown paths there are 404, never the
 * single-page application's index. */
bool http_router_owns(const struct http_router *router, struct str path);

/* Every route in order of registration; returns how many there are. */
size_t http_router_all(const struct http_router *router, const struct http_route **ret, size_t max);

/* "GET, HEAD, OPTIONS" for the Allow header. */
const char *http_allow_text(struct arena *arena, unsigned allow);

#endif
