/* Samplers decide whether a span is recorded, before it is. */
#ifndef TELLTALE_TRACE_SAMPLER_H
#define TELLTALE_TRACE_SAMPLER_H

#include "telltale/trace.h"
#include "trace/context.h"

struct sampled {
    tt_sampled more;                /* zeros before */
    char state[TRACESTATE_MAX + 1]; /* where more.tracestate may stand */
};

/* Threads: any. */
enum tt_decision sampler_decide(tt_sampler *s, const tt_sampling *sampling, struct sampled *out);

#endif
