/* Fuzzing the reader of encrypted objects: hostile bytes are refused, and an object made here opens
 * only as long as it is exactly what was made. */
#include <stdlib.h>

#include "base/cleanup.h"
#include "phi/blob_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const struct key blob_key = {{1}};

static bool opens(struct str object, struct buf *copy, size_t *ret_len)
{
    CLEANUP(blob_coder_done) struct blob_coder coder = {.chunk = 0};
    int version;
    if (!blob_version(object, &version))
        return false;
    buf_add_str(copy, object);
    blob_coder_open(&coder, &blob_key, object, STR("a/b"));
    return blob_open_in_place(&coder, copy->data, copy->len, ret_len);
}

static void make(struct str plain, struct buf *out)
{
    CLEANUP(blob_coder_done) struct blob_coder coder;
    blob_coder_new(&coder, &blob_key, 1, STR("a/b"));
    buf_add(out, coder.header, BLOB_HEADER_LEN);
    uint8_t *room = (uint8_t *)buf_room(out, plain.n + GCM_TAG_LEN);
    blob_chunk_seal(&coder, plain, true, room);
    out->len += plain.n + GCM_TAG_LEN;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    CLEANUP(buf_free) struct buf copy = BUF_MAX(1 << 20);
    CLEANUP(buf_free) struct buf object = BUF_MAX(1 << 20);
    CLEANUP(buf_free) struct buf again = BUF_MAX(1 << 20);
    size_t len = 0;
    if (n < 8 || n > BLOB_CHUNK)
        return 0;
    if (opens((struct str){(const char *)data, n}, &copy, &len))
        abort(); /* nobody guesses a tag */

    /* The first bytes say where to change a good object by how much. */
    struct str plain = {(const char *)data + 4, n - 4};
    make(plain, &object);
    size_t at = ((size_t)data[0] << 16 | (size_t)data[1] << 8 | data[2]) % object.len;
    object.data[at] ^= (char)data[3];
    bool good = opens(buf_str(&object), &again, &len);
    if (good != (data[3] == 0) || (good && !str_eq((struct str){again.data, len}, plain)))
        abort();
    return 0;
}
