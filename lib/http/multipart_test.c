/* The multipart reader over every cut of its input, and what it refuses. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "http/multipart.h"

/* A source that gives what is left of `bytes` in pieces that end at `cut` and then at `step`. */
struct pieces {
    struct str bytes;
    size_t cut, step;
};

static struct problem *pieces_read(void *source, struct arena *arena, void *ret, size_t n,
                                   size_t *ret_n)
{
    (void)arena;
    struct pieces *p = source;
    size_t most = p->cut > 0 ? p->cut : p->step;
    n = n < most ? n : most;
    n = n < p->bytes.n ? n : p->bytes.n;
    if (n > 0)
        memcpy(ret, p->bytes.p, n);
    p->bytes.p += n;
    p->bytes.n -= n;
    p->cut -= n < p->cut ? n : p->cut;
    *ret_n = n;
    return NULL;
}

/* All parts as one line of text, or the problem's detail. */
static void render(struct str body, size_t cut, size_t step, size_t read_size, struct buf *out)
{
    struct arena *arena = arena_new(1 << 20);
    struct pieces source = {body, cut, step};
    struct http_multipart *m;
    struct http_part part;
    bool more = true;
    struct problem *p = http_multipart_over(arena, STR("AaB03x"), pieces_read, &source, &m);
    while (!p && !(p = http_multipart_next(m, &part, &more)) && more) {
        buf_addf(out, "[" STR_FMT "|" STR_FMT "|" STR_FMT "|", STR_ARG(part.name),
                 STR_ARG(part.filename), STR_ARG(part.content_type));
        char bytes[64];
        size_t n = 1;
        while (!p && n > 0) {
            p = http_multipart_read(m, bytes, read_size, &n);
            if (!p)
                buf_add(out, bytes, n);
        }
        buf_add_z(out, "]");
    }
    if (p)
        buf_addf(out, "!%d", problem_status(p->kind));
    arena_free(&arena);
}

static void assert_renders(const char *body, const char *expected)
{
    struct str s = str_of(body);
    for (size_t cut = 0; cut <= s.n; cut++)
        for (size_t read_size = 1; read_size <= 64;
             read_size = read_size == 1 ? 7 : read_size * 9) {
            struct buf out = {0};
            buf_add_z(&out, "");
            render(s, cut, cut % 3 ? 1 : 4096, read_size, &out);
            assert_string_equal(out.data, expected);
            buf_free(&out);
        }
}

#define CD "Content-Disposition: form-data; "

static void test_parts_are_the_same_for_every_cut(void **state)
{
    (void)state;
    assert_renders("--AaB03x\r\n" CD "name=\"file\"; filename=\"a b.png\"\r\n"
                   "Content-Type: image/png\r\n\r\n"
                   "one\r\n--AaB03\r\n\r\n--AaB03two--AaB03x\r\n"
                   "--AaB03x\r\n" CD "name=room\r\n\r\n12\r\n--AaB03x--\r\n",
                   "[file|a b.png|image/png|one\r\n--AaB03\r\n\r\n--AaB03two--AaB03x]"
                   "[room|||12]");
}

static void test_an_empty_part_and_a_quoted_name(void **state)
{
    (void)state;
    assert_renders(
        "--AaB03x \t\r\ncontent-disposition:Form-Data; filename=\"C:\\x \\\"q\\\".pdf\" ;"
        " name=\"a;b\"\r\n\r\n\r\n--AaB03x--",
        "[a;b|C:\\x \"q\".pdf||]");
}

static void test_a_body_without_parts_ends_at_once(void **state)
{
    (void)state;
    assert_renders("--AaB03x--\r\n", "");
}

static void test_a_body_cut_off_is_refused_wherever_it_ends(void **state)
{
    (void)state;
    struct str whole = STR("--AaB03x\r\n" CD "name=\"a\"\r\n\r\ndata\r\n--AaB03x--");
    for (size_t n = 0; n < whole.n; n++) {
        struct buf out = {0};
        render((struct str){whole.p, n}, 0, 4096, 64, &out);
        assert_non_null(strstr(out.data, "!400"));
        buf_free(&out);
    }
}

static void test_malformed_parts_are_refused(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "preamble\r\n--AaB03x\r\n" CD "name=a\r\n\r\nx\r\n--AaB03x--",
        "--AaB03xy\r\n" CD "name=a\r\n\r\nx\r\n--AaB03x--",
        "--AaB03x\r\n\r\nno headers\r\n--AaB03x--",
        "--AaB03x\r\n" CD "filename=a\r\n\r\nno name\r\n--AaB03x--",
        "--AaB03x\r\nContent-Disposition: attachment; name=a\r\n\r\nx\r\n--AaB03x--",
        "--AaB03x\r\n" CD "name=a; name=b\r\n\r\nx\r\n--AaB03x--",
        "--AaB03x\r\n" CD "name=a\r\n" CD "name=b\r\n\r\nx\r\n--AaB03x--",
        "--AaB03x\r\n" CD "name=\"a\r\n\r\nx\r\n--AaB03x--",
        "--AaB03x\r\n" CD "name=\"a\"junk\r\n\r\nx\r\n--AaB03x--",
        "--AaB03x\r\n" CD "name=a\nX: y\r\n\r\nx\r\n--AaB03x--",
        "--AaB03x\r\n" CD "name=a\r\n folded\r\n\r\nx\r\n--AaB03x--",
        "--AaB03x\r\n" CD "name=a\r\nContent-Transfer-Encoding: base64\r\n\r\nx\r\n--AaB03x--",
        "--AaB03x\r\n" CD "name=a\r\nno colon\r\n\r\nx\r\n--AaB03x--",
    };
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
        assert_renders(bodies[i], "!400");
}

static void test_limits_on_parts_and_their_headers(void **state)
{
    (void)state;
    struct buf body = {0}, out = {0};
    for (int i = 0; i < 17; i++)
        buf_add_z(&body, "--AaB03x\r\n" CD "name=a\r\n\r\n\r\n");
    buf_add_z(&body, "--AaB03x--");
    render(buf_str(&body), 0, 4096, 64, &out);
    assert_non_null(strstr(out.data, "]!400"));
    buf_clear(&body);
    buf_clear(&out);
    buf_add_z(&body, "--AaB03x\r\n" CD "name=a\r\nX: ");
    for (int i = 0; i < 9000; i++)
        buf_add_c(&body, 'x');
    buf_add_z(&body, "\r\n\r\n\r\n--AaB03x--");
    render(buf_str(&body), 0, 4096, 64, &out);
    assert_string_equal(out.data, "!400");
    buf_free(&body);
    buf_free(&out);
}

static void test_a_large_part_passes_through_the_window(void **state)
{
    (void)state;
    struct buf body = BUF_MAX(1 << 20), out = BUF_MAX(1 << 20);
    buf_add_z(&body, "--AaB03x\r\n" CD "name=a\r\n\r\n");
    for (int i = 0; i < 20000; i++)
        buf_add_z(&body, "\r\n--AaB03");
    buf_add_z(&body, "\r\n--AaB03x--");
    render(buf_str(&body), 0, 977, 64, &out);
    assert_int_equal(out.len, strlen("[a|||]") + 20000 * 9);
    buf_free(&body);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts_are_the_same_for_every_cut),
        cmocka_unit_test(test_an_empty_part_and_a_quoted_name),
        cmocka_unit_test(test_a_body_without_parts_ends_at_once),
        cmocka_unit_test(test_a_body_cut_off_is_refused_wherever_it_ends),
        cmocka_unit_test(test_malformed_parts_are_refused),
        cmocka_unit_test(test_limits_on_parts_and_their_headers),
        cmocka_unit_test(test_a_large_part_passes_through_the_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
