/* Safe page images: decoded pixels with black rectangles, written anew as PNG.
 *
 * The rule not to break: what leaves here is made from pixels alone, so nothing of the upload's
 * metadata, layers or text survives under a rectangle. */
#include "formread/page.h"

static void blacken(PIX *pix, const struct formread_box *box)
{
    int w = pixGetWidth(pix), h = pixGetHeight(pix);
    int x0 = (int)(box->x * w) - 1, y0 = (int)(box->y * h) - 1;
    int x1 = (int)((box->x + box->w) * w) + 2, y1 = (int)((box->y + box->h) * h) + 2;
    struct rect r = rect_meet((struct rect){x0, y0, x1 - x0, y1 - y0}, (struct rect){0, 0, w, h});
    if (r.w > 0)
        pixRasterop(pix, r.x, r.y, r.w, r.h, PIX_CLR, NULL, 0, 0);
}

/* A picture without colour is kept grey: a third of the bytes. */
static PIX *compact(PIX *pix)
{
    l_int32 colour = 1;
    l_float32 share = 0, fract = 0;
    if (pixColorFraction(pix, 20, 248, 24, 4, &fract, &share) == 0)
        colour = fract * share > 0.0005f;
    return colour ? pixClone(pix) : pixConvertRGBToLuminance(pix);
}

static bool page_write(struct decoder *d, int index, const struct formread_box *boxes, size_t count,
                       formread_page_fn *page, void *user, enum formread_refusal *refusal)
{
    CLEANUP(pix_free) PIX *pix = NULL;
    double aspect = 1;
    *refusal = decoder_page(d, index, true, &pix, &aspect);
    if (*refusal != FORMREAD_OK)
        return false;
    for (size_t i = 0; i < count; i++)
        if (boxes[i].page == index)
            blacken(pix, &boxes[i]);
    CLEANUP(pix_free) PIX *small = compact(pix);
    CLEANUP(pix_free) PIX *square = NULL; /* fax pixels are not square; screens' are */
    if (small != NULL && (aspect > 1.2 || aspect < 0.8))
        square = aspect > 1 ? pixScale(small, 1, (l_float32)aspect)
                            : pixScale(small, (l_float32)(1 / aspect), 1);
    l_uint8 *png = NULL;
    size_t n = 0;
    if (small != NULL)
        pixSetText(square ? square : small, NULL);
    bool ok = small != NULL && pixWriteMemPng(&png, &n, square ? square : small, 0.0f) == 0;
    if (!ok)
        *refusal = FORMREAD_DAMAGED;
    ok = ok && page(user, index, (struct str){(const char *)png, n});
    lept_free(png);
    return ok;
}

enum formread_refusal formread_render(struct arena *arena, struct str file, int first, int last,
                                      const struct formread_box *boxes, size_t count,
                                      formread_page_fn *page, void *user)
{
    CLEANUP(decoder_close) struct decoder *d = NULL;
    (void)arena;
    enum formread_refusal refusal = decoder_open(file, &d);
    if (refusal != FORMREAD_OK)
        return refusal;
    if (last < 0 || last >= decoder_pages(d))
        last = decoder_pages(d) - 1;
    for (int i = first < 0 ? 0 : first; i <= last; i++)
        if (!page_write(d, i, boxes, count, page, user, &refusal))
            break;
    return refusal;
}
