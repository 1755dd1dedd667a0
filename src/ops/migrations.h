/* The migrations this binary was built with (made from db/migrations at build time). */
#ifndef NEXACORE_OPS_MIGRATIONS_H
#define NEXACORE_OPS_MIGRATIONS_H

#include <stddef.h>

struct migration {
    int version;        /* 1, 2, 3, ... without a gap */
    const char *name;   /* "roles_and_context" */
    const char *sha256; /* of the file, 64 hex digits */
    const char *sql;    /* the file */
};

extern const struct migration migrations[];
extern const size_t migration_count;

#endif
