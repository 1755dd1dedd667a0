/* Who acts, for which clinic, with which connection: the first parameter of all business code.
 *
 * The rule not to break: every statement runs inside tx_begin(), which carries clinic, role and
 * user into the transaction (SPEC 2); and every query also names clinic_id. */
#ifndef NEXACORE_TENANCY_CTX_H
#define NEXACORE_TENANCY_CTX_H

#include "base/problem.h"
#include "base/uuid.h"
#include "pg/pg.h"

enum role {
    ROLE_NONE,
    ROLE_DOCTOR,
    ROLE_ADMIN,
    ROLE_ADMISSIONS,
    ROLE_CORPORATE_ADMIN,
    ROLE_SYSTEM, /* jobs and webhooks: never from a token */
};

/* Masks for route tables. */
#define DOCTOR     BIT(ROLE_DOCTOR)
#define ADMIN      BIT(ROLE_ADMIN)
#define ADMISSIONS BIT(ROLE_ADMISSIONS)
#define CORPORATE  BIT(ROLE_CORPORATE_ADMIN)
#define ANYONE     (DOCTOR | ADMIN | ADMISSIONS | CORPORATE)

const char *role_name(enum role role); /* "DOCTOR"; "SYSTEM" */
enum role role_parse(struct str s);    /* the four token roles; else ROLE_NONE */

struct app;

struct ctx {
    struct app *app;
    struct arena *arena;
    struct pg_conn *db;      /* this thread's connection */
    struct uuid clinic_id;   /* the tenant this work is for (corporate: X-Clinic-Id, else own) */
    struct uuid home_clinic; /* the actor's own clinic */
    struct uuid user_id;     /* UUID_NONE for the system */
    enum role role;
    bool no_wait;             /* keys come from memory alone: for the loop, which may not wait */
    bool clinic_chosen;       /* corporate named one with X-Clinic-Id */
    const char *request_id;   /* "" for jobs without one */
    struct str ip;            /* text, may be empty */
    const char *session;      /* the token's session id (sid or jti), may be "" */
    int64_t token_expires_us; /* wall; 0 for the system */
    const char *audit_table;  /* what audit_read() noted */
    struct uuid audit_target;
    bool audit_done;     /* the change wrote its own event */
    struct uuid id_seed; /* of the Idempotency-Key, or UUID_NONE: see ctx_new_id */
};

/* One per lane thread and per job slot: what http_request.lane points to. */
struct bullmq_redis;
struct lane {
    struct app *app;
    struct pg_conn *db;
    struct bullmq_redis *redis; /* NULL until a handler of this lane needs it (src/queues) */
};

/* Begins a transaction in the context's tenant. PG_READ as CORPORATE_ADMIN switches to the database
 * role nexacore_corporate (SELECT-only policies over all clinics, none on alerts). */
struct problem *tx_begin(struct pg_tx *tx, const struct ctx *cx, enum pg_mode mode);

/* Begins as nexacore_relay, which sees the outbox and bare ids of work of every clinic. Only
 * src/outbox and the periodic ticks use it. */
struct problem *tx_begin_relay(struct pg_tx *tx, const struct ctx *cx);

/* The id for what this request creates: new, or derived from its Idempotency-Key, so that the same
 * request repeated makes the same row. At most one row of each table. */
struct uuid ctx_new_id(const struct ctx *cx, const char *table);

/* A context for work of the system (jobs, webhooks) in one clinic. */
struct ctx ctx_system(struct app *app, struct arena *arena, struct pg_conn *db, struct uuid clinic,
                      const char *request_id);

#endif
