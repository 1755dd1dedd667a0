/* How urgent is this patient? A deterministic, explainable score from text, boxes and vital signs.
 *
 * Rules are data (a lexicon and context triggers), the arithmetic is integers, and every point has
 * its reason. It is decision support, not diagnosis. The rule not to break: a vital sign that was
 * not measured is unknown, never normal, and a red flag's floor is lowered by nothing. */
#ifndef NEXACORE_TRIAGE_TRIAGE_H
#define NEXACORE_TRIAGE_TRIAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/problem.h"
#include "base/str.h"
#include "json/json_out.h"

enum triage_level { TRIAGE_LOW, TRIAGE_MODERATE, TRIAGE_URGENT, TRIAGE_CRITICAL };

/* What the words around a mention say of it. */
enum triage_assertion {
    TRIAGE_AFFIRMED,
    TRIAGE_NEGATED,
    TRIAGE_POSSIBLE,
    TRIAGE_HYPOTHETICAL, /* "return if chest pain" */
    TRIAGE_HISTORICAL,
    TRIAGE_OTHER, /* another person's */
};

/* One measured value in its natural integer unit. */
struct triage_vital {
    bool known;
    int value;
};

struct triage_vitals {
    struct triage_vital sbp, dbp; /* mmHg */
    struct triage_vital hr, rr;   /* a minute */
    struct triage_vital spo2;     /* per cent */
    struct triage_vital temp;     /* tenths of a degree Celsius */
    struct triage_vital pain;     /* 0..10 */
    char acvpu;                   /* 'A' 'C' 'V' 'P' 'U', 0 when unknown */
    bool on_oxygen;
    bool scale2; /* SpO2 scale 2: known hypercapnic failure, set by a clinician */
};

struct triage_text {
    const char *field; /* name repeated in the reasons, such as "chiefComplaint" */
    struct str text;   /* UTF-8, already free of card numbers; TRIAGE_TEXT_MAX bytes are read */
    /* Read from handwriting, not surely: a word that the rules do not know is taken for the one
     * word of theirs that it is near to (one letter in three may be wrong, the first too). Such a
     * mention counts like one with a typing error: it is marked, has no floor, and asks for review
     * where it is a red flag. */
    bool doubtful;
};
#define TRIAGE_TEXT_MAX 65536

struct triage_symptom {
    const char *concept; /* a box's key such as "chest_pain", or a concept of the lexicon */
    bool checked;        /* ticked; an empty box says nothing */
};

struct triage_input {
    struct str lang; /* "es" or "en"; anything else tries both */
    int age_months;  /* -1 unknown: every age gate is open and the result asks for review */
    char sex;        /* 'F', 'M', 0 unknown */
    const struct triage_text *texts;
    size_t text_count;
    const struct triage_symptom *symptoms;
    size_t symptom_count;
    struct triage_vitals vitals;
    int emergency_at; /* hundredths; 0 means 60 */
};

/* One parameter's share of a reason that adds several up (NEWS2). */
struct triage_part {
    const char *field; /* "respiratoryRate", ...; "onOxygen" */
    int points;        /* of the chart, 0 to 3 */
};

struct triage_reason {
    const char *rule;  /* concept id, "news2", "paeds_rr", "age_65", ... */
    const char *group; /* within a group only the highest counts */
    int points;        /* hundredths, before combination */
    int floor;         /* hundredths below which this reason keeps the score from falling; 0 none */
    const char *source; /* published scale or guideline the rule was drawn from */
    const char *field;  /* the text's name; "symptoms"; "age"; of a vital sign its name as in
                           `missing`, or "painScore"; "vitals" when several took part */
    size_t start, end;  /* evidence, bytes of that field; both 0 when it is no text */
    int symptom;        /* index into the input's symptoms, -1 when it is none of them */
    const struct triage_part *parts; /* what adds up to news2, highest first; else none */
    size_t part_count;
    bool typo;    /* matched with one letter wrong; in a doubtful text with some */
    bool counted; /* took part in the score (the highest of its group) */
};

struct triage_suppressed {
    const char *rule;
    enum triage_assertion why;
    const char *field;
    size_t start, end;
};

struct triage_result {
    int score; /* hundredths, 0..100 */
    enum triage_level level;
    bool emergency;
    bool review; /* a person should look: see review_why */
    const char *review_why[8];
    size_t review_count;
    int news2;                     /* total, -1 for children and when nothing was measured */
    struct triage_reason *reasons; /* in the arena, highest first */
    size_t reason_count;
    struct triage_suppressed *suppressed;
    size_t suppressed_count;
    const char *missing[6]; /* vital signs NEWS2 wants and did not get */
    size_t missing_count;
    const char *version; /* of the rule set; valid as long as the rules */
    const char *sha256;  /* hex */
};

struct triage_rules;

/* Reads a rule set. A bad file is refused: the problem names file, line and reason. The result is
 * immutable, may be shared by threads and belongs to the caller. */
struct problem *triage_rules_load(struct str lexicon, struct str triggers,
                                  struct triage_rules **ret);
/* The same with a clinic's overlay, a file in the lexicon's format or an empty text. It may add
 * concepts, and to one that exists phrases, points and a higher level; a lower level, fewer points
 * or narrower gates are refused, and its phrases hide no other mention, longer or not: no overlay
 * can take a red flag away. */
struct problem *triage_rules_load_overlaid(struct str lexicon, struct str triggers,
                                           struct str overlay, struct triage_rules **ret);
void triage_rules_free(struct triage_rules **rules);

/* The rule set built into the program; never NULL, never freed, made once. */
const struct triage_rules *triage_rules_default(void);

/* The texts it was read from, for an overlay or a comparison; valid for ever. */
struct str triage_lexicon_default(void);
struct str triage_triggers_default(void);

/* What identifies a rule set: its own version line ("2026.11-2", overlaid
 * "2026.11-2+north-3"), and SHA-256 (hex) of its files. */
const char *triage_rules_version(const struct triage_rules *rules);
const char *triage_rules_sha256(const struct triage_rules *rules);

/* Scores one patient. What the result points to lives in `arena` and in `rules`. Never fails: what
 * cannot be used is left out and asks for review. */
void triage_score(struct arena *arena, const struct triage_rules *rules,
                  const struct triage_input *input, struct triage_result *ret);

/* Where on the pages a reason's source stands, for forms that were read from paper. */
struct triage_place {
    int page;
    double x, y, w, h; /* fractions of the page */
};
struct triage_places {
    /* Fills `ret` and returns true when `field` (or the input's symptom, when it is not -1) has a
     * known place. */
    bool (*find)(const void *user, const char *field, int symptom, struct triage_place *ret);
    const void *user;
};

/* Writes the `triage` object: {"score","level","emergency","ruleset":{"version","sha256"},"news2",
 * "reasons":[{"rule","group","points","floor","counted","source","field","evidence","box",...}],
 * "suppressed":[...],"missing":[...],"review":[...]}. Offsets, ids and numbers only, no text of the
 * patient; enough to compute the score again. `places` may be NULL: every box is null then. */
void triage_result_write(const struct triage_result *result, const struct triage_places *places,
                         struct jw *w);

/* What `sentence` says of its first mention of `phrase` (the whole sentence when it is not found).
 * `lang` as in triage_input. */
enum triage_assertion triage_context(struct arena *arena, const struct triage_rules *rules,
                                     struct str lang, struct str phrase, struct str sentence);

/* NEWS2 (Royal College of Physicians, National Early Warning Score 2, 2017). */
struct triage_news2 {
    int rr, spo2, oxygen, sbp, hr, acvpu, temp; /* points of each; 0 when not measured */
    int total;
    bool any3; /* one parameter alone scores 3 */
};
struct triage_news2 triage_news2(const struct triage_vitals *v);

const char *triage_level_name(enum triage_level level);         /* "CRITICAL" */
const char *triage_assertion_name(enum triage_assertion value); /* "negated" */

#endif
