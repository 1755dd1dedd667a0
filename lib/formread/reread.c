/* The second reading of a value alone. Readers that agree make it surer, readers that do not make
 * it doubtful.
 *
 * The rule not to break: a value is what one of the readers read. What may stand in a field only
 * chooses between their readings; nothing is put together from two. */
#include "formread/reread.h"

#include <math.h>

#include "formread/code.h"
#include "formread/hand.h"
#include "formread/text.h"

#define SURE_ENOUGH 0.93 /* a value read so surely is not read again */
#define MODEST      0.55 /* power: of readings said to be right at 0.2, half are */
#define GUESS       0.3  /* values less sure are left empty */
#define READABLE    0.5  /* so sure is Tesseract of most signs of print */
#define VITAL_SURE  0.97 /* two digits of a vital sign one reader is too easily sure of */
#define WRITTEN     0.75 /* words read less surely are read at other slants */
#define VARIANTS    5    /* of a crop, read each */

static bool same_normal(const struct reading *rd, enum field field, struct str a, struct str b)
{
    struct str na, nb;
    field_normal(rd->arena, field, a, rd->order, &na);
    field_normal(rd->arena, field, b, rd->order, &nb);
    return na.n > 0 && str_eq(text_fold(rd->arena, na), text_fold(rd->arena, nb));
}

/* Takes the second reading when it fits better, or as well and surer. */
static void value_merge(const struct reading *rd, struct value *v, struct str text, double conf)
{
    struct str normal;
    double fit = field_normal(rd->arena, v->field, text, rd->order, &normal);
    if (v->fit > 0 && same_normal(rd, v->field, v->text, text)) {
        double sure = v->conf > conf ? v->conf : conf;
        v->conf = 1 - (1 - sure) * 0.5;
        return;
    }
    double penalty = v->text.n > 0 && v->fit > 0 ? 0.85 : 1;
    if (fit * (0.4 + conf) > v->fit * (0.4 + v->conf)) {
        v->text = text;
        v->fit = fit;
        v->conf = conf;
    }
    v->conf *= penalty;
}

static enum hand_signs signs_of(enum field field)
{
    switch (field) {
    case FIELD_NATIONAL_ID:
    case FIELD_PHONE:
    case FIELD_CARD_NUMBER:
    case FIELD_CARD_EXPIRY:
    case FIELD_CARD_CVV:
        return HAND_DIGITS;
    case FIELD_INSURANCE_ID:
        return HAND_CODE;
    case FIELD_DATE_OF_BIRTH:
        return HAND_DATE;
    case FIELD_TEMPERATURE:
        return HAND_NUMBER;
    default:
        return field_is_number(field) ? HAND_NUMBER : HAND_TEXT;
    }
}

/* Values that are right or wrong as a whole. The model of handwriting reads these alone: of names
 * and sentences it was taught too few. */
static bool is_exact(enum field field)
{
    return field_is_number(field) || field == FIELD_DATE_OF_BIRTH || field == FIELD_TEMPERATURE ||
           field == FIELD_INSURANCE_ID || field == FIELD_CONSCIOUSNESS;
}

/* The best value among readings: those that say the same count together. */
static bool best_value(const struct reading *rd, enum field field, const struct hand_text *read,
                       int n, struct value *ret)
{
    struct str folded[VARIANTS * HAND_BEST];
    double fit[VARIANTS * HAND_BEST], likely[VARIANTS * HAND_BEST], best = 0;
    for (int i = 0; i < n; i++) {
        struct str normal;
        fit[i] = field_normal(rd->arena, field, read[i].text, rd->order, &normal);
        likely[i] = field_likely(field, normal);
        folded[i] = text_fold(rd->arena, normal);
    }
    for (int i = 0; i < n; i++) {
        double sum = 0;
        for (int k = 0; k < n && fit[i] > 0; k++)
            sum += fit[k] > 0 && str_eq(folded[i], folded[k]) ? read[k].conf : 0;
        double weight = fit[i] * sum * likely[i];
        if (weight <= best)
            continue;
        best = weight;
        ret->text = read[i].text;
        ret->fit = fit[i];
        ret->conf = sum > 1 ? 1 : sum;
    }
    return best > 0;
}

/* What the model of handwriting says settles what the others could not read, and confirms or puts
 * in doubt what they could. */
static void value_merge_hand(const struct reading *rd, struct value *v, const struct value *hand)
{
    if (v->fit > 0 && same_normal(rd, v->field, v->text, hand->text)) {
        double sure = v->conf > hand->conf ? v->conf : hand->conf;
        v->conf = 1 - (1 - sure) * 0.5;
        return;
    }
    /* Tesseract's confidence is of a usual sign, the other one of the whole text */
    double whole = pow(v->conf, (double)v->text.n / 3 + 0.5);
    /* a guess that would be left out does not take the place of a value that need not be */
    bool guess = hand->conf < GUESS && v->fit > 0 && v->conf >= READABLE;
    bool better = !guess && hand->fit * hand->conf > v->fit * whole;
    double doubt = v->fit > 0 ? 0.8 : 0.9;
    if (better) {
        v->text = hand->text;
        v->fit = hand->fit;
        v->conf = hand->conf * doubt;
    } else if (hand->conf > 0.5) {
        v->conf *= doubt;
    }
}

/* The crop as it is, drawn wide, pressed, and leaning either way: a sign read so every time is it.
 */
static PIX *crop_variant(PIX *crop, int variant)
{
    switch (variant) {
    case 1:
        return pixScale(crop, 1.25f, 1);
    case 2:
        return pixScale(crop, 0.8f, 1);
    case 3:
    case 4: {
        CLEANUP(pix_free) PIX *wide = pixAddBorderGeneral(crop, 8, 8, 0, 0, 215);
        return wide ? pixHShearLI(wide, pixGetHeight(wide) / 2, variant == 3 ? 0.15f : -0.15f,
                                  L_BRING_IN_WHITE)
                    : NULL;
    }
    default:
        return pixClone(crop);
    }
}

/* Readings of all variants after each other, each with its share of the whole. */
static int exact_read(const struct reading *rd, PIX *crop, enum hand_signs signs,
                      struct hand_text ret[VARIANTS * HAND_BEST])
{
    int count = 0;
    for (int i = 0; i < VARIANTS; i++) {
        CLEANUP(pix_free) PIX *pix = crop_variant(crop, i);
        int n = pix ? hand_read(rd->fr->hand, rd->arena, pix, signs, ret + count) : 0;
        for (int k = count; k < count + n; k++)
            ret[k].conf /= VARIANTS;
        count += n;
    }
    return count;
}

static void value_hand(const struct reading *rd, PIX *crop, struct value *v)
{
    struct hand_text read[VARIANTS * HAND_BEST];
    struct value hand = {.field = v->field};
    int n = exact_read(rd, crop, signs_of(v->field), read);
    if (!best_value(rd, v->field, read, n, &hand))
        return;
    hand.conf = pow(hand.conf, MODEST);
    value_merge_hand(rd, v, &hand);
}

/* Read so surely with the page that another reading of the same print would only repeat it. Vital
 * signs are read again in any case: one digit of two is soon misread, and they are short. */
static bool is_sure(const struct value *v)
{
    return v->fit >= 1 && v->conf >= SURE_ENOUGH && field_group(v->field) != GROUP_VITALS;
}

static void value_print(const struct reading *rd, PIX *crop, bool lines, struct value *v)
{
    double conf = 0;
    TessBaseAPI *api = rd->language == LANGUAGE_EN ? rd->fr->eng : rd->fr->spa;
    struct str text = line_read(api, rd->arena, crop, lines, &conf);
    if (text.n > 0)
        value_merge(rd, v, text, conf);
    if (field_is_number(v->field) && v->fit < 1) { /* the other model's digits */
        api = api == rd->fr->eng ? rd->fr->spa : rd->fr->eng;
        text = line_read(api, rd->arena, crop, lines, &conf);
        if (text.n > 0)
            value_merge(rd, v, text, conf);
    }
}

/* Names and sentences. */
static bool is_words(enum field field)
{
    return field == FIELD_FULL_NAME || field == FIELD_INSURANCE_PROVIDER ||
           field_group(field) == GROUP_TEXT;
}

void value_reread(const struct reading *rd, PIX *crop, bool lines, struct value *v)
{
    if (!is_sure(v))
        value_print(rd, crop, lines, v);
    if (is_words(v->field) && v->conf < WRITTEN)
        slants_settle(rd, crop, lines, v);
    double enough = field_group(v->field) == GROUP_VITALS ? VITAL_SURE : SURE_ENOUGH;
    if (is_exact(v->field) && (v->fit < 1 || v->conf < enough))
        value_hand(rd, crop, v);
    if (v->field == FIELD_INSURANCE_ID)
        code_settle(rd, crop, v);
}
