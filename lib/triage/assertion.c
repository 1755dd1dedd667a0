/* What the words around a mention say of it: denied, possible, past, another person's?
 *
 * After NegEx and ConText (Chapman 2001, Harkema 2009): triggers before and after the mention reach
 * to the end of the sentence, to a terminating word, or to their greatest distance. The rule not to
 * break: words inside the mention itself are no triggers ("no respira" is not a denial). */
#include "triage/triage_int.h"

#define REACH_MAX 40 /* tokens looked at on either side */

/* How far each kind reaches, in tokens between trigger and mention; 0: it has no reach. */
static const uint8_t reach[TRIGGER__COUNT] = {
    [TRIGGER_NEG_PRE] = 25,  [TRIGGER_NEG_POST] = 8,  [TRIGGER_POSS_PRE] = 12,
    [TRIGGER_POSS_POST] = 6, [TRIGGER_HYPO_PRE] = 12, [TRIGGER_HIST_PRE] = 12,
    [TRIGGER_HIST_POST] = 8, [TRIGGER_EXP_PRE] = 20,
};

static bool is_post(uint16_t kind)
{
    return kind == TRIGGER_NEG_POST || kind == TRIGGER_POSS_POST || kind == TRIGGER_HIST_POST;
}

/* True when `a` lies in a longer trigger: "no" in "no se descarta". */
static bool is_shadowed(const struct matches *all, size_t a)
{
    const struct match *m = &all->m[a];
    for (size_t i = a; i-- > 0 && all->m[i].from + PATTERN_ELEMENTS >= m->from;) {
        const struct match *o = &all->m[i];
        if (o->to >= m->to && o->words > m->words)
            return true;
    }
    for (size_t i = a + 1; i < all->n && all->m[i].from < m->to; i++) {
        const struct match *o = &all->m[i];
        if (o->from <= m->from && o->to >= m->to && o->words > m->words)
            return true;
    }
    return false;
}

void contexts_read(struct arena *arena, const struct triage_rules *rules, unsigned langs,
                   const struct tokens *tokens, struct contexts *ret)
{
    struct matches all;
    pattern_set_find(arena, &rules->triggers, langs, tokens, &all);
    ret->tokens = tokens;
    ret->triggers = (struct matches){.m = arena_array(arena, all.n + 1, sizeof(*all.m))};
    for (size_t i = 0; i < all.n; i++) {
        if (!is_shadowed(&all, i))
            ret->triggers.m[ret->triggers.n++] = all.m[i];
    }
}

struct span {
    size_t from, to;
};

/* The sentence around the mention, REACH_MAX tokens at most on either side. */
static struct span sentence_of(const struct tokens *t, size_t from, size_t to)
{
    struct span s = {from, to};
    while (s.from > 0 && from - s.from < REACH_MAX && t->t[s.from].brk != BRK_SENTENCE)
        s.from--;
    while (s.to < t->n && s.to - to < REACH_MAX && t->t[s.to].brk != BRK_SENTENCE)
        s.to++;
    return s;
}

/* Index of the first trigger that starts at `from` or later. */
static size_t first_trigger(const struct matches *m, size_t from)
{
    size_t lo = 0, hi = m->n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (m->m[mid].from < from)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* True when a trigger of `kind` starts in [from, to). */
static bool kind_between(const struct contexts *c, uint16_t kind, size_t from, size_t to)
{
    const struct matches *m = &c->triggers;
    for (size_t i = first_trigger(m, from); i < m->n && m->m[i].from < to; i++) {
        if (m->m[i].owner == kind && m->m[i].to <= to)
            return true;
    }
    return false;
}

static bool also_kind(const struct contexts *c, const struct match *at, uint16_t kind)
{
    const struct matches *m = &c->triggers;
    for (size_t i = first_trigger(m, at->from); i < m->n && m->m[i].from == at->from; i++) {
        if (m->m[i].owner == kind && m->m[i].to == at->to)
            return true;
    }
    return false;
}

static enum brk brk_after(const struct tokens *t, size_t to)
{
    return to < t->n ? (enum brk)t->t[to].brk : BRK_SENTENCE;
}

/* "Chest pain: No" answers a label; such a no says nothing of what follows, above all when that is
 * a label itself ("Chest pain: No  Cough: Yes"). */
static bool is_answer(const struct contexts *c, const struct match *m, size_t next_to)
{
    const struct tokens *t = c->tokens;
    if (m->from == 0 || t->t[m->from].brk != BRK_COLON)
        return false;
    enum brk after = brk_after(t, m->to);
    return (after != BRK_NONE && after != BRK_COLON) || brk_after(t, next_to) == BRK_COLON;
}

static bool pre_reaches(const struct contexts *c, const struct match *m, size_t from, size_t to)
{
    size_t distance = from - m->to;
    if (distance > reach[m->owner] || kind_between(c, TRIGGER_TERM, m->to, from))
        return false;
    if (m->owner == TRIGGER_NEG_PRE && is_answer(c, m, to))
        return false;
    return true;
}

static bool post_reaches(const struct contexts *c, const struct match *m, size_t to)
{
    size_t distance = m->from - to;
    if (distance > reach[m->owner] || kind_between(c, TRIGGER_TERM, to, m->from))
        return false;
    if (m->owner != TRIGGER_NEG_POST || !also_kind(c, m, TRIGGER_NEG_PRE))
        return true;
    /* "no" stands for both: it belongs to the mention before it only as an answer */
    enum brk before = (enum brk)c->tokens->t[m->from].brk;
    return distance == 0 && (before == BRK_COLON || brk_after(c->tokens, m->to) >= BRK_COMMA);
}

/* "[ ] fever", "fever (-)", "fever: [x] no" and ticks. True when a mark decides. */
static bool mark_says(const struct tokens *t, size_t from, size_t to, enum triage_assertion *ret)
{
    uint16_t before = from > 0 ? t->t[from - 1].word : SYMBOL_NONE;
    uint16_t after = to < t->n ? t->t[to].word : SYMBOL_NONE;
    uint16_t mark = SYMBOL_NONE;
    if (after == SYMBOL_PLUS || after == SYMBOL_MINUS)
        mark = after;
    else if (before == SYMBOL_BOX_ON || before == SYMBOL_BOX_OFF || before == SYMBOL_PLUS)
        mark = before;
    else if (before == SYMBOL_MINUS && from == 1)
        mark = before;
    if (mark == SYMBOL_NONE)
        return false;
    *ret = mark == SYMBOL_MINUS || mark == SYMBOL_BOX_OFF ? TRIAGE_NEGATED : TRIAGE_AFFIRMED;
    return true;
}

static enum triage_assertion verdict(const bool *found)
{
    if (found[TRIGGER_EXP_PRE])
        return TRIAGE_OTHER;
    if (found[TRIGGER_NEG_PRE] || found[TRIGGER_NEG_POST])
        return TRIAGE_NEGATED;
    if (found[TRIGGER_HYPO_PRE])
        return TRIAGE_HYPOTHETICAL;
    if (found[TRIGGER_POSS_PRE] || found[TRIGGER_POSS_POST])
        return TRIAGE_POSSIBLE;
    if (found[TRIGGER_HIST_PRE] || found[TRIGGER_HIST_POST])
        return TRIAGE_HISTORICAL;
    return TRIAGE_AFFIRMED;
}

enum triage_assertion contexts_of(const struct contexts *c, size_t from, size_t to)
{
    enum triage_assertion marked;
    if (mark_says(c->tokens, from, to, &marked))
        return marked;
    struct span s = sentence_of(c->tokens, from, to);
    bool found[TRIGGER__COUNT] = {0};
    for (size_t i = first_trigger(&c->triggers, s.from); i < c->triggers.n; i++) {
        const struct match *m = &c->triggers.m[i];
        if (m->from >= s.to)
            break;
        bool before = m->to <= from && !is_post(m->owner);
        bool after = m->from >= to && is_post(m->owner);
        if ((before && pre_reaches(c, m, from, to)) || (after && post_reaches(c, m, to)))
            found[m->owner] = true;
    }
    return verdict(found);
}

/* The tokens of `phrase` within `sentence`, compared as normalised words. */
static bool find_phrase(const struct tokens *phrase, const struct tokens *sentence,
                        struct span *ret)
{
    for (size_t at = 0; phrase->n > 0 && at + phrase->n <= sentence->n; at++) {
        size_t i = 0;
        while (i < phrase->n) {
            const struct token *a = &phrase->t[i], *b = &sentence->t[at + i];
            if (a->norm_len != b->norm_len ||
                memcmp(phrase->norm + a->norm, sentence->norm + b->norm, a->norm_len) != 0)
                break;
            i++;
        }
        if (i == phrase->n) {
            *ret = (struct span){at, at + phrase->n};
            return true;
        }
    }
    return false;
}

static unsigned langs_of(struct str lang)
{
    if (str_eq(lang, STR("en")))
        return LANG_EN;
    return str_eq(lang, STR("es")) ? LANG_ES : LANG_BOTH;
}

enum triage_assertion triage_context(struct arena *arena, const struct triage_rules *rules,
                                     struct str lang, struct str phrase, struct str sentence)
{
    struct tokens words, text;
    struct contexts contexts;
    tokens_read(arena, phrase, &words);
    tokens_read(arena, sentence, &text);
    tokens_look_up(rules->symbols, &text);
    contexts_read(arena, rules, langs_of(lang), &text, &contexts);
    struct span mention = {0, text.n};
    find_phrase(&words, &text, &mention);
    return contexts_of(&contexts, mention.from, mention.to);
}

const char *triage_assertion_name(enum triage_assertion value)
{
    static const char *const names[] = {"affirmed",     "negated",    "possible",
                                        "hypothetical", "historical", "other"};
    return names[value];
}
