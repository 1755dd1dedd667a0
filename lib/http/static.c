/* Loading and finding static files: see static.h. */
#include "http/static.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/crypt.h"

enum { FILES_MAX = 4096, BYTES_MAX = 64 << 20, DEPTH_MAX = 8 };

struct http_static {
    struct http_static *next;
    struct str prefix;             /* ends in '/' */
    const struct http_file *files; /* sorted by path */
    size_t count;
    const struct http_file *index; /* for unknown paths of a single-page application */
};

struct loading {
    struct arena *arena;
    struct http_file *files;
    size_t count, bytes;
};

static const char *type_of(const char *name)
{
    static const char *const types[][2] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".mjs", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".json", "application/json"},
        {".webmanifest", "application/manifest+json"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".jpg", "image/jpeg"},
        {".ico", "image/x-icon"},
        {".webp", "image/webp"},
        {".woff2", "font/woff2"},
        {".txt", "text/plain; charset=utf-8"},
        {".map", "application/json"},
        {".yaml", "application/yaml"},
        {".wasm", "application/wasm"},
        {".mp3", "audio/mpeg"},
    };
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < ARRAY_LEN(types); i++)
        if (strcmp(dot, types[i][0]) == 0)
            return types[i][1];
    return "application/octet-stream";
}

/* "app-1a2b3c4d.js": a build tool's name with the content's hash (8 or more of its alphabet, with a
 * digit among them, so that "service-worker.js" is none). */
static bool is_hashed(const char *name)
{
    const char *dot = strchr(name, '.');
    const char *dash = dot ? memrchr(name, '-', (size_t)(dot - name)) : NULL;
    if (!dash || dot - dash - 1 < 8)
        return false;
    bool digit = false;
    for (const char *p = dash + 1; p < dot; p++) {
        bool letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || *p == '_';
        if (!letter && !(*p >= '0' && *p <= '9'))
            return false;
        digit = digit || !letter;
    }
    return digit;
}

static struct problem *file_read(struct loading *l, int fd, size_t size, struct str *ret)
{
    if (size > BYTES_MAX - l->bytes)
        return problem_new(NULL, PROBLEM_INTERNAL, "the static files are more than %d MiB",
                           BYTES_MAX >> 20);
    l->bytes += size;
    char *bytes = arena_alloc(l->arena, size + 1);
    for (size_t n = 0; n < size;) {
        ssize_t got = read(fd, bytes + n, size - n);
        if (got <= 0)
            return problem_new(NULL, PROBLEM_INTERNAL, "a static file cannot be read");
        n += (size_t)got;
    }
    *ret = (struct str){bytes, size};
    return NULL;
}

static struct problem *file_add(struct loading *l, int dir, const char *name, const char *path,
                                size_t size)
{
    CLEANUP(fd_close) int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || l->count == FILES_MAX)
        return problem_new(NULL, PROBLEM_INTERNAL, "the static file %s cannot be read", path);
    struct http_file *file = &l->files[l->count];
    TRY(file_read(l, fd, size, &file->bytes));
    file->path = arena_str(l->arena, str_of(path));
    file->content_type = type_of(name);
    file->cache_control = is_hashed(name) ? "public, max-age=31536000, immutable" : "no-cache";
    uint8_t digest[SHA256_LEN];
    sha256(file->bytes, digest);
    struct buf etag = BUF_MAX(64);
    hex_add(&etag, digest, 16);
    snprintf(file->etag, sizeof(file->etag), "\"%s\"", etag.data);
    buf_free(&etag);
    l->count++;
    return NULL;
}

static void dir_close(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

static struct problem *dir_load(struct loading *l, int fd, const char *path, unsigned depth)
{
    CLEANUP(dir_close) DIR *dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return problem_new(NULL, PROBLEM_INTERNAL, "the directory for %s cannot be read", path);
    }
    struct dirent *entry;
    while ((entry = readdir(dir))) {
        struct stat st;
        if (entry->d_name[0] == '.' || fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        if (S_ISREG(st.st_mode)) {
            char *own = arena_fmt(l->arena, "%s%s", path, entry->d_name);
            TRY(file_add(l, fd, entry->d_name, own, (size_t)st.st_size));
        } else if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX) {
            int sub = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            char *own = arena_fmt(l->arena, "%s%s/", path, entry->d_name);
            TRY(dir_load(l, sub, own, depth + 1));
        }
    }
    return NULL;
}

static int str_compare(struct str a, struct str b)
{
    int order = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
    return order ? order : (a.n > b.n) - (a.n < b.n);
}

static int file_compare(const void *a, const void *b)
{
    return str_compare(((const struct http_file *)a)->path, ((const struct http_file *)b)->path);
}

static const struct http_file *file_find(const struct http_static *s, struct str path)
{
    struct http_file key = {.path = path};
    return s->count ? bsearch(&key, s->files, s->count, sizeof(key), file_compare) : NULL;
}

struct problem *http_static_load(struct arena *arena, const char *prefix, const char *dir, bool spa,
                                 struct http_static **list)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return problem_new(NULL, PROBLEM_INTERNAL, "the directory %s cannot be read: %s", dir,
                           strerror(errno));
    struct loading l = {.arena = arena, .files = arena_array(arena, FILES_MAX, sizeof(*l.files))};
    size_t n = strlen(prefix);
    char *base = arena_fmt(arena, "%s%s", prefix, n > 0 && prefix[n - 1] == '/' ? "" : "/");
    TRY(dir_load(&l, fd, base, 0));
    qsort(l.files, l.count, sizeof(*l.files), file_compare);

    struct http_static *own = arena_make(arena, struct http_static);
    *own = (struct http_static){
        .next = *list, .prefix = str_of(base), .files = l.files, .count = l.count};
    if (spa)
        own->index = file_find(own, str_of(arena_fmt(arena, "%sindex.html", base)));
    *list = own;
    return NULL;
}

static const struct http_file *find_in(const struct http_static *s, struct str path, bool fall_back)
{
    if (!str_starts(path, s->prefix))
        return NULL;
    const struct http_file *file = file_find(s, path);
    if (file)
        return file;
    struct buf index = BUF_MAX(4096);
    buf_add_str(&index, path);
    buf_add_z(&index, path.p[path.n - 1] == '/' ? "index.html" : "/index.html");
    if (!index.overflowed)
        file = file_find(s, buf_str(&index));
    buf_free(&index);
    if (!file && fall_back && !memchr(path.p, '.', path.n))
        file = s->index;
    return file;
}

const struct http_file *http_static_find(const struct http_static *list, struct str path,
                                         bool may_fall_back)
{
    for (const struct http_static *s = list; s && path.n > 0; s = s->next) {
        const struct http_file *file = find_in(s, path, may_fall_back);
        if (file)
            return file;
    }
    return NULL;
}
