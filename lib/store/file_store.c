/* Objects as files below one directory.
 *
 * Bytes go to .tmp/<random>, are fsynced, and get their name by rename; then the directory is
 * fsynced. A crash leaves a file in .tmp, which the next open removes after an hour. */
#include "store/store_impl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/crypt.h"

#define STALE_AFTER_S 3600
#define DIR_FLAGS     (O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)

struct file_store {
    int root;
    int temp;
};

static struct file_store *of(struct store *store)
{
    return store->kind;
}

static void fs_abort(struct store_put *put)
{
    if (put->temp[0])
        unlinkat(of(put->store)->temp, put->temp, 0);
    put->temp[0] = '\0';
}

static struct problem *fs_begin(struct store_put *put)
{
    uint8_t id[16];
    random_bytes(id, sizeof(id));
    for (size_t i = 0; i < sizeof(id); i++)
        snprintf(put->temp + 2 * i, 3, "%02x", id[i]);
    put->fd = openat(of(put->store)->temp, put->temp,
                     O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (put->fd >= 0)
        return NULL;
    put->temp[0] = '\0';
    return store_failed(put->arena, "open a temporary file");
}

/* The directory `name` below `parent`, made and made durable when it is missing. -1: errno. */
static int dir_make(int parent, const char *name)
{
    if (mkdirat(parent, name, 0700) == 0) {
        if (fsync(parent) != 0)
            return -1;
    } else if (errno != EEXIST) {
        return -1;
    }
    return openat(parent, name, DIR_FLAGS);
}

/* Opens the directory a key's last segment lives in. `make` creates what is missing. */
static int parent_open(struct file_store *fs, struct arena *arena, const char *key, bool make,
                       const char **ret_name)
{
    int dir = openat(fs->root, ".", DIR_FLAGS);
    struct str rest = str_of(key);
    while (dir >= 0) {
        struct str segment = str_cut(&rest, '/');
        const char *name = arena_cstr(arena, segment);
        *ret_name = name;
        if (rest.n == 0)
            return dir;
        int next = make ? dir_make(dir, name) : openat(dir, name, DIR_FLAGS);
        int error = errno;
        close(dir);
        errno = error;
        dir = next;
    }
    return -1;
}

static struct problem *fs_commit(struct store_put *put)
{
    struct file_store *fs = of(put->store);
    const char *name;
    if (fsync(put->fd) != 0)
        return store_failed(put->arena, "fsync");
    CLEANUP(fd_close) int dir = parent_open(fs, put->arena, put->key, true, &name);
    if (dir < 0)
        return store_failed(put->arena, "make the directory");
    if (renameat(fs->temp, put->temp, dir, name) != 0)
        return store_failed(put->arena, "rename");
    put->temp[0] = '\0';
    if (fsync(dir) != 0)
        return store_failed(put->arena, "fsync of the directory");
    return NULL;
}

static struct problem *read_whole(struct arena *arena, int fd, size_t size, struct buf *out)
{
    char *to = buf_room(out, size);
    if (!to)
        return problem_new(arena, PROBLEM_TOO_LARGE, "the stored object is too large");
    size_t have = 0;
    while (have < size) {
        ssize_t n = read(fd, to + have, size - have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return store_failed(arena, n < 0 ? "read" : "object shorter than it was");
        have += (size_t)n;
    }
    out->len += size;
    return NULL;
}

static struct problem *fs_get(struct store *store, struct arena *arena, const char *key, size_t max,
                              struct buf *out)
{
    const char *name;
    CLEANUP(fd_close) int dir = parent_open(of(store), arena, key, false, &name);
    CLEANUP(fd_close) int fd = dir < 0 ? -1 : openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return problem_new(arena, PROBLEM_NOT_FOUND, "the object is not stored");
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0)
        return store_failed(arena, "open");
    if (!S_ISREG(st.st_mode))
        return problem_new(arena, PROBLEM_NOT_FOUND, "the object is not stored");
    if ((uint64_t)st.st_size > max)
        return problem_new(arena, PROBLEM_TOO_LARGE, "the stored object is too large");
    return read_whole(arena, fd, (size_t)st.st_size, out);
}

static struct problem *fs_remove(struct store *store, struct arena *arena, const char *key)
{
    const char *name;
    CLEANUP(fd_close) int dir = parent_open(of(store), arena, key, false, &name);
    if (dir < 0)
        return errno == ENOENT ? NULL : store_failed(arena, "open the directory");
    if (unlinkat(dir, name, 0) != 0)
        return errno == ENOENT ? NULL : store_failed(arena, "unlink");
    return fsync(dir) == 0 ? NULL : store_failed(arena, "fsync of the directory");
}

static void fs_free(struct store *store)
{
    struct file_store *fs = of(store);
    fd_close(&fs->root);
    fd_close(&fs->temp);
}

/* Files a crash left behind. Younger ones may belong to a living writer on another machine. */
static void stale_remove(int temp)
{
    int fd = openat(temp, ".", DIR_FLAGS);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        fd_close(&fd);
        return;
    }
    const struct dirent *entry;
    struct stat st;
    while ((entry = readdir(dir))) {
        if (fstatat(temp, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
            st.st_mtime < time(NULL) - STALE_AFTER_S)
            unlinkat(temp, entry->d_name, 0);
    }
    closedir(dir);
}

/* mkdir -p with 0700, then opens it. */
static int root_open(struct arena *arena, struct str path)
{
    int dir = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (dir >= 0 && path.n > 0) {
        struct str segment = str_cut(&path, '/');
        if (segment.n == 0)
            continue;
        const char *name = arena_cstr(arena, segment);
        if (mkdirat(dir, name, 0700) == 0)
            (void)fsync(dir);
        int next = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* links are fine here */
        int error = errno;
        close(dir);
        errno = error;
        dir = next;
    }
    return dir;
}

static const struct store_ops file_ops = {
    .put_begin = fs_begin,
    .put_commit = fs_commit,
    .put_abort = fs_abort,
    .get = fs_get,
    .remove = fs_remove,
    .free = fs_free,
};

struct problem *file_store_open(struct arena *arena, struct str path, struct store *store)
{
    if (path.n < 2 || path.p[0] != '/' || memchr(path.p, '%', path.n) ||
        memchr(path.p, '?', path.n))
        return problem_new(arena, PROBLEM_BAD_REQUEST,
                           "a file store URL is file:///absolute/directory, without %% or ?");
    struct file_store *fs = arena_make(store->arena, struct file_store);
    *fs = (struct file_store){.root = -1, .temp = -1};
    store->kind = fs;
    store->ops = &file_ops;
    fs->root = root_open(store->arena, path);
    if (fs->root < 0)
        return store_failed(arena, "open the store's directory");
    fs->temp = dir_make(fs->root, ".tmp");
    if (fs->temp < 0)
        return store_failed(arena, "open the store's .tmp directory");
    stale_remove(fs->temp);
    return NULL;
}
