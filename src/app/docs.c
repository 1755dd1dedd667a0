/* Serves what tools/embed_docs.mjs put into the binary: the description that tests hold against the
 * routes, and the page that shows it. Nothing is read from disk. */
#include "app/docs.h"

#include "auth/auth.h"
#include "base/cleanup.h"
#include "docs_embedded.h"

struct asset {
    const char *path;
    const char *type;
    const char *etag;
    struct str bytes;
};

#define BYTES(name)                                                                                \
    {                                                                                              \
        (const char *)(name), sizeof(name)                                                         \
    }
static const struct asset assets[] = {
    {"/openapi.json", "application/json", openapi_json_etag, BYTES(openapi_json)},
    {"/docs", "text/html; charset=utf-8", docs_html_etag, BYTES(docs_html)},
    {"/docs/docs.js", "text/javascript; charset=utf-8", docs_js_etag, BYTES(docs_js)},
    {"/docs/docs.css", "text/css; charset=utf-8", docs_css_etag, BYTES(docs_css)},
};

/* If-None-Match compares weakly (RFC 9110 section 13.1.2). */
static bool is_known(const struct http_request *rq, const char *etag)
{
    struct str rest = http_header_get(rq, "if-none-match");
    while (rest.n > 0) {
        struct str tag = str_trim(str_cut(&rest, ','));
        if (str_starts(tag, STR("W/")))
            tag = (struct str){tag.p + 2, tag.n - 2};
        if (str_eq(tag, STR("*")) || str_eq(tag, str_of(etag)))
            return true;
    }
    return false;
}

static struct problem *show(struct http_request *rq, struct http_response *rs)
{
    const struct asset *asset = assets;
    while (strcmp(asset->path, rq->route->path) != 0) /* one row below for each row above */
        asset++;
    http_header_set(rs, "ETag", "%s", asset->etag);
    http_header_set(rs, "Cache-Control", "no-cache");
    if (is_known(rq, asset->etag)) {
        rs->status = 304;
        return NULL;
    }
    rs->content_type = asset->type;
    buf_add_str(&rs->body, asset->bytes);
    return NULL;
}

const struct http_route docs_routes[] = {
    {HTTP_GET, "/openapi.json", show, .flags = ROUTE_PUBLIC},
    {HTTP_GET, "/docs", show, .flags = ROUTE_PUBLIC},
    {HTTP_GET, "/docs/docs.js", show, .flags = ROUTE_PUBLIC},
    {HTTP_GET, "/docs/docs.css", show, .flags = ROUTE_PUBLIC},
};
const size_t docs_route_count = ARRAY_LEN(docs_routes);
