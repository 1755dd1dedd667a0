/* One connection: opening it, sending, taking answers, preparing statements.
 *
 * The rule not to break: libpq answers strictly in order, so every command sent is noted in
 * `pending` and every answer is matched to the oldest note. Only pg_read_pending() takes answers.
 */
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "pg/pg_internal.h"

enum {
    ANSWER_TIMEOUT_MS = 4000,
    CONNECT_TIMEOUT_S = 2,
    CONNECT_PAUSE_US = 300000, /* after a failed connect nobody waits again for this long */
    IDLE_TIMEOUT_MS = 10000,   /* longer than any answer is waited for inside a transaction */
    IDLE_READS_MAX = 64,
};

/* When the last connect of any connection failed: spares each lane its own wait. */
static _Atomic int64_t connect_failed_us;

/* ---- registry ---------------------------------------------------------------------------------*/

static const struct pg_stmt *registry[1024];
static size_t registry_count;

void pg_register(const struct pg_stmt *const *stmts, size_t count)
{
    if (count > ARRAY_LEN(registry) - registry_count) {
        fprintf(stderr, "nexacore: more than %zu SQL statements\n", ARRAY_LEN(registry));
        abort();
    }
    for (size_t i = 0; i < count; i++)
        registry[registry_count++] = stmts[i];
}

size_t pg_registered(const struct pg_stmt *const **ret)
{
    *ret = registry;
    return registry_count;
}

/* ---- connections ------------------------------------------------------------------------------*/

struct pg_conn *pg_conn_new(const char *url, const char *application_name)
{
    struct pg_conn *conn = mem_new(struct pg_conn);
    conn->url = mem_text(url);
    conn->application_name = mem_text(application_name);
    conn->timeout_ms = ANSWER_TIMEOUT_MS;
    conn->idle_ms = IDLE_TIMEOUT_MS;
    return conn;
}

void pg_disconnect(struct pg_conn *conn)
{
    if (conn->pq)
        PQfinish(conn->pq);
    conn->pq = NULL;
    conn->pending_count = 0;
    memset(conn->prepared, 0, sizeof(conn->prepared));
}

void pg_conn_free(struct pg_conn **conn)
{
    if (!*conn)
        return;
    pg_disconnect(*conn);
    free((*conn)->url);
    free((*conn)->application_name);
    free(*conn);
    *conn = NULL;
}

void pg_conn_timeout(struct pg_conn *conn, int timeout_ms)
{
    conn->timeout_ms = timeout_ms;
}

void pg_conn_idle(struct pg_conn *conn, int idle_ms)
{
    conn->idle_ms = idle_ms;
}

const char *pg_sqlstate(const struct pg_conn *conn)
{
    return conn->sqlstate;
}

struct problem *pg_lost(struct pg_conn *conn, struct arena *arena, const char *what)
{
    struct problem *p =
        problem_cause(problem_new(arena, PROBLEM_UNAVAILABLE, "the database does not answer"),
                      "%s: %s", what, conn->pq ? PQerrorMessage(conn->pq) : "no connection");
    p->retry_after_s = 1;
    pg_disconnect(conn);
    return p;
}

/* The server took a whole answer's time: it is not asked again at once, so that what a caller does
 * on the way out (give a key back, write an error down) does not wait a second time. */
static struct problem *timed_out(struct pg_conn *conn, struct arena *arena, const char *what)
{
    conn->pause_until_us = clock_mono_us() + CONNECT_PAUSE_US;
    return pg_lost(conn, arena, what);
}

static void notice_quietly(void *arg, const PGresult *notice)
{
    (void)arg;
    log_debug("postgresql: %s", PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY));
}

static void note(struct pg_conn *conn, enum pending_kind kind, size_t slot)
{
    conn->pending[conn->pending_count++] = (struct pending){kind, slot};
}

/* Has the server end this session when its transaction is left lying, so that a process that was
 * frozen, or a machine that is gone, keeps no rows locked. Travels with the first transaction. A
 * shorter limit of an operator (ALTER ROLE, ALTER DATABASE, postgresql.conf, the URL) stays. */
static bool send_idle_limit(struct pg_conn *conn)
{
    static const char limit[] =
        "SELECT set_config('idle_in_transaction_session_timeout', $1, false) FROM (SELECT"
        " current_setting('idle_in_transaction_session_timeout')::interval AS now) is_set"
        " WHERE now = '0' OR now > $1::interval";
    char ms[16];
    snprintf(ms, sizeof(ms), "%dms", conn->idle_ms);
    if (!PQsendQueryParams(conn->pq, limit, 1, NULL, (const char *const[]){ms}, NULL, NULL, 1) ||
        !PQpipelineSync(conn->pq))
        return false;
    note(conn, PENDING_QUERY, 0);
    note(conn, PENDING_SYNC, 0);
    return true;
}

static struct problem *connect_now(struct pg_conn *conn, struct arena *arena)
{
    int64_t now = clock_mono_us(), failed = atomic_load(&connect_failed_us);
    if (now < conn->pause_until_us || (failed != 0 && now - failed < CONNECT_PAUSE_US))
        return pg_lost(conn, arena, "connect paused");
    char timeout[16];
    snprintf(timeout, sizeof(timeout), "%d", CONNECT_TIMEOUT_S);
    const char *const keys[] = {"dbname",
                                "application_name",
                                "connect_timeout",
                                "client_encoding",
                                "keepalives_idle",
                                "tcp_user_timeout",
                                NULL};
    const char *const values[] = {conn->url, conn->application_name, timeout, "UTF8", "10", "5000",
                                  NULL};
    conn->pq = PQconnectdbParams(keys, values, 1);
    if (PQstatus(conn->pq) != CONNECTION_OK) {
        atomic_store(&connect_failed_us, clock_mono_us());
        return pg_lost(conn, arena, "connect");
    }
    PQsetNoticeReceiver(conn->pq, notice_quietly, NULL);
    if (!PQenterPipelineMode(conn->pq) || PQsetnonblocking(conn->pq, 1) != 0 ||
        !send_idle_limit(conn))
        return pg_lost(conn, arena, "pipeline mode");
    atomic_store(&connect_failed_us, 0);
    return NULL;
}

/* ---- sending and receiving --------------------------------------------------------------------*/

static int64_t deadline_of(const struct pg_conn *conn)
{
    return clock_mono_us() + (int64_t)conn->timeout_ms * 1000;
}

/* Waits for the socket; false when the deadline passed. */
bool pg_wait_io(struct pg_conn *conn, short events, int64_t deadline_us)
{
    for (;;) {
        int64_t left = deadline_us - clock_mono_us();
        if (left <= 0)
            return false;
        struct pollfd fd = {.fd = PQsocket(conn->pq), .events = events};
        int n = poll(&fd, 1, (int)(left / 1000) + 1);
        if (n > 0)
            return true;
        if (n < 0 && errno != EINTR)
            return false;
    }
}

struct problem *pg_flush(struct pg_conn *conn, struct arena *arena)
{
    int64_t deadline = deadline_of(conn);
    for (;;) {
        int left = PQflush(conn->pq);
        if (left == 0)
            return NULL;
        if (left < 0)
            return pg_lost(conn, arena, "send");
        if (!pg_wait_io(conn, POLLIN | POLLOUT, deadline))
            return timed_out(conn, arena, "not taken in time");
        if (!PQconsumeInput(conn->pq))
            return pg_lost(conn, arena, "send");
    }
}

/* One PQgetResult that never blocks past the deadline. NULL in *ret is libpq's end mark. */
static struct problem *next_result(struct pg_conn *conn, struct arena *arena, PGresult **ret)
{
    int64_t deadline = deadline_of(conn);
    while (PQisBusy(conn->pq)) {
        if (!pg_wait_io(conn, POLLIN, deadline))
            return timed_out(conn, arena, "no answer in time");
        if (!PQconsumeInput(conn->pq))
            return pg_lost(conn, arena, "receive");
    }
    *ret = PQgetResult(conn->pq);
    if (!*ret && PQstatus(conn->pq) != CONNECTION_OK)
        return pg_lost(conn, arena, "receive");
    return NULL;
}

static void shift_pending(struct pg_conn *conn)
{
    conn->pending_count--;
    memmove(conn->pending, conn->pending + 1, conn->pending_count * sizeof(conn->pending[0]));
}

bool pg_succeeded(const PGresult *result)
{
    ExecStatusType s = PQresultStatus(result);
    return s == PGRES_COMMAND_OK || s == PGRES_TUPLES_OK || s == PGRES_PIPELINE_SYNC ||
           s == PGRES_EMPTY_QUERY;
}

/* Takes the answer of the oldest command. `ret_result` gets it when it succeeded (else, and for a
 * Sync, NULL); the first failure of the transaction comes back as its problem, aborted followers as
 * NULL. */
static struct problem *read_one(struct pg_conn *conn, struct arena *arena, PGresult **ret_result)
{
    PGresult *result = NULL, *end = NULL;
    TRY(next_result(conn, arena, &result));
    if (!result)
        return pg_lost(conn, arena, "an answer is missing");
    struct pending oldest = conn->pending[0];
    shift_pending(conn);
    if (oldest.kind != PENDING_SYNC) {
        struct problem *p = next_result(conn, arena, &end);
        PQclear(end);
        if (p) {
            PQclear(result);
            return p;
        }
    }
    *ret_result = NULL;
    if (pg_succeeded(result)) {
        if (oldest.kind == PENDING_SYNC)
            PQclear(result);
        else
            *ret_result = result;
        return NULL;
    }
    if (oldest.kind == PENDING_PREPARE)
        conn->prepared[oldest.slot].sent = false;
    struct problem *p = NULL;
    if (PQresultStatus(result) != PGRES_PIPELINE_ABORTED) {
        const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
        snprintf(conn->sqlstate, sizeof(conn->sqlstate), "%s", state ? state : "");
        p = pg_problem(arena, result);
    }
    PQclear(result);
    return p;
}

/* Takes every pending answer; that of the last statement is given when wanted. The first failure is
 * returned. */
struct problem *pg_read_pending(struct pg_conn *conn, struct arena *arena, PGresult **ret_last)
{
    struct problem *first = NULL;
    PGresult *last = NULL;
    while (conn->pq && conn->pending_count > 0) {
        PGresult *result = NULL;
        struct problem *p = read_one(conn, arena, &result);
        if (p && !first)
            first = p;
        if (result) {
            PQclear(last);
            last = result;
        }
    }
    if (ret_last && !first)
        *ret_last = last;
    else
        PQclear(last);
    return first;
}

/* Sends a Sync, which ends an implicit transaction and an aborted pipeline. */
struct problem *pg_send_sync(struct pg_conn *conn, struct arena *arena)
{
    if (!PQpipelineSync(conn->pq))
        return pg_lost(conn, arena, "sync");
    note(conn, PENDING_SYNC, 0);
    return pg_flush(conn, arena);
}

/* ---- before a transaction ---------------------------------------------------------------------*/

/* True when the server closed a connection that lay idle: seen before anything is sent. Reads until
 * nothing more is there, because the end may lie behind a notification or a last message. */
static bool closed_while_idle(struct pg_conn *conn)
{
    for (int i = 0; i < IDLE_READS_MAX; i++) {
        struct pollfd fd = {.fd = PQsocket(conn->pq), .events = POLLIN};
        if (poll(&fd, 1, 0) <= 0)
            return false;
        if (!PQconsumeInput(conn->pq) || PQstatus(conn->pq) != CONNECTION_OK)
            return true;
    }
    return false;
}

/* A connection with nothing under way. What the last read left (the answer to its Sync) is taken
 * here; a connection that was closed meanwhile is opened again, so that a server that came back is
 * not one more failure to each connection. One that does not answer is a problem. */
struct problem *pg_ready(struct pg_conn *conn, struct arena *arena)
{
    if (conn->pq && conn->pending_count > 0)
        pg_read_pending(conn, arena, NULL); /* its rows were given out already: nothing to report */
    if (conn->pq && (PQstatus(conn->pq) != CONNECTION_OK || closed_while_idle(conn)))
        pg_disconnect(conn);
    return conn->pq ? NULL : connect_now(conn, arena);
}

struct problem *pg_raw(struct pg_conn *conn, struct arena *arena, PGconn **ret)
{
    TRY(pg_ready(conn, arena));
    TRY(pg_flush(conn, arena));
    TRY(pg_read_pending(conn, arena, NULL));
    *ret = conn->pq;
    return NULL;
}

/* ---- prepared statements ----------------------------------------------------------------------*/

/* The slot of a statement under the current role: open addressing by pointer. */
static size_t slot_of(const struct pg_conn *conn, const struct pg_stmt *stmt)
{
    uint64_t h =
        ((uintptr_t)stmt >> 4) * 0x9E3779B97F4A7C15ULL + conn->role * 0x632BE59BD9B4E019ULL;
    size_t at = (size_t)(h >> 32) & (PREPARED_SLOTS - 1);
    while (conn->prepared[at].stmt &&
           (conn->prepared[at].stmt != stmt || conn->prepared[at].role != conn->role))
        at = (at + 1) & (PREPARED_SLOTS - 1);
    return at;
}

struct problem *pg_send_stmt(struct pg_conn *conn, struct arena *arena, const struct pg_stmt *stmt,
                             const struct pg_param *params, size_t count)
{
    if (!conn->pq)
        return pg_lost(conn, arena, "send");
    if (conn->pending_count + 3 > PENDING_MAX)
        return problem_new(arena, PROBLEM_INTERNAL, "too many statements wait in one flush");
    size_t slot = slot_of(conn, stmt);
    char name[96];
    snprintf(name, sizeof(name), "%u_%s", conn->role, stmt->name);
    if (!conn->prepared[slot].sent) {
        conn->prepared[slot] = (struct prepared){stmt, conn->role, true};
        if (!PQsendPrepare(conn->pq, name, stmt->sql, (int)count, NULL))
            return pg_lost(conn, arena, "prepare");
        note(conn, PENDING_PREPARE, slot);
    }
    struct pg_wire wire;
    pg_wire_make(arena, params, count, &wire);
    if (!PQsendQueryPrepared(conn->pq, name, (int)count, wire.values, wire.lengths, wire.formats,
                             1))
        return pg_lost(conn, arena, "send");
    note(conn, PENDING_QUERY, 0);
    return NULL;
}
