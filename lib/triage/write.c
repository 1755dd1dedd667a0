/* The result as JSON: the `triage` object of a form.
 *
 * The rule not to break: offsets, ids and numbers only; no text of the patient is copied here. */
#include "triage/triage_int.h"

/* Of a sum the part that weighs most says where to look. */
static bool place_find(const struct triage_reason *r, const struct triage_places *places,
                       struct triage_place *ret)
{
    if (places == NULL)
        return false;
    for (size_t i = 0; i < r->part_count; i++) {
        if (places->find(places->user, r->parts[i].field, -1, ret))
            return true;
    }
    return places->find(places->user, r->field, r->symptom, ret);
}

static void box_write(const struct triage_reason *r, const struct triage_places *places,
                      struct jw *w)
{
    struct triage_place at;
    bool known = place_find(r, places, &at);
    jw_key(w, "box");
    if (!known) {
        jw_null(w);
        return;
    }
    jw_arr(w);
    jw_real(w, at.x, 4);
    jw_real(w, at.y, 4);
    jw_real(w, at.w, 4);
    jw_real(w, at.h, 4);
    jw_end(w);
    jw_key(w, "page");
    jw_int(w, at.page);
}

static void parts_write(const struct triage_reason *r, struct jw *w)
{
    jw_key(w, "parts");
    jw_arr(w);
    for (size_t i = 0; i < r->part_count; i++) {
        jw_obj(w);
        jw_key(w, "field");
        jw_z(w, r->parts[i].field);
        jw_key(w, "points");
        jw_int(w, r->parts[i].points);
        jw_end(w);
    }
    jw_end(w);
}

static void reason_write(const struct triage_reason *r, const struct triage_places *places,
                         struct jw *w)
{
    jw_obj(w);
    jw_key(w, "rule");
    jw_z(w, r->rule);
    jw_key(w, "group");
    jw_z(w, r->group);
    jw_key(w, "points");
    jw_int(w, r->points);
    jw_key(w, "floor");
    jw_int(w, r->floor);
    jw_key(w, "counted");
    jw_bool(w, r->counted);
    jw_key(w, "source");
    jw_z(w, r->source);
    jw_key(w, "field");
    jw_z(w, r->field);
    jw_key(w, "evidence");
    if (r->end > r->start) {
        jw_arr(w);
        jw_int(w, (int64_t)r->start);
        jw_int(w, (int64_t)r->end);
        jw_end(w);
    } else {
        jw_null(w);
    }
    box_write(r, places, w);
    if (r->part_count > 0)
        parts_write(r, w);
    if (r->typo) {
        jw_key(w, "typo");
        jw_bool(w, true);
    }
    jw_end(w);
}

static void suppressed_write(const struct triage_suppressed *s, struct jw *w)
{
    jw_obj(w);
    jw_key(w, "rule");
    jw_z(w, s->rule);
    jw_key(w, "why");
    jw_z(w, triage_assertion_name(s->why));
    jw_key(w, "field");
    jw_z(w, s->field);
    jw_key(w, "evidence");
    jw_arr(w);
    jw_int(w, (int64_t)s->start);
    jw_int(w, (int64_t)s->end);
    jw_end(w);
    jw_end(w);
}

static void names_write(const char *key, const char *const *names, size_t n, struct jw *w)
{
    jw_key(w, key);
    jw_arr(w);
    for (size_t i = 0; i < n; i++)
        jw_z(w, names[i]);
    jw_end(w);
}

void triage_result_write(const struct triage_result *r, const struct triage_places *places,
                         struct jw *w)
{
    jw_obj(w);
    jw_key(w, "score");
    jw_hundredths(w, r->score);
    jw_key(w, "level");
    jw_z(w, triage_level_name(r->level));
    jw_key(w, "emergency");
    jw_bool(w, r->emergency);
    jw_key(w, "ruleset");
    jw_obj(w);
    jw_key(w, "version");
    jw_z(w, r->version);
    jw_key(w, "sha256");
    jw_z(w, r->sha256);
    jw_end(w);
    jw_key(w, "news2");
    if (r->news2 >= 0)
        jw_int(w, r->news2);
    else
        jw_null(w);
    jw_key(w, "reasons");
    jw_arr(w);
    for (size_t i = 0; i < r->reason_count; i++)
        reason_write(&r->reasons[i], places, w);
    jw_end(w);
    jw_key(w, "suppressed");
    jw_arr(w);
    for (size_t i = 0; i < r->suppressed_count; i++)
        suppressed_write(&r->suppressed[i], w);
    jw_end(w);
    names_write("missing", r->missing, r->missing_count, w);
    names_write("review", r->review_why, r->review_count, w);
    jw_end(w);
}
