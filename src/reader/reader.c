/* Starting, asking and ending the jailed child: see reader.h. Child and parent talk over one
 * socket pair (so that a dead child gives EPIPE and no signal), every wait has a deadline. */
#include "reader/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "formread/layout.h"
#include "formread/refusal.h"
#include "reader/notes.h"
#include "reader/protocol.h"
#include "reader/sanitized.h"

#define START_MS 30000
#define STEP_MS  30000
#define USES_MAX 200 /* forms per child: whatever a form left behind does not stay for ever */

struct reader {
    struct arena *own;
    char path[PATH_MAX];
    pid_t pid; /* 0: none */
    int fd;
    struct notes notes; /* its stderr, in sanitizer builds */
    int uses;
    int step_ms; /* longest silence */
    bool died;   /* its end of the socket was closed */
    char walls[64];
    char code[32];
};

/* ---- the child's life ------------------------------------------------------------------------ */

/* Ends the child, if there is one; the signal it died of by itself before that, or 0. */
static int child_end(struct reader *r)
{
    int status = 0;
    fd_close(&r->fd);
    if (r->pid <= 0) {
        notes_end(&r->notes, 0);
        return 0;
    }
    /* Its socket is closed when it dies, a moment before it can be waited for. */
    pid_t gone = 0;
    for (int i = 0; gone == 0 && i < 20; i++) {
        gone = waitpid(r->pid, &status, WNOHANG);
        if (gone == 0 && !r->died)
            break;
        if (gone == 0)
            nanosleep(&(struct timespec){0, 1000000}, NULL);
    }
    int by = gone > 0 && WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    if (gone == 0)
        kill(r->pid, SIGKILL);
    while (gone == 0 && waitpid(r->pid, &status, 0) < 0 && errno == EINTR)
        ;
    notes_end(&r->notes, (int)r->pid);
    r->pid = 0;
    r->uses = 0;
    r->died = false;
    return by;
}

struct problem *reader_new(const char *path, struct reader **ret)
{
    char beside[PATH_MAX];
    if (path == NULL) {
        ssize_t n = readlink("/proc/self/exe", beside, sizeof(beside) - 32);
        char *slash = n > 0 ? memrchr(beside, '/', (size_t)n) : NULL;
        if (slash == NULL)
            return problem_new(NULL, PROBLEM_INTERNAL, "cannot tell where this program is");
        snprintf(slash, 32, "/nexacore-reader");
        path = beside;
    }
    if (access(path, X_OK) != 0)
        return problem_new(NULL, PROBLEM_UNAVAILABLE,
                           "nexacore-reader is not installed beside "
                           "nexacore");
    struct arena *own = arena_new(1U << 16);
    struct reader *r = arena_make(own, struct reader);
    r->own = own;
    r->fd = -1;
    r->step_ms = STEP_MS;
    r->notes = NOTES_NONE;
    snprintf(r->path, sizeof(r->path), "%s", path);
    *ret = r;
    return NULL;
}

void reader_patience(struct reader *reader, int step_ms)
{
    reader->step_ms = step_ms;
}

void reader_free(struct reader **reader)
{
    if (*reader == NULL)
        return;
    child_end(*reader);
    struct arena *own = (*reader)->own;
    *reader = NULL;
    arena_free(&own);
}

/* Only what the models and the sanitisers need: no secrets of the parent's environment. */
static void environment_fill(struct arena *arena, char **env, size_t max)
{
    static const char *const passed[] = {"TESSDATA_PREFIX", "ASAN_OPTIONS", "UBSAN_OPTIONS"};
    size_t n = 0;
    env[n++] = arena_fmt(arena, "OMP_THREAD_LIMIT=1");
    env[n++] = arena_fmt(arena, "LC_ALL=C.UTF-8");
    for (size_t i = 0; i < ARRAY_LEN(passed) && n + 1 < max; i++)
        if (getenv(passed[i]) != NULL)
            env[n++] =
                arena_fmt(arena, "%s=%s", passed[i], notes_options(arena, getenv(passed[i])));
    env[n] = NULL;
}

static bool child_spawn(struct reader *r, int child_fd, int child_stderr)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(1U << 16);
    char *env[8], *argv[] = {r->path, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none, all;
    environment_fill(arena, env, ARRAY_LEN(env));
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attr);
    posix_spawn_file_actions_adddup2(&actions, child_fd, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, child_fd, STDOUT_FILENO);
    if (child_stderr >= 0)
        posix_spawn_file_actions_adddup2(&actions, child_stderr, STDERR_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int failed = posix_spawn(&r->pid, r->path, &actions, &attr, argv, env);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    if (failed)
        r->pid = 0;
    return !failed;
}

/* ---- bytes with a deadline ------------------------------------------------------------------- */

enum io { IO_DONE, IO_LOST, IO_LATE };

/* Takes what the child says on stderr meanwhile, so that it never waits for room there. */
static enum io ready_wait(struct reader *r, short events, int64_t deadline_us)
{
    for (;;) {
        int64_t left_ms = (deadline_us - clock_mono_us() + 999) / 1000;
        struct pollfd p[] = {{.fd = r->fd, .events = events},
                             {.fd = r->notes.fd, .events = POLLIN}};
        if (left_ms <= 0)
            return IO_LATE;
        int n = poll(p, ARRAY_LEN(p), left_ms > 60000 ? 60000 : (int)left_ms);
        if (n > 0 && p[1].revents)
            notes_take(&r->notes);
        if (n > 0 && p[0].revents)
            return IO_DONE; /* also on hang-up: the next read or write says so */
        if (n < 0 && errno != EINTR)
            return IO_LOST;
    }
}

static enum io bytes_send(struct reader *r, struct str bytes, int64_t deadline_us)
{
    while (bytes.n > 0) {
        ssize_t n = send(r->fd, bytes.p, bytes.n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n >= 0) {
            bytes.p += n;
            bytes.n -= (size_t)n;
            continue;
        }
        if (errno != EAGAIN && errno != EINTR)
            return IO_LOST;
        enum io io = ready_wait(r, POLLOUT, deadline_us);
        if (io != IO_DONE)
            return io;
    }
    return IO_DONE;
}

static enum io bytes_get(struct reader *r, void *to, size_t n, int64_t deadline_us)
{
    char *p = to;
    while (n > 0) {
        ssize_t got = recv(r->fd, p, n, MSG_DONTWAIT);
        if (got == 0)
            return IO_LOST;
        if (got > 0) {
            p += got;
            n -= (size_t)got;
            continue;
        }
        if (errno != EAGAIN && errno != EINTR)
            return IO_LOST;
        enum io io = ready_wait(r, POLLIN, deadline_us);
        if (io != IO_DONE)
            return io;
    }
    return IO_DONE;
}

static enum io frame_get(struct reader *r, struct frame_head *head, struct buf *payload,
                         int64_t deadline_us)
{
    uint8_t bytes[FRAME_HEAD];
    enum io io = bytes_get(r, bytes, sizeof(bytes), deadline_us);
    if (io != IO_DONE)
        return io;
    if (!frame_head_read(bytes, payload->max, head))
        return IO_LOST;
    buf_clear(payload);
    char *room = buf_room(payload, head->n + 1);
    if (room == NULL)
        return IO_LOST;
    io = bytes_get(r, room, head->n, deadline_us);
    if (io == IO_DONE)
        payload->len += head->n;
    return io;
}

/* The next frame of an answer: within the form's time, and not after too long a silence. */
static enum io answer_get(struct reader *r, struct frame_head *head, struct buf *payload,
                          int64_t deadline_us)
{
    int64_t silence_us = clock_mono_us() + r->step_ms * 1000LL;
    return frame_get(r, head, payload, silence_us < deadline_us ? silence_us : deadline_us);
}

/* ---- failures -------------------------------------------------------------------------------- */

static struct problem *failed(struct reader *r, struct arena *arena, enum io io)
{
    bool late = io == IO_LATE;
    r->died = io == IO_LOST;
    int by = child_end(r);
    snprintf(r->code, sizeof(r->code), "%s", late ? "reader-timeout" : "reader-crashed");
    struct problem *p =
        problem_new(arena, PROBLEM_UNAVAILABLE, "%s",
                    late ? "Reading the form took too long and was stopped."
                         : "Reading the form failed: the reader stopped unexpectedly.");
    return by ? problem_cause(p, "signal %d", by) : p;
}

static struct problem *refused(struct reader *r, struct arena *arena, struct str code)
{
    enum formread_refusal refusal = formread_refusal_of(code);
    if (refusal == FORMREAD_OK || refusal == FORMREAD__COUNT)
        return failed(r, arena, IO_LOST);
    snprintf(r->code, sizeof(r->code), "%s", formread_refusal_code(refusal));
    return problem_new(arena, PROBLEM_UNPROCESSABLE, "%s", formread_refusal_sentence(refusal));
}

static struct problem *cannot_start(struct reader *r, struct arena *arena, const char *why)
{
    child_end(r);
    snprintf(r->code, sizeof(r->code), "reader-unavailable");
    return problem_cause(
        problem_new(arena, PROBLEM_UNAVAILABLE, "The form reader could not be started."), "%s",
        why);
}

static struct problem *child_need(struct reader *r, struct arena *arena)
{
    r->code[0] = 0;
    if (r->pid > 0 && r->uses < USES_MAX)
        return NULL;
    child_end(r);
    int pair[2];
    CLEANUP(fd_close) int child_stderr = -1;
    if (SANITIZED && !notes_open(&r->notes, &child_stderr))
        return cannot_start(r, arena, strerror(errno));
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return cannot_start(r, arena, strerror(errno));
    r->fd = pair[0];
    bool ok = child_spawn(r, pair[1], child_stderr);
    fd_close(&child_stderr);
    fd_close(&pair[1]);
    if (!ok)
        return cannot_start(r, arena, "posix_spawn failed");
    struct frame_head head = {0};
    CLEANUP(buf_free) struct buf walls = BUF_MAX(sizeof(r->walls) - 1);
    enum io io = frame_get(r, &head, &walls, clock_mono_us() + START_MS * 1000LL);
    if (io != IO_DONE || head.type != FRAME_HELLO)
        return cannot_start(r, arena, "models missing, or the jail could not be closed");
    snprintf(r->walls, sizeof(r->walls), STR_FMT, STR_ARG(buf_str(&walls)));
    return NULL;
}

struct problem *reader_start(struct reader *reader)
{
    return child_need(reader, NULL);
}

const char *reader_walls(const struct reader *reader)
{
    return reader->walls;
}

int reader_pid(const struct reader *reader)
{
    return (int)reader->pid;
}

const char *reader_code(const struct reader *reader)
{
    return reader->code;
}

bool reader_refused(const struct reader *reader)
{
    enum formread_refusal refusal = formread_refusal_of(str_of(reader->code));
    return refusal != FORMREAD_OK && refusal != FORMREAD__COUNT;
}

/* ---- asking ---------------------------------------------------------------------------------- */

static struct problem *ask(struct reader *r, struct arena *arena, enum frame_type type,
                           struct str before, struct str file, int64_t deadline_us)
{
    if (file.n > FORMREAD_FILE_MAX)
        return refused(r, arena, STR("too-large"));
    if (file.n == 0)
        return refused(r, arena, STR("empty"));
    TRY(child_need(r, arena));
    uint8_t head[FRAME_HEAD];
    frame_head_write(type, before.n + file.n, head);
    struct str parts[] = {{(const char *)head, sizeof(head)}, before, file};
    int64_t silence_us = clock_mono_us() + r->step_ms * 1000LL;
    deadline_us = silence_us < deadline_us ? silence_us : deadline_us;
    r->uses += type != FRAME_LAYOUTS; /* said of the form that follows, to the same child */
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        enum io io = bytes_send(r, parts[i], deadline_us);
        if (io != IO_DONE)
            return failed(r, arena, io);
    }
    return NULL;
}

/* A frame of the answer to a reading that is neither its end nor a sign of life out of place. */
static struct problem *read_frame(struct reader *r, struct arena *arena,
                                  const struct reader_hints *hints, enum frame_type type,
                                  struct str payload, struct str *json)
{
    int done, of;
    if (type == FRAME_JSON && json->p == NULL) {
        *json = arena_str(arena, payload);
        return NULL;
    }
    if (type != FRAME_STEP || !frame_step_read(payload, &done, &of))
        return failed(r, arena, IO_LOST);
    struct problem *stop = hints && hints->step ? hints->step(hints->user, done, of) : NULL;
    if (stop != NULL)
        child_end(r); /* the rest of its answer is not wanted */
    return stop;
}

static struct problem *layouts_send(struct reader *r, struct arena *arena,
                                    const struct reader_hints *hints, int64_t deadline_us)
{
    if (hints == NULL || hints->layouts.n == 0 || hints->layouts.n > LAYOUTS_JSON_MAX)
        return NULL;
    return ask(r, arena, FRAME_LAYOUTS, STR_NONE, hints->layouts, deadline_us);
}

struct problem *reader_read(struct reader *r, struct arena *arena, struct str file,
                            const struct reader_hints *hints, int timeout_ms, struct str *ret_json)
{
    int64_t deadline = clock_mono_us() + timeout_ms * 1000LL;
    CLEANUP(buf_free) struct buf payload = BUF_SECRET(FRAME_JSON_MAX);
    struct frame_head head;
    struct str json = STR_NONE;
    struct problem *refusal = NULL;
    TRY(layouts_send(r, arena, hints, deadline));
    TRY(ask(r, arena, FRAME_READ, STR_NONE, file, deadline));
    for (;;) {
        enum io io = answer_get(r, &head, &payload, deadline);
        if (io != IO_DONE)
            return failed(r, arena, io);
        if (head.type == FRAME_END)
            break;
        if (head.type == FRAME_REFUSED && refusal == NULL)
            refusal = refused(r, arena, buf_str(&payload));
        else
            TRY(read_frame(r, arena, hints, head.type, buf_str(&payload), &json));
        if (r->pid == 0) /* nonsense as a refusal ended the child */
            return refusal;
    }
    if (refusal != NULL)
        return refusal;
    if (json.p == NULL)
        return failed(r, arena, IO_LOST);
    *ret_json = json;
    return NULL;
}

static uint32_t millionths(double v)
{
    return v <= 0 ? 0 : v >= 1 ? 1000000 : (uint32_t)(v * 1e6 + 0.5);
}

static void boxes_write(const struct reader_box *boxes, size_t count, struct buf *out)
{
    if (count > FRAME_BOXES_MAX)
        count = FRAME_BOXES_MAX;
    buf_add_u32be(out, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        frame_box_add(out, (struct frame_box){(uint32_t)boxes[i].page, millionths(boxes[i].x),
                                              millionths(boxes[i].y), millionths(boxes[i].w),
                                              millionths(boxes[i].h)});
}

struct problem *reader_pages(struct reader *r, struct arena *arena, struct str file,
                             const struct reader_box *boxes, size_t count, int timeout_ms,
                             reader_page_fn *page, void *user)
{
    int64_t deadline = clock_mono_us() + timeout_ms * 1000LL;
    CLEANUP(buf_free) struct buf asked = BUF_MAX(1U << 16);
    CLEANUP(buf_free) struct buf payload = BUF_SECRET(FRAME_PAGE_MAX);
    struct frame_head head;
    struct problem *refusal = NULL;
    if (count > FRAME_BOXES_MAX) /* leaving one out would leave a number visible */
        return problem_new(arena, PROBLEM_UNPROCESSABLE, "the form has too much to black out");
    boxes_write(boxes, count, &asked);
    TRY(ask(r, arena, FRAME_PAGES, buf_str(&asked), file, deadline));
    for (int next = 0;;) {
        enum io io = answer_get(r, &head, &payload, deadline);
        if (io != IO_DONE)
            return failed(r, arena, io);
        if (head.type == FRAME_END)
            return refusal;
        if (head.type == FRAME_PAGE && payload.len > 4 && refusal == NULL) {
            struct problem *stop =
                page(user, next++, (struct str){payload.data + 4, payload.len - 4});
            if (stop != NULL) {
                child_end(r); /* the rest of its answer is not wanted */
                return stop;
            }
        } else if (head.type == FRAME_REFUSED && refusal == NULL) {
            refusal = refused(r, arena, buf_str(&payload));
            if (r->pid == 0)
                return refusal;
        } else {
            return failed(r, arena, IO_LOST);
        }
    }
}
