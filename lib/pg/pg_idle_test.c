/* A transaction left lying by a process that sleeps, against a real server: its locks are given
 * free and what it says later is refused. Run by test/integration/pg.test.mjs, which gives the URL.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "pg/pg.h"

static const struct pg_stmt make = {"make", "CREATE TABLE IF NOT EXISTS idle (id int, note text)"};
static const struct pg_stmt clear = {"clear", "DELETE FROM idle"};
static const struct pg_stmt add = {"add", "INSERT INTO idle VALUES (1, 'first')"};
static const struct pg_stmt change = {"change", "UPDATE idle SET note = $1 WHERE id = 1"};
static const struct pg_stmt note = {"note", "SELECT note FROM idle"};
static const struct pg_stmt limit = {
    "limit", "SELECT current_setting('idle_in_transaction_session_timeout')"};

static struct arena *arena;

static void right(struct problem *p)
{
    if (p)
        fail_msg("%s (%s)", p->detail, p->cause);
}

static struct pg_conn *conn_new(const char *more)
{
    char url[512];
    snprintf(url, sizeof(url), "%s%s", getenv("NEXACORE_PG_TEST_URL"), more);
    return pg_conn_new(url, "pg_idle_test");
}

static void pause_ms(int ms)
{
    nanosleep(&(struct timespec){ms / 1000, (long)(ms % 1000) * 1000000}, NULL);
}

static const char *ask(struct pg_conn *conn, enum pg_mode mode, const struct pg_stmt *stmt)
{
    struct pg_result *r;
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    right(pg_tx_begin(&tx, conn, arena, mode, NULL, NULL, 0));
    right(pg_query(&tx, stmt, NULL, 0, &r));
    right(pg_tx_commit(&tx));
    return arena_cstr(arena, pg_get_str(r, 0, 0));
}

static void world_make(struct pg_conn *conn)
{
    static const struct pg_stmt *const steps[] = {&make, &clear, &add};
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
        right(pg_tx_begin(&tx, conn, arena, PG_WRITE, NULL, NULL, 0));
        right(pg_exec(&tx, steps[i], NULL, 0, NULL));
        right(pg_tx_commit(&tx));
    }
}

static void change_to(struct pg_tx *tx, struct pg_conn *conn, const char *text)
{
    right(pg_tx_begin(tx, conn, arena, PG_WRITE, NULL, NULL, 0));
    right(PG_EXEC(tx, &change, NULL, PG_P_Z(text)));
}

static void test_a_sleepers_row_is_free_again_and_its_late_write_is_refused(void **state)
{
    (void)state;
    CLEANUP(pg_conn_free) struct pg_conn *sleeper = conn_new(""), *other = conn_new("");
    struct pg_tx tx = PG_TX_NONE, second = PG_TX_NONE;
    struct problem *p;
    pg_conn_idle(sleeper, 300);
    world_make(other);
    int64_t start_us = clock_mono_us();
    change_to(&tx, sleeper, "the sleeper's"); /* and now it sleeps */
    change_to(&second, other, "the other's"); /* waits for the row */
    right(pg_tx_commit(&second));
    pg_tx_end(&second);
    assert_in_range((clock_mono_us() - start_us) / 1000, 100, 3900);
    p = PG_EXEC(&tx, &change, NULL, PG_P_Z("too late"));
    assert_non_null(p);
    assert_int_equal(p->kind, PROBLEM_UNAVAILABLE);
    assert_non_null(pg_tx_commit(&tx));
    pg_tx_end(&tx);
    assert_string_equal(ask(other, PG_READ, &note), "the other's");
    assert_string_equal(ask(sleeper, PG_WRITE, &note), "the other's"); /* it goes on by itself */
}

static void test_a_sleeper_that_only_has_to_commit_is_refused_too(void **state)
{
    (void)state;
    CLEANUP(pg_conn_free) struct pg_conn *sleeper = conn_new(""), *other = conn_new("");
    struct pg_tx tx = PG_TX_NONE;
    pg_conn_idle(sleeper, 200);
    world_make(other);
    change_to(&tx, sleeper, "the sleeper's");
    pause_ms(600);
    struct problem *p = pg_tx_commit(&tx);
    assert_non_null(p);
    assert_int_equal(p->kind, PROBLEM_UNAVAILABLE);
    pg_tx_end(&tx);
    assert_string_equal(ask(other, PG_READ, &note), "first");
}

static void test_who_is_not_idle_in_a_transaction_may_take_longer(void **state)
{
    static const struct pg_stmt slow = {"slow", "SELECT 'x' FROM pg_sleep(0.6)"};
    (void)state;
    CLEANUP(pg_conn_free) struct pg_conn *conn = conn_new("");
    pg_conn_idle(conn, 200);
    assert_string_equal(ask(conn, PG_WRITE, &slow), "x"); /* one statement that takes long */
    pause_ms(600);                                        /* between two transactions */
    assert_string_equal(ask(conn, PG_READ, &slow), "x");
}

static void test_the_limit_is_ten_seconds_unless_an_operators_is_shorter(void **state)
{
    (void)state;
    CLEANUP(pg_conn_free) struct pg_conn *conn = conn_new("");
    CLEANUP(pg_conn_free)
    struct pg_conn *set = conn_new("?options=-c%20idle_in_transaction_session_timeout%3D1234");
    assert_string_equal(ask(conn, PG_READ, &limit), "10s");
    assert_string_equal(ask(set, PG_WRITE, &limit), "1234ms");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_sleepers_row_is_free_again_and_its_late_write_is_refused),
        cmocka_unit_test(test_a_sleeper_that_only_has_to_commit_is_refused_too),
        cmocka_unit_test(test_who_is_not_idle_in_a_transaction_may_take_longer),
        cmocka_unit_test(test_the_limit_is_ten_seconds_unless_an_operators_is_shorter),
    };
    if (!getenv("NEXACORE_PG_TEST_URL"))
        return 2;
    arena = arena_new(64 << 20);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(&arena);
    return failed;
}
