/* For test/integration/phi.test.mjs: one call of src/phi against a real database and store.
 *
 * phi_probe CLINIC create | seal TABLE COLUMN ROW | open TABLE COLUMN ROW VERSION | index KIND |
 *           put KEY | get KEY | delete KEY | threads | steady
 * Values on stdin and stdout; sealed ones in hex. NEXACORE_DATABASE_URL, NEXACORE_MASTER_KEY_FILE
 * and NEXACORE_STORE_URL say where. Not installed. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "app/app.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "phi/keyring.h"
#include "store/store.h"

#define VALUE_MAX (32U << 20)

static struct problem *create(const struct ctx *cx)
{
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_WRITE));
    TRY(keyring_create(&tx, cx));
    return pg_tx_commit(&tx);
}

static struct phi_place place_of(char **argv)
{
    struct phi_place place = {.table = argv[0], .column = argv[1]};
    if (!uuid_parse(str_of(argv[2]), &place.row))
        exit(2);
    return place;
}

static struct problem *seal(const struct ctx *cx, char **argv, struct str in, struct buf *out)
{
    struct str sealed;
    int version;
    TRY(phi_seal(cx, place_of(argv), phi_of(in), &sealed, &version));
    hex_add(out, sealed.p, sealed.n);
    fprintf(stderr, "%d\n", version);
    return NULL;
}

static struct problem *open_value(const struct ctx *cx, char **argv, struct str in, struct buf *out)
{
    struct phi value;
    uint64_t version;
    in = str_trim(in);
    char *sealed = arena_alloc(cx->arena, in.n / 2 + 1);
    if (!hex_read(in, sealed, in.n / 2) || !str_u64(str_of(argv[3]), 1000, &version))
        exit(2);
    TRY(phi_open(cx, place_of(argv), (struct str){sealed, in.n / 2}, (int)version, &value));
    buf_add_str(out, phi_reveal(value));
    return NULL;
}

static struct problem *index_value(const struct ctx *cx, const char *kind, struct str in,
                                   struct buf *out)
{
    struct str hex;
    TRY(phi_index(cx, kind, phi_of(in), &hex));
    buf_add_str(out, hex);
    return NULL;
}

static struct problem *put_in_pieces(const struct ctx *cx, const char *key, struct str in)
{
    CLEANUP(blob_abort) struct blob_writer *w = NULL;
    TRY(blob_begin(cx, key, &w));
    for (size_t at = 0; at < in.n; at += 7000)
        TRY(blob_add(w, (struct str){in.p + at, in.n - at < 7000 ? in.n - at : 7000}));
    return blob_commit(&w);
}

static struct problem *run_threads(const struct ctx *cx, struct buf *out);
static struct problem *run_steady(const struct ctx *cx, struct buf *out);

static struct problem *run(const struct ctx *cx, int argc, char **argv, struct str in,
                           struct buf *out)
{
    struct str verb = str_of(argv[0]);
    if (str_eq(verb, STR("create")))
        return create(cx);
    if (str_eq(verb, STR("seal")) && argc == 4)
        return seal(cx, argv + 1, in, out);
    if (str_eq(verb, STR("open")) && argc == 5)
        return open_value(cx, argv + 1, in, out);
    if (str_eq(verb, STR("index")) && argc == 2)
        return index_value(cx, argv[1], in, out);
    if (str_eq(verb, STR("put")) && argc == 2)
        return put_in_pieces(cx, argv[1], in);
    if (str_eq(verb, STR("get")) && argc == 2)
        return blob_get(cx, argv[1], VALUE_MAX, out);
    if (str_eq(verb, STR("delete")) && argc == 2)
        return blob_delete(cx, argv[1]);
    if (str_eq(verb, STR("threads")))
        return run_threads(cx, out);
    if (str_eq(verb, STR("steady")))
        return run_steady(cx, out);
    exit(2);
}

/* ---- threads: sealing and opening while another thread makes the ring read its keys anew
 * -------*/

#define THREADS 4
#define ROUNDS  2000

struct worker {
    const struct ctx *cx;
    size_t wrong;
};

static void *seal_and_open(void *arg)
{
    struct worker *worker = arg;
    struct ctx cx = *worker->cx;
    struct phi_place place = {.table = "patients", .column = "full_name", .row = uuid_v7()};
    CLEANUP(arena_free) struct arena *arena = arena_new(16U << 20);
    cx.arena = arena;
    for (size_t i = 0; i < ROUNDS; i++, arena_reset(arena)) {
        struct phi in = phi_of(str_of(arena_fmt(arena, "value %zu", i))), out;
        struct str sealed;
        int version;
        if (phi_seal(&cx, place, in, &sealed, &version) ||
            phi_open(&cx, place, sealed, version, &out) || !phi_eq(in, out))
            worker->wrong++;
    }
    return NULL;
}

static struct problem *run_threads(const struct ctx *cx, struct buf *out)
{
    pthread_t threads[THREADS];
    struct worker workers[THREADS];
    int64_t from = clock_mono_us();
    for (size_t i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.cx = cx};
        if (pthread_create(&threads[i], NULL, seal_and_open, &workers[i]) != 0)
            return problem_new(cx->arena, PROBLEM_INTERNAL, "no thread");
    }
    for (int i = 0; i < 50; i++) {
        keyring_forget(cx->app->keys, cx->clinic_id);
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
    size_t wrong = 0;
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        wrong += workers[i].wrong;
    }
    fprintf(stderr, "%d seals and opens in %lld us\n", THREADS * ROUNDS,
            (long long)(clock_mono_us() - from));
    buf_addf(out, "%zu wrong", wrong);
    return NULL;
}

/* Seals ten times a second for eight seconds: the test takes the database away meanwhile. */
static struct problem *run_steady(const struct ctx *cx, struct buf *out)
{
    struct phi_place place = {.table = "patients", .column = "full_name", .row = uuid_v7()};
    int64_t slowest_us = 0;
    int failed = 0;
    for (int i = 0; i < 80; i++) {
        struct str sealed;
        int version;
        int64_t from = clock_mono_us();
        failed += phi_seal(cx, place, phi_of(STR("value")), &sealed, &version) != NULL;
        int64_t took_us = clock_mono_us() - from;
        slowest_us = took_us > slowest_us ? took_us : slowest_us;
        if (i == 0)
            fprintf(stderr, "started\n");
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
    buf_addf(out, "%d failed, %s", failed, slowest_us < 3000000 ? "none slow" : "some slow");
    return NULL;
}

static void read_all(struct buf *in)
{
    size_t n;
    do {
        char *room = buf_room(in, 65536);
        n = room ? fread(room, 1, 65536, stdin) : 0;
        in->len += n;
    } while (n > 0);
}

int main(int argc, char **argv)
{
    struct uuid clinic;
    const char *url = getenv("NEXACORE_DATABASE_URL");
    const char *master = getenv("NEXACORE_MASTER_KEY_FILE");
    const char *store = getenv("NEXACORE_STORE_URL");
    if (argc < 3 || !uuid_parse(str_of(argv[1]), &clinic) || !url || !master)
        return 2;
    CLEANUP(arena_free) struct arena *arena = arena_new(256U << 20);
    CLEANUP(pg_conn_free) struct pg_conn *db = pg_conn_new(url, "phi_probe");
    CLEANUP(buf_free) struct buf in = BUF_SECRET(VALUE_MAX);
    CLEANUP(buf_free) struct buf out = BUF_SECRET(2 * VALUE_MAX);
    struct app app = {.database_url = url};
    struct problem *p = keyring_open(master, &app.keys);
    if (!p && store)
        p = store_open(arena, store, &app.store);
    struct ctx cx = ctx_system(&app, arena, db, clinic, "");
    read_all(&in);
    if (!p)
        p = run(&cx, argc - 2, argv + 2, buf_str(&in), &out);
    keyring_free(&app.keys);
    store_free(&app.store);
    if (p)
        fprintf(stderr, "%s: %s (%s)\n", problem_slug(p->kind), p->detail, p->cause);
    fwrite(out.data ? out.data : "", 1, out.len, stdout);
    return p ? 1 : 0;
}
