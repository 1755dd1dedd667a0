/* Reads the rule set: lexicon.tsv and context_triggers.tsv (formats in their heads).
 *
 * The rule not to break: a file with one bad line is refused whole, naming file, line and reason; a
 * rule set is never half loaded. */
#include "triage/triage_int.h"

#include "base/cleanup.h"
#include "base/crypt.h"

#define COLUMNS_MAX  10
#define CONCEPTS_MAX 2000
#define RULES_BYTES  ((size_t)64 << 20)
#define AGE_OPEN     100000 /* months */

static const char *const level_names[] = {"LOW", "MODERATE", "URGENT", "CRITICAL"};
static const char *const persist_names[] = {"cur", "24h", "any"};
static const char *const trigger_kind_names[TRIGGER__COUNT] = {
    "pseudo",     "neg_pre",   "neg_near",   "neg_post",    "poss_pre", "poss_post", "hypo_pre",
    "hist_pre",   "hist_near", "hist_post",  "hist_pseudo", "exp_pre",  "exp_child", "exp_link",
    "exp_report", "exp_now",   "exp_pseudo", "answer",      "term",     "term_weak"};

struct loader {
    struct triage_rules *rules;
    const char *file;
    size_t line;
    const char *version; /* of this file; NULL without one */
    const char *heading; /* of its first column */
    bool added;          /* an overlay */
};

static struct problem *refuse(const struct loader *l, const char *reason)
{
    return problem_new(NULL, PROBLEM_VALIDATION, "%s line %zu: %s", l->file, l->line, reason);
}

static size_t split(struct str line, struct str *columns)
{
    size_t n = 0;
    bool more = true;
    while (more && n < COLUMNS_MAX) {
        more = line.n > 0 && memchr(line.p, '\t', line.n) != NULL;
        columns[n++] = str_cut(&line, '\t');
    }
    return more ? COLUMNS_MAX + 1 : n;
}

static int index_of(struct str name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq(name, str_of(names[i])))
            return (int)i;
    }
    return -1;
}

static bool is_id(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'))
            return false;
    }
    return s.n > 0 && s.n < 48;
}

static bool read_age(struct str s, int *ret_from, int *ret_to)
{
    *ret_from = 0;
    *ret_to = AGE_OPEN;
    if (str_eq(s, STR("*")))
        return true;
    uint64_t from, to = AGE_OPEN;
    struct str first = str_cut(&s, '-');
    if (!str_u64(first, 2000, &from) || (!str_eq(s, STR("*")) && !str_u64(s, 2000, &to)))
        return false;
    *ret_from = (int)from;
    *ret_to = (int)to;
    return from < to;
}

/* Adds every phrase of "a|b|c". */
static struct problem *add_phrases(struct loader *l, struct pattern_set *set, struct str phrases,
                                   uint16_t owner, unsigned lang, int gap_min, int gap_max)
{
    while (phrases.n > 0) {
        struct str phrase = str_cut(&phrases, '|');
        struct pattern like = {.owner = owner, .lang = (uint8_t)lang, .added = l->added};
        like.e[0].gap_min = (uint8_t)gap_min;
        like.e[0].gap_max = (uint8_t)gap_max;
        const char *wrong = phrase_add(l->rules, set, phrase, &like);
        if (wrong != NULL)
            return refuse(l, wrong);
    }
    return NULL;
}

/* id group level points persist age_months sex ref en es, without the phrases. */
static struct problem *read_columns(struct loader *l, const struct str *c, struct concept *k)
{
    struct arena *arena = l->rules->arena;
    uint64_t points = 0;
    int level = index_of(c[2], level_names, ARRAY_LEN(level_names));
    int persist = index_of(c[4], persist_names, ARRAY_LEN(persist_names));
    if (!is_id(c[0]) || !is_id(c[1]))
        return refuse(l, "id and group are lower case letters, digits and _");
    if (level < 0)
        return refuse(l, "level is LOW, MODERATE, URGENT or CRITICAL");
    if (!str_u64(c[3], 100, &points))
        return refuse(l, "points are 0 to 100");
    if (persist < 0)
        return refuse(l, "persist is cur, 24h or any");
    if (!read_age(c[5], &k->gates.age_from, &k->gates.age_to))
        return refuse(l, "age is * or FROM-TO in months, FROM below TO");
    if (!str_eq(c[6], STR("*")) && !str_eq(c[6], STR("M")) && !str_eq(c[6], STR("F")))
        return refuse(l, "sex is M, F or *");
    if (c[8].n == 0 && c[9].n == 0)
        return refuse(l, "a concept needs a phrase");
    k->id = arena_cstr(arena, c[0]);
    k->group = arena_cstr(arena, c[1]);
    k->source = arena_cstr(arena, c[7]);
    k->level = (enum triage_level)level;
    k->points = (int)points;
    k->persist = (enum persist)persist;
    k->gates.sex = c[6].p[0] == '*' ? 0 : c[6].p[0];
    k->hides = k->gates;
    k->modifier = str_eq(c[1], STR("modifier"));
    if (k->level == TRIAGE_CRITICAL && k->points < TRIAGE_CRITICAL_AT)
        return refuse(l, "a CRITICAL concept has at least 85 points");
    return NULL;
}

static struct problem *add_concept_phrases(struct loader *l, const struct str *c, size_t concept)
{
    struct pattern_set *set = &l->rules->lexicon;
    TRY(add_phrases(l, set, c[8], (uint16_t) concept, LANG_EN, 0, 3));
    return add_phrases(l, set, c[9], (uint16_t) concept, LANG_ES, 0, 3);
}

/* Index of the concept with this id, or concept_count. */
static size_t concept_index(const struct triage_rules *rules, const char *id)
{
    size_t i = 0;
    while (i < rules->concept_count && strcmp(rules->concepts[i].id, id) != 0)
        i++;
    return i;
}

/* "@name class - - - - - - en es" */
static struct problem *read_class(struct loader *l, const struct str *c)
{
    const char *wrong = class_add(l->rules->arena, l->rules->classes, c);
    return wrong != NULL ? refuse(l, wrong) : NULL;
}

static struct problem *read_concept(struct loader *l, struct str *c)
{
    struct triage_rules *rules = l->rules;
    if (str_eq(c[1], STR("class")) && str_starts(c[0], STR("@")))
        return read_class(l, c);
    struct concept k = {0};
    TRY(read_columns(l, c, &k));
    if (concept_index(rules, k.id) < rules->concept_count)
        return refuse(l, "this id stands on an earlier line too");
    rules->concepts[rules->concept_count] = k;
    return add_concept_phrases(l, c, rules->concept_count++);
}

/* A line of a clinic's overlay: a new concept, or one that is raised. */
static struct problem *read_overlay(struct loader *l, struct str *c)
{
    struct triage_rules *rules = l->rules;
    struct concept k = {0};
    if (str_starts(c[0], STR("@")))
        return read_concept(l, c);
    TRY(read_columns(l, c, &k));
    size_t at = concept_index(rules, k.id);
    if (at == rules->concept_count)
        return read_concept(l, c);
    struct concept *old = &rules->concepts[at];
    if (k.level < old->level || k.points < old->points)
        return refuse(l, "an overlay may raise a concept, not lower it");
    const struct gates *now = &k.gates, *was = &old->gates;
    bool narrower = now->age_from > was->age_from || now->age_to < was->age_to ||
                    k.persist < old->persist || (now->sex != 0 && now->sex != was->sex);
    if (narrower || strcmp(k.group, old->group) != 0)
        return refuse(l, "an overlay may not narrow a concept or move it to another group");
    k.hides = old->hides;
    *old = k;
    return add_concept_phrases(l, c, at);
}

/* lang kind phrases */
static struct problem *read_trigger(struct loader *l, struct str *c)
{
    int kind = index_of(c[1], trigger_kind_names, TRIGGER__COUNT);
    bool en = str_eq(c[0], STR("en")), es = str_eq(c[0], STR("es"));
    if (!en && !es)
        return refuse(l, "lang is en or es");
    if (kind < 0)
        return refuse(l, "no such kind of trigger");
    if (c[2].n == 0)
        return refuse(l, "a trigger needs a phrase");
    return add_phrases(l, &l->rules->triggers, c[2], (uint16_t)kind, en ? LANG_EN : LANG_ES, 1, 1);
}

/* "2026.11-2", of an overlaid set "2026.11-2+north-3". */
static void read_version(struct loader *l, struct str line)
{
    struct str mark = STR("# version: ");
    if (!str_starts(line, mark))
        return;
    struct str version = str_trim((struct str){line.p + mark.n, line.n - mark.n});
    struct str limited = {version.p, version.n < 64 ? version.n : 64};
    l->version = arena_cstr(l->rules->arena, limited);
}

static struct problem *read_file(struct loader *l, struct str text, size_t columns,
                                 struct problem *(*read)(struct loader *, struct str *))
{
    bool headed = false;
    if (!str_utf8_valid(text))
        return refuse(l, "the file is not UTF-8");
    while (text.n > 0) {
        struct str line = str_cut(&text, '\n');
        l->line++;
        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        if (line.n == 0 || line.p[0] == '#') {
            read_version(l, line);
            continue;
        }
        struct str c[COLUMNS_MAX + 1];
        size_t n = split(line, c);
        if (n != columns)
            return refuse(l, "wrong number of columns");
        if (!headed) {
            if (!str_eq(c[0], str_of(l->heading)))
                return refuse(l, "the file has no heading line");
            headed = true;
            continue;
        }
        if (l->rules->concept_count >= CONCEPTS_MAX)
            return refuse(l, "too many concepts");
        TRY(read(l, c));
    }
    return headed ? NULL : refuse(l, "the file has no heading line");
}

static void rules_hash(struct triage_rules *rules, struct str lexicon, struct str triggers,
                       struct str overlay)
{
    CLEANUP(buf_free) struct buf all = BUF_MAX(lexicon.n + triggers.n + overlay.n + 16);
    buf_add_str(&all, lexicon);
    buf_add_c(&all, '\0');
    buf_add_str(&all, triggers);
    if (overlay.n > 0) {
        buf_add_c(&all, '\0');
        buf_add_str(&all, overlay);
    }
    uint8_t digest[SHA256_LEN];
    sha256(buf_str(&all), digest);
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; i < SHA256_LEN; i++) {
        rules->sha256[2 * i] = hex[digest[i] >> 4];
        rules->sha256[2 * i + 1] = hex[digest[i] & 15];
    }
}

struct problem *triage_rules_load_overlaid(struct str lexicon, struct str triggers,
                                           struct str overlay, struct triage_rules **ret)
{
    struct arena *arena = arena_new(RULES_BYTES);
    CLEANUP(triage_rules_free) struct triage_rules *rules = arena_make(arena, struct triage_rules);
    rules->arena = arena;
    rules->symbols = symbols_new(arena);
    rules->classes = classes_new(arena);
    rules->concepts = arena_array(arena, CONCEPTS_MAX + 1, sizeof(*rules->concepts));
    struct loader words = {.rules = rules, .file = "lexicon", .heading = "id"};
    struct loader more = {.rules = rules, .file = "overlay", .heading = "id", .added = true};
    struct loader kinds = {.rules = rules, .file = "triggers", .heading = "lang"};
    TRY(read_file(&words, lexicon, 10, read_concept));
    if (rules->concept_count == 0)
        return refuse(&words, "the file has no concept");
    rules->version = words.version ? words.version : "unversioned";
    if (overlay.n > 0) {
        TRY(read_file(&more, overlay, 10, read_overlay));
        rules->version =
            arena_fmt(arena, "%s+%s", rules->version, more.version ? more.version : "overlay");
    }
    symbols_add_typos(rules->symbols); /* triggers are never guessed */
    TRY(read_file(&kinds, triggers, 3, read_trigger));
    pattern_set_index(arena, &rules->lexicon, symbols_count(rules->symbols));
    pattern_set_index(arena, &rules->triggers, symbols_count(rules->symbols));
    rules_hash(rules, lexicon, triggers, overlay);
    *ret = TAKE(rules);
    return NULL;
}

struct problem *triage_rules_load(struct str lexicon, struct str triggers,
                                  struct triage_rules **ret)
{
    return triage_rules_load_overlaid(lexicon, triggers, STR_NONE, ret);
}

void triage_rules_free(struct triage_rules **rules)
{
    if (*rules == NULL)
        return;
    struct arena *arena = (*rules)->arena;
    *rules = NULL;
    arena_free(&arena);
}

const char *triage_rules_version(const struct triage_rules *rules)
{
    return rules->version;
}

const char *triage_rules_sha256(const struct triage_rules *rules)
{
    return rules->sha256;
}
