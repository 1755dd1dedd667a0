/* `nexacore keys new-master|rotate|shred`: the master key file, and the clinics' data keys.
 *
 * The rule not to break: no key is ever printed or taken from the command line. */
#include "cli/cli.h"

#include <argp.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/tool.h"
#include "phi/rotate.h"
#include "phi/wrap.h"

#define NAME      "keys"
#define BAR_WIDTH 30

struct keys_args {
    const char *verb;
    const char *file;
    const char *clinic;
    bool all;
};

static const struct argp_option options[] = {
    {"clinic", 'c', "UUID", 0, "rotate, shred: this clinic", 0},
    {"all", 'a', NULL, 0, "rotate: every clinic that still has keys", 0},
    {0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct keys_args *args = state->input;
    switch (key) {
    case 'c':
        args->clinic = arg;
        return 0;
    case 'a':
        args->all = true;
        return 0;
    case ARGP_KEY_ARG:
        if (!args->verb)
            args->verb = arg;
        else if (!args->file)
            args->file = arg;
        else
            return ARGP_ERR_UNKNOWN;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct pg_stmt clinics_with_keys = {
    "cli_clinics_with_keys",
    "SELECT clinic_id FROM clinic_keys WHERE state = 'current' ORDER BY clinic_id"};
static const struct pg_stmt *const stmts[] = {&clinics_with_keys};

__attribute__((constructor)) static void register_statements(void)
{
    pg_register(stmts, ARRAY_LEN(stmts));
}

static int run_new_master(const struct keys_args *args)
{
    if (!args->file)
        return tool_misused(NAME, "new-master needs the file to make");
    struct problem *p = master_key_new(args->file);
    if (!p)
        printf("%s made. Keep a copy of it elsewhere: without it no patient can be read again.\n",
               args->file);
    return tool_status(NAME, p);
}

/* ---- rotate ----------------------------------------------------------------------------------*/

static void draw_bar(void *arg, size_t done, size_t total)
{
    (void)arg;
    if (!isatty(STDERR_FILENO))
        return;
    size_t filled = total == 0 || done >= total ? BAR_WIDTH : done * BAR_WIDTH / total;
    fprintf(stderr, "\r  [%.*s%*s] %zu/%zu rows", (int)filled, "##############################",
            (int)(BAR_WIDTH - filled), "", done, total > done ? total : done);
}

static void end_bar(void)
{
    if (isatty(STDERR_FILENO))
        fputc('\n', stderr);
}

/* `before` counts rows that the first pass has sealed already. */
static struct problem *rotate_one(const struct tool *tool, struct uuid clinic, size_t before)
{
    struct ctx cx = tool_ctx(tool, clinic);
    struct rotate_result result;
    struct problem *p = phi_rotate(&cx, draw_bar, NULL, &result);
    end_bar();
    TRY(p);
    printf(
        "%s: key version %d, %zu rows sealed anew, %zu on older versions, %zu versions retired\n",
        uuid_z(clinic), result.version, before + result.resealed, result.left, result.retired);
    if (result.left > 0)
        return problem_new(tool->arena, PROBLEM_CONFLICT,
                           "%zu rows are still on an older key (%zu cannot be opened, see the log);"
                           " it is kept. Run the rotation again",
                           result.left, result.unreadable);
    return NULL;
}

static struct problem *clinics_to_rotate(const struct tool *tool, struct uuid **ret, size_t *ret_n)
{
    struct ctx cx = tool_ctx_everywhere(tool);
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    struct pg_result *r;
    TRY(tx_begin(&tx, &cx, PG_READ));
    TRY(pg_query(&tx, &clinics_with_keys, NULL, 0, &r));
    size_t n = pg_rows(r);
    struct uuid *clinics = arena_array(tool->arena, n + 1, sizeof(*clinics));
    for (size_t i = 0; i < n; i++)
        clinics[i] = pg_get_uuid(r, i, 0);
    TRY(pg_tx_commit(&tx));
    *ret = clinics;
    *ret_n = n;
    return NULL;
}

/* All are begun before the first is finished, so that the wait for other processes is paid once.
 * One clinic's trouble does not keep the others back. */
static struct problem *rotate_all(const struct tool *tool)
{
    struct uuid *clinics;
    size_t n, failed = 0;
    TRY(clinics_to_rotate(tool, &clinics, &n));
    struct rotate_result *begun = arena_array(tool->arena, n + 1, sizeof(*begun));
    for (size_t i = 0; i < n; i++) {
        struct ctx cx = tool_ctx(tool, clinics[i]);
        struct problem *p = phi_rotate_begin(&cx, draw_bar, NULL, &begun[i]);
        end_bar();
        tool_status(NAME, p);
    }
    for (size_t i = 0; i < n; i++) {
        struct problem *p = rotate_one(tool, clinics[i], begun[i].resealed);
        tool_status(NAME, p);
        failed += p != NULL;
    }
    if (failed == 0)
        return NULL;
    return problem_new(tool->arena, PROBLEM_CONFLICT, "%zu of %zu clinics are not rotated", failed,
                       n);
}

static int run_rotate(const struct keys_args *args)
{
    struct uuid clinic = UUID_NONE;
    if (args->all == (args->clinic != NULL))
        return tool_misused(NAME, "rotate needs --clinic UUID or --all");
    if (args->clinic && !uuid_parse(str_of(args->clinic), &clinic))
        return tool_misused(NAME, "%s is not a UUID", args->clinic);
    CLEANUP(tool_close) struct tool tool;
    struct problem *p = tool_open(NAME, &tool);
    if (p)
        return tool_status(NAME, p) + 1;
    return tool_status(NAME, args->all ? rotate_all(&tool) : rotate_one(&tool, clinic, 0));
}

/* ---- shred -----------------------------------------------------------------------------------*/

/* A person is asked; a script that calls this has decided. */
static bool confirmed(const char *clinic)
{
    char answer[UUID_TEXT_LEN + 2] = "";
    if (!isatty(STDIN_FILENO))
        return true;
    fprintf(stderr,
            "This closes clinic %s and makes all its patients unreadable for good.\n"
            "Type its id to go on: ",
            clinic);
    return fgets(answer, sizeof(answer), stdin) && str_eq(str_trim(str_of(answer)), str_of(clinic));
}

static int run_shred(const struct keys_args *args)
{
    struct uuid clinic;
    size_t keys;
    if (!args->clinic || !uuid_parse(str_of(args->clinic), &clinic))
        return tool_misused(NAME, "shred needs --clinic UUID");
    if (!confirmed(args->clinic))
        return tool_misused(NAME, "nothing was shredded");
    CLEANUP(tool_close) struct tool tool;
    struct problem *p = tool_open(NAME, &tool);
    if (p)
        return tool_status(NAME, p) + 1;
    struct ctx cx = tool_ctx(&tool, clinic);
    p = phi_shred(&cx, &keys);
    if (!p)
        printf("%s: closed, %zu keys destroyed. Its values and objects cannot be read any more, "
               "here and, once they expire, in backups.\n",
               uuid_z(clinic), keys);
    return tool_status(NAME, p);
}

int cmd_keys(int argc, char **argv)
{
    static const struct argp argp = {
        options,
        parse_option,
        "new-master FILE\nrotate --clinic UUID\nrotate --all\nshred --clinic UUID",
        "Makes the master key; seals a clinic's values under a new key while the product runs; "
        "destroys the keys of a closed clinic.",
        NULL,
        NULL,
        NULL};
    struct keys_args args = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &args);
    if (tool_card_given(NAME, argc, argv))
        return 2;
    struct str verb = str_of(args.verb);
    if (str_eq(verb, STR("new-master")))
        return run_new_master(&args);
    if (str_eq(verb, STR("rotate")) && !args.file)
        return run_rotate(&args);
    if (str_eq(verb, STR("shred")) && !args.file)
        return run_shred(&args);
    return tool_misused(NAME, "say new-master, rotate or shred");
}
