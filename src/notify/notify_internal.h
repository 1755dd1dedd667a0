/* Shared by the files of src/notify only. */
#ifndef NEXACORE_NOTIFY_INTERNAL_H
#define NEXACORE_NOTIFY_INTERNAL_H

#include "alerts/alerts.h"
#include "notify/notify.h"
#include "phi/phi.h"

/* ---- providers --------------------------------------------------------------------------------*/

enum send_fate {
    SEND_ACCEPTED, /* the provider has it */
    SEND_GONE,     /* this address does not exist any more: forget it */
    SEND_OPTED_OUT,
    SEND_REFUSED, /* it never will: the next channel */
    SEND_LATER,   /* busy, away, or nobody knows: try again */
};

/* What became of one message. Texts live in the arena. */
struct send_result {
    enum send_fate fate;
    struct str provider_id;
    const char *error; /* a code; of SEND_LATER it begins with "temporary" */
    unsigned retry_after_s;
};

/* What is said about an alert to somebody's phone: no name of a patient, no reason. */
struct page_text {
    struct uuid alert_id;
    struct str urgency, room; /* room p NULL: none */
    struct str clinic;
    bool spanish;
    const char *link;
};

/* Firebase Cloud Messaging, HTTP v1, to one device. At most 14 s. */
void push_send(struct app *app, struct arena *arena, struct phi token, const struct page_text *text,
               struct send_result *ret);

/* The OAuth2 access token of the service account, kept until a minute before it expires. NULL on
 * success; else a code for send_result.error. At most 4 s. */
const char *push_token_get(struct app *app, struct arena *arena, struct str *ret_token,
                           const char **ret_project);
/* Forgets it: the provider said 401. */
void push_token_drop(void);

/* Twilio's Messages resource. `callback` is where its status is reported. At most 10 s. */
void sms_send(struct app *app, struct arena *arena, struct phi phone, const struct page_text *text,
              const char *callback, struct send_result *ret);

/* The URL Twilio reports a delivery's status to; the clinic and the delivery are in it, so that
 * its signature covers them. `query` NULL: the path alone. */
const char *sms_url(struct app *app, struct arena *arena, const char *path, const char *query);

/* X-Twilio-Signature: base64 of HMAC-SHA1 over the URL and the sorted, decoded pairs of the form
 * (https://www.twilio.com/docs/usage/security). */
bool sms_signature_right(struct arena *arena, const char *auth_token, const char *url,
                         struct str form, struct str signature);

/* ---- what is to be sent (dispatch_db.c) -------------------------------------------------------*/

enum { LEASE_S = 16, ATTEMPTS_MAX = 30 };

/* What a job needs of its alert; `open` is false once it is acknowledged or closed. */
struct dispatch_alert {
    struct page_text text;
    struct alert_policy policy;
    bool open;
};
struct problem *dispatch_alert_get(struct pg_tx *tx, const struct ctx *cx, struct uuid id,
                                   struct dispatch_alert *ret);

enum target_state {
    TARGET_TODO,
    TARGET_BUSY, /* another worker is at it, or died at it a moment ago */
    TARGET_DONE,
    TARGET_DEAD
};

struct target {
    struct uuid user_id, device_id;
    int64_t step, attempt; /* of the try to make */
    struct phi address;    /* token or number */
    enum target_state state;
    bool unreadable; /* the address does not open: a try at it fails */
    bool due;        /* SMS: its time has come, or push has no hope */
};

/* Devices, or numbers, of those who were paged, each at the last step that paged them. */
struct problem *push_targets(struct pg_tx *tx, const struct ctx *cx, struct uuid alert,
                             struct target **ret, size_t *ret_count);
struct problem *sms_targets(struct pg_tx *tx, const struct ctx *cx, struct uuid alert,
                            const struct alert_policy *policy, bool only_hopeless,
                            struct target **ret, size_t *ret_count);

/* Takes one try; UUID_NONE when somebody else has it or the alert is not open any more. */
struct problem *delivery_claim(struct pg_tx *tx, const struct ctx *cx, struct uuid alert,
                               const char *channel, const struct target *t, struct uuid *ret_id);

/* A provider's name for a message as it may be stored: STR_NONE when it holds a card number. */
struct str provider_name(struct arena *arena, struct str id);
/* What the provider answered to that try, and what follows from it. */
struct problem *delivery_record(struct pg_tx *tx, const struct ctx *cx, struct uuid alert,
                                const char *channel, const struct target *t, struct uuid id,
                                const struct send_result *result);

/* True when nobody of the alert's last step can be reached on any channel and somebody is left to
 * escalate to. Holds the alert's row. */
struct problem *step_hopeless(struct pg_tx *tx, const struct ctx *cx, struct uuid alert, bool *ret);

#endif
