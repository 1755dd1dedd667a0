/* SQL of patients. PHI enters and leaves sealed; what is searched by is a keyed index. */
#include "base/cleanup.h"
#include "base/clock.h"
#include "patients/patients_internal.h"

#define COLUMNS(alert, same)                                                                       \
    "SELECT p.id, p.clinic_id, p.full_name, p.date_of_birth, p.insurance_id,"                      \
    " p.ssn_hash IS NOT NULL, p.provisional, p.status, p.arrived_at, p.attended_at,"               \
    " p.discharged_at, p.created_at, p.urgency_level, p.urgency_rank::int, p.phi_key_version,"     \
    " p.version, " alert ", " same " FROM patients p WHERE p.clinic_id = $1::uuid "
#define OPEN_ALERT                                                                                 \
    "(SELECT a.id FROM alerts a WHERE a.clinic_id = p.clinic_id AND a.patient_id = p.id"           \
    " AND a.status <> 'CLOSED' ORDER BY a.urgency_rank DESC, a.created_at LIMIT 1)"
/* nexacore_corporate sees no alerts (SPEC 2), so its statements do not ask for them. */
#define NO_ALERT "NULL::uuid"

/* Others with the same SSN, insurance id, or name and birth date, each by its own index. */
#define SAME_PERSON                                                                                \
    "(SELECT jsonb_agg(s.id) FROM (SELECT o.id FROM patients o WHERE o.clinic_id = $1::uuid"       \
    " AND o.ssn_hash = p.ssn_hash AND o.id <> p.id"                                                \
    " UNION SELECT o.id FROM patients o WHERE o.clinic_id = $1::uuid"                              \
    " AND o.insurance_index = p.insurance_index AND o.id <> p.id"                                  \
    " UNION SELECT o.id FROM patients o WHERE o.clinic_id = $1::uuid"                              \
    " AND o.name_index = p.name_index AND o.dob_index = p.dob_index AND o.id <> p.id"              \
    " LIMIT 5) s)"
#define NOT_ASKED "NULL::jsonb"

#define BY_ID "AND p.id = $2::uuid"
/* $2 resumed, $3 $4 $5 the cursor, $6 limit + 1 */
#define OLDEST_URGENT_FIRST                                                                        \
    "AND p.status = 'WAITING' AND (NOT $2::bool OR (-p.urgency_rank, p.arrived_at, p.id) >"        \
    " (-$3::bigint, $4::timestamptz, $5::uuid))"                                                   \
    " ORDER BY p.urgency_rank DESC, p.arrived_at, p.id LIMIT $6::int"
#define NEWEST_FIRST                                                                               \
    "AND (NOT $2::bool OR (p.arrived_at, p.id) < ($4::timestamptz, $5::uuid))"                     \
    " AND $3::bigint IS NOT NULL"                                                                  \
    " ORDER BY p.arrived_at DESC, p.id DESC LIMIT $6::int"
/* $7: status or NULL, $8: name tokens (JSON array), $9: whole-value index of q */
#define SEARCHED                                                                                   \
    "AND ($7::text IS NULL OR p.status = $7)"                                                      \
    " AND (p.insurance_index = $9 OR p.dob_index = $9 OR"                                          \
    " (SELECT count(*) FROM patient_name_tokens t WHERE t.clinic_id = p.clinic_id"                 \
    " AND t.patient_id = p.id AND t.token IN (SELECT jsonb_array_elements_text($8::jsonb)))"       \
    " = jsonb_array_length($8::jsonb)) " NEWEST_FIRST

static const struct pg_stmt by_id[2] = {
    {"patient_by_id", COLUMNS(OPEN_ALERT, SAME_PERSON) BY_ID},
    {"patient_by_id_corporate", COLUMNS(NO_ALERT, SAME_PERSON) BY_ID}};
static const struct pg_stmt waiting[2] = {
    {"patients_waiting", COLUMNS(OPEN_ALERT, NOT_ASKED) OLDEST_URGENT_FIRST},
    {"patients_waiting_corporate", COLUMNS(NO_ALERT, NOT_ASKED) OLDEST_URGENT_FIRST}};
static const struct pg_stmt with_status[2] = {
    {"patients_with_status", COLUMNS(OPEN_ALERT, NOT_ASKED) "AND p.status = $7 " NEWEST_FIRST},
    {"patients_with_status_corporate",
     COLUMNS(NO_ALERT, NOT_ASKED) "AND p.status = $7 " NEWEST_FIRST}};
static const struct pg_stmt everyone[2] = {
    {"patients_all", COLUMNS(OPEN_ALERT, NOT_ASKED) NEWEST_FIRST},
    {"patients_all_corporate", COLUMNS(NO_ALERT, NOT_ASKED) NEWEST_FIRST}};
static const struct pg_stmt searched[2] = {
    {"patients_searched", COLUMNS(OPEN_ALERT, NOT_ASKED) SEARCHED},
    {"patients_searched_corporate", COLUMNS(NO_ALERT, NOT_ASKED) SEARCHED}};
static const struct pg_stmt insert = {
    "patient_insert",
    "INSERT INTO patients (id, clinic_id, full_name, date_of_birth, insurance_id, ssn_hash,"
    " phi_key_version, name_index, dob_index, insurance_index, arrived_at, urgency_level,"
    " provisional) VALUES ($1::uuid, $2::uuid, $3, $4, $5, $6, $7::int, $8, $9, $10,"
    " coalesce($11::timestamptz, now()), $12, $13::bool) ON CONFLICT (id) DO NOTHING"};
static const struct pg_stmt tokens_drop = {
    "patient_tokens_drop",
    "DELETE FROM patient_name_tokens WHERE clinic_id = $1::uuid AND patient_id = $2::uuid"};
static const struct pg_stmt tokens_add = {
    "patient_tokens_add",
    "INSERT INTO patient_name_tokens (clinic_id, token, patient_id)"
    " SELECT $1::uuid, t, $2::uuid FROM jsonb_array_elements_text($3::jsonb) t"
    " ON CONFLICT DO NOTHING"};
/* All sealed values of a row share one key version, so a correction writes all of them. */
static const struct pg_stmt correct = {
    "patient_correct",
    "UPDATE patients SET full_name = $3, date_of_birth = $4, insurance_id = $5,"
    " ssn_hash = coalesce($6, ssn_hash), phi_key_version = $7::int, name_index = $8,"
    " dob_index = $9, insurance_index = $10, urgency_level = coalesce($11, urgency_level),"
    " provisional = $12::bool WHERE clinic_id = $2::uuid AND id = $1::uuid"};
static const struct pg_stmt status_set = {
    "patient_status_set",
    "UPDATE patients SET status = $4 WHERE clinic_id = $2::uuid AND id = $1::uuid AND status = $3"};
static const struct pg_stmt urgency_raise = {
    "patient_urgency_raise",
    "UPDATE patients SET urgency_level = $3 WHERE clinic_id = $2::uuid AND id = $1::uuid"
    " AND urgency_rank < CASE $3 WHEN 'CRITICAL' THEN 4 WHEN 'URGENT' THEN 3"
    " WHEN 'MODERATE' THEN 2 ELSE 1 END"};
static const struct pg_stmt *const stmts[] = {
    &by_id[0],    &by_id[1],    &waiting[0],  &waiting[1],   &with_status[0], &with_status[1],
    &everyone[0], &everyone[1], &searched[0], &searched[1],  &insert,         &tokens_drop,
    &tokens_add,  &correct,     &status_set,  &urgency_raise};

__attribute__((constructor)) static void register_statements(void)
{
    pg_register(stmts, ARRAY_LEN(stmts));
}

const char *const patient_status_names[] = {"WAITING", "BEING_ATTENDED", "DISCHARGED", NULL};

static bool as_corporate(const struct ctx *cx)
{
    return cx->role == ROLE_CORPORATE_ADMIN;
}

static enum patient_status status_read(struct str s)
{
    for (int i = 0; patient_status_names[i]; i++)
        if (str_eq(s, str_of(patient_status_names[i])))
            return (enum patient_status)i;
    return PATIENT_WAITING;
}

static struct phi_place place(const char *column, struct uuid row)
{
    return (struct phi_place){"patients", column, row};
}

static struct problem *row_read(const struct ctx *cx, const struct pg_result *r, size_t i,
                                struct patient *ret)
{
    int version = (int)pg_get_int(r, i, 14);
    *ret = (struct patient){
        .id = pg_get_uuid(r, i, 0),
        .clinic_id = pg_get_uuid(r, i, 1),
        .has_ssn = pg_get_bool(r, i, 5),
        .provisional = pg_get_bool(r, i, 6),
        .status = status_read(pg_get_str(r, i, 7)),
        .arrived_us = pg_get_time(r, i, 8),
        .attended_us = pg_get_time(r, i, 9),
        .discharged_us = pg_get_time(r, i, 10),
        .created_us = pg_get_time(r, i, 11),
        .urgency_level = pg_get_str(r, i, 12),
        .urgency_rank = pg_get_int(r, i, 13),
        .version = pg_get_int(r, i, 15),
        .open_alert_id = pg_get_uuid(r, i, 16),
        .same_person = pg_get_str(r, i, 17),
    };
    const struct {
        const char *column;
        size_t at;
        struct phi *to;
    } sealed[] = {{"full_name", 2, &ret->full_name},
                  {"date_of_birth", 3, &ret->date_of_birth},
                  {"insurance_id", 4, &ret->insurance_id}};
    for (size_t k = 0; k < ARRAY_LEN(sealed); k++) {
        bool damaged;
        TRY(phi_open_each(cx, place(sealed[k].column, ret->id), pg_get_str(r, i, sealed[k].at),
                          version, sealed[k].to, &damaged));
        ret->damaged |= damaged;
    }
    return NULL;
}

struct problem *patient_get(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                            struct patient *ret)
{
    struct pg_result *r;
    TRY(PG_QUERY(tx, &by_id[as_corporate(cx)], &r, PG_P_UUID(cx->clinic_id), PG_P_UUID(id)));
    if (pg_rows(r) == 0)
        return problem_new(cx->arena, PROBLEM_NOT_FOUND, "there is no such patient");
    return row_read(cx, r, 0, ret);
}

/* ---- the list ---------------------------------------------------------------------------------*/

/* Bytes that part words: ASCII that is neither letter nor digit, and the first byte of U+2000 to
 * U+2FFF (dashes, curly apostrophes, spaces). Letters of names are elsewhere in UTF-8. */
static bool parts_words(unsigned char c)
{
    bool ascii_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    return c < 0x80 ? !ascii_word : c == 0xE2;
}

/* The next word of `rest`, which moves behind it; n 0 at the end. */
static struct str word_next(struct str *rest)
{
    while (rest->n > 0 && parts_words((unsigned char)rest->p[0])) {
        size_t step = (unsigned char)rest->p[0] == 0xE2 && rest->n >= 3 ? 3 : 1;
        *rest = (struct str){rest->p + step, rest->n - step};
    }
    struct str word = {rest->p, 0};
    while (word.n < rest->n && !parts_words((unsigned char)rest->p[word.n]))
        word.n++;
    *rest = (struct str){rest->p + word.n, rest->n - word.n};
    return word;
}

/* The words of a name as indexes: a JSON array of hex. "O'Neil-Perez" is three words. */
static struct problem *tokens_make(const struct ctx *cx, struct str name, struct str *ret)
{
    CLEANUP(buf_free) struct buf out = BUF_MAX(16384);
    struct jw w = jw_to(&out);
    jw_arr(&w);
    struct str rest = name, word, hex;
    for (int n = 0; n < 16 && (word = word_next(&rest)).n > 0; n++) {
        TRY(phi_index(cx, "name", phi_of(word), &hex));
        if (hex.p) /* nothing is left of a word of symbols */
            jw_str(&w, hex);
    }
    jw_end(&w);
    *ret = arena_str(cx->arena, buf_str(&out));
    return NULL;
}

static struct problem *search(struct pg_tx *tx, const struct ctx *cx,
                              const struct patient_filter *f, struct pg_result **ret)
{
    struct str tokens, whole;
    TRY(tokens_make(cx, f->q, &tokens));
    TRY(phi_index(cx, clock_date_valid(f->q) ? "dob" : "insurance", phi_of(f->q), &whole));
    const struct page *p = &f->page;
    return PG_QUERY(tx, &searched[as_corporate(cx)], ret, PG_P_UUID(cx->clinic_id),
                    PG_P_BOOL(p->resumed), PG_P_INT(0), PG_P_TIME(p->b), PG_P_UUID(p->id),
                    PG_P_INT(p->limit + 1),
                    f->status < 0 ? PG_P_NULL : PG_P_Z(patient_status_names[f->status]),
                    PG_P_TEXT(tokens), PG_P_TEXT(whole));
}

static struct problem *list_rows(struct pg_tx *tx, const struct ctx *cx,
                                 const struct patient_filter *f, struct pg_result **ret)
{
    const struct page *p = &f->page;
    bool corporate = as_corporate(cx);
    if (f->q.p)
        return search(tx, cx, f, ret);
    if (f->status == PATIENT_WAITING || f->status < 0)
        return PG_QUERY(tx, f->status < 0 ? &everyone[corporate] : &waiting[corporate], ret,
                        PG_P_UUID(cx->clinic_id), PG_P_BOOL(p->resumed), PG_P_INT(p->a),
                        PG_P_TIME(p->b), PG_P_UUID(p->id), PG_P_INT(p->limit + 1));
    return PG_QUERY(tx, &with_status[corporate], ret, PG_P_UUID(cx->clinic_id),
                    PG_P_BOOL(p->resumed), PG_P_INT(0), PG_P_TIME(p->b), PG_P_UUID(p->id),
                    PG_P_INT(p->limit + 1), PG_P_Z(patient_status_names[f->status]));
}

struct problem *patients_list(struct pg_tx *tx, const struct ctx *cx,
                              const struct patient_filter *filter, struct patient **ret,
                              size_t *ret_count)
{
    struct pg_result *r;
    TRY(list_rows(tx, cx, filter, &r));
    *ret_count = pg_rows(r);
    *ret = arena_array(cx->arena, *ret_count + 1, sizeof(struct patient));
    for (size_t i = 0; i < *ret_count; i++)
        TRY(row_read(cx, r, i, &(*ret)[i]));
    return NULL;
}

/* ---- writing ----------------------------------------------------------------------------------*/

/* The sealed values and indexes of a row. */
struct sealed {
    struct str full_name, date_of_birth, insurance_id, ssn_hash;
    struct str name_index, dob_index, insurance_index, tokens;
    int version;
};

static struct problem *index_or_none(const struct ctx *cx, const char *kind, struct phi value,
                                     struct str *ret)
{
    *ret = STR_NONE;
    return phi_is_none(value) ? NULL : phi_index(cx, kind, value, ret);
}

static struct problem *seal(const struct ctx *cx, struct uuid id, const struct patient_new *v,
                            struct sealed *ret)
{
    TRY(phi_seal(cx, place("full_name", id), v->full_name, &ret->full_name, &ret->version));
    TRY(phi_seal(cx, place("date_of_birth", id), v->date_of_birth, &ret->date_of_birth,
                 &ret->version));
    TRY(phi_seal(cx, place("insurance_id", id), v->insurance_id, &ret->insurance_id,
                 &ret->version));
    TRY(index_or_none(cx, "ssn", v->ssn, &ret->ssn_hash));
    TRY(index_or_none(cx, "name", v->full_name, &ret->name_index));
    TRY(index_or_none(cx, "dob", v->date_of_birth, &ret->dob_index));
    TRY(index_or_none(cx, "insurance", v->insurance_id, &ret->insurance_index));
    return tokens_make(cx, phi_reveal(v->full_name), &ret->tokens);
}

#define BYTES_OR_NULL(s) ((s).p ? PG_P_BYTES(s) : PG_P_NULL)

struct problem *patient_insert(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                               const struct patient_new *v, bool *ret_made)
{
    struct sealed s = {0};
    size_t rows = 0;
    TRY(seal(cx, id, v, &s));
    TRY(PG_EXEC(tx, &insert, &rows, PG_P_UUID(id), PG_P_UUID(cx->clinic_id),
                PG_P_BYTES(s.full_name), BYTES_OR_NULL(s.date_of_birth),
                BYTES_OR_NULL(s.insurance_id), PG_P_TEXT_OR_NULL(s.ssn_hash), PG_P_INT(s.version),
                PG_P_TEXT_OR_NULL(s.name_index), PG_P_TEXT_OR_NULL(s.dob_index),
                PG_P_TEXT_OR_NULL(s.insurance_index), PG_P_TIME_OR_NULL(v->arrived_us),
                PG_P_TEXT_OR_NULL(v->urgency_level), PG_P_BOOL(v->provisional)));
    *ret_made = rows == 1;
    if (!*ret_made)
        return NULL;
    return PG_QUEUE(tx, &tokens_add, PG_P_UUID(cx->clinic_id), PG_P_UUID(id), PG_P_TEXT(s.tokens));
}

struct problem *patient_update(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                               const struct patient_new *v)
{
    struct sealed s = {0};
    TRY(seal(cx, id, v, &s));
    TRY(PG_QUEUE(tx, &correct, PG_P_UUID(id), PG_P_UUID(cx->clinic_id), PG_P_BYTES(s.full_name),
                 BYTES_OR_NULL(s.date_of_birth), BYTES_OR_NULL(s.insurance_id),
                 PG_P_TEXT_OR_NULL(s.ssn_hash), PG_P_INT(s.version),
                 PG_P_TEXT_OR_NULL(s.name_index), PG_P_TEXT_OR_NULL(s.dob_index),
                 PG_P_TEXT_OR_NULL(s.insurance_index), PG_P_TEXT_OR_NULL(v->urgency_level),
                 PG_P_BOOL(v->provisional)));
    TRY(PG_QUEUE(tx, &tokens_drop, PG_P_UUID(cx->clinic_id), PG_P_UUID(id)));
    return PG_QUEUE(tx, &tokens_add, PG_P_UUID(cx->clinic_id), PG_P_UUID(id), PG_P_TEXT(s.tokens));
}

struct problem *patient_status_set(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                                   enum patient_status from, enum patient_status to)
{
    size_t rows = 0;
    TRY(PG_EXEC(tx, &status_set, &rows, PG_P_UUID(id), PG_P_UUID(cx->clinic_id),
                PG_P_Z(patient_status_names[from]), PG_P_Z(patient_status_names[to])));
    if (rows == 0)
        return problem_new(cx->arena, PROBLEM_CONFLICT,
                           "somebody else changed it at the same moment; read it again");
    return NULL;
}

struct problem *patient_urgency_raise(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                                      struct str level)
{
    return PG_QUEUE(tx, &urgency_raise, PG_P_UUID(id), PG_P_UUID(cx->clinic_id), PG_P_TEXT(level));
}
