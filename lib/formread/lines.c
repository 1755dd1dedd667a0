/* Reading order from geometry alone: words that stand side by side make a line, whatever block
 * Tesseract put them in. */
#include "formread/labels.h"

#include <stdlib.h>

#define GAP_ROWS_MAX 0.55 /* share of the lower word's height that must overlap */

struct tail { /* rightmost word of a line being built */
    struct rect r;
    int y_first;
};

static int by_x(const void *a, const void *b, void *user)
{
    const struct page *page = user;
    const struct rect *ra = &page->words[*(const int *)a].r, *rb = &page->words[*(const int *)b].r;
    return ra->x != rb->x ? ra->x - rb->x : ra->y - rb->y;
}

static double rows_shared(struct rect a, struct rect b)
{
    int top = a.y > b.y ? a.y : b.y;
    int bottom = a.y + a.h < b.y + b.h ? a.y + a.h : b.y + b.h;
    int least = a.h < b.h ? a.h : b.h;
    return least > 0 ? (double)(bottom - top) / least : 0;
}

/* The line whose last word is level with `r`: the one sharing most rows, the nearer of equals. */
static int line_for(const struct tail *tails, int count, struct rect r)
{
    int best = -1;
    double best_share = GAP_ROWS_MAX;
    for (int i = 0; i < count; i++) {
        double share = rows_shared(tails[i].r, r);
        if (share > best_share) {
            best_share = share;
            best = i;
        }
    }
    return best;
}

static int by_top(const void *a, const void *b, void *user)
{
    const struct tail *tails = user;
    return tails[*(const int *)a].y_first - tails[*(const int *)b].y_first;
}

void lines_make(struct arena *arena, const struct page *page, struct lines *ret)
{
    int n = (int)page->count, count = 0;
    int *sorted = arena_array(arena, (size_t)n + 1, sizeof(int));
    int *line_of = arena_array(arena, (size_t)n + 1, sizeof(int));
    int *rank = arena_array(arena, (size_t)n + 1, sizeof(int));
    struct tail *tails = arena_array(arena, (size_t)n + 1, sizeof(*tails));
    for (int i = 0; i < n; i++)
        sorted[i] = i;
    qsort_r(sorted, (size_t)n, sizeof(int), by_x, (void *)(uintptr_t)page);
    for (int i = 0; i < n; i++) {
        struct rect r = page->words[sorted[i]].r;
        int line = line_for(tails, count, r);
        if (line < 0) {
            line = count++;
            tails[line].y_first = r.y + r.h / 2;
        }
        tails[line].r = r;
        line_of[sorted[i]] = line;
    }
    for (int i = 0; i < count; i++)
        rank[i] = i;
    qsort_r(rank, (size_t)count, sizeof(int), by_top, tails);
    *ret = (struct lines){.order = arena_array(arena, (size_t)n + 1, sizeof(int)),
                          .line = arena_array(arena, (size_t)count + 1, sizeof(struct line)),
                          .count = count};
    for (int l = 0; l < count; l++) {
        ret->line[l].first = ret->words;
        for (int i = 0; i < n; i++)
            if (line_of[sorted[i]] == rank[l])
                ret->order[ret->words++] = sorted[i];
        ret->line[l].count = ret->words - ret->line[l].first;
    }
}
