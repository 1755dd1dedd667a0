/* Idempotency-Key on every POST (SPEC 4): the same key does its work once in 24 hours. */
#ifndef NEXACORE_APP_IDEMPOTENCY_H
#define NEXACORE_APP_IDEMPOTENCY_H

#include "http/http.h"

/* The http_config.around hook. A POST with a key runs once per clinic, user and key: a repetition
 * gets the first answer again (Idempotency-Replayed: true), another body or route with the same key
 * is 422, one still in flight 409. What failed may be tried again under the same key. */
struct problem *idempotency_around(struct http_request *rq, struct http_response *rs,
                                   http_handler *handler);

#endif
