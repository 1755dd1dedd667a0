/* The network that reads a written line: loading, and running it over a strip. See hand.h.
 *
 * The rule not to break: the layers and where they are halved are those of
 * tools/handmodel/train.py; everything is allocated when it is opened, nothing while reading. */
#include "formread/hand.h"

#include <string.h>

#include "base/cleanup.h"
#include "formread/hand_decode.h"
#include "formread/strip.h"

#define LAYERS      9
#define LANES       8  /* floats of one vector */
#define TILE        16 /* output channels worked on together */
#define PIXELS      4  /* output pixels worked on together */
#define WIDE_PIXELS 8  /* the same where one vector holds a tile */
#define MARGIN      2  /* empty pixels around a picture, the widest kernel's half */
#define CHANNELS    128
#define RESIDUAL    1
#define RELU        2
#define TWO_STEPS   4
#define SLACK       4096 /* floats after a map: the last pixels' neighbours are read, not used */
#define MAP_FLOATS  ((size_t)(STRIP_HEIGHT / 2 + 2 * MARGIN) * (STRIP_MOST / 2 + 2 * MARGIN) * 48)

typedef float lanes __attribute__((vector_size(LANES * sizeof(float)), aligned(4)));
typedef float wide_lanes __attribute__((vector_size(TILE * sizeof(float)), aligned(4)));

struct layer {
    int in, out, kh, kw, flags;
    int tiles;      /* of `out`, rounded up */
    float *weights; /* [tile][kh][kw][in][TILE] */
    float *bias;    /* [tile][TILE] */
};

/* Channels of pixels, MARGIN empty pixels around: at[((y + MARGIN) * stride + x + MARGIN) * c]. */
struct map {
    int w, h, c;
    float *at;
};

struct hand {
    struct layer layer[LAYERS];
    struct signs signs;
    float *maps[3];
    float *scores;
};

typedef void rows_fn(const struct layer *l, const struct map *in, const struct map *out);

static size_t row_floats(const struct map *m)
{
    return (size_t)(m->w + 2 * MARGIN) * (size_t)m->c;
}

static float *pixel(const struct map *m, int y, int x)
{
    return m->at + (size_t)(y + MARGIN) * row_floats(m) + (size_t)(x + MARGIN) * (size_t)m->c;
}

static struct map map_of(float *at, int w, int h, int c)
{
    struct map m = {w, h, c, at};
    memset(at, 0, row_floats(&m) * (size_t)(h + 2 * MARGIN) * sizeof(float));
    return m;
}

static bool map_fits(int w, int h, int c)
{
    return (size_t)(w + 2 * MARGIN) * (size_t)(h + 2 * MARGIN) * (size_t)c <= MAP_FLOATS;
}

/* ---- loading --------------------------------------------------------------------------------- */

static bool take(struct str *rest, void *ret, size_t n)
{
    if (rest->n < n)
        return false;
    memcpy(ret, rest->p, n);
    *rest = (struct str){rest->p + n, rest->n - n};
    return true;
}

static bool layer_sane(const struct layer *l)
{
    return l->in > 0 && l->in <= CHANNELS && l->out > 0 && l->out <= CHANNELS && l->kh > 0 &&
           l->kh <= 5 && l->kw > 0 && l->kw <= 5;
}

/* Weights from [out][in][kh][kw] bytes to the order they are used in. */
static void weights_spread(struct layer *l, const float *scales, const signed char *from)
{
    for (int o = 0; o < l->out; o++)
        for (int i = 0; i < l->in; i++)
            for (int t = 0; t < l->kh * l->kw; t++) {
                size_t at =
                    (((size_t)(o / TILE) * (size_t)(l->kh * l->kw) + (size_t)t) * (size_t)l->in +
                     (size_t)i) *
                        TILE +
                    (size_t)(o % TILE);
                l->weights[at] =
                    scales[o] *
                    (float)*(from +
                             ((size_t)o * (size_t)l->in + (size_t)i) * (size_t)(l->kh * l->kw) + t);
            }
}

static bool layer_load(struct layer *l, struct str *rest)
{
    int head[5];
    float scales[CHANNELS];
    if (!take(rest, head, sizeof(head)))
        return false;
    *l = (struct layer){head[0], head[1], head[2], head[3], head[4], 0, NULL, NULL};
    if (!layer_sane(l))
        return false;
    l->tiles = (l->out + TILE - 1) / TILE;
    size_t taps = (size_t)l->in * (size_t)(l->kh * l->kw), n = taps * (size_t)l->out;
    l->weights = lept_calloc((size_t)l->tiles * TILE * taps, sizeof(float));
    l->bias = lept_calloc((size_t)l->tiles * TILE, sizeof(float));
    bool ok = l->weights && l->bias && take(rest, scales, (size_t)l->out * sizeof(float)) &&
              take(rest, l->bias, (size_t)l->out * sizeof(float)) && rest->n >= n;
    if (!ok)
        return false;
    weights_spread(l, scales, (const signed char *)rest->p);
    *rest = (struct str){rest->p + n, rest->n - n};
    return true;
}

struct hand *hand_open(const unsigned char *data, size_t n)
{
    struct str rest = {(const char *)data, n};
    struct str magic = str_cut(&rest, '\n'), signs = str_cut(&rest, '\n');
    struct hand *hand = lept_calloc(1, sizeof(*hand));
    bool ok = hand && str_eq(magic, STR("HAND1")) && signs_split(signs, &hand->signs);
    for (int i = 0; ok && i < LAYERS; i++)
        ok = layer_load(&hand->layer[i], &rest) &&
             hand->layer[i].in == (i ? hand->layer[i - 1].out : 1);
    for (int i = 0; ok && i < 3; i++)
        ok = (hand->maps[i] = lept_calloc(MAP_FLOATS + SLACK, sizeof(float))) != NULL;
    if (ok)
        hand->scores = lept_calloc((size_t)(STRIP_MOST / 4) * CHANNELS, sizeof(float));
    ok = ok && hand->scores && hand->layer[LAYERS - 1].out == hand->signs.count + 1;
    if (!ok)
        hand_close(&hand);
    return hand;
}

void hand_close(struct hand **hand)
{
    if (*hand == NULL)
        return;
    for (int i = 0; i < LAYERS; i++) {
        lept_free((*hand)->layer[i].weights);
        lept_free((*hand)->layer[i].bias);
    }
    for (int i = 0; i < 3; i++)
        lept_free((*hand)->maps[i]);
    lept_free((*hand)->scores);
    lept_free(*hand);
    *hand = NULL;
}

/* ---- running --------------------------------------------------------------------------------- */

/* TILE channels of PIXELS neighbouring pixels of the output. `from` is the window of the first,
 * each next one's is `step` floats on. Unrolled, so that the sums stay in registers. */
static inline __attribute__((always_inline)) void tile_run(const struct layer *l, int tile,
                                                           const float *from, size_t row,
                                                           size_t step, float ret[][TILE])
{
    const float *weights = l->weights + (size_t)(tile * l->in * l->kh * l->kw) * TILE;
    lanes sum[PIXELS][2], w0, w1;
#pragma GCC unroll 4
    for (int i = 0; i < PIXELS; i++)
        memcpy(sum[i], l->bias + tile * TILE, sizeof(sum[i]));
    for (int ky = 0; ky < l->kh; ky++) {
        const float *in = from + (size_t)ky * row;
        for (int n = l->kw * l->in; n > 0; n--, in++, weights += TILE) {
            memcpy(&w0, weights, sizeof(w0));
            memcpy(&w1, weights + LANES, sizeof(w1));
#pragma GCC unroll 4
            for (int i = 0; i < PIXELS; i++) {
                sum[i][0] += in[(size_t)i * step] * w0;
                sum[i][1] += in[(size_t)i * step] * w1;
            }
        }
    }
#pragma GCC unroll 4
    for (int i = 0; i < PIXELS; i++)
        memcpy(ret[i], sum[i], sizeof(sum[i]));
}

/* The same with a whole tile in one register (AVX-512), WIDE_PIXELS at once: the same sums to the
 * last bit. */
static inline __attribute__((always_inline)) void tile_run_wide(const struct layer *l, int tile,
                                                                const float *from, size_t row,
                                                                size_t step, float ret[][TILE])
{
    const float *weights = l->weights + (size_t)(tile * l->in * l->kh * l->kw) * TILE;
    wide_lanes sum[WIDE_PIXELS], w;
#pragma GCC unroll 8
    for (int i = 0; i < WIDE_PIXELS; i++)
        memcpy(&sum[i], l->bias + tile * TILE, sizeof(sum[i]));
    for (int ky = 0; ky < l->kh; ky++) {
        const float *in = from + (size_t)ky * row;
        for (int n = l->kw * l->in; n > 0; n--, in++, weights += TILE) {
            memcpy(&w, weights, sizeof(w));
#pragma GCC unroll 8
            for (int i = 0; i < WIDE_PIXELS; i++)
                sum[i] += in[(size_t)i * step] * w;
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < WIDE_PIXELS; i++)
        memcpy(ret[i], &sum[i], sizeof(sum[i]));
}

/* `n` channels of one pixel, with ReLU and the pixel itself added as the layer asks. */
static inline __attribute__((always_inline)) void
pixel_store(const struct layer *l, const float *values, const float *self, int n, float *to)
{
    for (int i = 0; i < n; i++) {
        float v = l->flags & RELU && values[i] < 0 ? 0 : values[i];
        to[i] = self ? v + self[i] : v;
    }
}

/* A tile's weights are used for all of a row while they are at hand. */
static inline __attribute__((always_inline)) void
rows_run(const struct layer *l, const struct map *in, const struct map *out, bool wide)
{
    int step = l->flags & TWO_STEPS ? 2 : 1, pixels = wide ? WIDE_PIXELS : PIXELS;
    int pad_y = l->kh == 4 ? 0 : l->kh / 2, pad_x = l->kw / 2;
    float sums[WIDE_PIXELS][TILE];
    for (int y = 0; y < out->h; y++)
        for (int t = 0; t < l->tiles; t++) {
            int n = l->out - t * TILE < TILE ? l->out - t * TILE : TILE;
            for (int x = 0; x < out->w; x += pixels) {
                const float *from = pixel(in, y * step - pad_y, x * step - pad_x);
                if (wide)
                    tile_run_wide(l, t, from, row_floats(in), (size_t)(step * in->c), sums);
                else
                    tile_run(l, t, from, row_floats(in), (size_t)(step * in->c), sums);
                for (int i = 0; i < pixels && x + i < out->w; i++)
                    pixel_store(l, sums[i],
                                l->flags & RESIDUAL ? pixel(in, y, x + i) + t * TILE : NULL, n,
                                pixel(out, y, x + i) + t * TILE);
            }
        }
}

static void rows_run_plain(const struct layer *l, const struct map *in, const struct map *out)
{
    rows_run(l, in, out, false);
}

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) static void
rows_run_avx2(const struct layer *l, const struct map *in, const struct map *out)
{
    rows_run(l, in, out, false);
}

__attribute__((target("avx512f"))) static void
rows_run_avx512(const struct layer *l, const struct map *in, const struct map *out)
{
    rows_run(l, in, out, true);
}

static rows_fn *rows_best(void)
{
    if (__builtin_cpu_supports("avx512f"))
        return rows_run_avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return rows_run_avx2;
    return rows_run_plain;
}
#else
static rows_fn *rows_best(void)
{
    return rows_run_plain;
}
#endif

static bool layer_run(const struct layer *l, const struct map *in, float *room, struct map *ret)
{
    int step = l->flags & TWO_STEPS ? 2 : 1;
    int h = l->kh == 4 ? in->h - 3 : in->h / step, w = in->w / step;
    bool fits = in->c == l->in && h >= 1 && map_fits(w, h, l->out);
    if (!fits || (l->flags & RESIDUAL && l->in != l->out))
        return false;
    *ret = map_of(room, w, h, l->out);
    rows_best()(l, in, ret);
    return true;
}

/* The greatest of each `ph` x `pw` pixels. */
static struct map map_halved(const struct map *in, float *room, int ph, int pw)
{
    struct map out = map_of(room, in->w / pw, in->h / ph, in->c);
    for (int y = 0; y < out.h; y++)
        for (int x = 0; x < out.w; x++) {
            float *to = pixel(&out, y, x);
            memcpy(to, pixel(in, y * ph, x * pw), (size_t)in->c * sizeof(float));
            for (int k = 1; k < ph * pw; k++) {
                const float *from = pixel(in, y * ph + k / pw, x * pw + k % pw);
                for (int c = 0; c < in->c; c++)
                    to[c] = from[c] > to[c] ? from[c] : to[c];
            }
        }
    return out;
}

static struct map strip_map(PIX *strip, float *room)
{
    int w = (pixGetWidth(strip) + 7) / 4 * 4;
    w = w < STRIP_MOST ? w : STRIP_MOST;
    struct map m = map_of(room, w, STRIP_HEIGHT, 1);
    for (int y = 0; y < STRIP_HEIGHT; y++) {
        const l_uint32 *line = pixGetData(strip) + (size_t)y * (size_t)pixGetWpl(strip);
        for (int x = 0; x < w && x < pixGetWidth(strip); x++)
            *pixel(&m, y, x) = (float)GET_DATA_BYTE(line, x) / 255.0f;
    }
    return m;
}

/* Scores of the signs at every fourth column of the strip; returns the number of columns. */
static int strip_score(struct hand *hand, PIX *strip)
{
    struct map now = strip_map(strip, hand->maps[0]), next;
    int at = 0;
    for (int i = 0; i < LAYERS; i++) {
        at = (at + 1) % 3;
        if (!layer_run(&hand->layer[i], &now, hand->maps[at], &next))
            return 0;
        now = next;
        if (i == 0 || i == 2) {
            at = (at + 1) % 3;
            now = map_halved(&now, hand->maps[at], 2, i == 0 ? 2 : 1);
        }
    }
    if (now.h != 1 || now.w > STRIP_MOST / 4)
        return 0;
    for (int x = 0; x < now.w; x++)
        memcpy(hand->scores + (size_t)(x * now.c), pixel(&now, 0, x),
               (size_t)now.c * sizeof(float));
    return now.w;
}

int hand_read(struct hand *hand, struct arena *arena, PIX *pix, enum hand_signs signs,
              struct hand_text ret[HAND_BEST])
{
    PIX *strip = strip_make(pix);
    if (strip == NULL)
        return 0;
    int columns = strip_score(hand, strip);
    pixDestroy(&strip);
    return hand_decode(arena, &hand->signs, hand->scores, columns, signs, ret);
}
