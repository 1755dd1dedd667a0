/* Fuzzing what the reader does with hostile bytes before a decoder sees them, the frames between
 * reader and parent, learned layouts, and what the trusted half makes of whatever text and JSON
 * come back. What lies between a decoded page and that JSON: form_fuzz.c. */
#include <math.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "formread/layout.h"
#include "formread/sniff.h"
#include "intake/parsed.h"
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

/* A child that was taken over answers what it likes. */
static void answer_check(struct str json)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(64U << 20);
    CLEANUP(buf_free) struct buf out = BUF_MAX(16U << 20);
    struct parsed_policy policy = {0};
    struct parsed_form *form = NULL;
    if (parsed_from_reader(arena, json, &policy, &form) == NULL) {
        struct jw w = jw_to(&out);
        parsed_write_json(form, PARSED_STORED, &w);
        if (out.overflowed || parsed_from_json(arena, buf_str(&out), &form) != NULL)
            abort();
    }
    (void)parsed_from_json(arena, json, &form);
}

static void layouts_check(struct str json)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(64U << 20);
    struct layout *layouts = arena_array(arena, LAYOUTS_MAX, sizeof(*layouts));
    struct layout_fit fits[LAYOUT_PAGES_MAX] = {{0}};
    size_t count = layouts_from_json(arena, json, layouts);
    for (size_t i = 0; i < count && i < 3; i++) {
        int best = layout_match(arena, layouts, count, &layouts[i], fits);
        if (best < -1 || best >= (int)count)
            abort();
        for (size_t f = 0; best >= 0 && f < layouts[best].field_count; f++) {
            const struct layout_field *field = &layouts[best].fields[f];
            if (fits[field->page].anchors > 0 &&
                !isfinite(layout_map(&fits[field->page], field->at).w))
                abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str input = {(const char *)data, n};
    headers_check(input);
    frames_check(data, n);
    if (n < 3000)
        values_check(input);
    if (n > 0 && data[0] == '{')
        answer_check(input);
    if (n > 0 && data[0] == '[')
        layouts_check(input);
    return 0;
}
