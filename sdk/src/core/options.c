#include "core/options.h"

#include <string.h>

#include "base/compiler.h"
#include "core/problem.h"
#include "telltale/api.h"

bool options_read(void *to, size_t n, const void *given)
{
    const size_t *size = given;
    if (!given)
        return false;
    if (!*size)
        problem(TT_PROBLEM_MISUSE, "a structure without its size was not looked at", NULL);
    memcpy(to, given, MIN(*size, n));
    return *size > 0;
}

bool tt_options_read(void *to, size_t n, const void *given)
{
    return to && options_read(to, n, given);
}
