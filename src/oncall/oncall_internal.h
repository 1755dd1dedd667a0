/* Shared by the files of src/oncall only. */
#ifndef NEXACORE_ONCALL_INTERNAL_H
#define NEXACORE_ONCALL_INTERNAL_H

#include "json/json_out.h"
#include "oncall/oncall.h"

enum { SHIFTS_MAX = 1000 };

struct shift {
    struct uuid user_id;
    int64_t tier, starts_us, ends_us;
};

/* Writes {"shifts":[...],"onDuty":[...]}: shifts that touch [from, to), and who is on duty now. */
struct problem *shifts_show(struct pg_tx *tx, const struct ctx *cx, int64_t from_us, int64_t to_us,
                            struct buf *out);

/* Replaces every shift that has not ended by those given; ended ones stay as history. */
struct problem *shifts_replace(struct pg_tx *tx, const struct ctx *cx, const struct shift *shifts,
                               size_t count);

/* The position of the first shift whose user is not an active doctor of the clinic; count when all
 * are. */
struct problem *shifts_first_stranger(struct pg_tx *tx, const struct ctx *cx,
                                      const struct shift *shifts, size_t count, size_t *ret);

#endif
