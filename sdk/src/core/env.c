#include "core/env.h"

#include <stdlib.h>

#include "base/compiler.h"
#include "base/num.h"
#include "base/str.h"
#include "core/problem.h"
#include "telltale/trace.h"

enum { LIMIT_DEFAULT = 128 };

static int64_t number(const char *name, int64_t least, int64_t otherwise)
{
    const char *text = getenv(name);
    int64_t value;
    if (!text || !*text)
        return otherwise;
    if (num_parse_i64(str_trim(str_c(text)), &value) == 0 && value >= least)
        return value;
    problem(TT_PROBLEM_MISUSE,
            least ? "a variable of the environment is not a number above 0"
                  : "a variable of the environment is not a number of 0 or more",
            name);
    return otherwise;
}

int64_t env_number(const char *name, int64_t otherwise)
{
    return number(name, 1, otherwise);
}

size_t env_limit(size_t given, const char *name, const char *common, size_t max)
{
    size_t n = given;
    if (!given)
        n = (size_t)number(name, 0, number(common, 0, LIMIT_DEFAULT));
    if (n == TT_LIMIT_NONE)
        return 0;
    if (n > max)
        problem(TT_PROBLEM_MISUSE, "no more than 128 attributes of one are kept", name);
    return MIN(n, max);
}

unsigned env_choice(const char *name, const char *choices)
{
    struct str text = str_c(getenv(name)), rest = str_c(choices);
    for (unsigned i = 1; text.n && rest.p; i++) {
        if (str_eq_nocase(str_cut(&rest, ' '), text))
            return i;
    }
    if (text.n)
        problem(TT_PROBLEM_MISUSE, "a variable of the environment is none of its choices", name);
    return 0;
}

bool env_is_true(const char *name)
{
    return env_choice(name, "true false") == 1;
}

bool env_is_disabled(void)
{
    return env_is_true("OTEL_SDK_DISABLED");
}
