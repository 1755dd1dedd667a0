/* What a clinic set, as the scoring of a form takes it.
 *
 * The rule not to break: a clinic's overlay can make a form more urgent, never less, and one that
 * cannot be used never keeps a form from being scored. */
#include "base/cleanup.h"
#include "base/log.h"
#include "intake/intake_internal.h"

/* A clinic that sets 0 means that nothing is too doubtful, not the default. */
static int set_or_none(int hundredths)
{
    return hundredths > 0 ? hundredths : -1;
}

struct parsed_policy intake_policy(const struct ctx *cx, const struct intake_settings *settings,
                                   struct triage_rules **ret_rules)
{
    struct parsed_policy policy = {.emergency_at = settings->emergency_at,
                                   .form_review = set_or_none(settings->review_confidence),
                                   .field_review = set_or_none(settings->field_confidence)};
    *ret_rules = NULL;
    if (settings->overlay.n == 0)
        return policy;
    struct problem *p = triage_rules_load_overlaid(
        triage_lexicon_default(), triage_triggers_default(), settings->overlay, ret_rules);
    if (p) {
        log_error("clinic %s: its triage overlay is not used: %s", uuid_z(cx->clinic_id),
                  p->detail);
        policy.rules_refused = true;
    }
    policy.rules = *ret_rules;
    return policy;
}
