/* Properties: masking is final, and a stream writes byte for byte what masking the whole writes,
 * wherever the pieces end; over the labelled corpora and over soups of digits, separators and
 * labels. Usage: pan_stream_test CORPUS.jsonl... */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "json/json_in.h"
#include "pan/pan.h"

#define TEXT_MAX ((size_t)4 << 20)

static char **corpus_files;

static uint32_t chance(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

_Static_assert(sizeof(struct pan_stream) <= PAN_STREAM_HOLD + 72, "all a stream ever holds");

/* Feeds `text` in pieces of 1 to `most` bytes and compares. */
static void check_pieces(struct str text, struct str masked, size_t most, uint32_t *seed)
{
    CLEANUP(buf_free) struct buf out = BUF_MAX(PAN_MASK_ROOM(text.n));
    struct pan_stream s = PAN_STREAM_NEW;
    for (size_t at = 0; at < text.n;) {
        size_t n = 1 + chance(seed) % most;
        n = n < text.n - at ? n : text.n - at;
        pan_stream_feed(&s, (struct str){text.p + at, n}, &out);
        at += n;
    }
    pan_stream_end(&s, &out);
    assert_false(out.overflowed);
    if (str_eq(buf_str(&out), masked))
        return;
    size_t i = 0;
    while (i < out.len && i < masked.n && out.data[i] == masked.p[i])
        i++;
    fail_msg("differs at %zu: \"%.120s\" for \"%.120s\"", i, out.data + (i > 60 ? i - 60 : 0),
             masked.p + (i > 60 ? i - 60 : 0));
}

static size_t digits_in(const char *p, size_t n)
{
    size_t digits = 0;
    for (size_t i = 0; i < n; i++)
        digits += (p[i] >= '0' && p[i] <= '9') || (unsigned char)p[i] >= 0x80;
    return digits;
}

/* Masking is final: masked text holds no span, is as valid UTF-8 as the text was, and a line masked
 * in place keeps its length and holds no number either. */
static void check_final(struct str text, struct buf *masked)
{
    static struct pan_span spans[20000];
    struct pan_span span;
    size_t n = pan_find(text, spans, 20000);
    assert_true(n <= 20000);
    assert_false(masked->overflowed);
    assert_int_equal(pan_find(buf_str(masked), &span, 1), 0);
    assert_true(!str_utf8_valid(text) || str_utf8_valid(buf_str(masked)));
    buf_clear(masked);
    buf_add(masked, text.p, text.n);
    assert_int_equal(pan_mask_in_place(masked->data, masked->len), text.n);
    assert_true(!str_utf8_valid(text) || str_utf8_valid(buf_str(masked)));
    assert_int_equal(pan_find(buf_str(masked), &span, 1), 0);
    for (size_t i = 0; i < n; i++) /* no digit of another script and at most four others stay */
        assert_true(digits_in(masked->data + spans[i].start, spans[i].end - spans[i].start) <= 4);
    buf_clear(masked);
    pan_mask(text, masked);
}

static void check_text(struct str text, uint32_t *seed)
{
    CLEANUP(buf_free) struct buf masked = BUF_MAX(PAN_MASK_ROOM(text.n));
    pan_mask(text, &masked);
    check_final(text, &masked);
    static const size_t most[] = {1, 7, 300, 5000};
    for (size_t i = 0; i < sizeof(most) / sizeof(most[0]); i++)
        check_pieces(text, buf_str(&masked), most[i], seed);
}

static void corpus_add(const char *file, struct buf *out)
{
    FILE *f = fopen(file, "r");
    assert_non_null(f);
    char line[8192];
    while (fgets(line, sizeof(line), f) != NULL) {
        struct arena *arena = arena_new((size_t)1 << 16);
        CLEANUP(json_done) json_t *root = NULL;
        assert_null(json_read(arena, str_trim(str_of(line)), &root));
        buf_add_z(out, json_string_value(json_object_get(root, "text")));
        buf_add_c(out, '\n');
        arena_free(&arena);
    }
    fclose(f);
}

static void test_a_corpus_in_pieces_is_masked_as_a_whole(void **state)
{
    (void)state;
    uint32_t seed = 1;
    CLEANUP(buf_free) struct buf all = BUF_MAX(TEXT_MAX);
    for (char **file = corpus_files; *file != NULL; file++)
        corpus_add(*file, &all);
    assert_true(all.len > 50000);
    for (size_t shift = 0; shift < 1800; shift += 397) /* where the stream decides moves along */
        check_text((struct str){all.data + shift, all.len - shift}, &seed);
}

/* Text thick with what the finder looks at: numbers, parts of numbers, labels, every separator. */
static void soup(uint32_t *seed, size_t n, struct buf *out)
{
    static const char *const parts[] = {
        "4111111111111111",
        "4111 1111 1111 1111",
        "5555-5555",
        "3782 822463 10005",
        "4",
        "1",
        "11",
        "0",
        "12/29",
        "CVV 123",
        "exp 05/28",
        " ",
        " ",
        "-",
        "tarjeta ",
        "IMEI ",
        "tel. ",
        "\n",
        "|",
        "O",
        "l",
        "************1111",
        "\xe2\x80\x8b",
        "\xc2\xa0",
        "\xd9\xa4",
        "%20",
        "</td>",
        "^X/Y^29121010000",
        "=29121010000?",
        "\xff",
        "palabra ",
        "424242",
        "$",
        "codigo de seguridad: 987 ",
        "factura ",
        "\"",
        "\",\"",
        "***",
        "1234 ",
        "|0|56|2|",
        "4242424242424242424242424242424242424242424242424242424242424242424242"};
    buf_clear(out);
    while (out->len < n) {
        const char *part = parts[chance(seed) % (sizeof(parts) / sizeof(parts[0]))];
        size_t times = chance(seed) % 40 == 0 ? 1 + chance(seed) % 200 : 1;
        for (size_t i = 0; i < times; i++)
            buf_add_z(out, part);
    }
}

static void test_soup_in_pieces_is_masked_as_a_whole(void **state)
{
    (void)state;
    const char *rounds = getenv("ROUNDS");
    uint32_t seed = 20261122;
    CLEANUP(buf_free) struct buf text = BUF_MAX(TEXT_MAX);
    for (long i = rounds != NULL ? strtol(rounds, NULL, 10) : 12; i > 0; i--) {
        soup(&seed, 9000 + chance(&seed) % 9000, &text);
        check_text(buf_str(&text), &seed);
    }
}

static void test_a_number_over_three_pieces_is_found_at_every_place(void **state)
{
    (void)state;
    char text[9000];
    for (size_t at = 4096 - 40; at < 4096 + 40; at++) {
        memset(text, 'a', sizeof(text));
        memcpy(text + at, " 4111 1111 1111 1111 ", 21);
        CLEANUP(buf_free) struct buf out = BUF_MAX(20000);
        struct pan_stream s = PAN_STREAM_NEW;
        pan_stream_feed(&s, (struct str){text, at + 5}, &out);
        pan_stream_feed(&s, (struct str){text + at + 5, 7}, &out);
        pan_stream_feed(&s, (struct str){text + at + 12, sizeof(text) - at - 12}, &out);
        pan_stream_end(&s, &out);
        assert_true(s.found);
        assert_memory_equal(out.data + at, " ************1111 ", 18);
        assert_int_equal(out.len, sizeof(text) - 3);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_corpus_in_pieces_is_masked_as_a_whole),
        cmocka_unit_test(test_soup_in_pieces_is_masked_as_a_whole),
        cmocka_unit_test(test_a_number_over_three_pieces_is_found_at_every_place),
    };
    if (argc < 2)
        return 2;
    corpus_files = argv + 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
