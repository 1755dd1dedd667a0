/* The operations listener: /healthz (the process lives), /readyz (it can serve), /metrics
 * (Prometheus text format 0.0.4). On its own address, not for the public. */
#ifndef NEXACORE_OPS_HEALTH_H
#define NEXACORE_OPS_HEALTH_H

#include "app/app.h"
#include "http/http.h"

struct health;

/* Opens NEXACORE_METRICS_LISTEN on `loop`; `served` is the server whose counters are shown. */
struct problem *health_start(struct app *app, uv_loop_t *loop, struct http_server *served,
                             struct health **ret);
/* From now on /readyz says 503, so that a balancer sends no more requests here. */
void health_draining(struct health *health);
void health_stop(struct health **health);

#endif
