/* Parameters out, rows in, errors mapped: the data side of lib/pg. */
#include "pg/pg.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "pg/pg_internal.h"

enum { OID_JSONB = 3802 };

/* 2000-01-01 in microseconds since 1970: PostgreSQL's epoch. */
static const int64_t pg_epoch_us = 946684800000000LL;

/* RFC 3339 with microseconds: clock_text has milliseconds, the column keeps more. */
static const char *time_text(struct arena *arena, int64_t wall_us)
{
    char text[CLOCK_TEXT_MAX];
    clock_text(wall_us, text);
    int us = (int)(wall_us % 1000000);
    return arena_fmt(arena, "%.*s.%06dZ", (int)strcspn(text, "."), text,
                     us < 0 ? us + 1000000 : us);
}

static const char *param_text(struct arena *arena, const struct pg_param *p)
{
    switch (p->kind) {
    case PG_UUID:
        return arena_cstr(arena, str_of(uuid_z(p->uuid)));
    case PG_TEXT:
        return arena_cstr(arena, p->str);
    case PG_INT:
        return arena_fmt(arena, "%lld", (long long)p->i64);
    case PG_BOOL:
        return p->flag ? "t" : "f";
    case PG_TIME:
        return time_text(arena, p->i64);
    case PG_REAL:
        return arena_fmt(arena, "%.17g", p->real);
    case PG_NULL:
    case PG_BYTES:
        break;
    }
    return NULL;
}

void pg_wire_make(struct arena *arena, const struct pg_param *params, size_t count,
                  struct pg_wire *ret)
{
    if (count > PG_PARAMS_MAX) {
        fprintf(stderr, "nexacore: a statement has more than %d parameters\n", PG_PARAMS_MAX);
        abort();
    }
    for (size_t i = 0; i < count; i++) {
        bool bytes = params[i].kind == PG_BYTES;
        ret->formats[i] = bytes;
        ret->lengths[i] = bytes ? (int)params[i].str.n : 0;
        ret->values[i] =
            bytes ? (params[i].str.p ? params[i].str.p : "") : param_text(arena, &params[i]);
    }
}

/* ---- errors -----------------------------------------------------------------------------------*/

static const struct {
    const char *prefix; /* of the SQLSTATE (PostgreSQL manual, appendix A) */
    enum problem_kind kind;
    const char *detail;
} states[] = {
    {"23505", PROBLEM_CONFLICT, "it exists already"},
    {"23P01", PROBLEM_CONFLICT, "it overlaps what exists"},
    {"23503", PROBLEM_NOT_FOUND, "something it refers to does not exist"},
    {"23", PROBLEM_UNPROCESSABLE, "a value is not allowed"},
    {"22", PROBLEM_UNPROCESSABLE, "a value is not allowed"},
    {"40", PROBLEM_CONFLICT, "somebody else changed it at the same moment; try again"},
    {"55000", PROBLEM_CONFLICT, "the state does not allow this"}, /* our status machines */
    {"55P03", PROBLEM_CONFLICT, "somebody else is changing it; try again"},
    {"57", PROBLEM_UNAVAILABLE, "the database does not answer"},
    {"53", PROBLEM_UNAVAILABLE, "the database is overloaded"},
    {"08", PROBLEM_UNAVAILABLE, "the database does not answer"},
    {"25006", PROBLEM_UNAVAILABLE, "the database is read-only"},
    {"25P03", PROBLEM_UNAVAILABLE, "the database ended a transaction that lay idle"},
    {"42501", PROBLEM_FORBIDDEN, "the database does not allow this"},
};

struct problem *pg_problem(struct arena *arena, const PGresult *failed)
{
    const char *state = PQresultErrorField(failed, PG_DIAG_SQLSTATE);
    const char *said = PQresultErrorField(failed, PG_DIAG_MESSAGE_PRIMARY);
    enum problem_kind kind = PROBLEM_INTERNAL;
    const char *detail = "the database refused a statement";
    for (size_t i = 0; state && i < ARRAY_LEN(states); i++) {
        if (str_starts(str_of(state), str_of(states[i].prefix))) {
            kind = states[i].kind;
            detail = states[i].detail;
            break;
        }
    }
    struct problem *p = problem_cause(problem_new(arena, kind, "%s", detail), "%s %s",
                                      state ? state : "?", said ? said : "");
    if (kind == PROBLEM_UNAVAILABLE)
        p->retry_after_s = 1;
    return p;
}

/* ---- rows -------------------------------------------------------------------------------------*/

size_t pg_rows(const struct pg_result *r)
{
    return (size_t)PQntuples(r->rows);
}

/* The bytes of a field, NULL for SQL NULL; a place that does not exist is our own mistake. */
static const char *field(const struct pg_result *r, size_t row, int col, size_t *ret_n)
{
    if (row >= pg_rows(r) || col < 0 || col >= PQnfields(r->rows)) {
        fprintf(stderr, "nexacore: row %zu column %d of a result does not exist\n", row, col);
        abort();
    }
    if (PQgetisnull(r->rows, (int)row, col))
        return NULL;
    *ret_n = (size_t)PQgetlength(r->rows, (int)row, col);
    return PQgetvalue(r->rows, (int)row, col);
}

static _Noreturn void wrong_type(const struct pg_result *r, int col)
{
    fprintf(stderr, "nexacore: column %s has another type than the code reads\n",
            PQfname(r->rows, col));
    abort();
}

bool pg_is_null(const struct pg_result *r, size_t row, int col)
{
    size_t n;
    return field(r, row, col, &n) == NULL;
}

struct uuid pg_get_uuid(const struct pg_result *r, size_t row, int col)
{
    size_t n;
    const char *p = field(r, row, col, &n);
    if (!p)
        return UUID_NONE;
    if (n != 16)
        wrong_type(r, col);
    struct uuid id;
    memcpy(id.b, p, sizeof(id.b));
    return id;
}

struct str pg_get_str(const struct pg_result *r, size_t row, int col)
{
    size_t n;
    const char *p = field(r, row, col, &n);
    if (!p)
        return STR_NONE;
    if (PQftype(r->rows, col) == OID_JSONB && n > 0) {
        p++; /* version byte of the binary form */
        n--;
    }
    return arena_str(r->arena, (struct str){p, n});
}

static int64_t big_endian(const char *p, size_t n, const struct pg_result *r, int col)
{
    uint16_t v2;
    uint32_t v4;
    uint64_t v8;
    switch (n) {
    case 2:
        memcpy(&v2, p, 2);
        return (int16_t)be16toh(v2);
    case 4:
        memcpy(&v4, p, 4);
        return (int32_t)be32toh(v4);
    case 8:
        memcpy(&v8, p, 8);
        return (int64_t)be64toh(v8);
    default:
        wrong_type(r, col);
    }
}

int64_t pg_get_int(const struct pg_result *r, size_t row, int col)
{
    size_t n;
    const char *p = field(r, row, col, &n);
    return p ? big_endian(p, n, r, col) : 0;
}

bool pg_get_bool(const struct pg_result *r, size_t row, int col)
{
    size_t n;
    const char *p = field(r, row, col, &n);
    if (p && n != 1)
        wrong_type(r, col);
    return p && *p;
}

int64_t pg_get_time(const struct pg_result *r, size_t row, int col)
{
    size_t n;
    const char *p = field(r, row, col, &n);
    if (!p)
        return 0;
    if (n != 8)
        wrong_type(r, col);
    int64_t us = big_endian(p, n, r, col);
    return us == INT64_MIN || us == INT64_MAX ? us : us + pg_epoch_us;
}

double pg_get_real(const struct pg_result *r, size_t row, int col)
{
    size_t n;
    const char *p = field(r, row, col, &n);
    if (!p)
        return 0;
    if (n != 8)
        wrong_type(r, col);
    int64_t bits = big_endian(p, n, r, col);
    double v;
    memcpy(&v, &bits, sizeof(v));
    return v;
}
