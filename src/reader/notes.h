/* What a jailed child of a sanitizer build says on stderr: only its parent can tell anybody,
 * because the jail forbids the child to write files.
 *
 * The rule not to break: nothing but a sanitizer's report is passed on; libraries quote the
 * document. Release builds have no notes: there the child's stderr is /dev/null. */
#ifndef NEXACORE_READER_NOTES_H
#define NEXACORE_READER_NOTES_H

#include "base/arena.h"
#include "base/buf.h"

#define NOTES_MAX (64U << 10) /* bytes of a report that are kept */

struct notes {
    int fd; /* our end of the pipe; -1: none */
    struct buf text;
    bool reported; /* `text` begins at a report */
};
#define NOTES_NONE ((struct notes){.fd = -1, .text = BUF_MAX(NOTES_MAX + 4096)})

/* A pipe for a new child's stderr; `ret_child` is the end to give to it. False: none could be made.
 */
bool notes_open(struct notes *notes, int *ret_child);

/* Takes what has come, without waiting. */
void notes_take(struct notes *notes);

/* The child `pid` has ended: takes the rest, writes a report (if there is one) where the sanitizers
 * of this process write theirs, `log_path`.pid of ASAN_OPTIONS, else stderr, and closes. True when
 * there was one. */
bool notes_end(struct notes *notes, int pid);

/* A copy of sanitizer options without log_path, which the child could not open: its report would be
 * lost in the attempt. */
const char *notes_options(struct arena *arena, const char *options);

#endif
