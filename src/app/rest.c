/* Cursors, ETags and Locations. A cursor that is not ours is 400, never an error of the database.
 */
#include "app/rest.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "base/crypt.h"

/* Ranks, row numbers and times of the years 1 to 9999 in microseconds all lie between these, and
 * the database can negate or convert everything between them. */
#define KEY_MIN (-62135596800000000)
#define KEY_MAX 253402300799999999

static bool key_possible(int64_t key)
{
    return key >= KEY_MIN && key <= KEY_MAX;
}

static struct problem *cursor_read(struct http_request *rq, struct str text, struct page *page)
{
    CLEANUP(buf_free) struct buf bytes = BUF_MAX(64);
    struct page_key c;
    if (!base64_add_decoded(&bytes, text) || bytes.len != sizeof(c))
        return problem_new(rq->arena, PROBLEM_BAD_REQUEST, "the cursor is not one of ours");
    memcpy(&c, bytes.data, sizeof(c));
    if (!key_possible(c.a) || !key_possible(c.b))
        return problem_new(rq->arena, PROBLEM_BAD_REQUEST, "the cursor is not one of ours");
    page->resumed = true;
    page->a = c.a;
    page->b = c.b;
    page->id = c.id;
    return NULL;
}

struct problem *page_read(struct http_request *rq, struct page *ret)
{
    *ret = (struct page){.limit = LIMIT_DEFAULT};
    struct str limit = http_query_get(rq, "limit"), cursor = http_query_get(rq, "cursor");
    uint64_t n = LIMIT_DEFAULT;
    if (limit.p && (!str_u64(limit, LIMIT_MAX, &n) || n == 0))
        return problem_new(rq->arena, PROBLEM_BAD_REQUEST, "limit must be from 1 to %d", LIMIT_MAX);
    ret->limit = (int64_t)n;
    return cursor.p ? cursor_read(rq, cursor, ret) : NULL;
}

size_t list_begin(struct jw *w, struct http_response *rs, const struct page *page, size_t found)
{
    *w = jw_to(&rs->body);
    jw_obj(w);
    jw_key(w, "items");
    jw_arr(w);
    return page && found > (size_t)page->limit ? (size_t)page->limit : found;
}

void list_end(struct jw *w, const struct page_key *next)
{
    CLEANUP(buf_free) struct buf text = BUF_MAX(128);
    jw_end(w);
    jw_key(w, "nextCursor");
    if (next) {
        base64url_add(&text, (struct str){(const char *)next, sizeof(*next)});
        jw_str(w, buf_str(&text));
    } else {
        jw_null(w);
    }
    jw_end(w);
}

void etag_set(struct http_response *rs, int64_t version)
{
    http_header_set(rs, "ETag", "\"v%lld\"", (long long)version);
}

struct problem *etag_check(const struct http_request *rq, int64_t version)
{
    struct str rest = http_header_get(rq, "if-match");
    if (!rest.p)
        return NULL;
    char tag[32];
    snprintf(tag, sizeof(tag), "\"v%lld\"", (long long)version);
    while (rest.n > 0) {
        struct str one = str_trim(str_cut(&rest, ','));
        if (str_eq(one, STR("*")) || str_eq(one, str_of(tag)))
            return NULL;
    }
    return problem_new(rq->arena, PROBLEM_PRECONDITION_FAILED,
                       "it was changed meanwhile: read it again");
}

void created(struct http_response *rs, const char *path, struct uuid id)
{
    rs->status = 201;
    http_header_set(rs, "Location", "%s/%s", path, uuid_z(id));
}
