/* Fuzzing what the reader does with hostile bytes before a decoder sees them, the frames between
 * reader and parent, and the trusted half's normal forms of whatever text comes back. */
#include <stdlib.h>

#include "base/cleanup.h"
#include "formread/field.h"
#include "formread/sniff.h"
#include "reader/protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void headers_check(struct str file)
{
    struct formread_sniffed s;
    if (formread_sniff(file, &s) != FORMREAD_OK)
        return;
    if (s.pages < 0 || s.pages > FORMREAD_PAGES_MAX)
        abort();
    for (int i = 0; i < s.pages; i++)
        if ((uint64_t)s.page[i].w * s.page[i].h > FORMREAD_PIXELS_MAX ||
            s.page[i].orientation < 1 || s.page[i].orientation > 8)
            abort();
}

static void frames_check(const uint8_t *data, size_t n)
{
    static struct frame_box boxes[FRAME_BOXES_MAX];
    struct frame_head head;
    struct str file, payload = {(const char *)data, n};
    size_t count = 0;
    if (n >= FRAME_HEAD && frame_head_read(data, FRAME_ASK_MAX, &head) && head.n > FRAME_ASK_MAX)
        abort();
    if (frame_pages_read(payload, boxes, &count, &file) &&
        (count > FRAME_BOXES_MAX || file.n > n || file.p + file.n != payload.p + n))
        abort();
}

static void values_check(struct str text)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(1U << 22);
    for (int f = 0; f < FIELD__COUNT; f++) {
        struct str normal;
        double fit = field_normal(arena, (enum field)f, text, DATE_DAY_FIRST, &normal);
        if (fit < 0 || fit > 1 || (fit > 0) != (normal.n > 0))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str input = {(const char *)data, n};
    headers_check(input);
    frames_check(data, n);
    if (n < 3000)
        values_check(input);
    return 0;
}
