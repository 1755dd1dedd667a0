/* Strict reading of JSON objects over jansson: the wrong key, type or length is named.
 *
 * A request body is described by a table of fields; anything the table does not know is refused
 * with the JSON pointer of the key. Limits come first: size and depth are checked on the bytes
 * before jansson sees them, and duplicate keys are refused. */
#ifndef NEXACORE_JSON_IN_H
#define NEXACORE_JSON_IN_H

#include <jansson.h>

#include "base/problem.h"
#include "base/uuid.h"

#define JSON_DEPTH_MAX 32

/* Parses one JSON value. The result belongs to the caller: CLEANUP(json_done) json_t *root.
 * Refuses: more than 32 levels, duplicate keys, invalid UTF-8, \u0000, trailing bytes. */
struct problem *json_read(struct arena *arena, struct str text, json_t **ret);
void json_done(json_t **root);

enum json_kind {
    JSON_KIND_TEXT, /* struct str in the arena; max: most bytes; empty text is refused unless
                       empty_ok */
    JSON_KIND_UUID, /* struct uuid */
    JSON_KIND_DATE, /* struct str "YYYY-MM-DD", an existing day */
    JSON_KIND_TIME, /* int64_t wall microseconds, RFC 3339 */
    JSON_KIND_BOOL, /* bool */
    JSON_KIND_INT,  /* int64_t, min..max */
    JSON_KIND_ENUM, /* int: index into `names` */
    JSON_KIND_ANY,  /* json_t *, borrowed from the root: nested tables, arrays */
};

struct json_field {
    const char *key;
    enum json_kind kind;
    size_t offset; /* offsetof the value in the struct read into */
    bool required; /* absent or null is an error */
    bool empty_ok;
    int64_t min, max;
    const char *const *names; /* JSON_KIND_ENUM: NULL-terminated */
    size_t seen_offset;       /* offsetof a bool set when present and not null; 0: none */
};

/* Reads `object` by `fields` into `into`; values absent stay as they are. `at` is the pointer
 * prefix for messages, "" at the root. Problems are PROBLEM_VALIDATION with the field's pointer. */
struct problem *json_fields(struct arena *arena, const json_t *object,
                            const struct json_field *fields, size_t count, const char *at,
                            void *into);

/* json_read and json_fields in one: the body of most requests. */
struct problem *json_body(struct arena *arena, struct str text, const struct json_field *fields,
                          size_t count, void *into);

#endif
