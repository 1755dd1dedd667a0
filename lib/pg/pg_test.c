/* Tests of lib/pg. Those of parameters need no server; the others run where NEXACORE_PG_TEST_URL
 * names an empty database of its own (test/integration/pg.test.mjs starts one), as a user who may
 * create tables and become libpg_reader. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "pg/pg_internal.h"

/* ---- without a server -------------------------------------------------------------------------*/

static void test_times_keep_their_microseconds_before_and_after_1970(void **state)
{
    (void)state;
    static const struct {
        int64_t us;
        const char *text;
    } times[] = {
        {1, "1970-01-01T00:00:00.000001Z"},
        {0, "1970-01-01T00:00:00.000000Z"},
        {-1, "1969-12-31T23:59:59.999999Z"},
        {-500, "1969-12-31T23:59:59.999500Z"},
        {-1000000, "1969-12-31T23:59:59.000000Z"},
        {-1500001, "1969-12-31T23:59:58.499999Z"},
        {1700000000123456, "2023-11-14T22:13:20.123456Z"},
    };
    CLEANUP(arena_free) struct arena *arena = arena_new(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        struct pg_wire wire;
        pg_wire_make(arena, &PG_P_TIME(times[i].us), 1, &wire);
        assert_string_equal(wire.values[0], times[i].text);
    }
}

static void test_absent_values_are_null_and_empty_ones_are_not(void **state)
{
    (void)state;
    CLEANUP(arena_free) struct arena *arena = arena_new(1 << 20);
    struct pg_wire wire;
    const struct pg_param params[] = {PG_P_NULL, PG_P_TEXT_OR_NULL(STR_NONE), PG_P_TEXT(STR("")),
                                      PG_P_BYTES(STR("")), PG_P_UUID_OR_NULL(UUID_NONE)};
    pg_wire_make(arena, params, ARRAY_LEN(params), &wire);
    assert_null(wire.values[0]);
    assert_null(wire.values[1]);
    assert_string_equal(wire.values[2], "");
    assert_non_null(wire.values[3]);
    assert_int_equal(wire.formats[3], 1);
    assert_null(wire.values[4]);
}

/* ---- with a server ----------------------------------------------------------------------------*/

struct bed {
    struct arena *arena;
    struct pg_conn *conn, *other;
};

static const char *const tables_sql =
    "DROP TABLE IF EXISTS late, child, parent;"
    "CREATE TABLE parent (id int PRIMARY KEY, note text);"
    "CREATE TABLE child (parent int REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED);";

static const struct pg_stmt one = {"one", "SELECT 1"};
static const struct pg_stmt add = {"add", "INSERT INTO parent VALUES ($1, $2)"};
static const struct pg_stmt add_child = {"add_child", "INSERT INTO child VALUES ($1)"};
static const struct pg_stmt count = {"count", "SELECT count(*) FROM parent"};
static const struct pg_stmt setting = {"setting", "SELECT current_setting('app.test', true)"};
static const struct pg_stmt who = {"who", "SELECT current_user::text"};
static const struct pg_stmt backend = {"backend", "SELECT pg_backend_pid()"};
static const struct pg_stmt terminate = {"terminate",
                                         "SELECT pg_terminate_backend($1::int, 5000::bigint)"};

static int bed_make(void **state)
{
    struct bed *b = test_calloc(1, sizeof(*b));
    const char *url = getenv("NEXACORE_PG_TEST_URL");
    b->arena = arena_new(64 << 20);
    b->conn = pg_conn_new(url, "pg_test");
    b->other = pg_conn_new(url, "pg_test_other");
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    *state = b;
    return pg_tx_begin(&tx, b->conn, b->arena, PG_WRITE, NULL, NULL, 0) ||
           pg_script(&tx, tables_sql) || pg_tx_commit(&tx);
}

static int bed_drop(void **state)
{
    struct bed *b = *state;
    pg_conn_free(&b->conn);
    pg_conn_free(&b->other);
    arena_free(&b->arena);
    test_free(b);
    return 0;
}

static void right(struct problem *p)
{
    if (p)
        fail_msg("%s (%s)", p->detail, p->cause);
}

static void wrong(struct problem *p, enum problem_kind kind)
{
    assert_non_null(p);
    if (p->kind != kind)
        fail_msg("%d, not %d: %s (%s)", p->kind, kind, p->detail, p->cause);
}

static void begin(struct bed *b, struct pg_tx *tx, enum pg_mode mode)
{
    right(pg_tx_begin(tx, b->conn, b->arena, mode, NULL, NULL, 0));
}

/* The one value of a statement without parameters, in a transaction of its own. */
static int64_t ask(struct bed *b, struct pg_conn *conn, const struct pg_stmt *stmt)
{
    struct pg_result *r;
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    right(pg_tx_begin(&tx, conn, b->arena, PG_READ, NULL, NULL, 0));
    right(pg_query(&tx, stmt, NULL, 0, &r));
    right(pg_tx_commit(&tx));
    return pg_get_int(r, 0, 0);
}

static struct problem *add_row(struct pg_tx *tx, int64_t id)
{
    return PG_EXEC(tx, &add, NULL, PG_P_INT(id), PG_P_Z("x"));
}

static void test_a_read_refuses_to_write(void **state)
{
    struct bed *b = *state;
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    begin(b, &tx, PG_READ);
    wrong(add_row(&tx, 1), PROBLEM_UNAVAILABLE);
    assert_string_equal(pg_sqlstate(b->conn), "25006");
    pg_tx_end(&tx);
    assert_int_equal(ask(b, b->conn, &count), 0);
}

static void test_a_read_of_one_query_has_ended_with_it(void **state)
{
    struct bed *b = *state;
    struct pg_result *r;
    for (int i = 0; i < 3; i++) {
        CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
        begin(b, &tx, PG_READ_ONE);
        if (i == 1) {
            wrong(PG_QUERY(&tx, &add, &r, PG_P_INT(1), PG_P_NULL), PROBLEM_UNAVAILABLE);
            wrong(pg_tx_commit(&tx), PROBLEM_INTERNAL);
            continue;
        }
        right(pg_query(&tx, &one, NULL, 0, &r));
        assert_int_equal(PQtransactionStatus(b->conn->pq), PQTRANS_IDLE);
        wrong(pg_query(&tx, &one, NULL, 0, &r), PROBLEM_INTERNAL);
        right(pg_tx_commit(&tx));
    }
}

static void test_a_write_is_there_after_commit_and_not_before(void **state)
{
    struct bed *b = *state;
    size_t rows = 0;
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    begin(b, &tx, PG_WRITE);
    right(PG_EXEC(&tx, &add, &rows, PG_P_INT(1), PG_P_Z("x")));
    assert_int_equal(rows, 1);
    assert_int_equal(ask(b, b->other, &count), 0);
    right(pg_tx_commit(&tx));
    assert_int_equal(ask(b, b->other, &count), 1);
}

static void test_what_is_not_committed_is_rolled_back(void **state)
{
    struct bed *b = *state;
    struct pg_tx tx = PG_TX_NONE;
    begin(b, &tx, PG_WRITE);
    right(add_row(&tx, 1));
    pg_tx_end(&tx);
    assert_int_equal(ask(b, b->conn, &count), 0);
    begin(b, &tx, PG_READ); /* and one that nothing was asked of */
    pg_tx_end(&tx);
    begin(b, &tx, PG_WRITE);
    right(pg_tx_commit(&tx));
    pg_tx_end(&tx);
    assert_int_equal(ask(b, b->conn, &one), 1);
}

/* ---- settings and roles -----------------------------------------------------------------------*/

static struct str setting_in(struct bed *b, enum pg_mode mode, const char *value, bool commit)
{
    const struct pg_setting settings[] = {{"app.test", value}};
    struct pg_result *r;
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    right(pg_tx_begin(&tx, b->conn, b->arena, mode, NULL, settings, value ? 1 : 0));
    right(pg_query(&tx, &setting, NULL, 0, &r));
    struct str seen = pg_get_str(r, 0, 0);
    if (commit)
        right(pg_tx_commit(&tx));
    return seen;
}

static void test_a_setting_holds_for_its_transaction_alone(void **state)
{
    struct bed *b = *state;
    for (int i = 0; i < 8; i++) {
        enum pg_mode mode = i & 1 ? PG_WRITE : PG_READ;
        assert_true(str_eq(setting_in(b, mode, "mine", i & 2), STR("mine")));
        assert_int_equal(setting_in(b, i & 4 ? PG_WRITE : PG_READ, NULL, true).n, 0);
    }
}

static struct str user_in(struct bed *b, enum pg_mode mode, const char *role)
{
    struct pg_result *r;
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    right(pg_tx_begin(&tx, b->conn, b->arena, mode, role, NULL, 0));
    right(pg_query(&tx, &who, NULL, 0, &r));
    right(pg_tx_commit(&tx));
    return pg_get_str(r, 0, 0);
}

static void test_a_role_holds_for_its_transaction_and_has_its_own_plans(void **state)
{
    static const struct pg_stmt plans = {
        "plans", "SELECT count(*) FROM pg_prepared_statements WHERE name LIKE '%\\_who'"};
    struct bed *b = *state;
    struct str self = user_in(b, PG_READ, NULL);
    assert_true(str_eq(user_in(b, PG_READ, "libpg_reader"), STR("libpg_reader")));
    assert_true(str_eq(user_in(b, PG_READ, NULL), self));
    assert_true(str_eq(user_in(b, PG_WRITE, "libpg_reader"), STR("libpg_reader")));
    assert_true(str_eq(user_in(b, PG_WRITE, NULL), self));
    assert_int_equal(ask(b, b->conn, &plans), 2);
}

static void test_what_a_role_may_not_do_is_forbidden(void **state)
{
    struct bed *b = *state;
    struct pg_result *r;
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    right(pg_tx_begin(&tx, b->conn, b->arena, PG_READ, "libpg_reader", NULL, 0));
    wrong(pg_query(&tx, &count, NULL, 0, &r), PROBLEM_FORBIDDEN);
    pg_tx_end(&tx);
    assert_int_equal(ask(b, b->conn, &count), 0);
}

/* ---- failures ---------------------------------------------------------------------------------*/

static void test_a_failed_statement_undoes_all_and_the_connection_goes_on(void **state)
{
    struct bed *b = *state;
    struct pg_tx tx = PG_TX_NONE;
    begin(b, &tx, PG_WRITE);
    right(add_row(&tx, 1));
    wrong(add_row(&tx, 1), PROBLEM_CONFLICT);
    assert_string_equal(pg_sqlstate(b->conn), "23505");
    wrong(add_row(&tx, 2), PROBLEM_INTERNAL); /* only the end is left */
    wrong(pg_tx_commit(&tx), PROBLEM_INTERNAL);
    pg_tx_end(&tx);
    assert_int_equal(ask(b, b->conn, &count), 0);
    begin(b, &tx, PG_WRITE);
    right(add_row(&tx, 1));
    right(pg_tx_commit(&tx));
    pg_tx_end(&tx);
    assert_int_equal(ask(b, b->conn, &count), 1);
}

static void test_a_queued_failure_shows_at_commit_and_undoes_all(void **state)
{
    struct bed *b = *state;
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    begin(b, &tx, PG_WRITE);
    for (int i = 0; i < 3; i++)
        right(PG_QUEUE(&tx, &add, PG_P_INT(i % 2), PG_P_NULL));
    wrong(pg_tx_commit(&tx), PROBLEM_CONFLICT);
    pg_tx_end(&tx);
    assert_int_equal(ask(b, b->conn, &count), 0);
}

static void test_a_queued_failure_shows_at_the_next_wait(void **state)
{
    struct bed *b = *state;
    struct pg_result *r;
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    begin(b, &tx, PG_WRITE);
    right(PG_QUEUE(&tx, &add, PG_P_Z("no number"), PG_P_NULL));
    wrong(pg_query(&tx, &one, NULL, 0, &r), PROBLEM_UNPROCESSABLE);
    assert_string_equal(pg_sqlstate(b->conn), "22P02");
    pg_tx_end(&tx);
    assert_int_equal(ask(b, b->conn, &one), 1);
}

static void test_a_deferred_constraint_fails_the_commit(void **state)
{
    struct bed *b = *state;
    struct pg_tx tx = PG_TX_NONE;
    begin(b, &tx, PG_WRITE);
    right(add_row(&tx, 1));
    right(PG_EXEC(&tx, &add_child, NULL, PG_P_INT(7)));
    wrong(pg_tx_commit(&tx), PROBLEM_NOT_FOUND);
    assert_string_equal(pg_sqlstate(b->conn), "23503");
    pg_tx_end(&tx);
    assert_int_equal(ask(b, b->conn, &count), 0);
    begin(b, &tx, PG_WRITE);
    right(add_row(&tx, 1));
    right(pg_tx_commit(&tx));
    pg_tx_end(&tx);
    assert_int_equal(ask(b, b->other, &count), 1);
}

static void test_thousands_of_queued_statements_are_one_transaction(void **state)
{
    struct bed *b = *state;
    struct pg_tx tx = PG_TX_NONE;
    begin(b, &tx, PG_WRITE);
    for (int i = 0; i < 2000; i++)
        right(PG_QUEUE(&tx, &add, PG_P_INT(i), PG_P_NULL));
    right(pg_tx_commit(&tx));
    pg_tx_end(&tx);
    assert_int_equal(ask(b, b->conn, &count), 2000);

    struct problem *p = NULL;
    begin(b, &tx, PG_WRITE);
    for (int i = 0; !p && i < 2000; i++)
        p = PG_QUEUE(&tx, &add, PG_P_INT(i == 700 ? 0 : 10000 + i), PG_P_NULL);
    wrong(p ? p : pg_tx_commit(&tx), PROBLEM_CONFLICT);
    pg_tx_end(&tx);
    assert_int_equal(ask(b, b->conn, &count), 2000);
}

static void test_a_statement_that_could_not_be_prepared_is_prepared_later(void **state)
{
    static const struct pg_stmt late = {"late", "SELECT count(*) FROM late"};
    static const struct pg_stmt after = {"after", "SELECT 41 + 1"};
    struct bed *b = *state;
    struct pg_result *r;
    struct pg_tx tx = PG_TX_NONE;
    begin(b, &tx, PG_WRITE);
    right(pg_queue(&tx, &late, NULL, 0));
    wrong(pg_query(&tx, &after, NULL, 0, &r), PROBLEM_INTERNAL); /* was skipped with it */
    pg_tx_end(&tx);
    begin(b, &tx, PG_WRITE);
    right(pg_script(&tx, "CREATE TABLE late (id int)"));
    right(pg_tx_commit(&tx));
    pg_tx_end(&tx);
    assert_int_equal(ask(b, b->conn, &late), 0);
    assert_int_equal(ask(b, b->conn, &after), 42);
}

static void test_a_row_somebody_holds_is_a_conflict(void **state)
{
    static const struct pg_stmt hold = {"hold", "SELECT id FROM parent FOR UPDATE NOWAIT"};
    struct bed *b = *state;
    struct pg_result *r;
    struct pg_tx tx = PG_TX_NONE, second = PG_TX_NONE;
    begin(b, &tx, PG_WRITE);
    right(add_row(&tx, 1));
    right(pg_tx_commit(&tx));
    pg_tx_end(&tx);
    begin(b, &tx, PG_WRITE);
    right(pg_query(&tx, &hold, NULL, 0, &r));
    right(pg_tx_begin(&second, b->other, b->arena, PG_WRITE, NULL, NULL, 0));
    wrong(pg_query(&second, &hold, NULL, 0, &r), PROBLEM_CONFLICT);
    pg_tx_end(&second);
    pg_tx_end(&tx);
}

/* ---- values -----------------------------------------------------------------------------------*/

static void test_every_kind_of_value_comes_back_as_it_went(void **state)
{
    static const struct pg_stmt echo = {
        "echo", "SELECT $1::uuid, $2::text, $3::bytea, $4::int8, $5::bool, $6::timestamptz,"
                " $7::float8, $8::int2, $9::int4, $10::jsonb, $11::json"};
    struct bed *b = *state;
    struct pg_result *r;
    struct uuid id = uuid_v7();
    struct str bytes = {"\0\xff\x01", 3}, text = STR("\xc3\xa1 'x' \\ \"y\"");
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    begin(b, &tx, PG_READ);
    right(PG_QUERY(&tx, &echo, &r, PG_P_UUID(id), PG_P_TEXT(text), PG_P_BYTES(bytes),
                   PG_P_INT(INT64_MIN), PG_P_BOOL(true), PG_P_TIME(-1500001),
                   {.kind = PG_REAL, .real = 0.1}, PG_P_INT(-32768), PG_P_INT(-7),
                   PG_P_Z("{\"a\": [1]}"), PG_P_Z("[ ]")));
    right(pg_tx_commit(&tx));
    assert_int_equal(pg_rows(r), 1);
    assert_true(uuid_eq(pg_get_uuid(r, 0, 0), id));
    assert_true(str_eq(pg_get_str(r, 0, 1), text));
    assert_true(str_eq(pg_get_str(r, 0, 2), bytes));
    assert_true(pg_get_int(r, 0, 3) == INT64_MIN);
    assert_true(pg_get_bool(r, 0, 4));
    assert_true(pg_get_time(r, 0, 5) == -1500001);
    assert_true(pg_get_real(r, 0, 6) == 0.1);
    assert_int_equal(pg_get_int(r, 0, 7), -32768);
    assert_int_equal(pg_get_int(r, 0, 8), -7);
    assert_true(str_eq(pg_get_str(r, 0, 9), STR("{\"a\": [1]}")));
    assert_true(str_eq(pg_get_str(r, 0, 10), STR("[ ]")));
}

static void test_null_is_no_value_of_any_kind(void **state)
{
    static const struct pg_stmt nulls = {
        "nulls", "SELECT $1::uuid, $2::text, $3::bytea, $4::int8, $5::bool, $6::timestamptz,"
                 " $7::float8, $8::jsonb"};
    struct bed *b = *state;
    struct pg_result *r;
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    begin(b, &tx, PG_READ);
    right(PG_QUERY(&tx, &nulls, &r, PG_P_NULL, PG_P_NULL, PG_P_NULL, PG_P_NULL, PG_P_NULL,
                   PG_P_NULL, PG_P_NULL, PG_P_NULL));
    for (int i = 0; i < 8; i++)
        assert_true(pg_is_null(r, 0, i));
    assert_true(uuid_is_none(pg_get_uuid(r, 0, 0)));
    assert_null(pg_get_str(r, 0, 1).p);
    assert_null(pg_get_str(r, 0, 2).p);
    assert_int_equal(pg_get_int(r, 0, 3), 0);
    assert_false(pg_get_bool(r, 0, 4));
    assert_int_equal(pg_get_time(r, 0, 5), 0);
    assert_true(pg_get_real(r, 0, 6) == 0);
    assert_null(pg_get_str(r, 0, 7).p);
}

static void test_times_at_the_ends_of_time_can_be_read(void **state)
{
    static const struct pg_stmt ends = {
        "ends",
        "SELECT '-infinity'::timestamptz, 'infinity'::timestamptz,"
        " '1999-12-31T23:59:59.999999Z'::timestamptz, '0044-03-15T12:00:00Z BC'::timestamptz"};
    struct bed *b = *state;
    struct pg_result *r;
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    begin(b, &tx, PG_READ);
    right(pg_query(&tx, &ends, NULL, 0, &r));
    assert_true(pg_get_time(r, 0, 0) == INT64_MIN);
    assert_true(pg_get_time(r, 0, 1) == INT64_MAX);
    assert_true(pg_get_time(r, 0, 2) == 946684799999999);
    assert_true(pg_get_time(r, 0, 3) < -62000000000000000);
}

/* ---- scripts and notifications ----------------------------------------------------------------*/

static void test_a_script_is_all_or_nothing(void **state)
{
    struct bed *b = *state;
    struct pg_tx tx = PG_TX_NONE;
    begin(b, &tx, PG_WRITE);
    right(add_row(&tx, 1));
    wrong(pg_script(&tx, "INSERT INTO parent VALUES (2); SELECT 1/0;"), PROBLEM_UNPROCESSABLE);
    assert_string_equal(pg_sqlstate(b->conn), "22012");
    pg_tx_end(&tx);
    assert_int_equal(ask(b, b->conn, &count), 0);
    begin(b, &tx, PG_WRITE);
    right(pg_script(&tx, "INSERT INTO parent VALUES (2); INSERT INTO parent VALUES (3);"));
    right(add_row(&tx, 4));
    right(pg_tx_commit(&tx));
    pg_tx_end(&tx);
    assert_int_equal(ask(b, b->conn, &count), 3);
}

static void script_alone(struct bed *b, struct pg_conn *conn, const char *sql)
{
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    right(pg_tx_begin(&tx, conn, b->arena, PG_WRITE, NULL, NULL, 0));
    right(pg_script(&tx, sql));
    right(pg_tx_commit(&tx));
}

static void test_a_notification_ends_the_wait(void **state)
{
    struct bed *b = *state;
    bool notified = true;
    script_alone(b, b->conn, "LISTEN pg_test");
    right(pg_wait_notify(b->conn, b->arena, 50, &notified));
    assert_false(notified);
    script_alone(b, b->other, "NOTIFY pg_test");
    right(pg_wait_notify(b->conn, b->arena, 3000, &notified));
    assert_true(notified);
    script_alone(b, b->other, "NOTIFY pg_test"); /* one that comes while something else is read */
    assert_int_equal(ask(b, b->conn, &one), 1);
    right(pg_wait_notify(b->conn, b->arena, 3000, &notified));
    assert_true(notified);
}

/* ---- lost connections -------------------------------------------------------------------------*/

static void kill_backend(struct bed *b, int64_t pid)
{
    struct pg_result *r;
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    right(pg_tx_begin(&tx, b->other, b->arena, PG_WRITE, NULL, NULL, 0));
    right(PG_QUERY(&tx, &terminate, &r, PG_P_INT(pid)));
    assert_true(pg_get_bool(r, 0, 0));
    right(pg_tx_commit(&tx));
}

static void test_a_connection_lost_while_idle_costs_nobody_an_error(void **state)
{
    struct bed *b = *state;
    for (int i = 0; i < 5; i++) {
        int64_t pid = ask(b, b->conn, &backend); /* its Sync is still unanswered here */
        kill_backend(b, pid);
        assert_int_not_equal(ask(b, b->conn, &backend), pid);
    }
}

static void test_a_connection_lost_in_a_transaction_is_unavailable_once(void **state)
{
    struct bed *b = *state;
    struct pg_result *r;
    struct pg_tx tx = PG_TX_NONE;
    begin(b, &tx, PG_WRITE);
    right(add_row(&tx, 1));
    right(pg_query(&tx, &backend, NULL, 0, &r));
    kill_backend(b, pg_get_int(r, 0, 0));
    struct problem *p = pg_query(&tx, &one, NULL, 0, &r);
    wrong(p, PROBLEM_UNAVAILABLE);
    assert_true(p->retry_after_s > 0);
    wrong(pg_tx_commit(&tx), PROBLEM_INTERNAL);
    pg_tx_end(&tx);
    assert_int_equal(ask(b, b->conn, &count), 0);
}

static void test_a_lost_connection_does_not_wait_for_notifications(void **state)
{
    struct bed *b = *state;
    bool notified;
    script_alone(b, b->conn, "LISTEN pg_test");
    kill_backend(b, ask(b, b->conn, &backend));
    wrong(pg_wait_notify(b->conn, b->arena, 3000, &notified), PROBLEM_UNAVAILABLE);
    wrong(pg_wait_notify(b->conn, b->arena, 3000, &notified), PROBLEM_UNAVAILABLE);
    script_alone(b, b->conn, "LISTEN pg_test");
    right(pg_wait_notify(b->conn, b->arena, 10, &notified));
}

static void test_a_slow_answer_is_given_up_and_not_waited_for_twice(void **state)
{
    static const struct pg_stmt slow = {"slow", "SELECT pg_sleep(5)"};
    struct bed *b = *state;
    struct pg_result *r;
    struct pg_tx tx = PG_TX_NONE;
    pg_conn_timeout(b->conn, 200);
    int64_t start = clock_mono_us();
    begin(b, &tx, PG_WRITE);
    wrong(pg_query(&tx, &slow, NULL, 0, &r), PROBLEM_UNAVAILABLE);
    pg_tx_end(&tx);
    wrong(pg_tx_begin(&tx, b->conn, b->arena, PG_READ, NULL, NULL, 0), PROBLEM_UNAVAILABLE);
    pg_tx_end(&tx);
    assert_true(clock_mono_us() - start < 4000000); /* it would take 5 s */
    nanosleep(&(struct timespec){0, 400000000}, NULL);
    pg_conn_timeout(b->conn, 4000);
    assert_int_equal(ask(b, b->conn, &one), 1);
}

#define WITH_BED(test) cmocka_unit_test_setup_teardown(test, bed_make, bed_drop)

static const struct CMUnitTest alone[] = {
    cmocka_unit_test(test_times_keep_their_microseconds_before_and_after_1970),
    cmocka_unit_test(test_absent_values_are_null_and_empty_ones_are_not),
};

static const struct CMUnitTest with_server[] = {
    WITH_BED(test_a_read_refuses_to_write),
    WITH_BED(test_a_read_of_one_query_has_ended_with_it),
    WITH_BED(test_a_write_is_there_after_commit_and_not_before),
    WITH_BED(test_what_is_not_committed_is_rolled_back),
    WITH_BED(test_a_setting_holds_for_its_transaction_alone),
    WITH_BED(test_a_role_holds_for_its_transaction_and_has_its_own_plans),
    WITH_BED(test_what_a_role_may_not_do_is_forbidden),
    WITH_BED(test_a_failed_statement_undoes_all_and_the_connection_goes_on),
    WITH_BED(test_a_queued_failure_shows_at_commit_and_undoes_all),
    WITH_BED(test_a_queued_failure_shows_at_the_next_wait),
    WITH_BED(test_a_deferred_constraint_fails_the_commit),
    WITH_BED(test_thousands_of_queued_statements_are_one_transaction),
    WITH_BED(test_a_statement_that_could_not_be_prepared_is_prepared_later),
    WITH_BED(test_a_row_somebody_holds_is_a_conflict),
    WITH_BED(test_every_kind_of_value_comes_back_as_it_went),
    WITH_BED(test_null_is_no_value_of_any_kind),
    WITH_BED(test_times_at_the_ends_of_time_can_be_read),
    WITH_BED(test_a_script_is_all_or_nothing),
    WITH_BED(test_a_notification_ends_the_wait),
    WITH_BED(test_a_connection_lost_while_idle_costs_nobody_an_error),
    WITH_BED(test_a_connection_lost_in_a_transaction_is_unavailable_once),
    WITH_BED(test_a_lost_connection_does_not_wait_for_notifications),
    WITH_BED(test_a_slow_answer_is_given_up_and_not_waited_for_twice),
};

int main(void)
{
    int failed = cmocka_run_group_tests(alone, NULL, NULL);
    if (getenv("NEXACORE_PG_TEST_URL"))
        failed += cmocka_run_group_tests(with_server, NULL, NULL);
    return failed;
}
