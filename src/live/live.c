/* The live channel on lib/socketio: its life, who is sent away when, and what it counts.
 *
 * The rule not to break: everything here runs on the loop; what would wait is in entry.c, roll.c
 * and names.c, in the thread pool. */
#include "live/live_internal.h"

#include <stdlib.h>

#include "app/app.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

enum {
    SWEEP_MS = 1000,
    ROLL_EVERY = 2, /* sweeps */
    RECOVERY_MS = 120000,
    OPENS_PER_S = 500,  /* who comes back at once comes in within seconds, and the API goes on */
    CONNECT_MS = 20000, /* a connection that shows no token is closed */
    PAYLOAD_MAX = 64 * 1024, /* clients have little to say here */
    QUEUE_MAX = 512 * 1024,  /* more than a thousand events behind: it reads again over REST */
};

static void on_disconnect(struct sio_socket *socket, enum sio_reason reason, void *user)
{
    (void)reason;
    (void)user;
    live_session_end(sio_data(socket));
    sio_data_set(socket, NULL);
}

/* Events may have been lost between Redis and here: who is connected reads again over REST. */
static void on_missed(void *user)
{
    struct live *live = user;
    live->counts.resyncs++;
    sio_broadcast(live->root, &(struct sio_target){.local = true}, LIVE_RESYNC,
                  STR(LIVE_RESYNC_GAP));
}

/* ---- tokens that expire, users who may no longer stay -----------------------------------------*/

struct expiry {
    struct live *live;
    int64_t now_us;
};

static void close_if_expired(struct sio_socket *socket, void *arg)
{
    const struct expiry *expiry = arg;
    const struct session *session = sio_data(socket);
    if (!session || session->claims.expires_us >= expiry->now_us)
        return;
    expiry->live->counts.expired++;
    sio_disconnect(socket, true);
}

static void on_sweep(uv_timer_t *timer)
{
    struct live *live = timer->data;
    struct expiry expiry = {live, clock_wall_us()};
    sio_each(live->root, STR_NONE, close_if_expired, &expiry);
    if (++live->sweeps % ROLL_EVERY == 0 && !live->asking && sio_socket_count(live->root) > 0)
        live_roll_begin(live);
}

/* ---- what it counts ---------------------------------------------------------------------------*/

static void metric(struct buf *out, const char *name, const char *type, const char *help,
                   uint64_t value)
{
    buf_addf(out, "# HELP nexacore_live_%s %s\n# TYPE nexacore_live_%s %s\nnexacore_live_%s %llu\n",
             name, help, name, type, name, (unsigned long long)value);
}

static void metrics_of_closing(const struct sio_stats *s, struct buf *out)
{
    buf_add_z(out, "# HELP nexacore_live_closed_total Connections that ended, by reason.\n"
                   "# TYPE nexacore_live_closed_total counter\n");
    for (int reason = 0; reason < SIO_REASON__COUNT; reason++)
        buf_addf(out, "nexacore_live_closed_total{reason=\"%s\"} %llu\n",
                 sio_reason_name((enum sio_reason)reason), (unsigned long long)s->closed[reason]);
}

void live_metrics(const struct live *live, struct buf *out)
{
    if (!live->server)
        return; /* stopped */
    struct sio_stats s = sio_server_stats(live->server);
    struct sio_adapter_stats a = sio_adapter_stats(live->server);
    metric(out, "connections", "gauge", "Open Engine.IO connections.", s.connections);
    metric(out, "sockets", "gauge", "Signed-in sockets.", s.sockets);
    metric(out, "accepted_total", "counter", "Sockets let in.", live->counts.accepted);
    metric(out, "refused_total", "counter", "Sockets refused for their token or user.",
           live->counts.refused);
    metric(out, "busy_total", "counter", "Sockets refused because too many wait for a decision.",
           live->counts.busy);
    metric(out, "waiting", "gauge", "Sockets that wait for a decision.",
           live->line.count + live->strangers.count);
    metric(out, "expired_total", "counter", "Sockets closed because their token expired.",
           live->counts.expired);
    metric(out, "withdrawn_total", "counter",
           "Sockets closed because their user is no longer active in that role and clinic.",
           live->counts.withdrawn);
    metric(out, "roll_failed_total", "counter",
           "Times the database could not be asked who may stay connected.", live->counts.unasked);
    metric(out, "delayed_total", "counter", "Connections that waited their turn to be opened.",
           s.delayed);
    metric(out, "deliveries_total", "counter", "Events put in a client's queue.", s.deliveries);
    metric(out, "restored_total", "counter", "Sessions restored with what they missed.",
           a.restored);
    metric(out, "not_restored_total", "counter", "Sessions asked for in vain.", a.not_restored);
    metric(out, "restore_limited_total", "counter",
           "Of these, because a user asked for too much in a short time.", a.limited);
    metric(out, "resyncs_total", "counter",
           "Times all clients were told to read again because the stream was trimmed or emptied.",
           live->counts.resyncs);
    metric(out, "redis_up", "gauge", "Whether the stream is being read.", a.connected);
    metric(out, "redis_reconnects_total", "counter", "Times Redis came back.", a.reconnects);
    metrics_of_closing(&s, out);
}

/* ---- life -------------------------------------------------------------------------------------*/

struct problem *live_start(struct app *app, uv_loop_t *loop, struct http_server *server,
                           struct live **ret)
{
    struct live *live = mem_new(struct live);
    live->app = app;
    live->loop = loop;
    live->arena = arena_new(1 << 20);
    pthread_mutex_init(&live->db_lock, NULL);
    live->db = pg_conn_new(app->database_url, "nexacore-live");
    live_entry_init(live);
    *ret = live;
    struct sio_options options = {
        .origins = conf_list(app->conf, live->arena, "NEXACORE_CORS_ORIGINS"),
        .recovery_ms = RECOVERY_MS,
        .connect_timeout_ms = CONNECT_MS,
        .opens_per_s = OPENS_PER_S,
        .payload_max_bytes = PAYLOAD_MAX,
        .queue_max_bytes = QUEUE_MAX,
        .route_flags = ROUTE_PUBLIC, /* the token comes with CONNECT */
    };
    TRY(sio_server_new(loop, server, &options, &live->server));
    struct sio_namespace_config root = {
        .name = "/",
        .connect = live_on_connect,
        .disconnect = on_disconnect,
        .rewrite = live_on_rewrite,
        .binary_refused = true,
        .user = live,
    };
    TRY(sio_namespace_add(live->server, &root, &live->root));
    TRY(sio_adapter_redis(live->server, app->redis_url,
                          &(struct sio_adapter_options){.missed = on_missed, .user = live}));
    uv_timer_init(loop, &live->sweep);
    live->sweep.data = live;
    uv_timer_start(&live->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
    return NULL;
}

static void closed(void *arg)
{
    struct live *live = arg;
    sio_server_free(&live->server);
}

void live_stop(struct live *live)
{
    live->stopping = true;
    uv_close((uv_handle_t *)&live->sweep, NULL);
    sio_server_close(live->server, closed, live);
}

void live_free(struct live **live)
{
    if (!*live)
        return;
    pg_conn_free(&(*live)->db);
    pthread_mutex_destroy(&(*live)->db_lock);
    arena_free(&(*live)->arena);
    free(*live);
    *live = NULL;
}
