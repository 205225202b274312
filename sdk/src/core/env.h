/* Numbers of the environment. */
#ifndef TELLTALE_CORE_ENV_H
#define TELLTALE_CORE_ENV_H

#include <stdint.h>

/* The value of a variable in milliseconds; `otherwise` when it is not set, empty, or no number
 * above 0, which is told as TT_PROBLEM_MISUSE. */
int64_t env_ms(const char *name, int64_t otherwise);

#endif
