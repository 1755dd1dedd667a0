/* How fast the card-number finder reads prose, dense numbers and the worst text there is, from 1 to
 * 64 MiB, whole and as a stream. Usage: pan_bench [MAX_MIB]. Prints MiB, then MB/s for each kind of
 * text, by processor time: a flat row is linear. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "base/cleanup.h"
#include "pan/pan.h"

static const struct {
    const char *name, *unit; /* repeated to fill the text */
} kinds[] = {
    {"prose es",
     "El paciente refiere dolor en el pecho desde hace 2 horas, niega fiebre; TA 120/80. "},
    {"prose en",
     "The patient reports chest pain for 2 hours, denies fever & cough; BP 120/80, SpO2 97 %. "},
    {"cards", "tarjeta 4111 1111 1111 1111 exp 05/28 CVV 123, gracias. "},
    {"digits", "4"},
    {"separators", "- . / "},
    {"boxes", "4 1 1 1 "},
    {"bars", "4|1"},
    {"confused", "41l1 O0 5S "},
    {"letters", "lOSIlB"},
    {"mixed", "4l"},
    {"prefixes", "4111 1111 1111 "},
    {"other", "IMEI 4242 4242 4242 4242 424 "},
    {"pairs", "4242424242424242 "},
    {"tracks", "%B4111111111111111^"},
    {"labels", "cvv exp 4111111111111111 c.v.v. codigo "},
    {"no width", "4\xe2\x80\x8b\xe2\x80\x8b"},
    {"tags", "4<td><td>"},
    {"escapes", "4%20%20\\n&nbsp;"},
    {"open", "4<aaaaaaaaaaaaaaaaaaaa"},
    {"scripts", "\xd9\xa4\xe0\xa5\xaa \xf0\x9d\x9f\x92"},
    {"invalid", "\xff\xf0\x9d\xc3"},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* Microseconds of the processor, so that what else runs on the machine counts little. */
static int64_t cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static double speed(struct str text, bool stream)
{
    static char spare[(size_t)1 << 16];
    CLEANUP(buf_free) struct buf out = BUF_MAX(text.n * 2 + sizeof(spare));
    int64_t start = cpu_us();
    if (!stream) {
        pan_find(text, NULL, 0);
    } else {
        struct pan_stream s = PAN_STREAM_NEW;
        for (size_t at = 0; at < text.n; at += sizeof(spare)) {
            size_t n = text.n - at < sizeof(spare) ? text.n - at : sizeof(spare);
            pan_stream_feed(&s, (struct str){text.p + at, n}, &out);
            buf_clear(&out);
        }
        pan_stream_end(&s, &out);
    }
    int64_t us = cpu_us() - start;
    return (double)text.n / (double)(us > 0 ? us : 1);
}

static void fill(const char *unit, char *text, size_t n)
{
    size_t len = strlen(unit);
    for (size_t at = 0; at < n; at++)
        text[at] = unit[at % len];
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
    printf("%-12s", "MB/s at MiB");
    for (size_t mib = 1; mib <= max_mib; mib *= 2)
        printf("%7zu", mib);
    printf(" stream\n");
    for (size_t i = 0; i < KINDS; i++) {
        printf("%-12s", kinds[i].name);
        fill(kinds[i].unit, text, bytes);
        for (size_t mib = 1; mib <= max_mib; mib *= 2) {
            printf("%7.1f", speed((struct str){text, mib << 20}, false));
            fflush(stdout);
        }
        printf("%7.1f\n", speed((struct str){text, bytes < (4U << 20) ? bytes : 4U << 20}, true));
    }
    munmap(text, bytes);
    return 0;
}
