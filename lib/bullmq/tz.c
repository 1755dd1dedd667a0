/* Reads time zones from the system's zoneinfo (TZif, RFC 8536), because the C library knows one
 * zone per process only.
 *
 * The rule not to break: a zone's name becomes part of a path; only names of zoneinfo's alphabet
 * without ".." get that far. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "bullmq/cron.h"
#include "bullmq/tz_rule.h"

enum { TZIF_MOST = 64 * 1024, HEADER = 44 };

struct tz {
    struct arena *arena;
    const uint8_t *times; /* count of 8 bytes */
    const uint8_t *kinds; /* count of 1 byte */
    const uint8_t *types; /* type_count of 6 bytes: offset, dst, abbreviation */
    uint32_t count, type_count;
    bool fixed; /* `fixed_s` at all times */
    int32_t fixed_s;
    bool has_rule; /* for times after the last transition */
    struct tz_rule rule;
};

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t be64(const uint8_t *p)
{
    return (int64_t)((uint64_t)be32(p) << 32 | be32(p + 4));
}

static bool name_is_safe(const char *name)
{
    static const char alphabet[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-/";
    size_t n = strlen(name);
    return n > 0 && n < 64 && strspn(name, alphabet) == n && name[0] != '/' && name[n - 1] != '/';
}

/* Bytes of a data block after its header (RFC 8536 section 3.1). */
static uint64_t block_size(const uint8_t *header, unsigned time_size)
{
    uint64_t isut = be32(header + 20), isstd = be32(header + 24), leap = be32(header + 28);
    uint64_t times = be32(header + 32), types = be32(header + 36), chars = be32(header + 40);
    return times * time_size + times + types * 6 + chars + leap * (time_size + 4) + isstd + isut;
}

/* The rule between the newlines after the second block. */
static void read_rule(struct tz *tz, struct str rest)
{
    if (rest.n < 2 || rest.p[0] != '\n')
        return;
    rest.p++;
    rest.n--;
    tz->has_rule = tz_rule_parse(str_cut(&rest, '\n'), &tz->rule);
}

/* The second, 64-bit block of a version 2+ file. */
static bool tzif_read(struct tz *tz, const uint8_t *file, size_t size)
{
    if (size < HEADER || memcmp(file, "TZif", 4) != 0 || file[4] < '2')
        return false;
    uint64_t first = HEADER + block_size(file, 4);
    if (first > size || size - first < HEADER || memcmp(file + first, "TZif", 4) != 0)
        return false;
    const uint8_t *header = file + first;
    size_t left = size - first - HEADER, block = block_size(header, 8);
    if (block > left)
        return false;
    tz->count = be32(header + 32);
    tz->type_count = be32(header + 36);
    tz->times = header + HEADER;
    tz->kinds = tz->times + (size_t)tz->count * 8;
    tz->types = tz->kinds + tz->count;
    for (uint32_t i = 0; i < tz->count; i++)
        if (tz->kinds[i] >= tz->type_count)
            return false;
    read_rule(tz, (struct str){(const char *)header + HEADER + block, left - block});
    return tz->type_count > 0;
}

static struct tz *tz_new(void)
{
    struct arena *arena = arena_new(4 * TZIF_MOST);
    struct tz *tz = arena_make(arena, struct tz);
    tz->arena = arena;
    return tz;
}

struct problem *tz_parse(const uint8_t *bytes, size_t n, struct tz **ret)
{
    CLEANUP(tz_close) struct tz *tz = tz_new();
    uint8_t *copy = arena_alloc(tz->arena, TZIF_MOST);
    if (n <= TZIF_MOST)
        memcpy(copy, bytes, n);
    if (n > TZIF_MOST || !tzif_read(tz, copy, n))
        return problem_field(NULL, "/tz", "this time zone's file is not readable");
    *ret = TAKE(tz);
    return NULL;
}

/* "utc", "gmt", "utc-3", "utc+05:30", as luxon takes them. */
static bool fixed_offset(const char *name, int32_t *ret)
{
    char sign = '+';
    unsigned hours = 0, minutes = 0;
    int end = 0;
    *ret = 0;
    if (strcasecmp(name, "utc") == 0 || strcasecmp(name, "gmt") == 0)
        return true;
    if (strncasecmp(name, "utc", 3) != 0 || !strchr("+-", name[3]))
        return false;
    int got = sscanf(name + 3, "%c%2u%n:%2u%n", &sign, &hours, &end, &minutes, &end);
    if (got < 2 || name[3 + end] != '\0')
        return false;
    int32_t seconds = (int32_t)(hours * 3600 + minutes * 60);
    *ret = sign == '-' ? -seconds : seconds;
    return true;
}

static struct problem *tz_fixed(int32_t offset_s, struct tz **ret)
{
    *ret = tz_new();
    (*ret)->fixed = true;
    (*ret)->fixed_s = offset_s;
    return NULL;
}

static void file_close(FILE **file)
{
    if (*file)
        fclose(*file);
}

struct problem *tz_open(const char *name, struct tz **ret)
{
    char path[128] = "/etc/localtime";
    int32_t offset_s = 0;
    if (!name || strcasecmp(name, "local") == 0 || strcasecmp(name, "system") == 0)
        name = getenv("TZ");
    bool named = name && name[0];
    if (named && fixed_offset(name, &offset_s))
        return tz_fixed(offset_s, ret);
    if (named && !name_is_safe(name))
        return problem_field(NULL, "/tz", "this is no time zone's name");
    if (named)
        snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", name);
    CLEANUP(file_close) FILE *file = fopen(path, "re");
    if (!file && !named)
        return tz_fixed(0, ret); /* a machine without a zone runs in UTC */
    uint8_t bytes[TZIF_MOST + 1];
    size_t size = file ? fread(bytes, 1, sizeof(bytes), file) : 0;
    if (!file || size == 0)
        return problem_field(NULL, "/tz", "this time zone is not known here");
    return tz_parse(bytes, size, ret);
}

void tz_close(struct tz **tz)
{
    if (!*tz)
        return;
    struct arena *arena = (*tz)->arena;
    *tz = NULL;
    arena_free(&arena);
}

int32_t tz_offset(const struct tz *tz, int64_t at)
{
    if (tz->fixed)
        return tz->fixed_s;
    uint32_t low = 0, high = tz->count; /* transitions at or before `at` */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (be64(tz->times + (size_t)middle * 8) <= at)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == tz->count && tz->has_rule)
        return tz_rule_offset(&tz->rule, at);
    uint32_t type = low > 0 ? tz->kinds[low - 1] : 0;
    return (int32_t)be32(tz->types + (size_t)type * 6);
}
