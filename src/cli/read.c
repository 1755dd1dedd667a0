/* `nexacore read`: what the pipeline reads from a form, as one JSON line a file (SPEC 15).
 *
 * The same jailed reader and the same trusted half as production; no database. The rule not to
 * break: text is printed scrubbed; the national id is printed here and nowhere else. */
#include "cli/cli.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "formread/refusal.h"
#include "intake/parsed.h"
#include "reader/reader.h"

#define ARENA_MAX (512U << 20)
#define LINE_MAX_ (16U << 20)

struct read_args {
    const char *redacted;
    char **files;
    int count;
};

static const struct argp_option options[] = {
    {"redacted", 'r', "OUT", 0,
     "also write the pages with card numbers blacked out: OUT.png for one page, else into folder "
     "OUT",
     0},
    {0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct read_args *args = state->input;
    switch (key) {
    case 'r':
        args->redacted = arg;
        return 0;
    case ARGP_KEY_ARGS:
        args->files = state->argv + state->next;
        args->count = state->argc - state->next;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_usage(state);
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    options,   parse_option,
    "FILE...", "Read intake forms (PNG, JPEG, TIFF, PDF; - is stdin): one JSON line each.",
    NULL,      NULL,
    NULL};

/* A file, or with "-" standard input, of at most one byte more than the reader takes: it says "too
 * large" itself. */
static struct problem *file_load(struct arena *arena, const char *path, struct str *ret)
{
    CLEANUP(fd_close)
    int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0)
        return problem_new(arena, PROBLEM_NOT_FOUND, "cannot open the file: %s", strerror(errno));
    size_t max = (size_t)FORMREAD_FILE_MAX + 1, n = 0;
    size_t room = S_ISREG(st.st_mode) && (size_t)st.st_size < max ? (size_t)st.st_size : max;
    char *data = arena_alloc(arena, room + 1);
    while (n < room) {
        ssize_t got = read(fd, data + n, room - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return problem_new(arena, PROBLEM_INTERNAL, "cannot read the file: %s",
                               strerror(errno));
        if (got == 0)
            break;
        n += (size_t)got;
    }
    *ret = (struct str){data, n};
    return NULL;
}

/* ---- redacted pages -------------------------------------------------------------------------- */

struct page_out {
    struct arena *arena;
    const char *out;
    const char *file;
    int pages;
};

static const char *page_path(const struct page_out *to, int page)
{
    size_t n = strlen(to->out);
    const char *slash = strrchr(to->file, '/');
    if (n > 4 && strcmp(to->out + n - 4, ".png") == 0)
        return page == 0 ? to->out
                         : arena_fmt(to->arena, "%.*s-%d.png", (int)(n - 4), to->out, page + 1);
    mkdir(to->out, 0700);
    return arena_fmt(to->arena, "%s/%s-%d.png", to->out, slash ? slash + 1 : to->file, page + 1);
}

static struct problem *page_save(void *user, int page, struct str png)
{
    struct page_out *to = user;
    const char *path = page_path(to, page);
    CLEANUP(fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    while (fd >= 0 && png.n > 0) {
        ssize_t n = write(fd, png.p, png.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        png.p += n;
        png.n -= (size_t)n;
    }
    if (fd < 0 || png.n > 0)
        return problem_new(to->arena, PROBLEM_INTERNAL, "cannot write %s", path);
    return NULL;
}

static struct problem *redacted_write(struct reader *reader, struct arena *arena, const char *out,
                                      const char *path, struct str file,
                                      const struct parsed_form *form)
{
    struct reader_box boxes[PARSED_REDACTIONS_MAX];
    struct page_out to = {.arena = arena, .out = out, .file = path};
    if (!form->redaction_complete)
        return problem_new(arena, PROBLEM_UNPROCESSABLE, "the form has too much to black out");
    for (size_t i = 0; i < form->redaction_count; i++) {
        const struct parsed_redaction *r = &form->redactions[i];
        boxes[i] = (struct reader_box){r->page, r->box.x, r->box.y, r->box.w, r->box.h};
    }
    return reader_pages(reader, arena, file, boxes, form->redaction_count, READER_TIMEOUT_MS,
                        page_save, &to);
}

/* ---- the line -------------------------------------------------------------------------------- */

static void ms_write(const struct parsed_form *form, struct jw *w)
{
    const struct {
        const char *key;
        int ms;
    } steps[] = {{"decode", form->ms_decode},
                 {"ocr", form->ms_ocr},
                 {"extract", form->ms_extract},
                 {"scrub", form->ms_scrub},
                 {"triage", form->ms_triage}};
    jw_key(w, "ms");
    jw_obj(w);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        jw_key(w, steps[i].key);
        jw_int(w, steps[i].ms);
    }
    jw_end(w);
}

static void verdict_write(const struct parsed_form *form, struct jw *w)
{
    jw_key(w, "triage");
    parsed_write_triage(form, w);
    jw_key(w, "isEmergency");
    jw_bool(w, form->triage.emergency);
    jw_key(w, "emergencyScore");
    jw_hundredths(w, form->triage.score);
    jw_key(w, "urgencyLevel");
    jw_z(w, triage_level_name(form->triage.level));
    jw_key(w, "panDetected");
    jw_bool(w, form->pan_detected);
    jw_key(w, "redactions");
    parsed_write_redactions(form, w);
    jw_key(w, "nationalId");
    if (form->national_id.p != NULL) {
        jw_obj(w);
        jw_key(w, "value");
        jw_str(w, form->national_id);
        jw_key(w, "type");
        jw_z(w, form->national_id_type);
        jw_end(w);
    } else {
        jw_null(w);
    }
}

static void line_write(const char *path, const struct parsed_form *form, struct buf *out)
{
    struct jw w = jw_to(out);
    jw_obj(&w);
    jw_key(&w, "file");
    jw_z(&w, path);
    jw_key(&w, "pages");
    jw_int(&w, form->pages);
    jw_key(&w, "language");
    jw_z(&w, form->language);
    jw_key(&w, "ocrConfidence");
    jw_real(&w, form->ocr_confidence, 2);
    jw_key(&w, "requiresReview");
    jw_bool(&w, form->requires_review);
    jw_key(&w, "reviewWhy");
    jw_arr(&w);
    for (size_t i = 0; i < form->review_count; i++)
        jw_z(&w, form->review_why[i]);
    jw_end(&w);
    jw_key(&w, "fields");
    parsed_write_fields(form, &w);
    jw_key(&w, "symptoms");
    parsed_write_symptoms(form, &w);
    verdict_write(form, &w);
    jw_key(&w, "text");
    jw_str(&w, form->text.s);
    ms_write(form, &w);
    jw_end(&w);
    buf_add_c(out, '\n');
}

static void error_write(const char *path, const char *code, const struct problem *p,
                        struct buf *out)
{
    struct jw w = jw_to(out);
    jw_obj(&w);
    jw_key(&w, "file");
    jw_z(&w, path);
    jw_key(&w, "error");
    jw_obj(&w);
    jw_key(&w, "code");
    jw_z(&w, code[0] ? code : problem_slug(p->kind));
    jw_key(&w, "detail");
    jw_z(&w, p->detail);
    jw_end(&w);
    jw_end(&w);
    buf_add_c(out, '\n');
}

static struct problem *form_read(struct reader *reader, struct arena *arena, const char *path,
                                 const char *redacted, struct buf *out)
{
    struct str file, json;
    struct parsed_form *form = NULL;
    TRY(file_load(arena, path, &file));
    TRY(reader_read(reader, arena, file, NULL, READER_TIMEOUT_MS, &json));
    TRY(parsed_from_reader(arena, json, NULL, &form));
    if (redacted != NULL)
        TRY(redacted_write(reader, arena, redacted, path, file, form));
    line_write(path, form, out);
    return NULL;
}

int cmd_read(int argc, char **argv)
{
    struct read_args args = {0};
    int status = 0;
    CLEANUP(reader_free) struct reader *reader = NULL;
    CLEANUP(arena_free) struct arena *arena = arena_new(ARENA_MAX);
    CLEANUP(buf_free) struct buf out = BUF_SECRET(LINE_MAX_);
    if (argp_parse(&argp, argc, argv, 0, NULL, &args) != 0)
        return 2;
    struct problem *p = reader_new(NULL, &reader);
    if (p != NULL) {
        fprintf(stderr, "nexacore read: %s\n", p->detail);
        return 2;
    }
    for (int i = 0; i < args.count; i++) {
        p = form_read(reader, arena, args.files[i], args.redacted, &out);
        if (p != NULL) {
            error_write(args.files[i], reader_code(reader), p, &out);
            status = 1;
        }
        if (fwrite(out.data, 1, out.len, stdout) != out.len || fflush(stdout) != 0)
            return 1;
        buf_clear(&out);
        arena_reset(arena);
    }
    return status;
}
