/* A small network that reads one written line: convolutions over the strip, a score per sign at
 * every fourth column, and the likeliest texts among them (private to lib/formread).
 *
 * tools/handmodel teaches it; what it learned is data/hand.bin, linked in. It opens no file. */
#ifndef NEXACORE_FORMREAD_HAND_H
#define NEXACORE_FORMREAD_HAND_H

#include <leptonica/allheaders.h>

#include "base/arena.h"
#include "base/str.h"

struct hand;

/* What may stand in a line: the reading is chosen among these signs alone. */
enum hand_signs {
    HAND_DIGITS, /* digits and the signs between them: phone, id, card */
    HAND_NUMBER, /* the same, and letters of units */
    HAND_CODE,   /* digits and capital letters */
    HAND_DATE,   /* digits and signs between them; letters of months' names if they are clear */
    HAND_TEXT,   /* all */
};

struct hand_text {
    struct str text; /* UTF-8, in the arena */
    double conf;     /* 0..1: the network's probability of exactly this text */
};

#define HAND_BEST 12 /* readings that hand_read gives at most */

/* The network of `data` (what export in tools/handmodel/train.py wrote); NULL when it is damaged.
 */
struct hand *hand_open(const unsigned char *data, size_t n);
void hand_close(struct hand **hand);

/* The likeliest texts of the written line in `pix` (8 bpp, dark on light), best first, into `ret`.
 * Returns how many: 0 when there is no ink. */
int hand_read(struct hand *hand, struct arena *arena, PIX *pix, enum hand_signs signs,
              struct hand_text ret[HAND_BEST]);

#endif
