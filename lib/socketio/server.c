/* The server, its namespaces, and what a client's packets do. See server.h for the rule. */
#include "socketio/server.h"

#include "base/clock.h"
#include "base/cleanup.h"
#include "socketio/adapter.h"
#include "socketio/json_scan.h"

static const char *const reason_names[SIO_REASON__COUNT] = {
    [SIO_TRANSPORT_CLOSE] = "transport close",
    [SIO_TRANSPORT_ERROR] = "transport error",
    [SIO_PING_TIMEOUT] = "ping timeout",
    [SIO_PARSE_ERROR] = "parse error",
    [SIO_FORCED_CLOSE] = "forced close",
    [SIO_CLIENT_LEFT] = "client namespace disconnect",
    [SIO_SERVER_LEFT] = "server namespace disconnect",
    [SIO_SLOW_CONSUMER] = "slow consumer",
    [SIO_CONNECT_TIMEOUT] = "connect timeout",
    [SIO_SHUTDOWN] = "server shutting down",
};

const char *sio_reason_name(enum sio_reason reason)
{
    return reason_names[reason];
}

struct sio_namespace *sio_namespace_find(struct sio_server *server, struct str name)
{
    for (struct sio_list *n = server->namespaces.next; n != &server->namespaces; n = n->next) {
        struct sio_namespace *nsp = SIO_OF(n, struct sio_namespace, all);
        if (str_eq(nsp->name, name))
            return nsp;
    }
    return NULL;
}

/* ---- what a packet does ---------------------------------------------------------------------- */

static struct sio_socket *socket_in(const struct sio_conn *conn, const struct sio_namespace *nsp)
{
    for (struct sio_list *n = conn->sockets.next; n != &conn->sockets; n = n->next) {
        struct sio_socket *socket = SIO_OF(n, struct sio_socket, in_conn);
        if (socket->nsp == nsp)
            return socket;
    }
    return NULL;
}

static void connect_in(struct sio_conn *conn, const struct sio_packet *packet)
{
    struct sio_namespace *nsp = sio_namespace_find(conn->server, packet->nsp);
    if (!nsp) {
        sio_packet_send(conn, SIO_CONNECT_ERROR, packet->nsp,
                        STR("{\"message\":\"Invalid namespace\"}"));
        return;
    }
    if (socket_in(conn, nsp)) {
        eio_session_close(conn->session, SIO_FORCED_CLOSE, NULL);
        return;
    }
    struct sio_socket *socket = sio_socket_new(conn, nsp);
    struct str pid;
    if (conn->server->eio->options.recovery_ms && sio_member(packet->data, "pid", &pid)) {
        socket->wish.secret = true; /* the token is in it */
        socket->wish.max = 16384;   /* a longer one is no wish of ours */
        buf_add_str(&socket->wish, packet->data);
    }
    if (nsp->config.connect)
        nsp->config.connect(socket, packet->data.n ? packet->data : STR("{}"), nsp->config.user);
    else
        sio_accept(socket);
}

static sio_event_handler *handler_of(const struct sio_namespace *nsp, struct str name)
{
    for (const struct sio_on *on = nsp->config.events; on && on->name; on++)
        if (str_eq(name, str_of(on->name)))
            return on->handler;
    return nsp->config.other;
}

static void event_in(struct sio_socket *socket, const struct sio_packet *packet,
                     struct sio_attachments binary)
{
    CLEANUP(buf_free) struct buf name = BUF_MAX(packet->name.n + 1);
    CLEANUP(buf_free) struct buf args = BUF_MAX(packet->args.n + 1);
    if (packet->name.p[0] != '"') {
        buf_add_str(&name, packet->name);
    } else if (!sio_json_text(packet->name, &name)) {
        eio_session_close(socket->conn->session, SIO_PARSE_ERROR, NULL);
        return;
    }
    buf_add_c(&args, '[');
    buf_add_str(&args, packet->args);
    struct sio_event event = {.name = buf_str(&name), .args = buf_str(&args), .binary = binary};
    if (packet->has_id)
        event.ack = (struct sio_ack){socket, socket->serial, packet->id};
    sio_event_handler *handler = handler_of(socket->nsp, event.name);
    if (handler)
        handler(socket, &event, socket->nsp->config.user);
    else
        socket->nsp->server->events_ignored++;
}

/* A whole packet, with its attachments. */
static void packet_in(struct sio_conn *conn, const struct sio_packet *packet,
                      struct sio_attachments binary)
{
    if (packet->type == SIO_CONNECT) {
        connect_in(conn, packet);
        return;
    }
    struct sio_namespace *nsp = sio_namespace_find(conn->server, packet->nsp);
    struct sio_socket *socket = nsp ? socket_in(conn, nsp) : NULL;
    if (!socket || socket->state != SIO_STATE_CONNECTED) { /* undecided: nothing, as in Node */
        eio_session_close(conn->session, SIO_FORCED_CLOSE, NULL);
        return;
    }
    if (packet->type == SIO_DISCONNECT)
        sio_socket_close(socket, SIO_CLIENT_LEFT);
    else if (packet->type == SIO_EVENT || packet->type == SIO_BINARY_EVENT)
        event_in(socket, packet, binary);
    else
        sio_answer_in(socket, packet->id, packet->data, binary);
}

/* ---- binary packets -------------------------------------------------------------------------- */

static void partial_free(struct sio_conn *conn)
{
    struct sio_partial *partial = TAKE(conn->partial);
    if (!partial)
        return;
    buf_free(&partial->text);
    buf_free(&partial->blobs);
    sio_pool_give(&conn->server->partials, partial);
}

static void partial_begin(struct sio_conn *conn, const struct sio_packet *packet, struct str text)
{
    struct sio_partial *partial = sio_pool_take(&conn->server->partials);
    partial->wanted = packet->attachments;
    partial->text.max = text.n;
    partial->blobs.max = conn->server->eio->options.payload_max_bytes;
    buf_add_str(&partial->text, text);
    conn->partial = partial;
}

static void partial_done(struct sio_conn *conn)
{
    struct sio_partial *partial = conn->partial;
    struct str blobs[SIO_ATTACHMENTS_MAX];
    size_t from = 0;
    for (size_t i = 0; i < partial->count; i++) {
        blobs[i] = (struct str){partial->blobs.data + from, partial->ends[i] - from};
        from = partial->ends[i];
    }
    conn->partial = NULL;
    struct sio_packet packet;
    if (sio_packet_read(buf_str(&partial->text), &packet))
        packet_in(conn, &packet, (struct sio_attachments){blobs, partial->count});
    buf_free(&partial->text);
    buf_free(&partial->blobs);
    sio_pool_give(&conn->server->partials, partial);
}

static void on_binary(struct eio_session *session, struct str bytes, void *user)
{
    (void)user;
    struct sio_conn *conn = session->user;
    struct sio_partial *partial = conn->partial;
    if (!partial) {
        eio_session_close(session, SIO_PARSE_ERROR, NULL);
        return;
    }
    buf_add_str(&partial->blobs, bytes);
    if (partial->blobs.overflowed) {
        eio_session_close(session, SIO_PARSE_ERROR, NULL);
        return;
    }
    partial->ends[partial->count++] = partial->blobs.len;
    if (partial->count == partial->wanted)
        partial_done(conn);
}

static bool binary_is_refused(struct sio_server *server, const struct sio_packet *packet)
{
    if (packet->type != SIO_BINARY_EVENT && packet->type != SIO_BINARY_ACK)
        return false;
    struct sio_namespace *nsp = sio_namespace_find(server, packet->nsp);
    return !nsp || nsp->config.binary_refused;
}

static void on_text(struct eio_session *session, struct str text, void *user)
{
    struct sio_server *server = user;
    struct sio_conn *conn = session->user;
    struct sio_packet packet;
    if (conn->partial || !sio_packet_read(text, &packet) || binary_is_refused(server, &packet)) {
        eio_session_close(session, SIO_PARSE_ERROR, NULL);
        return;
    }
    if (packet.attachments)
        partial_begin(conn, &packet, text);
    else
        packet_in(conn, &packet, (struct sio_attachments){0});
}

/* ---- connections ----------------------------------------------------------------------------- */

static void on_open(struct eio_session *session, void *user)
{
    struct sio_server *server = user;
    struct sio_conn *conn = sio_pool_take(&server->conns);
    conn->server = server;
    conn->session = session;
    session->user = conn;
    sio_list_init(&conn->sockets);
    eio_due_set(server->eio, DUE_CONNECT, &conn->connect,
                clock_mono_us() + (int64_t)server->eio->options.connect_timeout_ms * 1000);
}

static void connect_fire(struct eio *eio, struct eio_deadline *deadline)
{
    (void)eio;
    struct sio_conn *conn = SIO_OF(deadline, struct sio_conn, connect);
    eio_session_close(conn->session, SIO_CONNECT_TIMEOUT, "1");
}

static void on_close(struct eio_session *session, enum sio_reason reason, void *user)
{
    struct sio_server *server = user;
    struct sio_conn *conn = session->user;
    while (!sio_list_empty(&conn->sockets))
        sio_socket_close(SIO_OF(conn->sockets.next, struct sio_socket, in_conn), reason);
    eio_due_clear(&conn->connect);
    partial_free(conn);
    sio_list_add(&server->dead_conns, &conn->dead);
}

/* Before the loop sleeps: what died this turn. */
static void sweep(void *user)
{
    struct sio_server *server = user;
    while (!sio_list_empty(&server->dead_sockets)) {
        struct sio_socket *socket = SIO_OF(server->dead_sockets.next, struct sio_socket, dead);
        sio_list_del(&socket->dead);
        buf_free(&socket->identity);
        buf_free(&socket->wish);
        sio_pool_give(&server->sockets, socket);
    }
    while (!sio_list_empty(&server->dead_conns)) {
        struct sio_conn *conn = SIO_OF(server->dead_conns.next, struct sio_conn, dead);
        sio_list_del(&conn->dead);
        sio_pool_give(&server->conns, conn);
    }
}

/* ---- the server ------------------------------------------------------------------------------ */

static void server_memory(struct sio_server *server)
{
    struct arena *arena = server->eio->arena;
    server->arena = arena;
    server->conns = sio_pool_of(arena, sizeof(struct sio_conn));
    server->sockets = sio_pool_of(arena, sizeof(struct sio_socket));
    server->rooms = sio_pool_of(arena, sizeof(struct sio_room));
    server->members = sio_pool_of(arena, sizeof(struct sio_member));
    server->asks = sio_pool_of(arena, sizeof(struct sio_ask));
    server->partials = sio_pool_of(arena, sizeof(struct sio_partial));
    sio_cluster_memory(server);
    sio_list_init(&server->namespaces);
    sio_list_init(&server->dead_conns);
    sio_list_init(&server->dead_sockets);
}

struct problem *sio_server_new(uv_loop_t *loop, struct http_server *http,
                               const struct sio_options *options, struct sio_server **ret)
{
    static const struct eio_hooks hooks = {
        .open = on_open, .text = on_text, .binary = on_binary, .close = on_close};
    struct eio *eio;
    TRY(eio_new(loop, http, options, &hooks, NULL, &eio));
    struct sio_server *server = arena_make(eio->arena, struct sio_server);
    server->eio = eio;
    server_memory(server);
    if (eio->options.recovery_ms) {
        sio_memory_init(server);
        sio_effort_init(server);
    }
    eio->user = server;
    eio->sweep = sweep;
    eio->due[DUE_CONNECT].fire = connect_fire;
    eio->due[DUE_ASK].fire = sio_ask_fire;
    eio->due[DUE_REQUEST].fire = sio_request_fire;
    eio->due[DUE_RESUBSCRIBE].fire = sio_resubscribe_fire;
    eio->due[DUE_SESSIONS].fire = sio_sessions_fire;
    eio->due[DUE_RESTORE].fire = sio_restore_fire;
    *ret = server;
    return NULL;
}

void sio_server_close(struct sio_server *server, void (*done)(void *arg), void *arg)
{
    sio_requests_end(server);
    eio_close(server->eio, done, arg); /* first: sockets save their sessions */
    sio_adapter_close(server);
}

void sio_server_free(struct sio_server **server_at)
{
    struct sio_server *server = *server_at;
    if (!server)
        return;
    *server_at = NULL;
    sio_adapter_free(server);
    sio_memory_free(server);
    for (struct sio_list *n = server->namespaces.next; n != &server->namespaces; n = n->next) {
        struct sio_namespace *nsp = SIO_OF(n, struct sio_namespace, all);
        sio_map_free(&nsp->by_sid);
        sio_map_free(&nsp->rooms);
    }
    struct sio_pool *pools[] = {&server->conns,    &server->sockets, &server->rooms,
                                &server->members,  &server->asks,    &server->partials,
                                &server->requests, &server->polls};
    for (size_t i = 0; i < ARRAY_LEN(pools); i++)
        sio_pool_end(pools[i]);
    struct eio *eio = server->eio; /* the server lives in its arena */
    eio_free(&eio);
}

struct sio_stats sio_server_stats(const struct sio_server *server)
{
    struct sio_stats stats = server->eio->stats;
    stats.sockets = server->sockets_now;
    stats.deliveries = server->deliveries;
    stats.events_ignored = server->events_ignored;
    stats.names_refused = server->names_refused;
    return stats;
}

struct problem *sio_namespace_add(struct sio_server *server,
                                  const struct sio_namespace_config *config,
                                  struct sio_namespace **ret)
{
    struct str name = str_of(config->name);
    if (server->adapter)
        return problem_new(NULL, PROBLEM_INTERNAL, "namespaces come before the adapter");
    if (name.n == 0 || name.n > SIO_NAMESPACE_MAX || name.p[0] != '/' ||
        memchr(name.p, ',', name.n) || sio_namespace_find(server, name))
        return problem_new(NULL, PROBLEM_INTERNAL, "bad or repeated namespace " STR_FMT,
                           STR_ARG(name));
    struct sio_namespace *nsp = arena_make(server->arena, struct sio_namespace);
    nsp->server = server;
    nsp->config = *config;
    nsp->name = name;
    sio_list_init(&nsp->sockets);
    sio_list_add(&server->namespaces, &nsp->all);
    if (ret)
        *ret = nsp;
    return NULL;
}
