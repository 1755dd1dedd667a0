/* How fast the card-number finder reads prose, dense numbers and the worst digits, from 1 to 64
 * MiB. Usage: pan_bench [MAX_MIB]. Prints MiB, then MB/s for each kind of text: a flat column is
 * linear. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "pan/pan.h"

static const struct {
    const char *name, *unit; /* repeated to fill the text */
} kinds[] = {
    {"prose",
     "El paciente refiere dolor en el pecho desde hace 2 horas, niega fiebre; TA 120/80. "},
    {"cards", "tarjeta 4111 1111 1111 1111 exp 05/28 CVV 123, gracias. "},
    {"digits", "4"},
    {"boxes", "4 1 1 1 "},
    {"confused", "41l1 O0 5S "},
    {"accents", "\xc3\xa1\xc3\xb1\xc3\xb3 \xe2\x80\x8b \xd9\xa4 "},
};

static double speed(const char *unit, char *text, size_t n)
{
    size_t len = strlen(unit);
    for (size_t at = 0; at < n; at++)
        text[at] = unit[at % len];
    int64_t start = clock_mono_us();
    pan_find((struct str){text, n}, NULL, 0);
    int64_t us = clock_mono_us() - start;
    return (double)n / (double)(us > 0 ? us : 1);
}

int main(int argc, char **argv)
{
    uint64_t max_mib = 64;
    if (argc > 1 && !str_u64(str_of(argv[1]), 1024, &max_mib))
        return 2;
    size_t bytes = (size_t)max_mib << 20;
    char *text = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (text == MAP_FAILED)
        return 1;
    printf("MiB");
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        printf("\t%s", kinds[i].name);
    for (size_t mib = 1; mib <= max_mib; mib *= 4) {
        printf("\n%zu", mib);
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
            printf("\t%.0f", speed(kinds[i].unit, text, mib << 20));
        fflush(stdout);
    }
    printf("\n");
    munmap(text, bytes);
    return 0;
}
