/* `nexacore user create|deactivate`: the people of a clinic.
 *
 * The telephone is sealed before it reaches the database, as everywhere, and is read from a file or
 * standard input, because arguments can be seen by every user of the machine. Deactivation is seen
 * by every node within five seconds. */
#include "cli/cli.h"

#include <argp.h>
#include <stdio.h>

#include "audit/audit.h"
#include "base/cleanup.h"
#include "cli/tool.h"
#include "phi/phi.h"

#define NAME "user"

enum { PHONE_LINE = 64 };

struct user_args {
    const char *verb;
    const char *subject; /* deactivate: the id */
    const char *clinic;
    const char *auth_id;
    const char *role;
    const char *name;
    const char *phone;      /* the number, or "-": the first line of standard input */
    const char *phone_file; /* a file whose first line is the number */
    const char *id;
};

static const struct argp_option options[] = {
    {"clinic", 'c', "UUID", 0, "create: the clinic", 0},
    {"auth-id", 'a', "SUB", 0, "create: the `sub` of the user's tokens", 0},
    {"role", 'r', "ROLE", 0, "create: DOCTOR, ADMIN, ADMISSIONS or CORPORATE_ADMIN", 0},
    {"name", 'n', "NAME", 0, "create: the person's name", 0},
    {"phone-file", 'f', "FILE", 0, "create: the file whose first line is the number for alerts", 0},
    {"phone", 'p', "-", 0,
     "create: read that number from standard input; the number itself may stand here too, but "
     "other "
     "users of the machine can read it then",
     0},
    {"id", 'i', "UUID", 0, "create: the id to use (default: a new one)", 0},
    {0},
};

static error_t parse_argument(char *arg, struct user_args *args)
{
    if (!args->verb)
        args->verb = arg;
    else if (!args->subject)
        args->subject = arg;
    else
        return ARGP_ERR_UNKNOWN;
    return 0;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct user_args *args = state->input;
    switch (key) {
    case 'c':
        args->clinic = arg;
        return 0;
    case 'a':
        args->auth_id = arg;
        return 0;
    case 'r':
        args->role = arg;
        return 0;
    case 'n':
        args->name = arg;
        return 0;
    case 'p':
        args->phone = arg;
        return 0;
    case 'f':
        args->phone_file = arg;
        return 0;
    case 'i':
        args->id = arg;
        return 0;
    case ARGP_KEY_ARG:
        return parse_argument(arg, args);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct pg_stmt user_insert = {
    "cli_user_insert",
    "INSERT INTO users (id, clinic_id, auth_id, role, full_name, phone_e164, phone_index,"
    " phi_key_version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8::int8::int)"};
static const struct pg_stmt user_clinic = {"cli_user_clinic",
                                           "SELECT clinic_id FROM users WHERE id = $1"};
static const struct pg_stmt user_deactivate = {
    "cli_user_deactivate",
    "UPDATE users SET is_active = false WHERE clinic_id = $1 AND id = $2 AND is_active"};
static const struct pg_stmt *const stmts[] = {&user_insert, &user_clinic, &user_deactivate};

__attribute__((constructor)) static void register_statements(void)
{
    pg_register(stmts, ARRAY_LEN(stmts));
}

/* "+" and 7 to 15 digits, the first not 0 (ITU-T E.164). */
static bool phone_valid(struct str s)
{
    if (s.n < 8 || s.n > 16 || s.p[0] != '+' || s.p[1] == '0')
        return false;
    for (size_t i = 1; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return true;
}

static struct problem *create(const struct ctx *cx, const struct user_args *args, struct uuid id)
{
    struct phi phone = phi_of(str_of(args->phone));
    struct phi_place place = {.table = "users", .column = "phone_e164", .row = id};
    struct str sealed, index;
    int version;
    TRY(phi_seal(cx, place, phone, &sealed, &version));
    TRY(phi_index(cx, "phone", phone, &index));

    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_WRITE));
    struct problem *p = PG_EXEC(&tx, &user_insert, NULL, PG_P_UUID(id), PG_P_UUID(cx->clinic_id),
                                PG_P_Z(args->auth_id), PG_P_Z(args->role), PG_P_Z(args->name),
                                sealed.p ? PG_P_BYTES(sealed) : PG_P_NULL, PG_P_TEXT_OR_NULL(index),
                                PG_P_INT(version));
    if (p && p->kind == PROBLEM_CONFLICT)
        return problem_new(cx->arena, PROBLEM_CONFLICT, "that auth-id or id is already in use");
    TRY(p);
    TRY(audit_add(&tx, cx, "USER_CREATED", "users", id));
    return pg_tx_commit(&tx);
}

static int create_check(const struct user_args *args, struct uuid *ret_clinic, struct uuid *ret_id)
{
    if (!args->clinic || !args->auth_id || !args->role || !args->name)
        return tool_misused(NAME, "create needs --clinic, --auth-id, --role and --name");
    if (!uuid_parse(str_of(args->clinic), ret_clinic))
        return tool_misused(NAME, "%s is not a UUID", args->clinic);
    if (args->id && !uuid_parse(str_of(args->id), ret_id))
        return tool_misused(NAME, "%s is not a UUID", args->id);
    if (role_parse(str_of(args->role)) == ROLE_NONE)
        return tool_misused(NAME, "--role must be DOCTOR, ADMIN, ADMISSIONS or CORPORATE_ADMIN");
    if (!args->name[0] || !args->auth_id[0] || !str_utf8_valid(str_of(args->name)))
        return tool_misused(NAME, "--name and --auth-id must be text");
    if (args->phone && args->phone_file)
        return tool_misused(NAME, "give --phone-file or --phone, not both");
    return 0;
}

static void stream_close(FILE **in)
{
    if (*in)
        fclose(*in);
}

/* The first line of a stream, without its end; NULL when there is none or it is too long. */
static const char *line_read(FILE *in, char line[PHONE_LINE])
{
    if (!fgets(line, PHONE_LINE, in) || strlen(line) == PHONE_LINE - 1)
        return NULL;
    line[strcspn(line, "\r\n")] = '\0';
    return line;
}

/* Replaces the sources of a telephone by the number, kept in `line`; 0, or 2 as tool_misused. */
static int phone_read(struct user_args *args, char line[PHONE_LINE])
{
    if (args->phone_file) {
        CLEANUP(stream_close) FILE *in = fopen(args->phone_file, "re");
        args->phone = in ? line_read(in, line) : NULL;
        if (!args->phone)
            return tool_misused(NAME, "no telephone could be read from %s", args->phone_file);
    } else if (args->phone && strcmp(args->phone, "-") == 0) {
        args->phone = line_read(stdin, line);
        if (!args->phone)
            return tool_misused(NAME, "no telephone on standard input");
    }
    if (args->phone && !phone_valid(str_of(args->phone)))
        return tool_misused(NAME, "the telephone of --phone%s must be like +573001234567",
                            args->phone_file ? "-file" : "");
    return 0;
}

static int run_create(struct user_args *args)
{
    struct uuid clinic, id = uuid_v7();
    char line[PHONE_LINE];
    int wrong = create_check(args, &clinic, &id);
    wrong = wrong ? wrong : phone_read(args, line);
    if (wrong)
        return wrong;
    CLEANUP(tool_close) struct tool tool;
    struct problem *p = tool_open(NAME, &tool);
    if (p)
        return tool_status(NAME, p) + 1;
    struct ctx cx = tool_ctx(&tool, clinic);
    p = create(&cx, args, id);
    if (!p)
        printf("%s\n", uuid_z(id));
    return tool_status(NAME, p);
}

/* The id names no clinic, so it is looked up over all of them first. */
static struct problem *clinic_of(const struct tool *tool, struct uuid id, struct uuid *ret)
{
    struct ctx cx = tool_ctx_everywhere(tool);
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    struct pg_result *r;
    TRY(tx_begin(&tx, &cx, PG_READ));
    TRY(PG_QUERY(&tx, &user_clinic, &r, PG_P_UUID(id)));
    if (pg_rows(r) == 0)
        return problem_new(tool->arena, PROBLEM_NOT_FOUND, "there is no such user");
    *ret = pg_get_uuid(r, 0, 0);
    return pg_tx_commit(&tx);
}

static struct problem *deactivate(const struct tool *tool, struct uuid id)
{
    struct uuid clinic;
    size_t rows;
    TRY(clinic_of(tool, id, &clinic));
    struct ctx cx = tool_ctx(tool, clinic);
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, &cx, PG_WRITE));
    TRY(PG_EXEC(&tx, &user_deactivate, &rows, PG_P_UUID(clinic), PG_P_UUID(id)));
    if (rows > 0)
        TRY(audit_add(&tx, &cx, "USER_DEACTIVATED", "users", id));
    TRY(pg_tx_commit(&tx));
    printf("%s is %s\n", uuid_z(id), rows > 0 ? "deactivated" : "inactive already");
    return NULL;
}

static int run_deactivate(const struct user_args *args)
{
    struct uuid id;
    if (!uuid_parse(str_of(args->subject), &id))
        return tool_misused(NAME, "deactivate needs the user's id");
    CLEANUP(tool_close) struct tool tool;
    struct problem *p = tool_open(NAME, &tool);
    if (p)
        return tool_status(NAME, p) + 1;
    return tool_status(NAME, deactivate(&tool, id));
}

int cmd_user(int argc, char **argv)
{
    static const struct argp argp = {
        options,
        parse_option,
        "create --clinic UUID --auth-id SUB --role ROLE --name NAME\ndeactivate UUID",
        "Makes a user of a clinic and prints the id; or takes a user's access away.",
        NULL,
        NULL,
        NULL};
    struct user_args args = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &args);
    if (tool_card_given(NAME, argc, argv))
        return 2;
    struct str verb = str_of(args.verb);
    if (str_eq(verb, STR("create")) && !args.subject)
        return run_create(&args);
    if (str_eq(verb, STR("deactivate")))
        return run_deactivate(&args);
    return tool_misused(NAME, "say create or deactivate");
}
