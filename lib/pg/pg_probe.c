/* For test/integration/pg.test.mjs: one connection that does what each line of stdin says ("read"
 * or "write") and answers with a line of JSON, while the test stops, freezes or delays the server.
 * Not installed. */
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "pg/pg.h"

static const struct pg_stmt query = {"probe", "SELECT current_setting('app.probe')::int"};

static struct problem *transact(struct pg_conn *conn, struct arena *arena, enum pg_mode mode)
{
    static const struct pg_setting settings[] = {{"app.probe", "7"}, {"app.other", "x"}};
    struct pg_result *r;
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(pg_tx_begin(&tx, conn, arena, mode, NULL, settings, ARRAY_LEN(settings)));
    TRY(pg_query(&tx, &query, NULL, 0, &r));
    if (pg_get_int(r, 0, 0) != 7)
        return problem_new(arena, PROBLEM_INTERNAL, "the setting is not there");
    return pg_tx_commit(&tx);
}

int main(void)
{
    const char *url = getenv("NEXACORE_PG_TEST_URL");
    char line[64];
    if (!url)
        return 2;
    CLEANUP(arena_free) struct arena *arena = arena_new(1 << 20);
    CLEANUP(pg_conn_free) struct pg_conn *conn = pg_conn_new(url, "pg_probe");
    while (fgets(line, sizeof(line), stdin)) {
        bool write = str_eq(str_trim(str_of(line)), STR("write"));
        int64_t start_us = clock_mono_us();
        struct problem *p = transact(conn, arena, write ? PG_WRITE : PG_READ);
        printf("{\"status\":%d,\"ms\":%d}\n", p ? problem_status(p->kind) : 200,
               (int)((clock_mono_us() - start_us) / 1000));
        fflush(stdout);
        if (p)
            fprintf(stderr, "%s (%s)\n", p->detail, p->cause);
        arena_reset(arena);
    }
    return 0;
}
