/* Objects in the store, encrypted under the clinic's key: the form is in blob_format.h. */
#include "phi/phi.h"

#include "app/app.h"
#include "base/cleanup.h"
#include "phi/blob_format.h"
#include "store/store.h"

struct blob_writer {
    struct store_put *put;
    struct blob_coder coder;
    size_t held; /* bytes in `plain`: a chunk waits until it is known whether it is the last */
    uint8_t plain[BLOB_CHUNK];
    uint8_t sealed[BLOB_CHUNK + GCM_TAG_LEN];
};

static struct str bytes_of(const uint8_t *p, size_t n)
{
    return (struct str){(const char *)p, n};
}

struct problem *blob_begin(const struct ctx *cx, const char *key, struct blob_writer **ret)
{
    int version;
    CLEANUP(key_wipe) struct key blob_key;
    TRY(keyring_subkey(cx, "blob", 0, &blob_key, &version));
    CLEANUP(blob_abort) struct blob_writer *w = arena_make(cx->arena, struct blob_writer);
    blob_coder_new(&w->coder, &blob_key, version, str_of(key));
    TRY(store_put_begin(cx->app->store, cx->arena, key, &w->put));
    TRY(store_put_add(w->put, bytes_of(w->coder.header, BLOB_HEADER_LEN)));
    *ret = TAKE(w);
    return NULL;
}

static struct problem *chunk_write(struct blob_writer *w, bool last)
{
    size_t n = w->held;
    blob_chunk_seal(&w->coder, bytes_of(w->plain, n), last, w->sealed);
    w->held = 0;
    return store_put_add(w->put, bytes_of(w->sealed, n + GCM_TAG_LEN));
}

struct problem *blob_add(struct blob_writer *w, struct str bytes)
{
    while (bytes.n > 0) {
        if (w->held == BLOB_CHUNK)
            TRY(chunk_write(w, false));
        size_t n = BLOB_CHUNK - w->held < bytes.n ? BLOB_CHUNK - w->held : bytes.n;
        memcpy(w->plain + w->held, bytes.p, n);
        w->held += n;
        bytes.p += n;
        bytes.n -= n;
    }
    return NULL;
}

void blob_abort(struct blob_writer **w)
{
    struct blob_writer *writer = TAKE(*w);
    if (!writer)
        return;
    store_put_abort(&writer->put);
    blob_coder_done(&writer->coder);
    wipe(writer->plain, sizeof(writer->plain));
}

struct problem *blob_commit(struct blob_writer **w)
{
    CLEANUP(blob_abort) struct blob_writer *writer = TAKE(*w);
    TRY(chunk_write(writer, true));
    return store_put_commit(&writer->put);
}

struct problem *blob_put(const struct ctx *cx, const char *key, struct str bytes)
{
    CLEANUP(blob_abort) struct blob_writer *w = NULL;
    TRY(blob_begin(cx, key, &w));
    TRY(blob_add(w, bytes));
    return blob_commit(&w);
}

static struct problem *damaged(const struct ctx *cx, const char *key)
{
    return problem_cause(problem_new(cx->arena, PROBLEM_INTERNAL, "a stored object cannot be read"),
                         "%.150s: damaged, or not the object of this name", key);
}

struct problem *blob_get(const struct ctx *cx, const char *key, size_t max, struct buf *out)
{
    CLEANUP(buf_free) struct buf sealed = BUF_SECRET(blob_sealed_max(max));
    CLEANUP(blob_coder_done) struct blob_coder coder = {.chunk = 0};
    CLEANUP(key_wipe) struct key blob_key;
    int version;
    size_t len;
    TRY(store_get(cx->app->store, cx->arena, key, sealed.max, &sealed));
    if (!blob_version(buf_str(&sealed), &version))
        return damaged(cx, key);
    TRY(keyring_subkey(cx, "blob", version, &blob_key, NULL));
    blob_coder_open(&coder, &blob_key, buf_str(&sealed), str_of(key));
    if (!blob_open_in_place(&coder, sealed.data, sealed.len, &len))
        return damaged(cx, key);
    if (len > max || !buf_room(out, len))
        return problem_new(cx->arena, PROBLEM_TOO_LARGE, "the stored object is too large");
    buf_add(out, sealed.data, len);
    return NULL;
}

struct problem *blob_delete(const struct ctx *cx, const char *key)
{
    return store_delete(cx->app->store, cx->arena, key);
}
