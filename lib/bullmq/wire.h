/* Commands to Redis in batches, and the connection that carries them (inside lib/bullmq only).
 *
 * The rule not to break: a batch is built completely, run, read, and cleared; the connection never
 * has a command of one batch in flight while another is built. */
#ifndef BULLMQ_WIRE_H
#define BULLMQ_WIRE_H

#include <hiredis/hiredis.h>

#include "base/buf.h"
#include "bullmq/bullmq.h"
#include "bullmq/pack.h"
#include "bullmq/scripts.h"

#define BATCH_MAX        256 /* commands */
#define BATCH_BYTES_MAX  ((size_t)256 * 1024 * 1024)
#define QUEUE_NAME_MAX   100 /* bytes */
#define QUEUE_PREFIX_MAX (QUEUE_NAME_MAX + 16)

/* "bull:<queue>:", the start of each of its keys. */
struct queue_keys {
    char prefix[QUEUE_PREFIX_MAX];
    size_t n;
};

/* PROBLEM_VALIDATION for an empty or long name, or one with ':' (BullMQ refuses it too). */
struct problem *queue_keys_of(const char *queue, struct queue_keys *ret);

struct batch {
    struct buf bytes; /* RESP of all commands */
    struct {
        const struct bullmq_script *script; /* NULL: a plain command */
        size_t at, n;
    } commands[BATCH_MAX];
    redisReply *replies[BATCH_MAX];
    unsigned count;
    unsigned left; /* arguments the newest command still waits for */
};

void batch_init(struct batch *b);
void batch_clear(struct batch *b); /* drops commands and replies, keeps memory */
void batch_free(struct batch *b);  /* for CLEANUP */

/* Begins a script call and writes its keys; its `args` arguments follow with batch_arg*. `id` is
 * for '@', `state` for '%' in the shape; NULL where it has none. */
void batch_call(struct batch *b, enum bullmq_call call, const struct queue_keys *q, const char *id,
                const char *state);
/* The same for calls whose number of arguments varies. */
void batch_call_n(struct batch *b, enum bullmq_call call, const struct queue_keys *q,
                  const char *id, const char *state, unsigned args);

/* Begins a plain command of `argc` words, all given with batch_arg*. */
void batch_command(struct batch *b, unsigned argc);

void batch_arg(struct batch *b, struct str arg);
void batch_arg_z(struct batch *b, const char *arg); /* NULL: "" */
void batch_arg_int(struct batch *b, int64_t v);
void batch_arg_pack(struct batch *b, const struct pack *p);
void batch_arg_key(struct batch *b, const struct queue_keys *q, const char *suffix);

/* Adding a job inside the transaction of a flow; and the id in an add's reply (producer.c). */
void batch_add_in_flow(struct batch *b, const struct queue_keys *q,
                       const struct bullmq_job_opts *opts, bool has_children);
struct problem *read_added_id(const redisReply *reply, char *ret_id);

/* Sends all commands in one write and reads all replies into b->replies (error replies stay
 * REDIS_REPLY_ERROR). Missing scripts are loaded and their calls sent again: they had not run.
 * PROBLEM_UNAVAILABLE when the connection failed or Redis cannot serve now (loading, a replica, out
 * of memory): commands may or may not have run. */
struct problem *wire_run(struct bullmq_redis *redis, struct batch *b);

/* A batch of one call with an integer reply, its value in *ret. Clears the batch. */
struct problem *wire_run_int(struct bullmq_redis *redis, struct batch *b, int64_t *ret);

/* The problem in a reply, or NULL: an error reply is PROBLEM_INTERNAL with Redis' words. */
struct problem *wire_reply_problem(const redisReply *reply);

/* Time in ms until the next contact is allowed after failures; 0: now. */
int64_t wire_wait_ms(const struct bullmq_redis *redis);

/* For a blocking command with ways to interrupt it: sends the batch's one command and waits for
 * the reply at most timeout_ms or until one of `wake_fds` is readable. *ret_reply is NULL in the
 * latter case (the connection is then dropped, the command abandoned). */
struct problem *wire_block(struct bullmq_redis *redis, struct batch *b, const int wake_fds[2],
                           int64_t timeout_ms, redisReply **ret_reply);

/* Closes the connection; the next batch opens another. */
void wire_drop(struct bullmq_redis *redis);

int64_t now_ms(void); /* wall clock, as BullMQ counts */

#endif
