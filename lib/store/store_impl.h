/* What the kinds of store share: see store.h for the promise. Private to lib/store. */
#ifndef NEXACORE_STORE_IMPL_H
#define NEXACORE_STORE_IMPL_H

#include <openssl/evp.h>

#include "store/store.h"

struct store_ops {
    struct problem *(*put_begin)(struct store_put *put);
    struct problem *(*put_commit)(struct store_put *put);
    void (*put_abort)(struct store_put *put);
    struct problem *(*get)(struct store *store, struct arena *arena, const char *key, size_t max,
                           struct buf *out);
    struct problem *(*remove)(struct store *store, struct arena *arena, const char *key);
    void (*free)(struct store *store);
};

struct store {
    const struct store_ops *ops;
    struct arena *arena; /* owns the store itself */
    void *kind;          /* struct file_store or struct s3_store */
};

struct store_put {
    struct store *store;
    struct arena *arena;
    const char *key;
    int fd;             /* where the bytes go until commit */
    uint64_t len;       /* bytes written to fd */
    EVP_MD_CTX *sha256; /* S3: of the bytes so far; NULL for files */
    char temp[33];      /* file: name below .tmp */
};

/* Fill in `store` (its arena is there already) from the URL's part after "file://". */
struct problem *file_store_open(struct arena *arena, struct str path, struct store *store);
/* The same from the part after "s3://"; credentials come from the environment. */
struct problem *s3_store_open(struct arena *arena, struct str bucket_and_query,
                              struct store *store);

/* PROBLEM_UNAVAILABLE with `what` and errno for the log. */
struct problem *store_failed(struct arena *arena, const char *what);

#endif
