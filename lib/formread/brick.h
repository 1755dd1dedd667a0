/* Opening, closing and widening with rectangles, as Leptonica's pixOpenBrick, pixCloseSafeBrick and
 * pixDilateBrick give them, in far fewer steps: a rectangle of 301 x 1 takes 18 shifts and not 602,
 * all of a row's while it is at hand. */
#ifndef NEXACORE_FORMREAD_BRICK_H
#define NEXACORE_FORMREAD_BRICK_H

#include <leptonica/allheaders.h>

/* Runs of ink at least `w` x `h` pixels (1 bit a pixel); bit for bit pixOpenBrick(NULL, pix, w, h).
 * NULL when memory is short. The caller destroys it. */
PIX *brick_open(PIX *pix, int w, int h);

/* Ink widened by a rectangle; bit for bit pixDilateBrick(NULL, pix, w, h). The same. */
PIX *brick_dilate(PIX *pix, int w, int h);

/* Gaps of less than `w` x `h` filled; bit for bit pixCloseSafeBrick(NULL, pix, w, h). The same. */
PIX *brick_close(PIX *pix, int w, int h);

#endif
