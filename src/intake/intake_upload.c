/* POST /api/v1/intake/upload: multipart from the spool into the encrypted store, then the row and
 * its first job in one transaction. Whatever goes wrong before that leaves nothing behind. */
#include <stdio.h>

#include "audit/audit.h"
#include "base/cleanup.h"
#include "intake/intake_internal.h"
#include "phi/scrub.h"

enum { CHUNK = 64 * 1024 };

/* What the parts gave so far. */
struct upload {
    struct form_new form;
    struct blob_writer *blob;
    struct sha256_stream digest;
    const char *key;
    uint64_t size;
    bool has_file, has_patient, has_room, stored;
};

static void upload_end(struct upload *u)
{
    blob_abort(&u->blob);
    sha256_drop(&u->digest);
}

const char *form_media_type(struct str head)
{
    static const struct {
        struct str magic;
        const char *type;
    } kinds[] = {
        {{"\x89PNG\r\n\x1a\n", 8}, "image/png"},
        {{"\xff\xd8\xff", 3}, "image/jpeg"},
        {{"II*\0", 4}, "image/tiff"},
        {{"MM\0*", 4}, "image/tiff"},
        {{"%PDF-", 5}, "application/pdf"},
    };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (str_starts(head, kinds[i].magic))
            return kinds[i].type;
    return NULL;
}

static struct problem *file_begin(const struct ctx *cx, struct upload *u, struct str head)
{
    const char *type = form_media_type(head);
    if (!type)
        return problem_new(cx->arena, PROBLEM_UNSUPPORTED_MEDIA,
                           "the file is neither PNG, JPEG, TIFF nor PDF");
    u->form.media_type = str_of(type);
    u->key = form_key(cx->arena, cx, u->form.id, "original");
    sha256_begin(&u->digest);
    return blob_begin(cx, u->key, &u->blob);
}

static struct problem *file_read(const struct ctx *cx, struct http_multipart *m, struct upload *u)
{
    if (u->has_file)
        return problem_field(cx->arena, "/file", "is given twice");
    u->has_file = true;
    char *chunk = arena_alloc(cx->arena, CHUNK);
    for (;;) {
        size_t n = 0;
        TRY(http_multipart_read(m, chunk, CHUNK, &n));
        if (n == 0)
            break;
        struct str piece = {chunk, n};
        if (u->size == 0)
            TRY(file_begin(cx, u, piece));
        u->size += n;
        if (u->size > FORM_BYTES_MAX)
            return problem_new(cx->arena, PROBLEM_TOO_LARGE, "the file is larger than 20 MB");
        sha256_add(&u->digest, piece);
        TRY(blob_add(u->blob, piece));
    }
    wipe(chunk, CHUNK);
    return u->size > 0 ? NULL : problem_field(cx->arena, "/file", "is empty");
}

/* A short text part. */
static struct problem *text_read(const struct ctx *cx, struct http_multipart *m,
                                 const char *pointer, size_t max, struct str *ret)
{
    char text[256];
    size_t have = 0;
    for (;;) {
        size_t n = 0;
        TRY(http_multipart_read(m, text + have, sizeof(text) - have, &n));
        have += n;
        if (have > max)
            return problem_field(cx->arena, pointer, "is longer than %zu bytes", max);
        if (n == 0)
            break;
    }
    struct str s = str_trim((struct str){text, have});
    if (!str_utf8_valid(s) || memchr(text, 0, have))
        return problem_field(cx->arena, pointer, "is not text");
    *ret = s.n > 0 ? arena_str(cx->arena, s) : STR_NONE;
    return NULL;
}

static struct problem *part_read(const struct ctx *cx, struct http_multipart *m,
                                 const struct http_part *part, struct upload *u)
{
    struct str text;
    if (str_eq(part->name, STR("file")))
        return file_read(cx, m, u);
    if (str_eq(part->name, STR("patientId")) && !u->has_patient) {
        u->has_patient = true;
        TRY(text_read(cx, m, "/patientId", 64, &text));
        if (text.p && !uuid_parse(text, &u->form.patient_id))
            return problem_field(cx->arena, "/patientId", "must be a UUID");
        return NULL;
    }
    if (str_eq(part->name, STR("roomNumber")) && !u->has_room) {
        u->has_room = true;
        TRY(text_read(cx, m, "/roomNumber", 64, &text));
        u->form.room_number = scrub(cx->arena, (struct raw_text){text}).s;
        return NULL;
    }
    return problem_field(cx->arena, "/", "has a part that is not known here or is given twice");
}

static struct problem *parts_read(struct http_request *rq, const struct ctx *cx, struct upload *u)
{
    struct http_multipart *m;
    TRY(http_multipart_open(rq, &m));
    for (;;) {
        struct http_part part;
        bool more = false;
        TRY(http_multipart_next(m, &part, &more));
        if (!more)
            break;
        TRY(part_read(cx, m, &part, u));
    }
    return u->has_file ? NULL : problem_field(cx->arena, "/file", "is required");
}

/* Keyed, so that the hash of a known blank form says nothing outside this clinic. */
static struct problem *content_hash(const struct ctx *cx, struct upload *u)
{
    uint8_t digest[SHA256_LEN];
    sha256_end(&u->digest, digest);
    struct str hex;
    CLEANUP(buf_free) struct buf text = BUF_MAX(128);
    hex_add(&text, digest, sizeof(digest));
    TRY(phi_index(cx, "content", phi_of(buf_str(&text)), &hex));
    u->form.content_hash = hex.p;
    return NULL;
}

static struct problem *row_add(const struct ctx *cx, struct upload *u, struct uuid *ret_duplicate,
                               bool *ret_queued)
{
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    struct outbox_job job = {
        .queue = QUEUE_OCR,
        .key = arena_fmt(cx->arena, "ocr-%s", uuid_z(u->form.id)),
        .data = arena_fmt(cx->arena, "{\"formId\":\"%s\",\"clinicId\":\"%s\"}", uuid_z(u->form.id),
                          uuid_z(cx->clinic_id)),
    };
    TRY(tx_begin(&tx, cx, PG_WRITE));
    TRY(form_insert(&tx, cx, &u->form, ret_duplicate, ret_queued));
    TRY(audit_add(&tx, cx, "FORM_UPLOADED", "intake_forms", u->form.id));
    TRY(outbox_job(&tx, cx, &job));
    return pg_tx_commit(&tx);
}

struct problem *intake_upload(struct http_request *rq, struct http_response *rs)
{
    struct ctx *cx = ctx_of(rq);
    CLEANUP(upload_end) struct upload u = {.form = {.id = ctx_new_id(cx, "intake_forms")}};
    audit_read(rq, "intake_forms", u.form.id);
    TRY(parts_read(rq, cx, &u));
    TRY(content_hash(cx, &u));
    TRY(blob_commit(&u.blob));
    struct uuid duplicate = UUID_NONE;
    bool queued = false;
    struct problem *p = row_add(cx, &u, &duplicate, &queued);
    /* When the database did not answer, the row may be there: the object must stay then. */
    if (p && p->kind != PROBLEM_UNAVAILABLE)
        blob_delete(cx, u.key);
    TRY(p);
    if (!queued) /* a repeated request whose form was read meanwhile: no second original */
        blob_delete(cx, u.key);
    struct jw w = jw_to(&rs->body);
    jw_obj(&w);
    jw_key(&w, "formId");
    jw_uuid(&w, u.form.id);
    jw_key(&w, "status");
    jw_z(&w, form_status_names[FORM_QUEUED]);
    if (!uuid_is_none(duplicate)) {
        jw_key(&w, "duplicateOf");
        jw_uuid(&w, duplicate);
    }
    jw_end(&w);
    rs->status = 202;
    http_header_set(rs, "Location", "/api/v1/intake/%s/status", uuid_z(u.form.id));
    return NULL;
}
