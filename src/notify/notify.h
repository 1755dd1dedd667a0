/* Paging: push messages and SMS of the queue alert-dispatch, and what the providers call back
 * (SPEC 9).
 *
 * The rule not to break: a send is claim, call, record. The claim is committed before the provider
 * is called and no transaction is open during the call, so whoever dies anywhere leaves a trace
 * that the next worker understands. What leaves this house names no patient and no reason. */
#ifndef NEXACORE_NOTIFY_H
#define NEXACORE_NOTIFY_H

#include "app/features.h"

/* For `nexacore doctor`: asks the provider of push messages for a token, sends nothing. NULL when
 * it was given, else a code that says why not. May wait 4 s. */
const char *notify_push_check(struct app *app, struct arena *arena);

extern const struct http_route notify_routes[];
extern const size_t notify_route_count;
extern const struct work_queue notify_queues[];
extern const size_t notify_queue_count;

#endif
