/* Which symptoms are marked: boxes beside the label, [ ] brackets, table cells, YES/NO columns,
 * circled words.
 *
 * Boxes are found where they are clean and learned from there: a box hidden by its mark is looked
 * for where its neighbours' boxes stand. The rule not to break: a label without a box or circle
 * found is "cannot tell", never "no". */
#include "formread/values.h"

#include <math.h>
#include <stdlib.h>

#define MARKED      0.085 /* share of ink inside a box from which it counts as marked */
#define OVER_BLANK  0.06  /* and so much more than in the page's blank boxes */
#define BLANK       0.03
#define FITS        0.74 /* share of a box's outline that must show where one is expected */
#define SYMPTOM_MAX 40
#define RING_ROWS   0.8 /* share of a label's rows that have ink close to its left, and right */
#define RING_COLS   0.6 /* share of its columns that have ink close above, and below */

/* A symptom label with the boxes of its row: at most one left, two right. */
struct row {
    struct rect label;
    int concept;
    struct rect left; /* w 0: none */
    struct rect right[2];
    int rights;
    bool searched; /* left, or right[0], was hidden and found by its mould */
    double fill;   /* of the box that decides */
};

struct rows {
    struct row row[SYMPTOM_MAX];
    int count;
    double blank; /* usual ink inside the boxes */
};

enum style { STYLE_NONE, STYLE_LEFT, STYLE_RIGHT, STYLE_YES_NO, STYLE_RING };

static int centre_y(struct rect r)
{
    return r.y + r.h / 2;
}

static bool same_row(struct rect a, struct rect b)
{
    int least = a.h < b.h ? a.h : b.h;
    return abs(centre_y(a) - centre_y(b)) < least * 3 / 4;
}

static bool is_symptom(const struct label *label)
{
    return label->means >= LABEL_SYMPTOM && label->means < LABEL_STOP;
}

/* x where the row of a label ends: the next label to its right, or the page. */
static int row_end(const struct page *page, const struct label *labels, int n, int self)
{
    int end = pixGetWidth(page->grey);
    for (int i = 0; i < n; i++)
        if (is_symptom(&labels[i]) && same_row(labels[i].r, labels[self].r) &&
            labels[i].r.x > labels[self].r.x && labels[i].r.x < end)
            end = labels[i].r.x;
    return end;
}

/* The boxes of a row: close before the label, or behind it. */
static void row_fill(const struct page *page, const struct boxes *boxes, int end, struct row *row)
{
    int right = row->label.x + row->label.w, nearest = page->em * 5 / 2;
    for (int i = 0; i < boxes->count; i++) {
        struct rect b = boxes->box[i];
        int before = row->label.x - (b.x + b.w);
        if (!same_row(b, row->label))
            continue;
        if (before > -page->em / 3 && before < nearest) {
            row->left = b;
            nearest = before;
        } else if (b.x > right - page->em / 3 && b.x + b.w < end + page->em / 4 &&
                   row->rights < 2) {
            row->right[row->rights++] = b;
        }
    }
    if (row->rights == 2 && row->right[0].x > row->right[1].x) {
        struct rect swap = row->right[0];
        row->right[0] = row->right[1];
        row->right[1] = swap;
    }
}

static int by_value(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* Takes away what is not of the usual size: letters that look like a box. */
static void sizes_even(struct rows *rows)
{
    int sizes[3 * SYMPTOM_MAX], n = 0;
    for (int i = 0; i < rows->count; i++) {
        if (rows->row[i].left.w > 0)
            sizes[n++] = rows->row[i].left.w;
        for (int k = 0; k < rows->row[i].rights; k++)
            sizes[n++] = rows->row[i].right[k].w;
    }
    qsort(sizes, (size_t)n, sizeof(int), by_value);
    int usual = n ? sizes[n / 2] : 0;
    for (int i = 0; i < rows->count; i++) {
        struct row *row = &rows->row[i];
        int kept = 0;
        if (abs(row->left.w - usual) * 4 > usual)
            row->left.w = 0;
        for (int k = 0; k < row->rights; k++)
            if (abs(row->right[k].w - usual) * 4 <= usual)
                row->right[kept++] = row->right[k];
        row->rights = kept;
    }
}

static void rows_make(const struct page *page, const struct label *labels, int label_count,
                      const struct boxes *boxes, struct rows *rows)
{
    *rows = (struct rows){0};
    for (int i = 0; i < label_count && rows->count < SYMPTOM_MAX; i++) {
        if (!is_symptom(&labels[i]))
            continue;
        struct row *row = &rows->row[rows->count++];
        *row = (struct row){.label = labels[i].r, .concept = labels[i].means - LABEL_SYMPTOM};
        if (boxes != NULL)
            row_fill(page, boxes, row_end(page, labels, label_count, i), row);
        else
            row->left = box_cell(page, row->label);
    }
    sizes_even(rows);
}

/* How many rows have what a style asks for. */
static int rows_with(const struct rows *rows, enum style style)
{
    int n = 0;
    for (int i = 0; i < rows->count; i++) {
        const struct row *row = &rows->row[i];
        n += style == STYLE_LEFT    ? row->left.w > 0
             : style == STYLE_RIGHT ? row->rights == 1
                                    : row->rights == 2;
    }
    return n;
}

static enum style style_of(const struct rows *rows)
{
    int left = rows_with(rows, STYLE_LEFT), both = rows_with(rows, STYLE_YES_NO);
    int right = rows_with(rows, STYLE_RIGHT);
    if (both > left && both >= 2)
        return STYLE_YES_NO;
    if (left >= right && left >= 2 && left * 4 >= rows->count)
        return STYLE_LEFT;
    if (right >= 3 && right * 3 >= rows->count)
        return both * 3 >= right ? STYLE_YES_NO : STYLE_RIGHT;
    return STYLE_NONE;
}

/* How deep a side's frame reaches into the box: rows (or columns) that are mostly ink. */
static int frame_depth(const struct page *page, struct rect box, bool level, bool back)
{
    int most = (level ? box.h : box.w) / 3, d = 0;
    for (; d < most; d++) {
        int in = back ? (level ? box.h : box.w) - 1 - d : d;
        struct rect line = level ? (struct rect){box.x + box.w / 5, box.y + in, box.w * 3 / 5, 1}
                                 : (struct rect){box.x + in, box.y + box.h / 5, 1, box.h * 3 / 5};
        if (ink_share(page->bin, line) < 0.6)
            break;
    }
    return d < most ? d : 0;
}

static bool corners_empty(const struct page *page, struct rect box)
{
    int w = box.w / 8 + 1, h = box.h / 8 + 1, empty = 0;
    for (int i = 0; i < 4; i++) {
        struct rect corner = {i % 2 ? box.x + box.w - w : box.x, i / 2 ? box.y + box.h - h : box.y,
                              w, h};
        empty += ink_share(page->bin, corner) < 0.2;
    }
    return empty >= 3;
}

static double fill_of(const struct page *page, struct rect box)
{
    int part = corners_empty(page, box) ? 4 : 5; /* a circle is nearer at the corners */
    int x = box.w / part > 3 ? box.w / part : 3, y = box.h / part > 3 ? box.h / part : 3;
    int left = frame_depth(page, box, false, false), right = frame_depth(page, box, false, true);
    int top = frame_depth(page, box, true, false), bottom = frame_depth(page, box, true, true);
    int wide = (left > right ? left : right) + 2, deep = (top > bottom ? top : bottom) + 2;
    x = wide > x ? wide : x;
    y = deep > y ? deep : y;
    struct rect inner = {box.x + x, box.y + y, box.w - 2 * x, box.h - 2 * y};
    return ink_share(page->bin, inner);
}

/* ---- hidden boxes ---------------------------------------------------------------------------- */

/* The usual distance from a box's left edge to its label's (negative: behind it). */
static int usual_step(const struct rows *rows, bool left)
{
    int steps[SYMPTOM_MAX], n = 0;
    for (int i = 0; i < rows->count; i++) {
        const struct row *row = &rows->row[i];
        struct rect box = left ? row->left : row->right[0];
        if (box.w > 0 && (left ? row->label.x > box.x + box.w / 2 : row->rights == 1))
            steps[n++] = row->label.x - box.x;
    }
    qsort(steps, (size_t)n, sizeof(int), by_value);
    return n ? steps[n / 2] : 0;
}

/* Looks for the box of a row that has none: where the usual distance says, or, as its mark may have
 * been read as the label's first letter, at the label's beginning. */
static void left_search(const struct page *page, const struct mould *mould, int step,
                        struct row *row)
{
    int em = page->em, top = centre_y(row->label) - mould->h / 2;
    struct rect likely = {row->label.x - step, top, mould->w, mould->h};
    struct rect where = {row->label.x - step - em, top - em / 2, step + em * 3 / 2, em + 1};
    row->left = mould_search(mould, where, likely, FITS);
    row->searched = row->left.w > 0;
}

/* A bracketed mark is as wide as it is, so no mould fits: ink at the usual distance is one, or,
 * when there is none, the mark was read as the beginning of the label. */
static void bracket_guess(const struct page *page, const struct mould *mould, int step,
                          struct row *row)
{
    struct rect box = {row->label.x - step, centre_y(row->label) - mould->h / 2, mould->w,
                       mould->h};
    if (ink_share(page->bin, box) < MARKED)
        box.x = row->label.x;
    row->left = box;
    row->searched = true;
}

/* The same behind the label: boxes at the right end of a column stand one under the other. */
static void right_search(const struct page *page, const struct mould *mould,
                         const struct rows *rows, struct row *row)
{
    int em = page->em, top = centre_y(row->label) - mould->h / 2, best = 1 << 30;
    const struct row *model = NULL;
    for (int i = 0; i < rows->count; i++) {
        int apart =
            abs(rows->row[i].label.x - row->label.x) * 4 + abs(rows->row[i].label.y - row->label.y);
        if (rows->row[i].rights == 1 && !rows->row[i].searched && apart < best) {
            best = apart;
            model = &rows->row[i];
        }
    }
    if (model == NULL)
        return;
    struct rect likely = {model->right[0].x, top, mould->w, mould->h};
    struct rect where = {likely.x - em / 2, top - em / 2, em, em + 1};
    struct rect found = mould_search(mould, where, likely, FITS);
    if (found.w > 0) {
        row->right[0] = found;
        row->rights = 1;
        row->searched = true;
    }
}

static void hidden_find(const struct page *page, enum style style, bool brackets, struct rows *rows)
{
    CLEANUP(mould_free) struct mould mould = {0};
    struct rect clean[SYMPTOM_MAX];
    int n = 0;
    for (int i = 0; i < rows->count; i++) {
        if (style == STYLE_LEFT && rows->row[i].left.w > 0)
            clean[n++] = rows->row[i].left;
        if (style == STYLE_RIGHT && rows->row[i].rights == 1)
            clean[n++] = rows->row[i].right[0];
    }
    if (!mould_make(page, clean, n, &mould))
        return;
    int step = usual_step(rows, true);
    for (int i = 0; i < rows->count; i++) {
        if (style == STYLE_LEFT && rows->row[i].left.w <= 0)
            left_search(page, &mould, step, &rows->row[i]);
        if (style == STYLE_LEFT && rows->row[i].left.w <= 0 && brackets)
            bracket_guess(page, &mould, step, &rows->row[i]);
        if (style == STYLE_RIGHT && rows->row[i].rights != 1)
            right_search(page, &mould, rows, &rows->row[i]);
    }
}

/* ---- judging --------------------------------------------------------------------------------- */

/* The usual ink inside the boxes: most are blank, but noise and thick frames reach in. */
static double blank_of(const struct page *page, const struct rows *rows, enum style style)
{
    double fills[2 * SYMPTOM_MAX];
    int n = 0;
    for (int i = 0; i < rows->count; i++) {
        const struct row *row = &rows->row[i];
        double fill[2] = {-1, -1};
        if (style == STYLE_LEFT && row->left.w > 0)
            fill[0] = fill_of(page, row->left);
        for (int k = 0; style != STYLE_LEFT && k < row->rights; k++)
            fill[k] = fill_of(page, row->right[k]);
        for (int k = 0; k < 2; k++) {
            int at = n;
            if (fill[k] < 0)
                continue;
            for (n++; at > 0 && fills[at - 1] > fill[k]; at--)
                fills[at] = fills[at - 1];
            fills[at] = fill[k];
        }
    }
    return n < 4 ? 0 : fills[style == STYLE_YES_NO ? n / 4 : n * 2 / 5];
}

static double threshold(const struct rows *rows)
{
    return fmax(MARKED, rows->blank + OVER_BLANK);
}

/* Confidence that a share of ink is on its side of the threshold. */
static double fill_conf(const struct rows *rows, double fill)
{
    double marked = threshold(rows), blank = fmax(BLANK, rows->blank);
    if (fill <= blank || fill >= 2 * marked)
        return 0.98;
    return fill < marked ? 0.98 - 0.4 * (fill - blank) / (marked - blank)
                         : 0.6 + 0.38 * (fill - marked) / marked;
}

static void single_judge(const struct page *page, const struct rows *rows, struct rect box,
                         bool searched, struct symptom *s)
{
    if (box.w <= 0)
        return;
    double fill = fill_of(page, box);
    s->checked = fill >= threshold(rows);
    s->conf = fill_conf(rows, fill) * (searched ? 0.95 : 1);
    s->r = box;
}

/* Where YES and NO stand in this column of labels: the leftmost and the rightmost clean box of its
 * rows, brought to this row. False when they do not tell two columns apart. */
static bool columns_learn(const struct rows *rows, const struct row *self, int em, struct rect *yes,
                          struct rect *no)
{
    struct rect first = {0}, last = {0};
    for (int i = 0; i < rows->count; i++) {
        const struct row *row = &rows->row[i];
        for (int k = 0; k < row->rights && abs(row->label.x - self->label.x) <= em * 2; k++) {
            struct rect box = row->right[k];
            first = first.w == 0 || box.x < first.x ? box : first;
            last = last.w == 0 || box.x > last.x ? box : last;
        }
    }
    if (first.w == 0 || last.x - first.x < first.w)
        return false;
    int middle = centre_y(self->rights == 1 ? self->right[0] : self->label);
    *yes = (struct rect){first.x, middle - first.h / 2, first.w, first.h};
    *no = (struct rect){last.x, middle - last.h / 2, last.w, last.h};
    return true;
}

static void yes_no_judge(const struct page *page, const struct rows *rows, const struct row *row,
                         struct symptom *s)
{
    struct rect yes = row->right[0], no = row->right[1];
    if (row->rights < 2 && !columns_learn(rows, row, page->em, &yes, &no))
        return;
    double yes_fill = fill_of(page, yes), no_fill = fill_of(page, no), marked = threshold(rows);
    s->r = yes;
    s->conf = fill_conf(rows, yes_fill) * fill_conf(rows, no_fill);
    if (yes_fill >= marked && yes_fill > no_fill)
        s->checked = 1;
    else if (no_fill >= marked)
        s->checked = 0;
    if (yes_fill >= marked && no_fill >= marked)
        s->conf *= 0.5;
    if (s->checked == 0)
        s->r = no;
}

/* ---- circled words --------------------------------------------------------------------------- */

/* The page's ink without the words: what was drawn around them is left. */
static PIX *drawn_ink(const struct page *page)
{
    PIX *drawn = pixCopy(NULL, page->bin);
    for (size_t i = 0; drawn && i < page->count; i++) {
        struct rect r = page->words[i].r;
        bool print = page->words[i].folded.n > 1 && r.h * 2 < page->em * 3;
        if (print)
            pixRasterop(drawn, r.x + 1, r.y + 1, r.w - 2, r.h - 2, PIX_CLR, NULL, 0, 0);
    }
    return drawn;
}

/* Share of the rows (or columns) of `r` that have ink. */
static double crossed(PIX *bin, struct rect r, bool rows)
{
    r = rect_meet(r, (struct rect){0, 0, pixGetWidth(bin), pixGetHeight(bin)});
    if (r.w <= 0)
        return 0;
    BOX *box = boxCreate(r.x, r.y, r.w, r.h);
    CLEANUP(pix_free) PIX *part = pixClipRectangle(bin, box, NULL);
    boxDestroy(&box);
    NUMA *counts =
        part ? rows ? pixCountPixelsByRow(part, NULL) : pixCountPixelsByColumn(part) : NULL;
    int hit = 0, n = counts ? numaGetCount(counts) : 0;
    for (int i = 0; i < n; i++) {
        l_int32 v = 0;
        numaGetIValue(counts, i, &v);
        hit += v > 0;
    }
    numaDestroy(&counts);
    return n > 0 ? (double)hit / n : 0;
}

/* A line goes around the label: one that was found as a ring, or ink left, right, above and below
 * of it. */
static bool is_ringed(const struct page *page, PIX *drawn, struct rect label)
{
    int em = page->em, h = label.h < em * 3 / 2 ? label.h : em;
    for (int i = 0; i < page->squares->rings; i++) {
        struct rect r = page->squares->ring[i];
        if (rect_has_centre(r, label) && r.w * 10 > label.w * 8 && r.w < label.w + 8 * em)
            return true;
    }
    int y = centre_y(label) - h / 2, side = em * 3 / 2, in = em / 2;
    struct rect left = {label.x - side, y, side + in, h};
    struct rect right = {label.x + label.w - in, y, side + in, h};
    struct rect above = {label.x, y - em, label.w, em + 1};
    struct rect below = {label.x, y + h - 1, label.w, em};
    return crossed(drawn, left, true) >= RING_ROWS && crossed(drawn, right, true) >= RING_ROWS &&
           crossed(drawn, above, false) >= RING_COLS && crossed(drawn, below, false) >= RING_COLS;
}

/* ---- all labels ------------------------------------------------------------------------------ */

static int symptom_keep(struct symptom *symptoms, int count, int max, struct symptom s)
{
    for (int i = 0; i < count; i++)
        if (symptoms[i].concept == s.concept) {
            if (symptoms[i].conf < s.conf)
                symptoms[i] = s;
            return count;
        }
    if (count < max)
        symptoms[count++] = s;
    return count;
}

/* The first kind of box that most rows have: squares and circles, brackets, table cells. */
static enum style rows_choose(const struct page *page, const struct boxes *squares,
                              const struct boxes *brackets, const struct label *labels,
                              int label_count, struct rows *rows, bool *ret_brackets)
{
    bool circle = false;
    for (int i = 0; i < label_count; i++)
        circle = circle || labels[i].means == LABEL_CIRCLE;
    const struct boxes *kinds[] = {squares, brackets, NULL};
    for (size_t k = 0; k < ARRAY_LEN(kinds) && (k == 0 || !circle); k++) {
        rows_make(page, labels, label_count, kinds[k], rows);
        enum style style = style_of(rows);
        *ret_brackets = kinds[k] == brackets;
        if (style != STYLE_NONE)
            return style;
    }
    CLEANUP(pix_free) PIX *drawn = drawn_ink(page);
    int rings = 0;
    for (int i = 0; drawn && i < rows->count; i++) {
        rows->row[i].fill = is_ringed(page, drawn, rows->row[i].label);
        rings += rows->row[i].fill > 0;
    }
    return circle || rings > 0 ? STYLE_RING : STYLE_NONE;
}

int symptoms_find(const struct page *page, const struct boxes *squares,
                  const struct boxes *brackets, const struct label *labels, int label_count,
                  struct symptom *symptoms, int count, int max)
{
    struct rows rows;
    bool bracketed = false;
    enum style style = rows_choose(page, squares, brackets, labels, label_count, &rows, &bracketed);
    if (style == STYLE_LEFT || style == STYLE_RIGHT)
        hidden_find(page, style, bracketed, &rows);
    rows.blank = style == STYLE_RING ? 0 : blank_of(page, &rows, style);
    for (int i = 0; i < rows.count && style != STYLE_NONE; i++) {
        const struct row *row = &rows.row[i];
        struct symptom s = {
            .concept = row->concept, .checked = -1, .page = page->number, .r = row->label};
        if (style == STYLE_LEFT)
            single_judge(page, &rows, row->left, row->searched, &s);
        if (style == STYLE_RIGHT)
            single_judge(page, &rows, row->rights ? row->right[0] : (struct rect){0}, row->searched,
                         &s);
        if (style == STYLE_YES_NO)
            yes_no_judge(page, &rows, row, &s);
        if (style == STYLE_RING) {
            s.checked = row->fill > 0;
            s.conf = 0.95;
        }
        count = symptom_keep(symptoms, count, max, s);
    }
    return count;
}
