/* Tracers and their provider. */
#ifndef TELLTALE_TRACE_TRACER_H
#define TELLTALE_TRACE_TRACER_H

#include "base/compiler.h"
#include "core/batcher.h"
#include "core/switches.h"
#include "telltale/trace.h"

struct tt_tracer {
    struct source source; /* first: tracers are made as sources */
    atomic_bool off;      /* its spans only hand on their parents' context */
    /* For processors, when there are any: the scope once more, as programs know it. */
    tt_scope view;
    tt_resource *view_attrs; /* owned */
};

struct tt_tracer_provider {
    tt_tracer_provider_options options; /* with defaults filled in; never changed */
    tt_span_processor *processors;      /* owned; options.processors_n of them */
    bool records;                       /* there is somebody to tell */
    /* Roots whose sampler looks at nothing but the randomness of their ids, which are ours: */
    bool root_is_quick;
    uint64_t root_threshold; /* sampled from here on */
    const char *root_state;  /* their tracestate; NULL: none */
    atomic_bool shut_down;
    struct scope_switch *switches; /* owned; guarded by the batcher's lock */
    struct batcher batcher;
};

static inline tt_tracer_provider *tracer_provider(const tt_tracer *t)
{
    return CONTAINER_OF(t->source.batcher, tt_tracer_provider, batcher);
}

static inline const tt_tracer_provider_options *tracer_options(const tt_tracer *t)
{
    return &tracer_provider(t)->options;
}

#endif
