/* A compact JWS to verified claims (RFC 7515, 7519): header first, limits first, then the
 * signature, then the claims. What the token says about where keys come from is refused unread. */
#include "auth/auth_internal.h"

#include <string.h>

#include "app/app.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "json/json_in.h"

enum { TOKEN_MAX = 8192 };

static struct problem *refuse(struct arena *arena, const char *why)
{
    return problem_new(arena, PROBLEM_UNAUTHENTICATED, "%s", why);
}

/* One base64url part as a JSON object. */
static struct problem *part_read(struct arena *arena, struct str part, json_t **ret)
{
    CLEANUP(buf_free) struct buf text = BUF_SECRET(TOKEN_MAX);
    if (part.n == 0 || !base64_add_decoded(&text, part))
        return refuse(arena, "the token is not a JWT");
    CLEANUP(json_done) json_t *root = NULL;
    if (json_read(arena, buf_str(&text), &root) || !json_is_object(root))
        return refuse(arena, "the token is not a JWT");
    *ret = TAKE(root);
    return NULL;
}

static struct str text_of(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    return json_is_string(v) ? (struct str){json_string_value(v), json_string_length(v)} : STR_NONE;
}

/* alg and kid, and nothing that would let the token choose its own key (RFC 8725 section 3). */
static struct problem *header_check(struct arena *arena, const json_t *header, struct str *ret_kid,
                                    struct str *ret_alg)
{
    static const char *const dangerous[] = {"jwk", "jku", "x5u", "x5c", "crit", "b64", "zip"};
    for (size_t i = 0; i < ARRAY_LEN(dangerous); i++)
        if (json_object_get(header, dangerous[i]))
            return refuse(arena, "the token's header is not accepted");
    struct str alg = text_of(header, "alg"), kid = text_of(header, "kid");
    if (!str_eq(alg, STR("RS256")) && !str_eq(alg, STR("ES256")))
        return refuse(arena, "the token's algorithm is not accepted");
    if (kid.n == 0 || kid.n > 255)
        return refuse(arena, "the token names no key");
    *ret_kid = arena_str(arena, kid);
    *ret_alg = arena_str(arena, alg);
    return NULL;
}

static bool time_read(const json_t *claims, const char *key, bool *ret_present, int64_t *ret)
{
    const json_t *v = json_object_get(claims, key);
    *ret_present = v != NULL;
    if (!v)
        return true;
    double seconds = json_number_value(v);
    if (!json_is_number(v) || !(seconds >= 0 && seconds < 253402300800.0)) /* year 10000 */
        return false;
    *ret = (int64_t)seconds;
    return true;
}

static struct problem *times_check(struct arena *arena, const json_t *claims, int64_t *ret_exp)
{
    int64_t now = clock_wall_us() / 1000000, exp = 0, nbf = 0, iat = 0;
    bool has_exp, has_nbf, has_iat;
    if (!time_read(claims, "exp", &has_exp, &exp) || !time_read(claims, "nbf", &has_nbf, &nbf) ||
        !time_read(claims, "iat", &has_iat, &iat) || !has_exp)
        return refuse(arena, "the token's times are not right");
    if (now > exp + LEEWAY_S)
        return refuse(arena, "the token has expired");
    if ((has_nbf && now < nbf - LEEWAY_S) || (has_iat && now < iat - LEEWAY_S))
        return refuse(arena, "the token is not valid yet");
    *ret_exp = exp;
    return NULL;
}

static bool audience_right(const json_t *claims, struct str want)
{
    const json_t *aud = json_object_get(claims, "aud"), *entry;
    if (json_is_string(aud))
        return str_eq(text_of(claims, "aud"), want);
    size_t i;
    json_array_foreach ((json_t *)(uintptr_t)aud, i, entry)
        if (json_is_string(entry) && str_eq(str_of(json_string_value(entry)), want))
            return true;
    return false;
}

/* A claim of ours: plain, or under the configured prefix (Auth0 wants namespaced claims). */
static struct str own_claim(const struct auth *auth, struct arena *arena, const json_t *claims,
                            const char *name)
{
    if (auth->claim_prefix) {
        struct str v = text_of(claims, arena_fmt(arena, "%s%s", auth->claim_prefix, name));
        if (v.p)
            return v;
    }
    return text_of(claims, name);
}

static struct problem *claims_read(const struct auth *auth, struct arena *arena,
                                   const json_t *claims, struct auth_claims *ret)
{
    struct auth_claims out = {0};
    int64_t exp = 0;
    if (!str_eq(text_of(claims, "iss"), str_of(auth->issuer)))
        return refuse(arena, "the token's issuer is not accepted");
    if (!audience_right(claims, str_of(auth->audience)))
        return refuse(arena, "the token is not meant for this service");
    TRY(times_check(arena, claims, &exp));
    struct str sub = text_of(claims, "sub");
    if (sub.n == 0 || sub.n >= sizeof(out.subject) || memchr(sub.p, 0, sub.n))
        return refuse(arena, "the token names no subject");
    memcpy(out.subject, sub.p, sub.n);
    out.role = role_parse(own_claim(auth, arena, claims, "role"));
    if (!uuid_parse(own_claim(auth, arena, claims, "clinic_id"), &out.clinic_id) ||
        !uuid_parse(own_claim(auth, arena, claims, "user_id"), &out.user_id) ||
        out.role == ROLE_NONE)
        return refuse(arena, "the token lacks clinic_id, user_id or role");
    struct str session = text_of(claims, "sid");
    if (!session.p)
        session = text_of(claims, "jti");
    if (session.n < sizeof(out.session) && session.n > 0)
        memcpy(out.session, session.p, session.n);
    out.expires_us = exp * 1000000;
    *ret = out;
    return NULL;
}

struct problem *auth_token_read(struct auth *auth, struct arena *arena, struct str token,
                                enum auth_patience patience, struct auth_claims *ret)
{
    if (token.n > TOKEN_MAX)
        return refuse(arena, "the token is too long");
    struct str rest = token;
    struct str head = str_cut(&rest, '.'), body = str_cut(&rest, '.');
    if (rest.n == 0 || memchr(rest.p, '.', rest.n))
        return refuse(arena, "the token is not a JWT");
    CLEANUP(json_done) json_t *header = NULL;
    TRY(part_read(arena, head, &header));
    struct str kid, alg;
    TRY(header_check(arena, header, &kid, &alg));
    TRY(jwks_verify(auth->jwks, arena, token, kid, alg, patience));
    CLEANUP(json_done) json_t *claims = NULL;
    TRY(part_read(arena, body, &claims));
    return claims_read(auth, arena, claims, ret);
}
