/* Tests of lib/bullmq without Redis: shapes of the scripts, MessagePack as BullMQ packs it, backoff
 * arithmetic, URLs, and what is refused before anything is sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "bullmq/cron.h"
#include "bullmq/job_opts.h"
#include "bullmq/tz_rule.h"
#include "bullmq/url.h"
#include "bullmq/wire.h"

/* ---- the scripts' shapes ---- */

/* The highest n of "KEYS[n]" or "ARGV[n]" in a script's code, comments left out. */
static unsigned highest_index(const struct bullmq_script *script, const char *array)
{
    unsigned highest = 0;
    struct str rest = {script->text, script->len};
    bool comment = false;
    while (rest.n > 0) {
        struct str line = str_cut(&rest, '\n');
        char text[512];
        size_t n = line.n < sizeof(text) ? line.n : sizeof(text) - 1;
        memcpy(text, line.p ? line.p : "", n);
        text[n] = '\0';
        if (strncmp(text, "--[[", 4) == 0)
            comment = true;
        if (!comment && strncmp(str_trim(str_of(text)).p ? str_trim(str_of(text)).p : "", "--", 2))
            for (const char *p = text; (p = strstr(p, array)); p++)
                if (strtoul(p + strlen(array), NULL, 10) > highest)
                    highest = (unsigned)strtoul(p + strlen(array), NULL, 10);
        if (strstr(text, "]]"))
            comment = false;
    }
    return highest;
}

static unsigned words_in(const char *keys)
{
    unsigned n = 0;
    struct str rest = str_of(keys);
    for (; rest.n > 0; n++)
        str_cut(&rest, ' ');
    return n;
}

/* What is wrong between a call and its script; NULL: nothing. */
static const char *shape_fault(const struct bullmq_shape *shape, const struct bullmq_script *script)
{
    if (words_in(shape->keys) != script->keys)
        return "the package declares another number of KEYS";
    if (highest_index(script, "KEYS[") > script->keys)
        return "the script reads KEYS beyond those declared";
    unsigned args = highest_index(script, "ARGV[");
    bool fits = shape->more_args ? args <= shape->args + shape->more_args
                                 : args <= shape->args && args + 2 > shape->args;
    return fits ? NULL : "the script reads another number of ARGV";
}

static void test_every_call_sends_the_keys_and_arguments_its_script_reads(void **state)
{
    (void)state;
    for (int call = 0; call < CALL__COUNT; call++) {
        const struct bullmq_shape *shape = &bullmq_shapes[call];
        const char *fault = shape_fault(shape, bullmq_script_of((enum bullmq_call)call));
        if (fault)
            fail_msg("%s: %s", shape->script, fault);
    }
}

/* A copy of the script in which `from` became `to`, in `text`. */
static struct bullmq_script changed(const struct bullmq_script *script, const char *from,
                                    const char *to, char text[1 << 17])
{
    const char *at = strstr(script->text, from);
    assert_non_null(at);
    int n = snprintf(text, 1 << 17, "%.*s%s%s", (int)(at - script->text), script->text, to,
                     at + strlen(from));
    assert_true(n > 0 && n < 1 << 17);
    struct bullmq_script copy = *script;
    copy.text = text;
    copy.len = (size_t)n;
    return copy;
}

static void test_a_script_whose_keys_or_arguments_changed_is_noticed(void **state)
{
    (void)state;
    static char text[1 << 17];
    for (int call = 0; call < CALL__COUNT; call++) {
        const struct bullmq_shape *shape = &bullmq_shapes[call];
        const struct bullmq_script *script = bullmq_script_of((enum bullmq_call)call);
        struct bullmq_script copy = *script;
        copy.keys = script->keys + 1; /* a file name that says one more */
        assert_non_null(shape_fault(shape, &copy));
        copy.keys = script->keys - 1;
        assert_non_null(shape_fault(shape, &copy));
        copy = changed(script, "local rcall = redis.call",
                       "local rcall = redis.call\nlocal new = KEYS[99]", text);
        assert_non_null(shape_fault(shape, &copy));
        copy = changed(script, "local rcall = redis.call",
                       "local rcall = redis.call\nlocal new = ARGV[99]", text);
        assert_non_null(shape_fault(shape, &copy));
    }
}

/* What the package's comments say of the keys whose order matters most. A change of order would
 * keep the count, so the documented names are compared word by word. */
static void test_keys_stand_in_the_order_the_scripts_document(void **state)
{
    (void)state;
    static const struct {
        enum bullmq_call call;
        const char *lines[14];
    } documented[] = {
        {CALL_MOVE_TO_ACTIVE,
         {"KEYS[1] wait key", "KEYS[2] active key", "KEYS[3] prioritized key",
          "KEYS[4] stream events key", "KEYS[5] stalled key", "KEYS[6] rate limiter key",
          "KEYS[7] delayed key", "KEYS[8] paused key", "KEYS[9] meta key",
          "KEYS[10] pc priority counter", "KEYS[11] marker key"}},
        {CALL_MOVE_TO_FINISHED,
         {"KEYS[1] wait key", "KEYS[2] active key", "KEYS[3] prioritized key",
          "KEYS[4] event stream key", "KEYS[5] stalled key", "KEYS[6] rate limiter key",
          "KEYS[7] delayed key", "KEYS[8] paused key", "KEYS[9] meta key",
          "KEYS[10] pc priority counter", "KEYS[11] completed/failed key", "KEYS[12] jobId key",
          "KEYS[13] metrics key", "KEYS[14] marker key"}},
        {CALL_ADD_SCHEDULER,
         {"KEYS[1]  'repeat' key", "KEYS[2]  'delayed' key", "KEYS[3]  'wait' key",
          "KEYS[4]  'paused' key", "KEYS[5]  'meta' key", "KEYS[6]  'prioritized' key",
          "KEYS[7]  'marker' key", "KEYS[8]  'id' key", "KEYS[9]  'events' key",
          "KEYS[10] 'pc' priority counter", "KEYS[11] 'active' key"}},
    };
    for (size_t i = 0; i < ARRAY_LEN(documented); i++)
        for (size_t k = 0; k < 14 && documented[i].lines[k]; k++)
            if (!strstr(bullmq_script_of(documented[i].call)->text, documented[i].lines[k]))
                fail_msg("%s: no longer says \"%s\"", bullmq_shapes[documented[i].call].script,
                         documented[i].lines[k]);
}

static void test_scripts_carry_their_name_sha_and_licence(void **state)
{
    (void)state;
    assert_true(bullmq_scripts_count >= 40);
    for (size_t i = 0; i < bullmq_scripts_count; i++) {
        assert_int_equal(strlen(bullmq_scripts[i].sha), 40);
        assert_int_equal(strlen(bullmq_scripts[i].text), bullmq_scripts[i].len);
    }
    assert_non_null(strstr(bullmq_scripts_notice, "BullForce Labs AB"));
    assert_non_null(strstr(bullmq_scripts_notice, BULLMQ_VERSION));
}

/* ---- MessagePack ---- */

static char *hex_of(const struct pack *p)
{
    static char text[1024];
    struct str bytes = pack_bytes(p);
    assert_true(bytes.n * 2 < sizeof(text));
    for (size_t i = 0; i < bytes.n; i++)
        snprintf(text + 2 * i, 3, "%02x", (unsigned char)bytes.p[i]);
    return text;
}

static void test_options_pack_into_the_map_that_the_scripts_read(void **state)
{
    (void)state;
    CLEANUP(pack_done) struct pack p;
    pack_init(&p);
    struct bullmq_job_opts opts = {
        .name = "n",
        .id = "form-7",
        .attempts = 5,
        .delay_ms = 250,
        .backoff = {BULLMQ_BACKOFF_EXPONENTIAL, 1000, 0.5},
        .remove_on_complete = {BULLMQ_KEEP_SOME, 100, 3600},
        .remove_on_fail = {.mode = BULLMQ_KEEP_ALL},
    };
    job_opts_pack(&p, &opts, 1700000000123);
    /* The values of msgpackr's {attempts: 5, backoff: {...}, ...} in their shortest forms: it
     * writes map16 and int64 where a fixmap and a uint64 do. */
    assert_string_equal(hex_of(&p), "87"
                                    "a8617474656d70747305"
                                    "a76261636b6f6666"
                                    "83a474797065ab6578706f6e656e7469616c"
                                    "a564656c6179cd03e8"
                                    "a66a6974746572cb3fe0000000000000"
                                    "b072656d6f76654f6e436f6d706c657465"
                                    "82a5636f756e7464a3616765cd0e10"
                                    "ac72656d6f76654f6e4661696cc2"
                                    "a974696d657374616d70cf0000018bcfe5687b"
                                    "a564656c6179ccfa"
                                    "a56a6f624964a6666f726d2d37");
}

static void test_json_packs_whole_numbers_as_integers(void **state)
{
    (void)state;
    CLEANUP(pack_done) struct pack p;
    pack_init(&p);
    json_t *value = json_loads("{\"a\":[1,-1,2.0,0.5,null,true,\"x\"]}", 0, NULL);
    pack_json(&p, value);
    json_decref(value);
    assert_string_equal(hex_of(&p), "81a161"
                                    "9701ff02cb3fe0000000000000c0c3a178");
}

static void test_what_a_job_keeps_follows_the_job_then_the_worker(void **state)
{
    (void)state;
    static const struct {
        const char *job;
        struct bullmq_keep worker;
        const char *hex;
    } cases[] = {
        {"true", {.mode = BULLMQ_KEEP_ALL}, "81a5636f756e7400"},
        {"false", {.mode = BULLMQ_KEEP_NONE}, "81a5636f756e74ff"},
        {"25", {.mode = BULLMQ_KEEP_NONE}, "81a5636f756e7419"},
        {"{\"age\":60}", {.mode = BULLMQ_KEEP_NONE}, "81a36167653c"},
        {"null", {.mode = BULLMQ_KEEP_NONE}, "81a5636f756e7400"},
        {"null", {.mode = BULLMQ_KEEP_DEFAULT}, "81a5636f756e74ff"},
        {"null", {BULLMQ_KEEP_SOME, 0, 60}, "82a5636f756e74ffa36167653c"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(pack_done) struct pack p;
        pack_init(&p);
        json_t *job = json_loads(cases[i].job, JSON_DECODE_ANY, NULL);
        keep_pack(&p, job, &cases[i].worker);
        json_decref(job);
        assert_string_equal(hex_of(&p), cases[i].hex);
    }
}

/* ---- backoff ---- */

static void test_backoff_doubles_from_the_first_failure(void **state)
{
    (void)state;
    struct bullmq_backoff b = {BULLMQ_BACKOFF_EXPONENTIAL, 1000, 0};
    assert_int_equal(bullmq_backoff_ms(&b, 1, 0.9), 1000);
    assert_int_equal(bullmq_backoff_ms(&b, 2, 0.9), 2000);
    assert_int_equal(bullmq_backoff_ms(&b, 5, 0.9), 16000);
    assert_true(bullmq_backoff_ms(&b, 4000000000U, 0.9) == INT64_C(1) << 53);
    b.type = BULLMQ_BACKOFF_FIXED;
    assert_int_equal(bullmq_backoff_ms(&b, 5, 0.9), 1000);
    b.type = BULLMQ_BACKOFF_NONE;
    assert_int_equal(bullmq_backoff_ms(&b, 5, 0.9), 0);
}

static void test_jitter_draws_only_its_share(void **state)
{
    (void)state;
    struct bullmq_backoff b = {BULLMQ_BACKOFF_EXPONENTIAL, 1000, 0.25};
    assert_int_equal(bullmq_backoff_ms(&b, 2, 0.0), 1500);
    assert_int_equal(bullmq_backoff_ms(&b, 2, 0.5), 1750);
    assert_int_equal(bullmq_backoff_ms(&b, 2, 0.9999), 1999);
    b.jitter = 1;
    assert_int_equal(bullmq_backoff_ms(&b, 1, 0.0), 0);
}

static void test_stored_options_are_read_with_nonsense_ignored(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        unsigned attempts;
        enum bullmq_backoff_type type;
        int64_t delay_ms;
    } cases[] = {
        {"{\"attempts\":4,\"backoff\":{\"type\":\"exponential\",\"delay\":50}}", 4,
         BULLMQ_BACKOFF_EXPONENTIAL, 50},
        {"{\"attempts\":0,\"backoff\":300}", 1, BULLMQ_BACKOFF_FIXED, 300},
        {"{\"attempts\":-3,\"backoff\":{\"delay\":-5}}", 1, BULLMQ_BACKOFF_NONE, 0},
        {"{\"attempts\":\"7\",\"backoff\":\"soon\"}", 1, BULLMQ_BACKOFF_NONE, 0},
        {"{\"backoff\":{\"type\":\"fixed\",\"delay\":1e300}}", 1, BULLMQ_BACKOFF_NONE, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        unsigned attempts = 1;
        struct bullmq_backoff backoff = {0};
        json_t *stored = json_loads(cases[i].json, 0, NULL);
        job_opts_read(stored, &attempts, &backoff);
        json_decref(stored);
        assert_int_equal(attempts, cases[i].attempts);
        assert_int_equal(backoff.type, cases[i].type);
        assert_int_equal(backoff.delay_ms, cases[i].delay_ms);
    }
}

/* ---- cron ---- */

static const int64_t monday_noon = 1764590400; /* 2025-12-01T12:00:00Z */

static void test_cron_finds_the_next_time_in_the_zone(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *tz;
        int64_t next; /* Unix seconds */
    } cases[] = {
        {"* * * * *", "UTC", 1764590460},
        {"*/15 * * * * *", "UTC", 1764590415},
        {"0 12 * * *", "UTC", 1764676800},              /* tomorrow: noon itself has passed */
        {"30 9 * * 1-5", "America/Bogota", 1764599400}, /* 09:30-05:00 */
        {"0 9 * * MON", "Europe/Madrid", 1765180800},
        {"0 0 L * *", "UTC", 1767139200},  /* 31 December */
        {"0 0 29 2 *", "UTC", 1835395200}, /* 2028 */
        {"0 0 13 * 5", "UTC", 1764892800}, /* the 13th or a Friday */
        {"0 0 1 jan ?", "UTC", 1767225600},
        {"0 0 * * 7", "UTC", 1765065600},
        {"@hourly", "UTC", 1764594000},
        {"30 2 29 3 *", "Europe/Madrid", 1774747800}, /* skipped in 2026: made up for at 03:30 */
        {"0 0 * * 5#2", "UTC", 1765497600},
        {"0 0 * * 5L", "UTC", 1766707200},
        {"* * * *", "UTC", 1764590460}, /* fields are counted from the right */
        {"0 12 * * *", "utc+5:30", 1764657000},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t next = 0;
        assert_null(cron_next(cases[i].pattern, cases[i].tz, monday_noon * 1000, &next));
        if (next != cases[i].next * 1000)
            fail_msg("%s %s: %lld", cases[i].pattern, cases[i].tz, (long long)next / 1000);
    }
}

static void test_bad_cron_patterns_and_zones_are_refused(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"", "UTC"},
        {"   ", "UTC"},
        {"1,1 * * * *", "UTC"},
        {"@midnight", "UTC"},
        {"* * * * * * *", "UTC"},
        {"60 * * * *", "UTC"},
        {"* 24 * * *", "UTC"},
        {"* * 0 * *", "UTC"},
        {"* * * 13 *", "UTC"},
        {"5-1 * * * *", "UTC"},
        {"*/0 * * * *", "UTC"},
        {"1,, * * * *", "UTC"},
        {"1, * * * *", "UTC"},
        {"a * * * *", "UTC"},
        {"* * * * *", "Mars/Base"},
        {"* * * * *", "../../../etc/passwd"},
        {"* * * * *", "/etc/localtime"},
        {"0 0 31 2 *", "UTC"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int64_t next = 0;
        if (!cron_next(bad[i][0], bad[i][1], monday_noon * 1000, &next))
            fail_msg("accepted %s %s", bad[i][0], bad[i][1]);
    }
}

static void test_a_zones_last_rule_gives_summer_time_in_any_year(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        int64_t at;
        int32_t offset_s;
    } cases[] = {
        {"CET-1CEST,M3.5.0,M10.5.0/3", 2879110799, 3600}, /* the second before the change */
        {"CET-1CEST,M3.5.0,M10.5.0/3", 2879110800, 7200},
        {"<-03>3", 4000000000, -10800},
        {"<+0530>-5:30", 4000000000, 19800},
        {"EST5EDT,M3.2.0,M11.1.0", 4087670400, -14400}, /* 2099-07-14 */
        {"IST-1GMT0,M10.5.0,M3.5.0/1", 4102444800, 0},  /* January in Dublin: "negative summer" */
        {"AEST-10AEDT,M10.1.0,M4.1.0/3", 4102444800, 39600}, /* January in Sydney */
        {"XXX3YYY,J60/0,J300/0", 4102444800, -10800},
        {"XXX3YYY2,59/-1,299/167", 4108000000, -7200},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tz_rule rule;
        assert_true(tz_rule_parse(str_of(cases[i].rule), &rule));
        if (tz_rule_offset(&rule, cases[i].at) != cases[i].offset_s)
            fail_msg("%s: %d", cases[i].rule, tz_rule_offset(&rule, cases[i].at));
    }
    static const char *const bad[] = {"",
                                      "C",
                                      "CET",
                                      "CET-25",
                                      "CET-1CEST",
                                      "CET-1CEST,M3.5.0",
                                      "CET-1CEST,M13.5.0,M10.5.0",
                                      "CET-1CEST,M3.6.0,M10.5.0",
                                      "CET-1CEST,M3.5.7,M10.5.0",
                                      "CET-1CEST,J0,J5",
                                      "<-03",
                                      "CET-1CEST,M3.5.0,M10.5.0/3x",
                                      "CET-1CEST,M3.5.0/168,M10.5.0"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct tz_rule rule;
        if (tz_rule_parse(str_of(bad[i]), &rule))
            fail_msg("accepted %s", bad[i]);
    }
}

static void test_a_broken_zone_file_is_refused(void **state)
{
    (void)state;
    uint8_t file[160] = "TZif2";
    struct tz *tz = NULL;
    assert_non_null(tz_parse(file, 4, &tz));
    assert_non_null(tz_parse(file, sizeof(file), &tz)); /* no second block, no types */
    memset(file + 20, 0xff, 24);                        /* counts beyond the file */
    assert_non_null(tz_parse(file, sizeof(file), &tz));
    assert_null(tz);
}

/* ---- URLs ---- */

static void test_urls_give_host_port_password_and_database(void **state)
{
    (void)state;
    struct redis_url url;
    assert_null(redis_url_parse("redis://127.0.0.1", &url));
    assert_string_equal(url.host, "127.0.0.1");
    assert_int_equal(url.port, 6379);
    assert_null(redis_url_parse("redis://:s%40e%2Fcret@[::1]:7000/3", &url));
    assert_string_equal(url.host, "::1");
    assert_int_equal(url.port, 7000);
    assert_string_equal(url.password, "s@e/cret");
    assert_string_equal(url.user, "");
    assert_int_equal(url.db, 3);
    assert_null(redis_url_parse("redis://me:pw@cache.example:1", &url));
    assert_string_equal(url.user, "me");
}

static void test_bad_urls_are_refused_without_repeating_them(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "http://h",
        "redis://",
        "redis://h:0",
        "redis://h:65536",
        "redis://h:12x",
        "redis://h/x",
        "redis://secret@h",
        "redis://:secret%4@h",
        "redis://:secret%zz@h",
        "redis://:secret%00@h",
        "redis://[::1]secret:1",
        "rediss://h:1",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct redis_url url;
        struct problem *p = redis_url_parse(bad[i], &url);
        if (!p)
            fail_msg("accepted %s", bad[i]);
        assert_int_equal(p->kind, PROBLEM_BAD_REQUEST);
        assert_null(strstr(p->detail, "secret"));
    }
}

/* ---- what is refused before Redis is asked ---- */

static void test_bad_jobs_are_refused_by_field(void **state)
{
    (void)state;
    CLEANUP(bullmq_redis_free) struct bullmq_redis *redis = NULL;
    assert_null(bullmq_redis_new(
        &(struct bullmq_redis_opts){.url = "redis://127.0.0.1:1", .quiet = true}, &redis));
    static const struct {
        const char *queue;
        struct bullmq_job_opts opts;
        const char *field;
    } cases[] = {
        {"a:b", {.name = "n"}, "/queue"},
        {"", {.name = "n"}, "/queue"},
        {"q", {.name = ""}, "/name"},
        {"q", {.name = "n", .id = "12"}, "/id"},
        {"q", {.name = "n", .id = "-12"}, "/id"},
        {"q", {.name = "n", .id = "a:b"}, "/id"},
        {"q", {.name = "n", .id = ""}, "/id"},
        {"q", {.name = "n", .data = "oops"}, "/data"},
        {"q", {.name = "n", .priority = 2097152}, "/priority"},
        {"q", {.name = "n", .delay_ms = -1}, "/delay"},
        {"q", {.name = "n", .backoff.jitter = 1.5}, "/backoff/jitter"},
        {"q", {.name = "n", .dedup_id = ""}, "/dedupId"},
        {"q", {.name = "n", .dedup_id = "d", .dedup_ttl_ms = -1}, "/dedupTtlMs"},
        {"q", {.name = "n", .parent_id = "p"}, "/parent"},
        {"q", {.name = "n", .parent_queue = "p"}, "/parent"},
        {"q", {.name = "n", .parent_id = "p", .parent_queue = "a:b"}, "/parent"},
        {"q", {.name = "n", .dedup_id = "d", .parent_id = "p", .parent_queue = "q"}, "/dedupId"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct problem *p = bullmq_add(redis, cases[i].queue, &cases[i].opts, NULL);
        assert_non_null(p);
        assert_string_equal(p->field, cases[i].field);
    }
    struct bullmq_job_opts fine = {.name = "n", .id = "007", .priority = 2097151};
    struct problem *p = bullmq_add(redis, "q", &fine, NULL);
    assert_non_null(p);
    assert_int_equal(p->kind, PROBLEM_UNAVAILABLE);
}

static void test_flows_that_are_too_large_or_crossed_are_refused(void **state)
{
    (void)state;
    CLEANUP(bullmq_redis_free) struct bullmq_redis *redis = NULL;
    assert_null(bullmq_redis_new(
        &(struct bullmq_redis_opts){.url = "redis://127.0.0.1:1", .quiet = true}, &redis));
    static struct bullmq_flow children[240];
    for (size_t i = 0; i < ARRAY_LEN(children); i++)
        children[i] = (struct bullmq_flow){.queue = "q", .job.name = "child"};
    struct bullmq_flow flow = {.queue = "q", .job.name = "p", .children = children};
    flow.child_count = 238; /* and the parent, counted twice */
    assert_int_equal(bullmq_flow_add(redis, &flow, NULL)->kind, PROBLEM_UNAVAILABLE);
    flow.child_count = 239;
    assert_string_equal(bullmq_flow_add(redis, &flow, NULL)->field, "/children");
    flow.child_count = 1;
    children[0].job.parent_id = children[0].job.parent_queue = "other";
    assert_string_equal(bullmq_flow_add(redis, &flow, NULL)->field, "/parent");
    children[0] = (struct bullmq_flow){.queue = "q", .job = {.name = "c", .dedup_id = "d"}};
    assert_string_equal(bullmq_flow_add(redis, &flow, NULL)->field, "/dedupId");
    children[0] = (struct bullmq_flow){.queue = "a:b", .job.name = "c"};
    assert_string_equal(bullmq_flow_add(redis, &flow, NULL)->field, "/queue");
    struct bullmq_flow deep[40];
    for (size_t i = 0; i < ARRAY_LEN(deep); i++)
        deep[i] = (struct bullmq_flow){.queue = "q",
                                       .job.name = "level",
                                       .children = &deep[i + 1],
                                       .child_count = i + 1 < ARRAY_LEN(deep)};
    assert_string_equal(bullmq_flow_add(redis, &deep[0], NULL)->field, "/children");
    assert_int_equal(bullmq_flow_add(redis, &deep[8], NULL)->kind, PROBLEM_UNAVAILABLE);
}

static struct problem *no_handler(struct bullmq_job *job)
{
    (void)job;
    return NULL;
}

static void test_a_worker_that_was_never_started_closes(void **state)
{
    (void)state;
    struct bullmq_worker *worker = NULL;
    struct bullmq_worker_opts opts = {
        .url = "redis://127.0.0.1:1", .queue = "q", .handler = no_handler, .concurrency = 4};
    assert_null(bullmq_worker_new(&opts, &worker));
    assert_true(bullmq_worker_close(&worker, 0));
    assert_null(worker);
    opts.concurrency = 257;
    assert_non_null(bullmq_worker_new(&opts, &worker));
    opts.concurrency = 1;
    opts.name = "two words";
    assert_non_null(bullmq_worker_new(&opts, &worker));
}

static void test_a_worker_without_redis_stops_at_once(void **state)
{
    (void)state;
    struct bullmq_worker *worker = NULL;
    struct bullmq_worker_opts opts = {
        .url = "redis://127.0.0.1:1", .queue = "q", .handler = no_handler, .concurrency = 8};
    assert_null(bullmq_worker_new(&opts, &worker));
    assert_null(bullmq_worker_start(worker));
    assert_false(bullmq_worker_wait(worker, 150));
    assert_true(bullmq_worker_close(&worker, 3000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_call_sends_the_keys_and_arguments_its_script_reads),
        cmocka_unit_test(test_a_script_whose_keys_or_arguments_changed_is_noticed),
        cmocka_unit_test(test_keys_stand_in_the_order_the_scripts_document),
        cmocka_unit_test(test_scripts_carry_their_name_sha_and_licence),
        cmocka_unit_test(test_options_pack_into_the_map_that_the_scripts_read),
        cmocka_unit_test(test_json_packs_whole_numbers_as_integers),
        cmocka_unit_test(test_what_a_job_keeps_follows_the_job_then_the_worker),
        cmocka_unit_test(test_backoff_doubles_from_the_first_failure),
        cmocka_unit_test(test_jitter_draws_only_its_share),
        cmocka_unit_test(test_stored_options_are_read_with_nonsense_ignored),
        cmocka_unit_test(test_cron_finds_the_next_time_in_the_zone),
        cmocka_unit_test(test_bad_cron_patterns_and_zones_are_refused),
        cmocka_unit_test(test_a_zones_last_rule_gives_summer_time_in_any_year),
        cmocka_unit_test(test_a_broken_zone_file_is_refused),
        cmocka_unit_test(test_urls_give_host_port_password_and_database),
        cmocka_unit_test(test_bad_urls_are_refused_without_repeating_them),
        cmocka_unit_test(test_bad_jobs_are_refused_by_field),
        cmocka_unit_test(test_flows_that_are_too_large_or_crossed_are_refused),
        cmocka_unit_test(test_a_worker_that_was_never_started_closes),
        cmocka_unit_test(test_a_worker_without_redis_stops_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
