/* sio_echo --kit: what goes between servers, and volatile events.
 *
 * say {room,ev,args} (ack) broadcasts to a room, and answers when the broadcast is on its way;
 * join-all, leave-all {room} and bye-all {room} move the sockets of the client's room or of `room`;
 * fetch (ack) gives the sockets of all servers, ask-all {ev,data,ms} (ack) what all clients answer,
 * call {ev,data,ms} (ack) what the other servers answer. Called by another server, it answers
 * "whoami" with {"server":"c"}, "silent" not at all (the library does), and tells all its clients
 * of any other call: called [name, args]. When the stream was trimmed too early: missed. */
#include "base/cleanup.h"
#include "socketio/sio_echo.h"

static bool text_member(struct str object, const char *key, struct buf *out)
{
    struct str value;
    CLEANUP(buf_free) struct buf one = BUF_MAX(object.n + 8);
    if (!sio_member(object, key, &value))
        return false;
    buf_addf(&one, "[" STR_FMT "]", STR_ARG(value));
    return sio_arg_text(buf_str(&one), 0, out);
}

void kit_say(struct sio_socket *socket, const struct sio_event *event, void *user)
{
    (void)user;
    struct str what, args;
    CLEANUP(buf_free) struct buf room = BUF_MAX(SIO_ROOM_MAX), name = BUF_MAX(256);
    if (!sio_arg(event->args, 0, &what) || !text_member(what, "room", &room) ||
        !text_member(what, "ev", &name) || !sio_member(what, "args", &args))
        return;
    struct str rooms[] = {buf_str(&room)};
    sio_broadcast(sio_namespace_of(socket), &(struct sio_target){.rooms = rooms, .room_count = 1},
                  name.data, args);
    sio_answer(event->ack, STR("[]"));
}

void kit_volatile(struct sio_socket *socket, const struct sio_event *event, void *user)
{
    (void)user;
    struct str what, number;
    uint64_t n = 0, size = 0, sent = 0;
    if (!sio_arg(event->args, 0, &what) || !sio_member(what, "n", &number) ||
        !str_u64(number, 100000, &n) || !sio_member(what, "size", &number) ||
        !str_u64(number, 1U << 20, &size))
        return;
    CLEANUP(buf_free) struct buf args = BUF_MAX(size + 64);
    for (uint64_t seq = 0; seq < n; seq++) {
        args.len = 0;
        buf_addf(&args, "[{\"seq\":%llu,\"pad\":\"%0*d\"}]", (unsigned long long)seq, (int)size, 0);
        sent += sio_emit_volatile(socket, "v", buf_str(&args));
    }
    args.len = 0;
    buf_addf(&args, "[%llu]", (unsigned long long)sent);
    sio_answer(event->ack, buf_str(&args));
}

static void move(struct sio_socket *socket, const struct sio_event *event,
                 void (*how)(struct sio_namespace *, const struct sio_target *, struct str))
{
    struct str what;
    CLEANUP(buf_free) struct buf room = BUF_MAX(SIO_ROOM_MAX), from = BUF_MAX(SIO_ROOM_MAX);
    if (!sio_arg(event->args, 0, &what) || !text_member(what, "room", &room))
        return;
    struct str rooms[1];
    struct sio_target who = {.rooms = rooms};
    if (text_member(what, "from", &from))
        rooms[who.room_count++] = buf_str(&from);
    how(sio_namespace_of(socket), &who, buf_str(&room));
    sio_answer(event->ack, STR("[]"));
}

void kit_join_all(struct sio_socket *socket, const struct sio_event *event, void *user)
{
    (void)user;
    move(socket, event, sio_sockets_join);
}

void kit_leave_all(struct sio_socket *socket, const struct sio_event *event, void *user)
{
    (void)user;
    move(socket, event, sio_sockets_leave);
}

void kit_bye_all(struct sio_socket *socket, const struct sio_event *event, void *user)
{
    (void)user;
    struct str what;
    CLEANUP(buf_free) struct buf room = BUF_MAX(SIO_ROOM_MAX);
    if (!sio_arg(event->args, 0, &what) || !text_member(what, "room", &room))
        return;
    struct str rooms[] = {buf_str(&room)};
    sio_sockets_disconnect(sio_namespace_of(socket),
                           &(struct sio_target){.rooms = rooms, .room_count = 1}, true);
}

/* The client that waits for what is gathered: one at a time is enough for tests. */
static struct sio_ack waiting;

static void gathered(struct sio_namespace *nsp, bool complete, struct str array, void *arg)
{
    (void)nsp, (void)arg;
    CLEANUP(buf_free) struct buf args = BUF_MAX(array.n + 32);
    buf_addf(&args, "[[%s," STR_FMT "]]", complete ? "true" : "false", STR_ARG(array));
    sio_answer(waiting, buf_str(&args));
}

void kit_fetch(struct sio_socket *socket, const struct sio_event *event, void *user)
{
    (void)user;
    waiting = event->ack;
    sio_sockets_fetch(sio_namespace_of(socket), &(struct sio_target){0}, 5000, gathered, NULL);
}

static void ask(struct sio_socket *socket, const struct sio_event *event, bool clients)
{
    struct str what, data = STR("null"), number;
    uint64_t ms = 2000;
    CLEANUP(buf_free) struct buf name = BUF_MAX(256), args = BUF_MAX(event->args.n + 2);
    if (!sio_arg(event->args, 0, &what) || !text_member(what, "ev", &name))
        return;
    sio_member(what, "data", &data);
    if (sio_member(what, "ms", &number))
        str_u64(number, 60000, &ms);
    buf_addf(&args, "[" STR_FMT "]", STR_ARG(data));
    waiting = event->ack;
    struct sio_namespace *nsp = sio_namespace_of(socket);
    if (clients)
        sio_broadcast_ask(nsp, &(struct sio_target){0}, name.data, buf_str(&args), (unsigned)ms,
                          gathered, NULL);
    else
        sio_server_emit(nsp, name.data, buf_str(&args), (unsigned)ms,
                        sio_wants_answer(event) ? gathered : NULL, NULL);
}

void kit_ask_all(struct sio_socket *socket, const struct sio_event *event, void *user)
{
    (void)user;
    ask(socket, event, true);
}

void kit_call(struct sio_socket *socket, const struct sio_event *event, void *user)
{
    (void)user;
    ask(socket, event, false);
}

bool kit_called(struct sio_namespace *nsp, const struct sio_server_event *event, void *user)
{
    (void)user;
    if (str_eq(event->name, STR("silent")))
        return false;
    if (str_eq(event->name, STR("whoami"))) {
        sio_server_answer(&event->ack, STR("{\"server\":\"c\"}"));
        return true;
    }
    CLEANUP(buf_free) struct buf args = BUF_MAX(event->args.n + 2048);
    buf_add_c(&args, '[');
    sio_quote(&args, event->name);
    buf_addf(&args, "," STR_FMT "]", STR_ARG(event->args));
    sio_broadcast_binary(nsp, &(struct sio_target){.local = true}, "called", buf_str(&args),
                         event->binary);
    return false;
}

void kit_describe(const struct sio_socket *socket, struct buf *json, void *user)
{
    (void)socket, (void)user;
    buf_add_z(json, "{\"kit\":true}");
}

void kit_missed(void *user)
{
    struct sio_namespace *const *nsp = user;
    if (*nsp)
        sio_broadcast(*nsp, &(struct sio_target){.local = true}, "missed", STR("[]"));
}
