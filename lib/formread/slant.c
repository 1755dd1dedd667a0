/* Words in writing, read at several slants: a reader of print knows upright letters.
 *
 * The rule not to break: one reading is taken whole; words of the language speak for a reading,
 * they never change it. */
#include "formread/reread.h"

#include "formread/text.h"

#define WORD_SHARE 0.5  /* what it is worth when all words of a reading are of the language */
#define SAME_SHARE 0.15 /* what each other reading that says the same is worth */
#define AGREED     3    /* readings that say the same are more than luck */
#define LUCK_MOST  0.74 /* confidence of a reading that no such number shares */
#define WORD_MOST  40

static const struct {
    l_float32 scale, lean; /* size, and how far it is pushed upright */
} slants[] = {{1, 0.15f}, {1, 0.3f}, {1, -0.15f}, {0.7f, 0}, {0.7f, 0.2f}};

#define READINGS (ARRAY_LEN(slants) + 1)

struct slanted {
    struct str text, folded;
    double conf, words;
};

/* The crop at one size and slant; NULL when there is no memory for it. */
static PIX *slanted_make(PIX *crop, l_float32 scale, l_float32 lean)
{
    PIX *sized = pixScale(crop, scale, scale);
    if (sized == NULL || lean == 0)
        return sized;
    int room = pixGetHeight(sized) / 2;
    CLEANUP(pix_free) PIX *whole = sized;
    CLEANUP(pix_free) PIX *wide = pixAddBorderGeneral(whole, room, room, 0, 0, 205);
    return wide ? pixHShearLI(wide, pixGetHeight(wide) / 2, lean, L_BRING_IN_WHITE) : NULL;
}

/* Share of the letters that stand in words the model's language has. */
static double words_share(TessBaseAPI *api, struct str text)
{
    size_t letters = 0, known = 0;
    while (text.n > 0) {
        struct str word = str_cut(&text, ' ');
        char z[WORD_MOST];
        while (word.n > 0 && strchr(".,;:!?()\"'", word.p[word.n - 1]))
            word.n--;
        letters += word.n;
        if (word.n < 3 || word.n >= sizeof(z))
            continue;
        memcpy(z, word.p, word.n);
        z[word.n] = 0;
        known += TessBaseAPIIsValidWord(api, z) ? word.n : 0;
    }
    return letters > 0 ? (double)known / (double)letters : 0;
}

static void slanted_add(const struct reading *rd, TessBaseAPI *api, struct str text, double conf,
                        struct slanted *ret)
{
    *ret = (struct slanted){.text = text, .conf = conf};
    ret->folded = text_fold(rd->arena, text);
    ret->words = words_share(api, text);
}

/* How many of the readings say what `self` says, itself too. */
static int same_count(const struct slanted *all, size_t n, size_t self)
{
    int same = 0;
    for (size_t i = 0; i < n; i++)
        same += all[i].folded.n > 0 && str_eq(all[i].folded, all[self].folded);
    return same;
}

void slants_settle(const struct reading *rd, PIX *crop, bool lines, struct value *v)
{
    struct slanted all[READINGS];
    TessBaseAPI *api = rd->language == LANGUAGE_EN ? rd->fr->eng : rd->fr->spa;
    slanted_add(rd, api, v->text, v->conf, &all[0]);
    for (size_t i = 0; i < ARRAY_LEN(slants); i++) {
        double conf = 0;
        CLEANUP(pix_free) PIX *pix = slanted_make(crop, slants[i].scale, slants[i].lean);
        struct str text = pix ? line_read(api, rd->arena, pix, lines, &conf) : STR_NONE;
        slanted_add(rd, api, text, conf, &all[i + 1]);
    }
    size_t best = 0;
    double best_score = 0;
    for (size_t i = 0; i < READINGS; i++) {
        struct str normal;
        double fit = field_normal(rd->arena, v->field, all[i].text, rd->order, &normal);
        double score = fit * (all[i].conf + WORD_SHARE * all[i].words +
                              SAME_SHARE * (same_count(all, READINGS, i) - 1));
        if (score > best_score) {
            best_score = score;
            best = i;
        }
    }
    struct str normal;
    bool agreed = same_count(all, READINGS, best) >= AGREED;
    v->text = all[best].text;
    v->fit = field_normal(rd->arena, v->field, v->text, rd->order, &normal);
    v->conf = agreed || all[best].conf < LUCK_MOST ? all[best].conf : LUCK_MOST;
}
