/* `nexacore triage`: the triage engine as a filter over lines, for trying, scripting and measuring;
 * replay and overlay are in triage_replay.c.
 *
 * The rule not to break: the filters need no database and keep nothing; one line in, one line out,
 * same order. */
#include "cli/triage.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "triage/triage.h"

#define ARENA_BYTES ((size_t)256 << 20)
#define OUT_BYTES   ((size_t)8 << 20)

enum { BEFORE_LEXICON = 256, BEFORE_TRIGGERS, BEFORE_OVERLAY, EMERGENCY_AT, REMOVE };

static const struct argp_option options[] = {
    {"explain", 'e', NULL, 0, "score: print the whole result as JSON", 0},
    {"clinic", 'c', "UUID", 0, "replay, overlay: the forms, the rules of this clinic", 0},
    {"all", 'a', NULL, 0, "replay: the forms of every clinic in use", 0},
    {"forms", 'f', "FILE", 0, "replay: forms as JSON lines, needs no database; - is stdin", 0},
    {"lexicon", 'l', "FILE", 0, "replay: try this lexicon", 0},
    {"triggers", 't', "FILE", 0, "replay: try these context triggers", 0},
    {"overlay", 'o', "FILE", 0, "replay: try this overlay; overlay: set it", 0},
    {"emergency-at", EMERGENCY_AT, "N", 0, "replay: try this threshold, 50 to 70", 0},
    {"before-lexicon", BEFORE_LEXICON, "FILE", 0,
     "replay: compare with this, not with the one in force", 0},
    {"before-triggers", BEFORE_TRIGGERS, "FILE", 0, "replay: likewise", 0},
    {"before-overlay", BEFORE_OVERLAY, "FILE", 0, "replay: likewise", 0},
    {"remove", REMOVE, NULL, 0, "overlay: the clinic has none any more", 0},
    {0},
};

/* Where the value of an option with a file or an id goes; NULL for other options. */
static const char **value_of(struct triage_args *args, int key)
{
    switch (key) {
    case 'c':
        return &args->clinic;
    case 'f':
        return &args->forms;
    case 'l':
        return &args->lexicon;
    case 't':
        return &args->triggers;
    case 'o':
        return &args->overlay;
    case BEFORE_LEXICON:
        return &args->before_lexicon;
    case BEFORE_TRIGGERS:
        return &args->before_triggers;
    case BEFORE_OVERLAY:
        return &args->before_overlay;
    default:
        return NULL;
    }
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct triage_args *args = state->input;
    uint64_t number;
    if (value_of(args, key) != NULL) {
        *value_of(args, key) = arg;
        return 0;
    }
    switch (key) {
    case 'e':
        args->explain = true;
        return 0;
    case 'a':
        args->all = true;
        return 0;
    case REMOVE:
        args->remove = true;
        return 0;
    case EMERGENCY_AT:
        args->emergency_at = str_u64(str_of(arg), 100, &number) ? (int)number : -1;
        return 0;
    case ARGP_KEY_ARG:
        if (args->step != NULL)
            argp_usage(state);
        args->step = arg;
        return 0;
    case ARGP_KEY_END:
        if (args->step == NULL)
            argp_usage(state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* lang TAB phrase TAB sentence. The labels known outside have no "hypothetical": such a mention is
 * not present now, which "possible" says best. A line of another form is answered too, so that
 * answers stay beside their lines, and is a problem. */
static struct problem *context_line(struct arena *arena, struct str line, struct buf *out)
{
    struct str lang = str_cut(&line, '\t'), phrase = str_cut(&line, '\t');
    enum triage_assertion a = triage_context(arena, triage_rules_default(), lang, phrase, line);
    if (a == TRIAGE_HYPOTHETICAL)
        a = TRIAGE_POSSIBLE;
    buf_addf(out, "%s\n", triage_assertion_name(a));
    if (line.p == NULL || phrase.n == 0)
        return problem_new(arena, PROBLEM_VALIDATION, "is not LANG TAB PHRASE TAB SENTENCE");
    return NULL;
}

static int run_lines(bool score, bool explain)
{
    char *line = NULL;
    size_t cap = 0, number = 0;
    ssize_t n;
    struct arena *arena = arena_new(ARENA_BYTES);
    CLEANUP(buf_free) struct buf out = BUF_SECRET(OUT_BYTES);
    int status = 0;
    while ((status == 0 || !score) && (n = getline(&line, &cap, stdin)) >= 0) {
        struct str text = {line, n > 0 && line[n - 1] == '\n' ? (size_t)n - 1 : (size_t)n};
        number++;
        buf_clear(&out);
        struct problem *p =
            score ? triage_score_line(arena, text, explain, &out) : context_line(arena, text, &out);
        if (p != NULL) {
            fprintf(stderr, "nexacore triage: line %zu: %s\n", number, p->detail);
            status = 1;
        }
        fwrite(out.data, 1, out.len, stdout);
        arena_reset(arena);
    }
    free(line);
    arena_free(&arena);
    return status != 0 || ferror(stdin) || fflush(stdout) != 0 ? 1 : 0;
}

int cmd_triage(int argc, char **argv)
{
    static const struct argp argp = {
        options,
        parse_option,
        "score|context\nreplay --clinic UUID|--all|--forms FILE\noverlay --clinic UUID",
        "Scores patients (JSON lines) or classifies mentions (lang TAB phrase TAB sentence) of "
        "standard input; lists what other rules would change on stored forms (exit status 3 when "
        "something changes); shows, sets or removes the rules a clinic adds.",
        NULL,
        NULL,
        NULL};
    struct triage_args args = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &args);
    if (strcmp(args.step, "score") == 0)
        return run_lines(true, args.explain);
    if (strcmp(args.step, "context") == 0)
        return run_lines(false, false);
    if (strcmp(args.step, "replay") == 0)
        return triage_replay(&args);
    if (strcmp(args.step, "overlay") == 0)
        return triage_overlay(&args);
    fprintf(stderr, "nexacore triage: no such step: %s\n", args.step);
    return 2;
}
