/* Numbers that mix letters and digits (insurance ids), read several times: what one reading takes
 * for a J another takes for a 3.
 *
 * The rule not to break: nothing is put together from two readings; one of them is taken whole, and
 * where they do not agree the value is no longer sure. */
#include "formread/code.h"

#include "formread/text.h"

#define LARGER     1.6f
#define READINGS   3
#define DOUBTFUL   0.55 /* below what SPEC 6 lets pass without a person */
#define LETTER_YES 0.8  /* so sure must a reading be of letters where others see digits */
#define OTHER_YES  0.85 /* so sure the one that sees something else */

static bool is_letter(char c)
{
    return c >= 'A' && c <= 'Z';
}

/* `a` has letters where `b` has digits, and is `b` otherwise. */
static bool has_letters_for_digits(struct str a, struct str b)
{
    if (a.n != b.n || str_eq(a, b))
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (a.p[i] != b.p[i] && !(is_letter(a.p[i]) && b.p[i] >= '0' && b.p[i] <= '9'))
            return false;
    return true;
}

static struct code_reading reading_of(const struct reading *rd, TessBaseAPI *api, PIX *crop)
{
    struct code_reading r = {0};
    r.text = line_read(api, rd->arena, crop, false, &r.conf);
    if (field_normal(rd->arena, FIELD_INSURANCE_ID, r.text, rd->order, &r.normal) <= 0)
        r.normal = STR_NONE;
    return r;
}

void code_weigh(const struct reading *rd, const struct code_reading *r, int n, struct value *v)
{
    struct str now;
    if (v->conf <= 0 || field_normal(rd->arena, v->field, v->text, rd->order, &now) <= 0)
        return;
    for (int i = 0; i < n; i++) {
        struct str other = r[i].normal;
        if (other.n == 0 || str_eq(now, other))
            continue;
        if (has_letters_for_digits(other, now) && r[i].conf >= LETTER_YES) {
            v->text = r[i].text;
            v->fit = field_normal(rd->arena, v->field, v->text, rd->order, &now);
            v->conf = v->conf < DOUBTFUL ? v->conf : DOUBTFUL;
        } else if (has_letters_for_digits(now, other) || r[i].conf >= OTHER_YES) {
            v->conf = v->conf < DOUBTFUL ? v->conf : DOUBTFUL;
        }
    }
}

void code_settle(const struct reading *rd, PIX *crop, struct value *v)
{
    struct code_reading r[READINGS];
    struct str now;
    CLEANUP(pix_free) PIX *large = pixScale(crop, LARGER, LARGER);
    if (large == NULL || v->conf <= 0 ||
        field_normal(rd->arena, v->field, v->text, rd->order, &now) <= 0)
        return;
    r[0] = reading_of(rd, rd->fr->eng, crop);
    r[1] = reading_of(rd, rd->fr->eng, large);
    r[2] = reading_of(rd, rd->fr->spa, large);
    code_weigh(rd, r, READINGS, v);
}
