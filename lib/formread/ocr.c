/* Tesseract: page to words with boxes, crop to one line, page to orientation.
 *
 * The rule not to break: no call here may open a file; all models are loaded in formread_open,
 * before the jail closes. */
#include "formread/hand_data.h"
#include "formread/hand.h"
#include "formread/page.h"
#include "formread/text.h"

#include <string.h>

static TessBaseAPI *model_load(const char *language)
{
    TessBaseAPI *api = TessBaseAPICreate();
    if (api == NULL)
        return NULL;
    if (TessBaseAPIInit3(api, NULL, language) != 0) {
        TessBaseAPIDelete(api);
        return NULL;
    }
    TessBaseAPISetVariable(api, "debug_file", "/dev/null");
    TessBaseAPISetVariable(api, "user_defined_dpi", "200");
    return api;
}

struct formread *formread_open(const char **ret_why)
{
    struct formread *fr = lept_calloc(1, sizeof(*fr));
    if (fr == NULL)
        return NULL;
    setMsgSeverity(L_SEVERITY_NONE);
    fr->spa = model_load("spa");
    fr->eng = model_load("eng");
    fr->osd = model_load("osd");
    if (fr->osd != NULL) /* it looks at five times as many signs: 100 of a page tell its side */
        TessBaseAPISetVariable(fr->osd, "min_characters_to_try", "20");
    fr->hand = hand_open(hand_data, sizeof(hand_data));
    if (fr->spa && fr->eng && fr->osd && fr->hand)
        return fr;
    *ret_why = !fr->spa   ? "tesseract model spa"
               : !fr->eng ? "tesseract model eng"
               : !fr->osd ? "tesseract model osd"
                          : "the built-in model of handwriting";
    formread_close(&fr);
    return NULL;
}

void formread_close(struct formread **fr)
{
    if (*fr == NULL)
        return;
    hand_close(&(*fr)->hand);
    TessBaseAPI *apis[] = {(*fr)->spa, (*fr)->eng, (*fr)->osd};
    for (size_t i = 0; i < ARRAY_LEN(apis); i++) {
        if (apis[i] != NULL) {
            TessBaseAPIEnd(apis[i]);
            TessBaseAPIDelete(apis[i]);
        }
    }
    lept_free(*fr);
    *fr = NULL;
}

static bool word_take(struct arena *arena, TessResultIterator *it, struct word *ret)
{
    const TessPageIterator *at = TessResultIteratorGetPageIteratorConst(it);
    char *text = TessResultIteratorGetUTF8Text(it, RIL_WORD);
    int left, top, right, bottom;
    bool ok = text && TessPageIteratorBoundingBox(at, RIL_WORD, &left, &top, &right, &bottom);
    if (ok) {
        ret->text = arena_str(arena, str_of(text));
        ret->folded = text_fold(arena, ret->text);
        ret->conf = (double)TessResultIteratorConfidence(it, RIL_WORD) / 100;
        ret->r = (struct rect){left, top, right - left, bottom - top};
    }
    TessDeleteText(text);
    return ok && ret->text.n > 0;
}

static void words_collect(struct arena *arena, TessBaseAPI *api, struct page *page)
{
    TessResultIterator *it = TessBaseAPIGetIterator(api);
    page->words = arena_array(arena, WORDS_MAX, sizeof(*page->words));
    page->count = 0;
    if (it == NULL)
        return;
    do {
        if (word_take(arena, it, &page->words[page->count]))
            page->count++;
    } while (page->count < WORDS_MAX && TessResultIteratorNext(it, RIL_WORD));
    TessResultIteratorDelete(it);
}

/* Median height of words with letters, and the mean confidence by length. */
static void words_measure(struct arena *arena, struct page *page)
{
    int *heights = arena_array(arena, page->count + 1, sizeof(int));
    size_t n = 0;
    double sum = 0, weight = 0;
    for (size_t i = 0; i < page->count; i++) {
        const struct word *w = &page->words[i];
        if (w->folded.n < 2)
            continue;
        size_t at = n++;
        for (; at > 0 && heights[at - 1] > w->r.h; at--)
            heights[at] = heights[at - 1];
        heights[at] = w->r.h;
        sum += w->conf * (double)w->folded.n;
        weight += (double)w->folded.n;
    }
    page->em = n ? heights[n / 2] : 28;
    page->em = page->em < 12 ? 12 : page->em > 80 ? 80 : page->em;
    page->conf = weight > 0 ? sum / weight : 0;
}

bool page_read(struct formread *fr, struct arena *arena, struct page *page)
{
    TessBaseAPISetPageSegMode(fr->spa, PSM_SPARSE_TEXT);
    TessBaseAPISetImage2(fr->spa, page->clean);
    bool ok = TessBaseAPIRecognize(fr->spa, NULL) == 0;
    if (ok)
        words_collect(arena, fr->spa, page);
    TessBaseAPIClear(fr->spa);
    words_measure(arena, page);
    return ok;
}

int page_orientation(struct formread *fr, PIX *grey)
{
    int degrees = 0;
    float conf = 0, script_conf = 0;
    const char *script = NULL;
    TessBaseAPISetPageSegMode(fr->osd, PSM_OSD_ONLY);
    TessBaseAPISetImage2(fr->osd, grey);
    bool ok = TessBaseAPIDetectOrientationScript(fr->osd, &degrees, &conf, &script, &script_conf);
    TessBaseAPIClear(fr->osd);
    if (!ok || conf < 0.5f)
        return 0;
    return (4 - degrees / 90) % 4; /* it says how far the page is turned counter-clockwise */
}

struct str line_read(TessBaseAPI *api, struct arena *arena, PIX *pix, bool lines, double *ret_conf)
{
    *ret_conf = 0;
    TessBaseAPISetPageSegMode(api, lines ? PSM_SINGLE_BLOCK : PSM_SINGLE_LINE);
    TessBaseAPISetImage2(api, pix);
    struct str out = STR_NONE;
    if (TessBaseAPIRecognize(api, NULL) == 0) {
        char *text = TessBaseAPIGetUTF8Text(api);
        for (char *c = text; c && *c; c++)
            *c = *c == '\n' ? ' ' : *c;
        out = text ? str_trim(arena_str(arena, str_of(text))) : STR_NONE;
        *ret_conf = (double)TessBaseAPIMeanTextConf(api) / 100;
        TessDeleteText(text);
    }
    TessBaseAPIClear(api);
    return out;
}
