/* Shared by the files of src/users only. */
#ifndef NEXACORE_USERS_INTERNAL_H
#define NEXACORE_USERS_INTERNAL_H

#include "json/json_out.h"
#include "phi/phi.h"
#include "users/users.h"

/* Writes who the context's user is, at home. */
struct problem *me_show(struct pg_tx *tx, const struct ctx *cx, struct buf *out);

struct device {
    struct uuid id;
    int64_t created_us;
};

/* Registers a token for the context's user; one another user had moves over (a phone belongs to
 * who signed in last). */
struct problem *device_add(struct pg_tx *tx, const struct ctx *cx, struct str token,
                           const char *platform, struct device *ret);

/* Forgets the own device with that token; no error when there is none. */
struct problem *device_drop(struct pg_tx *tx, const struct ctx *cx, struct str token,
                            struct uuid *ret_id);

#endif
