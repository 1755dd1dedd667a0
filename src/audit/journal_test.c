/* The journal's group commit under many threads, on a good and on a full disk. No database: what is
 * looked at is the file, and that everybody who waits is told exactly once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/app.h"
#include "audit/audit_internal.h"
#include "base/cleanup.h"
#include "base/clock.h"

enum { THREADS = 8, EACH = 100, ALL = THREADS * EACH, WAIT_US = 20000000 };

static char dir[64];
static struct journal *journal;
static struct app app = {.database_url = "postgres://127.0.0.1:1/none?connect_timeout=1"};

/* One event and what its callback said. */
struct waiter {
    struct journal_wait wait; /* first: a wait is its waiter */
    _Atomic int told, durable;
};
static struct waiter waiters[ALL];

static void on_done(struct journal_wait *wait, bool durable)
{
    struct waiter *w = (struct waiter *)wait;
    atomic_store(&w->durable, durable);
    atomic_fetch_add(&w->told, 1);
}

/* Its target id holds the event's number, counted from 1: an id of zeros is written as null. */
static bool add(size_t number)
{
    struct ctx cx = {.role = ROLE_DOCTOR, .session = "", .request_id = "r"};
    struct audit_event event = {
        .cx = &cx, .action = "READ_PATIENT", .target_table = "patients", .outcome = "SUCCESS"};
    size_t stored = number + 1;
    memcpy(event.target_id.b, &stored, sizeof(stored));
    waiters[number].wait.done = on_done;
    return journal_add(journal, &event, &waiters[number].wait);
}

static void *add_many(void *arg)
{
    size_t first = (size_t)(uintptr_t)arg * EACH;
    size_t refused = 0;
    for (size_t i = 0; i < EACH; i++) {
        refused += !add(first + i);
        if (i % 10 == 9)
            usleep(500); /* so that there are many batches */
    }
    return (void *)(uintptr_t)refused;
}

static void add_on_all_threads(void)
{
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, (void *)(uintptr_t)i), 0);
    for (size_t i = 0; i < THREADS; i++) {
        void *refused;
        pthread_join(threads[i], &refused);
        assert_int_equal((uintptr_t)refused, 0);
    }
}

/* Waits until every one of `count` was told; fails when it takes too long. */
static void all_told(size_t count)
{
    int64_t end = clock_mono_us() + WAIT_US;
    for (size_t i = 0; i < count; i++)
        while (atomic_load(&waiters[i].told) == 0) {
            assert_true(clock_mono_us() < end);
            usleep(200);
        }
}

static int setup(void **state)
{
    (void)state;
    memset(waiters, 0, sizeof(waiters));
    snprintf(dir, sizeof(dir), "/tmp/journal_test_XXXXXX");
    return !mkdtemp(dir) || journal_open(&app, dir, &journal) != NULL;
}

/* The one file's path; its content when `ret` is given. */
static void journal_file(char path[512], struct buf *ret)
{
    DIR *entries = opendir(dir);
    assert_non_null(entries);
    for (struct dirent *e; (e = readdir(entries));)
        if (e->d_name[0] != '.')
            snprintf(path, 512, "%s/%s", dir, e->d_name);
    closedir(entries);
    if (!ret)
        return;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    char chunk[4096];
    for (ssize_t n; (n = read(fd, chunk, sizeof(chunk))) > 0;)
        buf_add(ret, chunk, (size_t)n);
    close(fd);
}

static int teardown(void **state)
{
    (void)state;
    char path[512];
    journal_close(&journal);
    journal_file(path, NULL);
    return unlink(path) != 0 || rmdir(dir) != 0;
}

/* How often each number stands in the file; every line must be whole. */
static size_t count_lines(unsigned *seen, size_t count)
{
    CLEANUP(buf_free) struct buf text = BUF_MAX(4 << 20);
    char path[512];
    size_t lines = 0;
    journal_file(path, &text);
    struct str rest = buf_str(&text);
    for (; rest.n > 0; lines++) {
        struct str line = str_cut(&rest, '\n');
        assert_true(line.n > 2 && line.p[0] == '{' && line.p[line.n - 1] == '}');
        const char *at = memmem(line.p, line.n, "\"target_id\":\"", 13);
        struct uuid id;
        size_t number;
        assert_non_null(at);
        assert_true(uuid_parse((struct str){at + 13, UUID_TEXT_LEN}, &id));
        memcpy(&number, id.b, sizeof(number));
        assert_true(number >= 1 && number <= count);
        seen[number - 1]++;
    }
    return lines;
}

static void test_each_event_of_many_threads_is_in_the_file_once_and_told_once(void **state)
{
    (void)state;
    static unsigned seen[ALL];
    add_on_all_threads();
    all_told(ALL);
    assert_int_equal(count_lines(seen, ALL), ALL);
    for (size_t i = 0; i < ALL; i++) {
        assert_int_equal(waiters[i].told, 1);
        assert_int_equal(waiters[i].durable, 1);
        assert_int_equal(seen[i], 1);
    }
}

static void test_an_event_is_on_disk_before_it_is_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < 20; i++) {
        unsigned seen[20] = {0};
        assert_true(add(i));
        all_told(i + 1);
        assert_int_equal(count_lines(seen, 20), i + 1);
        assert_int_equal(seen[i], 1);
    }
}

/* A full disk, as the kernel shows it: write(2) takes a part and then fails. */
static void disk_limit(rlim_t bytes)
{
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes == RLIM_INFINITY ? limit.rlim_max : bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void test_a_full_disk_fails_everybody_and_leaves_only_whole_lines(void **state)
{
    (void)state;
    static unsigned seen[ALL];
    signal(SIGXFSZ, SIG_IGN);
    disk_limit(10000); /* room for some lines, and for the half of one more */
    add_on_all_threads();
    all_told(ALL);
    disk_limit(RLIM_INFINITY);
    size_t durable = 0;
    size_t lines = count_lines(seen, ALL);
    for (size_t i = 0; i < ALL; i++) {
        assert_int_equal(waiters[i].told, 1);
        assert_int_equal(waiters[i].durable, seen[i]);
        durable += seen[i];
    }
    assert_int_equal(durable, lines);
    assert_true(durable < ALL);

    memset(&waiters[0], 0, sizeof(waiters[0]));
    assert_true(add(0)); /* room again: the trail goes on */
    all_told(1);
    assert_int_equal(waiters[0].durable, 1);
    assert_int_equal(count_lines(seen, ALL), lines + 1);
}

static void test_what_waits_when_the_journal_closes_is_told(void **state)
{
    (void)state;
    char path[512];
    for (size_t i = 0; i < EACH; i++)
        assert_true(add(i));
    journal_close(&journal);
    for (size_t i = 0; i < EACH; i++)
        assert_int_equal(waiters[i].told, 1);
    journal_file(path, NULL);
    unlink(path);
    assert_null(journal_open(&app, dir, &journal)); /* for the teardown */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_each_event_of_many_threads_is_in_the_file_once_and_told_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_event_is_on_disk_before_it_is_told, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            test_a_full_disk_fails_everybody_and_leaves_only_whole_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_waits_when_the_journal_closes_is_told, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
