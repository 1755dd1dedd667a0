/* MessagePack values as BullMQ's scripts unpack them, over libmsgpack.
 *
 * The rule not to break: a map says its number of pairs first, so count what you add. Integers are
 * doubles once in Lua: exact up to 2^53, enough for milliseconds. */
#ifndef BULLMQ_PACK_H
#define BULLMQ_PACK_H

#include <jansson.h>
#include <msgpack.h>

#include "base/str.h"

struct pack {
    msgpack_sbuffer bytes;
    msgpack_packer packer;
};

/* Prepares an empty one in place (it points into itself: do not copy). */
void pack_init(struct pack *p);
void pack_done(struct pack *p); /* for CLEANUP */

void pack_map(struct pack *p, size_t pairs);
void pack_array(struct pack *p, size_t items);
void pack_z(struct pack *p, const char *text); /* NULL: nil */
void pack_str(struct pack *p, struct str text);
void pack_int(struct pack *p, int64_t v);
void pack_real(struct pack *p, double v);
void pack_bool(struct pack *p, bool v);
void pack_nil(struct pack *p);
void pack_json(struct pack *p, const json_t *value); /* whole numbers as integers */

static inline struct str pack_bytes(const struct pack *p)
{
    return (struct str){p->bytes.data, p->bytes.size};
}

#endif
