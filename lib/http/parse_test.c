/* The request parser: every cut gives the same, and what is ambiguous is refused. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "http/parse.h"
#include "http/replay.h"

#define H          "Host: a\r\n"
#define S(literal) STR(literal)

/* ---- requests that are right, over every cut ------------------------------------------------- */

static const struct {
    struct str bytes;
    const char *expected;
} corpus[] = {
    {S("GET / HTTP/1.1\r\n" H "\r\n"), "GET /? close=0 [host=a] {}\n"},
    {S("\r\nGET /a%20b?c=d%2Fe HTTP/1.1\r\nHOST:\ta:80 \r\n\r\n"),
     "GET /a b?c=d%2Fe close=0 [host=a:80] {}\n"},
    {S("HEAD /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
     "HEAD /x? close=1 [connection=keep-alive] {}\n"},
    {S("POST /p HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhelloGET /q HTTP/1.1\r\n" H
       "Connection: x, close\r\n\r\n"),
     "POST /p? close=0 [host=a][content-length=5] {hello}\n"
     "GET /q? close=1 [host=a][connection=x, close] {}\n"},
    {S("POST /p HTTP/1.1\r\n" H "transfer-encoding: Chunked\r\n\r\n5;x=\"y z\"\r\nhello\r\n"
       "00b\r\n, big world\r\n0\r\nTrailer: is dropped\r\n\r\nDELETE /r HTTP/1.1\r\n" H "\r\n"),
     "POST /p? close=0 [host=a][transfer-encoding=Chunked] {hello, big world}\n"
     "DELETE /r? close=0 [host=a] {}\n"},
    {S("PATCH /p HTTP/1.1\r\n" H "X-Empty:\r\nX-Obs: caf\xe9\r\nContent-Length: 0\r\n\r\n"),
     "PATCH /p? close=0 [host=a][x-empty=][x-obs=caf\xe9][content-length=0] {}\n"},
    {S("OPTIONS * HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n"),
     "OPTIONS *? close=0 [host=[::1]:8080] {}\n"},
    {S("GET /\xc3\xa9 HTTP/1.1\r\n" H "\r\n"), "!400\n"},
    {S("GET /%C3%A9 HTTP/1.1\r\n" H "\r\n"), "GET /\xc3\xa9? close=0 [host=a] {}\n"},
    {S("GET /a HTTP/1.1\r\n" H "\r\nGET /b HTTP/1.1\r\n" H "Broken\r\n\r\n"),
     "GET /a? close=0 [host=a] {}\n!400\n"},
    {S("POST /p HTTP/1.1\r\n" H "Content-Length: 9\r\n\r\nhello"),
     "POST /p? close=0 [host=a][content-length=9] {hello...\n"},
    {S("GET /unfinished HTTP/1.1\r\nHos"), "...\n"},
    {S("PUT /p HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 1\r\n\r\nx"),
     "PUT /p? close=0 [host=a][expect=100-continue][content-length=1] {x}\n"},
};

static void test_every_cut_of_a_stream_gives_the_same_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(corpus); i++)
        for (size_t cut = 0; cut <= corpus[i].bytes.n; cut++)
            for (size_t step = 1; step <= 4096; step = step == 1 ? 3 : step == 3 ? 4096 : 5000) {
                struct buf out = {0};
                http_replay(corpus[i].bytes, cut, step, &out);
                assert_string_equal(out.data, corpus[i].expected);
                buf_free(&out);
            }
}

/* ---- requests that two readers could take for different ones --------------------------------- */

#define POST1   "POST / HTTP/1.1\r\n" H
#define CHUNKED POST1 "Transfer-Encoding: chunked\r\n\r\n"

static const struct {
    struct str bytes;
    int status;
} hostile[] = {
    /* length and coding */
    {S(POST1 "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"), 400},
    {S(POST1 "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"), 400},
    {S(POST1 "Content-Length: 5, 5\r\n\r\nhello"), 400},
    {S(POST1 "Content-Length: +5\r\n\r\nhello"), 400},
    {S(POST1 "Content-Length: -5\r\n\r\nhello"), 400},
    {S(POST1 "Content-Length: 0x5\r\n\r\nhello"), 400},
    {S(POST1 "Content-Length: 5 5\r\n\r\nhello"), 400},
    {S(POST1 "Content-Length: 5.0\r\n\r\nhello"), 400},
    {S(POST1 "Content-Length:\r\n\r\nhello"), 400},
    {S(POST1 "Content-Length: 18446744073709551621\r\n\r\nhello"), 400},
    {S(POST1 "Content-Length: 99999999999999999999999999\r\n\r\nhello"), 400},
    {S(POST1 "Content-Length : 5\r\n\r\nhello"), 400},
    {S(POST1 "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400},
    {S(POST1 "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"), 400},
    {S(POST1 "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400},
    {S(POST1 "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"), 400},
    {S(POST1 "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"), 400},
    {S(POST1 "Transfer-Encoding: identity\r\n\r\n0\r\n\r\n"), 400},
    {S(POST1 "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), 501},
    {S(POST1 "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"), 501},
    {S(POST1 "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"), 400},
    {S(POST1 "Transfer-Encoding: \x0b"
             "chunked\r\n\r\n0\r\n\r\n"),
     400},
    {S(POST1 "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"), 400},
    {S(POST1 "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"), 400},
    {S(POST1 "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"), 400},
    {S(POST1 "Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n"), 400},
    {S(POST1 "X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400},
    {S(POST1 "X: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400},
    {S(POST1 "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n"), 400},
    {S("POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400},
    /* chunks */
    {S(CHUNKED "5\nhello\r\n0\r\n\r\n"), 400},
    {S(CHUNKED "0x5\r\nhello\r\n0\r\n\r\n"), 400},
    {S(CHUNKED "-5\r\nhello\r\n0\r\n\r\n"), 400},
    {S(CHUNKED "+5\r\nhello\r\n0\r\n\r\n"), 400},
    {S(CHUNKED " 5\r\nhello\r\n0\r\n\r\n"), 400},
    {S(CHUNKED "5 \r\nhello\r\n0\r\n\r\n"), 400},
    {S(CHUNKED "\r\nhello\r\n0\r\n\r\n"), 400},
    {S(CHUNKED "10000000000000005\r\nhello\r\n0\r\n\r\n"), 400},
    {S(CHUNKED "fffffffffffffffb\r\nhello\r\n0\r\n\r\n"), 400},
    {S(CHUNKED "5\r\nhelloX\r\n0\r\n\r\n"), 400},
    {S(CHUNKED "5\r\nhello\n0\r\n\r\n"), 400},
    {S(CHUNKED "5\r\nhello\r0\r\n\r\n"), 400},
    {S(CHUNKED "5;a\0b\r\nhello\r\n0\r\n\r\n"), 400},
    {S(CHUNKED "5;a\rb\r\nhello\r\n0\r\n\r\n"), 400},
    {S(CHUNKED "0\r\nno colon\r\n\r\n"), 400},
    {S(CHUNKED "0\r\nX : y\r\n\r\n"), 400},
    {S(CHUNKED "0\r\n folded\r\n\r\n"), 400},
    {S(CHUNKED "0\r\nX: y\n\r\n"), 400},
    /* lines and fields */
    {S("GET / HTTP/1.1\nHost: a\n\n"), 400},
    {S("GET / HTTP/1.1\r\nHost: a\n\r\n"), 400},
    {S("GET / HTTP/1.1\r\n" H "\n\r\n"), 400},
    {S("GET / HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n"), 400},
    {S("GET / HTTP/1.1\r\n X: a\r\n" H "\r\n"), 400},
    {S("GET / HTTP/1.1\r\n\tX: a\r\n" H "\r\n"), 400},
    {S("GET / HTTP/1.1\r\n" H "X: a\0b\r\n\r\n"), 400},
    {S("GET / HTTP/1.1\r\n" H "X: a\x7f\r\n\r\n"), 400},
    {S("GET / HTTP/1.1\r\n" H "X: a\x1b[0m\r\n\r\n"), 400},
    {S("GET / HTTP/1.1\r\n" H "X\0: a\r\n\r\n"), 400},
    {S("GET / HTTP/1.1\r\n" H "X y: a\r\n\r\n"), 400},
    {S("GET / HTTP/1.1\r\n" H ": a\r\n\r\n"), 400},
    {S("GET / HTTP/1.1\r\n" H "no colon\r\n\r\n"), 400},
    {S("GET / HTTP/1.1\r\n" H "X\xc3\xa9: a\r\n\r\n"), 400},
    {S("GET / HTTP/1.1\r\n" H "Authorization: a\r\nAuthorization: b\r\n\r\n"), 400},
    {S("GET / HTTP/1.1\r\n" H "Content-Type: a/b\r\nContent-Type: c/d\r\n\r\n"), 400},
    {S("GET / HTTP/1.1\r\n" H "Expect: 200-maybe\r\n\r\n"), 400},
    /* host */
    {S("GET / HTTP/1.1\r\n\r\n"), 400},
    {S("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), 400},
    {S("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"), 400},
    {S("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"), 400},
    {S("GET / HTTP/1.1\r\nHost:\r\n\r\n"), 400},
    {S("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), 400},
    {S("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), 400},
    {S("GET / HTTP/1.1\r\nHost: a,b\r\n\r\n"), 400},
    {S("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"), 400},
    {S("GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n"), 400},
    {S("GET / HTTP/1.1\r\nHost: a:8o\r\n\r\n"), 400},
    {S("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"), 400},
    {S("GET / HTTP/1.1\r\nHost: :80\r\n\r\n"), 400},
    /* request line */
    {S("GET http://a/ HTTP/1.1\r\n" H "\r\n"), 400},
    {S("GET //a@b/ HTTP/1.1\r\n" H "\r\n"), 200},
    {S("CONNECT a:80 HTTP/1.1\r\n" H "\r\n"), 501},
    {S("GET a HTTP/1.1\r\n" H "\r\n"), 400},
    {S("GET * HTTP/1.1\r\n" H "\r\n"), 400},
    {S("GET  / HTTP/1.1\r\n" H "\r\n"), 400},
    {S("GET /  HTTP/1.1\r\n" H "\r\n"), 400},
    {S("GET\t/ HTTP/1.1\r\n" H "\r\n"), 400},
    {S(" GET / HTTP/1.1\r\n" H "\r\n"), 400},
    {S("GET / HTTP/1.1 \r\n" H "\r\n"), 400},
    {S("GET /\r\n" H "\r\n"), 400},
    {S("GET / \r\n" H "\r\n"), 400},
    {S("GET / http/1.1\r\n" H "\r\n"), 400},
    {S("GET / HTTP/1.10\r\n" H "\r\n"), 400},
    {S("GET / HTTP/01.1\r\n" H "\r\n"), 400},
    {S("GET / HTTP/1.2\r\n" H "\r\n"), 400},
    {S("GET / HTTP/2.0\r\n" H "\r\n"), 400},
    {S("GET / HTTP/0.9\r\n" H "\r\n"), 400},
    {S("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 400},
    {S("\x16\x03\x01\x02\x00\x01"), 400},
    {S("\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n"), 400},
    {S("G@T / HTTP/1.1\r\n" H "\r\n"), 400},
    {S("G\0T / HTTP/1.1\r\n" H "\r\n"), 400},
    {S("get / HTTP/1.1\r\n" H "\r\n"), 501},
    {S("BREW / HTTP/1.1\r\n" H "\r\n"), 501},
    /* target */
    {S("GET /a#b HTTP/1.1\r\n" H "\r\n"), 400},
    {S("GET /a%00b HTTP/1.1\r\n" H "\r\n"), 400},
    {S("GET /a%0d%0ab HTTP/1.1\r\n" H "\r\n"), 400},
    {S("GET /a%2fb HTTP/1.1\r\n" H "\r\n"), 400},
    {S("GET /a%5cb HTTP/1.1\r\n" H "\r\n"), 400},
    {S("GET /a\\b HTTP/1.1\r\n" H "\r\n"), 400},
    {S("GET /a/../b HTTP/1.1\r\n" H "\r\n"), 400},
    {S("GET /a/%2e%2E/b HTTP/1.1\r\n" H "\r\n"), 400},
    {S("GET /a/. HTTP/1.1\r\n" H "\r\n"), 400},
    {S("GET /a%zz HTTP/1.1\r\n" H "\r\n"), 400},
    {S("GET /a%4 HTTP/1.1\r\n" H "\r\n"), 400},
    {S("GET /a%ff HTTP/1.1\r\n" H "\r\n"), 400},
    {S("GET /%u0041 HTTP/1.1\r\n" H "\r\n"), 400},
    {S("GET /a\x80 HTTP/1.1\r\n" H "\r\n"), 400},
    {S("GET /?a=%zz HTTP/1.1\r\n" H "\r\n"), 400},
    {S("GET /?a=%00 HTTP/1.1\r\n" H "\r\n"), 400},
    {S("GET /?a=%ff HTTP/1.1\r\n" H "\r\n"), 400},
    {S("GET /?a=<b> HTTP/1.1\r\n" H "\r\n"), 400},
    {S("GET /?a=%0ab&c[]={d|e} HTTP/1.1\r\n" H "\r\n"), 200},
    {S("GET /%252e%252e/ HTTP/1.1\r\n" H "\r\n"), 200},
};

/* The last line says how the stream ended: a status, or an accepted request. */
static int outcome(struct str bytes, size_t cut, size_t step)
{
    struct buf out = {0};
    http_replay(bytes, cut, step, &out);
    const char *mark = out.len ? strrchr(out.data, '!') : NULL;
    int status = mark ? (mark[1] - '0') * 100 + (mark[2] - '0') * 10 + (mark[3] - '0') : 200;
    if (out.len >= 4 && strcmp(out.data + out.len - 4, "...\n") == 0)
        status = 0;
    buf_free(&out);
    return status;
}

static void test_ambiguous_requests_are_refused_at_every_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hostile); i++)
        for (size_t cut = 0; cut <= hostile[i].bytes.n; cut++)
            if (outcome(hostile[i].bytes, cut, cut % 2 ? 1 : 4096) != hostile[i].status)
                fail_msg("request %zu, cut at %zu: %d instead of %d:\n%s", i, cut,
                         outcome(hostile[i].bytes, cut, cut % 2 ? 1 : 4096), hostile[i].status,
                         hostile[i].bytes.p);
}

/* ---- limits ---------------------------------------------------------------------------------- */

static int outcome_of(struct buf *request)
{
    int whole = outcome(buf_str(request), 0, 1 << 20);
    assert_int_equal(outcome(buf_str(request), 0, 1), whole);
    assert_int_equal(outcome(buf_str(request), 4095, 1000), whole);
    buf_free(request);
    return whole;
}

static void repeat(struct buf *b, const char *text, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buf_add_z(b, text);
}

static void test_a_head_may_be_as_long_as_the_limit_and_no_longer(void **state)
{
    (void)state;
    for (int over = 0; over < 2; over++) {
        struct buf request = {0};
        buf_add_z(&request, "GET / HTTP/1.1\r\n" H "X: ");
        repeat(&request, "x", HTTP_REPLAY_HEADER_MAX - request.len - 4 + (size_t)over);
        buf_add_z(&request, "\r\n\r\n");
        assert_int_equal(outcome_of(&request), over ? 431 : 200);
    }
}

static void test_the_number_of_headers_is_limited(void **state)
{
    (void)state;
    for (size_t over = 0; over < 2; over++) {
        struct buf request = {0};
        buf_add_z(&request, "GET / HTTP/1.1\r\n" H);
        repeat(&request, "a: b\r\n", HTTP_HEADERS_MAX - 1 + over);
        buf_add_z(&request, "\r\n");
        assert_int_equal(outcome_of(&request), over ? 431 : 200);
    }
}

static void test_chunk_extensions_are_limited_each_and_together(void **state)
{
    (void)state;
    struct buf request = {0};
    buf_add_z(&request, CHUNKED "1;");
    repeat(&request, "x", HTTP_CHUNK_LINE_MAX - 2);
    buf_add_z(&request, "\r\na\r\n0\r\n\r\n");
    assert_int_equal(outcome_of(&request), 200);

    buf_add_z(&request, CHUNKED "1;");
    repeat(&request, "x", HTTP_CHUNK_LINE_MAX - 1);
    buf_add_z(&request, "\r\na\r\n0\r\n\r\n");
    assert_int_equal(outcome_of(&request), 400);

    request.max = 1 << 20;
    buf_add_z(&request, CHUNKED);
    repeat(&request, "1;abcdefg\r\na\r\n", HTTP_CHUNK_EXTRA_MAX / 8 + 1);
    buf_add_z(&request, "0\r\n\r\n");
    assert_int_equal(outcome_of(&request), 400);
}

static void test_trailers_are_limited(void **state)
{
    (void)state;
    struct buf request = BUF_MAX(1 << 20);
    buf_add_z(&request, CHUNKED "0\r\n");
    repeat(&request, "X: 0123456789\r\n", 10);
    buf_add_z(&request, "\r\n");
    assert_int_equal(outcome_of(&request), 200);
    buf_add_z(&request, CHUNKED "0\r\n");
    repeat(&request, "X: 0123456789\r\n", 1000);
    buf_add_z(&request, "\r\n");
    assert_int_equal(outcome_of(&request), 400);
    buf_add_z(&request, CHUNKED "0\r\nX: ");
    repeat(&request, "x", HTTP_TRAILER_LINE_MAX);
    buf_add_z(&request, "\r\n\r\n");
    assert_int_equal(outcome_of(&request), 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cut_of_a_stream_gives_the_same_requests),
        cmocka_unit_test(test_ambiguous_requests_are_refused_at_every_cut),
        cmocka_unit_test(test_a_head_may_be_as_long_as_the_limit_and_no_longer),
        cmocka_unit_test(test_the_number_of_headers_is_limited),
        cmocka_unit_test(test_chunk_extensions_are_limited_each_and_together),
        cmocka_unit_test(test_trailers_are_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
