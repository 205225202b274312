#include "core/env.h"

#include <stdlib.h>

#include "base/num.h"
#include "base/str.h"
#include "core/problem.h"

int64_t env_number(const char *name, int64_t otherwise)
{
    const char *text = getenv(name);
    int64_t value;
    if (!text || !*text)
        return otherwise;
    if (num_parse_i64(str_trim(str_c(text)), &value) == 0 && value > 0)
        return value;
    problem(TT_PROBLEM_MISUSE, "a variable of the environment is not a number above 0", name);
    return otherwise;
}

bool env_is_true(const char *name)
{
    return str_eq_nocase(str_c(getenv(name)), STR("true"));
}

bool env_is_disabled(void)
{
    return env_is_true("OTEL_SDK_DISABLED");
}
