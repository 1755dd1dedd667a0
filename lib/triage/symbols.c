/* The dictionary: words and word beginnings of the rules, as small integers.
 *
 * The rule not to break: after loading it is read only, so threads share it without locks. */
#include "triage/triage_int.h"

#define TYPO_MIN       7  /* letters of a word that may have one wrong */
#define GUESSES_MAX    64 /* words of a doubtful text that are looked for among all of the rules' */
#define GUESS_SHORTEST 4
#define GUESS_LONGEST  24
#define SLOTS          32768U
#define TYPO_SLOTS     131072U
#define SYMBOLS_MAX    16000

struct symbols {
    struct arena *arena;
    struct str names[SYMBOLS_MAX];
    bool is_prefix[SYMBOLS_MAX];
    size_t n;
    uint16_t slots[SLOTS];
    uint16_t *typos; /* TYPO_SLOTS of words, by the hash of themselves less one letter */
    size_t prefix_max;
};

static uint32_t hash_of(const char *p, size_t n, size_t skip, uint32_t seed)
{
    uint32_t h = 2166136261U ^ seed;
    for (size_t i = 0; i < n; i++) {
        if (i != skip)
            h = (h ^ (unsigned char)p[i]) * 16777619U;
    }
    return h ^ (h >> 15);
}

#define SKIP_NONE SIZE_MAX

struct symbols *symbols_new(struct arena *arena)
{
    struct symbols *s = arena_make(arena, struct symbols);
    s->arena = arena;
    s->n = SYMBOL_FIRST_WORD;
    return s;
}

size_t symbols_count(const struct symbols *s)
{
    return s->n;
}

uint16_t symbol_get(struct symbols *s, struct str word, bool prefix, bool add)
{
    uint32_t at = hash_of(word.p, word.n, SKIP_NONE, prefix) % SLOTS;
    while (s->slots[at] != 0) {
        uint16_t id = s->slots[at];
        if (s->is_prefix[id] == prefix && str_eq(s->names[id], word))
            return id;
        at = (at + 1) % SLOTS;
    }
    if (!add || s->n >= SYMBOLS_MAX)
        return SYMBOL_NONE;
    uint16_t id = (uint16_t)s->n++;
    s->slots[at] = id;
    s->names[id] = arena_str(s->arena, word);
    s->is_prefix[id] = prefix;
    if (prefix && word.n > s->prefix_max)
        s->prefix_max = word.n;
    return id;
}

static void typo_put(struct symbols *s, uint16_t id, size_t skip)
{
    struct str w = s->names[id];
    uint32_t at = hash_of(w.p, w.n, skip, 7) % TYPO_SLOTS;
    for (size_t tries = 0; s->typos[at] != 0 && tries < 64; tries++)
        at = (at + 1) % TYPO_SLOTS;
    if (s->typos[at] == 0)
        s->typos[at] = id;
}

void symbols_add_typos(struct symbols *s)
{
    s->typos = arena_array(s->arena, TYPO_SLOTS, sizeof(*s->typos));
    for (size_t id = SYMBOL_FIRST_WORD; id < s->n; id++) {
        if (s->is_prefix[id] || s->names[id].n < TYPO_MIN)
            continue;
        typo_put(s, (uint16_t)id, SKIP_NONE);
        for (size_t skip = 0; skip < s->names[id].n; skip++)
            typo_put(s, (uint16_t)id, skip);
    }
}

/* True when the two differ by one letter added, dropped, changed, or by two neighbours swapped; the
 * first letter is right ("afebrile" is no "febrile", "ranging" no "hanging"). */
static bool one_wrong(struct str a, struct str b)
{
    if (a.p[0] != b.p[0])
        return false;
    size_t i = 0, j = 0;
    while (i < a.n && i < b.n && a.p[i] == b.p[i])
        i++;
    while (j < a.n - i && j < b.n - i && a.p[a.n - 1 - j] == b.p[b.n - 1 - j])
        j++;
    size_t in_a = a.n - i - j, in_b = b.n - i - j;
    if (in_a <= 1 && in_b <= 1)
        return true;
    return in_a == 2 && in_b == 2 && a.p[i] == b.p[i + 1] && a.p[i + 1] == b.p[i];
}

static uint16_t typo_probe(const struct symbols *s, struct str word, size_t skip)
{
    uint32_t at = hash_of(word.p, word.n, skip, 7) % TYPO_SLOTS;
    for (size_t tries = 0; s->typos[at] != 0 && tries < 64; tries++) {
        uint16_t id = s->typos[at];
        if (one_wrong(word, s->names[id]))
            return id;
        at = (at + 1) % TYPO_SLOTS;
    }
    return SYMBOL_NONE;
}

static uint16_t typo_find(const struct symbols *s, struct str word)
{
    if (s->typos == NULL || word.n + 1 < TYPO_MIN || word.n > 24)
        return SYMBOL_NONE;
    uint16_t id = typo_probe(s, word, SKIP_NONE);
    for (size_t skip = 0; id == SYMBOL_NONE && skip < word.n; skip++)
        id = typo_probe(s, word, skip);
    return id;
}

/* The word with what OCR reads as digits turned back into letters ("pech0", "pa1n"); a 1 becomes
 * `one`. Returns its symbol. */
static uint16_t unread_find(const struct symbols *s, struct str word, char one)
{
    static const char letters[] = "oizeasgtbg"; /* 0..9 */
    char buf[24];
    if (word.n > sizeof(buf))
        return SYMBOL_NONE;
    for (size_t i = 0; i < word.n; i++) {
        char c = word.p[i];
        bool digit = c >= '0' && c <= '9';
        buf[i] = !digit ? c : c == '1' ? one : letters[c - '0'];
    }
    return symbol_get((struct symbols *)s, (struct str){buf, word.n}, false, false);
}

static bool has_digit_inside(struct str word)
{
    size_t digits = 0;
    for (size_t i = 0; i < word.n; i++)
        digits += word.p[i] >= '0' && word.p[i] <= '9';
    return digits > 0 && word.n >= 4 && digits * 2 < word.n;
}

/* The symbol of a word that OCR or a hand spelt slightly wrong. */
static uint16_t misspelt_find(const struct symbols *s, struct str word)
{
    uint16_t id = SYMBOL_NONE;
    if (has_digit_inside(word)) {
        id = unread_find(s, word, 'l');
        id = id != SYMBOL_NONE ? id : unread_find(s, word, 'i');
    }
    return id != SYMBOL_NONE ? id : typo_find(s, word);
}

static bool is_year(struct str word)
{
    return word.n == 4 && (str_starts(word, STR("19")) || str_starts(word, STR("20")));
}

/* Letters to add, drop or change to make `b` of `a`; `max` + 1 when more. */
static size_t letters_wrong(struct str a, struct str b, size_t max)
{
    size_t row[GUESS_LONGEST + 1];
    if (a.n > b.n + max || b.n > a.n + max || b.n > GUESS_LONGEST)
        return max + 1;
    for (size_t j = 0; j <= b.n; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t corner = row[0], least = row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            size_t change = corner + (a.p[i - 1] != b.p[j - 1]);
            size_t step = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            corner = row[j];
            row[j] = change < step ? change : step;
            least = row[j] < least ? row[j] : least;
        }
        if (least > max)
            return max + 1;
    }
    return row[b.n];
}

/* The one word of the rules that a badly read word is nearest to; none when two are as near. */
static uint16_t guess_find(const struct symbols *s, struct str word)
{
    size_t allowed = word.n >= 9 ? 3 : word.n >= 6 ? 2 : word.n >= 5 ? 1 : 0;
    size_t best = 2 * allowed + 2, id_best = SYMBOL_NONE;
    if (allowed == 0 || word.n > GUESS_LONGEST)
        return SYMBOL_NONE;
    for (size_t id = SYMBOL_FIRST_WORD; id < s->n; id++) {
        struct str name = s->names[id];
        if (s->is_prefix[id] || name.n < GUESS_SHORTEST)
            continue;
        size_t wrong = letters_wrong(word, name, allowed);
        size_t far = 2 * wrong + (word.p[0] != name.p[0]);
        if (wrong <= allowed && far == best)
            id_best = SYMBOL_NONE;
        if (wrong > allowed || far >= best)
            continue;
        best = far;
        id_best = id;
    }
    return (uint16_t)id_best;
}

/* The beginnings of words that `word` has; returns how many. */
static size_t prefixes_find(const struct symbols *s, struct str word, struct token *t)
{
    struct symbols *read_only = (struct symbols *)s; /* nothing is added */
    size_t n = 0, most = word.n < s->prefix_max ? word.n : s->prefix_max;
    for (size_t len = 2; len <= most && n < TOKEN_PREFIXES; len++) {
        uint16_t id = symbol_get(read_only, (struct str){word.p, len}, true, false);
        if (id != SYMBOL_NONE)
            t->prefixes[n++] = id;
    }
    return n;
}

void tokens_look_up(const struct symbols *s, struct tokens *tokens, bool doubtful)
{
    size_t guesses = doubtful ? GUESSES_MAX : 0;
    for (size_t i = 0; i < tokens->n; i++) {
        struct token *t = &tokens->t[i];
        if (t->norm_len == 0)
            continue;
        struct str word = {tokens->norm + t->norm, t->norm_len};
        t->word = symbol_get((struct symbols *)s, word, false, false);
        if (t->word == SYMBOL_NONE && t->number && is_year(word))
            t->word = SYMBOL_YEAR;
        size_t prefixes = prefixes_find(s, word, t);
        if (t->word != SYMBOL_NONE || prefixes > 0 || t->number)
            continue;
        t->word = misspelt_find(s, word);
        if (t->word == SYMBOL_NONE && guesses > 0) {
            guesses--;
            t->word = guess_find(s, word);
            if (t->word != SYMBOL_NONE)
                prefixes_find(s, s->names[t->word], t);
        }
        t->typo = t->word != SYMBOL_NONE;
    }
}
