/* For tests and fuzzing: reads a byte stream as the server does and writes down what it is. */
#ifndef NEXACORE_HTTP_REPLAY_H
#define NEXACORE_HTTP_REPLAY_H

#include "base/buf.h"

/* Feeds `bytes` in pieces (the first of `cut` bytes unless 0, then of `step`) and appends one line
 * for each request, "GET /path?query close=0 [name=value]... {body}\n", or "!status\n" where it is
 * refused, or "...\n" where it ends early. */
void http_replay(struct str bytes, size_t cut, size_t step, struct buf *out);

enum { HTTP_REPLAY_HEADER_MAX = 4096 };

#endif
