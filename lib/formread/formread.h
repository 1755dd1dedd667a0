/* From the bytes of an uploaded form to words, fields, checkboxes and safe page images.
 *
 * Everything here handles hostile bytes with large decoders (libjpeg, libtiff, poppler, Tesseract),
 * so it runs only inside the jailed process `nexacore-reader`, never in a process that holds keys.
 * The rule not to break: limits are checked on the headers before a decoder sees the file.
 *
 * Boxes that leave this library are fractions of the page as displayed (EXIF orientation applied),
 * top-left origin. */
#ifndef NEXACORE_FORMREAD_H
#define NEXACORE_FORMREAD_H

#include "base/arena.h"
#include "base/buf.h"
#include "formread/refusal.h"

struct formread; /* the loaded models; one a process, not thread safe */

/* Loads the Tesseract models spa, eng and osd (from TESSDATA_PREFIX or the system's place). NULL
 * when a model is missing; `ret_why` then says which. Opens files: call it before the jail. */
struct formread *formread_open(const char **ret_why);
void formread_close(struct formread **fr);

/* Called as reading goes on, `done` of `of` steps; false stops (the form is then FORMREAD_DAMAGED).
 */
typedef bool formread_step_fn(void *user, int done, int of);

/* What is known before a form is read; all of it may be left out. */
struct formread_hints {
    struct str layouts; /* the clinic's learned layouts, JSON (layout.h) */
    formread_step_fn *step;
    void *user;
};

/* Reads a form: appends one JSON object to `json`:
 * {"pages":[{"w","h","rotation","skew","scale"}], "language":"es|en", "ocrConfidence":0..1,
 *  "text":"...", "words":[{"page","start","end","conf","label","box":[x,y,w,h],"at":[x,y,w,h]}],
 *  "fields":[{"key","text","confidence","page","ink","learned","box","at"}],
 *  "sensitive":[{"key","page","box"}],
 *  "symptoms":[{"concept","checked":true|false|null,"confidence","page","box"}],
 *  "constellation":{"id":"","anchors":[["name",page,x,y,w,h]],"fields":[]},
 *  "layout":{"id","anchors","fields"}|null, "hidden":"...", "ms":{"decode","ocr","extract"}}
 * `at` and the constellation are as in layout.h: widths of the straightened page. `layout` is the
 * known one that this form is; fields found through it say `learned`. A word of a label or of a
 * checkbox says `label`. `start` and `end` of a word are byte offsets into `text`. Texts are raw:
 * they may hold card numbers. `sensitive`: what must be blacked out, by the card field's key.
 * `hidden`: metadata and a PDF's text that no page need show, where it has digits enough for a card
 * number (hidden.h); null when there was too much of it; left out when there is none.
 * Scratch memory comes from `arena`. */
enum formread_refusal formread_read(struct formread *fr, struct arena *arena, struct str file,
                                    const struct formread_hints *hints, struct buf *json);

/* A rectangle to black out, in fractions of the displayed page. */
struct formread_box {
    int page;
    double x, y, w, h;
};

/* Called with each page's PNG in order; false stops. */
typedef bool formread_page_fn(void *user, int page, struct str png);

/* Renders pages `first`..`last` (0-based, `last` -1: to the end) as PNG with `boxes` filled black.
 * The PNG is made from pixels alone: no metadata of the upload survives. */
enum formread_refusal formread_render(struct arena *arena, struct str file, int first, int last,
                                      const struct formread_box *boxes, size_t count,
                                      formread_page_fn *page, void *user);

#endif
