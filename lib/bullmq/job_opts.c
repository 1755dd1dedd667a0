/* Job options in their three forms; see job_opts.h.
 *
 * The rule not to break: `attempts` is always sent, because the failed path of the scripts compares
 * it and errors on nil. */
#include "bullmq/job_opts.h"

#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "bullmq/wire.h"

enum { PRIORITY_MOST = (1 << 21) - 1 };

/* A jobId that parseInt() prints back unchanged would collide with the queue's counter. */
static bool is_integer(const char *id)
{
    const char *digits = *id == '-' ? id + 1 : id;
    size_t n = strspn(digits, "0123456789");
    return n > 0 && digits[n] == '\0' && (digits[0] != '0' || n == 1);
}

static struct problem *check_id(const char *id)
{
    if (!id)
        return NULL;
    if (id[0] == '\0' || strlen(id) >= BULLMQ_ID_MAX)
        return problem_field(NULL, "/id", "a job id has 1 to %d bytes", BULLMQ_ID_MAX - 1);
    if (is_integer(id))
        return problem_field(NULL, "/id", "a custom job id may not be an integer");
    const char *first = strchr(id, ':'), *second = first ? strchr(first + 1, ':') : NULL;
    if (first && (!second || strchr(second + 1, ':')))
        return problem_field(NULL, "/id", "a custom job id may not contain ':'");
    return NULL;
}

static struct problem *check_dedup(const struct bullmq_job_opts *opts)
{
    if (!opts->dedup_id)
        return NULL;
    if (!opts->dedup_id[0] || strlen(opts->dedup_id) >= BULLMQ_ID_MAX)
        return problem_field(NULL, "/dedupId", "a deduplication id has 1 to %d bytes",
                             BULLMQ_ID_MAX - 1);
    if (opts->dedup_ttl_ms < 0)
        return problem_field(NULL, "/dedupTtlMs", "a deduplication time is not negative");
    if (opts->parent_id)
        return problem_field(NULL, "/dedupId", "a child of a flow cannot be deduplicated");
    return NULL;
}

static struct problem *check_parent(const struct bullmq_job_opts *opts)
{
    if (!opts->parent_id && !opts->parent_queue)
        return NULL;
    struct queue_keys q;
    if (!opts->parent_id || !opts->parent_id[0] || strlen(opts->parent_id) >= BULLMQ_ID_MAX ||
        queue_keys_of(opts->parent_queue, &q))
        return problem_field(NULL, "/parent", "a parent is named by its queue and its id");
    return NULL;
}

struct problem *job_opts_check(const struct bullmq_job_opts *opts)
{
    if (!opts->name || !opts->name[0])
        return problem_field(NULL, "/name", "a job needs a name");
    TRY(check_id(opts->id));
    TRY(check_dedup(opts));
    TRY(check_parent(opts));
    if (opts->data && (!opts->data[0] || !strchr("{[\"-0123456789tfn", opts->data[0])))
        return problem_field(NULL, "/data", "a job's data is JSON");
    if (opts->priority > PRIORITY_MOST)
        return problem_field(NULL, "/priority", "a priority is 0 to %d", PRIORITY_MOST);
    if (opts->delay_ms < 0 || opts->backoff.delay_ms < 0)
        return problem_field(NULL, "/delay", "a delay is not negative");
    if (!(opts->backoff.jitter >= 0 && opts->backoff.jitter <= 1))
        return problem_field(NULL, "/backoff/jitter", "jitter is 0 to 1");
    return NULL;
}

static void pack_keep(struct pack *p, const char *key, const struct bullmq_keep *keep)
{
    if (keep->mode == BULLMQ_KEEP_DEFAULT)
        return;
    pack_z(p, key);
    if (keep->mode != BULLMQ_KEEP_SOME) {
        pack_bool(p, keep->mode == BULLMQ_KEEP_NONE);
        return;
    }
    pack_map(p, (keep->count > 0) + (keep->age_s > 0));
    if (keep->count > 0) {
        pack_z(p, "count");
        pack_int(p, keep->count);
    }
    if (keep->age_s > 0) {
        pack_z(p, "age");
        pack_int(p, keep->age_s);
    }
}

static void pack_backoff(struct pack *p, const struct bullmq_backoff *backoff)
{
    pack_z(p, "backoff");
    pack_map(p, backoff->jitter > 0 ? 3 : 2);
    pack_z(p, "type");
    pack_z(p, backoff->type == BULLMQ_BACKOFF_FIXED ? "fixed" : "exponential");
    pack_z(p, "delay");
    pack_int(p, backoff->delay_ms);
    if (backoff->jitter > 0) {
        pack_z(p, "jitter");
        pack_real(p, backoff->jitter);
    }
}

static void pack_flag(struct pack *p, const char *key, bool on)
{
    if (on) {
        pack_z(p, key);
        pack_bool(p, true);
    }
}

static void pack_dedup(struct pack *p, const struct bullmq_job_opts *opts)
{
    pack_z(p, "de");
    pack_map(p, 1 + (opts->dedup_ttl_ms > 0) + opts->dedup_extend + opts->dedup_replace +
                    opts->dedup_reschedule + opts->dedup_keep_last);
    pack_z(p, "id");
    pack_z(p, opts->dedup_id);
    if (opts->dedup_ttl_ms > 0) {
        pack_z(p, "ttl");
        pack_int(p, opts->dedup_ttl_ms);
    }
    pack_flag(p, "extend", opts->dedup_extend);
    pack_flag(p, "replace", opts->dedup_replace);
    pack_flag(p, "reschedule", opts->dedup_reschedule);
    pack_flag(p, "keepLastIfActive", opts->dedup_keep_last);
}

/* The short key that scripts and Node know for what a child's failure does; NULL: nothing. */
static const char *child_fails_key(const struct bullmq_job_opts *opts)
{
    static const char *const keys[] = {
        [BULLMQ_CHILD_FAILS_PARENT] = "fpof",
        [BULLMQ_CHILD_STARTS_PARENT] = "cpof",
        [BULLMQ_CHILD_IGNORED] = "idof",
        [BULLMQ_CHILD_REMOVED] = "rdof",
    };
    return opts->child_fails < ARRAY_LEN(keys) ? keys[opts->child_fails] : NULL;
}

void job_parent_pack(struct pack *p, const struct bullmq_job_opts *opts, const char *queue_key)
{
    const char *fails = child_fails_key(opts);
    CLEANUP(buf_free) struct buf queue = BUF_MAX(QUEUE_PREFIX_MAX);
    buf_addf(&queue, "bull:%s", opts->parent_queue);
    pack_map(p, 2 + (fails != NULL));
    pack_z(p, "id");
    pack_z(p, opts->parent_id);
    pack_z(p, queue_key);
    pack_str(p, buf_str(&queue));
    if (fails)
        pack_flag(p, fails, true);
}

static void pack_key_int(struct pack *p, const char *key, int64_t v)
{
    pack_z(p, key);
    pack_int(p, v);
}

/* The pairs every form has; the caller wrote the map's head with pairs_common() in it. */
static size_t pairs_common(const struct bullmq_job_opts *opts)
{
    return 1 + (opts->backoff.type != BULLMQ_BACKOFF_NONE) + (opts->priority > 0) + opts->lifo +
           (opts->remove_on_complete.mode != BULLMQ_KEEP_DEFAULT) +
           (opts->remove_on_fail.mode != BULLMQ_KEEP_DEFAULT) + (opts->keep_logs > 0) +
           (child_fails_key(opts) != NULL);
}

static void pack_common(struct pack *p, const struct bullmq_job_opts *opts)
{
    pack_key_int(p, "attempts", opts->attempts ? opts->attempts : 1);
    if (opts->backoff.type != BULLMQ_BACKOFF_NONE)
        pack_backoff(p, &opts->backoff);
    if (opts->priority > 0)
        pack_key_int(p, "priority", opts->priority);
    if (opts->lifo) {
        pack_z(p, "lifo");
        pack_bool(p, true);
    }
    pack_keep(p, "removeOnComplete", &opts->remove_on_complete);
    pack_keep(p, "removeOnFail", &opts->remove_on_fail);
    if (opts->keep_logs > 0)
        pack_key_int(p, "kl", opts->keep_logs);
    if (child_fails_key(opts))
        pack_flag(p, child_fails_key(opts), true);
}

void job_opts_pack(struct pack *p, const struct bullmq_job_opts *opts, int64_t timestamp_ms)
{
    pack_map(p, pairs_common(opts) + 1 + (opts->delay_ms > 0) + (opts->id != NULL) +
                    (opts->dedup_id != NULL) + (opts->parent_id != NULL));
    pack_common(p, opts);
    pack_key_int(p, "timestamp", timestamp_ms);
    if (opts->delay_ms > 0)
        pack_key_int(p, "delay", opts->delay_ms);
    if (opts->id) {
        pack_z(p, "jobId");
        pack_z(p, opts->id);
    }
    if (opts->dedup_id)
        pack_dedup(p, opts);
    if (opts->parent_id) {
        pack_z(p, "parent");
        job_parent_pack(p, opts, "queue");
    }
}

size_t schedule_pairs(const struct schedule *schedule)
{
    return 1 + (schedule->pattern && schedule->tz);
}

void schedule_pack(struct pack *p, const struct schedule *schedule)
{
    if (!schedule->pattern) {
        pack_key_int(p, "every", schedule->every_ms);
        return;
    }
    pack_z(p, "pattern");
    pack_z(p, schedule->pattern);
    if (schedule->tz) {
        pack_z(p, "tz");
        pack_z(p, schedule->tz);
    }
}

void job_opts_pack_scheduled(struct pack *p, const struct bullmq_job_opts *opts,
                             int64_t timestamp_ms, const struct schedule *schedule,
                             const char *scheduler_id)
{
    pack_map(p, pairs_common(opts) + 3 + (schedule->next_ms > 0));
    pack_common(p, opts);
    pack_key_int(p, "timestamp", timestamp_ms);
    if (schedule->next_ms > 0)
        pack_key_int(p, "prevMillis", schedule->next_ms);
    pack_z(p, "repeatJobKey");
    pack_z(p, scheduler_id);
    pack_z(p, "repeat");
    pack_map(p, schedule_pairs(schedule) + 1);
    schedule_pack(p, schedule);
    pack_key_int(p, "count", 1);
}

void job_opts_pack_template(struct pack *p, const struct bullmq_job_opts *opts)
{
    pack_map(p, pairs_common(opts));
    pack_common(p, opts);
}

static void keep_count(struct pack *p, int64_t count)
{
    pack_map(p, 1);
    pack_key_int(p, "count", count);
}

static void keep_pack_own(struct pack *p, const struct bullmq_keep *keep)
{
    if (keep->mode != BULLMQ_KEEP_SOME) {
        keep_count(p, keep->mode == BULLMQ_KEEP_NONE ? 0 : -1);
        return;
    }
    pack_map(p, 1 + (keep->age_s > 0));
    pack_key_int(p, "count", keep->count > 0 ? keep->count : -1);
    if (keep->age_s > 0)
        pack_key_int(p, "age", keep->age_s);
}

void keep_pack(struct pack *p, const json_t *job_says, const struct bullmq_keep *worker_says)
{
    if (json_is_object(job_says))
        pack_json(p, job_says);
    else if (json_is_number(job_says))
        keep_count(p, (int64_t)json_number_value(job_says));
    else if (json_is_boolean(job_says))
        keep_count(p, json_is_true(job_says) ? 0 : -1);
    else
        keep_pack_own(p, worker_says);
}

void job_opts_read(const json_t *stored, unsigned *attempts, struct bullmq_backoff *backoff)
{
    double n = json_number_value(json_object_get(stored, "attempts"));
    if (n >= 1 && n < 1e9)
        *attempts = (unsigned)n;
    const json_t *says = json_object_get(stored, "backoff");
    double delay = json_number_value(json_is_number(says) ? says : json_object_get(says, "delay"));
    if (!(delay > 0 && delay < 9e15))
        return;
    const char *type = json_string_value(json_object_get(says, "type"));
    bool exponential = type && strcmp(type, "exponential") == 0;
    backoff->type = exponential ? BULLMQ_BACKOFF_EXPONENTIAL : BULLMQ_BACKOFF_FIXED;
    backoff->delay_ms = (int64_t)delay;
    double jitter = json_number_value(json_object_get(says, "jitter"));
    backoff->jitter = jitter >= 0 && jitter <= 1 ? jitter : 0;
}
