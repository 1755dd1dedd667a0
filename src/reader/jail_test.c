/* A hostile child: what code that took over the reader could try, tried from inside the jail.
 *
 * The rule not to break: each attempt would succeed outside the jail (the test does it there
 * first), so that a wall that is missing shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "reader/jail.h"
#include "reader/sanitized.h"

#define BESIDE "/tmp/nexacore-jail-test"

static char readable[] = BESIDE "-XXXXXX"; /* as the folder of fonts */
static char font[64], secret[] = BESIDE "-secret-XXXXXX", made[64];

static bool closed(int fd)
{
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static bool try_read_secret(void)
{
    return closed(open(secret, O_RDONLY | O_CLOEXEC));
}

static bool try_make_file(void)
{
    return closed(open(made, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static bool try_write_file(void)
{
    return closed(open(secret, O_WRONLY | O_CLOEXEC));
}

static bool try_write_in_readable(void)
{
    return closed(open(font, O_RDWR | O_CLOEXEC));
}

static bool try_remove_file(void)
{
    return rename(secret, made) == 0 && rename(made, secret) == 0;
}

static bool try_make_folder(void)
{
    return mkdir(made, 0700) == 0 && rmdir(made) == 0;
}

static bool try_socket_inet(void)
{
    return closed(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static bool try_socket_local(void)
{
    int pair[2];
    return closed(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) &&
           socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0 && closed(pair[0]) &&
           closed(pair[1]);
}

/* By the system call: a sanitizer's own fork would wait for locks. */
static bool try_fork(void)
{
    long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (pid == 0)
        _exit(0);
    return pid > 0 && waitpid((pid_t)pid, NULL, 0) == pid;
}

static bool try_signal_parent(void)
{
    return kill(getppid(), 0) == 0;
}

static bool try_signal_parents_thread(void)
{
    return syscall(SYS_tgkill, getppid(), getppid(), 0) == 0;
}

/* Signals of a descriptor, sent by the kernel to whoever is named here. */
static bool try_signal_by_descriptor(void)
{
    return fcntl(STDOUT_FILENO, F_SETOWN, getppid()) == 0 &&
           fcntl(STDOUT_FILENO, F_SETOWN, getpid()) == 0;
}

static bool try_trace_parent(void)
{
    return ptrace(PTRACE_SEIZE, getppid(), NULL, NULL) == 0;
}

static bool try_raise_limit(void)
{
    struct rlimit core = {0, 4096};
    return setrlimit(RLIMIT_CORE, &core) == 0;
}

static bool try_dumpable(void)
{
    return syscall(SYS_prctl, 4 /* PR_SET_DUMPABLE */, 1, 0, 0, 0) == 0;
}

struct attempt {
    const char *what;
    bool (*run)(void);
    bool outside; /* succeeds where there is no jail; a container may forbid the others itself */
};
static const struct attempt attempts[] = {
    {"read a file", try_read_secret, true},
    {"make a file", try_make_file, true},
    {"open a file for writing", try_write_file, true},
    {"open a font for writing", try_write_in_readable, true},
    {"rename a file", try_remove_file, true},
    {"make a folder", try_make_folder, true},
    {"open a network socket", try_socket_inet, true},
    {"open a local socket", try_socket_local, true},
    {"start a process", try_fork, true},
    {"signal its parent", try_signal_parent, true},
    {"signal its parent's thread", try_signal_parents_thread, true},
    {"have the kernel signal its parent", try_signal_by_descriptor, true},
    {"trace its parent", try_trace_parent, false},
    {"raise a limit", try_raise_limit, false},
    {"make itself dumpable", try_dumpable, true},
};

static int setup(void **state)
{
    (void)state;
    int fd = mkstemp(secret);
    if (!closed(fd) || !mkdtemp(readable))
        return -1;
    snprintf(font, sizeof(font), "%s/font", readable);
    snprintf(made, sizeof(made), "%s-made", secret);
    return closed(open(font, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    unlink(font);
    unlink(secret);
    unlink(made);
    return rmdir(readable);
}

/* Runs `child` in a process of its own, jailed or not, with its answer's bytes; its wait status. */
static int in_child(bool jailed, void (*child)(void), char *ret, size_t size)
{
    int pipes[2];
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        const char *dirs[] = {readable};
        char walls[64];
        dup2(pipes[1], STDOUT_FILENO);
        if (jailed && !jail_enter(dirs, 1, walls))
            _exit(90);
        child();
        _exit(0);
    }
    close(pipes[1]);
    size_t have = 0;
    ssize_t n;
    while (have + 1 < size && (n = read(pipes[0], ret + have, size - 1 - have)) > 0)
        have += (size_t)n;
    ret[have] = '\0';
    close(pipes[0]);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void try_everything(void)
{
    for (size_t i = 0; i < ARRAY_LEN(attempts); i++) {
        char done = attempts[i].run() ? 'y' : 'n';
        if (write(STDOUT_FILENO, &done, 1) != 1)
            _exit(91);
    }
}

static void test_a_hostile_child_reaches_no_file_socket_or_process(void **state)
{
    (void)state;
    char answers[ARRAY_LEN(attempts) + 1];
    assert_int_equal(in_child(false, try_everything, answers, sizeof(answers)), 0);
    for (size_t i = 0; i < ARRAY_LEN(attempts); i++)
        if (attempts[i].outside && answers[i] != 'y')
            fail_msg("outside the jail it could not %s: the test proves nothing", attempts[i].what);
    assert_int_equal(in_child(true, try_everything, answers, sizeof(answers)), 0);
    assert_int_equal(strlen(answers), ARRAY_LEN(attempts));
    for (size_t i = 0; i < ARRAY_LEN(attempts); i++)
        if (answers[i] != 'n')
            fail_msg("inside the jail it could %s", attempts[i].what);
}

static void start_a_program(void)
{
    char name[] = "true", *argv[] = {name, NULL}, *env[] = {NULL};
    execve("/bin/true", argv, env);
    printf("refused"); /* never: the process is dead */
    fflush(stdout);
}

static void test_starting_a_program_ends_a_hostile_child(void **state)
{
    (void)state;
    char answer[16];
    assert_int_equal(in_child(false, start_a_program, answer, sizeof(answer)), 0);
    int status = in_child(true, start_a_program, answer, sizeof(answer));
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSYS);
    assert_string_equal(answer, "");
}

static void take_memory(void)
{
    bool had = mmap(NULL, 8ULL << 30, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) != MAP_FAILED;
    if (write(STDOUT_FILENO, had ? "y" : "n", 1) != 1)
        _exit(91);
}

static void test_a_memory_bomb_gets_no_more_than_its_limit(void **state)
{
    (void)state;
    char answer[16];
    if (SANITIZED)
        skip(); /* sanitizers reserve terabytes of addresses, so such builds have no limit */
    assert_int_equal(in_child(false, take_memory, answer, sizeof(answer)), 0);
    assert_string_equal(answer, "y");
    assert_int_equal(in_child(true, take_memory, answer, sizeof(answer)), 0);
    assert_string_equal(answer, "n");
}

/* What decoding needs stays possible: the pipe, memory, and fonts where Landlock guards the rest.
 */
static void work(void)
{
    const char *dirs[] = {readable};
    char walls[64], line[96];
    void *room = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bool again = jail_enter(dirs, 1, walls); /* a second wall around the first is no way out */
    bool reads = closed(open(font, O_RDONLY | O_CLOEXEC));
    snprintf(line, sizeof(line), "%s %s %s", room != MAP_FAILED ? "memory" : "none",
             again ? "again" : "once", reads ? "fonts" : "nothing");
    if (write(STDOUT_FILENO, line, strlen(line)) < 0)
        _exit(91);
}

static void test_what_decoding_needs_stays_possible(void **state)
{
    (void)state;
    char answer[96];
    bool landlock = syscall(SYS_landlock_create_ruleset, NULL, 0, 1 /* its version */) > 0;
    assert_int_equal(in_child(true, work, answer, sizeof(answer)), 0);
    assert_string_equal(answer, landlock ? "memory once fonts" : "memory once nothing");
}

static void abort_itself(void)
{
    signal(SIGABRT, SIG_DFL);
    abort();
}

static void test_a_library_that_aborts_ends_with_sigabrt(void **state)
{
    (void)state;
    char answer[16];
    int status = in_child(true, abort_itself, answer, sizeof(answer));
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_hostile_child_reaches_no_file_socket_or_process),
        cmocka_unit_test(test_starting_a_program_ends_a_hostile_child),
        cmocka_unit_test(test_a_memory_bomb_gets_no_more_than_its_limit),
        cmocka_unit_test(test_what_decoding_needs_stays_possible),
        cmocka_unit_test(test_a_library_that_aborts_ends_with_sigabrt),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
