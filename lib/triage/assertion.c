/* What the words around a mention say of it: denied, possible, past, another person's?
 *
 * After NegEx and ConText (Chapman 2001, Harkema 2009): triggers before and after the mention reach
 * to the end of the sentence, to a terminating word, or to their greatest distance. The rule not to
 * break: words inside the mention itself are no triggers ("no respira" is not a denial). */
#include "triage/triage_int.h"

#include "base/cleanup.h"

#define REACH_MAX 40 /* tokens looked at on either side */
#define OPENING_MAX                                                                                \
    3 /* words before the relative whom the text is about: "help, my mother ..."                   \
       */

/* How far each kind reaches, in tokens between trigger and mention; 0: it has no reach. */
static const uint8_t reach[TRIGGER__COUNT] = {
    [TRIGGER_NEG_PRE] = 25,  [TRIGGER_NEG_POST] = 8,   [TRIGGER_POSS_PRE] = 12,
    [TRIGGER_POSS_POST] = 6, [TRIGGER_HYPO_PRE] = 40,  [TRIGGER_HIST_PRE] = 40,
    [TRIGGER_HIST_NEAR] = 6, [TRIGGER_NEG_NEAR] = 6,   [TRIGGER_HIST_POST] = 3,
    [TRIGGER_EXP_PRE] = 20,  [TRIGGER_EXP_CHILD] = 20,
};

static bool is_post(uint16_t kind)
{
    return kind == TRIGGER_NEG_POST || kind == TRIGGER_POSS_POST || kind == TRIGGER_HIST_POST ||
           kind == TRIGGER_ANSWER;
}

struct span {
    size_t from, to;
};

static bool is_negation(uint16_t kind)
{
    return kind == TRIGGER_NEG_PRE || kind == TRIGGER_NEG_NEAR || kind == TRIGGER_NEG_POST;
}

/* True when `a` lies in a longer trigger ("no" in "no se descarta") that is none of the mention's
 * own words ("no change" is nothing special before "change in vision"). */
static bool is_shadowed(const struct matches *all, size_t a, struct span mention)
{
    const struct match *m = &all->m[a];
    size_t i = a;
    while (i > 0 && all->m[i - 1].from + PATTERN_ELEMENTS >= m->from)
        i--;
    for (; i < all->n && all->m[i].from < m->to; i++) {
        const struct match *o = &all->m[i];
        bool in_mention = o->from < mention.to && o->to > mention.from;
        bool runs_on = o->owner == TRIGGER_PSEUDO && o->from > m->from && o->to > m->to;
        if (runs_on && is_negation(m->owner) && !in_mention)
            return true; /* "que no" before "no para" */
        if (o->from > m->from || (is_negation(o->owner) && is_negation(m->owner)) ||
            o->owner == TRIGGER_EXP_NOW)
            continue;
        if (o->to >= m->to && o->words > m->words && !in_mention)
            return true;
    }
    return false;
}

void contexts_read(struct arena *arena, const struct triage_rules *rules, unsigned langs,
                   struct tokens *tokens, struct contexts *ret)
{
    const struct span nowhere = {SIZE_MAX, 0};
    ret->tokens = tokens;
    ret->child = false;
    ret->denies = arena_array(arena, tokens->n + 1, sizeof(*ret->denies));
    pattern_set_find(arena, &rules->triggers, langs, tokens, &ret->triggers);
    for (size_t i = 0; i < ret->triggers.n; i++) {
        const struct match *m = &ret->triggers.m[i];
        if (is_negation(m->owner) || m->owner == TRIGGER_PSEUDO)
            ret->denies[m->from] = true;
        if (is_negation(m->owner) && m->owner != TRIGGER_NEG_POST &&
            !is_shadowed(&ret->triggers, i, nowhere))
            tokens->t[m->from].denies = true;
    }
}

void contexts_protect(struct contexts *c, const bool *taken)
{
    size_t kept = 0;
    for (size_t i = 0; i < c->triggers.n; i++) {
        const struct match *m = &c->triggers.m[i];
        bool clear = true;
        bool names = m->owner == TRIGGER_EXP_REPORT || m->owner == TRIGGER_EXP_LINK ||
                     m->owner == TRIGGER_EXP_NOW;
        for (size_t at = m->from; at < m->to && !names; at++)
            clear = clear && !taken[at];
        if (clear)
            c->triggers.m[kept++] = *m;
    }
    c->triggers.n = kept;
}

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

static bool is_relative(uint16_t kind)
{
    return kind == TRIGGER_EXP_PRE || kind == TRIGGER_EXP_CHILD;
}

/* The first token after what joins a relative and the illness ("mother with"), `from` without it.
 */
static size_t link_end(const struct contexts *c, size_t from)
{
    const struct matches *m = &c->triggers;
    size_t end = from;
    for (size_t i = first_trigger(m, from); i < m->n && m->m[i].from == from; i++)
        end = m->m[i].owner == TRIGGER_EXP_LINK && m->m[i].to > end ? m->m[i].to : end;
    return end;
}

/* True when a terminating word stands in [from, to). "with" and "has" do not end an "if"; the verb
 * that a denial or a doubt belongs to ("no refiere", "not complaining of") ends neither. */
static bool is_ended(const struct contexts *c, uint16_t kind, size_t from, size_t to,
                     struct span mention)
{
    const struct matches *m = &c->triggers;
    size_t verb = kind == TRIGGER_NEG_PRE || kind == TRIGGER_NEG_NEAR || kind == TRIGGER_POSS_PRE
                      ? from
                      : SIZE_MAX;
    if (is_relative(kind))
        from = link_end(c, from);
    for (size_t i = first_trigger(m, from); i < m->n && m->m[i].from < to; i++) {
        bool ends = m->m[i].owner == TRIGGER_TERM ||
                    (m->m[i].owner == TRIGGER_TERM_WEAK && kind != TRIGGER_HYPO_PRE);
        bool own = m->m[i].from == verb && c->tokens->t[verb].brk == BRK_NONE;
        if (ends && !own && m->m[i].to <= to && !is_shadowed(m, i, mention))
            return true;
    }
    return false;
}

/* True for the relative who tells or brings: "mother says", "by his wife". */
static bool is_reporter(const struct contexts *c, const struct match *m)
{
    const struct matches *all = &c->triggers;
    size_t from = m->from > 6 ? m->from - 6 : 0;
    bool linked = link_end(c, m->to) > m->to; /* "sister with asthma" brings nobody */
    for (size_t i = first_trigger(all, from); i < all->n && all->m[i].from <= m->to; i++) {
        const struct match *o = &all->m[i];
        if (o->owner != TRIGGER_EXP_REPORT)
            continue;
        bool before = o->to == m->from || o->to + 1 == m->from; /* "by", "by his" */
        if (before || (o->from == m->to && !linked && c->tokens->t[m->to].brk == BRK_NONE))
            return true;
    }
    return false;
}

static bool token_is(const struct tokens *t, size_t at, const struct str *words, size_t n)
{
    struct str word = {t->norm + t->t[at].norm, t->t[at].norm_len};
    for (size_t i = 0; i < n; i++) {
        if (str_eq(word, words[i]))
            return true;
    }
    return false;
}

/* True for the relative with whom a sentence begins and to whom something happens now: "my husband
 * is not breathing" is said for the patient by who brings him, and "wife collapsed". "My father had
 * a heart attack", "my father collapsed and died" and whatever is dated are the family's history.
 */
static bool is_patient(const struct contexts *c, const struct match *m)
{
    static const struct str mine[] = {STR("my"), STR("mi"), STR("our"), STR("nuestra"),
                                      STR("nuestro")};
    static const struct str apart[] = {STR("friend"),   STR("roommate"),  STR("neighbor"),
                                       STR("coworker"), STR("classmate"), STR("amigo"),
                                       STR("amiga"),    STR("vecino"),    STR("vecina"),
                                       STR("colega"),   STR("companero"), STR("companera")};
    static const struct str gone[] = {STR("died"),     STR("dead"),   STR("dies"),  STR("murio"),
                                      STR("fallecio"), STR("muerto"), STR("muerta")};
    const struct tokens *t = c->tokens;
    const struct matches *all = &c->triggers;
    bool own = token_is(t, m->from, mine, ARRAY_LEN(mine)) || /* "mi papa" is one trigger */
               (m->from > 0 && token_is(t, m->from - 1, mine, ARRAY_LEN(mine)));
    struct span s = sentence_of(t, m->from, m->to);
    if ((!own && m->from > s.from) || m->from - s.from > OPENING_MAX ||
        token_is(t, m->to - 1, apart, ARRAY_LEN(apart)))
        return false; /* a friend comes for himself */
    bool now = false;
    for (size_t i = first_trigger(all, s.from); i < all->n && all->m[i].from < s.to; i++) {
        const struct match *o = &all->m[i];
        if (o->owner == TRIGGER_HIST_PRE || o->owner == TRIGGER_HIST_POST ||
            o->owner == TRIGGER_HIST_NEAR || o->owner == TRIGGER_HYPO_PRE)
            return false;
        now |= o->owner == TRIGGER_EXP_NOW && o->from == m->to && o->to > link_end(c, m->to);
    }
    for (size_t at = s.from; at < s.to; at++) {
        if (token_is(t, at, gone, ARRAY_LEN(gone)))
            return false;
    }
    return now;
}

/* True when a token in (from, to] follows a colon: another label begins between. */
static bool has_label(const struct tokens *t, size_t from, size_t to)
{
    for (size_t i = from + 1; i <= to && i < t->n; i++) {
        if (t->t[i].brk == BRK_COLON)
            return true;
    }
    return false;
}

/* True when a token of (from, to] stands after a break of this kind or a stronger one. */
static bool has_brk(const struct tokens *t, size_t from, size_t to, enum brk brk)
{
    for (size_t i = from; i <= to && i < t->n; i++) {
        if ((enum brk)t->t[i].brk >= brk)
            return true;
    }
    return false;
}

static enum brk brk_before(const struct tokens *t, size_t at)
{
    return at < t->n ? (enum brk)t->t[at].brk : BRK_SENTENCE;
}

/* 'y' or 'n' when the token is an answer printed on forms, 0 when it is not. */
static char printed_answer(const struct tokens *t, size_t at)
{
    static const struct str yes[] = {STR("si"), STR("yes"), STR("s"), STR("y")};
    static const struct str no[] = {STR("no"), STR("n")};
    struct str word = {t->norm + t->t[at].norm, t->t[at].norm_len};
    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        if (str_eq(word, yes[i]))
            return 'y';
    }
    return str_eq(word, no[0]) || str_eq(word, no[1]) ? 'n' : 0;
}

/* "Chest pain: No" answers a label; such a no says nothing of what follows, above all when that is
 * a label itself ("Chest pain: No  Cough: Yes"). */
static bool is_answer(const struct tokens *t, const struct match *m, size_t next_to)
{
    /* "No, the pain is the same" answers what was asked before */
    bool opens = m->from == 0 || t->t[m->from].brk == BRK_SENTENCE;
    if (opens && m->to == m->from + 1 && printed_answer(t, m->from) == 'n' &&
        brk_before(t, m->to) == BRK_COMMA)
        return true;
    if (m->from == 0 || t->t[m->from].brk != BRK_COLON)
        return false;
    enum brk after = brk_before(t, m->to);
    return (after != BRK_NONE && after != BRK_COLON) || brk_before(t, next_to) == BRK_COLON;
}

static bool pre_reaches(const struct contexts *c, const struct match *m, struct span mention)
{
    const struct tokens *t = c->tokens;
    bool heading = brk_before(t, m->to) == BRK_COLON && mention.from > m->to;
    if (has_label(t, m->to, mention.from))
        return false;
    if (m->owner == TRIGGER_NEG_PRE && is_answer(t, m, mention.to))
        return false;
    bool near = m->owner == TRIGGER_HIST_NEAR || m->owner == TRIGGER_NEG_NEAR;
    if (near && has_brk(t, m->to, mention.from, BRK_COMMA))
        return false;
    if (is_relative(m->owner) && (is_reporter(c, m) || is_patient(c, m)))
        return false;
    /* "does not eat, does not breathe": the second denies for itself */
    if (is_negation(m->owner) && c->denies[mention.from] &&
        has_brk(t, m->to, mention.from, BRK_COMMA))
        return false;
    if (heading && m->owner != TRIGGER_NEG_PRE)
        return true;
    return mention.from - m->to <= reach[m->owner] &&
           !is_ended(c, m->owner, m->to, mention.from, mention);
}

/* "niega", "no hay" behind a mention deny it only where nothing follows that they could deny:
 * "palpitations: denies" against "weakness, denies fall". */
static bool has_own_object(const struct contexts *c, const struct match *m)
{
    const struct matches *all = &c->triggers;
    if (brk_before(c->tokens, m->to) != BRK_NONE)
        return false;
    for (size_t i = first_trigger(all, m->from); i < all->n && all->m[i].from == m->from; i++) {
        if (all->m[i].owner == TRIGGER_NEG_PRE && all->m[i].to == m->to)
            return true;
    }
    return false;
}

static bool post_reaches(const struct contexts *c, const struct match *m, struct span mention)
{
    const struct tokens *t = c->tokens;
    size_t distance = m->from - mention.to;
    if (m->owner == TRIGGER_ANSWER)
        return distance == 0 &&
               (brk_before(t, m->from) == BRK_COLON || brk_before(t, m->to) >= BRK_COMMA);
    if (m->from > mention.to && has_label(t, mention.to - 1, m->from - 1))
        return false;
    if (m->owner == TRIGGER_NEG_POST && has_own_object(c, m))
        return false;
    return distance <= reach[m->owner] && !is_ended(c, m->owner, mention.to, m->from, mention);
}

static bool is_box(const struct tokens *t, size_t at)
{
    return t->t[at].word == SYMBOL_BOX_ON || t->t[at].word == SYMBOL_BOX_OFF;
}

/* "chest pain [ ] Yes [x] No" or "Yes ( ) No (x)": the ticked answer decides, none ticked is none
 * given. True when such columns stand behind the mention. */
static bool columns_say(const struct tokens *t, size_t to, enum triage_assertion *ret)
{
    bool ticked[2] = {false, false}; /* yes, no */
    size_t at = to;
    while (at + 1 < t->n && t->t[at].brk != BRK_SENTENCE && t->t[at + 1].brk < BRK_COLON) {
        size_t box = is_box(t, at) ? at : at + 1, word = at + (box == at);
        char answer = is_box(t, box) ? printed_answer(t, word) : 0;
        /* "[ ] fever [ ] no appetite": the word must stand for itself */
        bool alone = at + 2 == t->n || t->t[at + 2].word < SYMBOL_FIRST_WORD ||
                     t->t[at + 2].brk != BRK_NONE || (word == at && answer != 0);
        if (answer == 0 || (!alone && at == to))
            break;
        ticked[answer == 'n'] |= t->t[box].word == SYMBOL_BOX_ON;
        at += 2;
    }
    *ret = ticked[0] ? TRIAGE_AFFIRMED : TRIAGE_NEGATED;
    return at > to;
}

/* "[ ] fever", "fever (-)" and ticks. True when a mark decides. */
static bool mark_says(const struct tokens *t, size_t from, size_t to, enum triage_assertion *ret)
{
    if (columns_say(t, to, ret))
        return true;
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

/* "no chest pain that is clear": a doubt glued to the mention weakens its denial. */
static bool is_doubted(const struct contexts *c, struct span mention)
{
    const struct matches *all = &c->triggers;
    for (size_t i = first_trigger(all, mention.to); i < all->n; i++) {
        if (all->m[i].from > mention.to)
            break;
        if (all->m[i].owner == TRIGGER_POSS_POST && brk_before(c->tokens, mention.to) == BRK_NONE)
            return true;
    }
    return false;
}

static enum triage_assertion verdict(const bool *found, bool doubted)
{
    if (found[TRIGGER_EXP_PRE] || found[TRIGGER_EXP_CHILD])
        return TRIAGE_OTHER;
    if (found[TRIGGER_NEG_PRE] || found[TRIGGER_NEG_NEAR] || found[TRIGGER_NEG_POST] ||
        found[TRIGGER_ANSWER])
        return doubted ? TRIAGE_POSSIBLE : TRIAGE_NEGATED;
    if (found[TRIGGER_HYPO_PRE])
        return TRIAGE_HYPOTHETICAL;
    if (found[TRIGGER_POSS_PRE] || found[TRIGGER_POSS_POST])
        return TRIAGE_POSSIBLE;
    if (found[TRIGGER_HIST_PRE] || found[TRIGGER_HIST_NEAR] || found[TRIGGER_HIST_POST])
        return TRIAGE_HISTORICAL;
    return TRIAGE_AFFIRMED;
}

enum triage_assertion contexts_of(const struct contexts *c, size_t from, size_t to)
{
    enum triage_assertion marked;
    if (mark_says(c->tokens, from, to, &marked))
        return marked;
    struct span s = sentence_of(c->tokens, from, to), mention = {from, to};
    const struct matches *all = &c->triggers;
    bool found[TRIGGER__COUNT] = {0};
    for (size_t i = first_trigger(all, s.from); i < all->n && all->m[i].from < s.to; i++) {
        const struct match *m = &all->m[i];
        bool before = m->to <= from && !is_post(m->owner);
        bool after = m->from >= to && is_post(m->owner);
        if (found[m->owner] || (!before && !after) || is_shadowed(all, i, mention))
            continue;
        if (m->owner == TRIGGER_EXP_CHILD && c->child)
            continue;
        if (m->owner == TRIGGER_HYPO_PRE && m->words == 1 && c->tokens->t[m->from].accent)
            continue; /* with its accent it is a yes, "si" is if */
        found[m->owner] = before ? pre_reaches(c, m, mention) : post_reaches(c, m, mention);
    }
    bool asked = to > 0 && c->tokens->t[to - 1].question && brk_before(c->tokens, to) != BRK_COLON;
    if (asked || (from < c->tokens->n && c->tokens->t[from].doubt))
        found[TRIGGER_POSS_POST] = true;
    return verdict(found, is_doubted(c, mention));
}

/* True when the words of `phrase` stand at `at`; the last may have another word glued to it
 * ("RESECTIONto"). */
static bool phrase_at(const struct tokens *phrase, const struct tokens *text, size_t at)
{
    for (size_t i = 0; i < phrase->n; i++) {
        const struct token *a = &phrase->t[i], *b = &text->t[at + i];
        bool glued = i > 0 && i + 1 == phrase->n && b->norm_len > a->norm_len;
        if ((a->norm_len != b->norm_len && !glued) ||
            memcmp(phrase->norm + a->norm, text->norm + b->norm, a->norm_len) != 0)
            return false;
    }
    return true;
}

/* The first mention of `phrase` that is no heading ("Allergies: no known allergies"), or the
 * heading when there is no other. */
static void find_phrase(const struct tokens *phrase, const struct tokens *text, struct span *ret)
{
    bool found = false;
    for (size_t at = 0; phrase->n > 0 && at + phrase->n <= text->n; at++) {
        if (!phrase_at(phrase, text, at))
            continue;
        bool heading = brk_before(text, at + phrase->n) == BRK_COLON;
        if (!found || !heading)
            *ret = (struct span){at, at + phrase->n};
        found = true;
        if (!heading)
            return;
    }
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
    tokens_look_up(rules->symbols, &text, false);
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
