/* What every request passes: rate limits, security headers, CORS, the settings of the web page. */
#ifndef NEXACORE_APP_WEB_H
#define NEXACORE_APP_WEB_H

#include "http/http.h"

/* The http_config hooks: before = rate limit and auth_before; after = audit_after and metrics. */
/* http_config.id_allowed: a card number is no request id: ids are stored and logged. */
bool web_id_allowed(struct str id);
struct problem *web_before(struct http_request *rq, struct http_response *rs);
struct problem *web_after(struct http_request *rq, struct http_response *rs, struct problem *p);
void web_decorate(struct http_request *rq, struct http_response *rs);

/* GET /web-config.json: issuer, client id, audience: what the page needs to sign in. */
extern const struct http_route web_routes[];
extern const size_t web_route_count;

#endif
