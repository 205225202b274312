/* Samplers decide whether a span is recorded, before it is. */
#ifndef TELLTALE_TRACE_SAMPLER_H
#define TELLTALE_TRACE_SAMPLER_H

#include "telltale/trace.h"

/* `*out_state`: a tracestate of its own, for a root span; NULL: none. Threads: any. */
enum tt_decision sampler_decide(tt_sampler *s, const tt_sampling *sampling, const char **out_state);

#endif
