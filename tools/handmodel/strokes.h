/* Digits and signs drawn as strokes of a pen, in the many ways in which people write them: fonts
 * alone have too few of these (a 1 with a long upstroke, a 7 with a bar, a 0 that does not close).
 */
#ifndef HANDMODEL_STROKES_H
#define HANDMODEL_STROKES_H

#include <cairo.h>
#include <stdbool.h>

/* Uniform random number 0..1, of lines.c. */
double rnd(void);

/* True when every sign of `text` can be drawn as strokes. */
bool strokes_can(const char *text);
/* A new writer: which way each digit is written, slant, pen, spacing. */
void strokes_writer(void);
/* Draws `text` from `x` on, digits `height` high above `baseline`; returns where the pen ended. */
double strokes_draw(cairo_t *cr, const char *text, double x, double baseline, double height,
                    double x_max);

#endif
