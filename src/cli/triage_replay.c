/* `nexacore triage replay` and `nexacore triage overlay`: rule sets tried over stored forms, and a
 * clinic's own rules.
 *
 * The rule not to break: what is printed is ids, scores, levels and rule labels; no word of a form.
 */
#include "cli/triage.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/tool.h"
#include "intake/replay.h"

#define NAME        "triage"
#define RULES_BYTES ((size_t)8 << 20)
#define FORM_BYTES  ((size_t)64 << 20)

enum { CHANGES = 3 }; /* the exit status when some form would be scored otherwise */

static void file_close(FILE **f)
{
    if (*f)
        fclose(*f);
}

/* A whole rule file in `arena`; an absent name leaves `ret` as it is. */
static struct problem *text_read(struct arena *arena, const char *name, struct str *ret)
{
    if (!name)
        return NULL;
    CLEANUP(file_close) FILE *f = fopen(name, "re");
    CLEANUP(buf_free) struct buf text = BUF_MAX(RULES_BYTES);
    char piece[65536];
    size_t n;
    if (!f)
        return problem_new(arena, PROBLEM_VALIDATION, "%.120s cannot be read", name);
    while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
        buf_add(&text, piece, n);
    if (ferror(f) || text.overflowed)
        return problem_new(arena, PROBLEM_VALIDATION, "%.120s cannot be read or is too long", name);
    *ret = text.len > 0 ? arena_str(arena, buf_str(&text)) : STR("\n");
    return NULL;
}

static void line_print(struct str line)
{
    fwrite(line.p, 1, line.n, stdout);
}

/* The texts live in `arena`. */
static struct problem *replay_prepare(struct arena *arena, const struct triage_args *args,
                                      struct replay *ret)
{
    *ret = (struct replay){.print = line_print, .emergency_after = args->emergency_at};
    TRY(text_read(arena, args->before_lexicon, &ret->before.lexicon));
    TRY(text_read(arena, args->before_triggers, &ret->before.triggers));
    TRY(text_read(arena, args->before_overlay, &ret->before.overlay));
    TRY(text_read(arena, args->lexicon, &ret->after.lexicon));
    TRY(text_read(arena, args->triggers, &ret->after.triggers));
    return text_read(arena, args->overlay, &ret->after.overlay);
}

static int replay_done(const struct replay *r, struct problem *p)
{
    printf("{\"summary\":{\"forms\":%zu,\"changed\":%zu,\"raised\":%zu,\"lowered\":%zu,"
           "\"newEmergencies\":%zu,\"noLongerEmergencies\":%zu,\"unreadable\":%zu}}\n",
           r->forms, r->changed, r->raised, r->lowered, r->new_emergencies, r->lost_emergencies,
           r->unreadable);
    if (tool_status(NAME, p) || fflush(stdout) != 0)
        return 1;
    return r->unreadable > 0 ? 1 : r->changed > 0 ? CHANGES : 0;
}

/* ---- forms of a file --------------------------------------------------------------------------*/

static struct problem *replay_lines(struct arena *arena, struct replay *replay, FILE *f)
{
    CLEANUP(arena_free) struct arena *of_form = arena_new(FORM_BYTES);
    struct problem *p = NULL;
    char *line = NULL;
    size_t cap = 0, number = 0;
    ssize_t n;
    while (!p && (n = getline(&line, &cap, f)) >= 0) {
        char id[32];
        number++;
        struct str text = str_trim((struct str){line, (size_t)n});
        snprintf(id, sizeof(id), "%zu", number);
        struct problem *bad = text.n > 0 ? replay_json(of_form, replay, text, id) : NULL;
        if (bad)
            p = problem_new(arena, bad->kind, "line %zu: %s", number, bad->detail);
        arena_reset(of_form);
    }
    free(line);
    return p;
}

static int replay_file(const struct triage_args *args)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(4 * RULES_BYTES);
    CLEANUP(file_close) FILE *f = NULL;
    CLEANUP(replay_end) struct replay replay = {0};
    struct problem *p = replay_prepare(arena, args, &replay);
    if (p)
        return tool_status(NAME, p) + 1;
    f = str_eq(str_of(args->forms), STR("-")) ? fdopen(dup(STDIN_FILENO), "r")
                                              : fopen(args->forms, "re");
    if (!f)
        return tool_misused(NAME, "%s cannot be read", args->forms);
    p = replay_begin(&replay);
    if (p)
        return tool_status(NAME, p) + 1;
    p = replay_lines(arena, &replay, f);
    return replay_done(&replay, p);
}

/* ---- stored forms -----------------------------------------------------------------------------*/

static const struct pg_stmt clinics_in_use = {"triage_clinics",
                                              "SELECT id FROM clinics WHERE is_active ORDER BY id"};
static const struct pg_stmt *const stmts[] = {&clinics_in_use};

__attribute__((constructor)) static void register_statements(void)
{
    pg_register(stmts, ARRAY_LEN(stmts));
}

static struct problem *clinics_all(const struct tool *tool, struct uuid **ret, size_t *ret_n)
{
    struct ctx cx = tool_ctx_everywhere(tool);
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    struct pg_result *r;
    TRY(tx_begin(&tx, &cx, PG_READ));
    TRY(pg_query(&tx, &clinics_in_use, NULL, 0, &r));
    *ret_n = pg_rows(r);
    *ret = arena_array(tool->arena, *ret_n + 1, sizeof(struct uuid));
    for (size_t i = 0; i < *ret_n; i++)
        (*ret)[i] = pg_get_uuid(r, i, 0);
    return pg_tx_commit(&tx);
}

static struct problem *replay_clinics(const struct tool *tool, struct replay *replay,
                                      struct uuid clinic)
{
    struct uuid *clinics = &clinic;
    size_t n = 1;
    if (uuid_is_none(clinic))
        TRY(clinics_all(tool, &clinics, &n));
    for (size_t i = 0; i < n; i++) {
        struct ctx cx = tool_ctx(tool, clinics[i]);
        TRY(replay_clinic(&cx, replay));
    }
    return NULL;
}

static int replay_stored(const struct triage_args *args, struct uuid clinic)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(4 * RULES_BYTES);
    CLEANUP(tool_close) struct tool tool = TOOL_NONE;
    CLEANUP(replay_end) struct replay replay = {0};
    struct problem *p = replay_prepare(arena, args, &replay);
    if (!p)
        p = replay_begin(&replay); /* a bad file is said before a connection is made */
    if (!p)
        p = tool_open(NAME, &tool);
    if (p)
        return tool_status(NAME, p) + 1;
    p = replay_clinics(&tool, &replay, clinic);
    return replay_done(&replay, p);
}

int triage_replay(const struct triage_args *args)
{
    struct uuid clinic = UUID_NONE;
    if ((args->clinic != NULL) + args->all + (args->forms != NULL) != 1)
        return tool_misused(NAME, "replay needs one of --clinic UUID, --all and --forms FILE");
    if (args->emergency_at && (args->emergency_at < 50 || args->emergency_at > 70))
        return tool_misused(NAME, "--emergency-at is 50 to 70");
    if (args->clinic && (!uuid_parse(str_of(args->clinic), &clinic) || uuid_is_none(clinic)))
        return tool_misused(NAME, "%s is not a UUID", args->clinic);
    return args->forms ? replay_file(args) : replay_stored(args, clinic);
}

/* ---- the overlay ------------------------------------------------------------------------------*/

static struct problem *overlay_run(const struct ctx *cx, const struct triage_args *args,
                                   struct str text)
{
    const char *version;
    struct str stored;
    if (args->overlay || args->remove) {
        TRY(overlay_set(cx, text, &version));
        printf("rules %s, from the next form on\n", version);
        return NULL;
    }
    TRY(overlay_get(cx, &stored));
    line_print(stored);
    return NULL;
}

int triage_overlay(const struct triage_args *args)
{
    struct uuid clinic;
    struct str text = STR_NONE;
    if (!args->clinic || !uuid_parse(str_of(args->clinic), &clinic))
        return tool_misused(NAME, "overlay needs --clinic UUID");
    if (args->overlay && args->remove)
        return tool_misused(NAME, "--overlay or --remove, not both");
    CLEANUP(tool_close) struct tool tool = TOOL_NONE;
    struct problem *p = tool_open(NAME, &tool);
    if (p)
        return tool_status(NAME, p) + 1;
    struct ctx cx = tool_ctx(&tool, clinic);
    p = text_read(tool.arena, args->overlay, &text);
    if (!p)
        p = overlay_run(&cx, args, text);
    return tool_status(NAME, p);
}
