/* From a learned layout to values: the form's labels say where the layout's boxes lie on it.
 *
 * The rule not to break: what the labels led to surely stays, and the same ink is never two
 * values, so a layout that was learned wrong can add nothing to a form that is read well. */
#include "formread/register.h"

#define SURE 0.6 /* SPEC 6: below it a required field goes to a person */

struct layout_box layout_box_of(const struct page *page, struct rect r)
{
    double w = pixGetWidth(page->grey);
    return (struct layout_box){r.x / w, r.y / w, r.w / w, r.h / w};
}

static const char *label_name(const struct label *label)
{
    if (label->means < FIELD__COUNT)
        return field_key((enum field)label->means);
    if (label->means >= LABEL_SYMPTOM && label->means < LABEL_SYMPTOM + symptom_count())
        return symptom_concept(label->means - LABEL_SYMPTOM);
    return label->pattern;
}

void constellation_make(struct arena *arena, const struct read_form *form, struct layout *ret)
{
    *ret = (struct layout){
        .id = STR(""),
        .anchors = arena_array(arena, LAYOUT_ANCHORS_MAX, sizeof(struct layout_anchor))};
    for (int p = 0; p < form->pages; p++)
        for (int i = 0; i < form->label_count[p]; i++) {
            const struct label *label = &form->labels[p][i];
            const char *name = label_name(label);
            if (name == NULL || ret->anchor_count == LAYOUT_ANCHORS_MAX)
                continue;
            ret->anchors[ret->anchor_count++] =
                (struct layout_anchor){str_of(name), p, layout_box_of(&form->page[p], label->r)};
        }
}

static struct value *value_of(struct value *values, int count, enum field field)
{
    for (int i = 0; i < count; i++)
        if (values[i].field == field)
            return &values[i];
    return NULL;
}

/* Ink that is another field's value already. */
static bool is_taken(const struct value *values, int count, const struct value *v)
{
    for (int i = 0; i < count; i++) {
        const struct value *other = &values[i];
        if (other->field == v->field || other->page != v->page || other->r.w <= 0 ||
            value_sure(other) < SURE)
            continue;
        struct rect shared = rect_meet(other->r, v->r);
        double least = (double)other->r.w * other->r.h;
        least = least < (double)v->r.w * v->r.h ? least : (double)v->r.w * v->r.h;
        if ((double)shared.w * shared.h > least / 3)
            return true;
    }
    return false;
}

static struct rect region_of(const struct page *page, struct layout_box box)
{
    double w = pixGetWidth(page->grey);
    struct rect whole = {0, 0, pixGetWidth(page->grey), pixGetHeight(page->grey)};
    struct rect r = {(int)(box.x * w), (int)(box.y * w), (int)(box.w * w), (int)(box.h * w)};
    return rect_meet(r, whole);
}

int layout_values(const struct reading *rd, const struct read_form *form,
                  const struct layout *constellation, struct str known, struct value *values,
                  int count, struct registered *ret)
{
    struct layout_fit fits[LAYOUT_PAGES_MAX] = {{0}};
    *ret = (struct registered){0};
    if (known.n == 0)
        return count;
    struct layout *layouts = arena_array(rd->arena, LAYOUTS_MAX, sizeof(*layouts));
    size_t n = layouts_from_json(rd->arena, known, layouts);
    int best = layout_match(rd->arena, layouts, n, constellation, fits);
    if (best < 0)
        return count;
    ret->id = layouts[best].id;
    for (int p = 0; p < form->pages; p++)
        ret->anchors += fits[p].anchors;
    for (size_t i = 0; i < layouts[best].field_count; i++) {
        const struct layout_field *f = &layouts[best].fields[i];
        struct value *old = value_of(values, count, f->field);
        if (f->page >= form->pages || fits[f->page].anchors == 0 ||
            (old != NULL && value_sure(old) >= SURE))
            continue;
        const struct page *page = &form->page[f->page];
        struct rect region = region_of(page, layout_map(&fits[f->page], f->at));
        if (region.w < page->em / 2 || region.h < page->em / 2)
            continue;
        struct value v = value_read_at(rd, page, &form->lines[f->page], f->field, region);
        if (value_sure(&v) <= (old ? value_sure(old) : 0) || is_taken(values, count, &v))
            continue;
        v.learned = true;
        if (old != NULL)
            *old = v;
        else if (count < VALUES_MAX)
            values[count++] = v;
        ret->fields++;
    }
    return count;
}
