/* Finding labels: the table of label words (labels_table.h) matched loosely against lines.
 *
 * The rule not to break: a short label (TA, FC, BP) must match exactly; only long ones may be
 * misread, a letter in five. */
#include "formread/labels.h"

#include <string.h>

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

/* A box to mark stands right before the word (boxes are not read as words). */
static bool box_before(const struct page *page, const struct word *w)
{
    for (int i = 0; i < page->squares->count; i++) {
        struct rect b = page->squares->box[i];
        int gap = w->r.x - (b.x + b.w), middle = w->r.y + w->r.h / 2;
        if (gap > -page->em / 2 && gap < page->em * 3 / 2 && middle > b.y - b.h / 4 &&
            middle < b.y + b.h * 5 / 4)
            return true;
    }
    return false;
}

/* Whether a label may start at a word, and whether it must then end with a colon. */
enum start { START_NO, START_COLON, START_ANY };

/* A wide gap, a ruled line or a box before the word: a label may start here. Close behind another
 * label only one with a colon of its own: else it is that label's value ("EPS: EPS Salud"). */
static enum start may_start(const struct page *page, const struct lines *lines, struct line line,
                            int at)
{
    if (at == line.first)
        return START_ANY;
    const struct word *w = word_at(page, lines, at), *before = word_at(page, lines, at - 1);
    int gap = w->r.x - (before->r.x + before->r.w);
    struct rect between = {before->r.x + before->r.w, w->r.y, gap, w->r.h};
    if (before->owner == WORD_BOX || gap > page->em * 5 / 4 || box_before(page, w))
        return START_ANY;
    if (gap > 3 && rule_in(page->vrules, between, 0.5))
        return START_ANY;
    if (before->owner != 0 || ends_with_colon(before))
        return START_COLON;
    return before->folded.n == 0 ? START_ANY : START_NO;
}

/* "MFever": a marked box read as letters of the label behind it. */
static bool marked_over(struct str joined, struct str pattern)
{
    return pattern.n >= 4 && joined.n > pattern.n && joined.n <= pattern.n + 3 &&
           memcmp(joined.p + joined.n - pattern.n, pattern.p, pattern.n) == 0;
}

/* Text goes on right behind the word `last`: what names things would be followed by a colon, a gap
 * or nothing. */
static bool goes_on(const struct page *page, const struct lines *lines, struct line line, int last)
{
    if (ends_with_colon(word_at(page, lines, last)) || last + 1 >= line.first + line.count)
        return false;
    const struct word *w = word_at(page, lines, last), *next = word_at(page, lines, last + 1);
    return next->owner == 0 && next->r.x - (w->r.x + w->r.w) < page->em / 2;
}

enum field label_vital(struct str folded, unsigned named)
{
    enum field best = FIELD__COUNT;
    int best_score = 0;
    for (size_t i = 0; i < ARRAY_LEN(label_patterns); i++) {
        int means = label_patterns[i].means;
        if (means >= FIELD__COUNT || field_group((enum field)means) != GROUP_VITALS ||
            (named & BIT(means)))
            continue;
        struct str pattern = str_of(label_patterns[i].folded);
        int allowed = edits_allowed(pattern.n), distance = text_distance(folded, pattern, allowed);
        int score = distance <= allowed ? 2 * (int)pattern.n - 3 * distance : 0;
        if (score > best_score) {
            best_score = score;
            best = (enum field)means;
        }
    }
    return best;
}

/* The best pattern for the words from `at` on; false when none. */
static bool label_match(struct arena *arena, const struct page *page, const struct lines *lines,
                        struct line line, int at, struct label *ret)
{
    char *joined = arena_alloc(arena, 200);
    size_t n = 0;
    int best = 0;
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
            bool symptom =
                label_patterns[i].means >= LABEL_SYMPTOM && label_patterns[i].means < LABEL_STOP;
            if (symptom && distance > allowed && marked_over((struct str){joined, n}, pattern))
                distance = allowed;
            if (distance > allowed || n == 0 || 2 * (int)pattern.n - 3 * distance <= best)
                continue;
            if (label_patterns[i].alone && goes_on(page, lines, line, last))
                continue;
            best = 2 * (int)pattern.n - 3 * distance;
            *ret = (struct label){.means = label_patterns[i].means,
                                  .first = at,
                                  .last = last,
                                  .language = label_patterns[i].language,
                                  .heading = label_patterns[i].heading,
                                  .distance = distance,
                                  .pattern = label_patterns[i].folded};
        }
    }
    return best > 0;
}

/* "(MM/DD/YYYY)", "#", "No." after a label belong to it. */
static bool is_suffix(const struct word *w)
{
    static const char *const suffixes[] = {"mmddyyyy",   "ddmmaaaa", "ddmmyyyy", "no",
                                           "num",        "staffuse", "staff",    "use",
                                           "usointerno", "uso",      "interno"};
    if (w->text.n > 0 && w->text.p[0] == '(')
        return true;
    if (w->folded.n == 0) /* '#', however it was read */
        return w->text.n > 0 && w->text.n <= 3;
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
        if (text_distance(w->folded, str_of(suffixes[i]), 1) <= (w->folded.n > 4))
            return true;
    return false;
}

void label_finish(struct page *page, const struct lines *lines, struct line line,
                  struct label *label, int index)
{
    int end = line.first + line.count;
    const struct word *last = word_at(page, lines, label->last);
    bool inside = false; /* between '(' and ')' */
    while (!ends_with_colon(last) && label->last + 1 < end) {
        const struct word *next = word_at(page, lines, label->last + 1);
        if (next->r.x - (last->r.x + last->r.w) > page->em || (!inside && !is_suffix(next)))
            break;
        inside =
            (inside || next->text.p[0] == '(') && memchr(next->text.p, ')', next->text.n) == NULL;
        if (next->folded.n == 0 && label->means == LABEL_OPTION) /* "Card #" */
            label->means = FIELD_CARD_NUMBER;
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

/* The label ends with a colon, or its suffix ("(MM/DD/YYYY):") does. */
static bool colon_follows(const struct page *page, const struct lines *lines, struct line line,
                          const struct label *label)
{
    const struct word *last = word_at(page, lines, label->last);
    if (ends_with_colon(last))
        return true;
    if (label->last + 1 >= line.first + line.count)
        return false;
    const struct word *next = word_at(page, lines, label->last + 1);
    return is_suffix(next) && ends_with_colon(next);
}

/* A symptom named inside a sentence, or straight under the complaint's heading, is the patient's
 * own words and no label of a box. */
static bool is_sentence(const struct page *page, const struct lines *lines, struct line line,
                        const struct label *found, const struct label *labels, int count)
{
    const struct word *first = word_at(page, lines, found->first);
    const struct word *last = word_at(page, lines, found->last);
    bool boxed =
        found->first > line.first && word_at(page, lines, found->first - 1)->owner == WORD_BOX;
    if (boxed || box_before(page, first))
        return false;
    if (found->last + 1 < line.first + line.count) {
        const struct word *next = word_at(page, lines, found->last + 1);
        int gap = next->r.x - (last->r.x + last->r.w);
        if (next->owner == 0 && next->folded.n > 1 && gap < page->em * 9 / 10)
            return true;
    }
    const struct label *above = count > 0 ? &labels[count - 1] : NULL;
    return above != NULL && above->means == FIELD_CHIEF_COMPLAINT &&
           first->r.y - (above->r.y + above->r.h) < page->em * 3;
}

bool label_stands_alone(const struct page *page, const struct lines *lines, struct line line,
                        int at)
{
    const struct word *w = word_at(page, lines, at);
    const struct word *before = at > line.first ? word_at(page, lines, at - 1) : NULL;
    const struct word *after =
        at + 1 < line.first + line.count ? word_at(page, lines, at + 1) : NULL;
    /* rests of a table's walls are no words */
    bool left = !before || before->folded.n == 0 || w->r.x - (before->r.x + before->r.w) > page->em;
    bool right = !after || after->folded.n == 0 || ends_with_colon(w) ||
                 after->r.x - (w->r.x + w->r.w) > page->em;
    return left && right;
}

unsigned label_vitals_named(const struct label *labels, int count, int line)
{
    unsigned named = 0;
    for (int i = 0; i < count; i++)
        if (labels[i].line == line && labels[i].means < FIELD__COUNT &&
            field_group((enum field)labels[i].means) == GROUP_VITALS)
            named |= BIT(labels[i].means);
    return named;
}

/* A row that names two vital signs names the others too: there a short label may be misread by one
 * letter ("FG" for "FC"). */
static int vitals_complete(struct page *page, const struct lines *lines, int l,
                           struct label labels[LABELS_MAX], int count)
{
    static const struct {
        const char *folded;
        int means;
    } shorts[] = {{"ta", FIELD_BLOOD_PRESSURE},   {"bp", FIELD_BLOOD_PRESSURE},
                  {"fc", FIELD_HEART_RATE},       {"hr", FIELD_HEART_RATE},
                  {"fr", FIELD_RESPIRATORY_RATE}, {"rr", FIELD_RESPIRATORY_RATE}};
    struct line line = lines->line[l];
    unsigned named = label_vitals_named(labels, count, l);
    if (__builtin_popcount(named) < 2)
        return count;
    for (int at = line.first; at < line.first + line.count && count < LABELS_MAX; at++) {
        const struct word *w = word_at(page, lines, at);
        if (w->owner != 0 || w->folded.n < 2 || w->folded.n > 3 ||
            !label_stands_alone(page, lines, line, at))
            continue;
        for (size_t s = 0; s < ARRAY_LEN(shorts); s++) {
            if (named & BIT(shorts[s].means) ||
                text_distance(w->folded, str_of(shorts[s].folded), 1) > 1)
                continue;
            labels[count] = (struct label){
                .means = shorts[s].means, .first = at, .last = at, .line = l, .distance = 1};
            label_finish(page, lines, line, &labels[count], count);
            named |= BIT(shorts[s].means);
            count++;
            break;
        }
    }
    return count;
}

int labels_find(struct arena *arena, struct page *page, const struct lines *lines,
                struct label labels[LABELS_MAX])
{
    int count = 0;
    for (int l = 0; l < lines->count; l++) {
        struct line line = lines->line[l];
        for (int at = line.first; at < line.first + line.count && count < LABELS_MAX; at++) {
            struct label found = {0};
            const struct word *w = word_at(page, lines, at);
            bool speck = w->r.h * 2 < page->em; /* "TA" read in a fax's specks */
            if (w->folded.n == 0 || w->owner != 0 || speck)
                continue;
            enum start start = may_start(page, lines, line, at);
            if (start == START_NO || !label_match(arena, page, lines, line, at, &found))
                continue;
            if (start == START_COLON && !colon_follows(page, lines, line, &found))
                continue;
            if (found.means >= LABEL_SYMPTOM && found.means < LABEL_STOP &&
                is_sentence(page, lines, line, &found, labels, count))
                continue;
            found.line = l;
            label_finish(page, lines, line, &found, count);
            labels[count++] = found;
            at = found.last;
        }
        count = vitals_complete(page, lines, l, labels, count);
    }
    return count;
}
