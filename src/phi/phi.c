/* PHI values: sealed for their place, opened only there, found by keyed index.
 *
 * The rule not to break: no message of a problem here holds a value, a key or a ciphertext. */
#include "phi/phi.h"

#include <stdlib.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "phi/keyring.h"

#define PLACE_MAX      OPENPGP_NAME_MAX
#define INDEX_TEXT_MAX 4096 /* bytes of a value to be indexed */

struct phi phi_of(struct str clear)
{
    return (struct phi){clear};
}

bool phi_is_none(struct phi v)
{
    return v.clear_.p == NULL;
}

bool phi_eq(struct phi a, struct phi b)
{
    return phi_is_none(a) == phi_is_none(b) && ct_equal(a.clear_, b.clear_);
}

struct str phi_reveal(struct phi v)
{
    return v.clear_;
}

void phi_write(struct jw *w, struct phi v)
{
    jw_str(w, v.clear_);
}

/* ---- sealing and opening ---------------------------------------------------------------------*/

/* "clinic/table/column/row", the literal packet's file name (DESIGN 5). */
static struct str place_text(const struct ctx *cx, struct phi_place place, struct buf *out)
{
    char id[UUID_TEXT_LEN + 1];
    uuid_text(cx->clinic_id, id);
    buf_add(out, id, UUID_TEXT_LEN);
    buf_add_c(out, '/');
    buf_add_z(out, place.table);
    buf_add_c(out, '/');
    buf_add_z(out, place.column);
    buf_add_c(out, '/');
    uuid_text(place.row, id);
    buf_add(out, id, UUID_TEXT_LEN);
    return buf_str(out);
}

struct problem *phi_seal(const struct ctx *cx, struct phi_place place, struct phi value,
                         struct str *ret_sealed, int *ret_version)
{
    CLEANUP(buf_free) struct buf name = BUF_MAX(PLACE_MAX);
    CLEANUP(buf_free) struct buf sealed = BUF_MAX(OPENPGP_PLAIN_MAX + OPENPGP_OVERHEAD);
    CLEANUP(key_hold_end) struct key_hold hold = KEY_HOLD_NONE;
    struct str where = place_text(cx, place, &name);
    TRY(keyring_hold(cx, 0, &hold));
    *ret_version = hold.key->version;
    *ret_sealed = STR_NONE;
    if (phi_is_none(value))
        return NULL;
    TRY(openpgp_seal(hold.key->pgp, cx->arena, where, value.clear_, &sealed));
    *ret_sealed = arena_str(cx->arena, buf_str(&sealed));
    return NULL;
}

static struct problem *unreadable(const struct ctx *cx, struct phi_place place, const char *why)
{
    return problem_cause(problem_new(cx->arena, PROBLEM_INTERNAL, "a stored value cannot be read"),
                         "%s.%s of %s: %s", place.table, place.column, uuid_z(place.row), why);
}

struct problem *phi_open(const struct ctx *cx, struct phi_place place, struct str sealed,
                         int version, struct phi *ret)
{
    *ret = phi_of(STR_NONE);
    if (!sealed.p)
        return NULL;
    CLEANUP(buf_free) struct buf name = BUF_MAX(PLACE_MAX);
    CLEANUP(buf_free) struct buf clear = BUF_SECRET(OPENPGP_PLAIN_MAX);
    CLEANUP(key_hold_end) struct key_hold hold = KEY_HOLD_NONE;
    struct str where = place_text(cx, place, &name);
    struct openpgp_literal literal;
    if (version <= 0)
        return unreadable(cx, place, "no key version");
    TRY(keyring_hold(cx, version, &hold));
    struct problem *p = openpgp_open(hold.key->pgp, cx->arena, sealed, &clear, &literal);
    if (p)
        return unreadable(cx, place, p->cause[0] ? p->cause : p->detail);
    /* pgp_sym_encrypt leaves the name empty: an operator's own value has no place to check. */
    if (literal.name_len > 0 && !str_eq((struct str){literal.name, literal.name_len}, where))
        return unreadable(cx, place, "it was sealed for another place");
    *ret = phi_of(arena_str(cx->arena, buf_str(&clear)));
    return NULL;
}

struct problem *phi_open_each(const struct ctx *cx, struct phi_place place, struct str sealed,
                              int version, struct phi *ret, bool *ret_damaged)
{
    struct problem *p = phi_open(cx, place, sealed, version, ret);
    *ret_damaged = false;
    if (!p || p->kind != PROBLEM_INTERNAL)
        return p;
    /* Where even the current key is missing (a wrong master key) it is not this value's fault. */
    CLEANUP(key_hold_end) struct key_hold hold = KEY_HOLD_NONE;
    TRY(keyring_hold(cx, 0, &hold));
    *ret_damaged = true;
    log_error("clinic %s: %s.%s of %s cannot be read (%s)", uuid_z(cx->clinic_id), place.table,
              place.column, uuid_z(place.row), p->cause);
    return NULL;
}

/* ---- sealed values inside JSON ---------------------------------------------------------------*/

void phi_write_sealed(struct jw *w, struct str sealed, int version)
{
    if (!sealed.p) {
        jw_null(w);
        return;
    }
    CLEANUP(buf_free) struct buf text = BUF_MAX(2 * OPENPGP_PLAIN_MAX);
    base64_add(&text, sealed);
    jw_obj(w);
    jw_key(w, "$phi");
    jw_str(w, buf_str(&text));
    jw_key(w, "version");
    jw_int(w, version);
    jw_end(w);
}

bool phi_read_sealed(struct arena *arena, const json_t *value, struct str *ret_sealed,
                     int *ret_version)
{
    const json_t *text = json_object_get(value, "$phi");
    const json_t *version = json_object_get(value, "version");
    if (!json_is_string(text) || !json_is_integer(version))
        return false;
    CLEANUP(buf_free) struct buf bytes = BUF_MAX(OPENPGP_PLAIN_MAX + OPENPGP_OVERHEAD);
    struct str base64 = {json_string_value(text), json_string_length(text)};
    if (!base64_add_decoded(&bytes, base64))
        return false;
    *ret_sealed = arena_str(arena, buf_str(&bytes));
    *ret_version = (int)json_integer_value(version);
    return true;
}

/* ---- blind index -----------------------------------------------------------------------------*/

enum folding { AS_IT_IS, DIGITS, ALNUM, WORDS };

static enum folding folding_of(const char *kind)
{
    struct str k = str_of(kind);
    if (str_eq(k, STR("name")))
        return WORDS;
    if (str_eq(k, STR("insurance")))
        return ALNUM;
    if (str_eq(k, STR("ssn")) || str_eq(k, STR("dob")) || str_eq(k, STR("phone")))
        return DIGITS;
    return AS_IT_IS;
}

static void free_bytes(uint8_t **p)
{
    free(*p);
}

/* Adds letters and digits in compatibility decomposition, without accents and case; everything
 * else becomes one space between words, or nothing. */
static bool fold(struct str text, enum folding folding, struct buf *out)
{
    size_t n = 0;
    CLEANUP(free_bytes)
    uint8_t *nfkd = u8_normalize(UNINORM_NFKD, (const uint8_t *)text.p, text.n, NULL, &n);
    if (!nfkd)
        return false;
    size_t start = out->len;
    bool gap = false;
    for (size_t i = 0; i < n;) {
        ucs4_t c;
        int len = u8_mbtouc(&c, nfkd + i, n - i);
        i += (size_t)len;
        if (uc_is_general_category_withtable(c, UC_CATEGORY_MASK_M))
            continue;
        if (!uc_is_general_category_withtable(c, UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_Nd)) {
            gap = folding == WORDS && out->len > start;
            continue;
        }
        uint8_t bytes[6];
        int room = u8_uctomb(bytes, uc_tolower(c), sizeof(bytes));
        if (gap)
            buf_add_c(out, ' ');
        gap = false;
        buf_add(out, bytes, room > 0 ? (size_t)room : 0);
    }
    return !out->overflowed;
}

static void keep_digits(struct str text, struct buf *out)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] >= '0' && text.p[i] <= '9')
            buf_add_c(out, text.p[i]);
}

static struct problem *index_text(const struct ctx *cx, const char *kind, struct str text,
                                  struct buf *out)
{
    enum folding folding = folding_of(kind);
    bool ok = text.n <= INDEX_TEXT_MAX;
    if (ok && folding == AS_IT_IS)
        buf_add_str(out, text);
    else if (ok && folding == DIGITS)
        keep_digits(text, out);
    else if (ok)
        ok = fold(text, folding, out);
    if (ok && !out->overflowed)
        return NULL;
    return problem_new(cx->arena, PROBLEM_UNPROCESSABLE, "the value cannot be indexed");
}

struct problem *phi_index(const struct ctx *cx, const char *kind, struct phi value,
                          struct str *ret_hex)
{
    *ret_hex = STR_NONE;
    if (phi_is_none(value))
        return NULL;
    CLEANUP(buf_free) struct buf text = BUF_SECRET(8 * INDEX_TEXT_MAX);
    buf_addf(&text, "%s:", kind);
    size_t prefix = text.len;
    TRY(index_text(cx, kind, value.clear_, &text));
    if (text.len == prefix)
        return NULL;

    uint8_t mac[SHA256_LEN];
    CLEANUP(key_hold_end) struct key_hold hold = KEY_HOLD_NONE;
    TRY(keyring_hold(cx, 0, &hold));
    hmac_sha256(&hold.clinic->pepper, buf_str(&text), mac);
    CLEANUP(buf_free) struct buf hex = BUF_MAX(2 * SHA256_LEN + 1);
    hex_add(&hex, mac, sizeof(mac));
    *ret_hex = arena_str(cx->arena, buf_str(&hex));
    return NULL;
}
