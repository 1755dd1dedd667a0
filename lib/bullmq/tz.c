/* Reads time zones from the system's zoneinfo (TZif, RFC 8536), because the C library knows one
 * zone per process only.
 *
 * The rule not to break: a zone's name becomes part of a path; only names of zoneinfo's alphabet
 * without ".." get that far. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "bullmq/cron.h"

enum { TZIF_MOST = 64 * 1024, HEADER = 44 };

struct tz {
    struct arena *arena;
    const uint8_t *times; /* count of 8 bytes */
    const uint8_t *kinds; /* count of 1 byte */
    const uint8_t *types; /* type_count of 6 bytes: offset, dst, abbreviation */
    uint32_t count, type_count;
    bool utc;
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

/* The second, 64-bit block of a version 2+ file. */
static bool tzif_read(struct tz *tz, const uint8_t *file, size_t size)
{
    if (size < HEADER || memcmp(file, "TZif", 4) != 0 || file[4] < '2')
        return false;
    uint64_t first = HEADER + block_size(file, 4);
    if (first > size || size - first < HEADER || memcmp(file + first, "TZif", 4) != 0)
        return false;
    const uint8_t *header = file + first;
    if (block_size(header, 8) > size - first - HEADER)
        return false;
    tz->count = be32(header + 32);
    tz->type_count = be32(header + 36);
    tz->times = header + HEADER;
    tz->kinds = tz->times + (size_t)tz->count * 8;
    tz->types = tz->kinds + tz->count;
    for (uint32_t i = 0; i < tz->count; i++)
        if (tz->kinds[i] >= tz->type_count)
            return false;
    return tz->type_count > 0;
}

static void file_close(FILE **file)
{
    if (*file)
        fclose(*file);
}

struct problem *tz_open(const char *name, struct tz **ret)
{
    char path[128] = "/etc/localtime";
    if (!name)
        name = getenv("TZ");
    if (name && name[0] && !name_is_safe(name))
        return problem_field(NULL, "/tz", "this is no time zone's name");
    if (name && name[0])
        snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", name);
    CLEANUP(file_close) FILE *file = fopen(path, "re");
    bool utc = !file && (!name || !name[0] || strcmp(name, "UTC") == 0);
    if (!file && !utc)
        return problem_field(NULL, "/tz", "this time zone is not known here");
    struct arena *arena = arena_new(4 * TZIF_MOST);
    CLEANUP(tz_close) struct tz *tz = arena_make(arena, struct tz);
    tz->arena = arena;
    tz->utc = utc;
    if (!utc) {
        uint8_t *bytes = arena_alloc(arena, TZIF_MOST);
        size_t size = fread(bytes, 1, TZIF_MOST, file);
        if (!tzif_read(tz, bytes, size))
            return problem_field(NULL, "/tz", "this time zone's file is not readable");
    }
    *ret = TAKE(tz);
    return NULL;
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
    if (tz->utc)
        return 0;
    uint32_t low = 0, high = tz->count; /* transitions at or before `at` */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (be64(tz->times + (size_t)middle * 8) <= at)
            low = middle + 1;
        else
            high = middle;
    }
    uint32_t type = low > 0 ? tz->kinds[low - 1] : 0;
    return (int32_t)be32(tz->types + (size_t)type * 6);
}
