/* Names in events cross Redis sealed and are opened here, on the node that owns the sockets.
 *
 * The rule not to break: the loop opens names with keys in memory alone; an event whose key is not
 * there waits, and those behind it keep their order. */
#include "live/live_internal.h"

#include <jansson.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "json/json_in.h"
#include "phi/phi.h"

enum {
    GIVEN_UP_US = 1000000
}; /* a clinic's names go out empty this long after its keys did not come */

/* {"$phi","clinic","table","column","row","version"} as outbox_phi() wrote it. */
static bool sealed_read(const json_t *value, struct arena *arena, struct phi_place *place,
                        struct uuid *clinic, struct str *sealed, int *version)
{
    const char *text = json_string_value(json_object_get(value, "$phi"));
    const char *table = json_string_value(json_object_get(value, "table"));
    const char *column = json_string_value(json_object_get(value, "column"));
    const char *row = json_string_value(json_object_get(value, "row"));
    const char *owner = json_string_value(json_object_get(value, "clinic"));
    if (!text || !table || !column || !row || !owner || !uuid_parse(str_of(row), &place->row) ||
        !uuid_parse(str_of(owner), clinic))
        return false;
    CLEANUP(buf_free) struct buf bytes = BUF_MAX(65536);
    if (!base64_add_decoded(&bytes, str_of(text)))
        return false;
    place->table = arena_cstr(arena, str_of(table));
    place->column = arena_cstr(arena, str_of(column));
    *sealed = arena_str(arena, buf_str(&bytes));
    *version = (int)json_integer_value(json_object_get(value, "version"));
    return true;
}

enum opened { OPENED, NOT_OURS, DAMAGED, NOT_YET };

/* Keys that an event needs and memory does not have (a version made a moment ago, or a database
 * that was away for a minute) are read in the pool; this event and those after it wait for them. */
struct key_read {
    uv_work_t work;
    struct live *live;
    struct arena *arena;
    struct uuid clinic;
    struct problem *problem;
};

static void key_read(uv_work_t *work)
{
    struct key_read *read = work->data;
    read->problem = live_keys_read(read->live, read->arena, read->clinic);
}

static void key_read_done(uv_work_t *work, int status)
{
    struct key_read *read = work->data;
    struct live *live = read->live;
    (void)status;
    if (read->problem)
        log_warn("keys for an event could not be read: %s", read->problem->detail);
    live->loaded = read->clinic;
    live->loaded_us = clock_mono_us();
    live->loading = false;
    arena_free(&read->arena);
    free(read);
    if (!live->stopping)
        sio_adapter_resume(live->server);
}

static void key_read_begin(struct live *live, struct uuid clinic)
{
    if (live->loading)
        return;
    struct key_read *read = mem_new(struct key_read);
    *read = (struct key_read){.live = live, .arena = arena_new(16 << 20), .clinic = clinic};
    read->work.data = read;
    live->loading = true;
    uv_queue_work(live->loop, &read->work, key_read, key_read_done);
}

/* Its keys were just read for this, and the one that is needed was not among them. */
static bool is_given_up(const struct live *live, struct uuid clinic)
{
    return uuid_eq(live->loaded, clinic) && clock_mono_us() - live->loaded_us < GIVEN_UP_US;
}

/* Replaces a sealed value in place. Without local sockets of that clinic, those among them that are
 * being restored, nobody would get it. */
static enum opened value_open(struct live *live, struct arena *arena, json_t *object,
                              const char *key, const json_t *value)
{
    struct phi_place place;
    struct uuid clinic;
    struct str sealed;
    int version;
    struct phi clear;
    if (!sealed_read(value, arena, &place, &clinic, &sealed, &version))
        return DAMAGED;
    if (!sio_room_exists(live->root, str_of(live_room_clinic(arena, clinic))))
        return NOT_OURS;
    struct ctx cx = ctx_system(live->app, arena, NULL, clinic, "");
    cx.no_wait = true;
    struct problem *p = phi_open(&cx, place, sealed, version, &clear);
    if (p && p->kind == PROBLEM_UNAVAILABLE && !is_given_up(live, clinic)) {
        key_read_begin(live, clinic);
        return NOT_YET;
    }
    if (p)
        log_error("an event goes out without its name: %s (%s)", p->detail, p->cause);
    struct str s = phi_reveal(clear);
    json_object_set_new(object, key, p ? json_null() : json_stringn(s.p, s.n));
    return OPENED;
}

static enum opened args_open(struct live *live, struct arena *arena, json_t *args)
{
    json_t *object = json_array_get(args, 0), *value;
    const char *key;
    void *next;
    json_object_foreach_safe (object, next, key, value) {
        if (!json_object_get(value, "$phi"))
            continue;
        enum opened result = value_open(live, arena, object, key, value);
        if (result != OPENED)
            return result;
    }
    return OPENED;
}

enum sio_rewrite live_on_rewrite(struct str event, struct str args, struct buf *out, void *user)
{
    (void)event;
    struct live *live = user;
    if (!memmem(args.p, args.n, "\"$phi\"", 6))
        return SIO_AS_IT_IS;
    struct arena *arena = arena_new(4 << 20);
    CLEANUP(json_done) json_t *root = json_loadb(args.p, args.n, 0, NULL);
    enum opened result = root ? args_open(live, arena, root) : DAMAGED;
    if (result == DAMAGED)
        log_error("an event with a sealed value could not be opened and was dropped");
    char *text = result == OPENED ? json_dumps(root, JSON_COMPACT) : NULL;
    if (text) {
        buf_add_z(out, text);
        wipe(text, strlen(text));
        free(text);
    }
    arena_free(&arena);
    return result == NOT_YET ? SIO_LATER : SIO_REWRITTEN;
}
