/* Writing JSON as a stream into a struct buf: no tree, no copies.
 *
 *     struct jw w = jw_to(&resp->body);
 *     jw_obj(&w);
 *       jw_key(&w, "id");    jw_uuid(&w, id);
 *       jw_key(&w, "items"); jw_arr(&w); ... jw_end(&w);
 *     jw_end(&w);
 *
 * Commas are the writer's. Text is written as UTF-8 with the escapes of RFC 8259 section 7; bytes
 * that are not valid UTF-8 become U+FFFD. */
#ifndef NEXACORE_JSON_OUT_H
#define NEXACORE_JSON_OUT_H

#include "base/buf.h"
#include "base/uuid.h"

#define JW_DEPTH_MAX 32

struct jw {
    struct buf *out;
    unsigned depth;
    bool after_key;
    char closer[JW_DEPTH_MAX];
    bool any[JW_DEPTH_MAX];
};

/* A writer of one value that appends to `out`. */
struct jw jw_to(struct buf *out);

/* Open an object or an array; more than JW_DEPTH_MAX of them is our mistake and ends the process.
 */
void jw_obj(struct jw *w);
void jw_arr(struct jw *w);
void jw_end(struct jw *w); /* closes the innermost */

void jw_key(struct jw *w, const char *key); /* a literal of ours: not escaped */
void jw_key_str(struct jw *w, struct str key);

void jw_str(struct jw *w, struct str s); /* p NULL writes null */
void jw_z(struct jw *w, const char *z);  /* NULL writes null */
void jw_int(struct jw *w, int64_t v);
void jw_hundredths(struct jw *w, int64_t v); /* 66 -> 0.66 */
void jw_real(struct jw *w, double v, int decimals);
void jw_bool(struct jw *w, bool v);
void jw_null(struct jw *w);
void jw_uuid(struct jw *w, struct uuid id);  /* UUID_NONE writes null */
void jw_time(struct jw *w, int64_t wall_us); /* 0 writes null */
void jw_raw(struct jw *w, struct str json);  /* a finished value */

#endif
