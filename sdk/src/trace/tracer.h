/* Tracers and their provider. */
#ifndef TELLTALE_TRACE_TRACER_H
#define TELLTALE_TRACE_TRACER_H

#include "base/compiler.h"
#include "core/batcher.h"
#include "telltale/trace.h"

struct tt_tracer {
    struct source source; /* first: tracers are made as sources */
};

struct tt_tracer_provider {
    tt_tracer_provider_options options; /* with defaults filled in; never changed */
    struct batcher batcher;
};

static inline const tt_tracer_provider_options *tracer_options(const tt_tracer *t)
{
    return &CONTAINER_OF(t->source.batcher, tt_tracer_provider, batcher)->options;
}

#endif
