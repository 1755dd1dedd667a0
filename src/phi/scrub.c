/* The one door from raw to scrubbed text: see scrub.h. */
#include "phi/scrub.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "pan/pan.h"

struct scrubbed_text scrub(struct arena *arena, struct raw_text raw)
{
    if (!raw.bytes_.p)
        return (struct scrubbed_text){.s = STR_NONE};
    CLEANUP(buf_free) struct buf masked = BUF_SECRET(PAN_MASK_ROOM(raw.bytes_.n));
    bool found = pan_mask(raw.bytes_, &masked);
    if (masked.overflowed) /* never by pan_mask's promise; a half-masked text must not leave */
        return (struct scrubbed_text){.s = arena_str(arena, STR_NONE), .found = true};
    return (struct scrubbed_text){.s = arena_str(arena, buf_str(&masked)), .found = found};
}
