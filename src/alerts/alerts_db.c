/* SQL of alerts. The status has one writer here; the database holds the machine too. */
#include "alerts/alerts.h"
#include "base/cleanup.h"

static const struct pg_stmt close_of_patient = {
    "alerts_close_of_patient",
    "UPDATE alerts SET status = 'CLOSED', closed_by = $3::uuid"
    " WHERE clinic_id = $2::uuid AND patient_id = $1::uuid AND status <> 'CLOSED'"};
static const struct pg_stmt *const stmts[] = {&close_of_patient};

__attribute__((constructor)) static void register_statements(void)
{
    pg_register(stmts, ARRAY_LEN(stmts));
}

struct problem *alerts_close_of_patient(struct pg_tx *tx, const struct ctx *cx, struct uuid patient)
{
    return PG_QUEUE(tx, &close_of_patient, PG_P_UUID(patient), PG_P_UUID(cx->clinic_id),
                    PG_P_UUID_OR_NULL(cx->user_id));
}
