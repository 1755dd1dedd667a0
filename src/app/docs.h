/* The API's description: GET /openapi.json and GET /docs, from api/ by way of the build. */
#ifndef NEXACORE_APP_DOCS_H
#define NEXACORE_APP_DOCS_H

#include "http/http.h"

extern const struct http_route docs_routes[];
extern const size_t docs_route_count;

#endif
