/* The master key file and wrapped data keys: see wrap.h. */
#include "phi/wrap.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

static struct problem *wrong(const char *path, const char *why)
{
    return problem_new(NULL, PROBLEM_BAD_REQUEST, "the master key file %s %s", path, why);
}

static struct problem *key_parse(const char *path, struct str text, struct key *ret)
{
    if (text.n == KEY_LEN) {
        memcpy(ret->b, text.p, KEY_LEN);
        return NULL;
    }
    if (hex_read(str_trim(text), ret->b, KEY_LEN))
        return NULL;
    return wrong(path, "must hold 32 bytes or 64 hex digits");
}

struct problem *master_key_read(const char *path, struct key *ret)
{
    CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0)
        return wrong(path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return wrong(path, "is not a regular file");
    if (st.st_mode & (S_IRWXG | S_IRWXO))
        return wrong(path, "may be read by others than its owner: chmod 600 it");
    char text[2 * KEY_LEN + 8];
    size_t have = 0;
    ssize_t n = 1;
    while (n > 0 && have < sizeof(text)) {
        n = read(fd, text + have, sizeof(text) - have);
        have += n > 0 ? (size_t)n : 0;
    }
    struct problem *p =
        n < 0 ? wrong(path, strerror(errno)) : key_parse(path, (struct str){text, have}, ret);
    wipe(text, sizeof(text));
    return p;
}

struct problem *master_key_new(const char *path)
{
    CLEANUP(fd_close)
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 && errno == EEXIST)
        return problem_new(NULL, PROBLEM_CONFLICT, "%s exists: a master key is never replaced",
                           path);
    if (fd < 0)
        return wrong(path, strerror(errno));
    CLEANUP(key_wipe) struct key key;
    random_bytes(key.b, KEY_LEN);
    CLEANUP(buf_free) struct buf text = BUF_SECRET(2 * KEY_LEN + 2);
    hex_add(&text, key.b, KEY_LEN);
    buf_add_c(&text, '\n');
    if (write(fd, text.data, text.len) != (ssize_t)text.len || fsync(fd) != 0)
        return wrong(path, strerror(errno));
    return NULL;
}

static struct str bound_to(struct uuid clinic, int version, const char *what, struct buf *out)
{
    buf_addf(out, "clinic_keys/%s/%d/%s", uuid_z(clinic), version, what);
    return buf_str(out);
}

void key_wrap(const struct key *master, struct uuid clinic, int version, const char *what,
              const struct key *key, struct buf *out)
{
    CLEANUP(buf_free) struct buf aad = BUF_MAX(128);
    CLEANUP(key_wipe) struct key wrapping = key_derive(master, "nexacore clinic-keys");
    box_seal(&wrapping, bound_to(clinic, version, what, &aad),
             (struct str){(const char *)key->b, KEY_LEN}, out);
}

bool key_unwrap(const struct key *master, struct uuid clinic, int version, const char *what,
                struct str wrapped, struct key *ret)
{
    CLEANUP(buf_free) struct buf aad = BUF_MAX(128);
    CLEANUP(buf_free) struct buf clear = BUF_SECRET(KEY_LEN);
    CLEANUP(key_wipe) struct key wrapping = key_derive(master, "nexacore clinic-keys");
    if (!box_open(&wrapping, bound_to(clinic, version, what, &aad), wrapped, &clear) ||
        clear.len != KEY_LEN)
        return false;
    memcpy(ret->b, clear.data, KEY_LEN);
    return true;
}
