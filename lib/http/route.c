/* Matching paths to routes: see route.h. Nodes live in the server's arena and never change after
 * the start. */
#include "http/route.h"

#include "base/cleanup.h"

enum { ROUTES_MAX = 512 };

/* A row of a table with the names of its arguments as C strings. */
struct entry {
    const struct http_route *route;
    const char *names[HTTP_ARGS_MAX];
};

struct node {
    struct str segment;    /* literal text; without meaning for `param` and `rest` nodes */
    struct node *literals; /* children with literal segments, linked by `next` */
    struct node *param;    /* child that takes any non-empty segment */
    struct node *rest;     /* child that takes everything after the slash */
    struct node *next;
    const struct entry *entries[HTTP_METHOD__COUNT];
};

struct http_router {
    struct arena *arena;
    struct node root;
    const struct http_route *all[ROUTES_MAX];
    size_t count;
};

struct http_router *http_router_new(struct arena *arena)
{
    struct http_router *router = arena_make(arena, struct http_router);
    router->arena = arena;
    return router;
}

static struct node *literal_find(const struct node *node, struct str segment)
{
    for (struct node *child = node->literals; child; child = child->next)
        if (str_eq(child->segment, segment))
            return child;
    return NULL;
}

static struct node *node_child(struct http_router *router, struct node *node, struct str segment)
{
    struct node **at = &node->rest;
    if (segment.n > 1 && segment.p[0] == ':') {
        at = &node->param;
    } else if (!str_eq(segment, STR("*"))) {
        struct node *found = literal_find(node, segment);
        if (found)
            return found;
        struct node *child = arena_make(router->arena, struct node);
        *child = (struct node){.segment = segment, .next = node->literals};
        node->literals = child;
        return child;
    }
    if (!*at)
        *at = arena_make(router->arena, struct node);
    return *at;
}

/* The segments of "/a/b" are "a" and "b"; of "/a/" they are "a" and "". */
static bool segment_next(struct str *rest, bool *more, struct str *ret)
{
    if (!*more)
        return false;
    *more = rest->n > 0 && memchr(rest->p, '/', rest->n);
    *ret = str_cut(rest, '/');
    return true;
}

struct problem *http_router_add(struct http_router *router, const struct http_route *route)
{
    struct str rest = str_of(route->path);
    if (rest.n == 0 || rest.p[0] != '/' || (unsigned)route->method >= HTTP_METHOD__COUNT ||
        !route->handler || route->lane == HTTP_LANE__COUNT || router->count == ROUTES_MAX)
        return problem_new(NULL, PROBLEM_INTERNAL, "the route %s is malformed", route->path);
    rest.p++, rest.n--;

    struct node *node = &router->root;
    struct entry *entry = arena_make(router->arena, struct entry);
    entry->route = route;
    struct str segment;
    unsigned args = 0;
    for (bool more = true; segment_next(&rest, &more, &segment);) {
        bool star = str_eq(segment, STR("*"));
        bool named = segment.n > 1 && segment.p[0] == ':';
        if ((star && more) || ((star || named) && args == HTTP_ARGS_MAX))
            return problem_new(NULL, PROBLEM_INTERNAL, "the route %s is malformed", route->path);
        if (star || named)
            entry->names[args++] = arena_cstr(
                router->arena, named ? (struct str){segment.p + 1, segment.n - 1} : segment);
        node = node_child(router, node, segment);
    }
    if (node->entries[route->method])
        return problem_new(NULL, PROBLEM_INTERNAL, "the route %s %s is there twice",
                           http_method_name(route->method), route->path);
    node->entries[route->method] = entry;
    router->all[router->count++] = route;
    return NULL;
}

/* ---- matching -------------------------------------------------------------------------------- */

static const struct entry *node_entry(const struct node *node, enum http_method method)
{
    if (method == HTTP_METHOD__COUNT)
        return NULL;
    if (method == HTTP_HEAD && !node->entries[HTTP_HEAD])
        return node->entries[HTTP_GET];
    return node->entries[method];
}

static bool node_take(const struct node *node, enum http_method method, struct http_match *ret)
{
    for (unsigned i = 0; i < HTTP_METHOD__COUNT; i++)
        if (node->entries[i])
            ret->allow |= BIT(i);
    const struct entry *entry = node_entry(node, method);
    if (!entry)
        return false;
    ret->route = entry->route;
    memcpy(ret->arg_names, entry->names, sizeof(ret->arg_names));
    return true;
}

/* Depth first: literal, then parameter, then rest. Bounded by the depth of the tables' paths. */
static bool node_match(const struct node *node, enum http_method method, struct str rest, bool more,
                       struct http_match *ret)
{
    struct str whole = rest, segment;
    if (!segment_next(&rest, &more, &segment))
        return node_take(node, method, ret);

    const struct node *literal = literal_find(node, segment);
    if (literal && node_match(literal, method, rest, more, ret))
        return true;
    if (node->param && segment.n > 0) {
        unsigned at = ret->arg_count++;
        ret->args[at] = segment;
        if (node_match(node->param, method, rest, more, ret))
            return true;
        ret->arg_count = at;
    }
    if (node->rest) {
        ret->args[ret->arg_count++] = whole;
        if (node_take(node->rest, method, ret))
            return true;
        ret->arg_count--;
    }
    return false;
}

void http_router_match(const struct http_router *router, enum http_method method, struct str path,
                       struct http_match *ret)
{
    *ret = (struct http_match){0};
    if (path.n == 0 || path.p[0] != '/')
        return;
    struct str rest = {path.p + 1, path.n - 1};
    node_match(&router->root, method, rest, true, ret);
}

bool http_router_owns(const struct http_router *router, struct str path)
{
    struct str rest = {path.p + 1, path.n - 1};
    return path.n > 1 && literal_find(&router->root, str_cut(&rest, '/'));
}

size_t http_router_all(const struct http_router *router, const struct http_route **ret, size_t max)
{
    for (size_t i = 0; i < router->count && i < max; i++)
        ret[i] = router->all[i];
    return router->count;
}

const char *http_allow_text(struct arena *arena, unsigned allow)
{
    if (allow & BIT(HTTP_GET))
        allow |= BIT(HTTP_HEAD);
    allow |= BIT(HTTP_OPTIONS);
    struct buf text = BUF_MAX(128);
    for (unsigned i = 0; i < HTTP_METHOD__COUNT; i++)
        if (allow & BIT(i))
            buf_addf(&text, "%s%s", text.len ? ", " : "", http_method_name(i));
    const char *copy = arena_cstr(arena, buf_str(&text));
    buf_free(&text);
    return copy;
}
