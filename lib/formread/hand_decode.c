/* Prefix beam search over the network's columns: a text's probability is the sum over all ways to
 * stretch it over the columns, so texts can be compared and their shares are true confidences.
 *
 * The rule not to break: linear in the columns, whatever the scores are. */
#include "formread/hand_decode.h"

#include <math.h>
#include <string.h>

#include "base/buf.h"

#define BEAM    16
#define LONGEST 200
#define FAINT   0.002f /* a sign less likely than this at a column is not tried there */
#define TRIED   12     /* signs tried at a column */
#define RARE    0.2f   /* a letter in a date */

struct prefix {
    unsigned char sign[LONGEST]; /* 1..count */
    int n;
    double blank, held; /* probability of ending in no sign, in its last sign */
    double scale;
};

bool signs_split(struct str line, struct signs *ret)
{
    ret->count = 0;
    for (size_t i = 0; i < line.n;) {
        unsigned char c = (unsigned char)line.p[i];
        size_t bytes = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
        if (i + bytes > line.n || ret->count == SIGNS_MAX)
            return false;
        memcpy(ret->text[ret->count], line.p + i, bytes);
        ret->text[ret->count++][bytes] = 0;
        i += bytes;
    }
    return ret->count > 0;
}

/* What a sign's probability is multiplied by; 0: it does not stand here. */
static float sign_weight(const char *sign, enum hand_signs allowed)
{
    bool single = sign[1] == 0, digit = single && sign[0] >= '0' && sign[0] <= '9';
    bool between = single && strchr("/-.,()+: ", sign[0]);
    bool capital = single && sign[0] >= 'A' && sign[0] <= 'Z';
    if (allowed == HAND_TEXT || digit)
        return 1;
    if (allowed == HAND_DIGITS)
        return between;
    if (allowed == HAND_CODE)
        return capital || (single && strchr("-./ ", sign[0]));
    if (allowed == HAND_DATE) /* those of months' names; most dates have none */
        return between ? 1
               : single && strchr("ABCDEFGHIJLMNOPRSTUVYZabcdefghijlmnoprstuvyz", sign[0]) != NULL
                   ? RARE
                   : 0;
    return between || strcmp(sign, "°") == 0 || (single && strchr("%CFHgmbplrin", sign[0]));
}

/* One column's scores to probabilities, each multiplied by its weight. */
static void column_soften(float *column, int classes, const float *weight)
{
    float top = column[0];
    for (int c = 1; c < classes; c++)
        if (weight[c] > 0 && column[c] > top)
            top = column[c];
    float sum = 0;
    for (int c = 0; c < classes; c++) {
        column[c] = weight[c] > 0 ? weight[c] * expf(column[c] - top) : 0;
        sum += column[c];
    }
    for (int c = 0; c < classes; c++)
        column[c] /= sum;
}

/* The likeliest signs of a column, at most TRIED. */
static int column_signs(const float *column, int classes, int *ret)
{
    int n = 0;
    for (int c = 1; c < classes; c++) {
        if (column[c] < FAINT)
            continue;
        int at = n < TRIED ? n++ : n;
        for (; at > 0 && column[ret[at - 1]] < column[c]; at--)
            if (at < TRIED)
                ret[at] = ret[at - 1];
        if (at < TRIED)
            ret[at] = c;
    }
    return n;
}

static double prefix_sum(const struct prefix *p)
{
    return p->blank + p->held;
}

/* The prefix `from` + `sign` (0: none more) among the next ones; NULL when it is too unlikely to
 * keep.
 */
static struct prefix *prefix_get(struct prefix *next, int *count, const struct prefix *from,
                                 int sign, double chance)
{
    int n = from->n + (sign != 0), weakest = 0;
    for (int i = 0; i < *count; i++) {
        struct prefix *p = &next[i];
        if (p->n == n && (sign == 0 || p->sign[n - 1] == sign) &&
            memcmp(p->sign, from->sign, (size_t)from->n) == 0)
            return p;
        if (prefix_sum(p) < prefix_sum(&next[weakest]))
            weakest = i;
    }
    struct prefix *p = &next[weakest];
    if (*count < 2 * BEAM)
        p = &next[(*count)++];
    else if (prefix_sum(p) >= chance)
        return NULL;
    memcpy(p->sign, from->sign, (size_t)from->n);
    if (sign != 0)
        p->sign[n - 1] = (unsigned char)sign;
    p->n = n;
    p->blank = p->held = 0;
    return p;
}

static void prefix_extend(const struct prefix *from, const float *column, const int *tried, int n,
                          struct prefix *next, int *count)
{
    double whole = prefix_sum(from);
    int last = from->n ? from->sign[from->n - 1] : 0;
    struct prefix *same =
        prefix_get(next, count, from, 0, whole * column[0] + from->held * column[last]);
    if (same != NULL) {
        same->blank += whole * column[0];
        same->held += last ? from->held * column[last] : 0;
    }
    for (int i = 0; i < n && from->n < LONGEST; i++) {
        double chance = (tried[i] == last ? from->blank : whole) * column[tried[i]];
        struct prefix *more = chance > 0 ? prefix_get(next, count, from, tried[i], chance) : NULL;
        if (more != NULL)
            more->held += chance;
    }
}

/* Best first, at most BEAM. */
static int prefixes_sort(struct prefix *p, int n, struct prefix *ret)
{
    int count = 0;
    double taken[2 * BEAM];
    for (int i = 0; i < n; i++)
        taken[i] = prefix_sum(&p[i]);
    for (; count < BEAM && count < n; count++) {
        int best = 0;
        for (int i = 1; i < n; i++)
            if (taken[i] > taken[best])
                best = i;
        if (taken[best] <= 0)
            break;
        ret[count] = p[best];
        taken[best] = -1;
    }
    return count;
}

static struct str prefix_text(struct arena *arena, const struct signs *signs,
                              const struct prefix *p)
{
    struct buf text = BUF_MAX(4 * LONGEST + 1);
    for (int i = 0; i < p->n; i++)
        buf_add_str(&text, str_of(signs->text[p->sign[i] - 1]));
    struct str out = str_trim(arena_str(arena, buf_str(&text)));
    buf_free(&text);
    return out;
}

int hand_decode(struct arena *arena, const struct signs *signs, float *scores, int columns,
                enum hand_signs allowed, struct hand_text ret[HAND_BEST])
{
    struct prefix *now = arena_array(arena, BEAM, sizeof(*now));
    struct prefix *next = arena_array(arena, 2 * BEAM, sizeof(*next));
    float weight[SIGNS_MAX + 1] = {1};
    int classes = signs->count + 1, count = 1, tried[TRIED + 1];
    for (int c = 1; c < classes; c++)
        weight[c] = sign_weight(signs->text[c - 1], allowed);
    now[0].n = 0;
    now[0].blank = 1;
    now[0].held = 0;
    for (int x = 0; x < columns; x++) {
        float *column = scores + (size_t)x * (size_t)classes;
        int n = (column_soften(column, classes, weight), column_signs(column, classes, tried));
        int more = 0;
        for (int i = 0; i < count; i++)
            prefix_extend(&now[i], column, tried, n, next, &more);
        count = prefixes_sort(next, more, now);
    }
    int kept = 0;
    for (int i = 0; i < count && kept < HAND_BEST; i++)
        if (now[i].n > 0)
            ret[kept++] =
                (struct hand_text){prefix_text(arena, signs, &now[i]), prefix_sum(&now[i])};
    return kept;
}
