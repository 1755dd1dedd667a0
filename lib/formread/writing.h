/* Ink that may be writing, however faint and whether or not it was read (private to lib/formread).
 */
#ifndef NEXACORE_FORMREAD_WRITING_H
#define NEXACORE_FORMREAD_WRITING_H

#include "formread/page.h"

/* Groups of ink in `in` that may be words or numbers, one rectangle each, at most `max`; returns
 * how many. Ink in the `skips` rectangles of `skip` is left out, and so are specks, what is left of
 * rules and solid black (what was blacked out before is no writing). Works on page->clean. */
int writing_find(const struct page *page, struct rect in, const struct rect *skip, int skips,
                 struct rect *ret, int max);

/* The smallest rectangle around `near` and the groups of `in` that go on from it with gaps of a few
 * letters; all groups when `near` has no width. w 0: none. */
struct rect writing_bounds(const struct page *page, struct rect in, struct rect near);

/* `r` grown to the ruled lines around it that are near, as a cell has them: everything in the cell
 * is then inside. Sides without a line stay. */
struct rect cell_around(const struct page *page, struct rect r);

/* `r` joined with the strokes that it touches and that are no larger than letters: tails below the
 * line, heads above it. */
struct rect strokes_whole(const struct page *page, struct rect r);

#endif
