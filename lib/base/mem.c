/* The allocator behind long-lived objects; see the header. */
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *or_end(void *p)
{
    if (!p) {
        fputs("out of memory\n", stderr);
        abort();
    }
    return p;
}

void *mem_zero(size_t count, size_t size)
{
    return or_end(calloc(count, size));
}

char *mem_text(const char *z)
{
    return or_end(strdup(z ? z : ""));
}
