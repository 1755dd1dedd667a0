/* What went wrong, in the form the client may see it (RFC 9457).
 *
 * Every function that can fail returns `struct problem *`; NULL is success. The kind fixes status,
 * type and title in one table; `detail` never holds PHI, SQL or secrets. TRY() hands it upward and
 * only the outermost caller (route, job loop, command line) logs it, once. */
#ifndef NEXACORE_BASE_PROBLEM_H
#define NEXACORE_BASE_PROBLEM_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"

enum problem_kind {
    PROBLEM_NONE, /* never sent: zero is not a kind */
    PROBLEM_BAD_REQUEST,
    PROBLEM_VALIDATION, /* 400 with `field` naming the input */
    PROBLEM_UNAUTHENTICATED,
    PROBLEM_FORBIDDEN,
    PROBLEM_NOT_FOUND,
    PROBLEM_METHOD_NOT_ALLOWED,
    PROBLEM_TIMEOUT,
    PROBLEM_CONFLICT,
    PROBLEM_PRECONDITION_FAILED,
    PROBLEM_TOO_LARGE,
    PROBLEM_UNSUPPORTED_MEDIA,
    PROBLEM_UNPROCESSABLE,
    PROBLEM_TOO_MANY_REQUESTS,
    PROBLEM_HEADERS_TOO_LARGE,
    PROBLEM_INTERNAL,
    PROBLEM_NOT_IMPLEMENTED, /* HTTP methods and codings we do not speak */
    PROBLEM_UNAVAILABLE,     /* something we need is down: Retry-After */
    PROBLEM__COUNT
};

struct problem {
    enum problem_kind kind; /* -> {status, type slug, title} */
    unsigned retry_after_s; /* 0: no Retry-After */
    char detail[200];       /* safe to show */
    char field[64];         /* JSON pointer to the wrong input, or "" */
    char cause[200];        /* for the log only: what a library said; never PHI */
};

/* A problem in `arena`; `arena` NULL gives one in thread-local storage, valid until the thread's
 * next problem (used where no request exists: start-up, command line). */
struct problem *problem_new(struct arena *arena, enum problem_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4), cold));

/* The same with the JSON pointer of the wrong input, for example "/dateOfBirth". */
struct problem *problem_field(struct arena *arena, const char *pointer, const char *fmt, ...)
    __attribute__((format(printf, 3, 4), cold));

/* Adds what a library said, for the log only; returns `p`. */
struct problem *problem_cause(struct problem *p, const char *fmt, ...)
    __attribute__((format(printf, 2, 3), cold));

/* The kind's HTTP status, the last part of its type, and its title: one table. */
int problem_status(enum problem_kind kind);
const char *problem_slug(enum problem_kind kind);
const char *problem_title(enum problem_kind kind);

/* Appends the application/problem+json body (RFC 9457 section 3). `instance` is a request id. */
void problem_write(const struct problem *p, const char *instance, struct buf *out);

#define TRY(e)                                                                                     \
    do {                                                                                           \
        struct problem *try_ = (e);                                                                \
        if (__builtin_expect(try_ != NULL, 0))                                                     \
            return try_;                                                                           \
    } while (0)

#endif
