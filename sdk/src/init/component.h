/* Loading the libraries that have components. */
#ifndef TELLTALE_INIT_COMPONENT_H
#define TELLTALE_INIT_COMPONENT_H

#include <stdbool.h>

#include "base/compiler.h"

/* Loads a shared library, which registers what it has. Only libtelltale.so has this function (see
 * load.c); in the archive its address is NULL. */
WEAK bool component_load(const char *library);

/* In a child after fork(): another thread may have held the table's lock. */
void component_restart(void);

#endif
