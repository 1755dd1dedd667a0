/* Fuzzing lib/bullmq: what comes out of Redis, a file or a setting and is parsed here: cron
 * patterns, time zones, URLs, stored job options. The first byte chooses the parser.
 *
 * The rule not to break: a result that would make a worker spin or wait backwards aborts. */
#include <stdlib.h>

#include "base/cleanup.h"
#include "bullmq/cron.h"
#include "bullmq/job_opts.h"
#include "bullmq/tz_rule.h"
#include "bullmq/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void try_cron(const char *pattern)
{
    int64_t after = INT64_C(1764590400000), next = 0;
    static const char *const zones[] = {"UTC", "Europe/Madrid", "Australia/Lord_Howe"};
    for (size_t i = 0; i < ARRAY_LEN(zones); i++)
        if (!cron_next(pattern, zones[i], after, &next) && next <= after)
            abort(); /* a series that does not go on would run for ever */
}

static void try_zone(struct str file)
{
    CLEANUP(tz_close) struct tz *tz = NULL;
    if (tz_parse((const uint8_t *)file.p, file.n, &tz))
        return;
    static const int64_t times[] = {0, 1764590400, 4102444800, INT64_C(1) << 40};
    for (size_t i = 0; i < ARRAY_LEN(times); i++)
        tz_offset(tz, times[i]);
}

static void try_rule(struct str text)
{
    struct tz_rule rule;
    if (tz_rule_parse(text, &rule))
        for (int64_t at = 1700000000; at < 1900000000; at += 3000000)
            if (tz_rule_offset(&rule, at) != rule.standard_s &&
                tz_rule_offset(&rule, at) != rule.summer_s)
                abort();
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
    if (n == 0)
        return 0;
    struct redis_url url;
    struct arena *arena = arena_new((size_t)64 << 20);
    struct str text = {(const char *)data + 1, n - 1};
    const char *z = arena_cstr(arena, text);
    switch (data[0] % 5) {
    case 0:
        try_cron(z);
        break;
    case 1:
        redis_url_parse(z, &url);
        break;
    case 2:
        try_options(text);
        break;
    case 3:
        try_zone(text);
        break;
    case 4:
        try_rule(text);
        break;
    }
    arena_free(&arena);
    return 0;
}
