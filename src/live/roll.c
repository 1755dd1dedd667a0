/* Who may stay: every few seconds all who are connected are held against the users' rows, so that
 * a deactivation, another role or another clinic closes their sockets within 5 s (SPEC 1, 10).
 *
 * The rule not to break: the row must match in everything the rooms were made of. */
#include "live/live_internal.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/mem.h"
#include "json/json_out.h"

enum { ROLL_BYTES_MAX = 64 << 20 };

static const struct pg_stmt not_welcome = {
    "live_not_welcome",
    "SELECT v.n FROM jsonb_to_recordset($1::jsonb) AS v(n int, u uuid, c uuid, s text, r text)"
    " WHERE NOT EXISTS (SELECT FROM users JOIN clinics ON clinics.id = users.clinic_id"
    " WHERE users.id = v.u AND users.clinic_id = v.c AND users.auth_id = v.s AND users.role = v.r"
    " AND users.is_active AND clinics.is_active)"};
static const struct pg_stmt *const stmts[] = {&not_welcome};

__attribute__((constructor)) static void register_statements(void)
{
    pg_register(stmts, ARRAY_LEN(stmts));
}

static void people_write(struct buf *out, const struct auth_claims *const *claims, size_t count)
{
    struct jw w = jw_to(out);
    jw_arr(&w);
    for (size_t i = 0; i < count; i++) {
        jw_obj(&w);
        jw_key(&w, "n");
        jw_int(&w, (int64_t)i);
        jw_key(&w, "u");
        jw_uuid(&w, claims[i]->user_id);
        jw_key(&w, "c");
        jw_uuid(&w, claims[i]->clinic_id);
        jw_key(&w, "s");
        jw_z(&w, claims[i]->subject);
        jw_key(&w, "r");
        jw_z(&w, role_name(claims[i]->role));
        jw_end(&w);
    }
    jw_end(&w);
}

struct problem *live_roll_query(struct live *live, struct arena *arena,
                                const struct auth_claims *const *claims, size_t count,
                                bool *ret_gone)
{
    struct ctx cx = ctx_system(live->app, arena, live->db, UUID_NONE, "");
    CLEANUP(buf_free) struct buf people = BUF_MAX(ROLL_BYTES_MAX);
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    struct pg_result *rows;
    people_write(&people, claims, count);
    if (people.overflowed)
        return problem_new(arena, PROBLEM_INTERNAL, "too many people to ask for");
    TRY(tx_begin_relay(&tx, &cx));
    TRY(PG_QUERY(&tx, &not_welcome, &rows, PG_P_TEXT(buf_str(&people))));
    TRY(pg_tx_commit(&tx));
    for (size_t i = 0; i < count; i++)
        ret_gone[i] = false;
    for (size_t i = 0; i < pg_rows(rows); i++) {
        int64_t n = pg_get_int(rows, i, 0);
        if (n >= 0 && (size_t)n < count)
            ret_gone[n] = true;
    }
    return NULL;
}

/* ---- everybody who is connected ---------------------------------------------------------------*/

struct roll_call {
    uv_work_t work;
    struct live *live;
    struct arena *arena;
    struct problem *problem; /* the last */
    bool known;              /* `gone` is */
    struct sio_ref *sockets; /* of each of the claims */
    const struct auth_claims **claims;
    bool *gone;
    struct uuid *clinics;
    size_t count, clinic_count;
};

static void note_clinic(struct roll_call *call, struct uuid clinic)
{
    for (size_t i = call->clinic_count; i-- > 0;)
        if (uuid_eq(call->clinics[i], clinic))
            return;
    call->clinics[call->clinic_count++] = clinic;
}

static void note_socket(struct sio_socket *socket, void *arg)
{
    struct roll_call *call = arg;
    const struct session *session = sio_data(socket);
    if (!session)
        return;
    struct auth_claims *claims = arena_make(call->arena, struct auth_claims);
    *claims = session->claims;
    note_clinic(call, claims->clinic_id);
    call->sockets[call->count] = sio_ref(socket);
    call->claims[call->count++] = claims;
}

static void roll_ask(uv_work_t *work)
{
    struct roll_call *call = work->data;
    struct live *live = call->live;
    pthread_mutex_lock(&live->db_lock);
    call->problem = live_roll_query(live, call->arena, call->claims, call->count, call->gone);
    pthread_mutex_unlock(&live->db_lock);
    struct problem *p = call->problem;
    call->known = !p;
    for (size_t i = 0; i < call->clinic_count && !p; i++)
        p = live_keys_read(live, call->arena, call->clinics[i]);
    call->problem = p;
}

static void roll_done(uv_work_t *work, int status)
{
    struct roll_call *call = work->data;
    struct live *live = call->live;
    live->asking = false;
    bool known = status == 0 && call->known && !live->stopping;
    if (call->problem) {
        live->counts.unasked++;
        if (!live->unasked) /* once, not every second of an outage */
            log_warn("who may still be connected cannot be asked: %s", call->problem->detail);
    } else if (live->unasked) {
        log_info("who may still be connected is known again");
    }
    live->unasked = call->problem != NULL;
    for (size_t i = 0; known && i < call->count; i++) {
        struct sio_socket *socket = call->gone[i] ? sio_get(call->sockets[i]) : NULL;
        if (!socket)
            continue;
        live->counts.withdrawn++;
        sio_disconnect(socket, true);
    }
    arena_free(&call->arena);
    free(call);
}

void live_roll_begin(struct live *live)
{
    size_t most = sio_socket_count(live->root);
    struct roll_call *call = mem_new(struct roll_call);
    call->live = live;
    call->arena = arena_new(256 << 20);
    call->work.data = call;
    call->sockets = arena_array(call->arena, most, sizeof(*call->sockets));
    call->claims = arena_array(call->arena, most, sizeof(*call->claims));
    call->gone = arena_array(call->arena, most, sizeof(*call->gone));
    call->clinics = arena_array(call->arena, most, sizeof(*call->clinics));
    sio_each(live->root, STR_NONE, note_socket, call);
    live->asking = true;
    uv_queue_work(live->loop, &call->work, roll_ask, roll_done);
}
