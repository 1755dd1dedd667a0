/* UUIDs (RFC 9562) as 16 bytes; version 7 where the server makes them, for index locality. */
#ifndef NEXACORE_BASE_UUID_H
#define NEXACORE_BASE_UUID_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct uuid {
    uint8_t b[16];
};

#define UUID_TEXT_LEN 36
#define UUID_NONE     ((struct uuid){{0}})

/* A new version 7 id: 48 bits of wall milliseconds, then random (RFC 9562 section 5.7). */
struct uuid uuid_v7(void);

/* A version 8 id derived from a name: the first 16 bytes of SHA-256(space || name) with version
 * and variant set. Equal input gives an equal id: used where a retry must make the same row. */
struct uuid uuid_derived(struct uuid space, struct str name);

/* The 8-4-4-4-12 form; upper case accepted, anything else refused. */
bool uuid_parse(struct str s, struct uuid *ret);

/* Lower case text and a NUL into `ret_text`, which has 37 bytes. */
void uuid_text(struct uuid id, char ret_text[UUID_TEXT_LEN + 1]);

/* Equality, and equality with UUID_NONE. */
bool uuid_eq(struct uuid a, struct uuid b);
bool uuid_is_none(struct uuid id);

/* The text form in one of eight rotating thread-local buffers, for log lines and formats. */
const char *uuid_z(struct uuid id);

#endif
