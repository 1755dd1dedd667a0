/* Tests of lib/openpgp: our own messages, pgcrypto's, and everything that must be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "base/cleanup.h"
#include "base/crypt.h"
#include "openpgp/openpgp.h"
#include "openpgp/packet.h"
#include "openpgp/s2k.h"

#define PASSPHRASE "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define TEXT                                                                                       \
    "Jos\xc3\xa9 \xc3\x91"                                                                         \
    "and\xc3\xba"

static struct openpgp_key *key;

static int setup(void **state)
{
    (void)state;
    key = openpgp_key_new(STR(PASSPHRASE));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    openpgp_key_free(&key);
    return 0;
}

static void seal(struct str name, struct str plain, struct buf *out)
{
    assert_null(openpgp_seal(key, NULL, name, plain, out));
}

/* Opens under the passphrase `with`; the problem is the thread's. */
static struct problem *open_with(struct str with, struct str message, struct buf *out,
                                 struct openpgp_literal *ret)
{
    struct openpgp_key *k = openpgp_key_new(with);
    struct problem *p = openpgp_open(k, NULL, message, out, ret);
    openpgp_key_free(&k);
    return p;
}

static void assert_refused(struct str message)
{
    CLEANUP(buf_free) struct buf out = BUF_SECRET(OPENPGP_PLAIN_MAX);
    struct openpgp_literal literal = {.type = '?'};
    struct problem *p = openpgp_open(key, NULL, message, &out, &literal);
    assert_non_null(p);
    assert_int_equal(p->kind, PROBLEM_UNPROCESSABLE);
    assert_int_equal(out.len, 0);
    assert_int_equal(literal.type, '?');
}

static void assert_opens(struct str message, struct str name, struct str plain)
{
    CLEANUP(buf_free) struct buf out = BUF_SECRET(OPENPGP_PLAIN_MAX);
    struct openpgp_literal literal;
    assert_null(openpgp_open(key, NULL, message, &out, &literal));
    assert_true(str_eq(buf_str(&out), plain));
    assert_true(str_eq((struct str){literal.name, literal.name_len}, name));
}

static void test_what_was_sealed_opens_with_its_name(void **state)
{
    (void)state;
    static const size_t sizes[] = {0,   1,   15,  16,   17,   100,  150,
                                   191, 192, 193, 8300, 8383, 8384, 70000};
    CLEANUP(buf_free) struct buf plain = BUF_MAX(100000);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        CLEANUP(buf_free) struct buf sealed = BUF_MAX(200000);
        buf_clear(&plain);
        while (plain.len < sizes[i])
            buf_add_c(&plain, (char)plain.len);
        seal(STR("c/people/full_name/r"), buf_str(&plain), &sealed);
        assert_opens(buf_str(&sealed), STR("c/people/full_name/r"), buf_str(&plain));
    }
}

static void test_the_longest_name_is_kept_and_a_longer_one_refused(void **state)
{
    (void)state;
    char name[OPENPGP_NAME_MAX + 1];
    memset(name, 'n', sizeof name);
    CLEANUP(buf_free) struct buf sealed = BUF_MAX(2000);
    struct problem *p = openpgp_seal(key, NULL, (struct str){name, sizeof name}, STR("x"), &sealed);
    assert_int_equal(p->kind, PROBLEM_TOO_LARGE);
    seal((struct str){name, OPENPGP_NAME_MAX}, STR("x"), &sealed);
    assert_true(sealed.len <= 1 + OPENPGP_OVERHEAD);
    assert_opens(buf_str(&sealed), (struct str){name, OPENPGP_NAME_MAX}, STR("x"));
}

static void test_too_long_a_text_is_refused(void **state)
{
    (void)state;
    CLEANUP(buf_free) struct buf plain = BUF_MAX(OPENPGP_PLAIN_MAX + 1);
    CLEANUP(buf_free) struct buf sealed = BUF_MAX(2 * OPENPGP_PLAIN_MAX);
    memset(buf_room(&plain, OPENPGP_PLAIN_MAX + 1), 'x', OPENPGP_PLAIN_MAX + 1);
    plain.len = OPENPGP_PLAIN_MAX + 1;
    struct problem *p = openpgp_seal(key, NULL, STR_NONE, buf_str(&plain), &sealed);
    assert_int_equal(p->kind, PROBLEM_TOO_LARGE);
    assert_int_equal(sealed.len, 0);
}

static void test_sealing_twice_gives_different_messages(void **state)
{
    (void)state;
    CLEANUP(buf_free) struct buf a = BUF_MAX(1000);
    CLEANUP(buf_free) struct buf b = BUF_MAX(1000);
    seal(STR("n"), STR(TEXT), &a);
    seal(STR("n"), STR(TEXT), &b);
    assert_int_equal(a.len, b.len);
    assert_memory_not_equal(a.data, b.data, a.len);
}

static void test_the_clear_text_is_not_in_the_message(void **state)
{
    (void)state;
    CLEANUP(buf_free) struct buf sealed = BUF_MAX(1000);
    seal(STR("shop/people"), STR("Maria Fernanda"), &sealed);
    assert_null(memmem(sealed.data, sealed.len, "Maria", 5));
    assert_null(memmem(sealed.data, sealed.len, "people", 6));
}

static void test_every_changed_bit_is_refused(void **state)
{
    (void)state;
    CLEANUP(buf_free) struct buf sealed = BUF_MAX(1000);
    seal(STR("c/people/full_name/r"), STR(TEXT), &sealed);
    for (size_t i = 0; i < sealed.len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            sealed.data[i] ^= (char)(1 << bit);
            assert_refused(buf_str(&sealed));
            sealed.data[i] ^= (char)(1 << bit);
        }
    }
    assert_opens(buf_str(&sealed), STR("c/people/full_name/r"), STR(TEXT));
}

static void test_every_shorter_message_is_refused(void **state)
{
    (void)state;
    CLEANUP(buf_free) struct buf sealed = BUF_MAX(1000);
    seal(STR("c/people/full_name/r"), STR(TEXT), &sealed);
    for (size_t n = 0; n < sealed.len; n++) {
        CLEANUP(buf_free) struct buf exact = BUF_MAX(1000); /* so that ASan sees one byte past it */
        buf_add(&exact, sealed.data, n);
        assert_refused(buf_str(&exact));
    }
}

static void test_bytes_after_the_message_are_refused(void **state)
{
    (void)state;
    CLEANUP(buf_free) struct buf sealed = BUF_MAX(1000);
    seal(STR("n"), STR(TEXT), &sealed);
    buf_add_c(&sealed, 0);
    assert_refused(buf_str(&sealed));
}

static void test_another_passphrase_is_refused(void **state)
{
    (void)state;
    CLEANUP(buf_free) struct buf sealed = BUF_MAX(1000);
    CLEANUP(buf_free) struct buf out = BUF_SECRET(1000);
    struct openpgp_literal literal;
    seal(STR("n"), STR(TEXT), &sealed);
    struct problem *p = open_with(STR("x" PASSPHRASE), buf_str(&sealed), &out, &literal);
    assert_int_equal(p->kind, PROBLEM_UNPROCESSABLE);
    assert_int_equal(out.len, 0);
}

static void test_a_text_longer_than_the_buffer_is_refused(void **state)
{
    (void)state;
    CLEANUP(buf_free) struct buf sealed = BUF_MAX(1000);
    CLEANUP(buf_free) struct buf out = BUF_SECRET(9);
    struct openpgp_literal literal;
    seal(STR("n"), STR("ten letter"), &sealed);
    struct problem *p = openpgp_open(key, NULL, buf_str(&sealed), &out, &literal);
    assert_int_equal(p->kind, PROBLEM_TOO_LARGE);
}

/* Written by pgcrypto 1.3 (PostgreSQL 15): pgp_sym_encrypt('José Ñandú', PASSPHRASE, options || ',
 * cipher-algo=aes256, compress-algo=0'). */
static const char *const from_pgcrypto[] = {
    /* s2k-mode=0 */
    "c30404090002d23e01c2d2098b4fd8a77abe86b6257ba72078181500c1b0932bb04e941e24e9627a0f1fca69d2ffff"
    "72088534fd41e2759d96070ef4932aff095e4d1063c9c3",
    /* s2k-mode=1 */
    "c30c040901020954ff48548f8a78d23e01e67a557c7faaf6a68574d6b7537a873a24d1c6511b08345e7e758d4cdfc5"
    "6f2e2f4c47611d9f7f65a908de37af7879d7cfeb9752f49140c209f17db716",
    /* s2k-mode=3 */
    "c30d04090302cead37910d6ff57269d23e0106a7163e6950e7879c0a20c28171fddf3a1387f8fc61fc0de9a1d3f110"
    "a97b11586b668df46eb5e28f43085a2975dcce3e0b1bff0b1a848b6650cc6f76",
    /* s2k-mode=3, s2k-digest-algo=sha256, unicode-mode=1 */
    "c30d040903082289b228b1f3e76e7bd23e014083a6bf6b3973b85c2ddc1479721cdf3bda72f8fbd2de367e189a5e47"
    "859ac1d66f7d8e502e7350b72a570e9f89afcc8f1aea3318ff8c845e69c5e32d",
    /* s2k-mode=0, s2k-digest-algo=sha256 */
    "c30404090008d23e012f475b04636a797c1e955d665881b6e94711a7db5a9526418ccdff74f43ddc5a987b463dd884"
    "730bc6adc404345081b01d9b5c7554f2d8b4a6f4c1f644",
    /* s2k-mode=0, s2k-digest-algo=md5 */
    "c30404090001d23e01a0e48db9f5c91bc186264b1f0c03aaacbacad47a05195ad0e0fbde6d7b7376e1d466333de0ea"
    "9f340e92f0004c2f26cd0dc0bf62dfc9a52804ac7d255a",
};

static void from_hex(const char *hex, struct buf *out)
{
    size_t n = strlen(hex) / 2;
    assert_true(hex_read(str_of(hex), buf_room(out, n), n));
    out->len += n;
}

static void test_messages_of_pgcrypto_open(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(from_pgcrypto); i++) {
        CLEANUP(buf_free) struct buf message = BUF_MAX(1000);
        from_hex(from_pgcrypto[i], &message);
        assert_opens(buf_str(&message), STR_NONE, STR(TEXT));
    }
}

/* The same text with options we do not accept. */
static const struct {
    const char *hex, *cause;
} not_accepted[] = {
    {"c30404070002d23e01f9e082b2044025c72abe122691a7109aa8418bf497d84fe8b6045ba0d1c7f1c5545597f03dc"
     "6ab5a6269a5f55e81b20911cc4d5f20baabbce18d47acb4",
     "sealed with another cipher than AES-256"},
    {"c30404090002d244011550181653bd554edefc9b3a89ed1b4a788805953ab170879751c6ba6ae7453ba357f5410bd"
     "5a92997860fa69a0a758e77832a072f30729ba101bfb2587f02bdd3850a",
     "compressed content is not supported"},
    {"c30404090002c927085637761c4e90a2c482e1372bbd19bb16d2101a068aa91318ac61a337557f3933c66ef731353"
     "6",
     "a message without MDC is not accepted"},
    {"c32504090002222b5d805a48cd6cd079dce289a55313dd7b10c516abbda66da0b563221073dd6ad23e01089988bef"
     "568dc3de5ec7ef14731def6a8fedb559c1503ee5d79ee8953478557ea1d5d72e2033357b2d440b643525e14315b10"
     "530e3870f46f8319c3c6",
     "an encrypted session key is not supported"},
};

static void test_other_kinds_of_message_are_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(not_accepted); i++) {
        CLEANUP(buf_free) struct buf message = BUF_MAX(1000);
        CLEANUP(buf_free) struct buf out = BUF_SECRET(1000);
        struct openpgp_literal literal;
        from_hex(not_accepted[i].hex, &message);
        struct problem *p = openpgp_open(key, NULL, buf_str(&message), &out, &literal);
        assert_non_null(p);
        assert_string_equal(p->cause, not_accepted[i].cause);
    }
}

/* Our own message with the SEIPD body cut into partial lengths, as a streaming writer sends it. */
static void test_a_body_in_pieces_opens(void **state)
{
    (void)state;
    CLEANUP(buf_free) struct buf whole = BUF_MAX(4000);
    CLEANUP(buf_free) struct buf cut = BUF_MAX(4000);
    CLEANUP(buf_free) struct buf joined = BUF_MAX(4000);
    char text[1500];
    memset(text, 'z', sizeof text);
    seal(STR("n"), (struct str){text, sizeof text}, &whole);
    struct str rest = buf_str(&whole);
    struct packet packet;
    assert_true(packet_next(&rest, &joined, &packet));
    buf_add(&cut, whole.data, whole.len - rest.n);
    assert_true(packet_next(&rest, &joined, &packet));
    buf_add(&cut, "\xd2\xea", 2); /* 1024 */
    buf_add(&cut, packet.body.p, 1024);
    buf_add_c(&cut, (char)0xe5); /* 32 */
    buf_add(&cut, packet.body.p + 1024, 32);
    buf_add(&cut, "\xff", 1);
    buf_add_u32be(&cut, (uint32_t)(packet.body.n - 1056));
    buf_add(&cut, packet.body.p + 1056, packet.body.n - 1056);
    assert_opens(buf_str(&cut), STR("n"), (struct str){text, sizeof text});
    for (size_t n = 0; n < cut.len; n += 7)
        assert_refused((struct str){cut.data, n});
}

static bool packet_ok(const char *bytes, size_t n, size_t *ret_body)
{
    CLEANUP(buf_free) struct buf joined = BUF_MAX(4000);
    struct str rest = {bytes, n};
    struct packet packet;
    if (!packet_next(&rest, &joined, &packet))
        return false;
    *ret_body = packet.body.n;
    return true;
}

static void test_packet_lengths_of_both_formats(void **state)
{
    (void)state;
    char bytes[9000] = {(char)0xcb, (char)0xdf, (char)0xff};
    size_t body = 0;
    assert_true(packet_ok(bytes, 8386, &body)); /* two octets: at most 8383 */
    assert_int_equal(body, 8383);
    assert_false(packet_ok(bytes, 8385, &body));
    memcpy(bytes, "\xad\x01\x00", 3); /* old format, two octets of length */
    assert_true(packet_ok(bytes, 259, &body));
    assert_int_equal(body, 256);
    memcpy(bytes, "\xaf\x01\x00", 3); /* old format, indeterminate */
    assert_false(packet_ok(bytes, 259, &body));
    memcpy(bytes, "\xcb\xe8\x00", 3); /* first partial length below 512 */
    assert_false(packet_ok(bytes, 400, &body));
    memcpy(bytes, "\xcb\xfe\x00", 3); /* partial length of 2^30 */
    assert_false(packet_ok(bytes, 9000, &body));
    memcpy(bytes, "\xc3\xea", 2); /* SKESK may not come in pieces */
    bytes[1026] = 0;
    assert_false(packet_ok(bytes, 1027, &body));
    bytes[0] = 0x4b; /* no packet starts without the top bit */
    assert_false(packet_ok(bytes, 1027, &body));
}

static void test_an_iterated_s2k_of_64_mib_is_refused(void **state)
{
    (void)state;
    struct s2k s2k;
    struct str most = {"\x03\x08saltsalt\xff", 11};
    assert_false(s2k_read(&most, &s2k));
    struct str usual = {"\x03\x08saltsalt\x60", 11};
    assert_true(s2k_read(&usual, &s2k));
    assert_int_equal(s2k.count, 65536);
    struct str unknown = {"\x02\x08saltsalt\x60", 11};
    assert_false(s2k_read(&unknown, &s2k));
}

static void *seal_and_open_often(void *failed)
{
    for (int i = 0; i < 300; i++) {
        CLEANUP(buf_free) struct buf sealed = BUF_MAX(1000);
        CLEANUP(buf_free) struct buf out = BUF_SECRET(1000);
        struct openpgp_literal literal;
        if (openpgp_seal(key, NULL, STR("n"), STR(TEXT), &sealed) ||
            openpgp_open(key, NULL, buf_str(&sealed), &out, &literal) ||
            !str_eq(buf_str(&out), STR(TEXT)))
            *(bool *)failed = true;
    }
    return NULL;
}

static void test_threads_share_one_key(void **state)
{
    (void)state;
    pthread_t threads[4];
    bool failed[4] = {0};
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, seal_and_open_often, &failed[i]), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_false(failed[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_sealed_opens_with_its_name),
        cmocka_unit_test(test_the_longest_name_is_kept_and_a_longer_one_refused),
        cmocka_unit_test(test_too_long_a_text_is_refused),
        cmocka_unit_test(test_sealing_twice_gives_different_messages),
        cmocka_unit_test(test_the_clear_text_is_not_in_the_message),
        cmocka_unit_test(test_every_changed_bit_is_refused),
        cmocka_unit_test(test_every_shorter_message_is_refused),
        cmocka_unit_test(test_bytes_after_the_message_are_refused),
        cmocka_unit_test(test_another_passphrase_is_refused),
        cmocka_unit_test(test_a_text_longer_than_the_buffer_is_refused),
        cmocka_unit_test(test_messages_of_pgcrypto_open),
        cmocka_unit_test(test_other_kinds_of_message_are_refused_by_name),
        cmocka_unit_test(test_a_body_in_pieces_opens),
        cmocka_unit_test(test_packet_lengths_of_both_formats),
        cmocka_unit_test(test_an_iterated_s2k_of_64_mib_is_refused),
        cmocka_unit_test(test_threads_share_one_key),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
