/* Reading the child's stderr and passing sanitizer reports on: see notes.h. */
#include "reader/notes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"

/* Enough of the text before a mark that is cut in two by a read. */
enum { MARK_MAX = 64, PIECE = 4096 };

static const char *const marks[] = {"ERROR: AddressSanitizer", "ERROR: LeakSanitizer",
                                    "AddressSanitizer:DEADLYSIGNAL", ": runtime error: "};

bool notes_open(struct notes *notes, int *ret_child)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    if (fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) {
        fd_close(&ends[0]);
        fd_close(&ends[1]);
        return false;
    }
    notes->fd = ends[0];
    *ret_child = ends[1];
    return true;
}

/* Where in `text` a report begins: the start of the line that has a mark. */
static bool report_find(struct str text, size_t *ret_at)
{
    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        const char *found = memmem(text.p, text.n, marks[i], strlen(marks[i]));
        if (!found)
            continue;
        const char *line = memrchr(text.p, '\n', (size_t)(found - text.p));
        *ret_at = line ? (size_t)(line + 1 - text.p) : 0;
        return true;
    }
    return false;
}

static void cut_front(struct buf *text, size_t n)
{
    memmove(text->data, text->data + n, text->len - n);
    text->len -= n;
}

static void piece_add(struct notes *notes, const char *piece, size_t n)
{
    struct buf *text = &notes->text;
    size_t at;
    if (notes->reported && text->len + n > NOTES_MAX)
        return;
    buf_add(text, piece, n);
    if (notes->reported)
        return;
    notes->reported = report_find(buf_str(text), &at);
    if (notes->reported)
        cut_front(text, at);
    else if (text->len > NOTES_MAX - PIECE) /* the report may begin in what came last */
        cut_front(text, text->len - MARK_MAX);
}

void notes_take(struct notes *notes)
{
    char piece[PIECE];
    while (notes->fd >= 0) {
        ssize_t n = read(notes->fd, piece, sizeof(piece));
        if (n > 0)
            piece_add(notes, piece, (size_t)n);
        else if (n < 0 && errno == EAGAIN)
            return;
        else if (n == 0 || errno != EINTR)
            fd_close(&notes->fd);
    }
}

static bool is_log_path(struct str option)
{
    return str_starts(option, STR("log_path="));
}

/* Options are separated by colons, commas or spaces. */
static struct str option_cut(struct str *rest)
{
    size_t n = 0;
    while (n < rest->n && !strchr(":, ", rest->p[n]))
        n++;
    struct str option = {rest->p, n};
    n += n < rest->n;
    *rest = (struct str){rest->p + n, rest->n - n};
    return option;
}

const char *notes_options(struct arena *arena, const char *options)
{
    CLEANUP(buf_free) struct buf out = BUF_MAX(4096);
    struct str rest = str_of(options);
    while (rest.n > 0) {
        struct str option = option_cut(&rest);
        if (option.n > 0 && !is_log_path(option))
            buf_addf(&out, "%s" STR_FMT, out.len ? ":" : "", STR_ARG(option));
    }
    return arena_cstr(arena, buf_str(&out));
}

/* The file of a report, as the sanitizers name it; stderr where none is wanted. */
static int report_open(int pid)
{
    const char *options = getenv("ASAN_OPTIONS");
    struct str rest = str_of(options ? options : ""), path = STR_NONE;
    while (rest.n > 0) {
        struct str option = option_cut(&rest);
        if (is_log_path(option))
            path = (struct str){option.p + 9, option.n - 9};
    }
    if (path.n == 0)
        return STDERR_FILENO;
    CLEANUP(buf_free) struct buf name = BUF_MAX(4096);
    buf_addf(&name, STR_FMT ".%d", STR_ARG(path), pid);
    int fd = name.data ? open(name.data, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644) : -1;
    return fd >= 0 ? fd : STDERR_FILENO;
}

bool notes_end(struct notes *notes, int pid)
{
    notes_take(notes);
    fd_close(&notes->fd);
    bool reported = notes->reported;
    if (reported) {
        int fd = report_open(pid);
        struct str text = buf_str(&notes->text);
        if (write(fd, text.p, text.n) < 0)
            log_error("a sanitizer's report about nexacore-reader could not be written");
        if (fd != STDERR_FILENO)
            fd_close(&fd);
        log_error("nexacore-reader ended with a sanitizer's report");
    }
    buf_free(&notes->text);
    *notes = NOTES_NONE;
    return reported;
}
