/* Shared by the files of lib/pg only. */
#ifndef NEXACORE_PG_INTERNAL_H
#define NEXACORE_PG_INTERNAL_H

#include "pg/pg.h"

struct pg_result {
    PGresult *rows;
    struct arena *arena;
    struct pg_result *next;
};

/* Parameters in the form libpq sends; texts live in `arena`. */
struct pg_wire {
    const char *values[PG_PARAMS_MAX];
    int lengths[PG_PARAMS_MAX];
    int formats[PG_PARAMS_MAX];
};
void pg_wire_make(struct arena *arena, const struct pg_param *params, size_t count,
                  struct pg_wire *ret);

/* What a failed result means to a caller (SQLSTATE classes, see pg_query). */
struct problem *pg_problem(struct arena *arena, const PGresult *failed);

#endif
