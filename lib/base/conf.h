/* Settings from the environment (12-factor), declared in one table.
 *
 * A missing or malformed setting is one clear line naming it and what would be right; the caller
 * exits with 2. Secrets are never printed. */
#ifndef NEXACORE_BASE_CONF_H
#define NEXACORE_BASE_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/problem.h"

enum conf_kind {
    CONF_TEXT,
    CONF_SECRET, /* like text, never shown */
    CONF_URL,    /* scheme://... */
    CONF_LISTEN, /* host:port */
    CONF_FILE,   /* path that exists and can be read */
    CONF_UINT,   /* decimal, min..max */
    CONF_REAL,   /* decimal fraction, min..max as given in thousandths */
};

struct conf_def {
    const char *name; /* environment variable */
    enum conf_kind kind;
    const char *fallback; /* default, or NULL: required */
    const char *help;     /* one line for --help and the README */
    uint64_t min, max;    /* CONF_UINT, CONF_REAL (thousandths) */
    unsigned needed_by;   /* BIT mask of commands that need it; the application's meaning */
    bool optional;        /* absent is fine: the feature is off */
};

struct conf; /* checked values of one table */

/* Reads every entry of `defs` whose `needed_by` meets `command`. The problem names the setting. */
struct problem *conf_load(const struct conf_def *defs, size_t count, unsigned command,
                          struct conf **ret);
void conf_free(struct conf **conf);

/* Values by name; asking for a name that is not in the table ends the process (our mistake). */
const char *conf_text(const struct conf *conf, const char *name); /* NULL when optional, absent */
uint64_t conf_uint(const struct conf *conf, const char *name);
double conf_real(const struct conf *conf, const char *name);
/* "a, b" as a NULL-terminated list in the arena; NULL when absent. */
const char *const *conf_list(const struct conf *conf, struct arena *arena, const char *name);

#endif
