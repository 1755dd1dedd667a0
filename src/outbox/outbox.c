/* Rows of the outbox, written inside the caller's transaction and nowhere else. */
#include "outbox/outbox.h"

#include "base/cleanup.h"

static const char *const queue_names[QUEUE__COUNT] = {
    [QUEUE_OCR] = "ocr-processing",      [QUEUE_SCRUB] = "pan-scrub",
    [QUEUE_DISPATCH] = "alert-dispatch", [QUEUE_SQUARE] = "square-sync",
    [QUEUE_AUDIT] = "audit-flush",
};

static const struct pg_stmt insert_job = {
    "outbox_insert_job",
    "INSERT INTO outbox (clinic_id, kind, name, key, payload, priority, delay_until)"
    " VALUES ($1::uuid, 'job', $2, $3, $4::jsonb, $5::int,"
    " CASE WHEN $6::bigint > 0 THEN now() + $6::bigint * interval '1 ms' END)"};
static const struct pg_stmt insert_event = {
    "outbox_insert_event", "INSERT INTO outbox (clinic_id, kind, name, payload, rooms)"
                           " VALUES ($1::uuid, 'event', $2, $3::jsonb,"
                           " ARRAY(SELECT jsonb_array_elements_text($4::jsonb)))"};
static const struct pg_stmt *const stmts[] = {&insert_job, &insert_event};

__attribute__((constructor)) static void register_statements(void)
{
    pg_register(stmts, ARRAY_LEN(stmts));
}

const char *queue_name(enum queue queue)
{
    return queue_names[queue];
}

enum outbox_urgency outbox_urgency(struct str level)
{
    return str_eq(level, STR("CRITICAL"))   ? OUTBOX_CRITICAL
           : str_eq(level, STR("URGENT"))   ? OUTBOX_URGENT
           : str_eq(level, STR("MODERATE")) ? OUTBOX_MODERATE
                                            : OUTBOX_ROUTINE;
}

struct problem *outbox_job(struct pg_tx *tx, const struct ctx *cx, const struct outbox_job *job)
{
    return PG_QUEUE(tx, &insert_job, PG_P_UUID(cx->clinic_id), PG_P_Z(queue_name(job->queue)),
                    PG_P_Z(job->key), PG_P_Z(job->data), PG_P_INT(job->urgency),
                    PG_P_INT(job->delay_ms));
}

struct problem *outbox_event(struct pg_tx *tx, const struct ctx *cx,
                             const struct outbox_event *event)
{
    CLEANUP(buf_free) struct buf rooms = BUF_MAX(16384);
    struct jw w = jw_to(&rooms);
    jw_arr(&w);
    for (size_t i = 0; i < ARRAY_LEN(event->rooms) && event->rooms[i]; i++)
        jw_z(&w, event->rooms[i]);
    jw_end(&w);
    return PG_QUEUE(tx, &insert_event, PG_P_UUID(cx->clinic_id), PG_P_Z(event->name),
                    PG_P_TEXT(event->payload), PG_P_TEXT(buf_str(&rooms)));
}

struct problem *outbox_phi(struct jw *w, const struct ctx *cx, struct phi_place place,
                           struct str sealed, int version)
{
    if (!sealed.p) {
        jw_null(w);
        return NULL;
    }
    CLEANUP(buf_free) struct buf text = BUF_MAX(64 * 1024);
    base64_add(&text, sealed);
    jw_obj(w);
    jw_key(w, "$phi");
    jw_str(w, buf_str(&text));
    jw_key(w, "clinic");
    jw_uuid(w, cx->clinic_id);
    jw_key(w, "table");
    jw_z(w, place.table);
    jw_key(w, "column");
    jw_z(w, place.column);
    jw_key(w, "row");
    jw_uuid(w, place.row);
    jw_key(w, "version");
    jw_int(w, version);
    jw_end(w);
    return NULL;
}
