/* Pipelined transactions: what travels in which flush, and the way out of one that failed.
 *
 * The rule not to break: however a transaction ends, its connection is outside any transaction
 * afterwards, or closed. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "pg/pg_internal.h"

/* ---- transactions -----------------------------------------------------------------------------*/

static const struct pg_stmt begin_stmt = {"begin", "BEGIN"};
static const struct pg_stmt commit_stmt = {"commit", "COMMIT"};
static const struct pg_stmt rollback_stmt = {"rollback", "ROLLBACK"};
#define SET_ONE(a, b) "set_config($" #a ",$" #b ",true)"
static const struct pg_stmt settings_stmts[] = {
    {"settings1", "SELECT " SET_ONE(1, 2)},
    {"settings2", "SELECT " SET_ONE(1, 2) "," SET_ONE(3, 4)},
    {"settings3", "SELECT " SET_ONE(1, 2) "," SET_ONE(3, 4) "," SET_ONE(5, 6)},
    {"settings4", "SELECT " SET_ONE(1, 2) "," SET_ONE(3, 4) "," SET_ONE(5, 6) "," SET_ONE(7, 8)},
    {"settings5", "SELECT " SET_ONE(1, 2) "," SET_ONE(3, 4) "," SET_ONE(5, 6) "," SET_ONE(
                      7, 8) "," SET_ONE(9, 10)},
    {"settings6", "SELECT " SET_ONE(1, 2) "," SET_ONE(3, 4) "," SET_ONE(5, 6) "," SET_ONE(
                      7, 8) "," SET_ONE(9, 10) "," SET_ONE(11, 12)},
};

static unsigned role_number(struct pg_conn *conn, const char *role)
{
    if (!role)
        return 0;
    for (unsigned i = 1; i < ROLES_MAX; i++) {
        if (!conn->roles[i])
            conn->roles[i] = role;
        if (strcmp(conn->roles[i], role) == 0)
            return i;
    }
    fprintf(stderr, "nexacore: more database roles than one connection knows\n");
    abort();
}

/* The settings statement is prepared before the role changes, so it belongs to role 0. */
static struct problem *send_settings(struct pg_tx *tx, const char *role,
                                     const struct pg_setting *settings, size_t count)
{
    struct pg_param params[ARRAY_LEN(settings_stmts) * 2];
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        params[n++] = PG_P_Z(settings[i].name);
        params[n++] = PG_P_Z(settings[i].value);
    }
    if (tx->read_only) {
        params[n++] = PG_P_Z("transaction_read_only");
        params[n++] = PG_P_Z("on");
    }
    if (role) {
        params[n++] = PG_P_Z("role");
        params[n++] = PG_P_Z(role);
    }
    if (n == 0)
        return NULL;
    return pg_send_stmt(tx->conn, tx->arena, &settings_stmts[n / 2 - 1], params, n);
}

struct problem *pg_tx_begin(struct pg_tx *tx, struct pg_conn *conn, struct arena *arena,
                            enum pg_mode mode, const char *role, const struct pg_setting *settings,
                            size_t setting_count)
{
    TRY(pg_ready(conn, arena));
    conn->sqlstate[0] = '\0';
    conn->role = 0;
    *tx = (struct pg_tx){
        .conn = conn, .arena = arena, .read_only = mode != PG_WRITE, .one = mode == PG_READ_ONE};
    if (setting_count + 2 > ARRAY_LEN(settings_stmts))
        return problem_new(arena, PROBLEM_INTERNAL, "too many settings for one transaction");
    tx->open = true;
    if (mode == PG_WRITE)
        TRY(pg_send_stmt(conn, tx->arena, &begin_stmt, NULL, 0));
    TRY(send_settings(tx, role, settings, setting_count));
    conn->role = role_number(conn, role);
    return NULL;
}

/* Asks for the answers so far. A Sync would end an implicit transaction, so a read has a flush
 * request; after BEGIN it ends nothing, and without it the server does not count the session as
 * idle in a transaction, so that its limit (pg_conn_idle) would never pass. */
static struct problem *send_now(struct pg_tx *tx)
{
    struct pg_conn *conn = tx->conn;
    if (!conn->pq)
        return pg_lost(conn, tx->arena, "send");
    if (!tx->read_only)
        return pg_send_sync(conn, tx->arena);
    if (!PQsendFlushRequest(conn->pq))
        return pg_lost(conn, tx->arena, "flush");
    return pg_flush(conn, tx->arena);
}

/* Sends what is queued with a request to answer now, and takes all answers. */
static struct problem *round_trip(struct pg_tx *tx, PGresult **ret_last)
{
    struct pg_conn *conn = tx->conn;
    TRY(send_now(tx));
    struct problem *p = pg_read_pending(conn, tx->arena, ret_last);
    if (p)
        tx->failed = true;
    return p;
}

/* The same with the end of the transaction in the same packet. */
static struct problem *last_trip(struct pg_tx *tx, PGresult **ret_last)
{
    TRY(pg_send_sync(tx->conn, tx->arena));
    struct problem *p = pg_read_pending(tx->conn, tx->arena, ret_last);
    tx->open = false;
    tx->failed = p != NULL;
    return p;
}

static struct problem *usable(const struct pg_tx *tx)
{
    if (tx->open && !tx->failed)
        return NULL;
    return problem_new(tx->arena, PROBLEM_INTERNAL, "a statement was sent outside a transaction");
}

struct problem *pg_query(struct pg_tx *tx, const struct pg_stmt *stmt,
                         const struct pg_param *params, size_t count, struct pg_result **ret)
{
    TRY(usable(tx));
    TRY(pg_send_stmt(tx->conn, tx->arena, stmt, params, count));
    PGresult *rows = NULL;
    TRY(tx->one ? last_trip(tx, &rows) : round_trip(tx, &rows));
    struct pg_result *result = arena_make(tx->arena, struct pg_result);
    *result = (struct pg_result){.rows = rows, .arena = tx->arena, .next = tx->results};
    tx->results = result;
    *ret = result;
    return NULL;
}

struct problem *pg_exec(struct pg_tx *tx, const struct pg_stmt *stmt, const struct pg_param *params,
                        size_t count, size_t *ret_rows)
{
    struct pg_result *result;
    TRY(pg_query(tx, stmt, params, count, &result));
    uint64_t rows = 0;
    str_u64(str_of(PQcmdTuples(result->rows)), UINT64_MAX, &rows);
    if (ret_rows)
        *ret_rows = (size_t)rows;
    return NULL;
}

struct problem *pg_queue(struct pg_tx *tx, const struct pg_stmt *stmt,
                         const struct pg_param *params, size_t count)
{
    TRY(usable(tx));
    if (tx->conn->pending_count + 8 > PENDING_MAX)
        TRY(round_trip(tx, NULL));
    return pg_send_stmt(tx->conn, tx->arena, stmt, params, count);
}

struct problem *pg_tx_commit(struct pg_tx *tx)
{
    struct pg_conn *conn = tx->conn;
    if (tx->one && !tx->open && !tx->failed)
        return NULL; /* it ended with its query */
    TRY(usable(tx));
    if (tx->read_only) {
        if (conn->pending_count > 0)
            TRY(round_trip(tx, NULL));
        tx->open = false;
        return pg_send_sync(conn, tx->arena); /* its answer is taken by the next begin */
    }
    conn->role = 0;
    TRY(pg_send_stmt(conn, tx->arena, &commit_stmt, NULL, 0));
    TRY(pg_send_sync(conn, tx->arena));
    struct problem *p = pg_read_pending(conn, tx->arena, NULL);
    if (p) {
        tx->failed = true;
        return p;
    }
    tx->open = false;
    return NULL;
}

/* Leaves the connection outside any transaction, or closed. */
static void roll_back(struct pg_tx *tx)
{
    struct pg_conn *conn = tx->conn;
    if (!conn->pq)
        return;
    struct problem *p = pg_send_sync(conn, tx->arena);
    if (!p)
        pg_read_pending(conn, tx->arena, NULL); /* failures in here were reported already */
    if (tx->read_only || !conn->pq || PQtransactionStatus(conn->pq) == PQTRANS_IDLE)
        return;
    conn->role = 0;
    p = pg_send_stmt(conn, tx->arena, &rollback_stmt, NULL, 0);
    if (!p)
        p = pg_send_sync(conn, tx->arena);
    if (!p)
        p = pg_read_pending(conn, tx->arena, NULL);
    if (p && conn->pq)
        pg_disconnect(conn);
}

void pg_tx_end(struct pg_tx *tx)
{
    if (!tx->conn)
        return;
    if (tx->open)
        roll_back(tx);
    for (struct pg_result *r = tx->results; r; r = r->next)
        PQclear(r->rows);
    *tx = PG_TX_NONE;
}

struct problem *pg_script(struct pg_tx *tx, const char *sql)
{
    struct pg_conn *conn = tx->conn;
    TRY(usable(tx));
    if (tx->read_only)
        return problem_new(tx->arena, PROBLEM_INTERNAL, "a script needs a writing transaction");
    TRY(pg_send_sync(conn, tx->arena));
    TRY(pg_read_pending(conn, tx->arena, NULL));
    if (!PQexitPipelineMode(conn->pq) || PQsetnonblocking(conn->pq, 0) != 0)
        return pg_lost(conn, tx->arena, "pipeline mode");
    PGresult *result = PQexec(conn->pq, sql);
    struct problem *p = NULL;
    if (PQstatus(conn->pq) != CONNECTION_OK) {
        PQclear(result);
        return pg_lost(conn, tx->arena, "script");
    }
    if (!pg_succeeded(result)) {
        tx->failed = true;
        const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
        snprintf(conn->sqlstate, sizeof(conn->sqlstate), "%s", state ? state : "");
        p = pg_problem(tx->arena, result);
    }
    PQclear(result);
    if (!PQenterPipelineMode(conn->pq) || PQsetnonblocking(conn->pq, 1) != 0)
        return pg_lost(conn, tx->arena, "pipeline mode");
    return p;
}

struct problem *pg_wait_notify(struct pg_conn *conn, struct arena *arena, int timeout_ms,
                               bool *ret_notified)
{
    *ret_notified = false;
    if (!conn->pq)
        return pg_lost(conn, arena, "wait");
    TRY(pg_read_pending(conn, arena, NULL));
    int64_t deadline = clock_mono_us() + (int64_t)timeout_ms * 1000;
    for (;;) {
        PGnotify *n = PQnotifies(conn->pq);
        if (n) {
            PQfreemem(n);
            *ret_notified = true;
            continue; /* take all that came */
        }
        if (*ret_notified || !pg_wait_io(conn, POLLIN, deadline))
            return NULL;
        if (!PQconsumeInput(conn->pq))
            return pg_lost(conn, arena, "receive");
    }
}
