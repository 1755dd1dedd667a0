/* Word classes of the lexicon: a line "@pain class ..." names words that mean the same, and a
 * phrase
 * "@pain _ @chest" stands for every choice of them.
 *
 * The rule not to break: a class is spelt out while the rules are read, so matching knows only
 * plain phrases and costs the same. */
#include "triage/triage_int.h"

#define CLASSES_MAX   200
#define CLASS_DEPTH   4     /* classes in one phrase */
#define PATTERNS_MAX  60000 /* of one rule set */
#define PHRASE_MAX    400   /* bytes of a phrase or a class's word */
#define CLASS_COLUMNS 10

struct word_class {
    struct str name, words[2]; /* en, es */
};

struct classes {
    size_t n;
    struct word_class c[CLASSES_MAX];
};

struct classes *classes_new(struct arena *arena)
{
    return arena_make(arena, struct classes);
}

static const struct word_class *class_find(const struct classes *all, struct str name)
{
    for (size_t i = 0; i < all->n; i++) {
        if (str_eq(all->c[i].name, name))
            return &all->c[i];
    }
    return NULL;
}

const char *class_add(struct arena *arena, struct classes *all, const struct str *c)
{
    struct str name = {c[0].p + 1, c[0].n - 1};
    for (size_t i = 0; i < name.n; i++) {
        if (!((name.p[i] >= 'a' && name.p[i] <= 'z') || name.p[i] == '_'))
            return "a class is named @ and lower case letters";
    }
    if (name.n == 0)
        return "a class is named @ and lower case letters";
    for (size_t i = 2; i < CLASS_COLUMNS - 2; i++) {
        if (!str_eq(c[i], STR("-")))
            return "a class has - in the columns of a concept";
    }
    for (size_t i = CLASS_COLUMNS - 2; i < CLASS_COLUMNS; i++) {
        if (c[i].n > 0 && memchr(c[i].p, '@', c[i].n) != NULL)
            return "a class holds words, no class";
    }
    if (class_find(all, name) != NULL)
        return "this class stands on an earlier line too";
    if (all->n == CLASSES_MAX)
        return "too many classes";
    all->c[all->n++] = (struct word_class){arena_str(arena, name),
                                           {arena_str(arena, c[8]), arena_str(arena, c[9])}};
    return NULL;
}

/* The place of the first class in a phrase, its end behind `ret_end`; phrase.n without one. */
static size_t class_at(struct str phrase, size_t *ret_end)
{
    size_t at = 0;
    while (at < phrase.n && (phrase.p[at] != '@' || (at > 0 && phrase.p[at - 1] != ' ')))
        at++;
    *ret_end = at;
    while (*ret_end < phrase.n && phrase.p[*ret_end] != ' ')
        (*ret_end)++;
    return at;
}

static const char *spell_out(struct triage_rules *rules, struct pattern_set *set, struct str phrase,
                             const struct pattern *like, int depth)
{
    size_t end, at = class_at(phrase, &end);
    struct pattern p;
    if (at == phrase.n) {
        const char *wrong =
            pattern_compile(rules->symbols, phrase, like->e[0].gap_min, like->e[0].gap_max, &p);
        if (wrong == NULL && set->n == PATTERNS_MAX)
            return "too many phrases in the rules";
        p.owner = like->owner;
        p.lang = like->lang;
        p.added = like->added;
        if (wrong == NULL)
            pattern_set_add(rules->arena, set, &p);
        return wrong;
    }
    const struct word_class *k =
        class_find(rules->classes, (struct str){phrase.p + at + 1, end - at - 1});
    if (k == NULL)
        return "no such class on an earlier line";
    if (phrase.n > PHRASE_MAX)
        return "a phrase is too long";
    if (depth == CLASS_DEPTH)
        return "too many classes in a phrase";
    struct str words = k->words[like->lang == LANG_ES];
    if (words.n == 0)
        return "the class has no words in this language";
    const char *wrong = NULL;
    while (words.n > 0 && wrong == NULL) {
        struct str word = str_cut(&words, '|');
        if (word.n > PHRASE_MAX)
            return "a phrase is too long";
        const char *text = arena_fmt(rules->arena, STR_FMT STR_FMT STR_FMT, (int)at, phrase.p,
                                     STR_ARG(word), (int)(phrase.n - end), phrase.p + end);
        wrong = spell_out(rules, set, str_of(text), like, depth + 1);
    }
    return wrong;
}

const char *phrase_add(struct triage_rules *rules, struct pattern_set *set, struct str phrase,
                       const struct pattern *like)
{
    return spell_out(rules, set, phrase, like, 0);
}
