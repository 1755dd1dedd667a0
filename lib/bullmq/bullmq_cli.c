/* bullmq_cli: lib/bullmq from the command line; its example program and test bed.
 *
 *     bullmq_cli --port 6379 add pictures 1000 100     1000 jobs, 100 in flight
 *     bullmq_cli --port 6379 work pictures 1000 8      completes them, 8 at a time
 *
 * The rule not to break: the modes' outcomes (names, data, reasons) are what tests of other
 * programs expect; see --help. */
#include <argp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "bullmq/bullmq_cli.h"
#include "bullmq/cron.h"

enum { IN_FLIGHT_MOST = 256, CLOSE_MS = 10000, HOLD_SWEEP_MS = 200, HOLD_STALLS = 20 };

/* ---- speed ---- */

struct timing {
    int64_t wall_us, cpu_us;
};

static struct timing timing_now(void)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    int64_t cpu_us = (use.ru_utime.tv_sec + use.ru_stime.tv_sec) * INT64_C(1000000) +
                     use.ru_utime.tv_usec + use.ru_stime.tv_usec;
    return (struct timing){clock_mono_us(), cpu_us};
}

/* The most memory this program had. Not ru_maxrss: that begins with what the parent had at the
 * fork. */
static double most_memory_mb(void)
{
    char line[256];
    unsigned long kb = 0;
    FILE *file = fopen("/proc/self/status", "re");
    while (file && fgets(line, sizeof(line), file))
        if (sscanf(line, "VmHWM: %lu", &kb) == 1)
            break;
    if (file)
        fclose(file);
    return (double)kb / 1024;
}

static void timing_print(const char *what, uint64_t jobs, struct timing since)
{
    struct timing now = timing_now();
    double seconds = (double)(now.wall_us - since.wall_us) / 1e6;
    double cpu = (double)(now.cpu_us - since.cpu_us) / (double)(jobs ? jobs : 1);
    printf("%s: %llu jobs in %.3f s: %.0f jobs/s, %.1f us CPU per job, %.1f MB RSS\n", what,
           (unsigned long long)jobs, seconds, (double)jobs / seconds, cpu, most_memory_mb());
}

/* ---- producers ---- */

static struct problem *mode_add(struct cli *cli)
{
    uint64_t chunk = cli->m < 1 ? 1 : cli->m > IN_FLIGHT_MOST ? IN_FLIGHT_MOST : cli->m;
    static char data[IN_FLIGHT_MOST][32];
    static struct bullmq_job_opts jobs[IN_FLIGHT_MOST];
    struct timing start = timing_now();
    for (uint64_t done = 0; done < cli->n;) {
        size_t count = cli->n - done < chunk ? cli->n - done : chunk;
        for (size_t i = 0; i < count; i++) {
            snprintf(data[i], sizeof(data[i]), "{\"i\":%llu}", (unsigned long long)(done + i));
            jobs[i] = (struct bullmq_job_opts){.name = "job", .data = data[i]};
        }
        TRY(bullmq_add_bulk(cli->redis, cli->queue, jobs, count, NULL));
        done += count;
    }
    timing_print("add", cli->n, start);
    return NULL;
}

static struct problem *add_one(struct cli *cli, const struct bullmq_job_opts *opts)
{
    char id[BULLMQ_ID_MAX];
    TRY(bullmq_add(cli->redis, cli->queue, opts, id));
    printf("%s: job %s\n", cli->mode, id);
    return NULL;
}

static struct problem *mode_delayed(struct cli *cli)
{
    return add_one(cli, &(struct bullmq_job_opts){.name = "job",
                                                  .data = "{\"from\":\"C\",\"delayed\":true}",
                                                  .delay_ms = (int64_t)cli->n});
}

static struct problem *mode_prio(struct cli *cli)
{
    return add_one(cli, &(struct bullmq_job_opts){.name = "job",
                                                  .data = "{\"from\":\"C\",\"prio\":true}",
                                                  .priority = (unsigned)cli->n});
}

/* N adds of the same work: one job, its id N times. */
static struct problem *mode_dedup(struct cli *cli)
{
    struct bullmq_job_opts opts = {.name = "job", .dedup_id = "c-dedup"};
    for (uint64_t i = 0; i < cli->n; i++)
        TRY(add_one(cli, &opts));
    return NULL;
}

static struct problem *mode_lifo(struct cli *cli)
{
    return add_one(cli, &(struct bullmq_job_opts){
                            .name = "job", .data = "{\"from\":\"C\",\"lifo\":true}", .lifo = true});
}

static struct problem *mode_sched(struct cli *cli)
{
    char id[BULLMQ_ID_MAX];
    struct bullmq_job_opts opts = {.name = "tick", .data = "{\"from\":\"C\"}"};
    TRY(bullmq_scheduler_upsert(cli->redis, cli->queue, "c-sched", (int64_t)cli->n, &opts, id));
    printf("sched: next job %s\n", id);
    return NULL;
}

/* ---- looking after ---- */

static struct problem *mode_pause(struct cli *cli)
{
    return bullmq_pause(cli->redis, cli->queue);
}

static struct problem *mode_resume(struct cli *cli)
{
    return bullmq_resume(cli->redis, cli->queue);
}

static struct problem *mode_stalled(struct cli *cli)
{
    size_t moved = 0;
    TRY(bullmq_sweep_stalled(cli->redis, cli->queue, (unsigned)cli->n, 1, &moved));
    printf("stalled: %zu jobs moved back to wait\n", moved);
    return NULL;
}

static struct problem *mode_counts(struct cli *cli)
{
    struct bullmq_counts counts;
    TRY(bullmq_counts(cli->redis, cli->queue, &counts));
    for (int s = 0; s < BULLMQ_STATE__COUNT; s++)
        printf("%s %llu\n", bullmq_state_name((enum bullmq_state)s),
               (unsigned long long)counts.jobs[s]);
    printf("paused %s\n", counts.paused ? "yes" : "no");
    return NULL;
}

static struct problem *list_failed(struct cli *cli, struct arena *arena, bool retry)
{
    struct bullmq_job_info *jobs = NULL;
    size_t count = 0;
    TRY(bullmq_jobs(cli->redis, cli->queue, BULLMQ_FAILED, 0, 1000, arena, &jobs, &count));
    for (size_t i = 0; i < count; i++) {
        if (retry)
            TRY(bullmq_retry(cli->redis, cli->queue, jobs[i].id));
        printf("%s\t%s\t%u\t%s\t%s\n", jobs[i].id, jobs[i].name, jobs[i].attempts_made,
               jobs[i].failed_reason, jobs[i].data);
    }
    return NULL;
}

/* Mode failed, and mode retry. */
static struct problem *mode_failed(struct cli *cli)
{
    struct arena *arena = arena_new((size_t)256 << 20);
    struct problem *p = list_failed(cli, arena, strcmp(cli->mode, "retry") == 0);
    arena_free(&arena);
    return p;
}

static struct problem *mode_concurrency(struct cli *cli)
{
    return bullmq_limit_concurrency(cli->redis, cli->queue, (unsigned)cli->n);
}

static struct problem *mode_unsched(struct cli *cli)
{
    bool existed = false;
    TRY(bullmq_scheduler_remove(cli->redis, cli->queue, "c-sched", &existed));
    printf("unsched: %s\n", existed ? "removed" : "there was none");
    return NULL;
}

/* Jobs with the queue's own ids alone: N is the id. */
static const char *id_of(const struct cli *cli)
{
    static char id[24];
    snprintf(id, sizeof(id), "%llu", (unsigned long long)cli->n);
    return id;
}

static struct problem *mode_promote(struct cli *cli)
{
    return bullmq_promote(cli->redis, cli->queue, id_of(cli));
}

static struct problem *mode_remove(struct cli *cli)
{
    return bullmq_remove(cli->redis, cli->queue, id_of(cli));
}

static struct problem *mode_state(struct cli *cli)
{
    enum bullmq_state state;
    TRY(bullmq_job_state(cli->redis, cli->queue, id_of(cli), &state));
    printf("%s\n", bullmq_state_name(state));
    return NULL;
}

static struct problem *mode_rate(struct cli *cli)
{
    if (cli->n > 0 && cli->m == 0)
        return problem_new(NULL, PROBLEM_BAD_REQUEST, "rate needs a second number M, at least 1");
    return bullmq_limit_rate(cli->redis, cli->queue, (unsigned)cli->n, (unsigned)cli->m);
}

/* QUEUE is a cron pattern here; its next times after N (Unix seconds), in the zone of $TZ. */
static struct problem *mode_next(struct cli *cli)
{
    int64_t at = (int64_t)cli->n * 1000;
    for (uint64_t i = 0; i < (cli->m ? cli->m : 1); i++) {
        TRY(cron_next(cli->queue, NULL, at, &at));
        printf("%lld\n", (long long)at);
    }
    return NULL;
}

static struct problem *mode_check(struct cli *cli)
{
    TRY(bullmq_redis_check(cli->redis));
    printf("check: this Redis is fit for queues\n");
    return NULL;
}

/* ---- workers ---- */

static struct problem *handle_work(struct bullmq_job *job)
{
    (void)job;
    return NULL;
}

static struct problem *handle_fail(struct bullmq_job *job)
{
    struct cli *cli = job->user;
    job->attempts = 3;
    job->backoff =
        (struct bullmq_backoff){.type = BULLMQ_BACKOFF_EXPONENTIAL, .delay_ms = (int64_t)cli->m};
    job->failed_reason = "boom";
    job->trace = "C worker";
    return problem_new(job->arena, PROBLEM_INTERNAL, "boom");
}

/* With N = 1 the job is left behind as by a crash: active, its lock gone. */
static struct problem *handle_lock(struct bullmq_job *job)
{
    struct cli *cli = job->user;
    TRY(bullmq_job_extend_lock(job, 30000));
    if (cli->n == 1) {
        const char *key = arena_fmt(job->arena, "bull:%s:%s:lock", job->queue, job->id);
        TRY(bullmq_redis_command(cli->redis, 2, (struct str[]){STR("DEL"), str_of(key)}, NULL));
        printf("lock: abandoned job %s\n", job->id);
        fflush(stdout);
        _exit(0);
    }
    buf_add_z(&job->result, "{\"by\":\"C\"}");
    return NULL;
}

/* Sleeps N ms, then completes; killed in between it leaves a stalled job behind. */
static struct problem *handle_hold(struct bullmq_job *job)
{
    struct cli *cli = job->user;
    printf("hold: running %s\n", job->id);
    fflush(stdout);
    TRY(bullmq_job_progress(job, "{\"half\":true}"));
    TRY(bullmq_job_log(job, "holding", 5));
    poll(NULL, 0, (int)cli->n);
    buf_add_z(&job->result, "{\"by\":\"C\"}");
    return NULL;
}

static struct bullmq_worker *running; /* for the signal handler */

static void on_stop(int signal_number)
{
    (void)signal_number;
    bullmq_worker_stop(running);
}

/* SIGUSR1 pauses this worker, SIGUSR2 resumes it: waited for on a thread, because pausing takes a
 * lock. */
static void *pause_and_resume(void *worker)
{
    sigset_t set;
    int got = 0;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    while (sigwait(&set, &got) == 0) {
        if (got == SIGUSR1)
            bullmq_worker_pause(worker);
        else
            bullmq_worker_resume(worker);
        fprintf(stderr, "%s\n", got == SIGUSR1 ? "paused" : "resumed");
    }
    return NULL;
}

static pthread_t start_pausing(struct bullmq_worker *worker)
{
    pthread_t thread;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &set, NULL); /* the threads made from here on have it too */
    if (pthread_create(&thread, NULL, pause_and_resume, worker))
        exit(1);
    return thread;
}

static struct problem *run_worker(struct cli *cli, bullmq_handler *handler, unsigned concurrency,
                                  unsigned jobs)
{
    struct bullmq_worker_opts opts = {
        .url = cli->url,
        .queue = cli->queue,
        .name = "c-worker",
        .concurrency = concurrency ? concurrency : 1,
        .handler = handler,
        .user = cli,
        .max_jobs = jobs,
        .lock_ms = (unsigned)cli->lock_ms,
        .limit_max = (unsigned)cli->limit,
        .limit_ms = 1000,
        .max_stalled = HOLD_STALLS,
        .stalled_interval_ms = cli->sweep_ms ? (unsigned)cli->sweep_ms : HOLD_SWEEP_MS,
        .skip_stalled = handler != handle_hold && cli->sweep_ms == 0, /* mode stalled does it */
        .metrics_points = 60,
        .remove_on_complete.mode = cli->keep ? BULLMQ_KEEP_ALL : BULLMQ_KEEP_NONE,
    };
    struct bullmq_worker *worker = NULL;
    TRY(bullmq_worker_new(&opts, &worker));
    running = worker;
    signal(SIGTERM, on_stop); /* the running jobs finish, no others begin */
    signal(SIGINT, on_stop);
    pthread_t pausing = start_pausing(worker);
    struct timing start = timing_now();
    struct problem *p = bullmq_worker_run(worker);
    struct bullmq_worker_stats stats;
    bullmq_worker_stats(worker, &stats);
    if (!p)
        timing_print(cli->mode, stats.completed + stats.failed + stats.retried, start);
    printf("%s: %llu completed, %llu failed, %llu retried, %llu lost, %llu round trips\n",
           cli->mode, (unsigned long long)stats.completed, (unsigned long long)stats.failed,
           (unsigned long long)stats.retried, (unsigned long long)stats.lost,
           (unsigned long long)stats.trips);
    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    pthread_cancel(pausing);
    pthread_join(pausing, NULL);
    bullmq_worker_close(&worker, CLOSE_MS);
    return p;
}

static struct problem *mode_work(struct cli *cli)
{
    return run_worker(cli, handle_work, (unsigned)cli->m, (unsigned)cli->n);
}

static struct problem *mode_schedwork(struct cli *cli)
{
    return run_worker(cli, handle_work, 1, (unsigned)cli->n);
}

static struct problem *mode_fail(struct cli *cli)
{
    cli->keep = true;
    return run_worker(cli, handle_fail, 1, (unsigned)cli->n);
}

static struct problem *mode_lock(struct cli *cli)
{
    cli->keep = true;
    return run_worker(cli, handle_lock, 1, 1);
}

static struct problem *mode_hold(struct cli *cli)
{
    cli->keep = true;
    return run_worker(cli, handle_hold, 1, (unsigned)cli->m);
}

static struct problem *mode_run(struct cli *cli)
{
    return run_worker(cli, cli_obey, (unsigned)cli->m, (unsigned)cli->n);
}

/* ---- the command line ---- */

static const struct {
    const char *name;
    struct problem *(*run)(struct cli *cli);
    unsigned numbers; /* how many of N and M it must be given */
} modes[] = {
    {"add", mode_add, 2},
    {"delayed", mode_delayed, 1},
    {"prio", mode_prio, 1},
    {"lock", mode_lock, 0},
    {"fail", mode_fail, 2},
    {"stalled", mode_stalled, 1},
    {"pause", mode_pause, 0},
    {"resume", mode_resume, 0},
    {"sched", mode_sched, 1},
    {"work", mode_work, 2},
    {"schedwork", mode_schedwork, 1},
    {"hold", mode_hold, 2},
    {"counts", mode_counts, 0},
    {"check", mode_check, 0},
    {"next", mode_next, 1},
    {"dedup", mode_dedup, 1},
    {"lifo", mode_lifo, 0},
    {"failed", mode_failed, 0},
    {"retry", mode_failed, 0},
    {"concurrency", mode_concurrency, 1},
    {"rate", mode_rate, 1},
    {"unsched", mode_unsched, 0},
    {"promote", mode_promote, 1},
    {"remove", mode_remove, 1},
    {"state", mode_state, 1},
    {"put", cli_put, 0},
    {"run", mode_run, 2},
};

static const struct argp_option options[] = {
    {"port", 'p', "PORT", 0, "Redis port (6379)", 0},
    {"host", 'h', "HOST", 0, "Redis host (127.0.0.1)", 0},
    {"lock", 'l', "MS", 0, "workers: how long a lock lasts (30000)", 0},
    {"limit", 'r', "N", 0, "workers: at most N jobs a second", 0},
    {"sweep", 's', "MS", 0, "workers: look for stalled jobs so often (hold: 200, others: never)",
     0},
    {"notice", 'n', NULL, 0, "print the licence of the embedded scripts", 0},
    {0},
};

static const char doc[] =
    "Adds, works and looks after BullMQ jobs. A Redis password comes from the environment variable "
    "REDISCLI_AUTH.\v"
    "  add QUEUE N M           N jobs {\"i\":k}, M in flight (at most 256)\n"
    "  delayed QUEUE N         one job after N ms\n"
    "  prio QUEUE N            one job of priority N\n"
    "  work QUEUE N M [keep]   complete N jobs (0: for ever), M at a time; removed\n"
    "                          unless keep\n"
    "  lock QUEUE [N]          take one, extend its lock, complete it with {\"by\":\"C\"};\n"
    "                          N=1: abandon it without its lock, as after a crash\n"
    "  fail QUEUE N M          fail N attempts (boom); 3 attempts, exponential from M ms\n"
    "  (work, run, hold: SIGTERM ends after the running jobs; SIGUSR1 pauses, SIGUSR2 resumes)\n"
    "  hold QUEUE N M          complete M jobs (0: for ever), each after N ms\n"
    "  stalled QUEUE N         one sweep for stalled jobs, interval N ms\n"
    "  pause QUEUE, resume QUEUE, counts QUEUE, check QUEUE\n"
    "  failed QUEUE            lists failed jobs; retry QUEUE puts them all back\n"
    "  concurrency QUEUE N     at most N at once over all workers; 0: no limit\n"
    "  dedup QUEUE N           N adds with one deduplication id; lifo QUEUE: one job\n"
    "  rate QUEUE N M          at most N jobs per M ms over all workers; N=0: no limit\n"
    "  put QUEUE               adds what JSON lines on stdin say: {name,data,opts} as Node's\n"
    "                          Queue.addBulk has it, with children as FlowProducer.add, with\n"
    "                          schedulerId and repeat as upsertJobScheduler; prints the ids\n"
    "  run QUEUE N M [keep]    N jobs, M at a time, each as its data says: {sleep,progress,log,\n"
    "                          result,fail,unrecoverable,limit,times,children}\n"
    "  sched QUEUE N           scheduler c-sched: a job tick every N ms; unsched QUEUE\n"
    "  promote QUEUE ID, remove QUEUE ID, state QUEUE ID (ids of the queue's counter)\n"
    "  schedwork QUEUE N       run N jobs of a scheduler's queue\n"
    "  next PATTERN N [M]      M times of a cron pattern after Unix second N, in the zone $TZ\n";

static void parse_number(struct argp_state *state, const char *arg, uint64_t *ret)
{
    if (!str_u64(str_of(arg), UINT32_MAX, ret))
        argp_error(state, "\"%s\" is not a number", arg);
}

/* A number left out would be taken as 0, which means "for ever" or "no limit" to some modes. */
static void require_numbers(struct argp_state *state, const struct cli *cli)
{
    for (size_t i = 0; i < ARRAY_LEN(modes); i++)
        if (strcmp(modes[i].name, cli->mode) == 0 && cli->numbers < modes[i].numbers)
            argp_error(state, "%s needs %s", cli->mode,
                       modes[i].numbers == 1 ? "a number N" : "two numbers, N and M");
}

static void parse_word(struct argp_state *state, char *arg)
{
    struct cli *cli = state->input;
    if (state->arg_num == 0)
        cli->mode = arg;
    else if (state->arg_num == 1)
        cli->queue = arg;
    else if (cli->keep || state->arg_num > 4)
        argp_error(state, "\"%s\" is one argument too many", arg);
    else if (strcmp(arg, "keep") == 0)
        cli->keep = true;
    else if (state->arg_num == 4)
        argp_error(state, "\"%s\" is not \"keep\"", arg);
    else
        parse_number(state, arg, cli->numbers++ == 0 ? &cli->n : &cli->m);
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct cli *cli = state->input;
    switch (key) {
    case 'p':
        cli->port = arg;
        return 0;
    case 'h':
        cli->host = arg;
        return 0;
    case 'l':
        parse_number(state, arg, &cli->lock_ms);
        return 0;
    case 'r':
        parse_number(state, arg, &cli->limit);
        return 0;
    case 's':
        parse_number(state, arg, &cli->sweep_ms);
        return 0;
    case 'n':
        fputs(bullmq_scripts_notice, stdout);
        exit(0);
    case ARGP_KEY_ARG:
        parse_word(state, arg);
        return 0;
    case ARGP_KEY_END:
        if (state->arg_num < 2)
            argp_usage(state);
        require_numbers(state, cli);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void make_url(struct cli *cli)
{
    const char *password = getenv("REDISCLI_AUTH");
    struct buf url = BUF_SECRET(sizeof(cli->url) - 1);
    buf_add_z(&url, "redis://");
    if (password && password[0]) {
        buf_add_c(&url, ':');
        for (const char *c = password; *c; c++)
            buf_addf(&url, "%%%02X", (unsigned char)*c);
        buf_add_c(&url, '@');
    }
    buf_addf(&url, "%s:%s", cli->host, cli->port);
    snprintf(cli->url, sizeof(cli->url), "%s", url.overflowed ? "" : url.data);
    buf_free(&url);
}

static struct problem *run_mode(struct cli *cli)
{
    make_url(cli);
    TRY(bullmq_redis_new(&(struct bullmq_redis_opts){.url = cli->url}, &cli->redis));
    for (size_t i = 0; i < ARRAY_LEN(modes); i++)
        if (strcmp(modes[i].name, cli->mode) == 0)
            return modes[i].run(cli);
    return problem_new(NULL, PROBLEM_BAD_REQUEST, "there is no mode %.20s", cli->mode);
}

int main(int argc, char **argv)
{
    struct cli cli = {.host = "127.0.0.1", .port = "6379"};
    struct argp argp = {options, parse_option, "MODE QUEUE [N [M [keep]]]", doc, 0, 0, 0};
    log_setup(LOG_INFO, "bullmq_cli");
    argp_err_exit_status = 2; /* as of every argument that is not right */
    if (argp_parse(&argp, argc, argv, 0, NULL, &cli))
        return 2;
    struct problem *p = run_mode(&cli);
    int status = 0;
    if (p) {
        fprintf(stderr, "bullmq_cli: %s%s%s\n", p->detail, p->cause[0] ? ": " : "", p->cause);
        status = p->kind == PROBLEM_BAD_REQUEST || p->kind == PROBLEM_VALIDATION ? 2 : 1;
    }
    bullmq_redis_free(&cli.redis);
    return status;
}
