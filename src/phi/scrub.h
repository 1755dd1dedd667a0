/* The one way from text that may hold card numbers to text that cannot.
 *
 * The rule not to break: `struct raw_text` comes from OCR, requests and providers, and only scrub()
 * makes `struct scrubbed_text`; whatever a client or a provider wrote freely goes through here
 * before it is stored, queued or sent. What enforces it: not the compiler, since SQL takes a plain
 * `struct str`; of log lines and problems the filter that each passes (app.c, web.c); of the rest
 * test/integration/canary.test.mjs, which plants numbers in every documented field, in webhooks,
 * uploads, sockets, claims, the command line and the providers' answers, and searches everywhere.
 */
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
