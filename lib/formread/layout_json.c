/* Layouts as JSON, on their way to the jailed reader and in the database. What comes in is checked
 * value by value: both sides read what the other wrote. */
#include <jansson.h>
#include <math.h>

#include "base/cleanup.h"
#include "formread/layout.h"
#include "json/json_in.h"
#include "json/json_out.h"

#define NAME_MAX_   60
#define HEIGHT_MAX_ 20 /* page widths: a strip of paper */

static void box_write(struct jw *w, int page, struct layout_box b)
{
    jw_int(w, page);
    jw_real(w, b.x, 5);
    jw_real(w, b.y, 5);
    jw_real(w, b.w, 5);
    jw_real(w, b.h, 5);
}

void layout_to_json(const struct layout *layout, struct buf *json)
{
    struct jw w = jw_to(json);
    jw_obj(&w);
    jw_key(&w, "id");
    jw_str(&w, layout->id);
    jw_key(&w, "anchors");
    jw_arr(&w);
    for (size_t i = 0; i < layout->anchor_count; i++) {
        jw_arr(&w);
        jw_str(&w, layout->anchors[i].name);
        box_write(&w, layout->anchors[i].page, layout->anchors[i].at);
        jw_end(&w);
    }
    jw_end(&w);
    jw_key(&w, "fields");
    jw_arr(&w);
    for (size_t i = 0; i < layout->field_count; i++) {
        jw_arr(&w);
        jw_z(&w, field_key(layout->fields[i].field));
        box_write(&w, layout->fields[i].page, layout->fields[i].at);
        jw_end(&w);
    }
    jw_end(&w);
    jw_end(&w);
}

/* The table's own words: letters, and digits as in "spo2"; never a number somebody wrote. */
static bool is_name(struct str s)
{
    int digits = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        digits += c >= '0' && c <= '9';
        if ((!letter && !(c >= '0' && c <= '9')) || digits > 3)
            return false;
    }
    return s.n > 0 && s.n <= NAME_MAX_;
}

/* ["name", page, x, y, w, h] in bounds. */
static bool item_read(const json_t *item, struct str *name, int *page, struct layout_box *box)
{
    double v[4];
    json_int_t p = json_integer_value(json_array_get(item, 1));
    const json_t *n = json_array_get(item, 0);
    struct str text = {json_string_value(n), json_string_length(n)};
    if (json_array_size(item) != 6 || !is_name(text) || p < 0 || p >= LAYOUT_PAGES_MAX)
        return false;
    for (size_t i = 0; i < 4; i++) {
        v[i] = json_number_value(json_array_get(item, i + 2));
        if (!isfinite(v[i]) || v[i] < -1 || v[i] > HEIGHT_MAX_)
            return false;
    }
    *name = text;
    *page = (int)p;
    *box = (struct layout_box){v[0], v[1], v[2], v[3]};
    return v[2] >= 0 && v[3] >= 0;
}

static void layout_read(struct arena *arena, const json_t *root, struct layout *ret)
{
    const json_t *anchors = json_object_get(root, "anchors"),
                 *fields = json_object_get(root, "fields"), *id = json_object_get(root, "id");
    size_t i;
    json_t *item;
    struct str name;
    int page;
    struct layout_box box;
    *ret = (struct layout){
        .id = json_is_string(id) ? arena_str(arena, str_of(json_string_value(id))) : STR(""),
        .anchors = arena_array(arena, LAYOUT_ANCHORS_MAX, sizeof(struct layout_anchor)),
        .fields = arena_array(arena, LAYOUT_FIELDS_MAX, sizeof(struct layout_field))};
    json_array_foreach (anchors, i, item)
        if (ret->anchor_count < LAYOUT_ANCHORS_MAX && item_read(item, &name, &page, &box))
            ret->anchors[ret->anchor_count++] =
                (struct layout_anchor){arena_str(arena, name), page, box};
    json_array_foreach (fields, i, item)
        if (ret->field_count < LAYOUT_FIELDS_MAX && item_read(item, &name, &page, &box) &&
            field_of(name) != FIELD__COUNT)
            ret->fields[ret->field_count++] = (struct layout_field){field_of(name), page, box};
}

size_t layouts_from_json(struct arena *arena, struct str json, struct layout layouts[LAYOUTS_MAX])
{
    CLEANUP(json_done) json_t *root = NULL;
    size_t n = 0, i;
    json_t *item;
    if (json.n == 0 || json.n > LAYOUTS_JSON_MAX || json_read(arena, json, &root) != NULL)
        return 0;
    json_array_foreach (root, i, item)
        if (n < LAYOUTS_MAX && json_is_object(item))
            layout_read(arena, item, &layouts[n++]);
    return n;
}
