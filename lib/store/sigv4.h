/* AWS Signature Version 4 for one request ("Authenticating Requests: Using the Authorization
 * Header", Amazon S3 API Reference). Pure: no clock, no network.
 *
 * The rule not to break: what is signed must be byte for byte what is sent. */
#ifndef NEXACORE_STORE_SIGV4_H
#define NEXACORE_STORE_SIGV4_H

#include "base/buf.h"

struct sigv4_credentials {
    const char *access_key;
    const char *secret_key;
    const char *session_token; /* NULL: none */
    const char *region;
};

struct sigv4_header {
    const char *name; /* lower case; the array is sorted by name and holds host */
    const char *value;
};

struct sigv4_request {
    const char *method;
    const char *path;         /* encoded as sent, starts with '/' */
    const char *query;        /* canonical, "" when there is none */
    const char *payload_hash; /* 64 hex digits */
    const char *date;         /* "20130524T000000Z" */
    const struct sigv4_header *headers;
    size_t header_count;
};

#define SIGV4_DATE_MAX 17

/* The date in the form the signature wants. */
void sigv4_date(int64_t wall_us, char ret[SIGV4_DATE_MAX]);

/* Appends the value of the Authorization header. */
void sigv4_sign(const struct sigv4_credentials *credentials, const struct sigv4_request *request,
                struct buf *out);

#endif
