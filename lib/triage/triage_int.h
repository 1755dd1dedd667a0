/* Inside lib/triage: tokens, patterns, rules, reasons. Not for users of the library.
 *
 * Text becomes tokens (normalised words with their place in the original), patterns are compiled to
 * symbols of the same dictionary, and everything after that compares integers. The rule not to
 * break: a token always keeps the bytes it came from, because they are the evidence. */
#ifndef NEXACORE_TRIAGE_TRIAGE_INT_H
#define NEXACORE_TRIAGE_TRIAGE_INT_H

#include <stdint.h>

#include "base/arena.h"
#include "triage/triage.h"

#define TRIAGE_MODERATE_AT 30
#define TRIAGE_URGENT_AT   60
#define TRIAGE_CRITICAL_AT 85

/* ---- text ------------------------------------------------------------------------------------ */
enum {
    SYMBOL_NONE = 0,
    SYMBOL_PLUS,  /* (+), a tick */
    SYMBOL_MINUS, /* (-) */
    SYMBOL_BOX_ON,
    SYMBOL_BOX_OFF,
    SYMBOL_YEAR, /* a number from 1900 to 2099; "#year" in a phrase */
    SYMBOL_FIRST_WORD
};

enum brk { /* what stands before a token, strongest */
           BRK_NONE,
           BRK_COMMA,
           BRK_COLON,
           BRK_LINE,
           BRK_SENTENCE, /* stop, semicolon, question mark, blank line */
};

#define TOKEN_PREFIXES 12

struct token {
    uint32_t start, end; /* bytes of the original text */
    uint32_t norm;       /* offset of the normalised word */
    uint16_t norm_len;
    uint8_t brk; /* enum brk before this token */
    bool typo;   /* `word` was found with one letter wrong */
    bool number;
    bool question;                     /* a question mark follows */
    bool doubt;                        /* a question mark stands before it: "?DVT" */
    bool denies;                       /* "no", "sin": a phrase's gap does not skip it */
    bool accent;                       /* it lost an accent: an accented "si" is no "if" */
    uint16_t word;                     /* symbol of the word, SYMBOL_NONE when the rules lack it */
    uint16_t prefixes[TOKEN_PREFIXES]; /* symbols of "word*" that begin it; 0 ends */
};

struct tokens {
    struct token *t;
    size_t n;
    char *norm;
    bool cut; /* the text was longer than TRIAGE_TEXT_MAX */
};

/* Normalises and splits `text` (NFKD, marks dropped, lower case, ASCII letters and digits). */
void tokens_read(struct arena *arena, struct str text, struct tokens *ret);

/* ---- patterns -------------------------------------------------------------------------------- */
enum element_kind { ELEMENT_WORD, ELEMENT_PREFIX, ELEMENT_GAP, ELEMENT_NUMBER };

struct element {
    uint8_t kind;
    uint8_t gap_min, gap_max; /* words */
    uint16_t symbol;          /* of a number: the least */
    uint16_t most;
};

#define PATTERN_ELEMENTS 12

enum lang { LANG_EN = 1, LANG_ES = 2, LANG_BOTH = 3 };

/* What a context trigger does. Order is the file's vocabulary, see trigger_kind_names. */
enum trigger_kind {
    TRIGGER_PSEUDO, /* looks like negation, is none */
    TRIGGER_NEG_PRE,
    TRIGGER_NEG_NEAR, /* "falta de": the next words only, not past a comma */
    TRIGGER_NEG_POST,
    TRIGGER_POSS_PRE,
    TRIGGER_POSS_POST,
    TRIGGER_HYPO_PRE,
    TRIGGER_HIST_PRE,
    TRIGGER_HIST_NEAR, /* "prior": the next words only, not past a comma */
    TRIGGER_HIST_POST,
    TRIGGER_HIST_PSEUDO,
    TRIGGER_EXP_PRE,
    TRIGGER_EXP_CHILD,  /* "my son": another person only where the patient is grown up */
    TRIGGER_EXP_LINK,   /* joins a relative and the illness: "mother with", "padre tiene" */
    TRIGGER_EXP_REPORT, /* who tells or brings, beside the relative: "mother says", "by his wife" */
    TRIGGER_EXP_NOW,    /* what befalls a relative now: "my husband is not", "mi papa no" */
    TRIGGER_EXP_PSEUDO,
    TRIGGER_ANSWER,    /* denies only as the answer to a label: "fever: no" */
    TRIGGER_TERM,      /* ends the reach of what stands before it */
    TRIGGER_TERM_WEAK, /* ends all but an "if" */
    TRIGGER__COUNT
};

struct pattern {
    uint16_t owner; /* concept index, or trigger kind */
    uint8_t lang;
    uint8_t count;
    uint8_t words; /* elements that are no gap: longer patterns win */
    bool added;    /* by a clinic's overlay: it hides no other mention */
    struct element e[PATTERN_ELEMENTS];
};

/* Patterns by their first symbol. */
struct pattern_set {
    struct pattern *p;
    size_t n, cap;
    uint32_t *first; /* per symbol: index of its first pattern; patterns are sorted by it */
};

struct match {
    uint32_t from, to; /* tokens [from, to) */
    uint64_t literal;  /* bit i: token from + i was named, not skipped by a gap */
    uint16_t owner;
    uint8_t words;
    bool typo;
    bool added; /* as its pattern */
};

struct matches {
    struct match *m;
    size_t n, cap;
};

/* ---- rules ----------------------------------------------------------------------------------- */
enum persist { PERSIST_CURRENT, PERSIST_DAY, PERSIST_ANY };

struct gates {
    int age_from, age_to; /* months, to exclusive */
    char sex;             /* 0 any */
};

struct concept {
    const char *id, *group, *source;
    enum triage_level level;
    int points;
    enum persist persist;
    struct gates gates;
    struct gates hides; /* the lexicon's own: an overlay that opens gates hides no more mentions */
    bool modifier;
};

struct symbols; /* the dictionary */

struct triage_rules {
    struct arena *arena;
    struct symbols *symbols;
    struct classes *classes;
    struct concept *concepts;
    size_t concept_count;
    struct pattern_set lexicon, triggers;
    const char *version;
    char sha256[65];
};

/* The symbol of a word (or of a prefix pattern), SYMBOL_NONE when unknown; `add` makes it. */
uint16_t symbol_get(struct symbols *s, struct str word, bool prefix, bool add);
struct symbols *symbols_new(struct arena *arena);
size_t symbols_count(const struct symbols *s);
/* Lets words of TYPO_MIN letters and more be found with one letter wrong. */
void symbols_add_typos(struct symbols *s);

/* Gives each token its symbols; in a `doubtful` text also words that are somewhat like theirs. */
void tokens_look_up(const struct symbols *s, struct tokens *tokens, bool doubtful);

/* Compiles one phrase ("radiat* _ left arm", "glucose #300-999"); gaps skip gap_min..gap_max words.
 * Returns NULL or what is wrong with it. */
const char *pattern_compile(struct symbols *s, struct str phrase, int gap_min, int gap_max,
                            struct pattern *ret);
void pattern_set_add(struct arena *arena, struct pattern_set *set, const struct pattern *p);
void pattern_set_index(struct arena *arena, struct pattern_set *set, size_t symbols);

struct classes;
struct classes *classes_new(struct arena *arena);
/* Adds the class of a line's ten columns ("@pain", "class", six "-", words of en, of es). Returns
 * NULL or what is wrong with it; likewise phrase_add. */
const char *class_add(struct arena *arena, struct classes *all, const struct str *columns);
/* Adds a phrase to `set`, its classes spelt out, with owner, language and gap (of e[0]) of `like`.
 */
const char *phrase_add(struct triage_rules *rules, struct pattern_set *set, struct str phrase,
                       const struct pattern *like);

/* All matches of the set in `tokens`, by start, longest first at each start. */
void pattern_set_find(struct arena *arena, const struct pattern_set *set, unsigned langs,
                      const struct tokens *tokens, struct matches *ret);

/* ---- assertion ------------------------------------------------------------------------------- */
/* Trigger matches of one text, ready to be asked about mentions. Reading them marks the tokens that
 * deny, so it comes before the lexicon's phrases are looked for. */
struct contexts {
    const struct tokens *tokens;
    struct matches triggers;
    bool *denies; /* by token: a denying word begins here, also one that a concept took */
    bool child;   /* the patient is one: "my son" is the patient */
};
void contexts_read(struct arena *arena, const struct triage_rules *rules, unsigned langs,
                   struct tokens *tokens, struct contexts *ret);
/* Drops the triggers that share a word with a concept found in the text: the "no" of "no respira"
 * denies nothing that follows. `taken` has one flag a token. */
void contexts_protect(struct contexts *c, const bool *taken);
enum triage_assertion contexts_of(const struct contexts *c, size_t from, size_t to);

/* ---- reasons --------------------------------------------------------------------------------- */
struct reasons {
    struct arena *arena;
    struct triage_reason *r;
    size_t n, cap;
};
void reasons_add(struct reasons *out, const struct triage_reason *reason);
void reasons_add_vital(struct reasons *out, const char *rule, const char *field, int points,
                       int floor, const char *source);
void news2_reasons(const struct triage_vitals *v, struct reasons *out, int *ret_total);
void paeds_reasons(const struct triage_vitals *v, int age_months, struct reasons *out);

/* Reasons that need a complaint and a vital sign of an adult. */
void together_reasons(const struct triage_vitals *v, struct reasons *out);

/* The concept a form's box stands for, and the floor a ticked one sets. NULL: no such box. */
struct box_rule {
    const char *key, *concept;
    int floor;
};
const struct box_rule *box_rule_find(const char *key);

/* Hundredths below which a sure mention of this level keeps the score from falling. */
int level_floor(enum triage_level level);

#endif
