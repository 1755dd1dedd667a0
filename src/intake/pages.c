/* Rendering a form's pages with what must not be seen blacked out, and reading the result again:
 * what is found then is blacked out too, three times at most. See pages.h. */
#include "intake/pages.h"

#include "app/app.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "reader/reader.h"

enum { PAGES_BYTES_MAX = 256 << 20, ROUNDS_MAX = 3 };

static struct reader *reader_of(const struct pages *pages)
{
    return ((struct work_slot *)pages->job->slot)->reader;
}

static struct problem *page_store(struct pages *pages, int page, struct str png)
{
    struct arena *arena = pages->job->arena;
    const char *part = arena_fmt(arena, "page-%d", page + 1);
    pages->lost = blob_put(pages->cx, form_key(arena, pages->cx, pages->form, part), png);
    return pages->lost;
}

static struct problem *page_take(void *user, int page, struct str png)
{
    struct pages *pages = user;
    TRY(page_store(pages, page, png));
    if (pages->kept) {
        buf_add_u32be(pages->kept, (uint32_t)png.n);
        buf_add_str(pages->kept, png);
    }
    pages->count++;
    if (pages->told)
        pages->told(pages->told_to, pages->count, pages->total * (pages->kept ? 2 : 1));
    return NULL;
}

static struct reader_box *boxes_of(const struct parsed_form *parsed, struct arena *arena)
{
    struct reader_box *boxes =
        arena_array(arena, parsed->redaction_count + 1, sizeof(struct reader_box));
    for (size_t i = 0; i < parsed->redaction_count; i++) {
        const struct parsed_redaction *r = &parsed->redactions[i];
        boxes[i] = (struct reader_box){r->page, r->box.x, r->box.y, r->box.w, r->box.h};
    }
    return boxes;
}

/* ---- reading again ----------------------------------------------------------------------------
 */

struct burnt { /* a page with more blacked out */
    struct pages *pages;
    struct buf *png;
};

static struct problem *burnt_take(void *user, int page, struct str png)
{
    struct burnt *burnt = user;
    (void)page;
    buf_clear(burnt->png);
    buf_add_str(burnt->png, png);
    return NULL;
}

/* Reads a page that was burnt; what still shows is burnt as well and the page read once more. Only
 * a page on which nothing shows at last is clean. */
static struct problem *page_verify(struct pages *pages, int page, struct str first, bool *ret_clean)
{
    struct bullmq_job *job = pages->job;
    CLEANUP(buf_free) struct buf png = BUF_SECRET(PAGES_BYTES_MAX);
    CLEANUP(buf_free) struct buf next = BUF_SECRET(PAGES_BYTES_MAX);
    struct burnt burnt = {pages, &next};
    struct parsed_form *again;
    struct str json;
    buf_add_str(&png, first);
    *ret_clean = false;
    for (int round = 0; !png.overflowed; round++) {
        TRY(reader_read(reader_of(pages), job->arena, buf_str(&png), NULL, READER_TIMEOUT_MS,
                        &json));
        TRY(parsed_from_reader(job->arena, json, &(struct parsed_policy){0}, &again));
        *ret_clean = !again->pan_detected;
        if (*ret_clean || round == ROUNDS_MAX || again->redaction_count == 0)
            return NULL;
        TRY(reader_pages(reader_of(pages), job->arena, buf_str(&png), boxes_of(again, job->arena),
                         again->redaction_count, READER_TIMEOUT_MS, burnt_take, &burnt));
        buf_clear(&png);
        buf_add_str(&png, buf_str(&next));
        TRY(page_store(pages, page, buf_str(&png)));
    }
    return NULL;
}

static struct problem *pages_verify(struct pages *pages)
{
    struct str rest = buf_str(pages->kept);
    pages->clean = !pages->kept->overflowed;
    for (int page = 0; rest.n > 4 && pages->clean; page++) {
        const uint8_t *n = (const uint8_t *)rest.p;
        size_t len = (size_t)n[0] << 24 | (size_t)n[1] << 16 | (size_t)n[2] << 8 | n[3];
        struct str png = {rest.p + 4, len};
        bool clean = false;
        pages->clean = false;
        TRY(page_verify(pages, page, png, &clean));
        pages->clean = clean;
        if (pages->told)
            pages->told(pages->told_to, pages->total + page + 1, 2 * pages->total);
        rest = (struct str){png.p + len, rest.n - 4 - len};
    }
    return NULL;
}

/* ---- making -----------------------------------------------------------------------------------
 */

/* The reader's part: what fails here is its trouble, or `pages->lost`. */
static struct problem *pages_render(struct pages *pages, const struct parsed_form *parsed,
                                    struct str file)
{
    pages->count = 0;
    TRY(reader_pages(reader_of(pages), pages->job->arena, file, boxes_of(parsed, pages->job->arena),
                     parsed->redaction_count, READER_TIMEOUT_MS, page_take, pages));
    pages->clean = true;
    if (parsed->pan_detected)
        TRY(pages_verify(pages));
    pages->clean = pages->clean && parsed->redaction_complete;
    return NULL;
}

struct problem *pages_make(const struct parsed_form *parsed, struct pages *pages)
{
    CLEANUP(buf_free) struct buf file = BUF_SECRET(FORM_BYTES_MAX + 1);
    CLEANUP(buf_free) struct buf kept = BUF_SECRET(PAGES_BYTES_MAX);
    const struct ctx *cx = pages->cx;
    bool last = reader_last_try(pages->job);
    pages->total = parsed->pages;
    pages->kept = parsed->pan_detected ? &kept : NULL;
    struct problem *p =
        blob_get(cx, form_key(cx->arena, cx, pages->form, "original"), FORM_BYTES_MAX, &file);
    bool of_reader = !p;
    if (!p)
        p = pages_render(pages, parsed, buf_str(&file));
    pages->kept = NULL;
    if (!p)
        return NULL;
    of_reader = of_reader && !pages->lost;
    if (!parsed->triage.emergency && !last) {
        if (of_reader)
            p->kind = PROBLEM_INTERNAL; /* costs an attempt, see after_reader */
        return p;
    }
    if (!parsed->triage.emergency && !of_reader && p->kind == PROBLEM_UNAVAILABLE)
        return p;
    log_warn("form %s goes on without its pages: %s", uuid_z(pages->form), p->detail);
    pages->count = 0;
    pages->clean = false;
    return NULL;
}
