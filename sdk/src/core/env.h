/* What the environment says. */
#ifndef TELLTALE_CORE_ENV_H
#define TELLTALE_CORE_ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The value of a variable, a number above 0; `otherwise` when it is not set, empty, or something
 * else, which is told as TT_PROBLEM_MISUSE. */
int64_t env_number(const char *name, int64_t otherwise);

/* A count that may be 0: what is given, unless that is 0, or else one of the variables, or 128.
 * More than `max` is told, and cut. TT_LIMIT_NONE becomes 0. */
size_t env_limit(size_t given, const char *name, const char *common, size_t max);

/* Which of these words, with a blank between them, it is, in any case: 1 for the first; 0 when it
 * is not set, empty, or another, which is told. */
unsigned env_choice(const char *name, const char *choices);

/* Whether it is "true", in any case; what is not "false" either is told. */
bool env_is_true(const char *name);

/* Whether OTEL_SDK_DISABLED is "true", in any case: then there are no meters, tracers and loggers.
 */
bool env_is_disabled(void);

#endif
