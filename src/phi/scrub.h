/* The type wall between text that may hold card numbers and text that cannot.
 *
 * `struct raw_text` comes from OCR and requests; only scrub() makes `struct scrubbed_text`, and
 * only that type is accepted by what writes to PostgreSQL. */
#ifndef NEXACORE_PHI_SCRUB_H
#define NEXACORE_PHI_SCRUB_H

#include "base/arena.h"
#include "base/str.h"

struct raw_text {
    struct str bytes_;
};
struct scrubbed_text {
    struct str s; /* p NULL: absent */
    bool found;   /* something was masked */
};

/* Masks every card number (lib/pan), CVV and expiry beside one. Absent stays absent. */
struct scrubbed_text scrub(struct arena *arena, struct raw_text raw);

#endif
