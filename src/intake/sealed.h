/* parsed_json at rest: each value that identifies the patient is a sealed object in the JSON. */
#ifndef NEXACORE_INTAKE_SEALED_H
#define NEXACORE_INTAKE_SEALED_H

#include "intake/parsed.h"
#include "phi/phi.h"

/* The form as intake_forms.parsed_json holds it: PARSED_STORED with PHI values sealed, bound to the
 * form and the field. `ret_version` is for phi_key_version. */
struct problem *parsed_seal(const struct ctx *cx, struct uuid form,
                            const struct parsed_form *parsed, struct str *ret_json,
                            int *ret_version);

/* The stored JSON with its PHI values opened. `for_api` leaves out what only storage needs. */
struct problem *parsed_open(const struct ctx *cx, struct uuid form, struct str stored, bool for_api,
                            struct str *ret_json);

#endif
