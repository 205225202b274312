/* Text that the library keeps. */
#ifndef TELLTALE_CORE_TEXT_H
#define TELLTALE_CORE_TEXT_H

#include <stdlib.h>
#include <string.h>

/* A copy, NULL when out of memory. The caller frees it. */
static inline char *text_dup(const char *text)
{
    size_t n = strlen(text) + 1;
    char *copy = malloc(n);
    return copy ? memcpy(copy, text, n) : NULL;
}

static inline const char *text_or_empty(const char *text)
{
    return text ? text : "";
}

#endif
