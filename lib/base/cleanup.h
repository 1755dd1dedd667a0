/* Scoped ownership: a local that owns something says so where it is declared.
 *
 *     CLEANUP(fd_close) int fd = open(...);      released on every way out of the scope
 *     *ret = TAKE(form);                         ownership given away, the local is emptied
 *
 * The function named in CLEANUP takes a pointer to the variable and copes with an empty one. */
#ifndef NEXACORE_BASE_CLEANUP_H
#define NEXACORE_BASE_CLEANUP_H

#include <stddef.h>

#define CLEANUP(fn) __attribute__((cleanup(fn)))

#define TAKE(pointer)                                                                              \
    __extension__({                                                                                \
        __auto_type taken_ = (pointer);                                                            \
        (pointer) = NULL;                                                                          \
        taken_;                                                                                    \
    })

#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))
#define BIT(n)           (1U << (n))

/* Closes *fd unless it is negative, then sets it to -1. */
void fd_close(int *fd);

#endif
