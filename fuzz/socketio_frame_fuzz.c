/* WebSocket frames from a client, cut by the input's first byte: any cut gives the same messages
 * and the same verdict. */
#include "base/cleanup.h"
#include "base/crypt.h"
#include "socketio/ws.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct heard {
    struct buf all;
};

static bool hear(enum ws_kind kind, struct str data, void *arg)
{
    struct heard *heard = arg;
    buf_add_c(&heard->all, (char)kind);
    buf_add_str(&heard->all, data);
    return kind != WS_CLOSE;
}

static enum ws_code feed(struct str bytes, size_t step, struct heard *heard)
{
    struct ws_in in = {.message_max = 4096};
    enum ws_code code = WS_OK;
    while (bytes.n && !code) {
        size_t n = bytes.n < step ? bytes.n : step;
        code = ws_in_feed(&in, (struct str){bytes.p, n}, hear, heard);
        bytes.p += n, bytes.n -= n;
        if (heard->all.len && heard->all.data[0] == WS_CLOSE)
            break;
    }
    ws_in_free(&in);
    return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct str bytes = {(const char *)data + 1, size - 1};
    struct heard whole = {BUF_MAX(1 << 22)}, cut = {BUF_MAX(1 << 22)};
    enum ws_code one = feed(bytes, bytes.n ? bytes.n : 1, &whole);
    enum ws_code many = feed(bytes, (size_t)data[0] % 17 + 1, &cut);
    bool closed = memchr(whole.all.data ? whole.all.data : "", WS_CLOSE, whole.all.len) != NULL;
    if (!closed && (one != many || !str_eq(buf_str(&whole.all), buf_str(&cut.all))))
        __builtin_trap();
    buf_free(&whole.all);
    buf_free(&cut.all);
    return 0;
}
