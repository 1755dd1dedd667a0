/* `nexacore pan`: the card-number finder as a filter, for trying, scripting and measuring.
 *
 * Without options the text of stdin goes masked to stdout. The rule not to break: what is printed
 * in that mode has passed the stream masker; nothing of stdin is echoed otherwise. */
#include "cli/cli.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "json/json_out.h"
#include "pan/pan.h"

#define LINE_SPANS 4096
#define LINE_BYTES ((size_t)64 << 20)
#define PIECE      ((size_t)64 << 10)

struct pan_args {
    bool spans;
    bool rules;
};

static const struct argp_option options[] = {
    {"spans", 's', NULL, 0, "one JSON line per input line with the spans found, in bytes", 0},
    {"rules", 'r', NULL, 0, "with --spans: also which rule found each", 0},
    {0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct pan_args *args = state->input;
    (void)arg;
    switch (key) {
    case 's':
        args->spans = true;
        return 0;
    case 'r':
        args->rules = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void free_spans(struct pan_span **spans)
{
    free(*spans);
}

static void spans_write(struct str line, bool rules, struct buf *out)
{
    static struct pan_span few[LINE_SPANS];
    size_t n = pan_find(line, few, LINE_SPANS);
    CLEANUP(free_spans) struct pan_span *many = n > LINE_SPANS ? mem_zero(n, sizeof(few[0])) : NULL;
    const struct pan_span *spans = many != NULL ? many : few;
    if (many != NULL)
        pan_find(line, many, n);
    struct jw w = jw_to(out);
    jw_obj(&w);
    jw_key(&w, "spans");
    jw_arr(&w);
    for (size_t i = 0; i < n; i++) {
        jw_arr(&w);
        jw_int(&w, (int64_t)spans[i].start);
        jw_int(&w, (int64_t)spans[i].end);
        jw_z(&w, pan_kind_name(spans[i].kind));
        if (rules)
            jw_z(&w, spans[i].rule);
        jw_end(&w);
    }
    jw_end(&w);
    jw_end(&w);
    buf_add_c(out, '\n');
}

static int run_spans(bool rules)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    CLEANUP(buf_free) struct buf out = BUF_MAX(LINE_BYTES);
    while ((n = getline(&line, &cap, stdin)) >= 0) {
        size_t len = n > 0 && line[n - 1] == '\n' ? (size_t)n - 1 : (size_t)n;
        buf_clear(&out);
        spans_write((struct str){line, len}, rules, &out);
        fwrite(out.data, 1, out.len, stdout);
    }
    free(line);
    return ferror(stdin) || fflush(stdout) != 0 ? 1 : 0;
}

/* Writes what is there and empties the buffer; nothing written yet means there is no memory. */
static void put(struct buf *out)
{
    if (out->len > 0)
        fwrite(out->data, 1, out->len, stdout);
    buf_clear(out);
}

static int run_mask(void)
{
    static char piece[PIECE];
    struct pan_stream stream = PAN_STREAM_NEW;
    CLEANUP(buf_free) struct buf out = BUF_SECRET(4 * PIECE);
    size_t n;
    while ((n = fread(piece, 1, sizeof(piece), stdin)) > 0) {
        pan_stream_feed(&stream, (struct str){piece, n}, &out);
        put(&out);
    }
    pan_stream_end(&stream, &out);
    put(&out);
    return ferror(stdin) || fflush(stdout) != 0 ? 1 : 0;
}

int cmd_pan(int argc, char **argv)
{
    static const struct argp argp = {
        options, parse_option, NULL, "Masks payment card numbers in the text of standard input.",
        NULL,    NULL,         NULL};
    struct pan_args args = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &args);
    return args.spans ? run_spans(args.rules) : run_mask();
}
