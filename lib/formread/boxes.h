/* Places to mark: squares, circles, brackets and table cells (private to lib/formread).
 *
 * A box is found where it is clean; what clean boxes look like (a mould) finds those that a mark
 * hides. */
#ifndef NEXACORE_FORMREAD_BOXES_H
#define NEXACORE_FORMREAD_BOXES_H

#include "formread/page.h"

#define BOXES_MAX 400
#define RINGS_MAX 40

struct boxes { /* of a page, clean enough to be seen as such */
    struct rect box[BOXES_MAX];
    int count;
    struct rect ring[RINGS_MAX]; /* drawn around words */
    int rings;
};

/* Squares, circles and rings of a page that was not read yet; what several have in common finds
 * those that a mark hides, too. Takes them out of page->clean, so that they are not read as
 * letters. */
bool page_find_boxes(struct page *page, struct boxes *squares);
/* Pairs of brackets or parentheses; for these the page must have been read. */
void brackets_find(const struct page *page, struct boxes *brackets);
/* Sets `owner` of words that are a box read as letters to WORD_BOX. */
void boxes_mark_words(struct page *page, const struct boxes *squares);
#define WORD_BOX (-1)

/* The table cell left of a label, when it is narrow enough to be there for a mark; w 0: none. */
struct rect box_cell(const struct page *page, struct rect label);

#define MOULD_POINTS 600

struct mould { /* what the boxes of a page have in common */
    int w, h;
    int count;
    struct {
        short x, y;
    } point[MOULD_POINTS];
    PIX *ink; /* the page's ink, a little thicker; owned: mould_free */
};

/* Learns from `count` boxes; false when they have nothing in common. */
bool mould_make(const struct page *page, const struct rect *boxes, int count, struct mould *ret);
void mould_free(struct mould *mould); /* for CLEANUP; copes with a zeroed one */
/* The place whose ink fits the mould best, its top left corner within `where`; w 0 when none has
 * `least` of the mould's points. `likely`: of two that fit alike the one nearer to it. */
struct rect mould_search(const struct mould *mould, struct rect where, struct rect likely,
                         double least);

#endif
