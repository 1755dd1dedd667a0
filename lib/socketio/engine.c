/* Sessions: birth, packets, queue, heartbeats, end; and what runs before the loop sleeps. See
 * engine.h for the rule. */
#include "socketio/engine.h"

#include "base/clock.h"
#include "base/crypt.h"
#include "base/log.h"
#include "socketio/packet.h"

enum { DOOMED_A_TURN = 8 };

#define ARENA_MAX  ((size_t)1 << 36)
#define LINGER_US  (30 * 1000000L) /* a closing message waits this long for the next GET */
#define STALLED_US 1000000L        /* so late a deadline says more about us than about the client */
#define OVERDUE_US 50000L /* later than this the loop was busy: the client gets more time */

/* ---- shared bytes ---------------------------------------------------------------------------- */

struct eio_bytes *eio_bytes_new(struct eio *eio, bool binary, size_t max)
{
    struct eio_bytes *bytes = sio_pool_take(&eio->bytes);
    bytes->refs = 1;
    bytes->binary = binary;
    bytes->buf.max = max + WS_HEAD_MAX;
    char *room = buf_room(&bytes->buf, WS_HEAD_MAX);
    memset(room, 0, WS_HEAD_MAX);
    bytes->buf.len = WS_HEAD_MAX;
    return bytes;
}

void eio_bytes_end(struct eio_bytes *bytes)
{
    uint8_t *packet = (uint8_t *)bytes->buf.data + WS_HEAD_MAX;
    bytes->head =
        (uint8_t)ws_head(bytes->binary ? WS_BINARY : WS_TEXT, bytes->buf.len - WS_HEAD_MAX, packet);
}

void eio_bytes_unref(struct eio *eio, struct eio_bytes *bytes)
{
    if (!bytes || --bytes->refs > 0)
        return;
    buf_free(&bytes->buf);
    sio_pool_give(&eio->bytes, bytes);
}

static struct eio_bytes *bytes_of(struct eio *eio, const char *text)
{
    struct eio_bytes *bytes = eio_bytes_new(eio, false, strlen(text));
    buf_add_z(&bytes->buf, text);
    eio_bytes_end(bytes);
    return bytes;
}

void eio_queue_add(struct eio *eio, struct eio_queue *queue, struct eio_bytes *bytes)
{
    struct eio_queue_node *node = sio_pool_take(&eio->nodes);
    node->bytes = bytes;
    bytes->refs++;
    if (queue->last)
        queue->last->next = node;
    else
        queue->first = node;
    queue->last = node;
    queue->bytes += bytes->buf.len + sizeof(*node);
}

void eio_queue_drop(struct eio *eio, struct eio_queue *queue)
{
    struct eio_queue_node *node = queue->first;
    queue->first = node->next;
    if (!queue->first)
        queue->last = NULL;
    queue->bytes -= node->bytes->buf.len + sizeof(*node);
    eio_bytes_unref(eio, node->bytes);
    sio_pool_give(&eio->nodes, node);
}

void eio_queue_clear(struct eio *eio, struct eio_queue *queue)
{
    while (queue->first)
        eio_queue_drop(eio, queue);
}

/* ---- sending --------------------------------------------------------------------------------- */

bool eio_send(struct eio_session *session, struct eio_bytes *bytes, bool is_volatile)
{
    struct eio *eio = session->eio;
    if (session->state != EIO_STATE_OPEN || session->doomed)
        return false;
    struct eio_queue *queue = session->ws ? &session->ws->queue : &session->queue;
    size_t max = eio->options.queue_max_bytes;
    if (queue->bytes + bytes->buf.len > max && session->ws)
        eio_ws_flush(session->ws); /* a healthy client may only be waiting for its turn */
    bool is_over = queue->bytes + bytes->buf.len > max;
    bool is_busy = session->ws ? session->ws->writing : !session->poll;
    if (is_volatile && (is_busy || is_over)) {
        eio->stats.volatile_dropped++;
        return false;
    }
    if (is_over) {
        eio_doom(session, SIO_SLOW_CONSUMER);
        return false;
    }
    eio->stats.packets_out++;
    if (session->ws) {
        eio_ws_send(session->ws, bytes);
        return true;
    }
    eio_queue_add(eio, queue, bytes);
    if (session->poll && !sio_list_linked(&session->dirty))
        sio_list_add(&eio->dirty_polls, &session->dirty);
    return true;
}

void eio_doom(struct eio_session *session, enum sio_reason reason)
{
    if (session->state == EIO_STATE_CLOSED || session->doomed)
        return;
    session->doomed = true;
    session->doom = reason;
    sio_list_add(&session->eio->doomed, &session->dead);
}

static void send_copy(struct eio_session *session, struct str data, bool binary)
{
    struct eio_bytes *bytes = eio_bytes_new(session->eio, binary, data.n + 1);
    if (!binary)
        buf_add_c(&bytes->buf, EIO_MESSAGE);
    buf_add_str(&bytes->buf, data);
    eio_bytes_end(bytes);
    eio_send(session, bytes, false);
    eio_bytes_unref(session->eio, bytes);
}

void eio_send_text(struct eio_session *session, struct str text)
{
    send_copy(session, text, false);
}

void eio_send_binary(struct eio_session *session, struct str bytes)
{
    send_copy(session, bytes, true);
}

/* ---- sessions -------------------------------------------------------------------------------- */

static void ping_later(struct eio_session *session)
{
    struct eio *eio = session->eio;
    session->pinged = false;
    eio_due_set(eio, DUE_PING, &session->beat,
                clock_mono_us() + (int64_t)eio->options.ping_interval_ms * 1000);
}

struct eio_session *eio_session_new(struct eio *eio, const struct http_request *rq)
{
    struct eio_session *session = sio_pool_take(&eio->sessions);
    session->eio = eio;
    uint8_t raw[15];
    random_bytes(raw, sizeof(raw));
    struct buf sid = BUF_MAX(32);
    base64url_add(&sid, (struct str){(char *)raw, sizeof(raw)});
    memcpy(session->sid, sid.data, sizeof(session->sid));
    buf_free(&sid);
    size_t n = rq->peer.n < sizeof(session->peer) ? rq->peer.n : sizeof(session->peer) - 1;
    if (n)
        memcpy(session->peer, rq->peer.p, n);
    session->query.max = 1024;
    if (rq->query.n <= session->query.max)
        buf_add_str(&session->query, rq->query);
    sio_map_put(&eio->by_sid, &session->by_sid, (struct str){session->sid, 20});
    sio_list_add(&eio->all, &session->all);
    eio->stats.connections++;
    eio->stats.opened++;
    session->opened_us = clock_wall_us();
    ping_later(session);
    return session;
}

static bool was_stalled(const struct eio_deadline *deadline)
{
    return clock_mono_us() - deadline->at_us > STALLED_US;
}

struct eio_session *eio_session_find(struct eio *eio, struct str sid)
{
    struct sio_map_node *node = sio_map_get(&eio->by_sid, sid);
    if (!node)
        return NULL;
    struct eio_session *session = SIO_OF(node, struct eio_session, by_sid);
    if (session->pinged && clock_mono_us() >= session->beat.at_us && !was_stalled(&session->beat)) {
        eio_session_close(session, SIO_PING_TIMEOUT, "1"); /* due, though the timer sleeps yet */
        return NULL;
    }
    return session;
}

void eio_open_packet(struct eio_session *session, bool websocket, struct buf *out)
{
    const struct sio_options *options = &session->eio->options;
    buf_addf(out,
             "0{\"sid\":\"%s\",\"upgrades\":[%s],\"pingInterval\":%u,\"pingTimeout\":%u,"
             "\"maxPayload\":%zu}",
             session->sid, websocket ? "" : "\"websocket\"", options->ping_interval_ms,
             options->ping_timeout_ms, options->payload_max_bytes);
}

/* Out of all lists; memory goes before the loop sleeps. */
static void session_bury(struct eio_session *session)
{
    struct eio *eio = session->eio;
    session->state = EIO_STATE_CLOSED;
    sio_map_del(&eio->by_sid, &session->by_sid);
    sio_list_del(&session->all);
    sio_list_del(&session->dirty);
    eio_due_clear(&session->beat);
    sio_list_del(&session->dead);
    sio_list_add(&eio->dead, &session->dead);
    eio->stats.connections--;
}

static void session_told(struct eio_session *session, enum sio_reason reason)
{
    session->eio->stats.closed[reason]++;
    if (session->probe) {
        eio_ws_end(session->probe, WS_NORMAL);
        session->probe = NULL;
    }
    session->eio->hooks.close(session, reason, session->eio->user);
}

static enum ws_code code_of(enum sio_reason reason)
{
    switch (reason) {
    case SIO_PARSE_ERROR:
    case SIO_FORCED_CLOSE:
        return WS_POLICY;
    case SIO_SHUTDOWN:
        return WS_GOING_AWAY;
    default:
        return WS_NORMAL;
    }
}

void eio_session_close(struct eio_session *session, enum sio_reason reason, const char *last)
{
    if (session->state == EIO_STATE_CLOSED)
        return;
    bool told = session->state == EIO_STATE_LINGERING;
    session_bury(session);
    if (!told)
        session_told(session, reason);
    struct eio_ws *ws = session->ws;
    if (ws) {
        session->ws = NULL;
        session->eio->stats.websockets--;
        if (ws->lost || reason == SIO_SLOW_CONSUMER || reason == SIO_PING_TIMEOUT)
            eio_ws_kill(ws); /* it does not read: a farewell would wait for ever */
        else
            eio_ws_end(ws, code_of(reason));
    }
    if (session->poll)
        eio_poll_flush(session, last ? last : "1");
    eio_queue_clear(session->eio, &session->queue);
}

void eio_end(struct eio_session *session, enum sio_reason reason)
{
    if (session->state != EIO_STATE_OPEN)
        return;
    if (session->ws || !session->queue.first) {
        eio_session_close(session, reason, "1");
        return;
    }
    /* Polling: the last words first, the close with the next GET, or the client would look at the
     * close before it has looked at them. */
    session->state = EIO_STATE_LINGERING;
    if (session->poll)
        eio_poll_flush(session, NULL);
    eio_due_set(session->eio, DUE_LINGER, &session->beat, clock_mono_us() + LINGER_US);
    session->pinged = false;
    session_told(session, reason);
}

void eio_packet_in(struct eio_session *session, int type, struct str data)
{
    struct eio *eio = session->eio;
    if (session->doomed)
        return; /* nothing it says is heard any more */
    eio->stats.packets_in++;
    eio->stats.bytes_in += data.n;
    switch (type) {
    case EIO_MESSAGE:
        eio->hooks.text(session, data, eio->user);
        return;
    case EIO_BINARY:
        eio->hooks.binary(session, data, eio->user);
        return;
    case EIO_PONG: /* one that was not asked for counts for nothing */
        if (session->pinged && session->ws)
            session->ws->pings = 0;
        if (session->pinged)
            ping_later(session);
        return;
    case EIO_CLOSE:
        eio_session_close(session, SIO_TRANSPORT_CLOSE, "6");
        return;
    case EIO_NOOP:
        return;
    default: /* what only a server sends */
        eio_session_close(session, SIO_TRANSPORT_ERROR, NULL);
    }
}

/* ---- deadlines ------------------------------------------------------------------------------- */

void eio_due_set(struct eio *eio, enum eio_due kind, struct eio_deadline *deadline, int64_t at_us)
{
    sio_list_del(&deadline->link);
    deadline->at_us = at_us;
    struct sio_list *head = &eio->due[kind].list, *at = head;
    while (at->prev != head && SIO_OF(at->prev, struct eio_deadline, link)->at_us > at_us)
        at = at->prev;
    sio_list_add(at, &deadline->link);
}

static void ping_fire(struct eio *eio, struct eio_deadline *deadline)
{
    struct eio_session *session = SIO_OF(deadline, struct eio_session, beat);
    int64_t now = clock_mono_us(), from = deadline->at_us;
    if (now - from > OVERDUE_US)
        from = now;
    session->pinged = true;
    eio_due_set(eio, DUE_PONG, deadline, from + (int64_t)eio->options.ping_timeout_ms * 1000);
    eio_send(session, eio->ping, false);
}

static void pong_fire(struct eio *eio, struct eio_deadline *deadline)
{
    if (was_stalled(deadline)) { /* the pongs of all may wait in the kernel: read them first */
        eio_due_set(eio, DUE_PONG, deadline, clock_mono_us() + STALLED_US);
        return;
    }
    eio_session_close(SIO_OF(deadline, struct eio_session, beat), SIO_PING_TIMEOUT, "1");
}

static void linger_fire(struct eio *eio, struct eio_deadline *deadline)
{
    (void)eio;
    eio_session_close(SIO_OF(deadline, struct eio_session, beat), SIO_SERVER_LEFT, NULL);
}

/* Keeps the loop awake; before it sleeps again the next ones are closed. */
static void doomed_fire(struct eio *eio, struct eio_deadline *deadline)
{
    (void)eio;
    (void)deadline;
}

static void upgrade_fire(struct eio *eio, struct eio_deadline *deadline)
{
    (void)eio;
    struct eio_ws *ws = SIO_OF(deadline, struct eio_ws, due);
    if (ws->session)
        ws->session->probe = NULL;
    eio_ws_end(ws, WS_POLICY);
}

static void ws_linger_fire(struct eio *eio, struct eio_deadline *deadline)
{
    (void)eio;
    eio_ws_kill(SIO_OF(deadline, struct eio_ws, due));
}

static void timer_fired(uv_timer_t *timer)
{
    struct eio *eio = timer->data;
    eio->armed_us = 0;
    int64_t now = clock_mono_us();
    for (int kind = 0; kind < DUE__COUNT; kind++) {
        struct sio_list *head = &eio->due[kind].list;
        while (!sio_list_empty(head)) {
            struct eio_deadline *deadline = SIO_OF(head->next, struct eio_deadline, link);
            if (deadline->at_us > now)
                break;
            sio_list_del(&deadline->link);
            eio->due[kind].fire(eio, deadline);
        }
    }
}

/* Sets the one timer to the earliest deadline. */
static void timer_arm(struct eio *eio)
{
    int64_t first = INT64_MAX;
    for (int kind = 0; kind < DUE__COUNT; kind++) {
        struct sio_list *head = &eio->due[kind].list;
        if (sio_list_empty(head))
            continue;
        int64_t at_us = SIO_OF(head->next, struct eio_deadline, link)->at_us;
        first = at_us < first ? at_us : first;
    }
    if (first == INT64_MAX || first == eio->armed_us)
        return;
    int64_t wait_us = first - clock_mono_us();
    uv_update_time(eio->loop);
    uv_timer_start(&eio->timer, timer_fired, wait_us > 0 ? (uint64_t)(wait_us + 999) / 1000 : 0, 0);
    eio->armed_us = first;
}

/* ---- before the loop sleeps ------------------------------------------------------------------ */

static void sweep_dead(struct eio *eio)
{
    while (!sio_list_empty(&eio->dead)) {
        struct eio_session *session = SIO_OF(eio->dead.next, struct eio_session, dead);
        sio_list_del(&session->dead);
        buf_free(&session->query);
        sio_pool_give(&eio->sessions, session);
    }
}

static void flush_all(struct eio *eio)
{
    while (!sio_list_empty(&eio->dirty_polls)) {
        struct sio_list *node = eio->dirty_polls.next;
        sio_list_del(node);
        struct eio_session *session = SIO_OF(node, struct eio_session, dirty);
        if (session->poll)
            eio_poll_flush(session, NULL);
    }
    while (!sio_list_empty(&eio->dirty_sockets)) {
        struct sio_list *node = eio->dirty_sockets.next;
        sio_list_del(node);
        eio_ws_flush(SIO_OF(node, struct eio_ws, dirty));
    }
}

/* Some in each turn: each is work of the application, and the others on the loop have theirs. */
static void doomed_close(struct eio *eio)
{
    for (int i = 0; i < DOOMED_A_TURN && !sio_list_empty(&eio->doomed); i++) {
        struct eio_session *session = SIO_OF(eio->doomed.next, struct eio_session, dead);
        eio_session_close(session, session->doom, NULL);
        flush_all(eio); /* what the application said on hearing of it */
    }
    if (!sio_list_empty(&eio->doomed) && !eio->closing)
        eio_due_set(eio, DUE_DOOMED, &eio->doomed_due, clock_mono_us());
}

static void before_sleep(uv_prepare_t *prepare)
{
    struct eio *eio = prepare->data;
    flush_all(eio);
    doomed_close(eio);
    if (eio->sweep)
        eio->sweep(eio->user);
    sweep_dead(eio);
    if (!eio->closing)
        timer_arm(eio);
}

/* ---- birth and death of the engine ----------------------------------------------------------- */

static void options_fill(struct arena *arena, struct sio_options *o)
{
    o->path = o->path ? o->path : "/socket.io/";
    if (*o->path && o->path[strlen(o->path) - 1] != '/')
        o->path = arena_fmt(arena, "%s/", o->path); /* as Node does */
    o->ping_interval_ms = o->ping_interval_ms ? o->ping_interval_ms : 25000;
    o->ping_timeout_ms = o->ping_timeout_ms ? o->ping_timeout_ms : 20000;
    o->connect_timeout_ms = o->connect_timeout_ms ? o->connect_timeout_ms : 45000;
    o->upgrade_timeout_ms = o->upgrade_timeout_ms ? o->upgrade_timeout_ms : 10000;
    o->payload_max_bytes = o->payload_max_bytes ? o->payload_max_bytes : 1000000;
    o->queue_max_bytes = o->queue_max_bytes ? o->queue_max_bytes : 4U << 20;
    o->connections_max = o->connections_max ? o->connections_max : 20000;
}

static void engine_memory(struct eio *eio)
{
    eio->sessions = sio_pool_of(eio->arena, sizeof(struct eio_session));
    eio->sockets = sio_pool_of(eio->arena, sizeof(struct eio_ws));
    eio->nodes = sio_pool_of(eio->arena, sizeof(struct eio_queue_node));
    eio->bytes = sio_pool_of(eio->arena, sizeof(struct eio_bytes));
    eio->writes = sio_pool_of(eio->arena, sizeof(uv_write_t) + 32);
    eio->waiters = sio_pool_of(eio->arena, sizeof(struct eio_waiter));
    eio->read_room = arena_alloc(eio->arena, EIO_READ_ROOM);
    sio_list_init(&eio->all);
    sio_list_init(&eio->dirty_polls);
    sio_list_init(&eio->dirty_sockets);
    sio_list_init(&eio->doomed);
    sio_list_init(&eio->dead);
    sio_list_init(&eio->line);
    for (int kind = 0; kind < DUE__COUNT; kind++)
        sio_list_init(&eio->due[kind].list);
    eio->due[DUE_PING].fire = ping_fire;
    eio->due[DUE_PONG].fire = pong_fire;
    eio->due[DUE_UPGRADE].fire = upgrade_fire;
    eio->due[DUE_NOOP].fire = eio_noop_fire;
    eio->due[DUE_LINGER].fire = linger_fire;
    eio->due[DUE_OPEN].fire = eio_line_fire;
    eio->due[DUE_DOOMED].fire = doomed_fire;
    eio->due[DUE_WS_LINGER].fire = ws_linger_fire;
    eio->ping = bytes_of(eio, "2");
    eio->pong_probe = bytes_of(eio, "3probe");
    eio->noop = bytes_of(eio, "6");
}

struct problem *eio_new(uv_loop_t *loop, struct http_server *http,
                        const struct sio_options *options, const struct eio_hooks *hooks,
                        void *user, struct eio **ret)
{
    struct arena *arena = arena_new(ARENA_MAX);
    struct eio *eio = arena_make(arena, struct eio);
    eio->arena = arena;
    eio->loop = loop;
    eio->hooks = *hooks;
    eio->user = user;
    eio->options = *options;
    options_fill(eio->arena, &eio->options);
    engine_memory(eio);
    struct problem *p = eio_routes_add(eio, http);
    if (p) {
        eio_free(&eio);
        return p;
    }
    uv_timer_init(loop, &eio->timer);
    uv_prepare_init(loop, &eio->prepare);
    eio->timer.data = eio->prepare.data = eio;
    eio->handles = 2;
    uv_prepare_start(&eio->prepare, before_sleep);
    uv_unref((uv_handle_t *)&eio->timer); /* the listening socket keeps the loop running, not we */
    uv_unref((uv_handle_t *)&eio->prepare);
    *ret = eio;
    return NULL;
}

/* The last of our handles: nothing calls us any more. */
void eio_handle_closed(struct eio *eio)
{
    if (--eio->handles > 0)
        return;
    if (eio->sweep)
        eio->sweep(eio->user);
    sweep_dead(eio);
    if (eio->done)
        eio->done(eio->done_arg);
}

static void own_handle_closed(uv_handle_t *handle)
{
    eio_handle_closed(handle->data);
}

void eio_close(struct eio *eio, void (*done)(void *arg), void *arg)
{
    if (eio->closing)
        return;
    eio->closing = true;
    eio->done = done;
    eio->done_arg = arg;
    eio_line_close(eio);
    while (!sio_list_empty(&eio->all)) {
        struct eio_session *session = SIO_OF(eio->all.next, struct eio_session, all);
        struct eio_ws *ws = session->ws;
        eio_session_close(session, SIO_SHUTDOWN, "1");
        if (ws && ws->state != EIO_WS_DEAD) {
            eio_ws_flush(ws); /* one try: the close frame */
            eio_ws_kill(ws);
        }
    }
    for (int kind = DUE_UPGRADE; kind <= DUE_WS_LINGER; kind++)
        while (kind != DUE_LINGER && !sio_list_empty(&eio->due[kind].list))
            eio_ws_kill(SIO_OF(eio->due[kind].list.next, struct eio_ws, due.link));
    uv_close((uv_handle_t *)&eio->timer, own_handle_closed);
    uv_close((uv_handle_t *)&eio->prepare, own_handle_closed);
}

void eio_free(struct eio **eio_at)
{
    struct eio *eio = *eio_at;
    if (!eio)
        return;
    *eio_at = NULL;
    eio_bytes_unref(eio, eio->ping);
    eio_bytes_unref(eio, eio->pong_probe);
    eio_bytes_unref(eio, eio->noop);
    struct sio_pool *pools[] = {&eio->sessions, &eio->sockets, &eio->nodes,
                                &eio->bytes,    &eio->writes,  &eio->waiters};
    for (size_t i = 0; i < sizeof(pools) / sizeof(pools[0]); i++)
        sio_pool_end(pools[i]);
    sio_map_free(&eio->by_sid);
    ws_stock_free();
    struct arena *arena = eio->arena;
    arena_free(&arena);
}
