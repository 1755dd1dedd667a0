/* Entries on their way into the streams. See adapter.h.
 *
 * The rule not to break: an entry stays in the queue until Redis has confirmed it. When the
 * connection was lost in between, nobody knows whether it got in; so each of our entries carries a
 * number (field `n`, which Node ignores), and after a reconnect the stream itself is asked which of
 * them it holds before anything is sent again. */
#include "base/cleanup.h"
#include "base/log.h"
#include "socketio/adapter.h"

enum { SCAN_COUNT = 500, QUEUE_MAX = 20000 };
#define QUEUE_MAX_BYTES ((size_t)32 << 20)

struct sio_post {
    uint64_t serial;
    struct sio_post *next;
    struct sio_namespace *nsp;
    struct buf data;
    uint64_t n;
    enum stream_type type;
    bool doubtful; /* sent on a connection that was lost before it was confirmed */
};

static void post_free(struct sio_adapter *adapter, struct sio_post *post)
{
    adapter->queue.bytes -= post->data.len;
    adapter->queue.count--;
    buf_free(&post->data);
    sio_pool_give(&adapter->posts, post);
}

static void first_drop(struct sio_adapter *adapter)
{
    struct sio_post *post = adapter->queue.first;
    adapter->queue.first = post->next;
    if (!post->next)
        adapter->queue.last = NULL;
    post_free(adapter, post);
}

/* "WRONGTYPE ..." and the like will be said again; what else Redis refuses (LOADING, OOM, READONLY)
 * it may take later. */
static bool is_final(const redisReply *reply)
{
    static const char *const finals[] = {"ERR ", "WRONGTYPE ", "NOPERM "};
    for (size_t i = 0; i < ARRAY_LEN(finals); i++)
        if (strncmp(reply->str, finals[i], strlen(finals[i])) == 0)
            return true;
    return reply->type != REDIS_REPLY_ERROR;
}

/* Answers come in the order of the questions, so this one is about the first in the queue. */
static void posted(redisAsyncContext *ctx, void *answer, void *data)
{
    struct sio_adapter *adapter = data;
    const redisReply *reply = answer;
    struct sio_post *post = adapter->queue.first;
    if (!reply || adapter->writer.ctx != ctx || !post || adapter->queue.broken)
        return; /* lost: sio_posts_down marks what is in doubt */
    redis_link_heard(&adapter->writer);
    if (reply->type == REDIS_REPLY_STRING) {
        sio_entry_id_copy(post->nsp->stream->posted, (struct str){reply->str, (size_t)reply->len});
    } else {
        log_warn("socket.io: Redis does not take an entry: %.80s", reply->str ? reply->str : "?");
        if (reply->str && !is_final(reply)) {
            adapter->queue.broken = true; /* the answers still to come are no longer listened to */
            redisAsyncDisconnect(ctx);
            return;
        }
        adapter->stats.unsent++;
    }
    first_drop(adapter);
}

static void send_all(struct sio_adapter *adapter)
{
    for (; adapter->queue.unsent; adapter->queue.unsent = adapter->queue.unsent->next) {
        const struct sio_post *post = adapter->queue.unsent;
        const struct str nsp = post->nsp->name, data = buf_str(&post->data);
        redisAsyncCommand(adapter->writer.ctx, posted, adapter,
                          "XADD %s MAXLEN ~ %u * uid %s nsp %b type %d data %b n %llu",
                          post->nsp->stream->name, adapter->options.max_length, adapter->uid, nsp.p,
                          nsp.n, (int)post->type, data.p ? data.p : "", data.n,
                          (unsigned long long)post->n);
    }
}

bool sio_post(struct sio_namespace *nsp, enum stream_type type, struct str json,
              struct sio_attachments binary)
{
    struct sio_adapter *adapter = nsp->server->adapter;
    CLEANUP(buf_free) struct buf data = BUF_MAX(SIO_DATA_MAX);
    stream_write(&data, json, binary);
    if (data.overflowed || adapter->closed || adapter->queue.count >= QUEUE_MAX ||
        adapter->queue.bytes + data.len > QUEUE_MAX_BYTES) {
        adapter->stats.unsent++;
        return false;
    }
    struct sio_post *post = sio_pool_take(&adapter->posts);
    post->nsp = nsp;
    post->type = type;
    post->n = ++adapter->queue.n;
    post->data = data;
    data = (struct buf){0};
    adapter->queue.bytes += post->data.len;
    adapter->queue.count++;
    if (adapter->queue.last)
        adapter->queue.last->next = post;
    else
        adapter->queue.first = post;
    adapter->queue.last = post;
    if (!adapter->queue.unsent)
        adapter->queue.unsent = post;
    if (adapter->queue.open && !adapter->queue.broken)
        send_all(adapter);
    return true;
}

/* ---- after a lost connection ----------------------------------------------------------------- */

static void scan_next(struct sio_adapter *adapter);

/* Entry `n` of ours is in the stream, and with it all before it. */
static void found(struct sio_adapter *adapter, const struct sio_stream *stream, uint64_t n)
{
    struct sio_post **at = &adapter->queue.first, *before = NULL;
    while (*at) {
        struct sio_post *post = *at;
        if (!post->doubtful || post->nsp->stream != stream || post->n > n) {
            before = post;
            at = &post->next;
            continue;
        }
        *at = post->next;
        if (adapter->queue.last == post)
            adapter->queue.last = before;
        if (adapter->queue.unsent == post)
            adapter->queue.unsent = post->next;
        post_free(adapter, post);
    }
}

static struct sio_stream *doubtful_stream(const struct sio_adapter *adapter)
{
    for (struct sio_post *post = adapter->queue.first; post; post = post->next)
        if (post->doubtful)
            return post->nsp->stream;
    return NULL;
}

static void scanned(redisAsyncContext *ctx, void *answer, void *data)
{
    struct sio_adapter *adapter = data;
    const redisReply *reply = answer;
    struct sio_stream *stream = doubtful_stream(adapter);
    if (!reply || adapter->writer.ctx != ctx || !stream)
        return;
    if (reply->type != REDIS_REPLY_ARRAY) {
        redisAsyncDisconnect(ctx); /* again after the back-off */
        return;
    }
    for (size_t i = 0; i < reply->elements; i++) {
        struct stream_entry entry;
        uint64_t n;
        if (!stream_entry_of(reply->element[i], &entry))
            continue;
        sio_entry_id_copy(stream->posted, entry.id);
        if (str_eq(entry.uid, str_of(adapter->uid)) && str_u64(entry.n, UINT64_MAX, &n))
            found(adapter, stream, n);
    }
    if (reply->elements < SCAN_COUNT) /* the rest did not get in */
        for (struct sio_post *post = adapter->queue.first; post; post = post->next)
            post->doubtful = post->doubtful && post->nsp->stream != stream;
    scan_next(adapter);
}

static void scan_next(struct sio_adapter *adapter)
{
    const struct sio_stream *stream = doubtful_stream(adapter);
    if (!stream) {
        adapter->queue.unsent = adapter->queue.first;
        adapter->queue.open = true;
        send_all(adapter);
        return;
    }
    redisAsyncCommand(adapter->writer.ctx, scanned, adapter, "XRANGE %s %s%s + COUNT %d",
                      stream->name, stream->posted[0] ? "(" : "",
                      stream->posted[0] ? stream->posted : "-", (int)SCAN_COUNT);
}

void sio_posts_init(struct sio_adapter *adapter)
{
    adapter->posts = sio_pool_of(adapter->server->arena, sizeof(struct sio_post));
}

void sio_posts_up(struct sio_adapter *adapter)
{
    scan_next(adapter);
}

void sio_posts_down(struct sio_adapter *adapter)
{
    for (struct sio_post *post = adapter->queue.first; post; post = post->next) {
        if (post == adapter->queue.unsent)
            break;
        post->doubtful = adapter->queue.open || post->doubtful;
    }
    adapter->queue.unsent = adapter->queue.first;
    adapter->queue.open = adapter->queue.broken = false;
}

void sio_posts_free(struct sio_adapter *adapter)
{
    while (adapter->queue.first)
        first_drop(adapter);
    sio_pool_end(&adapter->posts);
}
