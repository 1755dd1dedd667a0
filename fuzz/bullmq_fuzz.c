/* Fuzzing lib/bullmq: what comes out of Redis or a setting and is parsed here: cron patterns, URLs,
 * stored job options. */
#include <stdlib.h>

#include "base/cleanup.h"
#include "bullmq/cron.h"
#include "bullmq/job_opts.h"
#include "bullmq/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void try_cron(const char *pattern)
{
    int64_t after = INT64_C(1764590400000), next = 0;
    if (!cron_next(pattern, "UTC", after, &next) && next <= after)
        abort(); /* a series that does not go on would run for ever */
}

static void try_options(struct str text)
{
    json_t *stored = json_loadb(text.p, text.n, 0, NULL);
    unsigned attempts = 1;
    struct bullmq_backoff backoff = {0};
    job_opts_read(stored, &attempts, &backoff);
    int64_t wait_ms = bullmq_backoff_ms(&backoff, attempts, 0.5);
    if (attempts < 1 || wait_ms < 0)
        abort();
    CLEANUP(pack_done) struct pack p;
    pack_init(&p);
    keep_pack(&p, json_object_get(stored, "removeOnComplete"), &(struct bullmq_keep){0});
    pack_json(&p, stored);
    json_decref(stored);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct redis_url url;
    struct arena *arena = arena_new((size_t)64 << 20);
    struct str text = {(const char *)data, n};
    const char *z = arena_cstr(arena, text);
    try_cron(z);
    redis_url_parse(z, &url);
    try_options(text);
    arena_free(&arena);
    return 0;
}
