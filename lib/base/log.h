/* Log lines: one JSON object a line on stderr, never PHI.
 *
 * Messages are literals with safe values; anything a user typed stays out, and `struct phi` does
 * not print. A filter (set once at start) may rewrite the finished line before it is written: the
 * application masks card numbers there. */
#ifndef NEXACORE_BASE_LOG_H
#define NEXACORE_BASE_LOG_H

#include <stddef.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* Lines below `level` are dropped; `part` names the process ("serve"). Call before threads. */
void log_setup(enum log_level level, const char *part);

/* Called with each message in place (same length or shorter; returns the new length). */
void log_filter_set(size_t (*filter)(char *line, size_t n));

/* The request id added to this thread's lines; NULL for none. The pointer must stay valid. */
void log_request_set(const char *request_id);

/* Writes one line now, whole; safe from any thread. Use the macros. */
void log_write(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)  log_write(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)

#endif
