/* What every REST handler needs: lists with cursors, ETags, created responses (SPEC 4). */
#ifndef NEXACORE_APP_REST_H
#define NEXACORE_APP_REST_H

#include "auth/auth.h"
#include "http/http.h"
#include "json/json_out.h"

#define LIMIT_DEFAULT 50
#define LIMIT_MAX     200

/* ?limit= (1..200, default 50) and ?cursor= of a list. The cursor is opaque to clients: up to three
 * integers and an id, the sort key of the last row they saw. */
struct page {
    int64_t limit;
    bool resumed; /* a cursor was given: rows after (a, b, id) in the list's order */
    int64_t a, b;
    struct uuid id;
};
struct problem *page_read(struct http_request *rq, struct page *ret);

/* Writes "nextCursor": null at the end of the list, or the key of the last row written. A query
 * asks for limit + 1 rows, so `more` is known. */
void page_next(struct jw *w, bool more, int64_t a, int64_t b, struct uuid id);

/* ETag "v<version>" (RFC 9110 section 8.8.3). */
void etag_set(struct http_response *rs, int64_t version);
/* If-Match given and none of its tags is this version: PROBLEM_PRECONDITION_FAILED. */
struct problem *etag_check(const struct http_request *rq, int64_t version);

/* 201 with Location: `path` and the id. */
void created(struct http_response *rs, const char *path, struct uuid id);

#endif
