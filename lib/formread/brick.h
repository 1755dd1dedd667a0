/* Opening and closing with large rectangles, as Leptonica's pixOpenBrick and pixCloseSafeBrick give
 * them, in far fewer passes over the page: a rectangle of 301 x 1 takes 18 shifts and not 602. */
#ifndef NEXACORE_FORMREAD_BRICK_H
#define NEXACORE_FORMREAD_BRICK_H

#include <leptonica/allheaders.h>

/* Runs of ink at least `w` x `h` pixels (1 bit a pixel); bit for bit pixOpenBrick(NULL, pix, w, h).
 * NULL when memory is short. The caller destroys it. */
PIX *brick_open(PIX *pix, int w, int h);

/* Gaps of less than `w` x `h` filled; bit for bit pixCloseSafeBrick(NULL, pix, w, h). The same. */
PIX *brick_close(PIX *pix, int w, int h);

#endif
