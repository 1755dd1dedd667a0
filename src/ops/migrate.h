/* `nexacore migrate`: brings a database to the schema this binary was built with.
 *
 * Safe to run at any time and from several machines at once: each file is applied in one
 * transaction under an advisory lock, once; a file that differs from what was applied is refused.
 */
#ifndef NEXACORE_OPS_MIGRATE_H
#define NEXACORE_OPS_MIGRATE_H

#include "base/problem.h"
#include "ops/migrations.h"

struct pg_conn;

struct migrate_result {
    int version; /* of the database afterwards */
    int applied; /* how many files this run applied */
};

/* Called after each file that was applied. */
typedef void migrate_progress(const struct migration *m, int64_t took_us);

/* Applies what is missing of `files` (in order of version). Connects with `database_url` as
 * nexacore_owner, or as a superuser for the first time in a cluster (db/README.md). Problems:
 * CONFLICT when an applied file was changed or the database is newer than the binary, FORBIDDEN
 * when the role may not migrate, else what the database said, with the file's name. What was
 * applied before a failing file stays applied. `progress` may be NULL. May wait for another run. */
struct problem *migrate_run(const char *database_url, const struct migration *files, size_t count,
                            migrate_progress *progress, struct arena *arena,
                            struct migrate_result *ret);

/* Compares the database with `files` without changing anything: NULL when it has exactly these,
 * else a CONFLICT that says what differs and how to mend it. Needs SELECT on schema_migrations. */
struct problem *migrate_check(struct pg_conn *db, const struct migration *files, size_t count,
                              struct arena *arena);

/* The command: argv[0] is its name. Exit codes: 0 done, 1 refused or failed, 2 wrong settings. */
int cmd_migrate(int argc, char **argv);

#endif
