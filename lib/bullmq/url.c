/* Reads redis:// URLs. The rule not to break: no part of the URL is repeated in a problem, because
 * any part of a mistyped one may be the password. */
#include "bullmq/url.h"

#include <string.h>

#include "base/crypt.h"

static struct problem *wrong(const char *what)
{
    return problem_new(NULL, PROBLEM_BAD_REQUEST,
                       "%s in the Redis URL; it looks like redis://[:password@]host:port[/db]",
                       what);
}

/* Copies `from` with %XX decoded; false when it does not fit or decodes to NUL. */
static bool copy_decoded(struct str from, char *to, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < from.n; i++) {
        char c = from.p[i];
        if (c == '%') {
            if (i + 2 >= from.n || !hex_read((struct str){from.p + i + 1, 2}, &c, 1))
                return false;
            i += 2;
        }
        if (c == '\0' || n + 1 >= size)
            return false;
        to[n++] = c;
    }
    to[n] = '\0';
    return true;
}

static struct problem *parse_user(struct str user_info, struct redis_url *ret)
{
    struct str password = user_info;
    struct str user = str_cut(&password, ':');
    if (user.n == user_info.n)
        return wrong("a user without ':'");
    if (!copy_decoded(user, ret->user, sizeof(ret->user)) ||
        !copy_decoded(password, ret->password, sizeof(ret->password)))
        return wrong("a bad or long user or password");
    return NULL;
}

static struct problem *parse_host(struct str host, struct redis_url *ret)
{
    struct str port = STR_NONE;
    if (host.n > 0 && host.p[0] == '[') {
        struct str rest = {host.p + 1, host.n - 1};
        host = str_cut(&rest, ']');
        if (rest.n > 0 && rest.p[0] == ':')
            port = (struct str){rest.p + 1, rest.n - 1};
        else if (rest.n > 0)
            return wrong("a bad host");
    } else {
        struct str rest = host;
        host = str_cut(&rest, ':');
        port = rest;
    }
    uint64_t number = 6379;
    if (port.n > 0 && (!str_u64(port, 65535, &number) || number == 0))
        return wrong("a bad port");
    if (host.n == 0 || !copy_decoded(host, ret->host, sizeof(ret->host)))
        return wrong("no host");
    ret->port = (int)number;
    return NULL;
}

struct problem *redis_url_parse(const char *url, struct redis_url *ret)
{
    struct str rest = str_of(url);
    if (!str_starts(rest, STR("redis://")))
        return wrong("no redis://");
    rest = (struct str){rest.p + 8, rest.n - 8};
    *ret = (struct redis_url){0};

    struct str path = rest;
    struct str authority = str_cut(&path, '/');
    const char *at = authority.p ? memrchr(authority.p, '@', authority.n) : NULL;
    if (at) {
        struct str user_info = {authority.p, (size_t)(at - authority.p)};
        TRY(parse_user(user_info, ret));
        authority.n -= user_info.n + 1;
        authority.p = at + 1;
    }
    TRY(parse_host(authority, ret));
    uint64_t db = 0;
    if (path.n > 0 && !str_u64(path, 1000000, &db))
        return wrong("a bad database number");
    ret->db = (unsigned)db;
    return NULL;
}
