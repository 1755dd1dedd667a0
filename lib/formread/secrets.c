/* Places of card numbers, expiries and security codes, for the black boxes.
 *
 * The rule not to break: what cannot be read may still be seen, so a place is kept for its ink and
 * its label, never for what was read there. */
#include <string.h>

#include "base/cleanup.h"
#include "formread/hand.h"
#include "formread/text.h"
#include "formread/values.h"

#define READ_WELL  0.8
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

/* The rest of a line behind a word of paying: a card number when it is long, was read badly as
 * words, and reads as so many digits. Print that says "card" is read well and stays. */
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
    if (digits >= 8 || (read >= 11 && read <= 24))
        secret_add(rd, page, FIELD_CARD_NUMBER, rest);
}

/* A word of a field's label: what follows is looked after as that field's value. */
static bool names_field(const struct word *w, const struct label *labels)
{
    return w->owner > 0 && labels[w->owner - 1].means < FIELD__COUNT;
}

static void line_judge(const struct reading *rd, const struct page *page, const struct lines *lines,
                       struct line line, const struct label *labels)
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
        if (w->owner != 0 || (rest.w == 0 && of_word == 0 && w->folded.n < 5))
            continue; /* "con", "to my" */
        rest = rect_join(rest, w->r);
        sum += w->conf * (double)w->text.n;
        weight += (double)w->text.n;
        digits += of_word;
    }
    if (weight > 0)
        rest_judge(rd, page, rest, sum / weight, digits);
}

void secrets_find(const struct reading *rd, const struct page *page, const struct lines *lines,
                  const struct label *labels, int label_count)
{
    for (int l = 0; l < lines->count; l++)
        line_judge(rd, page, lines, lines->line[l], labels);
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
