/* Labels of vital signs that were read badly: in a row or a list that names two of them, each other
 * word is read again alone; in a row as high as the labels beside it.
 *
 * The rule not to break: such a row or list is known by labels that were read well. */
#include "formread/labels.h"

#include <stdlib.h>

#include "formread/text.h"

#define READ_WELL 0.85
#define AGAIN_MAX 48 /* words of a page; more are no labels, and each takes time */

/* The rows that the line's labels of vital signs have in common. */
static struct rect label_band(const struct page *page, const struct label *labels, int count,
                              int line)
{
    struct rect band = {0};
    for (int i = 0; i < count; i++)
        if (labels[i].line == line && labels[i].means < FIELD__COUNT &&
            labels[i].r.h <= page->em * 3 / 2)
            band = rect_join(band, labels[i].r);
    return band;
}

/* What stands at `r`, by one model; folded. */
static struct str words_at(TessBaseAPI *api, struct arena *arena, const struct page *page,
                           struct rect r)
{
    struct rect whole = {0, 0, pixGetWidth(page->clean), pixGetHeight(page->clean)};
    int pad = page->em / 4;
    r = rect_meet((struct rect){r.x - pad, r.y - pad, r.w + 2 * pad, r.h + 2 * pad}, whole);
    BOX *box = r.w > 4 && r.h > 4 ? boxCreate(r.x, r.y, r.w, r.h) : NULL;
    CLEANUP(pix_free) PIX *part = box ? pixClipRectangle(page->clean, box, NULL) : NULL;
    CLEANUP(pix_free) PIX *crop = part ? pixAddBorder(part, 10, 200) : NULL;
    boxDestroy(&box);
    double conf = 0;
    return crop ? text_fold(arena, line_read(api, arena, crop, false, &conf)) : STR_NONE;
}

static enum field vital_at(struct formread *fr, struct arena *arena, const struct page *page,
                           struct rect r, unsigned named)
{
    TessBaseAPI *models[] = {fr->spa, fr->eng};
    enum field field = FIELD__COUNT;
    for (size_t i = 0; i < ARRAY_LEN(models) && field == FIELD__COUNT; i++)
        field = label_vital(words_at(models[i], arena, page, r), named);
    return field;
}

/* Adds the label that stands in `band` at the word `at`. A word that reaches far under the band is
 * the label's value, taken for one word with it: it stays a free word, under the label. */
static void label_add(struct page *page, const struct lines *lines, int l, struct label *label,
                      int index, struct rect band)
{
    struct word *w = &page->words[lines->order[label->first]];
    struct rect r = w->r;
    int under = r.y + r.h - (band.y + band.h);
    label->r = (struct rect){r.x, band.y, r.w, band.h};
    if (under > page->em / 2) {
        struct rect ink = ink_bounds(page, (struct rect){r.x, band.y + band.h + 1, r.w, under});
        w->r = ink.w > 0 ? ink : w->r;
        return;
    }
    label_finish(page, lines, lines->line[l], label, index);
    label->r = (struct rect){label->r.x, band.y, label->r.w, band.h};
}

/* The vital signs that labels over and under `r`, at the same left edge, name: a list of them. */
static unsigned column_named(const struct page *page, const struct label *labels, int count,
                             struct rect r)
{
    unsigned named = 0;
    for (int i = 0; i < count; i++) {
        int aside = labels[i].r.x - r.x, down = labels[i].r.y - r.y;
        if (labels[i].means < FIELD__COUNT &&
            field_group((enum field)labels[i].means) == GROUP_VITALS && abs(aside) * 2 < page->em &&
            abs(down) < page->em * 10)
            named |= BIT(labels[i].means);
    }
    return named;
}

int labels_again(struct formread *fr, struct arena *arena, struct page *page,
                 const struct lines *lines, struct label labels[LABELS_MAX], int count)
{
    int tries = 0;
    for (int l = 0; l < lines->count; l++) {
        struct line line = lines->line[l];
        struct rect band = label_band(page, labels, count, l);
        for (int at = line.first; at < line.first + line.count && count < LABELS_MAX; at++) {
            const struct word *w = &page->words[lines->order[at]];
            bool doubtful = w->conf <= READ_WELL || w->r.h > page->em * 3 / 2;
            if (w->owner != 0 || !doubtful || w->r.h * 2 < page->em ||
                !label_stands_alone(page, lines, line, at))
                continue;
            unsigned row = label_vitals_named(labels, count, l);
            unsigned column = column_named(page, labels, count, w->r);
            bool in_row = __builtin_popcount(row) >= 2 && band.h > 0;
            if (!in_row && __builtin_popcount(column) < 2)
                continue;
            if (tries++ == AGAIN_MAX)
                return count;
            struct rect r = in_row ? (struct rect){w->r.x, band.y, w->r.w, band.h} : w->r;
            enum field field = vital_at(fr, arena, page, r, in_row ? row : column);
            if (field == FIELD__COUNT)
                continue;
            labels[count] = (struct label){
                .means = (int)field, .first = at, .last = at, .line = l, .distance = 1};
            label_add(page, lines, l, &labels[count], count, r);
            count++;
        }
    }
    return count;
}
