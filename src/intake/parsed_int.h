/* Shared by the files of parsed: reading untrusted JSON numbers and boxes (private). */
#ifndef NEXACORE_INTAKE_PARSED_INT_H
#define NEXACORE_INTAKE_PARSED_INT_H

#include <jansson.h>

#include "intake/parsed.h"

double parsed_unit(const json_t *v); /* clamped to 0..1; anything else 0 */
struct parsed_box parsed_box_of(const json_t *array);
struct parsed_box parsed_box_grown(struct parsed_box b, double share);
const char *parsed_language_of(const json_t *v);
void parsed_symptoms_read(struct arena *arena, struct parsed_form *form, const json_t *items);

#endif
