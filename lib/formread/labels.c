/* Finding labels: the table of label words (labels_table.h) matched loosely against lines.
 *
 * The rule not to break: a short label (TA, FC, BP) must match exactly; only long ones may be
 * misread, a letter in five. */
#include "formread/labels.h"

#include "formread/labels_table.h"
#include "formread/text.h"

#define LABEL_WORDS_MAX 7

const char *symptom_concept(int index)
{
    return symptom_names[index];
}

int symptom_count(void)
{
    return (int)ARRAY_LEN(symptom_names);
}

static int edits_allowed(size_t n)
{
    return n >= 18 ? 4 : n >= 13 ? 3 : n >= 8 ? 2 : n >= 5 ? 1 : 0;
}

static const struct word *word_at(const struct page *page, const struct lines *lines, int at)
{
    return &page->words[lines->order[at]];
}

static bool ends_with_colon(const struct word *w)
{
    return w->text.n > 0 && (w->text.p[w->text.n - 1] == ':' || w->text.p[w->text.n - 1] == ';');
}

/* A gap or a ruled line before the word, or nothing but a box's glyphs: a label may start here. */
static bool may_start(const struct page *page, const struct lines *lines, struct line line, int at)
{
    if (at == line.first)
        return true;
    const struct word *w = word_at(page, lines, at), *before = word_at(page, lines, at - 1);
    int gap = w->r.x - (before->r.x + before->r.w);
    if (before->owner != 0 || before->folded.n <= 1 || ends_with_colon(before))
        return true;
    if (gap > page->em * 5 / 4)
        return true;
    struct rect between = {before->r.x + before->r.w, w->r.y, gap, w->r.h};
    return gap > 3 && rule_in(page->vrules, between, 0.5);
}

/* The best pattern for the words from `at` on; false when none. */
static bool label_match(struct arena *arena, const struct page *page, const struct lines *lines,
                        struct line line, int at, struct label *ret)
{
    char *joined = arena_alloc(arena, 200);
    size_t n = 0, best_n = 0;
    int end = line.first + line.count;
    for (int last = at; last < end && last < at + LABEL_WORDS_MAX; last++) {
        const struct word *w = word_at(page, lines, last);
        const struct word *before = last > at ? word_at(page, lines, last - 1) : w;
        if (w->owner != 0 || w->r.x - (before->r.x + before->r.w) > page->em * 3 / 2)
            break;
        if (n + w->folded.n > 60)
            break;
        memcpy(joined + n, w->folded.p, w->folded.n);
        n += w->folded.n;
        for (size_t i = 0; i < ARRAY_LEN(label_patterns); i++) {
            struct str pattern = str_of(label_patterns[i].folded);
            int allowed = edits_allowed(pattern.n);
            int distance = text_distance((struct str){joined, n}, pattern, allowed);
            bool better = pattern.n > best_n || (pattern.n == best_n && distance < ret->distance);
            if (distance > allowed || n == 0 || !better)
                continue;
            best_n = pattern.n;
            *ret = (struct label){.means = label_patterns[i].means,
                                  .first = at,
                                  .last = last,
                                  .language = label_patterns[i].language,
                                  .heading = label_patterns[i].heading,
                                  .distance = distance};
        }
    }
    return best_n > 0;
}

/* "(MM/DD/YYYY)", "#", "No." after a label belong to it. */
static bool is_suffix(const struct word *w)
{
    static const char *const suffixes[] = {"mmddyyyy",   "ddmmaaaa", "ddmmyyyy", "no",
                                           "num",        "staffuse", "staff",    "use",
                                           "usointerno", "uso",      "interno"};
    if (w->folded.n == 0)
        return w->text.n > 0 && w->text.p[0] == '#';
    if (w->text.p[0] == '(')
        return true;
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
        if (text_distance(w->folded, str_of(suffixes[i]), 1) <= (w->folded.n > 4))
            return true;
    return false;
}

static void label_finish(struct page *page, const struct lines *lines, struct line line,
                         struct label *label, int index)
{
    int end = line.first + line.count;
    const struct word *last = word_at(page, lines, label->last);
    while (!ends_with_colon(last) && label->last + 1 < end) {
        const struct word *next = word_at(page, lines, label->last + 1);
        if (next->r.x - (last->r.x + last->r.w) > page->em || !is_suffix(next))
            break;
        label->last++;
        last = next;
    }
    label->colon = ends_with_colon(last);
    label->r = (struct rect){0};
    for (int i = label->first; i <= label->last; i++) {
        struct word *w = &page->words[lines->order[i]];
        label->r = rect_join(label->r, w->r);
        w->owner = index + 1;
    }
}

int labels_find(struct arena *arena, struct page *page, const struct lines *lines,
                struct label labels[LABELS_MAX])
{
    int count = 0;
    for (int l = 0; l < lines->count; l++) {
        struct line line = lines->line[l];
        for (int at = line.first; at < line.first + line.count && count < LABELS_MAX; at++) {
            struct label found = {0};
            if (word_at(page, lines, at)->folded.n == 0 || !may_start(page, lines, line, at) ||
                !label_match(arena, page, lines, line, at, &found))
                continue;
            found.line = l;
            label_finish(page, lines, line, &found, count);
            labels[count++] = found;
            at = found.last;
        }
    }
    return count;
}
