/* The parent's side of the jailed reader: one child process, started when needed, killed when it
 * crashes, hangs or answers nonsense, and started again for the next form.
 *
 * Not thread safe: a worker slot owns one. The rule not to break: everything that comes back is
 * as untrusted as the upload; src/intake/parsed.c checks it before anybody believes it.
 *
 * The child dies with the *thread* that started it (PR_SET_PDEATHSIG), so use a reader from threads
 * that live as long as it. */
#ifndef NEXACORE_READER_READER_H
#define NEXACORE_READER_READER_H

#include "base/problem.h"

struct reader;

/* A reader whose executable is `path`; NULL: `nexacore-reader` beside this program. Starts nothing
 * yet. Fails when there is no such executable. */
struct problem *reader_new(const char *path, struct reader **ret);

/* Ends the child (by its id) and releases. */
void reader_free(struct reader **reader);

/* Starts the child if it is not running and waits until its jail is closed. For start-up checks. */
struct problem *reader_start(struct reader *reader);

/* The active walls, "seccomp rlimits landlock"; "" before the child was started once. */
const char *reader_walls(const struct reader *reader);

/* The child's process id, 0 when none runs. */
int reader_pid(const struct reader *reader);

#define READER_TIMEOUT_MS 90000 /* a form of ten pages on a busy machine */

/* The longest the child may be silent while it reads or renders; 30 s unless set. Each page is two
 * steps, so a hang is noticed long before the whole form's time is over. */
void reader_patience(struct reader *reader, int step_ms);

/* Called after each step of reading, `done` of `of`. A problem ends the reading. */
typedef struct problem *reader_step_fn(void *user, int done, int of);

/* What goes with a form; all of it may be left out. */
struct reader_hints {
    struct str layouts; /* the clinic's learned layouts, JSON (formread/layout.h) */
    reader_step_fn *step;
    void *user;
};

/* Reads a form, with `hints` or NULL: `ret_json` is the JSON of lib/formread/formread.h, in
 * `arena`. A refused file is PROBLEM_UNPROCESSABLE with a sentence for the clerk; a child that
 * crashed, hung or could not start is PROBLEM_UNAVAILABLE, and the next call starts a new one.
 * Either way reader_code() says which. */
struct problem *reader_read(struct reader *reader, struct arena *arena, struct str file,
                            const struct reader_hints *hints, int timeout_ms, struct str *ret_json);

/* A rectangle to black out, in fractions of the displayed page. */
struct reader_box {
    int page;
    double x, y, w, h;
};

/* Called with each page's PNG in order; the bytes are valid during the call. A problem ends it. */
typedef struct problem *reader_page_fn(void *user, int page, struct str png);

/* Renders all pages with `boxes` (at most 500) burnt in. Problems as in reader_read. */
struct problem *reader_pages(struct reader *reader, struct arena *arena, struct str file,
                             const struct reader_box *boxes, size_t count, int timeout_ms,
                             reader_page_fn *page, void *user);

/* Why the last call failed: "damaged", "password-protected", ... (lib/formread/refusal.h), or
 * "reader-crashed", "reader-timeout", "reader-unavailable"; "" after success. */
const char *reader_code(const struct reader *reader);

/* True when trying the same file again cannot help: it was refused, not the reader's trouble. */
bool reader_refused(const struct reader *reader);

#endif
