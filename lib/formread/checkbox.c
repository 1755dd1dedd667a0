/* Which symptoms are marked: boxes beside the label, [ ] brackets, YES/NO columns, circled words.
 *
 * Boxes are found where they are clean and learned from there: a box hidden by its mark stands
 * where its neighbours' boxes stand. The rule not to break: a label without a box or circle found
 * is "cannot tell", never "no". */
#include "formread/values.h"

#include <stdlib.h>

#define MARKED      0.085 /* share of ink inside a box from which it counts as marked */
#define BLANK       0.03
#define SYMPTOM_MAX 32

/* A symptom label with the clean boxes of its row: at most one left, two right. */
struct row {
    struct rect label;
    int concept;
    struct rect left; /* w 0: none */
    struct rect right[2];
    int rights;
    struct rect ring; /* a circle around the label */
};

static int centre_y(struct rect r)
{
    return r.y + r.h / 2;
}

/* All four sides drawn: each side's strip has ink along most of it. */
static bool is_frame(PIX *bin, struct rect r)
{
    int t = r.w / 6 + 1;
    struct rect sides[4] = {{r.x, r.y, r.w, t},
                            {r.x, r.y + r.h - t, r.w, t},
                            {r.x, r.y, t, r.h},
                            {r.x + r.w - t, r.y, t, r.h}};
    for (int i = 0; i < 4; i++)
        if (!rule_in(bin, sides[i], 0.8))
            return false;
    struct rect inner = {r.x + r.w / 4, r.y + r.h / 4, r.w / 2, r.h / 2};
    return ink_share(bin, inner) < 0.5;
}

static bool near_square(struct rect r, int em)
{
    return r.w * 10 > em * 7 && r.w < em * 5 / 2 && r.w * 4 > r.h * 3 && r.h * 4 > r.w * 3;
}

/* '[' and ']' (or parentheses) at a box's distance make one box. */
static void brackets_pair(const struct rect *bars, int n, int em, struct boxes *ret)
{
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n && ret->count < BOXES_MAX; j++) {
            int gap = bars[j].x - (bars[i].x + bars[i].w);
            bool level = abs(centre_y(bars[i]) - centre_y(bars[j])) < em / 4 &&
                         abs(bars[i].h - bars[j].h) < em / 3;
            if (level && gap > em / 3 && gap < em * 3)
                ret->box[ret->count++] = rect_join(bars[i], bars[j]);
        }
}

void boxes_find(const struct page *page, struct boxes *squares, struct boxes *brackets)
{
    static struct rect bars[BOXES_MAX];
    int bar_count = 0;
    BOXA *all = pixConnCompBB(page->bin, 8);
    squares->count = brackets->count = 0;
    for (int i = 0; all && i < boxaGetCount(all); i++) {
        struct rect r;
        if (boxaGetBoxGeometry(all, i, &r.x, &r.y, &r.w, &r.h) != 0)
            continue;
        if (squares->count < BOXES_MAX && near_square(r, page->em) && is_frame(page->bin, r))
            squares->box[squares->count++] = r;
        bool tall = r.h * 4 > page->em * 3 && r.h < page->em * 2 && r.w * 2 < r.h && r.w > 1;
        if (bar_count < BOXES_MAX && tall)
            bars[bar_count++] = r;
    }
    boxaDestroy(&all);
    brackets_pair(bars, bar_count, page->em, brackets);
}

static bool same_row(struct rect a, struct rect b)
{
    int least = a.h < b.h ? a.h : b.h;
    return abs(centre_y(a) - centre_y(b)) < least * 3 / 4;
}

/* x where the row of a label ends: the next label to its right, or the page. */
static int row_end(const struct page *page, const struct label *labels, int n, int self)
{
    int end = pixGetWidth(page->grey);
    for (int i = 0; i < n; i++)
        if (labels[i].means >= LABEL_SYMPTOM && labels[i].means < LABEL_STOP &&
            same_row(labels[i].r, labels[self].r) && labels[i].r.x > labels[self].r.x &&
            labels[i].r.x < end)
            end = labels[i].r.x;
    return end;
}

static void row_fill(const struct page *page, const struct boxes *boxes, int end, struct row *row)
{
    int right = row->label.x + row->label.w;
    for (int i = 0; i < boxes->count; i++) {
        struct rect b = boxes->box[i];
        if (!same_row(b, row->label))
            continue;
        int before = row->label.x - (b.x + b.w);
        if (before > -page->em / 3 && before < page->em * 3 / 2)
            row->left = b;
        else if (b.x > right - page->em / 3 && b.x + b.w < end - page->em / 3 && row->rights < 2)
            row->right[row->rights++] = b;
    }
    if (row->rights == 2 && row->right[0].x > row->right[1].x) {
        struct rect swap = row->right[0];
        row->right[0] = row->right[1];
        row->right[1] = swap;
    }
}

static struct rect shifted(struct rect box, struct rect from, struct rect to)
{
    box.x += to.x - from.x;
    box.y += centre_y(to) - centre_y(from);
    return box;
}

/* The nearest other row, in the same column first, that has what is asked: left box or two rights.
 */
static const struct row *row_model(const struct row *rows, int n, int self, bool left, int em)
{
    const struct row *best = NULL;
    int best_cost = 1 << 30;
    for (int i = 0; i < n; i++) {
        if (i == self || !(left ? rows[i].left.w > 0 : rows[i].rights == 2))
            continue;
        int dx = abs(rows[i].label.x - rows[self].label.x);
        int dy = abs(centre_y(rows[i].label) - centre_y(rows[self].label));
        if (!left && dx > em * 2)
            continue;
        int cost = dy + (dx > em ? 10 * dx : 0);
        if (cost < best_cost) {
            best_cost = cost;
            best = &rows[i];
        }
    }
    return best;
}

static double fill_of(const struct page *page, struct rect box)
{
    int inset = box.w / 5 > 3 ? box.w / 5 : 3, inset_y = box.h / 5 > 3 ? box.h / 5 : 3;
    struct rect inner = {box.x + inset, box.y + inset_y, box.w - 2 * inset, box.h - 2 * inset_y};
    return ink_share(page->bin, inner);
}

/* Confidence that a share of ink is on its side of the threshold. */
static double fill_conf(double fill)
{
    if (fill <= BLANK || fill >= 2 * MARKED)
        return 0.98;
    return fill < MARKED ? 0.98 - 0.4 * (fill - BLANK) / (MARKED - BLANK)
                         : 0.6 + 0.38 * (fill - MARKED) / MARKED;
}

/* The box of a label in running rows, from the size and distance of any clean one: before the
 * label, or, when nothing is drawn there, its mark was read as the label's first letter. */
static bool inline_box(const struct page *page, const struct row *rows, int n, int self,
                       struct rect *ret)
{
    struct rect label = rows[self].label;
    const struct row *model = NULL;
    for (int i = 0; i < n; i++)
        if (rows[i].left.w > 0 &&
            (model == NULL || abs(rows[i].label.y - label.y) < abs(model->label.y - label.y)))
            model = &rows[i];
    if (model == NULL)
        return false;
    struct rect box = shifted(model->left, model->label, label);
    if (ink_share(page->bin, box) < MARKED)
        box.x = label.x;
    *ret = box;
    return true;
}

static void left_judge(const struct page *page, const struct row *rows, int n, int self,
                       struct symptom *s)
{
    struct rect box = rows[self].left;
    const struct row *model = row_model(rows, n, self, true, page->em);
    bool learned = box.w <= 0;
    if (learned && model == NULL && !inline_box(page, rows, n, self, &box))
        return;
    if (learned && model != NULL) {
        struct rect label = rows[self].label;
        bool swallowed = abs(label.x - model->left.x) < page->em / 2; /* read as a letter of it */
        if (swallowed)
            label.x = model->label.x;
        box = shifted(model->left, model->label, label);
        if (ink_share(page->bin, box) < MARKED) /* not even a frame */
            box.x = label.x;
    }
    double fill = fill_of(page, box);
    s->checked = fill >= MARKED;
    s->conf = fill_conf(fill) * (learned ? 0.95 : 1);
    s->r = box;
}

/* Where YES and NO stand in this column of labels: the leftmost and the rightmost clean box of its
 * rows, brought to this row. False when they do not tell two columns apart. */
static bool columns_learn(const struct row *rows, int n, int self, int em, struct rect *yes,
                          struct rect *no)
{
    struct rect first = {0}, last = {0};
    for (int i = 0; i < n; i++)
        for (int k = 0; k < rows[i].rights && abs(rows[i].label.x - rows[self].label.x) <= em * 2;
             k++) {
            struct rect box = rows[i].right[k];
            first = first.w == 0 || box.x < first.x ? box : first;
            last = last.w == 0 || box.x > last.x ? box : last;
        }
    if (first.w == 0 || last.x - first.x < first.w)
        return false;
    int middle = centre_y(rows[self].rights == 1 ? rows[self].right[0] : rows[self].label);
    *yes = (struct rect){first.x, middle - first.h / 2, first.w, first.h};
    *no = (struct rect){last.x, middle - last.h / 2, last.w, last.h};
    return true;
}

static void right_judge(const struct page *page, const struct row *rows, int n, int self,
                        struct symptom *s)
{
    struct rect yes = rows[self].right[0], no = rows[self].right[1];
    if (rows[self].rights < 2 && !columns_learn(rows, n, self, page->em, &yes, &no)) {
        const struct row *model = row_model(rows, n, self, false, page->em);
        if (model == NULL)
            return;
        yes = shifted(model->right[0], model->label, rows[self].label);
        no = shifted(model->right[1], model->label, rows[self].label);
    }
    double yes_fill = fill_of(page, yes), no_fill = fill_of(page, no);
    s->r = yes;
    s->conf = fill_conf(yes_fill) * fill_conf(no_fill);
    if (yes_fill >= MARKED && yes_fill > no_fill)
        s->checked = 1;
    else if (no_fill >= MARKED)
        s->checked = 0;
    if (yes_fill >= MARKED && no_fill >= MARKED)
        s->conf *= 0.5;
    if (s->checked == 0)
        s->r = no;
}

/* Rings: components around a label, larger than it and mostly empty. */
static void rings_find(const struct page *page, struct row *rows, int n)
{
    BOXA *all = pixConnCompBB(page->bin, 8);
    for (int i = 0; all && i < boxaGetCount(all); i++) {
        struct rect r;
        if (boxaGetBoxGeometry(all, i, &r.x, &r.y, &r.w, &r.h) != 0)
            continue;
        for (int k = 0; k < n; k++) {
            struct rect label = rows[k].label;
            bool around = rect_has_centre(r, label) && r.w * 10 > label.w * 8 &&
                          r.w < label.w + 8 * page->em && r.h * 10 > page->em * 16 &&
                          r.h < page->em * 5;
            if (around && ink_share(page->bin, r) < 0.45)
                rows[k].ring = r;
        }
    }
    boxaDestroy(&all);
}

enum style { STYLE_NONE, STYLE_LEFT, STYLE_RIGHT, STYLE_RING };

static enum style style_of(const struct row *rows, int n, bool circle)
{
    int left = 0, right = 0, ring = 0;
    for (int i = 0; i < n; i++) {
        left += rows[i].left.w > 0;
        right += rows[i].rights == 2;
        ring += rows[i].ring.w > 0;
    }
    if (right > left && right >= 2)
        return STYLE_RIGHT;
    if (left >= 2 && left * 4 >= n)
        return STYLE_LEFT;
    return circle || ring > 0 ? STYLE_RING : STYLE_NONE;
}

static int rows_make(const struct page *page, const struct label *labels, int label_count,
                     const struct boxes *boxes, struct row *rows)
{
    int n = 0;
    for (int i = 0; i < label_count && n < SYMPTOM_MAX; i++) {
        if (labels[i].means < LABEL_SYMPTOM || labels[i].means >= LABEL_STOP)
            continue;
        rows[n] = (struct row){.label = labels[i].r, .concept = labels[i].means - LABEL_SYMPTOM};
        row_fill(page, boxes, row_end(page, labels, label_count, i), &rows[n]);
        n++;
    }
    return n;
}

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

/* Tesseract reads boxes as letters ("O", "[]", "M"): such words are not text. */
void boxes_mark_words(struct page *page, const struct boxes *squares)
{
    for (size_t i = 0; i < page->count; i++) {
        struct word *w = &page->words[i];
        bool bracket = w->text.p[0] == '[' || w->text.p[w->text.n - 1] == ']';
        if (bracket && w->folded.n <= 1)
            w->owner = WORD_BOX;
        for (int b = 0; b < squares->count && w->folded.n <= 2; b++)
            if (rect_has_centre(squares->box[b], w->r) && w->r.w < squares->box[b].w * 3 / 2)
                w->owner = WORD_BOX;
    }
}

int symptoms_find(const struct page *page, const struct boxes *squares,
                  const struct boxes *brackets, const struct label *labels, int label_count,
                  struct symptom *symptoms, int count, int max)
{
    struct row rows[SYMPTOM_MAX];
    bool circle = false;
    for (int i = 0; i < label_count; i++)
        circle = circle || labels[i].means == LABEL_CIRCLE;
    int n = rows_make(page, labels, label_count, squares, rows);
    enum style style = style_of(rows, n, false);
    if (style == STYLE_NONE && !circle) {
        n = rows_make(page, labels, label_count, brackets, rows);
        style = style_of(rows, n, false);
    }
    if (style == STYLE_NONE) {
        rings_find(page, rows, n);
        style = style_of(rows, n, circle);
    }
    for (int i = 0; i < n && style != STYLE_NONE; i++) {
        struct symptom s = {
            .concept = rows[i].concept, .checked = -1, .page = page->number, .r = rows[i].label};
        if (style == STYLE_LEFT)
            left_judge(page, rows, n, i, &s);
        if (style == STYLE_RIGHT)
            right_judge(page, rows, n, i, &s);
        if (style == STYLE_RING) {
            s.checked = rows[i].ring.w > 0;
            s.conf = 0.95;
        }
        count = symptom_keep(symptoms, count, max, s);
    }
    return count;
}
