/* UUIDs: version 7 for new ids, version 8 for derived ones (RFC 9562). */
#include "base/uuid.h"

#include "base/clock.h"
#include "base/crypt.h"

static void stamp(struct uuid *id, uint8_t version)
{
    id->b[6] = (uint8_t)((id->b[6] & 0x0F) | (version << 4));
    id->b[8] = (uint8_t)((id->b[8] & 0x3F) | 0x80);
}

struct uuid uuid_v7(void)
{
    struct uuid id;
    random_bytes(id.b, sizeof(id.b));
    uint64_t ms = (uint64_t)(clock_wall_us() / 1000);
    for (int i = 0; i < 6; i++)
        id.b[i] = (uint8_t)(ms >> (40 - 8 * i));
    stamp(&id, 7);
    return id;
}

struct uuid uuid_derived(struct uuid space, struct str name)
{
    struct buf text = BUF_MAX(1 << 20);
    buf_add(&text, space.b, sizeof(space.b));
    buf_add_str(&text, name);
    uint8_t digest[SHA256_LEN];
    sha256(buf_str(&text), digest);
    buf_free(&text);
    struct uuid id;
    memcpy(id.b, digest, sizeof(id.b));
    stamp(&id, 8);
    return id;
}

bool uuid_parse(struct str s, struct uuid *ret)
{
    if (s.n != UUID_TEXT_LEN || s.p[8] != '-' || s.p[13] != '-' || s.p[18] != '-' || s.p[23] != '-')
        return false;
    char hex[32];
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        if (i != 8 && i != 13 && i != 18 && i != 23)
            hex[n++] = s.p[i];
    struct uuid id;
    if (!hex_read((struct str){hex, n}, id.b, sizeof(id.b)))
        return false;
    *ret = id;
    return true;
}

void uuid_text(struct uuid id, char ret_text[UUID_TEXT_LEN + 1])
{
    static const char hex[] = "0123456789abcdef";
    char *out = ret_text;
    for (size_t i = 0; i < sizeof(id.b); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *out++ = '-';
        *out++ = hex[id.b[i] >> 4];
        *out++ = hex[id.b[i] & 15];
    }
    *out = '\0';
}

bool uuid_eq(struct uuid a, struct uuid b)
{
    return memcmp(a.b, b.b, sizeof(a.b)) == 0;
}

bool uuid_is_none(struct uuid id)
{
    return uuid_eq(id, UUID_NONE);
}

const char *uuid_z(struct uuid id)
{
    static _Thread_local char texts[8][UUID_TEXT_LEN + 1];
    static _Thread_local unsigned turn;
    char *text = texts[turn++ % 8];
    uuid_text(id, text);
    return text;
}
