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

/* Begins a list's answer, {"items":[ , for `found` rows; gives how many of them to write: a query
 * asks for limit + 1 rows, so that one too many says that there are more. Without a page: all. */
size_t list_begin(struct jw *w, struct http_response *rs, const struct page *page, size_t found);
/* Ends it: `next` is the sort key of the last row written, NULL when there are no more. */
struct page_key {
    int64_t a, b;
    struct uuid id;
};
void list_end(struct jw *w, const struct page_key *next);

/* ETag "v<version>" (RFC 9110 section 8.8.3). */
void etag_set(struct http_response *rs, int64_t version);
/* If-Match given and none of its tags is this version: PROBLEM_PRECONDITION_FAILED. */
struct problem *etag_check(const struct http_request *rq, int64_t version);

/* 201 with Location: `path` and the id. */
void created(struct http_response *rs, const char *path, struct uuid id);

#endif
