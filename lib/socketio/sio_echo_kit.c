/* sio_echo --kit: events for tests and measurements.
 *
 * A client whose auth.token is "bad" is refused with data {"code":401}; others join the room
 * "clinic:<auth.clinic or 1>": after 100 ms when auth.later is true, and when it is "told" at the
 * next decide(ack) of anybody; undecided(ack) -> how many wait. Events: echo(args..., ack), ev(x)
 * -> ev-back x, bcast {room,ev,data} to the room, bye (disconnects with close), askme -> q 1 with
 * an answer within 2 s -> q-ack with the answer, go [{n,size,gap}] -> n broadcasts tick {seq,t,pad}
 * of size bytes, gap ms apart, stats (ack) -> the server's counters, count(room, ack)
 * -> how many are in it, and how many sio_each visits, volatile {n,size} (ack) -> n volatile events
 * v {seq,pad} to the client, and how many were sent. "/doctor" is open and has echo. What goes
 * between servers is in sio_echo_many.c. */
#include "socketio/sio_echo.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "base/clock.h"

enum { LATER_MAX = 16 };

struct kit {
    uv_timer_t later_timer;
    struct sio_ref later[LATER_MAX]; /* whom the decision waits for: references, not pointers */
    unsigned later_count;
    struct sio_server *server;
    struct sio_namespace *main;
    uv_timer_t timer;
    uint64_t left, seq, size;
};

static struct kit kit;

static void decide_all(void)
{
    for (unsigned i = 0; i < kit.later_count; i++) {
        struct sio_socket *socket = sio_get(kit.later[i]);
        if (socket) /* it may have gone meanwhile */
            sio_accept(socket);
    }
    kit.later_count = 0;
}

static void on_later(uv_timer_t *timer)
{
    (void)timer;
    decide_all();
}

static void on_decide(struct sio_socket *socket, const struct sio_event *event, void *user)
{
    (void)socket, (void)user;
    decide_all();
    sio_answer(event->ack, STR("[]"));
}

static void on_undecided(struct sio_socket *socket, const struct sio_event *event, void *user)
{
    char args[16];
    (void)socket, (void)user;
    snprintf(args, sizeof(args), "[%u]", kit.later_count);
    sio_answer(event->ack, str_of(args));
}

static bool decide_later(struct sio_socket *socket, struct str auth)
{
    struct str later;
    if (!sio_member(auth, "later", &later) || kit.later_count == LATER_MAX)
        return false;
    bool told = str_eq(later, STR("\"told\""));
    if (!told && !str_eq(later, STR("true")))
        return false;
    kit.later[kit.later_count++] = sio_ref(socket);
    if (!told)
        uv_timer_start(&kit.later_timer, on_later, 100, 0);
    return true;
}

/* auth.clinic as JavaScript's `clinic || 1` writes it: a text without its quotes, 1 for none. */
static void clinic_add(struct buf *out, struct str auth)
{
    static const char *const nothing[] = {"null", "false", "0", "\"\""};
    struct str clinic = STR("1");
    CLEANUP(buf_free) struct buf one = BUF_MAX(auth.n + 2);
    sio_member(auth, "clinic", &clinic);
    for (size_t i = 0; i < ARRAY_LEN(nothing); i++)
        if (str_eq(clinic, str_of(nothing[i])))
            clinic = STR("1");
    buf_addf(&one, "[" STR_FMT "]", STR_ARG(clinic));
    if (!sio_arg_text(buf_str(&one), 0, out))
        buf_add_str(out, clinic);
}

static void on_connect(struct sio_socket *socket, struct str auth, void *user)
{
    (void)user;
    struct str token;
    if (sio_member(auth, "token", &token) && str_eq(token, STR("\"bad\""))) {
        sio_refuse(socket, "not authorized", STR("{\"code\":401}"));
        return;
    }
    if (sio_member(auth, "token", &token))
        sio_identity_set(socket, token);
    CLEANUP(buf_free) struct buf room = BUF_MAX(auth.n + 16);
    buf_add_z(&room, "clinic:");
    clinic_add(&room, auth);
    sio_join(socket, buf_str(&room));
    if (!decide_later(socket, auth))
        sio_accept(socket);
}

static void on_echo(struct sio_socket *socket, const struct sio_event *event, void *user)
{
    (void)socket, (void)user;
    sio_answer_binary(event->ack, event->args, event->binary);
}

static void on_ev(struct sio_socket *socket, const struct sio_event *event, void *user)
{
    (void)user;
    sio_emit_binary(socket, "ev-back", event->args, event->binary);
}

static void on_bcast(struct sio_socket *socket, const struct sio_event *event, void *user)
{
    (void)user;
    struct str what, room, name, data = STR("null");
    if (!sio_arg(event->args, 0, &what) || !sio_member(what, "room", &room) ||
        !sio_member(what, "ev", &name))
        return;
    sio_member(what, "data", &data);
    CLEANUP(buf_free) struct buf room_text = BUF_MAX(SIO_ROOM_MAX);
    CLEANUP(buf_free) struct buf name_text = BUF_MAX(256);
    CLEANUP(buf_free) struct buf args = BUF_MAX(data.n + 2);
    CLEANUP(buf_free) struct buf one = BUF_MAX(room.n + name.n + 8);
    buf_addf(&one, "[" STR_FMT "," STR_FMT "]", STR_ARG(room), STR_ARG(name));
    if (!sio_arg_text(buf_str(&one), 0, &room_text) || !sio_arg_text(buf_str(&one), 1, &name_text))
        return;
    buf_addf(&args, "[" STR_FMT "]", STR_ARG(data));
    struct str rooms[] = {buf_str(&room_text)};
    struct sio_target to = {.rooms = rooms, .room_count = 1};
    sio_broadcast_binary(sio_namespace_of(socket), &to, name_text.data, buf_str(&args),
                         event->binary);
}

static void on_bye(struct sio_socket *socket, const struct sio_event *event, void *user)
{
    (void)event, (void)user;
    sio_disconnect(socket, true);
}

static void asked(struct sio_socket *socket, bool ok, struct str args,
                  struct sio_attachments binary, void *arg)
{
    (void)arg;
    if (ok)
        sio_emit_binary(socket, "q-ack", args, binary);
    else
        sio_emit(socket, "q-ack", STR("[{\"timeout\":true}]"));
}

static void on_askme(struct sio_socket *socket, const struct sio_event *event, void *user)
{
    (void)event, (void)user;
    sio_ask(socket, "q", STR("[1]"), 2000, asked, NULL);
}

static void tick(void)
{
    CLEANUP(buf_free) struct buf args = BUF_MAX(kit.size + 128);
    buf_addf(&args, "[{\"seq\":%llu,\"t\":%lld,\"pad\":\"", (unsigned long long)++kit.seq,
             (long long)clock_mono_us());
    char *pad = buf_room(&args, kit.size);
    memset(pad, 'x', kit.size);
    args.len += kit.size;
    buf_add_z(&args, "\"}]");
    sio_broadcast(kit.main, &(struct sio_target){0}, "tick", buf_str(&args));
}

static void on_timer(uv_timer_t *timer)
{
    if (kit.left > 0) {
        kit.left--;
        tick();
    }
    if (kit.left == 0)
        uv_timer_stop(timer);
}

static uint64_t member_u64(struct str object, const char *key, uint64_t otherwise, uint64_t max)
{
    struct str text;
    uint64_t value;
    return sio_member(object, key, &text) && str_u64(text, max, &value) ? value : otherwise;
}

static void on_go(struct sio_socket *socket, const struct sio_event *event, void *user)
{
    (void)socket, (void)user;
    struct str what;
    if (!sio_arg(event->args, 0, &what))
        return;
    uint64_t gap = member_u64(what, "gap", 0, 60000);
    kit.left = member_u64(what, "n", 1, 1000000);
    kit.size = member_u64(what, "size", 200, 65536);
    if (gap) {
        uv_timer_start(&kit.timer, on_timer, 0, gap);
        return;
    }
    for (; kit.left > 0; kit.left--)
        tick();
}

static void on_stats(struct sio_socket *socket, const struct sio_event *event, void *user)
{
    (void)socket, (void)user;
    struct sio_stats s = sio_server_stats(kit.server);
    struct sio_adapter_stats a = sio_adapter_stats(kit.server);
    CLEANUP(buf_free) struct buf args = BUF_MAX(4096);
    buf_addf(&args,
             "[{\"connections\":%llu,\"websockets\":%llu,\"sockets\":%llu,\"opened\":%llu,"
             "\"deliveries\":%llu,\"slow\":%llu,\"dropped\":%llu,\"adapter\":{\"connected\":%s,"
             "\"entries\":%llu,"
             "\"delivered\":%llu,\"ignored\":%llu,\"malformed\":%llu,\"reconnects\":%llu,"
             "\"restored\":%llu,\"notRestored\":%llu,\"limited\":%llu,\"classic\":%llu,"
             "\"answered\":%llu,"
             "\"missed\":%llu,\"unsent\":%llu}}]",
             (unsigned long long)s.connections, (unsigned long long)s.websockets,
             (unsigned long long)s.sockets, (unsigned long long)s.opened,
             (unsigned long long)s.deliveries, (unsigned long long)s.closed[SIO_SLOW_CONSUMER],
             (unsigned long long)s.volatile_dropped, a.connected ? "true" : "false",
             (unsigned long long)a.entries, (unsigned long long)a.delivered,
             (unsigned long long)a.ignored, (unsigned long long)a.malformed,
             (unsigned long long)a.reconnects, (unsigned long long)a.restored,
             (unsigned long long)a.not_restored, (unsigned long long)a.limited,
             (unsigned long long)a.classic, (unsigned long long)a.answered,
             (unsigned long long)a.missed, (unsigned long long)a.unsent);
    sio_answer(event->ack, buf_str(&args));
}

static void visited(struct sio_socket *socket, void *arg)
{
    (void)socket;
    ++*(unsigned *)arg;
}

static void on_count(struct sio_socket *socket, const struct sio_event *event, void *user)
{
    (void)user;
    CLEANUP(buf_free) struct buf room = BUF_MAX(SIO_ROOM_MAX);
    char args[64];
    unsigned visits = 0;
    if (!sio_arg_text(event->args, 0, &room))
        return;
    sio_each(sio_namespace_of(socket), buf_str(&room), visited, &visits);
    snprintf(args, sizeof(args), "[[%zu,%u]]",
             sio_room_count(sio_namespace_of(socket), buf_str(&room)), visits);
    sio_answer(event->ack, str_of(args));
}

struct sio_namespace *const *kit_main(void)
{
    return &kit.main;
}

struct problem *kit_contract(uv_loop_t *loop, struct sio_server *server)
{
    static const struct sio_on events[] = {
        {"echo", on_echo},
        {"ev", on_ev},
        {"bcast", on_bcast},
        {"bye", on_bye},
        {"askme", on_askme},
        {"go", on_go},
        {"stats", on_stats},
        {"volatile", kit_volatile},
        {"count", on_count},
        {"decide", on_decide},
        {"undecided", on_undecided},
        {"say", kit_say},
        {"join-all", kit_join_all},
        {"leave-all", kit_leave_all},
        {"bye-all", kit_bye_all},
        {"fetch", kit_fetch},
        {"ask-all", kit_ask_all},
        {"call", kit_call},
        {NULL, NULL},
    };
    static const struct sio_on doctor_events[] = {{"echo", on_echo}, {NULL, NULL}};
    kit.server = server;
    uv_timer_init(loop, &kit.timer);
    uv_timer_init(loop, &kit.later_timer);
    TRY(sio_namespace_add(server,
                          &(struct sio_namespace_config){.name = "/",
                                                         .connect = on_connect,
                                                         .events = events,
                                                         .server_event = kit_called,
                                                         .describe = kit_describe},
                          &kit.main));
    return sio_namespace_add(
        server, &(struct sio_namespace_config){.name = "/doctor", .events = doctor_events}, NULL);
}
