/* A checked form to JSON (the API's `parsed`, storage, `nexacore read`) and back from storage. */
#include <math.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "formread/refusal.h"
#include "intake/parsed_int.h"
#include "json/json_in.h"

static void write_box(struct jw *w, struct parsed_box box)
{
    jw_arr(w);
    jw_real(w, box.x, 4);
    jw_real(w, box.y, 4);
    jw_real(w, box.w, 4);
    jw_real(w, box.h, 4);
    jw_end(w);
}

static void write_value(const struct parsed_value *v, bool number, struct jw *w)
{
    char text[16] = "";
    if (v->text.p == NULL) {
        jw_null(w);
    } else if (number && v->text.n < sizeof(text)) {
        memcpy(text, v->text.p, v->text.n);
        double d = strtod(text, NULL);
        if (d == floor(d))
            jw_int(w, (int64_t)d);
        else
            jw_real(w, d, 2);
    } else {
        jw_str(w, v->text);
    }
}

void parsed_write_fields(const struct parsed_form *form, struct jw *w)
{
    jw_obj(w);
    for (int k = 0; k < PARSED__COUNT; k++) {
        const struct parsed_value *v = &form->fields[k];
        jw_key(w, parsed_defs[k].key);
        jw_obj(w);
        jw_key(w, "value");
        write_value(v, parsed_defs[k].number, w);
        jw_key(w, "confidence");
        jw_real(w, v->confidence, 2);
        if (v->ink && v->page >= 0 && v->box.w > 0) {
            jw_key(w, "page");
            jw_int(w, v->page);
            jw_key(w, "box");
            write_box(w, v->box);
        }
        if (v->learned) {
            jw_key(w, "learned");
            jw_bool(w, true);
        }
        jw_end(w);
    }
    jw_end(w);
}

void parsed_write_symptoms(const struct parsed_form *form, struct jw *w)
{
    jw_arr(w);
    for (size_t i = 0; i < form->symptom_count; i++) {
        const struct parsed_symptom *s = &form->symptoms[i];
        jw_obj(w);
        jw_key(w, "concept");
        jw_z(w, s->concept);
        jw_key(w, "checked");
        if (s->checked < 0)
            jw_null(w);
        else
            jw_bool(w, s->checked);
        jw_key(w, "confidence");
        jw_real(w, s->confidence, 2);
        jw_key(w, "page");
        jw_int(w, s->page);
        jw_key(w, "box");
        write_box(w, s->box);
        jw_end(w);
    }
    jw_end(w);
}

/* Where on the form a reason comes from: a field's value, the birth date for an age, a box. */
static bool place_find(const void *user, const char *field, int symptom, struct triage_place *ret)
{
    const struct parsed_form *form = user;
    bool age = str_eq(str_of(field), STR("age"));
    enum parsed_key key = age ? PARSED_DATE_OF_BIRTH : parsed_key_of(str_of(field));
    struct parsed_box box = {0};
    int page = -1;
    if (symptom >= 0 && (size_t)symptom < form->symptom_count) {
        box = form->symptoms[symptom].box;
        page = form->symptoms[symptom].page;
    } else if (key != PARSED__COUNT) {
        box = form->fields[key].box;
        page = form->fields[key].page;
    }
    *ret = (struct triage_place){page, box.x, box.y, box.w, box.h};
    return page >= 0 && box.w > 0;
}

void parsed_write_triage(const struct parsed_form *form, struct jw *w)
{
    const struct triage_places places = {place_find, form};
    triage_result_write(&form->triage, &places, w);
}

void parsed_write_redactions(const struct parsed_form *form, struct jw *w)
{
    jw_arr(w);
    for (size_t i = 0; i < form->redaction_count; i++) {
        const struct parsed_redaction *r = &form->redactions[i];
        jw_obj(w);
        jw_key(w, "page");
        jw_int(w, r->page);
        jw_key(w, "x");
        jw_real(w, r->box.x, 5);
        jw_key(w, "y");
        jw_real(w, r->box.y, 5);
        jw_key(w, "w");
        jw_real(w, r->box.w, 5);
        jw_key(w, "h");
        jw_real(w, r->box.h, 5);
        jw_key(w, "kind");
        jw_z(w, r->kind);
        jw_end(w);
    }
    jw_end(w);
}

void parsed_write_json(const struct parsed_form *form, enum parsed_mode mode, struct jw *w)
{
    jw_obj(w);
    jw_key(w, "language");
    jw_z(w, form->language);
    if (mode == PARSED_STORED) {
        jw_key(w, "dayFirst");
        jw_bool(w, form->day_first);
        jw_key(w, "pages");
        jw_int(w, form->pages);
        jw_key(w, "ocrConfidence");
        jw_real(w, form->ocr_confidence, 3);
    }
    jw_key(w, "fields");
    parsed_write_fields(form, w);
    jw_key(w, "symptoms");
    parsed_write_symptoms(form, w);
    jw_key(w, "triage");
    parsed_write_triage(form, w);
    jw_key(w, "reviewWhy");
    jw_arr(w);
    for (size_t i = 0; i < form->review_count; i++)
        jw_z(w, form->review_why[i]);
    jw_end(w);
    jw_end(w);
}

/* ---- back from storage ----------------------------------------------------------------------- */

static struct str stored_text(struct arena *arena, const json_t *v)
{
    if (json_is_string(v))
        return arena_str(arena, (struct str){json_string_value(v), json_string_length(v)});
    if (json_is_integer(v))
        return str_of(arena_fmt(arena, "%lld", (long long)json_integer_value(v)));
    if (json_is_real(v))
        return str_of(arena_fmt(arena, "%.2f", json_real_value(v)));
    return STR_NONE;
}

struct problem *parsed_from_json(struct arena *arena, struct str json, struct parsed_form **ret)
{
    CLEANUP(json_done) json_t *root = NULL;
    struct parsed_form *form = arena_make(arena, struct parsed_form);
    TRY(json_read(arena, json, &root));
    const json_t *fields = json_object_get(root, "fields");
    form->language = parsed_language_of(json_object_get(root, "language"));
    form->day_first = json_is_true(json_object_get(root, "dayFirst"));
    form->pages = (int)json_integer_value(json_object_get(root, "pages"));
    form->ocr_confidence = parsed_unit(json_object_get(root, "ocrConfidence"));
    form->redaction_complete = true;
    form->national_id_type = "";
    for (int k = 0; k < PARSED__COUNT; k++) {
        const json_t *item = json_object_get(fields, parsed_defs[k].key);
        const json_t *page = json_object_get(item, "page");
        form->fields[k] =
            (struct parsed_value){.text = stored_text(arena, json_object_get(item, "value")),
                                  .confidence = parsed_unit(json_object_get(item, "confidence")),
                                  .ink = page != NULL,
                                  .learned = json_is_true(json_object_get(item, "learned")),
                                  .page = page ? (int)json_integer_value(page) : -1,
                                  .box = parsed_box_of(json_object_get(item, "box"))};
    }
    parsed_symptoms_read(arena, form, json_object_get(root, "symptoms"));
    *ret = form;
    return NULL;
}
