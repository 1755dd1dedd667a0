/* The seam of the multipart reader for tests and fuzzing: any source of bytes instead of a spool.
 */
#ifndef NEXACORE_HTTP_MULTIPART_H
#define NEXACORE_HTTP_MULTIPART_H

#include "http/http.h"

/* Gives up to n bytes; *ret_n 0 at the end. It may give fewer at any time. */
typedef struct problem *http_source_read(void *source, struct arena *arena, void *ret, size_t n,
                                         size_t *ret_n);

/* `boundary` as RFC 2046 section 5.1.1 has it, without the leading dashes. */
struct problem *http_multipart_over(struct arena *arena, struct str boundary,
                                    http_source_read *read, void *source,
                                    struct http_multipart **ret);

/* The parameter `name` of a header value such as `form-data; name="a"`. An absent one is an empty
 * str with p NULL; false when the value is malformed or names a parameter twice. */
bool http_param_get(struct arena *arena, struct str value, const char *name, struct str *ret);

#endif
