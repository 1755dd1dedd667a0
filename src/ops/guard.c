/* The checks are SQL over the catalogs: each row of a check is one finding (what, how to mend).
 *
 * The rule not to break: a check lists what is wrong now, from the catalogs and not from a list of
 * our tables, so that a table added tomorrow is checked too. */
#include "ops/guard.h"

#include "base/cleanup.h"
#include "ops/migrate.h"
#include "pg/pg.h"

/* Tables that belong to a clinic: those with clinic_id, and clinics itself. */
#define TENANT_TABLES                                                                              \
    "SELECT c.oid, c.oid::regclass::text AS name, c.relowner, c.relrowsecurity, "                  \
    "       c.relforcerowsecurity, c.relispartition "                                              \
    "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "         \
    "WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' "                                       \
    "  AND n.nspname <> 'information_schema' "                                                     \
    "  AND (c.oid = to_regclass('public.clinics') OR EXISTS ("                                     \
    "       SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid "                       \
    "       AND a.attname = 'clinic_id' AND NOT a.attisdropped))"

/* Both the login and the present role: SET ROLE can be undone, so the login counts. */
static const struct pg_stmt role_powers = {
    "guard_role_powers",
    "SELECT format('the role %s is a superuser or may bypass row security', rolname), "
    "       format('ALTER ROLE %I NOSUPERUSER NOBYPASSRLS, or connect as nexacore_app', rolname) "
    "FROM pg_catalog.pg_roles WHERE rolname IN (session_user, current_user) "
    "AND (rolsuper OR rolbypassrls)"};

static const struct pg_stmt role_becomes = {
    "guard_role_becomes",
    "SELECT format('the role %s may become %s', session_user, r.rolname), "
    "       format('REVOKE %I FROM %I', r.rolname, session_user) "
    "FROM pg_catalog.pg_roles r WHERE r.rolname <> session_user "
    "AND (r.rolsuper OR r.rolbypassrls OR r.rolcreaterole "
    "     OR r.rolname IN ('nexacore_owner', 'nexacore_counts', 'nexacore_audit_reader')) "
    "AND NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = session_user) "
    "AND pg_has_role(session_user, r.oid, 'MEMBER')"};

static const struct pg_stmt role_inherits = {
    "guard_role_inherits",
    "SELECT format('the role %s inherits the policies of %s', session_user, r.rolname), "
    "       format('GRANT %I TO %I WITH INHERIT FALSE, SET TRUE', r.rolname, session_user) "
    "FROM pg_catalog.pg_roles r WHERE r.rolname IN ('nexacore_corporate', 'nexacore_relay') "
    "AND NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = session_user) "
    "AND pg_has_role(session_user, r.oid, 'USAGE')"};

static const struct pg_stmt role_lacks = {
    "guard_role_lacks",
    "SELECT format('the role %s cannot switch to %s', session_user, wanted), "
    "       format('GRANT %s TO %I WITH INHERIT FALSE, SET TRUE', wanted, session_user) "
    "FROM unnest(ARRAY['nexacore_corporate', 'nexacore_relay']) wanted "
    "LEFT JOIN pg_catalog.pg_roles r ON r.rolname = wanted "
    "WHERE r.oid IS NULL OR NOT pg_has_role(session_user, r.oid, 'SET')"};

static const struct pg_stmt table_owned = {
    "guard_table_owned",
    "SELECT format('the role %s owns the table %s', session_user, t.name), "
    "       format('ALTER TABLE %s OWNER TO nexacore_owner', t.name) "
    "FROM (" TENANT_TABLES ") t JOIN pg_catalog.pg_roles r ON r.oid = t.relowner "
    "WHERE r.rolname IN (session_user, current_user) ORDER BY 1"};

static const struct pg_stmt table_open = {
    "guard_table_open",
    "SELECT format('the table %s lacks %s ROW LEVEL SECURITY', t.name, "
    "              CASE WHEN t.relrowsecurity THEN 'FORCE' ELSE 'ENABLE' END), "
    "       format('ALTER TABLE %1$s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', t.name) "
    "FROM (" TENANT_TABLES ") t WHERE NOT (t.relrowsecurity AND t.relforcerowsecurity) ORDER BY 1"};

/* A partition has none: it is reached through its table alone. */
static const struct pg_stmt table_bare = {
    "guard_table_bare",
    "SELECT format('the table %s has no policy', t.name), "
    "       format('CREATE POLICY clinic_isolation ON %s USING (clinic_id = ...)', t.name) "
    "FROM (" TENANT_TABLES ") t WHERE NOT t.relispartition "
    "AND NOT EXISTS (SELECT FROM pg_catalog.pg_policy p WHERE p.polrelid = t.oid) ORDER BY 1"};

/* A permissive policy that applies to this role must ask for the clinic: policies are OR-ed. */
static const struct pg_stmt policy_open = {
    "guard_policy_open",
    "SELECT format('the policy %s on %s does not ask for the clinic', p.polname, t.name), "
    "       format('DROP POLICY %I ON %s, or give it TO another role', p.polname, t.name) "
    "FROM (" TENANT_TABLES ") t JOIN pg_catalog.pg_policy p ON p.polrelid = t.oid "
    "WHERE p.polpermissive AND EXISTS (SELECT FROM unnest(p.polroles) granted "
    "          WHERE granted = 0 OR pg_has_role(session_user, granted, 'USAGE')) "
    "AND EXISTS (SELECT FROM unnest(ARRAY[pg_get_expr(p.polqual, p.polrelid), "
    "                                     pg_get_expr(p.polwithcheck, p.polrelid)]) e "
    "            WHERE e IS NOT NULL AND strpos(e, 'app.current_clinic_id') = 0) ORDER BY 1"};

/* Without its trigger the audit log could be rewritten by its owner without a sound. */
static const struct pg_stmt audit_open = {
    "guard_audit_open",
    "SELECT format('the table %s lacks its append-only trigger', c.oid::regclass), "
    "       format('ALTER TABLE %s ENABLE TRIGGER audit_logs_append_only', c.oid::regclass) "
    "FROM pg_catalog.pg_class c WHERE (c.oid = to_regclass('public.audit_logs') OR c.oid IN "
    "    (SELECT inhrelid FROM pg_catalog.pg_inherits "
    "     WHERE inhparent = to_regclass('public.audit_logs'))) "
    "AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger g WHERE g.tgrelid = c.oid "
    "    AND g.tgname = 'audit_logs_append_only' AND g.tgenabled IN ('O', 'A')) ORDER BY 1"};

static const struct pg_stmt audit_writable = {
    "guard_audit_writable",
    "SELECT format('the role %s may change audit_logs', session_user), "
    "       format('REVOKE UPDATE, DELETE, TRUNCATE ON audit_logs FROM %I', session_user) "
    "WHERE has_table_privilege(session_user, to_regclass('public.audit_logs'), "
    "                          'UPDATE, DELETE, TRUNCATE')"};

static const struct pg_stmt *const checks[] = {
    &role_powers, &role_becomes, &role_inherits, &role_lacks, &table_owned,
    &table_open,  &table_bare,   &policy_open,   &audit_open, &audit_writable,
};

enum { FINDINGS_MAX = 200 };

struct findings {
    struct guard_finding list[FINDINGS_MAX];
    size_t count;
};

static struct problem *run_check(struct pg_tx *tx, const struct pg_stmt *check,
                                 struct findings *found)
{
    struct pg_result *r;
    TRY(pg_query(tx, check, NULL, 0, &r));
    for (size_t row = 0; row < pg_rows(r) && found->count < FINDINGS_MAX; row++)
        found->list[found->count++] = (struct guard_finding){
            .wrong = arena_str(tx->arena, pg_get_str(r, row, 0)),
            .mend = arena_str(tx->arena, pg_get_str(r, row, 1)),
        };
    return NULL;
}

struct problem *guard_findings(struct pg_conn *db, struct arena *arena, struct guard_finding **ret,
                               size_t *ret_count)
{
    TRY(migrate_check(db, migrations, migration_count, arena));
    struct findings *found = arena_make(arena, struct findings);
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(pg_tx_begin(&tx, db, arena, PG_READ, NULL, NULL, 0));
    for (size_t i = 0; i < ARRAY_LEN(checks); i++)
        TRY(run_check(&tx, checks[i], found));
    TRY(pg_tx_commit(&tx));
    *ret = found->list;
    *ret_count = found->count;
    return NULL;
}

struct problem *guard_check(struct pg_conn *db, struct arena *arena)
{
    struct guard_finding *found;
    size_t count;
    TRY(guard_findings(db, arena, &found, &count));
    if (count == 0)
        return NULL;
    return problem_new(arena, PROBLEM_FORBIDDEN, STR_FMT ": " STR_FMT, STR_ARG(found[0].wrong),
                       STR_ARG(found[0].mend));
}
