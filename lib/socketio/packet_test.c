/* The pure parts: packets, payloads, JSON borders, frames, stream entries, addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "socketio/json_scan.h"
#include "socketio/msgpack_json.h"
#include "socketio/packet.h"
#include "socketio/pool.h"
#include "socketio/redis_link.h"
#include "socketio/stream.h"
#include "socketio/ws.h"

#define assert_text(got, want)                                                                     \
    do {                                                                                           \
        struct str got_ = (got);                                                                   \
        if (!str_eq(got_, str_of(want)))                                                           \
            fail_msg("got " STR_FMT ", want %s", STR_ARG(got_), (want));                           \
    } while (0)

/* ---- Engine.IO ------------------------------------------------------------------------------- */

static void test_a_payload_is_split_at_its_separators(void **state)
{
    (void)state;
    struct str payload = STR("4hello\x1e"
                             "2\x1e"
                             "bAQID"),
               data;
    enum eio_type type;
    bool bad;
    assert_true(eio_payload_next(&payload, &type, &data, &bad));
    assert_int_equal(type, EIO_MESSAGE);
    assert_text(data, "hello");
    assert_true(eio_payload_next(&payload, &type, &data, &bad));
    assert_int_equal(type, EIO_PING);
    assert_true(eio_payload_next(&payload, &type, &data, &bad));
    assert_int_equal(type, EIO_BINARY);
    assert_text(data, "AQID");
    assert_false(eio_payload_next(&payload, &type, &data, &bad));
    assert_false(bad);
}

static void test_a_payload_with_something_else_is_bad(void **state)
{
    (void)state;
    static const char *const wrong[] = {"abc", "7",
                                        ("\x1e"
                                         "4a"),
                                        "{}"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct str payload = str_of(wrong[i]), data;
        enum eio_type type;
        bool bad = false;
        assert_false(eio_payload_next(&payload, &type, &data, &bad));
        assert_true(bad);
    }
}

/* ---- Socket.IO ------------------------------------------------------------------------------- */

static void test_packets_of_the_protocol_text_are_read(void **state)
{
    (void)state;
    struct sio_packet p;
    assert_true(sio_packet_read(STR("0"), &p));
    assert_int_equal(p.type, SIO_CONNECT);
    assert_text(p.nsp, "/");
    assert_true(sio_packet_read(STR("0/admin,{\"token\":\"x\"}"), &p));
    assert_text(p.nsp, "/admin");
    assert_text(p.data, "{\"token\":\"x\"}");
    assert_true(sio_packet_read(STR("0/custom"), &p)); /* no comma */
    assert_text(p.nsp, "/custom");
    assert_true(sio_packet_read(STR("1/custom"), &p));
    assert_int_equal(p.type, SIO_DISCONNECT);
    assert_true(sio_packet_read(STR("2/admin,456[\"project:delete\",123]"), &p));
    assert_true(p.has_id);
    assert_int_equal(p.id, 456);
    assert_text(p.name, "\"project:delete\"");
    assert_text(p.args, "123]");
    assert_true(sio_packet_read(STR("2[\"foo\"]"), &p));
    assert_text(p.args, "]");
    assert_true(sio_packet_read(STR("3/admin,456[]"), &p));
    assert_int_equal(p.type, SIO_ACK);
    assert_true(sio_packet_read(STR("51-[\"hello\",{\"_placeholder\":true,\"num\":0}]"), &p));
    assert_int_equal(p.attachments, 1);
}

static void test_packets_that_are_none_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "7",
        "abc",
        "2",
        "2{}",
        "2[]",
        "2[",
        "2[\"a\"",
        "2[\"a\",]",
        "2[\"a\"]x",
        "2abc[\"message-with-ack\"]",
        "2[null]",
        "2[\"connect\"]",
        "2[\"disconnecting\"]",
        "0[]",
        "0\"x\"",
        "0null",
        "1{}",
        "3[]",
        "31",
        "33{}",
        "4{\"message\":\"x\"}",
        "5[\"a\"]",
        "5999999999-[\"a\"]",
        "599999999999999999999999-[\"a\"]",
        "5-[\"a\"]",
        "51-[\"a\",{\"_placeholder\":true,\"num\":1}]",
        "51-[\"a\",{\"num\":\"0\",\"_placeholder\":true}]",
        "51-[\"a\",{\"_placeholder\":true}]",
        "2[\"a\",{\"_placeholder\":true,\"num\":0}]",
        "29007199254740992[\"a\"]",
        "299999999999999999999999999999999[\"a\"]",
        "2-1[\"a\"]",
        "2[\"a\",01]",
        "2[\"a\",1.]",
        "2[\"a\",\"\\x\"]",
        "2[\"a\",\"\n\"]",
        "2[\"a\" \"b\"]",
        "2[\"a\",tru]",
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct sio_packet p;
        if (sio_packet_read(str_of(wrong[i]), &p))
            fail_msg("accepted: %s", wrong[i]);
    }
}

static void test_long_namespaces_and_deep_json_are_refused(void **state)
{
    (void)state;
    struct sio_packet p;
    CLEANUP(buf_free) struct buf text = BUF_MAX(200000);
    buf_add_z(&text, "0/");
    for (int i = 0; i < 65536; i++)
        buf_add_c(&text, 'n');
    assert_false(sio_packet_read(buf_str(&text), &p));
    buf_clear(&text);
    buf_add_z(&text, "2[\"a\",");
    for (int i = 0; i < 50000; i++)
        buf_add_c(&text, '[');
    for (int i = 0; i < 50000; i++)
        buf_add_c(&text, ']');
    buf_add_c(&text, ']');
    assert_false(sio_packet_read(buf_str(&text), &p));
}

static void test_events_are_written_with_their_arguments(void **state)
{
    (void)state;
    CLEANUP(buf_free) struct buf out = BUF_MAX(1000);
    sio_packet_event(&out, STR("a\"b"), STR("[1,{\"c\":2}]"));
    assert_text(buf_str(&out), "[\"a\\\"b\",1,{\"c\":2}]");
    buf_clear(&out);
    sio_packet_event(&out, STR("x"), STR("[ ]"));
    assert_text(buf_str(&out), "[\"x\"]");
    buf_clear(&out);
    uint64_t id = 12;
    sio_packet_head(&out, SIO_BINARY_ACK, 2, STR("/n"), &id);
    assert_text(buf_str(&out), "62-/n,12");
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void test_arguments_and_members_are_found(void **state)
{
    (void)state;
    struct str args = STR("[ 7 , \"\\u00e9\\ud83d\\ude00\" ,{ \"a\" : [1] ,\"b\":null}]"), value;
    uint64_t n;
    assert_true(sio_arg_u64(args, 0, &n));
    assert_int_equal(n, 7);
    CLEANUP(buf_free) struct buf text = BUF_MAX(100);
    assert_true(sio_arg_text(args, 1, &text));
    assert_text(buf_str(&text), "é😀");
    assert_true(sio_arg(args, 2, &value));
    struct str member;
    assert_true(sio_member(value, "a", &member));
    assert_text(member, "[1]");
    assert_true(sio_member(value, "b", &member));
    assert_false(sio_member(value, "c", &member));
    assert_false(sio_arg(args, 3, &value));
    assert_false(sio_json_text(STR("\"\\ud800\""), &text)); /* lone surrogate */
}

/* ---- WebSocket ------------------------------------------------------------------------------- */

struct heard {
    struct buf text;
    int messages;
    enum ws_kind last;
};

static bool hear(enum ws_kind kind, struct str data, void *arg)
{
    struct heard *heard = arg;
    buf_add_str(&heard->text, data);
    heard->messages++;
    heard->last = kind;
    return true;
}

/* A masked frame of a client; the mask is not zero, so unmasking is seen. */
static void frame_add(struct buf *out, int first, struct str payload)
{
    static const char mask[4] = {1, 2, 3, 4};
    buf_add_c(out, (char)first);
    if (payload.n < 126) {
        buf_add_c(out, (char)(0x80 | payload.n));
    } else {
        buf_add_c(out, (char)(0x80 | 126));
        buf_add_u16be(out, (uint16_t)payload.n);
    }
    buf_add(out, mask, 4);
    for (size_t i = 0; i < payload.n; i++)
        buf_add_c(out, (char)(payload.p[i] ^ mask[i % 4]));
}

static enum ws_code feed(struct buf *bytes, size_t step, struct heard *heard)
{
    struct ws_in in = {.message_max = 1000};
    enum ws_code code = WS_OK;
    for (size_t at = 0; at < bytes->len && !code; at += step) {
        size_t n = bytes->len - at < step ? bytes->len - at : step;
        code = ws_in_feed(&in, (struct str){bytes->data + at, n}, hear, heard);
    }
    if (!code)
        assert_null(in.frames); /* nothing is held between frames */
    ws_in_free(&in);
    return code;
}

static void test_frames_come_out_the_same_however_they_are_cut(void **state)
{
    (void)state;
    CLEANUP(buf_free) struct buf bytes = BUF_MAX(10000);
    char big[300];
    memset(big, 'x', sizeof(big));
    frame_add(&bytes, 0x81, STR("hello"));
    frame_add(&bytes, 0x01, STR("frag"));
    frame_add(&bytes, 0x89, STR("ping"));
    frame_add(&bytes, 0x80, STR("ment"));
    frame_add(&bytes, 0x82, (struct str){big, sizeof(big)});
    frame_add(&bytes, 0x81, STR(""));
    for (size_t step = 1; step < bytes.len; step += step < 20 ? 1 : 37) {
        struct heard heard = {.text = BUF_MAX(10000)};
        assert_int_equal(feed(&bytes, step, &heard), WS_OK);
        assert_int_equal(heard.messages, 5);
        assert_int_equal(heard.text.len, 5 + 4 + 8 + 300);
        assert_memory_equal(heard.text.data, "hellopingfragmentxxx", 20);
        buf_free(&heard.text);
    }
}

static enum ws_code feed_one(int first, struct str payload)
{
    CLEANUP(buf_free) struct buf bytes = BUF_MAX(100000);
    struct heard heard = {.text = BUF_MAX(100000)};
    frame_add(&bytes, first, payload);
    enum ws_code code = feed(&bytes, bytes.len, &heard);
    buf_free(&heard.text);
    return code;
}

static void test_frames_against_the_rfc_are_refused(void **state)
{
    (void)state;
    char big[2000];
    memset(big, 'x', sizeof(big));
    assert_int_equal(feed_one(0xc1, STR("a")), WS_PROTOCOL_ERROR); /* reserved bit */
    assert_int_equal(feed_one(0x83, STR("a")), WS_PROTOCOL_ERROR); /* reserved opcode */
    assert_int_equal(feed_one(0x80, STR("a")), WS_PROTOCOL_ERROR); /* continues nothing */
    assert_int_equal(feed_one(0x09, STR("a")), WS_PROTOCOL_ERROR); /* fragmented ping */
    assert_int_equal(feed_one(0x89, (struct str){big, 126}), WS_PROTOCOL_ERROR);
    assert_int_equal(feed_one(0x81, STR("\xff")), WS_BAD_TEXT);
    assert_int_equal(feed_one(0x81, STR("\xed\xa0\x80")), WS_BAD_TEXT); /* a surrogate */
    assert_int_equal(feed_one(0x82, (struct str){big, sizeof(big)}), WS_TOO_BIG);
    struct heard heard = {0};
    struct buf unmasked = BUF_MAX(10);
    buf_add(&unmasked,
            "\x81\x01"
            "a",
            3);
    assert_int_equal(feed(&unmasked, 3, &heard), WS_PROTOCOL_ERROR);
    buf_free(&unmasked);
    buf_add(&unmasked,
            "\x81\xfe\x00\x01\x00\x00\x00\x00"
            "a",
            9); /* length not the shortest */
    assert_int_equal(feed(&unmasked, 9, &heard), WS_PROTOCOL_ERROR);
    buf_free(&unmasked);
    assert_int_equal(heard.messages, 0);
}

static void test_a_message_in_endless_fragments_is_refused(void **state)
{
    (void)state;
    CLEANUP(buf_free) struct buf bytes = BUF_MAX(1 << 20);
    frame_add(&bytes, 0x01, STR("a"));
    for (int i = 0; i < WS_FRAGMENTS_MAX; i++)
        frame_add(&bytes, 0x00, STR(""));
    struct heard heard = {0};
    assert_int_equal(feed(&bytes, bytes.len, &heard), WS_POLICY);
}

static void test_the_handshake_key_of_the_rfc_is_accepted(void **state)
{
    (void)state;
    char accept[32];
    ws_accept_key(STR("dGhlIHNhbXBsZSBub25jZQ=="), accept);
    assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="); /* RFC 6455 section 1.3 */
}

static void test_frame_heads_have_the_shortest_length(void **state)
{
    (void)state;
    uint8_t room[WS_HEAD_MAX], *end = room + sizeof(room);
    assert_int_equal(ws_head(WS_TEXT, 125, end), 2);
    assert_memory_equal(end - 2, "\x81\x7d", 2);
    assert_int_equal(ws_head(WS_BINARY, 126, end), 4);
    assert_memory_equal(end - 4, "\x82\x7e\x00\x7e", 4);
    assert_int_equal(ws_head(WS_TEXT, 65536, end), 10);
    assert_memory_equal(end - 10, "\x81\x7f\0\0\0\0\0\x01\0\0", 10);
}

/* ---- the stream ------------------------------------------------------------------------------ */

static void test_a_broadcast_written_is_read_back(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1 << 24);
    struct str rooms[] = {STR("c:1"), STR("qu\"ote")}, except[] = {STR("u:2")};
    struct sio_target to = {rooms, 2, except, 1, true, false};
    struct sio_xadd xadd;
    sio_stream_broadcast(arena, "relay", "/", &to, "alert:new", STR("[{\"id\":9}]"), &xadd);
    assert_string_equal(xadd.argv[0], "XADD");
    assert_string_equal(xadd.argv[7], "relay");
    assert_string_equal(xadd.argv[9], "/");
    struct str data = {xadd.argv[13], xadd.argvlen[13]};
    assert_text(data, "{\"packet\":{\"type\":2,\"data\":[\"alert:new\",{\"id\":9}]},\"opts\":{"
                      "\"rooms\":[\"c:1\",\"qu\\\"ote\"],\"except\":[\"u:2\"],"
                      "\"flags\":{\"volatile\":true}}}");
    struct stream_message m;
    assert_true(stream_read(arena, STREAM_BROADCAST, data, &m));
    assert_int_equal(m.to.room_count, 2);
    assert_text(m.to.rooms[1], "qu\"ote");
    assert_text(m.to.except[0], "u:2");
    assert_true(m.to.is_volatile);
    assert_text(m.name, "alert:new");
    assert_text(m.args, "[{\"id\":9}]");
    arena_free(&arena);
}

static void test_a_binary_broadcast_of_node_is_read(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1 << 24);
    struct stream_message m; /* captured from @socket.io/redis-streams-adapter 0.3.1 */
    assert_true(stream_read(arena, STREAM_BROADCAST,
                            STR("gqZwYWNrZXSCpHR5cGUCpGRhdGGSoWLEAgECpG9wdHODpXJvb21zkKZleGNlc"
                                "HSQpWZsYWdzgA=="),
                            &m));
    assert_text(m.json, "[\"b\",{\"_placeholder\":true,\"num\":0}]");
    assert_int_equal(m.binary.count, 1);
    assert_memory_equal(m.binary.items[0].p, "\x01\x02", 2);
    CLEANUP(buf_free) struct buf out = BUF_MAX(10000);
    CLEANUP(buf_free) struct buf json = BUF_MAX(10000);
    stream_write_broadcast(&json, &(struct sio_target){0}, m.json, NULL, 0);
    stream_write(&out, buf_str(&json), m.binary);
    assert_text(buf_str(&out), "gqZwYWNrZXSCpHR5cGUCpGRhdGGSoWLEAgECpG9wdHODpXJvb21zkKZleGNlc"
                               "HSQpWZsYWdzgA==");
    arena_free(&arena);
}

static void test_a_date_of_javascript_becomes_the_text_json_gives_it(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1 << 24);
    static const struct {
        struct str packed;
        const char *json;
    } cases[] = {
        /* notepack writes 12 bytes, @msgpack/msgpack 4 or 8 where they do */
        {{"\xc7\x0c\xff\x07\x54\xd4\xc0\x00\x00\x00\x00\x69\x21\x60\x00", 15},
         "\"2025-11-22T07:02:24.123Z\""},
        {{"\xd6\xff\x69\x21\x60\x00", 6}, "\"2025-11-22T07:02:24.000Z\""},
        {{"\xd7\xff\x1d\x53\x53\x00\x69\x21\x60\x00", 10}, "\"2025-11-22T07:02:24.123Z\""},
        {{"\xc7\x0c\xff\xff\xff\xff\xff\x00\x00\x00\x00\x69\x21\x60\x00", 15}, "null"},
        {{"\xd4\x00\x00", 3}, "null"}, /* undefined */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str json;
        struct sio_attachments binary;
        assert_true(msgpack_to_json(arena, cases[i].packed, &json, &binary));
        assert_text(json, cases[i].json);
    }
    arena_free(&arena);
}

static void test_questions_and_answers_of_servers_are_read(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1 << 24);
    struct stream_message m;
    assert_true(stream_read(arena, STREAM_FETCH,
                            STR("{\"opts\":{\"rooms\":[\"r\"],\"except\":[],\"flags\":{}},"
                                "\"requestId\":\"0123456789abcdef\"}"),
                            &m));
    assert_text(m.request, "0123456789abcdef");
    assert_text(m.to.rooms[0], "r");
    assert_true(
        stream_read(arena, STREAM_BROADCAST,
                    STR("{\"packet\":{\"type\":2,\"data\":[\"q\",1]},\"requestId\":\"x\","
                        "\"opts\":{\"rooms\":[],\"except\":[],\"flags\":{\"timeout\":500}}}"),
                    &m));
    assert_int_equal(m.timeout_ms, 500);
    assert_true(stream_read(arena, STREAM_SERVER_EMIT, STR("{\"packet\":[\"hi\",1,2]}"), &m));
    assert_text(m.name, "hi");
    assert_text(m.args, "[1,2]");
    assert_null(m.request.p);
    assert_true(stream_read(arena, STREAM_CLIENT_COUNT,
                            STR("{\"requestId\":\"x\",\"clientCount\":7}"), &m));
    assert_int_equal(m.count, 7);
    assert_true(stream_read(arena, STREAM_CLIENT_ANSWER, STR("{\"requestId\":\"x\"}"), &m));
    assert_text(m.value, "null");
    static const struct {
        enum stream_type type;
        const char *data;
    } wrong[] = {
        {STREAM_FETCH, "{\"opts\":{}}"},
        {STREAM_FETCH, "{\"opts\":{},\"requestId\":\"\"}"},
        {STREAM_FETCH, "{\"opts\":{},\"requestId\":\"012345678901234567890123456789012\"}"},
        {STREAM_FETCH_ANSWER, "{\"requestId\":\"x\",\"sockets\":1}"},
        {STREAM_CLIENT_COUNT, "{\"requestId\":\"x\",\"clientCount\":-1}"},
        {STREAM_CLIENT_COUNT, "{\"clientCount\":1}"},
        {STREAM_SERVER_EMIT, "{\"packet\":[]}"},
        {STREAM_SERVER_EMIT, "{\"packet\":{}}"},
        {STREAM_HEARTBEAT, "{}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_false(stream_read(arena, wrong[i].type, str_of(wrong[i].data), &m));
    arena_free(&arena);
}

static void test_entries_that_are_none_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "{",
        "[]",
        "{}",
        "AAAA",
        "{\"packet\":{\"type\":2,\"data\":[\"a\"]}}",
        "{\"packet\":{\"type\":3,\"data\":[\"a\"]},\"opts\":{}}",
        "{\"packet\":{\"type\":2,\"data\":[]},\"opts\":{}}",
        "{\"packet\":{\"type\":2,\"data\":[\"a\"]},\"opts\":{\"rooms\":[1]}}",
        "{\"packet\":{\"type\":2,\"data\":[\"a\",{\"_placeholder\":true,\"num\":0}]},\"opts\":{}}",
    };
    struct arena *arena = arena_new(1 << 24);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct stream_message m;
        if (stream_read(arena, STREAM_BROADCAST, str_of(wrong[i]), &m))
            fail_msg("accepted: %s", wrong[i]);
    }
    arena_free(&arena);
}

static void test_redis_urls_are_read(void **state)
{
    (void)state;
    struct redis_address a;
    assert_true(redis_address_parse(STR("redis://127.0.0.1:6380/3"), &a));
    assert_string_equal(a.host, "127.0.0.1");
    assert_int_equal(a.port, 6380);
    assert_int_equal(a.db, 3);
    assert_true(redis_address_parse(STR("redis://me:pw@host"), &a));
    assert_string_equal(a.user, "me");
    assert_string_equal(a.password, "pw");
    assert_int_equal(a.port, 6379);
    assert_true(redis_address_parse(STR("redis://:pw@host:1"), &a));
    assert_string_equal(a.user, "");
    assert_string_equal(a.password, "pw");
    assert_false(redis_address_parse(STR("http://host"), &a));
    assert_false(redis_address_parse(STR("redis://host:x"), &a));
    assert_false(redis_address_parse(STR("redis://"), &a));
}

/* ---- memory ---------------------------------------------------------------------------------- */

struct thing {
    uint64_t serial;
    struct sio_map_node node;
    char name[16];
};

static void test_the_map_finds_what_is_in_it_and_nothing_else(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1 << 24);
    struct sio_pool pool = sio_pool_of(arena, sizeof(struct thing));
    struct sio_map map = {0};
    struct thing *things[500];
    for (int i = 0; i < 500; i++) {
        things[i] = sio_pool_take(&pool);
        snprintf(things[i]->name, sizeof(things[i]->name), "k%d", i);
        sio_map_put(&map, &things[i]->node, str_of(things[i]->name));
    }
    for (int i = 0; i < 500; i += 2)
        sio_map_del(&map, &things[i]->node);
    for (int i = 0; i < 500; i++) {
        struct sio_map_node *node = sio_map_get(&map, str_of(things[i]->name));
        assert_ptr_equal(node, i % 2 ? &things[i]->node : NULL);
    }
    uint64_t serial = things[0]->serial;
    sio_pool_give(&pool, things[0]);
    assert_int_equal(things[0]->serial, 0); /* readable and dead: what sio_get looks at */
    struct thing *again = sio_pool_take(&pool);
    assert_ptr_equal(again, things[0]);
    assert_int_not_equal(again->serial, serial);
    sio_map_free(&map);
    sio_pool_end(&pool);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_payload_is_split_at_its_separators),
        cmocka_unit_test(test_a_payload_with_something_else_is_bad),
        cmocka_unit_test(test_packets_of_the_protocol_text_are_read),
        cmocka_unit_test(test_packets_that_are_none_are_refused),
        cmocka_unit_test(test_long_namespaces_and_deep_json_are_refused),
        cmocka_unit_test(test_events_are_written_with_their_arguments),
        cmocka_unit_test(test_arguments_and_members_are_found),
        cmocka_unit_test(test_frames_come_out_the_same_however_they_are_cut),
        cmocka_unit_test(test_frames_against_the_rfc_are_refused),
        cmocka_unit_test(test_a_message_in_endless_fragments_is_refused),
        cmocka_unit_test(test_the_handshake_key_of_the_rfc_is_accepted),
        cmocka_unit_test(test_frame_heads_have_the_shortest_length),
        cmocka_unit_test(test_a_broadcast_written_is_read_back),
        cmocka_unit_test(test_a_binary_broadcast_of_node_is_read),
        cmocka_unit_test(test_a_date_of_javascript_becomes_the_text_json_gives_it),
        cmocka_unit_test(test_questions_and_answers_of_servers_are_read),
        cmocka_unit_test(test_entries_that_are_none_are_refused),
        cmocka_unit_test(test_redis_urls_are_read),
        cmocka_unit_test(test_the_map_finds_what_is_in_it_and_nothing_else),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    ws_stock_free();
    return failed;
}
