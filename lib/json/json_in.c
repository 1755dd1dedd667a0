/* Strict reading: depth before jansson, then a table of fields; the wrong key is named. */
#include "json/json_in.h"

#include "base/cleanup.h"
#include "base/clock.h"

void json_done(json_t **root)
{
    json_decref(*root);
    *root = NULL;
}

/* Nesting is counted on the bytes, outside strings, so that jansson's recursion is bounded. */
static bool depth_ok(struct str text)
{
    unsigned depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > JSON_DEPTH_MAX)
                return false;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return true;
}

struct problem *json_read(struct arena *arena, struct str text, json_t **ret)
{
    if (!depth_ok(text))
        return problem_new(arena, PROBLEM_BAD_REQUEST, "the JSON nests deeper than %d levels",
                           JSON_DEPTH_MAX);
    json_error_t error;
    json_t *root = json_loadb(text.p ? text.p : "", text.n, JSON_REJECT_DUPLICATES, &error);
    if (!root)
        return problem_new(arena, PROBLEM_BAD_REQUEST,
                           "the body is not valid JSON (line %d, column %d)", error.line,
                           error.column);
    *ret = root;
    return NULL;
}

#define KEY_MAX 48 /* bytes of a client's key that is named in a message */

/* Where messages point: prefix, '/', key. */
static const char *pointer_of(struct arena *arena, const char *at, const char *key)
{
    return arena_fmt(arena, "%s/%s", at, key);
}

/* Where an unknown key stands. What is not plainly a name may hold anything: it is not repeated,
 * not even in part, and the object is named instead. */
static const char *pointer_of_unknown(struct arena *arena, const char *at, const char *key)
{
    if (str_is_name(str_of(key), KEY_MAX))
        return pointer_of(arena, at, key);
    return at[0] ? at : "/";
}

/* Control characters other than tab and line feed, and the bidirectional overrides U+202A to U+202E
 * and U+2066 to U+2069, which make a text look like another one (Unicode TR 36, section 2.5). */
static bool text_plain(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if ((c < 0x20 && c != '\t' && c != '\n') || c == 0x7F)
            return false;
        if (c != 0xE2 || i + 2 >= s.n)
            continue;
        unsigned char b = (unsigned char)s.p[i + 1], a = (unsigned char)s.p[i + 2];
        if ((b == 0x80 && a >= 0xAA && a <= 0xAE) || (b == 0x81 && a >= 0xA6 && a <= 0xA9))
            return false;
    }
    return true;
}

static struct problem *text_read(struct arena *arena, const struct json_field *f,
                                 const json_t *value, const char *pointer, struct str *ret)
{
    if (!json_is_string(value))
        return problem_field(arena, pointer, "must be a text");
    struct str s = {json_string_value(value), json_string_length(value)};
    if (s.n == 0 && !f->empty_ok)
        return problem_field(arena, pointer, "must not be empty");
    if (f->max > 0 && s.n > (size_t)f->max)
        return problem_field(arena, pointer, "is longer than %lld bytes", (long long)f->max);
    if (!text_plain(s))
        return problem_field(arena, pointer, "must not hold control characters");
    *ret = arena_str(arena, s);
    return NULL;
}

static struct problem *enum_read(struct arena *arena, const struct json_field *f, struct str s,
                                 const char *pointer, int *ret)
{
    for (int i = 0; f->names[i]; i++) {
        if (str_eq(s, str_of(f->names[i]))) {
            *ret = i;
            return NULL;
        }
    }
    struct buf known = BUF_MAX(160);
    for (int i = 0; f->names[i]; i++)
        buf_addf(&known, "%s%s", i ? ", " : "", f->names[i]);
    struct problem *p =
        problem_field(arena, pointer, "must be one of %s", known.data ? known.data : "");
    buf_free(&known);
    return p;
}

static struct problem *int_read(struct arena *arena, const struct json_field *f,
                                const json_t *value, const char *pointer, int64_t *ret)
{
    if (!json_is_integer(value))
        return problem_field(arena, pointer, "must be a whole number");
    int64_t v = json_integer_value(value);
    if (v < f->min || (f->max != 0 && v > f->max))
        return problem_field(arena, pointer, "must be from %lld to %lld", (long long)f->min,
                             (long long)f->max);
    *ret = v;
    return NULL;
}

/* Kinds that are texts in JSON. */
static struct problem *texts_read(struct arena *arena, const struct json_field *f,
                                  const json_t *value, const char *pointer, void *at)
{
    struct str s;
    TRY(text_read(arena, f, value, pointer, &s));
    switch (f->kind) {
    case JSON_KIND_UUID:
        if (!uuid_parse(s, at))
            return problem_field(arena, pointer, "must be a UUID");
        return NULL;
    case JSON_KIND_DATE:
        if (!clock_date_valid(s))
            return problem_field(arena, pointer, "must be a date like 1980-12-31");
        *(struct str *)at = s;
        return NULL;
    case JSON_KIND_TIME:
        if (!clock_parse(s, at))
            return problem_field(arena, pointer, "must be a time like 2026-01-31T08:00:00Z");
        return NULL;
    case JSON_KIND_ENUM:
        return enum_read(arena, f, s, pointer, at);
    default:
        *(struct str *)at = s;
        return NULL;
    }
}

static struct problem *value_read(struct arena *arena, const struct json_field *f, json_t *value,
                                  const char *pointer, void *at)
{
    switch (f->kind) {
    case JSON_KIND_BOOL:
        if (!json_is_boolean(value))
            return problem_field(arena, pointer, "must be true or false");
        *(bool *)at = json_is_true(value);
        return NULL;
    case JSON_KIND_INT:
        return int_read(arena, f, value, pointer, at);
    case JSON_KIND_ANY:
        *(json_t **)at = value;
        return NULL;
    default:
        return texts_read(arena, f, value, pointer, at);
    }
}

static bool is_known(const struct json_field *fields, size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(fields[i].key, key) == 0)
            return true;
    return false;
}

struct problem *json_fields(struct arena *arena, const json_t *object,
                            const struct json_field *fields, size_t count, const char *at,
                            void *into)
{
    if (!json_is_object(object))
        return problem_field(arena, at[0] ? at : "/", "must be a JSON object");
    for (void *i = json_object_iter((json_t *)(uintptr_t)object); i;
         i = json_object_iter_next((json_t *)(uintptr_t)object, i)) {
        const char *key = json_object_iter_key(i);
        if (!is_known(fields, count, key))
            return problem_field(arena, pointer_of_unknown(arena, at, key),
                                 "is not a key known here");
    }
    for (size_t i = 0; i < count; i++) {
        const struct json_field *f = &fields[i];
        json_t *value = json_object_get(object, f->key);
        const char *pointer = pointer_of(arena, at, f->key);
        if (!value || json_is_null(value)) {
            if (f->required)
                return problem_field(arena, pointer, "is required");
            continue;
        }
        TRY(value_read(arena, f, value, pointer, (char *)into + f->offset));
        if (f->seen_offset)
            *(bool *)((char *)into + f->seen_offset) = true;
    }
    return NULL;
}

struct problem *json_body(struct arena *arena, struct str text, const struct json_field *fields,
                          size_t count, void *into)
{
    CLEANUP(json_done) json_t *root = NULL;
    TRY(json_read(arena, text, &root));
    for (size_t i = 0; i < count; i++)
        if (fields[i].kind == JSON_KIND_ANY)
            return problem_new(arena, PROBLEM_INTERNAL, "a nested body needs json_read");
    return json_fields(arena, root, fields, count, "", into);
}
