/* `nexacore clinic create|list`: clinics, each made with its first key in one transaction.
 *
 * Runs as nexacore_app: the policy of `clinics` lets a transaction insert the one clinic whose id
 * is its context, so no owner's password is needed here. */
#include "cli/cli.h"

#include <argp.h>
#include <stdio.h>

#include "audit/audit.h"
#include "base/cleanup.h"
#include "cli/tool.h"
#include "phi/phi.h"

#define NAME "clinic"

struct clinic_args {
    const char *verb;
    const char *name;
    const char *country;
    const char *timezone;
    const char *id;
};

static const struct argp_option options[] = {
    {"name", 'n', "NAME", 0, "create: the clinic's name", 0},
    {"country", 'c', "COUNTRY", 0, "create: its country, like CO or US", 0},
    {"timezone", 't', "ZONE", 0, "create: IANA time zone (default America/Bogota)", 0},
    {"id", 'i', "UUID", 0, "create: the id to use (default: a new one)", 0},
    {0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct clinic_args *args = state->input;
    switch (key) {
    case 'n':
        args->name = arg;
        return 0;
    case 'c':
        args->country = arg;
        return 0;
    case 't':
        args->timezone = arg;
        return 0;
    case 'i':
        args->id = arg;
        return 0;
    case ARGP_KEY_ARG:
        if (args->verb)
            return ARGP_ERR_UNKNOWN;
        args->verb = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct pg_stmt clinic_insert = {
    "cli_clinic_insert",
    "INSERT INTO clinics (id, name, country, timezone) VALUES ($1, $2, $3, $4)"};
static const struct pg_stmt clinics_all = {
    "cli_clinics_all", "SELECT c.id, c.name, c.country, c.timezone, c.is_active,"
                       " (SELECT count(*) FROM users u WHERE u.clinic_id = c.id AND u.is_active)"
                       " FROM clinics c ORDER BY c.name, c.id"};
static const struct pg_stmt *const stmts[] = {&clinic_insert, &clinics_all};

__attribute__((constructor)) static void register_statements(void)
{
    pg_register(stmts, ARRAY_LEN(stmts));
}

static struct problem *create(const struct ctx *cx, const struct clinic_args *args)
{
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_WRITE));
    TRY(PG_EXEC(&tx, &clinic_insert, NULL, PG_P_UUID(cx->clinic_id), PG_P_Z(args->name),
                PG_P_Z(args->country), PG_P_Z(args->timezone)));
    TRY(keyring_create(&tx, cx));
    TRY(audit_add(&tx, cx, "CLINIC_CREATED", "clinics", cx->clinic_id));
    return pg_tx_commit(&tx);
}

static int run_create(const struct clinic_args *args)
{
    struct uuid id = uuid_v7();
    if (!args->name || !args->country)
        return tool_misused(NAME, "create needs --name and --country");
    if (!str_utf8_valid(str_of(args->name)) || !args->name[0] || !args->country[0])
        return tool_misused(NAME, "--name and --country must be text");
    if (args->id && !uuid_parse(str_of(args->id), &id))
        return tool_misused(NAME, "%s is not a UUID", args->id);
    CLEANUP(tool_close) struct tool tool;
    struct problem *p = tool_open(NAME, &tool);
    if (p)
        return tool_status(NAME, p) + 1;
    struct ctx cx = tool_ctx(&tool, id);
    p = create(&cx, args);
    if (!p)
        printf("%s\n", uuid_z(id));
    return tool_status(NAME, p);
}

static struct problem *list(const struct ctx *cx)
{
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    struct pg_result *r;
    TRY(tx_begin(&tx, cx, PG_READ));
    TRY(pg_query(&tx, &clinics_all, NULL, 0, &r));
    for (size_t i = 0; i < pg_rows(r); i++)
        printf("%s\t" STR_FMT "\t" STR_FMT "\t" STR_FMT "\t%s\t%lld users\n",
               uuid_z(pg_get_uuid(r, i, 0)), STR_ARG(pg_get_str(r, i, 1)),
               STR_ARG(pg_get_str(r, i, 2)), STR_ARG(pg_get_str(r, i, 3)),
               pg_get_bool(r, i, 4) ? "active" : "closed", (long long)pg_get_int(r, i, 5));
    return pg_tx_commit(&tx);
}

static int run_list(void)
{
    CLEANUP(tool_close) struct tool tool;
    struct problem *p = tool_open(NAME, &tool);
    if (p)
        return tool_status(NAME, p) + 1;
    struct ctx cx = tool_ctx_everywhere(&tool);
    return tool_status(NAME, list(&cx));
}

int cmd_clinic(int argc, char **argv)
{
    static const struct argp argp = {
        options,
        parse_option,
        "create --name NAME --country COUNTRY\nlist",
        "Makes a clinic with its keys and prints its id; or lists the clinics.",
        NULL,
        NULL,
        NULL};
    struct clinic_args args = {.timezone = "America/Bogota"};
    argp_err_exit_status = 2;
    argp_parse(&argp, argc, argv, 0, NULL, &args);
    struct str verb = str_of(args.verb);
    if (str_eq(verb, STR("create")))
        return run_create(&args);
    if (str_eq(verb, STR("list")))
        return run_list();
    return tool_misused(NAME, "say create or list");
}
