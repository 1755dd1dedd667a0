/* Questions between servers: fetchSockets, serverSideEmit and broadcasts with answers, of others to
 * us and of ours to others. See adapter.h.
 *
 * The rule not to break: every question that reaches us is answered, with nothing if need be: who
 * asked counts the servers and waits for each. */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crypt.h"
#include "http/http.h"
#include "socketio/adapter.h"
#include "socketio/json_scan.h"

enum { ASK_DEFAULT_MS = 5000 };

/* A question of ours to all servers, and to their clients. */
struct sio_request {
    uint64_t serial;
    struct sio_list link;
    struct eio_deadline due;
    struct sio_namespace *nsp;
    sio_gathered *gathered;
    void *arg;
    struct buf list;                  /* the answers so far, without brackets */
    uint64_t servers, servers_wanted; /* that answered; UINT64_MAX: not known yet */
    uint64_t clients, clients_wanted; /* of a question to clients */
    enum stream_type type;
    char id[17];
};

/* What an answer of a client or of Redis is for: a question of another server (`to`), or one of
 * ours (`request`, which may have ended meanwhile). */
struct sio_poll {
    uint64_t serial;
    size_t refs;
    struct sio_server *server;
    struct sio_server_ack to;
    struct sio_request *request;
    uint64_t request_serial;
};

/* ---- where an answer goes -------------------------------------------------------------------- */

static struct sio_server_ack return_of(const struct sio_letter *letter)
{
    struct sio_server_ack to = {.nsp = letter->nsp, .by_stream = letter->by_stream};
    struct str uid = letter->uid, request = letter->message->request;
    if (request.n == 0 || request.n >= sizeof(to.request) || uid.n >= sizeof(to.peer))
        return (struct sio_server_ack){0};
    memcpy(to.peer, uid.p, uid.n);
    memcpy(to.request, request.p, request.n);
    return to;
}

/* `member` is `"key":value`. */
static void answer_send(const struct sio_server_ack *to, enum stream_type type, struct str member,
                        struct sio_attachments binary)
{
    if (!to->nsp || !to->nsp->server->adapter)
        return;
    CLEANUP(buf_free) struct buf json = BUF_MAX(SIO_DATA_MAX);
    buf_add_z(&json, "{\"requestId\":");
    sio_quote(&json, str_of(to->request));
    buf_addf(&json, "," STR_FMT "}", STR_ARG(member));
    to->nsp->server->adapter->stats.answered++;
    if (to->by_stream)
        sio_post(to->nsp, type, buf_str(&json), binary);
    else
        sio_channel_send(to->nsp, to->peer, type, buf_str(&json), binary);
}

static void value_send(const struct sio_server_ack *to, enum stream_type type, struct str value,
                       struct sio_attachments binary)
{
    CLEANUP(buf_free) struct buf member = BUF_MAX(SIO_DATA_MAX);
    buf_addf(&member, "\"packet\":" STR_FMT, STR_ARG(value));
    answer_send(to, type, buf_str(&member), binary);
}

bool sio_server_wants_answer(const struct sio_server_event *event)
{
    return event->ack.nsp != NULL;
}

void sio_server_answer(const struct sio_server_ack *ack, struct str value)
{
    if (ack->nsp)
        value_send(ack, STREAM_SERVER_EMIT_ANSWER, value, (struct sio_attachments){0});
}

/* ---- sockets as others see them -------------------------------------------------------------- */

/* Decodes %xx and '+' (application/x-www-form-urlencoded). */
static void decoded_quote(struct buf *out, struct str text)
{
    CLEANUP(buf_free) struct buf plain = BUF_MAX(text.n + 1);
    for (size_t i = 0; i < text.n; i++) {
        uint8_t byte;
        if (text.p[i] == '%' && i + 2 < text.n &&
            hex_read((struct str){text.p + i + 1, 2}, &byte, 1)) {
            buf_add_c(&plain, (char)byte);
            i += 2;
        } else {
            buf_add_c(&plain, text.p[i] == '+' ? ' ' : text.p[i]);
        }
    }
    sio_quote(out, buf_str(&plain));
}

/* What Node calls the handshake. Headers and auth are left empty: they hold secrets, and this goes
 * through Redis. */
static void handshake_add(struct buf *out, const struct eio_session *session)
{
    char time[CLOCK_TEXT_MAX];
    clock_text(session->opened_us, time);
    struct str query = buf_str(&session->query), name, value;
    buf_addf(out,
             "\"handshake\":{\"headers\":{},\"time\":\"%s\",\"address\":\"%s\",\"xdomain\":false,"
             "\"secure\":false,\"issued\":%lld,\"url\":",
             time, session->peer, (long long)(session->opened_us / 1000));
    CLEANUP(buf_free) struct buf url = BUF_MAX(query.n + 512);
    buf_addf(&url, "%s?" STR_FMT, session->eio->options.path, STR_ARG(query));
    sio_quote(out, buf_str(&url));
    buf_add_z(out, ",\"query\":{");
    for (bool first = true; http_pairs_next(&query, &name, &value); first = false) {
        if (!first)
            buf_add_c(out, ',');
        decoded_quote(out, name);
        buf_add_c(out, ':');
        decoded_quote(out, value);
    }
    buf_add_z(out, "},\"auth\":{}}");
}

static void socket_add(struct buf *out, const struct sio_socket *socket)
{
    const struct sio_namespace_config *config = &socket->nsp->config;
    CLEANUP(buf_free) struct buf data = BUF_MAX(65536);
    if (config->describe)
        config->describe(socket, &data, config->user);
    if (out->len && out->data[out->len - 1] == '}')
        buf_add_c(out, ',');
    buf_addf(out, "{\"id\":\"%s\",", socket->sid);
    handshake_add(out, socket->conn->session);
    buf_addf(out, ",\"rooms\":[\"%s\"", socket->sid);
    for (struct sio_list *n = socket->rooms.next; n != &socket->rooms; n = n->next) {
        buf_add_c(out, ',');
        sio_quote(out, buf_str(&SIO_OF(n, struct sio_member, in_socket)->room->name));
    }
    bool described = data.len > 0 && !data.overflowed;
    buf_addf(out, "],\"data\":" STR_FMT "}", STR_ARG(described ? buf_str(&data) : STR("{}")));
}

static void sockets_add(struct buf *out, struct sio_namespace *nsp, const struct sio_target *to)
{
    CLEANUP(buf_free) struct buf refs = BUF_MAX(nsp->count * sizeof(struct sio_ref) + 1);
    size_t count = sio_target_refs(nsp, to, &refs);
    for (size_t i = 0; i < count; i++) {
        struct sio_socket *socket = sio_ref_at(&refs, i);
        if (socket)
            socket_add(out, socket);
    }
}

void sio_cluster_memory(struct sio_server *server)
{
    server->requests = sio_pool_of(server->arena, sizeof(struct sio_request));
    server->polls = sio_pool_of(server->arena, sizeof(struct sio_poll));
    sio_list_init(&server->asking);
}

/* ---- others ask us --------------------------------------------------------------------------- */

static void fetch_in(const struct sio_letter *letter, const struct sio_server_ack *to)
{
    CLEANUP(buf_free) struct buf member = BUF_MAX(SIO_DATA_MAX);
    CLEANUP(buf_free) struct buf list = BUF_MAX(SIO_DATA_MAX - 64);
    sockets_add(&list, letter->nsp, &letter->message->to);
    buf_addf(&member, "\"sockets\":[" STR_FMT "]",
             STR_ARG(list.overflowed ? STR("") : buf_str(&list)));
    answer_send(to, STREAM_FETCH_ANSWER, buf_str(&member), (struct sio_attachments){0});
}

static void server_emit_in(const struct sio_letter *letter, const struct sio_server_ack *to)
{
    const struct sio_namespace_config *config = &letter->nsp->config;
    const struct stream_message *message = letter->message;
    struct sio_server_event event = {message->name, message->args, message->binary, *to};
    bool answered = config->server_event && config->server_event(letter->nsp, &event, config->user);
    if (!answered && to->nsp)
        sio_server_answer(to, STR("null"));
}

static void client_answered(struct sio_poll *poll, struct str value, struct sio_attachments binary);

static void poll_unref(struct sio_poll *poll)
{
    if (--poll->refs == 0)
        sio_pool_give(&poll->server->polls, poll);
}

static void poll_answered(struct sio_socket *socket, bool ok, struct str args,
                          struct sio_attachments binary, void *arg)
{
    (void)socket;
    struct str first;
    if (ok) /* who does not answer is waited for by the one who asked, as with Node */
        client_answered(arg, sio_arg(args, 0, &first) ? first : STR("null"), binary);
    poll_unref(arg);
}

static struct sio_poll *poll_new(struct sio_server *server)
{
    struct sio_poll *poll = sio_pool_take(&server->polls);
    poll->server = server;
    poll->refs = 1;
    return poll;
}

/* Asks the local sockets of `refs`; the poll goes with the last answer. */
static void poll_ask(struct sio_poll *poll, const struct buf *refs, size_t count, struct str json,
                     struct sio_attachments binary, unsigned timeout_ms)
{
    poll->refs += count;
    for (size_t i = 0; i < count; i++) {
        struct sio_socket *socket = sio_ref_at(refs, i);
        if (socket)
            sio_ask_json(socket, json, binary, timeout_ms, poll_answered, poll);
        else
            poll_unref(poll);
    }
    poll_unref(poll);
}

static void clients_asked(const struct sio_letter *letter, const struct sio_server_ack *to)
{
    const struct stream_message *message = letter->message;
    struct sio_namespace *nsp = letter->nsp;
    CLEANUP(buf_free) struct buf json = BUF_MAX(SIO_DATA_MAX);
    CLEANUP(buf_free) struct buf refs = BUF_MAX(nsp->count * sizeof(struct sio_ref) + 1);
    char text[40];
    size_t count = 0;
    if (sio_adapter_packet(nsp, message, STR_NONE, &json) == SIO_PACKET_SEND)
        count = sio_target_refs(nsp, &message->to, &refs);
    int n = snprintf(text, sizeof(text), "\"clientCount\":%zu", count);
    answer_send(to, STREAM_CLIENT_COUNT, (struct str){text, (size_t)n},
                (struct sio_attachments){0});
    struct sio_poll *poll = poll_new(nsp->server);
    poll->to = *to;
    poll_ask(poll, &refs, count, buf_str(&json), message->binary,
             message->timeout_ms ? message->timeout_ms : ASK_DEFAULT_MS);
}

/* ---- moving sockets -------------------------------------------------------------------------- */

void sio_change(struct sio_namespace *nsp, enum stream_type type,
                const struct stream_message *message)
{
    CLEANUP(buf_free) struct buf refs = BUF_MAX(nsp->count * sizeof(struct sio_ref) + 1);
    size_t count = sio_target_refs(nsp, &message->to, &refs);
    for (size_t i = 0; i < count; i++) {
        struct sio_socket *socket = sio_ref_at(&refs, i);
        for (size_t k = 0; socket && k < message->room_count; k++)
            (type == STREAM_JOIN ? sio_join : sio_leave)(socket, message->rooms[k]);
        if (socket && type == STREAM_DISCONNECT)
            sio_disconnect(socket, message->close);
    }
}

static void change_all(struct sio_namespace *nsp, enum stream_type type,
                       const struct stream_message *message)
{
    if (nsp->server->adapter && !message->to.local) {
        CLEANUP(buf_free) struct buf json = BUF_MAX(SIO_DATA_MAX);
        buf_add_c(&json, '{');
        stream_write_opts(&json, &message->to, 0);
        if (type == STREAM_DISCONNECT) {
            buf_addf(&json, ",\"close\":%s}", message->close ? "true" : "false");
        } else {
            buf_add_z(&json, ",\"rooms\":");
            stream_write_texts(&json, message->rooms, message->room_count);
            buf_add_c(&json, '}');
        }
        sio_post(nsp, type, buf_str(&json), (struct sio_attachments){0});
    }
    sio_change(nsp, type, message);
}

void sio_sockets_join(struct sio_namespace *nsp, const struct sio_target *who, struct str room)
{
    change_all(nsp, STREAM_JOIN,
               &(struct stream_message){.to = *who, .rooms = &room, .room_count = 1});
}

void sio_sockets_leave(struct sio_namespace *nsp, const struct sio_target *who, struct str room)
{
    change_all(nsp, STREAM_LEAVE,
               &(struct stream_message){.to = *who, .rooms = &room, .room_count = 1});
}

void sio_sockets_disconnect(struct sio_namespace *nsp, const struct sio_target *who, bool close)
{
    change_all(nsp, STREAM_DISCONNECT, &(struct stream_message){.to = *who, .close = close});
}

/* ---- we ask others --------------------------------------------------------------------------- */

static struct sio_request *request_new(struct sio_namespace *nsp, enum stream_type type,
                                       unsigned timeout_ms, sio_gathered *gathered, void *arg)
{
    struct sio_server *server = nsp->server;
    struct sio_request *request = sio_pool_take(&server->requests);
    uint8_t raw[8];
    random_bytes(raw, sizeof(raw));
    CLEANUP(buf_free) struct buf id = BUF_MAX(32);
    hex_add(&id, raw, sizeof(raw));
    memcpy(request->id, id.data, sizeof(request->id));
    request->nsp = nsp;
    request->type = type;
    request->gathered = gathered;
    request->arg = arg;
    request->list.max = SIO_DATA_MAX;
    request->servers_wanted = UINT64_MAX;
    sio_list_add(&server->asking, &request->link);
    eio_due_set(server->eio, DUE_REQUEST, &request->due,
                clock_mono_us() + (int64_t)timeout_ms * 1000);
    return request;
}

static void request_end(struct sio_request *request, bool complete)
{
    CLEANUP(buf_free) struct buf list = request->list;
    CLEANUP(buf_free) struct buf array = BUF_MAX(list.len + 3);
    sio_gathered *gathered = request->gathered;
    struct sio_namespace *nsp = request->nsp;
    void *arg = request->arg;
    buf_addf(&array, "[" STR_FMT "]", STR_ARG(list.overflowed ? STR("") : buf_str(&list)));
    complete = complete && !list.overflowed;
    sio_list_del(&request->link);
    eio_due_clear(&request->due);
    sio_pool_give(&nsp->server->requests, request);
    gathered(nsp, complete, buf_str(&array), arg);
}

void sio_request_fire(struct eio *eio, struct eio_deadline *deadline)
{
    (void)eio;
    request_end(SIO_OF(deadline, struct sio_request, due), false);
}

void sio_requests_end(struct sio_server *server)
{
    while (!sio_list_empty(&server->asking))
        request_end(SIO_OF(server->asking.next, struct sio_request, link), false);
}

/* Ends the request when nothing is awaited any more. */
static void request_look(struct sio_request *request)
{
    if (request->servers == request->servers_wanted && request->clients == request->clients_wanted)
        request_end(request, true);
}

static void list_add(struct sio_request *request, struct str values)
{
    if (values.n == 0)
        return;
    if (request->list.len)
        buf_add_c(&request->list, ',');
    buf_add_str(&request->list, values);
}

static struct sio_request *request_find(const struct sio_server *server, struct str id)
{
    for (struct sio_list *n = server->asking.next; n != &server->asking; n = n->next) {
        struct sio_request *request = SIO_OF(n, struct sio_request, link);
        if (str_eq(str_of(request->id), id))
            return request;
    }
    return NULL; /* too late */
}

static void answer_in(struct sio_server *server, const struct sio_letter *letter)
{
    const struct stream_message *message = letter->message;
    struct sio_request *request = request_find(server, message->request);
    if (!request)
        return;
    struct str value = message->value;
    if (letter->type == STREAM_FETCH_ANSWER)
        value = str_trim((struct str){value.p + 1, value.n - 2});
    if (letter->type == STREAM_CLIENT_COUNT)
        request->clients_wanted += message->count;
    else
        list_add(request, value);
    if (letter->type == STREAM_CLIENT_ANSWER)
        request->clients++;
    else
        request->servers++;
    request_look(request);
}

static void client_answered(struct sio_poll *poll, struct str value, struct sio_attachments binary)
{
    struct sio_request *request = poll->request;
    if (!request) {
        value_send(&poll->to, STREAM_CLIENT_ANSWER, value, binary);
    } else if (request->serial == poll->request_serial) {
        list_add(request, value);
        request->clients++;
        request_look(request);
    }
}

/* How many servers there are, ourselves among them while we are subscribed. */
static void counted(redisAsyncContext *ctx, void *answer, void *data)
{
    (void)ctx;
    const redisReply *reply = answer;
    struct sio_poll *poll = data;
    struct sio_request *request = poll->request;
    bool good = reply && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
                reply->element[1]->type == REDIS_REPLY_INTEGER;
    if (good && request->serial == poll->request_serial) {
        uint64_t all = (uint64_t)reply->element[1]->integer;
        request->servers_wanted = all - (all > 0 && poll->server->adapter->subscribed);
        request_look(request);
    }
    poll_unref(poll);
}

/* Asks the other servers, and Redis how many they are; without an adapter there are none. */
static void others_ask(struct sio_request *request, struct str json, struct sio_attachments binary)
{
    struct sio_namespace *nsp = request->nsp;
    struct sio_adapter *adapter = nsp->server->adapter;
    if (!adapter) {
        request->servers_wanted = 0;
        request_look(request);
        return;
    }
    if (!sio_channel_send(nsp, NULL, request->type, json, binary))
        return; /* Redis is away: incomplete, when its time is over */
    struct sio_poll *poll = poll_new(nsp->server);
    poll->request = request;
    poll->request_serial = request->serial;
    redisAsyncCommand(adapter->writer.ctx, counted, poll, "PUBSUB NUMSUB %s#%b#",
                      adapter->options.channel, nsp->name.p, nsp->name.n);
}

void sio_sockets_fetch(struct sio_namespace *nsp, const struct sio_target *who, unsigned timeout_ms,
                       sio_gathered *gathered, void *arg)
{
    struct sio_request *request = request_new(nsp, STREAM_FETCH, timeout_ms, gathered, arg);
    CLEANUP(buf_free) struct buf json = BUF_MAX(SIO_DATA_MAX);
    sockets_add(&request->list, nsp, who);
    if (who->local) {
        request_end(request, true);
        return;
    }
    buf_addf(&json, "{\"requestId\":\"%s\",", request->id);
    stream_write_opts(&json, who, 0);
    buf_add_c(&json, '}');
    others_ask(request, buf_str(&json), (struct sio_attachments){0});
}

void sio_server_emit(struct sio_namespace *nsp, const char *event, struct str args,
                     unsigned timeout_ms, sio_gathered *gathered, void *arg)
{
    CLEANUP(buf_free) struct buf json = BUF_MAX(SIO_DATA_MAX);
    buf_add_z(&json, "{\"packet\":");
    sio_packet_event(&json, str_of(event), args);
    if (!gathered) {
        buf_add_c(&json, '}');
        if (nsp->server->adapter)
            sio_channel_send(nsp, NULL, STREAM_SERVER_EMIT, buf_str(&json),
                             (struct sio_attachments){0});
        return;
    }
    struct sio_request *request = request_new(nsp, STREAM_SERVER_EMIT, timeout_ms, gathered, arg);
    buf_addf(&json, ",\"requestId\":\"%s\"}", request->id);
    others_ask(request, buf_str(&json), (struct sio_attachments){0});
}

void sio_broadcast_ask(struct sio_namespace *nsp, const struct sio_target *to, const char *event,
                       struct str args, unsigned timeout_ms, sio_gathered *gathered, void *arg)
{
    CLEANUP(buf_free) struct buf packet = BUF_MAX(SIO_DATA_MAX);
    CLEANUP(buf_free) struct buf json = BUF_MAX(SIO_DATA_MAX);
    CLEANUP(buf_free) struct buf refs = BUF_MAX(nsp->count * sizeof(struct sio_ref) + 1);
    sio_packet_event(&packet, str_of(event), args);
    struct sio_request *request = request_new(nsp, STREAM_BROADCAST, timeout_ms, gathered, arg);
    request->clients_wanted = sio_target_refs(nsp, to, &refs);
    struct sio_poll *poll = poll_new(nsp->server);
    poll->request = request;
    poll->request_serial = request->serial;
    poll_ask(poll, &refs, request->clients_wanted, buf_str(&packet), (struct sio_attachments){0},
             timeout_ms);
    if (to->local) {
        request->servers_wanted = 0;
        request_look(request);
        return;
    }
    stream_write_broadcast(&json, to, buf_str(&packet), request->id, timeout_ms);
    others_ask(request, buf_str(&json), (struct sio_attachments){0});
}

void sio_letter_in(struct sio_server *server, const struct sio_letter *letter)
{
    struct sio_server_ack to = return_of(letter);
    switch (letter->type) {
    case STREAM_JOIN:
    case STREAM_LEAVE:
    case STREAM_DISCONNECT:
        sio_change(letter->nsp, letter->type, letter->message);
        break;
    case STREAM_BROADCAST:
        if (to.nsp)
            clients_asked(letter, &to);
        break;
    case STREAM_FETCH:
        if (to.nsp)
            fetch_in(letter, &to);
        break;
    case STREAM_SERVER_EMIT:
        server_emit_in(letter, &to);
        break;
    case STREAM_FETCH_ANSWER:
    case STREAM_SERVER_EMIT_ANSWER:
    case STREAM_CLIENT_COUNT:
    case STREAM_CLIENT_ANSWER:
        answer_in(server, letter);
        break;
    default:
        break;
    }
}
