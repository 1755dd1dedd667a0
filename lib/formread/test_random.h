/* The same pseudo-random numbers in every run of a test: xorshift (Marsaglia 2003).
 *
 * Rule: a test's numbers are its own; nothing here is a secret. */
#ifndef NEXACORE_FORMREAD_TEST_RANDOM_H
#define NEXACORE_FORMREAD_TEST_RANDOM_H

#include <stdint.h>

/* 0..n-1, for n > 0. */
static inline int random_below(int n)
{
    static uint32_t state = 88172645U;
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return (int)(state % (uint32_t)n);
}

#endif
