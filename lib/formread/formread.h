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

/* Reads a form: appends one JSON object to `json`:
 * {"pages":[{"w","h","rotation","skew","scale"}], "language":"es|en", "ocrConfidence":0..1,
 *  "text":"...", "words":[{"page","start","end","conf","box":[x,y,w,h]}],
 *  "fields":[{"key","text","alt","confidence","page","box","ink"}],
 *  "symptoms":[{"concept","checked":true|false|null,"confidence","page","box"}],
 *  "ms":{"decode","ocr","extract"}}
 * `start` and `end` of a word are byte offsets into `text`. Texts are raw: they may hold card
 * numbers. Scratch memory comes from `arena`. */
enum formread_refusal formread_read(struct formread *fr, struct arena *arena, struct str file,
                                    struct buf *json);

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
