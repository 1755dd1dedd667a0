/* The journal of reads: lines of JSON in an append-only file of this process, one fdatasync shared
 * by all who wait (no thread does: each is told by its callback), moved to audit_logs in batches.
 *
 * Exactly once: the batch and the file position it reaches are committed in one transaction
 * (audit_flush_marks), so a flusher that dies is continued, never repeated. The owner holds a lock
 * on its file; a file without a holder belongs to whoever flushes it next. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/app.h"
#include "audit/audit_internal.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

enum {
    BATCH_BYTES = 512 * 1024,
    PENDING_MAX = 4 << 20,
    LINE_MAX_BYTES = 4096,
    ROTATE_BYTES = 4 << 20,
    FLUSH_EVERY_S = 10, /* well within the promised 30 s */
};

struct journal {
    struct app *app;
    char dir[512];
    char name[64]; /* "<uuid>.journal" */
    int fd;
    pthread_mutex_t lock;
    pthread_cond_t wake;                          /* the writer: something is pending */
    pthread_cond_t flush;                         /* the flusher: time to stop */
    struct buf pending;                           /* the next batch */
    struct journal_wait *waiting, **waiting_last; /* for it, in order */
    bool writing;                                 /* a batch is on its way to the disk */
    bool idle;                                    /* the writer sleeps */
    int64_t size;                                 /* bytes on disk and synced */
    bool torn;                                    /* bytes after `size` could not be cut off */
    bool closing;
    pthread_t writer, flusher;
};

static const struct pg_stmt flush_insert = {
    "audit_flush_insert",
    "INSERT INTO audit_logs (event_id, occurred_at, clinic_id, actor_user_id, actor_role, action,"
    " target_table, target_id, ip_address, session_id, request_id, outcome)"
    " SELECT event_id, occurred_at, clinic_id, actor_user_id, actor_role, action, target_table,"
    " target_id, ip_address, session_id, request_id, outcome"
    " FROM jsonb_to_recordset($1::jsonb) AS r(event_id uuid, occurred_at timestamptz,"
    " clinic_id uuid, actor_user_id uuid, actor_role text, action text, target_table text,"
    " target_id uuid, ip_address inet, session_id text, request_id text, outcome text)"};
static const struct pg_stmt mark_read = {
    "audit_mark_read", "SELECT position FROM audit_flush_marks WHERE journal = $1"};
static const struct pg_stmt mark_set = {
    "audit_mark_set",
    "INSERT INTO audit_flush_marks AS m (journal, position) VALUES ($1, $2::bigint)"
    " ON CONFLICT (journal) DO UPDATE SET position = excluded.position, updated_at = now()"
    " WHERE m.position = $3::bigint"};
static const struct pg_stmt mark_drop = {"audit_mark_drop",
                                         "DELETE FROM audit_flush_marks WHERE journal = $1"};
static const struct pg_stmt partitions = {"audit_partitions", "SELECT audit_partitions_ensure()"};
static const struct pg_stmt *const stmts[] = {&flush_insert, &mark_read, &mark_set, &mark_drop,
                                              &partitions};

__attribute__((constructor)) static void register_statements(void)
{
    pg_register(stmts, ARRAY_LEN(stmts));
}

/* ---- writing ----------------------------------------------------------------------------------*/

static bool write_all(int fd, struct str s)
{
    while (s.n > 0) {
        ssize_t n = write(fd, s.p, s.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        s.p += n;
        s.n -= (size_t)n;
    }
    return true;
}

/* True when nothing stands after the last good batch. */
static bool cut_back(struct journal *j)
{
    j->torn = ftruncate(j->fd, (off_t)j->size) != 0;
    if (j->torn)
        log_error("the audit journal cannot be cut back: %s", strerror(errno));
    return !j->torn;
}

/* One batch to disk. A failed write is cut off again, so that no half line stays in the middle; as
 * long as that fails nothing more is written. */
static bool batch_write(struct journal *j, struct str batch)
{
    if (j->torn && !cut_back(j))
        return false;
    if (write_all(j->fd, batch) && fdatasync(j->fd) == 0)
        return true;
    log_error("the audit journal cannot be written: %s", strerror(errno));
    cut_back(j);
    return false;
}

static void batch_tell(struct journal_wait *waiting, bool durable)
{
    while (waiting) {
        struct journal_wait *next = waiting->next; /* `done` may free it */
        waiting->done(waiting, durable);
        waiting = next;
    }
}

/* While one batch is written the next one gathers in the other buffer. */
static void *writer_main(void *arg)
{
    struct journal *j = arg;
    CLEANUP(buf_free) struct buf batch = BUF_MAX(PENDING_MAX);
    pthread_mutex_lock(&j->lock);
    for (;;) {
        j->idle = true;
        while (j->pending.len == 0 && !j->closing)
            pthread_cond_wait(&j->wake, &j->lock);
        j->idle = false;
        if (j->pending.len == 0)
            break;
        struct buf filled = j->pending;
        j->pending = batch;
        batch = filled;
        struct journal_wait *waiting = TAKE(j->waiting);
        j->waiting_last = &j->waiting;
        j->writing = true;
        pthread_mutex_unlock(&j->lock);
        bool ok = batch_write(j, buf_str(&batch));
        batch_tell(waiting, ok);
        pthread_mutex_lock(&j->lock);
        if (ok)
            j->size += (int64_t)batch.len;
        j->writing = false;
        buf_clear(&batch);
    }
    pthread_mutex_unlock(&j->lock);
    return NULL;
}

bool journal_add(struct journal *j, const struct audit_event *event, struct journal_wait *wait)
{
    CLEANUP(buf_free) struct buf line = BUF_MAX(LINE_MAX_BYTES);
    audit_event_write(event, &line);
    buf_add_c(&line, '\n');
    wait->next = NULL;
    pthread_mutex_lock(&j->lock);
    bool ok = !line.overflowed && !j->closing && j->pending.len + line.len <= PENDING_MAX;
    if (ok) {
        buf_add_str(&j->pending, buf_str(&line));
        ok = !j->pending.overflowed; /* no memory: nothing of the line was added */
        j->pending.overflowed = false;
    }
    if (ok) {
        *j->waiting_last = wait;
        j->waiting_last = &wait->next;
    }
    bool wake = ok && j->idle;
    if (wake)
        j->idle = false; /* one signal is enough */
    pthread_mutex_unlock(&j->lock);
    if (wake)
        pthread_cond_signal(&j->wake);
    return ok;
}

/* ---- flushing ---------------------------------------------------------------------------------*/

/* Whole lines of `fd` from `from`, at most BATCH_BYTES and not past `limit`, as a JSON array. */
static bool batch_read(int fd, int64_t from, int64_t limit, struct buf *raw, struct buf *ret_json,
                       size_t *ret_events)
{
    buf_clear(raw);
    buf_clear(ret_json);
    *ret_events = 0;
    size_t want = limit - from > BATCH_BYTES ? BATCH_BYTES : (size_t)(limit - from);
    char *room = buf_room(raw, want);
    ssize_t n = room ? pread(fd, room, want, (off_t)from) : -1;
    if (n <= 0)
        return n == 0;
    const char *end = memrchr(room, '\n', (size_t)n);
    raw->len = end ? (size_t)(end - room) + 1 : 0;
    struct str rest = buf_str(raw);
    buf_add_c(ret_json, '[');
    while (rest.n > 0) {
        struct str line = str_cut(&rest, '\n');
        if (*ret_events > 0)
            buf_add_c(ret_json, ',');
        buf_add_str(ret_json, line);
        (*ret_events)++;
    }
    buf_add_c(ret_json, ']');
    return !ret_json->overflowed;
}

static struct problem *mark_get(const struct ctx *cx, const char *name, int64_t *ret)
{
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    struct pg_result *rows;
    TRY(tx_begin_relay(&tx, cx));
    TRY(PG_QUERY(&tx, &mark_read, &rows, PG_P_Z(name)));
    *ret = pg_rows(rows) ? pg_get_int(rows, 0, 0) : 0;
    return pg_tx_commit(&tx);
}

/* One batch and its mark, both or neither. */
static struct problem *batch_commit(const struct ctx *cx, const char *name, struct str json,
                                    int64_t from, int64_t to)
{
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    size_t moved = 0;
    TRY(tx_begin_relay(&tx, cx));
    TRY(PG_QUEUE(&tx, &flush_insert, PG_P_TEXT(json)));
    TRY(PG_EXEC(&tx, &mark_set, &moved, PG_P_Z(name), PG_P_INT(to), PG_P_INT(from)));
    if (moved != 1)
        return problem_new(cx->arena, PROBLEM_CONFLICT, "another process moves this journal");
    return pg_tx_commit(&tx);
}

static struct problem *file_flush(const struct ctx *cx, const char *name, int fd, int64_t limit,
                                  size_t *ret_events)
{
    CLEANUP(buf_free) struct buf raw = BUF_MAX(BATCH_BYTES + 1);
    CLEANUP(buf_free) struct buf json = BUF_MAX(BATCH_BYTES * 2);
    int64_t from = 0;
    TRY(mark_get(cx, name, &from));
    while (from < limit) {
        size_t events;
        if (!batch_read(fd, from, limit, &raw, &json, &events))
            return problem_new(cx->arena, PROBLEM_INTERNAL, "an audit journal cannot be read");
        if (events == 0)
            break; /* a torn last line: its request was never answered */
        TRY(batch_commit(cx, name, buf_str(&json), from, from + (int64_t)raw.len));
        from += (int64_t)raw.len;
        *ret_events += events;
        arena_reset(cx->arena);
    }
    return NULL;
}

static struct problem *file_drop(const struct ctx *cx, const char *path, const char *name)
{
    unlink(path);
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin_relay(&tx, cx));
    TRY(PG_EXEC(&tx, &mark_drop, NULL, PG_P_Z(name)));
    return pg_tx_commit(&tx);
}

/* A journal whose owner is gone (its lock is free): moved whole, then removed. */
static struct problem *orphan_flush(const struct ctx *cx, const char *dir, const char *name,
                                    size_t *ret_events)
{
    char path[800];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0 || fstat(fd, &st) != 0)
        return NULL;
    if (st.st_nlink == 0)
        return NULL; /* another flusher moved it whole between our open and our lock */
    TRY(file_flush(cx, name, fd, (int64_t)st.st_size, ret_events));
    return file_drop(cx, path, name);
}

static bool is_journal(const char *name)
{
    size_t n = strlen(name);
    return n == UUID_TEXT_LEN + 8 && strcmp(name + UUID_TEXT_LEN, ".journal") == 0;
}

static void dir_close(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

struct problem *journal_flush_all(struct app *app, struct pg_conn *db, struct arena *arena,
                                  const char *dir, size_t *ret_events)
{
    struct ctx cx = ctx_system(app, arena, db, UUID_NONE, "");
    *ret_events = 0;
    {
        CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
        struct pg_result *rows;
        TRY(tx_begin_relay(&tx, &cx));
        TRY(pg_query(&tx, &partitions, NULL, 0, &rows));
        TRY(pg_tx_commit(&tx));
    }
    CLEANUP(dir_close) DIR *entries = opendir(dir);
    if (!entries)
        return NULL; /* no journal was ever written here */
    for (struct dirent *e; (e = readdir(entries));)
        if (is_journal(e->d_name))
            TRY(orphan_flush(&cx, dir, e->d_name, ret_events));
    return NULL;
}

/* ---- the owner's life -------------------------------------------------------------------------*/

static struct problem *file_open(struct journal *j)
{
    char path[800];
    snprintf(j->name, sizeof(j->name), "%s.journal", uuid_z(uuid_v7()));
    snprintf(path, sizeof(path), "%s/%s", j->dir, j->name);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (fd >= 0)
            close(fd);
        return problem_new(NULL, PROBLEM_INTERNAL, "the audit journal %s cannot be made: %s", path,
                           strerror(errno));
    }
    CLEANUP(fd_close) int dir = open(j->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir >= 0)
        fsync(dir);
    j->fd = fd;
    j->size = 0;
    return NULL;
}

/* Starts a new file when the old one is large and wholly moved; waiters are not disturbed because
 * nothing is pending at that moment. */
static void rotate(struct journal *j, const struct ctx *cx, int64_t flushed)
{
    pthread_mutex_lock(&j->lock);
    bool idle = j->pending.len == 0 && !j->writing && j->size == flushed;
    char old_name[64], old_path[800];
    int old_fd = -1;
    if (idle && flushed > ROTATE_BYTES) {
        snprintf(old_name, sizeof(old_name), "%s", j->name);
        snprintf(old_path, sizeof(old_path), "%s/%s", j->dir, j->name);
        old_fd = j->fd;
        if (file_open(j)) {
            snprintf(j->name, sizeof(j->name), "%s", old_name);
            j->fd = old_fd;
            j->size = flushed;
            old_fd = -1;
        }
    }
    pthread_mutex_unlock(&j->lock);
    if (old_fd < 0)
        return;
    struct problem *p = file_drop(cx, old_path, old_name);
    if (p)
        log_warn("an empty audit journal could not be dropped: %s", p->detail);
    close(old_fd);
}

static void flush_own(struct journal *j, struct pg_conn *db, struct arena *arena)
{
    struct ctx cx = ctx_system(j->app, arena, db, UUID_NONE, "");
    pthread_mutex_lock(&j->lock);
    int64_t size = j->size;
    pthread_mutex_unlock(&j->lock);
    size_t events = 0;
    struct problem *p = size > 0 ? file_flush(&cx, j->name, j->fd, size, &events) : NULL;
    if (p)
        log_warn("audit events wait in the journal: %s (%s)", p->detail, p->cause);
    else
        rotate(j, &cx, size);
    arena_reset(arena);
}

static void *flusher_main(void *arg)
{
    struct journal *j = arg;
    struct pg_conn *db = pg_conn_new(j->app->database_url, "nexacore-journal");
    struct arena *arena = arena_new(64 << 20);
    size_t moved = 0;
    struct problem *p = journal_flush_all(j->app, db, arena, j->dir, &moved);
    if (p)
        log_warn("older audit journals wait: %s (%s)", p->detail, p->cause);
    arena_reset(arena);
    pthread_mutex_lock(&j->lock);
    while (!j->closing) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += FLUSH_EVERY_S;
        pthread_cond_timedwait(&j->flush, &j->lock, &until);
        pthread_mutex_unlock(&j->lock);
        flush_own(j, db, arena);
        pthread_mutex_lock(&j->lock);
    }
    pthread_mutex_unlock(&j->lock);
    arena_free(&arena);
    pg_conn_free(&db);
    return NULL;
}

struct problem *journal_open(struct app *app, const char *dir, struct journal **ret)
{
    struct journal *j = mem_new(struct journal);
    j->app = app;
    j->pending = BUF_MAX(PENDING_MAX);
    j->waiting_last = &j->waiting;
    snprintf(j->dir, sizeof(j->dir), "%s", dir);
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        free(j);
        return problem_new(NULL, PROBLEM_INTERNAL, "%s cannot be made: %s", dir, strerror(errno));
    }
    struct problem *p = file_open(j);
    if (p) {
        free(j);
        return p;
    }
    pthread_mutex_init(&j->lock, NULL);
    pthread_cond_init(&j->wake, NULL);
    pthread_cond_init(&j->flush, NULL);
    pthread_create(&j->writer, NULL, writer_main, j);
    pthread_create(&j->flusher, NULL, flusher_main, j);
    *ret = j;
    return NULL;
}

void journal_close(struct journal **journal)
{
    struct journal *j = *journal;
    if (!j)
        return;
    pthread_mutex_lock(&j->lock);
    j->closing = true;
    pthread_cond_signal(&j->wake);
    pthread_cond_signal(&j->flush);
    pthread_mutex_unlock(&j->lock);
    pthread_join(j->writer, NULL);
    pthread_join(j->flusher, NULL);
    close(j->fd); /* whatever could not be moved is an orphan the next flusher takes */
    buf_free(&j->pending);
    pthread_cond_destroy(&j->wake);
    pthread_cond_destroy(&j->flush);
    pthread_mutex_destroy(&j->lock);
    free(j);
    *journal = NULL;
}
