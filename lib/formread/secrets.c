/* Places of card numbers, expiries and security codes, for the black boxes.
 *
 * The rule not to break: what cannot be read may still be seen, so a place is kept for its ink and
 * its label, never for what was read there. */
#include <string.h>

#include "base/cleanup.h"
#include "formread/hand.h"
#include "formread/text.h"
#include "formread/values.h"
#include "formread/writing.h"

#define READ_WELL   0.8
#define READ_AT_ALL 0.5
#define PRINT_CONF  0.75
#define UNREAD_EMS  8   /* ink that nobody read and that is so long may be a number */
#define LEANS       1.2 /* times its own height: what a box on the page may grow to */
#define STEPS_MAX   12
#define GROUPS_MAX  24

static void add(const struct reading *rd, const struct page *page, enum field field, struct rect r)
{
    struct secrets *all = rd->secrets;
    if (all->count < SECRETS_MAX)
        all->at[all->count++] = (struct secret){field, page->number, r};
}

/* How much taller the upright box around `r` is on the page as it is shown, which may lean. */
static double leaning(const struct page *page, struct rect r)
{
    struct fbox shown = page_display_box(page, r);
    struct fbox left = page_display_box(page, (struct rect){r.x, r.y, r.h, r.h});
    bool lying = page->rotation % 180 != 0;
    double whole = lying ? shown.w : shown.h, start = lying ? left.w : left.h;
    return start > 0 ? whole / start : 1;
}

void secret_add(const struct reading *rd, const struct page *page, enum field field, struct rect r)
{
    int x = page->em * 2 / 3, y = page->em * 2 / 5, steps = 1;
    if (rd->secrets == NULL)
        return;
    struct rect whole = {0, 0, pixGetWidth(page->grey), pixGetHeight(page->grey)};
    struct rect wide = rect_meet((struct rect){r.x - x, r.y - y, r.w + 2 * x, r.h + 2 * y}, whole);
    while (steps < STEPS_MAX && wide.w / (steps + 1) > 3 * wide.h &&
           leaning(page, (struct rect){wide.x, wide.y, wide.w / steps, wide.h}) > LEANS)
        steps++;
    if (rd->secrets->count + steps > SECRETS_MAX)
        steps = 1;
    for (int i = 0; i < steps; i++) {
        int from = wide.w * i / steps, to = wide.w * (i + 1) / steps;
        add(rd, page, field, (struct rect){wide.x + from, wide.y, to - from, wide.h});
    }
}

/* ---- the value of a label ----------------------------------------------------------------------
 */

/* Ink that goes on to the right, over gaps of a few letters: groups of digits in cells of their
 * own. */
static struct rect ink_follow(const struct page *page, struct rect from, int end)
{
    int em = page->em, empty = 0;
    struct rect ink = from;
    end = end < from.x + 32 * em ? end : from.x + 32 * em;
    for (int x = from.x + from.w; x < end && empty < 4; x += em) {
        struct rect slice = {x, from.y, end - x < em ? end - x : em, from.h};
        struct rect more = ink_bounds(page, slice);
        empty = more.w > 1 && more.h * 4 > em ? 0 : empty + 1;
        if (empty == 0)
            ink = rect_join(ink, more);
    }
    return ink;
}

static bool cells_are_empty(const struct page *page, const struct secret_place *place)
{
    CLEANUP(pix_free) PIX *strip = comb_strip(page, place->region, place->xs, place->cells);
    return strip == NULL;
}

void secret_keep(const struct reading *rd, const struct page *page, enum field field,
                 const struct secret_place *place)
{
    if (rd->secrets == NULL || field_group(field) != GROUP_CARD || field == FIELD_CARD_HOLDER ||
        (place->cells > 0 && cells_are_empty(page, place)))
        return;
    struct rect r = place->region, label = place->label;
    if (place->cells == 0)
        r = writing_bounds(page, r, place->words);
    bool slim = place->cells == 0 && r.w * 4 < page->em * 5;
    if (r.w <= 0 || (slim && field == FIELD_CARD_NUMBER)) /* the end of a cell's wall */
        return;
    r = ink_follow(page, r, field == FIELD_CARD_NUMBER ? place->end : r.x + r.w);
    if (label.w > 0 && place->region.x >= label.x + label.w) {
        /* faint ink from the label on, as high as the label */
        int x = place->region.x;
        r = rect_join(r, (struct rect){x, label.y, r.x + r.w - x, label.h});
    }
    secret_add(rd, page, field, cell_around(page, strokes_whole(page, r)));
}

/* ---- free text ------------------------------------------------------------------------------- */

/* A word of paying, perhaps misread by a letter: a number behind it may be a card's. */
static bool speaks_of_paying(const struct word *w)
{
    static const char *const said[] = {"card",   "tarjeta", "copago", "copay",     "visa",
                                       "charge", "pagar",   "cobrar", "mastercard"};
    for (size_t i = 0; i < ARRAY_LEN(said); i++) {
        int allowed = strlen(said[i]) > 4;
        if (text_distance(w->folded, str_of(said[i]), allowed) <= allowed)
            return true;
    }
    return false;
}

/* "con", "to my", "no.": what may stand between the two. Other short words may be figures misread.
 */
static bool leads_to_number(const struct word *w)
{
    static const char *const said[] = {"a",  "al",  "con", "de", "el",   "es",     "is",  "it",
                                       "la", "mi",  "my",  "no", "nro",  "number", "num", "numero",
                                       "on", "the", "to",  "su", "visa", "with",   "amex"};
    for (size_t i = 0; i < ARRAY_LEN(said); i++)
        if (str_eq(w->folded, str_of(said[i])))
            return true;
    return w->folded.n == 0;
}

/* The rest of a line behind a word of paying: a card number when it is long, was read badly as
 * words, and reads as so many digits, or not at all. Print that says "card" is read well and stays.
 */
static void rest_judge(const struct reading *rd, const struct page *page, struct rect rest,
                       double conf, size_t digits)
{
    struct hand_text said[HAND_BEST];
    rest = ink_reach(page, rest, page->em / 2);
    if (rest.w < page->em * 6 || (conf > READ_WELL && digits < 8))
        return;
    BOX *box = boxCreate(rest.x, rest.y, rest.w, rest.h);
    CLEANUP(pix_free) PIX *pix = pixClipRectangle(page->clean, box, NULL);
    boxDestroy(&box);
    if (pix == NULL)
        return;
    int n = hand_read(rd->fr->hand, rd->arena, pix, HAND_DIGITS, said);
    size_t read = n ? text_digits(rd->arena, said[0].text, false).n : 0;
    if (digits >= 8 || (read >= 11 && read <= 24) || conf < READ_AT_ALL)
        secret_add(rd, page, FIELD_CARD_NUMBER, strokes_whole(page, rest));
}

/* A word of a field's label: what follows is looked after as that field's value. */
static bool names_field(const struct word *w, const struct label *labels)
{
    return w->owner > 0 && labels[w->owner - 1].means < FIELD__COUNT;
}

bool word_is_print(const struct reading *rd, const struct word *w)
{
    return w->folded.n >= 3 && w->conf >= PRINT_CONF &&
           text_digits(rd->arena, w->text, false).n == 0;
}

/* Ink on the line behind the word `said` that nobody read, up to the next label. */
static struct rect unread_rest(const struct reading *rd, const struct page *page,
                               const struct word *said, const struct label *labels, int label_count)
{
    int em = page->em, x = said->r.x + said->r.w, end = pixGetWidth(page->grey), skips = 0;
    struct rect groups[GROUPS_MAX], skip[GROUPS_MAX], all = {0};
    struct rect band = {x, said->r.y - em / 4, 0, said->r.h + em / 2};
    for (int i = 0; i < label_count; i++)
        if (labels[i].r.x > x && labels[i].r.x < end && labels[i].r.y < band.y + band.h &&
            labels[i].r.y + labels[i].r.h > band.y)
            end = labels[i].r.x - em / 4;
    band.w = end - x;
    for (size_t i = 0; i < page->count && skips < GROUPS_MAX; i++)
        if (rect_has_centre(band, page->words[i].r) &&
            (page->words[i].owner != 0 || word_is_print(rd, &page->words[i])))
            skip[skips++] = page->words[i].r;
    int n = writing_find(page, band, skip, skips, groups, GROUPS_MAX);
    for (int i = 0; i < n; i++) /* from left to right they come only nearly */
        if (groups[i].x < (all.w > 0 ? all.x + all.w : x) + 6 * em)
            all = rect_join(all, groups[i]);
    return all.w >= UNREAD_EMS * em ? all : (struct rect){0};
}

static void line_judge(const struct reading *rd, const struct page *page, const struct lines *lines,
                       struct line line, const struct label *labels, int label_count)
{
    int from = -1;
    for (int i = line.first; i < line.first + line.count; i++)
        if (!names_field(&page->words[lines->order[i]], labels) &&
            speaks_of_paying(&page->words[lines->order[i]]))
            from = i + 1;
    struct rect rest = {0};
    double sum = 0, weight = 0;
    size_t digits = 0;
    for (int i = from; from >= 0 && i < line.first + line.count; i++) {
        const struct word *w = &page->words[lines->order[i]];
        size_t of_word = text_digits(rd->arena, w->text, false).n;
        if (w->owner != 0 || (rest.w == 0 && of_word == 0 && leads_to_number(w)))
            continue;
        rest = rect_join(rest, w->r);
        sum += w->conf * (double)w->text.n;
        weight += (double)w->text.n;
        digits += of_word;
    }
    if (from < 0)
        return;
    const struct word *said = &page->words[lines->order[from - 1]];
    bool heading = said->owner > 0 && labels[said->owner - 1].heading;
    if (!heading) /* a heading's bar goes on to the page's edge */
        rest = rect_join(rest, unread_rest(rd, page, said, labels, label_count));
    rest_judge(rd, page, rest, weight > 0 ? sum / weight : 0, digits);
}

void secrets_find(const struct reading *rd, const struct page *page, const struct lines *lines,
                  const struct label *labels, int label_count)
{
    for (int l = 0; l < lines->count; l++)
        line_judge(rd, page, lines, lines->line[l], labels, label_count);
}
