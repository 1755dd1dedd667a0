/* Registering a form to a layout: pairs of labels with the same name propose a shift, scale and
 * turn; the proposal most labels agree with is refined and must then pass (see layout.h). No chance
 * is involved: all pairs are tried, in order, up to a bound. */
#include "formread/layout.h"

#include <math.h>

#define PAIRS_MAX     60    /* pairs of labels that propose */
#define TOLERANCE     0.012 /* page widths: about half a line */
#define BASE_MIN      0.15  /* a shorter distance between two labels tells no scale */
#define SCALE_MAX     1.25
#define SHEAR_MAX     0.08 /* of the map's off-diagonal: 4.5 degrees */
#define ANCHORS_LEAST 5
#define ERROR_MAX     0.008

struct point {
    double x, y;
};

struct pair { /* a known label and one of the form with its name */
    struct point known, form;
    int of; /* index of the known label */
};

struct pairs {
    struct pair *pair;
    size_t count;
    int known, form; /* labels of this page in all */
};

/* A label's left edge stays where it is when what follows is read as part of it. */
static struct point anchor_point(const struct layout_anchor *a)
{
    return (struct point){a->at.x, a->at.y + a->at.h / 2};
}

static int name_count(const struct layout *l, int page, struct str name)
{
    int n = 0;
    for (size_t i = 0; i < l->anchor_count; i++)
        n += l->anchors[i].page == page && str_eq(l->anchors[i].name, name);
    return n;
}

static int page_count(const struct layout *l, int page)
{
    int n = 0;
    for (size_t i = 0; i < l->anchor_count; i++)
        n += l->anchors[i].page == page;
    return n;
}

/* All pairs of one name; those of names that stand once on each side first, because they propose
 * best. */
static struct pairs pairs_make(struct arena *arena, const struct layout *known,
                               const struct layout *form, int page)
{
    size_t max = 4 * (known->anchor_count + form->anchor_count) + 1;
    struct pairs p = {.pair = arena_array(arena, max, sizeof(struct pair)),
                      .known = page_count(known, page),
                      .form = page_count(form, page)};
    for (int round = 0; round < 2; round++)
        for (size_t k = 0; k < known->anchor_count; k++) {
            const struct layout_anchor *a = &known->anchors[k];
            bool once = a->page == page && name_count(known, page, a->name) == 1 &&
                        name_count(form, page, a->name) == 1;
            if (a->page != page || once != (round == 0))
                continue;
            for (size_t f = 0; f < form->anchor_count && p.count < max; f++)
                if (form->anchors[f].page == page && str_eq(form->anchors[f].name, a->name))
                    p.pair[p.count++] =
                        (struct pair){anchor_point(a), anchor_point(&form->anchors[f]), (int)k};
        }
    return p;
}

static double miss(const struct layout_fit *fit, const struct pair *p)
{
    double x = fit->xx * p->known.x + fit->xy * p->known.y + fit->x0 - p->form.x;
    double y = fit->yx * p->known.x + fit->yy * p->known.y + fit->y0 - p->form.y;
    return hypot(x, y);
}

/* Counts the known labels that the map brings to one of their name, each once (its nearest), and
 * marks those pairs in `agrees`. */
static void fit_count(const struct pairs *p, struct layout_fit *fit, bool *agrees)
{
    double sum = 0;
    fit->anchors = 0;
    for (size_t i = 0; i < p->count; i++)
        agrees[i] = false;
    for (size_t i = 0; i < p->count; i++) {
        double d = miss(fit, &p->pair[i]);
        bool nearest = d <= TOLERANCE;
        for (size_t j = 0; j < p->count && nearest; j++)
            if (j != i && p->pair[j].of == p->pair[i].of) {
                double other = miss(fit, &p->pair[j]);
                nearest = other > d || (other >= d && j > i);
            }
        if (!nearest)
            continue;
        agrees[i] = true;
        fit->anchors++;
        sum += d * d;
    }
    fit->error = fit->anchors ? sqrt(sum / fit->anchors) : 1;
}

/* The similarity that brings two known labels to the form's. False when they are too near each
 * other to tell, or the map is not one that a scanner makes. */
static bool fit_propose(const struct pair *a, const struct pair *b, struct layout_fit *ret)
{
    double kx = b->known.x - a->known.x, ky = b->known.y - a->known.y;
    double fx = b->form.x - a->form.x, fy = b->form.y - a->form.y;
    double base = kx * kx + ky * ky;
    if (base < BASE_MIN * BASE_MIN)
        return false;
    double c = (kx * fx + ky * fy) / base, s = (kx * fy - ky * fx) / base;
    double scale = hypot(c, s);
    if (!(scale < SCALE_MAX && scale > 1 / SCALE_MAX) || fabs(s) > SHEAR_MAX || c < 0)
        return false;
    *ret = (struct layout_fit){.xx = c,
                               .xy = -s,
                               .x0 = a->form.x - c * a->known.x + s * a->known.y,
                               .yx = s,
                               .yy = c,
                               .y0 = a->form.y - s * a->known.x - c * a->known.y};
    return true;
}

/* Solves the 3 x 3 normal equations m * v = r. False when the labels stand in one line. */
static bool solve(double m[3][3], const double r[3], double v[3])
{
    double det = m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) -
                 m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0]) +
                 m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0]);
    if (fabs(det) < 1e-4)
        return false;
    for (int col = 0; col < 3; col++) {
        double t[3][3];
        for (int i = 0; i < 3; i++)
            for (int j = 0; j < 3; j++)
                t[i][j] = j == col ? r[i] : m[i][j];
        v[col] = (t[0][0] * (t[1][1] * t[2][2] - t[1][2] * t[2][1]) -
                  t[0][1] * (t[1][0] * t[2][2] - t[1][2] * t[2][0]) +
                  t[0][2] * (t[1][0] * t[2][1] - t[1][1] * t[2][0])) /
                 det;
    }
    return true;
}

/* The affine map of least squares over the agreeing pairs: fax lines are stretched in one direction
 * alone. Kept only when it is still a scanner's map and no label is lost. */
static void fit_refine(const struct pairs *p, bool *agrees, bool *scratch, struct layout_fit *fit)
{
    double m[3][3] = {{0}}, rx[3] = {0}, ry[3] = {0}, x[3], y[3];
    for (size_t i = 0; i < p->count; i++) {
        double k[3] = {p->pair[i].known.x, p->pair[i].known.y, 1};
        for (int a = 0; agrees[i] && a < 3; a++) {
            for (int b = 0; b < 3; b++)
                m[a][b] += k[a] * k[b];
            rx[a] += k[a] * p->pair[i].form.x;
            ry[a] += k[a] * p->pair[i].form.y;
        }
    }
    if (fit->anchors < ANCHORS_LEAST + 1 || !solve(m, rx, x) || !solve(m, ry, y))
        return;
    struct layout_fit better = {x[0], x[1], x[2], y[0], y[1], y[2], 0, 0};
    if (fabs(better.xy) > SHEAR_MAX || fabs(better.yx) > SHEAR_MAX || better.xx > SCALE_MAX ||
        better.yy > SCALE_MAX || better.xx * SCALE_MAX < 1 || better.yy * SCALE_MAX < 1)
        return;
    fit_count(p, &better, scratch);
    if (better.anchors >= fit->anchors)
        *fit = better;
}

bool layout_fit(struct arena *arena, const struct layout *known, const struct layout *form,
                int page, struct layout_fit *ret)
{
    struct pairs p = pairs_make(arena, known, form, page);
    int least = p.known * 3 / 5 > p.form / 2 ? p.known * 3 / 5 : p.form / 2;
    least = least < ANCHORS_LEAST ? ANCHORS_LEAST : least;
    if (p.known < least || p.form < least)
        return false;
    bool *agrees = arena_array(arena, p.count + 1, sizeof(bool));
    bool *scratch = arena_array(arena, p.count + 1, sizeof(bool));
    struct layout_fit best = {.error = 1}, fit;
    size_t proposing = p.count < PAIRS_MAX ? p.count : PAIRS_MAX;
    for (size_t i = 0; i < proposing; i++)
        for (size_t j = i + 1; j < proposing; j++) {
            if (p.pair[i].of == p.pair[j].of || !fit_propose(&p.pair[i], &p.pair[j], &fit))
                continue;
            fit_count(&p, &fit, scratch);
            if (fit.anchors > best.anchors ||
                (fit.anchors == best.anchors && fit.error < best.error))
                best = fit;
        }
    if (best.anchors < least)
        return false;
    fit_count(&p, &best, agrees);
    fit_refine(&p, agrees, scratch, &best);
    if (best.error > ERROR_MAX)
        return false;
    *ret = best;
    return true;
}

int layout_match(struct arena *arena, const struct layout *known, size_t count,
                 const struct layout *form, struct layout_fit fits[LAYOUT_PAGES_MAX])
{
    int best = -1, best_anchors = 0;
    double best_error = 1;
    for (size_t i = 0; i < count; i++) {
        struct layout_fit found[LAYOUT_PAGES_MAX] = {{0}};
        int anchors = 0;
        double error = 0;
        for (int page = 0; page < LAYOUT_PAGES_MAX; page++)
            if (layout_fit(arena, &known[i], form, page, &found[page])) {
                anchors += found[page].anchors;
                error += found[page].error;
            }
        if (anchors < best_anchors || anchors == 0 ||
            (anchors == best_anchors && error >= best_error))
            continue;
        best = (int)i;
        best_anchors = anchors;
        best_error = error;
        for (int page = 0; page < LAYOUT_PAGES_MAX; page++)
            fits[page] = found[page];
    }
    return best;
}

struct layout_box layout_map(const struct layout_fit *fit, struct layout_box b)
{
    double x0 = 1e9, y0 = 1e9, x1 = -1e9, y1 = -1e9;
    for (int corner = 0; corner < 4; corner++) {
        double x = b.x + (corner & 1 ? b.w : 0), y = b.y + (corner & 2 ? b.h : 0);
        double mx = fit->xx * x + fit->xy * y + fit->x0, my = fit->yx * x + fit->yy * y + fit->y0;
        x0 = fmin(x0, mx);
        x1 = fmax(x1, mx);
        y0 = fmin(y0, my);
        y1 = fmax(y1, my);
    }
    return (struct layout_box){x0, y0, x1 - x0, y1 - y0};
}
