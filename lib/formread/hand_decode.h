/* Scores of signs along a line to the likeliest texts (private to lib/formread). */
#ifndef NEXACORE_FORMREAD_HAND_DECODE_H
#define NEXACORE_FORMREAD_HAND_DECODE_H

#include "formread/hand.h"

#define SIGNS_MAX 120

struct signs {
    char text[SIGNS_MAX][5]; /* UTF-8 */
    int count;
};

/* The signs of a UTF-8 line; false when it is malformed or has too many. */
bool signs_split(struct str line, struct signs *ret);

/* `scores`: for each of `columns` one of "no sign" and one of each sign, before softmax (they are
 * overwritten). The likeliest texts of the `allowed` signs, best first; returns how many. */
int hand_decode(struct arena *arena, const struct signs *signs, float *scores, int columns,
                enum hand_signs allowed, struct hand_text ret[HAND_BEST]);

#endif
