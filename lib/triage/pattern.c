/* Phrases as sequences of symbols, and finding them among tokens.
 *
 * The rule not to break: a match never runs across the end of a sentence, and the work at one token
 * is bounded by the patterns that begin with it. */
#include "triage/triage_int.h"

static int by_first(const struct pattern *a, const struct pattern *b)
{
    if (a->e[0].symbol != b->e[0].symbol)
        return a->e[0].symbol < b->e[0].symbol ? -1 : 1;
    return (int)b->words - (int)a->words;
}

static const char *element_add(struct symbols *s, struct str word, struct pattern *p)
{
    if (p->count == PATTERN_ELEMENTS)
        return "too many words in a phrase";
    bool prefix = word.p[word.n - 1] == '*';
    if (prefix)
        word.n--;
    if (word.n < 1 || (prefix && word.n < 2))
        return "a word beginning needs two letters before the star";
    uint16_t symbol = symbol_get(s, word, prefix, true);
    if (symbol == SYMBOL_NONE)
        return "too many words in the rules";
    p->e[p->count++] =
        (struct element){.kind = prefix ? ELEMENT_PREFIX : ELEMENT_WORD, .symbol = symbol};
    p->words++;
    return NULL;
}

/* A word of the file may hold punctuation ("10/10"): it is normalised like text. */
static const char *word_add(struct symbols *s, struct str raw, struct pattern *p)
{
    char word[64];
    size_t n = 0;
    for (size_t i = 0; i <= raw.n; i++) {
        char c = i < raw.n ? raw.p[i] : ' ';
        bool keep = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '*';
        if (c == '\'')
            continue;
        if ((unsigned char)c >= 0x80 || (c >= 'A' && c <= 'Z'))
            return "phrases are lower case ASCII without accents";
        if (keep && n + 1 >= sizeof(word))
            return "a word is too long";
        if (keep) {
            word[n++] = c;
            continue;
        }
        const char *wrong = n > 0 ? element_add(s, (struct str){word, n}, p) : NULL;
        if (wrong != NULL)
            return wrong;
        n = 0;
    }
    return NULL;
}

/* "#year", or "#300-999": a whole number in that range. */
static const char *number_add(struct str raw, struct pattern *p)
{
    uint64_t least, most;
    struct str range = {raw.p + 1, raw.n - 1};
    if (p->count == 0)
        return "a phrase does not begin with a number";
    if (p->count == PATTERN_ELEMENTS)
        return "too many words in a phrase";
    struct element e = {.kind = ELEMENT_WORD, .symbol = SYMBOL_YEAR};
    if (!str_eq(raw, STR("#year"))) {
        struct str first = str_cut(&range, '-');
        if (!str_u64(first, 9999, &least) || !str_u64(range, 9999, &most) || least > most)
            return "a number is #year or #LEAST-MOST up to 9999";
        e = (struct element){
            .kind = ELEMENT_NUMBER, .symbol = (uint16_t)least, .most = (uint16_t)most};
    }
    p->e[p->count++] = e;
    p->words++;
    return NULL;
}

const char *pattern_compile(struct symbols *s, struct str phrase, int gap_min, int gap_max,
                            struct pattern *ret)
{
    *ret = (struct pattern){0};
    while (phrase.n > 0) {
        struct str raw = str_cut(&phrase, ' ');
        if (raw.n == 0)
            continue;
        if (!str_eq(raw, STR("_"))) {
            const char *wrong = raw.p[0] == '#' ? number_add(raw, ret) : word_add(s, raw, ret);
            if (wrong != NULL)
                return wrong;
            continue;
        }
        if (ret->count == 0)
            return "a phrase does not begin with a gap";
        if (ret->count == PATTERN_ELEMENTS)
            return "too many words in a phrase";
        ret->e[ret->count++] = (struct element){
            .kind = ELEMENT_GAP, .gap_min = (uint8_t)gap_min, .gap_max = (uint8_t)gap_max};
    }
    if (ret->words == 0)
        return "an empty phrase";
    if (ret->e[ret->count - 1].kind == ELEMENT_GAP)
        return "a phrase does not end with a gap";
    return NULL;
}

void pattern_set_add(struct arena *arena, struct pattern_set *set, const struct pattern *p)
{
    if (set->n == set->cap) {
        size_t cap = set->cap ? set->cap * 2 : 512;
        struct pattern *bigger = arena_array(arena, cap, sizeof(*bigger));
        if (set->n > 0)
            memcpy(bigger, set->p, set->n * sizeof(*bigger));
        set->p = bigger;
        set->cap = cap;
    }
    set->p[set->n++] = *p;
}

/* Merge sort: stable, so that equal patterns keep the file's order on every C library. */
static void sort(struct pattern *p, struct pattern *spare, size_t n)
{
    if (n < 2)
        return;
    size_t half = n / 2, i = 0, j = half, k = 0;
    sort(p, spare, half);
    sort(p + half, spare, n - half);
    while (i < half && j < n)
        spare[k++] = by_first(&p[j], &p[i]) < 0 ? p[j++] : p[i++];
    while (i < half)
        spare[k++] = p[i++];
    while (j < n)
        spare[k++] = p[j++];
    memcpy(p, spare, n * sizeof(*p));
}

void pattern_set_index(struct arena *arena, struct pattern_set *set, size_t symbols)
{
    struct pattern *spare = arena_array(arena, set->n + 1, sizeof(*spare));
    sort(set->p, spare, set->n);
    set->first = arena_array(arena, symbols + 1, sizeof(*set->first));
    size_t at = 0;
    for (size_t symbol = 0; symbol <= symbols; symbol++) {
        while (at < set->n && set->p[at].e[0].symbol < symbol)
            at++;
        set->first[symbol] = (uint32_t)at;
    }
}

static bool number_is(const struct tokens *tokens, const struct token *t, const struct element *e)
{
    uint64_t value;
    struct str digits = {tokens->norm + t->norm, t->norm_len};
    return t->number && str_u64(digits, 9999, &value) && value >= e->symbol && value <= e->most;
}

static bool token_is(const struct tokens *tokens, const struct token *t, const struct element *e)
{
    if (e->kind == ELEMENT_NUMBER)
        return number_is(tokens, t, e);
    if (e->kind == ELEMENT_WORD)
        return t->word == e->symbol;
    for (size_t i = 0; i < TOKEN_PREFIXES && t->prefixes[i] != 0; i++) {
        if (t->prefixes[i] == e->symbol)
            return true;
    }
    return false;
}

/* Matches the elements from `at` on, gaps as short as possible. */
static bool match_rest(const struct pattern *p, size_t element, const struct tokens *tokens,
                       size_t at, struct match *m)
{
    for (; element < p->count; element++) {
        const struct element *e = &p->e[element];
        if (e->kind == ELEMENT_GAP) {
            for (size_t skip = e->gap_min; skip <= e->gap_max; skip++) {
                struct match tried = *m;
                if (skip > 0 && at + skip <= tokens->n && tokens->t[at + skip - 1].denies)
                    return false; /* "pregnant, no bleeding" is no bleeding */
                if (match_rest(p, element + 1, tokens, at + skip, &tried)) {
                    *m = tried;
                    return true;
                }
            }
            return false;
        }
        if (at >= tokens->n || at - m->from >= 64 || !token_is(tokens, &tokens->t[at], e))
            return false;
        for (size_t i = m->to; i <= at; i++) {
            if (tokens->t[i].brk == BRK_SENTENCE && i > m->from)
                return false;
        }
        m->literal |= (uint64_t)1 << (at - m->from);
        m->typo |= tokens->t[at].typo;
        m->to = (uint32_t)++at;
    }
    return true;
}

static void matches_add(struct arena *arena, struct matches *out, const struct match *m)
{
    if (out->n == out->cap) {
        size_t cap = out->cap ? out->cap * 2 : 32;
        struct match *bigger = arena_array(arena, cap, sizeof(*bigger));
        if (out->n > 0)
            memcpy(bigger, out->m, out->n * sizeof(*bigger));
        out->m = bigger;
        out->cap = cap;
    }
    out->m[out->n++] = *m;
}

static void find_from(struct arena *arena, const struct pattern_set *set, unsigned langs,
                      const struct tokens *tokens, size_t at, uint16_t symbol, struct matches *ret)
{
    for (size_t i = set->first[symbol]; i < set->first[symbol + 1]; i++) {
        const struct pattern *p = &set->p[i];
        struct match m = {
            .from = (uint32_t)at, .to = (uint32_t)at, .owner = p->owner, .words = p->words};
        m.added = p->added;
        if ((p->lang & langs) == 0 || !match_rest(p, 0, tokens, at, &m))
            continue;
        matches_add(arena, ret, &m);
    }
}

void pattern_set_find(struct arena *arena, const struct pattern_set *set, unsigned langs,
                      const struct tokens *tokens, struct matches *ret)
{
    *ret = (struct matches){0};
    for (size_t at = 0; at < tokens->n; at++) {
        const struct token *t = &tokens->t[at];
        if (t->word >= SYMBOL_FIRST_WORD)
            find_from(arena, set, langs, tokens, at, t->word, ret);
        for (size_t i = 0; i < TOKEN_PREFIXES && t->prefixes[i] != 0; i++)
            find_from(arena, set, langs, tokens, at, t->prefixes[i], ret);
    }
}
