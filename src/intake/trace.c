/* Making and reading a form's trace: see trace.h. The reader's JSON is untrusted here too: numbers
 * are clamped by the layout reader's bounds, texts are bounded and scrubbed. */
#include "intake/trace.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "formread/text.h"
#include "intake/parsed_int.h"
#include "json/json_in.h"
#include "phi/phi.h"

enum { ITEMS_MAX = 6000, WORD_MAX = 80, RUN_DIGITS = 5, PAGES_MAX = LAYOUT_PAGES_MAX };

struct word { /* of the reader's JSON */
    struct trace_item item;
    struct parsed_box box;
    size_t digits;
    bool label;
};

static double number_of(const json_t *v)
{
    double d = json_number_value(v);
    return d > 0 && d < 20 ? d : 0;
}

static struct layout_box at_of(const json_t *array)
{
    return (struct layout_box){
        number_of(json_array_get(array, 0)), number_of(json_array_get(array, 1)),
        number_of(json_array_get(array, 2)), number_of(json_array_get(array, 3))};
}

static bool boxes_meet(struct parsed_box a, struct parsed_box b)
{
    return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}

static bool is_blacked_out(const struct parsed_form *parsed, const struct word *w)
{
    for (size_t i = 0; i < parsed->redaction_count; i++)
        if (parsed->redactions[i].page == w->item.page &&
            boxes_meet(parsed->redactions[i].box, w->box))
            return true;
    return false;
}

static struct word word_of(struct arena *arena, const struct parsed_form *parsed, struct str text,
                           const json_t *item)
{
    json_int_t start = json_integer_value(json_object_get(item, "start"));
    json_int_t end = json_integer_value(json_object_get(item, "end"));
    json_int_t page = json_integer_value(json_object_get(item, "page"));
    struct word w = {.item.page = page >= 0 && page < parsed->pages ? (int)page : 0,
                     .item.at = at_of(json_object_get(item, "at")),
                     .box = parsed_box_of(json_object_get(item, "box")),
                     .label = json_is_true(json_object_get(item, "label"))};
    if (start < 0 || end < start || end > (json_int_t)text.n || end - start > WORD_MAX)
        return w;
    w.item.text = scrub(arena, (struct raw_text){{text.p + start, (size_t)(end - start)}}).s;
    if (w.label || is_blacked_out(parsed, &w))
        w.item.text = STR("");
    size_t letters = text_fold(arena, w.item.text).n;
    size_t digits = text_digits(arena, w.item.text, false).n;
    w.digits = digits >= RUN_DIGITS || digits * 5 >= letters * 3 ? digits : 0;
    return w;
}

static bool follows(const struct word *a, const struct word *b)
{
    double gap = b->item.at.x - (a->item.at.x + a->item.at.w);
    double rows = fmin(a->item.at.y + a->item.at.h, b->item.at.y + b->item.at.h) -
                  fmax(a->item.at.y, b->item.at.y);
    return a->item.page == b->item.page && b->digits > 0 && rows > 0 &&
           gap < 3 * fmax(a->item.at.h, b->item.at.h);
}

static struct layout_box box_join(struct layout_box a, struct layout_box b)
{
    double x = fmin(a.x, b.x), y = fmin(a.y, b.y);
    return (struct layout_box){x, y, fmax(a.x + a.w, b.x + b.w) - x,
                               fmax(a.y + a.h, b.y + b.h) - y};
}

struct problem *trace_hash(const struct ctx *cx, struct str digits, struct str *ret)
{
    return phi_index(cx, "trace", phi_of(digits), ret);
}

/* The words from `*at` on that are one run of digits, as one item; or the one word. */
static struct problem *item_take(const struct ctx *cx, const struct word *words, size_t count,
                                 size_t *at, struct trace_item *ret)
{
    const struct word *first = &words[*at];
    CLEANUP(buf_free) struct buf digits = BUF_SECRET(WORD_MAX * 20);
    size_t i = *at;
    *ret = first->item;
    for (; i < count && (i == *at || follows(&words[i - 1], &words[i])); i++) {
        if (words[i].digits == 0)
            break;
        buf_add_str(&digits, text_digits(cx->arena, words[i].item.text, false));
        ret->at = box_join(ret->at, words[i].item.at);
    }
    if (digits.len < RUN_DIGITS || digits.overflowed) {
        bool long_word = digits.overflowed;
        *ret = first->item;
        if (long_word)
            ret->text = STR("");
        (*at)++;
        return NULL;
    }
    ret->text = STR("");
    *at = i;
    return trace_hash(cx, buf_str(&digits), &ret->hash);
}

static struct problem *items_write(const struct ctx *cx, const struct parsed_form *parsed,
                                   const json_t *root, struct jw *w)
{
    const json_t *texts = json_object_get(root, "text"), *array = json_object_get(root, "words");
    struct str text = {json_string_value(texts), json_string_length(texts)};
    size_t count = json_array_size(array), i;
    json_t *item;
    count = count < ITEMS_MAX ? count : ITEMS_MAX;
    struct word *words = arena_array(cx->arena, count + 1, sizeof(*words));
    json_array_foreach (array, i, item)
        if (i < count)
            words[i] = word_of(cx->arena, parsed, text, item);
    jw_key(w, "items");
    jw_arr(w);
    for (size_t at = 0; at < count;) {
        struct trace_item it;
        TRY(item_take(cx, words, count, &at, &it));
        jw_arr(w);
        jw_str(w, it.text.p ? it.text : STR(""));
        jw_str(w, it.hash.p ? it.hash : STR(""));
        jw_int(w, it.page);
        jw_real(w, it.at.x, 4);
        jw_real(w, it.at.y, 4);
        jw_real(w, it.at.w, 4);
        jw_real(w, it.at.h, 4);
        jw_end(w);
    }
    jw_end(w);
    return NULL;
}

/* The constellation goes through the layout's own reader, so that nothing else can hide in it. */
static void constellation_write(struct arena *arena, const json_t *root, struct jw *w)
{
    struct layout *one = arena_array(arena, LAYOUTS_MAX, sizeof(*one));
    char *dumped = json_dumps(json_object_get(root, "constellation"), JSON_COMPACT);
    CLEANUP(buf_free) struct buf clean = BUF_MAX(LAYOUTS_JSON_MAX);
    struct str text = str_of(arena_fmt(arena, "[%s]", dumped ? dumped : "{}"));
    free(dumped);
    if (layouts_from_json(arena, text, one) == 0)
        one[0] = (struct layout){.id = STR("")};
    layout_to_json(&one[0], &clean);
    jw_key(w, "constellation");
    jw_raw(w, arena_str(arena, buf_str(&clean)));
}

static void fields_write(const json_t *root, const struct parsed_form *parsed, struct jw *w)
{
    size_t i;
    json_t *item;
    jw_key(w, "fields");
    jw_arr(w);
    json_array_foreach (json_object_get(root, "fields"), i, item) {
        const char *key = json_string_value(json_object_get(item, "key"));
        enum field field = field_of(str_of(key));
        json_int_t page = json_integer_value(json_object_get(item, "page"));
        struct layout_box at = at_of(json_object_get(item, "at"));
        if (field == FIELD__COUNT || page < 0 || page >= parsed->pages || at.w <= 0 ||
            !json_is_true(json_object_get(item, "ink")) || i > 200)
            continue;
        jw_arr(w);
        jw_z(w, field_key(field));
        jw_int(w, page);
        jw_real(w, at.x, 4);
        jw_real(w, at.y, 4);
        jw_real(w, at.w, 4);
        jw_real(w, at.h, 4);
        jw_end(w);
    }
    jw_end(w);
}

struct problem *trace_make(const struct ctx *cx, struct str reader_json,
                           const struct parsed_form *parsed, struct buf *out)
{
    CLEANUP(json_done) json_t *root = NULL;
    TRY(json_read(cx->arena, reader_json, &root));
    struct jw w = jw_to(out);
    jw_obj(&w);
    constellation_write(cx->arena, root, &w);
    TRY(items_write(cx, parsed, root, &w));
    fields_write(root, parsed, &w);
    jw_end(&w);
    return NULL;
}

/* ---- back -------------------------------------------------------------------------------------
 */

static struct layout_box box_from(const json_t *array, size_t first)
{
    return (struct layout_box){
        number_of(json_array_get(array, first)), number_of(json_array_get(array, first + 1)),
        number_of(json_array_get(array, first + 2)), number_of(json_array_get(array, first + 3))};
}

static struct str str_from(struct arena *arena, const json_t *v)
{
    return arena_str(arena, (struct str){json_string_value(v), json_string_length(v)});
}

struct problem *trace_read(struct arena *arena, struct str bytes, struct trace *ret)
{
    CLEANUP(json_done) json_t *root = NULL;
    struct layout *one = arena_array(arena, LAYOUTS_MAX, sizeof(*one));
    struct trace t = {0};
    size_t i;
    json_t *item;
    TRY(json_read(arena, bytes, &root));
    char *dumped = json_dumps(json_object_get(root, "constellation"), JSON_COMPACT);
    struct str text = str_of(arena_fmt(arena, "[%s]", dumped ? dumped : "{}"));
    free(dumped);
    if (layouts_from_json(arena, text, one) > 0)
        t.constellation = one[0];
    const json_t *items = json_object_get(root, "items"), *fields = json_object_get(root, "fields");
    t.items = arena_array(arena, json_array_size(items) + 1, sizeof(*t.items));
    t.fields = arena_array(arena, json_array_size(fields) + 1, sizeof(*t.fields));
    json_array_foreach (items, i, item)
        t.items[t.item_count++] = (struct trace_item){
            .text = str_from(arena, json_array_get(item, 0)),
            .hash = str_from(arena, json_array_get(item, 1)),
            .page = (int)json_integer_value(json_array_get(item, 2)) % PAGES_MAX,
            .at = box_from(item, 3)};
    json_array_foreach (fields, i, item) {
        const char *key = json_string_value(json_array_get(item, 0));
        if (field_of(str_of(key)) == FIELD__COUNT)
            continue;
        t.fields[t.field_count++] = (struct trace_field){
            field_of(str_of(key)), (int)json_integer_value(json_array_get(item, 1)) % PAGES_MAX,
            box_from(item, 2)};
    }
    *ret = t;
    return NULL;
}
