/* The table of calls: KEYS and number of ARGV of each script, as dist/cjs/classes/
 * redis-queue-backend.js of the package sends them. See scripts.h for the rule. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bullmq/scripts.h"

/* clang-format off */
const struct bullmq_shape bullmq_shapes[CALL__COUNT] = {
    [CALL_ADD_STANDARD] = {"addStandardJob",
        "wait paused meta id completed delayed active events marker", 3, 0},
    [CALL_ADD_DELAYED] = {"addDelayedJob",
        "marker meta id delayed completed events", 3, 0},
    [CALL_ADD_PRIORITIZED] = {"addPrioritizedJob",
        "marker meta id prioritized delayed completed active events pc", 3, 0},
    [CALL_ADD_PARENT] = {"addParentJob",
        "meta id delayed waiting-children completed events", 3, 0},
    [CALL_RELEASE_PARENT] = {"releaseParentIfNoPendingDependencies", "@ @:dependencies", 3, 0},
    [CALL_ADD_SCHEDULER] = {"addJobScheduler",
        "repeat delayed wait paused meta prioritized marker id events pc active", 9, 0},
    [CALL_UPDATE_SCHEDULER] = {"updateJobScheduler",
        "repeat delayed wait paused meta prioritized marker id events pc @ active", 7, 0},
    [CALL_REMOVE_SCHEDULER] = {"removeJobScheduler",
        "repeat delayed events", 2, 0},
    [CALL_MOVE_TO_ACTIVE] = {"moveToActive",
        "wait active prioritized events stalled limiter delayed paused meta pc marker", 3, 0},
    [CALL_MOVE_TO_FINISHED] = {"moveToFinished",
        "wait active prioritized events stalled limiter delayed paused meta pc "
        "% @ metrics:% marker", 9, 0},
    [CALL_MOVE_TO_DELAYED] = {"moveToDelayed",
        "marker active prioritized delayed @ events meta stalled wait limiter pc", 9, 0},
    [CALL_RETRY_JOB] = {"retryJob",
        "active wait paused @ meta events delayed prioritized pc marker stalled", 6, 0},
    [CALL_BACK_TO_WAIT] = {"moveJobFromActiveToWait",
        "active wait stalled paused meta limiter prioritized marker events", 3, 0},
    [CALL_MOVE_STALLED] = {"moveStalledJobsToWait",
        "stalled wait active stalled-check meta paused marker events repeat", 4, 0},
    [CALL_EXTEND_LOCK] = {"extendLock", "@:lock stalled", 3, 0},
    [CALL_EXTEND_LOCKS] = {"extendLocks", "stalled", 4, 0},
    [CALL_UPDATE_PROGRESS] = {"updateProgress", "@ events meta", 2, 0},
    [CALL_ADD_LOG] = {"addLog", "@ @:logs", 3, 0},
    [CALL_PAUSE] = {"pause", "wait paused meta prioritized events delayed marker", 2, 0},
    [CALL_RESUME] = {"pause", "paused wait meta prioritized events delayed marker", 2, 0},
    [CALL_REMOVE_JOB] = {"removeJob", "@ repeat", 3, 0},
    [CALL_PROMOTE] = {"promote",
        "delayed wait paused meta prioritized active pc events marker", 2, 0},
    [CALL_REPROCESS] = {"reprocessJob",
        "@ events % wait meta active marker prioritized pc", 6, 0},
    [CALL_GET_COUNTS] = {"getCounts", ".", 0, 8},
    [CALL_GET_STATE] = {"getStateV2",
        "completed failed delayed active wait paused waiting-children prioritized", 1, 0},
    [CALL_GET_JOBS] = {"getJobs", ".", 4, 4},
};
/* clang-format on */

const struct bullmq_script *bullmq_script_of(enum bullmq_call call)
{
    static _Atomic(const struct bullmq_script *) found[CALL__COUNT];
    const struct bullmq_script *script = atomic_load_explicit(&found[call], memory_order_relaxed);
    if (script)
        return script;
    for (size_t i = 0; i < bullmq_scripts_count; i++) {
        if (strcmp(bullmq_scripts[i].name, bullmq_shapes[call].script) != 0)
            continue;
        atomic_store_explicit(&found[call], &bullmq_scripts[i], memory_order_relaxed);
        return &bullmq_scripts[i];
    }
    fprintf(stderr, "bullmq: the script %s is not embedded\n", bullmq_shapes[call].script);
    abort();
}
