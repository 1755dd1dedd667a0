/* The table of refusals. A new reason is one line here; codes are public and never change. */
#include "formread/refusal.h"

static const struct {
    const char *code;
    const char *sentence;
} refusals[FORMREAD__COUNT] = {
    [FORMREAD_OK] = {"", ""},
    [FORMREAD_EMPTY] = {"empty", "The file is empty. Scan or photograph the form again."},
    [FORMREAD_TOO_LARGE] = {"too-large",
                            "The file is larger than 20 MB. Scan at a lower resolution."},
    [FORMREAD_UNSUPPORTED] = {"unsupported-type",
                              "The file is not a PNG, JPEG, TIFF or PDF. Upload one of these."},
    [FORMREAD_DAMAGED] = {"damaged",
                          "The file is damaged or incomplete. Scan or photograph the form again."},
    [FORMREAD_PASSWORD] = {"password-protected",
                           "The PDF is protected by a password. Upload a copy without one."},
    [FORMREAD_TOO_MANY_PAGES] = {"too-many-pages",
                                 "The file has more than 10 pages. Upload each form by itself."},
    [FORMREAD_TOO_MANY_PIXELS] = {"too-many-pixels", "A page is larger than 50 megapixels. Scan at "
                                                     "a lower resolution."},
    [FORMREAD_NO_PAGES] = {"no-pages", "The file has no page. Scan or photograph the form again."},
};

const char *formread_refusal_code(enum formread_refusal refusal)
{
    return refusal < FORMREAD__COUNT ? refusals[refusal].code : "";
}

const char *formread_refusal_sentence(enum formread_refusal refusal)
{
    return refusal < FORMREAD__COUNT ? refusals[refusal].sentence : "";
}

enum formread_refusal formread_refusal_of(struct str code)
{
    for (int i = 0; i < FORMREAD__COUNT; i++)
        if (str_eq(code, str_of(refusals[i].code)))
            return (enum formread_refusal)i;
    return FORMREAD__COUNT;
}
