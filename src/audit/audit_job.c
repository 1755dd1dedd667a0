/* audit-flush: every 30 s one worker moves journals whose owner is gone and makes the partitions of
 * the months ahead. A living `serve` moves its own journal every 10 s (journal.c). */
#include "app/app.h"
#include "audit/audit.h"
#include "audit/audit_feature.h"
#include "base/cleanup.h"
#include "base/log.h"

const char *audit_journal_dir(struct arena *arena, const struct app *app)
{
    return arena_fmt(arena, "%s/journal", app->state_dir);
}

static void arena_done(struct arena **arena)
{
    arena_free(arena);
}

static struct problem *flush_job(struct bullmq_job *job)
{
    struct work_slot *slot = job->slot;
    struct job_ids none;
    TRY(job_ids_read(job, QUEUE_AUDIT, &none));
    CLEANUP(arena_done) struct arena *arena = arena_new(64 << 20); /* emptied after each batch */
    size_t events = 0;
    struct problem *p = journal_flush_all(slot->app, slot->db, arena,
                                          audit_journal_dir(job->arena, slot->app), &events);
    if (p) { /* it must outlive the arena it was made in */
        struct problem *kept = arena_make(job->arena, struct problem);
        *kept = *p;
        return kept;
    }
    if (events > 0)
        log_info("moved %zu audit events of journals left behind", events);
    return NULL;
}

const struct work_queue audit_queues[] = {
    {.queue = QUEUE_AUDIT,
     .handler = flush_job,
     .concurrency = 1,
     .lock_ms = 30000,
     .stalled_interval_ms = 30000},
};
const size_t audit_queue_count = ARRAY_LEN(audit_queues);
