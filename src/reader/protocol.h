/* Frames between a process and its jailed reader: u32 length (big endian), one type byte, bytes.
 *
 *   parent -> reader   'L' JSON                           learned layouts (formread/layout.h) for
 * the next 'R' alone; not answered 'R' file bytes                     read the form 'P' u32 count,
 * boxes, file bytes   render its pages with boxes blacked out reader -> parent   'H' ready: models
 * loaded, jail closed 'S' u32 done, u32 of               so many steps of reading are done 'J' JSON
 * what was read (formread.h) 'G' u32 page, PNG bytes            one page 'X' refusal code why not
 * (refusal.h) 'E'                                end of the answer An answer is S... J E, G... E or
 * S... X E. A box is u32 page and x, y, w, h in millionths of the page, all u32 big endian. The
 * length counts the type byte and what follows. Both sides refuse a frame above their limit: the
 * other side is then broken, and the parent kills the reader. */
#ifndef NEXACORE_READER_PROTOCOL_H
#define NEXACORE_READER_PROTOCOL_H

#include "base/buf.h"

enum frame_type {
    FRAME_LAYOUTS = 'L',
    FRAME_READ = 'R',
    FRAME_PAGES = 'P',
    FRAME_HELLO = 'H',
    FRAME_STEP = 'S',
    FRAME_JSON = 'J',
    FRAME_PAGE = 'G',
    FRAME_REFUSED = 'X',
    FRAME_END = 'E',
};

#define FRAME_HEAD      5
#define FRAME_STEP_LEN  8
#define FRAME_ASK_MAX   ((20U << 20) + (64U << 10)) /* a file and its boxes */
#define FRAME_JSON_MAX  (8U << 20)
#define FRAME_PAGE_MAX  (160U << 20) /* PNG of 50 megapixels of noise */
#define FRAME_BOXES_MAX 500
#define FRAME_BOX_LEN   20

struct frame_head {
    enum frame_type type;
    size_t n; /* bytes that follow the type */
};

struct frame_box {
    uint32_t page, x, y, w, h; /* millionths */
};

/* Reads five bytes. False when the length is 0 or above `max`, or the type unknown. */
bool frame_head_read(const uint8_t head[FRAME_HEAD], size_t max, struct frame_head *ret);
void frame_head_write(enum frame_type type, size_t n, uint8_t ret[FRAME_HEAD]);

/* The payload of 'P': boxes into `boxes` (room for FRAME_BOXES_MAX), the file after them. */
bool frame_pages_read(struct str payload, struct frame_box *boxes, size_t *ret_count,
                      struct str *ret_file);
void frame_box_add(struct buf *out, struct frame_box box);

/* The payload of 'S': `of` is 1 to 1000 and `done` at most that. */
bool frame_step_read(struct str payload, int *ret_done, int *ret_of);
void frame_step_write(int done, int of, uint8_t ret[FRAME_STEP_LEN]);

#endif
