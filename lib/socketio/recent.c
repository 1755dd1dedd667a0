/* The newest entries of a stream, in memory and read at most once: thousands who come back at once
 * look here for what they missed, and Redis is asked only about those who were away for longer.
 *
 * The rule not to break: what is kept follows each other in the stream without a gap, up to the
 * reader's last entry. Where a gap may be, everything is forgotten. */
#include "socketio/adapter.h"

enum { RECENT_MAX = 512 };
#define RECENT_BYTES_MAX ((size_t)4 << 20)
#define ENTRY_ARENA_MAX  ((size_t)256 << 20)

static struct sio_recent *slot_of(const struct sio_stream *stream, size_t i)
{
    return &stream->recent[(stream->recent_first + i) % RECENT_MAX];
}

static void oldest_drop(struct sio_stream *stream)
{
    struct sio_recent *oldest = slot_of(stream, 0);
    stream->recent_bytes -= oldest->data.n;
    arena_free(&oldest->arena);
    *oldest = (struct sio_recent){0};
    stream->recent_first = (stream->recent_first + 1) % RECENT_MAX;
    stream->recent_count--;
}

void sio_recent_forget(struct sio_stream *stream)
{
    while (stream->recent_count > 0)
        oldest_drop(stream);
}

void sio_recent_add(struct sio_stream *stream, const struct stream_entry *entry)
{
    struct sio_server *server = stream->adapter->server;
    if (!server->eio->options.recovery_ms)
        return;
    if (!stream->recent)
        stream->recent = arena_array(server->arena, RECENT_MAX, sizeof(*stream->recent));
    bool is_event = str_eq(entry->type, STR("3"));
    size_t bytes = is_event ? entry->data.n : 0;
    while (stream->recent_count > 0 &&
           (stream->recent_count == RECENT_MAX || stream->recent_bytes + bytes > RECENT_BYTES_MAX))
        oldest_drop(stream);
    struct sio_recent *slot = slot_of(stream, stream->recent_count);
    if (bytes > RECENT_BYTES_MAX || !sio_entry_id_copy(slot->text, entry->id)) {
        sio_recent_forget(stream); /* the next one begins anew */
        return;
    }
    slot->id = sio_stream_id_of(entry->id);
    if (is_event) {
        slot->arena = arena_new(ENTRY_ARENA_MAX);
        slot->nsp = arena_str(slot->arena, entry->nsp);
        slot->data = arena_str(slot->arena, entry->data);
    }
    stream->recent_bytes += bytes;
    stream->recent_count++;
}

bool sio_recent_after(const struct sio_stream *stream, struct sio_stream_id id, size_t *ret_first)
{
    if (!stream->sound || stream->is_lost)
        return false;
    struct sio_stream_id last = sio_stream_id_of(str_of(stream->last));
    size_t low = 0, high = stream->recent_count; /* the first that is not before `id` */
    if (id.ms == last.ms && id.seq == last.seq) {
        *ret_first = stream->recent_count;
        return true;
    }
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (sio_stream_id_after(id, slot_of(stream, middle)->id))
            low = middle + 1;
        else
            high = middle;
    }
    if (low == stream->recent_count || sio_stream_id_after(slot_of(stream, low)->id, id))
        return false;
    *ret_first = low + 1;
    return true;
}

const struct sio_recent *sio_recent_at(struct sio_stream *stream, size_t i)
{
    struct sio_recent *slot = slot_of(stream, i);
    if (slot->arena && !slot->is_read) {
        slot->is_read = true;
        slot->is_event = stream_read(slot->arena, STREAM_BROADCAST, slot->data, &slot->message);
    }
    return slot;
}
