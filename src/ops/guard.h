/* Checks before work begins: a process that could break isolation between clinics does not start.
 *
 * Used by `serve` and `work` (the first finding stops them) and by `doctor` (which shows all). */
#ifndef NEXACORE_OPS_GUARD_H
#define NEXACORE_OPS_GUARD_H

#include "base/problem.h"

struct pg_conn;

/* One thing that is wrong: what, and how to mend it. Both safe to show. */
struct guard_finding {
    struct str wrong;
    struct str mend;
};

/* Everything that is wrong with the connected role and the tables, in `arena`; none is good. The
 * schema's version is checked first, and alone when it differs. A problem means that the check
 * itself could not be done. */
struct problem *guard_findings(struct pg_conn *db, struct arena *arena, struct guard_finding **ret,
                               size_t *ret_count);

/* NULL when work may begin. Refuses (CONFLICT for the schema's version, else FORBIDDEN) with the
 * first finding: the role is superuser, may bypass row security, owns a table, inherits or may
 * become a role with wider policies, or cannot become those it needs; a table with clinic_id (or
 * clinics) lacks ENABLE or FORCE ROW LEVEL SECURITY, has no policy, or has one for this role that
 * does not ask for the clinic; audit_logs lacks its trigger or may be changed by this role. */
struct problem *guard_check(struct pg_conn *db, struct arena *arena);

#endif
