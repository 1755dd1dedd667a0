/* See strokes.h. The rule not to break: a way of writing is one that people use; what two digits
 * have in common must stay apart (a 1 is never as wide as a 7). */
#include "strokes.h"

#include <math.h>
#include <string.h>

#define POINTS 12
#define PARTS  3
#define SAME   99 /* ends a stroke */

enum joint { CURVE, CORNERS };

/* A stroke goes through its points: curved, or straight with corners. x 0..1 of the digit's width,
 * y 0 upper end .. 1 baseline. */
struct part {
    enum joint joint;
    double at[POINTS][2];
};

struct way {
    const char *sign;
    double width; /* of the height */
    int share;    /* how usual this way is */
    struct part part[PARTS];
};

#define END                                                                                        \
    {                                                                                              \
        SAME, SAME                                                                                 \
    }

/* clang-format off */
static const struct way ways[] = {
    {"0", .62, 3, {{CURVE, {{.5,0},{.12,.25},{.08,.7},{.42,1},{.86,.72},{.88,.28},{.52,0},{.4,.04},END}}}},
    {"0", .62, 3, {{CURVE, {{.4,.03},{.08,.35},{.12,.8},{.45,1},{.85,.78},{.9,.3},{.72,.02},END}}}},
    {"0", .66, 1, {{CURVE, {{.2,.02},{.05,.45},{.2,.92},{.5,1},{.85,.8},{.95,.35},{.75,.06},{.55,.05},END}}}},
    {"0", .6, 1, {{CURVE, {{.5,0},{.1,.5},{.5,1},{.9,.5},{.5,0},END}}, {CORNERS, {{.8,.1},{.2,.9},END}}}},
    {"0", .6, 2, {{CURVE, {{.2,.02},{.05,.5},{.25,.95},{.62,.98},{.92,.5},{.82,0},END}}}},
    {"0", .62, 1, {{CURVE, {{.72,.06},{.3,.04},{.05,.5},{.35,.98},{.82,.86},{.96,.38},{.86,.1},END}}}},
    {"1", .12, 4, {{CORNERS, {{.5,0},{.5,1},END}}}},
    {"1", .3, 3, {{CORNERS, {{.1,.22},{.75,0},{.75,1},END}}}},
    {"1", .5, 3, {{CORNERS, {{0,.6},{.8,0},{.8,1},END}}}},
    {"1", .6, 2, {{CORNERS, {{0,.85},{.75,0},{.7,1},END}}}},
    {"1", .66, 2, {{CORNERS, {{-.05,1},{.78,0},{.72,1},END}}}},
    {"1", .4, 1, {{CORNERS, {{.15,.25},{.5,0},{.5,1},END}}, {CORNERS, {{.05,1},{.95,1},END}}}},
    {"2", .6, 3, {{CURVE, {{.1,.22},{.45,0},{.85,.22},{.65,.58},{.05,1},END}}, {CORNERS, {{.05,1},{.95,.98},END}}}},
    {"2", .65, 2, {{CURVE, {{.1,.2},{.45,0},{.85,.25},{.55,.7},{.12,.98},{.02,.86},{.25,.82},{.6,.98},{.98,.92},END}}}},
    {"2", .6, 2, {{CURVE, {{.05,.15},{.5,0},{.85,.2},{.6,.6},{.1,.97},{.5,.93},{.95,1},END}}}},
    {"2", .6, 1, {{CORNERS, {{.05,.05},{.85,.02},{.1,.98},{.95,1},END}}}},
    {"3", .55, 3, {{CURVE, {{.1,.12},{.5,0},{.82,.2},{.42,.45},END}}, {CURVE, {{.42,.45},{.92,.7},{.5,1},{.05,.88},END}}}},
    {"3", .55, 2, {{CORNERS, {{.08,0},{.85,0},{.42,.4},END}}, {CURVE, {{.42,.4},{.92,.66},{.5,1},{.05,.9},END}}}},
    {"3", .5, 1, {{CURVE, {{.1,.1},{.7,.03},{.75,.3},{.4,.48},{.85,.62},{.75,.95},{.1,.95},END}}}},
    {"3", .55, 1, {{CURVE, {{.1,.06},{.85,.05},{.45,.4},END}}, {CURVE, {{.45,.4},{.95,.78},{.6,1.15},{0,1.1},END}}}},
    {"4", .65, 3, {{CORNERS, {{.2,0},{.08,.58},{.95,.55},END}}, {CORNERS, {{.7,.1},{.65,1},END}}}},
    {"4", .65, 2, {{CORNERS, {{.65,0},{.02,.66},{.98,.66},END}}, {CORNERS, {{.66,0},{.66,1},END}}}},
    {"4", .65, 2, {{CURVE, {{.15,0},{.12,.45},{.5,.55},{.8,.45},END}}, {CORNERS, {{.85,0},{.75,1},END}}}},
    {"4", .6, 1, {{CORNERS, {{.5,0},{.02,.6},{.95,.6},END}}, {CORNERS, {{.62,.35},{.6,1},END}}}},
    {"5", .6, 3, {{CORNERS, {{.85,0},{.25,0},{.15,.45},END}}, {CURVE, {{.15,.45},{.55,.36},{.9,.66},{.5,1},{.05,.9},END}}}},
    {"5", .6, 2, {{CORNERS, {{.25,.02},{.2,.45},END}}, {CURVE, {{.2,.45},{.6,.38},{.88,.68},{.5,1},{.05,.92},END}}, {CORNERS, {{.25,.03},{.95,-.02},END}}}},
    {"5", .58, 2, {{CURVE, {{.9,.02},{.35,.03},{.2,.38},{.65,.5},{.82,.78},{.5,.99},{.05,.93},END}}}},
    {"5", .55, 1, {{CORNERS, {{.25,.02},{.18,.45},END}}, {CURVE, {{.18,.45},{.6,.36},{.88,.68},{.5,1},{.02,.92},END}}, {CORNERS, {{.25,.02},{1.25,-.06},END}}}},
    {"6", .58, 3, {{CURVE, {{.7,0},{.28,.32},{.1,.72},{.45,1},{.88,.76},{.55,.52},{.14,.72},END}}}},
    {"6", .55, 2, {{CURVE, {{.35,0},{.12,.5},{.15,.88},{.5,1},{.88,.75},{.5,.55},{.2,.72},END}}}},
    {"6", .6, 1, {{CURVE, {{.85,.05},{.35,.15},{.08,.65},{.4,1},{.9,.8},{.65,.55},{.3,.62},END}}}},
    {"6", .55, 1, {{CURVE, {{.3,0},{.14,.6},{.2,.98},{.75,.98},{.85,.7},{.3,.62},END}}}},
    {"7", .62, 3, {{CORNERS, {{.05,.02},{.92,0},{.4,1},END}}}},
    {"7", .65, 3, {{CORNERS, {{.05,.02},{.92,0},{.45,1},END}}, {CORNERS, {{.25,.52},{.95,.48},END}}}},
    {"7", .62, 2, {{CORNERS, {{.05,.2},{.1,.02},{.9,.02},END}}, {CURVE, {{.9,.02},{.55,.5},{.4,1},END}}}},
    {"7", .7, 2, {{CURVE, {{.02,.12},{.3,0},{.55,.08},{.92,0},{.55,.6},{.4,1},END}}, {CORNERS, {{.2,.55},{.9,.5},END}}}},
    {"8", .58, 3, {{CURVE, {{.8,.14},{.45,0},{.15,.2},{.5,.46},{.88,.76},{.48,1},{.1,.76},{.5,.46},{.82,.16},END}}}},
    {"8", .58, 2, {{CURVE, {{.9,.06},{.45,.02},{.18,.22},{.6,.52},{.85,.8},{.45,1},{.12,.78},{.5,.48},{.95,.02},END}}}},
    {"8", .55, 1, {{CURVE, {{.5,0},{.2,.22},{.5,.45},{.8,.22},{.5,0},END}}, {CURVE, {{.5,.45},{.1,.73},{.5,1},{.9,.73},{.5,.45},END}}}},
    {"8", .6, 1, {{CURVE, {{.75,0},{.25,.12},{.3,.4},{.8,.68},{.55,1},{.12,.8},{.4,.52},{.88,.22},END}}}},
    {"9", .55, 3, {{CURVE, {{.85,.2},{.45,0},{.12,.25},{.4,.52},{.85,.2},END}}, {CORNERS, {{.87,.1},{.8,1},END}}}},
    {"9", .58, 2, {{CURVE, {{.82,.15},{.4,.02},{.12,.28},{.45,.5},{.85,.2},{.85,.6},{.6,.95},{.15,.98},END}}}},
    {"9", .58, 2, {{CURVE, {{.88,.12},{.5,0},{.1,.22},{.4,.5},{.85,.3},END}}, {CURVE, {{.88,.08},{.86,.8},{.55,1.25},{.1,1.2},END}}}},
    {"9", .55, 1, {{CURVE, {{.8,.08},{.3,.1},{.15,.4},{.55,.5},{.85,.1},END}}, {CURVE, {{.85,.1},{.75,.6},{.5,1},END}}}},
    {"9", .58, 2, {{CURVE, {{.15,.08},{.1,.4},{.45,.5},{.8,.3},{.86,0},END}}, {CURVE, {{.86,0},{.9,.7},{.6,1.15},{.05,1.02},END}}}},
    {"/", .45, 3, {{CORNERS, {{.95,-.08},{.05,1.1},END}}}},
    {"/", .3, 2, {{CORNERS, {{.9,0},{.1,1},END}}}},
    {"/", .6, 1, {{CURVE, {{1,-.1},{.5,.4},{0,1.15},END}}}},
    {"-", .4, 1, {{CORNERS, {{.05,.55},{.95,.55},END}}}},
    {"-", .25, 1, {{CORNERS, {{.05,.58},{.95,.55},END}}}},
    {".", .12, 1, {{CORNERS, {{.5,.97},{.55,.99},END}}}},
    {",", .15, 1, {{CORNERS, {{.6,.93},{.3,1.18},END}}}},
    {",", .15, 1, {{CURVE, {{.5,.9},{.6,1.02},{.2,1.2},END}}}},
    {"%", .8, 2, {{CURVE, {{.2,.05},{.05,.2},{.2,.35},{.34,.2},{.2,.05},END}}, {CORNERS, {{.9,0},{.1,1},END}}, {CURVE, {{.8,.65},{.66,.8},{.8,.97},{.95,.8},{.8,.65},END}}}},
    {"%", .8, 1, {{CURVE, {{.25,.2},{.1,.3},{.25,.42},{.36,.3},{.25,.2},END}}, {CORNERS, {{.75,-.05},{.25,1.05},END}}, {CURVE, {{.8,.6},{.68,.72},{.8,.85},{.92,.72},{.8,.6},END}}}},
    {"°", .22, 1, {{CURVE, {{.5,-.02},{.08,.1},{.5,.24},{.92,.1},{.5,-.02},END}}}},
    {"(", .25, 1, {{CURVE, {{.9,-.1},{.2,.5},{.9,1.1},END}}}},
    {")", .25, 1, {{CURVE, {{.1,-.1},{.8,.5},{.1,1.1},END}}}},
    {"+", .5, 1, {{CORNERS, {{.05,.55},{.95,.55},END}}, {CORNERS, {{.5,.25},{.5,.85},END}}}},
    {":", .12, 1, {{CORNERS, {{.5,.4},{.52,.42},END}}, {CORNERS, {{.5,.93},{.52,.95},END}}}},
    {"F", .55, 2, {{CORNERS, {{.1,1},{.1,0},{.95,0},END}}, {CORNERS, {{.1,.48},{.75,.46},END}}}},
    {"F", .6, 1, {{CORNERS, {{.3,0},{.2,1},END}}, {CORNERS, {{0,.02},{.98,-.02},END}}, {CORNERS, {{.05,.48},{.8,.46},END}}}},
    {"C", .6, 2, {{CURVE, {{.9,.18},{.5,0},{.08,.45},{.4,1},{.92,.84},END}}}},
    {"C", .55, 1, {{CURVE, {{.75,.06},{.2,.15},{.08,.7},{.45,1},{.9,.9},END}}}},
    {" ", .45, 1, {{CORNERS, {END}}}},
};
/* clang-format on */
#define WAYS ((int)(sizeof(ways) / sizeof(ways[0])))

/* The writer at work: a way per sign, with its own habit of missing the points. */
static struct {
    int chosen[WAYS]; /* 1: the way of its sign */
    double off[WAYS][PARTS][POINTS][2];
    double pen, spacing, shake, stretch;
    double hollow; /* of the pen's width; 0: none */
} writer;

static double spread(double by)
{
    return (rnd() + rnd() + rnd() - 1.5) * by;
}

/* The way of `p`'s first sign that this writer uses; -1 when there is none. */
static int way_of(const char *p)
{
    for (int i = 0; i < WAYS; i++)
        if (writer.chosen[i] && strncmp(p, ways[i].sign, strlen(ways[i].sign)) == 0)
            return i;
    return -1;
}

void strokes_writer(void)
{
    memset(&writer, 0, sizeof(writer));
    for (int i = 0; i < WAYS;) {
        int end = i, sum = 0;
        for (; end < WAYS && strcmp(ways[end].sign, ways[i].sign) == 0; end++)
            sum += ways[end].share;
        int pick = (int)(rnd() * sum);
        int k = i;
        for (; k < end - 1 && pick >= ways[k].share; k++)
            pick -= ways[k].share;
        writer.chosen[k] = 1;
        i = end;
    }
    double habit = 0.03 + 0.09 * rnd();
    for (int i = 0; i < WAYS; i++)
        for (int k = 0; k < PARTS * POINTS * 2; k++)
            writer.off[i][k / 2 / POINTS][k / 2 % POINTS][k % 2] = spread(habit);
    writer.pen = 0.045 + 0.11 * rnd();
    writer.hollow = rnd() < 0.1 ? 0.4 + 0.3 * rnd() : 0; /* a pen that leaves its edges alone */
    if (writer.hollow > 0)
        writer.pen = 0.11 + 0.1 * rnd();
    double apart = rnd();
    writer.spacing = apart < 0.25  ? 0.2 + 0.7 * rnd()
                     : apart < 0.5 ? -0.08 + 0.14 * rnd()
                                   : 0.06 + 0.2 * rnd();
    writer.shake = 0.01 + 0.05 * rnd();
    writer.stretch = 0.7 + 0.7 * rnd();
}

bool strokes_can(const char *text)
{
    for (const char *p = text; *p;) {
        int i = 0;
        while (i < WAYS && strncmp(p, ways[i].sign, strlen(ways[i].sign)) != 0)
            i++;
        if (i == WAYS)
            return false;
        p += strlen(ways[i].sign);
    }
    return true;
}

static void curve_to(cairo_t *cr, double at[][2], int n)
{
    cairo_move_to(cr, at[0][0], at[0][1]);
    for (int i = 0; i + 1 < n; i++) { /* through the points: Catmull and Rom's spline */
        const double *a = at[i > 0 ? i - 1 : 0], *b = at[i], *c = at[i + 1];
        const double *d = at[i + 2 < n ? i + 2 : n - 1];
        cairo_curve_to(cr, b[0] + (c[0] - a[0]) / 6, b[1] + (c[1] - a[1]) / 6,
                       c[0] - (d[0] - b[0]) / 6, c[1] - (d[1] - b[1]) / 6, c[0], c[1]);
    }
}

static void stroke_ink(cairo_t *cr)
{
    if (writer.hollow <= 0) {
        cairo_stroke(cr);
        return;
    }
    double pen = cairo_get_line_width(cr);
    cairo_stroke_preserve(cr);
    cairo_set_operator(cr, CAIRO_OPERATOR_DEST_OUT);
    cairo_set_line_width(cr, pen * writer.hollow);
    cairo_stroke(cr);
    cairo_set_operator(cr, CAIRO_OPERATOR_OVER);
    cairo_set_line_width(cr, pen);
}

static void sign_draw(cairo_t *cr, int way, double x, double top, double w, double h)
{
    for (int k = 0; k < PARTS; k++) {
        const struct part *part = &ways[way].part[k];
        double at[POINTS][2];
        int n = 0;
        for (; n < POINTS && part->at[n][0] < SAME &&
               (n > 0 || part->at[1][1] != 0 || part->at[1][0] != 0);
             n++) {
            const double *off = writer.off[way][k][n];
            at[n][0] = x + (part->at[n][0] + off[0] + spread(writer.shake)) * w;
            at[n][1] = top + (part->at[n][1] + off[1] * 0.7 + spread(writer.shake)) * h;
        }
        if (n < 2)
            continue;
        if (part->joint == CURVE) {
            curve_to(cr, at, n);
        } else {
            cairo_move_to(cr, at[0][0], at[0][1]);
            for (int i = 1; i < n; i++)
                cairo_line_to(cr, at[i][0], at[i][1]);
        }
        stroke_ink(cr);
    }
}

double strokes_draw(cairo_t *cr, const char *text, double x, double baseline, double height,
                    double x_max)
{
    cairo_set_line_width(cr, writer.pen * height);
    cairo_set_line_cap(cr, CAIRO_LINE_CAP_ROUND);
    cairo_set_line_join(cr, CAIRO_LINE_JOIN_ROUND);
    for (const char *p = text; *p && x < x_max;) {
        int way = way_of(p);
        if (way < 0)
            break;
        double h = height * (1 + spread(writer.shake)),
               w = ways[way].width * height * writer.stretch;
        sign_draw(cr, way, x, baseline - h + spread(writer.shake) * height, w, h);
        x += w + writer.spacing * height * (1 + spread(0.6));
        p += strlen(ways[way].sign);
    }
    return x;
}
