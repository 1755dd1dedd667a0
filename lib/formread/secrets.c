/* Places of card numbers, expiries and security codes, for the black boxes.
 *
 * The rule not to break: what cannot be read may still be seen, so a place is kept for its ink and
 * its label, never for what was read there. */
#include "formread/text.h"
#include "formread/values.h"

#define BLOCK_ROWS 10 /* a card's fields stand within so many lines of its number's label */

void secret_add(const struct reading *rd, const struct page *page, enum field field, struct rect r)
{
    int x = page->em * 2 / 3, y = page->em * 2 / 5;
    if (rd->secrets == NULL || rd->secrets->count == SECRETS_MAX)
        return;
    struct rect whole = {0, 0, pixGetWidth(page->grey), pixGetHeight(page->grey)};
    struct rect wide = rect_meet((struct rect){r.x - x, r.y - y, r.w + 2 * x, r.h + 2 * y}, whole);
    rd->secrets->at[rd->secrets->count++] = (struct secret){field, page->number, wide};
}

/* True when the word could be a security code or a piece of a number: three or more characters, at
 * least two of them digits, no date. */
static bool is_code(const struct reading *rd, const struct word *w)
{
    size_t clear = text_digits(rd->arena, w->text, false).n;
    size_t loose = text_digits(rd->arena, w->text, true).n;
    return w->folded.n >= 3 && w->folded.n <= 5 && clear >= 2 && loose >= 3 &&
           loose + 1 >= w->folded.n && memchr(w->text.p, '/', w->text.n) == NULL &&
           memchr(w->text.p, '%', w->text.n) == NULL;
}

void secrets_find(const struct reading *rd, const struct page *page, const struct lines *lines,
                  const struct label *labels, int label_count)
{
    (void)lines;
    for (int i = 0; i < label_count; i++) {
        if (labels[i].means != FIELD_CARD_NUMBER)
            continue;
        int top = labels[i].r.y - page->em, bottom = labels[i].r.y + BLOCK_ROWS * page->em;
        for (int k = 0; k < label_count; k++) /* the block ends at the next heading */
            if (labels[k].means >= LABEL_STOP && labels[k].r.y > labels[i].r.y + page->em &&
                labels[k].r.y < bottom)
                bottom = labels[k].r.y;
        for (size_t w = 0; w < page->count; w++) {
            const struct word *word = &page->words[w];
            int middle = word->r.y + word->r.h / 2;
            if (word->owner == 0 && middle > top && middle < bottom && is_code(rd, word))
                secret_add(rd, page, FIELD_CARD_CVV, word->r);
        }
    }
}
