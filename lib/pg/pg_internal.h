/* Shared by the files of lib/pg only. */
#ifndef NEXACORE_PG_INTERNAL_H
#define NEXACORE_PG_INTERNAL_H

#include "pg/pg.h"

enum {
    PENDING_MAX = 256,
    PREPARED_SLOTS = 1024, /* power of two; statements of the whole product fit several times */
    ROLES_MAX = 4,
};

enum pending_kind { PENDING_PREPARE, PENDING_QUERY, PENDING_SYNC };

struct pending {
    enum pending_kind kind;
    size_t slot; /* PENDING_PREPARE: of the statement */
};

/* A slot, once taken, stays its statement's as long as the connection: a probe past it must not end
 * there. When the server refused to prepare it, it is sent again. */
struct prepared {
    const struct pg_stmt *stmt;
    unsigned role;
    bool sent;
};

struct pg_conn {
    PGconn *pq;
    char *url;
    char *application_name;
    int timeout_ms, idle_ms;
    struct pending pending[PENDING_MAX];
    size_t pending_count;
    struct prepared prepared[PREPARED_SLOTS];
    const char *roles[ROLES_MAX]; /* 0: none */
    unsigned role;                /* of the open transaction */
    int64_t pause_until_us;       /* after a wait that took its whole time: no connect before */
    char sqlstate[6];
};

struct pg_result {
    PGresult *rows;
    struct arena *arena;
    struct pg_result *next;
};

/* Parameters in the form libpq sends; texts live in `arena`. */
struct pg_wire {
    const char *values[PG_PARAMS_MAX];
    int lengths[PG_PARAMS_MAX];
    int formats[PG_PARAMS_MAX];
};
void pg_wire_make(struct arena *arena, const struct pg_param *params, size_t count,
                  struct pg_wire *ret);

/* What a failed result means to a caller (SQLSTATE classes, see pg_query). */
struct problem *pg_problem(struct arena *arena, const PGresult *failed);

/* ---- of one connection (pg_conn.c) ------------------------------------------------------------*/

/* A connection with nothing under way, opened (again) when it has to be. What the last read left
 * (the answer to its Sync) is taken here. One that does not answer is a problem. */
struct problem *pg_ready(struct pg_conn *conn, struct arena *arena);

/* Closes; what was prepared and pending is forgotten. */
void pg_disconnect(struct pg_conn *conn);

/* Closes and says so: PROBLEM_UNAVAILABLE, `what` and libpq's words for the log. */
struct problem *pg_lost(struct pg_conn *conn, struct arena *arena, const char *what);

/* Queues a statement under conn->role, prepared on the way when it is new to this connection. */
struct problem *pg_send_stmt(struct pg_conn *conn, struct arena *arena, const struct pg_stmt *stmt,
                             const struct pg_param *params, size_t count);

/* Sends a Sync, which ends an implicit transaction and an aborted pipeline. */
struct problem *pg_send_sync(struct pg_conn *conn, struct arena *arena);

/* Sends what is queued. */
struct problem *pg_flush(struct pg_conn *conn, struct arena *arena);

/* Takes every pending answer; that of the last statement is given when wanted. The first failure is
 * returned. */
struct problem *pg_read_pending(struct pg_conn *conn, struct arena *arena, PGresult **ret_last);

/* Waits for the socket; false when the deadline passed. */
bool pg_wait_io(struct pg_conn *conn, short events, int64_t deadline_us);

/* True for a result that is no failure. */
bool pg_succeeded(const PGresult *result);

#endif
