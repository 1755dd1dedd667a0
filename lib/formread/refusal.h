/* Why a file was not read: a code for programs and a sentence for the clerk at the front desk. */
#ifndef NEXACORE_FORMREAD_REFUSAL_H
#define NEXACORE_FORMREAD_REFUSAL_H

#include "base/str.h"

enum formread_refusal {
    FORMREAD_OK,
    FORMREAD_EMPTY,
    FORMREAD_TOO_LARGE,   /* bytes */
    FORMREAD_UNSUPPORTED, /* no type we read, whatever the file name says */
    FORMREAD_DAMAGED,     /* right type, but does not decode to its end */
    FORMREAD_PASSWORD,    /* encrypted PDF */
    FORMREAD_TOO_MANY_PAGES,
    FORMREAD_TOO_MANY_PIXELS, /* a page above the limit, from its header */
    FORMREAD_NO_PAGES,
    FORMREAD__COUNT
};

#define FORMREAD_FILE_MAX   (20U << 20) /* bytes of an upload */
#define FORMREAD_PAGES_MAX  10          /* pages of a form */
#define FORMREAD_PIXELS_MAX 50000000ULL /* pixels of a page */

/* "damaged", "password-protected", ...: stable, for programs. "" for FORMREAD_OK. */
const char *formread_refusal_code(enum formread_refusal refusal);

/* What happened and what to do, in one sentence. */
const char *formread_refusal_sentence(enum formread_refusal refusal);

/* The refusal of a code; FORMREAD__COUNT when there is none of that name. */
enum formread_refusal formread_refusal_of(struct str code);

#endif
