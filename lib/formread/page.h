/* One page on its way through the reader, and the steps that work on it (private to lib/formread).
 *
 * All rectangles here are pixels of the *straightened* page (upright, deskewed, at reading scale);
 * page_display_box() is the one way out to fractions of the displayed page. */
#ifndef NEXACORE_FORMREAD_PAGE_H
#define NEXACORE_FORMREAD_PAGE_H

#include <leptonica/allheaders.h>
#include <tesseract/capi.h>

#include "base/cleanup.h"
#include "formread/formread.h"
#include "formread/sniff.h"

#define INK_LEVEL 150 /* of 255 after the background was evened to 200 */

struct rect {
    int x, y, w, h;
};

struct fbox { /* fractions of the displayed page */
    double x, y, w, h;
};

struct word {
    struct str text;   /* as read, UTF-8 */
    struct str folded; /* lower case ASCII letters and digits alone */
    double conf;       /* 0..1 */
    struct rect r;
    int owner;         /* what a label made of it: 0 free, else see labels.h */
    size_t start, end; /* in the form's text */
};

struct page {
    int number;
    PIX *grey;   /* 8 bpp, background evened out, straightened */
    PIX *bin;    /* 1 bpp, ink set */
    PIX *hrules; /* long horizontal lines of bin */
    PIX *vrules; /* long vertical lines of bin */
    PIX *clean;  /* grey without rules: what is read */
    int display_w, display_h;
    int rotation; /* degrees clockwise applied to make it upright: 0, 90, 180, 270 */
    double scale_x, scale_y;
    double skew;    /* degrees clockwise applied after that */
    bool rectified; /* a sheet was pulled out of a photo: `back` leads from it to the photo */
    int upright_w, upright_h, sheet_w, sheet_h;
    float back[8];
    struct boxes *squares; /* boxes.h */
    struct word *words;
    size_t count;
    int em;      /* height of a usual word's box */
    double conf; /* mean word confidence, weighted by length */
};

struct formread {
    TessBaseAPI *spa, *eng, *osd;
    struct hand *hand; /* handwriting, hand.h */
};

#define WORDS_MAX 4000

void pix_free(PIX **pix); /* for CLEANUP */
void page_free(struct page *page);

/* decode.c: page `index` as 8 bpp grey in the displayed frame, EXIF orientation applied. */
struct decoder;
enum formread_refusal decoder_open(struct str file, struct decoder **ret);
void decoder_close(struct decoder **d);
int decoder_pages(const struct decoder *d);
/* Renders or decodes; `colour` keeps 32 bpp. `ret_aspect`: horizontal per vertical resolution. */
enum formread_refusal decoder_page(struct decoder *d, int index, bool colour, PIX **ret,
                                   double *ret_aspect);

/* decode_pdf.c */
enum formread_refusal pdf_open(struct str file, void **ret, int *ret_pages);
void pdf_close(void **pdf);
enum formread_refusal pdf_page(void *pdf, int index, PIX **ret);

/* straighten.c: fills everything of `page` but words from the displayed picture (consumed).
 * `turn`: quarter turns clockwise known to be needed. */
bool page_straighten(struct page *page, PIX *display, double aspect, int turn);
struct fbox page_display_box(const struct page *page, struct rect r);

/* rectify.c: the sheet of a photo pulled into a rectangle, or the picture as it is. Sets
 * page->rectified and page->back. */
PIX *page_rectify(struct page *page, PIX *grey);
/* A point of the sheet, in pixels, to the picture it was cut from. */
void rectified_point(const struct page *page, double *x, double *y);

/* rules.c: finds ruled lines and makes page->clean. */
bool page_find_rules(struct page *page);
/* True when a rule of `rules` crosses the rectangle: at least `share` of its longer side is ink. */
bool rule_in(PIX *rules, struct rect r, double share);
/* x of the vertical rules that cross most of `r`'s height; returns how many (at most `max`). */
int rule_columns(const struct page *page, struct rect r, int *xs, int max);
/* Share of ink pixels in `r` of a 1 bpp image. */
double ink_share(PIX *bin, struct rect r);
/* The smallest rectangle around ink in `r` of `bin` without rules; w 0 when there is none. */
struct rect ink_bounds(const struct page *page, struct rect r);

/* `r` grown up and down, by `reach` at most, to the ends of the strokes whose middle it holds. */
struct rect ink_reach(const struct page *page, struct rect r, int reach);

/* ocr.c */
bool page_read(struct formread *fr, struct arena *arena, struct page *page);
/* Quarter turns clockwise that make the page upright, or 0 when the page does not tell. */
int page_orientation(struct formread *fr, PIX *grey);
/* One line of text in `pix` (8 bpp), or some `lines`. Text into the arena, confidence 0..1. */
struct str line_read(TessBaseAPI *api, struct arena *arena, PIX *pix, bool lines, double *ret_conf);

static inline struct rect rect_join(struct rect a, struct rect b)
{
    if (a.w <= 0)
        return b;
    if (b.w <= 0)
        return a;
    int x = a.x < b.x ? a.x : b.x, y = a.y < b.y ? a.y : b.y;
    int right = a.x + a.w > b.x + b.w ? a.x + a.w : b.x + b.w;
    int bottom = a.y + a.h > b.y + b.h ? a.y + a.h : b.y + b.h;
    return (struct rect){x, y, right - x, bottom - y};
}

static inline struct rect rect_meet(struct rect a, struct rect b)
{
    int x = a.x > b.x ? a.x : b.x, y = a.y > b.y ? a.y : b.y;
    int right = a.x + a.w < b.x + b.w ? a.x + a.w : b.x + b.w;
    int bottom = a.y + a.h < b.y + b.h ? a.y + a.h : b.y + b.h;
    if (right <= x || bottom <= y)
        return (struct rect){x, y, 0, 0};
    return (struct rect){x, y, right - x, bottom - y};
}

static inline bool rect_has_centre(struct rect outer, struct rect inner)
{
    int cx = inner.x + inner.w / 2, cy = inner.y + inner.h / 2;
    return cx >= outer.x && cx < outer.x + outer.w && cy >= outer.y && cy < outer.y + outer.h;
}

#endif
