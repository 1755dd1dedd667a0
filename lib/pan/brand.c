/* Issuer ranges (ISO/IEC 7812-1 identification numbers) and the number lengths each brand uses.
 *
 * The rule not to break: a range is here because the brand publishes it for real cards; guessing
 * wider ranges makes every long number of a clinic look like a card. */
#include "pan/pan_int.h"

#define LEN(n)    (1U << (n))
#define LEN_16_19 (LEN(16) | LEN(17) | LEN(18) | LEN(19))
#define LEN_13_19 (LEN(13) | LEN(14) | LEN(15) | LEN_16_19)

/* Ordered by `low`; six digits, both ends inclusive. Co-branded ranges take the first entry. */
static const struct range {
    unsigned low, high;
    enum pan_brand brand;
    unsigned lens;
} ranges[] = {
    {222100, 272099, BRAND_MASTERCARD, LEN(16)},
    {300000, 305999, BRAND_DINERS, LEN(14) | LEN_16_19},
    {309500, 309599, BRAND_DINERS, LEN(14) | LEN_16_19},
    {340000, 349999, BRAND_AMEX, LEN(15)},
    {352800, 358999, BRAND_JCB, LEN_16_19},
    {360000, 369999, BRAND_DINERS, LEN(14) | LEN_16_19},
    {370000, 379999, BRAND_AMEX, LEN(15)},
    {380000, 399999, BRAND_DINERS, LEN(14) | LEN_16_19},
    {400000, 499999, BRAND_VISA, LEN(13) | LEN(16) | LEN(19)},
    {501800, 501899, BRAND_MAESTRO, LEN_13_19},
    {502000, 502099, BRAND_MAESTRO, LEN_13_19},
    {503800, 503899, BRAND_MAESTRO, LEN_13_19},
    {510000, 559999, BRAND_MASTERCARD, LEN(16)},
    {561200, 561299, BRAND_MAESTRO, LEN_13_19},
    {589300, 589399, BRAND_MAESTRO, LEN_13_19},
    {601100, 601199, BRAND_DISCOVER, LEN_16_19},
    {620000, 629999, BRAND_UNIONPAY, LEN_16_19},
    {630400, 630499, BRAND_MAESTRO, LEN_13_19},
    {639000, 639099, BRAND_MAESTRO, LEN_13_19},
    {644000, 659999, BRAND_DISCOVER, LEN_16_19},
    {670000, 679999, BRAND_MAESTRO, LEN_13_19},
    {810000, 817199, BRAND_UNIONPAY, LEN_16_19},
};

enum pan_brand pan_brand_of(unsigned head, size_t len)
{
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]) && ranges[i].low <= head; i++) {
        if (head <= ranges[i].high && len <= PAN_LEN_MAX && (ranges[i].lens & LEN(len)))
            return ranges[i].brand;
    }
    return BRAND_NONE;
}
