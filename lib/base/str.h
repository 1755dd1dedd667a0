/* A borrowed run of bytes: text that is not ours and need not end in NUL.
 *
 * A `struct str` never owns what it points to; whoever made it says how long it lives. */
#ifndef NEXACORE_BASE_STR_H
#define NEXACORE_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *p; /* not NUL terminated; may be NULL when n is 0 */
    size_t n;      /* bytes */
};

#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
#define STR_NONE     ((struct str){NULL, 0})
#define STR_FMT      "%.*s"
#define STR_ARG(s)   (int)(s).n, (s).p ? (s).p : ""

/* The bytes of a C string without its NUL; NULL gives the empty string. */
static inline struct str str_of(const char *z)
{
    return z ? (struct str){z, strlen(z)} : STR_NONE;
}

/* Byte-wise equality. Not for secrets: see ct_equal in crypt.h. */
static inline bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* True when `s` begins with `prefix`; everything begins with the empty one. */
static inline bool str_starts(struct str s, struct str prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

/* Equality of ASCII letters without case; other bytes must be the same. */
bool str_eq_nocase(struct str a, struct str b);

/* `s` without leading and trailing ASCII spaces, tabs, CR and LF. */
struct str str_trim(struct str s);

/* Splits at the first `sep`: the part before is returned and `*rest` becomes what follows; without
 * a separator the whole is returned and `*rest` is empty. */
struct str str_cut(struct str *rest, char sep);

/* The decimal number in all of `s`, no sign, no spaces, at most `max`. False when it is none. */
bool str_u64(struct str s, uint64_t max, uint64_t *ret);

/* True when `s` may be repeated to whoever sent it: 1 to `max` ASCII letters, '_', '-', '.', and at
 * most three digits, so no part of any number. */
bool str_is_name(struct str s, size_t max);

/* True when every byte sequence of `s` is well-formed UTF-8 (Unicode 15, table 3-7). */
bool str_utf8_valid(struct str s);

#endif
