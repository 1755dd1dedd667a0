/* Fuzz target of lib/json: any bytes are read or refused; what is read can be taken by a table of
 * fields; and whatever bytes are written as a text, the result is JSON that we read ourselves. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "json/json_in.h"
#include "json/json_out.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

struct body {
    struct uuid id;
    struct str text, date;
    int64_t time, number;
    bool flag;
    int choice;
    json_t *any;
};
static const char *const choices[] = {"A", "B", NULL};
static const struct json_field fields[] = {
    {"id", JSON_KIND_UUID, offsetof(struct body, id)},
    {"text", JSON_KIND_TEXT, offsetof(struct body, text), .max = 8},
    {"date", JSON_KIND_DATE, offsetof(struct body, date)},
    {"time", JSON_KIND_TIME, offsetof(struct body, time)},
    {"number", JSON_KIND_INT, offsetof(struct body, number), .min = -5, .max = 5},
    {"flag", JSON_KIND_BOOL, offsetof(struct body, flag)},
    {"choice", JSON_KIND_ENUM, offsetof(struct body, choice), .names = choices},
    {"any", JSON_KIND_ANY, offsetof(struct body, any)},
};

static void read_as_body(struct arena *arena, struct str text)
{
    CLEANUP(json_done) json_t *root = NULL;
    struct body body = {0};
    if (json_read(arena, text, &root))
        return;
    if (json_fields(arena, root, fields, ARRAY_LEN(fields), "", &body))
        return;
    if (body.text.n > 8 || body.number < -5 || body.number > 5 || body.choice > 1)
        abort();
}

static void written_is_read(struct arena *arena, struct str text)
{
    CLEANUP(buf_free) struct buf out = BUF_MAX((size_t)8 << 20);
    CLEANUP(json_done) json_t *root = NULL;
    struct jw w = jw_to(&out);
    jw_obj(&w);
    jw_key(&w, "text");
    jw_str(&w, text);
    jw_end(&w);
    struct problem *p = json_read(arena, buf_str(&out), &root);
    bool has_nul = text.n > 0 && memchr(text.p, 0, text.n) != NULL; /* refused when read */
    if ((p != NULL) != has_nul)
        abort();
    if (!p && str_utf8_valid(text) &&
        !str_eq(str_of(json_string_value(json_object_get(root, "text"))), text))
        abort();
}

static void problem_is_json(struct arena *arena, struct str text)
{
    CLEANUP(buf_free) struct buf out = BUF_MAX(1 << 16);
    CLEANUP(json_done) json_t *root = NULL;
    const char *z = arena_cstr(arena, text);
    struct problem *p = problem_field(arena, z, "%s", z);
    problem_write(p, "id", &out);
    if (json_read(arena, buf_str(&out), &root))
        abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static struct arena *arena;
    if (arena == NULL)
        arena = arena_new((size_t)256 << 20);
    struct str text = {(const char *)data, size};
    read_as_body(arena, text);
    written_is_read(arena, text);
    problem_is_json(arena, text);
    arena_reset(arena);
    return 0;
}
