/* Fuzzing everything between a decoded page and the trusted half's form: rules, boxes, lines,
 * labels, values, cells, crops, checkboxes, secrets, learned layouts and the JSON between the
 * halves.
 *
 * The input draws a small page and says what Tesseract and the network of handwriting would read on
 * it: those two are stood in for here (this file's line_read, page_read and hand_read are linked
 * instead of theirs), so that a run takes milliseconds and any words may stand anywhere. The rule
 * not to break: the stand-ins keep the promises of the real ones (UTF-8 texts, confidences 0..1,
 * boxes within the page) and no others. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "formread/hand.h"
#include "formread/layout.h"
#include "formread/page.h"
#include "formread/text.h"
#include "intake/parsed.h"
#include "json/json_in.h"
#include "pan/pan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define PAGES_MAX 2
#define WORDS_FED 60
#define ARENA_MAX (256U << 20)

/* ---- the input's bytes, zeros after the last ------------------------------------------------- */

struct feed {
    const uint8_t *p;
    size_t n;
};
static struct feed feed;

static unsigned take(unsigned below)
{
    if (feed.n == 0 || below < 2)
        return 0;
    feed.n--;
    return *feed.p++ % below;
}

/* What stands on forms; other words are made of letters and digits below. */
static const char *const texts[] = {
    "Full",
    "Name:",
    "Patient",
    "name",
    "Date",
    "of",
    "Birth:",
    "DOB",
    "(MM/DD/YYYY)",
    "Nombre",
    "completo:",
    "Fecha",
    "de",
    "nacimiento",
    "Teléfono:",
    "Phone",
    "SSN",
    "Cédula",
    "Insurance",
    "ID#",
    "EPS:",
    "Reason",
    "for",
    "visit:",
    "Motivo",
    "consulta",
    "Allergies:",
    "Alergias",
    "Medications",
    "BP:",
    "BP",
    "TA",
    "HR",
    "FC",
    "FR",
    "RR",
    "SpO2",
    "Temp.",
    "Temperature",
    "Pain",
    "AVPU",
    "Consciousness",
    "Card",
    "number:",
    "Tarjeta",
    "Exp.",
    "CVV",
    "Fever",
    "Cough",
    "Fiebre",
    "Tos",
    "Chest",
    "pain",
    "Dolor",
    "torácico",
    "[X]",
    "[",
    "]",
    "( )",
    "YES",
    "NO",
    "SI",
    "Circle",
    "all",
    "that",
    "apply",
    "4111",
    "1111",
    "378282246310005",
    "4111111111111111",
    "12/27",
    "123",
    "120/80",
    "98.6",
    "37,2",
    "°F",
    "98%",
    "88",
    "10/23/1995",
    "28",
    "junio",
    "1965",
    "123-45-6789",
    "555-010-0199",
    "Ana",
    "Peña",
    "ABC1234567",
    ":",
    "#",
    "______",
    ".....",
    "%B4111111111111111^A/B^27121010000000000?",
    "|",
    "Alert",
};

static struct str text_take(struct arena *arena, bool line)
{
    struct buf out = BUF_MAX(400);
    for (unsigned words = line ? 1 + take(4) : 1; words > 0; words--) {
        unsigned kind = take(4);
        if (out.len > 0)
            buf_add_c(&out, ' ');
        if (kind < 2)
            buf_add_z(&out, texts[take(ARRAY_LEN(texts))]);
        else
            for (unsigned i = 1 + take(12); i > 0; i--)
                buf_add_c(&out, (char)(kind == 2 ? '0' + take(10) : ' ' + take(95)));
    }
    struct str text = str_trim(arena_str(arena, buf_str(&out)));
    buf_free(&out);
    return text;
}

/* ---- stand-ins for Tesseract and the network ------------------------------------------------- */

bool page_read(struct formread *fr, struct arena *arena, struct page *page)
{
    int w = pixGetWidth(page->clean), h = pixGetHeight(page->clean);
    (void)fr;
    page->words = arena_array(arena, WORDS_MAX, sizeof(*page->words));
    page->count = 0;
    page->em = 12 + (int)take(24);
    page->conf = take(101) / 100.0;
    for (unsigned i = take(WORDS_FED); i > 0; i--) {
        struct word *word = &page->words[page->count];
        word->text = text_take(arena, false);
        if (word->text.n == 0)
            continue;
        word->folded = text_fold(arena, word->text);
        word->conf = take(101) / 100.0;
        word->r.x = (int)take(256) * (w - 1) / 255;
        word->r.y = (int)take(64) * (h - 1) / 63;
        word->r.w = (int)word->text.n * page->em * 3 / 5;
        word->r.h = page->em / 2 + (int)take((unsigned)page->em);
        word->r = rect_meet(word->r, (struct rect){0, 0, w, h});
        page->count += word->r.w > 0;
    }
    return true;
}

int page_orientation(struct formread *fr, PIX *grey)
{
    (void)fr;
    (void)grey;
    return (int)take(4);
}

struct str line_read(TessBaseAPI *api, struct arena *arena, PIX *pix, bool lines, double *ret_conf)
{
    (void)api;
    (void)lines;
    if (pixGetDepth(pix) != 8)
        abort();
    *ret_conf = take(101) / 100.0;
    return text_take(arena, true);
}

int TessBaseAPIIsValidWord(TessBaseAPI *handle, const char *word)
{
    (void)handle;
    return word[0] != 0 && take(2);
}

int hand_read(struct hand *hand, struct arena *arena, PIX *pix, enum hand_signs signs,
              struct hand_text ret[HAND_BEST])
{
    int n = (int)take(HAND_BEST + 1);
    double left = 1;
    (void)hand;
    (void)signs;
    if (pixGetDepth(pix) != 8)
        abort();
    for (int i = 0; i < n; i++) {
        ret[i] = (struct hand_text){text_take(arena, false), left * take(101) / 100.0};
        left -= ret[i].conf;
    }
    return n;
}

/* ---- drawing --------------------------------------------------------------------------------- */

#define PAPER 245
#define PEN   20

struct sheet {
    int w, h;
    uint8_t *grey;
};

static void fill(struct sheet *s, struct rect r, uint8_t grey)
{
    r = rect_meet(r, (struct rect){0, 0, s->w, s->h});
    for (int y = r.y; r.w > 0 && y < r.y + r.h; y++)
        memset(s->grey + (size_t)y * (size_t)s->w + r.x, grey, (size_t)r.w);
}

static void frame(struct sheet *s, struct rect r, int thick)
{
    fill(s, (struct rect){r.x, r.y, r.w, thick}, PEN);
    fill(s, (struct rect){r.x, r.y + r.h - thick, r.w, thick}, PEN);
    fill(s, (struct rect){r.x, r.y, thick, r.h}, PEN);
    fill(s, (struct rect){r.x + r.w - thick, r.y, thick, r.h}, PEN);
}

static void ring(struct sheet *s, struct rect r)
{
    for (int i = 0; i < 4 * (r.w + r.h); i++) { /* a diamond is round enough at this size */
        double t = (double)i / (r.w + r.h) - 2, u = t < 0 ? -t : t;
        double x = u - 1, y = (t < 0 ? -1 : 1) * (1 - (x < 0 ? -x : x));
        fill(s, (struct rect){r.x + (int)((x + 1) * r.w / 2), r.y + (int)((y + 1) * r.h / 2), 1, 1},
             PEN);
    }
}

/* `n` of them beside or under each other: cells, columns of boxes, leaders, writing. */
static void shapes_draw(struct sheet *s)
{
    unsigned kind = take(7), count = 1 + take(12), down = take(2), thick = 1 + take(2);
    struct rect r = {(int)take(256) * s->w / 256, (int)take(256) * s->h / 256, 1 + (int)take(64),
                     1 + (int)take(24)};
    int step = (int)take(32);
    for (; count > 0; count--) {
        switch (kind) {
        case 0: /* a rule: of the page's width, or its height */
            fill(s,
                 down ? (struct rect){r.x, r.y, s->w, (int)thick}
                      : (struct rect){r.x, r.y, (int)thick, s->h},
                 PEN);
            break;
        case 1:
        case 2:
            frame(s, r, (int)thick);
            break;
        case 3:
            fill(s, r, PEN);
            break;
        case 4:
            ring(s, r);
            break;
        case 5: /* strokes, as writing has them */
            for (int x = r.x; x < r.x + r.w; x += 4)
                fill(s, (struct rect){x, r.y + (int)take(3), 1 + (int)take(2), r.h}, PEN);
            break;
        default:
            fill(s, r, (uint8_t)take(256));
            break;
        }
        r.x += down ? 0 : step;
        r.y += down ? step : 0;
    }
}

static void le(struct buf *b, unsigned v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        buf_add_c(b, (char)(v >> (8 * i)));
}

/* The pages as one plain TIFF: eight bits, nothing packed. */
static void tiff_add(struct buf *file, const struct sheet *s, bool last)
{
    enum { ENTRIES = 9 };
    unsigned ifd = (unsigned)file->len, bytes = (unsigned)(s->w * s->h);
    unsigned strip = ifd + 2 + ENTRIES * 12 + 4;
    const unsigned tags[ENTRIES][2] = {{256, (unsigned)s->w},
                                       {257, (unsigned)s->h},
                                       {258, 8},
                                       {259, 1},
                                       {262, 1},
                                       {273, strip},
                                       {277, 1},
                                       {278, (unsigned)s->h},
                                       {279, bytes}};
    le(file, ENTRIES, 2);
    for (int i = 0; i < ENTRIES; i++) {
        le(file, tags[i][0], 2);
        le(file, 4, 2);
        le(file, 1, 4);
        le(file, tags[i][1], 4);
    }
    le(file, last ? 0 : strip + bytes, 4);
    buf_add(file, s->grey, bytes);
}

static void file_draw(struct arena *arena, struct buf *file)
{
    buf_add(file, "II*\0\x08\0\0\0", 8);
    for (unsigned pages = 1 + (take(8) == 0); pages > 0; pages--) {
        struct sheet s = {40 + (int)take(80), 40 + (int)take(80), NULL};
        s.grey = arena_alloc(arena, (size_t)(s.w * s.h));
        fill(&s, (struct rect){0, 0, s.w, s.h}, PAPER);
        for (unsigned shapes = take(24); shapes > 0; shapes--)
            shapes_draw(&s);
        tiff_add(file, &s, pages == 1);
    }
}

/* ---- what must hold -------------------------------------------------------------------------- */

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void box_check(const json_t *box)
{
    must(json_array_size(box) == 4);
    for (size_t i = 0; i < 4; i++) {
        double v = json_number_value(json_array_get(box, i));
        must(v >= 0 && v <= 1);
    }
}

static void items_check(const json_t *items, size_t pages)
{
    size_t i;
    json_t *item;
    must(json_is_array(items));
    json_array_foreach (items, i, item) {
        const json_t *conf = json_object_get(item, "confidence");
        must(json_integer_value(json_object_get(item, "page")) < (json_int_t)pages);
        must(conf == NULL || (json_number_value(conf) >= 0 && json_number_value(conf) <= 1));
        box_check(json_object_get(item, "box"));
    }
}

/* The trusted half takes what the reader promises, and gives no card number away. */
static void trusted_check(struct arena *arena, struct str json)
{
    struct parsed_form *form = NULL;
    struct parsed_policy policy = {0};
    CLEANUP(buf_free) struct buf out = BUF_MAX(4U << 20);
    must(parsed_from_reader(arena, json, &policy, &form) == NULL);
    struct jw w = jw_to(&out);
    parsed_write_json(form, PARSED_API, &w);
    must(!out.overflowed);
    struct pan_span span;
    must(pan_find(form->text.s, &span, 1) == 0);
}

/* The form's own layout, with a place for each field it has, as a clinic would have learned it. */
static json_t *layout_of(const json_t *root)
{
    json_t *layout = json_deep_copy(json_object_get(root, "constellation"));
    size_t i, k;
    json_t *field;
    if (!json_is_object(layout))
        return layout;
    json_object_set_new(layout, "id", json_string("0b7e3a52-6f0e-4a0e-9d7e-111111111111"));
    json_array_foreach (json_object_get(root, "fields"), i, field) {
        const json_t *at = json_object_get(field, "at");
        json_t *place =
            json_pack("[O,O]", json_object_get(field, "key"), json_object_get(field, "page"));
        for (k = 0; k < 4; k++)
            json_array_append(place, json_array_get(at, k));
        json_array_append_new(json_object_get(layout, "fields"), place);
    }
    return layout;
}

static json_t *form_read(struct arena *arena, struct str file, const struct formread_hints *hints)
{
    struct formread fr = {0};
    json_t *root = NULL;
    CLEANUP(buf_free) struct buf json = BUF_MAX(16U << 20);
    if (formread_read(&fr, arena, file, hints, &json) != FORMREAD_OK)
        return NULL;
    must(!json.overflowed && json_read(arena, buf_str(&json), &root) == NULL);
    size_t pages = json_array_size(json_object_get(root, "pages"));
    must(pages >= 1 && pages <= PAGES_MAX);
    items_check(json_object_get(root, "words"), pages);
    items_check(json_object_get(root, "fields"), pages);
    items_check(json_object_get(root, "sensitive"), pages);
    items_check(json_object_get(root, "symptoms"), pages);
    trusted_check(arena, buf_str(&json));
    return root;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(ARENA_MAX);
    CLEANUP(buf_free) struct buf file = BUF_MAX(1U << 20);
    setMsgSeverity(L_SEVERITY_NONE);
    feed = (struct feed){data, n};
    bool again = take(4) == 0;
    file_draw(arena, &file);
    struct feed words = feed;
    struct formread_hints hints = {0};
    CLEANUP(json_done) json_t *root = form_read(arena, buf_str(&file), &hints);
    if (root == NULL || !again)
        return 0;
    CLEANUP(json_done) json_t *layouts = json_array();
    json_array_append_new(layouts, layout_of(root));
    char *text = json_dumps(layouts, 0);
    hints.layouts = str_of(text);
    feed = words;
    CLEANUP(json_done) json_t *learned = form_read(arena, buf_str(&file), &hints);
    must(learned != NULL);
    free(text);
    return 0;
}
