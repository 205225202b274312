/* Patterns of names: * is any text, ? any character. */
#ifndef TELLTALE_CORE_GLOB_H
#define TELLTALE_CORE_GLOB_H

#include "base/str.h"

/* Whether the pattern is the whole text but for ASCII case. Takes at most the product of the
 * lengths. */
bool glob_fits(struct str pattern, struct str text);

#endif
