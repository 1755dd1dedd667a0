/* The second reading of a value alone, by Tesseract's line model and by the model of handwriting
 * (private to lib/formread). */
#ifndef NEXACORE_FORMREAD_REREAD_H
#define NEXACORE_FORMREAD_REREAD_H

#include "formread/values.h"

/* crop.c: `r` of the page and a little around, 8 bpp, without rests of frames and leaders. NULL
 * when there is nothing of it on the page; the caller frees it. */
PIX *crop_make(const struct page *page, struct rect r);

/* Reads `crop` (8 bpp; one line, or some `lines`) and settles what `v` says with what was read of
 * it before: text, fit and conf change, nothing else. */
void value_reread(const struct reading *rd, PIX *crop, bool lines, struct value *v);

/* slant.c: reads words that were not read well again at other slants; `v` becomes the reading that
 * has most words of the language and that most others share. */
void slants_settle(const struct reading *rd, PIX *crop, bool lines, struct value *v);

#endif
