/* nexacore-reader: the jailed process that decodes and reads uploaded forms.
 *
 * It loads its models, closes the jail, says hello and answers frames on stdin/stdout until stdin
 * ends. The rule not to break: after jail_enter() nothing here may need a file, a socket or another
 * process; one form's memory is released before the next is read. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "formread/formread.h"
#include "formread/layout.h"
#include "reader/jail.h"
#include "reader/protocol.h"
#include "reader/sanitized.h"

#define SCRATCH_MAX (256U << 20)

/* The leak checker needs ptrace, which the jail denies; the unsanitised tests look for leaks by
 * RSS. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

static const char *const font_dirs[] = {
    "/usr/share/fonts",      "/usr/local/share/fonts", "/etc/fonts",
    "/usr/share/fontconfig", "/var/cache/fontconfig",  "/usr/share/poppler",
    "/usr/share/ghostscript"};

/* A page of text in fonts that are not embedded: rendering it makes poppler and fontconfig load
 * what they load once, while files can still be opened. */
static const char warm_up[] =
    "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    "2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    "3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 90 60]/Contents 6 0 R/Resources<</Font"
    "<</A 4 0 R/B 5 0 R>>>>>>endobj\n"
    "4 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj\n"
    "5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Courier>>endobj\n"
    "6 0 obj<</Length 62>>stream\nBT /A 12 Tf 5 40 Td (Ready) Tj /B 9 Tf 0 -20 Td (Ready) Tj ET"
    "\nendstream endobj\ntrailer<</Root 1 0 R/Size 7>>\n";

static bool all_read(int fd, void *to, size_t n)
{
    char *p = to;
    while (n > 0) {
        ssize_t got = read(fd, p, n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        p += got;
        n -= (size_t)got;
    }
    return true;
}

static bool all_written(int fd, const void *from, size_t n)
{
    const char *p = from;
    while (n > 0) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        p += done;
        n -= (size_t)done;
    }
    return true;
}

static bool frame_send(enum frame_type type, struct str payload)
{
    uint8_t head[FRAME_HEAD];
    frame_head_write(type, payload.n, head);
    return all_written(STDOUT_FILENO, head, sizeof(head)) &&
           all_written(STDOUT_FILENO, payload.p, payload.n);
}

static bool refusal_send(enum formread_refusal refusal)
{
    return refusal == FORMREAD_OK ||
           frame_send(FRAME_REFUSED, str_of(formread_refusal_code(refusal)));
}

static bool step_send(void *user, int done, int of)
{
    uint8_t step[FRAME_STEP_LEN];
    bool *sent = user;
    frame_step_write(done, of, step);
    *sent = frame_send(FRAME_STEP, (struct str){(const char *)step, sizeof(step)});
    return *sent;
}

static bool read_answer(struct formread *fr, struct arena *arena, struct str file,
                        struct str layouts)
{
    CLEANUP(buf_free) struct buf json = BUF_SECRET(FRAME_JSON_MAX);
    bool sent = true;
    struct formread_hints hints = {.layouts = layouts, .step = step_send, .user = &sent};
    enum formread_refusal refusal = formread_read(fr, arena, file, &hints, &json);
    if (!sent)
        return false;
    if (refusal == FORMREAD_OK && json.overflowed)
        refusal = FORMREAD_TOO_LARGE;
    return (refusal != FORMREAD_OK || frame_send(FRAME_JSON, buf_str(&json))) &&
           refusal_send(refusal);
}

static bool page_send(void *user, int page, struct str png)
{
    uint8_t head[FRAME_HEAD + 4];
    bool *sent = user;
    frame_head_write(FRAME_PAGE, png.n + 4, head);
    for (int i = 0; i < 4; i++)
        head[FRAME_HEAD + i] = (uint8_t)((uint32_t)page >> (24 - 8 * i));
    *sent = png.n + 4 <= FRAME_PAGE_MAX && all_written(STDOUT_FILENO, head, sizeof(head)) &&
            all_written(STDOUT_FILENO, png.p, png.n);
    return *sent;
}

static bool pages_answer(struct arena *arena, struct str payload)
{
    struct frame_box *asked = arena_array(arena, FRAME_BOXES_MAX, sizeof(*asked));
    struct formread_box *boxes = arena_array(arena, FRAME_BOXES_MAX, sizeof(*boxes));
    struct str file;
    size_t count = 0;
    bool sent = true;
    if (!frame_pages_read(payload, asked, &count, &file))
        return false;
    for (size_t i = 0; i < count; i++)
        boxes[i] = (struct formread_box){.page = (int)asked[i].page,
                                         .x = asked[i].x / 1e6,
                                         .y = asked[i].y / 1e6,
                                         .w = asked[i].w / 1e6,
                                         .h = asked[i].h / 1e6};
    enum formread_refusal refusal =
        formread_render(arena, file, 0, -1, boxes, count, page_send, &sent);
    return sent && refusal_send(refusal);
}

/* What the parent said before the form it is about to send. */
struct known {
    struct buf layouts;
};

/* One request; false ends the process: the parent is gone or talks nonsense. */
static bool request_answer(struct formread *fr, struct arena *arena, struct known *known)
{
    uint8_t bytes[FRAME_HEAD];
    struct frame_head head;
    CLEANUP(buf_free) struct buf payload = BUF_SECRET(FRAME_ASK_MAX);
    if (!all_read(STDIN_FILENO, bytes, sizeof(bytes)) ||
        !frame_head_read(bytes, FRAME_ASK_MAX, &head))
        return false;
    char *room = buf_room(&payload, head.n + 1);
    if (room == NULL || !all_read(STDIN_FILENO, room, head.n))
        return false;
    struct str asked = {room, head.n};
    if (head.type == FRAME_LAYOUTS) {
        buf_clear(&known->layouts);
        buf_add_str(&known->layouts, asked);
        return !known->layouts.overflowed;
    }
    bool ok = head.type == FRAME_READ    ? read_answer(fr, arena, asked, buf_str(&known->layouts))
              : head.type == FRAME_PAGES ? pages_answer(arena, asked)
                                         : false;
    buf_clear(&known->layouts);
    return ok && frame_send(FRAME_END, STR_NONE);
}

static bool page_ignore(void *user, int page, struct str png)
{
    (void)user;
    (void)page;
    (void)png;
    return true;
}

/* What a library has to say is no business of the log: it may quote the document. In sanitizer
 * builds stderr is a pipe to the parent, which passes reports on and nothing else. */
static void stderr_close(void)
{
#if !SANITIZED
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null >= 0)
        dup2(null, STDERR_FILENO);
#endif
}

int main(void)
{
    const char *why = "";
    char walls[64];
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return 1;
    mallopt(M_MXFAST, 0); /* else every large picture's end gathers all small pieces of memory */
    CLEANUP(formread_close) struct formread *fr = formread_open(&why);
    if (fr == NULL) {
        fprintf(stderr, "nexacore-reader: cannot load the %s\n", why);
        return 2;
    }
    CLEANUP(arena_free) struct arena *arena = arena_new(SCRATCH_MAX);
    formread_render(arena, (struct str){warm_up, sizeof(warm_up) - 1}, 0, -1, NULL, 0, page_ignore,
                    NULL);
    stderr_close();
    if (!jail_enter(font_dirs, ARRAY_LEN(font_dirs), walls))
        return 3; /* the parent names it: stderr is closed */
    if (!frame_send(FRAME_HELLO, str_of(walls)))
        return 1;
    struct known known = {.layouts = BUF_MAX(LAYOUTS_JSON_MAX)};
    while (request_answer(fr, arena, &known))
        arena_reset(arena);
    buf_free(&known.layouts);
    return 0;
}
