/* Example: what lib/pan finds in each line of standard input, and the line without it.
 *
 *   $ echo 'tarjeta 4111 1111 1111 1111 vence 05/29' | pan_example
 *   pan    canonical  8..27
 *   expiry label      34..39
 *   tarjeta ************1111 vence (stars, a slash, stars)
 *
 * Rule: show the whole library in one screen: find, mask, and the names of kind and rule. */
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "pan/pan.h"

#define SPANS 64

static void show(struct str line)
{
    struct pan_span spans[SPANS];
    size_t n = pan_find(line, spans, SPANS);
    for (size_t i = 0; i < n && i < SPANS; i++)
        printf("%-6s %-10s %zu..%zu\n", pan_kind_name(spans[i].kind), spans[i].rule, spans[i].start,
               spans[i].end);

    CLEANUP(buf_free) struct buf masked = BUF_SECRET(PAN_MASK_ROOM(line.n));
    pan_mask(line, &masked);
    printf("%.*s\n", (int)masked.len, masked.len > 0 ? masked.data : "");
}

int main(void)
{
    char *line = NULL;
    size_t room = 0;
    for (ssize_t n; (n = getline(&line, &room, stdin)) >= 0;)
        show(str_trim((struct str){line, (size_t)n}));
    free(line);
    return 0;
}
