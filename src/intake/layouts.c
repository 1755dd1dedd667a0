/* Learned layouts: SQL, and the routes by which an administrator sees and forgets them.
 *
 * The rule not to break: every statement names the clinic; a layout never serves another one. */
#include "intake/layouts.h"

#include "audit/audit.h"
#include "auth/auth.h"
#include "base/cleanup.h"
#include "json/json_in.h"

enum { ANCHORS_LEAST = 5, LAYOUT_JSON_MAX = 30000 };

static const struct pg_stmt all = {
    "layouts_all",
    "SELECT coalesce(jsonb_agg(l.layout || jsonb_build_object('id', l.id)), '[]') FROM (SELECT id,"
    " layout FROM intake_layouts WHERE clinic_id = $1::uuid ORDER BY last_used_at DESC, id LIMIT"
    " 64) l"};
static const struct pg_stmt used = {
    "layout_used", "UPDATE intake_layouts SET last_used_at = now() WHERE clinic_id = $1::uuid"
                   " AND id = $2::uuid"};
static const struct pg_stmt insert = {
    "layout_insert",
    "INSERT INTO intake_layouts (id, clinic_id, layout, anchors, fields, learned_by)"
    " VALUES ($2::uuid, $1::uuid, $3::jsonb, $4::int, $5::int, $6::uuid)"};
static const struct pg_stmt update = {
    "layout_update", "UPDATE intake_layouts SET layout = $3::jsonb, fields = $4::int, last_used_at"
                     " = now(), confirmed_forms = confirmed_forms + 1"
                     " WHERE clinic_id = $1::uuid AND id = $2::uuid"};
static const struct pg_stmt evict = {
    "layouts_evict",
    "DELETE FROM intake_layouts WHERE clinic_id = $1::uuid AND id IN (SELECT id FROM"
    " intake_layouts WHERE clinic_id = $1::uuid ORDER BY last_used_at DESC, id OFFSET 63)"};
static const struct pg_stmt forget = {
    "layout_forget", "DELETE FROM intake_layouts WHERE clinic_id = $1::uuid AND id = $2::uuid"};
#define COLUMNS                                                                                    \
    "SELECT id, anchors, confirmed_forms, created_at, last_used_at,"                               \
    " (SELECT jsonb_agg(DISTINCT f->>0) FROM jsonb_array_elements(layout->'fields') f)"            \
    " FROM intake_layouts WHERE clinic_id = $1::uuid"
static const struct pg_stmt by_id = {"layout_by_id", COLUMNS " AND id = $2::uuid"};
static const struct pg_stmt listed = {"layouts_listed",
                                      COLUMNS " ORDER BY last_used_at DESC, id LIMIT 64"};
static const struct pg_stmt *const stmts[] = {&all,   &used,   &insert, &update,
                                              &evict, &forget, &by_id,  &listed};

__attribute__((constructor)) static void register_statements(void)
{
    pg_register(stmts, ARRAY_LEN(stmts));
}

struct problem *layouts_json(struct pg_tx *tx, const struct ctx *cx, struct str *ret)
{
    struct pg_result *r;
    TRY(PG_QUERY(tx, &all, &r, PG_P_UUID(cx->clinic_id)));
    *ret = pg_get_str(r, 0, 0);
    return NULL;
}

struct problem *layout_used(struct pg_tx *tx, const struct ctx *cx, struct uuid id)
{
    return PG_EXEC(tx, &used, NULL, PG_P_UUID(cx->clinic_id), PG_P_UUID(id));
}

/* ---- learning ---------------------------------------------------------------------------------
 */

static bool has_centre(struct layout_box outer, struct layout_box inner)
{
    double x = inner.x + inner.w / 2, y = inner.y + inner.h / 2;
    return x >= outer.x && x <= outer.x + outer.w && y >= outer.y && y <= outer.y + outer.h;
}

static void field_add(struct layout *known, struct layout_field f)
{
    for (size_t i = 0; i < known->field_count; i++) {
        if (known->fields[i].field != f.field)
            continue;
        if (known->fields[i].page != f.page || !has_centre(known->fields[i].at, f.at))
            known->fields[i] = f; /* it stands elsewhere: what was confirmed last is right */
        return;
    }
    if (known->field_count < LAYOUT_FIELDS_MAX)
        known->fields[known->field_count++] = f;
}

/* What was learned, brought from the form's coordinates into those of the known layout. */
static void fields_merge(struct arena *arena, struct layout *known, const struct layout *learned)
{
    for (int page = 0; page < LAYOUT_PAGES_MAX; page++) {
        struct layout_fit fit;
        if (!layout_fit(arena, learned, known, page, &fit))
            continue;
        for (size_t i = 0; i < learned->field_count; i++) {
            struct layout_field f = learned->fields[i];
            if (f.page != page)
                continue;
            f.at = layout_map(&fit, f.at);
            field_add(known, f);
        }
    }
}

static bool layout_text(struct arena *arena, const struct layout *layout, struct str *ret)
{
    CLEANUP(buf_free) struct buf json = BUF_MAX(LAYOUT_JSON_MAX * 5 / 6); /* jsonb adds spaces */
    struct layout nameless = *layout;
    nameless.id = STR("");
    layout_to_json(&nameless, &json);
    *ret = arena_str(arena, buf_str(&json));
    return !json.overflowed;
}

static struct problem *layout_add(struct pg_tx *tx, const struct ctx *cx,
                                  const struct layout *learned, struct uuid *ret_id)
{
    struct str json;
    struct uuid id = uuid_v7();
    if (learned->anchor_count < ANCHORS_LEAST || learned->field_count == 0 ||
        !layout_text(cx->arena, learned, &json))
        return NULL;
    TRY(PG_EXEC(tx, &evict, NULL, PG_P_UUID(cx->clinic_id)));
    TRY(PG_EXEC(tx, &insert, NULL, PG_P_UUID(cx->clinic_id), PG_P_UUID(id), PG_P_TEXT(json),
                PG_P_INT((int64_t)learned->anchor_count), PG_P_INT((int64_t)learned->field_count),
                PG_P_UUID_OR_NULL(cx->user_id)));
    *ret_id = id;
    return audit_add(tx, cx, "LAYOUT_LEARNED", "intake_layouts", id);
}

struct problem *layout_keep(struct pg_tx *tx, const struct ctx *cx, const struct layout *learned,
                            struct uuid *ret_id)
{
    struct layout *known = arena_array(cx->arena, LAYOUTS_MAX, sizeof(*known));
    struct layout_fit fits[LAYOUT_PAGES_MAX];
    struct str json;
    struct uuid id;
    *ret_id = UUID_NONE;
    TRY(layouts_json(tx, cx, &json));
    size_t count = layouts_from_json(cx->arena, json, known);
    int which = layout_match(cx->arena, known, count, learned, fits);
    if (which < 0 || !uuid_parse(known[which].id, &id))
        return layout_add(tx, cx, learned, ret_id);
    fields_merge(cx->arena, &known[which], learned);
    if (!layout_text(cx->arena, &known[which], &json))
        return NULL;
    TRY(PG_EXEC(tx, &update, NULL, PG_P_UUID(cx->clinic_id), PG_P_UUID(id), PG_P_TEXT(json),
                PG_P_INT((int64_t)known[which].field_count)));
    *ret_id = id;
    return audit_add(tx, cx, "LAYOUT_LEARNED", "intake_layouts", id);
}

/* ---- answers ----------------------------------------------------------------------------------
 */

static void row_write(const struct pg_result *r, size_t i, struct jw *w)
{
    struct str fields = pg_get_str(r, i, 5);
    jw_obj(w);
    jw_key(w, "id");
    jw_uuid(w, pg_get_uuid(r, i, 0));
    jw_key(w, "anchors");
    jw_int(w, pg_get_int(r, i, 1));
    jw_key(w, "fields");
    jw_raw(w, fields.p ? fields : STR("[]"));
    jw_key(w, "confirmedForms");
    jw_int(w, pg_get_int(r, i, 2));
    jw_key(w, "learnedAt");
    jw_time(w, pg_get_time(r, i, 3));
    jw_key(w, "lastUsedAt");
    jw_time(w, pg_get_time(r, i, 4));
    jw_end(w);
}

struct problem *layout_write(struct pg_tx *tx, const struct ctx *cx, struct uuid id, struct jw *w)
{
    struct pg_result *r = NULL;
    if (!uuid_is_none(id))
        TRY(PG_QUERY(tx, &by_id, &r, PG_P_UUID(cx->clinic_id), PG_P_UUID(id)));
    if (r && pg_rows(r) > 0)
        row_write(r, 0, w);
    else
        jw_null(w);
    return NULL;
}

struct problem *intake_layouts_list(struct http_request *rq, struct http_response *rs)
{
    static const char *const known[] = {NULL};
    struct ctx *cx = ctx_of(rq);
    struct pg_result *r;
    TRY(http_query_check(rq, known));
    audit_read(rq, "intake_layouts", UUID_NONE);
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_READ_ONE));
    TRY(PG_QUERY(&tx, &listed, &r, PG_P_UUID(cx->clinic_id)));
    struct jw w;
    size_t count = list_begin(&w, rs, NULL, pg_rows(r)); /* a clinic has 64 at most */
    for (size_t i = 0; i < count; i++)
        row_write(r, i, &w);
    list_end(&w, NULL);
    return pg_tx_commit(&tx);
}

struct problem *intake_layout_forget(struct http_request *rq, struct http_response *rs)
{
    struct ctx *cx = ctx_of(rq);
    struct uuid id;
    size_t rows = 0;
    TRY(http_path_uuid(rq, "id", &id));
    audit_read(rq, "intake_layouts", id);
    if (rq->body.n > 0) /* some clients send {} with every change */
        TRY(json_body(rq->arena, rq->body, NULL, 0, NULL));
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(tx_begin(&tx, cx, PG_WRITE));
    TRY(PG_EXEC(&tx, &forget, &rows, PG_P_UUID(cx->clinic_id), PG_P_UUID(id)));
    if (rows == 0)
        return problem_new(rq->arena, PROBLEM_NOT_FOUND, "there is no such layout");
    TRY(audit_add(&tx, cx, "LAYOUT_FORGOTTEN", "intake_layouts", id));
    TRY(pg_tx_commit(&tx));
    rs->status = 204;
    return NULL;
}
