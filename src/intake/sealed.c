/* Sealing and opening the PHI values inside parsed_json. Which values they are is said once, in
 * parsed_defs; what the table holds never has them in clear. */
#include "intake/sealed.h"

#include <jansson.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/crypt.h"
#include "json/json_in.h"

enum { JSON_MAX = 1 << 20 };

/* 36.4 stays 36.4, not 36.399999999999999: no reading of a form has more digits. */
#define DUMP (JSON_COMPACT | JSON_REAL_PRECISION(9))

static void text_wipe(char **text)
{
    if (*text)
        wipe(*text, strlen(*text));
    free(*text);
}

static struct phi_place place_of(struct arena *arena, struct uuid form, const char *key)
{
    return (struct phi_place){"intake_forms", arena_fmt(arena, "parsed_json.%s", key), form};
}

static struct problem *tree_text(const struct ctx *cx, const json_t *root, struct str *ret)
{
    CLEANUP(text_wipe) char *text = json_dumps(root, DUMP);
    if (!text)
        return problem_new(cx->arena, PROBLEM_INTERNAL, "out of memory");
    *ret = arena_str(cx->arena, str_of(text));
    return NULL;
}

/* Calls `change` for the item of each PHI field that is there. */
static struct problem *each_phi(const struct ctx *cx, struct uuid form, json_t *root,
                                struct problem *(*change)(const struct ctx *cx,
                                                          struct phi_place place, json_t *item,
                                                          int *version),
                                int *version)
{
    json_t *fields = json_object_get(root, "fields");
    for (int k = 0; k < PARSED__COUNT; k++) {
        json_t *item = json_object_get(fields, parsed_defs[k].key);
        if (item && parsed_defs[k].phi)
            TRY(change(cx, place_of(cx->arena, form, parsed_defs[k].key), item, version));
    }
    return NULL;
}

static struct problem *seal_item(const struct ctx *cx, struct phi_place place, json_t *item,
                                 int *version)
{
    const json_t *value = json_object_get(item, "value");
    if (!json_is_string(value))
        return NULL;
    struct str clear = {json_string_value(value), json_string_length(value)}, sealed;
    TRY(phi_seal(cx, place, phi_of(clear), &sealed, version));
    CLEANUP(buf_free) struct buf text = BUF_MAX(JSON_MAX);
    struct jw w = jw_to(&text);
    phi_write_sealed(&w, sealed, *version);
    json_object_set_new(item, "value", json_loadb(text.data, text.len, 0, NULL));
    return NULL;
}

static struct problem *open_item(const struct ctx *cx, struct phi_place place, json_t *item,
                                 int *version)
{
    (void)version;
    struct str sealed;
    int from;
    struct phi clear;
    if (!phi_read_sealed(cx->arena, json_object_get(item, "value"), &sealed, &from))
        return NULL;
    TRY(phi_open(cx, place, sealed, from, &clear));
    struct str s = phi_reveal(clear);
    json_object_set_new(item, "value", s.p ? json_stringn(s.p, s.n) : json_null());
    return NULL;
}

struct problem *parsed_seal(const struct ctx *cx, struct uuid form,
                            const struct parsed_form *parsed, struct str *ret_json,
                            int *ret_version)
{
    CLEANUP(buf_free) struct buf clear = BUF_SECRET(JSON_MAX);
    struct jw w = jw_to(&clear);
    parsed_write_json(parsed, PARSED_STORED, &w);
    CLEANUP(json_done) json_t *root = NULL;
    TRY(json_read(cx->arena, buf_str(&clear), &root));
    struct key unused; /* a form without PHI still names the version in force */
    TRY(keyring_subkey(cx, "version", 0, &unused, ret_version));
    key_wipe(&unused);
    TRY(each_phi(cx, form, root, seal_item, ret_version));
    return tree_text(cx, root, ret_json);
}

struct problem *parsed_open(const struct ctx *cx, struct uuid form, struct str stored, bool for_api,
                            struct str *ret_json)
{
    static const char *const storage_only[] = {"dayFirst", "pages", "ocrConfidence"};
    CLEANUP(json_done) json_t *root = NULL;
    int unused = 0;
    TRY(json_read(cx->arena, stored, &root));
    TRY(each_phi(cx, form, root, open_item, &unused));
    for (size_t i = 0; for_api && i < ARRAY_LEN(storage_only); i++)
        json_object_del(root, storage_only[i]);
    return tree_text(cx, root, ret_json);
}
