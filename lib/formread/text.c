/* Folding and loose comparison: see text.h. Every table here is for Latin script alone. */
#include "formread/text.h"

#define DISTANCE_MAX_LEN 48

/* Base letters of U+00C0..U+00FF, '.' where there is none. */
static const char latin1_base[] =
    "aaaaaa.ceeeeiiiidnooooo.ouuuuy..aaaaaa.ceeeeiiiidnooooo.ouuuuy.y";

struct str text_fold(struct arena *arena, struct str s)
{
    char *out = arena_alloc(arena, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == 0xC3 && i + 1 < s.n && ((unsigned char)s.p[i + 1] & 0xC0) == 0x80) {
            char base = latin1_base[(unsigned char)s.p[++i] & 0x3F];
            if (base != '.')
                out[n++] = base;
        } else if (c >= 'A' && c <= 'Z') {
            out[n++] = (char)(c | 0x20);
        } else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
            out[n++] = (char)c;
        }
    }
    return (struct str){out, n};
}

int text_distance(struct str a, struct str b, int max)
{
    int row[DISTANCE_MAX_LEN + 1];
    size_t gap = a.n > b.n ? a.n - b.n : b.n - a.n;
    if (gap > (size_t)max || a.n > DISTANCE_MAX_LEN || b.n > DISTANCE_MAX_LEN)
        return max + 1;
    for (size_t j = 0; j <= b.n; j++)
        row[j] = (int)j;
    for (size_t i = 1; i <= a.n; i++) {
        int corner = row[0], best = row[0] = (int)i;
        for (size_t j = 1; j <= b.n; j++) {
            int replace = corner + (a.p[i - 1] != b.p[j - 1]);
            corner = row[j];
            int step = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            row[j] = replace < step ? replace : step;
            best = row[j] < best ? row[j] : best;
        }
        if (best > max)
            return max + 1;
    }
    return row[b.n];
}

static char digit_of(char c, bool loose)
{
    static const struct {
        char from, to;
    } confused[] = {{'O', '0'}, {'o', '0'}, {'Q', '0'}, {'D', '0'}, {'l', '1'}, {'I', '1'},
                    {'|', '1'}, {'i', '1'}, {'!', '1'}, {']', '1'}, {'Z', '2'}, {'z', '2'},
                    {'S', '5'}, {'s', '5'}, {'G', '6'}, {'B', '8'}, {'g', '9'}, {'q', '9'}};
    if (c >= '0' && c <= '9')
        return c;
    for (size_t i = 0; loose && i < sizeof(confused) / sizeof(confused[0]); i++)
        if (confused[i].from == c)
            return confused[i].to;
    return 0;
}

struct str text_digits(struct arena *arena, struct str s, bool loose)
{
    char *out = arena_alloc(arena, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        char d = digit_of(s.p[i], loose);
        if (d)
            out[n++] = d;
    }
    return (struct str){out, n};
}
