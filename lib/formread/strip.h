/* The picture that the model of handwriting reads (private to lib/formread and its trainer). */
#ifndef NEXACORE_FORMREAD_STRIP_H
#define NEXACORE_FORMREAD_STRIP_H

#include <leptonica/allheaders.h>
#include <stdbool.h>

#define STRIP_HEIGHT   32   /* pixels */
#define STRIP_LEAST    12   /* pixels wide */
#define STRIP_MOST     1024 /* pixels wide; longer lines are pressed together */
#define STRIP_CONTRAST 30   /* grey levels between paper and pen; less is no writing */

/* `pix` (8 bpp, dark on light, one line) cut to its ink with a tenth of its height around, scaled
 * to STRIP_HEIGHT, 0 paper to 255 pen. NULL when there is no ink. The caller frees it. */
PIX *strip_make(PIX *pix);

#endif
