/* The walls around the process that decodes hostile files. */
#ifndef NEXACORE_READER_JAIL_H
#define NEXACORE_READER_JAIL_H

#include <stdbool.h>
#include <stddef.h>

/* Closes every descriptor above 2, bounds memory and files, and gives up for ever: new privileges,
 * processes, sockets, writing files. Files can be opened for reading only below `readable` (fonts)
 * and only where the kernel has Landlock; elsewhere not at all. Models and fonts must be loaded
 * before. False when a wall could not be raised: the process must then end. `ret_walls` names what
 * is active, for example "seccomp landlock rlimits". */
bool jail_enter(const char *const *readable, size_t count, char ret_walls[64]);

#endif
