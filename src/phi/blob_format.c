/* The form of an encrypted object: see blob_format.h. */
#include "phi/blob_format.h"

#include "base/cleanup.h"

static const char magic[4] = {'N', 'X', 'B', '1'};

size_t blob_sealed_max(size_t plain)
{
    return BLOB_HEADER_LEN + plain + (plain / BLOB_CHUNK + 1) * GCM_TAG_LEN;
}

/* The file key and the associated data follow from the header and the name. */
static void coder_start(struct blob_coder *coder, const struct key *blob_key, struct str name)
{
    CLEANUP(buf_free) struct buf info = BUF_MAX(128);
    buf_add_z(&info, "nexacore blob ");
    hex_add(&info, coder->header + BLOB_HEADER_LEN - BLOB_SALT_LEN, BLOB_SALT_LEN);
    coder->file_key = key_derive(blob_key, info.data);
    coder->chunk = 0;
    coder->aad = BUF_MAX(4096);
    buf_add(&coder->aad, coder->header, BLOB_HEADER_LEN);
    buf_add_str(&coder->aad, name);
}

void blob_coder_new(struct blob_coder *coder, const struct key *blob_key, int version,
                    struct str name)
{
    memcpy(coder->header, magic, sizeof(magic));
    for (int i = 0; i < 4; i++)
        coder->header[4 + i] = (uint8_t)((uint32_t)version >> (24 - 8 * i));
    random_bytes(coder->header + BLOB_HEADER_LEN - BLOB_SALT_LEN, BLOB_SALT_LEN);
    coder_start(coder, blob_key, name);
}

bool blob_version(struct str sealed, int *ret_version)
{
    if (sealed.n < BLOB_HEADER_LEN + GCM_TAG_LEN || memcmp(sealed.p, magic, sizeof(magic)) != 0)
        return false;
    uint32_t version = 0;
    for (int i = 0; i < 4; i++)
        version = version << 8 | (uint8_t)sealed.p[4 + i];
    *ret_version = (int)version;
    return version > 0 && version <= INT32_MAX;
}

void blob_coder_open(struct blob_coder *coder, const struct key *blob_key, struct str sealed,
                     struct str name)
{
    memcpy(coder->header, sealed.p, BLOB_HEADER_LEN);
    coder_start(coder, blob_key, name);
}

void blob_coder_done(struct blob_coder *coder)
{
    key_wipe(&coder->file_key);
    buf_free(&coder->aad);
}

static void nonce_next(struct blob_coder *coder, bool last, uint8_t ret[GCM_IV_LEN])
{
    memset(ret, 0, GCM_IV_LEN);
    for (int i = 0; i < 4; i++)
        ret[7 + i] = (uint8_t)(coder->chunk >> (24 - 8 * i));
    ret[11] = last;
    coder->chunk++;
}

void blob_chunk_seal(struct blob_coder *coder, struct str plain, bool last, uint8_t *ret)
{
    uint8_t iv[GCM_IV_LEN];
    nonce_next(coder, last, iv);
    gcm_seal(&coder->file_key, iv, buf_str(&coder->aad), plain, ret, ret + plain.n);
}

static bool chunk_open(struct blob_coder *coder, struct str sealed, bool last, uint8_t *ret)
{
    uint8_t iv[GCM_IV_LEN];
    nonce_next(coder, last, iv);
    struct str body = {sealed.p, sealed.n - GCM_TAG_LEN};
    return gcm_open(&coder->file_key, iv, buf_str(&coder->aad), body,
                    (const uint8_t *)body.p + body.n, ret);
}

bool blob_open_in_place(struct blob_coder *coder, char *sealed, size_t n, size_t *ret_len)
{
    size_t at = BLOB_HEADER_LEN;
    size_t len = 0;
    bool last = false;
    while (!last) {
        size_t chunk = n - at;
        last = chunk <= BLOB_CHUNK + GCM_TAG_LEN;
        if (!last)
            chunk = BLOB_CHUNK + GCM_TAG_LEN;
        if (chunk < GCM_TAG_LEN || (chunk == GCM_TAG_LEN && len > 0) ||
            !chunk_open(coder, (struct str){sealed + at, chunk}, last, (uint8_t *)sealed + at)) {
            wipe(sealed, n);
            return false;
        }
        memmove(sealed + len, sealed + at, chunk - GCM_TAG_LEN);
        len += chunk - GCM_TAG_LEN;
        at += chunk;
    }
    *ret_len = len;
    return true;
}
