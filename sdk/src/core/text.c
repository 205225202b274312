#include "core/text.h"

#include <stdlib.h>
#include <string.h>

char *text_dup(const char *text)
{
    size_t n = strlen(text) + 1;
    char *copy = malloc(n);
    return copy ? memcpy(copy, text, n) : NULL;
}
