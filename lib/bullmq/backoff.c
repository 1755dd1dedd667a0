/* When a failed job is tried again: the arithmetic of the package's classes/backoffs.js. */
#include <math.h>

#include "bullmq/bullmq.h"

/* 2^53: the largest whole number a Node peer counts exactly. */
static const double most_ms = 9007199254740992.0;

int64_t bullmq_backoff_ms(const struct bullmq_backoff *backoff, unsigned attempts, double random)
{
    double d = (double)backoff->delay_ms;
    if (backoff->type == BULLMQ_BACKOFF_NONE || !(d > 0))
        return 0;
    if (backoff->type == BULLMQ_BACKOFF_EXPONENTIAL)
        d = round(ldexp(d, attempts > 1 ? (int)(attempts < 64 ? attempts : 64) - 1 : 0));
    if (d > most_ms)
        d = most_ms;
    if (backoff->jitter > 0)
        d = floor(random * d * backoff->jitter + d * (1 - backoff->jitter));
    return (int64_t)d;
}
