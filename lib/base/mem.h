/* Objects that outlive a request or a job: the one place that calls the allocator for them.
 *
 * What dies with a request lives in its arena (base/arena.h); what is sized by input in a struct
 * buf. Here are the few things with an owner of their own and a _free function. No memory ends the
 * process: nothing sensible can be done without it, and a half-served request is worse. */
#ifndef NEXACORE_BASE_MEM_H
#define NEXACORE_BASE_MEM_H

#include <stddef.h>

/* `count` times `size` bytes, all zero, never NULL. The owner calls free(). */
void *mem_zero(size_t count, size_t size);

/* One zeroed object of a type. */
#define mem_new(type) ((type *)mem_zero(1, sizeof(type)))

/* A copy of a C string, never NULL; NULL gives the empty string. The owner calls free(). */
char *mem_text(const char *z);

#endif
