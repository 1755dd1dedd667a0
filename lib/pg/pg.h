/* PostgreSQL for straight-line code: pipelined transactions with settings, prepared statements.
 *
 * A lane thread owns one `struct pg_conn` and nobody else touches it. A transaction's BEGIN, its
 * settings and its first statement travel in one flush (libpq pipeline mode), so a read costs one
 * round trip. Statements are static tables prepared on first use per connection and database role
 * (a plan made under another role would carry the wrong policies).
 *
 * Results are binary: read them with the pg_get functions, which check the column's length.
 * A lost connection is PROBLEM_UNAVAILABLE; the next pg_tx_begin reconnects (at most one try a
 * call, bounded by `connect_timeout`, so that a request answers 503 in time). One that was closed
 * while it lay idle is opened again at once. */
#ifndef NEXACORE_PG_H
#define NEXACORE_PG_H

#include <libpq-fe.h>

#include "base/problem.h"
#include "base/uuid.h"

#define PG_PARAMS_MAX 24

/* One SQL statement, `static const` beside the code that runs it. A test PREPAREs each one. */
struct pg_stmt {
    const char *name; /* unique: "patients_by_id" */
    const char *sql;  /* $1.. with explicit casts where the type is not plain from the column */
};

/* Registers a table of statements for pg_registered(), so that tests can prepare every one.
 * Called by the application's wiring; the table must be static. */
void pg_register(const struct pg_stmt *const *stmts, size_t count);
size_t pg_registered(const struct pg_stmt *const **ret);

enum pg_kind { PG_NULL, PG_UUID, PG_TEXT, PG_BYTES, PG_INT, PG_BOOL, PG_TIME, PG_REAL };

/* A parameter. Its SQL type is what the statement says (column or cast), never what is passed: all
 * kinds travel in text form but PG_BYTES, which is binary and belongs to a bytea. */
struct pg_param {
    enum pg_kind kind;
    union {
        struct uuid uuid;
        struct str str;
        int64_t i64;
        double real;
        bool flag;
    };
};

#define PG_P_NULL     ((struct pg_param){.kind = PG_NULL})
#define PG_P_UUID(v)  ((struct pg_param){.kind = PG_UUID, .uuid = (v)})
#define PG_P_TEXT(v)  ((struct pg_param){.kind = PG_TEXT, .str = (v)})
#define PG_P_Z(v)     ((struct pg_param){.kind = PG_TEXT, .str = str_of(v)})
#define PG_P_BYTES(v) ((struct pg_param){.kind = PG_BYTES, .str = (v)})
#define PG_P_INT(v)   ((struct pg_param){.kind = PG_INT, .i64 = (v)})
#define PG_P_BOOL(v)  ((struct pg_param){.kind = PG_BOOL, .flag = (v)})
#define PG_P_TIME(us) ((struct pg_param){.kind = PG_TIME, .i64 = (us)})
/* The same, NULL where the value is absent. */
#define PG_P_UUID_OR_NULL(v) (uuid_is_none(v) ? PG_P_NULL : PG_P_UUID(v))
#define PG_P_TEXT_OR_NULL(v) ((v).p ? PG_P_TEXT(v) : PG_P_NULL)
#define PG_P_TIME_OR_NULL(v) ((v) ? PG_P_TIME(v) : PG_P_NULL)

struct pg_conn;

/* Opens nothing yet: the first transaction connects. `url` is copied. */
struct pg_conn *pg_conn_new(const char *url, const char *application_name);
void pg_conn_free(struct pg_conn **conn);

/* Longest wait for an answer before the connection is given up; 4000 ms unless set. */
void pg_conn_timeout(struct pg_conn *conn, int timeout_ms);

/* How long the server lets a writing transaction lie between two statements before it ends the
 * session (idle_in_transaction_session_timeout), rolling back and giving its locks free: 10000 ms
 * unless set before the first transaction. A frozen process, or a machine that is gone, so holds up
 * nobody for long; when it wakes, its next statement is PROBLEM_UNAVAILABLE and nothing of the
 * transaction was done. A shorter limit that an operator gave role, database or server stays. */
void pg_conn_idle(struct pg_conn *conn, int idle_ms);

/* One setting made local to a transaction with set_config(name, value, true). */
struct pg_setting {
    const char *name;
    const char *value;
};

/* Rows of one statement. Dies with pg_tx_end; what the pg_get functions return lives in the arena.
 */
struct pg_result;

struct pg_tx {
    struct pg_conn *conn; /* NULL: not begun */
    struct arena *arena;
    bool open;   /* BEGIN sent, neither committed nor rolled back */
    bool failed; /* a statement failed: only rollback is left */
    bool read_only;
    bool one; /* PG_READ_ONE */
    struct pg_result *results;
};

#define PG_TX_NONE ((struct pg_tx){.conn = NULL})

enum pg_mode {
    PG_READ,     /* read only: one implicit transaction, no BEGIN and no COMMIT round trip */
    PG_READ_ONE, /* the same for one pg_query: the end travels with it, so the server wakes once */
    PG_WRITE,    /* BEGIN */
};

/* Begins: BEGIN and the settings are queued and travel with the first statement.
 * `role` is the database role for this transaction (set_config('role', role, true)), or NULL. */
struct problem *pg_tx_begin(struct pg_tx *tx, struct pg_conn *conn, struct arena *arena,
                            enum pg_mode mode, const char *role, const struct pg_setting *settings,
                            size_t setting_count);

/* Runs one statement and waits for its result. SQLSTATE classes map to problems: 23505 and 23P01
 * conflict, 23503 not found, 23514 and 22xxx unprocessable, 40001/40P01 conflict (retry), 55P03
 * conflict, 57xxx/08xxx unavailable, 42501 forbidden; the detail is generic, `cause` has the text
 * of the server's primary message (which never holds row values). */
struct problem *pg_query(struct pg_tx *tx, const struct pg_stmt *stmt,
                         const struct pg_param *params, size_t count, struct pg_result **ret);

/* The same where rows do not matter; `ret_rows` (may be NULL) is the number of rows affected. */
struct problem *pg_exec(struct pg_tx *tx, const struct pg_stmt *stmt, const struct pg_param *params,
                        size_t count, size_t *ret_rows);

/* Queues a statement without waiting; its failure shows at the next wait or at commit. */
struct problem *pg_queue(struct pg_tx *tx, const struct pg_stmt *stmt,
                         const struct pg_param *params, size_t count);

/* SQL text without parameters, for migrations and tools only (several statements allowed). */
struct problem *pg_script(struct pg_tx *tx, const char *sql);

#define PG_QUERY(tx, stmt, ret, ...)                                                               \
    pg_query((tx), (stmt), (const struct pg_param[]){__VA_ARGS__},                                 \
             sizeof((const struct pg_param[]){__VA_ARGS__}) / sizeof(struct pg_param), (ret))
#define PG_EXEC(tx, stmt, ret_rows, ...)                                                           \
    pg_exec((tx), (stmt), (const struct pg_param[]){__VA_ARGS__},                                  \
            sizeof((const struct pg_param[]){__VA_ARGS__}) / sizeof(struct pg_param), (ret_rows))
#define PG_QUEUE(tx, stmt, ...)                                                                    \
    pg_queue((tx), (stmt), (const struct pg_param[]){__VA_ARGS__},                                 \
             sizeof((const struct pg_param[]){__VA_ARGS__}) / sizeof(struct pg_param))

/* Commits and waits; a statement that was queued and failed fails it, and nothing is changed. */
struct problem *pg_tx_commit(struct pg_tx *tx);

/* For CLEANUP(pg_tx_end): rolls back unless committed, releases results. */
void pg_tx_end(struct pg_tx *tx);

/* The SQLSTATE of the last failed statement on this connection, "" when none. */
const char *pg_sqlstate(const struct pg_conn *conn);

/* Results. Rows and columns count from 0; a wrong column or length ends the process (our SQL). */
size_t pg_rows(const struct pg_result *r);
bool pg_is_null(const struct pg_result *r, size_t row, int col);
struct uuid pg_get_uuid(const struct pg_result *r, size_t row, int col); /* NULL -> UUID_NONE */
struct str pg_get_str(const struct pg_result *r, size_t row,
                      int col); /* text, bytea, json, jsonb; NULL -> p NULL */
int64_t pg_get_int(const struct pg_result *r, size_t row,
                   int col);                                      /* int2, int4, int8; NULL -> 0 */
bool pg_get_bool(const struct pg_result *r, size_t row, int col); /* NULL -> false */
int64_t pg_get_time(const struct pg_result *r, size_t row,
                    int col); /* timestamptz -> wall us; NULL -> 0; infinity -> INT64_MIN, _MAX */
double pg_get_real(const struct pg_result *r, size_t row, int col); /* float8; NULL -> 0 */

/* Waits up to `timeout_ms` for a NOTIFY on the connection (outside transactions), after
 * `LISTEN channel` was run with pg_script. True when one came. A lost connection is
 * PROBLEM_UNAVAILABLE and not opened again: it would listen to nothing. */
struct problem *pg_wait_notify(struct pg_conn *conn, struct arena *arena, int timeout_ms,
                               bool *ret_notified);

/* The raw connection for COPY and for tests; connects when needed. */
struct problem *pg_raw(struct pg_conn *conn, struct arena *arena, PGconn **ret);

#endif
