/* Tests of lib/store: keys, URLs, the file store, and SigV4 against Amazon's published examples.
 * The S3 store itself is tested over HTTP in test/integration/store.test.mjs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/sigv4.h"
#include "store/store.h"

struct world {
    char dir[64];
    struct arena *arena;
    struct store *store;
};

static int setup(void **state)
{
    static struct world w;
    w = (struct world){.dir = "/tmp/store-test-XXXXXX"};
    assert_non_null(mkdtemp(w.dir));
    w.arena = arena_new(1 << 20);
    assert_null(store_open(NULL, arena_fmt(w.arena, "file://%s/a/b", w.dir), &w.store));
    *state = &w;
    return 0;
}

/* Removes a small tree; the test made it. */
static void tree_remove(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        if (str_eq(str_of(entry->d_name), STR(".")) || str_eq(str_of(entry->d_name), STR("..")))
            continue;
        char child[512];
        snprintf(child, sizeof(child), "%s/%s", path, entry->d_name);
        if (unlink(child) != 0)
            tree_remove(child);
    }
    if (dir)
        closedir(dir);
    rmdir(path);
}

static int teardown(void **state)
{
    struct world *w = *state;
    store_free(&w->store);
    arena_free(&w->arena);
    tree_remove(w->dir);
    return 0;
}

static struct problem *put(struct world *w, const char *key, struct str bytes)
{
    CLEANUP(store_put_abort) struct store_put *object = NULL;
    TRY(store_put_begin(w->store, w->arena, key, &object));
    TRY(store_put_add(object, bytes));
    return store_put_commit(&object);
}

static void assert_object(struct world *w, const char *key, struct str bytes)
{
    CLEANUP(buf_free) struct buf out = BUF_MAX(1 << 20);
    assert_null(store_get(w->store, w->arena, key, out.max, &out));
    assert_true(str_eq(buf_str(&out), bytes));
}

static void assert_absent(struct world *w, const char *key)
{
    CLEANUP(buf_free) struct buf out = BUF_MAX(1 << 20);
    struct problem *p = store_get(w->store, w->arena, key, out.max, &out);
    assert_non_null(p);
    assert_int_equal(p->kind, PROBLEM_NOT_FOUND);
}

static size_t files_in(const char *path)
{
    size_t n = 0;
    DIR *dir = opendir(path);
    assert_non_null(dir);
    const struct dirent *entry;
    while ((entry = readdir(dir)))
        n += entry->d_name[0] != '.';
    closedir(dir);
    return n;
}

static void test_what_was_put_is_got(void **state)
{
    struct world *w = *state;
    assert_null(put(w, "a/b/c.bin", STR("first")));
    assert_object(w, "a/b/c.bin", STR("first"));
    assert_null(put(w, "a/b/c.bin", STR("second")));
    assert_object(w, "a/b/c.bin", STR("second"));
    assert_null(put(w, "empty", STR_NONE));
    assert_object(w, "empty", STR_NONE);
}

static void test_pieces_become_one_object(void **state)
{
    struct world *w = *state;
    struct store_put *object = NULL;
    assert_null(store_put_begin(w->store, w->arena, "pieces", &object));
    for (int i = 0; i < 1000; i++)
        assert_null(store_put_add(object, STR("0123456789")));
    assert_null(store_put_commit(&object));
    assert_null(object);
    CLEANUP(buf_free) struct buf out = BUF_MAX(1 << 20);
    assert_null(store_get(w->store, w->arena, "pieces", out.max, &out));
    assert_int_equal(out.len, 10000);
}

static void test_nothing_is_there_before_commit_or_after_abort(void **state)
{
    struct world *w = *state;
    struct store_put *object = NULL;
    assert_null(store_put_begin(w->store, w->arena, "x/y", &object));
    assert_null(store_put_add(object, STR("half")));
    assert_absent(w, "x/y");
    store_put_abort(&object);
    assert_absent(w, "x/y");
    assert_int_equal(files_in(arena_fmt(w->arena, "%s/a/b/.tmp", w->dir)), 0);
}

static void test_a_crash_while_writing_keeps_the_former_object(void **state)
{
    struct world *w = *state;
    assert_null(put(w, "x/y", STR("former")));
    pid_t pid = fork();
    if (pid == 0) {
        struct store_put *object = NULL;
        if (store_put_begin(w->store, w->arena, "x/y", &object) ||
            store_put_add(object, STR("new bytes, never committed")))
            _exit(1);
        _exit(0); /* no cleanup, as a kill would */
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_object(w, "x/y", STR("former"));
    assert_int_equal(files_in(arena_fmt(w->arena, "%s/a/b/x", w->dir)), 1);
    assert_int_equal(files_in(arena_fmt(w->arena, "%s/a/b/.tmp", w->dir)), 1);
}

static void test_what_a_crash_left_is_removed_after_an_hour(void **state)
{
    struct world *w = *state;
    const char *tmp = arena_fmt(w->arena, "%s/a/b/.tmp", w->dir);
    int fresh = open(arena_fmt(w->arena, "%s/fresh", tmp), O_CREAT | O_WRONLY, 0600);
    int old = open(arena_fmt(w->arena, "%s/old", tmp), O_CREAT | O_WRONLY, 0600);
    struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    assert_int_equal(futimens(old, times), 0);
    close(fresh);
    close(old);
    struct store *again = NULL;
    assert_null(store_open(w->arena, arena_fmt(w->arena, "file://%s/a/b", w->dir), &again));
    store_free(&again);
    assert_int_equal(files_in(tmp), 1);
    assert_int_equal(access(arena_fmt(w->arena, "%s/fresh", tmp), F_OK), 0);
}

static void test_an_object_larger_than_allowed_is_refused(void **state)
{
    struct world *w = *state;
    CLEANUP(buf_free) struct buf out = BUF_MAX(1 << 20);
    assert_null(put(w, "big", STR("0123456789")));
    assert_int_equal(store_get(w->store, w->arena, "big", 9, &out)->kind, PROBLEM_TOO_LARGE);
    assert_int_equal(out.len, 0);
    assert_null(store_get(w->store, w->arena, "big", 10, &out));
}

static void test_a_deleted_object_is_gone_and_deleting_again_is_fine(void **state)
{
    struct world *w = *state;
    assert_null(put(w, "x/y", STR("1")));
    assert_null(store_delete(w->store, w->arena, "x/y"));
    assert_absent(w, "x/y");
    assert_null(store_delete(w->store, w->arena, "x/y"));
    assert_null(store_delete(w->store, w->arena, "never/was/there"));
    assert_absent(w, "x"); /* a directory is no object */
}

static void test_files_are_for_the_owner_alone(void **state)
{
    struct world *w = *state;
    struct stat st;
    assert_null(put(w, "x/y", STR("1")));
    assert_int_equal(stat(arena_fmt(w->arena, "%s/a/b/x/y", w->dir), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(stat(arena_fmt(w->arena, "%s/a/b/x", w->dir), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
}

static void test_a_link_in_the_tree_is_not_followed(void **state)
{
    struct world *w = *state;
    assert_null(put(w, "x/y", STR("1")));
    assert_int_equal(symlink("/etc/passwd", arena_fmt(w->arena, "%s/a/b/x/link", w->dir)), 0);
    assert_int_equal(symlink("/etc", arena_fmt(w->arena, "%s/a/b/dir", w->dir)), 0);
    CLEANUP(buf_free) struct buf out = BUF_MAX(1 << 20);
    assert_non_null(store_get(w->store, w->arena, "x/link", out.max, &out));
    assert_non_null(store_get(w->store, w->arena, "dir/passwd", out.max, &out));
    assert_int_equal(out.len, 0);
}

static void test_keys_that_could_leave_the_store_are_refused(void **state)
{
    struct world *w = *state;
    static const char *const bad[] = {"",    "/",      "/a",  "a/",   "a//b", "..",       "a/../b",
                                      "a/.", ".tmp/x", "a b", "a%2f", "a\\b", "\xc3\xa9", "a\n"};
    static const char *const good[] = {"a", "a.b-c_d/E/0", "x/y.png", "a/b..c"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(store_key_valid(str_of(bad[i])));
        assert_int_equal(put(w, bad[i], STR("1"))->kind, PROBLEM_BAD_REQUEST);
    }
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(store_key_valid(str_of(good[i])));
    char longest[STORE_KEY_MAX + 1];
    memset(longest, 'k', sizeof(longest));
    assert_true(store_key_valid((struct str){longest, STORE_KEY_MAX}));
    assert_false(store_key_valid((struct str){longest, STORE_KEY_MAX + 1}));
}

static void test_wrong_urls_are_named(void **state)
{
    struct world *w = *state;
    static const char *const bad[] = {"",
                                      "http://x",
                                      "file://relative",
                                      "file:///a?b",
                                      "s3://",
                                      "s3://UPPER",
                                      "s3://bucket?colour=red",
                                      "s3://bucket?endpoint=",
                                      "s3://buc/x",
                                      "s3://bucket?endpoint=ftp://x",
                                      "s3://bucket?endpoint=http://u:p@x"};
    setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct store *store = NULL;
        struct problem *p = store_open(w->arena, bad[i], &store);
        assert_non_null(p);
        assert_int_equal(p->kind, PROBLEM_BAD_REQUEST);
        assert_null(store);
    }
    struct store *store = NULL;
    assert_null(store_open(w->arena, "s3://bucket?region=eu-west-1", &store));
    store_free(&store);
    unsetenv("AWS_SECRET_ACCESS_KEY");
    struct problem *p = store_open(w->arena, "s3://bucket", &store);
    assert_non_null(strstr(p->detail, "AWS_SECRET_ACCESS_KEY"));
}

static void test_the_check_writes_reads_and_leaves_nothing(void **state)
{
    struct world *w = *state;
    assert_null(store_check(w->store, w->arena));
    assert_int_equal(files_in(arena_fmt(w->arena, "%s/a/b/check", w->dir)), 0);
}

/* Amazon S3 API Reference, "Signature Calculations for the Authorization Header", examples. */
static void test_sigv4_gives_amazons_example_signatures(void **state)
{
    (void)state;
    static const char empty[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const struct sigv4_credentials credentials = {
        .access_key = "AKIAIOSFODNN7EXAMPLE",
        .secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        .region = "us-east-1",
    };
    char date[SIGV4_DATE_MAX];
    sigv4_date(1369353600LL * 1000000, date);
    assert_string_equal(date, "20130524T000000Z");
    const struct sigv4_header headers[] = {
        {"host", "examplebucket.s3.amazonaws.com"},
        {"range", "bytes=0-9"},
        {"x-amz-content-sha256", empty},
        {"x-amz-date", date},
    };
    struct sigv4_request request = {.method = "GET",
                                    .path = "/test.txt",
                                    .query = "",
                                    .payload_hash = empty,
                                    .date = date,
                                    .headers = headers,
                                    .header_count = 4};
    CLEANUP(buf_free) struct buf out = BUF_MAX(1000);
    sigv4_sign(&credentials, &request, &out);
    assert_string_equal(
        out.data,
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
        "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");

    const struct sigv4_header without_range[] = {headers[0], headers[2], headers[3]};
    request = (struct sigv4_request){.method = "GET",
                                     .path = "/",
                                     .query = "lifecycle=",
                                     .payload_hash = empty,
                                     .date = date,
                                     .headers = without_range,
                                     .header_count = 3};
    buf_clear(&out);
    sigv4_sign(&credentials, &request, &out);
    assert_non_null(
        strstr(out.data, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"));
}

#define STORE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_what_was_put_is_got),
        STORE_TEST(test_pieces_become_one_object),
        STORE_TEST(test_nothing_is_there_before_commit_or_after_abort),
        STORE_TEST(test_a_crash_while_writing_keeps_the_former_object),
        STORE_TEST(test_what_a_crash_left_is_removed_after_an_hour),
        STORE_TEST(test_an_object_larger_than_allowed_is_refused),
        STORE_TEST(test_a_deleted_object_is_gone_and_deleting_again_is_fine),
        STORE_TEST(test_files_are_for_the_owner_alone),
        STORE_TEST(test_a_link_in_the_tree_is_not_followed),
        STORE_TEST(test_keys_that_could_leave_the_store_are_refused),
        STORE_TEST(test_wrong_urls_are_named),
        STORE_TEST(test_the_check_writes_reads_and_leaves_nothing),
        cmocka_unit_test(test_sigv4_gives_amazons_example_signatures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
