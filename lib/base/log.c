/* One JSON object a line on stderr, written with a single write(2) so that lines never mix. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"

enum { MESSAGE_MAX = 2048 };

static enum log_level lowest = LOG_INFO;
static const char *process_part = "nexacore";
static size_t (*line_filter)(char *line, size_t n);
static _Thread_local const char *request_id;

void log_setup(enum log_level level, const char *part)
{
    lowest = level;
    process_part = part;
}

void log_filter_set(size_t (*filter)(char *line, size_t n))
{
    line_filter = filter;
}

void log_request_set(const char *id)
{
    request_id = id;
}

static void add_escaped(struct buf *out, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c == '"' || c == '\\')
            buf_addf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7F)
            buf_addf(out, "\\u%04x", c);
        else
            buf_add_c(out, (char)c);
    }
}

void log_write(enum log_level level, const char *fmt, ...)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    if (level < lowest)
        return;
    char message[MESSAGE_MAX];
    va_list ap;
    va_start(ap, fmt);
    int written = vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    size_t n = written < 0 ? 0 : (size_t)written;
    if (n >= sizeof(message))
        n = sizeof(message) - 1;
    if (line_filter)
        n = line_filter(message, n);

    char now[CLOCK_TEXT_MAX];
    clock_text(clock_wall_us(), now);
    struct buf line = BUF_MAX(MESSAGE_MAX * 8);
    buf_addf(&line, "{\"at\":\"%s\",\"level\":\"%s\",\"part\":\"%s\",\"pid\":%d,", now,
             names[level], process_part, (int)getpid());
    if (request_id && request_id[0])
        buf_addf(&line, "\"request\":\"%s\",", request_id);
    buf_add_z(&line, "\"msg\":\"");
    add_escaped(&line, message, n);
    buf_add_z(&line, "\"}\n");
    if (line.len > 0 && write(STDERR_FILENO, line.data, line.len) < 0)
        lowest = LOG_ERROR; /* stderr is gone: say less, nothing else can be done */
    buf_free(&line);
}
