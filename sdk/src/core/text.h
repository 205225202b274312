/* Text that the library keeps. */
#ifndef TELLTALE_CORE_TEXT_H
#define TELLTALE_CORE_TEXT_H

/* A copy, NULL when out of memory. The caller frees it. */
char *text_dup(const char *text);

static inline const char *text_or_empty(const char *text)
{
    return text ? text : "";
}

#endif
