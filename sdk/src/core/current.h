/* The current span as metrics see it, for exemplars. trace/context.c has it. */
#ifndef TELLTALE_CORE_CURRENT_H
#define TELLTALE_CORE_CURRENT_H

#include <stdbool.h>

#include "telltale/context.h"

/* The context of this thread's current span, or of one of another process; false when there is
 * none. */
bool current_span_context(tt_span_context *out);

#endif
