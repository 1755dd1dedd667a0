/* Learned layouts: where the labels of a known form stand, and where its values.
 *
 * A form is recognised by its labels alone: the same names at the same places, up to a shift, a
 * scale and a slight turn. The rule not to break: a layout holds names of labels and rectangles,
 * never a word that somebody wrote; and a fit that is not sure is no fit.
 *
 * All rectangles here are in widths of the straightened page, both axes, top-left origin: they do
 * not change with resolution. Pure functions over numbers, safe on any input, the same result each
 * time. Both halves use them: the jailed reader to find fields, the trusted half to learn. */
#ifndef NEXACORE_FORMREAD_LAYOUT_H
#define NEXACORE_FORMREAD_LAYOUT_H

#include "base/buf.h"
#include "formread/field.h"

#define LAYOUTS_MAX        64 /* of one clinic */
#define LAYOUT_ANCHORS_MAX 400
#define LAYOUT_FIELDS_MAX  24
#define LAYOUT_PAGES_MAX   10
#define LAYOUTS_JSON_MAX   (2U << 20)

struct layout_box {
    double x, y, w, h;
};

/* A label: `name` is its field's key, its symptom's concept, or its words as the table has them. */
struct layout_anchor {
    struct str name;
    int page;
    struct layout_box at;
};

/* Where a field's value stands: all of the room it may take. */
struct layout_field {
    enum field field;
    int page;
    struct layout_box at;
};

struct layout {
    struct str id; /* whatever the owner of the layout calls it; empty for the form at hand */
    struct layout_anchor *anchors;
    size_t anchor_count;
    struct layout_field *fields;
    size_t field_count;
};

/* Known coordinates to the form's: x' = xx * x + xy * y + x0, y' = yx * x + yy * y + y0. */
struct layout_fit {
    double xx, xy, x0, yx, yy, y0;
    int anchors;  /* labels that agree; 0: this page was not recognised */
    double error; /* root of the mean square distance of those, in page widths */
};

/* Registers page `page` of `form` to that of `known`. True only when at least 5 labels, 60 % of the
 * known ones and half of the form's, agree on one map within about half a line. */
bool layout_fit(struct arena *arena, const struct layout *known, const struct layout *form,
                int page, struct layout_fit *ret);

/* The known layout with most agreeing labels, or -1; `fits` then holds the map of each page. */
int layout_match(struct arena *arena, const struct layout *known, size_t count,
                 const struct layout *form, struct layout_fit fits[LAYOUT_PAGES_MAX]);

/* `box` mapped, as an upright rectangle. */
struct layout_box layout_map(const struct layout_fit *fit, struct layout_box box);

/* [{"id":"...","anchors":[["name",page,x,y,w,h],...],"fields":[["key",page,x,y,w,h],...]},...] to
 * layouts in `arena`; at most LAYOUTS_MAX. What is not of this form is left out: a broken layout is
 * no layout, and harms no form. */
size_t layouts_from_json(struct arena *arena, struct str json, struct layout layouts[LAYOUTS_MAX]);

/* Appends one such object. */
void layout_to_json(const struct layout *layout, struct buf *json);

#endif
