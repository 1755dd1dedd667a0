/* One hiredis connection on the loop that comes back by itself.
 *
 * The rule not to break: `up` is called each time the connection stands and is signed in, `down`
 * each time it is lost; commands are sent between the two and their callbacks get a NULL reply
 * when the connection was lost first. */
#ifndef SOCKETIO_REDIS_LINK_H
#define SOCKETIO_REDIS_LINK_H

#include <hiredis/async.h>

#include "socketio/engine.h"

struct redis_address {
    char host[256];
    int port;
    char user[64], password[256];
    unsigned db;
};

/* redis://[[user]:password@]host[:port][/db] (IANA registration "redis"). */
bool redis_address_parse(struct str url, struct redis_address *ret);

struct redis_link {
    struct eio *eio; /* its loop, and its count of open handles */
    const struct redis_address *address;
    void (*up)(struct redis_link *link);
    void (*down)(struct redis_link *link);
    void *user;
    redisAsyncContext *ctx; /* NULL while down */
    uv_timer_t retry;
    struct sio_pool polls;
    unsigned wait_ms;        /* before the next try */
    unsigned silence_max_ms; /* a standing connection may be silent this long; 0: for ever */
    bool is_up;
    bool refused; /* a command of signing in was */
    bool closing;
};

void redis_link_start(struct redis_link *link); /* the fields up to `user` are set */
/* Gives the connection up, so that it begins anew. Not from within a reply's callback. */
void redis_link_lost(struct redis_link *link);
/* An answer came: the silence begins again. */
void redis_link_heard(struct redis_link *link);
/* Ends for good; `gently` lets what was sent be answered first, for at most 2 s. */
void redis_link_close(struct redis_link *link, bool gently);
void redis_link_free(struct redis_link *link); /* after the loop has closed its handles */

#endif
