/* A client in a namespace: the decision on it, its answers, its end. See server.h for the rule. */
#include "socketio/server.h"

#include "base/clock.h"
#include "base/cleanup.h"
#include "base/crypt.h"
#include "socketio/adapter.h"

void sio_sid_fill(char ret[21])
{
    uint8_t raw[15];
    random_bytes(raw, sizeof(raw));
    CLEANUP(buf_free) struct buf text = BUF_MAX(32);
    base64url_add(&text, (struct str){(char *)raw, sizeof(raw)});
    memcpy(ret, text.data, 21);
}

struct sio_socket *sio_socket_new(struct sio_conn *conn, struct sio_namespace *nsp)
{
    struct sio_socket *socket = sio_pool_take(&conn->server->sockets);
    socket->conn = conn;
    socket->nsp = nsp;
    sio_sid_fill(socket->sid);
    sio_list_init(&socket->rooms);
    sio_list_init(&socket->asks);
    sio_list_add(&conn->sockets, &socket->in_conn);
    return socket;
}

struct sio_ref sio_ref(struct sio_socket *socket)
{
    return (struct sio_ref){socket, socket->serial};
}

struct sio_socket *sio_get(struct sio_ref ref)
{
    if (!ref.socket || ref.serial == 0 || ref.socket->serial != ref.serial)
        return NULL;
    return ref.socket->state == SIO_STATE_GONE ? NULL : ref.socket;
}

void sio_accept(struct sio_socket *socket)
{
    if (socket->state == SIO_STATE_CONNECTING && !sio_restore_begin(socket))
        sio_accept_now(socket);
}

/* {"sid":...}, and the session's name where it can be restored. */
static void connect_send(struct sio_socket *socket)
{
    struct sio_server *server = socket->nsp->server;
    CLEANUP(buf_free) struct buf json = BUF_MAX(128);
    buf_addf(&json, "{\"sid\":\"%s\"", socket->sid);
    if (server->eio->options.recovery_ms) {
        if (!socket->pid[0])
            sio_sid_fill(socket->pid);
        buf_addf(&json, ",\"pid\":\"%s\"", socket->pid);
    }
    buf_add_c(&json, '}');
    sio_packet_send(socket->conn, SIO_CONNECT, socket->nsp->name, buf_str(&json));
}

void sio_accept_now(struct sio_socket *socket)
{
    struct sio_namespace *nsp = socket->nsp;
    socket->state = SIO_STATE_CONNECTED;
    sio_rooms_connected(socket);
    eio_due_clear(&socket->conn->connect);
    sio_map_put(&nsp->by_sid, &socket->by_sid, (struct str){socket->sid, 20});
    sio_list_add(&nsp->sockets, &socket->in_nsp);
    nsp->count++;
    nsp->server->sockets_now++;
    buf_free(&socket->wish);
    connect_send(socket);
    if (socket->pid[0])
        sio_session_begin(socket);
    if (nsp->config.connected)
        nsp->config.connected(socket, nsp->config.user);
}

static void ask_done(struct sio_ask *ask, bool ok, struct str args, struct sio_attachments binary)
{
    struct sio_socket *socket = ask->socket;
    sio_answered *answered = ask->answered;
    void *arg = ask->arg;
    sio_list_del(&ask->in_socket);
    eio_due_clear(&ask->due);
    sio_pool_give(&socket->nsp->server->asks, ask);
    answered(socket, ok, args, binary, arg);
}

/* Out of its namespace, rooms and connection; the memory goes before the loop sleeps. */
static void socket_bury(struct sio_socket *socket)
{
    struct sio_server *server = socket->nsp->server;
    sio_leave_all(socket);
    if (socket->state == SIO_STATE_CONNECTED) {
        sio_map_del(&socket->nsp->by_sid, &socket->by_sid);
        sio_list_del(&socket->in_nsp);
        socket->nsp->count--;
        server->sockets_now--;
    }
    socket->state = SIO_STATE_GONE;
    sio_list_del(&socket->in_conn);
    sio_list_add(&server->dead_sockets, &socket->dead);
}

void sio_socket_close(struct sio_socket *socket, enum sio_reason reason)
{
    if (socket->state == SIO_STATE_GONE)
        return;
    if (socket->state == SIO_STATE_CONNECTED && socket->pid[0])
        sio_session_end(socket, reason);
    socket_bury(socket);
    while (!sio_list_empty(&socket->asks))
        ask_done(SIO_OF(socket->asks.next, struct sio_ask, in_socket), false, STR("[]"),
                 (struct sio_attachments){0});
    if (socket->nsp->config.disconnect)
        socket->nsp->config.disconnect(socket, reason, socket->nsp->config.user);
}

void sio_refuse(struct sio_socket *socket, const char *message, struct str data)
{
    if (socket->state != SIO_STATE_CONNECTING)
        return;
    struct str text = str_of(message);
    CLEANUP(buf_free) struct buf json = BUF_MAX(text.n * 6 + data.n + 64);
    buf_add_z(&json, "{\"message\":");
    sio_quote(&json, text);
    if (data.n) {
        buf_add_z(&json, ",\"data\":");
        buf_add_str(&json, data);
    }
    buf_add_c(&json, '}');
    sio_packet_send(socket->conn, SIO_CONNECT_ERROR, socket->nsp->name, buf_str(&json));
    socket_bury(socket);
}

void sio_disconnect(struct sio_socket *socket, bool close)
{
    if (socket->state == SIO_STATE_GONE)
        return;
    struct sio_conn *conn = socket->conn;
    if (!close) {
        sio_packet_send(conn, SIO_DISCONNECT, socket->nsp->name, STR(""));
        sio_socket_close(socket, SIO_SERVER_LEFT);
        return;
    }
    for (struct sio_list *n = conn->sockets.next; n != &conn->sockets; n = n->next) {
        struct sio_socket *other = SIO_OF(n, struct sio_socket, in_conn);
        if (other->state == SIO_STATE_CONNECTED)
            sio_packet_send(conn, SIO_DISCONNECT, other->nsp->name, STR(""));
    }
    eio_end(conn->session, SIO_SERVER_LEFT);
}

/* ---- asking ---------------------------------------------------------------------------------- */

struct sio_ask *sio_ask_begin(struct sio_socket *socket, unsigned timeout_ms,
                              sio_answered *answered, void *arg)
{
    struct sio_server *server = socket->nsp->server;
    struct sio_ask *ask = sio_pool_take(&server->asks);
    ask->socket = socket;
    ask->id = socket->ask_id++;
    ask->answered = answered;
    ask->arg = arg;
    sio_list_add(&socket->asks, &ask->in_socket);
    eio_due_set(server->eio, DUE_ASK, &ask->due, clock_mono_us() + (int64_t)timeout_ms * 1000);
    return ask;
}

void sio_ask_fire(struct eio *eio, struct eio_deadline *deadline)
{
    (void)eio;
    ask_done(SIO_OF(deadline, struct sio_ask, due), false, STR("[]"), (struct sio_attachments){0});
}

void sio_answer_in(struct sio_socket *socket, uint64_t id, struct str args,
                   struct sio_attachments binary)
{
    for (struct sio_list *n = socket->asks.next; n != &socket->asks; n = n->next) {
        struct sio_ask *ask = SIO_OF(n, struct sio_ask, in_socket);
        if (ask->id == id) {
            ask_done(ask, true, args, binary);
            return;
        }
    } /* an answer nobody waits for, or too late: ignored, as Node does */
}

/* ---- what is known about it ------------------------------------------------------------------ */

const char *sio_id(const struct sio_socket *socket)
{
    return socket->sid;
}

struct sio_namespace *sio_namespace_of(const struct sio_socket *socket)
{
    return socket->nsp;
}

struct str sio_peer(const struct sio_socket *socket)
{
    return str_of(socket->conn->session->peer);
}

struct str sio_query(const struct sio_socket *socket)
{
    return buf_str(&socket->conn->session->query);
}

bool sio_is_connected(const struct sio_socket *socket)
{
    return socket->state == SIO_STATE_CONNECTED;
}

void sio_identity_set(struct sio_socket *socket, struct str identity)
{
    uint8_t digest[SHA256_LEN];
    buf_free(&socket->identity);
    socket->identity.max = SIO_IDENTITY_MAX;
    if (identity.n <= SIO_IDENTITY_MAX && str_utf8_valid(identity)) {
        buf_add_str(&socket->identity, identity);
        return;
    }
    sha256(identity, digest); /* cut short, or as text, two of them might look the same */
    hex_add(&socket->identity, digest, sizeof(digest));
}

bool sio_is_recovered(const struct sio_socket *socket)
{
    return socket->recovered;
}

void sio_data_set(struct sio_socket *socket, void *data)
{
    socket->data = data;
}

void *sio_data(const struct sio_socket *socket)
{
    return socket->data;
}
