/* For the integration tests of this folder: `ops_probe migrate [...]` is the command itself,
 * `ops_probe guard` prints each finding about NEXACORE_DATABASE_URL. Not installed. */
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "ops/guard.h"
#include "ops/migrate.h"
#include "pg/pg.h"

static int print_findings(struct pg_conn *db, struct arena *arena)
{
    struct guard_finding *found;
    size_t count = 0;
    struct problem *p = guard_findings(db, arena, &found, &count);
    for (size_t i = 0; !p && i < count; i++)
        printf(STR_FMT "; " STR_FMT "\n", STR_ARG(found[i].wrong), STR_ARG(found[i].mend));
    if (!p)
        p = guard_check(db, arena);
    if (p)
        fprintf(stderr, "%d %s (%s)\n", problem_status(p->kind), p->detail, p->cause);
    return p ? 1 : 0;
}

int main(int argc, char **argv)
{
    const char *url = getenv("NEXACORE_DATABASE_URL");
    if (argc > 1 && str_eq(str_of(argv[1]), STR("migrate")))
        return cmd_migrate(argc - 1, argv + 1);
    if (argc != 2 || !url || !str_eq(str_of(argv[1]), STR("guard")))
        return 2;
    CLEANUP(arena_free) struct arena *arena = arena_new(1024 * 1024);
    CLEANUP(pg_conn_free) struct pg_conn *db = pg_conn_new(url, "ops_probe");
    return print_findings(db, arena);
}
