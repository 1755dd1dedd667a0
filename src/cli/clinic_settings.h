/* `nexacore clinic settings`: when a clinic's forms go to review and are emergencies (SPEC 6, 8).
 */
#ifndef NEXACORE_CLI_CLINIC_SETTINGS_H
#define NEXACORE_CLI_CLINIC_SETTINGS_H

/* What was asked for, as typed; NULL: stays as it is. Shares and scores are 0 to 1. */
struct clinic_choice {
    const char *emergency_at;     /* 0.50 to 0.70, two decimals */
    const char *form_confidence;  /* two decimals */
    const char *field_confidence; /* two decimals */
    const char *review_sample;    /* three decimals, or "default": NEXACORE_REVIEW_SAMPLE */
};

/* Changes what is chosen (audited), and prints the clinic's settings, one "name<TAB>value" a line.
 * Returns the exit status: 2 for a value out of its range or a clinic that is no UUID, 1 for a
 * clinic that does not exist. */
int clinic_settings(const char *clinic, const struct clinic_choice *choice);

#endif
