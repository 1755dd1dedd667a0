/* store_tool URL put KEY | get KEY | delete KEY | check: one object, bytes on stdin or stdout.
 *
 * Exit 0; 1 with the problem's kind and words on stderr; 2 for wrong use. */
#include <stdio.h>

#include "base/cleanup.h"
#include "store/store.h"

#define OBJECT_MAX (64U * 1024U * 1024U)

static struct problem *put_stdin(struct store *store, struct arena *arena, const char *key)
{
    CLEANUP(store_put_abort) struct store_put *put = NULL;
    TRY(store_put_begin(store, arena, key, &put));
    char chunk[8192];
    size_t n;
    while ((n = fread(chunk, 1, sizeof(chunk), stdin)) > 0)
        TRY(store_put_add(put, (struct str){chunk, n}));
    return store_put_commit(&put);
}

static struct problem *get_stdout(struct store *store, struct arena *arena, const char *key)
{
    CLEANUP(buf_free) struct buf out = BUF_MAX(OBJECT_MAX);
    TRY(store_get(store, arena, key, OBJECT_MAX, &out));
    fwrite(out.data, 1, out.len, stdout);
    return NULL;
}

static struct problem *run(struct arena *arena, const char *url, struct str verb, const char *key)
{
    CLEANUP(store_free) struct store *store = NULL;
    TRY(store_open(arena, url, &store));
    if (str_eq(verb, STR("put")))
        return put_stdin(store, arena, key);
    if (str_eq(verb, STR("get")))
        return get_stdout(store, arena, key);
    if (str_eq(verb, STR("delete")))
        return store_delete(store, arena, key);
    return store_check(store, arena);
}

int main(int argc, char **argv)
{
    if (argc != 3 && argc != 4) {
        fprintf(stderr, "usage: store_tool URL put KEY | get KEY | delete KEY | check\n");
        return 2;
    }
    CLEANUP(arena_free) struct arena *arena = arena_new(1U << 20);
    struct problem *p = run(arena, argv[1], str_of(argv[2]), argc == 4 ? argv[3] : "");
    if (p)
        fprintf(stderr, "%s: %s (%s)\n", problem_slug(p->kind), p->detail, p->cause);
    return p ? 1 : 0;
}
