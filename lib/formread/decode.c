/* Decoders behind one door: leptonica for pictures, poppler for PDF, always after formread_sniff.
 *
 * The rule not to break: a decoder is named by the sniffed type; nothing guesses from content
 * again, so a file cannot reach a decoder that its header checks did not cover. */
#include "formread/page.h"

struct decoder {
    struct str file;
    struct formread_sniffed sniffed;
    void *pdf;
    int pages;
};

void pix_free(PIX **pix)
{
    pixDestroy(pix);
}

void decoder_close(struct decoder **d)
{
    if (*d == NULL)
        return;
    pdf_close(&(*d)->pdf);
    lept_free(*d);
    *d = NULL;
}

enum formread_refusal decoder_open(struct str file, struct decoder **ret)
{
    struct formread_sniffed sniffed;
    enum formread_refusal refusal = formread_sniff(file, &sniffed);
    if (refusal != FORMREAD_OK)
        return refusal;
    struct decoder *d = lept_calloc(1, sizeof(*d));
    if (d == NULL)
        return FORMREAD_TOO_LARGE;
    *d = (struct decoder){.file = file, .sniffed = sniffed, .pages = sniffed.pages};
    if (sniffed.type == FORMREAD_PDF)
        refusal = pdf_open(file, &d->pdf, &d->pages);
    if (refusal == FORMREAD_OK && d->pages == 0)
        refusal = FORMREAD_NO_PAGES;
    if (refusal == FORMREAD_OK && d->pages > FORMREAD_PAGES_MAX)
        refusal = FORMREAD_TOO_MANY_PAGES;
    if (refusal != FORMREAD_OK) {
        decoder_close(&d);
        return refusal;
    }
    *ret = d;
    return FORMREAD_OK;
}

int decoder_pages(const struct decoder *d)
{
    return d->pages;
}

/* The picture turned as EXIF/TIFF orientation 1..8 asks; consumes `pix`. */
static PIX *oriented(PIX *pix, int orientation)
{
    static const struct {
        int turns;
        bool mirror; /* left-right, after the turn */
    } how[9] = {[1] = {0, false}, [2] = {0, true},  [3] = {2, false}, [4] = {2, true},
                [5] = {1, true},  [6] = {1, false}, [7] = {3, true},  [8] = {3, false}};
    if (orientation <= 1 || orientation > 8)
        return pix;
    CLEANUP(pix_free) PIX *from = pix;
    PIX *turned = pixRotateOrth(from, how[orientation].turns);
    if (turned != NULL && how[orientation].mirror)
        pixFlipLR(turned, turned);
    return turned;
}

static PIX *picture_decode(const struct decoder *d, int index)
{
    const l_uint8 *p = (const l_uint8 *)d->file.p;
    switch (d->sniffed.type) {
    case FORMREAD_PNG:
        return pixReadMemPng(p, d->file.n);
    case FORMREAD_JPEG:
        return pixReadMemJpeg(p, d->file.n, 0, 1, NULL, 0);
    case FORMREAD_TIFF:
        return pixReadMemTiff(p, d->file.n, index);
    case FORMREAD_PDF:
        break;
    }
    return NULL;
}

/* Any depth, palette or alpha becomes 8 bpp grey or 32 bpp RGB on white. */
static PIX *flattened(PIX *pix, bool colour)
{
    CLEANUP(pix_free) PIX *from = pix;
    CLEANUP(pix_free) PIX *plain = pixRemoveColormap(from, REMOVE_CMAP_BASED_ON_SRC);
    CLEANUP(pix_free) PIX *opaque = NULL;
    if (plain == NULL)
        return NULL;
    if (pixGetDepth(plain) == 32 && pixGetSpp(plain) == 4)
        opaque = pixAlphaBlendUniform(plain, 0xffffff00);
    else
        opaque = pixClone(plain);
    if (opaque == NULL)
        return NULL;
    return colour ? pixConvertTo32(opaque) : pixConvertTo8(opaque, 0);
}

enum formread_refusal decoder_page(struct decoder *d, int index, bool colour, PIX **ret,
                                   double *ret_aspect)
{
    PIX *pix = NULL;
    int orientation = 1;
    *ret_aspect = 1;
    if (d->sniffed.type == FORMREAD_PDF) {
        enum formread_refusal refusal = pdf_page(d->pdf, index, &pix);
        if (refusal != FORMREAD_OK)
            return refusal;
    } else {
        pix = picture_decode(d, index);
        orientation = d->sniffed.page[index].orientation;
        *ret_aspect = d->sniffed.page[index].x_per_y;
        if (orientation >= 5)
            *ret_aspect = 1 / *ret_aspect;
    }
    if (pix != NULL)
        pix = flattened(pix, colour);
    if (pix != NULL && d->sniffed.type == FORMREAD_JPEG) /* leptonica turns TIFF by itself */
        pix = oriented(pix, orientation);
    if (pix == NULL)
        return FORMREAD_DAMAGED;
    *ret = pix;
    return FORMREAD_OK;
}
