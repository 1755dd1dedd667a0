/* no_new_privs, rlimits, Landlock (where the kernel has it) and a seccomp allow list.
 *
 * The rule not to break: the list names what decoding needs; everything not on it fails with EPERM,
 * and starting a program kills the process. */
#include "reader/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "reader/sanitized.h"

#define MEMORY_MAX (1536ULL << 20) /* address space: a 50 megapixel page and the models */
#define FILES_MAX  24              /* fonts of one page; pipes */

/* What Landlock version 1 knows: every way to touch a file. */
#define FS_ALL ((1ULL << 13) - 1)

static bool limits_set(void)
{
    struct {
        int what;
        rlim_t max;
    } limits[] = {{RLIMIT_CORE, 0},
                  {RLIMIT_FSIZE, 0},
                  {RLIMIT_NOFILE, FILES_MAX},
                  {RLIMIT_AS, SANITIZED ? RLIM_INFINITY : MEMORY_MAX}};
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        struct rlimit r = {limits[i].max, limits[i].max};
        if (setrlimit((__rlimit_resource_t)limits[i].what, &r) != 0)
            return false;
    }
    return true;
}

/* True when files outside `readable` are now out of reach. */
static bool landlock_close(const char *const *readable, size_t count)
{
    struct landlock_ruleset_attr attr = {.handled_access_fs = FS_ALL};
    CLEANUP(fd_close) int rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
    if (rules < 0)
        return false;
    for (size_t i = 0; i < count; i++) {
        CLEANUP(fd_close) int dir = open(readable[i], O_PATH | O_CLOEXEC);
        struct landlock_path_beneath_attr rule = {.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE |
                                                                    LANDLOCK_ACCESS_FS_READ_DIR,
                                                  .parent_fd = dir};
        if (dir >= 0 &&
            syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
            return false;
    }
    return syscall(SYS_landlock_restrict_self, rules, 0) == 0;
}

static const int allowed[] = {
    /* memory, time, threads' own business */
    SCMP_SYS(brk),
    SCMP_SYS(mmap),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(mprotect),
    SCMP_SYS(madvise),
    SCMP_SYS(futex),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(times),
    SCMP_SYS(getrandom),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getrusage),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    /* the pipes, and files that are open already */
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(readv),
    SCMP_SYS(writev),
    SCMP_SYS(pread64),
    SCMP_SYS(lseek),
    SCMP_SYS(close),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(stat),
    SCMP_SYS(lstat),
    SCMP_SYS(statx),
    SCMP_SYS(access),
    SCMP_SYS(faccessat),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(getdents64),
    SCMP_SYS(fstatfs),
    SCMP_SYS(statfs),
    SCMP_SYS(readlink),
    SCMP_SYS(getcwd),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(sysinfo),
    SCMP_SYS(uname),
};

/* A descriptor's flags, but not who gets its signals: the kernel would send them to any process of
 * our user, the parent too. */
static const int fcntls[] = {F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL};

/* What is allowed with some arguments alone. */
static bool narrow_rules_add(scmp_filter_ctx filter)
{
    bool ok = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                               SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid())) == 0; /* abort() */
    for (size_t i = 0; ok && i < ARRAY_LEN(fcntls); i++)
        ok = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
                              SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)fcntls[i])) == 0;
    return ok;
}

static bool filter_load(bool may_open)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    bool ok = filter != NULL;
    for (size_t i = 0; ok && i < ARRAY_LEN(allowed); i++)
        ok = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0) == 0;
    ok = ok && narrow_rules_add(filter);
    ok = ok && seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(execve), 0) == 0 &&
         seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(execveat), 0) == 0;
    if (ok && may_open) { /* for reading alone: no access mode bits, nothing created */
        int writes = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND;
        ok = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
                              SCMP_A2(SCMP_CMP_MASKED_EQ, (scmp_datum_t)writes, 0)) == 0;
    }
    ok = ok && seccomp_load(filter) == 0;
    seccomp_release(filter);
    return ok;
}

bool jail_enter(const char *const *readable, size_t count, char ret_walls[64])
{
    if (close_range(3, ~0U, 0) != 0)
        return false;
    if (prctl(PR_SET_DUMPABLE, 0) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return false;
    if (!limits_set())
        return false;
    bool landlock = landlock_close(readable, count);
    if (!filter_load(landlock))
        return false;
    snprintf(ret_walls, 64, "seccomp rlimits%s", landlock ? " landlock" : "");
    return true;
}
