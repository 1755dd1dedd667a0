/* What the administrative commands share: see tool.h. */
#include "cli/tool.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/uuid.h"
#include "pan/pan.h"

#define TOOL_ARENA_MAX (64U << 20)

struct problem *tool_open(const char *name, struct tool *ret)
{
    *ret = TOOL_NONE;
    TRY(app_open(name, FOR_TOOLS, &ret->app));
    ret->arena = arena_new(TOOL_ARENA_MAX);
    ret->db = pg_conn_new(ret->app->database_url, arena_fmt(ret->arena, "nexacore %s", name));
    return NULL;
}

void tool_close(struct tool *tool)
{
    if (!tool->app)
        return;
    pg_conn_free(&tool->db);
    arena_free(&tool->arena);
    app_close(&tool->app);
}

struct ctx tool_ctx(const struct tool *tool, struct uuid clinic)
{
    return ctx_system(tool->app, tool->arena, tool->db, clinic, "");
}

struct ctx tool_ctx_everywhere(const struct tool *tool)
{
    struct ctx cx = ctx_system(tool->app, tool->arena, tool->db, UUID_NONE, "");
    cx.role = ROLE_CORPORATE_ADMIN; /* tx_begin(PG_READ) turns this into the database role */
    return cx;
}

int tool_status(const char *name, const struct problem *p)
{
    if (!p)
        return 0;
    fprintf(stderr, "nexacore %s: %s%s%s%s\n", name, p->detail, p->cause[0] ? " (" : "", p->cause,
            p->cause[0] ? ")" : "");
    return 1;
}

int tool_misused(const char *name, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "nexacore %s: ", name);
    vfprintf(stderr, fmt, ap);
    fprintf(stderr, " (see nexacore %s --help)\n", name);
    va_end(ap);
    return 2;
}

/* One id in four thousand has digits that would pass for a card's. */
static bool is_id(const char *argument)
{
    const char *value = strchr(argument, '=');
    struct uuid id;
    return uuid_parse(str_of(value ? value + 1 : argument), &id);
}

bool tool_card_given(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (is_id(argv[i]) || pan_find(str_of(argv[i]), NULL, 0) == 0)
            continue;
        tool_misused(name, "an argument holds a card number; it was not used");
        return true;
    }
    return false;
}
