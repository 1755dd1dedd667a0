/* Reading HTTP/1.1 requests from bytes (RFC 9110, RFC 9112): no I/O, no state outside the structs.
 *
 * The rule not to break: the result depends on the bytes only, never on how they were cut into
 * reads. The head is parsed when it is complete, body framing line by line, and each compare is
 * bounded by the end of the bytes given. Whatever two parsers could read differently is refused. */
#ifndef NEXACORE_HTTP_PARSE_H
#define NEXACORE_HTTP_PARSE_H

#include "http/http.h"

enum {
    HTTP_HEADERS_MAX = 100,    /* header lines of one request */
    HTTP_CHUNK_LINE_MAX = 256, /* a chunk size with its extensions */
    HTTP_TRAILER_LINE_MAX = 1024,
    HTTP_CHUNK_EXTRA_MAX = 8192 /* all extensions and trailers of one body together */
};

/* How far the end of a head was searched; all zero before the first byte of a request. */
struct http_scan {
    size_t at;   /* bytes already searched */
    size_t line; /* where the present line starts */
    bool begun;  /* the empty line that may come first (RFC 9112 section 2.2) is behind us */
};

enum http_scan_result { HTTP_SCAN_MORE, HTTP_SCAN_DONE, HTTP_SCAN_BAD, HTTP_SCAN_TOO_LARGE };

/* Searches `in`, which holds all bytes since the head began, for the empty line that ends it.
 * Called again with the same bytes and more after them. DONE sets *ret_len to the head's length,
 * empty line included. BAD: a bare LF, or a first byte that begins no method. */
enum http_scan_result http_scan_step(struct http_scan *scan, struct str in, size_t max,
                                     size_t *ret_len);

struct http_head {
    enum http_method method; /* HTTP_METHOD__COUNT for TRACE, which no route serves */
    struct str path;         /* decoded */
    struct str query;        /* raw; its escapes are valid and decode to UTF-8 without NUL */
    const struct http_header *headers;
    size_t header_count;
    uint64_t content_length;
    bool chunked;
    bool http10;
    bool close; /* the client does not want to keep the connection */
    bool expect_continue;
};

/* Parses a complete head. Everything returned lives in the arena. Problems: BAD_REQUEST,
 * NOT_IMPLEMENTED (method or transfer coding), HEADERS_TOO_LARGE (too many lines); the connection
 * cannot be used after any of them, because the body's framing is not known. */
struct problem *http_head_parse(struct arena *arena, struct str head, struct http_head *ret);

/* The first header of that lower-case name, or an empty str. */
struct str http_head_get(const struct http_head *head, struct str name);

/* True when the comma-separated list holds the token, without case (RFC 9110 section 5.6.1). */
bool http_list_has(struct str list, struct str token);

enum http_body_state {
    HTTP_BODY_AT_DATA, /* `left` bytes of a known length */
    HTTP_BODY_AT_SIZE,
    HTTP_BODY_AT_CHUNK, /* `left` bytes of a chunk */
    HTTP_BODY_AT_CHUNK_END,
    HTTP_BODY_AT_TRAILER,
    HTTP_BODY_AT_END
};

/* Where we are in a body. */
struct http_body_reader {
    enum http_body_state state;
    uint64_t left;
    size_t extra; /* bytes of extensions and trailers seen */
};

enum http_body_step { HTTP_BODY_MORE, HTTP_BODY_BYTES, HTTP_BODY_END, HTTP_BODY_BAD };

/* A reader at the start of the body that this head announces. */
struct http_body_reader http_body_reader_of(const struct http_head *head);

/* Takes what it can from the front of *in. BYTES: *ret is a run of body bytes (within *in's
 * memory). MORE: call again when more arrived behind what is left of *in. */
enum http_body_step http_body_next(struct http_body_reader *reader, struct str *in,
                                   struct str *ret);

/* Gives the last BYTES back to the front of *in, from where it came, to be taken again later. */
void http_body_give_back(struct http_body_reader *reader, struct str *in, size_t n);

/* Percent-decoding into the arena; `plus` turns '+' into a space. False on an invalid escape. */
bool http_decode(struct arena *arena, struct str raw, bool plus, struct str *ret);

/* Character classes of RFC 9110 and RFC 3986, for the other parsers of this library. */
bool http_is_token(struct str s);
bool http_is_value(struct str s); /* a field value: no control byte but HTAB */

#endif
