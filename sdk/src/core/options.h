/* Structures that programs hand over and that may have grown since they were compiled: each begins
 * with its size as the program knows it. */
#ifndef TELLTALE_CORE_OPTIONS_H
#define TELLTALE_CORE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

/* Copies what was given over the first of the `n` bytes at `to`, which are zeros. False when
 * nothing was given, and when its size is 0: it was forgotten, which is told. */
bool options_read(void *to, size_t n, const void *given);

#endif
