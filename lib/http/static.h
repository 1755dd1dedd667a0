/* Static files, read into memory at start.
 *
 * The rule not to break: a path from a client is only ever compared with names found at start; it
 * never reaches the file system. */
#ifndef NEXACORE_HTTP_STATIC_H
#define NEXACORE_HTTP_STATIC_H

#include "http/http.h"

struct http_static; /* one directory below one prefix; a list */

struct http_file {
    struct str path; /* as requested: "/assets/app-1a2b3c4d.js" */
    struct str bytes;
    const char *content_type;
    const char *cache_control;
    char etag[36]; /* quoted */
};

/* Reads `dir` (regular files, no dot files, 64 MiB in all) and adds it to the list at *list. */
struct problem *http_static_load(struct arena *arena, const char *prefix, const char *dir, bool spa,
                                 struct http_static **list);

/* The file for a path, "index.html" for a directory, or, when `may_fall_back`, the index of a
 * single-page application for a path without a dot. NULL: none. */
const struct http_file *http_static_find(const struct http_static *list, struct str path,
                                         bool may_fall_back);

#endif
