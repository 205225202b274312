/* cmocka with the headers that it wants before it, and checks for our types. */
#ifndef TELLTALE_TESTS_SUPPORT_CHECK_H
#define TELLTALE_TESTS_SUPPORT_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"

/* The bytes are those of the string literal or NUL-terminated text `expected`. */
#define check_str(actual, expected) check_str_at((actual), (expected), __FILE__, __LINE__)

static inline void check_str_at(struct str actual, const char *expected, const char *file, int line)
{
    if (str_eq(actual, str_c(expected)))
        return;
    print_error("\"%.*s\" != \"%s\"\n", STR_ARG(actual), expected);
    _fail(file, line);
}

/* A generator of test data (splitmix64): the same numbers on every run. */
static inline uint64_t check_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

#endif
