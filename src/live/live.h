/* The live channel: Socket.IO events to signed-in users (SPEC 10).
 *
 * Rooms come from verified claims alone: "c:<clinic>:<ROLE>" and "u:<user>". Events arrive from
 * the Redis stream (written by the outbox relay after commit), never from a handler directly. */
#ifndef NEXACORE_LIVE_H
#define NEXACORE_LIVE_H

#include "http/http.h"
#include "tenancy/ctx.h"

/* Names of the rooms an event is sent to: a role within a clinic, one user. In the arena. */
const char *live_room_role(struct arena *arena, struct uuid clinic, enum role role);
const char *live_room_user(struct arena *arena, struct uuid user);

/* Beside SPEC 10's events: something may have been lost, so read again over REST. To everybody: of
 * one node, whose stream was trimmed before it was read, or of all, when Redis lost its memory. */
#define LIVE_RESYNC       "live:resync"
#define LIVE_RESYNC_GAP   "[{\"reason\":\"gap\"}]"
#define LIVE_RESYNC_REDIS "[{\"reason\":\"redis\"}]"

struct live;
/* Adds /socket.io/ to the server. Runs on its loop; closes sockets at token expiry, and within 5 s
 * when the user is deactivated or has another role or clinic. */
struct problem *live_start(struct app *app, uv_loop_t *loop, struct http_server *server,
                           struct live **ret);
/* Disconnects everybody; the loop then runs until nothing is left of it. */
void live_stop(struct live *live);
/* Appends what it counts, in the text format of Prometheus. On the loop. */
void live_metrics(const struct live *live, struct buf *out);
/* Releases after the loop ended. */
void live_free(struct live **live);

#endif
