/* Tests of what a child says on stderr: a sanitizer's report is passed on, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "reader/notes.h"
#include "reader/reader.h"
#include "reader/sanitized.h"

#define REPORT "==7==ERROR: AddressSanitizer: heap-buffer-overflow\n    #0 0x1\n"

static char dir[] = "/tmp/nexacore-notes-XXXXXX";
static char before[4096];

/* ASAN_OPTIONS of our own: reports go below `dir`. */
static int setup(void **state)
{
    (void)state;
    char options[128];
    const char *now = getenv("ASAN_OPTIONS");
    snprintf(before, sizeof(before), "%s", now ? now : "");
    if (!mkdtemp(dir))
        return -1;
    snprintf(options, sizeof(options), "exitcode=99:log_path=%s/asan:halt_on_error=1", dir);
    return setenv("ASAN_OPTIONS", options, 1);
}

static int teardown(void **state)
{
    (void)state;
    setenv("ASAN_OPTIONS", before, 1);
    return rmdir(dir); /* fails when a report is left that no test expected */
}

/* The report about `pid`, taken away; "" when there is none. */
static void report_take(int pid, char *text, size_t size)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/asan.%d", dir, pid);
    CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, size - 1) : 0;
    text[n > 0 ? n : 0] = '\0';
    unlink(path);
}

static void say(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void test_a_report_is_written_where_the_sanitizers_write(void **state)
{
    (void)state;
    struct notes notes = NOTES_NONE;
    int child;
    char text[256];
    assert_true(notes_open(&notes, &child));
    say(child, "Warning: Invalid resolution 0 dpi\n==7==ERROR: Addr");
    notes_take(&notes);
    say(child, "essSanitizer: heap-buffer-overflow\n");
    notes_take(&notes);
    say(child, "    #0 0x1\n");
    fd_close(&child);
    assert_true(notes_end(&notes, 7));
    report_take(7, text, sizeof(text));
    assert_string_equal(text, REPORT);
}

static void test_a_report_after_much_noise_is_found_and_noise_alone_is_dropped(void **state)
{
    (void)state;
    char text[256];
    for (int with = 0; with < 2; with++) {
        struct notes notes = NOTES_NONE;
        int child;
        assert_true(notes_open(&notes, &child));
        for (int i = 0; i < 20000; i++) {
            say(child, "Detected 12 diacritics\n");
            notes_take(&notes);
        }
        assert_true(notes.text.len < NOTES_MAX);
        if (with)
            say(child, REPORT);
        fd_close(&child);
        assert_int_equal(notes_end(&notes, 8), with);
        report_take(8, text, sizeof(text));
        assert_string_equal(text, with ? REPORT : "");
    }
}

static void test_the_child_gets_the_options_without_a_file_to_write(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1 << 16);
    assert_string_equal(notes_options(arena, "a=1:log_path=/x/y:b=2"), "a=1:b=2");
    assert_string_equal(notes_options(arena, "log_path=/x"), "");
    assert_string_equal(notes_options(arena, ""), "");
    arena_free(&arena);
}

/* A program in place of the reader that ends like one a sanitizer stopped. */
static void test_a_child_stopped_by_a_sanitizer_leaves_its_report(void **state)
{
    (void)state;
    if (!SANITIZED)
        skip(); /* a child has a pipe to report through in sanitizer builds alone; CI's is one */
    char path[128], text[256];
    struct reader *reader;
    snprintf(path, sizeof(path), "%s/child", dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
    assert_true(fd >= 0);
    say(fd, "#!/bin/sh\n"
            "case $ASAN_OPTIONS in *log_path*) exit 1 ;; esac\n"
            "echo $$ >\"${0}.pid\"\n"
            "echo 'ERROR: AddressSanitizer: made for a test' >&2\nexit 99\n");
    fd_close(&fd);
    assert_null(reader_new(path, &reader));
    assert_non_null(reader_start(reader));
    assert_string_equal(reader_code(reader), "reader-unavailable");
    reader_free(&reader);
    unlink(path);
    snprintf(path, sizeof(path), "%s/child.pid", dir);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, text, sizeof(text) - 1);
    assert_true(n > 0);
    text[n] = '\0';
    fd_close(&fd);
    unlink(path);
    report_take((int)strtol(text, NULL, 10), text, sizeof(text));
    assert_string_equal(text, "ERROR: AddressSanitizer: made for a test\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_report_is_written_where_the_sanitizers_write),
        cmocka_unit_test(test_a_report_after_much_noise_is_found_and_noise_alone_is_dropped),
        cmocka_unit_test(test_the_child_gets_the_options_without_a_file_to_write),
        cmocka_unit_test(test_a_child_stopped_by_a_sanitizer_leaves_its_report),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
