/* Frame heads and boxes: see protocol.h. Pure functions over bytes, so that they can be fuzzed. */
#include "reader/protocol.h"

static uint32_t u32be(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

bool frame_head_read(const uint8_t head[FRAME_HEAD], size_t max, struct frame_head *ret)
{
    uint32_t n = u32be(head);
    if (n == 0 || n - 1 > max || memchr("LRPHSJGXE", head[4], 9) == NULL)
        return false;
    *ret = (struct frame_head){.type = (enum frame_type)head[4], .n = n - 1};
    return true;
}

void frame_head_write(enum frame_type type, size_t n, uint8_t ret[FRAME_HEAD])
{
    uint32_t length = (uint32_t)n + 1;
    ret[0] = (uint8_t)(length >> 24);
    ret[1] = (uint8_t)(length >> 16);
    ret[2] = (uint8_t)(length >> 8);
    ret[3] = (uint8_t)length;
    ret[4] = (uint8_t)type;
}

bool frame_pages_read(struct str payload, struct frame_box *boxes, size_t *ret_count,
                      struct str *ret_file)
{
    const uint8_t *p = (const uint8_t *)payload.p;
    if (payload.n < 4)
        return false;
    uint32_t count = u32be(p);
    if (count > FRAME_BOXES_MAX || (payload.n - 4) / FRAME_BOX_LEN < count)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *at = p + 4 + (size_t)i * FRAME_BOX_LEN;
        boxes[i] = (struct frame_box){u32be(at), u32be(at + 4), u32be(at + 8), u32be(at + 12),
                                      u32be(at + 16)};
    }
    size_t head = 4 + (size_t)count * FRAME_BOX_LEN;
    *ret_count = count;
    *ret_file = (struct str){payload.p + head, payload.n - head};
    return true;
}

void frame_box_add(struct buf *out, struct frame_box box)
{
    buf_add_u32be(out, box.page);
    buf_add_u32be(out, box.x);
    buf_add_u32be(out, box.y);
    buf_add_u32be(out, box.w);
    buf_add_u32be(out, box.h);
}

bool frame_step_read(struct str payload, int *ret_done, int *ret_of)
{
    const uint8_t *p = (const uint8_t *)payload.p;
    if (payload.n != FRAME_STEP_LEN)
        return false;
    uint32_t done = u32be(p), of = u32be(p + 4);
    if (of < 1 || of > 1000 || done > of)
        return false;
    *ret_done = (int)done;
    *ret_of = (int)of;
    return true;
}

void frame_step_write(int done, int of, uint8_t ret[FRAME_STEP_LEN])
{
    for (int i = 0; i < 4; i++) {
        ret[i] = (uint8_t)((uint32_t)done >> (24 - 8 * i));
        ret[4 + i] = (uint8_t)((uint32_t)of >> (24 - 8 * i));
    }
}
