/* What a file is, from its magic bytes and headers alone: type, pages, pixels, orientation.
 *
 * No decoder is called here; every read is bounded by the file's length and every walk by a count,
 * so any bytes are safe. File names and declared media types are not looked at. */
#ifndef NEXACORE_FORMREAD_SNIFF_H
#define NEXACORE_FORMREAD_SNIFF_H

#include "formread/refusal.h"

enum formread_type { FORMREAD_PNG, FORMREAD_JPEG, FORMREAD_TIFF, FORMREAD_PDF };

struct formread_sniffed_page {
    uint32_t w, h;   /* pixels as stored */
    int orientation; /* EXIF / TIFF tag 274, 1..8 */
    double x_per_y;  /* horizontal by vertical resolution; 1 when unknown */
};

struct formread_sniffed {
    enum formread_type type;
    int pages; /* 0 for PDF: the decoder knows */
    struct formread_sniffed_page page[FORMREAD_PAGES_MAX];
};

/* Checks type and limits of SPEC 6. On FORMREAD_OK `ret` is filled. */
enum formread_refusal formread_sniff(struct str file, struct formread_sniffed *ret);

#endif
