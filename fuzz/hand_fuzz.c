/* Fuzzing what stands around the network that reads handwriting: the strip made of any crop, the
 * beam search over any scores of any signs, and whether damaged weights are refused.
 *
 * The network itself is left out: it is sums over arrays of fixed size, and slow here. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "formread/hand_decode.h"
#include "formread/page.h"
#include "formread/strip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define ARENA_MAX   (16U << 20)
#define COLUMNS_MAX 24

static void must(bool ok)
{
    if (!ok)
        abort();
}

/* A picture of the bytes' pixels: the first two say how wide and how far apart tones are. */
static void strip_check(const uint8_t *data, size_t n)
{
    if (n < 3)
        return;
    int w = 1 + data[0], shift = data[1] % 8, h = (int)((n - 2 + (size_t)w - 1) / (size_t)w);
    CLEANUP(pix_free) PIX *pix = pixCreate(w, h, 8);
    if (pix == NULL)
        return;
    for (int i = 0; i < w * h; i++) {
        size_t at = (size_t)i + 2;
        pixSetPixel(pix, i % w, i / w, at < n ? data[at] >> shift : 255U >> shift);
    }
    CLEANUP(pix_free) PIX *strip = strip_make(pix);
    if (strip != NULL)
        must(pixGetHeight(strip) == STRIP_HEIGHT && pixGetWidth(strip) >= STRIP_LEAST &&
             pixGetWidth(strip) <= STRIP_MOST && pixGetDepth(strip) == 8);
}

/* Scores as a network may give them, and some that it should not. */
static float score_of(uint8_t byte)
{
    return byte == 0 ? -1e30f : byte == 255 ? 1e30f : ((float)byte - 128) / 8;
}

/* The first bytes to a line end are the signs, then one byte a score. */
static void decode_check(const uint8_t *data, size_t n)
{
    struct signs signs;
    struct str rest = {(const char *)data, n}, line = str_cut(&rest, '\n');
    struct hand_text read[HAND_BEST];
    if (line.n == 0 || !signs_split(line, &signs))
        return;
    must(signs.count > 0 && signs.count <= SIGNS_MAX);
    CLEANUP(arena_free) struct arena *arena = arena_new(ARENA_MAX);
    size_t classes = (size_t)signs.count + 1, columns = rest.n / classes;
    columns = columns < COLUMNS_MAX ? columns : COLUMNS_MAX;
    float *scores = arena_array(arena, columns * classes + 1, sizeof(float));
    enum hand_signs allowed = (enum hand_signs)(n % (HAND_TEXT + 1));
    for (size_t i = 0; i < columns * classes; i++)
        scores[i] = score_of((uint8_t)rest.p[i]);
    int count = hand_decode(arena, &signs, scores, (int)columns, allowed, read);
    double sum = 0;
    must(count >= 0 && count <= HAND_BEST);
    for (int i = 0; i < count; i++) {
        must(read[i].conf >= 0 && (i == 0 || read[i].conf <= read[i - 1].conf));
        sum += read[i].conf;
    }
    must(sum <= 1.001);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    setMsgSeverity(L_SEVERITY_NONE);
    strip_check(data, n);
    decode_check(data, n);
    struct hand *hand = hand_open(data, n);
    hand_close(&hand);
    return 0;
}
