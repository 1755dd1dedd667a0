/* Names and values of queries and forms (application/x-www-form-urlencoded). */
#include "http/internal.h"

bool http_pairs_next(struct str *rest, struct str *ret_name, struct str *ret_value)
{
    while (rest->n > 0) {
        struct str pair = str_cut(rest, '&');
        if (pair.n == 0)
            continue;
        *ret_value = pair;
        *ret_name = str_cut(ret_value, '=');
        if (!ret_value->p)
            *ret_value = STR("");
        return true;
    }
    return false;
}

/* Counts `name` in `pairs`, decoding its first value. An undecodable value counts as absent: heads
 * with one are refused before a handler runs, and forms are checked by http_form_get. */
static size_t pair_find(struct arena *arena, struct str pairs, struct str name, struct str *ret)
{
    struct str raw_name, raw_value, decoded;
    size_t count = 0;
    while (http_pairs_next(&pairs, &raw_name, &raw_value)) {
        bool plain = !memchr(raw_name.p, '%', raw_name.n) && !memchr(raw_name.p, '+', raw_name.n);
        if (plain ? !str_eq(raw_name, name)
                  : !http_decode(arena, raw_name, true, &decoded) || !str_eq(decoded, name))
            continue;
        if (count == 0 && !http_decode(arena, raw_value, true, ret))
            continue;
        count++;
    }
    return count;
}

struct str http_query_get(const struct http_request *rq, const char *name)
{
    struct str value = STR_NONE;
    pair_find(rq->arena, rq->query, str_of(name), &value);
    return value;
}

struct problem *http_query_check(const struct http_request *rq, const char *const *names)
{
    struct str rest = rq->query, raw_name, value, name;
    while (http_pairs_next(&rest, &raw_name, &value)) {
        if (!http_decode(rq->arena, raw_name, true, &name))
            return problem_new(rq->arena, PROBLEM_BAD_REQUEST, "the query is malformed");
        const char *const *known = names;
        while (*known && !str_eq(str_of(*known), name))
            known++;
        if (!*known && str_is_name(name, 40)) /* anything else is not repeated, not even in part */
            return problem_new(rq->arena, PROBLEM_BAD_REQUEST,
                               "the query parameter \"" STR_FMT "\" is not known", STR_ARG(name));
        if (!*known)
            return problem_new(rq->arena, PROBLEM_BAD_REQUEST, "a query parameter is not known");
        struct str again;
        if (pair_find(rq->arena, rest, name, &again) > 0)
            return problem_new(rq->arena, PROBLEM_BAD_REQUEST,
                               "the query parameter \"%s\" comes twice", *known);
    }
    return NULL;
}

struct problem *http_form_get(const struct http_request *rq, const char *name, struct str *ret)
{
    struct str rest = rq->body, raw_name, raw_value, key, value, found = STR_NONE;
    while (http_pairs_next(&rest, &raw_name, &raw_value)) {
        if (!http_decode(rq->arena, raw_name, true, &key) ||
            !http_decode(rq->arena, raw_value, true, &value) || !str_utf8_valid(value))
            return problem_new(rq->arena, PROBLEM_BAD_REQUEST, "the form is malformed");
        if (!str_eq(key, str_of(name)))
            continue;
        if (found.p)
            return problem_new(rq->arena, PROBLEM_BAD_REQUEST, "the form's \"%s\" comes twice",
                               name);
        found = value;
    }
    *ret = found;
    return NULL;
}
