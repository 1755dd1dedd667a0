/* What the administrative commands (keys, clinic, user) share: opening the product's parts, saying
 * what went wrong, and a context for one clinic. */
#ifndef NEXACORE_CLI_TOOL_H
#define NEXACORE_CLI_TOOL_H

#include "app/app.h"

struct tool {
    struct app *app;
    struct arena *arena;
    struct pg_conn *db;
};
#define TOOL_NONE ((struct tool){.app = NULL})

/* Opens settings, keys, store and a connection (made at the first transaction). The problem is one
 * line for the person at the terminal; the command then exits with 2. */
struct problem *tool_open(const char *name, struct tool *ret);
void tool_close(struct tool *tool); /* for CLEANUP */

/* A context of the system in `clinic`. */
struct ctx tool_ctx(const struct tool *tool, struct uuid clinic);

/* A context that reads over all clinics (role nexacore_corporate, SELECT only). */
struct ctx tool_ctx_everywhere(const struct tool *tool);

/* Prints "nexacore NAME: detail (cause)" on stderr and returns 1; 0 for NULL. */
int tool_status(const char *name, const struct problem *p);

/* Prints what is wrong with the use of the command and returns 2. */
int tool_misused(const char *name, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* True, and said on stderr, when an argument holds a card number (lib/pan): what these commands are
 * given is stored. The command then exits with 2. */
bool tool_card_given(const char *name, int argc, char **argv);

#endif
