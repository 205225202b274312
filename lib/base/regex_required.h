/* Literal text that a regular expression cannot match without. */
#ifndef TELLTALE_BASE_REGEX_REQUIRED_H
#define TELLTALE_BASE_REGEX_REQUIRED_H

#include "base/str.h"

/* The longest run of plain characters outside all groups and alternatives; empty when there is
 * none, when a flag may change what characters mean, or without memory. Heap, the caller frees `p`.
 * `pattern` has been accepted by regex_new. */
struct str regex_find_required(struct str pattern);

#endif
