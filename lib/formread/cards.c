/* What is written in the block of a form that asks for a card, whether or not its labels and values
 * could be read.
 *
 * The rule not to break: in such a block ink is black unless something says what else it is: a
 * label, print, the holder's name, the value of another field. */
#include <string.h>

#include "base/buf.h"
#include "formread/text.h"
#include "formread/values.h"
#include "formread/writing.h"

#define BLOCKS_MAX  8
#define ROWS_APART  5 /* labels of one card stand no further apart */
#define ABOVE       3 /* lines above the first of them that may hold its value */
#define BELOW       6 /* below the last one: a label that was not read, and its value */
#define HEADED_ROWS 12
#define SKIPS_MAX   512
#define SENTENCE    4 /* words without digits that make a line one */
#define WORD_CONF   0.4
#define GROUPS_MAX  48
#define NUMBER_EMS  7 /* writing so long is a number, not a code */

static int bottom_of(struct rect r)
{
    return r.y + r.h;
}

static bool is_card(const struct label *l)
{
    return l->means < FIELD__COUNT && field_group((enum field)l->means) == GROUP_CARD;
}

/* What ends a card's block: a heading, a label of something else. "Card" beside a box, or the half
 * of "Cardholder" that was read, does not. */
static bool ends_block(const struct label *l)
{
    return !is_card(l) && l->means != LABEL_OPTION;
}

/* A heading under which a card's fields stand. */
static bool heads_card(const struct label *l)
{
    static const char *const names[] = {"creditcardonfile", "cardonfile", "pagocontarjeta"};
    for (size_t i = 0; l->means == LABEL_STOP && l->pattern && i < ARRAY_LEN(names); i++)
        if (strcmp(l->pattern, names[i]) == 0)
            return true;
    return false;
}

/* Luhn's check over 13 to 19 digits. */
static bool is_card_number(struct str digits)
{
    int sum = 0;
    for (size_t i = 0; i < digits.n; i++) {
        int d = digits.p[digits.n - 1 - i] - '0';
        sum += i % 2 ? d * 2 - (d > 4 ? 9 : 0) : d;
    }
    return digits.n >= 13 && digits.n <= 19 && sum % 10 == 0;
}

/* The words from `first` on that are one number, in groups or not, are a card's. */
static bool number_from(const struct reading *rd, const struct page *page, size_t first)
{
    struct buf digits = BUF_MAX(64);
    struct rect before = page->words[first].r;
    bool found = false;
    for (size_t i = first; i < page->count && !found && digits.len < 19; i++) {
        const struct word *w = &page->words[i];
        struct str some = text_digits(rd->arena, w->text, false);
        int gap = w->r.x - (before.x + before.w);
        if (some.n == 0 || some.n < w->folded.n || (i > first && (gap < 0 || gap > 2 * page->em)))
            break;
        buf_add_str(&digits, some);
        before = w->r;
        found = is_card_number(buf_str(&digits));
    }
    buf_free(&digits);
    return found;
}

/* A card's number stands near `r`, read or taken for one from what stands before it. */
static bool number_near(const struct reading *rd, const struct page *page, struct rect r)
{
    int far = ROWS_APART * page->em;
    struct rect rows = {0, r.y - far, pixGetWidth(page->grey), r.h + 2 * far};
    for (int i = 0; i < rd->secrets->count; i++)
        if (rd->secrets->at[i].page == page->number &&
            rd->secrets->at[i].field == FIELD_CARD_NUMBER &&
            rect_has_centre(rows, rd->secrets->at[i].r))
            return true;
    for (size_t i = 0; i < page->count; i++)
        if (rect_has_centre(rows, page->words[i].r) && number_from(rd, page, i))
            return true;
    return false;
}

/* A label that tells of a card's block: its number or code, or what else a card has, beside a
 * number. "Expires" and "Titular" may be a policy's. */
static bool tells_of_card(const struct reading *rd, const struct page *page, const struct label *l)
{
    return l->means == FIELD_CARD_NUMBER || l->means == FIELD_CARD_CVV || heads_card(l) ||
           (is_card(l) && number_near(rd, page, l->r));
}

/* ---- where blocks are --------------------------------------------------------------------------
 */

static bool near_rows(const struct page *page, struct rect a, struct rect b)
{
    int gap = a.y > b.y ? a.y - bottom_of(b) : b.y - bottom_of(a);
    return gap <= ROWS_APART * page->em;
}

/* Up and down to the next thing that is no card's: a heading, a label of another field. */
static struct rect block_bound(const struct page *page, const struct label *labels, int n,
                               struct rect named, int row)
{
    int em = page->em > row ? page->em : row, top = named.y - ABOVE * em,
        bottom = bottom_of(named) + BELOW * em;
    for (int i = 0; i < n; i++) {
        struct rect o = labels[i].r;
        if (!ends_block(&labels[i]))
            continue;
        if (bottom_of(o) <= named.y + em / 2 && bottom_of(o) > top)
            top = bottom_of(o);
        if (o.y >= bottom_of(named) - em / 2 && o.y < bottom)
            bottom = o.y;
    }
    return (struct rect){0, top, pixGetWidth(page->grey), bottom - top};
}

/* The block that label `seed` belongs to; h 0: it was found from another label before. */
static struct rect block_of(const struct page *page, const struct label *labels, int n, int seed,
                            bool *seen)
{
    struct rect named = labels[seed].r;
    bool more = !seen[seed];
    if (heads_card(&labels[seed])) {
        int top = bottom_of(named), end = top + HEADED_ROWS * page->em;
        for (int i = 0; i < n; i++)
            if (ends_block(&labels[i]) && labels[i].r.y > top && labels[i].r.y < end)
                end = labels[i].r.y;
        return (struct rect){0, top, pixGetWidth(page->grey), end - top};
    }
    while (more) {
        more = false;
        for (int i = 0; i < n; i++)
            if (!seen[i] && is_card(&labels[i]) && near_rows(page, named, labels[i].r)) {
                named = rect_join(named, labels[i].r);
                seen[i] = more = true;
            }
        if (!more)
            return block_bound(page, labels, n, named, labels[seed].r.h * 2 / 3);
    }
    return (struct rect){0};
}

/* ---- what is in them ---------------------------------------------------------------------------
 */

/* The label that `r` belongs to, going by the row it stands on, else by the column above it. */
static const struct label *label_of(const struct page *page, const struct label *labels, int n,
                                    struct rect r)
{
    const struct label *beside = NULL, *over = NULL;
    int middle = r.y + r.h / 2, em = page->em;
    for (int i = 0; i < n; i++) {
        struct rect o = labels[i].r;
        bool level = middle > o.y - em * 2 / 3 && middle < bottom_of(o) + em * 2 / 3;
        bool column = o.x < r.x + r.w && o.x + o.w > r.x - em && bottom_of(o) <= middle;
        if (level && o.x < r.x && (beside == NULL || o.x > beside->r.x))
            beside = &labels[i];
        if (column && r.y - bottom_of(o) < 2 * em &&
            (over == NULL || bottom_of(o) > bottom_of(over->r)))
            over = &labels[i];
    }
    return beside ? beside : over;
}

/* `o` stands on the rows of `run`, right behind or before it. */
static bool goes_on(const struct page *page, struct rect run, const struct word *o)
{
    int middle = o->r.y + o->r.h / 2, far = page->em;
    bool level = middle > run.y && middle < bottom_of(run);
    return level && o->r.x < run.x + run.w + far && o->r.x + o->r.w > run.x - far;
}

/* Within a line of print, such as "I certify that ...", also the numbers in it and what was misread
 * of it. Words with wide gaps between them are labels and values. */
static bool in_sentence(const struct reading *rd, const struct page *page, const struct word *w)
{
    struct rect run = w->r;
    int print = 0;
    for (int before = -1; print < SENTENCE && run.w != before;) {
        before = run.w;
        print = 0;
        for (size_t i = 0; i < page->count; i++) {
            const struct word *o = &page->words[i];
            if (o->owner != 0 || !goes_on(page, run, o))
                continue;
            run = rect_join(run, (struct rect){o->r.x, run.y, o->r.w, run.h});
            print += o->conf >= WORD_CONF && o->folded.n >= 3 &&
                     text_digits(rd->arena, o->text, false).n == 0;
        }
    }
    return print >= SENTENCE;
}

/* Rectangles of the block in which ink is no secret. */
static int skips_of(const struct reading *rd, const struct page *page, struct rect block,
                    const struct value *values, int value_count, struct rect *ret)
{
    int n = 0;
    for (size_t i = 0; i < page->count && n < SKIPS_MAX; i++) {
        const struct word *w = &page->words[i];
        if (rect_has_centre(block, w->r) &&
            (w->owner != 0 || word_is_print(rd, w) || in_sentence(rd, page, w)))
            ret[n++] = w->r;
    }
    for (int i = 0; page->squares && i < page->squares->count && n < SKIPS_MAX; i++)
        ret[n++] = page->squares->box[i];
    for (int i = 0; i < value_count && n < SKIPS_MAX; i++) {
        const struct value *v = &values[i];
        bool sure = field_group(v->field) != GROUP_CARD && value_sure(v) >= 0.6;
        bool name = v->field == FIELD_CARD_HOLDER && v->fit >= 0.6; /* no digits */
        if (v->page == page->number && v->r.w > 0 && (sure || name))
            ret[n++] = v->r;
    }
    for (int i = 0; i < rd->secrets->count && n < SKIPS_MAX; i++) /* black already */
        if (rd->secrets->at[i].page == page->number)
            ret[n++] = rd->secrets->at[i].r;
    return n;
}

static void group_judge(const struct reading *rd, const struct page *page,
                        const struct label *labels, int n, struct rect r)
{
    const struct label *of = label_of(page, labels, n, r);
    bool others = of && !heads_card(of) && (ends_block(of) || of->means == FIELD_CARD_HOLDER);
    if (others && of->r.y < r.y + r.h && bottom_of(of->r) > r.y)
        return;
    bool named = of && is_card(of) && of->means != FIELD_CARD_HOLDER;
    enum field field = named ? (enum field)of->means : FIELD_CARD_CVV;
    if (!named && r.w > NUMBER_EMS * page->em)
        field = FIELD_CARD_NUMBER;
    if (field == FIELD_CARD_NUMBER && r.w * 4 < page->em * 5)
        field = FIELD_CARD_CVV; /* black all the same, but one figure is no number */
    secret_add(rd, page, field, cell_around(page, strokes_whole(page, r)));
}

void cards_find(const struct reading *rd, const struct page *page, const struct label *labels,
                int label_count, const struct value *values, int value_count)
{
    bool *seen = arena_array(rd->arena, (size_t)label_count + 1, sizeof(bool));
    struct rect *skip = arena_array(rd->arena, SKIPS_MAX, sizeof(*skip));
    struct rect groups[GROUPS_MAX];
    int blocks = 0;
    for (int i = 0; i < label_count && blocks < BLOCKS_MAX; i++) {
        bool seed = tells_of_card(rd, page, &labels[i]);
        struct rect block = seed ? block_of(page, labels, label_count, i, seen) : (struct rect){0};
        if (block.h <= 0)
            continue;
        blocks++;
        int skips = skips_of(rd, page, block, values, value_count, skip);
        int n = writing_find(page, block, skip, skips, groups, GROUPS_MAX);
        for (int g = 0; g < n; g++)
            group_judge(rd, page, labels, label_count, groups[g]);
    }
}
