/* Keys, URLs and the path common to all kinds of store: see store.h. */
#include "store/store_impl.h"

#include <errno.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/crypt.h"

#define STORE_ARENA_MAX (64U * 1024U)

struct problem *store_failed(struct arena *arena, const char *what)
{
    int error = errno;
    struct problem *p =
        problem_new(arena, PROBLEM_UNAVAILABLE, "the object store is not available");
    p->retry_after_s = 5;
    return problem_cause(p, "%s: %s", what, strerror(error));
}

static bool segment_valid(struct str segment)
{
    if (segment.n == 0 || segment.p[0] == '.')
        return false;
    for (size_t i = 0; i < segment.n; i++) {
        char c = segment.p[i];
        bool good = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                    c == '_' || c == '.' || c == '-';
        if (!good)
            return false;
    }
    return true;
}

bool store_key_valid(struct str key)
{
    if (key.n == 0 || key.n > STORE_KEY_MAX || key.p[key.n - 1] == '/')
        return false;
    while (key.n > 0) {
        if (!segment_valid(str_cut(&key, '/')))
            return false;
    }
    return true;
}

static struct problem *key_check(struct arena *arena, const char *key)
{
    if (store_key_valid(str_of(key)))
        return NULL;
    return problem_new(arena, PROBLEM_BAD_REQUEST, "not a valid object key");
}

static struct problem *open_kind(struct arena *arena, struct str url, struct store *store)
{
    struct str file = STR("file://"), s3 = STR("s3://");
    if (str_starts(url, file))
        return file_store_open(arena, (struct str){url.p + file.n, url.n - file.n}, store);
    if (str_starts(url, s3))
        return s3_store_open(arena, (struct str){url.p + s3.n, url.n - s3.n}, store);
    return problem_new(arena, PROBLEM_BAD_REQUEST,
                       "the store URL must start with file:// or s3://");
}

struct problem *store_open(struct arena *arena, const char *url, struct store **ret)
{
    struct arena *own = arena_new(STORE_ARENA_MAX);
    CLEANUP(store_free) struct store *store = arena_make(own, struct store);
    store->arena = own;
    TRY(open_kind(arena, str_of(url), store));
    *ret = TAKE(store);
    return NULL;
}

void store_free(struct store **store)
{
    struct store *s = TAKE(*store);
    if (!s)
        return;
    if (s->ops)
        s->ops->free(s);
    struct arena *own = s->arena;
    arena_free(&own);
}

struct problem *store_put_begin(struct store *store, struct arena *arena, const char *key,
                                struct store_put **ret)
{
    TRY(key_check(arena, key));
    struct store_put *put = arena_make(arena, struct store_put);
    *put = (struct store_put){.store = store, .arena = arena, .fd = -1};
    put->key = arena_cstr(arena, str_of(key));
    TRY(store->ops->put_begin(put));
    *ret = put;
    return NULL;
}

struct problem *store_put_add(struct store_put *put, struct str bytes)
{
    if (put->sha256 && !EVP_DigestUpdate(put->sha256, bytes.p, bytes.n))
        return store_failed(put->arena, "SHA-256");
    while (bytes.n > 0) {
        ssize_t n = write(put->fd, bytes.p, bytes.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return store_failed(put->arena, "write");
        bytes.p += n;
        bytes.n -= (size_t)n;
        put->len += (uint64_t)n;
    }
    return NULL;
}

static void put_release(struct store_put *put)
{
    fd_close(&put->fd);
    EVP_MD_CTX_free(TAKE(put->sha256));
}

struct problem *store_put_commit(struct store_put **put)
{
    struct store_put *p = TAKE(*put);
    struct problem *problem = p->store->ops->put_commit(p);
    if (problem)
        p->store->ops->put_abort(p);
    put_release(p);
    return problem;
}

void store_put_abort(struct store_put **put)
{
    struct store_put *p = TAKE(*put);
    if (!p)
        return;
    p->store->ops->put_abort(p);
    put_release(p);
}

struct problem *store_get(struct store *store, struct arena *arena, const char *key, size_t max,
                          struct buf *out)
{
    TRY(key_check(arena, key));
    return store->ops->get(store, arena, key, max, out);
}

struct problem *store_delete(struct store *store, struct arena *arena, const char *key)
{
    TRY(key_check(arena, key));
    return store->ops->remove(store, arena, key);
}

struct problem *store_check(struct store *store, struct arena *arena)
{
    uint8_t id[8];
    CLEANUP(buf_free) struct buf key = BUF_MAX(64);
    CLEANUP(buf_free) struct buf back = BUF_MAX(64);
    random_bytes(id, sizeof(id));
    buf_add_z(&key, "check/");
    hex_add(&key, id, sizeof(id));

    CLEANUP(store_put_abort) struct store_put *put = NULL;
    TRY(store_put_begin(store, arena, key.data, &put));
    TRY(store_put_add(put, buf_str(&key)));
    TRY(store_put_commit(&put));
    TRY(store_get(store, arena, key.data, back.max, &back));
    TRY(store_delete(store, arena, key.data));
    if (!str_eq(buf_str(&key), buf_str(&back)))
        return problem_new(arena, PROBLEM_UNAVAILABLE,
                           "the object store gave back other bytes than were written");
    return NULL;
}
