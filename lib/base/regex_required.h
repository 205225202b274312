/* Literal text that a regular expression cannot match without. */
#ifndef TELLTALE_BASE_REGEX_REQUIRED_H
#define TELLTALE_BASE_REGEX_REQUIRED_H

#include <string.h>

#include "base/str.h"

/* Whether the character is an operator, or part of one, when nothing escapes it. */
static inline bool regex_is_meta(char c)
{
    return c != '\0' && strchr("\\.+*?()|[]{}^$", c) != NULL;
}

/* The longest run of plain characters outside all groups and alternatives; empty when there is
 * none, when a flag may change what characters mean, or without memory. Heap, the caller frees `p`.
 * `pattern` has been accepted by regex_new. */
struct str regex_find_required(struct str pattern);

#endif
