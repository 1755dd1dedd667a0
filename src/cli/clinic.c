/* `nexacore clinic create|list|settings|connect-square`: clinics, each made with its first key in
 * one transaction, and their connection to Square. A token comes on stdin, never as an argument.
 *
 * Runs as nexacore_app: the policy of `clinics` lets a transaction insert the one clinic whose id
 * is its context, so no owner's password is needed here. */
#include "cli/cli.h"

#include <argp.h>
#include <stdio.h>
#include <string.h>

#include "audit/audit.h"
#include "base/cleanup.h"
#include "base/crypt.h"
#include "cli/clinic_settings.h"
#include "cli/tool.h"
#include "json/json_out.h"
#include "outbox/outbox.h"
#include "phi/phi.h"

#define NAME "clinic"

struct clinic_args {
    const char *verb;
    const char *name;
    const char *country;
    const char *timezone;
    const char *id;
    const char *clinic;    /* connect-square: whose */
    const char *merchant;  /* Square's id of the seller, which webhooks name */
    const char *locations; /* Square's location ids, separated by commas */
    struct clinic_choice choice;
};

static const struct argp_option options[] = {
    {"name", 'n', "NAME", 0, "create: the clinic's name", 0},
    {"country", 'c', "COUNTRY", 0, "create: its country, like CO or US", 0},
    {"timezone", 't', "ZONE", 0, "create: IANA time zone (default America/Bogota)", 0},
    {"id", 'i', "UUID", 0, "create: the id to use (default: a new one)", 0},
    {"clinic", 'C', "UUID", 0, "settings, connect-square: the clinic", 0},
    {"emergency-at", 'e', "SCORE", 0, "settings: the least score of an emergency, 0.50 to 0.70", 0},
    {"form-confidence", 'f', "SHARE", 0, "settings: forms read less surely go to review", 0},
    {"field-confidence", 'F', "SHARE", 0, "settings: so do fields read less surely", 0},
    {"review-sample", 's', "SHARE", 0,
     "settings: the share of good forms that goes to review, or \"default\"", 0},
    {"merchant", 'm', "ID", 0, "connect-square: Square's merchant id", 0},
    {"locations", 'l', "ID,...", 0, "connect-square: one to ten location ids", 0},
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
    case 'C':
        args->clinic = arg;
        return 0;
    case 'm':
        args->merchant = arg;
        return 0;
    case 'l':
        args->locations = arg;
        return 0;
    case 'e':
        args->choice.emergency_at = arg;
        return 0;
    case 'f':
        args->choice.form_confidence = arg;
        return 0;
    case 'F':
        args->choice.field_confidence = arg;
        return 0;
    case 's':
        args->choice.review_sample = arg;
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
/* Another merchant or place is another set of orders: what was read of the old one is forgotten. */
static const struct pg_stmt square_connect = {
    "cli_square_connect",
    "INSERT INTO square_connections AS s (clinic_id, token, phi_key_version, merchant_id,"
    " location_ids) VALUES ($1::uuid, $2, $3::int, $4,"
    " ARRAY(SELECT jsonb_array_elements_text($5::jsonb))) ON CONFLICT (clinic_id) DO UPDATE SET"
    " token = excluded.token, phi_key_version = excluded.phi_key_version, cursor = NULL,"
    " updated_since = CASE WHEN s.merchant_id = excluded.merchant_id"
    " AND s.location_ids = excluded.location_ids THEN s.updated_since END,"
    " merchant_id = excluded.merchant_id, location_ids = excluded.location_ids, last_error = NULL"};
static const struct pg_stmt *const stmts[] = {&clinic_insert, &clinics_all, &square_connect};

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

/* ---- connect-square ---------------------------------------------------------------------------*/

enum { TOKEN_MAX = 512, LOCATIONS_MAX = 10 };

/* "L1,L2" as JSON; false when it is not one to ten ids. */
static bool locations_json(const char *text, struct buf *out)
{
    struct jw w = jw_to(out);
    struct str rest = str_of(text);
    int count = 0;
    jw_arr(&w);
    while (rest.n > 0) {
        struct str one = str_trim(str_cut(&rest, ','));
        if (one.n == 0 || one.n > 64 || !str_utf8_valid(one) || ++count > LOCATIONS_MAX)
            return false;
        jw_str(&w, one);
    }
    jw_end(&w);
    return count > 0;
}

static struct problem *connect_square(const struct ctx *cx, const char *merchant,
                                      struct str locations, struct str token)
{
    struct phi_place place = {"square_connections", "token", cx->clinic_id};
    struct str sealed;
    int version;
    TRY(phi_seal(cx, place, phi_of(token), &sealed, &version));
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_WRITE));
    TRY(PG_EXEC(&tx, &square_connect, NULL, PG_P_UUID(cx->clinic_id), PG_P_BYTES(sealed),
                PG_P_INT(version), PG_P_Z(merchant), PG_P_TEXT(locations)));
    TRY(audit_add(&tx, cx, "SQUARE_CONNECTED", "square_connections", cx->clinic_id));
    struct outbox_job first = {
        /* the clock would come to it within minutes */
        .queue = QUEUE_SQUARE,
        .key = arena_fmt(cx->arena, "square-connect-%s", uuid_z(uuid_v7())),
        .data = arena_fmt(cx->arena, "{\"clinicId\":\"%s\"}", uuid_z(cx->clinic_id)),
    };
    TRY(outbox_job(&tx, cx, &first));
    return pg_tx_commit(&tx);
}

static int run_connect_square(const struct clinic_args *args)
{
    struct uuid id;
    char line[TOKEN_MAX] = "";
    CLEANUP(buf_free) struct buf locations = BUF_MAX(4096);
    if (!args->clinic || !uuid_parse(str_of(args->clinic), &id))
        return tool_misused(NAME, "connect-square needs --clinic UUID");
    if (!args->merchant || !args->merchant[0] || !str_utf8_valid(str_of(args->merchant)))
        return tool_misused(NAME, "connect-square needs --merchant ID");
    if (!args->locations || !locations_json(args->locations, &locations))
        return tool_misused(NAME, "connect-square needs --locations with one to ten ids");
    struct str token = str_trim(str_of(fgets(line, sizeof(line), stdin)));
    if (token.n == 0 || token.n >= TOKEN_MAX - 1)
        return tool_misused(NAME, "the access token is read from stdin, as one line");
    CLEANUP(tool_close) struct tool tool;
    struct problem *p = tool_open(NAME, &tool);
    if (p)
        return tool_status(NAME, p) + 1;
    struct ctx cx = tool_ctx(&tool, id);
    p = connect_square(&cx, args->merchant, buf_str(&locations), token);
    wipe(line, sizeof(line));
    return tool_status(NAME, p);
}

int cmd_clinic(int argc, char **argv)
{
    static const struct argp argp = {
        options,
        parse_option,
        "create --name NAME --country COUNTRY\nlist\n"
        "settings --clinic UUID [--emergency-at SCORE] [--form-confidence SHARE] "
        "[--field-confidence SHARE] [--review-sample SHARE]\n"
        "connect-square --clinic UUID --merchant ID --locations ID,... < TOKEN",
        "Makes a clinic with its keys and prints its id; lists the clinics; shows and changes what "
        "sends a clinic's forms to review; or lets its billing be read from Square.",
        NULL,
        NULL,
        NULL};
    struct clinic_args args = {.timezone = "America/Bogota"};
    argp_parse(&argp, argc, argv, 0, NULL, &args);
    if (tool_card_given(NAME, argc, argv))
        return 2;
    struct str verb = str_of(args.verb);
    if (str_eq(verb, STR("create")))
        return run_create(&args);
    if (str_eq(verb, STR("list")))
        return run_list();
    if (str_eq(verb, STR("connect-square")))
        return run_connect_square(&args);
    if (str_eq(verb, STR("settings")))
        return clinic_settings(args.clinic, &args.choice);
    return tool_misused(NAME, "say create, list, settings or connect-square");
}
