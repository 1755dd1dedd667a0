/* One form from bytes to JSON: the order of the steps, and the writing of what they found. */
#include "formread/formread.h"

#include "base/clock.h"
#include "formread/hidden.h"
#include "formread/register.h"
#include "formread/text.h"
#include "formread/values.h"
#include "json/json_out.h"

#define LOW_CONF     0.55 /* below it the page may stand on its side or head */
#define FEW_WORDS    12
#define SYMPTOMS_MAX 64

struct form {
    struct page page[FORMREAD_PAGES_MAX];
    struct lines lines[FORMREAD_PAGES_MAX];
    struct label *labels[FORMREAD_PAGES_MAX];
    int label_count[FORMREAD_PAGES_MAX];
    struct boxes *brackets[FORMREAD_PAGES_MAX];
    int pages;
    struct value values[VALUES_MAX];
    int value_count;
    struct symptom symptoms[SYMPTOMS_MAX];
    int symptom_count;
    struct secrets secrets;
    struct buf text, hidden;
    const struct formread_hints *hints;
    struct layout constellation;
    struct registered registered;
    int64_t decode_us, ocr_us, extract_us;
};

static void form_free(struct form **form)
{
    for (int i = 0; i < (*form)->pages; i++)
        page_free(&(*form)->page[i]);
    buf_free(&(*form)->text);
    buf_free(&(*form)->hidden);
}

static bool page_level(struct page *page, int number, PIX *display, double aspect, int turn)
{
    struct boxes *squares = page->squares;
    page_free(page);
    *page = (struct page){.number = number, .squares = squares};
    return page_straighten(page, pixClone(display), aspect, turn);
}

static bool page_bare(struct page *page)
{
    return page_find_rules(page) && page_find_boxes(page, page->squares);
}

static bool page_prepare(struct page *page, int number, PIX *display, double aspect, int turn)
{
    return page_level(page, number, display, aspect, turn) && page_bare(page);
}

static bool doubtful(const struct page *page)
{
    return page->conf < LOW_CONF || page->count < FEW_WORDS;
}

/* Reads the page as it stands; when that goes badly, asks for the orientation and tries that. */
static enum formread_refusal page_make(struct formread *fr, struct arena *arena, struct form *form,
                                       int number, PIX *display, double aspect)
{
    struct page *page = &form->page[number];
    page->squares = arena_make(arena, struct boxes);
    int64_t start = clock_mono_us();
    bool ok = page_level(page, number, display, aspect, 0);
    int turn = 0;
    if (ok && pixGetWidth(page->grey) > pixGetHeight(page->grey)) /* forms stand upright */
        turn = page_orientation(fr, page->grey);
    ok = ok && (turn == 0 || page_level(page, number, display, aspect, turn)) && page_bare(page);
    form->decode_us += clock_mono_us() - start;
    start = clock_mono_us();
    ok = ok && page_read(fr, arena, page);
    if (ok && turn == 0 && doubtful(page)) {
        double conf = page->conf;
        size_t count = page->count;
        turn = page_orientation(fr, page->grey);
        if (turn != 0)
            ok = page_prepare(page, number, display, aspect, turn) && page_read(fr, arena, page);
        if (ok && turn != 0 && page->conf * (double)page->count < conf * (double)count)
            ok = page_prepare(page, number, display, aspect, 0) && page_read(fr, arena, page);
    }
    form->ocr_us += clock_mono_us() - start;
    return ok ? FORMREAD_OK : FORMREAD_DAMAGED;
}

/* Gives every word its place in the form's text: lines as read, a blank line between pages. */
static void text_add(struct form *form, int number)
{
    struct page *page = &form->page[number];
    const struct lines *lines = &form->lines[number];
    for (int l = 0; l < lines->count; l++) {
        for (int i = 0; i < lines->line[l].count; i++) {
            struct word *w = &page->words[lines->order[lines->line[l].first + i]];
            if (i > 0)
                buf_add_c(&form->text, ' ');
            w->start = form->text.len;
            buf_add_str(&form->text, w->text);
            w->end = form->text.len;
        }
        buf_add_c(&form->text, '\n');
    }
    buf_add_c(&form->text, '\n');
}

/* Decoding and reading are a step each for a page, finding the fields is the last. */
static bool step_done(const struct form *form, int done, int pages)
{
    const struct formread_hints *hints = form->hints;
    return !hints || !hints->step || hints->step(hints->user, done, 2 * pages + 1);
}

static enum formread_refusal pages_read(struct formread *fr, struct arena *arena, struct str file,
                                        struct form *form)
{
    CLEANUP(decoder_close) struct decoder *d = NULL;
    int64_t start = clock_mono_us();
    enum formread_refusal refusal = decoder_open(file, &d);
    for (int i = 0; refusal == FORMREAD_OK && i < decoder_pages(d); i++) {
        CLEANUP(pix_free) PIX *display = NULL;
        double aspect = 1;
        refusal = decoder_page(d, i, false, &display, &aspect);
        if (refusal != FORMREAD_OK)
            break;
        form->decode_us += clock_mono_us() - start;
        form->pages = i + 1;
        if (!step_done(form, 2 * i + 1, decoder_pages(d)))
            return FORMREAD_DAMAGED;
        refusal = page_make(fr, arena, form, i, display, aspect);
        if (refusal == FORMREAD_OK && !step_done(form, 2 * i + 2, decoder_pages(d)))
            return FORMREAD_DAMAGED;
        start = clock_mono_us();
    }
    return refusal;
}

/* The language of the labels decides; without any, common words of the text. */
static enum language language_of(const struct form *form)
{
    static const char *const spanish[] = {"de", "la", "el", "del", "con", "en", "que", "los"};
    static const char *const english[] = {"the", "of", "and", "with", "to", "is", "for", "or"};
    int es = 0, en = 0;
    for (int p = 0; p < form->pages; p++) {
        for (int i = 0; i < form->label_count[p]; i++) {
            int weight = form->labels[p][i].distance == 0 ? 4 : 2;
            *(form->labels[p][i].language == LANGUAGE_ES ? &es : &en) += weight;
        }
        for (size_t w = 0; w < form->page[p].count; w++)
            for (size_t k = 0; k < ARRAY_LEN(spanish); k++) {
                es += str_eq(form->page[p].words[w].folded, str_of(spanish[k]));
                en += str_eq(form->page[p].words[w].folded, str_of(english[k]));
            }
    }
    return en > es ? LANGUAGE_EN : LANGUAGE_ES;
}

/* "(MM/DD/YYYY)" on the form beats the language's habit. */
static enum date_order date_order_of(const struct form *form, enum language language)
{
    for (int p = 0; p < form->pages; p++)
        for (size_t w = 0; w < form->page[p].count; w++) {
            struct str folded = form->page[p].words[w].folded;
            if (str_starts(folded, STR("mmdd")))
                return DATE_MONTH_FIRST;
            if (str_starts(folded, STR("ddmm")))
                return DATE_DAY_FIRST;
        }
    return language == LANGUAGE_EN ? DATE_MONTH_FIRST : DATE_DAY_FIRST;
}

static enum language extract(struct formread *fr, struct arena *arena, struct form *form)
{
    for (int p = 0; p < form->pages; p++) {
        form->labels[p] = arena_array(arena, LABELS_MAX, sizeof(struct label));
        lines_make(arena, &form->page[p], &form->lines[p]);
        text_add(form, p);
        form->brackets[p] = arena_make(arena, struct boxes);
        brackets_find(&form->page[p], form->brackets[p]);
        boxes_mark_words(&form->page[p], form->page[p].squares);
        form->label_count[p] = labels_find(arena, &form->page[p], &form->lines[p], form->labels[p]);
        form->label_count[p] = labels_again(fr, arena, &form->page[p], &form->lines[p],
                                            form->labels[p], form->label_count[p]);
    }
    struct reading rd = {
        .fr = fr, .arena = arena, .language = language_of(form), .secrets = &form->secrets};
    rd.order = date_order_of(form, rd.language);
    for (int p = 0; p < form->pages; p++) {
        form->value_count = values_find(&rd, &form->page[p], &form->lines[p], form->labels[p],
                                        form->label_count[p], form->values, form->value_count);
        secrets_find(&rd, &form->page[p], &form->lines[p], form->labels[p], form->label_count[p]);
        cards_find(&rd, &form->page[p], form->labels[p], form->label_count[p], form->values,
                   form->value_count);
        form->symptom_count =
            symptoms_find(&form->page[p], form->page[p].squares, form->brackets[p], form->labels[p],
                          form->label_count[p], form->symptoms, form->symptom_count, SYMPTOMS_MAX);
    }
    struct read_form read = {form->page, form->lines, form->labels, form->label_count, form->pages};
    constellation_make(arena, &read, &form->constellation);
    if (form->hints)
        form->value_count = layout_values(&rd, &read, &form->constellation, form->hints->layouts,
                                          form->values, form->value_count, &form->registered);
    return rd.language;
}

/* ---- writing --------------------------------------------------------------------------------- */

static void write_box(struct jw *w, const struct page *page, struct rect r)
{
    struct fbox box = page_display_box(page, r);
    jw_key(w, "box");
    jw_arr(w);
    jw_real(w, box.x, 5);
    jw_real(w, box.y, 5);
    jw_real(w, box.w, 5);
    jw_real(w, box.h, 5);
    jw_end(w);
}

/* The same in widths of the straightened page, as layouts are kept. */
static void write_at(struct jw *w, const struct page *page, struct rect r)
{
    struct layout_box box = layout_box_of(page, r);
    jw_key(w, "at");
    jw_arr(w);
    jw_real(w, box.x, 4);
    jw_real(w, box.y, 4);
    jw_real(w, box.w, 4);
    jw_real(w, box.h, 4);
    jw_end(w);
}

static void write_pages(struct jw *w, const struct form *form)
{
    jw_key(w, "pages");
    jw_arr(w);
    for (int p = 0; p < form->pages; p++) {
        const struct page *page = &form->page[p];
        jw_obj(w);
        jw_key(w, "w");
        jw_int(w, page->display_w);
        jw_key(w, "h");
        jw_int(w, page->display_h);
        jw_key(w, "rotation");
        jw_int(w, page->rotation);
        jw_key(w, "skew");
        jw_real(w, page->skew, 2);
        jw_end(w);
    }
    jw_end(w);
}

static void write_words(struct jw *w, const struct form *form)
{
    jw_key(w, "words");
    jw_arr(w);
    for (int p = 0; p < form->pages; p++)
        for (size_t i = 0; i < form->page[p].count; i++) {
            const struct word *word = &form->page[p].words[i];
            jw_obj(w);
            jw_key(w, "page");
            jw_int(w, p);
            jw_key(w, "start");
            jw_int(w, (int64_t)word->start);
            jw_key(w, "end");
            jw_int(w, (int64_t)word->end);
            jw_key(w, "conf");
            jw_real(w, word->conf, 2);
            if (word->owner != 0) {
                jw_key(w, "label");
                jw_bool(w, true);
            }
            write_box(w, &form->page[p], word->r);
            write_at(w, &form->page[p], word->r);
            jw_end(w);
        }
    jw_end(w);
}

static void write_fields(struct jw *w, const struct form *form)
{
    jw_key(w, "fields");
    jw_arr(w);
    for (int i = 0; i < form->value_count; i++) {
        const struct value *v = &form->values[i];
        jw_obj(w);
        jw_key(w, "key");
        jw_z(w, field_key(v->field));
        jw_key(w, "text");
        jw_str(w, v->text);
        jw_key(w, "confidence");
        jw_real(w, v->conf, 3);
        jw_key(w, "page");
        jw_int(w, v->page);
        jw_key(w, "ink");
        jw_bool(w, v->r.w > 0);
        if (v->learned) {
            jw_key(w, "learned");
            jw_bool(w, true);
        }
        write_box(w, &form->page[v->page], v->r);
        write_at(w, &form->page[v->page], v->r);
        jw_end(w);
    }
    jw_end(w);
}

static void write_secrets(struct jw *w, const struct form *form)
{
    jw_key(w, "sensitive");
    jw_arr(w);
    for (int i = 0; i < form->secrets.count; i++) {
        const struct secret *s = &form->secrets.at[i];
        jw_obj(w);
        jw_key(w, "key");
        jw_z(w, field_key(s->field));
        jw_key(w, "page");
        jw_int(w, s->page);
        write_box(w, &form->page[s->page], s->r);
        jw_end(w);
    }
    jw_end(w);
}

static void write_symptoms(struct jw *w, const struct form *form)
{
    jw_key(w, "symptoms");
    jw_arr(w);
    for (int i = 0; i < form->symptom_count; i++) {
        const struct symptom *s = &form->symptoms[i];
        jw_obj(w);
        jw_key(w, "concept");
        jw_z(w, symptom_concept(s->concept));
        jw_key(w, "checked");
        if (s->checked < 0)
            jw_null(w);
        else
            jw_bool(w, s->checked);
        jw_key(w, "confidence");
        jw_real(w, s->conf, 3);
        jw_key(w, "page");
        jw_int(w, s->page);
        write_box(w, &form->page[s->page], s->r);
        jw_end(w);
    }
    jw_end(w);
}

static double form_conf(const struct form *form)
{
    double sum = 0, weight = 0;
    for (int p = 0; p < form->pages; p++) {
        sum += form->page[p].conf * (double)form->page[p].count;
        weight += (double)form->page[p].count;
    }
    return weight > 0 ? sum / weight : 0;
}

/* The places of the labels, and the learned layout they are, if any. */
static void write_layout(struct jw *w, struct arena *arena, const struct form *form)
{
    struct buf text = BUF_MAX(256U << 10);
    layout_to_json(&form->constellation, &text);
    jw_key(w, "constellation");
    jw_raw(w, text.overflowed ? STR("null") : arena_str(arena, buf_str(&text)));
    buf_free(&text);
    jw_key(w, "layout");
    if (form->registered.anchors == 0) {
        jw_null(w);
        return;
    }
    jw_obj(w);
    jw_key(w, "id");
    jw_str(w, form->registered.id);
    jw_key(w, "anchors");
    jw_int(w, form->registered.anchors);
    jw_key(w, "fields");
    jw_int(w, form->registered.fields);
    jw_end(w);
}

static void write_form(struct arena *arena, const struct form *form, enum language language,
                       enum date_order order, struct buf *json)
{
    struct jw w = jw_to(json);
    jw_obj(&w);
    write_pages(&w, form);
    jw_key(&w, "language");
    jw_z(&w, language == LANGUAGE_EN ? "en" : "es");
    jw_key(&w, "dayFirst");
    jw_bool(&w, order == DATE_DAY_FIRST);
    jw_key(&w, "ocrConfidence");
    jw_real(&w, form_conf(form), 3);
    jw_key(&w, "text");
    jw_str(&w, buf_str(&form->text));
    write_words(&w, form);
    write_fields(&w, form);
    write_secrets(&w, form);
    write_symptoms(&w, form);
    write_layout(&w, arena, form);
    if (form->hidden.len > 0 || form->hidden.overflowed) {
        jw_key(&w, "hidden");
        jw_str(&w, form->hidden.overflowed ? STR_NONE : buf_str(&form->hidden));
    }
    jw_key(&w, "ms");
    jw_obj(&w);
    jw_key(&w, "decode");
    jw_int(&w, form->decode_us / 1000);
    jw_key(&w, "ocr");
    jw_int(&w, form->ocr_us / 1000);
    jw_key(&w, "extract");
    jw_int(&w, form->extract_us / 1000);
    jw_end(&w);
    jw_end(&w);
}

enum formread_refusal formread_read(struct formread *fr, struct arena *arena, struct str file,
                                    const struct formread_hints *hints, struct buf *json)
{
    CLEANUP(form_free) struct form *form = arena_make(arena, struct form);
    form->text = BUF_SECRET(1U << 20);
    form->hidden = BUF_SECRET(512U << 10);
    form->hints = hints;
    enum formread_refusal refusal = pages_read(fr, arena, file, form);
    if (refusal != FORMREAD_OK)
        return refusal;
    int64_t start = clock_mono_us();
    hidden_text(file, &form->hidden);
    enum language language = extract(fr, arena, form);
    form->extract_us = clock_mono_us() - start;
    write_form(arena, form, language, date_order_of(form, language), json);
    return FORMREAD_OK;
}
