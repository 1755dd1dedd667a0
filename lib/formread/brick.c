/* Shifting by doubled steps, a row at a time: see brick.h. Beyond the page's edge there is no ink.
 *
 * The rule not to break: the result is Leptonica's to the last pixel (brick_test.c), because all
 * thresholds of rules.c were found with it. */
#include "formread/brick.h"

#include <string.h>

#include "base/cleanup.h"
#include "formread/page.h"

#define LANES 8 /* words of 32 pixels worked on together */

typedef l_uint32 lanes __attribute__((vector_size(LANES * sizeof(l_uint32)), aligned(4)));

enum op { AND, OR };

/* A row of pixels between `margin` words without ink, and room for the next step's. */
struct row {
    l_uint32 *now, *next;
    int words, margin;
    l_uint32 last; /* bits of the last word that are pixels */
};

static bool row_open(PIX *pix, int reach, struct row *ret)
{
    int w = pixGetWidth(pix), words = (w + 31) / 32, margin = reach / 32 + 2;
    size_t room = (size_t)(words + LANES + 2 * margin);
    l_uint32 *both = lept_calloc(2 * room, sizeof(*both));
    if (both == NULL)
        return false;
    l_uint32 last = w % 32 ? ~0U << (32 - w % 32) : ~0U;
    *ret = (struct row){both + margin, both + room + margin, words, margin, last};
    return true;
}

static void row_close(struct row *row)
{
    l_uint32 *both = row->now < row->next ? row->now : row->next;
    lept_free(both - row->margin);
}

/* row[x] = row[x] op row[x - shift] */
static void row_shift(struct row *row, int shift, enum op op)
{
    int whole = shift >= 0 ? shift / 32 : -((31 - shift) / 32);
    unsigned bits = (unsigned)(shift - 32 * whole);
    const l_uint32 *from = row->now - whole;
    for (int i = 0; i < row->words; i += LANES) {
        lanes self, near, far;
        memcpy(&self, row->now + i, sizeof(self));
        memcpy(&near, from + i, sizeof(near));
        memcpy(&far, from + i - 1, sizeof(far));
        near = near >> bits | far << 1 << (31 - bits);
        self = op == AND ? self & near : self | near;
        memcpy(row->next + i, &self, sizeof(self));
    }
    row->next[row->words - 1] &= row->last;
    memset(row->next + row->words, 0, LANES * sizeof(l_uint32));
    l_uint32 *swap = row->now;
    row->now = row->next;
    row->next = swap;
}

/* row[x] = row[x] op row[x - 1] op ... `count` of them; `sign` -1 looks the other way. */
static void row_spread(struct row *row, int count, int sign, enum op op)
{
    for (int have = 1; have < count;) {
        int step = have < count - have ? have : count - have;
        row_shift(row, sign * step, op);
        have += step;
    }
}

static bool is_empty(const l_uint32 *line, int words)
{
    l_uint32 any = 0;
    for (int i = 0; i < words; i++)
        any |= line[i];
    return any == 0;
}

/* Rows from `before` pixels ahead to `after` behind, `op` among them. */
static bool across(PIX *d, int before, int after, enum op op)
{
    struct row row;
    if (before + after == 0)
        return true;
    if (!row_open(d, before + after, &row))
        return false;
    size_t bytes = (size_t)row.words * sizeof(l_uint32);
    for (int y = 0; y < pixGetHeight(d); y++) {
        l_uint32 *line = pixGetData(d) + (size_t)y * (size_t)pixGetWpl(d);
        if (is_empty(line, row.words))
            continue;
        memcpy(row.now, line, bytes);
        row.now[row.words - 1] &= row.last;
        row_spread(&row, after + 1, -1, op);
        row_spread(&row, before + 1, 1, op);
        memcpy(line, row.now, bytes);
    }
    row_close(&row);
    return true;
}

static void line_join(l_uint32 *restrict line, const l_uint32 *restrict other, int words,
                      enum op op)
{
    int i = 0;
    for (; i + LANES <= words; i += LANES) {
        lanes a, b;
        memcpy(&a, line + i, sizeof(a));
        memcpy(&b, other + i, sizeof(b));
        a = op == AND ? a & b : a | b;
        memcpy(line + i, &a, sizeof(a));
    }
    for (; i < words; i++)
        line[i] = op == AND ? line[i] & other[i] : line[i] | other[i];
}

/* line[y] = line[y] op line[y - shift]; the lines not yet joined are those still to be read. */
static void lines_shift(PIX *d, int shift, enum op op)
{
    int h = pixGetHeight(d), words = pixGetWpl(d);
    for (int i = 0; i < h; i++) {
        int y = shift > 0 ? h - 1 - i : i, from = y - shift;
        l_uint32 *line = pixGetData(d) + (size_t)y * (size_t)words;
        if (from >= 0 && from < h)
            line_join(line, pixGetData(d) + (size_t)from * (size_t)words, words, op);
        else if (op == AND)
            memset(line, 0, (size_t)words * sizeof(*line));
    }
}

static void lines_spread(PIX *d, int count, int sign, enum op op)
{
    for (int have = 1; have < count;) {
        int step = have < count - have ? have : count - have;
        lines_shift(d, sign * step, op);
        have += step;
    }
}

/* Both directions of a rectangle whose middle is at half its size, as Leptonica's are. */
static bool eroded(PIX *d, int w, int h)
{
    int before_x = w / 2, before_y = h / 2;
    if (!across(d, before_x, w - 1 - before_x, AND))
        return false;
    lines_spread(d, h - before_y, -1, AND);
    lines_spread(d, before_y + 1, 1, AND);
    return true;
}

static bool dilated(PIX *d, int w, int h)
{
    int after_x = w / 2, after_y = h / 2;
    if (!across(d, w - 1 - after_x, after_x, OR))
        return false;
    lines_spread(d, after_y + 1, -1, OR);
    lines_spread(d, h - after_y, 1, OR);
    return true;
}

PIX *brick_open(PIX *pix, int w, int h)
{
    PIX *d = pixCopy(NULL, pix);
    if (d == NULL || !eroded(d, w, h) || !dilated(d, w, h))
        pix_free(&d);
    return d;
}

PIX *brick_dilate(PIX *pix, int w, int h)
{
    PIX *d = pixCopy(NULL, pix);
    if (d == NULL || !dilated(d, w, h))
        pix_free(&d);
    return d;
}

PIX *brick_close(PIX *pix, int w, int h)
{
    int border = 32 * (((w > h ? w : h) / 2 + 31) / 32);
    CLEANUP(pix_free) PIX *d = pixAddBorder(pix, border, 0);
    if (d == NULL || !dilated(d, w, h) || !eroded(d, w, h))
        return NULL;
    return pixRemoveBorder(d, border);
}
