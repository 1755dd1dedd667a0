/* Text helpers shared by the jailed reader and the trusted half: folding and loose comparison.
 *
 * Pure functions over bytes; no locale, no allocation outside the arena. */
#ifndef NEXACORE_FORMREAD_TEXT_H
#define NEXACORE_FORMREAD_TEXT_H

#include "base/arena.h"

/* Lower-case ASCII letters and digits of `s`: Latin letters lose their accents ("Cédula" ->
 * "cedula"), everything else is dropped. */
struct str text_fold(struct arena *arena, struct str s);

/* Edits (insert, delete, replace) between two short texts, at most `max` + 1. */
int text_distance(struct str a, struct str b, int max);

/* Digits of `s`; when `loose`, letters that OCR confuses with digits count as them (O 0, l 1,
 * Z 2, S 5, G 6, B 8, g 9). */
struct str text_digits(struct arena *arena, struct str s, bool loose);

#endif
