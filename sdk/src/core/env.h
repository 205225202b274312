/* What the environment says. */
#ifndef TELLTALE_CORE_ENV_H
#define TELLTALE_CORE_ENV_H

#include <stdbool.h>
#include <stdint.h>

/* The value of a variable, a number above 0; `otherwise` when it is not set, empty, or something
 * else, which is told as TT_PROBLEM_MISUSE. */
int64_t env_number(const char *name, int64_t otherwise);

/* Whether it is "true", in any case. */
bool env_is_true(const char *name);

/* Whether OTEL_SDK_DISABLED is "true", in any case: then there are no meters, tracers and loggers.
 */
bool env_is_disabled(void);

#endif
