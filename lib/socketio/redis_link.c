/* hiredis on libuv, with back-off. See redis_link.h for the rule.
 *
 * hiredis frees a context that failed by itself, after `cleanup`; so the poll handle lives apart
 * from it and is given back when libuv has closed it. */
#include "socketio/redis_link.h"

#include "base/cleanup.h"
#include "base/log.h"

enum { WAIT_MIN_MS = 100, WAIT_MAX_MS = 5000, CONNECT_MAX_MS = 5000, GENTLE_MS = 2000 };

struct poll {
    uint64_t serial;
    struct redis_link *link;
    redisAsyncContext *ctx; /* NULL once hiredis let go */
    int events;
    uv_poll_t handle;
};

static bool part_copy(char *to, size_t size, struct str from)
{
    if (from.n >= size || memchr(from.p ? from.p : "", '\0', from.n))
        return false;
    if (from.n)
        memcpy(to, from.p, from.n);
    to[from.n] = '\0';
    return true;
}

bool redis_address_parse(struct str url, struct redis_address *ret)
{
    struct redis_address a = {.port = 6379};
    if (!str_starts(url, STR("redis://")))
        return false;
    url.p += 8, url.n -= 8;
    struct str path = url, host = str_cut(&path, '/');
    uint64_t number;
    if (path.n && (!str_u64(path, 1000, &number)))
        return false;
    a.db = path.n ? (unsigned)number : 0;
    if (memchr(host.p ? host.p : "", '@', host.n)) {
        struct str secret = host, user;
        secret = str_cut(&host, '@');
        user = str_cut(&secret, ':');
        if (!part_copy(a.user, sizeof(a.user), user) ||
            !part_copy(a.password, sizeof(a.password), secret))
            return false;
    }
    struct str port = host, name = str_cut(&port, ':');
    if (port.n && (!str_u64(port, 65535, &number) || number == 0))
        return false;
    if (port.n)
        a.port = (int)number;
    if (name.n == 0 || !part_copy(a.host, sizeof(a.host), name))
        return false;
    *ret = a;
    return true;
}

/* ---- hiredis' wishes to libuv ---------------------------------------------------------------- */

static void poll_ready(uv_poll_t *handle, int status, int events)
{
    struct poll *poll = handle->data;
    if (poll->ctx && (status < 0 || (events & UV_READABLE)))
        redisAsyncHandleRead(poll->ctx);
    if (poll->ctx && status >= 0 && (events & UV_WRITABLE))
        redisAsyncHandleWrite(poll->ctx);
}

static void poll_set(struct poll *poll, int events)
{
    poll->events = events;
    if (events)
        uv_poll_start(&poll->handle, events, poll_ready);
    else
        uv_poll_stop(&poll->handle);
}

static void add_read(void *data)
{
    poll_set(data, ((struct poll *)data)->events | UV_READABLE);
}

static void del_read(void *data)
{
    poll_set(data, ((struct poll *)data)->events & ~UV_READABLE);
}

static void add_write(void *data)
{
    poll_set(data, ((struct poll *)data)->events | UV_WRITABLE);
}

static void del_write(void *data)
{
    poll_set(data, ((struct poll *)data)->events & ~UV_WRITABLE);
}

static void poll_closed(uv_handle_t *handle)
{
    struct poll *poll = handle->data;
    struct redis_link *link = poll->link;
    sio_pool_give(&link->polls, poll);
    eio_handle_closed(link->eio);
}

static void retry_later(struct redis_link *link);

static void retry_closed(uv_handle_t *handle)
{
    struct redis_link *link = handle->data;
    eio_handle_closed(link->eio);
}

/* hiredis is done with this context: the end of every connection, however it came. */
static void cleanup(void *data)
{
    struct poll *poll = data;
    struct redis_link *link = poll->link;
    poll->ctx = NULL;
    uv_poll_stop(&poll->handle);
    uv_close((uv_handle_t *)&poll->handle, poll_closed);
    link->ctx = NULL;
    if (link->is_up) {
        link->is_up = false;
        link->down(link);
    }
    if (link->closing)
        uv_close((uv_handle_t *)&link->retry, retry_closed);
    else
        retry_later(link);
}

static bool attach(struct redis_link *link, redisAsyncContext *ctx)
{
    struct poll *poll = sio_pool_take(&link->polls);
    poll->link = link;
    poll->ctx = ctx;
    if (uv_poll_init(link->eio->loop, &poll->handle, ctx->c.fd) != 0) {
        sio_pool_give(&link->polls, poll);
        return false;
    }
    poll->handle.data = poll;
    link->eio->handles++;
    ctx->ev.data = poll;
    ctx->ev.addRead = add_read;
    ctx->ev.delRead = del_read;
    ctx->ev.addWrite = add_write;
    ctx->ev.delWrite = del_write;
    ctx->ev.cleanup = cleanup;
    return true;
}

/* ---- up and down ----------------------------------------------------------------------------- */

static void silence_over(uv_timer_t *timer)
{
    struct redis_link *link = timer->data;
    log_warn("socket.io: Redis is silent, connecting again");
    redis_link_lost(link);
}

void redis_link_heard(struct redis_link *link)
{
    if (link->is_up && link->silence_max_ms && !link->closing)
        uv_timer_start(&link->retry, silence_over, link->silence_max_ms, 0);
}

/* The answers to AUTH and SELECT. */
static void named(redisAsyncContext *ctx, void *answer, void *data)
{
    struct redis_link *link = data;
    const redisReply *reply = answer;
    if (!reply || link->ctx != ctx || reply->type != REDIS_REPLY_ERROR || link->refused)
        return;
    log_warn("socket.io: Redis refuses us: %.60s", reply->str);
    link->refused = true;
}

/* The answer to the last command of signing in. */
static void signed_in(redisAsyncContext *ctx, void *answer, void *data)
{
    struct redis_link *link = data;
    redisReply *reply = answer;
    if (!reply || link->ctx != ctx)
        return;
    named(ctx, answer, data);
    if (link->refused) {
        redisAsyncDisconnect(ctx);
        return;
    }
    uv_timer_stop(&link->retry);
    link->wait_ms = WAIT_MIN_MS;
    link->is_up = true;
    redis_link_heard(link);
    link->up(link);
}

static void connected(const redisAsyncContext *ctx, int status)
{
    struct poll *poll = ctx->ev.data;
    struct redis_link *link = poll->link;
    const struct redis_address *a = link->address;
    if (status != REDIS_OK || !link->ctx)
        return;
    if (a->user[0])
        redisAsyncCommand(link->ctx, named, link, "AUTH %s %s", a->user, a->password);
    else if (a->password[0])
        redisAsyncCommand(link->ctx, named, link, "AUTH %s", a->password);
    redisAsyncCommand(link->ctx, named, link, "SELECT %u", a->db);
    /* Refused while Redis reads its data back, when the commands above are not. */
    redisAsyncCommand(link->ctx, signed_in, link, "PING");
}

static void try_connect(uv_timer_t *timer)
{
    struct redis_link *link = timer->data;
    if (link->ctx) { /* neither up nor refused in time */
        redis_link_lost(link);
        return;
    }
    redisAsyncContext *ctx = redisAsyncConnect(link->address->host, link->address->port);
    if (!ctx || ctx->err || !attach(link, ctx)) {
        if (ctx)
            redisAsyncFree(ctx);
        retry_later(link);
        return;
    }
    link->ctx = ctx;
    link->refused = false;
    uv_timer_start(&link->retry, try_connect, CONNECT_MAX_MS, 0);
    redisAsyncSetConnectCallback(ctx, connected);
}

static void retry_later(struct redis_link *link)
{
    if (link->closing)
        return;
    uv_timer_start(&link->retry, try_connect, link->wait_ms, 0);
    link->wait_ms = link->wait_ms * 2 > WAIT_MAX_MS ? WAIT_MAX_MS : link->wait_ms * 2;
}

void redis_link_start(struct redis_link *link)
{
    link->polls = sio_pool_of(link->eio->arena, sizeof(struct poll));
    link->wait_ms = WAIT_MIN_MS;
    uv_timer_init(link->eio->loop, &link->retry);
    uv_unref((uv_handle_t *)&link->retry);
    link->retry.data = link;
    link->eio->handles++;
    uv_timer_start(&link->retry, try_connect, 0, 0);
}

void redis_link_lost(struct redis_link *link)
{
    if (link->ctx)
        redisAsyncFree(link->ctx);
}

static void gentle_over(uv_timer_t *timer)
{
    redis_link_lost(timer->data);
}

void redis_link_close(struct redis_link *link, bool gently)
{
    if (link->closing)
        return;
    link->closing = true;
    uv_timer_stop(&link->retry);
    if (!link->ctx) {
        uv_close((uv_handle_t *)&link->retry, retry_closed);
    } else if (gently && link->is_up) {
        redisAsyncDisconnect(link->ctx);
        if (link->ctx)
            uv_timer_start(&link->retry, gentle_over, GENTLE_MS, 0);
    } else {
        redis_link_lost(link);
    }
}

void redis_link_free(struct redis_link *link)
{
    sio_pool_end(&link->polls);
}
