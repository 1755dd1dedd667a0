/* The request as handlers see it: headers, path arguments, id, the client's address. */
#include <arpa/inet.h>
#include <stdio.h>

#include "http/internal.h"

struct str http_header_get(const struct http_request *rq, const char *name)
{
    struct str wanted = str_of(name);
    for (size_t i = 0; i < rq->header_count; i++)
        if (str_eq(rq->headers[i].name, wanted))
            return rq->headers[i].value;
    return STR_NONE;
}

struct str http_path_arg(const struct http_request *rq, const char *name)
{
    for (unsigned i = 0; i < rq->arg_count; i++)
        if (strcmp(rq->arg_names[i], name) == 0)
            return rq->args[i];
    return STR_NONE;
}

struct problem *http_path_uuid(const struct http_request *rq, const char *name, struct uuid *ret)
{
    if (!uuid_parse(http_path_arg(rq, name), ret))
        return problem_new(rq->arena, PROBLEM_NOT_FOUND, "there is nothing with this id");
    return NULL;
}

/* ---- the request id -------------------------------------------------------------------------- */

static bool id_valid(struct str id, size_t max)
{
    for (size_t i = 0; i < id.n; i++) {
        char c = id.p[i];
        bool ok = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  c == '-' || c == '_' || c == '.';
        if (!ok)
            return false;
    }
    return id.n > 0 && id.n <= max;
}

void http_request_id(struct http_request *rq, struct str wanted)
{
    if (id_valid(wanted, sizeof(rq->id) - 1)) {
        memcpy(rq->id, wanted.p, wanted.n);
        rq->id[wanted.n] = '\0';
        return;
    }
    uuid_text(uuid_v7(), rq->id);
}

/* ---- the client's address -------------------------------------------------------------------- */

static bool is_trusted(struct str address, const char *const *trusted)
{
    for (; trusted && *trusted; trusted++)
        if (str_eq(address, str_of(*trusted)))
            return true;
    return false;
}

static bool is_address(struct str text)
{
    char z[INET6_ADDRSTRLEN];
    unsigned char binary[16];
    if (text.n == 0 || text.n >= sizeof(z))
        return false;
    memcpy(z, text.p, text.n);
    z[text.n] = '\0';
    return inet_pton(AF_INET, z, binary) == 1 || inet_pton(AF_INET6, z, binary) == 1;
}

/* The last element of a comma-separated list, taken off its end. */
static struct str last_cut(struct str *list)
{
    size_t at = list->n;
    while (at > 0 && list->p[at - 1] != ',')
        at--;
    struct str last = {list->p + at, list->n - at};
    list->n = at > 0 ? at - 1 : 0;
    return str_trim(last);
}

/* From right to left: each proxy we trust vouches for the address it wrote; the first one that is
 * not a trusted proxy is the client. What stands further left is the client's own claim. */
static struct str client_address(const struct http_request *rq, const char *peer,
                                 const char *const *trusted)
{
    struct str client = str_of(peer);
    for (size_t i = rq->header_count; i-- > 0;) {
        if (!str_eq(rq->headers[i].name, STR("x-forwarded-for")))
            continue;
        struct str list = rq->headers[i].value;
        while (list.n > 0) {
            if (!is_trusted(client, trusted))
                return client;
            struct str next = last_cut(&list);
            if (!is_address(next))
                return client;
            client = next;
        }
    }
    return client;
}

void http_request_fill(struct http_request *rq, const struct http_head *head, const char *peer,
                       const struct http_config *config)
{
    struct str id = http_head_get(head, STR("x-request-id"));
    rq->method = head->method;
    rq->path = head->path;
    rq->query = head->query;
    rq->headers = head->headers;
    rq->header_count = head->header_count;
    rq->peer = arena_str(rq->arena, client_address(rq, peer, config->trusted_proxies));
    if (config->id_allowed && id.n < sizeof(rq->id) && !config->id_allowed(id))
        id = STR_NONE;
    http_request_id(rq, id);
}
