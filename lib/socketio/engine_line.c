/* New connections in line: where options->opens_per_s is set, handshakes beyond it wait their turn,
 * so that thousands who come back at once leave the loop to everybody else.
 *
 * The rule not to break: a request in line belongs to it until it is opened, answered or aborted.
 */
#include "socketio/engine.h"

#include "base/clock.h"

enum { BURST_US = 20000 }; /* this much of unused time may be spent at once */

/* Whether one more may be opened now; then its time is taken. */
static bool turn_take(struct eio *eio)
{
    int64_t now = clock_mono_us();
    if (eio->opened_until_us < now - BURST_US)
        eio->opened_until_us = now - BURST_US;
    if (eio->opened_until_us > now)
        return false;
    eio->opened_until_us += 1000000 / eio->options.opens_per_s;
    return true;
}

static struct eio_waiter *waiter_out(struct eio_waiter *waiter)
{
    sio_list_del(&waiter->line);
    waiter->eio->in_line--;
    return waiter;
}

static void waiter_aborted(void *arg)
{
    struct eio_waiter *waiter = waiter_out(arg);
    sio_pool_give(&waiter->eio->waiters, waiter);
}

bool eio_line_wait(struct eio *eio, struct http_request *rq, bool websocket, const char *cors)
{
    if (!eio->options.opens_per_s || (sio_list_empty(&eio->line) && turn_take(eio)))
        return false;
    struct eio_waiter *waiter = sio_pool_take(&eio->waiters);
    waiter->eio = eio;
    waiter->rq = rq;
    waiter->cors = cors;
    waiter->websocket = websocket;
    if (sio_list_empty(&eio->line))
        eio_due_set(eio, DUE_OPEN, &eio->line_due, eio->opened_until_us);
    sio_list_add(&eio->line, &waiter->line);
    eio->in_line++;
    eio->stats.delayed++;
    http_on_abort(rq, waiter_aborted, waiter);
    return true;
}

/* The first in line, out of it. */
static struct eio_waiter line_next(struct eio *eio)
{
    struct eio_waiter *waiter = waiter_out(SIO_OF(eio->line.next, struct eio_waiter, line));
    struct eio_waiter ret = *waiter;
    sio_pool_give(&eio->waiters, waiter);
    http_on_abort(ret.rq, NULL, NULL);
    return ret;
}

void eio_line_fire(struct eio *eio, struct eio_deadline *deadline)
{
    while (!sio_list_empty(&eio->line) && turn_take(eio)) {
        struct eio_waiter next = line_next(eio);
        eio_open(eio, next.rq, http_response_of(next.rq), next.websocket, next.cors);
    }
    if (!sio_list_empty(&eio->line))
        eio_due_set(eio, DUE_OPEN, deadline, eio->opened_until_us);
}

void eio_line_close(struct eio *eio)
{
    while (!sio_list_empty(&eio->line)) {
        struct http_request *rq = line_next(eio).rq;
        struct http_response *rs = http_response_of(rq);
        rs->status = 503;
        rs->close = true;
        http_reply(rq, rs);
    }
}
