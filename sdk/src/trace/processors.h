/* Span processors of the program's own. */
#ifndef TELLTALE_TRACE_PROCESSORS_H
#define TELLTALE_TRACE_PROCESSORS_H

#include "trace/span.h"

/* Tells all of a span that starts. `o`: what it was started with. */
void processors_start(tt_tracer *t, tt_span span, const tt_span_options *o);

/* Tells all of a span that ends. Under its lock, which is open while they are called; returns it
 * locked again, or NULL when that cannot be. */
struct tt_span_memory *processors_end(struct tt_span_memory *s, int64_t end_unix_ns);

#endif
