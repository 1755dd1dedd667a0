/* What the files of bullmq_cli share (the example program and test bed of lib/bullmq).
 *
 * The rule not to break: bullmq_cli.c has the modes that other programs' tests name; modes that
 * take any job from JSON are in bullmq_cli_json.c. */
#ifndef BULLMQ_CLI_H
#define BULLMQ_CLI_H

#include <stdbool.h>
#include <stdint.h>

#include "bullmq/bullmq.h"

struct cli {
    const char *host, *port;
    const char *mode, *queue;
    uint64_t n, m, lock_ms, limit, sweep_ms;
    unsigned numbers; /* how many of n and m were given */
    bool keep;
    char url[2048];
    struct bullmq_redis *redis;
};

/* Mode put: jobs, flows and schedulers from JSON lines on stdin, as Node's Queue.addBulk,
 * FlowProducer.add and Queue.upsertJobScheduler take them; prints the ids. */
struct problem *cli_put(struct cli *cli);

/* Handler of mode run: does what the job's data says (sleep, progress, log, result, fail,
 * unrecoverable, limit, times, children). */
struct problem *cli_obey(struct bullmq_job *job);

#endif
