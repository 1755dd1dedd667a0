/* Inside the live channel: live.c (life), entry.c (who comes in), roll.c (who may stay), names.c
 * (sealed names).
 *
 * The rule not to break: the loop never waits. What asks the database or verifies a signature is a
 * task of libuv's thread pool and comes back to the loop with its result: the loop runs until all
 * have, so live_free finds none. */
#ifndef NEXACORE_LIVE_INTERNAL_H
#define NEXACORE_LIVE_INTERNAL_H

#include <pthread.h>

#include "auth/auth.h"
#include "live/live.h"
#include "socketio/socketio.h"

struct entry;

/* Connections that wait for a decision, the first come first; one batch of them at a time is in the
 * pool. */
struct live_line {
    struct entry *first, *last;
    size_t count, bytes; /* bytes: of tokens */
    enum auth_patience patience;
    bool checking; /* a batch is in the pool */
};

struct live {
    struct app *app;
    uv_loop_t *loop;
    struct arena *arena; /* of start-up */
    struct sio_server *server;
    struct sio_namespace *root;
    uv_timer_t sweep;
    unsigned sweeps;
    bool asking;  /* whether users may still stay is being asked */
    bool loading; /* keys for an event that waits */
    bool unasked; /* the last time they were asked for in vain */
    bool stopping;
    struct live_line line;      /* who came in */
    struct live_line strangers; /* of them: whose key the issuer has to be asked for */
    struct uuid loaded;         /* the clinic whose keys were last read for an event that waited, */
    int64_t loaded_us;          /* and when, monotonic */
    struct {
        uint64_t accepted, refused, busy, expired, withdrawn, resyncs, unasked;
    } counts;
    /* The thread pool's connection; its threads take turns. */
    pthread_mutex_t db_lock;
    struct pg_conn *db;
};

/* What the server keeps of a socket. */
struct session {
    struct auth_claims claims; /* once accepted */
    struct entry *entry;       /* while it waits for that */
};

/* The room of everybody of a clinic. */
const char *live_room_clinic(struct arena *arena, struct uuid clinic);

/* In the pool: the clinic's keys into memory, so that the loop never waits for them. `warm` is
 * content with keys as fresh as anybody's; `read` asks the database. */
struct problem *live_keys_warm(struct live *live, struct arena *arena, struct uuid clinic);
struct problem *live_keys_read(struct live *live, struct arena *arena, struct uuid clinic);

/* entry.c: before anybody comes. */
void live_entry_init(struct live *live);
/* The namespace's `connect`; auth: {"token": "<JWT>"}. */
void live_on_connect(struct sio_socket *socket, struct str auth, void *user);
/* The socket is gone (NULL: it had none): frees the session and gives up its place in a line. */
void live_session_end(struct session *session);

/* names.c: the namespace's `rewrite`; opens {"$phi"} values. */
enum sio_rewrite live_on_rewrite(struct str event, struct str args, struct buf *out, void *user);

/* roll.c: asks whether everybody who is connected still may be, and closes who may not. */
void live_roll_begin(struct live *live);
/* In the pool, holding db_lock: which of `claims` do not match an active user of an active clinic,
 * whatever was true a moment ago. `ret_gone` has `count` entries. */
struct problem *live_roll_query(struct live *live, struct arena *arena,
                                const struct auth_claims *const *claims, size_t count,
                                bool *ret_gone);

#endif
