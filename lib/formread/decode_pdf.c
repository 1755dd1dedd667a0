/* PDF pages rendered by poppler into pixels. Links, scripts and forms' actions are never looked at;
 * the text layer and other hidden text only for card numbers (invisible text can lie).
 *
 * The document stays in memory (poppler_document_new_from_bytes); nothing is fetched or written. */
#include "formread/hidden.h"
#include "formread/page.h"

#include <cairo.h>
#include <math.h>
#include <poppler.h>

#define PDF_DPI      200.0
#define PDF_SIDE_MAX 4000 /* pixels: a poster is rendered coarser instead of refused */

enum formread_refusal pdf_open(struct str file, void **ret, int *ret_pages)
{
    GError *error = NULL;
    GBytes *bytes = g_bytes_new_static(file.p, file.n);
    PopplerDocument *doc = poppler_document_new_from_bytes(bytes, NULL, &error);
    g_bytes_unref(bytes);
    if (doc == NULL) {
        bool locked = error && g_error_matches(error, POPPLER_ERROR, POPPLER_ERROR_ENCRYPTED);
        g_clear_error(&error);
        return locked ? FORMREAD_PASSWORD : FORMREAD_DAMAGED;
    }
    *ret = doc;
    *ret_pages = poppler_document_get_n_pages(doc);
    return FORMREAD_OK;
}

void pdf_close(void **pdf)
{
    if (*pdf != NULL)
        g_object_unref(*pdf);
    *pdf = NULL;
}

static PIX *pix_of_surface(cairo_surface_t *surface)
{
    int w = cairo_image_surface_get_width(surface), h = cairo_image_surface_get_height(surface);
    int stride = cairo_image_surface_get_stride(surface);
    const unsigned char *data = cairo_image_surface_get_data(surface);
    PIX *pix = pixCreate(w, h, 32);
    if (pix == NULL || data == NULL) {
        pixDestroy(&pix);
        return NULL;
    }
    for (int y = 0; y < h; y++) {
        const uint32_t *from = (const uint32_t *)(const void *)(data + (size_t)y * stride);
        l_uint32 *to = pixGetData(pix) + (size_t)y * pixGetWpl(pix);
        for (int x = 0; x < w; x++) /* cairo xRGB -> leptonica RGBx */
            to[x] = from[x] << 8;
    }
    return pix;
}

static PIX *surface_draw(PopplerPage *page, int w, int h, double scale)
{
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, w, h);
    cairo_t *cr = cairo_create(surface);
    cairo_set_source_rgb(cr, 1, 1, 1);
    cairo_paint(cr);
    cairo_scale(cr, scale, scale);
    poppler_page_render(page, cr);
    cairo_destroy(cr);
    cairo_surface_flush(surface);
    PIX *pix =
        cairo_surface_status(surface) == CAIRO_STATUS_SUCCESS ? pix_of_surface(surface) : NULL;
    cairo_surface_destroy(surface);
    return pix;
}

enum formread_refusal pdf_page(void *pdf, int index, PIX **ret)
{
    PopplerPage *page = poppler_document_get_page(pdf, index);
    if (page == NULL)
        return FORMREAD_DAMAGED;
    double w = 0, h = 0;
    poppler_page_get_size(page, &w, &h);
    PIX *pix = NULL;
    if (isfinite(w) && isfinite(h) && w >= 1 && h >= 1) {
        double scale = PDF_DPI / 72, longest = (w > h ? w : h) * scale;
        if (longest > PDF_SIDE_MAX)
            scale *= PDF_SIDE_MAX / longest;
        int pw = (int)ceil(w * scale), ph = (int)ceil(h * scale);
        pix = surface_draw(page, pw < 1 ? 1 : pw, ph < 1 ? 1 : ph, scale);
    }
    g_object_unref(page);
    *ret = pix;
    return pix ? FORMREAD_OK : FORMREAD_DAMAGED;
}

static void runs_take(char *said, struct buf *text)
{
    if (said != NULL)
        hidden_runs(str_of(said), text);
    g_free(said);
}

static void page_hidden(PopplerPage *page, struct buf *text)
{
    GList *notes = poppler_page_get_annot_mapping(page);
    for (GList *at = notes; at; at = at->next)
        runs_take(poppler_annot_get_contents(((PopplerAnnotMapping *)at->data)->annot), text);
    poppler_page_free_annot_mapping(notes);
    GList *fields = poppler_page_get_form_field_mapping(page);
    for (GList *at = fields; at; at = at->next) {
        PopplerFormField *field = ((PopplerFormFieldMapping *)at->data)->field;
        if (poppler_form_field_get_field_type(field) == POPPLER_FORM_FIELD_TEXT)
            runs_take(poppler_form_field_text_get_text(field), text);
    }
    poppler_page_free_form_field_mapping(fields);
    runs_take(poppler_page_get_text(page), text);
}

void hidden_of_pdf(void *pdf, struct buf *text)
{
    runs_take(poppler_document_get_title(pdf), text);
    runs_take(poppler_document_get_author(pdf), text);
    runs_take(poppler_document_get_subject(pdf), text);
    runs_take(poppler_document_get_keywords(pdf), text);
    runs_take(poppler_document_get_creator(pdf), text);
    runs_take(poppler_document_get_producer(pdf), text);
    runs_take(poppler_document_get_metadata(pdf), text);
    for (int i = 0; i < poppler_document_get_n_pages(pdf) && i < FORMREAD_PAGES_MAX; i++) {
        PopplerPage *page = poppler_document_get_page(pdf, i);
        if (page != NULL)
            page_hidden(page, text);
        g_clear_object(&page);
    }
}
