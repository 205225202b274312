/* Patterns of names: * is any text, ? any character. */
#ifndef TELLTALE_BASE_GLOB_H
#define TELLTALE_BASE_GLOB_H

#include "base/str.h"

/* Whether the pattern is the whole text. Takes at most the product of the lengths. */
bool glob_fits(struct str pattern, struct str text);

/* The same but for ASCII case. */
bool glob_fits_nocase(struct str pattern, struct str text);

#endif
