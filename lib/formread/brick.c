/* Shifting by doubled steps: see brick.h. Beyond the page's edge there is no ink.
 *
 * The rule not to break: the result is Leptonica's to the last pixel (brick_test.c), because all
 * thresholds of rules.c were found with it. */
#include "formread/brick.h"

#include "base/cleanup.h"
#include "formread/page.h"

/* d[x] = d[x] op d[x - shift] along one direction. */
static bool shifted(PIX *d, int shift, bool across, int op)
{
    int w = pixGetWidth(d), h = pixGetHeight(d);
    CLEANUP(pix_free) PIX *from = pixCopy(NULL, d);
    if (from == NULL)
        return false;
    pixRasterop(d, across ? shift : 0, across ? 0 : shift, w, h, op, from, 0, 0);
    if (op != (PIX_SRC & PIX_DST))
        return true;
    int size = shift < 0 ? -shift : shift; /* what came in from beyond the edge is empty */
    if (across)
        pixRasterop(d, shift > 0 ? 0 : w - size, 0, size, h, PIX_CLR, NULL, 0, 0);
    else
        pixRasterop(d, 0, shift > 0 ? 0 : h - size, w, size, PIX_CLR, NULL, 0, 0);
    return true;
}

/* d[x] = d[x] op d[x - 1] op ... `count` of them; `sign` -1 looks the other way. */
static bool spread(PIX *d, int count, int sign, bool across, int op)
{
    for (int have = 1; have < count;) {
        int step = have < count - have ? have : count - have;
        if (!shifted(d, sign * step, across, op))
            return false;
        have += step;
    }
    return true;
}

/* One direction of a rectangle whose middle is at `size` / 2, as Leptonica's are. */
static bool eroded(PIX *d, int size, bool across)
{
    int before = size / 2, after = size - 1 - before;
    return spread(d, after + 1, -1, across, PIX_SRC & PIX_DST) &&
           spread(d, before + 1, 1, across, PIX_SRC & PIX_DST);
}

static bool dilated(PIX *d, int size, bool across)
{
    int before = size / 2, after = size - 1 - before;
    return spread(d, before + 1, -1, across, PIX_SRC | PIX_DST) &&
           spread(d, after + 1, 1, across, PIX_SRC | PIX_DST);
}

PIX *brick_open(PIX *pix, int w, int h)
{
    PIX *d = pixCopy(NULL, pix);
    if (d != NULL && eroded(d, w, true) && eroded(d, h, false) && dilated(d, w, true) &&
        dilated(d, h, false))
        return d;
    pix_free(&d);
    return NULL;
}

PIX *brick_close(PIX *pix, int w, int h)
{
    int border = 32 * (((w > h ? w : h) / 2 + 31) / 32);
    CLEANUP(pix_free) PIX *d = pixAddBorder(pix, border, 0);
    if (d == NULL || !dilated(d, w, true) || !dilated(d, h, false) || !eroded(d, w, true) ||
        !eroded(d, h, false))
        return NULL;
    return pixRemoveBorder(d, border);
}
