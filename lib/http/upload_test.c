/* Uploads over real sockets: the spool, what of it is on disk, multipart, and who may send. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/crypt.h"
#include "http/testkit.h"

#define H "Host: a\r\n"

/* Sanitizers keep shadows and freed memory: resident size says nothing under them. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RSS_IS_OURS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define RSS_IS_OURS 0
#endif
#endif
#ifndef RSS_IS_OURS
#define RSS_IS_OURS 1
#endif

enum { BIG = 20 << 20, MARK_LEN = 26 };
static const char mark[] = "this-is-in-clear-on-a-disk";

static _Atomic int handled, clear_on_disk, files_open;

/* Looks into our own open files without a name for the mark: are the bytes readable there? */
static void disk_search(void)
{
    char path[64], target[256];
    static char bytes[1 << 20];
    for (int fd = 3; fd < 200; fd++) {
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        ssize_t n = readlink(path, target, sizeof(target) - 1);
        if (n < 0)
            continue;
        target[n] = '\0';
        if (!strstr(target, "/http-spool-"))
            continue;
        files_open++;
        n = pread(fd, bytes, sizeof(bytes), 0);
        if (n > 0 && memmem(bytes, (size_t)n, mark, MARK_LEN))
            clear_on_disk++;
    }
}

/* Answers the size and the SHA-256 of two readings. */
static struct problem *upload(struct http_request *rq, struct http_response *rs)
{
    handled++;
    disk_search();
    for (int turn = 0; turn < 2; turn++) {
        struct buf all = BUF_MAX(BIG + 1);
        char bytes[10000];
        size_t n = 1;
        http_spool_rewind(rq->spool);
        while (n > 0) {
            TRY(http_spool_read(rq->spool, rq->arena, bytes, sizeof(bytes), &n));
            buf_add(&all, bytes, n);
        }
        uint8_t digest[SHA256_LEN];
        sha256(buf_str(&all), digest);
        buf_addf(&rs->body, "%zu %zu ", http_spool_size(rq->spool), all.len);
        hex_add(&rs->body, digest, sizeof(digest));
        buf_add_c(&rs->body, ';');
        buf_free(&all);
    }
    return NULL;
}

/* Answers "name/filename/size;" for each part. */
static struct problem *form(struct http_request *rq, struct http_response *rs)
{
    struct http_multipart *m;
    struct http_part part;
    bool more;
    handled++;
    TRY(http_multipart_open(rq, &m));
    for (;;) {
        TRY(http_multipart_next(m, &part, &more));
        if (!more)
            return NULL;
        size_t size = 0, n = 1;
        char bytes[5000];
        while (n > 0) {
            TRY(http_multipart_read(m, bytes, sizeof(bytes), &n));
            size += n;
        }
        buf_addf(&rs->body, STR_FMT "/" STR_FMT "/%zu;", STR_ARG(part.name), STR_ARG(part.filename),
                 size);
    }
}

static const struct http_route routes[] = {
    {HTTP_POST, "/upload", upload, .lane = HTTP_UPLOAD, .body = HTTP_BODY_SPOOL, .body_max = BIG},
    {HTTP_POST, "/form", form, .lane = HTTP_UPLOAD, .body = HTTP_BODY_SPOOL, .body_max = BIG},
};

static struct problem *only_ana(struct http_request *rq, struct http_response *rs)
{
    (void)rs;
    if (!str_eq(http_header_get(rq, "authorization"), STR("ana")))
        return problem_new(rq->arena, PROBLEM_UNAUTHENTICATED, "no token");
    return NULL;
}

static char spool_dir[64];

static int setup(void **state)
{
    (void)state;
    handled = clear_on_disk = files_open = 0;
    snprintf(spool_dir, sizeof(spool_dir), "/tmp/http-spool-XXXXXX");
    return mkdtemp(spool_dir) ? 0 : -1;
}

/* Nothing may be left in the spool directory: rmdir fails on a directory with files. */
static int teardown(void **state)
{
    (void)state;
    return rmdir(spool_dir);
}

static struct world world_new(void)
{
    return (struct world){.config = {.before = only_ana, .spool_dir = spool_dir}};
}

static void body_make(struct buf *body, size_t n)
{
    body->max = n;
    for (unsigned i = 0; body->len < n; i++) {
        char line[32];
        int k = snprintf(line, sizeof(line), "%05u%s", i % 100000, mark);
        buf_add(body, line, (size_t)k < n - body->len ? (size_t)k : n - body->len);
    }
}

static void assert_upload(size_t size, bool chunked)
{
    struct world w = world_new();
    world_start(&w, routes, ARRAY_LEN(routes));
    struct buf body = {0}, head = {0}, expected = {0};
    body_make(&body, size);
    buf_add_z(&head, "POST /upload HTTP/1.1\r\n" H "Authorization: ana\r\n");
    buf_addf(&head,
             chunked ? "Transfer-Encoding: chunked\r\n\r\n%zx\r\n" : "Content-Length: %zu\r\n\r\n",
             size);
    int fd = client_open(&w);
    client_send(fd, buf_str(&head));
    client_send(fd, buf_str(&body));
    client_send_z(fd, chunked ? "\r\n0\r\n\r\n" : "");
    struct answer a = client_read(fd, false);
    assert_int_equal(a.status, 200);
    uint8_t digest[SHA256_LEN];
    sha256(buf_str(&body), digest);
    for (int turn = 0; turn < 2; turn++) {
        buf_addf(&expected, "%zu %zu ", size, size);
        hex_add(&expected, digest, sizeof(digest));
        buf_add_c(&expected, ';');
    }
    assert_string_equal(a.body.data, expected.data);
    assert_int_equal(clear_on_disk, 0);
    answer_free(&a);
    buf_free(&body);
    buf_free(&head);
    buf_free(&expected);
    close(fd);
    world_stop(&w);
}

static void test_uploads_of_every_size_come_back_whole(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 65535, 65536, 65537, 131072, 1000000};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        assert_upload(sizes[i], false);
        assert_upload(sizes[i], true);
    }
}

static size_t rss_bytes(void)
{
    char text[128] = "";
    FILE *f = fopen("/proc/self/statm", "re");
    assert_non_null(fgets(text, sizeof(text), f));
    fclose(f);
    return strtoul(strchr(text, ' '), NULL, 10) * (size_t)sysconf(_SC_PAGESIZE);
}

static void test_twenty_megabytes_are_on_disk_encrypted_and_not_in_memory(void **state)
{
    (void)state;
    struct world w = world_new();
    world_start(&w, routes, ARRAY_LEN(routes));
    struct buf block = {0};
    body_make(&block, 1 << 16);
    int fd = client_open(&w);
    client_send_z(fd, "POST /form HTTP/1.1\r\n" H "Authorization: ana\r\n"
                      "Content-Type: multipart/form-data; boundary=b\r\n"
                      "Content-Length: 20971520\r\n\r\n");
    struct str start = STR("--b\r\nContent-Disposition: form-data; name=a\r\n\r\n");
    struct str end = STR("\r\n--b--\r\n");
    size_t before = rss_bytes();
    client_send(fd, start);
    for (size_t left = BIG - start.n - end.n; left > 0;) {
        size_t n = left < block.len ? left : block.len;
        client_send(fd, (struct str){block.data, n});
        left -= n;
    }
    client_send(fd, end);
    struct answer a = client_read(fd, false);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body.data, "a//20971464;");
    assert_true(!RSS_IS_OURS || rss_bytes() - before < 4 << 20);
    answer_free(&a);
    buf_free(&block);
    close(fd);
    world_stop(&w);
}

static void test_what_is_on_disk_is_not_readable(void **state)
{
    (void)state;
    assert_upload(1000000, false);
    assert_true(files_open > 0); /* the search did see the file */
}

static void test_an_upload_without_a_token_is_refused_before_it_is_read(void **state)
{
    (void)state;
    struct world w = world_new();
    world_start(&w, routes, ARRAY_LEN(routes));
    int fd = client_open(&w);
    client_send_z(fd, "POST /upload HTTP/1.1\r\n" H "Content-Length: 20000000\r\n\r\n");
    struct answer a = client_read(fd, false);
    assert_int_equal(a.status, 401);
    assert_true(answer_has(&a, "\r\nConnection: close\r\n"));
    answer_free(&a);
    close(fd);
    fd = client_open(&w);
    client_send_z(fd, "POST /upload HTTP/1.1\r\n" H "Content-Length: 20971521\r\n"
                      "Authorization: ana\r\n\r\n");
    a = client_read(fd, false);
    assert_int_equal(a.status, 413);
    answer_free(&a);
    close(fd);
    assert_int_equal(handled, 0);
    world_stop(&w);
}

static void test_expect_100_waits_for_permission(void **state)
{
    (void)state;
    struct world w = world_new();
    world_start(&w, routes, ARRAY_LEN(routes));
    int fd = client_open(&w);
    client_send_z(fd, "POST /upload HTTP/1.1\r\n" H "Content-Length: 4\r\n"
                      "Expect: 100-continue\r\nAuthorization: ana\r\n\r\n");
    struct answer a = client_read(fd, false);
    assert_int_equal(a.status, 100);
    client_send_z(fd, "abcdGET /none HTTP/1.1\r\n" H "\r\n");
    a = client_read_next(fd, &a, false);
    assert_int_equal(a.status, 200);
    a = client_read_next(fd, &a, false);
    assert_int_equal(a.status, 404);
    answer_free(&a);
    client_send_z(fd, "POST /upload HTTP/1.1\r\n" H "Content-Length: 4\r\n"
                      "Expect: 100-continue\r\n\r\n");
    a = client_read(fd, false);
    assert_int_equal(a.status, 401);
    answer_free(&a);
    close(fd);
    world_stop(&w);
}

/* More than may be received at one time, so each one that was not freed would be missed. */
static void test_uploads_that_are_cut_off_leave_room_for_others(void **state)
{
    (void)state;
    struct world w = world_new();
    world_start(&w, routes, ARRAY_LEN(routes));
    static const char block[100000];
    for (int i = 0; i < 600; i++) {
        int fd = client_open(&w);
        client_send_z(fd, "POST /upload HTTP/1.1\r\n" H "Content-Length: 200000\r\n"
                          "Authorization: ana\r\n\r\n");
        client_send(fd, (struct str){block, i % 3 ? 10 : sizeof(block)});
        close(fd);
    }
    for (int i = 0; i < 3000 && http_server_stats(w.server).connections > 0; i++)
        usleep(20000);
    assert_int_equal(http_server_stats(w.server).connections, 0);
    struct answer a = client_once(&w, STR("POST /upload HTTP/1.1\r\n" H "Content-Length: 2\r\n"
                                          "Authorization: ana\r\n\r\nok"));
    assert_int_equal(a.status, 200);
    answer_free(&a);
    assert_int_equal(handled, 1);
    world_stop(&w);
}

static void test_a_multipart_form_is_read_part_by_part(void **state)
{
    (void)state;
    struct world w = world_new();
    world_start(&w, routes, ARRAY_LEN(routes));
    struct buf body = BUF_MAX(1 << 20), request = BUF_MAX(1 << 20);
    buf_add_z(&body,
              "--x y\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f.pdf\"\r\n"
              "Content-Type: application/pdf\r\n\r\n");
    for (int i = 0; i < 50000; i++)
        buf_add_z(&body, "\r\n--x z");
    buf_add_z(&body,
              "\r\n--x y\r\nContent-Disposition: form-data; name=\"room\"\r\n\r\n12\r\n--x y--");
    buf_addf(&request,
             "POST /form HTTP/1.1\r\n" H "Authorization: ana\r\nContent-Type: "
             "multipart/form-data; boundary=\"x y\"\r\nContent-Length: %zu\r\n\r\n",
             body.len);
    buf_add_str(&request, buf_str(&body));
    struct answer a = client_once(&w, buf_str(&request));
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body.data, "file/f.pdf/350000;room//2;");
    answer_free(&a);
    a = client_once(&w, STR("POST /form HTTP/1.1\r\n" H "Authorization: ana\r\n"
                            "Content-Type: application/pdf\r\nContent-Length: 1\r\n\r\nx"));
    assert_int_equal(a.status, 415);
    answer_free(&a);
    a = client_once(&w,
                    STR("POST /form HTTP/1.1\r\n" H "Authorization: ana\r\nContent-Length: 7\r\n"
                        "Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\nab"));
    assert_int_equal(a.status, 400);
    answer_free(&a);
    buf_free(&body);
    buf_free(&request);
    world_stop(&w);
}

static void test_a_spool_that_cannot_be_written_is_503(void **state)
{
    (void)state;
    struct world w = world_new();
    w.config.spool_dir = "/nonexistent";
    world_start(&w, routes, ARRAY_LEN(routes));
    struct buf request = BUF_MAX(1 << 20);
    buf_add_z(&request, "POST /upload HTTP/1.1\r\n" H "Authorization: ana\r\n"
                        "Content-Length: 200000\r\n\r\n");
    while (request.len < 300000)
        buf_add_c(&request, 'x');
    struct answer a = client_once(&w, buf_str(&request));
    assert_int_equal(a.status, 503);
    answer_free(&a);
    buf_free(&request);
    world_stop(&w);
    assert_int_equal(handled, 0);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_uploads_of_every_size_come_back_whole),
        T(test_twenty_megabytes_are_on_disk_encrypted_and_not_in_memory),
        T(test_what_is_on_disk_is_not_readable),
        T(test_an_upload_without_a_token_is_refused_before_it_is_read),
        T(test_expect_100_waits_for_permission),
        T(test_uploads_that_are_cut_off_leave_room_for_others),
        T(test_a_multipart_form_is_read_part_by_part),
        T(test_a_spool_that_cannot_be_written_is_503),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
