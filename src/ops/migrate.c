/* Applying migrations, each once and whole.
 *
 * The rule not to break: what is applied is decided inside the transaction that applies it, after
 * the lock is held; so a second run that waited for the lock sees what the first one did. */
#include "ops/migrate.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/conf.h"
#include "pg/pg.h"

/* "NEXACORE" in ASCII: the advisory lock's number. */
#define LOCK_SQL "SELECT pg_advisory_xact_lock(x'4e455841434f5245'::bigint)"

static const struct pg_stmt has_table = {
    "migrate_has_table", "SELECT to_regclass('public.schema_migrations') IS NOT NULL"};

static const struct pg_stmt applied_all = {
    "migrate_applied",
    "SELECT version, name, sha256 FROM public.schema_migrations ORDER BY version"};

static const struct pg_stmt note_applied = {
    "migrate_note", "INSERT INTO public.schema_migrations (version, name, sha256) "
                    "VALUES ($1::int8::int4, $2, $3)"};

static const struct pg_stmt who = {"migrate_who", "SELECT session_user::text"};

/* ---- what is applied --------------------------------------------------------------------------*/

/* True when the bookkeeping table is there. */
static struct problem *find_table(struct pg_tx *tx, bool *ret)
{
    struct pg_result *r;
    TRY(pg_query(tx, &has_table, NULL, 0, &r));
    *ret = pg_get_bool(r, 0, 0);
    return NULL;
}

static struct problem *changed(struct arena *arena, const struct migration *m)
{
    return problem_new(arena, PROBLEM_CONFLICT,
                       "migration %04d_%s was changed after it was applied: restore the file, and "
                       "put the change into a new one",
                       m->version, m->name);
}

static struct problem *newer(struct arena *arena, int version, size_t count)
{
    return problem_new(arena, PROBLEM_CONFLICT,
                       "the database has migration %04d, this binary knows %zu: use the newer "
                       "binary",
                       version, count);
}

/* Compares the applied rows with `files`; `ret_version` is how many of them are applied. */
static struct problem *compare(struct pg_tx *tx, const struct migration *files, size_t count,
                               size_t *ret_version)
{
    struct pg_result *r;
    TRY(pg_query(tx, &applied_all, NULL, 0, &r));
    for (size_t row = 0; row < pg_rows(r); row++) {
        int version = (int)pg_get_int(r, row, 0);
        if (row >= count)
            return newer(tx->arena, version, count);
        const struct migration *m = &files[row];
        if (version != m->version || !str_eq(pg_get_str(r, row, 1), str_of(m->name)) ||
            !str_eq(pg_get_str(r, row, 2), str_of(m->sha256)))
            return changed(tx->arena, m);
    }
    *ret_version = pg_rows(r);
    return NULL;
}

/* ---- applying ---------------------------------------------------------------------------------*/

static struct problem *become_owner(struct pg_tx *tx)
{
    struct pg_result *r;
    TRY(pg_query(tx, &who, NULL, 0, &r));
    struct str name = pg_get_str(r, 0, 0);
    if (pg_script(tx, "SET LOCAL ROLE nexacore_owner"))
        return problem_new(tx->arena, PROBLEM_FORBIDDEN,
                           "the role " STR_FMT " may not migrate: connect as nexacore_owner",
                           STR_ARG(name));
    return NULL;
}

/* Names the file in a failure, keeping what the server said for the log. */
static struct problem *in_file(struct pg_tx *tx, const struct migration *m, struct problem *p)
{
    char cause[sizeof(p->cause)];
    snprintf(cause, sizeof(cause), "%s", p->cause);
    return problem_cause(problem_new(tx->arena, p->kind, "migration %04d_%s failed (%s)",
                                     m->version, m->name, pg_sqlstate(tx->conn)),
                         "%s", cause);
}

/* Applies the next missing file in a transaction of its own; `*ret_done` when none is missing. */
static struct problem *apply_next(struct pg_conn *db, const struct migration *files, size_t count,
                                  struct arena *arena, size_t *ret_version, bool *ret_done)
{
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(pg_tx_begin(&tx, db, arena, PG_WRITE, NULL, NULL, 0));
    TRY(pg_script(&tx, LOCK_SQL));

    bool known = false;
    size_t version = 0;
    TRY(find_table(&tx, &known));
    if (known) {
        TRY(become_owner(&tx));
        TRY(compare(&tx, files, count, &version));
    }
    *ret_version = version;
    *ret_done = version == count;
    if (*ret_done)
        return pg_tx_commit(&tx);

    const struct migration *m = &files[version];
    struct problem *p = pg_script(&tx, m->sql);
    if (p)
        return in_file(&tx, m, p);
    TRY(PG_EXEC(&tx, &note_applied, NULL, PG_P_INT(m->version), PG_P_Z(m->name),
                PG_P_Z(m->sha256)));
    p = pg_tx_commit(&tx); /* deferred constraints speak here */
    return p ? in_file(&tx, m, p) : NULL;
}

struct problem *migrate_run(const char *database_url, const struct migration *files, size_t count,
                            migrate_progress *progress, struct arena *arena,
                            struct migrate_result *ret)
{
    CLEANUP(pg_conn_free) struct pg_conn *db = pg_conn_new(database_url, "nexacore-migrate");
    int applied = 0;
    for (;;) {
        int64_t start = clock_mono_us();
        size_t version = 0;
        bool done = false;
        TRY(apply_next(db, files, count, arena, &version, &done));
        if (done)
            break;
        applied++;
        if (progress)
            progress(&files[version], clock_mono_us() - start);
    }
    *ret = (struct migrate_result){.version = (int)count, .applied = applied};
    return NULL;
}

struct problem *migrate_check(struct pg_conn *db, const struct migration *files, size_t count,
                              struct arena *arena)
{
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(pg_tx_begin(&tx, db, arena, PG_READ, NULL, NULL, 0));
    bool known = false;
    size_t version = 0;
    TRY(find_table(&tx, &known));
    if (known)
        TRY(compare(&tx, files, count, &version));
    TRY(pg_tx_commit(&tx));
    if (version == count)
        return NULL;
    return problem_new(arena, PROBLEM_CONFLICT,
                       "the database is at migration %zu, this binary needs %zu: run `nexacore "
                       "migrate`",
                       version, count);
}

/* ---- the command ------------------------------------------------------------------------------*/

enum { OPTION_CHECK = 'c' };

struct migrate_args {
    bool check;
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    (void)arg;
    struct migrate_args *args = state->input;
    switch (key) {
    case OPTION_CHECK:
        args->check = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_usage(state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    {"check", OPTION_CHECK, NULL, 0, "change nothing; exit 1 when something is missing", 0},
    {0},
};

static const struct argp migrate_argp = {
    .options = options,
    .parser = parse_option,
    .doc = "Brings the database of NEXACORE_DATABASE_URL to this binary's schema."
           "\vConnect as nexacore_owner; the first time in a cluster as a superuser, because it "
           "creates the roles.",
};

/* Migrations need the database and nothing else of the settings. */
static const struct conf_def settings[] = {
    {.name = "NEXACORE_DATABASE_URL",
     .kind = CONF_URL,
     .help = "postgres://nexacore_owner:...@host/nexacore",
     .needed_by = 1},
};

static void print_applied(const struct migration *m, int64_t took_us)
{
    printf("applied %04d_%s (%lld ms)\n", m->version, m->name, (long long)(took_us / 1000));
    fflush(stdout);
}

static int failed(const struct problem *p, int code)
{
    fprintf(stderr, "nexacore migrate: %s%s%s\n", p->detail, p->cause[0] ? ": " : "", p->cause);
    return code;
}

static int run_check(const char *url, struct arena *arena)
{
    CLEANUP(pg_conn_free) struct pg_conn *db = pg_conn_new(url, "nexacore-migrate");
    struct problem *p = migrate_check(db, migrations, migration_count, arena);
    if (p)
        return failed(p, 1);
    printf("0 missing, the schema is at version %zu\n", migration_count);
    return 0;
}

int cmd_migrate(int argc, char **argv)
{
    struct migrate_args args = {0};
    if (argp_parse(&migrate_argp, argc, argv, 0, NULL, &args) != 0)
        return 2;

    CLEANUP(conf_free) struct conf *conf = NULL;
    struct problem *p = conf_load(settings, ARRAY_LEN(settings), 1, &conf);
    if (p)
        return failed(p, 2);

    CLEANUP(arena_free) struct arena *arena = arena_new(16 * 1024 * 1024);
    const char *url = conf_text(conf, "NEXACORE_DATABASE_URL");
    if (args.check)
        return run_check(url, arena);
    struct migrate_result result;
    p = migrate_run(url, migrations, migration_count, print_applied, arena, &result);
    if (p)
        return failed(p, 1);
    printf("%d applied, the schema is at version %d\n", result.applied, result.version);
    return 0;
}
