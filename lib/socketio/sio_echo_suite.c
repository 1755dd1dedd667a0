/* sio_echo --client-suite: the server the tests of socket.io-client talk to, as its support server
 * (packages/socket.io-client/test/support/server.ts) behaves. */
#include "socketio/sio_echo.h"

#include "base/cleanup.h"
#include "base/clock.h"

static void on_get_id(struct sio_socket *socket, const struct sio_event *event, void *user)
{
    (void)user;
    CLEANUP(buf_free) struct buf args = BUF_MAX(64);
    buf_addf(&args, "[\"%s\"]", sio_id(socket));
    sio_answer(event->ack, buf_str(&args));
}

static void on_hi(struct sio_socket *socket, const struct sio_event *event, void *user)
{
    (void)event, (void)user;
    struct str own = str_of(sio_id(socket)); /* as a broadcast: it gets an offset */
    struct sio_target to = {.rooms = &own, .room_count = 1};
    sio_broadcast(sio_namespace_of(socket), &to, "hi", STR("[]"));
}

static void on_echo(struct sio_socket *socket, const struct sio_event *event, void *user)
{
    (void)socket, (void)user;
    sio_answer_binary(event->ack, event->args, event->binary);
}

static void acked(struct sio_socket *socket, bool ok, struct str args,
                  struct sio_attachments binary, void *arg)
{
    (void)binary, (void)arg;
    struct str object, test;
    uint64_t five;
    if (ok && sio_arg_u64(args, 0, &five) && five == 5 && sio_arg(args, 1, &object) &&
        sio_member(object, "test", &test) && str_eq(test, STR("true")))
        sio_emit(socket, "got it", STR("[]"));
}

static void on_ack(struct sio_socket *socket, const struct sio_event *event, void *user)
{
    (void)event, (void)user;
    sio_ask(socket, "ack", STR("[]"), 10000, acked, NULL);
}

static void now_add(struct buf *args)
{
    char text[CLOCK_TEXT_MAX];
    clock_text(clock_wall_us(), text);
    buf_addf(args, "\"%s\"", text);
}

static void on_get_ack_date(struct sio_socket *socket, const struct sio_event *event, void *user)
{
    (void)socket, (void)user;
    CLEANUP(buf_free) struct buf args = BUF_MAX(64);
    buf_add_c(&args, '[');
    now_add(&args);
    buf_add_c(&args, ']');
    sio_answer(event->ack, buf_str(&args));
}

static void on_get_date(struct sio_socket *socket, const struct sio_event *event, void *user)
{
    (void)event, (void)user;
    CLEANUP(buf_free) struct buf args = BUF_MAX(64);
    buf_add_c(&args, '[');
    now_add(&args);
    buf_add_c(&args, ']');
    sio_emit(socket, "takeDate", buf_str(&args));
}

static void on_get_date_obj(struct sio_socket *socket, const struct sio_event *event, void *user)
{
    (void)event, (void)user;
    CLEANUP(buf_free) struct buf args = BUF_MAX(96);
    buf_add_z(&args, "[{\"date\":");
    now_add(&args);
    buf_add_z(&args, "}]");
    sio_emit(socket, "takeDateObj", buf_str(&args));
}

static void on_get_utf8(struct sio_socket *socket, const struct sio_event *event, void *user)
{
    (void)event, (void)user;
    static const char *const texts[] = {"[\"てすと\"]", "[\"Я Б Г Д Ж Й\"]", "[\"Ä ä Ü ü ß\"]",
                                        "[\"utf8 — string\"]", "[\"utf8 — string\"]"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        sio_emit(socket, "takeUtf8", str_of(texts[i]));
}

static void on_false(struct sio_socket *socket, const struct sio_event *event, void *user)
{
    (void)event, (void)user;
    sio_emit(socket, "false", STR("[false]"));
}

static void send_bytes(struct sio_socket *socket, const char *event)
{
    static const struct str blob = {"asdfasdf", 8};
    sio_emit_binary(socket, event, STR("[{\"_placeholder\":true,\"num\":0}]"),
                    (struct sio_attachments){&blob, 1});
}

static void on_doge(struct sio_socket *socket, const struct sio_event *event, void *user)
{
    (void)event, (void)user;
    send_bytes(socket, "doge");
}

static void on_getbin(struct sio_socket *socket, const struct sio_event *event, void *user)
{
    (void)event, (void)user;
    send_bytes(socket, "takebin");
}

/* Events that prove the arrival of bytes: with one attachment they are confirmed. */
static void on_bytes(struct sio_socket *socket, const struct sio_event *event, void *user)
{
    (void)user;
    static const struct {
        const char *event, *answer;
    } answers[] = {{"buffa", "buffack"}, {"jsonbuff", "jsonbuff-ack"}, {"abuff2", "abuff2-ack"},
                   {"blob", "back"},     {"jsonblob", "jsonblob-ack"}, {"blob3", "blob3-ack"}};
    for (size_t i = 0; i < ARRAY_LEN(answers); i++)
        if (str_eq(event->name, str_of(answers[i].event)) &&
            (event->binary.count == 1 || str_eq(event->name, STR("abuff2"))))
            sio_emit(socket, answers[i].answer, STR("[]"));
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A form-encoded name or value as a JSON string. */
static void decoded_add(struct buf *out, struct str text)
{
    CLEANUP(buf_free) struct buf plain = BUF_MAX(text.n + 1);
    for (size_t i = 0; i < text.n; i++) {
        int high = text.p[i] == '%' && i + 2 < text.n ? hex_value(text.p[i + 1]) : -1;
        int low = high >= 0 ? hex_value(text.p[i + 2]) : -1;
        buf_add_c(&plain, (char)(low >= 0 ? high * 16 + low : text.p[i] == '+' ? ' ' : text.p[i]));
        i += low >= 0 ? 2 : 0;
    }
    sio_quote(out, buf_str(&plain));
}

/* What Node calls socket.handshake, as far as the tests look at it. */
static void handshake_write(struct sio_socket *socket, struct str auth, struct buf *args)
{
    buf_add_z(args, "[{\"headers\":{},\"query\":{");
    struct str query = sio_query(socket);
    for (bool first = true; query.n; first = false) {
        struct str value = str_cut(&query, '&');
        struct str name = str_cut(&value, '=');
        if (!first)
            buf_add_c(args, ',');
        decoded_add(args, name);
        buf_add_c(args, ':');
        decoded_add(args, value);
    }
    buf_add_z(args, "},\"auth\":");
    buf_add_str(args, auth);
    buf_add_z(args, "}]");
}

static void on_get_handshake(struct sio_socket *socket, const struct sio_event *event, void *user)
{
    (void)user;
    CLEANUP(buf_free) struct buf args = BUF_MAX(16384);
    handshake_write(socket, STR("{}"), &args);
    sio_answer(event->ack, buf_str(&args));
}

static void tell_handshake(struct sio_socket *socket, struct str auth, void *user)
{
    (void)user;
    CLEANUP(buf_free) struct buf args = BUF_MAX(auth.n + 16384);
    handshake_write(socket, auth, &args);
    sio_accept(socket);
    sio_emit(socket, "handshake", buf_str(&args));
}

static void refuse_all(struct sio_socket *socket, struct str auth, void *user)
{
    (void)auth, (void)user;
    sio_refuse(socket, "Auth failed (custom namespace)", STR(""));
}

static void refuse_failing(struct sio_socket *socket, struct str auth, void *user)
{
    (void)auth, (void)user;
    struct str query = sio_query(socket);
    while (query.n) {
        struct str pair = str_cut(&query, '&');
        if (str_starts(pair, STR("fail="))) {
            sio_refuse(socket, "Auth failed (main namespace)", STR(""));
            return;
        }
    }
    sio_accept(socket);
}

struct problem *client_suite_contract(struct sio_server *server)
{
    static const struct sio_on main_events[] = {
        {"hi", on_hi},
        {"echo", on_echo},
        {"ack", on_ack},
        {"getAckDate", on_get_ack_date},
        {"getDate", on_get_date},
        {"getDateObj", on_get_date_obj},
        {"getUtf8", on_get_utf8},
        {"false", on_false},
        {"doge", on_doge},
        {"getbin", on_getbin},
        {"getHandshake", on_get_handshake},
        {"getId", on_get_id},
        {NULL, NULL},
    };
    static const struct sio_on foo_events[] = {{"getId", on_get_id}, {NULL, NULL}};
    static const struct sio_namespace_config namespaces[] = {
        {.name = "/", .connect = refuse_failing, .events = main_events, .other = on_bytes},
        {.name = "/foo", .events = foo_events},
        {.name = "/timeout_socket"},
        {.name = "/valid"},
        {.name = "/asd"},
        {.name = "/abc", .connect = tell_handshake},
        {.name = "/no", .connect = refuse_all},
    };
    for (size_t i = 0; i < ARRAY_LEN(namespaces); i++)
        TRY(sio_namespace_add(server, &namespaces[i], NULL));
    return NULL;
}
