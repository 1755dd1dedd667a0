/* Tests of the parts of src/phi that need no database: object form, wrapped keys, the type wall.
 * Sealing, indexing and the key ring are tested in test/integration/phi.test.mjs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "phi/blob_format.h"
#include "phi/scrub.h"
#include "phi/wrap.h"

#define NAME "clinic/a/intake/b/original"

static const struct key blob_key = {{1, 2, 3}};

/* ---- objects ---------------------------------------------------------------------------------*/

static void seal_object(struct str plain, struct str name, struct buf *out)
{
    CLEANUP(blob_coder_done) struct blob_coder coder;
    blob_coder_new(&coder, &blob_key, 7, name);
    buf_add(out, coder.header, BLOB_HEADER_LEN);
    bool last = false;
    while (!last) {
        size_t n = plain.n < BLOB_CHUNK ? plain.n : BLOB_CHUNK;
        last = n == plain.n;
        uint8_t *room = (uint8_t *)buf_room(out, n + GCM_TAG_LEN);
        assert_non_null(room);
        blob_chunk_seal(&coder, (struct str){plain.p, n}, last, room);
        out->len += n + GCM_TAG_LEN;
        plain.p += n;
        plain.n -= n;
    }
}

/* Opens a copy; true when the clear text is `want`, false when it is refused and wiped. */
static bool opens_to(struct str sealed, struct str name, struct str want)
{
    CLEANUP(blob_coder_done) struct blob_coder coder = {.chunk = 0};
    CLEANUP(buf_free) struct buf copy = BUF_MAX(sealed.n + 1);
    int version;
    size_t len = 0;
    buf_add_str(&copy, sealed);
    if (!blob_version(sealed, &version))
        return false;
    blob_coder_open(&coder, &blob_key, sealed, name);
    if (!blob_open_in_place(&coder, copy.data, copy.len, &len)) {
        for (size_t i = 0; i < copy.len; i++)
            assert_int_equal(copy.data[i], 0);
        return false;
    }
    assert_true(str_eq((struct str){copy.data, len}, want));
    return true;
}

static void fill(struct buf *out, size_t n)
{
    char *room = buf_room(out, n);
    assert_non_null(room);
    for (size_t i = 0; i < n; i++)
        room[i] = (char)(i * 7 + i / 251);
    out->len += n;
}

static void test_objects_of_every_size_around_a_chunk_open(void **state)
{
    (void)state;
    static const size_t sizes[] = {0,     1,      15,     16,     65535, 65536,
                                   65537, 131071, 131072, 131073, 200000};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        CLEANUP(buf_free) struct buf plain = BUF_MAX(1 << 20);
        CLEANUP(buf_free) struct buf sealed = BUF_MAX(1 << 20);
        if (sizes[i])
            fill(&plain, sizes[i]);
        seal_object(buf_str(&plain), STR(NAME), &sealed);
        assert_true(sealed.len <= blob_sealed_max(sizes[i]));
        assert_true(opens_to(buf_str(&sealed), STR(NAME), buf_str(&plain)));
    }
}

static void test_every_changed_byte_of_an_object_is_refused(void **state)
{
    (void)state;
    CLEANUP(buf_free) struct buf plain = BUF_MAX(1000);
    CLEANUP(buf_free) struct buf sealed = BUF_MAX(2000);
    fill(&plain, 300);
    seal_object(buf_str(&plain), STR(NAME), &sealed);
    for (size_t i = 0; i < sealed.len; i++) {
        sealed.data[i] ^= 1;
        assert_false(opens_to(buf_str(&sealed), STR(NAME), buf_str(&plain)));
        sealed.data[i] ^= 1;
    }
}

static void test_an_object_cut_anywhere_is_refused(void **state)
{
    (void)state;
    CLEANUP(buf_free) struct buf plain = BUF_MAX(1 << 20);
    CLEANUP(buf_free) struct buf sealed = BUF_MAX(1 << 20);
    fill(&plain, 2 * BLOB_CHUNK + 100);
    seal_object(buf_str(&plain), STR(NAME), &sealed);
    const size_t chunk = BLOB_CHUNK + GCM_TAG_LEN;
    const size_t cuts[] = {0,
                           39,
                           40,
                           56,
                           BLOB_HEADER_LEN + chunk - 1,
                           BLOB_HEADER_LEN + chunk,
                           BLOB_HEADER_LEN + chunk + 5,
                           BLOB_HEADER_LEN + 2 * chunk,
                           BLOB_HEADER_LEN + 2 * chunk + GCM_TAG_LEN,
                           sealed.len - 1};
    for (size_t i = 0; i < ARRAY_LEN(cuts); i++)
        assert_false(opens_to((struct str){sealed.data, cuts[i]}, STR(NAME), buf_str(&plain)));
    buf_add_c(&sealed, 0);
    assert_false(opens_to(buf_str(&sealed), STR(NAME), buf_str(&plain)));
}

static void test_swapped_chunks_are_refused(void **state)
{
    (void)state;
    CLEANUP(buf_free) struct buf plain = BUF_MAX(1 << 20);
    CLEANUP(buf_free) struct buf sealed = BUF_MAX(1 << 20);
    CLEANUP(buf_free) struct buf swapped = BUF_MAX(1 << 20);
    fill(&plain, 3 * BLOB_CHUNK);
    seal_object(buf_str(&plain), STR(NAME), &sealed);
    const size_t chunk = BLOB_CHUNK + GCM_TAG_LEN;
    const char *chunks = sealed.data + BLOB_HEADER_LEN;
    buf_add(&swapped, sealed.data, BLOB_HEADER_LEN);
    buf_add(&swapped, chunks + chunk, chunk);
    buf_add(&swapped, chunks, chunk);
    buf_add(&swapped, chunks + 2 * chunk, chunk);
    assert_false(opens_to(buf_str(&swapped), STR(NAME), buf_str(&plain)));
}

static void test_an_object_under_another_name_is_refused(void **state)
{
    (void)state;
    CLEANUP(buf_free) struct buf sealed = BUF_MAX(2000);
    seal_object(STR("page one"), STR(NAME), &sealed);
    assert_true(opens_to(buf_str(&sealed), STR(NAME), STR("page one")));
    assert_false(opens_to(buf_str(&sealed), STR("clinic/a/intake/c/original"), STR("page one")));
}

static void test_a_chunk_of_another_object_is_refused(void **state)
{
    (void)state;
    CLEANUP(buf_free) struct buf a = BUF_MAX(2000);
    CLEANUP(buf_free) struct buf b = BUF_MAX(2000);
    seal_object(STR("page one"), STR(NAME), &a);
    seal_object(STR("page two"), STR(NAME), &b);
    memcpy(a.data + BLOB_HEADER_LEN, b.data + BLOB_HEADER_LEN, a.len - BLOB_HEADER_LEN);
    assert_false(opens_to(buf_str(&a), STR(NAME), STR("page two")));
}

static void test_the_header_names_the_key_version(void **state)
{
    (void)state;
    CLEANUP(buf_free) struct buf sealed = BUF_MAX(2000);
    int version = 0;
    seal_object(STR("x"), STR(NAME), &sealed);
    assert_true(blob_version(buf_str(&sealed), &version));
    assert_int_equal(version, 7);
    assert_false(blob_version(STR("%PDF-1.7 and so on, long enough to hold a header and a tag...."),
                              &version));
}

/* ---- wrapped keys ----------------------------------------------------------------------------*/

static const struct key master = {{9, 9, 9}};
static const struct uuid clinic_a = {{0xa}};
static const struct uuid clinic_b = {{0xb}};

static void test_a_wrapped_key_opens_only_where_it_belongs(void **state)
{
    (void)state;
    const struct key other_master = {{8}};
    struct key key = {{42}}, back = {{0}};
    CLEANUP(buf_free) struct buf wrapped = BUF_MAX(200);
    key_wrap(&master, clinic_a, 3, "data", &key, &wrapped);
    assert_true(key_unwrap(&master, clinic_a, 3, "data", buf_str(&wrapped), &back));
    assert_memory_equal(&key, &back, sizeof(key));
    assert_false(key_unwrap(&master, clinic_b, 3, "data", buf_str(&wrapped), &back));
    assert_false(key_unwrap(&master, clinic_a, 2, "data", buf_str(&wrapped), &back));
    assert_false(key_unwrap(&master, clinic_a, 3, "pepper", buf_str(&wrapped), &back));
    assert_false(key_unwrap(&other_master, clinic_a, 3, "data", buf_str(&wrapped), &back));
    for (size_t i = 0; i < wrapped.len; i++) {
        wrapped.data[i] ^= 0x80;
        assert_false(key_unwrap(&master, clinic_a, 3, "data", buf_str(&wrapped), &back));
        wrapped.data[i] ^= 0x80;
    }
}

struct file_world {
    char dir[40];
    char path[64];
};

static int setup(void **state)
{
    static struct file_world w;
    w = (struct file_world){.dir = "/tmp/phi-test-XXXXXX"};
    assert_non_null(mkdtemp(w.dir));
    snprintf(w.path, sizeof(w.path), "%s/master", w.dir);
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    struct file_world *w = *state;
    unlink(w->path);
    rmdir(w->dir);
    return 0;
}

static void write_file(const char *path, struct str text, mode_t mode)
{
    CLEANUP(fd_close) int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, mode);
    assert_int_equal(write(fd, text.p, text.n), text.n);
    assert_int_equal(fchmod(fd, mode), 0);
}

static void test_a_new_master_key_reads_back_and_is_never_replaced(void **state)
{
    struct file_world *w = *state;
    struct key a, b;
    struct stat st;
    assert_null(master_key_new(w->path));
    assert_int_equal(stat(w->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_null(master_key_read(w->path, &a));
    assert_int_equal(master_key_new(w->path)->kind, PROBLEM_CONFLICT);
    assert_null(master_key_read(w->path, &b));
    assert_memory_equal(&a, &b, sizeof(a));
}

static void test_a_master_key_is_32_bytes_or_64_hex_digits(void **state)
{
    struct file_world *w = *state;
    struct key key;
    write_file(w->path, STR("0123456789abcdef0123456789abcdef"), 0600);
    assert_null(master_key_read(w->path, &key));
    assert_memory_equal(key.b, "0123456789abcdef0123456789abcdef", KEY_LEN);
    write_file(w->path, STR("00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF\r\n"),
               0600);
    assert_null(master_key_read(w->path, &key));
    assert_int_equal(key.b[31], 0xff);
    static const struct str bad[] = {
        STR(""), STR("short"), STR("0123456789abcdef0123456789abcdef0"),
        STR("0x112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"),
        STR("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00")};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        write_file(w->path, bad[i], 0600);
        assert_non_null(strstr(master_key_read(w->path, &key)->detail, "64 hex digits"));
    }
}

static void test_a_master_key_that_others_may_read_is_refused(void **state)
{
    struct file_world *w = *state;
    static const mode_t modes[] = {0640, 0604, 0620, 0666};
    struct key key;
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        write_file(w->path, STR("0123456789abcdef0123456789abcdef"), modes[i]);
        assert_non_null(strstr(master_key_read(w->path, &key)->detail, "chmod 600"));
    }
    assert_non_null(master_key_read(w->dir, &key));
    assert_non_null(master_key_read("/nonexistent/key", &key));
}

/* ---- the type wall ---------------------------------------------------------------------------*/

static void test_scrub_masks_a_card_and_says_so(void **state)
{
    (void)state;
    CLEANUP(arena_free) struct arena *arena = arena_new(1 << 20);
    struct scrubbed_text t = scrub(arena, (struct raw_text){STR("pays with 4111 1111 1111 1111")});
    assert_true(t.found);
    assert_null(memmem(t.s.p, t.s.n, "4111 1111", 9));
    assert_non_null(memmem(t.s.p, t.s.n, "************1111", 16));
    t = scrub(arena, (struct raw_text){STR("chest pain since 07:30")});
    assert_false(t.found);
    assert_true(str_eq(t.s, STR("chest pain since 07:30")));
}

static void test_scrub_keeps_absent_and_empty_apart(void **state)
{
    (void)state;
    CLEANUP(arena_free) struct arena *arena = arena_new(1 << 20);
    assert_null(scrub(arena, (struct raw_text){STR_NONE}).s.p);
    struct scrubbed_text t = scrub(arena, (struct raw_text){STR("")});
    assert_non_null(t.s.p);
    assert_int_equal(t.s.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_objects_of_every_size_around_a_chunk_open),
        cmocka_unit_test(test_every_changed_byte_of_an_object_is_refused),
        cmocka_unit_test(test_an_object_cut_anywhere_is_refused),
        cmocka_unit_test(test_swapped_chunks_are_refused),
        cmocka_unit_test(test_an_object_under_another_name_is_refused),
        cmocka_unit_test(test_a_chunk_of_another_object_is_refused),
        cmocka_unit_test(test_the_header_names_the_key_version),
        cmocka_unit_test(test_a_wrapped_key_opens_only_where_it_belongs),
        cmocka_unit_test_setup_teardown(test_a_new_master_key_reads_back_and_is_never_replaced,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_master_key_is_32_bytes_or_64_hex_digits, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_master_key_that_others_may_read_is_refused, setup,
                                        teardown),
        cmocka_unit_test(test_scrub_masks_a_card_and_says_so),
        cmocka_unit_test(test_scrub_keeps_absent_and_empty_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
