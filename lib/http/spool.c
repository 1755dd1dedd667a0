/* Large bodies in an encrypted unnamed temporary file.
 *
 * While a body arrives the loop fills one chunk and a thread of libuv's pool seals and writes the
 * one before; so an upload holds two chunks of memory and the loop never waits for the disk. The
 * last chunk stays in memory: a small body never touches the disk.
 *
 * The rule not to break: the key is made here, lives only in this struct and is wiped with it; a
 * chunk's number is its iv and each chunk is written once, so no iv is used twice. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/crypt.h"
#include "base/log.h"
#include "http/internal.h"

enum { CHUNK = 65536, SEALED = CHUNK + GCM_TAG_LEN };

struct http_spool {
    struct http_server *server;
    struct key key;
    int fd;
    struct buf tail;    /* the chunk being filled; in the end the last one */
    struct buf leaving; /* the chunk a pool thread writes */
    uint64_t stored;    /* chunks on disk */
    bool busy, orphan, failed;
    bool work_failed; /* the pool thread's word, read by the loop when it is done */
    uv_work_t work;
    void (*on_written)(void *arg);
    void *arg;
    uint64_t at;       /* read position */
    struct buf opened; /* the chunk last read back */
    uint64_t opened_number;
};

struct http_spool *http_spool_new(struct http_server *server)
{
    struct http_spool *spool = http_object_new(sizeof(*spool));
    spool->server = server;
    spool->fd = -1;
    spool->tail = BUF_SECRET(CHUNK);
    random_bytes(spool->key.b, sizeof(spool->key.b));
    return spool;
}

static void spool_release(struct http_spool *spool)
{
    fd_close(&spool->fd);
    buf_free(&spool->tail);
    buf_free(&spool->leaving);
    buf_free(&spool->opened);
    http_object_free(spool, sizeof(*spool));
}

void http_spool_free(struct http_spool **at)
{
    struct http_spool *spool = TAKE(*at);
    if (!spool)
        return;
    spool->on_written = NULL;
    spool->orphan = true;
    if (!spool->busy)
        spool_release(spool);
}

void http_spool_listen(struct http_spool *spool, void (*on_written)(void *arg), void *arg)
{
    spool->on_written = on_written;
    spool->arg = arg;
}

bool http_spool_busy(const struct http_spool *spool)
{
    return spool->busy;
}

bool http_spool_failed(const struct http_spool *spool)
{
    return spool->failed;
}

/* ---- writing: on a pool thread --------------------------------------------------------------- */

/* A file without a name: nothing of it is left when the process dies. Where the file system has no
 * O_TMPFILE, a name exists for the moment between these two calls. */
static int unnamed_open(const char *dir)
{
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
        return fd;
    struct buf path = BUF_MAX(4096);
    buf_addf(&path, "%s/spool-XXXXXX", dir);
    if (!path.overflowed)
        fd = mkostemp(path.data, O_CLOEXEC);
    if (fd >= 0)
        unlink(path.data);
    buf_free(&path);
    return fd;
}

static void iv_of(uint64_t number, uint8_t ret[GCM_IV_LEN])
{
    memset(ret, 0, GCM_IV_LEN);
    for (int i = 0; i < 8; i++)
        ret[GCM_IV_LEN - 1 - i] = (uint8_t)(number >> (8 * i));
}

static bool write_at(int fd, const char *bytes, size_t n, uint64_t at)
{
    while (n > 0) {
        ssize_t done = pwrite(fd, bytes, n, (off_t)at);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        bytes += done;
        n -= (size_t)done;
        at += (uint64_t)done;
    }
    return true;
}

static void on_work(uv_work_t *work)
{
    struct http_spool *spool = work->data;
    if (spool->fd < 0)
        spool->fd = unnamed_open(spool->server->config.spool_dir);
    if (spool->fd < 0) {
        log_error("no temporary file in the spool directory: %s", strerror(errno));
        spool->work_failed = true;
        return;
    }
    uint8_t iv[GCM_IV_LEN];
    iv_of(spool->stored, iv);
    struct buf sealed = BUF_MAX(SEALED);
    uint8_t *room = (uint8_t *)buf_room(&sealed, SEALED);
    if (!room) {
        spool->work_failed = true;
        return;
    }
    gcm_seal(&spool->key, iv, STR_NONE, buf_str(&spool->leaving), room, room + CHUNK);
    if (!write_at(spool->fd, sealed.data, SEALED, spool->stored * SEALED)) {
        log_error("the spool cannot be written: %s", strerror(errno));
        spool->work_failed = true;
    }
    buf_free(&sealed);
}

static void on_work_done(uv_work_t *work, int status)
{
    struct http_spool *spool = work->data;
    struct http_server *server = spool->server;
    spool->busy = false;
    spool->failed = spool->failed || spool->work_failed || status != 0;
    spool->stored++;
    buf_free(&spool->leaving);
    void (*on_written)(void *arg) = spool->on_written;
    if (spool->orphan)
        spool_release(spool);
    else if (on_written)
        on_written(spool->arg);
    http_server_unref(server);
}

static void chunk_leave(struct http_spool *spool)
{
    spool->leaving = spool->tail;
    spool->tail = BUF_SECRET(CHUNK);
    spool->work.data = spool;
    spool->busy = true;
    http_server_ref(spool->server);
    uv_queue_work(spool->server->loop, &spool->work, on_work, on_work_done);
}

bool http_spool_add(struct http_spool *spool, struct str *in)
{
    while (in->n > 0) {
        if (spool->failed) {
            in->p += in->n;
            in->n = 0;
            return true;
        }
        if (spool->tail.len == CHUNK && spool->busy)
            return false;
        if (spool->tail.len == CHUNK)
            chunk_leave(spool);
        if (spool->tail.len == 0)
            buf_room(&spool->tail, CHUNK);
        size_t room = CHUNK - spool->tail.len;
        size_t n = in->n < room ? in->n : room;
        buf_add(&spool->tail, in->p, n);
        in->p += n;
        in->n -= n;
    }
    return true;
}

/* ---- reading back: on a lane ----------------------------------------------------------------- */

size_t http_spool_size(const struct http_spool *spool)
{
    return (size_t)(spool->stored * CHUNK + spool->tail.len);
}

void http_spool_rewind(struct http_spool *spool)
{
    spool->at = 0;
}

static bool chunk_open(struct http_spool *spool, uint64_t number)
{
    if (spool->opened.len == CHUNK && spool->opened_number == number)
        return true;
    struct buf sealed = BUF_MAX(SEALED);
    char *room = buf_room(&sealed, SEALED);
    size_t got = 0;
    while (room && got < SEALED) {
        ssize_t n = pread(spool->fd, room + got, SEALED - got, (off_t)(number * SEALED + got));
        if (n <= 0)
            break;
        got += (size_t)n;
    }
    buf_free(&spool->opened);
    spool->opened = BUF_SECRET(CHUNK);
    uint8_t *plain = (uint8_t *)buf_room(&spool->opened, CHUNK);
    uint8_t iv[GCM_IV_LEN];
    iv_of(number, iv);
    bool ok = got == SEALED && plain &&
              gcm_open(&spool->key, iv, STR_NONE, (struct str){room, CHUNK},
                       (const uint8_t *)room + CHUNK, plain);
    buf_free(&sealed);
    spool->opened.len = ok ? CHUNK : 0;
    spool->opened_number = number;
    return ok;
}

struct problem *http_spool_read(struct http_spool *spool, struct arena *arena, void *ret, size_t n,
                                size_t *ret_n)
{
    uint64_t number = spool->at / CHUNK;
    size_t offset = (size_t)(spool->at % CHUNK);
    struct str chunk = buf_str(&spool->tail);
    if (number < spool->stored) {
        if (!chunk_open(spool, number))
            return problem_new(arena, PROBLEM_INTERNAL, "a stored upload cannot be read back");
        chunk = buf_str(&spool->opened);
    } else if (number > spool->stored) {
        chunk = STR_NONE;
    }
    size_t left = offset < chunk.n ? chunk.n - offset : 0;
    if (n > left)
        n = left;
    if (n > 0)
        memcpy(ret, chunk.p + offset, n);
    spool->at += n;
    *ret_n = n;
    return NULL;
}
