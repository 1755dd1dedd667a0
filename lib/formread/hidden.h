/* What a file says beside its pixels (private to lib/formread). */
#ifndef NEXACORE_FORMREAD_HIDDEN_H
#define NEXACORE_FORMREAD_HIDDEN_H

#include "base/buf.h"

/* Appends to `text` the pieces of the file's metadata (EXIF, XMP, comments, text chunks, a PDF's
 * information, text layer, notes and form values) that have digits enough for a card number, one a
 * paragraph. For looking for such numbers, never to be shown; pieces that do not fit, and more than
 * can be looked at, make `text` overflow. Any bytes are safe. */
void hidden_text(struct str file, struct buf *text);

/* Of bytes: the runs of printable UTF-8, NULs left out (UTF-16), that have ASCII digits enough. */
void hidden_runs(struct str bytes, struct buf *text);

/* decode_pdf.c: the same of a document that pdf_open gave. */
void hidden_of_pdf(void *pdf, struct buf *text);

#endif
