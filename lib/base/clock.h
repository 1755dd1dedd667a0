/* Time: one wall clock, one monotonic clock, one text form. */
#ifndef NEXACORE_BASE_CLOCK_H
#define NEXACORE_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* Microseconds since 1970-01-01 UTC. For what people and databases see. */
int64_t clock_wall_us(void);

/* Microseconds of CLOCK_MONOTONIC. For deadlines and durations. */
int64_t clock_mono_us(void);

#define CLOCK_TEXT_MAX 32

/* RFC 3339 in UTC with milliseconds, "2026-11-22T17:15:54.123Z", NUL terminated. */
void clock_text(int64_t wall_us, char ret_text[CLOCK_TEXT_MAX]);

/* Reads RFC 3339 (any offset) into microseconds. False when it is none. */
bool clock_parse(struct str s, int64_t *ret_wall_us);

/* True for an ISO calendar date "YYYY-MM-DD" that exists (years 1000..9999). */
bool clock_date_valid(struct str s);

#endif
