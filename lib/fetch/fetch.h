/* One bounded HTTP request out (libcurl): for identity providers, push, SMS and billing.
 *
 * Blocking, so lane and job threads only. A deadline covers the whole exchange, answers are cut off
 * at a limit, redirects are never followed (they could carry credentials elsewhere), only http and
 * https are spoken, and TLS is verified. What is sent and received is never logged. */
#ifndef NEXACORE_FETCH_H
#define NEXACORE_FETCH_H

#include "base/problem.h"

struct fetch_request {
    const char *method; /* "GET", "POST" */
    const char *url;
    const char *headers[12]; /* "Name: value", NULL-terminated */
    struct str body;         /* p NULL: none */
    const char *basic_user;  /* HTTP Basic, or NULL */
    const char *basic_password;
    unsigned timeout_ms; /* 0: 10 s */
    size_t answer_max;   /* 0: 1 MiB */
};

struct fetch_answer {
    int status;
    struct str body;        /* in the arena */
    unsigned retry_after_s; /* of Retry-After in seconds; 0 when absent */
};

/* What is known when there is no answer: it decides whether sending again could do it twice. */
enum fetch_fate {
    FETCH_ANSWERED,  /* `ret` is filled, whatever its status */
    FETCH_NOT_SENT,  /* resolving or connecting failed: nothing arrived there */
    FETCH_AMBIGUOUS, /* sent, but no whole answer came: it may have taken effect */
};

/* `*ret_why` (may be NULL) is a short reason safe for logs when there is no answer. */
enum fetch_fate fetch(struct arena *arena, const struct fetch_request *rq, struct fetch_answer *ret,
                      const char **ret_why);

/* application/x-www-form-urlencoded: appends name=value, with & between pairs. */
void fetch_form_add(struct buf *form, const char *name, struct str value);

#endif
